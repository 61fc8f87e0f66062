//! Plain HTTP on this host, one question a connection and its answer: how the operators' socket and the
//! page of metrics are served.
//!
//! Whoever can connect is on this host and may still be a script gone wrong: everything has a bound, so
//! that the daemon keeps its file handles.

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

/// A question's head is a few short lines, written at once.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// Largest head, bytes: the library's smallest buffer is 8 KiB, and ours take a fraction of it.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Accepting failed for want of file handles or memory: it will not work again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// What may be asked at once, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Who is asked, for the log.
    pub(crate) who: &'static str,
    /// Connections at once. Who comes beyond it waits in the kernel's bounded backlog.
    pub(crate) connections_max: usize,
    /// From the first byte of a question to the last of its answer.
    pub(crate) within: Duration,
}

/// A socket that is connected to.
pub(crate) trait Listens: Send + Sync + 'static {
    /// A connection to it.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static;

    /// The next connection. Cancel-safe.
    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listens for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

impl Listens for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

/// Accepts until `stop` is true, then lets open connections finish, which all have a bound. `answers`
/// gives whatever answers on a connection.
pub(crate) async fn serve<L, S, B>(
    listener: L,
    bounds: Bounds,
    answers: impl Fn(&L::Stream) -> S + Clone + Send + 'static,
    mut stop: watch::Receiver<bool>,
) where
    L: Listens,
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let places = Arc::new(Semaphore::new(bounds.connections_max));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(ended) = connections.join_next() => note_panic(bounds, ended),
            (stream, place) = accept(&listener, bounds, &places) => {
                let answers = answers.clone();
                connections.spawn(async move {
                    let service = answers(&stream);
                    exchange(stream, bounds, service).await;
                    drop(place);
                });
            }
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        note_panic(bounds, ended);
    }
}

/// Waits for a place, then for a connection. Cancel-safe.
async fn accept<L: Listens>(
    listener: &L,
    bounds: Bounds,
    places: &Arc<Semaphore>,
) -> (L::Stream, Option<OwnedSemaphorePermit>) {
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.next().await {
            Ok(stream) => return (stream, place),
            Err(error) => {
                tracing::warn!(who = bounds.who, %error, "cannot accept");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One question: whoever asks opens a connection for it, so none is kept open for a second.
async fn exchange<I, S, B>(stream: I, bounds: Bounds, service: S)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(bounds.within, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(who = bounds.who, %error, "a question ended"),
        Err(_) => tracing::info!(who = bounds.who, "a question took too long"),
    }
}

fn note_panic(bounds: Bounds, ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        let panicked = error.is_panic();
        tracing::error!(who = bounds.who, panicked, "an answer failed");
    }
}
