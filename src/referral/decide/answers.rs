//! Answers: a person's word, believed only as far as it deserves.

use super::time::rings_at;
use super::{Decision, RerouteTo, ending, settled, task};
use crate::referral::answer::{Clash, Verdict};
use crate::referral::fact::{Message, TaskKind};
use crate::referral::fold::{AnswerCase, Case};
use crate::referral::id::InboundId;
use crate::referral::school::Role;
use crate::referral::state::Duty;
use jiff::{SignedDuration, Timestamp};

/// What a school wrote beyond its verdict is read within this (`letters.md`).
const READ_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// A person's reply came in.
pub(super) fn answered(case: &Case, inbound: InboundId, now: Timestamp) -> Vec<Decision> {
    let Some(answer) = case.people.answers.get(&inbound) else {
        return Vec::new();
    };
    let soon = now.checked_add(READ_WITHIN).unwrap_or(now);
    if answer.contact.is_none() {
        // It never acknowledges and suspends nobody; those we know are told that it did not count.
        let check = task(case, TaskKind::CheckSender, soon);
        let notes = notes(case, Message::NotCounted, now);
        return check.into_iter().chain(notes).collect();
    }
    let verdict = if answer.counts() {
        answer.verdict
    } else {
        Verdict::None
    };
    let mut decisions = meant(case, inbound, answer, verdict, now);
    let unclear = match verdict {
        Verdict::None | Verdict::Call => Some(case.last_safe_mail().max(now)),
        Verdict::Received | Verdict::NotOurs | Verdict::Wrong => None,
    };
    let wanted_by = unclear.or(answer.has_message.then_some(soon));
    if let Some(wanted_by) = wanted_by {
        decisions.extend(task(case, TaskKind::ReadReply, wanted_by));
    }
    decisions
}

/// A person of ours read a reply, and says what it means.
pub(super) fn read(
    case: &Case,
    inbound: InboundId,
    verdict: Verdict,
    now: Timestamp,
) -> Vec<Decision> {
    let Some(answer) = case.people.answers.get(&inbound) else {
        return Vec::new();
    };
    let unread = |listed: bool| {
        let mut answers = case.people.answers.values();
        answers.any(|other| other.contact.is_some() == listed && other.to_be_read())
    };
    let mut decisions: Vec<Decision> = Vec::new();
    if !unread(true) {
        decisions.extend(settled(case, |kind| kind == TaskKind::ReadReply));
    }
    if !unread(false) {
        decisions.extend(settled(case, |kind| kind == TaskKind::CheckSender));
    }
    decisions.extend(meant(case, inbound, answer, verdict, now));
    if verdict == Verdict::None || verdict == Verdict::Wrong {
        let again = call_again(case, now).filter(|_| !decisions.iter().any(rings));
        decisions.extend(again);
    }
    decisions
}

fn rings(decision: &Decision) -> bool {
    matches!(decision, Decision::OpenTask { kind, .. } if *kind == TaskKind::RingSchool)
}

/// A call was taken back while a reply waited. Read, and the school has still not answered: it stands
/// again, when it was wanted or now, unless the ladder itself rings by then.
fn call_again(case: &Case, now: Timestamp) -> Option<Decision> {
    let calls = case.people.tasks.values();
    let calls = calls.filter(|task| task.kind == TaskKind::RingSchool);
    let last = calls.map(|task| task.wanted_by).max()?.max(now);
    let wanted_by = match rings_at(case, now) {
        // Its time came while the reply waited.
        Some(at) if at <= now => now,
        Some(at) if at <= last => return None,
        Some(_) | None => last,
    };
    if case.duty() == Duty::Open && !case.people.reading() {
        task(case, TaskKind::RingSchool, wanted_by)
    } else {
        None
    }
}

