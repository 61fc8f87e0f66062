//! The accept loop and the life of one connection.
//!
//! Everything has a bound: connections in all and per force, the handshake, the head, the age.
//! What one connection does wrong ends that connection only.

use super::Intake;
use super::caller::Callers;
use super::framing::{Head, Watched};
use super::routes;
use super::tls::Files;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request};
use axum::{Extension, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Largest head of a request, bytes: ours have a handful of short fields, and the library's
/// smallest buffer is 8 KiB.
pub(super) const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Most fields in a head, for the same reason.
const HEAD_FIELDS_MAX: usize = 64;
/// Certificates and revocation lists are read again at least this often, and at least twice in the
/// life of a connection: a revocation takes effect without a restart, and a file is cheap to read.
const RELOAD_EVERY: Duration = Duration::from_secs(60);
/// Accepting failed for want of file handles or memory: it will not work again at once, and trying
/// without a pause would take the processor from those who could give some back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);
/// A closing connection may still answer the request it is reading; beyond the time its body may
/// take, the store gets this long.
const ANSWER_GRACE: Duration = Duration::from_secs(5);
/// A closed connection is read and thrown away for this long. Closing with bytes unread makes the
/// kernel send a reset, which can take the answer away from a sender that is still writing
/// (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(1);

/// The HTTPS server.
pub(super) struct Server {
    intake: Arc<Intake>,
    callers: Arc<Callers>,
    routes: Router,
    files: Files,
    acceptor: TlsAcceptor,
    /// Told when every open connection should finish what it is doing and close.
    closing: watch::Sender<()>,
}

impl Server {
    /// Takes what [`super::serve`] made ready.
    pub(super) fn new(
        intake: Arc<Intake>,
        callers: Callers,
        files: Files,
        config: Arc<ServerConfig>,
    ) -> Self {
        Self {
            routes: routes::router(Arc::clone(&intake)),
            intake,
            callers: Arc::new(callers),
            files,
            acceptor: TlsAcceptor::from(config),
            closing: watch::Sender::new(()),
        }
    }

    /// Accepts until told to stop, then lets open connections finish.
    pub(super) async fn run(mut self, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let settings = &self.intake.settings;
        let places = Arc::new(Semaphore::new(settings.connections_max));
        let mut connections = JoinSet::new();
        let mut reload = interval(RELOAD_EVERY.min(settings.connection_age_max / 2));
        reload.set_missed_tick_behavior(MissedTickBehavior::Delay);
        reload.reset();
        loop {
            tokio::select! {
                biased;
                () = told_to(&mut stop) => break,
                Some(ended) = connections.join_next() => note_panic(ended),
                _ = reload.tick() => self.reload().await,
                (tcp, place) = accept(&listener, &places) => {
                    connections.spawn(self.connection().run(tcp, place));
                }
            }
        }
        drop(listener);
        self.closing.send_replace(());
        let finished = async {
            while let Some(ended) = connections.join_next().await {
                note_panic(ended);
            }
        };
        let grace = self.intake.settings.body_timeout + ANSWER_GRACE + LINGER;
        if timeout(grace, finished).await.is_err() {
            tracing::warn!(open = connections.len(), "connections cut off at the stop");
            connections.shutdown().await;
        }
    }

    fn connection(&self) -> Connection {
        Connection {
            intake: Arc::clone(&self.intake),
            callers: Arc::clone(&self.callers),
            routes: self.routes.clone(),
            acceptor: self.acceptor.clone(),
            closing: self.closing.subscribe(),
        }
    }

    /// Puts changed files to use and closes connections that the old ones let in. Files that cannot
    /// be used change nothing: intake goes on with those it has, and says so.
    async fn reload(&mut self) {
        let read = Files::read(&self.intake.settings).await;
        let renewed = read.and_then(|files| {
            if files == self.files {
                return Ok(None);
            }
            let config = files.config(self.intake.settings.floor)?;
            Ok(Some((files, config)))
        });
        match renewed {
            Ok(None) => {}
            Ok(Some((files, config))) => {
                tracing::info!("certificates and revocation lists renewed");
                self.files = files;
                self.acceptor = TlsAcceptor::from(config);
                self.closing.send_replace(());
            }
            Err(error) => tracing::error!(%error, "certificates and revocation lists not renewed"),
        }
    }
}

/// Waits until the value is true or can no longer become so.
async fn told_to(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

fn note_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(panicked = error.is_panic(), "a connection's task failed");
    }
}

