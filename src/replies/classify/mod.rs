//! What kind of mail came back: bytes in, [`Classified`] out. Pure, and bounded whatever is sent.
//!
//! Evidence is weighed in a fixed order, and every step leaves its reason: a part for machines
//! ([`report`]), what a header marks ([`automatic`]), the words of mail systems ([`bounce`]), the
//! words of automatic replies; only then a person. What is not sure is `unclassified` and goes to a
//! person: taking a machine for a person would stop the calls, taking a person for a machine would
//! lose an answer. Words are data: [`bounce_words`], [`automatic_words`].

mod headers;
mod mime;
mod text;
mod scan;
mod report;
mod bounce_words;
mod bounce;
mod automatic_words;
mod automatic;
mod until;
mod clues;

pub use clues::{CLUES_MAX, Clues};
pub use mime::{DEPTH_MAX, MAIL_BYTES_MAX, PARTS_MAX};

use crate::referral::report::{Action, Kind, Sub};
use bounce::Sender;
use bounce_words::LIST_HEADERS;
use headers::Headers;
use jiff::civil::Date;
use mail_parser::parsers::MessageStream;
use mime::{Beyond, Part};

/// What a mail is, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classified {
    /// What it is.
    pub kind: Kind,
    /// What an automatic reply says.
    pub sub: Option<Sub>,
    /// The enhanced status code (RFC 3463) of a bounce or report, `5.1.1`, as it was stated.
    pub status: Option<String>,
    /// What was done with the letter, of a bounce or report.
    pub action: Option<Action>,
    /// The addresses that a bounce, report or receipt speaks of; of several fates, the worst's.
    pub recipients: Vec<String>,
    /// The day that an absence or closure states, as it is written: mostly the first day back.
    pub absence_until: Option<Date>,
    /// The mail's text: its plain parts, else its HTML as text; charsets decoded, format=flowed
    /// joined, quotes and signature kept.
    pub text: String,
    /// Why, in the order of the evidence: words of ours, never the mail's.
    pub reasons: Vec<String>,
    /// What it says of the letter it belongs to.
    pub clues: Clues,
}

/// What one piece of evidence says.
#[derive(Debug, Clone)]
struct Finding {
    kind: Kind,
    sub: Option<Sub>,
    status: Option<String>,
    action: Option<Action>,
    recipients: Vec<String>,
    absence_until: Option<Date>,
    reasons: Vec<String>,
}

impl Finding {
    fn new(kind: Kind, reason: &str) -> Self {
        Self {
            kind,
            sub: None,
            status: None,
            action: None,
            recipients: Vec::new(),
            absence_until: None,
            reasons: vec![reason.to_owned()],
        }
    }
}

/// Says what kind of mail this is. Never panics; reads no more than its bounds allow.
pub fn classify(mail: &[u8]) -> Classified {
    let parts = match mime::parts(mail) {
        Ok(parts) => parts,
        Err(beyond) => return beyond_bounds(beyond),
    };
    let text = text::of(&parts);
    let found = weigh(&parts, &text);
    Classified {
        kind: found.kind,
        sub: found.sub,
        status: found.status,
        action: found.action,
        recipients: found.recipients,
        absence_until: found.absence_until,
        reasons: found.reasons,
        clues: clues::gather(&parts, &text),
        text,
    }
}

fn beyond_bounds(beyond: Beyond) -> Classified {
    let reason = match beyond {
        Beyond::Size => "too-large",
        Beyond::Parts => "too-many-parts",
        Beyond::Depth => "too-deep",
    };
    Classified {
        kind: Kind::Unclassified,
        sub: None,
        status: None,
        action: None,
        recipients: Vec::new(),
        absence_until: None,
        text: String::new(),
        reasons: vec![reason.to_owned()],
        clues: Clues::default(),
    }
}

