//! Deciding: what follows from an observation about one notification. Given the case, the instant
//! and a random number, it draws neither and does nothing: the store carries its decisions out.

mod answers;
mod endings;
mod letters;
mod time;

use super::answer::{Clash, Verdict};
use super::attempt::AttemptResult;
use super::fact::{Message, ReleasedBy, Settlement, TaskKind};
use super::fold::Case;
use super::id::{ContactId, DeliveryId, InboundId, TaskId};
use super::ladder::Rung;
use super::plan::Target;
use super::report::Action;
use super::retry::RetrySettings;
use super::school::{RouteName, Urn};
use jiff::Timestamp;

/// Something that happened to one notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observation {
    /// It was opened by an accepted referral, or as another's successor.
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
    /// Its timer came.
    Timer,
    /// A person's reply came in.
    Answered {
        /// The mail.
        inbound: InboundId,
    },
    /// A person of ours read a reply.
    Read {
        /// The mail.
        inbound: InboundId,
        /// What it says.
        verdict: Verdict,
    },
    /// A delivery report came in.
    Reported {
        /// The mail.
        inbound: InboundId,
        /// The delivery.
        delivery: DeliveryId,
        /// What it says.
        action: Action,
    },
    /// A contact is away when somebody must know.
    Absent {
        /// Who.
        contact: ContactId,
    },
    /// The address of a contact was suspended, by what came about another notification.
    Suspended {
        /// Whose.
        contact: ContactId,
    },
    /// A person of ours recorded what the school said, or settled a contradiction.
    Recorded,
    /// The school said by voice that the child is not on its roll.
    NotOnRoll,
    /// A person of ours told the school by voice.
    Told,
    /// A person chose how it ends, or a second one countersigned that.
    EndingChosen,
    /// A person released the hold.
    Released,
    /// A person chose the school.
    RouteChosen {
        /// Which.
        urn: Urn,
    },
}

/// Where a successor goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RerouteTo {
    /// To this school, as a person chose.
    School(Urn),
    /// Nowhere yet, a person chooses: the establishment said NOT OURS.
    Nowhere,
}

