//! Judging what went out: every letter arrived, and what came again is explained.

use super::Found;
use crate::kills::field::{End, State, Transaction};
use crate::kills::mails::header;
use crate::kills::referrals::{Child, named_in};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Of one message, in order of MAIL.
type Copies<'a> = Vec<&'a Transaction>;

/// All that was sent about one child: letters, which name it, and notes, which do not.
#[derive(Default)]
pub(super) struct Post<'a> {
    letters: Vec<Copies<'a>>,
    notes: Vec<Copies<'a>>,
}

impl Post<'_> {
    /// Whether there is nothing to explain: one letter, once, to whom it is for.
    pub(super) fn is_plain(&self, child: &Child) -> bool {
        let once = self.letters.len() == 1 && self.letters[0].len() == 1;
        once && self.notes.is_empty() && self.letters[0][0].recipient == child.key_adult
    }
}

/// Whole letters and notes, by the one child that each speaks of; and how many letters were cut off
/// that never came whole. Nothing is still open.
pub(super) fn by_child(journals: &State) -> (BTreeMap<String, Post<'_>>, usize) {
    let mut whole: BTreeMap<&str, Copies<'_>> = BTreeMap::new();
    for one in journals.transactions.iter().filter(|one| one.complete) {
        whole.entry(&one.mail).or_default().push(one);
    }
    let mut posts: BTreeMap<String, Post<'_>> = BTreeMap::new();
    let mut children = BTreeMap::new();
    let mut notes = Vec::new();
    for copies in whole.values() {
        let names = named_in(&copies[0].bytes);
        assert!(names.len() < 2, "one child a letter: {names:?}");
        let Some(name) = names.first() else {
            notes.push(copies);
            continue;
        };
        children.insert(reference(copies[0]), name.clone());
        let post = posts.entry(name.clone()).or_default();
        post.letters.push(copies.clone());
    }
    for copies in notes {
        let name = children.get(&reference(copies[0]));
        let name = name.unwrap_or_else(|| panic!("a note about nobody: {}", copies[0].mail));
        posts.get_mut(name).unwrap().notes.push(copies.clone());
    }
    let mut cut_off = BTreeSet::new();
    for part in &journals.transactions {
        assert_ne!(part.end, End::Open, "{}: under way for ever", part.mail);
        match whole.get(part.mail.as_str()) {
            None => {
                cut_off.insert(&part.mail);
            }
            Some(known) => assert!(
                known[0].bytes.starts_with(&part.bytes),
                "{}: cut off from another",
                part.mail
            ),
        }
    }
    (posts, cut_off.len())
}

/// The public code, which the subject ends in.
fn reference(one: &Transaction) -> String {
    let subject = header(&one.bytes, "Subject");
    subject.rsplit(['[', ']']).nth(1).unwrap().to_owned()
}

/// A letter, to whom it is for, taken by the relay; as often as one came, the same.
pub(super) fn arrived(child: &Child, post: Option<&Post<'_>>) {
    let name = &child.name;
    let post = post.unwrap_or_else(|| panic!("{name}: lost"));
    for kind in [&post.letters, &post.notes] {
        let mut recipients = BTreeSet::new();
        for copies in kind {
            let first = copies[0];
            the_same(name, copies);
            let known = [child.key_adult, child.deputy].contains(&first.recipient.as_str());
            assert!(known, "{name}: to somebody else");
            assert!(recipients.insert(&first.recipient), "{name}: two letters");
        }
    }
    let taken = |copies: &Copies<'_>| copies.iter().any(|copy| copy.end == End::Taken);
    assert!(post.letters.iter().any(taken), "{name}: not taken");
    for note in &post.notes {
        let subject = header(&note[0].bytes, "Subject");
        let begins = "For the safeguarding lead: answered, nothing more to do [";
        assert!(subject.starts_with(begins), "{name}: {subject}");
    }
}

fn the_same(name: &str, copies: &Copies<'_>) {
    let first = copies[0];
    for copy in copies {
        assert_eq!(copy.recipient, first.recipient, "{name}: to two people");
        assert!(
            copy.bytes == first.bytes,
            "{name}: the same letter in other bytes"
        );
        assert_eq!(copy.mail, first.mail, "{name}: another envelope");
        assert_eq!(copy.route, first.route, "{name}: another route");
    }
}

