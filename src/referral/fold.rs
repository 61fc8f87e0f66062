//! Folding: from a notification's facts to what is known of it. A function of the *set* of facts:
//! any order gives the same case, because every fact that settles something names what it settles.

use super::attempt::AttemptResult;
use super::deadline::DueReason;
use super::fact::Fact;
use super::id::{ChildId, ContactId, DeliveryId, LetterId, NotificationId, ReferralId};
use super::plan::{Hold, RouteReason, Target};
use super::school::{Role, RouteName};
use super::state::{DeliveryState, Duty, Proof, Timing, Word, word};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// A delivery as its facts tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryCase {
    /// Its letter.
    pub letter: LetterId,
    /// To whom.
    pub contact: ContactId,
    /// Over which route.
    pub route: RouteName,
    /// The step that sends it.
    pub step: u32,
    /// Attempts claimed, each with its outcome once it ended.
    pub attempts: BTreeMap<u32, Option<AttemptResult>>,
    /// It may be tried from then on: as the decision after its latest attempt says, the soonest of
    /// several.
    pub not_before: Timestamp,
    /// Set aside.
    pub quarantined: bool,
    /// Ended with what it was for.
    pub cancelled: bool,
}

impl DeliveryCase {
    /// Where it stands. A "250" counts whenever it is recorded: forgetting one would send twice.
    pub fn state(&self) -> DeliveryState {
        let ended = |wanted| self.attempts.values().any(|result| *result == Some(wanted));
        if ended(AttemptResult::Done) {
            return DeliveryState::Relayed;
        }
        if ended(AttemptResult::Never) {
            return DeliveryState::Failed;
        }
        if self.quarantined {
            return DeliveryState::Held;
        }
        match self.attempts.values().next_back() {
            Some(None) => DeliveryState::Sending,
            _ if self.cancelled => DeliveryState::Cancelled,
            // A later refusal does not undo a doubt: the letter may be there already.
            _ if ended(AttemptResult::Unknown) => DeliveryState::InDoubt,
            Some(Some(_)) | None => DeliveryState::Queued,
        }
    }

    /// How often the letter went out whole, or may have, after an unknown outcome: what a school may
    /// have received twice.
    pub fn repeats(&self) -> u32 {
        let whole = |result: &&Option<AttemptResult>| {
            matches!(result, Some(AttemptResult::Unknown | AttemptResult::Done))
        };
        let after_doubt = self
            .attempts
            .values()
            .skip_while(|result| **result != Some(AttemptResult::Unknown))
            .skip(1);
        let repeats = after_doubt.filter(whole).count();
        u32::try_from(repeats).unwrap_or(u32::MAX)
    }
}

/// A notification as its facts tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Our id.
    pub notification: NotificationId,
    /// The referral.
    pub referral: ReferralId,
    /// The child.
    pub child: ChildId,
    /// For whom.
    pub target: Target,
    /// What the desk should know.
    pub reasons: Vec<RouteReason>,
    /// Who may be sent the letter, in order.
    pub contacts: Vec<(ContactId, Role, RouteName)>,
    /// The directory version it was routed with.
    pub directory_version: u32,
    /// Letter n of m.
    pub n_of_m: (u32, u32),
    /// Start of the next pupil day.
    pub due_at: Timestamp,
    /// What the ladder is built backward from.
    pub act_by: Timestamp,
    /// Rests on no calendar.
    pub assumed: bool,
    /// Late on arrival.
    pub late_on_arrival: bool,
    /// Why the deadline is what it is.
    pub due_reasons: Vec<DueReason>,
    /// Waiting, and why.
    pub hold: Option<Hold>,
    /// How it was closed, once it was.
    pub closed_as: Option<String>,
    /// Its deliveries.
    pub deliveries: BTreeMap<DeliveryId, DeliveryCase>,
}

impl Case {
    /// Where the duty stands.
    pub fn duty(&self) -> Duty {
        if self.closed_as.is_some() {
            Duty::Closed
        } else {
            Duty::Open
        }
    }

