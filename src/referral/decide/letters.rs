//! Letters: to whom next, and what an outcome or a report asks for.

use super::time::late_nudge;
use super::{Decision, RerouteTo, ending, task};
use crate::referral::answer::{Clash, Verdict};
use crate::referral::attempt::AttemptResult;
use crate::referral::fact::{Message, TaskKind};
use crate::referral::fold::Case;
use crate::referral::id::{ContactId, DeliveryId, InboundId, LetterId};
use crate::referral::ladder::RungWhat;
use crate::referral::plan::{Hold, HoldReason, RouteReason, WillHappen};
use crate::referral::report::Action;
use crate::referral::retry::{RetrySettings, in_doubt_again, next_attempt, soon_again};
use crate::referral::school::{Role, RouteName, Urn};
use crate::referral::state::{DeliveryState, Duty};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Send at once, at any hour (s.49A: as soon as is reasonably practicable); or open the hold's task.
pub(super) fn opened(case: &Case, now: Timestamp) -> Vec<Decision> {
    let mut decisions = match case.hold {
        Some(hold) => {
            vec![Decision::OpenTask {
                kind: task_of(hold.reason),
                wanted_by: asked_by(case, hold),
            }]
        }
        None => {
            let mut letters = next_contact(case, now);
            letters.extend(holiday_deputies(case, now));
            letters
        }
    };
    if case.reasons.contains(&RouteReason::OtherForceArea) {
        decisions.push(Decision::OpenTask {
            kind: TaskKind::TellHomeForce,
            wanted_by: case.act_by,
        });
    }
    decisions
}

/// When a hold's task is wanted: before its default, and where that is to climb, before the first call. After a
/// holiday that is on the staff's day: what waits for the pupils' first morning does not fit into it.
fn asked_by(case: &Case, hold: Hold) -> Timestamp {
    match hold.will_happen {
        WillHappen::Climb => hold.at.min(case.last_safe_mail()),
        WillHappen::Send | WillHappen::SendToAuthority => hold.at,
    }
}

/// The task that a hold opens.
fn task_of(reason: HoldReason) -> TaskKind {
    match reason {
        HoldReason::NeedsRouting => TaskKind::ChooseSchool,
        HoldReason::OutsidePolicy => TaskKind::RecordWhoTold,
        HoldReason::NeedsAName => TaskKind::NameChild,
        HoldReason::BornNotKnown | HoldReason::IncidentOld | HoldReason::ByOperator => {
            TaskKind::ConfirmHold
        }
        HoldReason::NameUnlikeRegister
        | HoldReason::Conflict
        | HoldReason::Restricted
        | HoldReason::ChildIsSuspect
        | HoldReason::NobodyToNotify => TaskKind::RingSchool,
    }
}

fn letter_to(contact: ContactId, route: &RouteName, step: u32, now: Timestamp) -> Decision {
    Decision::Queue {
        message: Message::Letter,
        contact,
        route: route.clone(),
        step,
        not_before: now,
    }
}

/// Those who may still be sent a letter: nobody twice, and nobody whose address is suspended.
fn without_letter(case: &Case) -> impl Iterator<Item = &(ContactId, Role, RouteName)> {
    case.contacts.iter().filter(|(contact, ..)| {
        !case.letters().any(|(_, letter)| letter.contact == *contact)
            && !case.people.blocked.contains(contact)
    })
}

/// A letter to the first contact that has none, an absent one only when there is nobody else; a call
/// when there is nobody left.
pub(super) fn next_contact(case: &Case, now: Timestamp) -> Vec<Decision> {
    let step = u32::from(case.letters().next().is_some());
    let here = without_letter(case).find(|(contact, ..)| !case.people.absent.contains_key(contact));
    match here.or_else(|| without_letter(case).next()) {
        Some((contact, _, route)) => vec![letter_to(*contact, route, step, now)],
        None => {
            let wanted_by = case.last_safe_mail().max(now);
            task(case, TaskKind::RingSchool, wanted_by)
                .into_iter()
                .collect()
        }
    }
}

/// A letter to every deputy and hub that has none; and to a Key Adult, where those who had one have left.
pub(super) fn deputies(case: &Case, now: Timestamp) -> Vec<Decision> {
    let is_key_adult = |contact: ContactId| {
        let mut named = case.contacts.iter();
        named.any(|(known, role, _)| *known == contact && *role == Role::KeyAdult)
    };
    let told = case.letters().any(|(_, letter)| {
        is_key_adult(letter.contact) && !case.people.blocked.contains(&letter.contact)
    });
    let mut key_adults = without_letter(case).filter(|(_, role, _)| *role == Role::KeyAdult);
    let in_charge = key_adults.next().filter(|_| !told);
    let others = without_letter(case).filter(|(_, role, _)| match role {
        Role::Deputy | Role::Hub => true,
        Role::KeyAdult | Role::Office => false,
    });
    in_charge
        .into_iter()
        .chain(others)
        .map(|(contact, _, route)| letter_to(*contact, route, 1, now))
        .collect()
}

