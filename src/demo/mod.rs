//! The demo: a whole night in under a minute, on loopback, with made-up schools and children. It has a
//! certificate authority of its own, so that nothing of it can reach a real relay.
//!
//! Everything between is the real thing: mutual TLS, the store, GnuPG-readable signatures, SMTP.

mod clockwork;
mod files;
mod pki;
mod relay;
mod scenes;
mod world;

pub use clockwork::{evening_before, move_time};
pub use relay::Journal;
pub use scenes::{Expected, SCENES, Scene};
pub use world::{World, WorldFault};
