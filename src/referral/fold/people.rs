//! What people said and did, as the facts tell it: answers, beliefs, contradictions, tasks.

use crate::referral::answer::{Strength, Verdict};
use crate::referral::ending::{Ending, EndingReason};
use crate::referral::fact::{Fact, TaskKind};
use crate::referral::id::{ContactId, InboundId, LetterId, TaskId};
use crate::referral::school::Role;
use crate::referral::state::Duty;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A person's reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerCase {
    /// The letter it answers.
    pub letter: Option<LetterId>,
    /// Whose address it came from; none for one that we do not hold.
    pub contact: Option<ContactId>,
    /// What it says.
    pub verdict: Verdict,
    /// It says more than that.
    pub has_message: bool,
    /// How surely it belongs here.
    pub strength: Strength,
    /// When it reached us.
    pub received_at: Timestamp,
    /// What a person of ours read in it.
    pub read: Option<Verdict>,
}

impl AnswerCase {
    /// Whether its verdict may change anything: from a contact, and surely of this letter.
    pub fn counts(&self) -> bool {
        self.contact.is_some() && self.strength.proves()
    }

    /// Whether a person is to read it: it says something beside a verdict, or no verdict of it counts.
    pub fn to_be_read(&self) -> bool {
        let says_all = !self.has_message && self.counts() && self.verdict != Verdict::None;
        self.read.is_none() && (self.waits() || !says_all)
    }

    /// Whether somebody who may answer wrote, and no verdict of it counts: a person reads it, and
    /// nobody is mailed or rung meanwhile.
    fn waits(&self) -> bool {
        let clear = match self.verdict {
            Verdict::Received | Verdict::NotOurs | Verdict::Wrong => self.counts(),
            Verdict::Call | Verdict::None => false,
        };
        // The public code alone proves nothing: whoever knows it must not silence the ladder.
        self.contact.is_some() && self.strength.proves() && self.read.is_none() && !clear
    }
}

/// Something a person must do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskCase {
    /// What.
    pub kind: TaskKind,
    /// By when.
    pub wanted_by: Timestamp,
    /// Somebody took it on: until then they have it to themselves.
    pub claimed: Option<Timestamp>,
    /// It is no longer open.
    pub settled: bool,
}

/// How a person chose that it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndingCase {
    /// How.
    pub closed_as: Ending,
    /// Why.
    pub code: EndingReason,
    /// A second operator agreed.
    pub countersigned: bool,
}

impl EndingCase {
    /// Whether it closes the notification.
    pub fn counts(self) -> bool {
        self.countersigned || !self.closed_as.needs_countersigning()
    }
}

/// What people said and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    /// Replies by mail.
    pub answers: BTreeMap<InboundId, AnswerCase>,
    /// What was believed, each with its number.
    pub beliefs: BTreeMap<u32, Verdict>,
    /// Contradictions, each with its settlement: the verdict that stands, and the beliefs it settles,
    /// up to that number.
    pub contradictions: BTreeMap<u32, Option<(Verdict, u32)>>,
    /// Somebody was told by voice: the role they gave, the first by name if several did.
    pub told: Option<Role>,
    /// Contacts who are away for as long as matters, with the mails that say so.
    pub absent: BTreeMap<ContactId, BTreeSet<InboundId>>,
    /// Contacts whose address is suspended.
    pub blocked: BTreeSet<ContactId>,
    /// Tasks.
    pub tasks: BTreeMap<TaskId, TaskCase>,
    endings: BTreeMap<u32, EndingCase>,
    countersigned: BTreeSet<u32>,
    read: BTreeMap<InboundId, Verdict>,
    claimed: BTreeMap<TaskId, Timestamp>,
    settled: BTreeSet<TaskId>,
}

impl People {
    /// Whether a reply waits to be read.
    pub fn reading(&self) -> bool {
        self.answers.values().any(AnswerCase::waits)
    }

    /// Whether a contact answered after this instant, or wants to be rung: somebody is there.
    pub fn wrote_since(&self, at: Timestamp) -> bool {
        self.answers.values().any(|answer| {
            let says = match answer.read.unwrap_or(answer.verdict) {
                Verdict::Received | Verdict::NotOurs | Verdict::Call => true,
                Verdict::Wrong | Verdict::None => false,
            };
            says && answer.counts() && answer.received_at > at
        })
    }

    /// Whether two things stand against each other.
    pub fn contradicted(&self) -> bool {
        self.contradictions.values().any(Option::is_none)
    }

    /// What people's words make of the duty: beliefs after the last settlement, or what it said.
    pub fn duty(&self) -> Duty {
        if self.contradicted() {
            return Duty::Contradicted;
        }
        let settled = self.contradictions.values().next_back().copied().flatten();
        // Nobody is told once a school has refused: a settlement that says so came after, and whoever was
        // told there was the wrong one.
        let refused = settled.is_some_and(|(verdict, _)| verdict == Verdict::NotOurs);
        if self.told.is_some() && !refused {
            return Duty::Told;
        }
        let after = settled.map_or(0, |(_, beliefs)| beliefs);
        let since = self
            .beliefs
            .iter()
            .filter(|(n, _)| **n > after)
            .map(|(_, v)| *v);
        let words: BTreeSet<Verdict> = settled.map(|(v, _)| v).into_iter().chain(since).collect();
        if words.contains(&Verdict::NotOurs) {
            Duty::Refused
        } else if words.contains(&Verdict::Received) {
            Duty::Acknowledged
        } else {
            Duty::Open
        }
    }

