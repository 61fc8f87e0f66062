//! The judge: reads the journals when all is over.

use super::field::{Answer, End, State, Transaction, Try};
use super::referrals::{Child, children, named_in};
use crate::support::daemon::Daemon;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::thread;

/// Asks the daemon for this many traces at once.
const READERS: usize = 4;

/// By child's name.
type Letters<'a> = BTreeMap<String, Vec<&'a Transaction>>;

/// Fails at the first promise that was broken; gives the figures.
pub(super) fn judge(journals: &State, daemon: &Daemon) -> String {
    let referrals = accepted_once(&journals.tries);
    let letters = by_child(journals);
    let mut notifications = BTreeMap::new();
    for (number, answer) in &referrals {
        for child in children(*number) {
            let notification = notification_of(answer, &child);
            arrived_once(&child, letters.get(&child.name));
            notifications.insert(child.name.clone(), (notification, child));
        }
    }
    assert_eq!(letters.len(), notifications.len(), "letters of nobody");
    nothing_else_was_sent(journals, &letters);
    let is_aside = |name: &String, copies: &[&Transaction]| {
        copies[0].recipient != notifications[name].1.key_adult
    };
    let aside = letters
        .iter()
        .filter(|(name, copies)| is_aside(name, copies))
        .count();
    // A letter is set aside when the daemon died three times while it was made, alone.
    assert!(
        aside * 100 <= letters.len(),
        "{aside} letters were set aside"
    );
    let repeated = letters.values().filter(|copies| copies.len() > 1).count();
    let asked: Vec<_> = letters
        .iter()
        .filter(|(name, copies)| copies.len() > 1 || is_aside(name, copies))
        .collect();
    thread::scope(|scope| {
        for part in asked.chunks(asked.len().div_ceil(READERS).max(1)) {
            let (notifications, is_aside) = (&notifications, &is_aside);
            scope.spawn(move || {
                for (name, copies) in part {
                    let trace = daemon.json(&["notification", "trace", &notifications[*name].0]);
                    repeats_are_explained(name, copies, &trace);
                    assert_eq!(was_set_aside(&trace), is_aside(name, copies), "{trace:#}");
                }
            });
        }
    });
    let (tries, copies) = (
        journals.tries.len(),
        letters.values().map(Vec::len).sum::<usize>(),
    );
    let unanswered = journals
        .tries
        .iter()
        .filter(|one| one.answer.is_none())
        .count();
    let (referrals, children) = (referrals.len(), notifications.len());
    // Or the kills met nothing, and the story proves nothing.
    assert!(unanswered > 0 && copies > children);
    format!(
        "posts {tries} of {referrals} referrals ({unanswered} unanswered), letters {copies} to \
         {children} children, repeats {} of {} letters, {aside} set aside",
        copies - children,
        repeated,
    )
}

/// Every referral was accepted in the end, and whenever it was, with the same words.
fn accepted_once(tries: &[Try]) -> BTreeMap<u32, Value> {
    let mut bodies: BTreeMap<u32, Vec<&Answer>> = BTreeMap::new();
    for one in tries {
        let answers = bodies.entry(one.number).or_default();
        let accepted = one.answer.as_ref().filter(|answer| answer.status == 201);
        answers.extend(accepted);
    }
    let mut ids = BTreeSet::new();
    let mut referrals = BTreeMap::new();
    for (number, answers) in bodies {
        let first = answers
            .first()
            .unwrap_or_else(|| panic!("{number}: never accepted"));
        for later in &answers[1..] {
            assert!(later.replayed, "{number}: accepted twice");
            assert_eq!(later.body, first.body, "{number}: answered in two ways");
        }
        let answer: Value = serde_json::from_slice(&first.body).unwrap();
        let id = answer["id"].as_str().unwrap().to_owned();
        assert!(ids.insert(id), "{number}: has the id of another");
        referrals.insert(number, answer);
    }
    referrals
}

