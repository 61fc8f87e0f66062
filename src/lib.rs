//! Firstbell.

pub mod admin;
pub mod cli;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod demo;
pub mod directory;
pub mod intake;
pub mod letter;
pub mod referral;
pub mod seal;
pub mod service;
pub mod store;
pub mod tls;
