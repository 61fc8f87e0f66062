//! The core: what Firstbell knows and decides. Pure: no IO, no async, no clock, no serde, no SQL,
//! no log. It is given the instant and the random bytes and returns decisions.

pub mod attempt;
pub mod calendar;
pub mod deadline;
pub mod directory;
pub mod fields;
pub mod id;
pub mod london;
pub mod names;
pub mod plan;
pub mod policy;
pub mod post;
pub mod pupil_day;
pub mod read;
pub mod reference;
pub mod school;
mod stretches;
pub mod tree;
