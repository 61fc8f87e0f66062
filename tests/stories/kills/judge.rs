//! The judge: reads the journals when all is over.

mod letters;
mod returned;

use super::field::{Answer, State, Try};
use super::referrals::{Child, children};
use crate::support::daemon::Daemon;
use letters::Post;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::thread;

/// Asks the daemon for this many traces at once.
const READERS: usize = 4;

/// Somebody that a school was to be told about.
struct Notified {
    notification: String,
    referral: String,
    child: Child,
}

/// Fails at the first promise that was broken; gives the figures.
pub(super) fn judge(journals: &State, daemon: &Daemon, replies: &[Value]) -> String {
    let referrals = accepted_once(&journals.tries);
    let mut notified = BTreeMap::new();
    for (number, answer) in &referrals {
        for child in children(*number) {
            let one = Notified {
                notification: notification_of(answer, &child),
                referral: answer["id"].as_str().unwrap().to_owned(),
                child,
            };
            notified.insert(one.child.name.clone(), one);
        }
    }
    let (posts, cut_off) = letters::by_child(journals);
    for (name, one) in &notified {
        letters::arrived(&one.child, posts.get(name));
    }
    assert_eq!(posts.len(), notified.len(), "letters of nobody");
    let mails = returned::by_child(journals);
    let asked: Vec<_> = posts
        .iter()
        .filter(|(name, post)| mails.contains_key(*name) || !post.is_plain(&notified[*name].child))
        .map(|(name, post)| (&notified[name], post, mails.get(name)))
        .collect();
    let found = traced(daemon, &asked);
    found.agrees(&posts, cut_off, journals.mails.len(), replies);
    let (tries, told) = (journals.tries.len(), letters::figures(&posts));
    let unanswered = journals.tries.iter().filter(|one| one.answer.is_none());
    let unanswered = unanswered.count();
    // Or the kills met nothing, and the story proves nothing.
    assert!(unanswered > 0);
    format!(
        "posts {tries} of {} referrals ({unanswered} unanswered), {told}, {} set aside; {}, {} set aside",
        referrals.len(),
        found.letters_aside,
        returned::figures(&journals.mails),
        found.mails_aside,
    )
}

/// What the daemon's own record says, where there is something to explain.
#[derive(Default)]
struct Found {
    letters_aside: usize,
    mails_aside: usize,
    /// Letters that were not sent any more because somebody had answered.
    cancelled: usize,
    /// Our ids of mails, and of the notifications that carry a duty on.
    inbound: Vec<String>,
    successors: Vec<String>,
}

impl Found {
    fn add(&mut self, other: Self) {
        self.letters_aside += other.letters_aside;
        self.mails_aside += other.mails_aside;
        self.cancelled += other.cancelled;
        self.inbound.extend(other.inbound);
        self.successors.extend(other.successors);
    }

    fn agrees(
        &self,
        posts: &BTreeMap<String, Post<'_>>,
        cut_off: usize,
        mails: usize,
        replies: &[Value],
    ) {
        for ids in [&self.inbound, &self.successors] {
            assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        }
        // A letter or a mail is set aside when the daemon died three times over it.
        let (letters_aside, mails_aside) = (self.letters_aside, self.mails_aside);
        assert!(
            letters_aside * 100 <= posts.len(),
            "{letters_aside} letters were set aside"
        );
        assert!(
            mails_aside * 100 <= mails * 3,
            "{mails_aside} mails were set aside"
        );
        assert!(
            cut_off <= self.cancelled,
            "{cut_off} letters never came whole"
        );
        assert_eq!(replies.len(), mails, "each mail is listed once");
        let is_aside = |reply: &&Value| reply["kind"] == "unclassified";
        assert_eq!(replies.iter().filter(is_aside).count(), mails_aside);
    }
}

type Asked<'a> = (
    &'a Notified,
    &'a Post<'a>,
    Option<&'a Vec<&'a super::field::Sent>>,
);

fn traced(daemon: &Daemon, asked: &[Asked<'_>]) -> Found {
    let part = |part: &[Asked<'_>]| {
        let mut found = Found::default();
        for (one, post, mails) in part {
            let trace = daemon.json(&["notification", "trace", &one.notification]);
            let mails = mails.map_or(&[][..], |mails| mails);
            found.add(letters::explained(
                &one.child,
                post,
                !mails.is_empty(),
                &trace,
            ));
            let counted = returned::counted_once(&one.child, mails, &trace);
            if counted.mails_aside == 0 {
                returned::led_to(&one.child, mails, &trace);
            }
            if !counted.successors.is_empty() {
                let referral = daemon.json(&["referral", "show", &one.referral]);
                returned::one_successor(&one.child, &counted.successors, &referral);
            }
            found.add(counted);
        }
        found
    };
    let mut found = Found::default();
    thread::scope(|scope| {
        let parts = asked.chunks(asked.len().div_ceil(READERS).max(1));
        let readers: Vec<_> = parts.map(|some| scope.spawn(move || part(some))).collect();
        for reader in readers {
            found.add(reader.join().unwrap());
        }
    });
    found
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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

    #[test]
    fn what_was_answered_once_passes() {
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
}
