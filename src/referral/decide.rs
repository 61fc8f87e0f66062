//! Deciding: what follows from an observation about one notification. Given the case, the instant
//! and a random number, it draws neither and does nothing: the store carries its decisions out.

use super::attempt::AttemptResult;
use super::fact::TaskKind;
use super::fold::Case;
use super::id::{ContactId, DeliveryId};
use super::plan::{HoldReason, RouteReason};
use super::retry::{RetrySettings, in_doubt_again, next_attempt};
use super::school::RouteName;
use super::state::DeliveryState;
use jiff::Timestamp;

/// Something that happened to one notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observation {
    /// It was opened by an accepted referral.
    Opened,
    /// An attempt of one of its deliveries ended.
    AttemptEnded {
        /// The delivery.
        delivery: DeliveryId,
        /// Which attempt.
        attempt: u32,
        /// Its outcome.
        result: AttemptResult,
    },
    /// A letter of it could not be made, three times.
    Quarantined {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// A later referral of the sender replaces it.
    Superseded,
}

/// Something to be done about it, in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Queue a letter to a contact that has none yet.
    QueueLetter {
        /// To whom.
        contact: ContactId,
        /// Over which route.
        route: RouteName,
        /// The step of the ladder.
        step: u32,
        /// Not before.
        not_before: Timestamp,
    },
    /// Try a delivery again.
    QueueAgain {
        /// The delivery.
        delivery: DeliveryId,
        /// After this attempt.
        after_attempt: u32,
        /// Not before.
        not_before: Timestamp,
    },
    /// Do not try a delivery again.
    Cancel {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// Put it before a person.
    OpenTask {
        /// What.
        kind: TaskKind,
        /// By when.
        wanted_by: Timestamp,
    },
    /// End it.
    Close {
        /// How.
        closed_as: &'static str,
    },
}

/// Decides. `case` has the observation's own facts folded in already.
pub fn decide(
    case: &Case,
    observation: Observation,
    retry: &RetrySettings,
    now: Timestamp,
    random: u64,
) -> Vec<Decision> {
    match observation {
        Observation::Opened => opened(case, now),
        Observation::AttemptEnded {
            delivery,
            attempt,
            result,
        } => attempt_ended(case, (delivery, attempt), result, retry, now, random),
        Observation::Quarantined { .. } if !case.live() => Vec::new(),
        Observation::Quarantined { .. } => {
            let read = Decision::OpenTask {
                kind: TaskKind::ReadQuarantined,
                wanted_by: now,
            };
            next_contact(case, now).into_iter().chain([read]).collect()
        }
        Observation::Superseded => superseded(case),
    }
}

/// Send at once, at any hour (s.49A: as soon as is reasonably practicable); or open the hold's task.
fn opened(case: &Case, now: Timestamp) -> Vec<Decision> {
    let mut decisions = match case.hold {
        Some(hold) => {
            vec![Decision::OpenTask {
                kind: task_of(hold.reason),
                wanted_by: hold.at,
            }]
        }
        None => next_contact(case, now),
    };
    if case.reasons.contains(&RouteReason::OtherForceArea) {
        decisions.push(Decision::OpenTask {
            kind: TaskKind::TellHomeForce,
            wanted_by: case.act_by,
        });
    }
    decisions
}

/// The task that a hold opens.
fn task_of(reason: HoldReason) -> TaskKind {
    match reason {
        HoldReason::NeedsRouting => TaskKind::ChooseSchool,
        HoldReason::OutsidePolicy => TaskKind::RecordWhoTold,
        HoldReason::NeedsAName => TaskKind::NameChild,
        HoldReason::BornNotKnown | HoldReason::IncidentOld => TaskKind::ConfirmHold,
        HoldReason::NameUnlikeRegister
        | HoldReason::Conflict
        | HoldReason::Restricted
        | HoldReason::ChildIsSuspect
        | HoldReason::NobodyToNotify => TaskKind::RingSchool,
    }
}

/// A letter to the first contact that has none; a call when there is nobody left.
fn next_contact(case: &Case, now: Timestamp) -> Vec<Decision> {
    let has_letter = |contact: &ContactId| case.deliveries.values().any(|d| d.contact == *contact);
    let next = case
        .contacts
        .iter()
        .find(|(contact, _, _)| !has_letter(contact));
    let step = case
        .deliveries
        .values()
        .map(|delivery| delivery.step + 1)
        .max()
        .unwrap_or(0);
    vec![match next {
        Some((contact, _, route)) => Decision::QueueLetter {
            contact: *contact,
            route: route.clone(),
            step,
            not_before: now,
        },
        None => Decision::OpenTask {
            kind: TaskKind::RingSchool,
            wanted_by: case.act_by,
        },
    }]
}

fn attempt_ended(
    case: &Case,
    (delivery, attempt): (DeliveryId, u32),
    result: AttemptResult,
    retry: &RetrySettings,
    now: Timestamp,
    random: u64,
) -> Vec<Decision> {
    let Some(known) = case.deliveries.get(&delivery) else {
        return Vec::new();
    };
    if !case.live() {
        // What it was for has ended while it was on its way: not again.
        return match known.state() {
            DeliveryState::Queued | DeliveryState::InDoubt => vec![Decision::Cancel { delivery }],
            DeliveryState::Sending
            | DeliveryState::Relayed
            | DeliveryState::Delivered
            | DeliveryState::Delayed
            | DeliveryState::Failed
            | DeliveryState::Held
            | DeliveryState::Cancelled => Vec::new(),
        };
    }
    let again = |not_before| {
        vec![Decision::QueueAgain {
            delivery,
            after_attempt: attempt,
            not_before,
        }]
    };
    // The state, not this outcome alone, decides: a stale "later" after a "250" asks for nothing.
    match (known.state(), result) {
        (DeliveryState::Queued | DeliveryState::InDoubt, AttemptResult::Later) => {
            again(next_attempt(retry, attempt, now, Some(case.act_by), random))
        }
        (DeliveryState::InDoubt, AttemptResult::Unknown) => {
            again(in_doubt_again(retry, known.repeats(), now, case.act_by))
        }
        (DeliveryState::Failed, AttemptResult::Never) => next_contact(case, now),
        (
            DeliveryState::Queued
            | DeliveryState::Sending
            | DeliveryState::InDoubt
            | DeliveryState::Relayed
            | DeliveryState::Delivered
            | DeliveryState::Delayed
            | DeliveryState::Failed
            | DeliveryState::Held
            | DeliveryState::Cancelled,
            AttemptResult::Done
            | AttemptResult::Later
            | AttemptResult::Never
            | AttemptResult::Unknown,
        ) => Vec::new(),
    }
}

/// What has not left is stopped; what has left cannot be called back here.
fn superseded(case: &Case) -> Vec<Decision> {
    let waiting = case
        .deliveries
        .iter()
        .filter(|(_, delivery)| match delivery.state() {
            DeliveryState::Queued | DeliveryState::InDoubt => true,
            DeliveryState::Sending
            | DeliveryState::Relayed
            | DeliveryState::Delivered
            | DeliveryState::Delayed
            | DeliveryState::Failed
            | DeliveryState::Held
            | DeliveryState::Cancelled => false,
        });
    waiting
        .map(|(delivery, _)| Decision::Cancel {
            delivery: *delivery,
        })
        .chain([Decision::Close {
            closed_as: "superseded",
        }])
        .collect()
}
