//! Which letter a mail belongs to: everything in it that may say so. Nothing here decides; what is
//! named is looked up, and what was made up is not found.

use super::headers::{Headers, xtext};
use super::mime::Part;
use super::{report, scan};
use crate::referral::reference::Reference;
use std::collections::BTreeSet;

/// Values kept of each sort: a mail can name many letters, but no honest one names more.
pub const CLUES_MAX: usize = 100;

/// What a mail says of the letter it belongs to, the surest first in each list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clues {
    /// Original-Envelope-Id of delivery reports, xtext decoded (RFC 3461 4.4).
    pub envids: Vec<String>,
    /// Message-IDs without angle brackets: of In-Reply-To, References, Original-Message-ID, then of
    /// the letter that came back.
    pub message_ids: Vec<String>,
    /// Our public references, from the subject, then the text.
    pub references: Vec<Reference>,
    /// Reply tokens, lower case: of the addresses this was sent to, then wherever one stands.
    pub tokens: Vec<String>,
    /// Its own Message-ID, without angle brackets.
    pub own_message_id: Option<String>,
    /// The address of From, as it is written; none where there are several, of which one may be made up.
    pub from: Option<String>,
    /// Its domain, lower case.
    pub sender_domain: Option<String>,
    /// Whether the header says that a program sent it (RFC 3834).
    pub auto_submitted: bool,
}

/// Where the address stands that the mail was sent to.
const TO_FIELDS: &[&str] = &["delivered-to", "x-original-to", "envelope-to", "to", "cc"];

/// Length of a reply token: 130 bits in base32.
const TOKEN_CHARS: usize = 26;

/// Gathers the clues of a mail; `text` is its text with quotes, decoded.
pub(super) fn gather(parts: &[Part], text: &str) -> Clues {
    let none = Headers::default();
    let headers = parts.first().map_or(&none, |part| &part.headers);
    let from = the_only(headers.all("from")).and_then(sender);
    let sender_domain = from.as_deref().and_then(|from| from.rsplit_once('@'));
    let mut clues = Clues {
        own_message_id: the_only(headers.all("message-id"))
            .and_then(|value| message_ids(value).into_iter().next()),
        sender_domain: sender_domain.map(|(_, domain)| domain.to_ascii_lowercase()),
        from,
        auto_submitted: headers
            .get("auto-submitted")
            .is_some_and(|value| !super::bounce::is_no(value)),
        ..Clues::default()
    };
    let mut reports = Vec::new();
    let mut returned = Vec::new();
    for part in parts.iter().skip(1) {
        match part.kind.as_str() {
            "message/delivery-status"
            | "message/global-delivery-status"
            | "message/disposition-notification"
            | "message/global-disposition-notification"
            | "message/feedback-report" => reports.extend(report::groups(part.bytes())),
            "text/rfc822-headers" | "message/global-headers" => {
                returned.extend(report::groups(part.bytes()).into_iter().take(1))
            }
            _ if part.is_message => returned.push(part.headers.clone()),
            _ => {}
        }
    }
    // What old gateways return stands in the text itself; a person's quote has these lines too.
    returned.extend(report::groups(text.as_bytes()));
    clues.envids = once(
        reports
            .iter()
            .flat_map(|group| group.all("original-envelope-id"))
            .map(|id| xtext(id.trim())),
    );
    let answers = ["in-reply-to", "references"]
        .iter()
        .flat_map(|name| headers.all(name));
    let originals = reports
        .iter()
        .flat_map(|group| group.all("original-message-id"));
    let came_back = returned.iter().flat_map(|header| header.all("message-id"));
    clues.message_ids = once(
        answers
            .chain(originals)
            .chain(came_back)
            .flat_map(message_ids),
    );
    clues.references = references(&headers.text("subject"), &returned, text);
    clues.tokens = tokens(headers, &clues, &returned, text);
    clues
}

fn once(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    values
        .filter(|value| !value.is_empty() && seen.insert(value.clone()))
        .take(CLUES_MAX)
        .collect()
}

