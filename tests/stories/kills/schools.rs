//! The schools' relay: it brings their mails over SMTP with STARTTLS, and what it did not hear 250 for
//! again, the same bytes, until it does.

use super::dice::Dice;
use super::field::Field;
use super::mails::{Mail, chosen};
use crate::support::wire::tcp;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

/// At most this long after a mail was written its reply is heard; kills are aimed at that.
const FAR_AWAY_MS: u64 = 60;

type Stream = BufReader<StreamOwned<ClientConnection, TcpStream>>;

pub(super) struct Schools<'a> {
    field: &'a Field,
    dice: Dice,
    to: SocketAddr,
    tls: Arc<ClientConfig>,
    /// The kept connection, and the daemon's run that it leads to.
    kept: Option<(u32, Stream)>,
}

impl<'a> Schools<'a> {
    pub(super) fn new(
        field: &'a Field,
        to: SocketAddr,
        tls: &Arc<ClientConfig>,
        (seed, number): (u64, u32),
    ) -> Self {
        Self {
            field,
            dice: Dice::new(seed, u64::from(number)),
            to,
            tls: Arc::clone(tls),
            kept: None,
        }
    }

    /// Reads letters, and brings what the schools make of them.
    pub(super) fn run(mut self) {
        while let Some(letter) = self.field.letter() {
            for what in chosen(&mut self.dice) {
                let mail = Mail::about(&letter, *what);
                let place = self.field.mail_begun(letter.clone(), *what);
                self.bring(place, &mail);
            }
        }
    }

    /// Until it hears 250, or the story has failed elsewhere.
    fn bring(&mut self, place: usize, mail: &Mail) {
        while let Some(run) = self.field.daemon() {
            if let Ok(Some(stream)) = self.once(run, place, mail) {
                self.kept = Some((run, stream));
                return;
            }
            self.dice.pause_below_ms(20);
        }
    }

    /// Gives the connection back once it heard 250.
    fn once(&mut self, run: u32, place: usize, mail: &Mail) -> io::Result<Option<Stream>> {
        let mut stream = match self.kept.take() {
            Some((known, stream)) if known == run => stream,
            _ => self.connect()?,
        };
        let mail_from = mail.mail_from.as_deref().unwrap_or_default();
        said(&mut stream, &format!("MAIL FROM:<{mail_from}>"), 250)?;
        said(&mut stream, &format!("RCPT TO:<{}>", mail.rcpt_to), 250)?;
        said(&mut stream, "DATA", 354)?;
        self.field.mail_written();
        let written = write(&mut stream, &mail.bytes).and_then(|()| write(&mut stream, b".\r\n"));
        // Between our commit and its hearing of 250 it is far away.
        self.dice.pause_below_ms(FAR_AWAY_MS);
        let heard = written.and_then(|()| reply(&mut stream));
        let taken = self
            .field
            .mail_ended(place, run, heard.as_ref().ok().copied());
        let code = heard?;
        assert!(code < 500, "a mail refused: {code}");
        Ok(taken.then_some(stream))
    }

    /// Begins in clear, as RFC 3207 has it.
    fn connect(&self) -> io::Result<Stream> {
        let mut clear = BufReader::new(tcp(self.to)?);
        expect(reply(&mut clear)?, 220)?;
        for (command, code) in [("EHLO relay.test", 250), ("STARTTLS", 220)] {
            clear
                .get_mut()
                .write_all(format!("{command}\r\n").as_bytes())?;
            expect(reply(&mut clear)?, code)?;
        }
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(Arc::clone(&self.tls), name).unwrap();
        let mut stream = BufReader::new(StreamOwned::new(tls, clear.into_inner()));
        said(&mut stream, "EHLO relay.test", 250)?;
        Ok(stream)
    }
}

/// Says a command that must be answered with this code.
fn said(stream: &mut Stream, command: &str, code: u16) -> io::Result<()> {
    expect(ask(stream, command)?, code)
}

fn ask(stream: &mut Stream, command: &str) -> io::Result<u16> {
    write(stream, format!("{command}\r\n").as_bytes())?;
    reply(stream)
}

fn write(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    stream.get_mut().write_all(bytes)?;
    stream.get_mut().flush()
}

/// A refusal for good fails the story; one for now is a reason to come again.
fn expect(heard: u16, code: u16) -> io::Result<()> {
    assert!(heard < 500, "refused: {heard} instead of {code}");
    match heard == code {
        true => Ok(()),
        false => Err(io::Error::other("not now")),
    }
}

/// The code of a whole reply, of one line or several.
fn reply(stream: &mut impl BufRead) -> io::Result<u16> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if !line.ends_with("\r\n") {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.as_bytes()[3] == b' ' {
            return Ok(line[..3].parse().unwrap());
        }
    }
}
