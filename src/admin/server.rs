//! The accept loop of the operators' socket and the life of one connection: one question, one answer.
//!
//! Whoever may open the socket is on this host and in the daemon's group, and may still be a script
//! gone wrong: everything has a bound, so that the daemon keeps its file handles.

use super::{Caller, user_name};
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

/// Connections at once: a desk of people and their scripts, far below the process's file handles.
/// Who comes beyond it waits in the kernel's bounded backlog.
const CONNECTIONS_MAX: usize = 64;
/// A question's head is a few short lines, written at once.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// From the first byte of a question to the last of its answer, on a machine that is busy.
const EXCHANGE_WITHIN: Duration = Duration::from_secs(10);
/// Largest head, bytes: the library's smallest buffer is 8 KiB, and ours take a fraction of it.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Accepting failed for want of file handles or memory: it will not work again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// Accepts until `stop` is true, then lets open connections finish, which all have a bound.
pub(super) async fn run(listener: UnixListener, routes: Router, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(ended) = connections.join_next() => note_panic(ended),
            (stream, place) = accept(&listener, &places) => {
                connections.spawn(exchange(stream, routes.clone(), place));
            }
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        note_panic(ended);
    }
}

/// Waits for a place, then for a connection. Cancel-safe.
async fn accept(
    listener: &UnixListener,
    places: &Arc<Semaphore>,
) -> (UnixStream, Option<OwnedSemaphorePermit>) {
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                tracing::warn!(%error, "cannot accept on the operators' socket");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One question. The command line asks one a connection, so none is kept open for a second.
async fn exchange(stream: UnixStream, routes: Router, _place: Option<OwnedSemaphorePermit>) {
    let credentials = stream.peer_cred().ok();
    let unix_user = credentials.and_then(|credentials| user_name(credentials.uid()));
    let routes = routes.layer(Extension(Caller { unix_user }));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    match timeout(EXCHANGE_WITHIN, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a question on the operators' socket ended"),
        Err(_) => tracing::info!("a question on the operators' socket took too long"),
    }
}

fn note_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        let panicked = error.is_panic();
        tracing::error!(panicked, "a task of the operators' socket failed");
    }
}
