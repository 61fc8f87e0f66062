//! Back in: mails are taken ([`smtp`], [`mailbox`]) and kept before they are read; then what kind each is
//! ([`classify`]), what a person says in it ([`verdict`]), and which letter it belongs to
//! ([`correlate`]) decide what it means ([`stage`]).

pub mod smtp;
pub mod mailbox;
pub mod classify;
pub mod verdict;
pub mod correlate;
pub mod stage;
