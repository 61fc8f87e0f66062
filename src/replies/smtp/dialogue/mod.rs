//! The server's side of SMTP (RFC 5321) without IO: bytes in, [`Next`] out.
//!
//! Strict where a relay before us could read the same bytes another way: a line ends in CR LF, a mail
//! in CR LF . CR LF, and a stray CR, LF or NUL anywhere ends the connection with nothing kept. Every
//! command is answered in its turn, however the bytes were cut on their way; PIPELINING is not offered
//! (nothing is gained on a handful of mails), nor DSN, CHUNKING, SMTPUTF8 or AUTH.
//!
//! What IO must do, [`Next`] says: write a reply, read, shake hands, ask the inbox whether a letter
//! has a token, keep a mail. Only a mail that was kept is answered with 250.

mod command;
mod framing;
mod headers;
mod obeying;
mod path;
mod receiving;
mod recipient;

use super::Mail;
use crate::referral::school::Address;
use crate::store::NotStored;
use framing::{Framing, Piece, Stray};
use receiving::{Progress, Receiving};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Longest command line without its CR LF, bytes. RFC 5321 4.5.3.1.4 has 512 and lets extensions
/// add to it.
const COMMAND_BYTES_MAX: usize = 2048;
/// Commands refused on a connection before it ends: a relay makes none, and guessing tokens makes
/// many.
const REFUSALS_MAX: usize = 20;

/// What is said to a peer that is no allowed relay, in place of the greeting.
pub(super) const NOT_A_RELAY: &[u8] = b"554 5.7.1 not an allowed relay\r\n";
/// What is said in place of the greeting when there are too many connections.
pub(super) const TOO_MANY: &[u8] = b"421 4.3.2 too many connections, try again\r\n";

/// What every dialogue of a listener shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Our name.
    pub host_name: String,
    /// The general reply address.
    pub reply_to: Address,
    /// Largest mail, bytes.
    pub size_bytes_max: usize,
}

/// What is to be done next.
#[derive(Clone, PartialEq, Eq)]
pub enum Next {
    /// Write this.
    Say(Vec<u8>),
    /// Read, and [`Dialogue::feed`] what came.
    Listen,
    /// Shake hands, then [`Dialogue::encrypted`].
    StartTls,
    /// Ask the inbox whether a letter has this token, then [`Dialogue::recognised`].
    Recognise(String),
    /// Keep this mail, then [`Dialogue::kept`].
    Keep(Mail),
    /// Close the connection.
    Close,
}

impl fmt::Debug for Next {
    /// Without tokens and mails.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Say(_) => "Say",
            Self::Listen => "Listen",
            Self::StartTls => "StartTls",
            Self::Recognise(_) => "Recognise",
            Self::Keep(_) => "Keep",
            Self::Close => "Close",
        })
    }
}

/// One connection's dialogue.
#[derive(Debug)]
pub struct Dialogue {
    terms: Arc<Terms>,
    peer: IpAddr,
    encrypted: bool,
    greeted: bool,
    stopping: bool,
    refusals: usize,
    framing: Framing,
    line: Vec<u8>,
    transaction: Option<Transaction>,
    state: State,
    to_say: Vec<u8>,
}

#[derive(Debug)]
enum State {
    /// Nothing has been said.
    Silent,
    Commands,
    Handshake,
    /// The inbox is asked about this recipient, with this token.
    Recognising(String, String),
    Receiving(Receiving),
    /// The inbox is to be given this mail.
    Keeping(Mail),
    /// The inbox has it.
    Kept,
    Over,
}

/// One mail's envelope so far.
#[derive(Debug)]
struct Transaction {
    mail_from: Option<String>,
    rcpt_to: Vec<String>,
}

impl Dialogue {
    /// Begins with a relay at `peer`; `encrypted` where TLS came before the first byte.
    pub fn new(terms: Arc<Terms>, peer: IpAddr, encrypted: bool) -> Self {
        Self {
            terms,
            peer,
            encrypted,
            greeted: false,
            stopping: false,
            refusals: 0,
            framing: Framing::default(),
            line: Vec::new(),
            transaction: None,
            state: State::Silent,
            to_say: Vec::new(),
        }
    }

