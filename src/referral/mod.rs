//! The core: what Firstbell knows and decides. Pure: no IO, no async, no clock, no serde, no SQL,
//! no log. It is given the instant and the random bytes and returns decisions.

pub mod attempt;
pub mod calendar;
pub mod deadline;
pub mod directory;
pub mod fields;
pub mod id;
pub mod plan;
pub mod policy;
pub mod post;
pub mod read;
pub mod reference;
pub mod retry;
pub mod school;
pub mod tree;
