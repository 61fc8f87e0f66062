//! Automatic replies: marked by a header or the subject, or only by their words.

use super::Finding;
use super::automatic_words::*;
use super::bounce::is_no;
use super::headers::Headers;
use super::text::{above_quote, above_signature, plain, start_of};
use super::until;
use crate::referral::report::{Kind, Sub};
use jiff::civil::Date;

/// What words alone say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Sure(Sub),
    /// Like an automatic reply, but a person may have written it.
    Unsure,
    Nothing,
}

/// The mark that a program set in the header or subject, if any. `X-Auto-Response-Suppress` is none:
/// people's mail carries it too; `Precedence: list` is none either.
pub(super) fn mark(headers: &Headers, subject: &str) -> Option<&'static str> {
    if SUBJECT_BEGINS
        .iter()
        .any(|begin| subject.starts_with(begin))
        || SUBJECT_HOLDS.iter().any(|mark| subject.contains(mark))
    {
        return Some("subject-automatic");
    }
    if headers
        .get("auto-submitted")
        .is_some_and(|value| !is_no(value))
    {
        return Some("auto-submitted");
    }
    if HEADERS.iter().any(|name| headers.get(name).is_some()) {
        return Some("autoreply-header");
    }
    let holds = |(name, mark): &(&str, &str)| {
        headers
            .all(name)
            .any(|value| value.to_ascii_lowercase().contains(mark))
    };
    HEADER_VALUES
        .iter()
        .any(holds)
        .then_some("autoreply-header")
}

/// An automatic reply that is marked as one.
pub(super) fn marked(mark: &str, subject: &str, text: &str, sent: Option<Date>) -> Finding {
    let own = start_of(above_quote(text));
    let sub = match heard(own) {
        Heard::Sure(sub) => sub,
        Heard::Unsure | Heard::Nothing => loosely(&format!("{subject} {}", plain(own))),
    };
    found(sub, mark, subject, own, sent)
}

/// An automatic reply that only its words betray; or, when a person may have written it, nothing
/// that is sure.
pub(super) fn in_words(subject: &str, text: &str, sent: Option<Date>) -> Option<Finding> {
    let own = start_of(above_quote(text));
    match heard(own) {
        Heard::Sure(sub) => Some(found(sub, "words-automatic", subject, own, sent)),
        Heard::Unsure => Some(Finding::new(Kind::Unclassified, "words-perhaps-automatic")),
        Heard::Nothing => None,
    }
}

/// A read receipt in words, as old Outlook and Thunderbird write them.
pub(super) fn receipt_in_words(subject: &str, text: &str) -> Option<Finding> {
    let words = plain(start_of(above_quote(text)));
    let is_titled = ["read:", "not read:", "return receipt", "read receipt"]
        .iter()
        .any(|title| subject.starts_with(title));
    let says = READ.iter().any(|phrase| words.contains(phrase));
    (is_titled && says).then(|| Finding::new(Kind::ReadReceipt, "receipt-in-words"))
}

fn found(sub: Sub, reason: &str, subject: &str, own: &str, sent: Option<Date>) -> Finding {
    let mut found = Finding::new(Kind::AutoReply, reason);
    found.sub = Some(sub);
    found.absence_until = match sub {
        Sub::Absence | Sub::Closed => until::day(own, sent).or_else(|| until::day(subject, sent)),
        Sub::Receipt | Sub::Other => None,
    };
    found
}

fn heard(own: &str) -> Heard {
    let words = plain(own);
    let said = plain(above_signature(own));
    let has = |list: &[&str]| list.iter().any(|phrase| holds(&said, phrase));
    let outright = OUTRIGHT.iter().any(|phrase| words.contains(phrase));
    let sub = if has(CLOSED) && has(CLOSED_THEN) {
        Some((Sub::Closed, has(DEEDS)))
    } else if is_away(own, &said) {
        Some((Sub::Absence, has(DONE)))
    } else {
        receipt(&said).map(|is_sure| (Sub::Receipt, !is_sure || has(DEEDS)))
    };
    match (sub, outright) {
        _ if (sub.is_some() || outright) && begins_as_answer(own) => Heard::Unsure,
        (Some((sub, _)), true) | (Some((sub, false)), false) => Heard::Sure(sub),
        (Some((_, true)), false) => Heard::Unsure,
        (None, true) => Heard::Sure(Sub::Other),
        (None, false) => Heard::Nothing,
    }
}

/// Whether the phrase stands there as whole words.
fn holds(text: &str, phrase: &str) -> bool {
    text.match_indices(phrase).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + phrase.len()..).unwrap_or_default();
        !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric)
    })
}

