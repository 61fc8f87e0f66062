//! A peer that is called over HTTPS: the alarms' webhook and the external heartbeat. Verified TLS
//! always, on the loopback too: there is no other way to make a [`Peer`].

use super::{NoAnswer, bad, certificates, send, unavailable};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use jiff::Timestamp;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// From resolving the name to the last byte of the answer.
const WITHIN: Duration = Duration::from_secs(10);
/// Longest address of a peer, bytes.
const URL_BYTES_MAX: usize = 2048;

/// `https://HOST[:PORT][/PATH]`. Plain HTTP, user names and fragments are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpsUrl {
    host: String,
    port: u16,
    path: String,
}

impl HttpsUrl {
    /// Reads one.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("https://")?;
        let visible = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\' | b'"');
        if text.len() > URL_BYTES_MAX || !rest.bytes().all(visible) {
            return None;
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            Some(_) | None => (authority, 443),
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        ServerName::try_from(bare).ok()?;
        Some(Self {
            host: bare.to_owned(),
            port,
            path: if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/{path}")
            },
        })
    }

    /// Its host and port.
    pub fn authority(&self) -> (&str, u16) {
        (&self.host, self.port)
    }
}

/// How a peer is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSettings {
    /// Where it is.
    pub url: HttpsUrl,
    /// One private authority that names it; none: the system's roots.
    pub ca: Option<PathBuf>,
    /// A file whose first line is sent as a bearer token (RFC 6750).
    pub token: Option<PathBuf>,
    /// When the token expires, as far as the settings say.
    pub token_expires: Option<Timestamp>,
}

/// A peer whose files were read.
#[derive(Clone)]
pub struct Peer {
    url: HttpsUrl,
    name: ServerName<'static>,
    connector: TlsConnector,
    token: Option<String>,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Peer(..)")
    }
}

impl Peer {
    /// Reads the files.
    pub fn new(settings: &PeerSettings) -> Result<Self, NoAnswer> {
        let config: ClientConfig = crate::tls::client()
            .map_err(unavailable)?
            .with_root_certificates(roots(settings.ca.as_deref())?)
            .with_no_client_auth();
        let token = match &settings.token {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| bad(path, &error))?;
                let line = text.lines().next().unwrap_or_default().trim().to_owned();
                let fits = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_graphic());
                Some(if fits {
                    line
                } else {
                    return Err(bad(path, &"its first line is no token"));
                })
            }
        };
        Ok(Self {
            name: ServerName::try_from(settings.url.host.clone()).map_err(|_| NoAnswer::Host)?,
            connector: TlsConnector::from(Arc::new(config)),
            url: settings.url.clone(),
            token,
        })
    }

    /// Posts JSON, or asks with GET where there is none to post. Gives the status answered.
    pub async fn call(&self, json: Option<Vec<u8>>) -> Result<u16, NoAnswer> {
        timeout(WITHIN, self.exchange(json))
            .await
            .map_err(unavailable)?
    }

    async fn exchange(&self, json: Option<Vec<u8>>) -> Result<u16, NoAnswer> {
        let (host, port) = self.url.authority();
        let mut request = Request::builder()
            .method(if json.is_some() { "POST" } else { "GET" })
            .uri(&self.url.path)
            .header("host", format!("{host}:{port}"))
            .header("user-agent", "firstbell");
        if json.is_some() {
            request = request.header("content-type", "application/json");
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = Full::new(Bytes::from(json.unwrap_or_default()));
        let request = request.body(body).map_err(unavailable)?;
        let stream = TcpStream::connect((host, port))
            .await
            .map_err(unavailable)?;
        stream.set_nodelay(true).map_err(unavailable)?;
        let connected = self.connector.connect(self.name.clone(), stream);
        let stream = connected.await.map_err(unavailable)?;
        Ok(send(stream, request).await?.status().as_u16())
    }
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, NoAnswer> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            for root in certificates(path)? {
                roots.add(root).map_err(|error| bad(path, &error))?;
            }
        }
        // Systems carry the odd root that cannot be read; the others stand.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(NoAnswer::Unavailable("no roots to trust".to_owned()));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_is_an_address_of_a_peer() {
        let read = |text| HttpsUrl::parse(text).map(|url| (url.host, url.port, url.path));
        let is = |host: &str, port, path: &str| Some((host.to_owned(), port, path.to_owned()));
        assert_eq!(read("https://a.example"), is("a.example", 443, "/"));
        assert_eq!(
            read("https://a.example:8443/x?y"),
            is("a.example", 8443, "/x?y")
        );
        assert_eq!(read("https://a.example?y"), is("a.example", 443, "/?y"));
        assert_eq!(read("https://[::1]:9/x"), is("::1", 9, "/x"));
        assert_eq!(read("https://127.0.0.1:9/x"), is("127.0.0.1", 9, "/x"));
        for bad in [
            "http://127.0.0.1/x",
            "https://",
            "https:///x",
            "https://u:p@a.example/x",
            "https://a.example:0x/",
            "https://a.example/x#y",
            "https://a.example/ x",
            "https://a.example:99999/",
            "HTTPS://a.example/\u{e9}",
        ] {
            assert_eq!(HttpsUrl::parse(bad), None, "{bad}");
        }
    }
}