fn notification_of(answer: &Value, child: &Child) -> String {
    let all = answer["notifications"].as_array().unwrap();
    let mut own = all.iter().filter(|one| one["child_ref"] == child.child_ref);
    let id = own.next().unwrap()["id"].as_str().unwrap().to_owned();
    assert!(own.next().is_none(), "{}: notified twice", child.name);
    id
}

/// Whole letters, by the one child that each speaks of.
fn by_child(journals: &State) -> Letters<'_> {
    let mut letters = Letters::new();
    for letter in journals.transactions.iter().filter(|one| one.complete) {
        let names = named_in(&letter.bytes);
        assert_eq!(names.len(), 1, "one child a letter: {names:?}");
        letters.entry(names[0].clone()).or_default().push(letter);
    }
    letters
}

/// One letter, to whom it is for, taken by the relay; as often as it came, the same.
fn arrived_once(child: &Child, copies: Option<&Vec<&Transaction>>) {
    let name = &child.name;
    let copies = copies.unwrap_or_else(|| panic!("{name}: lost"));
    let first = copies[0];
    assert!(
        copies.iter().any(|copy| copy.end == End::Taken),
        "{name}: not taken"
    );
    let recipients = [child.key_adult, child.deputy];
    assert!(
        recipients.contains(&first.recipient.as_str()),
        "{name}: to somebody else"
    );
    for copy in copies {
        assert_eq!(copy.recipient, first.recipient, "{name}: to two people");
        assert_eq!(message_id(copy), message_id(first), "{name}: two letters");
        assert!(
            copy.bytes == first.bytes,
            "{name}: the same letter in other bytes"
        );
        assert_eq!(copy.mail, first.mail, "{name}: another envelope");
        assert_eq!(copy.route, first.route, "{name}: another route");
    }
}

/// What was cut off is the beginning of a letter that also came whole, and nothing is still open.
fn nothing_else_was_sent(journals: &State, letters: &Letters<'_>) {
    let whole: BTreeMap<&str, &Transaction> = letters
        .values()
        .map(|copies| (copies[0].mail.as_str(), copies[0]))
        .collect();
    for part in &journals.transactions {
        assert_ne!(part.end, End::Open, "{}: under way for ever", part.mail);
        let known = whole.get(part.mail.as_str());
        let known = known.unwrap_or_else(|| panic!("{}: never came whole", part.mail));
        assert!(
            known.bytes.starts_with(&part.bytes),
            "{}: cut off from another",
            part.mail
        );
    }
}

fn message_id(letter: &Transaction) -> &str {
    let text = std::str::from_utf8(&letter.bytes).unwrap();
    let mut lines = text.lines();
    lines.find(|line| line.starts_with("Message-ID: ")).unwrap()
}

/// One attempt as the trace tells it.
struct Attempt {
    number: u64,
    ended: Option<(Timestamp, String)>,
}

/// Before each copy but the first the daemon recorded that it did not know how an attempt ended,
/// and of all copies only as many came as there are attempts that may have handed one over.
fn repeats_are_explained(name: &str, copies: &[&Transaction], trace: &Value) {
    let attempts = attempts(name, trace);
    let ended = |word: &str| {
        let results = attempts.iter().filter_map(|attempt| attempt.ended.as_ref());
        let times = results
            .filter(|(_, result)| result == word)
            .map(|(at, _)| *at);
        times.collect::<Vec<_>>()
    };
    let (unknown, done) = (ended("unknown"), ended("done"));
    assert_eq!(done.len(), 1, "{name}: {trace:#}");
    assert!(
        copies.len() <= unknown.len() + 1,
        "{name}: {} copies: {trace:#}",
        copies.len()
    );
    for pair in copies.windows(2) {
        let between = pair[0].mail_at..=pair[1].mail_at;
        assert!(
            unknown.iter().any(|at| between.contains(at)),
            "{name}: repeated without an unknown outcome within {between:?}: {trace:#}"
        );
    }
}

fn was_set_aside(trace: &Value) -> bool {
    let facts = trace["facts"].as_array().unwrap();
    facts
        .iter()
        .any(|fact| fact["kind"] == "delivery_quarantined")
}

