//! The connection to a mail server: verified TLS, every read and write by a deadline, every reply
//! within its bound in bytes. Room is made for what comes, never for what is announced.

use super::{Fault, Limits, Settings};
use crate::tls;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What a reply to a command may hold, bytes. RFC 3501 and 1939 mean lines; servers greet at length.
pub(super) const REPLY_BYTES_MAX: usize = 64 * 1024;
/// What a list of mails may hold, bytes: over a hundred thousand mails.
pub(super) const LIST_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Room that is made for a mail before it comes, bytes.
const ROOM_AHEAD: usize = 64 * 1024;

/// What it takes to connect: files read, names checked.
pub(super) struct Door {
    host: String,
    port: u16,
    name: ServerName<'static>,
    connector: TlsConnector,
    limits: Limits,
    pub(super) login: Login,
}

/// User and password, which can be said as they are.
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door(..)")
    }
}

impl Door {
    /// Reads the files.
    pub(super) fn new(settings: &Settings) -> Result<Self, Fault> {
        let name = ServerName::try_from(settings.host.clone()).map_err(|_| Fault::Host)?;
        let mut config = tls::client_from(settings.floor)
            .map_err(|_| Fault::Tls)?
            .with_root_certificates(settings.roots.store()?)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        let secret = tls::read_secret(&settings.password_file)?;
        let password = tls::without_line_end(&secret).to_vec();
        let password = String::from_utf8(password).map_err(|_| Fault::Login)?;
        let sayable =
            |word: &str| !word.is_empty() && word.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if ![&settings.user, &password, &settings.folder]
            .into_iter()
            .all(|word| sayable(word))
        {
            return Err(Fault::Login);
        }
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            name,
            connector: TlsConnector::from(Arc::new(config)),
            limits: settings.limits,
            login: Login {
                user: settings.user.clone(),
                password,
            },
        })
    }

    /// Connects, and shakes hands.
    pub(super) async fn open(&self) -> Result<Wire, Fault> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let tcp = timeout(self.limits.connect, connecting)
            .await
            .map_err(|_| Fault::TimedOut)?
            .map_err(|_| Fault::Unreachable)?;
        tcp.set_nodelay(true).map_err(|_| Fault::Unreachable)?;
        let shaking = self.connector.connect(self.name.clone(), tcp);
        let stream = timeout(self.limits.handshake, shaking)
            .await
            .map_err(|_| Fault::TimedOut)?
            .map_err(|error| refused(&error))?;
        Ok(Wire {
            stream: BufReader::new(stream),
            deadline: Instant::now() + self.limits.command,
            left: REPLY_BYTES_MAX,
            command: self.limits.command,
        })
    }
}

/// Why the handshake failed.
fn refused(error: &io::Error) -> Fault {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::InvalidCertificate(_)) => Fault::Certificate,
        Some(_) | None => Fault::Handshake,
    }
}

/// An open connection.
pub(super) struct Wire {
    stream: BufReader<TlsStream<TcpStream>>,
    deadline: Instant,
    left: usize,
    command: Duration,
}

impl Wire {
    /// Says one line. Its reply may take as long as a command, and hold a few lines.
    pub(super) async fn say(&mut self, line: &str) -> Result<(), Fault> {
        self.say_and_expect(line, self.command, REPLY_BYTES_MAX)
            .await
    }

    /// Says one line; its reply may take so long and hold so many bytes.
    pub(super) async fn say_and_expect(
        &mut self,
        line: &str,
        within: Duration,
        bytes_max: usize,
    ) -> Result<(), Fault> {
        self.deadline = Instant::now() + within;
        self.left = bytes_max;
        let whole = format!("{line}\r\n");
        let stream = &mut self.stream;
        let saying = async {
            stream.write_all(whole.as_bytes()).await?;
            stream.flush().await
        };
        in_time(self.deadline, saying).await
    }

    /// The next line with its LF, as it came.
    pub(super) async fn line(&mut self) -> Result<Vec<u8>, Fault> {
        let mut line = Vec::new();
        let bound = u64::try_from(self.left).unwrap_or(u64::MAX);
        let mut stream = (&mut self.stream).take(bound);
        in_time(self.deadline, stream.read_until(b'\n', &mut line)).await?;
        self.left = self.left.saturating_sub(line.len());
        if line.ends_with(b"\n") {
            return Ok(line);
        }
        Err(if self.left == 0 {
            Fault::TooLong
        } else {
            Fault::Lost
        })
    }

    /// A line of a reply, without its end.
    pub(super) async fn reply(&mut self) -> Result<Vec<u8>, Fault> {
        let mut line = self.line().await?;
        if !line.ends_with(b"\r\n") {
            return Err(Fault::Garbage);
        }
        line.truncate(line.len().saturating_sub(2));
        Ok(line)
    }

    /// So many bytes, put behind what is there.
    pub(super) async fn exactly(
        &mut self,
        length: usize,
        behind: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        if length > self.left {
            return Err(Fault::TooLong);
        }
        behind.reserve(length.min(ROOM_AHEAD));
        let before = behind.len();
        let bound = u64::try_from(length).unwrap_or(u64::MAX);
        let mut stream = (&mut self.stream).take(bound);
        in_time(self.deadline, stream.read_to_end(behind)).await?;
        self.left = self.left.saturating_sub(length);
        if behind.len().saturating_sub(before) == length {
            Ok(())
        } else {
            Err(Fault::Lost)
        }
    }
}

async fn in_time<T>(
    deadline: Instant,
    doing: impl Future<Output = io::Result<T>>,
) -> Result<T, Fault> {
    match timeout_at(deadline, doing).await {
        Ok(done) => done.map_err(|_| Fault::Lost),
        Err(_) => Err(Fault::TimedOut),
    }
}
