//! The client's side of SMTP (RFC 5321) without IO: bytes in, bytes out.
//!
//! A [`Script`] knows what to say and what to make of the reply; a [`Dialogue`] holds every script
//! to the same strictness: one command outstanding, one complete reply to each, nothing left over
//! when the next command is written, and after the final dot nothing but a reply tells how it
//! ended. [`Clear`] is the only script for a connection that is not yet encrypted, and knows neither
//! MAIL nor AUTH. The connection that carries a dialogue feeds it bytes and does what [`Next`] says.

mod capabilities;
mod clear;
mod ending;
mod letter;
mod opening;
mod reply;
mod transaction;

pub use capabilities::Capabilities;
pub use clear::{Clear, nothing_follows};
pub use ending::{Ending, WORDS_BYTES_MAX};
pub use letter::CanonicalLetter;
pub use opening::{Credentials, Opening};
pub use reply::{BadReply, LINE_BYTES_MAX, LINES_MAX, Replies, Reply};
pub use transaction::{Closing, Reset, Transaction};

use crate::referral::attempt::{AttemptResult, AttemptWhy, Phase};
use lettre::transport::smtp::commands::Ehlo;
use lettre::transport::smtp::extension::ClientId;
use std::fmt;

/// The end of the letter, apart from its bytes: from here on the peer may have it.
const FINAL_DOT: &[u8] = b".\r\n";

/// What is said, and what is made of the replies.
pub trait Script {
    /// What it comes to.
    type Outcome: Clone;

    /// The first thing to do.
    fn begin(&mut self) -> Turn<Self::Outcome>;

    /// What follows the one reply to what was said last.
    fn answer(&mut self, reply: &Reply) -> Turn<Self::Outcome>;
}

/// A script's next move.
pub enum Turn<T> {
    /// The peer speaks first.
    Listen(Phase),
    /// One command with its CRLF; then its reply.
    Ask(Phase, Vec<u8>),
    /// The letter, dots doubled; then the final dot and the reply.
    HandOver(Vec<u8>),
    /// Over.
    End(Result<T, Ending>),
}

impl<T> fmt::Debug for Turn<T> {
    /// Without the bytes: they may be a password or a letter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listen(_) => "Listen",
            Self::Ask(..) => "Ask",
            Self::HandOver(_) => "HandOver",
            Self::End(_) => "End",
        })
    }
}

impl<T> Turn<T> {
    /// The peer's reply was not the one code that lets the attempt go on.
    fn refused(phase: Phase, reply: &Reply) -> Self {
        Self::End(Err(Ending::unexpected(phase, reply)))
    }
}

/// What the connection does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<T> {
    /// Feed what has already arrived, then write what [`Dialogue::say`] gives.
    Say,
    /// Wait for bytes and feed them.
    Listen,
    /// Nothing: it is over.
    Ended(Result<T, Ending>),
}

/// One script being spoken. The bytes a peer sent outlive it, so what one dialogue left over is
/// seen by the next.
pub struct Dialogue<'a, S: Script> {
    replies: &'a mut Replies,
    script: S,
    phase: Phase,
    state: State<S::Outcome>,
    /// Set when the final dot is handed out: whether any of it was written cannot be known.
    dot_handed_out: bool,
    last_reply: Vec<u8>,
}

enum State<T> {
    Saying(Vec<u8>),
    SayingLetter(Vec<u8>),
    SayingDot,
    Listening,
    Ended(Result<T, Ending>),
}

impl<'a, S: Script> Dialogue<'a, S> {
    /// Begins a script on a connection whose peer has sent `replies` so far.
    pub fn new(replies: &'a mut Replies, mut script: S) -> Self {
        let first = script.begin();
        let mut dialogue = Self {
            replies,
            script,
            phase: Phase::Connect,
            state: State::Listening,
            dot_handed_out: false,
            last_reply: Vec::new(),
        };
        dialogue.turn(first);
        dialogue
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What to do next.
    pub fn next(&self) -> Next<S::Outcome> {
        match &self.state {
            State::Saying(_) | State::SayingLetter(_) | State::SayingDot => Next::Say,
            State::Listening => Next::Listen,
            State::Ended(outcome) => Next::Ended(outcome.clone()),
        }
    }

    /// The bytes to write now. None if the peer has spoken unasked: then it is over.
    pub fn say(&mut self) -> Option<Vec<u8>> {
        if !self.replies.is_empty() {
            self.out_of_step();
            return None;
        }
        match std::mem::replace(&mut self.state, State::Listening) {
            State::Saying(bytes) => Some(bytes),
            State::SayingLetter(bytes) => {
                self.state = State::SayingDot;
                Some(bytes)
            }
            State::SayingDot => {
                self.dot_handed_out = true;
                Some(FINAL_DOT.to_vec())
            }
            other @ (State::Listening | State::Ended(_)) => {
                self.state = other;
                None
            }
        }
    }

    /// Takes bytes as they came.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.replies.feed(bytes);
        if let State::Listening = self.state {
            self.listen();
        }
    }

    /// How it ends when the connection broke or took too long.
    pub fn broken(&self, why: AttemptWhy) -> Ending {
        let result = if self.dot_handed_out {
            AttemptResult::Unknown
        } else {
            AttemptResult::Later
        };
        Ending::new(result, self.phase, why, &self.last_reply)
    }

    fn listen(&mut self) {
        match self.replies.take() {
            Ok(None) => {}
            Ok(Some(reply)) => {
                self.last_reply = reply.bytes().to_vec();
                let turn = self.script.answer(&reply);
                self.turn(turn);
            }
            Err(BadReply) => {
                self.last_reply = self.replies.left_over();
                self.state = State::Ended(Err(self.broken(AttemptWhy::BadReply)));
            }
        }
    }

    /// A peer that closes may say so at any time (421, RFC 5321 3.8); anything else unasked means
    /// that later replies would be taken for the wrong commands.
    fn out_of_step(&mut self) {
        let words = self.replies.left_over();
        let ending = match self.replies.take() {
            Ok(Some(reply)) if reply.code() == 421 && self.replies.is_empty() => {
                Ending::unexpected(self.phase, &reply)
            }
            Ok(_) | Err(BadReply) => Ending::new(
                AttemptResult::Later,
                self.phase,
                AttemptWhy::OutOfStep,
                &words,
            ),
        };
        self.state = State::Ended(Err(ending));
    }

    fn turn(&mut self, turn: Turn<S::Outcome>) {
        self.state = match turn {
            Turn::Listen(phase) => {
                self.phase = phase;
                State::Listening
            }
            Turn::Ask(phase, command) => {
                self.phase = phase;
                State::Saying(command)
            }
            Turn::HandOver(letter) => {
                self.phase = Phase::Body;
                State::SayingLetter(letter)
            }
            Turn::End(outcome) => State::Ended(outcome),
        };
    }
}

impl<S: Script> fmt::Debug for Dialogue<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialogue")
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

fn ehlo(host_name: &str) -> Vec<u8> {
    let us = ClientId::Domain(host_name.to_owned());
    Ehlo::new(us).to_string().into_bytes()
}
