//! A listener on real sockets with an inbox in memory or the store's own, and a relay that connects to
//! it.

use super::script::{Move, Script, printable, summary};
use super::{GENERAL, TOKEN};
use crate::support::pki::{Identity, Pki};
use firstbell::referral::school::Address;
use firstbell::replies::smtp::{
    Inbox, Limits, Listeners, Mail, Network, Settings, Unusable, serve,
};
use firstbell::store::{NotStored, Store};
use firstbell::tls::TlsFloor;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// Longer than any answer takes: a story that waits for it fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps what it is given, once each, as the store does.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    pub(crate) held: Arc<Mutex<Vec<Mail>>>,
    /// Can keep nothing.
    pub(crate) full: bool,
}

impl Memory {
    pub(crate) fn mails(&self) -> Vec<String> {
        self.held.lock().unwrap().iter().map(summary).collect()
    }
}

impl Inbox for Memory {
    async fn keep(&self, mail: Mail) -> Result<(), NotStored> {
        if self.full {
            return Err(NotStored);
        }
        let mut mails = self.held.lock().unwrap();
        if !mails.contains(&mail) {
            mails.push(mail);
        }
        Ok(())
    }

    async fn knows(&self, token: &str) -> Result<bool, NotStored> {
        Ok(token == TOKEN)
    }
}

/// The store itself.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) store: Store,
    /// After a mail is on disk and before that is said, waits for ever, and tells that it does.
    pub(crate) hangs: Option<Arc<Notify>>,
}

impl Kept {
    /// How many mails it holds.
    pub(crate) async fn count(&self) -> usize {
        self.store.readers().list_inbound(64).await.unwrap().len()
    }
}

impl Inbox for Kept {
    async fn keep(&self, mail: Mail) -> Result<(), NotStored> {
        self.store.keep(mail).await?;
        if let Some(told) = &self.hangs {
            told.notify_one();
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn knows(&self, token: &str) -> Result<bool, NotStored> {
        self.store.knows(token).await
    }
}

pub(crate) struct Listener<I = Memory> {
    pub(crate) starttls: SocketAddr,
    pub(crate) tls: SocketAddr,
    pub(crate) inbox: I,
    stop: watch::Sender<bool>,
    serving: JoinSet<Result<(), Unusable>>,
}

pub(crate) fn settings(pki: &Pki) -> Settings {
    Settings {
        listen_starttls: Some(([127, 0, 0, 1], 0).into()),
        listen_tls: Some(([127, 0, 0, 1], 0).into()),
        certificate: pki.server.certificate.clone(),
        key: pki.server.key.clone(),
        client_ca: None,
        floor: TlsFloor::V12,
        allowed_relays: vec![Network::parse("127.0.0.1").unwrap()],
        host_name: "gateway.test".to_owned(),
        reply_to: Address::parse(GENERAL).unwrap(),
        size_bytes_max: 8192,
        connections_max: 4,
        limits: Limits {
            greeting: Duration::from_millis(5),
            handshake: PATIENCE,
            idle: PATIENCE,
            whole: PATIENCE,
        },
    }
}

impl<I: Inbox> Listener<I> {
    pub(crate) async fn start(settings: Settings, inbox: I) -> Self {
        let listeners = Listeners::bind(&settings).await.unwrap();
        let (starttls, tls) = (listeners.starttls().unwrap(), listeners.tls().unwrap());
        let (stop, stopping) = watch::channel(false);
        let mut serving = JoinSet::new();
        serving.spawn(serve(settings, inbox.clone(), listeners, stopping));
        Self {
            starttls,
            tls,
            inbox,
            stop,
            serving,
        }
    }

    /// Asks it to stop and does not wait.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(&mut self) {
        let ended = tokio::time::timeout(PATIENCE, self.serving.join_next()).await;
        ended.expect("it stops in time").unwrap().unwrap().unwrap();
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) async fn kill(mut self) {
        self.serving.shutdown().await;
    }
}

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// The relay's end of a connection.
pub(crate) struct Relay {
    wire: Box<dyn Wire>,
    connector: TlsConnector,
}

impl Relay {
    /// Connects from an address, in clear.
    pub(crate) async fn connect_from(from: [u8; 4], to: SocketAddr, pki: &Pki) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let tcp = socket.connect(to).await.unwrap();
        Self::over(tcp, pki, None)
    }

