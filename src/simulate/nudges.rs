//! Nudges are shared by cases: whether one was for nobody any more is seen from all their records together.

use super::record::Record;
use crate::referral::attempt::AttemptWhy;
use crate::referral::fact::{Fact, Message};
use crate::referral::id::{DeliveryId, LetterId};
use crate::store::TraceLine;
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What was done about nudges in one record.
#[derive(Default)]
struct Nudges {
    letters: HashMap<DeliveryId, LetterId>,
    shared: Vec<LetterId>,
    begun: BTreeMap<(DeliveryId, u32), Timestamp>,
    unsent: HashSet<(DeliveryId, u32)>,
}

/// Nudges that were begun when everybody they tell of had answered, or had written what waits to be read: by
/// the place of the record that holds them.
pub(super) fn for_nobody(records: &[Record<'_>]) -> HashMap<usize, Vec<String>> {
    let all: Vec<Nudges> = records.iter().map(Nudges::of).collect();
    let mut about: HashMap<LetterId, Vec<&Record<'_>>> = HashMap::new();
    for (nudges, record) in all.iter().zip(records) {
        for letter in nudges.letters.values().chain(&nudges.shared) {
            about.entry(*letter).or_default().push(record);
        }
    }
    let mut found: HashMap<usize, Vec<String>> = HashMap::new();
    for (nudges, nth) in all.iter().zip(0..) {
        for (attempt, at) in &nudges.begun {
            let letter = nudges.letters.get(&attempt.0);
            let mut waiting = letter
                .into_iter()
                .filter_map(|letter| about.get(letter))
                .flatten();
            let waits =
                |record: &&Record<'_>| record.live_at(*at) && record.unread_at(*at).is_none();
            if !nudges.unsent.contains(attempt) && !waiting.any(waits) {
                let what = format!("a nudge was begun at {at}, when nobody had to be reminded");
                found.entry(nth).or_default().push(what);
            }
        }
    }
    found
}

impl Nudges {
    fn of(record: &Record<'_>) -> Self {
        let mut nudges = Self::default();
        for line in &record.trace.facts {
            nudges.take(line);
        }
        nudges
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other kinds of facts say nothing of it"
    )]
    fn take(&mut self, TraceLine { at, fact, .. }: &TraceLine) {
        match fact {
            Fact::DeliveryQueued {
                delivery,
                letter,
                message: Message::Nudge | Message::OfficeNudge,
                ..
            } => {
                self.letters.insert(*delivery, *letter);
            }
            Fact::NudgeShared { letter, .. } => self.shared.push(*letter),
            Fact::DeliveryClaimed {
                delivery, attempt, ..
            } if self.letters.contains_key(delivery) => {
                self.begun.insert((*delivery, *attempt), *at);
            }
            Fact::AttemptEnded {
                delivery,
                attempt,
                why: AttemptWhy::CaseEnded | AttemptWhy::LetterNotMade,
                ..
            } => {
                self.unsent.insert((*delivery, *attempt));
            }
            _ => {}
        }
    }
}
