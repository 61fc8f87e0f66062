//! Bounces written for people: no machine-readable part, only words, and sometimes an SMTP reply.

use super::Finding;
use super::bounce_words::{COPY_BEGINS, DAEMON_NAMES, NO_REPLY, RULES, SUBJECTS, Says};
use super::headers::Headers;
use super::mime::Part;
use super::text::{above_quote, plain, start_of};
use super::{report, scan};
use crate::referral::report::{Action, Kind};

/// Recipients taken from one text.
const RECIPIENTS_MAX: usize = 100;

/// How far the header alone says that no person wrote this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sender {
    /// Nothing says so.
    Person,
    /// An empty return path or an automatic header: reports have it, automatic replies too.
    Machine,
    /// The name of a mail system.
    Daemon,
}

/// Who the header says sent this.
pub(super) fn sender(headers: &Headers) -> Sender {
    let from = plain(&headers.text("from"));
    let is_daemon = DAEMON_NAMES.iter().any(|name| from.contains(name))
        || headers.get("x-failed-recipients").is_some();
    let automatic = headers
        .get("auto-submitted")
        .is_some_and(|value| !is_no(value));
    if is_daemon {
        Sender::Daemon
    } else if automatic || local_part(headers).starts_with("postmaster") || has_null_path(headers) {
        Sender::Machine
    } else {
        Sender::Person
    }
}

/// An empty return path (RFC 5321 4.5.5): reports and automatic replies, so that they cannot loop.
pub(super) fn has_null_path(headers: &Headers) -> bool {
    let mut paths = headers.all("return-path");
    paths.any(|path| path == "<>" || path.to_ascii_lowercase().contains("<mailer-daemon"))
}

