//! Back in: answers and reports on letters.

pub mod smtp;