    /// Whether anybody still has to be told.
    pub fn live(&self) -> bool {
        match self.duty() {
            Duty::Open | Duty::Contradicted => true,
            Duty::Acknowledged | Duty::Refused | Duty::Told | Duty::Closed => false,
        }
    }

    /// What is proved of delivery.
    pub fn proof(&self) -> Proof {
        let states: Vec<_> = self.deliveries.values().map(DeliveryCase::state).collect();
        if states.contains(&DeliveryState::Delivered) {
            Proof::Delivered
        } else if states.contains(&DeliveryState::Relayed) {
            Proof::HandedOver
        } else {
            Proof::None
        }
    }

    /// Against `act_by`, at `now`.
    pub fn timing(&self, now: Timestamp) -> Timing {
        if now > self.act_by {
            Timing::Late
        } else {
            Timing::InTime
        }
    }

    /// How far the ladder has climbed: the highest step that sent anything.
    pub fn step(&self) -> u32 {
        self.deliveries
            .values()
            .map(|delivery| delivery.step)
            .max()
            .unwrap_or(0)
    }

    /// The state in one word, at `now`.
    pub fn word(&self, now: Timestamp) -> Word {
        word(
            self.duty(),
            self.hold.is_some(),
            false,
            self.proof(),
            self.step(),
            self.timing(now),
        )
    }

    /// The next timer and what it is for; none when the duty has ended. At or before `act_by` until
    /// that has passed (promise 6, which the database checks).
    pub fn timer(&self, now: Timestamp) -> Option<(Timestamp, &'static str)> {
        if !self.live() {
            return None;
        }
        let hold = self.hold.map(|hold| (hold.at, "hold"));
        let next = hold
            .filter(|(at, _)| *at > now)
            .unwrap_or((self.act_by, "act_by"));
        Some((next.0.min(self.act_by), next.1))
    }
}

/// Why facts give no case: the record is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the facts do not open a notification and set its deadline")]
pub struct NotACase;

/// Folds a notification's facts.
pub fn fold<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Result<Case, NotACase> {
    let mut opened = None;
    let mut deadline = None;
    let mut rest = Rest::default();
    for fact in facts {
        match fact {
            Fact::NotificationOpened { .. } => opened = Some(fact),
            Fact::DeadlineSet { .. } => deadline = Some(fact),
            Fact::Held {
                reason,
                will_happen,
                will_happen_at,
            } => {
                rest.hold = Some(Hold {
                    reason: *reason,
                    will_happen: *will_happen,
                    at: *will_happen_at,
                });
            }
            Fact::Closed { closed_as } => rest.closed_as = Some(closed_as.clone()),
            Fact::ReferralAccepted { .. }
            | Fact::ReferralSuperseded { .. }
            | Fact::IntakeRefused { .. }
            | Fact::TaskOpened { .. }
            | Fact::LetterSigned { .. }
            | Fact::DirectoryApproved { .. }
            | Fact::DaemonStarted { .. }
            | Fact::DaemonStopped { .. } => {}
            Fact::DeliveryQueued { .. }
            | Fact::DeliveryClaimed { .. }
            | Fact::AttemptEnded { .. }
            | Fact::DeliveryQuarantined { .. }
            | Fact::DeliveryCancelled { .. } => rest.delivery(fact),
        }
    }
    build(opened.ok_or(NotACase)?, deadline.ok_or(NotACase)?, rest)
}

fn build(opened: &Fact, deadline: &Fact, mut rest: Rest) -> Result<Case, NotACase> {
    let deliveries = rest.deliveries();
    match (opened, deadline) {
        (
            Fact::NotificationOpened {
                notification,
                referral,
                child,
                target,
                reasons,
                contacts,
                roles,
                routes,
                directory_version,
                n,
                m,
                suggestions: _,
            },
            Fact::DeadlineSet {
                due_at,
                act_by,
                assumed,
                late_on_arrival,
                reasons: due,
            },
        ) => Ok(Case {
            notification: *notification,
            referral: *referral,
            child: *child,
            target: *target,
            reasons: reasons.clone(),
            contacts: contacts
                .iter()
                .zip(roles)
                .zip(routes)
                .map(|((contact, role), route)| (*contact, *role, route.clone()))
                .collect(),
            directory_version: *directory_version,
            n_of_m: (*n, *m),
            due_at: *due_at,
            act_by: *act_by,
            assumed: *assumed,
            late_on_arrival: *late_on_arrival,
            due_reasons: due.clone(),
            hold: rest.hold,
            closed_as: rest.closed_as,
            deliveries,
        }),
        _ => Err(NotACase),
    }
}

