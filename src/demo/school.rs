//! A school that answers: what its relay reports about a letter, and what the people who read the
//! mailbox write, as real mails to the address that the letter names.

use super::clockwork::next_time;
use super::mailboxes::{Mailbox, Reply, Reported, Says, When, mailbox};
use super::outbox::{Outbox, Outgoing};
use crate::clock::Clock;
use crate::referral::london;
use jiff::{SignedDuration, Timestamp, ToSpan};
use mail_builder::MessageBuilder;
use mail_builder::headers::raw::Raw;
use mail_parser::{Message, MessageParser};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// A relay reports on a letter after this long.
const REPORTED_AFTER: SignedDuration = SignedDuration::from_mins(2);
/// An absence lasts so many days from the evening on which it is first announced.
const AWAY_DAYS: i64 = 8;

/// A letter as a relay took it.
pub(super) struct Arrived<'a> {
    /// The envelope's sender; none for one that nobody may answer.
    pub(super) mail_from: Option<&'a str>,
    pub(super) rcpt_to: &'a str,
    pub(super) envid: Option<&'a str>,
    pub(super) bytes: &'a [u8],
}

/// All the demo's schools.
#[derive(Debug)]
pub(super) struct Schools {
    clock: Clock,
    outbox: Arc<Outbox>,
    /// What each mailbox has answered: a person answers a matter once, a program a sender once.
    answered: Mutex<HashSet<(&'static str, String)>>,
}

impl Schools {
    pub(super) fn new(clock: Clock, outbox: Arc<Outbox>) -> Self {
        Self {
            clock,
            outbox,
            answered: Mutex::default(),
        }
    }

    /// Puts what follows from a letter into the outbox.
    pub(super) fn arrived(&self, arrived: &Arrived<'_>) {
        let Some(mailbox) = mailbox(arrived.rcpt_to) else {
            return;
        };
        // To an empty sender nothing is ever sent (RFC 5321, 4.5.5; RFC 3834, 2).
        let Some(mail_from) = arrived.mail_from else {
            return;
        };
        let now = self.clock.now();
        if let Some(reported) = mailbox.report {
            let due = now + REPORTED_AFTER;
            self.outbox.put(Outgoing {
                due,
                mail_from: None,
                rcpt_to: mail_from.to_owned(),
                bytes: report(arrived, mail_from, reported, due).into_bytes(),
            });
        }
        if let Some(letter) = MessageParser::default().parse(arrived.bytes) {
            self.answer(mailbox, &letter, now);
        }
    }

