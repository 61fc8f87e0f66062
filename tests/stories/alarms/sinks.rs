//! Whoever is told: a mailbox behind a real relay over TLS, and a real HTTPS listener. Each keeps what it
//! was given, and answers as its like do.

use crate::support::pki::Pki;
use crate::support::waiting::until;
use rustls::{ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longer than any exchange takes: a peer that hangs ends the story instead of holding it.
const PATIENCE: Duration = Duration::from_secs(30);

type Stream = BufReader<StreamOwned<ServerConnection, TcpStream>>;

pub(crate) struct Sink {
    pub(crate) port: u16,
    taken: Arc<Mutex<Vec<String>>>,
    refuses: Arc<AtomicBool>,
}

impl Sink {
    /// A relay with TLS from the first byte; each mail it took.
    pub(crate) fn mailbox(pki: &Pki) -> Self {
        Self::start(pki, mail)
    }

    /// A listener that answers 200; each request whole.
    pub(crate) fn listener(pki: &Pki) -> Self {
        Self::start(pki, request)
    }

    fn start(
        pki: &Pki,
        exchange: fn(&mut Stream, bool) -> std::io::Result<Option<String>>,
    ) -> Self {
        let config = pki.serves();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let sink = Self {
            port: listener.local_addr().unwrap().port(),
            taken: Arc::default(),
            refuses: Arc::default(),
        };
        let (taken, refuses) = (Arc::clone(&sink.taken), Arc::clone(&sink.refuses));
        std::thread::spawn(move || {
            for tcp in listener.incoming() {
                let tcp = tcp.unwrap();
                tcp.set_read_timeout(Some(PATIENCE)).unwrap();
                let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = BufReader::new(StreamOwned::new(tls, tcp));
                let refuse = refuses.load(Ordering::Acquire);
                // Whoever leaves in the middle has given nothing.
                if let Ok(Some(text)) = exchange(&mut stream, refuse) {
                    taken.lock().unwrap().push(text);
                }
            }
        });
        sink
    }

    /// From now on nothing is taken, or again.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::Release);
    }

    pub(crate) fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }

    /// What was taken, once it is so many.
    pub(crate) fn await_taken(&self, count: usize) -> Vec<String> {
        until(|| Some(self.taken()).filter(|taken| taken.len() >= count))
            .unwrap_or_else(|| panic!("not {count}: {:#?}", self.taken()))
    }
}

fn say(stream: &mut Stream, text: &str) -> std::io::Result<()> {
    stream.get_mut().write_all(text.as_bytes())?;
    stream.get_mut().flush()
}

/// One SMTP connection; its mail with its envelope, dots undone.
fn mail(stream: &mut Stream, refuse: bool) -> std::io::Result<Option<String>> {
    let mut taken = String::new();
    say(stream, "220 sink.test ESMTP\r\n")?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok((!taken.is_empty()).then_some(taken));
        }
        let verb = line.trim_end().to_ascii_uppercase();
        if refuse && verb.starts_with("MAIL") {
            say(stream, "451 4.3.0 not now\r\n")?;
        } else if verb == "DATA" {
            say(stream, "354 go on\r\n")?;
            loop {
                let mut line = String::new();
                stream.read_line(&mut line)?;
                match line.as_str() {
                    ".\r\n" => break,
                    line => taken.push_str(line.strip_prefix('.').unwrap_or(line)),
                }
            }
            say(stream, "250 2.0.0 taken\r\n")?;
        } else if verb == "QUIT" {
            say(stream, "221 bye\r\n")?;
            return Ok((!taken.is_empty()).then_some(taken));
        } else {
            if verb.starts_with("MAIL") || verb.starts_with("RCPT") {
                taken.push_str(&line);
            }
            say(stream, "250 ok\r\n")?;
        }
    }
}

/// One request: head and body.
fn request(stream: &mut Stream, refuse: bool) -> std::io::Result<Option<String>> {
    let mut text = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        text.push_str(&line);
        if line == "\r\n" || line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    text.push_str(std::str::from_utf8(&body).unwrap());
    let status = if refuse { "503 Not Now" } else { "200 OK" };
    say(
        stream,
        &format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    )?;
    Ok((!refuse).then_some(text))
}
