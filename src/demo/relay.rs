//! A relay for the demo: plays CJSM (STARTTLS) and a school's own relay (TLS from the first byte, our
//! client certificate required). It keeps each mail exactly as it arrived, and a journal.
//!
//! It speaks as much SMTP as a well-behaved sender needs (RFC 5321), over TLS only.

use super::journal;
use super::mailboxes::{MAILBOXES, Relaying};
use super::pki::Identity;
use super::school::{Arrived, Schools};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A line in bytes at most (RFC 5321, 4.5.3.1.6 says 1000; our letters keep to 78).
const LINE_BYTES_MAX: usize = 1000;
/// A mail in bytes at most.
const MAIL_BYTES_MAX: usize = 1024 * 1024;

/// How a relay begins TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begins {
    StartTls,
    Implicit,
}

/// What a relay does and notes.
#[derive(Debug)]
struct Journal {
    path: PathBuf,
    mail_dir: PathBuf,
    schools: Arc<Schools>,
    /// How often each recipient is still put off with a 451.
    put_off: Mutex<HashMap<&'static str, u32>>,
    /// Recipients whose next letter ends with the connection.
    dies: Mutex<HashSet<&'static str>>,
    count: Mutex<u32>,
    name: &'static str,
}

impl Journal {
    fn note(&self, line: &serde_json::Value) -> io::Result<()> {
        journal::note(&self.path, line)
    }

    /// Keeps a mail as it arrived; gives its file's name.
    fn keep(&self, mail: &[u8]) -> io::Result<String> {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count += 1;
        let name = format!("{}-{:03}.eml", self.name, *count);
        std::fs::write(self.mail_dir.join(&name), mail)?;
        Ok(name)
    }

    fn puts_off(&self, recipient: &str) -> bool {
        let mut put_off = self.put_off.lock().unwrap_or_else(PoisonError::into_inner);
        match put_off.get_mut(recipient) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            Some(_) | None => false,
        }
    }

    fn dies_now(&self, recipient: &str) -> bool {
        let mut dies = self.dies.lock().unwrap_or_else(PoisonError::into_inner);
        dies.remove(recipient)
    }
}

/// A relay that listens.
pub(super) struct Relay {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    begins: Begins,
    journal: Arc<Journal>,
}

/// What a relay is made of.
pub(super) struct Recipe<'a> {
    pub(super) name: &'static str,
    pub(super) begins: Begins,
    pub(super) identity: &'a Identity,
    /// The authority of our client certificate, when one is required.
    pub(super) client_ca: Option<&'a Path>,
    pub(super) mail_dir: &'a Path,
    pub(super) journal: PathBuf,
    pub(super) schools: Arc<Schools>,
}

impl Relay {
    pub(super) async fn listen(recipe: Recipe<'_>) -> io::Result<Self> {
        let config = server_config(recipe.identity, recipe.client_ca).map_err(io::Error::other)?;
        let put_off = MAILBOXES
            .iter()
            .filter_map(|mailbox| match mailbox.relaying {
                Relaying::PutsOff(times) => Some((mailbox.address, times)),
                Relaying::Takes | Relaying::DiesOnce => None,
            });
        let dies = MAILBOXES
            .iter()
            .filter(|mailbox| mailbox.relaying == Relaying::DiesOnce);
        let journal = Journal {
            path: recipe.journal,
            mail_dir: recipe.mail_dir.to_owned(),
            schools: recipe.schools,
            put_off: Mutex::new(put_off.collect()),
            dies: Mutex::new(dies.map(|mailbox| mailbox.address).collect()),
            count: Mutex::new(0),
            name: recipe.name,
        };
        Ok(Self {
            listener: TcpListener::bind("127.0.0.1:0").await?,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            begins: recipe.begins,
            journal: Arc::new(journal),
        })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until it is dropped.
    pub(super) async fn serve(self) {
        let mut talking = JoinSet::new();
        loop {
            while talking.try_join_next().is_some() {}
            let Ok((stream, _)) = self.listener.accept().await else {
                continue;
            };
            let (acceptor, journal) = (self.acceptor.clone(), Arc::clone(&self.journal));
            let begins = self.begins;
            talking.spawn(async move {
                if let Err(error) = talk(stream, acceptor, begins, &journal).await {
                    let noted =
                        journal.note(&json!({ "event": "lost", "why": error.kind().to_string() }));
                    drop(noted);
                }
            });
        }
    }
}

fn server_config(identity: &Identity, client_ca: Option<&Path>) -> Result<ServerConfig, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let chain = CertificateDer::pem_file_iter(&identity.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| text(&e))?;
    let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(|e| text(&e))?;
    let builder = crate::tls::server().map_err(|e| text(&e))?;
    let builder = match client_ca {
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for root in CertificateDer::pem_file_iter(path).map_err(|e| text(&e))? {
                roots
                    .add(root.map_err(|e| text(&e))?)
                    .map_err(|e| text(&e))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(
                Arc::new(roots),
                crate::tls::provider(),
            );
            builder.with_client_cert_verifier(verifier.build().map_err(|e| text(&e))?)
        }
        None => builder.with_no_client_auth(),
    };
    builder.with_single_cert(chain, key).map_err(|e| text(&e))
}

async fn talk(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    begins: Begins,
    journal: &Journal,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match begins {
        Begins::Implicit => {
            Session::new(acceptor.accept(stream).await?, journal, true)
                .run()
                .await
        }
        Begins::StartTls => {
            let mut clear = Session::new(stream, journal, false);
            if !clear.run_until_starttls().await? {
                return Ok(());
            }
            let stream = clear.stream.into_inner();
            Session::new(acceptor.accept(stream).await?, journal, false)
                .run()
                .await
        }
    }
}

