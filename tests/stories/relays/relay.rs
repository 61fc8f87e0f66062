//! A relay that does what its script says, on a real socket, and writes down what it hears.

use rustls::ServerConfig;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// One thing a relay does.
#[derive(Clone, Copy)]
pub(crate) enum Act {
    /// The TLS handshake, the relay's side.
    Tls,
    /// Sends this at once.
    Say(&'static str),
    /// Sends these bytes at once.
    SayBytes(&'static [u8]),
    /// Sends this over and over until the gateway has gone.
    SayForEver(&'static [u8]),
    /// The same, one byte every twenty milliseconds.
    Drip(&'static str),
    /// Hears a line.
    Hear,
    /// Hears a letter with its final dot.
    HearLetter,
    /// Hears whatever comes until the gateway has gone, and answers nothing.
    HearTheEnd,
    /// Does nothing until the story opens the gate.
    AwaitGate,
    /// Closes the connection.
    Close,
}

/// What was heard on one connection: lines without CRLF, and `[tls]` where it became encrypted.
pub(crate) type Heard = Vec<String>;

pub(crate) struct Relay {
    pub(crate) port: u16,
    /// Opened once for each [`Act::AwaitGate`].
    pub(crate) gate: Arc<Notify>,
    begun: Arc<AtomicUsize>,
    heard: watch::Sender<Vec<Heard>>,
    playing: JoinSet<()>,
}

impl Relay {
    /// Plays one script a connection, one connection after the other. After its script a relay
    /// still listens, and answers QUIT.
    pub(crate) async fn start(tls: Arc<ServerConfig>, scripts: Vec<Vec<Act>>) -> Self {
        let with_tls = |script| (Arc::clone(&tls), script);
        Self::start_in_turn(scripts.into_iter().map(with_tls).collect()).await
    }

    /// The same, each connection with a certificate of its own.
    pub(crate) async fn start_in_turn(scripts: Vec<(Arc<ServerConfig>, Vec<Act>)>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let gate = Arc::new(Notify::new());
        let opened = Arc::clone(&gate);
        let heard = watch::channel(Vec::new()).0;
        let written = heard.clone();
        let begun = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&begun);
        let mut playing = JoinSet::new();
        playing.spawn(async move {
            for (tls, script) in scripts {
                let (tcp, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let mut play = Play::new(tcp);
                // An end in the middle is the gateway's doing, and what the story is about.
                drop(play.all(&script, &tls, &opened).await);
                written.send_modify(|heard| heard.push(play.heard));
            }
        });
        Self {
            port,
            gate,
            begun,
            heard,
            playing,
        }
    }

    /// What was heard, connection by connection, once all are closed.
    pub(crate) async fn heard(mut self) -> Vec<Heard> {
        let joined = tokio::time::timeout(Duration::from_secs(20), self.playing.join_next());
        let ended = joined.await.expect("every connection ends");
        ended.unwrap().unwrap();
        self.heard.send_replace(Vec::new())
    }

    /// What was heard on the connections that there were, once those are closed; whoever would have
    /// come for the other scripts did not.
    pub(crate) async fn heard_so_far(mut self) -> Vec<Heard> {
        let mut closing = self.heard.subscribe();
        let begun = self.begun.load(Ordering::SeqCst);
        let while_open = closing.wait_for(|heard| heard.len() >= begun);
        let closed = tokio::time::timeout(Duration::from_secs(20), while_open);
        drop(closed.await.expect("every connection ends").unwrap());
        self.playing.abort_all();
        self.heard.send_replace(Vec::new())
    }
}

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

struct Play {
    wire: Box<dyn Wire>,
    heard: Heard,
}

impl Play {
    fn new(tcp: TcpStream) -> Self {
        tcp.set_nodelay(true).unwrap();
        Self {
            wire: Box::new(tcp),
            heard: Vec::new(),
        }
    }

    async fn all(
        &mut self,
        script: &[Act],
        tls: &Arc<ServerConfig>,
        gate: &Notify,
    ) -> std::io::Result<()> {
        for act in script {
            match *act {
                Act::Tls => {
                    let clear = std::mem::replace(&mut self.wire, Box::new(tokio::io::empty()));
                    let acceptor = TlsAcceptor::from(tls.clone());
                    self.wire = Box::new(acceptor.accept(clear).await?);
                    self.heard.push("[tls]".to_owned());
                }
                Act::Say(bytes) => self.say(bytes.as_bytes()).await?,
                Act::SayBytes(bytes) => self.say(bytes).await?,
                Act::SayForEver(bytes) => loop {
                    self.say(bytes).await?;
                },
                Act::Drip(bytes) => {
                    let mut pace = tokio::time::interval(Duration::from_millis(20));
                    for byte in bytes.bytes().cycle() {
                        pace.tick().await;
                        self.say(&[byte]).await?;
                    }
                }
                Act::Hear => {
                    self.hear("\r\n").await?;
                }
                Act::HearLetter => {
                    self.hear("\r\n.\r\n").await?;
                }
                Act::HearTheEnd => loop {
                    self.hear("\r\n").await?;
                },
                Act::AwaitGate => gate.notified().await,
                Act::Close => return Ok(()),
            }
        }
        while self.hear("\r\n").await? != "QUIT" {}
        self.say(b"221 bye\r\n").await
    }

    async fn say(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.wire.write_all(bytes).await?;
        self.wire.flush().await
    }

    async fn hear(&mut self, end: &str) -> std::io::Result<String> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end.as_bytes()) {
            match self.wire.read_u8().await {
                Ok(byte) => bytes.push(byte),
                Err(error) => {
                    if !bytes.is_empty() {
                        self.heard
                            .push(format!("[cut off] {}", bytes.escape_ascii()));
                    }
                    return Err(error);
                }
            }
        }
        bytes.truncate(bytes.len() - end.len());
        let line = String::from_utf8_lossy(&bytes).into_owned();
        self.heard.push(line.clone());
        Ok(line)
    }
}