/// The attempts of the one delivery that was handed over, each begun only after the one before it was recorded as ended.
fn attempts(name: &str, trace: &Value) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = Vec::new();
    let deliveries = trace["deliveries"].as_array().unwrap();
    let mut relayed = deliveries.iter().filter(|one| one["state"] == "relayed");
    let delivery = &relayed
        .next()
        .unwrap_or_else(|| panic!("{name}: {trace:#}"))["delivery"];
    assert!(relayed.next().is_none(), "{name}: {trace:#}");
    let facts = trace["facts"].as_array().unwrap();
    for fact in facts
        .iter()
        .filter(|fact| fact["body"]["delivery"] == *delivery)
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
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    fn accepted(number: u32, replayed: bool, id: &str) -> Try {
        let answer = Answer {
            status: 201,
            replayed,
            body: json!({ "id": id }).to_string().into_bytes(),
        };
        Try {
            number,
            answer: Some(answer),
        }
    }

    fn judge_tries(tries: Vec<Try>) -> usize {
        accepted_once(&tries).len()
    }

    fn copy(second: i64, message_id: &str, more: &str) -> Transaction {
        Transaction {
            route: "cjsm",
            mail_at: at(second),
            mail: "MAIL FROM:<replies@gateway.test> ENVID=x".to_owned(),
            recipient: children(0)[0].key_adult.to_owned(),
            bytes: format!("Message-ID: <{message_id}>\r\n\r\n{more}").into_bytes(),
            complete: true,
            end: End::Taken,
        }
    }

    fn judge_copies(copies: &[Transaction]) {
        let copies: Vec<_> = copies.iter().collect();
        arrived_once(&children(0)[0], Some(&copies));
    }

    /// Two copies, and the outcome of the attempt before the second.
    fn judge_repeat(result: &str, ended_at: i64) {
        let fact = |kind: &str, attempt: u32, second: i64, result: &str| {
            json!({ "kind": kind, "at": at(second).to_string(),
                "body": { "delivery": "d", "attempt": attempt, "result": result } })
        };
        let trace = json!({
            "deliveries": [{ "delivery": "d", "state": "relayed" }],
            "facts": [
                fact("delivery_claimed", 1, 0, ""),
                fact("attempt_ended", 1, ended_at, result),
                fact("delivery_claimed", 2, 8, ""),
                fact("attempt_ended", 2, 11, "done"),
            ]
        });
        let copies = [copy(1, "a", ""), copy(10, "a", "")];
        repeats_are_explained("x", &copies.iter().collect::<Vec<_>>(), &trace);
    }

    #[test]
    fn what_was_kept_passes() {
        let unanswered = Try {
            number: 2,
            answer: None,
        };
        let tries = vec![
            accepted(1, false, "r1"),
            unanswered,
            accepted(2, true, "r2"),
        ];
        assert_eq!(judge_tries(tries), 2);
        judge_copies(&[copy(1, "a", ""), copy(2, "a", "")]);
        judge_repeat("unknown", 5);
    }

    #[test]
    #[should_panic(expected = "answered in two ways")]
    fn a_second_referral_fails() {
        judge_tries(vec![accepted(1, false, "r1"), accepted(1, true, "r2")]);
    }

    #[test]
    #[should_panic(expected = "accepted twice")]
    fn a_second_acceptance_fails() {
        judge_tries(vec![accepted(1, false, "r1"), accepted(1, false, "r1")]);
    }

    #[test]
    #[should_panic(expected = "lost")]
    fn a_lost_letter_fails() {
        arrived_once(&children(0)[0], None);
    }

    #[test]
    #[should_panic(expected = "two letters")]
    fn a_second_letter_fails() {
        judge_copies(&[copy(1, "a", ""), copy(2, "b", "")]);
    }

    #[test]
    #[should_panic(expected = "in other bytes")]
    fn other_bytes_fail() {
        judge_copies(&[copy(1, "a", ""), copy(2, "a", "b")]);
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
