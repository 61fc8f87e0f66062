//! What follows from what: the table of answers, and what holds of any life of a notification.

mod answers;
mod life;
mod time;

use super::*;
use crate::referral::answer::{Strength, Verdict};
use crate::referral::fact::Fact;
use crate::referral::fold::fold;
use crate::referral::fold::tests::dice::id;
use crate::referral::id::{ChildId, LetterId, NotificationId, ReferralId};
use crate::referral::ladder::RungWhat;
use crate::referral::school::Role;
use jiff::SignedDuration;
use std::time::Duration;

const RETRY: RetrySettings = RetrySettings {
    first: Duration::from_secs(30),
    longest: Duration::from_secs(600),
    in_doubt: Duration::from_secs(120),
};

/// 25 November 2020: the steps of the first row of the ladder's table.
const STEPS: [(RungWhat, &str); 6] = [
    (RungWhat::Deputies, "07:50"),
    (RungWhat::CallFirst, "08:00"),
    (RungWhat::Call, "08:10"),
    (RungWhat::Supervisor, "08:15"),
    (RungWhat::Hour, "08:30"),
    (RungWhat::Choose, "09:30"),
];

fn at(time: &str) -> Timestamp {
    format!("2020-11-25T{time}:00Z").parse().unwrap()
}

fn contact(n: u8) -> ContactId {
    id(ContactId::from_parts, n)
}

fn mail(n: u8) -> InboundId {
    id(InboundId::from_parts, n)
}

/// A notification to a school with a Key Adult and a deputy, due at 08:30. The Key Adult's letter, the
/// first delivery, is queued.
fn opened() -> Vec<Fact> {
    let cjsm = RouteName::parse("cjsm").unwrap();
    vec![
        Fact::NotificationOpened {
            notification: id(NotificationId::from_parts, 0),
            referral: id(ReferralId::from_parts, 0),
            child: id(ChildId::from_parts, 0),
            target: Target::School(Urn::parse("990011").unwrap()),
            reasons: vec![],
            suggestions: vec![],
            contacts: vec![contact(0), contact(1)],
            roles: vec![Role::KeyAdult, Role::Deputy],
            routes: vec![cjsm.clone(), cjsm.clone()],
            holidays: vec![false, false],
            directory_version: 1,
            n: 1,
            m: 1,
        },
        Fact::DeadlineSet {
            due_at: at("08:30"),
            act_by: at("08:30"),
            assumed: false,
            late_on_arrival: false,
            reasons: vec![],
            steps: STEPS.iter().map(|(what, _)| *what).collect(),
            steps_at: STEPS.iter().map(|(_, time)| at(time)).collect(),
            steps_lost: vec![false; STEPS.len()],
            staff_back_at: None,
        },
        Fact::DeliveryQueued {
            delivery: id(DeliveryId::from_parts, 0),
            letter: id(LetterId::from_parts, 0),
            message: Message::Letter,
            contact: contact(0),
            route: cjsm,
            step: 0,
            after_attempt: 0,
            not_before: at("02:00"),
            not_after: None,
        },
    ]
}

fn answer(n: u8, from: Option<ContactId>, verdict: Verdict, strength: Strength) -> Fact {
    Fact::AnswerReceived {
        inbound: mail(n),
        letter: Some(id(LetterId::from_parts, 0)),
        contact: from,
        verdict,
        has_message: false,
        strength,
        received_at: at("07:00"),
    }
}

fn case(facts: &[Fact]) -> Case {
    fold(facts).unwrap()
}

fn decided(case: &Case, observation: Observation, now: Timestamp) -> Vec<Decision> {
    decide(case, observation, &RETRY, now, 7)
}

