//! A force's system: it posts over a kept connection, and what was not answered again with the same
//! key, until it is.

use super::dice::Dice;
use super::field::{Answer, Field};
use super::referrals;
use crate::support::wire::tcp;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

/// Between two posts of one sender at most.
const GAP_MS: u64 = 300;
/// Referrals of one sender at most; keeps the numbers of all apart.
const NUMBERS: u32 = 1_000_000;
/// One post of so many is the repeat of one answered before.
const REPLAY_ONE_IN: u64 = 8;

type Stream = StreamOwned<ClientConnection, TcpStream>;

pub(super) struct Sender<'a> {
    field: &'a Field,
    dice: Dice,
    intake: SocketAddr,
    tls: Arc<ClientConfig>,
    /// The kept connection, and the daemon's run that it leads to.
    kept: Option<(u32, Stream)>,
    /// Answered with 201.
    accepted: Vec<u32>,
    first: u32,
}

impl<'a> Sender<'a> {
    pub(super) fn new(
        field: &'a Field,
        intake: SocketAddr,
        tls: &Arc<ClientConfig>,
        (seed, number): (u64, u32),
    ) -> Self {
        Self {
            field,
            dice: Dice::new(seed, u64::from(number)),
            intake,
            tls: Arc::clone(tls),
            kept: None,
            accepted: Vec::new(),
            first: number * NUMBERS,
        }
    }

    /// Posts until told to finish; then everything once more, which nothing may change.
    pub(super) fn run(mut self) {
        for number in self.first..self.first + NUMBERS {
            if !self.field.posting() {
                break;
            }
            self.dice.pause_below_ms(GAP_MS);
            if self.dice.below(REPLAY_ONE_IN) == 0
                && let Some(old) = self.dice.pick(&self.accepted)
            {
                self.post(old);
            }
            if self.post(number) {
                self.accepted.push(number);
            }
        }
        for number in std::mem::take(&mut self.accepted) {
            self.post(number);
        }
    }

    /// Posts until it is answered with 201; false when the story has failed meanwhile.
    fn post(&mut self, number: u32) -> bool {
        let request = referrals::request(number);
        while let Some(run) = self.field.daemon() {
            if let Ok(status) = self.once(run, number, &request) {
                if status == 201 {
                    return true;
                }
                assert!(matches!(status, 409 | 503), "{number}: answered {status}");
            } else {
                self.kept = None;
            }
            self.dice.pause_below_ms(20);
        }
        false
    }

    fn once(&mut self, run: u32, number: u32, request: &[u8]) -> io::Result<u16> {
        let mut stream = match self.kept.take() {
            Some((known, stream)) if known == run => stream,
            _ => self.connect()?,
        };
        stream.write_all(request)?;
        stream.flush()?;
        self.field.post_written();
        match answer(&mut stream) {
            Ok(answer) => {
                let status = answer.status;
                self.field.post_ended(number, Some(answer));
                self.kept = Some((run, stream));
                Ok(status)
            }
            Err(error) => {
                self.field.post_ended(number, None);
                Err(error)
            }
        }
    }

    fn connect(&self) -> io::Result<Stream> {
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(Arc::clone(&self.tls), name).unwrap();
        let mut tcp = tcp(self.intake)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        Ok(StreamOwned::new(tls, tcp))
    }
}

/// Reads one whole answer; half of one is none.
fn answer(stream: &mut Stream) -> io::Result<Answer> {
    let mut heard = Vec::new();
    let head_end = loop {
        if let Some(at) = heard.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, &mut heard)?;
    };
    let body = heard.split_off(head_end);
    let head = String::from_utf8(heard).unwrap().to_ascii_lowercase();
    let field = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    };
    let mut answer = Answer {
        status: head.strip_prefix("http/1.1 ").unwrap()[..3]
            .parse()
            .unwrap(),
        replayed: field("idempotency-replayed") == Some("true"),
        body,
    };
    let length: usize = field("content-length").unwrap_or("0").parse().unwrap();
    while answer.body.len() < length {
        more(stream, &mut answer.body)?;
    }
    Ok(answer)
}

fn more(stream: &mut Stream, heard: &mut Vec<u8>) -> io::Result<()> {
    let mut bytes = [0; 4096];
    match stream.read(&mut bytes)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => {
            heard.extend(&bytes[..count]);
            Ok(())
        }
    }
}