pub(super) fn figures(posts: &BTreeMap<String, Post<'_>>) -> String {
    let count = |of: fn(&Post<'_>) -> usize| posts.values().map(of).sum::<usize>();
    let (letters, notes) = (count(|post| post.letters.len()), count(|p| p.notes.len()));
    let copies = count(|post| post.letters.iter().map(Vec::len).sum());
    // Or the kills met nothing, and the story proves nothing.
    assert!(copies > letters && notes > 0);
    format!(
        "letters {letters} about {} children in {copies} copies, receipts {notes}",
        posts.len()
    )
}

/// Every delivery of the record is one message that came, or says why none did; a second person got
/// a letter for a reason.
pub(super) fn explained(child: &Child, post: &Post<'_>, answered: bool, trace: &Value) -> Found {
    let name = &child.name;
    let mut found = Found::default();
    let (mut matched, mut letters) = (0, 0);
    for queued in facts(trace, "delivery_queued") {
        let body = &queued["body"];
        if body["after_attempt"] != 0 {
            continue;
        }
        let delivery = body["delivery"].as_str().unwrap();
        let (state, recipient) = delivery_of(child, delivery, trace);
        let is_letter = body["message"] == "letter";
        letters += usize::from(is_letter);
        let kind = if is_letter {
            &post.letters
        } else {
            &post.notes
        };
        let copies = kind.iter().find(|copies| copies[0].recipient == recipient);
        found.letters_aside += usize::from(state == "held");
        found.cancelled += usize::from(state == "cancelled");
        matched += usize::from(copies.is_some());
        match copies {
            None => assert!(
                ["held", "cancelled"].contains(&state),
                "{name}: lost: {trace:#}"
            ),
            Some(copies) => {
                assert_ne!(state, "held", "{name}: {trace:#}");
                repeats_are_explained(name, copies, answered, &attempts(name, delivery, trace));
            }
        }
    }
    assert_eq!(matched, post.letters.len() + post.notes.len(), "{trace:#}");
    assert!(
        letters < 2 || climbed(trace),
        "{name}: to two people: {trace:#}"
    );
    found
}

/// Where a delivery stands, and whose mailbox it is for.
fn delivery_of<'a>(child: &Child, delivery: &str, trace: &'a Value) -> (&'a str, &'static str) {
    let mut all = trace["deliveries"].as_array().unwrap().iter();
    let found = all.find(|one| one["delivery"] == delivery).unwrap();
    let recipient = match found["role"].as_str().unwrap() {
        "key_adult" => child.key_adult,
        "deputy" => child.deputy,
        other => panic!("{other}: {trace:#}"),
    };
    (found["state"].as_str().unwrap(), recipient)
}

/// Whether there is a reason for a letter to the deputy.
fn climbed(trace: &Value) -> bool {
    let mut all = trace["facts"].as_array().unwrap().iter();
    all.any(|fact| match fact["kind"].as_str().unwrap() {
        "delivery_quarantined" => true,
        "report_received" => fact["body"]["action"] == "failed",
        "absence_noted" => fact["body"]["covers"] == true,
        "step_fired" => fact["body"]["step"] == "deputies",
        _ => false,
    })
}

/// The facts of one kind, in order.
pub(super) fn facts<'a>(trace: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    let all = trace["facts"].as_array().unwrap().iter();
    all.filter(move |fact| fact["kind"] == kind)
}

/// One attempt as the trace tells it.
struct Attempt {
    number: u64,
    ended: Option<(Timestamp, String)>,
}

/// Before each copy but the first the daemon recorded that it did not know how an attempt ended,
/// and of all copies only as many came as there are attempts that may have handed one over. Where
/// nobody answered, the last attempt was heard to succeed.
fn repeats_are_explained(
    name: &str,
    copies: &[&Transaction],
    answered: bool,
    attempts: &[Attempt],
) {
    let ended = |word: &str| {
        let results = attempts.iter().filter_map(|attempt| attempt.ended.as_ref());
        let times = results
            .filter(|(_, result)| result == word)
            .map(|(at, _)| *at);
        times.collect::<Vec<_>>()
    };
    let (unknown, done) = (ended("unknown"), ended("done"));
    assert!(
        done.len() == 1 || answered && done.is_empty(),
        "{name}: never done"
    );
    assert!(
        copies.len() <= unknown.len() + done.len(),
        "{name}: {} copies, {} unknown",
        copies.len(),
        unknown.len()
    );
    for pair in copies.windows(2) {
        let between = pair[0].mail_at..=pair[1].mail_at;
        assert!(
            unknown.iter().any(|at| between.contains(at)),
            "{name}: repeated without an unknown outcome within {between:?}: {unknown:?}"
        );
    }
}