/// The writer is away: `I am currently on leave`, or a line that begins `Out of office until`.
/// That somebody else is (`Sarah is on leave`) is what a person would write.
fn is_away(own: &str, said: &str) -> bool {
    let mut lines = above_signature(own).lines().map(plain);
    let is_named = |line: String| STATE_BEGINS.iter().any(|begin| line.starts_with(begin));
    if lines.any(is_named) || AWAY_ALONE.iter().any(|phrase| holds(said, phrase)) {
        return true;
    }
    STATES.iter().any(|state| {
        said.match_indices(state).any(|(at, _)| {
            let before = said.get(..at).unwrap_or_default();
            let clause = before
                .rsplit(['.', ',', '!', '?', ':'])
                .next()
                .unwrap_or_default();
            let after = said.get(at + state.len()..).unwrap_or_default();
            !after.starts_with(char::is_alphanumeric) && ends_with_writer(clause)
        })
    })
}

/// Whether a clause ends with the writer as its subject: `I am currently`.
fn ends_with_writer(clause: &str) -> bool {
    let mut clause = clause.trim_end();
    loop {
        let is_writer = |subject: &str| {
            let before = clause.strip_suffix(subject);
            before.is_some_and(|before| !before.ends_with(char::is_alphanumeric))
        };
        if AWAY_SUBJECTS.iter().any(|subject| is_writer(subject)) {
            return true;
        }
        match clause.rsplit_once(' ') {
            Some((before, word)) if BETWEEN.contains(&word) => clause = before,
            Some(_) | None => return false,
        }
    }
}

/// The mail has come, or thanks for it, and somebody will look at it; whether that is sure.
fn receipt(said: &str) -> Option<bool> {
    let has = |list: &[&str]| list.iter().any(|phrase| said.contains(phrase));
    let (promised, passed) = (has(PROMISED), has(PASSED));
    if has(RECEIVED) && (promised || passed) {
        Some(true)
    } else if has(THANKS) && (promised || passed) {
        Some(promised)
    } else {
        None
    }
}

/// Whether the first clause above the quote is a whole answer of a person: `Received, thanks.`
pub(super) fn begins_as_answer(text: &str) -> bool {
    let own = start_of(above_quote(text));
    let line = own.lines().map(plain).find(|line| !line.is_empty());
    [line.unwrap_or_default(), plain(own)].iter().any(|words| {
        is_answer(
            words
                .split(['.', ',', '!', ';', ':', '-', '('])
                .next()
                .unwrap_or_default()
                .trim(),
        )
    })
}

fn is_answer(clause: &str) -> bool {
    let mut rests = ANSWERS
        .iter()
        .filter_map(|answer| clause.strip_prefix(answer));
    rests.any(|rest| {
        !rest.starts_with(char::is_alphanumeric)
            && rest
                .split_whitespace()
                .all(|word| COURTESIES.contains(&word))
    })
}

