//! Stories told at the edge, and folders of data.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows the tests here, but not their helpers, as tests"
)]

mod payload;