/// What a verdict asks for.
fn meant(
    case: &Case,
    inbound: InboundId,
    answer: &AnswerCase,
    verdict: Verdict,
    now: Timestamp,
) -> Vec<Decision> {
    let believe = Decision::Believe { inbound, verdict };
    match (verdict, case.duty()) {
        (Verdict::Received, Duty::Open) => {
            let receipts = notes(case, Message::Receipt, now);
            let ended = [believe].into_iter().chain(ending(case));
            ended.chain(receipts).collect()
        }
        (Verdict::NotOurs, Duty::Open) => {
            let reroute = Decision::Reroute {
                to: RerouteTo::Nowhere,
            };
            let ended = [believe].into_iter().chain(ending(case));
            ended.chain([reroute]).collect()
        }
        (Verdict::Received, Duty::Refused)
        | (Verdict::NotOurs, Duty::Acknowledged | Duty::Told)
        | (Verdict::Wrong, Duty::Acknowledged) => {
            let found = Decision::FindContradiction {
                clash: Clash::Verdicts,
                inbound,
            };
            let settle = task(case, TaskKind::SettleContradiction, now);
            let block = wrong(case, inbound, answer, verdict, now);
            [found].into_iter().chain(settle).chain(block).collect()
        }
        // What stands against something else is for the person who settles that.
        (Verdict::Received | Verdict::NotOurs, Duty::Contradicted) if answer.read.is_none() => {
            task(case, TaskKind::ReadReply, now).into_iter().collect()
        }
        (Verdict::Wrong, _) => wrong(case, inbound, answer, verdict, now),
        (Verdict::Call, Duty::Open | Duty::Contradicted) => {
            task(case, TaskKind::RingSchool, now).into_iter().collect()
        }
        // Somebody who has just written is not rung until it is read.
        (Verdict::None, Duty::Open) if answer.counts() && answer.read.is_none() => {
            settled(case, |kind| kind == TaskKind::RingSchool).collect()
        }
        (Verdict::Received | Verdict::NotOurs | Verdict::None | Verdict::Call, _) => Vec::new(),
    }
}

/// WRONG PERSON from the very address that a letter went to suspends that address at once.
fn wrong(
    case: &Case,
    inbound: InboundId,
    answer: &AnswerCase,
    verdict: Verdict,
    now: Timestamp,
) -> Vec<Decision> {
    let Some(contact) = answer.contact.filter(|_| verdict == Verdict::Wrong) else {
        return Vec::new();
    };
    let had_it = case.letters().any(|(_, letter)| letter.contact == contact);
    if !had_it {
        return task(case, TaskKind::ReadReply, now).into_iter().collect();
    }
    let block = Decision::Block { contact, inbound };
    let mut decisions = vec![block];
    decisions.extend(super::letters::suspended(case, contact, now));
    if case.live() && case.hold.is_none() {
        decisions.extend(super::letters::next_contact(case, now));
    }
    decisions
}

/// A person of ours recorded what the school said: what it was for has ended.
pub(super) fn recorded(case: &Case) -> Vec<Decision> {
    if case.live() {
        settled(case, |kind| kind == TaskKind::SettleContradiction).collect()
    } else {
        ending(case)
    }
}

/// Not on the roll, by voice: as NOT OURS by mail. Said again of one that has a successor, it ends what
/// was to be found out.
pub(super) fn not_on_roll(case: &Case) -> Vec<Decision> {
    if case.duty() != Duty::Refused {
        return Vec::new();
    }
    let reroute = Decision::Reroute {
        to: RerouteTo::Nowhere,
    };
    let reroute = case.rerouted_to.is_none().then_some(reroute);
    ending(case).into_iter().chain(reroute).collect()
}

/// A person at the school was told by voice: the Key Adult's mailbox gets a note that says so.
pub(super) fn told(case: &Case, now: Timestamp) -> Vec<Decision> {
    let notes = notes(case, Message::AfterCall, now);
    ending(case).into_iter().chain(notes).collect()
}

/// A note of ours, once per notification: a receipt and "not counted" to all who had the letter or
/// may have, the one after a call to the Key Adults.
fn notes(case: &Case, message: Message, now: Timestamp) -> Vec<Decision> {
    let sent = case.deliveries.values().any(|d| d.message == message);
    if sent {
        return Vec::new();
    }
    let had_it = |contact| {
        case.letters()
            .any(|(_, letter)| letter.contact == contact && letter.may_have_arrived())
    };
    case.contacts
        .iter()
        .filter(|(contact, role, _)| match message {
            Message::Letter | Message::Nudge | Message::OfficeNudge => false,
            Message::Receipt | Message::NotCounted => had_it(*contact),
            Message::AfterCall => *role == Role::KeyAdult,
        })
        .filter(|(contact, ..)| !case.people.blocked.contains(contact))
        .map(|(contact, _, route)| Decision::Queue {
            message,
            contact: *contact,
            route: route.clone(),
            step: 0,
            not_before: now,
        })
        .collect()
}
