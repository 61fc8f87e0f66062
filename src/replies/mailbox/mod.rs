//! Answers and reports in mailboxes that are polled: by IMAP, or by POP3, which is how CJSM's webmail
//! mailboxes are read. TLS from the first byte, always (RFC 8314).
//!
//! The path of a mail: a [`Poller`] opens a connection ([`wire`]), asks what is new ([`imap`],
//! [`pop3`]), fetches one mail at a time and has the store keep it together with its place in the
//! mailbox, in one commit; only then may it be deleted. A mail that cannot be fetched is not passed
//! over: a note in its place is put before a person. Such mails have no envelope, so what they belong
//! to is found by what stands in them.
//!
//! Why is there no IMAP or POP3 library? The kept IMAP client makes room for whatever size a server
//! announces, its parser descends into nested answers without a bound, and both would have to be held
//! from outside; of POP3 there is no kept client. What is needed of either is a few commands, each with
//! its bound in bytes and time.

mod imap;
mod poller;
mod pop3;
mod wire;

pub use poller::{Age, Mailboxes, Poller};

use crate::referral::school::RouteName;
use crate::tls::{Roots, RootsFault, SecretFault, TlsFloor};
use jiff::Timestamp;
use std::path::PathBuf;
use std::time::Duration;

/// How a mailbox is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 3501.
    Imap,
    /// RFC 1939.
    Pop3,
}

/// What becomes of a mail in the mailbox once we keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It stays.
    Keep,
    /// It is deleted; by POP3 only.
    Delete,
}

/// One mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its name in settings, logs and alarms, spelled as routes' are.
    pub name: RouteName,
    /// How it is read.
    pub protocol: Protocol,
    /// Host name, which the server's certificate must carry.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Lowest TLS version.
    pub floor: TlsFloor,
    /// Whom it trusts to name the server.
    pub roots: Roots,
    /// User name.
    pub user: String,
    /// File that holds the password; read at each look, so that a new one takes effect.
    pub password_file: PathBuf,
    /// When the password stops counting, if the settings say.
    pub password_expires: Option<Timestamp>,
    /// The folder, by IMAP.
    pub folder: String,
    /// What becomes of mails.
    pub after: After,
    /// Between two looks.
    pub poll: Duration,
    /// Largest mail that is fetched.
    pub size_bytes_max: usize,
    /// Times.
    pub limits: Limits,
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Resolving and opening the connection.
    pub connect: Duration,
    /// The TLS handshake.
    pub handshake: Duration,
    /// One command and its reply.
    pub command: Duration,
    /// One mail, whole.
    pub body: Duration,
}

/// Why a mailbox could not be read. Never with a word of the server's: those may carry addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Whom to trust.
    #[error(transparent)]
    Roots(#[from] RootsFault),
    /// The password's file.
    #[error(transparent)]
    Secret(#[from] SecretFault),
    /// User, password or folder cannot be said as they are.
    #[error("user, password and folder must be printable ASCII, and not empty")]
    Login,
    /// The host is no name.
    #[error("the host is neither a domain name nor an IP address")]
    Host,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls,
    /// Nobody answers there.
    #[error("the server cannot be reached")]
    Unreachable,
    /// The server is not whom we trust.
    #[error("the server's certificate is not trusted")]
    Certificate,
    /// The handshake failed.
    #[error("the TLS handshake failed")]
    Handshake,
    /// The server closed the connection.
    #[error("the connection was lost")]
    Lost,
    /// Not in time.
    #[error("no reply in time")]
    TimedOut,
    /// More than any honest reply.
    #[error("a reply over its bound")]
    TooLong,
    /// Not of the protocol.
    #[error("a reply that is not of the protocol")]
    Garbage,
    /// The login was refused.
    #[error("the login was refused")]
    LoginRefused,
    /// A command was refused.
    #[error("{0} was refused")]
    Refused(&'static str),
    /// Without lasting ids nobody can tell which mails are new.
    #[error("the server gives mails no lasting ids")]
    NoIds,
    /// The store could not keep what came.
    #[error("not stored")]
    NotStored,
}

/// A mailbox that could not be used with these settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("mailbox {name}: {fault}")]
pub struct Unusable {
    /// Its name.
    pub name: RouteName,
    /// What is wrong.
    pub fault: Fault,
}

/// Says whether these could be read, as far as files and names go; connects nowhere.
pub fn check(mailboxes: &[Settings]) -> Result<(), Unusable> {
    for settings in mailboxes {
        wire::Door::new(settings).map_err(|fault| Unusable {
            name: settings.name.clone(),
            fault,
        })?;
    }
    Ok(())
}
