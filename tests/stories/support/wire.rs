//! A sender that writes bytes and reads bytes: nothing between the story and the wire but TLS.

use super::pki::Identity;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};
use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Longer than any answer of the daemon takes: a story that waits for it fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// Every version that we speak.
pub(crate) const ANY_VERSION: &[&SupportedProtocolVersion] =
    &[&rustls::version::TLS13, &rustls::version::TLS12];

/// A TLS connection to intake. Bytes behind an answer are kept for the next one.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: StreamOwned<ClientConnection, TcpStream>,
    behind: Vec<u8>,
}

/// An answer as it arrived.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Wire {
    /// Connects and finishes the client's side of the handshake. With TLS 1.3 the server may still
    /// refuse the certificate after that: see [`Wire::refusal`].
    pub(crate) fn connect(
        to: SocketAddr,
        ca: &Path,
        identity: Option<&Identity>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> io::Result<Self> {
        Self::over(to, &Self::config(ca, identity, versions))
    }

    /// What a sender keeps between connections: its identity, and sessions it could resume.
    pub(crate) fn config(
        ca: &Path,
        identity: Option<&Identity>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(ca).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        Arc::new(match identity {
            Some(identity) => config
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_file(&identity.certificate).unwrap()],
                    PrivateKeyDer::from_pem_file(&identity.key).unwrap(),
                )
                .unwrap(),
            None => config.with_no_client_auth(),
        })
    }

    /// Connects as [`Wire::connect`] does.
    pub(crate) fn over(to: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(Arc::clone(config), name).unwrap();
        let mut tcp = tcp(to)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        Ok(Self {
            stream: StreamOwned::new(tls, tcp),
            behind: Vec::new(),
        })
    }

    /// The alert that refuses us, read without having sent anything.
    pub(crate) fn refusal(
        to: SocketAddr,
        ca: &Path,
        identity: Option<&Identity>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> AlertDescription {
        let refused = Self::connect(to, ca, identity, versions)
            .and_then(|mut wire| wire.stream.read(&mut [0; 1]));
        match refused {
            Ok(bytes) => panic!("not refused: {bytes} bytes came"),
            Err(error) => match error.get_ref().and_then(|e| e.downcast_ref()) {
                Some(rustls::Error::AlertReceived(alert)) => *alert,
                other => panic!("not refused by an alert: {error} ({other:?})"),
            },
        }
    }

    /// Whether a session was resumed.
    pub(crate) fn handshake(&self) -> HandshakeKind {
        self.stream.conn.handshake_kind().unwrap()
    }

    /// Writes bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    /// Writes bytes and reads one answer.
    pub(crate) fn ask(&mut self, bytes: &[u8]) -> Response {
        self.send(bytes);
        self.response()
    }

    /// Reads one answer; calls `meanwhile` for each second that nothing came.
    pub(crate) fn response_while(&mut self, mut meanwhile: impl FnMut(&mut Self)) -> Response {
        let second = Some(Duration::from_secs(1));
        self.stream.sock.set_read_timeout(second).unwrap();
        let mut first = [0; 1];
        while let Err(error) = self.stream.read_exact(&mut first) {
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
            meanwhile(self);
        }
        self.behind.extend(first);
        self.stream.sock.set_read_timeout(Some(PATIENCE)).unwrap();
        self.response()
    }

    /// Reads one answer.
    pub(crate) fn response(&mut self) -> Response {
        let head_end = loop {
            if let Some(at) = self.behind.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.more() > 0, "closed without a whole answer");
        };
        let head: Vec<u8> = self.behind.drain(..head_end).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap();
        let status = status.strip_prefix("HTTP/1.1 ").unwrap()[..3]
            .parse()
            .unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut response = Response {
            status,
            headers,
            body: Vec::new(),
        };
        let length = response.header("content-length").unwrap_or("0");
        let length: usize = length.parse().unwrap();
        while self.behind.len() < length {
            assert!(self.more() > 0, "closed within a body");
        }
        response.body = self.behind.drain(..length).collect();
        response
    }

    /// Whatever still comes until the server closes; waits for that.
    pub(crate) fn rest(mut self) -> Vec<u8> {
        while self.more() > 0 {}
        self.behind
    }

    fn more(&mut self) -> usize {
        let mut bytes = [0; 4096];
        let count = self.stream.read(&mut bytes).unwrap();
        self.behind.extend(&bytes[..count]);
        count
    }
}

impl Response {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The headers' names, in their order.
    pub(crate) fn header_names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A plain connection with an end to every wait.
pub(crate) fn tcp(to: SocketAddr) -> io::Result<TcpStream> {
    let tcp = TcpStream::connect(to)?;
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    tcp.set_write_timeout(Some(PATIENCE))?;
    Ok(tcp)
}