fn loosely(words: &str) -> Sub {
    let first = LOOSE
        .iter()
        .filter_map(|(phrase, sub)| words.find(phrase).map(|at| (at, *sub)))
        .min_by_key(|(at, _)| *at);
    match first {
        Some((_, sub)) => sub,
        None if RECEIVED
            .iter()
            .chain(THANKS)
            .any(|phrase| words.contains(phrase)) =>
        {
            Sub::Receipt
        }
        None => Sub::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::classify;
    use super::*;

    fn of(header: &str, body: &str) -> (Kind, Option<Sub>) {
        let mail = format!(
            "From: Jo <jo@a.sch.uk>\nDate: Mon, 23 Nov 2026 02:05:00 +0000\n{header}\n\n{body}\n"
        );
        let found = classify(mail.as_bytes());
        (found.kind, found.sub)
    }

    fn auto(sub: Sub) -> (Kind, Option<Sub>) {
        (Kind::AutoReply, Some(sub))
    }

    const PERSON: (Kind, Option<Sub>) = (Kind::HumanReply, None);
    const UNSURE: (Kind, Option<Sub>) = (Kind::Unclassified, None);

    #[test]
    fn each_mark_makes_an_automatic_reply() {
        for name in HEADERS {
            assert_eq!(
                of(&format!("{name}: yes"), "Hello."),
                auto(Sub::Other),
                "{name}"
            );
        }
        for (name, value) in HEADER_VALUES {
            assert_eq!(
                of(&format!("{name}: 1; {value}"), "Hello."),
                auto(Sub::Other),
                "{name}"
            );
        }
        for words in SUBJECT_BEGINS.iter().chain(SUBJECT_HOLDS) {
            let (kind, _) = of(&format!("Subject: {words} x"), "Hello.");
            assert_eq!(kind, Kind::AutoReply, "{words}");
        }
        assert_eq!(
            of("Auto-Submitted: auto-replied", "Received"),
            auto(Sub::Other)
        );
    }

    #[test]
    fn what_is_no_mark_makes_none() {
        for header in [
            "X-Auto-Response-Suppress: All",
            "Auto-Submitted: no",
            "Precedence: list",
            "Subject: RE: on leave until",
        ] {
            assert_eq!(of(header, "Received, thank you."), PERSON, "{header}");
        }
    }

    #[test]
    fn each_phrase_is_heard_without_a_header() {
        for phrase in OUTRIGHT {
            assert_eq!(
                of("X: y", &format!("Hello,\n{phrase} x.")),
                auto(Sub::Other),
                "{phrase}"
            );
        }
        for state in STATES {
            assert_eq!(
                of("X: y", &format!("Hello, I am {state}.")),
                auto(Sub::Absence),
                "{state}"
            );
        }
        for subject in AWAY_SUBJECTS {
            assert_eq!(
                of("X: y", &format!("Hello. {subject} on leave.")),
                auto(Sub::Absence),
                "{subject}"
            );
        }
        for phrase in AWAY_ALONE {
            assert_eq!(
                of("X: y", &format!("Hello, {phrase}.")),
                auto(Sub::Absence),
                "{phrase}"
            );
        }
        for begin in STATE_BEGINS {
            assert_eq!(
                of("X: y", &format!("Hello\n{begin} Monday")),
                auto(Sub::Absence),
                "{begin}"
            );
        }
        for (phrase, then) in CLOSED.iter().zip(CLOSED_THEN.iter().cycle()) {
            assert_eq!(
                of("X: y", &format!("Hello, the {phrase} {then} x.")),
                auto(Sub::Closed),
                "{phrase} {then}"
            );
        }
        for received in RECEIVED {
            for handled in PROMISED.iter().chain(PASSED) {
                let text = format!("{received} x. It {handled} x.");
                assert_eq!(of("X: y", &text), auto(Sub::Receipt), "{text}");
            }
        }
        for (thanks, promised) in THANKS.iter().zip(PROMISED.iter().cycle()) {
            let text = format!("{thanks}. And {promised} x.");
            assert_eq!(of("X: y", &text), auto(Sub::Receipt), "{text}");
        }
    }

    #[test]
    fn a_header_lets_looser_words_tell_what_it_says() {
        for (phrase, sub) in LOOSE {
            assert_eq!(
                of("X-Autoreply: yes", &format!("We {phrase} x.")),
                auto(*sub),
                "{phrase}"
            );
        }
        for phrase in RECEIVED.iter().chain(THANKS) {
            assert_eq!(
                of("X-Autoreply: yes", &format!("{phrase} x.")),
                auto(Sub::Receipt),
                "{phrase}"
            );
        }
    }

    #[test]
    fn the_two_texts_of_the_rules_are_automatic() {
        assert_eq!(
            of(
                "X: y",
                "Your message has been received and will be passed on"
            ),
            auto(Sub::Receipt)
        );
        assert_eq!(
            of(
                "X: y",
                "Received your message, I am on leave until 3 September"
            ),
            auto(Sub::Absence)
        );
    }

    #[test]
    fn what_people_write_is_not_automatic() {
        for text in [
            "RECEIVED. Sarah is on leave until Monday, so this comes from me.",
            "Received, thank you. Dad is outside the gate.",
            "Thank you for your email. I have forwarded it to the relevant department.",
            "CALL please, on 01245 000000 within 24 hours",
            "Received\n\nKind regards,\nJo\n\nPlease note that I am not working on Fridays.",
            "Noted.\nOn Mon Desk wrote:\n> This is an automated message",
            "Amelia is currently not in school. I am afraid the family is on holiday.",
            "Is this an automated message? Who sent it?",
            "Thank you for your message. A member of staff will collect her.",
            "He was away on Friday and will be passed to Year 4.",
        ] {
            assert_eq!(of("X: y", text), PERSON, "{text}");
        }
    }

    #[test]
    fn where_a_person_may_have_written_it_nothing_is_sure() {
        for text in [
            "Received. I am on leave until Thursday.",
            "We are closed for half term until Monday but I will look at it.",
            "I am on leave but I have told our deputy, Ann.",
            "Thank you for your email, which will be passed to our safeguarding lead.",
        ] {
            assert_eq!(of("X: y", text), UNSURE, "{text}");
        }
        for (answer, deed) in ANSWERS.iter().zip(DONE.iter().chain(DEEDS).cycle()) {
            assert_eq!(
                of(
                    "X: y",
                    &format!("{answer} with thanks. This is an automated x")
                ),
                UNSURE,
                "{answer}"
            );
            let text = format!("The school is closed until Monday, {deed} x.");
            assert_eq!(of("X: y", &text), UNSURE, "{text}");
        }
    }
}
