//! Time: holds take their default, and the ladder its steps.

use super::letters::{deputies, next_contact, to_whoever_is_left};
use super::{Decision, task};
use crate::referral::fact::{ReleasedBy, TaskKind};
use crate::referral::fold::{Case, TaskCase};
use crate::referral::id::ContactId;
use crate::referral::ladder::{Rung, RungWhat};
use crate::referral::london;
use crate::referral::plan::{RouteReason, Target, WillHappen};
use crate::referral::state::{Duty, Proof};
use jiff::Timestamp;

/// Its timer came: everything that is due by `now`, in order.
pub(super) fn timer(case: &Case, now: Timestamp) -> Vec<Decision> {
    if !case.live() {
        return Vec::new();
    }
    let mut decisions = Vec::new();
    let mut held = case.hold.is_some();
    if let Some(hold) = case.default_ahead().filter(|hold| hold.at <= now) {
        match hold.will_happen {
            WillHappen::Send | WillHappen::SendToAuthority => {
                held = false;
                decisions.push(Decision::Release {
                    by: ReleasedBy::Default,
                });
                decisions.extend(super::settled(case, of_hold));
                decisions.extend(next_contact(case, now));
            }
            WillHappen::Climb => {}
        }
    }
    for rung in case.ahead(now).filter(|rung| rung.at <= now) {
        decisions.push(Decision::Fire { rung });
        let asked = fired(case, rung, held, &decisions, now);
        decisions.extend(asked);
    }
    if case.supervised() && lapsed(case, held, now) {
        decisions.extend(unclaimed_task(case, now));
    }
    if case.ahead(now).next().is_none() && case.default_ahead().is_none() {
        decisions.extend(task(case, TaskKind::ChooseEnding, now));
    }
    decisions
}

/// Whether a task asks about a hold whose default sends.
fn of_hold(kind: TaskKind) -> bool {
    matches!(kind, TaskKind::ConfirmHold | TaskKind::ChooseSchool)
}

/// What a step asks for, as things stand; `before` is what the steps before it ask for at this moment.
fn fired(
    case: &Case,
    rung: Rung,
    held: bool,
    before: &[Decision],
    now: Timestamp,
) -> Vec<Decision> {
    let mut decisions = Vec::new();
    match rung.what {
        RungWhat::Deputies if !held => decisions.extend(deputies(case, now)),
        RungWhat::Nudge if !rung.lost && !held && case.duty() == Duty::Open => {
            // On a morning after a holiday whoever had it may have left.
            decisions.extend(to_whoever_is_left(case, now));
            decisions.extend(nudge(case));
        }
        RungWhat::Deputies | RungWhat::Nudge => {}
        RungWhat::CallFirst | RungWhat::Call if rung.lost => {
            decisions.extend(unclaimed_task(case, now));
        }
        RungWhat::CallFirst if !comes_first(case, held) => {}
        RungWhat::CallFirst | RungWhat::Call => decisions.extend(ring(case, rung.at)),
        RungWhat::Supervisor => {
            if unclaimed(case, rung, held, before, now) {
                decisions.extend(unclaimed_task(case, now));
            }
            decisions.extend(choice_ahead(case, rung));
        }
        RungWhat::Hour => {
            decisions.push(Decision::NoteLate);
            if waits_for_a_caller(case, now) {
                decisions.extend(unclaimed_task(case, now));
            }
        }
        RungWhat::Choose => decisions.extend(task(case, TaskKind::ChooseEnding, now)),
    }
    decisions
}

fn unclaimed_task(case: &Case, now: Timestamp) -> Option<Decision> {
    task(case, TaskKind::CallUnclaimed, case.act_by.max(now))
}

/// In school time a supervisor hears at `act_by` that they must choose before the way home, and has until
/// then.
fn choice_ahead(case: &Case, rung: Rung) -> Option<Decision> {
    let mut choices = case.rungs.iter();
    let choice = choices.find(|other| other.what == RungWhat::Choose && other.at > rung.at)?;
    let day = |at| london::civil(at).date();
    let same_day = day(choice.at) == day(rung.at) && day(rung.at) == day(case.act_by);
    if rung.at >= case.act_by && case.act_by < case.due_at && same_day {
        task(case, TaskKind::ChooseEnding, choice.at)
    } else {
        None
    }
}

/// A nudge says that a message lies in a secure mailbox: only those are nudged for whom that is true. The
/// others are once their letter is handed over.
fn nudge(case: &Case) -> Option<Decision> {
    let letters = case
        .letters()
        .filter(|(_, letter)| letter.was_handed_over());
    let mut contacts: Vec<ContactId> = letters.map(|(_, letter)| letter.contact).collect();
    contacts.retain(|contact| !case.people.blocked.contains(contact));
    (!contacts.is_empty()).then_some(Decision::Nudge { contacts })
}

