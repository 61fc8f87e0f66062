//! One letter to one recipient, and what stands between letters on a kept connection.

use super::{CanonicalLetter, Capabilities, Ending, Reply, Script, Turn};
use crate::delivery::Envelope;
use crate::referral::attempt::{AttemptResult, AttemptWhy, Phase};
use crate::referral::school::Address;
use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::{MailParameter, RcptParameter};

/// An ENVID before its encoding (RFC 3461 4.4: at most 100 characters).
const ENVID_CHARS_MAX: usize = 100;

/// MAIL, RCPT, DATA, the letter. Comes to the ending with the letter taken.
#[derive(Debug)]
pub struct Transaction<'a> {
    envelope: &'a Envelope,
    letter: CanonicalLetter<'a>,
    offered: Capabilities,
    waiting_for: Waiting,
}

#[derive(Debug, Clone, Copy)]
enum Waiting {
    Mail,
    Rcpt,
    Data,
    Taken,
}

impl<'a> Transaction<'a> {
    /// On a connection whose peer offers `offered`.
    pub fn new(envelope: &'a Envelope, letter: CanonicalLetter<'a>, offered: Capabilities) -> Self {
        Self {
            envelope,
            letter,
            offered,
            waiting_for: Waiting::Mail,
        }
    }

    fn mail(&self) -> Vec<u8> {
        let mut parameters = Vec::new();
        if self.offered.size_bytes_max.is_some() {
            parameters.push(MailParameter::Size(self.letter.size_bytes()));
        }
        if self.offered.dsn {
            let other = |keyword: &str, value: &str| MailParameter::Other {
                keyword: keyword.to_owned(),
                value: Some(value.to_owned()),
            };
            parameters.push(other("RET", "HDRS"));
            // A report without its ENVID is still correlated by Message-ID; a letter not sent is
            // not made up for.
            if can_be_envid(&self.envelope.envid) {
                parameters.push(other("ENVID", &self.envelope.envid));
            }
        }
        let from = self.envelope.mail_from.as_ref().map(spelled);
        Mail::new(from, parameters).to_string().into_bytes()
    }

    /// NOTIFY also asks for success: that report is the proof of delivery. With an empty sender there is
    /// nowhere for a report to go (RFC 3461 4.1).
    fn rcpt(&self) -> Vec<u8> {
        let to = &self.envelope.rcpt_to;
        let mut parameters = Vec::new();
        if self.offered.dsn {
            let other = |keyword: &str, value: String| RcptParameter::Other {
                keyword: keyword.to_owned(),
                value: Some(value),
            };
            let notify = match self.envelope.mail_from {
                Some(_) => "SUCCESS,FAILURE,DELAY",
                None => "NEVER",
            };
            parameters.push(other("NOTIFY", notify.to_owned()));
            parameters.push(other("ORCPT", format!("rfc822;{}", to.as_str())));
        }
        Rcpt::new(spelled(to), parameters).to_string().into_bytes()
    }
}

impl Script for Transaction<'_> {
    type Outcome = Ending;

    fn begin(&mut self) -> Turn<Ending> {
        if self.offered.takes(self.letter.size_bytes()) {
            return Turn::Ask(Phase::Mail, self.mail());
        }
        // What the peer would answer to MAIL with this SIZE: 552 (RFC 1870 6.1).
        Turn::End(Err(Ending::new(
            AttemptResult::Never,
            Phase::Mail,
            AttemptWhy::NotOffered,
            b"",
        )))
    }

    fn answer(&mut self, reply: &Reply) -> Turn<Ending> {
        match (self.waiting_for, reply.code()) {
            (Waiting::Mail, 250) => {
                self.waiting_for = Waiting::Rcpt;
                Turn::Ask(Phase::Rcpt, self.rcpt())
            }
            (Waiting::Mail, _) => Turn::refused(Phase::Mail, reply),
            (Waiting::Rcpt, 250) => {
                self.waiting_for = Waiting::Data;
                Turn::Ask(Phase::Data, Data.to_string().into_bytes())
            }
            (Waiting::Rcpt, _) => Turn::refused(Phase::Rcpt, reply),
            (Waiting::Data, 354) => {
                self.waiting_for = Waiting::Taken;
                Turn::HandOver(self.letter.with_dots_doubled())
            }
            (Waiting::Data, _) => Turn::refused(Phase::Data, reply),
            (Waiting::Taken, 250) => Turn::End(Ok(Ending::done(reply))),
            (Waiting::Taken, _) => Turn::refused(Phase::Body, reply),
        }
    }
}

/// RSET before each further letter: it proves that the peer is there, in step and without a half
/// finished transaction, while nothing of the letter has been said. In its effect it is EHLO (RFC 5321
/// 4.1.4), and counts as that phase.
#[derive(Debug)]
pub struct Reset;

impl Script for Reset {
    type Outcome = ();

    fn begin(&mut self) -> Turn<()> {
        Turn::Ask(Phase::Ehlo, Rset.to_string().into_bytes())
    }

    fn answer(&mut self, reply: &Reply) -> Turn<()> {
        match reply.code() {
            250 => Turn::End(Ok(())),
            _ => Turn::refused(Phase::Ehlo, reply),
        }
    }
}

/// QUIT; whatever the peer answers, it is over.
#[derive(Debug)]
pub struct Closing;

impl Script for Closing {
    type Outcome = ();

    fn begin(&mut self) -> Turn<()> {
        Turn::Ask(Phase::Daemon, Quit.to_string().into_bytes())
    }

    fn answer(&mut self, _reply: &Reply) -> Turn<()> {
        Turn::End(Ok(()))
    }
}

/// Printable and without blanks, so that its encoding means the same to every relay.
fn can_be_envid(envid: &str) -> bool {
    (1..=ENVID_CHARS_MAX).contains(&envid.len()) && envid.bytes().all(|b| b.is_ascii_graphic())
}

/// [`Address`] is stricter than what the command needs, so its parts are taken as they are.
fn spelled(address: &Address) -> lettre::Address {
    let (local, domain) = address.as_str().split_once('@').unwrap_or_default();
    lettre::Address::new_dangerous(local, domain)
}