/// An attempt that was given up as unknown may still report: the outcome that says most wins,
/// whichever fact is read first.
trait Weigh {
    fn max_by_weight(self, other: AttemptResult) -> Self;
}

impl Weigh for Option<AttemptResult> {
    fn max_by_weight(self, other: AttemptResult) -> Self {
        let weight = |result: AttemptResult| match result {
            AttemptResult::Later => 0,
            AttemptResult::Unknown => 1,
            AttemptResult::Never => 2,
            AttemptResult::Done => 3,
        };
        match self {
            Some(known) if weight(known) >= weight(other) => Some(known),
            Some(_) | None => Some(other),
        }
    }
}

/// What a delivery's queueing says: to whom, and from when after which attempt.
struct Queued {
    letter: LetterId,
    contact: ContactId,
    route: RouteName,
    step: u32,
    after_attempt: u32,
    not_before: Timestamp,
}

/// What is gathered in one pass, whatever the order.
#[derive(Default)]
struct Rest {
    hold: Option<Hold>,
    closed_as: Option<String>,
    queued: BTreeMap<DeliveryId, Queued>,
    attempts: BTreeMap<DeliveryId, BTreeMap<u32, Option<AttemptResult>>>,
    quarantined: Vec<DeliveryId>,
    cancelled: Vec<DeliveryId>,
}

impl Rest {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other kinds say nothing of deliveries"
    )]
    fn delivery(&mut self, fact: &Fact) {
        match fact {
            Fact::DeliveryQueued {
                delivery,
                letter,
                contact,
                route,
                step,
                after_attempt,
                not_before,
            } => {
                let known = self.queued.entry(*delivery).or_insert_with(|| Queued {
                    letter: *letter,
                    contact: *contact,
                    route: route.clone(),
                    step: *step,
                    after_attempt: *after_attempt,
                    not_before: *not_before,
                });
                if *after_attempt > known.after_attempt {
                    known.after_attempt = *after_attempt;
                    known.not_before = *not_before;
                } else if *after_attempt == known.after_attempt {
                    known.not_before = known.not_before.min(*not_before);
                }
            }
            Fact::DeliveryClaimed {
                delivery, attempt, ..
            } => {
                self.attempts
                    .entry(*delivery)
                    .or_default()
                    .entry(*attempt)
                    .or_insert(None);
            }
            Fact::AttemptEnded {
                delivery,
                attempt,
                result,
                ..
            } => {
                let known = self
                    .attempts
                    .entry(*delivery)
                    .or_default()
                    .entry(*attempt)
                    .or_insert(None);
                *known = (*known).max_by_weight(*result);
            }
            Fact::DeliveryQuarantined { delivery, .. } => self.quarantined.push(*delivery),
            Fact::DeliveryCancelled { delivery } => self.cancelled.push(*delivery),
            _ => {}
        }
    }

    fn deliveries(&mut self) -> BTreeMap<DeliveryId, DeliveryCase> {
        std::mem::take(&mut self.queued)
            .into_iter()
            .map(|(id, queued)| {
                let case = DeliveryCase {
                    letter: queued.letter,
                    contact: queued.contact,
                    route: queued.route,
                    step: queued.step,
                    not_before: queued.not_before,
                    attempts: self.attempts.remove(&id).unwrap_or_default(),
                    quarantined: self.quarantined.contains(&id),
                    cancelled: self.cancelled.contains(&id),
                };
                (id, case)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