fn the_only<'a>(mut values: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// The address of From: the last in angle brackets, so that a display name that looks like an
/// address is not taken for it. None of several (RFC 5322 3.6.2).
fn sender(value: &str) -> Option<String> {
    if boxes(value) > 1 {
        return None;
    }
    let inside = value.rfind('<').and_then(|open| value.get(open..));
    scan::address(inside.unwrap_or_else(|| value.split([' ', '(', ',']).next().unwrap_or_default()))
        .map(str::to_owned)
}

/// How many mailboxes stand in a list of them: commas in quotes, comments and brackets part none.
fn boxes(value: &str) -> usize {
    let (mut quoted, mut depth, mut escaped) = (false, 0_usize, false);
    let mut pieces = vec![false];
    for c in value.chars() {
        let skipped = quoted || depth > 0;
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ',' | ';' if !skipped => pieces.push(false),
            '@' if !skipped => {
                if let Some(last) = pieces.last_mut() {
                    *last = true;
                }
            }
            _ => {}
        }
    }
    pieces.into_iter().filter(|has| *has).count()
}

/// `<a@b> <c@d>`, folded or not.
fn message_ids(value: &str) -> Vec<String> {
    let pieces = value
        .split('<')
        .skip(1)
        .filter_map(|piece| piece.split_once('>'));
    let ids: Vec<String> = pieces.map(|(id, _)| id.trim().to_owned()).collect();
    if ids.is_empty() && value.contains('@') && !value.contains(char::is_whitespace) {
        return vec![value.to_owned()];
    }
    ids
}

/// `7KQ2-M4XD` with a right check, in the subject, that of the letter that came back, and the text.
/// In running text only the printed form counts: eight letters in a row are often a word.
fn references(subject: &str, returned: &[Headers], text: &str) -> Vec<Reference> {
    let mut found: Vec<Reference> = Vec::new();
    let subjects = returned.iter().map(|header| header.text("subject"));
    let places = std::iter::once(subject.to_owned()).chain(subjects);
    for reference in places
        .flat_map(|place| references_of(&place))
        .chain(references_of(text))
    {
        if found.len() < CLUES_MAX && !found.contains(&reference) {
            found.push(reference);
        }
    }
    found
}

fn references_of(text: &str) -> Vec<Reference> {
    let is_outside = |c: char| {
        !c.is_ascii_alphanumeric() && !matches!(c, '-' | '\u{2010}' | '\u{2011}' | '\u{2013}')
    };
    let mut found = Vec::new();
    for word in text.split(is_outside) {
        let word = word.replace(['\u{2010}', '\u{2011}', '\u{2013}'], "-");
        let has_form = word.len() == 9 && word.find('-') == Some(4);
        let is_bare = word.len() == 8 && word.bytes().any(|byte| byte.is_ascii_digit());
        if let Some(reference) = Reference::parse(&word).ok().filter(|_| has_form || is_bare) {
            found.push(reference);
        }
    }
    found
}

fn tokens(headers: &Headers, clues: &Clues, returned: &[Headers], text: &str) -> Vec<String> {
    let to = TO_FIELDS.iter().flat_map(|name| headers.all(name));
    let addressed = to.flat_map(scan::addresses).filter_map(|address| {
        let (local, _) = address.rsplit_once('@')?;
        let (_, token) = local.rsplit_once('+')?;
        token_of(token)
    });
    let named = clues
        .envids
        .iter()
        .chain(&clues.message_ids)
        .map(String::as_str);
    let reply_to = returned.iter().flat_map(|header| header.all("reply-to"));
    let standing = named
        .chain(reply_to)
        .chain(std::iter::once(text))
        .flat_map(|place| {
            place
                .split(|c: char| !c.is_ascii_alphanumeric())
                .filter_map(token_of)
        });
    once(addressed.chain(standing))
}