    /// The ending that a person chose last.
    pub fn ending(&self) -> Option<EndingCase> {
        self.endings.values().next_back().copied()
    }

    /// How many endings were chosen: the number of the last one.
    pub fn endings(&self) -> u32 {
        self.endings.keys().next_back().copied().unwrap_or(0)
    }

    /// When the soonest claim on an open task ends by itself, of those that hold.
    pub fn claim_ends(&self, now: Timestamp) -> Option<Timestamp> {
        let claims = self.open_tasks().filter_map(|(_, task)| task.claimed);
        claims.filter(|until| *until > now).min()
    }

    /// Whether a task of this kind is open.
    pub fn has_open(&self, kind: TaskKind) -> bool {
        self.open_tasks().any(|(_, task)| task.kind == kind)
    }

    /// The open tasks.
    pub fn open_tasks(&self) -> impl Iterator<Item = (TaskId, TaskCase)> + '_ {
        self.tasks
            .iter()
            .filter(|(_, task)| !task.settled)
            .map(|(id, task)| (*id, *task))
    }

    /// Takes in what a fact says of people.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other kinds say nothing of people"
    )]
    pub(super) fn take(&mut self, fact: &Fact) {
        match fact {
            Fact::AnswerReceived { .. } => self.answer(fact),
            Fact::AnswerRead { inbound, verdict } => {
                // Two people's readings are settled by the act's refusal; of a set the first word.
                let known = self.read.entry(*inbound).or_insert(*verdict);
                *known = (*known).min(*verdict);
            }
            Fact::AnswerBelieved {
                belief, verdict, ..
            } => {
                let known = self.beliefs.entry(*belief).or_insert(*verdict);
                *known = (*known).min(*verdict);
            }
            Fact::ContradictionFound { contradiction, .. } => {
                self.contradictions.entry(*contradiction).or_insert(None);
            }
            Fact::ContradictionSettled {
                contradiction,
                verdict,
                beliefs,
                ..
            } => {
                let settled = (*verdict, *beliefs);
                let known = self.contradictions.entry(*contradiction).or_default();
                *known = Some(known.map_or(settled, |known| known.min(settled)));
            }
            Fact::Told { role, .. } => {
                self.told = Some(self.told.map_or(*role, |known| known.min(*role)));
            }
            Fact::EndingChosen {
                ending,
                closed_as,
                code,
                ..
            } => {
                let chosen = EndingCase {
                    closed_as: *closed_as,
                    code: *code,
                    countersigned: false,
                };
                let known = self.endings.entry(*ending).or_insert(chosen);
                *known = (*known).min(chosen);
            }
            Fact::EndingCountersigned { ending } => {
                self.countersigned.insert(*ending);
            }
            Fact::AbsenceNoted {
                contact,
                covers: true,
                inbound,
                ..
            } => {
                self.absent.entry(*contact).or_default().insert(*inbound);
            }
            Fact::Blocked { contact, .. } => {
                self.blocked.insert(*contact);
            }
            Fact::TaskOpened { .. } => self.task(fact),
            Fact::TaskClaimed { task, until } => {
                let known = self.claimed.entry(*task).or_insert(*until);
                *known = (*known).max(*until);
            }
            Fact::TaskSettled { task, .. } => {
                self.settled.insert(*task);
            }
            _ => {}
        }
    }

    fn answer(&mut self, fact: &Fact) {
        if let Fact::AnswerReceived {
            inbound,
            letter,
            contact,
            verdict,
            has_message,
            strength,
            received_at,
        } = fact
        {
            let answer = AnswerCase {
                letter: *letter,
                contact: *contact,
                verdict: *verdict,
                has_message: *has_message,
                strength: *strength,
                received_at: *received_at,
                read: None,
            };
            self.answers.insert(*inbound, answer);
        }
    }

    fn task(&mut self, fact: &Fact) {
        if let Fact::TaskOpened {
            task,
            task_kind,
            wanted_by,
        } = fact
        {
            let known = self.tasks.entry(*task).or_insert(TaskCase {
                kind: *task_kind,
                wanted_by: *wanted_by,
                claimed: None,
                settled: false,
            });
            known.wanted_by = known.wanted_by.min(*wanted_by);
        }
    }

    /// Joins what settles with what it settles, once every fact is in.
    pub(super) fn joined(mut self) -> Self {
        for (inbound, verdict) in &self.read {
            if let Some(answer) = self.answers.get_mut(inbound) {
                answer.read = Some(*verdict);
            }
        }
        for (number, ending) in &mut self.endings {
            ending.countersigned = self.countersigned.contains(number);
        }
        for (id, task) in &mut self.tasks {
            task.claimed = self.claimed.get(id).copied();
            task.settled = self.settled.contains(id);
        }
        self
    }
}
