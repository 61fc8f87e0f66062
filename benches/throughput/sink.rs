//! The relay that both sides hand over to: STARTTLS, then it takes every message and counts it. Until
//! its gate is opened it greets nobody, so that a queue can be filled before anything leaves it.

use crate::support::pki::Pki;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Whatever a side hands over comes within this, or the measurement fails.
const PATIENCE: Duration = Duration::from_mins(5);
/// Bytes read at once: a whole TLS record.
const READ_BYTES: usize = 16 * 1024;

pub(crate) struct Sink {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

/// What came between opening the gate and closing it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    /// From the opening to the last reply.
    pub(crate) within: Duration,
    pub(crate) handshakes: usize,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    open: bool,
    wanted: usize,
    taken: usize,
    last_at: Option<Instant>,
    handshakes: usize,
    connections: Vec<TcpStream>,
    /// The first message that ever came, as it was transferred.
    sample: Option<Vec<u8>>,
}

impl Sink {
    /// Listens for the rest of the process's life, its gate closed.
    pub(crate) fn start(pki: &Pki) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_file(&pki.server.certificate).unwrap()],
                PrivateKeyDer::from_pem_file(&pki.server.key).unwrap(),
            )
            .unwrap();
        // Some mail software breaks on tickets of TLS 1.3.
        config.send_tls13_tickets = 0;
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let of_listener = Arc::clone(&shared);
        thread::spawn(move || {
            for tcp in listener.incoming() {
                let (config, shared) = (Arc::clone(&config), Arc::clone(&of_listener));
                // A connection that breaks shows in the count.
                thread::spawn(move || talk(tcp?, config, &shared));
            }
        });
        Self { port, shared }
    }

    /// Opens the gate, calls `begin`, waits for so many messages, calls `settle`, and closes the gate
    /// and every connection.
    pub(crate) fn take(
        &self,
        wanted: usize,
        begin: impl FnOnce() + Send,
        settle: impl FnOnce(),
    ) -> Taken {
        let begun = Instant::now();
        let mut state = self.shared.state.lock().unwrap();
        (state.open, state.wanted, state.taken, state.handshakes) = (true, wanted, 0, 0);
        self.shared.changed.notify_all();
        let (taken, last_at, handshakes) = thread::scope(|scope| {
            scope.spawn(begin);
            let missing = |state: &mut State| state.taken < state.wanted;
            let changed = &self.shared.changed;
            let waited = changed.wait_timeout_while(state, PATIENCE, missing);
            let (state, _) = waited.unwrap();
            (state.taken, state.last_at, state.handshakes)
        });
        assert!(taken >= wanted, "{taken} of {wanted} messages came");
        settle();
        let mut state = self.shared.state.lock().unwrap();
        state.open = false;
        for connection in state.connections.drain(..) {
            // It may have gone by itself.
            drop(connection.shutdown(Shutdown::Both));
        }
        Taken {
            within: last_at.unwrap() - begun,
            handshakes,
        }
    }

    /// The first message that ever came, as it was transferred: dots doubled, without the final one.
    pub(crate) fn sample(&self) -> Vec<u8> {
        self.shared.state.lock().unwrap().sample.clone().unwrap()
    }
}

fn talk(tcp: TcpStream, config: Arc<ServerConfig>, shared: &Shared) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let mut state = shared.state.lock().unwrap();
    while !state.open {
        state = shared.changed.wait(state).unwrap();
    }
    state.handshakes += 1;
    state.connections.push(tcp.try_clone()?);
    drop(state);
    let mut clear = Session::new(tcp);
    clear.say("220 sink.test ESMTP")?;
    clear.line()?;
    clear.say("250-sink.test\r\n250-PIPELINING\r\n250-SIZE 1048576\r\n250-8BITMIME\r\n250-DSN\r\n250 STARTTLS")?;
    clear.line()?;
    clear.say("220 2.0.0 ready")?;
    let tls = ServerConnection::new(config).map_err(io::Error::other)?;
    Session::new(StreamOwned::new(tls, clear.stream)).take_messages(shared)
}

struct Session<S> {
    stream: S,
    read: Vec<u8>,
}

impl<S: Read + Write> Session<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    fn take_messages(&mut self, shared: &Shared) -> io::Result<()> {
        loop {
            let command = self.line()?;
            match command.get(..4).unwrap_or_default() {
                b"EHLO" => {
                    self.say("250-sink.test\r\n250-PIPELINING\r\n250-SIZE 1048576\r\n250-8BITMIME\r\n250 DSN")?;
                }
                b"DATA" => {
                    self.say("354 end with a dot")?;
                    let message = self.until(b"\r\n.\r\n")?;
                    // Counted once it is answered, as the last one ends the measurement.
                    self.say("250 2.0.0 taken")?;
                    shared.count(message);
                }
                b"QUIT" => return self.say("221 2.0.0 bye"),
                _ => self.say("250 2.0.0 ok")?,
            }
        }
    }

    fn say(&mut self, reply: &str) -> io::Result<()> {
        self.stream.write_all(format!("{reply}\r\n").as_bytes())?;
        self.stream.flush()
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        self.until(b"\r\n")
    }

    /// What comes before these bytes.
    fn until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        let mut looked = 0;
        loop {
            let found = self.read[looked..]
                .windows(end.len())
                .position(|window| window == end);
            if let Some(at) = found {
                let rest = self.read.split_off(looked + at + end.len());
                let mut before = std::mem::replace(&mut self.read, rest);
                before.truncate(looked + at);
                return Ok(before);
            }
            looked = self.read.len().saturating_sub(end.len() - 1);
            let mut bytes = [0; READ_BYTES];
            let count = self.stream.read(&mut bytes)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.read.extend_from_slice(&bytes[..count]);
        }
    }
}

impl Shared {
    fn count(&self, message: Vec<u8>) {
        let mut state = self.state.lock().unwrap();
        state.taken += 1;
        if state.taken <= state.wanted {
            state.last_at = Some(Instant::now());
        }
        state.sample.get_or_insert(message);
        if state.taken == state.wanted {
            self.changed.notify_all();
        }
    }
}
