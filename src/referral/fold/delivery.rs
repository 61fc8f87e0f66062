//! Deliveries as their facts tell them.

use crate::referral::attempt::AttemptResult;
use crate::referral::fact::{Fact, Message};
use crate::referral::id::{ContactId, DeliveryId, InboundId, LetterId};
use crate::referral::report::Action;
use crate::referral::school::RouteName;
use crate::referral::state::DeliveryState;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A delivery as its facts tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryCase {
    /// Its letter.
    pub letter: LetterId,
    /// What it is.
    pub message: Message,
    /// To whom.
    pub contact: ContactId,
    /// Over which route.
    pub route: RouteName,
    /// The step that sends it.
    pub step: u32,
    /// Attempts claimed, each with its outcome once it ended.
    pub attempts: BTreeMap<u32, Option<AttemptResult>>,
    /// What delivery reports say of it, with the mails that say so.
    pub reports: BTreeMap<Action, BTreeSet<InboundId>>,
    /// It may be tried from then on: as the decision after its latest attempt says, the soonest of
    /// several.
    pub not_before: Timestamp,
    /// It is of no use after that.
    pub not_after: Option<Timestamp>,
    /// Set aside.
    pub quarantined: bool,
    /// Ended with what it was for.
    pub cancelled: bool,
}

impl DeliveryCase {
    /// Where it stands. A "250" counts whenever it is recorded: forgetting one would send twice. A
    /// report of failure counts most: whatever was said before, nobody will read that letter.
    pub fn state(&self) -> DeliveryState {
        let ended = |wanted| self.attempts.values().any(|result| *result == Some(wanted));
        let reported = |action| self.reports.contains_key(&action);
        if reported(Action::Failed) {
            return DeliveryState::Failed;
        }
        if reported(Action::Delivered) {
            return DeliveryState::Delivered;
        }
        // A report on a letter in doubt says that the relay has it.
        let taken = ended(AttemptResult::Done) || !self.reports.is_empty();
        if taken && reported(Action::Delayed) && !self.sent_on() {
            return DeliveryState::Delayed;
        }
        if taken {
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

    fn sent_on(&self) -> bool {
        self.reports.contains_key(&Action::Relayed) || self.reports.contains_key(&Action::Expanded)
    }

    /// Whether it waits to be sent, for the first time or again.
    pub fn waits(&self) -> bool {
        match self.state() {
            DeliveryState::Queued | DeliveryState::InDoubt => true,
            DeliveryState::Sending
            | DeliveryState::Relayed
            | DeliveryState::Delivered
            | DeliveryState::Delayed
            | DeliveryState::Failed
            | DeliveryState::Held
            | DeliveryState::Cancelled => false,
        }
    }

    /// Whether a relay has taken it, as it said itself or as a report says.
    pub fn was_handed_over(&self) -> bool {
        self.may_have_arrived() && self.state() != DeliveryState::InDoubt
    }

    /// Whether its reader has it, or may have.
    pub fn may_have_arrived(&self) -> bool {
        match self.state() {
            DeliveryState::Relayed
            | DeliveryState::Delivered
            | DeliveryState::Delayed
            | DeliveryState::InDoubt => true,
            DeliveryState::Queued
            | DeliveryState::Sending
            | DeliveryState::Failed
            | DeliveryState::Held
            | DeliveryState::Cancelled => false,
        }
    }

    /// Whether it is a letter, which alone can prove that a school was told.
    pub fn is_letter(&self) -> bool {
        self.message == Message::Letter
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

/// An attempt that was given up as unknown may still report: the outcome that says most wins,
/// whichever fact is read first.
fn says_most(known: Option<AttemptResult>, other: AttemptResult) -> AttemptResult {
    match known {
        Some(known) if known.weight() >= other.weight() => known,
        Some(_) | None => other,
    }
}

/// What a delivery's queueing says: to whom, and from when after which attempt.
struct Queued {
    letter: LetterId,
    message: Message,
    contact: ContactId,
    route: RouteName,
    step: u32,
    after_attempt: u32,
    not_before: Timestamp,
    not_after: Option<Timestamp>,
}

/// What is gathered of deliveries in one pass, whatever the order.
#[derive(Default)]
pub(super) struct Gathered {
    queued: BTreeMap<DeliveryId, Queued>,
    attempts: BTreeMap<DeliveryId, BTreeMap<u32, Option<AttemptResult>>>,
    reports: BTreeMap<DeliveryId, BTreeMap<Action, BTreeSet<InboundId>>>,
    quarantined: BTreeSet<DeliveryId>,
    cancelled: BTreeSet<DeliveryId>,
}

impl Gathered {
    /// Takes in what a fact says of a delivery.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other kinds say nothing of deliveries"
    )]
    pub(super) fn take(&mut self, fact: &Fact) {
        match fact {
            Fact::DeliveryQueued { .. } => self.queued(fact),
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
                *known = Some(says_most(*known, *result));
            }
            Fact::ReportReceived {
                delivery,
                action,
                inbound,
                ..
            } => {
                let reports = self.reports.entry(*delivery).or_default();
                reports.entry(*action).or_default().insert(*inbound);
            }
            Fact::DeliveryQuarantined { delivery, .. } => {
                self.quarantined.insert(*delivery);
            }
            Fact::DeliveryCancelled { delivery } => {
                self.cancelled.insert(*delivery);
            }
            _ => {}
        }
    }

    fn queued(&mut self, fact: &Fact) {
        let Fact::DeliveryQueued {
            delivery,
            letter,
            message,
            contact,
            route,
            step,
            after_attempt,
            not_before,
            not_after,
        } = fact
        else {
            return;
        };
        let known = self.queued.entry(*delivery).or_insert_with(|| Queued {
            letter: *letter,
            message: *message,
            contact: *contact,
            route: route.clone(),
            step: *step,
            after_attempt: *after_attempt,
            not_before: *not_before,
            not_after: *not_after,
        });
        if *after_attempt > known.after_attempt {
            known.after_attempt = *after_attempt;
            known.not_before = *not_before;
        } else if *after_attempt == known.after_attempt {
            known.not_before = known.not_before.min(*not_before);
        }
    }

    pub(super) fn deliveries(mut self) -> BTreeMap<DeliveryId, DeliveryCase> {
        let queued = std::mem::take(&mut self.queued);
        queued
            .into_iter()
            .map(|(id, queued)| {
                let case = DeliveryCase {
                    letter: queued.letter,
                    message: queued.message,
                    contact: queued.contact,
                    route: queued.route,
                    step: queued.step,
                    not_before: queued.not_before,
                    not_after: queued.not_after,
                    attempts: self.attempts.remove(&id).unwrap_or_default(),
                    reports: self.reports.remove(&id).unwrap_or_default(),
                    quarantined: self.quarantined.contains(&id),
                    cancelled: self.cancelled.contains(&id),
                };
                (id, case)
            })
            .collect()
    }
}