    /// Takes bytes as they arrive. Bytes that arrive before [`Dialogue::advance`] was asked for the
    /// first time came before the greeting.
    pub fn feed(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Over) {
            self.framing.feed(bytes);
        }
    }

    /// What is to be done next. Doing it and telling moves the dialogue on.
    pub fn advance(&mut self) -> Next {
        loop {
            if !self.to_say.is_empty() {
                return Next::Say(std::mem::take(&mut self.to_say));
            }
            match std::mem::replace(&mut self.state, State::Kept) {
                State::Silent => self.greet(),
                State::Commands if self.stopping && self.transaction.is_none() => {
                    self.end("421 4.3.2 going away, try again");
                }
                State::Commands => {
                    self.state = State::Commands;
                    if !self.command() {
                        return Next::Listen;
                    }
                }
                State::Receiving(receiving) => {
                    if !self.receive(receiving) {
                        return Next::Listen;
                    }
                }
                State::Handshake => {
                    self.state = State::Handshake;
                    return Next::StartTls;
                }
                State::Recognising(to, token) => {
                    self.state = State::Recognising(to, token.clone());
                    return Next::Recognise(token);
                }
                State::Keeping(mail) => return Next::Keep(mail),
                // The inbox was asked and its answer never told.
                State::Kept => self.kept(Err(NotStored)),
                State::Over => {
                    self.state = State::Over;
                    return Next::Close;
                }
            }
        }
    }

    /// The handshake is done: all that was said before it counts for nothing (RFC 3207 4.2).
    pub fn encrypted(&mut self) {
        if !matches!(self.state, State::Handshake) {
            return;
        }
        self.encrypted = true;
        self.greeted = false;
        self.transaction = None;
        self.state = State::Commands;
        if !self.framing.is_empty() {
            self.end(BEFORE_HANDSHAKE);
        }
    }

    /// What the inbox says of the token it was asked about.
    pub fn recognised(&mut self, known: Result<bool, NotStored>) {
        let State::Recognising(to, _) = &mut self.state else {
            return;
        };
        let to = std::mem::take(to);
        self.state = State::Commands;
        match known {
            Ok(true) => self.add(to),
            Ok(false) => self.refuse(NOBODY),
            Err(NotStored) => self.say(NOT_STORED),
        }
    }

    /// What became of the mail that the inbox was to keep.
    pub fn kept(&mut self, kept: Result<(), NotStored>) {
        if matches!(self.state, State::Kept) {
            self.state = State::Commands;
            self.say(match kept {
                Ok(()) => "250 2.0.0 kept",
                Err(NotStored) => NOT_STORED,
            });
        }
    }

    /// The time is up, between two bytes or for the whole connection.
    pub fn timed_out(&mut self) {
        self.end("421 4.4.2 it took too long");
    }

    /// The listener is to stop: a mail under way may end, and none begins.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    fn greet(&mut self) {
        if self.framing.is_empty() {
            self.state = State::Commands;
            let greeting = format!("220 {} ESMTP", self.terms.host_name);
            self.say(&greeting);
        } else {
            self.end("554 5.5.0 spoken before the greeting");
        }
    }

    /// Reads one command line and answers it; false when more must arrive first.
    fn command(&mut self) -> bool {
        loop {
            match self.framing.take() {
                None => return false,
                Some(Piece::Text(text)) => {
                    if self.line.len().saturating_add(text.len()) > COMMAND_BYTES_MAX {
                        self.end("500 5.5.2 the line is too long");
                        return true;
                    }
                    self.line.extend_from_slice(text);
                }
                Some(Piece::Stray(stray)) => {
                    self.end(&strayed(500, stray));
                    return true;
                }
                Some(Piece::LineEnd) => {
                    let line = std::mem::take(&mut self.line);
                    match command::parse(&line) {
                        Ok(command) => self.obey(command),
                        Err(refusal) => self.refuse(refusal),
                    }
                    return true;
                }
            }
        }
    }

    /// Reads of a mail what has arrived; false when more must arrive first.
    fn receive(&mut self, mut receiving: Receiving) -> bool {
        loop {
            let progress = match self.framing.take() {
                None => {
                    self.state = State::Receiving(receiving);
                    return false;
                }
                Some(Piece::Text(text)) => receiving.text(text),
                Some(Piece::LineEnd) => receiving.line_end(&self.terms.host_name),
                Some(Piece::Stray(stray)) => {
                    self.end(&strayed(554, stray));
                    return true;
                }
            };
            match progress {
                Progress::More => {}
                Progress::Whole(bytes) => {
                    self.state = self.transaction.take().map_or(State::Over, |envelope| {
                        State::Keeping(Mail {
                            source: SOURCE.to_owned(),
                            mail_from: envelope.mail_from,
                            rcpt_to: envelope.rcpt_to,
                            peer: self.peer,
                            bytes,
                        })
                    });
                    return true;
                }
                Progress::Unwanted(why) => {
                    self.transaction = None;
                    self.state = State::Commands;
                    self.refuse(why);
                    return true;
                }
                Progress::Endless(why) => {
                    self.end(why);
                    return true;
                }
            }
        }
    }

    fn refuse(&mut self, reply: &str) {
        self.refusals += 1;
        if self.refusals > REFUSALS_MAX {
            self.end("421 4.7.0 too many refusals");
        } else {
            self.say(reply);
        }
    }

    /// The last reply: whatever else arrived is thrown away, and so is a mail under way.
    fn end(&mut self, reply: &str) {
        if matches!(self.state, State::Over) {
            return;
        }
        self.framing.discard();
        self.line.clear();
        self.transaction = None;
        self.state = State::Over;
        self.say(reply);
    }

    fn say(&mut self, reply: &str) {
        self.to_say.extend_from_slice(reply.as_bytes());
        self.to_say.extend_from_slice(b"\r\n");
    }
}

/// What a mail that came this way has in [`Mail::source`].
const SOURCE: &str = "smtp";
const BEFORE_HANDSHAKE: &str = "554 5.5.0 spoken before the handshake";
const NOT_STORED: &str = "451 4.3.0 cannot be kept just now, try again";
/// Nothing tells a token that no letter has from an address that is nobody's.
const NOBODY: &str = "550 5.1.1 nobody here by that name";

fn strayed(code: u16, stray: Stray) -> String {
    format!("{code} 5.5.2 {stray}: a line ends in CR LF, and nothing else does")
}
