//! One page over plain HTTP on the loopback.

use super::Exporter;
use crate::exchange::{self, Bounds};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const BOUNDS: Bounds = Bounds {
    who: "metrics",
    // A collector or two, and a person.
    connections_max: 8,
    within: Duration::from_secs(20),
};
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

pub(super) async fn run(
    listener: TcpListener,
    exporter: Arc<Exporter>,
    stop: watch::Receiver<bool>,
) {
    let answers = move |_: &TcpStream| {
        let exporter = Arc::clone(&exporter);
        service_fn(move |request| {
            let exporter = Arc::clone(&exporter);
            async move { Ok::<_, Infallible>(answered(&request, &exporter).await) }
        })
    };
    exchange::serve(listener, BOUNDS, answers, stop).await;
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