/// The local part of From without its marks: `post_master` and `no-reply` are written many ways.
fn local_part(headers: &Headers) -> String {
    let from = headers
        .get("from")
        .and_then(scan::address)
        .unwrap_or_default();
    let local = from.rsplit_once('@').map_or(from, |(local, _)| local);
    let local = local.to_ascii_lowercase();
    local.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Whether From is an address that takes no answer.
pub(super) fn is_no_reply(headers: &Headers) -> bool {
    NO_REPLY
        .iter()
        .any(|name| local_part(headers).contains(name))
}

/// Whether a person passes a report on: it is no answer, nor is its letter ours.
pub(super) fn is_passed_on(subject: &str) -> bool {
    is_about_delivery(subject) && ["fw:", "fwd:"].iter().any(|mark| subject.starts_with(mark))
}

fn is_about_delivery(subject: &str) -> bool {
    SUBJECTS.iter().any(|words| subject.contains(words))
}

/// `Auto-Submitted: no` (RFC 3834 5): a person.
pub(super) fn is_no(value: &str) -> bool {
    value.trim().to_ascii_lowercase().starts_with("no")
}

/// A bounce or report in words, if this is one.
pub(super) fn read(parts: &[Part], subject: &str, text: &str) -> Option<Finding> {
    let headers = &parts.first()?.headers;
    let names_report = |part: &Part| {
        let report = part.parameter("report-type").unwrap_or_default();
        report.eq_ignore_ascii_case("delivery-status")
    };
    let sender = if parts.first().is_some_and(names_report) {
        Sender::Daemon
    } else {
        sender(headers)
    };
    let returned = parts
        .iter()
        .any(|part| part.enclosed > 0 || part.kind == "text/rfc822-headers");
    let about_delivery = is_about_delivery(subject) && !is_answer(subject);
    if sender == Sender::Person && !about_delivery {
        return None;
    }
    if let Some(mut found) = report::read_text(text, headers) {
        found.reasons.push("fields-in-text".to_owned());
        return Some(found);
    }
    let own = start_of(above_copy(text));
    let words = plain(own);
    let said: Vec<Says> = RULES
        .iter()
        .filter(|(phrase, _)| words.contains(phrase) || subject.contains(phrase))
        .map(|(_, says)| *says)
        .collect();
    let codes = scan::codes(own);
    let is_report = match sender {
        Sender::Daemon => {
            about_delivery
                || returned
                || !said.is_empty()
                || !codes.is_empty()
                || has_failed(headers)
        }
        Sender::Machine => about_delivery || !said.iter().all(|says| *says == Says::TryAgain),
        Sender::Person => about_delivery && !said.iter().all(|says| *says == Says::TryAgain),
    };
    is_report.then(|| judged(&said, &codes, headers, own))
}

/// Whether a mail that nothing in its header marks talks as mail systems do: their phrases together
/// with an SMTP reply or a letter that came back.
pub(super) fn sounds_like_one(parts: &[Part], text: &str) -> bool {
    let own = start_of(above_quote(text));
    let words = plain(own);
    let is_said = RULES.iter().any(|(phrase, _)| words.contains(phrase));
    is_said && (parts.iter().any(|part| part.enclosed > 0) || !scan::codes(own).is_empty())
}

fn has_failed(headers: &Headers) -> bool {
    headers.get("x-failed-recipients").is_some()
}

/// `RE:` and `FW:`: a person wrote on top of a report.
fn is_answer(subject: &str) -> bool {
    ["re:", "fw:", "fwd:"]
        .iter()
        .any(|mark| subject.starts_with(mark))
}

fn judged(said: &[Says], codes: &[scan::Code], headers: &Headers, own: &str) -> Finding {
    let says = |what: Says| said.contains(&what);
    let classed = |class: u8| codes.iter().any(|code| code.class == class);
    let (kind, reason) = if says(Says::Delayed) {
        (Kind::BounceTemporary, "says-delayed")
    } else if classed(5) {
        (Kind::BouncePermanent, "smtp-reply-5")
    } else if classed(4) {
        (Kind::BounceTemporary, "smtp-reply-4")
    } else if says(Says::Relayed) || (says(Says::Delivered) && !says(Says::Returned)) {
        (Kind::DeliveryReport, "says-delivered")
    } else if says(Says::Permanent) {
        (Kind::BouncePermanent, "says-permanent")
    } else if says(Says::Temporary) {
        (Kind::BounceTemporary, "says-temporary")
    } else if says(Says::TryAgain) && !has_failed(headers) {
        // Given back, and yet asked to try again: neither for good nor for now.
        (Kind::Unclassified, "returned-but-try-again")
    } else {
        (Kind::BouncePermanent, "says-returned")
    };
    let mut found = Finding::new(kind, "bounce-in-words");
    found.reasons.push(reason.to_owned());
    let class = match kind {
        Kind::BounceTemporary => Some(4),
        Kind::BouncePermanent => Some(5),
        Kind::DeliveryReport => Some(2),
        Kind::HumanReply
        | Kind::AutoReply
        | Kind::ReadReceipt
        | Kind::AbuseReport
        | Kind::Unclassified => None,
    };
    let mut exact = codes
        .iter()
        .filter(|code| Some(code.class) == class)
        .filter_map(|code| code.enhanced.as_ref());
    let mut first = exact.clone();
    found.status = exact
        .find(|code| !code.ends_with(".0.0"))
        .or_else(|| first.next())
        .cloned();
    found.action = match kind {
        Kind::DeliveryReport if says(Says::Relayed) => Some(Action::Relayed),
        Kind::DeliveryReport => Some(Action::Delivered),
        Kind::BounceTemporary if says(Says::Delayed) => Some(Action::Delayed),
        Kind::BounceTemporary | Kind::BouncePermanent => Some(Action::Failed),
        Kind::HumanReply
        | Kind::AutoReply
        | Kind::ReadReceipt
        | Kind::AbuseReport
        | Kind::Unclassified => None,
    };
    found.recipients = recipients(headers, own);
    found
}

/// What the mail system wrote, above the copy of what it could not deliver.
pub(super) fn above_copy(text: &str) -> &str {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let words = plain(line);
        let undecorated = words.trim_start_matches(['-', '=', '*', '_', '#', '>', ' ']);
        let is_decorated = undecorated.len() < words.len();
        let begins = COPY_BEGINS.iter().any(|begin| words.contains(begin))
            || undecorated.starts_with("received: from ")
            || undecorated.starts_with("received: by ")
            || (is_decorated && undecorated.starts_with("original message"));
        if begins && !text.get(..at).unwrap_or_default().trim().is_empty() {
            return text.get(..at).unwrap_or(text);
        }
        at += line.len();
    }
    text
}