    /// Connects in clear.
    pub(crate) async fn connect(to: SocketAddr, pki: &Pki) -> Self {
        Self::connect_from([127, 0, 0, 1], to, pki).await
    }

    /// Connects with TLS.
    pub(crate) async fn connect_tls(to: SocketAddr, pki: &Pki) -> Self {
        let mut relay = Self::connect(to, pki).await;
        relay.shake_hands().await.unwrap();
        relay
    }

    pub(crate) fn over(tcp: TcpStream, pki: &Pki, identity: Option<&Identity>) -> Self {
        tcp.set_nodelay(true).unwrap();
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(&pki.ca).unwrap())
            .unwrap();
        let config = firstbell::tls::client()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some(identity) => {
                let chain = vec![CertificateDer::from_pem_file(&identity.certificate).unwrap()];
                let key = PrivateKeyDer::from_pem_file(&identity.key).unwrap();
                config.with_client_auth_cert(chain, key).unwrap()
            }
        };
        Self {
            wire: Box::new(tcp),
            connector: TlsConnector::from(Arc::new(config)),
        }
    }

    pub(crate) async fn shake_hands(&mut self) -> io::Result<()> {
        let clear = std::mem::replace(&mut self.wire, Box::new(tokio::io::empty()));
        let name = ServerName::try_from("localhost").unwrap();
        let tls = self.connector.connect(name, clear);
        self.wire = Box::new(tokio::time::timeout(PATIENCE, tls).await.unwrap()?);
        Ok(())
    }

    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        self.wire.write_all(bytes).await.unwrap();
        self.wire.flush().await.unwrap();
    }

    /// Says a byte now and then until the other side closes; gives what it says.
    pub(crate) async fn drips(&mut self) -> String {
        let (mut read, mut write) = tokio::io::split(&mut self.wire);
        let mut pace = tokio::time::interval(Duration::from_millis(50));
        let mut heard = Vec::new();
        let dripping = async {
            loop {
                tokio::select! {
                    read = read.read_buf(&mut heard) => if read.unwrap() == 0 { break },
                    // After the end nobody listens.
                    _ = pace.tick() => drop(write.write_all(b"x").await),
                }
            }
        };
        tokio::time::timeout(PATIENCE, dripping)
            .await
            .expect("an end in time");
        printable(&heard)
    }

    /// Hears so many bytes.
    pub(crate) async fn hear(&mut self, count: usize) -> String {
        let mut heard = vec![0; count];
        let read = self.wire.read_exact(&mut heard);
        let read = tokio::time::timeout(PATIENCE, read).await;
        read.expect("an answer in time").expect("a whole answer");
        printable(&heard)
    }

    /// Hears exactly this, line by line.
    pub(crate) async fn hears(&mut self, lines: &str) {
        let expected = lines.replace('\n', "\r\n") + "\r\n";
        let heard = self.hear(expected.len()).await;
        assert_eq!(heard, printable(expected.as_bytes()));
    }

    /// Says a line and hears exactly this.
    pub(crate) async fn asks(&mut self, line: &str, answer: &str) {
        self.say(format!("{line}\r\n").as_bytes()).await;
        self.hears(answer).await;
    }

    /// Everything until the other side closes, in order.
    pub(crate) async fn rest(&mut self) -> String {
        let mut heard = Vec::new();
        let read = self.wire.read_to_end(&mut heard);
        let read = tokio::time::timeout(PATIENCE, read).await;
        read.expect("an end in time").expect("an end in order");
        printable(&heard)
    }

    pub(crate) async fn play(&mut self, script: &Script) {
        let name = &script.name;
        for one in &script.moves {
            match one {
                Move::RelaySays(bytes) => self.say(bytes).await,
                Move::WeSay(bytes) => {
                    let heard = self.hear(bytes.len()).await;
                    assert_eq!(heard, printable(bytes), "{name}");
                }
                Move::Tls => self.shake_hands().await.unwrap(),
                Move::Idle => {}
                Move::WeClose => assert_eq!(self.rest().await, "", "{name}"),
            }
        }
    }
}
