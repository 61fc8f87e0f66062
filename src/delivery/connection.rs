//! A connection to a relay. It exists only after a verified handshake: there is no other way to
//! make a [`Connection`], and only a [`Connection`] can carry a letter or a password.

use super::dialogue::{
    CanonicalLetter, Capabilities, Clear, Closing, Dialogue, Ending, Next, Opening, Replies, Reset,
    Script, Transaction, nothing_follows,
};
use super::relay::Relay;
use super::{Envelope, Limits, Route, TlsMode, tls};
use crate::referral::attempt::{AttemptWhy, Attempted, Phase, TlsFacts};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

/// Addresses of one host that are tried; each has an equal share of the time to connect, so that
/// one that never answers does not use up the others' time.
const ADDRESSES_MAX: usize = 4;

/// How long a kept connection may take over RSET. A relay that is there answers at once; longer,
/// and a fresh connection is sooner.
const KEPT_ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// How long QUIT may take: nothing depends on its reply.
const QUIT_LIMIT: Duration = Duration::from_secs(2);

/// Bytes read at once. A reply is far shorter.
const READ_BYTES: usize = 4096;

/// The time limits of one attempt, counted from its start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    limits: Limits,
    ends: Instant,
}

impl Patience {
    pub(super) fn new(limits: Limits) -> Self {
        let ends = from_now(limits.whole);
        Self { limits, ends }
    }

    /// When the whole attempt ends.
    pub(super) fn ends(self) -> Instant {
        self.ends
    }

    /// When a phase that begins now ends.
    fn until(self, phase: Phase) -> Instant {
        let limit = match phase {
            Phase::Connect => self.limits.connect,
            Phase::Handshake => self.limits.handshake,
            Phase::Body => self.limits.body,
            Phase::Greeting
            | Phase::Ehlo
            | Phase::StartTls
            | Phase::Auth
            | Phase::Mail
            | Phase::Rcpt
            | Phase::Data
            | Phase::Daemon => self.limits.command,
        };
        from_now(limit).min(self.ends)
    }

    /// The same attempt, with less time for a command.
    fn at_most(mut self, command: Duration) -> Self {
        self.limits.command = self.limits.command.min(command);
        self
    }
}

/// An encrypted connection to the relay that its certificate names, ready for a letter.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    tls: TlsFacts,
    replies: Replies,
    offered: Capabilities,
    letters: u32,
    in_order: bool,
    used_at: Instant,
}

impl Connection {
    /// Connects, shakes hands, says EHLO and logs in: everything before MAIL.
    pub(super) async fn open(relay: &Relay, patience: Patience) -> Result<Self, Box<Attempted>> {
        let without_tls = |ending: Ending| Box::new(ending.with(None));
        let mut connection = Self::encrypt(relay, patience).await.map_err(without_tls)?;
        let greeted = match relay.route.tls {
            TlsMode::Implicit => false,
            TlsMode::StartTls => true,
        };
        let opening = Opening::new(&relay.our_host_name, greeted, relay.credentials.as_ref());
        match connection.speak(opening, patience).await {
            Ok(offered) => {
                connection.offered = offered;
                Ok(connection)
            }
            Err(ending) => {
                let tls = connection.tls.clone();
                if ending.why == AttemptWhy::Reply {
                    connection.quit(patience).await;
                }
                Err(Box::new(handshake_after_all(ending).with(Some(tls))))
            }
        }
    }

    /// Whether this kept connection can take another letter: the peer answers RSET as it should,
    /// once.
    pub(super) async fn is_alive(&mut self, patience: Patience) -> bool {
        let patience = patience.at_most(KEPT_ANSWER_LIMIT);
        self.speak(Reset, patience).await.is_ok() && self.replies.is_empty()
    }

    /// Hands over one letter.
    pub(super) async fn hand_over(
        &mut self,
        envelope: &Envelope,
        letter: CanonicalLetter<'_>,
        patience: Patience,
    ) -> Attempted {
        let transaction = Transaction::new(envelope, letter, self.offered);
        let (Ok(ending) | Err(ending)) = self.speak(transaction, patience).await;
        self.letters = self.letters.saturating_add(1);
        self.used_at = Instant::now();
        self.in_order =
            ending.why == AttemptWhy::Reply && ending.code != Some(421) && self.replies.is_empty();
        ending.with(Some(self.tls.clone()))
    }

