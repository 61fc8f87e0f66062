//! One connection: carries bytes between a socket and its dialogue, within its times.

use super::dialogue::{Dialogue, Next};
use super::{Inbox, Limits, Mail};
use crate::store::NotStored;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;
/// A closed connection is read and thrown away for this long. Closing with bytes unread makes the
/// kernel send a reset, which can take the last reply away from a relay that is still writing.
const LINGER: Duration = Duration::from_secs(1);

/// What a connection needs besides its socket.
pub(super) struct Session<I> {
    /// Where mails go.
    pub(super) inbox: I,
    /// How long things may take.
    pub(super) limits: Limits,
    /// The server's side of TLS.
    pub(super) acceptor: TlsAcceptor,
    /// Whether the listener is to stop.
    pub(super) stop: watch::Receiver<bool>,
}

/// How speaking came to an end.
enum Spoken {
    /// Everything was said, or the peer has gone.
    All,
    /// TLS comes next.
    BeforeHandshake,
}

impl<I: Inbox> Session<I> {
    /// Speaks on a connection that begins in clear, until it ends.
    pub(super) async fn begin_in_clear(mut self, mut tcp: TcpStream, mut dialogue: Dialogue) {
        let deadline = Instant::now() + self.limits.whole;
        match self.speak_first(&mut tcp, &mut dialogue, deadline).await {
            Ok(Spoken::All) => end_clear(tcp).await,
            Ok(Spoken::BeforeHandshake) => {
                let Some(mut tls) = handshake(&self.acceptor, self.limits.handshake, tcp).await
                else {
                    return;
                };
                dialogue.encrypted();
                let spoken = self.speak(&mut tls, &mut dialogue, deadline).await;
                note(spoken);
                end_tls(tls).await;
            }
            Err(error) => note(Err(error)),
        }
    }

    /// Speaks on a connection that begins with TLS, until it ends.
    pub(super) async fn begin_with_tls(mut self, tcp: TcpStream, mut dialogue: Dialogue) {
        let deadline = Instant::now() + self.limits.whole;
        let acceptor = self.acceptor.clone();
        let Some(mut tls) = handshake(&acceptor, self.limits.handshake, tcp).await else {
            return;
        };
        let spoken = self.speak_first(&mut tls, &mut dialogue, deadline).await;
        note(spoken);
        end_tls(tls).await;
    }

    /// Listens for a while before the greeting, and only then speaks.
    async fn speak_first<S>(
        &mut self,
        stream: &mut S,
        dialogue: &mut Dialogue,
        deadline: Instant,
    ) -> io::Result<Spoken>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut early = [0; 512];
        // Silent, as it should be, it runs out of time.
        if let Ok(read) = timeout(self.limits.greeting, stream.read(&mut early)).await {
            match early.get(..read?) {
                None | Some([]) => return Ok(Spoken::All),
                Some(bytes) => dialogue.feed(bytes),
            }
        }
        self.speak(stream, dialogue, deadline).await
    }

    async fn speak<S>(
        &mut self,
        stream: &mut S,
        dialogue: &mut Dialogue,
        deadline: Instant,
    ) -> io::Result<Spoken>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match dialogue.advance() {
                Next::Say(reply) => timeout(self.limits.idle, say(stream, &reply)).await??,
                Next::Listen => {
                    let idle = Instant::now() + self.limits.idle;
                    let stopping = *self.stop.borrow_and_update();
                    tokio::select! {
                        read = timeout_at(deadline.min(idle), stream.read(&mut buffer)) => match read {
                            Ok(read) => match buffer.get(..read?) {
                                None | Some([]) => return Ok(Spoken::All),
                                Some(bytes) => dialogue.feed(bytes),
                            },
                            Err(_) => dialogue.timed_out(),
                        },
                        () = told_to(&mut self.stop), if !stopping => dialogue.stop(),
                    }
                }
                Next::StartTls => return Ok(Spoken::BeforeHandshake),
                Next::Recognise(token) => {
                    let known = self.inbox.knows(&token).await;
                    dialogue.recognised(known);
                }
                Next::Keep(mail) => dialogue.kept(self.keep(mail).await),
                Next::Close => return Ok(Spoken::All),
            }
        }
    }

    /// Has no time limit of its own: giving up on a commit that then happens makes a repeat.
    async fn keep(&self, mail: Mail) -> Result<(), NotStored> {
        let (recipients, size_bytes) = (mail.rcpt_to.len(), mail.bytes.len());
        let kept = self.inbox.keep(mail).await;
        match kept {
            Ok(()) => tracing::info!(recipients, size_bytes, "a mail came in"),
            Err(NotStored) => tracing::error!("a mail could not be kept; its relay tries again"),
        }
        kept
    }
}

/// Says one thing in place of a greeting to a peer that is not served, and closes.
pub(super) async fn turn_away(tcp: TcpStream, words: &[u8], tls: Option<(TlsAcceptor, Duration)>) {
    match tls {
        None => {
            let mut tcp = tcp;
            if matches!(timeout(LINGER, say(&mut tcp, words)).await, Ok(Ok(()))) {
                end_clear(tcp).await;
            }
        }
        Some((acceptor, limit)) => {
            if let Some(mut tls) = handshake(&acceptor, limit, tcp).await
                && matches!(timeout(LINGER, say(&mut tls, words)).await, Ok(Ok(())))
            {
                end_tls(tls).await;
            }
        }
    }
}

/// Waits until the value is true or can no longer become so.
pub(super) async fn told_to(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

async fn handshake(
    acceptor: &TlsAcceptor,
    limit: Duration,
    tcp: TcpStream,
) -> Option<TlsStream<TcpStream>> {
    match timeout(limit, acceptor.accept(tcp).into_fallible()).await {
        Ok(Ok(tls)) => return Some(tls),
        Ok(Err((error, tcp))) => {
            tracing::info!(%error, "a relay's handshake refused");
            end_clear(tcp).await;
        }
        Err(_) => tracing::info!("a relay's handshake took too long"),
    }
    None
}

fn note(spoken: io::Result<Spoken>) {
    if let Err(error) = spoken {
        tracing::debug!(%error, "a relay's connection ended");
    }
}

async fn say<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Ends TLS properly, so that the peer can tell the end from an attack, then the connection.
async fn end_tls(mut tls: TlsStream<TcpStream>) {
    if matches!(timeout(LINGER, tls.shutdown()).await, Ok(Ok(()))) {
        end_clear(tls.into_inner().0).await;
    }
}

/// Says that we are done, then waits until the peer is, within bounds.
async fn end_clear(mut tcp: TcpStream) {
    let closing = async {
        tcp.shutdown().await?;
        let mut waste = [0; 4096];
        while tcp.read(&mut waste).await? > 0 {}
        io::Result::Ok(())
    };
    // However it ends, the connection is over.
    drop(timeout(LINGER, closing).await);
}
