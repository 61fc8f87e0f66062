//! Calling out over HTTP/1.1: posting as a force's system would, over mutual TLS (`submit` and the demo
//! share it), and the gateway's own calls to [`peer`]s.

pub mod peer;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// An answer in bytes at most: a thousand notifications with their facts stay far below.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// An answer is waited for so long.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// A file could not be read.
    #[error("{0}: {1}")]
    Unread(PathBuf, std::io::Error),
    /// A certificate or key file is bad.
    #[error("{0}: {1}")]
    File(PathBuf, String),
    /// The gateway's name is not one.
    #[error("not a host name")]
    Host,
    /// The gateway cannot be reached, or the exchange broke.
    #[error("{0}")]
    Unavailable(String),
}

/// Who posts.
#[derive(Debug, Clone)]
pub struct Sender {
    config: Arc<ClientConfig>,
}

impl Sender {
    /// Reads the authority that names the gateway, and the force's certificate and key.
    pub fn new(ca: &Path, certificate: &Path, key: &Path) -> Result<Self, NoAnswer> {
        for path in [ca, certificate, key] {
            std::fs::File::open(path).map_err(|e| NoAnswer::Unread(path.to_owned(), e))?;
        }
        let mut roots = RootCertStore::empty();
        for root in certificates(ca)? {
            roots.add(root).map_err(|error| bad(ca, &error))?;
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| bad(key, &error))?;
        let config = crate::tls::client()
            .map_err(unavailable)?
            .with_root_certificates(roots)
            .with_client_auth_cert(certificates(certificate)?, private)
            .map_err(|error| bad(certificate, &error))?;
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// Posts a body to `https://HOST:PORT/PATH` and reads the whole answer.
    pub async fn post(
        &self,
        (host, port, path): (&str, u16, &str),
        idempotency_key: &str,
        body: Vec<u8>,
    ) -> Result<Response<Bytes>, NoAnswer> {
        let posted = self.exchange((host, port, path), idempotency_key, body);
        posted.await.map_err(|why| match why {
            NoAnswer::Unavailable(words) => {
                NoAnswer::Unavailable(format!("{host}:{port}: {words}"))
            }
            NoAnswer::Unread(..) | NoAnswer::File(..) | NoAnswer::Host => why,
        })
    }

    async fn exchange(
        &self,
        (host, port, path): (&str, u16, &str),
        idempotency_key: &str,
        body: Vec<u8>,
    ) -> Result<Response<Bytes>, NoAnswer> {
        let request = Request::post(path)
            .header("host", format!("{host}:{port}"))
            .header("content-type", "application/json")
            .header("idempotency-key", idempotency_key)
            .body(Full::new(Bytes::from(body)))
            .map_err(unavailable)?;
        // An IPv6 address stands in brackets in a URL, and without them everywhere else.
        let bare = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(bare.clone()).map_err(|_| NoAnswer::Host)?;
        let stream = TcpStream::connect((bare.as_str(), port))
            .await
            .map_err(unavailable)?;
        stream.set_nodelay(true).map_err(unavailable)?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(name, stream).await.map_err(unavailable)?;
        send(stream, request).await
    }
}

/// Sends one request over a stream that is open, and reads the whole answer.
pub async fn send<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, NoAnswer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let exchange = async {
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.map_err(unavailable)?;
        let mut driving = JoinSet::new();
        driving.spawn(connection);
        let answer = sender.send_request(request).await.map_err(unavailable)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(unavailable)?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    timeout(ANSWER_WITHIN, exchange)
        .await
        .map_err(unavailable)?
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, NoAnswer> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| bad(path, &error))
}

fn bad(path: &Path, error: &dyn Display) -> NoAnswer {
    NoAnswer::File(path.to_owned(), error.to_string())
}

fn unavailable(error: impl Display) -> NoAnswer {
    NoAnswer::Unavailable(error.to_string())
}
