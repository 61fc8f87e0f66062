//! Schedulers that are wrong on purpose: a simulation that passes them proves nothing. Each wraps the
//! real decisions from outside; no other part of the program knows of them.

use crate::referral::attempt::AttemptResult;
use crate::referral::decide::{Decision, Observation, decide};
use crate::referral::fold::Case;
use crate::referral::retry::{RetrySettings, next_attempt};
use crate::store::{Decides, sha256};
use jiff::{SignedDuration, Timestamp};

/// A scheduler that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Retries without regard to what time is left.
    IgnoreSlack,
    /// Retries ten minutes later, always.
    FixedTenMinutes,
    /// One timer in a thousand comes to nothing.
    DropTimer,
}

/// The fixed wait of [`Mutant::FixedTenMinutes`].
const TEN_MINUTES: SignedDuration = SignedDuration::from_mins(10);
/// One timer in so many is lost.
const ONE_IN: u64 = 1_000;

impl Mutant {
    /// What decides in its stead.
    pub(super) fn decides(mutant: Option<Self>) -> Decides {
        match mutant {
            None => decide,
            Some(Self::IgnoreSlack) => ignore_slack,
            Some(Self::FixedTenMinutes) => fixed_ten_minutes,
            Some(Self::DropTimer) => drop_timer,
        }
    }
}

fn ignore_slack(
    case: &Case,
    observation: Observation,
    retry: &RetrySettings,
    now: Timestamp,
    random: u64,
) -> Vec<Decision> {
    let decisions = decide(case, observation, retry, now, random);
    let Observation::AttemptEnded {
        attempt, result, ..
    } = observation
    else {
        return decisions;
    };
    match result {
        AttemptResult::Later => {
            again_at(decisions, next_attempt(retry, attempt, now, None, random))
        }
        AttemptResult::Done | AttemptResult::Never | AttemptResult::Unknown => decisions,
    }
}

fn fixed_ten_minutes(
    case: &Case,
    observation: Observation,
    retry: &RetrySettings,
    now: Timestamp,
    random: u64,
) -> Vec<Decision> {
    let decisions = decide(case, observation, retry, now, random);
    again_at(decisions, now + TEN_MINUTES)
}

fn again_at(mut decisions: Vec<Decision>, at: Timestamp) -> Vec<Decision> {
    for decision in &mut decisions {
        if let Decision::QueueAgain { not_before, .. } = decision {
            *not_before = at;
        }
    }
    decisions
}

/// The step counts as taken, and nothing follows from it.
fn drop_timer(
    case: &Case,
    observation: Observation,
    retry: &RetrySettings,
    now: Timestamp,
    random: u64,
) -> Vec<Decision> {
    let mut decisions = decide(case, observation, retry, now, random);
    let name = format!("{} {now}", case.notification);
    if observation == Observation::Timer && drawn(&name) {
        decisions.retain(|decision| matches!(decision, Decision::Fire { .. }));
    }
    decisions
}

/// One name in so many, the same each time.
fn drawn(name: &str) -> bool {
    let digest = sha256(name.as_bytes());
    let number = digest
        .iter()
        .take(8)
        .fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    number % ONE_IN == 0
}
