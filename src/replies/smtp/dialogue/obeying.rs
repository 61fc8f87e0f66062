//! What each command does, and when it may come (RFC 5321 4.1.4, RFC 3207).

use super::command::Command;
use super::receiving::{Receiving, TOO_LARGE};
use super::recipient::{Recipient, recipient};
use super::{BEFORE_HANDSHAKE, Dialogue, NOBODY, State, Transaction};

/// Most recipients of a mail (RFC 5321 4.5.3.1.8 asks that at least 100 be taken).
const RECIPIENTS_MAX: usize = 100;

const EHLO_FIRST: &str = "503 5.5.1 EHLO first";
const MAIL_FIRST: &str = "503 5.5.1 MAIL first";

impl Dialogue {
    /// Answers a command, and does what it asks.
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Ehlo => self.ehlo(),
            Command::Helo => {
                self.greeted = true;
                self.transaction = None;
                let reply = format!("250 {}", self.terms.host_name);
                self.say(&reply);
            }
            Command::StartTls => self.start_tls(),
            Command::Mail { from, size_bytes } => self.mail(from, size_bytes),
            Command::Rcpt(to) => self.rcpt(to),
            Command::Data => self.data(),
            Command::Rset => {
                self.transaction = None;
                self.say("250 2.0.0 forgotten");
            }
            Command::Noop => self.say("250 2.0.0 still here"),
            Command::Quit => self.end("221 2.0.0 goodbye"),
            Command::Vrfy => self.say("252 2.5.0 send and see"),
            Command::Auth if self.encrypted => self.refuse("502 5.5.1 there is no login here"),
            Command::Auth => self.refuse("538 5.7.11 never in clear, and there is no login here"),
        }
    }

    fn ehlo(&mut self) {
        self.greeted = true;
        self.transaction = None;
        let mut reply = format!("250-{}\r\n", self.terms.host_name);
        if !self.encrypted {
            reply.push_str("250-STARTTLS\r\n");
        }
        reply.push_str("250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE ");
        reply.push_str(&self.terms.size_bytes_max.to_string());
        self.say(&reply);
    }

    fn start_tls(&mut self) {
        if self.encrypted {
            self.refuse("503 5.5.1 TLS is spoken already");
        } else if !self.greeted {
            self.refuse(EHLO_FIRST);
        } else if self.framing.is_empty() {
            self.say("220 2.0.0 begin");
            self.state = State::Handshake;
        } else {
            // What came in clear behind STARTTLS would be taken for what was said over TLS.
            self.end(BEFORE_HANDSHAKE);
        }
    }

    fn mail(&mut self, mail_from: Option<String>, size_bytes: Option<u64>) {
        let too_large =
            |size: u64| usize::try_from(size).map_or(true, |size| size > self.terms.size_bytes_max);
        if !self.encrypted {
            self.refuse("530 5.7.0 STARTTLS first");
        } else if !self.greeted {
            self.refuse(EHLO_FIRST);
        } else if self.transaction.is_some() {
            self.refuse("503 5.5.1 one mail at a time");
        } else if size_bytes.is_some_and(too_large) {
            self.refuse(TOO_LARGE);
        } else {
            self.transaction = Some(Transaction {
                mail_from,
                rcpt_to: Vec::new(),
            });
            self.say("250 2.1.0 go on");
        }
    }

    fn rcpt(&mut self, to: String) {
        let Some(transaction) = &self.transaction else {
            return self.refuse(MAIL_FIRST);
        };
        if transaction.rcpt_to.len() >= RECIPIENTS_MAX {
            return self.say("452 4.5.3 too many recipients");
        }
        match recipient(&to, &self.terms.reply_to) {
            Recipient::General => self.add(to),
            Recipient::Token(token) => self.state = State::Recognising(to, token),
            Recipient::Nobody => self.refuse(NOBODY),
        }
    }

    /// Adds a recipient who is here.
    pub(super) fn add(&mut self, to: String) {
        match &mut self.transaction {
            Some(transaction) => {
                transaction.rcpt_to.push(to);
                self.say("250 2.1.5 go on");
            }
            None => self.refuse(MAIL_FIRST),
        }
    }

    fn data(&mut self) {
        match &self.transaction {
            None => self.refuse(MAIL_FIRST),
            Some(transaction) if transaction.rcpt_to.is_empty() => {
                self.refuse("554 5.5.1 RCPT first: there is nobody to take it");
            }
            Some(_) => {
                self.state = State::Receiving(Receiving::new(self.terms.size_bytes_max));
                self.say("354 go on, end with a dot");
            }
        }
    }
}
