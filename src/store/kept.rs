//! Facts of the cases that were written last. Within a minute a letter is queued, claimed, signed and
//! sent, and each of these folds the same facts.
//!
//! Why can they not go stale? The writer is the only one who appends, facts are never changed, and whoever
//! takes a case's facts out puts them back with what was appended, or not at all: then they are read
//! again. What is rolled back drops them all, by the same call that takes back the number of facts.

use crate::referral::fact::Fact;
use crate::referral::id::NotificationId;
use crate::referral::post::ForceName;
use std::collections::HashMap;

/// Cases at most: some 4 KiB each.
const CASES_MAX: usize = 4_096;

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
}

impl Kept {
    /// Takes a case's facts out.
    pub(super) fn take(&mut self, notification: NotificationId) -> Option<Facts> {
        self.cases.remove(&notification)
    }

    /// Keeps a case's facts: all of them, as the batch has them.
    pub(super) fn put(&mut self, notification: NotificationId, facts: Facts) {
        if self.cases.len() >= CASES_MAX {
            self.cases.clear();
        }
        self.cases.insert(notification, facts);
    }

    /// Forgets all: some may have been rolled back.
    pub(super) fn clear(&mut self) {
        self.cases.clear();
    }
}
