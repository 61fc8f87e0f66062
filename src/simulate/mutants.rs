//! Schedulers that are wrong on purpose: a simulation that passes them proves nothing. Each wraps the
//! real decisions from outside; no other part of the program knows of them.

use crate::referral::attempt::AttemptResult;
use crate::referral::decide::{Decision, Observation, decide};
use crate::referral::fact::{Message, TaskKind};
use crate::referral::fold::Case;
use crate::referral::ladder::RungWhat;
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
    /// Every call is made half an hour late, and what is done with the time before it follows from that.
    LateLadder,
    /// One notification in a hundred loses its deputies' letters.
    LostDeputies,
}

/// The fixed wait of [`Mutant::FixedTenMinutes`].
const TEN_MINUTES: SignedDuration = SignedDuration::from_mins(10);
/// One timer in so many is lost.
const ONE_IN: u64 = 1_000;
/// How late the calls of [`Mutant::LateLadder`] are.
const HALF_AN_HOUR: SignedDuration = SignedDuration::from_mins(30);
/// One notification in so many loses its deputies' letters.
const LOST_IN: u64 = 100;

impl Mutant {
    /// What decides in its stead.
    pub(super) fn decides(mutant: Option<Self>) -> Decides {
        match mutant {
            None => decide,
            Some(Self::IgnoreSlack) => ignore_slack,
            Some(Self::FixedTenMinutes) => fixed_ten_minutes,
            Some(Self::DropTimer) => drop_timer,
            Some(Self::LateLadder) => late_ladder,
            Some(Self::LostDeputies) => lost_deputies,
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
    if observation == Observation::Timer && drawn(&name, ONE_IN) {
        decisions.retain(|decision| matches!(decision, Decision::Fire { .. }));
    }
    decisions
}

/// The calls stand half an hour later on the list, and retries take it that there is time until then.
fn late_ladder(
    case: &Case,
    observation: Observation,
    retry: &RetrySettings,
    now: Timestamp,
    random: u64,
) -> Vec<Decision> {
    if matches!(observation, Observation::AttemptEnded { .. }) {
        let mut late = case.clone();
        let calls = late.rungs.iter_mut().filter(|rung| is_call(rung.what));
        calls.for_each(|rung| rung.at += HALF_AN_HOUR);
        return decide(&late, observation, retry, now, random);
    }
    let mut decisions = decide(case, observation, retry, now, random);
    for decision in &mut decisions {
        if let Decision::OpenTask {
            kind, wanted_by, ..
        } = decision
            && *kind == TaskKind::RingSchool
        {
            *wanted_by += HALF_AN_HOUR;
        }
    }
    decisions
}

fn is_call(what: RungWhat) -> bool {
    matches!(what, RungWhat::CallFirst | RungWhat::Call)
}

/// The step counts as taken, and for some nobody is written to.
fn lost_deputies(
    case: &Case,
    observation: Observation,
    retry: &RetrySettings,
    now: Timestamp,
    random: u64,
) -> Vec<Decision> {
    let mut decisions = decide(case, observation, retry, now, random);
    let is_step = decisions.iter().any(
        |decision| matches!(decision, Decision::Fire { rung } if rung.what == RungWhat::Deputies),
    );
    if is_step && drawn(&case.notification.to_string(), LOST_IN) {
        decisions.retain(|decision| {
            !matches!(decision, Decision::Queue { message, .. } if *message == Message::Letter)
        });
    }
    decisions
}

/// One name in so many, the same each time.
fn drawn(name: &str, one_in: u64) -> bool {
    let digest = sha256(name.as_bytes());
    let number = digest
        .iter()
        .take(8)
        .fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    number.is_multiple_of(one_in)
}