fn weigh(parts: &[Part], text: &str) -> Finding {
    let none = Headers::default();
    let headers = parts.first().map_or(&none, |part| &part.headers);
    if let Some(found) = report::read(parts) {
        return found;
    }
    let subject = text::plain(&headers.text("subject"));
    let sender = bounce::sender(headers);
    let sent = sent_on(headers);
    let mark = automatic::mark(headers, &subject);
    if mark == Some("subject-automatic") && sender != Sender::Daemon {
        return automatic::marked("subject-automatic", &subject, text, sent);
    }
    if let Some(found) = bounce::read(parts, &subject, text) {
        return found;
    }
    if let Some(found) = automatic::receipt_in_words(&subject, text) {
        return found;
    }
    if let Some(mark) = mark {
        return automatic::marked(mark, &subject, text, sent);
    }
    if sender == Sender::Machine && bounce::has_null_path(headers) {
        let found = automatic::marked("no-return-path", &subject, text, sent);
        if found.sub != Some(Sub::Other) {
            return found;
        }
    }
    match sender {
        Sender::Daemon => return Finding::new(Kind::Unclassified, "from-a-mail-system"),
        Sender::Machine | Sender::Person => {}
    }
    if let Some(found) = automatic::in_words(&subject, text, sent) {
        return found;
    }
    person(parts, headers, text, sender)
}

/// A person, if nothing speaks against one and something was said.
fn person(parts: &[Part], headers: &Headers, text: &str, sender: Sender) -> Finding {
    let unsure = |reason: &str| Finding::new(Kind::Unclassified, reason);
    if sender != Sender::Person {
        return unsure("no-return-path");
    }
    if headers.get("from").is_none_or(str::is_empty) {
        return unsure("no-sender");
    }
    if bounce::is_no_reply(headers) {
        return unsure("from-no-reply");
    }
    if bounce::is_passed_on(&text::plain(&headers.text("subject"))) {
        return unsure("passes-a-report-on");
    }
    let names_report = |part: &Part| part.parameter("report-type").is_some();
    if parts.first().is_some_and(names_report) || bounce::sounds_like_one(parts, text) {
        return unsure("perhaps-a-report");
    }
    if has_impossible_zone(headers) {
        return unsure("impossible-date");
    }
    let is_list = LIST_HEADERS.iter().any(|name| headers.get(name).is_some());
    if is_list && !automatic::begins_as_answer(text) {
        return unsure("list-mail");
    }
    let precedence = headers.text("precedence").to_ascii_lowercase();
    if matches!(precedence.as_str(), "bulk" | "junk") || headers.get("list-unsubscribe").is_some() {
        return unsure("bulk");
    }
    let is_attached = |part: &Part| {
        !part.kind.starts_with("multipart/")
            && !matches!(
                part.kind.as_str(),
                "text/plain" | "text/html" | "text/calendar" | "application/ms-tnef"
            )
    };
    if !text.trim().is_empty() {
        Finding::new(Kind::HumanReply, "a-persons-words")
    } else if parts.iter().any(is_attached) {
        Finding::new(Kind::HumanReply, "attachment-only")
    } else {
        unsure("nothing-said")
    }
}

/// The day of the Date field, in its own zone.
fn sent_on(headers: &Headers) -> Option<Date> {
    let line = format!("{}\n", headers.get("date")?);
    let value = MessageStream::new(line.as_bytes()).parse_date();
    let date = value.as_datetime()?;
    Date::new(
        i16::try_from(date.year).ok()?,
        i8::try_from(date.month).ok()?,
        i8::try_from(date.day).ok()?,
    )
    .ok()
}

/// Whether the Date field names a zone that no clock has (RFC 5322 3.3: minutes below 60). Mail
/// programs do not write this; senders of unsolicited mail do.
fn has_impossible_zone(headers: &Headers) -> bool {
    let date = headers.text("date");
    let zone = date
        .split_whitespace()
        .find(|word| word.len() == 5 && word.starts_with(['+', '-']));
    let minutes = zone.and_then(|zone| zone.get(3..)?.parse::<u8>().ok());
    minutes.is_some_and(|minutes| minutes > 59)
}