/// Decisions in short: what is queued to whom, tasks by kind, the rest by name.
fn told(decisions: &[Decision]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for decision in decisions {
        lines.push(match decision {
            Decision::Queue {
                message, contact, ..
            } => {
                let to = if *contact == self::contact(0) {
                    "A"
                } else {
                    "B"
                };
                format!("{} to {to}", message.word())
            }
            Decision::QueueAgain { .. } => "again".to_owned(),
            Decision::Cancel { .. } => "cancel".to_owned(),
            Decision::OpenTask { kind, .. } => format!("open {}", kind.word()),
            Decision::SettleTask { .. } => "settle task".to_owned(),
            Decision::Believe { verdict, .. } => format!("believe {}", verdict.word()),
            Decision::FindContradiction { .. } => "contradiction".to_owned(),
            Decision::Block { .. } => "block".to_owned(),
            Decision::Nudge { contacts } => format!("nudge {}", contacts.len()),
            Decision::Fire { rung } => format!("fire {}", rung.what.word()),
            Decision::NoteLate => "late".to_owned(),
            Decision::Release { .. } => "release".to_owned(),
            Decision::Reroute { .. } => "reroute".to_owned(),
            Decision::Close { closed_as } => format!("close {closed_as}"),
        });
    }
    lines.join(", ")
}

/// Carries decisions out as the store does, as far as facts go; `fresh` numbers new ids.
fn carry_out(case: &Case, decisions: Vec<Decision>, facts: &mut Vec<Fact>, fresh: &mut u64) {
    for decision in decisions {
        *fresh += 1;
        facts.push(match decision {
            Decision::Nudge { .. } => continue,
            Decision::Queue {
                message,
                contact,
                route,
                step,
                not_before,
            } => Fact::DeliveryQueued {
                delivery: DeliveryId::from_parts(*fresh, [1; 10]),
                letter: LetterId::from_parts(*fresh, [1; 10]),
                message,
                contact,
                route,
                step,
                after_attempt: 0,
                not_before,
                not_after: None,
            },
            Decision::QueueAgain {
                delivery,
                after_attempt,
                not_before,
            } => queued_again(case, delivery, after_attempt, not_before),
            Decision::Cancel { delivery } => Fact::DeliveryCancelled { delivery },
            Decision::OpenTask { kind, wanted_by } => Fact::TaskOpened {
                task: TaskId::from_parts(*fresh, [1; 10]),
                task_kind: kind,
                wanted_by,
            },
            Decision::SettleTask { task, settlement } => Fact::TaskSettled {
                task,
                settlement,
                outcome: None,
            },
            Decision::Believe { inbound, verdict } => Fact::AnswerBelieved {
                belief: next(case.people.beliefs.keys().next_back()),
                inbound: Some(inbound),
                verdict,
                reason: None,
            },
            Decision::FindContradiction { clash, inbound } => Fact::ContradictionFound {
                contradiction: next(case.people.contradictions.keys().next_back()),
                clash,
                inbound,
            },
            Decision::Block { contact, inbound } => blocked(contact, inbound),
            Decision::Fire { rung } => Fact::StepFired {
                step: rung.what,
                due: rung.at,
            },
            Decision::NoteLate => Fact::LateNoted {
                act_by: case.act_by,
            },
            Decision::Release { by } => Fact::Released {
                hold: case.holds,
                by,
                reason: None,
            },
            Decision::Reroute { .. } => Fact::Rerouted {
                to: NotificationId::from_parts(*fresh, [1; 10]),
            },
            Decision::Close { closed_as } => Fact::Closed {
                closed_as: closed_as.to_owned(),
            },
        });
    }
}

fn blocked(contact: ContactId, inbound: InboundId) -> Fact {
    let inbound = Some(inbound);
    Fact::Blocked { contact, inbound }
}

fn queued_again(
    case: &Case,
    delivery: DeliveryId,
    after_attempt: u32,
    not_before: Timestamp,
) -> Fact {
    let known = &case.deliveries[&delivery];
    Fact::DeliveryQueued {
        delivery,
        letter: known.letter,
        message: known.message,
        contact: known.contact,
        route: known.route.clone(),
        step: known.step,
        after_attempt,
        not_before,
        not_after: known.not_after,
    }
}

/// The number after the highest.
fn next(highest: Option<&u32>) -> u32 {
    highest.map_or(1, |n| n + 1)
}
