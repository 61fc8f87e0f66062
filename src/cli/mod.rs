//! The command line: what can be asked, how it is answered, and the exit codes.

pub mod args;
pub mod exit;
pub mod output;
