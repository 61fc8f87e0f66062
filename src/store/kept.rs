//! Facts of the cases that were written last. Within a minute a letter is queued, claimed, signed and
//! sent, and each of these folds the same facts.
//!
//! Why can they not go stale? The writer is the only one who appends, facts are never changed, and whoever
//! takes a case's facts out puts them back with what was appended, or not at all: then they are read
//! again. What is rolled back drops them all, by the same call that takes back the number of facts. Whoever
//! erases a fact's body, the one change that the schema admits, takes the case's facts out ([`Kept::take`])
//! and does not put them back.

use crate::referral::fact::Fact;
use crate::referral::id::NotificationId;
use crate::referral::post::ForceName;
use std::collections::HashMap;

/// Facts of all cases together, at most: some 400 bytes each. A case is ten or so until its letter is
/// delivered.
const FACTS_MAX: usize = 50_000;
/// A case with more is read each time: a mailbox that answers itself must not push everybody's out.
const FACTS_OF_ONE_MAX: usize = 500;

/// A case's facts and what its next fact takes over from the last.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) facts: Vec<Fact>,
    pub(super) force: Option<ForceName>,
    /// The row of `basis` of the last fact.
    pub(super) basis: i64,
}

/// Facts by case.
#[derive(Debug, Default)]
pub(super) struct Kept {
    cases: HashMap<NotificationId, Facts>,
    /// Of all cases.
    facts: usize,
}

impl Kept {
    /// Takes a case's facts out.
    pub(super) fn take(&mut self, notification: NotificationId) -> Option<Facts> {
        let taken = self.cases.remove(&notification)?;
        self.facts = self.facts.saturating_sub(taken.facts.len());
        Some(taken)
    }

    /// Keeps a case's facts: all of them, as the batch has them.
    pub(super) fn put(&mut self, notification: NotificationId, facts: Facts) {
        self.take(notification);
        let more = facts.facts.len();
        if more > FACTS_OF_ONE_MAX {
            return;
        }
        if self.facts.saturating_add(more) > FACTS_MAX {
            self.clear();
        }
        self.facts = self.facts.saturating_add(more);
        self.cases.insert(notification, facts);
    }

    /// Forgets all: some may have been rolled back.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::referral::id::DeliveryId;

    fn case(nth: u64) -> NotificationId {
        NotificationId::from_parts(nth, [0; 10])
    }

    fn facts(many: usize) -> Facts {
        let fact = Fact::DeliveryClaimed {
            delivery: DeliveryId::from_parts(0, [0; 10]),
            attempt: 1,
            incarnation: 1,
        };
        Facts {
            facts: vec![fact; many],
            force: None,
            basis: 1,
        }
    }

    #[test]
    fn facts_in_all_are_bounded_and_a_case_of_very_many_is_not_kept() {
        let mut kept = Kept::default();
        kept.put(case(0), facts(FACTS_OF_ONE_MAX + 1));
        assert!(kept.take(case(0)).is_none(), "it is read each time");
        for nth in 0..1_000 {
            kept.put(case(nth), facts(FACTS_OF_ONE_MAX));
            let all: usize = kept.cases.values().map(|facts| facts.facts.len()).sum();
            assert!(all <= FACTS_MAX, "{all}");
            assert_eq!(kept.facts, all);
        }
        let last = kept.take(case(999)).unwrap();
        assert_eq!(last.facts.len(), FACTS_OF_ONE_MAX);
        kept.put(case(999), last);
        kept.put(case(999), facts(1));
        let all: usize = kept.cases.values().map(|facts| facts.facts.len()).sum();
        assert_eq!(kept.facts, all, "once each");
    }
}
