//! One notification's public record, ready to be asked.

use crate::referral::answer::Verdict;
use crate::referral::attempt::AttemptResult;
use crate::referral::fact::{Fact, Message, TaskKind};
use crate::referral::id::{DeliveryId, InboundId, TaskId};
use crate::referral::report::Action;
use crate::store::{Trace, TraceLine};
use jiff::Timestamp;
use std::collections::HashSet;

/// A task as the record tells it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    task: TaskId,
    pub(super) kind: TaskKind,
    pub(super) at: Timestamp,
    pub(super) wanted_by: Timestamp,
    claimed: Option<Timestamp>,
    settled: Option<Timestamp>,
}

impl Opened {
    pub(super) fn claimed_by(&self, at: Timestamp) -> bool {
        self.claimed.is_some_and(|claimed| claimed <= at)
    }
}

/// A reply that a person has to read, from when until when.
#[derive(Debug, Clone, Copy)]
struct Unread {
    inbound: InboundId,
    since: Timestamp,
    until: Option<Timestamp>,
}

/// One notification's record.
pub(super) struct Record<'r> {
    pub(super) trace: &'r Trace,
    /// Its letters; other messages prove nothing.
    pub(super) letters: HashSet<DeliveryId>,
    pub(super) accepted: Timestamp,
    /// When its duty first ended.
    pub(super) ended: Option<Timestamp>,
    /// When a relay first had a letter, as far as anybody was told.
    pub(super) handed_over: Option<Timestamp>,
    tasks: Vec<Opened>,
    unread: Vec<Unread>,
}

impl<'r> Record<'r> {
    pub(super) fn of(trace: &'r Trace) -> Self {
        let facts = || trace.facts.iter();
        let letters: HashSet<DeliveryId> = facts().filter_map(letter_queued).collect();
        let first = |counts: &dyn Fn(&Fact) -> bool| {
            let mut lines = facts().filter(|line| counts(&line.fact));
            lines.next().map(|line| line.at)
        };
        let mut record = Self {
            trace,
            accepted: trace.accepted_at,
            ended: first(&ends_duty),
            handed_over: first(&|fact| proves(fact, &letters)),
            letters,
            tasks: Vec::new(),
            unread: Vec::new(),
        };
        for line in &trace.facts {
            record.take(line);
        }
        record
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other kinds of facts say nothing of it"
    )]
    fn take(&mut self, TraceLine { at, fact, .. }: &TraceLine) {
        match fact {
            Fact::TaskOpened {
                task,
                task_kind,
                wanted_by,
            } => self.tasks.push(Opened {
                task: *task,
                kind: *task_kind,
                at: *at,
                wanted_by: *wanted_by,
                claimed: None,
                settled: None,
            }),
            Fact::TaskClaimed { task, .. } => {
                for known in self.tasks.iter_mut().filter(|known| known.task == *task) {
                    known.claimed = known.claimed.or(Some(*at));
                }
            }
            Fact::TaskSettled { task, .. } => {
                for known in self.tasks.iter_mut().filter(|known| known.task == *task) {
                    known.settled = known.settled.or(Some(*at));
                }
            }
            Fact::AnswerReceived {
                inbound,
                contact: Some(_),
                verdict: Verdict::None | Verdict::Call,
                strength,
                ..
            } if strength.proves() => self.unread.push(Unread {
                inbound: *inbound,
                since: *at,
                until: None,
            }),
            Fact::AnswerRead { inbound, .. } => {
                for known in self.unread.iter_mut().filter(|u| u.inbound == *inbound) {
                    known.until = known.until.or(Some(*at));
                }
            }
            _ => {}
        }
    }

    pub(super) fn any(&self, is: impl Fn(&Fact) -> bool) -> bool {
        self.trace.facts.iter().any(|line| is(&line.fact))
    }

    pub(super) fn until(&self, limit: Timestamp) -> impl Iterator<Item = &'r TraceLine> {
        self.trace.facts.iter().filter(move |line| line.at <= limit)
    }

    pub(super) fn live_at(&self, at: Timestamp) -> bool {
        self.ended.is_none_or(|ended| ended > at)
    }

    /// Its tasks of a kind, settled ones too.
    pub(super) fn opened(&self, kind: TaskKind) -> impl Iterator<Item = &Opened> {
        self.tasks.iter().filter(move |task| task.kind == kind)
    }

    /// Its tasks that are open at a moment.
    pub(super) fn open_at(&self, at: Timestamp) -> impl Iterator<Item = &Opened> {
        self.tasks
            .iter()
            .filter(move |task| task.at <= at && task.settled.is_none_or(|settled| settled > at))
    }

    /// Since when a reply waits to be read at a moment, if one does.
    pub(super) fn unread_at(&self, at: Timestamp) -> Option<Timestamp> {
        let waits = |reply: &&Unread| reply.since < at && reply.until.is_none_or(|read| read > at);
        self.unread.iter().find(waits).map(|reply| reply.since)
    }

    /// Whether a reply waits to be read at any time between two moments.
    pub(super) fn unread_between(&self, from: Timestamp, to: Timestamp) -> bool {
        let waits =
            |reply: &Unread| reply.since <= to && reply.until.is_none_or(|read| read >= from);
        self.unread.iter().any(waits)
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other kinds of facts say nothing of it"
)]
fn letter_queued(line: &TraceLine) -> Option<DeliveryId> {
    match &line.fact {
        Fact::DeliveryQueued {
            delivery,
            message: Message::Letter,
            ..
        } => Some(*delivery),
        _ => None,
    }
}

/// Whether nobody has to be told any more.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other kinds of facts say nothing of it"
)]
pub(super) fn ends_duty(fact: &Fact) -> bool {
    match fact {
        Fact::AnswerBelieved { verdict, .. } | Fact::ContradictionSettled { verdict, .. } => {
            matches!(verdict, Verdict::Received | Verdict::NotOurs)
        }
        Fact::Told { .. } | Fact::Closed { .. } => true,
        _ => false,
    }
}

/// Whether a relay has one of these letters, or a mailbox.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other kinds of facts say nothing of it"
)]
fn proves(fact: &Fact, letters: &HashSet<DeliveryId>) -> bool {
    match fact {
        Fact::AttemptEnded {
            delivery, result, ..
        } => *result == AttemptResult::Done && letters.contains(delivery),
        Fact::ReportReceived {
            delivery, action, ..
        } => *action != Action::Failed && letters.contains(delivery),
        _ => false,
    }
}

pub(super) fn is_call(fact: &Fact) -> bool {
    matches!(fact, Fact::TaskOpened { task_kind, .. } if *task_kind == TaskKind::RingSchool)
}

/// Whether a person who has this task is to ring, to find out or to choose, so that the school is told. Who
/// reads a reply rings if it asks for that.
pub(super) fn asks(kind: TaskKind) -> bool {
    match kind {
        TaskKind::ChooseSchool
        | TaskKind::RingSchool
        | TaskKind::RecordWhoTold
        | TaskKind::NameChild
        | TaskKind::SettleContradiction
        | TaskKind::CallUnclaimed
        | TaskKind::ChooseEnding
        | TaskKind::ReadReply => true,
        TaskKind::ConfirmHold
        | TaskKind::ReadQuarantined
        | TaskKind::CountersignEnding
        | TaskKind::TellHomeForce
        | TaskKind::CompleteRefusedPost
        | TaskKind::CheckSender
        | TaskKind::CheckSenderQuiet => false,
    }
}