/// A reply token: 26 of the base32 digits, any case (relays change it), digits and letters both.
fn token_of(word: &str) -> Option<String> {
    let lower = word.to_ascii_lowercase();
    let is_digit = |byte: u8| {
        byte.is_ascii_digit()
            || (byte.is_ascii_lowercase() && !matches!(byte, b'i' | b'l' | b'o' | b'u'))
    };
    let is_token = lower.len() == TOKEN_CHARS
        && lower.bytes().all(is_digit)
        && lower.bytes().any(|byte| byte.is_ascii_digit())
        && lower.bytes().any(|byte| byte.is_ascii_lowercase());
    is_token.then_some(lower)
}

#[cfg(test)]
mod tests {
    use super::super::classify;
    use super::*;

    const TOKEN: &str = "0123456789abcdefghjkmnpqrs";

    fn of(mail: &str) -> Clues {
        classify(mail.as_bytes()).clues
    }

    #[test]
    fn a_reply_names_its_letter_in_address_header_subject_and_text() {
        let reference = Reference::from_random(0x3_1234_5678);
        let clues = of(&format!(
            "From: \"x@other.test\" <Jo@A.sch.uk>\nTo: reply+{}@gateway.test\nIn-Reply-To: <a@gateway.test>\n\
             References: <b@gateway.test>\n <a@gateway.test>\nSubject: [EXTERNAL] RE: Please answer [{reference}]\n\n\
             Received 7KQ2-M4XA\n",
            TOKEN.to_uppercase()
        ));
        assert_eq!(clues.tokens, [TOKEN]);
        assert_eq!(clues.message_ids, ["a@gateway.test", "b@gateway.test"]);
        assert_eq!(clues.references, [reference]);
        assert_eq!(clues.from.as_deref(), Some("Jo@A.sch.uk"));
        assert_eq!(clues.sender_domain.as_deref(), Some("a.sch.uk"));
    }

    #[test]
    fn a_report_names_its_letter_in_its_envelope_and_in_what_came_back() {
        let clues = of(&format!(
            "From: MAILER-DAEMON@b.test\nContent-Type: multipart/report; boundary=b\n\n\
             --b\nContent-Type: message/delivery-status\n\nOriginal-Envelope-Id: {TOKEN}+2Bx\n\nAction: failed\nStatus: 5.1.1\n\n\
             --b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <{TOKEN}@gateway.test>\nSubject: no\n\n--b--\n"
        ));
        assert_eq!(clues.envids, [format!("{TOKEN}+x")]);
        assert_eq!(clues.message_ids, [format!("{TOKEN}@gateway.test")]);
        assert_eq!(clues.tokens, [TOKEN]);
    }

    #[test]
    fn clues_are_bounded() {
        let many: String = (0..500).map(|n| format!("<{n}@a.test>\n ")).collect();
        assert_eq!(
            of(&format!("From: a@b.test\nReferences: {many}\n\nx\n"))
                .message_ids
                .len(),
            CLUES_MAX
        );
    }

    #[test]
    fn of_several_senders_none_is_believed() {
        let from = |lines: &str| {
            let mail = format!("{lines}\nSubject: Re: it\n\nReceived\n").replace('\n', "\r\n");
            crate::replies::classify::classify(mail.as_bytes())
                .clues
                .from
        };
        for one in [
            "From: dsl@a.test",
            "From: \"Lee, Jo @ A, B\" <dsl@a.test>",
            "From: Jo (at home, jo@b.test) <dsl@a.test>",
            "From: \"Jo \\\" Lee, x@b.test\" <dsl@a.test>",
        ] {
            assert_eq!(from(one).as_deref(), Some("dsl@a.test"), "{one}");
        }
        for several in [
            "From: mallory@b.test, dsl@a.test",
            "From: Mallory <mallory@b.test>, Jo <dsl@a.test>",
            "From: mallory@b.test\nFrom: dsl@a.test",
        ] {
            assert_eq!(from(several), None, "{several}");
        }
    }
}
