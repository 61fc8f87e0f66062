//! Out: claim, connect, dialogue, outcome.

pub mod stage;
mod gate;
mod asked;
mod breaker;
mod scouts;
mod monotonic;
pub mod making;
pub mod carrier;
mod connection;
pub mod dialogue;
pub mod relay;
mod tls;

pub use crate::tls::Roots;

use crate::referral::retry::RetrySettings;
use crate::referral::school::{Address, RouteName};
use crate::tls::TlsFloor;
use jiff::Timestamp;
use std::path::PathBuf;
use std::time::Duration;

/// How a route's connection becomes encrypted. There is no third way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// STARTTLS, required (RFC 3207).
    StartTls,
}

/// A client certificate with its chain, leaf first, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// PEM chain.
    pub certificate: PathBuf,
    /// PEM key, not readable by others.
    pub key: PathBuf,
}

/// A user and the file that holds its password; sent after TLS only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// User name.
    pub user: String,
    /// File that holds the password.
    pub password_file: PathBuf,
    /// When the password expires, as far as the settings say.
    pub expires: Option<Timestamp>,
}

/// Time limits of one attempt, by phase and whole (RFC 5321 4.5.3.2 gives the upper bounds).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Resolving and opening the connection.
    pub connect: Duration,
    /// The TLS handshake.
    pub handshake: Duration,
    /// One command and its reply.
    pub command: Duration,
    /// Sending the letter and the reply after its final dot.
    pub body: Duration,
    /// Everything.
    pub whole: Duration,
}

/// One way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub name: RouteName,
    /// Host name, which its certificate must carry.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How it is encrypted.
    pub tls: TlsMode,
    /// Lowest version.
    pub floor: TlsFloor,
    /// Whom it trusts.
    pub roots: Roots,
    /// Our client certificate, if the relay wants one.
    pub client: Option<ClientCertificate>,
    /// Our login, if the relay wants one.
    pub login: Option<Login>,
    /// Connections at once. With two or more, what is no letter leaves one of them alone; on a single
    /// one it is ended after a quarter of a minute.
    pub connections: usize,
    /// A kept connection is closed after this long without a letter.
    pub idle: Duration,
    /// Letters over one connection before it is closed.
    pub letters_per_connection: u32,
    /// Time limits.
    pub limits: Limits,
    /// Whether per-letter reply addresses (plus-addressing) survive this route.
    pub plus_addressing: bool,
}

/// The envelope of one letter: one recipient a transaction, always.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// MAIL FROM; none is the empty sender.
    pub mail_from: Option<Address>,
    /// RCPT TO.
    pub rcpt_to: Address,
    /// ENVID (RFC 3461), not yet xtext-encoded; asked for where DSN is offered.
    pub envid: String,
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Envelope(..)")
    }
}

/// Delivery's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What we call ourselves in EHLO and Message-ID.
    pub host_name: String,
    /// The ways out.
    pub routes: Vec<Route>,
    /// When letters are tried again.
    pub retries: RetrySettings,
    /// An attempt that still hangs after this long is ended, its outcome unknown.
    pub lease: Duration,
    /// How often the queue is looked at without a hint.
    pub poll: Duration,
}