/// The nudge of somebody whose letter was handed over only after the day's nudge fell due.
pub(super) fn late_nudge(case: &Case, contact: ContactId, now: Timestamp) -> Option<Decision> {
    let today = london::civil(now).date();
    // One that was lost was due on no day: the school's staff are not in.
    let was_due = case.rungs.iter().any(|rung| {
        rung.what == RungWhat::Nudge
            && !rung.lost
            && case.fired.contains(&(rung.at, rung.what))
            && london::civil(rung.at).date() == today
    });
    let open = case.duty() == Duty::Open && case.hold.is_none() && !case.reading();
    let known = case.people.blocked.contains(&contact);
    (was_due && open && !known).then(|| Decision::Nudge {
        contacts: vec![contact],
    })
}

/// When the ladder rings by itself, as things stand.
pub(super) fn rings_at(case: &Case, now: Timestamp) -> Option<Timestamp> {
    let first = comes_first(case, case.hold.is_some());
    let rings = |rung: &Rung| match rung.what {
        RungWhat::CallFirst => first && !rung.lost,
        RungWhat::Call => !rung.lost,
        RungWhat::Deputies
        | RungWhat::Nudge
        | RungWhat::Supervisor
        | RungWhat::Hour
        | RungWhat::Choose => false,
    };
    case.ahead(now).find(rings).map(|rung| rung.at)
}

/// P1 (`design.md`, the ladder): no proof of delivery, no working contact, conflict or another hold,
/// the police ask for a call, or a school with a single contact. That a relay took the letter is no
/// proof: only a report is.
pub(super) fn comes_first(case: &Case, held: bool) -> bool {
    let asked = [RouteReason::PoliceAskCall, RouteReason::SingleContact];
    held || case.proof() != Proof::Delivered
        || case.duty() == Duty::Contradicted
        || asked.iter().any(|reason| case.reasons.contains(reason))
}

/// A call to the school; to nobody while no school is known, which another task asks for.
fn ring(case: &Case, at: Timestamp) -> Option<Decision> {
    match case.target {
        Target::School(_) | Target::Authority(_) => {
            let wanted = Decision::OpenTask {
                kind: TaskKind::RingSchool,
                wanted_by: at,
            };
            stands_till(case)
                .is_none_or(|until| at < until)
                .then_some(wanted)
        }
        Target::Unrouted => None,
    }
}

/// Until when an open call stands in a step's stead; none where none is open. One that nobody picked up
/// stands again at its own time, however late. One that was never made is made at the step's: it may have
/// been asked for long before, for the pupils' first morning.
fn stands_till(case: &Case) -> Option<Timestamp> {
    let is_call = |task: &&TaskCase| task.kind == TaskKind::RingSchool;
    let open = case.people.open_tasks().map(|(_, task)| task);
    let open = open
        .filter(|task| is_call(&task))
        .map(|task| task.wanted_by);
    let first = case.people.tasks.values().filter(is_call).count() == 1;
    let open = open.min();
    if first {
        open
    } else {
        open.map(|_| Timestamp::MIN)
    }
}

/// Whether something that must be done by now is nobody's, be it asked for at this very moment. Until
/// `act_by` that is no call about a letter that is in the mailbox; from then on it is also a call that
/// somebody has taken on, for nobody was told.
fn unclaimed(case: &Case, rung: Rung, held: bool, before: &[Decision], now: Timestamp) -> bool {
    let over = rung.at >= case.act_by;
    let calls_count = over || comes_first(case, held);
    let asked_now = before.iter().any(|decision| {
        matches!(decision, Decision::OpenTask { kind, .. } if counts(*kind, calls_count))
    });
    let mut open = case.people.open_tasks();
    let is_nobodys = |task: TaskCase| {
        let claimed = task.claimed.is_some_and(|until| until > now);
        !claimed || (over && task.kind == TaskKind::RingSchool)
    };
    asked_now || open.any(|(_, task)| counts(task.kind, calls_count) && is_nobodys(task))
}

/// Whether somebody who had taken something on was called away, and has not done it.
fn lapsed(case: &Case, held: bool, now: Timestamp) -> bool {
    let calls_count = now >= case.act_by || comes_first(case, held);
    let mut open = case.people.open_tasks();
    open.any(|(_, task)| {
        counts(task.kind, calls_count) && task.claimed.is_some_and(|until| until <= now)
    })
}

/// Whether a call that should be made is nobody's at the hour itself.
fn waits_for_a_caller(case: &Case, now: Timestamp) -> bool {
    let mut open = case.people.open_tasks();
    let waits = open.any(|(_, task)| {
        task.kind == TaskKind::RingSchool
            && task.wanted_by <= now
            && task.claimed.is_none_or(|until| until <= now)
    });
    waits && case.duty() == Duty::Open
}

fn counts(kind: TaskKind, calls_count: bool) -> bool {
    if kind == TaskKind::RingSchool {
        calls_count
    } else {
        kind == TaskKind::ReadReply || super::ends_with_duty(kind)
    }
}
