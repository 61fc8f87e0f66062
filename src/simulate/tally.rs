//! What a run came to.

use serde::Serialize;
use std::collections::BTreeMap;

/// Failures kept in full; beyond these they are only counted.
const FAILURES_MAX: usize = 50;

/// What a run, or one year of it, came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Force-years.
    pub years: u64,
    /// Referrals accepted.
    pub referrals: u64,
    /// Notifications opened.
    pub notifications: u64,
    /// Attempts to hand a message over.
    pub attempts: u64,
    /// Knocks at relays that were away.
    pub knocks: u64,
    /// Letters whose deadline could be met.
    pub achievable: u64,
    /// Those whose deadline could not.
    pub unachievable: u64,
    /// Those handed over, or accepted, with under ten minutes left.
    pub near: u64,
    /// Achievable, and not handed over before the last safe moment for mail.
    pub missed: u64,
    /// Not handed over, and before no person while there was time to ring.
    pub unseen: u64,
    /// Steps taken after an answer had committed.
    pub after_answer: u64,
    /// Calls and nudges outside hours.
    pub outside_hours: u64,
    /// Steps of the ladder whose time passed without what they are for.
    pub dropped: u64,
    /// Work that the sweeper's question found past its time.
    pub stuck: u64,
    /// How often each fault struck.
    pub struck: BTreeMap<String, u64>,
    /// What people and their machines did.
    pub people: BTreeMap<String, u64>,
    /// Failures.
    pub failures: Vec<Failure>,
    /// SHA-256 over every fact's kind and time, by year: the same for the same seed.
    pub digest: String,
}

/// Something that must never be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The run's seed.
    pub seed: u64,
    /// Which year of it, from 0.
    pub year: u64,
    /// The program's version, and the commit it was built from.
    pub build: String,
    /// The notification; none for what is about all.
    pub notification: Option<String>,
    /// What.
    pub what: String,
}

impl Tally {
    /// Whether nothing failed.
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty()
    }

    /// Adds a year.
    pub(super) fn add(&mut self, other: Self) {
        let Self {
            years,
            referrals,
            notifications,
            attempts,
            knocks,
            achievable,
            unachievable,
            near,
            missed,
            unseen,
            after_answer,
            outside_hours,
            dropped,
            stuck,
            struck,
            people,
            failures,
            digest,
        } = other;
        self.years += years;
        self.referrals += referrals;
        self.notifications += notifications;
        self.attempts += attempts;
        self.knocks += knocks;
        self.achievable += achievable;
        self.unachievable += unachievable;
        self.near += near;
        self.missed += missed;
        self.unseen += unseen;
        self.after_answer += after_answer;
        self.outside_hours += outside_hours;
        self.dropped += dropped;
        self.stuck += stuck;
        for (all, more) in [(&mut self.struck, struck), (&mut self.people, people)] {
            for (word, count) in more {
                *all.entry(word).or_default() += count;
            }
        }
        let room = FAILURES_MAX.saturating_sub(self.failures.len());
        self.failures.extend(failures.into_iter().take(room));
        self.digest = digest;
    }

    pub(super) fn strikes(&mut self, word: impl Into<String>) {
        *self.struck.entry(word.into()).or_default() += 1;
    }

    pub(super) fn does(&mut self, word: impl Into<String>) {
        *self.people.entry(word.into()).or_default() += 1;
    }
}