    fn answer(&self, mailbox: &'static Mailbox, letter: &Message<'_>, now: Timestamp) {
        let Some(matter) = letter.subject().and_then(reference) else {
            return;
        };
        for reply in mailbox.replies {
            let once = match reply.says {
                Says::Words(_) => format!("{matter} {}", reply.from),
                Says::Away => String::new(),
            };
            let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
            if !answered.insert((mailbox.address, once)) {
                continue;
            }
            drop(answered);
            let due = due(reply.when, now);
            if let Some(mail) = write(reply, letter, matter, due) {
                self.outbox.put(mail);
            }
        }
    }
}

/// What stands in square brackets at a subject's end.
fn reference(subject: &str) -> Option<&str> {
    let (_, rest) = subject.rsplit_once('[')?;
    rest.split_once(']').map(|(reference, _)| reference)
}

fn due(when: When, now: Timestamp) -> Timestamp {
    match when {
        When::After(minutes) => now + SignedDuration::from_mins(minutes),
        When::At(time) => next_time(time, now),
    }
}

/// A reply as a mail program writes it: in the letter's thread, with the letter quoted below.
fn write(reply: &Reply, letter: &Message<'_>, matter: &str, due: Timestamp) -> Option<Outgoing> {
    let to = letter
        .reply_to()
        .or_else(|| letter.from())
        .and_then(|to| to.first())
        .and_then(|to| to.address())?
        .to_owned();
    let subject = letter.subject().unwrap_or_default();
    let thread = letter.message_id().unwrap_or_default();
    let domain = reply.from.rsplit('@').next().unwrap_or_default();
    let own_id = format!("{}.{matter}@{domain}", due.as_second());
    let mail = MessageBuilder::new()
        .from((reply.name, reply.from))
        .to(to.as_str())
        .date(due.as_second())
        .message_id(own_id)
        .in_reply_to(thread)
        .references(thread);
    let mail = match reply.says {
        Says::Words(words) => mail
            .subject(format!("Re: {subject}"))
            .text_body(format!("{words}\n\n{}", quoted(letter))),
        Says::Away => mail
            .subject(format!("Automatic reply: {subject}"))
            .header("Auto-Submitted", Raw::new("auto-replied"))
            .text_body(away(reply.name, due)),
    };
    let bytes = mail.write_to_vec().ok()?;
    Some(Outgoing {
        due,
        mail_from: Some(reply.from.to_owned()),
        rcpt_to: to,
        bytes,
    })
}

/// The letter as mail programs quote it.
fn quoted(letter: &Message<'_>) -> String {
    let from = letter.from().and_then(|from| from.first());
    let name = from.and_then(|from| from.name()).unwrap_or_default();
    let address = from.and_then(|from| from.address()).unwrap_or_default();
    let sent = letter.date().map(|date| date.to_timestamp());
    let sent = sent.and_then(|sent| Timestamp::from_second(sent).ok());
    let sent = sent.map_or_else(String::new, |sent| {
        let sent = london::civil(sent).strftime("%a, %-d %b %Y at %H:%M");
        format!("On {sent}, ")
    });
    let text = letter.body_text(0).unwrap_or_default();
    let lines: String = text.lines().map(|line| format!("> {line}\n")).collect();
    format!("{sent}{name} <{address}> wrote:\n{lines}")
}

fn away(name: &str, due: Timestamp) -> String {
    let until = london::civil(due).date().saturating_add(AWAY_DAYS.days());
    let until = until.strftime("%A %-d %B %Y");
    format!(
        "Thank you for your email. I am away from school until {until} and will not read it before \
         then.\n\n{name}\n"
    )
}

/// A delivery report (RFC 3464) on a letter.
fn report(arrived: &Arrived<'_>, to: &str, reported: Reported, due: Timestamp) -> String {
    let (subject, words, action, status, diagnostic) = match reported {
        Reported::Delivered => (
            "Successful Mail Delivery Report",
            "Your message was delivered to the mailbox below.",
            "delivered",
            "2.0.0",
            "smtp; 250 2.0.0 delivered to the mailbox",
        ),
        Reported::Failed => (
            "Undelivered Mail Returned to Sender",
            "Your message could not be delivered to the mailbox below.",
            "failed",
            "5.1.1",
            "smtp; 550 5.1.1 no such mailbox",
        ),
    };
    let rcpt = arrived.rcpt_to;
    let envid = arrived.envid.unwrap_or("unknown");
    let date = due.strftime("%a, %d %b %Y %H:%M:%S +0000");
    let boundary = format!("report-{envid}");
    let head = String::from_utf8_lossy(arrived.bytes);
    let head = head.split_once("\r\n\r\n").map_or("", |(head, _)| head);
    [
        format!("From: Mail Delivery System <postmaster@relay.demo.test>\nTo: <{to}>"),
        format!("Subject: {subject}\nDate: {date}\nMessage-ID: <{action}.{envid}@relay.demo.test>"),
        "Auto-Submitted: auto-replied\nMIME-Version: 1.0".to_owned(),
        "Content-Type: multipart/report; report-type=delivery-status;".to_owned(),
        format!(" boundary=\"{boundary}\"\n\n--{boundary}"),
        format!("Content-Type: text/plain; charset=us-ascii\n\n{words}\n\n  {rcpt}\n"),
        format!("--{boundary}\nContent-Type: message/delivery-status\n"),
        format!("Reporting-MTA: dns; relay.demo.test\nOriginal-Envelope-Id: {envid}\n"),
        format!("Original-Recipient: rfc822; {rcpt}\nFinal-Recipient: rfc822; {rcpt}"),
        format!("Action: {action}\nStatus: {status}\nDiagnostic-Code: {diagnostic}\n"),
        format!("--{boundary}\nContent-Type: text/rfc822-headers\n"),
        format!("{head}\n--{boundary}--\n"),
    ]
    .join("\n")
    .replace("\r\n", "\n")
    .replace('\n', "\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matter_is_known_by_the_public_code_in_its_subject() {
        let subject = "For the safeguarding lead: please answer now [7KQ2-M4XD]";
        assert_eq!(reference(subject), Some("7KQ2-M4XD"));
        assert_eq!(reference("no code"), None);
    }
}