/// The addresses that failed: as the header lists them, else those alone on a line, else all that
/// are named, ours aside.
fn recipients(headers: &Headers, own: &str) -> Vec<String> {
    let listed: Vec<String> = headers
        .all("x-failed-recipients")
        .flat_map(scan::addresses)
        .collect();
    if !listed.is_empty() {
        return listed;
    }
    let ours: Vec<String> = ["to", "delivered-to", "x-original-to", "from"]
        .iter()
        .flat_map(|name| headers.all(name).flat_map(scan::addresses))
        .map(|address| address.to_ascii_lowercase())
        .collect();
    let mut alone: Vec<String> = Vec::new();
    for line in own.lines() {
        let line = line.trim().trim_start_matches(['*', '-', ' ']);
        let rest = line
            .split_once(['>', ' ', '\t'])
            .map_or("", |(_, rest)| rest);
        let is_alone = rest.trim_matches([':', ' ', '.']).is_empty() || line.starts_with('<');
        if let Some(address) =
            scan::address(line.split_whitespace().next().unwrap_or_default()).filter(|_| is_alone)
            && !alone
                .iter()
                .any(|known| known.eq_ignore_ascii_case(address))
        {
            alone.push(address.to_owned());
        }
    }
    if alone.is_empty() {
        alone = scan::addresses(own);
    }
    alone.retain(|address| !ours.contains(&address.to_ascii_lowercase()));
    alone.truncate(RECIPIENTS_MAX);
    alone
}

#[cfg(test)]
mod tests {
    use super::super::classify;
    use super::*;

    fn of(from: &str, subject: &str, body: &str) -> super::super::Classified {
        let mail = format!(
            "From: {from}\nTo: reply@gateway.test\nReturn-Path: <>\nSubject: {subject}\n\n{body}\n"
        );
        classify(mail.as_bytes())
    }

    #[test]
    fn each_phrase_says_what_its_row_says() {
        for (phrase, says) in RULES {
            let kind = of("postmaster@b.test", "", &format!("Hello,\n{phrase}.\n")).kind;
            let expected = match says {
                Says::Delayed | Says::Temporary => Kind::BounceTemporary,
                Says::Permanent | Says::Returned => Kind::BouncePermanent,
                Says::Delivered | Says::Relayed => Kind::DeliveryReport,
                Says::TryAgain => Kind::Unclassified,
            };
            assert_eq!(kind, expected, "{phrase}");
        }
    }

    #[test]
    fn each_subject_and_name_makes_a_report_of_words_that_say_so() {
        for subject in SUBJECTS {
            let mail = format!("From: a@b.test\nSubject: {subject}\n\nUser unknown: <c@d.test>\n");
            let found = classify(mail.as_bytes());
            let is_delay = subject.contains("delayed");
            let kind = if is_delay {
                Kind::BounceTemporary
            } else {
                Kind::BouncePermanent
            };
            assert_eq!(found.kind, kind, "{subject}");
            assert_eq!(found.recipients, ["c@d.test"]);
        }
        for name in DAEMON_NAMES {
            let found = of(&format!("{name} <a@b.test>"), "", "550 5.1.1 no");
            assert_eq!(found.status.as_deref(), Some("5.1.1"), "{name}");
        }
    }

    #[test]
    fn the_copy_of_the_letter_is_not_read_for_reasons() {
        for begin in COPY_BEGINS {
            let text = format!("The user is known.\n{begin}\n550 5.1.1 no");
            assert_eq!(above_copy(&text), "The user is known.\n", "{begin}");
        }
    }

    #[test]
    fn from_a_persons_address_the_words_of_mail_systems_are_for_a_person() {
        let of = |body: &str| classify(format!("From: Jo <jo@b.test>\n\n{body}\n").as_bytes()).kind;
        assert_eq!(of("User unknown: 550 5.1.1 <c@d.test>"), Kind::Unclassified);
        assert_eq!(of("Received. He was not found at break."), Kind::HumanReply);
    }

    #[test]
    fn returned_and_yet_asked_to_try_again_is_for_a_person() {
        let found = of(
            "postmaster@b.test",
            "",
            "Your message was rejected: mailbox full. Please try to send your message again.",
        );
        assert_eq!(found.kind, Kind::Unclassified);
    }
}
