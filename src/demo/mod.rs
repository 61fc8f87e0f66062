//! The demo: a whole night in under a minute, on loopback, with made-up schools and children. It has a
//! certificate authority of its own, so that nothing of it can reach a real relay.
//!
//! Everything between is the real thing: mutual TLS, the store, GnuPG-readable signatures, SMTP both
//! ways. Schools and their relays are played from outside: what they send comes in by socket.

mod clockwork;
mod files;
mod journal;
mod mailboxes;
mod outbox;
mod pki;
mod relay;
mod scenes;
mod school;
mod smtp;
mod world;

pub use clockwork::{evening_before, next_time};
pub use outbox::Outbox;
pub use scenes::{DESK, DeskAct, Does, Expected, MORNING_ENDS, Posted, SCENES, Scene, Sent};
pub use world::{World, WorldFault};
