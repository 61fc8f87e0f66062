//! Stories told at the edge, and folders of data.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy spares only the test functions themselves, not what they call"
)]

mod deadline;
mod directory_files;