    /// Whether it may be kept for another letter. After anything but an orderly reply it may not.
    pub(super) fn may_be_kept(&self) -> bool {
        self.in_order
    }

    /// Whether it has been kept long enough, or carried enough letters.
    pub(super) fn is_spent(&self, route: &Route) -> bool {
        self.letters >= route.letters_per_connection || self.used_at.elapsed() >= route.idle
    }

    /// What the handshake proved.
    pub(super) fn tls(&self) -> &TlsFacts {
        &self.tls
    }

    /// What the peer offers.
    pub(super) fn offered(&self) -> Capabilities {
        self.offered
    }

    /// Says QUIT and closes (RFC 5321 4.1.1.10).
    pub(super) async fn quit(mut self, patience: Patience) {
        let patience = patience.at_most(QUIT_LIMIT);
        if self.speak(Closing, patience).await.is_ok() {
            let until = patience.until(Phase::Daemon);
            drop(timeout_at(until, self.stream.shutdown()).await);
        }
    }

    /// The only place that makes a connection.
    async fn encrypt(relay: &Relay, patience: Patience) -> Result<Self, Ending> {
        let tcp = reach(&relay.route, patience).await?;
        let tcp = match relay.route.tls {
            TlsMode::Implicit => tcp,
            TlsMode::StartTls => ask_for_tls(tcp, relay, patience).await?,
        };
        let failed = |why| Ending::later(Phase::Handshake, why);
        let handshake = relay.connector.connect(relay.server_name.clone(), tcp);
        let stream = timeout_at(patience.until(Phase::Handshake), handshake)
            .await
            .map_err(|_| failed(AttemptWhy::Timeout))?
            .map_err(|error| failed(tls::why(&error)))?;
        let facts = tls::facts(stream.get_ref().1);
        Ok(Self {
            tls: facts.ok_or_else(|| failed(AttemptWhy::HandshakeFailed))?,
            stream,
            replies: Replies::default(),
            offered: Capabilities::default(),
            letters: 0,
            in_order: true,
            used_at: Instant::now(),
        })
    }

    async fn speak<S: Script>(
        &mut self,
        script: S,
        patience: Patience,
    ) -> Result<S::Outcome, Ending> {
        let dialogue = Dialogue::new(&mut self.replies, script);
        carry(&mut self.stream, dialogue, patience).await
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("letters", &self.letters)
            .finish_non_exhaustive()
    }
}

/// With TLS 1.3 a peer refuses our certificate after our side of the handshake has ended.
fn handshake_after_all(mut ending: Ending) -> Ending {
    if ending.why == AttemptWhy::ClientCertificateRefused {
        ending.phase = Phase::Handshake;
    }
    ending
}

/// Opens TCP to the first of the host's addresses that answers.
async fn reach(route: &Route, patience: Patience) -> Result<TcpStream, Ending> {
    let failed = |why| Ending::later(Phase::Connect, why);
    let ends = patience.until(Phase::Connect);
    let addresses: Vec<SocketAddr> =
        timeout_at(ends, lookup_host((route.host.as_str(), route.port)))
            .await
            .map_err(|_| failed(AttemptWhy::Timeout))?
            .map_err(|_| failed(AttemptWhy::NameNotFound))?
            .take(ADDRESSES_MAX)
            .collect();
    let mut why = AttemptWhy::NameNotFound;
    let mut still_to_try = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let left = ends.saturating_duration_since(Instant::now());
        let share = left.checked_div(still_to_try).unwrap_or(left);
        still_to_try = still_to_try.saturating_sub(1);
        match timeout_at(from_now(share), TcpStream::connect(address)).await {
            // Without it each command waits for the peer's delayed acknowledgement.
            Ok(Ok(tcp)) => {
                return match tcp.set_nodelay(true) {
                    Ok(()) => Ok(tcp),
                    Err(_) => Err(failed(AttemptWhy::ConnectionLost)),
                };
            }
            Ok(Err(_)) => why = AttemptWhy::Unreachable,
            Err(_) => why = AttemptWhy::Timeout,
        }
    }
    Err(failed(why))
}

