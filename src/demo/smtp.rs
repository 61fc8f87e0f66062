//! Mail towards the gateway, as a school's relay hands it over: SMTP with STARTTLS and a verified
//! certificate (RFC 5321, RFC 3207).

use super::outbox::Outgoing;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How the demo's relay calls itself.
const OWN_NAME: &str = "relay.demo.test";

/// Trusts the demo's authority and nobody else.
pub(super) fn client_config(ca: &Path) -> io::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(ca).map_err(io::Error::other)? {
        roots
            .add(root.map_err(io::Error::other)?)
            .map_err(io::Error::other)?;
    }
    let builder = crate::tls::client().map_err(io::Error::other)?;
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    Ok(Arc::new(config))
}

/// Connects, begins TLS and says EHLO again.
pub(super) async fn connect(
    to: SocketAddr,
    tls: Arc<ClientConfig>,
) -> io::Result<Talk<TlsStream<TcpStream>>> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let mut clear = Talk::new(stream);
    clear.reply().await?;
    clear.ask(&format!("EHLO {OWN_NAME}")).await?;
    clear.ask("STARTTLS").await?;
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let stream = TlsConnector::from(tls)
        .connect(name, clear.stream.into_inner())
        .await?;
    let mut talk = Talk::new(stream);
    talk.ask(&format!("EHLO {OWN_NAME}")).await?;
    Ok(talk)
}

/// A dialogue, in clear or not.
pub(super) struct Talk<S> {
    stream: BufReader<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    fn new(stream: S) -> Self {
        Self {
            stream: BufReader::new(stream),
        }
    }

    async fn ask(&mut self, command: &str) -> io::Result<String> {
        let line = format!("{command}\r\n");
        self.stream.get_mut().write_all(line.as_bytes()).await?;
        self.stream.get_mut().flush().await?;
        self.reply().await
    }

    /// The last line of a reply; one that refuses is an error.
    async fn reply(&mut self) -> io::Result<String> {
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end();
            if line.get(3..4) == Some("-") {
                continue;
            }
            return match line.get(..1) {
                Some("2" | "3") => Ok(line.to_owned()),
                _ => Err(io::Error::other(format!("the gateway says: {line}"))),
            };
        }
    }
}

impl Talk<TlsStream<TcpStream>> {
    /// Hands one mail over; gives the reply that took it.
    pub(super) async fn send(&mut self, mail: &Outgoing) -> io::Result<String> {
        let from = mail.mail_from.as_deref().unwrap_or_default();
        self.ask(&format!("MAIL FROM:<{from}>")).await?;
        self.ask(&format!("RCPT TO:<{}>", mail.rcpt_to)).await?;
        self.ask("DATA").await?;
        let mut stuffed = Vec::with_capacity(mail.bytes.len() + 8);
        for line in mail.bytes.split_inclusive(|byte| *byte == b'\n') {
            if line.starts_with(b".") {
                stuffed.push(b'.');
            }
            stuffed.extend_from_slice(line);
        }
        if !stuffed.ends_with(b"\r\n") {
            stuffed.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&stuffed).await?;
        self.ask(".").await
    }

    /// Ends it in order.
    pub(super) async fn quit(&mut self) -> io::Result<()> {
        self.ask("QUIT").await.map(drop)
    }
}