/// Where everybody who had the letter has left or is suspended, it goes to the next contact.
pub(super) fn to_whoever_is_left(case: &Case, now: Timestamp) -> Vec<Decision> {
    let somebody = case.letters().any(|(_, letter)| {
        !case.people.blocked.contains(&letter.contact)
            && (letter.waits()
                || letter.may_have_arrived()
                || letter.state() == DeliveryState::Sending)
    });
    if somebody {
        Vec::new()
    } else {
        next_contact(case, now)
    }
}

/// In a holiday the deputies' letter waits until staff are back, but for those who read in holidays too.
fn holiday_deputies(case: &Case, now: Timestamp) -> Vec<Decision> {
    if case.staff_back_at.is_none_or(|back| back <= now) {
        return Vec::new();
    }
    let mut letters = deputies(case, now);
    letters.retain(|decision| matches!(decision, Decision::Queue { contact, .. } if case.holiday_readers.contains(contact)));
    letters
}

pub(super) fn attempt_ended(
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
    if known.is_letter() && !case.live() {
        // What it was for has ended while it was on its way: not again.
        let cancel = Decision::Cancel { delivery };
        return known.waits().then_some(cancel).into_iter().collect();
    }
    if known.is_letter() && known.waits() && case.people.blocked.contains(&known.contact) {
        return suspended(case, known.contact, now);
    }
    let over = known.not_after.is_some_and(|end| end <= now);
    if over || (known.unwanted && !known.is_letter()) {
        let cancel = Decision::Cancel { delivery };
        return known.waits().then_some(cancel).into_iter().collect();
    }
    let again = |not_before| {
        vec![Decision::QueueAgain {
            delivery,
            after_attempt: attempt,
            not_before,
        }]
    };
    let safe = case.last_safe_mail();
    let safe = if safe > now { safe } else { case.act_by };
    // The state, not this outcome alone, decides: a stale "later" after a "250" asks for nothing.
    match (known.state(), result) {
        (DeliveryState::Queued | DeliveryState::InDoubt, AttemptResult::Later)
            if known.unspent.contains(&attempt) =>
        {
            again(soon_again(now, random))
        }
        (DeliveryState::Queued | DeliveryState::InDoubt, AttemptResult::Later) => {
            let spent = known.spent(attempt);
            again(next_attempt(retry, spent, now, Some(safe), random))
        }
        (DeliveryState::InDoubt, AttemptResult::Unknown) => {
            again(in_doubt_again(retry, known.repeats(), now, case.act_by))
        }
        (DeliveryState::Failed, AttemptResult::Never) if known.is_letter() => {
            next_contact(case, now)
        }
        (DeliveryState::Relayed, AttemptResult::Done) if known.is_letter() => {
            late_nudge(case, known.contact, now).into_iter().collect()
        }
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

pub(super) fn quarantined(case: &Case, delivery: DeliveryId, now: Timestamp) -> Vec<Decision> {
    let letter = case.deliveries.get(&delivery).is_none_or(|d| d.is_letter());
    if !case.live() || !letter {
        return Vec::new();
    }
    let read = task(case, TaskKind::ReadQuarantined, now);
    next_contact(case, now).into_iter().chain(read).collect()
}

pub(super) fn superseded(case: &Case) -> Vec<Decision> {
    let close = Decision::Close {
        closed_as: "superseded",
    };
    ending(case).into_iter().chain([close]).collect()
}

/// A report of failure sends the letter to the next contact at once; one that comes after somebody
/// answered that very letter, or after it was reported delivered, contradicts what was known.
pub(super) fn reported(
    case: &Case,
    inbound: InboundId,
    delivery: DeliveryId,
    action: Action,
    now: Timestamp,
) -> Vec<Decision> {
    let failed = match action {
        Action::Failed => true,
        Action::Delivered | Action::Relayed | Action::Expanded | Action::Delayed => false,
    };
    let Some(known) = case.deliveries.get(&delivery) else {
        return Vec::new();
    };
    // Said again, it is no news.
    let said = known.reports.get(&action).map_or(0, BTreeSet::len);
    if !failed || !known.is_letter() || said > 1 {
        return Vec::new();
    }
    let find = Decision::FindContradiction {
        clash: Clash::LateFailure,
        inbound,
    };
    let settle = task(case, TaskKind::SettleContradiction, now);
    match case.duty() {
        Duty::Open if known.reports.contains_key(&Action::Delivered) => {
            let found = [find].into_iter().chain(settle);
            found.chain(next_contact(case, now)).collect()
        }
        Duty::Open | Duty::Contradicted if case.hold.is_none() => next_contact(case, now),
        Duty::Acknowledged if was_answered(case, known.letter) || !has_reader(case) => {
            let found = [find].into_iter().chain(settle);
            found.chain(next_contact(case, now)).collect()
        }
        Duty::Open
        | Duty::Contradicted
        | Duty::Acknowledged
        | Duty::Refused
        | Duty::Told
        | Duty::Closed => Vec::new(),
    }
}

/// Whether any letter of this case is with somebody, or may be.
fn has_reader(case: &Case) -> bool {
    case.letters().any(|(_, letter)| letter.may_have_arrived())
}

/// Whether somebody acknowledged by answering this very letter. What was believed when it came stands,
/// whatever a person then read in the rest of it.
fn was_answered(case: &Case, letter: LetterId) -> bool {
    case.people.answers.values().any(|answer| {
        let believed = answer.counts() && answer.verdict == Verdict::Received;
        let read = answer.contact.is_some() && answer.read == Some(Verdict::Received);
        answer.letter == Some(letter) && (believed || read)
    })
}

/// Somebody who had the letter is away: the next contact at once. In a holiday only those who read in
/// holidays too (`letters.md`, automatic replies).
pub(super) fn absent(case: &Case, contact: ContactId, now: Timestamp) -> Vec<Decision> {
    let had_it = case.letters().any(|(_, letter)| letter.contact == contact);
    let said = case.people.absent.get(&contact).map_or(0, BTreeSet::len);
    if !case.live() || case.reading() || case.hold.is_some() || !had_it || said != 1 {
        return Vec::new();
    }
    if case.staff_back_at.is_some_and(|back| now < back) {
        // Everybody is away: that one of them says so is no news. Nobody is rung for it either.
        return holiday_deputies(case, now);
    }
    next_contact(case, now)
}

/// What waits for a suspended address is not sent there, but to the next contact at once.
pub(super) fn suspended(case: &Case, contact: ContactId, now: Timestamp) -> Vec<Decision> {
    // With a mailbox that several share, all of them are suspended at once.
    let suspended = |to| to == contact || case.people.blocked.contains(&to);
    let waiting = case
        .letters()
        .filter(|(_, letter)| suspended(letter.contact) && letter.waits());
    let mut decisions: Vec<Decision> = waiting
        .map(|(delivery, _)| Decision::Cancel {
            delivery: *delivery,
        })
        .collect();
    let with_another = case.letters().any(|(_, letter)| {
        !suspended(letter.contact)
            && (letter.waits()
                || letter.may_have_arrived()
                || letter.state() == DeliveryState::Sending)
    });
    if !with_another && case.live() && case.hold.is_none() {
        decisions.extend(next_contact(case, now));
    }
    decisions
}

/// Released: sent at once, unless a letter is on its way; and to the deputies, if their time came
/// while it was held.
pub(super) fn released(case: &Case, now: Timestamp) -> Vec<Decision> {
    if !case.live() || case.hold.is_some() {
        return Vec::new();
    }
    let confirmed = super::settled(case, |kind| kind == TaskKind::ConfirmHold);
    let mut decisions: Vec<Decision> = confirmed.collect();
    if !is_on_its_way(case) {
        decisions.extend(next_contact(case, now));
    }
    if case
        .fired
        .iter()
        .any(|(_, what)| *what == RungWhat::Deputies)
    {
        decisions.extend(deputies(case, now));
    }
    decisions
}

/// Whether a letter waits, is being sent, or may be with somebody.
fn is_on_its_way(case: &Case) -> bool {
    case.letters().any(|(_, letter)| {
        letter.waits() || letter.may_have_arrived() || letter.state() == DeliveryState::Sending
    })
}

/// A person chose the school: this one ends, its successor carries the duty on.
pub(super) fn route_chosen(case: &Case, urn: Urn) -> Vec<Decision> {
    let close = Decision::Close {
        closed_as: "rerouted",
    };
    let to = RerouteTo::School(urn);
    let reroute = [Decision::Reroute { to }, close];
    ending(case).into_iter().chain(reroute).collect()
}