/// The attempts of a delivery, each begun only after the one before it was recorded as ended.
fn attempts(name: &str, delivery: &str, trace: &Value) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = Vec::new();
    let facts = trace["facts"].as_array().unwrap();
    for fact in facts
        .iter()
        .filter(|fact| fact["body"]["delivery"] == delivery)
    {
        let number = || fact["body"]["attempt"].as_u64().unwrap();
        match fact["kind"].as_str().unwrap() {
            "delivery_claimed" => {
                let before = attempts.last().map(|last| last.ended.as_ref());
                let settled = before.is_none_or(|ended| {
                    ended.is_some_and(|(_, result)| result == "unknown" || result == "later")
                });
                assert!(settled, "{name}: tried again for no reason: {trace:#}");
                attempts.push(Attempt {
                    number: number(),
                    ended: None,
                });
            }
            "attempt_ended" => {
                let last = attempts.last_mut().unwrap();
                assert_eq!(last.number, number(), "{name}: {trace:#}");
                let at = fact["at"].as_str().unwrap().parse().unwrap();
                let result = fact["body"]["result"].as_str().unwrap();
                last.ended = Some((at, result.to_owned()));
            }
            _ => {}
        }
    }
    attempts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kills::referrals::children;
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    fn copy(second: i64, more: &str) -> Transaction {
        Transaction {
            route: "cjsm",
            mail_at: at(second),
            mail: "MAIL FROM:<replies@gateway.test> ENVID=x".to_owned(),
            recipient: children(0)[0].key_adult.to_owned(),
            bytes: format!("Message-ID: <a>\r\n\r\n{more}").into_bytes(),
            complete: true,
            end: End::Taken,
        }
    }

    fn judge_letters(letters: &[&[Transaction]]) {
        let post = Post {
            letters: letters
                .iter()
                .map(|copies| copies.iter().collect())
                .collect(),
            notes: Vec::new(),
        };
        arrived(&children(0)[0], Some(&post));
    }

    /// Two copies, and the outcome of the attempt before the second.
    fn judge_repeat(result: &str, ended_at: i64) {
        let fact = |kind: &str, attempt: u32, second: i64, result: &str| {
            json!({ "kind": kind, "at": at(second).to_string(),
                "body": { "delivery": "d", "attempt": attempt, "result": result } })
        };
        let trace = json!({
            "facts": [
                fact("delivery_claimed", 1, 0, ""),
                fact("attempt_ended", 1, ended_at, result),
                fact("delivery_claimed", 2, 8, ""),
                fact("attempt_ended", 2, 11, "done"),
            ]
        });
        let copies = [copy(1, ""), copy(10, "")];
        let copies: Vec<_> = copies.iter().collect();
        repeats_are_explained("x", &copies, false, &attempts("x", "d", &trace));
    }

    #[test]
    fn what_was_kept_passes() {
        judge_letters(&[&[copy(1, ""), copy(2, "")]]);
        judge_repeat("unknown", 5);
    }

    #[test]
    #[should_panic(expected = "lost")]
    fn a_lost_letter_fails() {
        arrived(&children(0)[0], None);
    }

    #[test]
    #[should_panic(expected = "two letters")]
    fn a_second_letter_fails() {
        judge_letters(&[&[copy(1, "")], &[copy(2, "")]]);
    }

    #[test]
    #[should_panic(expected = "in other bytes")]
    fn other_bytes_fail() {
        judge_letters(&[&[copy(1, ""), copy(2, "b")]]);
    }

    #[test]
    #[should_panic(expected = "copies")]
    fn a_repeat_after_a_known_outcome_fails() {
        judge_repeat("later", 5);
    }

    #[test]
    #[should_panic(expected = "repeated without an unknown outcome")]
    fn a_repeat_before_the_outcome_was_recorded_fails() {
        judge_repeat("unknown", 11);
    }
}
