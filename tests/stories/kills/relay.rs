//! A relay that takes its time over every letter and writes down what it hears.

use super::dice::Dice;
use super::field::{End, Field};
use crate::support::pki::Pki;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// At most this long before a reply; the reply to the final dot is what kills are aimed at.
const COMMAND_MS: u64 = 4;
const LETTER_MS: u64 = 50;

/// Listens for the rest of the process's life; gives its port.
pub(super) fn start(route: &'static str, pki: &Pki, field: &Arc<Field>, seed: u64) -> u16 {
    let config = pki.serves();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let field = Arc::clone(field);
    thread::spawn(move || {
        for (stream, count) in listener.incoming().zip(0..) {
            let (config, field) = (Arc::clone(&config), Arc::clone(&field));
            let dice = Dice::new(seed, u64::from(port) << 32 | count);
            thread::spawn(move || talk(route, stream?, config, &field, dice));
        }
    });
    port
}

fn talk(
    route: &'static str,
    tcp: TcpStream,
    config: Arc<ServerConfig>,
    field: &Field,
    dice: Dice,
) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let tls = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut session = Session {
        route,
        stream: BufReader::new(StreamOwned::new(tls, tcp)),
        field,
        dice,
        open: None,
    };
    let ended = session.run();
    if let Some(place) = session.open {
        field.end(place, End::Lost);
    }
    ended
}

struct Session<'a> {
    route: &'static str,
    stream: BufReader<StreamOwned<ServerConnection, TcpStream>>,
    field: &'a Field,
    dice: Dice,
    /// The transaction under way.
    open: Option<usize>,
}

impl Session<'_> {
    fn run(&mut self) -> io::Result<()> {
        self.say("220 relay.test ESMTP")?;
        while let Some(command) = self.line()? {
            let command = String::from_utf8_lossy(&command).into_owned();
            if command.starts_with("MAIL") {
                self.open = Some(self.field.mail(self.route, command.clone()));
            }
            self.dice.pause_below_ms(COMMAND_MS);
            match (command.split(' ').next().unwrap_or_default(), self.open) {
                ("EHLO", None) => self.say("250-relay.test\r\n250-SIZE 1048576\r\n250 DSN")?,
                ("RCPT", Some(place)) => {
                    let recipient = command.split(['<', '>']).nth(1).unwrap_or_default();
                    let recipient = recipient.to_owned();
                    self.field
                        .note(place, |letter| letter.recipient = recipient);
                    self.say("250 2.1.5 ok")?;
                }
                ("DATA", Some(place)) => self.letter(place)?,
                ("QUIT", None) => return self.say("221 2.0.0 bye"),
                ("MAIL", Some(_)) | ("RSET" | "NOOP", None) => self.say("250 2.0.0 ok")?,
                _ => self.say("503 5.5.1 out of order")?,
            }
        }
        Ok(())
    }

    fn letter(&mut self, place: usize) -> io::Result<()> {
        self.say("354 end with a dot")?;
        let mut bytes = Vec::new();
        let heard = self.until_the_dot(&mut bytes);
        self.field.note(place, |letter| {
            letter.bytes = bytes;
            letter.complete = heard.is_ok();
        });
        heard?;
        self.dice.pause_below_ms(LETTER_MS);
        self.open = None;
        self.field.end(place, End::Taken);
        self.say("250 2.0.0 taken")
    }

    /// RFC 5321, 4.5.2: a leading dot is taken away; a dot alone ends the letter.
    fn until_the_dot(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let line = self.line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if line == b"." {
                return Ok(());
            }
            bytes.extend(line.strip_prefix(b".").unwrap_or(&line));
            bytes.extend(b"\r\n");
        }
    }

    fn say(&mut self, reply: &str) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(format!("{reply}\r\n").as_bytes())?;
        stream.flush()
    }

    /// A line without its CRLF; none at the end of the stream.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        match line.strip_suffix(b"\r\n") {
            Some(bare) => Ok(Some(bare.to_vec())),
            None if line.is_empty() => Ok(None),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