/// Waits for a place, then for a connection. Without a place nothing is accepted: who comes waits
/// in the kernel's bounded backlog. Cancel-safe.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => return (tcp, place),
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether accepting failed because the peer went away before we came to it.
fn is_the_peers(error: &io::Error) -> bool {
    [
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionRefused,
    ]
    .contains(&error.kind())
}

struct Connection {
    intake: Arc<Intake>,
    callers: Arc<Callers>,
    routes: Router,
    acceptor: TlsAcceptor,
    closing: watch::Receiver<()>,
}

impl Connection {
    async fn run(self, tcp: TcpStream, _place: Option<OwnedSemaphorePermit>) {
        if let Err(error) = tcp.set_nodelay(true) {
            tracing::debug!(%error, "a connection went away");
            return;
        }
        let handshake = self.acceptor.accept(tcp).into_fallible();
        let stream = match timeout(self.intake.settings.handshake_timeout, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err((error, tcp))) => {
                tracing::info!(%error, "handshake refused");
                return linger(tcp).await;
            }
            Err(_) => return tracing::info!("handshake took too long"),
        };
        let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let caller = self
            .callers
            .who(certificates.first().map_or(&[], |leaf| leaf));
        let Some(_callers_place) = self.callers.place(&caller) else {
            let force = caller.as_ref().ok().map(|force| force.name.as_str());
            tracing::warn!(force, "too many connections at once");
            return end(stream).await;
        };
        let routes = self.routes.clone().layer(Extension(caller));
        end(self.serve(stream, routes).await).await;
    }

    /// Answers requests until either side closes, and gives the stream back.
    async fn serve(mut self, stream: TlsStream<TcpStream>, routes: Router) -> TlsStream<TcpStream> {
        let settings = &self.intake.settings;
        let head = Head::new();
        let io = TokioIo::new(Watched::new(stream, head.clone()));
        let routes = TowerToHyperService::new(routes);
        let service = service_fn(move |request: Request<Incoming>| {
            let (must_close, head) = (head.must_close(), head.clone());
            let answering = routes.call(request);
            Box::pin(async move {
                let mut answer = answering.await?;
                if must_close {
                    let close = HeaderValue::from_static("close");
                    answer.headers_mut().insert(CONNECTION, close);
                }
                head.answered();
                Ok::<_, std::convert::Infallible>(answer)
            })
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(settings.head_timeout)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .max_headers(HEAD_FIELDS_MAX)
            .serve_connection(io, service);
        let ended = tokio::select! {
            ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => Some(ended),
            _ = self.closing.changed() => None,
            () = sleep(settings.connection_age_max) => None,
        };
        let ended = match ended {
            Some(ended) => Ok(ended),
            None => {
                Pin::new(&mut connection).graceful_shutdown();
                let grace = settings.body_timeout + ANSWER_GRACE;
                timeout(grace, poll_fn(|cx| connection.poll_without_shutdown(cx))).await
            }
        };
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "connection ended"),
            Err(_) => tracing::info!("a closing connection was cut off"),
        }
        connection.into_parts().io.into_inner().into_inner()
    }
}

/// Ends TLS properly, so that the peer can tell the end from an attack, then the connection.
async fn end(mut stream: TlsStream<TcpStream>) {
    let said = timeout(LINGER, stream.shutdown()).await;
    if matches!(said, Ok(Ok(()))) {
        linger(stream.into_inner().0).await;
    }
}

/// Says that we are done, then waits until the peer is, within bounds.
async fn linger(mut tcp: TcpStream) {
    let closing = async {
        tcp.shutdown().await?;
        let mut waste = [0; 4096];
        while tcp.read(&mut waste).await? > 0 {}
        io::Result::Ok(())
    };
    // However it ends, the connection is over.
    drop(timeout(LINGER, closing).await);
}