/// Something to be done about it, in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Queue a message to a contact.
    Queue {
        /// What.
        message: Message,
        /// To whom.
        contact: ContactId,
        /// Over which route.
        route: RouteName,
        /// The step of the ladder.
        step: u32,
        /// Not before.
        not_before: Timestamp,
    },
    /// Nudge the ordinary mailboxes of some who have a letter, and the office's; each once a day.
    Nudge {
        /// Whose.
        contacts: Vec<ContactId>,
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
    /// A task is no longer open.
    SettleTask {
        /// Which.
        task: TaskId,
        /// Why.
        settlement: Settlement,
    },
    /// A person's word counts.
    Believe {
        /// The mail.
        inbound: InboundId,
        /// What it says.
        verdict: Verdict,
    },
    /// Two things cannot both be true.
    FindContradiction {
        /// What clashes.
        clash: Clash,
        /// The mail that brought it.
        inbound: InboundId,
    },
    /// Send nothing more to an address.
    Block {
        /// Whose.
        contact: ContactId,
        /// The mail that brought it.
        inbound: InboundId,
    },
    /// A step of the ladder is taken.
    Fire {
        /// Which.
        rung: Rung,
    },
    /// `act_by` has passed.
    NoteLate,
    /// A hold ends.
    Release {
        /// How.
        by: ReleasedBy,
    },
    /// Open a successor, which carries the duty on.
    Reroute {
        /// Where to.
        to: RerouteTo,
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
    let decisions = match observation {
        Observation::Opened => letters::opened(case, now),
        Observation::AttemptEnded {
            delivery,
            attempt,
            result,
        } => letters::attempt_ended(case, (delivery, attempt), result, retry, now, random),
        Observation::Quarantined { delivery } => letters::quarantined(case, delivery, now),
        Observation::Superseded => letters::superseded(case),
        Observation::Timer => time::timer(case, now),
        Observation::Answered { inbound } => answers::answered(case, inbound, now),
        Observation::Read { inbound, verdict } => answers::read(case, inbound, verdict, now),
        Observation::Reported {
            inbound,
            delivery,
            action,
        } => letters::reported(case, inbound, delivery, action, now),
        Observation::Absent { contact } => letters::absent(case, contact, now),
        Observation::Suspended { contact } => letters::suspended(case, contact, now),
        Observation::Recorded => answers::recorded(case),
        Observation::NotOnRoll => answers::not_on_roll(case),
        Observation::Told => answers::told(case, now),
        Observation::EndingChosen => endings::chosen(case, now),
        Observation::Released => letters::released(case, now),
        Observation::RouteChosen { urn } => letters::route_chosen(case, urn),
    };
    once(found_first(case, decisions))
}

/// Nobody can be rung while no school is known: it is found first.
fn found_first(case: &Case, mut decisions: Vec<Decision>) -> Vec<Decision> {
    if case.target != Target::Unrouted {
        return decisions;
    }
    let is_sought = case.people.has_open(TaskKind::ChooseSchool);
    decisions.retain(|decision| !(is_sought && rings(decision)));
    for decision in &mut decisions {
        if let Decision::OpenTask { kind, .. } = decision
            && *kind == TaskKind::RingSchool
        {
            *kind = TaskKind::ChooseSchool;
        }
    }
    decisions
}

fn rings(decision: &Decision) -> bool {
    matches!(decision, Decision::OpenTask { kind, .. } if *kind == TaskKind::RingSchool)
}

/// Without a letter, nudge or task that was asked for already.
fn once(decisions: Vec<Decision>) -> Vec<Decision> {
    let mut once: Vec<Decision> = Vec::new();
    for decision in decisions {
        if !once.iter().any(|known| same(known, &decision)) {
            once.push(decision);
        }
    }
    once
}

fn same(known: &Decision, other: &Decision) -> bool {
    match (known, other) {
        (Decision::OpenTask { kind, .. }, Decision::OpenTask { kind: other, .. }) => kind == other,
        (
            Decision::Queue {
                message, contact, ..
            },
            Decision::Queue {
                message: also,
                contact: to,
                ..
            },
        ) => message == also && contact == to,
        // Two steps of one morning that fire together: a mailbox gets one nudge.
        (Decision::Nudge { contacts }, Decision::Nudge { contacts: other }) => {
            other.iter().all(|contact| contacts.contains(contact))
        }
        (Decision::Cancel { delivery }, Decision::Cancel { delivery: other }) => delivery == other,
        (Decision::SettleTask { task, .. }, Decision::SettleTask { task: other, .. }) => {
            task == other
        }
        _ => false,
    }
}

/// Whether a case's call comes before others': `design.md`, the ladder, P1.
pub fn call_comes_first(case: &Case) -> bool {
    time::comes_first(case, case.hold.is_some())
}

/// When a case's ladder will ring its school by itself; none once it has asked for that, or while nobody is
/// to be rung.
pub fn call_ahead(case: &Case, now: Timestamp) -> Option<Timestamp> {
    time::rings_at(case, now)
}

/// What has not left is stopped, and what a person was to do about it is no longer to be done; what
/// has left cannot be called back here.
fn ending(case: &Case) -> Vec<Decision> {
    let waiting = case.letters().filter(|(_, letter)| letter.waits());
    let cancelled = waiting.map(|(delivery, _)| Decision::Cancel {
        delivery: *delivery,
    });
    cancelled.chain(settled(case, ends_with_duty)).collect()
}

/// Settles the open tasks of some kinds, because what they were for has ended.
fn settled(case: &Case, which: fn(TaskKind) -> bool) -> impl Iterator<Item = Decision> + '_ {
    let tasks = case
        .people
        .open_tasks()
        .filter(move |(_, task)| which(task.kind));
    tasks.map(|(task, _)| Decision::SettleTask {
        task,
        settlement: Settlement::Ended,
    })
}

/// Whether a task of this kind is about the duty itself, and ends with it.
fn ends_with_duty(kind: TaskKind) -> bool {
    match kind {
        TaskKind::ChooseSchool
        | TaskKind::RingSchool
        | TaskKind::RecordWhoTold
        | TaskKind::NameChild
        | TaskKind::ConfirmHold
        | TaskKind::CallUnclaimed
        | TaskKind::ChooseEnding
        | TaskKind::CountersignEnding
        | TaskKind::SettleContradiction => true,
        TaskKind::TellHomeForce
        | TaskKind::CompleteRefusedPost
        | TaskKind::ReadQuarantined
        | TaskKind::ReadReply
        | TaskKind::CheckSender
        | TaskKind::CheckSenderQuiet => false,
    }
}

/// A task, unless one of its kind is open already and is wanted as soon.
fn task(case: &Case, kind: TaskKind, wanted_by: Timestamp) -> Option<Decision> {
    let open = case
        .people
        .open_tasks()
        .any(|(_, task)| task.kind == kind && task.wanted_by <= wanted_by);
    (!open).then_some(Decision::OpenTask { kind, wanted_by })
}

#[cfg(test)]
mod tests;