struct Session<'a, S> {
    stream: BufReader<S>,
    journal: &'a Journal,
    greet: bool,
    envelope: Envelope,
}

#[derive(Default)]
struct Envelope {
    mail: Option<String>,
    recipient: Option<String>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Session<'a, S> {
    fn new(stream: S, journal: &'a Journal, greet: bool) -> Self {
        Self {
            stream: BufReader::new(stream),
            journal,
            greet,
            envelope: Envelope::default(),
        }
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        self.stream
            .get_mut()
            .write_all(format!("{reply}\r\n").as_bytes())
            .await?;
        self.stream.get_mut().flush().await
    }

    /// A line without its CRLF; none at the end of the stream.
    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Ok(None);
        }
        match line.strip_suffix(b"\r\n") {
            Some(bare) if line.len() <= LINE_BYTES_MAX => Ok(Some(bare.to_vec())),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    async fn command(&mut self) -> io::Result<Option<String>> {
        let line = self.line().await?;
        Ok(line.map(|line| String::from_utf8_lossy(&line).into_owned()))
    }

    /// In clear: greeting, EHLO and STARTTLS, nothing else.
    async fn run_until_starttls(&mut self) -> io::Result<bool> {
        self.say("220 relay.demo.test ESMTP").await?;
        while let Some(command) = self.command().await? {
            match verb(&command).as_str() {
                "EHLO" => self.say("250-relay.demo.test\r\n250 STARTTLS").await?,
                "STARTTLS" => {
                    self.say("220 2.0.0 ready").await?;
                    return Ok(true);
                }
                "QUIT" => {
                    self.say("221 2.0.0 bye").await?;
                    return Ok(false);
                }
                _ => self.say("530 5.7.0 STARTTLS first").await?,
            }
        }
        Ok(false)
    }

    async fn run(&mut self) -> io::Result<()> {
        if self.greet {
            self.say("220 relay.demo.test ESMTP").await?;
        }
        while let Some(command) = self.command().await? {
            match verb(&command).as_str() {
                "EHLO" => {
                    self.say("250-relay.demo.test\r\n250-SIZE 1048576\r\n250-ENHANCEDSTATUSCODES\r\n250 DSN")
                        .await?;
                }
                "MAIL" => {
                    self.envelope = Envelope {
                        mail: Some(command),
                        recipient: None,
                    };
                    self.say("250 2.1.0 ok").await?;
                }
                "RCPT" => self.recipient(&command).await?,
                "DATA" if self.envelope.recipient.is_some() => {
                    if !self.data().await? {
                        return Ok(());
                    }
                }
                "RSET" => {
                    self.envelope = Envelope::default();
                    self.say("250 2.0.0 ok").await?;
                }
                "NOOP" => self.say("250 2.0.0 ok").await?,
                "QUIT" => return self.say("221 2.0.0 bye").await,
                _ => self.say("503 5.5.1 out of order").await?,
            }
        }
        Ok(())
    }

    async fn recipient(&mut self, command: &str) -> io::Result<()> {
        let address = path(command).unwrap_or_default().to_owned();
        if self.journal.puts_off(&address) {
            self.journal
                .note(&json!({ "event": "put_off", "rcpt": address, "code": 451 }))?;
            return self.say("451 4.7.1 please try again later").await;
        }
        self.envelope.recipient = Some(address);
        self.say("250 2.1.5 ok").await
    }

    /// RFC 5321, 4.5.2: a leading dot is taken away; a dot alone ends the mail. False: the connection
    /// dies before the reply.
    async fn data(&mut self) -> io::Result<bool> {
        self.say("354 end with a dot").await?;
        let mut mail = Vec::new();
        loop {
            let line = self.line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if line == b"." {
                break;
            }
            mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            mail.extend_from_slice(b"\r\n");
            if mail.len() > MAIL_BYTES_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        let file = self.journal.keep(&mail)?;
        let envelope = std::mem::take(&mut self.envelope);
        let recipient = envelope.recipient.unwrap_or_default();
        let envid = envelope.mail.as_deref().and_then(envid);
        let dies = self.journal.dies_now(&recipient);
        self.journal.note(&json!({
            "event": if dies { "died" } else { "taken" },
            "rcpt": recipient,
            "envid": envid,
            "file": file,
            "code": if dies { None } else { Some(250) },
        }))?;
        // Before the reply: what a school will do is on its list before the gateway goes on.
        self.journal.schools.arrived(&Arrived {
            mail_from: envelope.mail.as_deref().and_then(sender),
            rcpt_to: &recipient,
            envid,
            bytes: &mail,
        });
        if !dies {
            self.say("250 2.0.0 taken").await?;
        }
        Ok(!dies)
    }
}

fn verb(command: &str) -> String {
    command
        .split(' ')
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase()
}

fn envid(mail: &str) -> Option<&str> {
    mail.split(' ')
        .find_map(|parameter| parameter.strip_prefix("ENVID="))
}

/// What stands between the angle brackets.
fn path(command: &str) -> Option<&str> {
    let (_, rest) = command.split_once('<')?;
    rest.split_once('>').map(|(address, _)| address)
}

/// The envelope's sender; none when it is empty.
fn sender(mail: &str) -> Option<&str> {
    path(mail).filter(|address| !address.is_empty())
}
