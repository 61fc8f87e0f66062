//! # Firstbell
//!
//! A secure email gateway for Operation Encompass: when police attend a domestic-abuse incident, the
//! school of every child affected is told, in confidence, before that child arrives.
//!
//! ## The path of a referral
//!
//! 1. [`intake`] knows who is calling by a client certificate, reads the post in three passes and
//!    hands it to the store.
//! 2. [`store`] plans ([`referral::plan`]: the one place that routes), seals the content, writes
//!    facts, notifications and deliveries in one transaction, commits, and *then* answers 201.
//! 3. [`delivery`] claims a delivery by lease; [`letter`] renders and signs it once, and the bytes are
//!    stored before MAIL; one SMTP transaction over verified TLS; the outcome goes back to the store.
//! 4. What comes back ([`replies`]), and what time asks for ([`watch`]), are observations through the
//!    same `apply`: load the notification's facts, fold them, decide ([`referral::decide`]), append,
//!    save, commit, wake.
//!
//! What needs a person of our own is an alarm ([`alarms`]), told by a lane that carries no letters.
//!
//! Stages never call each other: they meet only in the store. A pure core decides; one function writes.
//!
//! Modules in reading order:

pub mod clock;
pub mod referral;
pub mod seal;
pub mod store;
pub mod directory;
pub mod tls;
pub mod intake;
pub mod letter;
pub mod delivery;
pub mod watch;
pub mod alarms;
pub mod replies;
mod exchange;
pub mod metrics;
pub mod admin;
pub mod config;
pub mod service;
pub mod client;
pub mod demo;
pub mod simulate;
pub mod cli;