/// The only dialogue in clear. It gives the socket back with nothing unread on it.
async fn ask_for_tls(
    mut tcp: TcpStream,
    relay: &Relay,
    patience: Patience,
) -> Result<TcpStream, Ending> {
    let mut replies = Replies::default();
    let clear = Clear::new(&relay.our_host_name);
    carry(&mut tcp, Dialogue::new(&mut replies, clear), patience).await?;
    nothing_follows(&replies)?;
    nothing_readable(tcp)
}

/// Asks the kernel, not the runtime, which may not yet have heard of bytes that are there.
fn nothing_readable(tcp: TcpStream) -> Result<TcpStream, Ending> {
    let failed = |why| Ending::later(Phase::StartTls, why);
    let lost = |_| failed(AttemptWhy::ConnectionLost);
    let tcp = tcp.into_std().map_err(lost)?;
    match tcp.peek(&mut [0]) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            TcpStream::from_std(tcp).map_err(lost)
        }
        Ok(1..) => Err(failed(AttemptWhy::BytesBeforeHandshake)),
        Ok(0) | Err(_) => Err(failed(AttemptWhy::ConnectionLost)),
    }
}

/// Carries one dialogue over a stream, within the time each phase has.
async fn carry<S: Script, T: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut T,
    mut dialogue: Dialogue<'_, S>,
    patience: Patience,
) -> Result<S::Outcome, Ending> {
    let mut phase = dialogue.phase();
    let mut until = patience.until(phase);
    loop {
        if dialogue.phase() != phase {
            phase = dialogue.phase();
            until = patience.until(phase);
        }
        let moved = match dialogue.next() {
            Next::Ended(outcome) => return outcome,
            Next::Listen => listen(stream, &mut dialogue, until).await,
            Next::Say => say(stream, &mut dialogue, until).await,
        };
        if let Err(why) = moved {
            return Err(dialogue.broken(why));
        }
    }
}

async fn listen<S: Script, T: AsyncRead + Unpin>(
    stream: &mut T,
    dialogue: &mut Dialogue<'_, S>,
    until: Instant,
) -> Result<(), AttemptWhy> {
    let mut bytes = [0; READ_BYTES];
    let read = timeout_at(until, stream.read(&mut bytes))
        .await
        .map_err(|_| AttemptWhy::Timeout)?;
    take(
        dialogue,
        bytes.get(..read.map_err(|error| tls::why(&error))?),
    )
}

async fn say<S: Script, T: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut T,
    dialogue: &mut Dialogue<'_, S>,
    until: Instant,
) -> Result<(), AttemptWhy> {
    take_unasked(stream, dialogue).await?;
    let Some(bytes) = dialogue.say() else {
        return Ok(());
    };
    let write = async {
        stream.write_all(&bytes).await?;
        stream.flush().await
    };
    timeout_at(until, write)
        .await
        .map_err(|_| AttemptWhy::Timeout)?
        .map_err(|error| tls::why(&error))
}

/// Takes what has already arrived, without waiting.
async fn take_unasked<S: Script, T: AsyncRead + Unpin>(
    stream: &mut T,
    dialogue: &mut Dialogue<'_, S>,
) -> Result<(), AttemptWhy> {
    let mut bytes = [0; READ_BYTES];
    let mut buffer = ReadBuf::new(&mut bytes);
    let arrived = poll_fn(|context| {
        Poll::Ready(
            match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                Poll::Ready(read) => Some(read),
                Poll::Pending => None,
            },
        )
    });
    match arrived.await {
        None => Ok(()),
        Some(Ok(())) => take(dialogue, Some(buffer.filled())),
        Some(Err(error)) => Err(tls::why(&error)),
    }
}

fn take<S: Script>(dialogue: &mut Dialogue<'_, S>, bytes: Option<&[u8]>) -> Result<(), AttemptWhy> {
    match bytes {
        Some(bytes) if !bytes.is_empty() => {
            dialogue.feed(bytes);
            Ok(())
        }
        Some(_) | None => Err(AttemptWhy::ConnectionLost),
    }
}

/// An hour stands in for a limit beyond what the runtime's clock can count.
fn from_now(limit: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(limit)
        .or_else(|| now.checked_add(Duration::from_hours(1)))
        .unwrap_or(now)
}
