//! Plain HTTP on the loopback: one page. Everything has a bound.

use super::Exporter;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Connections at once: a collector or two, and a person.
const CONNECTIONS_MAX: usize = 8;
/// One question and its answer.
const EXCHANGE_WITHIN: Duration = Duration::from_secs(20);
/// A question's head.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// The library's smallest buffer is 8 KiB, bytes.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Accepting failed for want of file handles or memory: it will not work again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

pub(super) async fn run(
    listener: TcpListener,
    exporter: Arc<Exporter>,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(ended) = connections.join_next() => {
                if ended.is_err() {
                    tracing::error!("a page of metrics panicked");
                }
            }
            (stream, place) = accept(&listener, &places) => {
                connections.spawn(exchange(stream, Arc::clone(&exporter), place));
            }
        }
    }
    connections.shutdown().await;
}

/// Waits for a place, then for a connection. Cancel-safe.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                tracing::warn!(%error, "cannot accept for metrics");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn exchange(
    stream: TcpStream,
    exporter: Arc<Exporter>,
    _place: Option<OwnedSemaphorePermit>,
) {
    let answer = service_fn(|request| {
        let exporter = Arc::clone(&exporter);
        async move { Ok::<_, Infallible>(answered(&request, &exporter).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer);
    match timeout(EXCHANGE_WITHIN, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a question for metrics ended"),
        Err(_) => tracing::info!("a question for metrics took too long"),
    }
}

async fn answered(request: &Request<Incoming>, exporter: &Exporter) -> Response<Full<Bytes>> {
    let (status, text) = if request.uri().path() != "/metrics" {
        (
            StatusCode::NOT_FOUND,
            "Metrics are at /metrics.\n".to_owned(),
        )
    } else if request.method() != Method::GET && request.method() != Method::HEAD {
        (StatusCode::METHOD_NOT_ALLOWED, "GET it.\n".to_owned())
    } else {
        match exporter.page().await {
            Ok(page) => (StatusCode::OK, page),
            Err(fault) => (StatusCode::SERVICE_UNAVAILABLE, format!("{fault}\n")),
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response
}
