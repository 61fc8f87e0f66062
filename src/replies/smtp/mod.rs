//! Answers and reports by SMTP, from relays that the settings name, over TLS.
//!
//! The path of a mail: [`listener`] accepts the connection of an allowed relay and bounds it;
//! [`session`] carries the bytes; [`dialogue`] says what they mean, without IO; the [`Inbox`] keeps
//! the mail, and only then is 250 answered. The bytes are kept exactly as they came, without a trace
//! line of ours: a signature over them stays whole, and the envelope stands beside them.

pub mod dialogue;
mod listener;
mod network;
mod session;
mod tls;

pub use listener::Listeners;
pub use network::Network;
pub use tls::Unusable;

use crate::referral::school::Address;
use crate::store::NotStored;
use crate::tls::TlsFloor;
use dialogue::Terms;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The listener's settings. Every bound is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where relays begin in clear and must ask for TLS (RFC 3207).
    pub listen_starttls: Option<SocketAddr>,
    /// Where TLS is spoken from the first byte (RFC 8314).
    pub listen_tls: Option<SocketAddr>,
    /// Our chain, PEM, leaf first.
    pub certificate: PathBuf,
    /// Our key, PEM, not readable by others.
    pub key: PathBuf,
    /// The authority of the relays' client certificates, PEM; with it, none may come without one.
    pub client_ca: Option<PathBuf>,
    /// Lowest TLS version.
    pub floor: TlsFloor,
    /// Where relays may connect from.
    pub allowed_relays: Vec<Network>,
    /// Our name, in the greeting and in the Message-IDs of our own letters.
    pub host_name: String,
    /// The general reply address; plus-addresses of it carry a letter's token.
    pub reply_to: Address,
    /// Largest mail, bytes.
    pub size_bytes_max: usize,
    /// Connections at once.
    pub connections_max: usize,
    /// Times.
    pub limits: Limits,
}

/// How long things may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Nothing may be said for this long before the greeting.
    pub greeting: Duration,
    /// The TLS handshake.
    pub handshake: Duration,
    /// The next byte, and the peer taking a reply.
    pub idle: Duration,
    /// The whole connection.
    pub whole: Duration,
}

/// How long a relay is listened to before it is greeted. A relay that speaks SMTP is silent; what
/// does not speak it, or has something to smuggle, writes at once.
pub const GREETING_PAUSE: Duration = Duration::from_millis(200);

/// A mail that came in, with its envelope.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// How it came: `smtp`.
    pub source: String,
    /// The envelope's sender; none is the null sender of reports (RFC 5321 4.5.5).
    pub mail_from: Option<String>,
    /// The envelope's recipients, as they were spelled; each is ours.
    pub rcpt_to: Vec<String>,
    /// The relay that brought it.
    pub peer: IpAddr,
    /// Headers and body as they came, dots undoubled.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Mail {
    /// Without addresses, which carry tokens, and without what it says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("source", &self.source)
            .field("recipients", &self.rcpt_to.len())
            .field("peer", &self.peer)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// Where mails go: the store, as this listener needs it.
pub trait Inbox: Clone + Send + Sync + 'static {
    /// Commits a mail before it returns. The same envelope and bytes again are kept once, because a
    /// relay that did not hear our 250 sends them again.
    fn keep(&self, mail: Mail) -> impl Future<Output = Result<(), NotStored>> + Send;

    /// Whether a letter has this token, in lower case.
    fn knows(&self, token: &str) -> impl Future<Output = Result<bool, NotStored>> + Send;
}

/// Says whether [`serve`] could begin with these settings: reads every file, binds nothing.
pub async fn check(settings: &Settings) -> Result<(), Unusable> {
    tls::Files::read(settings).await?.config(settings.floor)?;
    Ok(())
}

/// Serves until `stop` turns true or its sender is gone; then lets mails under way end.
///
/// Errors come before the first connection is accepted, never after.
pub async fn serve<I: Inbox>(
    settings: Settings,
    inbox: I,
    listeners: Listeners,
    stop: watch::Receiver<bool>,
) -> Result<(), Unusable> {
    let files = tls::Files::read(&settings).await?;
    let config = files.config(settings.floor)?;
    let terms = Arc::new(Terms {
        host_name: settings.host_name.clone(),
        reply_to: settings.reply_to.clone(),
        size_bytes_max: settings.size_bytes_max,
    });
    listener::Server::new(settings, terms, inbox, files, config)
        .run(listeners, stop)
        .await;
    Ok(())
}
