//! The core: what Firstbell knows and decides. Pure: no IO, no async, no clock, no serde, no SQL,
//! no log. It is given the instant and the random number and returns decisions.
//!
//! In reading order: names of things ([`id`], [`mod@reference`]); what a force posts ([`post`], read by
//! [`read`] through [`fields`]); schools, contacts and calendars ([`school`], [`calendar`],
//! [`directory`]); the rules ([`deadline`], [`ladder`], [`policy`], [`plan`]); what happened and what follows
//! ([`fact`], [`fold`], [`decide`], [`retry`]), what is left of its time ([`ahead`]) and of the callers'
//! ([`forecast`]); and what needs a person of our own ([`alarm`]).

pub mod id;
pub mod reference;
pub mod post;
pub mod tree;
pub mod pointer;
mod text;
pub mod fields;
pub mod read;
pub mod school;
pub mod names;
pub mod authorities;
pub mod name_index;
pub mod calendar;
pub mod directory;
pub mod london;
mod stretches;
pub mod pupil_day;
pub mod deadline;
pub mod ladder;
pub mod telephone;
pub mod policy;
pub mod plan;
pub mod attempt;
pub mod route;
pub mod expiry;
pub mod answer;
pub mod ending;
pub mod report;
pub mod alarm;
pub mod field;
pub mod fact;
pub mod state;
pub mod fold;
pub mod forecast;
pub mod retry;
pub mod decide;
pub mod ahead;
