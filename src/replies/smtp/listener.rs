//! The accept loop: who may come in, how many at once, and how they leave at the stop.

use super::dialogue::{Dialogue, NOT_A_RELAY, TOO_MANY, Terms};
use super::session::{Session, told_to, turn_away};
use super::tls::Files;
use super::{Inbox, Settings};
use rustls::ServerConfig;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// Certificates are read again this often: a renewed one takes effect without a restart.
const RELOAD_EVERY: Duration = Duration::from_secs(60);
/// Accepting failed for want of file handles or memory: it will not work again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);
/// Peers that are told at once that they are not served. They have places of their own, so that
/// strangers take none from relays; one too many is closed without a word.
const TURNED_AWAY_MAX: usize = 16;
/// Mails under way get this long to end at the stop; the relay sends again what did not. Well below
/// the time that the daemon as a whole has.
const DRAIN: Duration = Duration::from_secs(20);

/// The sockets that relays connect to. One that the settings do not name is not there.
#[derive(Debug)]
pub struct Listeners {
    starttls: Option<TcpListener>,
    tls: Option<TcpListener>,
}

impl Listeners {
    /// Binds the addresses that the settings name; the error says which could not be.
    pub async fn bind(settings: &Settings) -> Result<Self, (SocketAddr, io::Error)> {
        Ok(Self {
            starttls: bind(settings.listen_starttls).await?,
            tls: bind(settings.listen_tls).await?,
        })
    }

    /// Where relays begin in clear, as it was bound: the settings' port may be 0.
    pub fn starttls(&self) -> Option<SocketAddr> {
        self.starttls.as_ref()?.local_addr().ok()
    }

    /// Where TLS is spoken from the first byte.
    pub fn tls(&self) -> Option<SocketAddr> {
        self.tls.as_ref()?.local_addr().ok()
    }

    /// Waits for a connection on either. Cancel-safe.
    async fn accept(&self) -> (TcpStream, IpAddr, Begins) {
        tokio::select! {
            (tcp, peer) = accept(self.starttls.as_ref()) => (tcp, peer, Begins::InClear),
            (tcp, peer) = accept(self.tls.as_ref()) => (tcp, peer, Begins::WithTls),
        }
    }
}

/// How a connection begins.
#[derive(Debug, Clone, Copy)]
enum Begins {
    InClear,
    WithTls,
}

/// The SMTP server.
pub(super) struct Server<I> {
    settings: Settings,
    terms: Arc<Terms>,
    inbox: I,
    files: Files,
    acceptor: TlsAcceptor,
    places: Arc<Semaphore>,
    turned_away: Arc<Semaphore>,
}

impl<I: Inbox> Server<I> {
    /// Takes what [`super::serve`] made ready.
    pub(super) fn new(
        settings: Settings,
        terms: Arc<Terms>,
        inbox: I,
        files: Files,
        config: Arc<ServerConfig>,
    ) -> Self {
        Self {
            places: Arc::new(Semaphore::new(settings.connections_max)),
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY_MAX)),
            settings,
            terms,
            inbox,
            files,
            acceptor: TlsAcceptor::from(config),
        }
    }

    /// Accepts until told to stop, then lets mails under way end.
    pub(super) async fn run(mut self, listeners: Listeners, mut stop: watch::Receiver<bool>) {
        let for_sessions = stop.clone();
        let mut connections = JoinSet::new();
        let mut reload = interval(RELOAD_EVERY);
        reload.set_missed_tick_behavior(MissedTickBehavior::Delay);
        reload.reset();
        loop {
            tokio::select! {
                biased;
                () = told_to(&mut stop) => break,
                Some(ended) = connections.join_next() => note_panic(ended),
                _ = reload.tick() => self.reload().await,
                (tcp, peer, begins) = listeners.accept() => {
                    self.receive(tcp, peer, begins, &for_sessions, &mut connections);
                }
            }
        }
        drop(listeners);
        let finished = async {
            while let Some(ended) = connections.join_next().await {
                note_panic(ended);
            }
        };
        if timeout(DRAIN, finished).await.is_err() {
            tracing::warn!(
                open = connections.len(),
                "relays' connections cut off at the stop"
            );
            connections.shutdown().await;
        }
    }

    /// Serves a relay, or says why not, in a task of its own.
    fn receive(
        &self,
        tcp: TcpStream,
        peer: IpAddr,
        begins: Begins,
        stop: &watch::Receiver<bool>,
        connections: &mut JoinSet<()>,
    ) {
        let allowed = self
            .settings
            .allowed_relays
            .iter()
            .any(|network| network.contains(peer));
        if !allowed {
            tracing::warn!(%peer, "a peer that is no allowed relay");
            return self.turn_away(tcp, NOT_A_RELAY, begins, connections);
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::warn!(%peer, "too many connections of relays at once");
            return self.turn_away(tcp, TOO_MANY, begins, connections);
        };
        let session = Session {
            inbox: self.inbox.clone(),
            limits: self.settings.limits.clone(),
            acceptor: self.acceptor.clone(),
            stop: stop.clone(),
        };
        let encrypted = matches!(begins, Begins::WithTls);
        let dialogue = Dialogue::new(Arc::clone(&self.terms), peer, encrypted);
        connections.spawn(async move {
            match begins {
                Begins::InClear => session.begin_in_clear(tcp, dialogue).await,
                Begins::WithTls => session.begin_with_tls(tcp, dialogue).await,
            }
            drop(place);
        });
    }

    fn turn_away(
        &self,
        tcp: TcpStream,
        words: &'static [u8],
        begins: Begins,
        connections: &mut JoinSet<()>,
    ) {
        let Ok(place) = Arc::clone(&self.turned_away).try_acquire_owned() else {
            return;
        };
        let tls = match begins {
            Begins::InClear => None,
            Begins::WithTls => Some((self.acceptor.clone(), self.settings.limits.handshake)),
        };
        connections.spawn(async move {
            turn_away(tcp, words, tls).await;
            drop(place);
        });
    }

    /// Puts changed files to use. Files that cannot be used change nothing, and that is said.
    async fn reload(&mut self) {
        let read = Files::read(&self.settings).await;
        let renewed = read.and_then(|files| {
            let config = files.config(self.settings.floor)?;
            Ok((files, config))
        });
        match renewed {
            Ok((files, _)) if files == self.files => {}
            Ok((files, config)) => {
                tracing::info!("certificates towards relays renewed");
                self.files = files;
                self.acceptor = TlsAcceptor::from(config);
            }
            Err(error) => tracing::error!(%error, "certificates towards relays not renewed"),
        }
    }
}

fn note_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(panicked = error.is_panic(), "a relay's task failed");
    }
}

async fn bind(address: Option<SocketAddr>) -> Result<Option<TcpListener>, (SocketAddr, io::Error)> {
    match address {
        None => Ok(None),
        Some(address) => match TcpListener::bind(address).await {
            Ok(listener) => Ok(Some(listener)),
            Err(error) => Err((address, error)),
        },
    }
}

async fn accept(listener: Option<&TcpListener>) -> (TcpStream, IpAddr) {
    let Some(listener) = listener else {
        return pending().await;
    };
    loop {
        match listener.accept().await {
            Ok((tcp, peer)) => match tcp.set_nodelay(true) {
                Ok(()) => return (tcp, peer.ip().to_canonical()),
                Err(error) => tracing::debug!(%error, "a connection went away"),
            },
            Err(error) => {
                // The peer may be at fault or the host; either way a moment costs little here.
                tracing::warn!(%error, "cannot accept connections of relays");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
