//! What must never be, looked for in one notification's public record after its year.

use super::judge::achievable;
use super::places::County;
use super::script::Script;
use crate::referral::answer::Verdict;
use crate::referral::attempt::{AttemptResult, AttemptWhy};
use crate::referral::fact::{Fact, Message, TaskKind};
use crate::referral::id::{ContactId, DeliveryId};
use crate::referral::ladder::{Rung, RungWhat};
use crate::referral::plan::Target;
use crate::referral::report::Action;
use crate::referral::school::{Role, RouteName};
use crate::store::{Trace, TraceLine};
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, HashSet};

/// What is due at a moment is done within so long: a batch, and a relay's turn of others.
const GRACE: SignedDuration = SignedDuration::from_mins(2);
/// Less slack than this is near.
const NEAR: SignedDuration = SignedDuration::from_mins(10);

/// What of a notification's record counts.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// None: mail was not permitted, or it came to nobody's deadline.
    pub(super) achievable: bool,
    pub(super) near: bool,
    pub(super) missed: Option<String>,
    pub(super) unseen: Option<String>,
    pub(super) after_answer: Vec<String>,
    pub(super) outside_hours: Vec<String>,
    pub(super) dropped: Vec<String>,
}

/// One notification's record, ready to be asked.
struct Record<'r> {
    county: &'r County,
    script: &'r Script,
    trace: &'r Trace,
    /// Its letters; other messages prove nothing.
    letters: HashSet<DeliveryId>,
    accepted: Timestamp,
    last_safe: Timestamp,
    /// When its duty first ended.
    ended: Option<Timestamp>,
    /// When a relay first had a letter, as far as anybody was told.
    handed_over: Option<Timestamp>,
}

/// Checks one notification's record.
pub(super) fn check(county: &County, script: &Script, trace: &Trace) -> Checked {
    let record = Record::of(county, script, trace);
    let mut checked = Checked::default();
    record.judge(&mut checked);
    record.after_answer(&mut checked.after_answer);
    record.hours(&mut checked.outside_hours);
    for rung in trace.case.rungs.iter().filter(|rung| !rung.lost) {
        checked.dropped.extend(record.dropped(*rung));
    }
    checked
}

impl<'r> Record<'r> {
    fn of(county: &'r County, script: &'r Script, trace: &'r Trace) -> Self {
        let facts = || trace.facts.iter();
        let letters: HashSet<DeliveryId> = facts().filter_map(letter_queued).collect();
        let first = |counts: &dyn Fn(&Fact) -> bool| {
            let mut lines = facts().filter(|line| counts(&line.fact));
            lines.next().map(|line| line.at)
        };
        Self {
            county,
            script,
            trace,
            accepted: trace.accepted_at,
            last_safe: trace.case.last_safe_mail(),
            ended: first(&ends_duty),
            handed_over: first(&|fact| proves(fact, &letters)),
            letters,
        }
    }

    fn route(&self) -> Option<&'r RouteName> {
        let Target::School(urn) = self.trace.case.target else {
            return None;
        };
        let place = self.county.places.iter().find(|place| place.urn == urn);
        let held = self.any(|fact| matches!(fact, Fact::Held { .. }));
        let mailed = !held && !self.trace.case.contacts.is_empty();
        place.filter(|_| mailed).map(|place| &place.route)
    }

    fn any(&self, is: impl Fn(&Fact) -> bool) -> bool {
        self.trace.facts.iter().any(|line| is(&line.fact))
    }

    fn live_at(&self, at: Timestamp) -> bool {
        self.ended.is_none_or(|ended| ended > at)
    }

    fn judge(&self, checked: &mut Checked) {
        let route = self.route();
        checked.achievable = route
            .is_some_and(|route| achievable(self.script, route, self.accepted, self.last_safe));
        let in_time = self.handed_over.is_some_and(|at| at <= self.last_safe);
        let handed = self.handed_over.unwrap_or(self.last_safe);
        checked.near = self.last_safe.duration_since(handed) < NEAR;
        if in_time || !self.live_at(self.last_safe) {
            return;
        }
        if checked.achievable {
            let late = self
                .handed_over
                .map_or_else(|| "never".to_owned(), |at| at.to_string());
            let (from, to) = (self.accepted, self.last_safe);
            let route = route.map_or("", RouteName::as_str);
            checked.missed = Some(format!(
                "could be handed over to {route} from {from} to {to}, and was {late}"
            ));
        }
        let limit = self.limit(self.last_safe.max(self.accepted));
        if self.live_at(limit) && !self.put_before_a_person(limit) {
            checked.unseen = Some(format!("not handed over, and nobody knew by {limit}"));
        }
    }

    /// A little after a moment, or after the gateway could do anything then.
    fn limit(&self, at: Timestamp) -> Timestamp {
        self.script
            .gateway_able(self.script.gateway_able(at) + GRACE)
    }

    fn put_before_a_person(&self, limit: Timestamp) -> bool {
        let mut lines = self.trace.facts.iter().filter(|line| line.at <= limit);
        lines.any(
            |line| matches!(&line.fact, Fact::TaskOpened { task_kind, .. } if asks(*task_kind)),
        )
    }

    /// A claimed letter, a step or a call after an answer has committed.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other kinds of facts say nothing of it"
    )]
    fn after_answer(&self, found: &mut Vec<String>) {
        let mut answered: Option<Timestamp> = None;
        for TraceLine { at, fact, .. } in &self.trace.facts {
            if ends_duty(fact) {
                answered = answered.or(Some(*at));
            } else if matches!(fact, Fact::ContradictionFound { .. }) {
                answered = None;
            }
            let Some(since) = answered else { continue };
            let what = match fact {
                Fact::DeliveryClaimed { delivery, .. } if self.letters.contains(delivery) => {
                    "a letter was claimed"
                }
                _ if is_call(fact) => "a call was opened",
                _ if matches!(fact, Fact::StepFired { .. }) => "a step was taken",
                _ => continue,
            };
            found.push(format!("{what} at {at}, after the answer of {since}"));
        }
    }

    /// Calls wanted, and nudges sent, outside the school's hours. A nudge counts when it is begun: how
    /// long its relay takes over it is not ours.
    fn hours(&self, found: &mut Vec<String>) {
        let nudges: HashSet<DeliveryId> =
            self.trace.facts.iter().filter_map(nudge_queued).collect();
        let mut begun: HashMap<(DeliveryId, u32), Timestamp> = HashMap::new();
        for TraceLine { at, fact, .. } in &self.trace.facts {
            if let Fact::TaskOpened { wanted_by, .. } = fact
                && is_call(fact)
                && !self.county.answers_telephone(*wanted_by)
            {
                found.push(format!("a call opened at {at} is wanted at {wanted_by}"));
            }
            if let Fact::DeliveryClaimed {
                delivery, attempt, ..
            } = fact
                && nudges.contains(delivery)
            {
                begun.insert((*delivery, *attempt), *at);
            }
            if let Fact::AttemptEnded {
                delivery,
                attempt,
                why,
                ..
            } = fact
                && let Some(begun) = begun.remove(&(*delivery, *attempt))
                && !matches!(why, AttemptWhy::CaseEnded | AttemptWhy::LetterNotMade)
                && !self.county.may_be_nudged(begun)
            {
                found.push(format!("a nudge begun at {begun}"));
            }
        }
    }

    /// A step whose time came, and what it is for did not.
    fn dropped(&self, rung: Rung) -> Option<String> {
        let limit = self.limit(rung.at.max(self.accepted));
        let reading = self.any(|fact| {
            matches!(fact, Fact::AnswerReceived { verdict, .. }
                if matches!(verdict, Verdict::None | Verdict::Call))
        });
        let last = self.trace.facts.last().map(|line| line.at);
        let too_early = last.is_some_and(|last| last < limit) && self.ended.is_some();
        if !self.live_at(limit) || reading || too_early || self.route().is_none() {
            return None;
        }
        let mut until = self.trace.facts.iter().filter(|line| line.at <= limit);
        let (done, what) = match rung.what {
            RungWhat::Deputies => (self.deputies_have_it(limit), "the deputies' letter"),
            RungWhat::CallFirst if self.delivered_by(limit) => return None,
            RungWhat::CallFirst | RungWhat::Call => {
                (until.any(|line| is_call(&line.fact)), "the call")
            }
            RungWhat::Choose => {
                let kind = TaskKind::ChooseEnding;
                let asks = |fact: &Fact| matches!(fact, Fact::TaskOpened { task_kind, .. } if *task_kind == kind);
                (
                    until.any(|line| asks(&line.fact)),
                    "the choice of an ending",
                )
            }
            RungWhat::Nudge | RungWhat::Supervisor | RungWhat::Hour => return None,
        };
        (!done).then(|| format!("{what} of {} did not come by {limit}", rung.at))
    }

    fn deputies_have_it(&self, limit: Timestamp) -> bool {
        let blocked = &self.trace.case.people.blocked;
        let contacts = self.trace.case.contacts.iter();
        let mut deputies = contacts
            .filter(|(id, role, _)| *role == Role::Deputy && !blocked.contains(id))
            .map(|(id, ..)| *id);
        let queued = |deputy: ContactId| {
            let mut lines = self.trace.facts.iter().filter(|line| line.at <= limit);
            lines.any(|line| {
                matches!(&line.fact, Fact::DeliveryQueued { contact, message: Message::Letter, .. }
                    if *contact == deputy)
            })
        };
        deputies.all(queued)
    }

    fn delivered_by(&self, limit: Timestamp) -> bool {
        let mut lines = self.trace.facts.iter().filter(|line| line.at <= limit);
        lines.any(|line| {
            matches!(&line.fact, Fact::ReportReceived { action, .. } if *action == Action::Delivered)
        })
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

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other kinds of facts say nothing of it"
)]
fn nudge_queued(line: &TraceLine) -> Option<DeliveryId> {
    match &line.fact {
        Fact::DeliveryQueued {
            delivery,
            message: Message::Nudge | Message::OfficeNudge,
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
fn ends_duty(fact: &Fact) -> bool {
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

fn is_call(fact: &Fact) -> bool {
    matches!(fact, Fact::TaskOpened { task_kind, .. } if *task_kind == TaskKind::RingSchool)
}

/// Whether a person who has this task learns that the school may not know.
fn asks(kind: TaskKind) -> bool {
    match kind {
        TaskKind::ChooseSchool
        | TaskKind::RingSchool
        | TaskKind::RecordWhoTold
        | TaskKind::NameChild
        | TaskKind::ConfirmHold
        | TaskKind::SettleContradiction
        | TaskKind::CallUnclaimed
        | TaskKind::ChooseEnding
        | TaskKind::CountersignEnding
        | TaskKind::ReadReply
        | TaskKind::ReadQuarantined => true,
        TaskKind::TellHomeForce
        | TaskKind::CompleteRefusedPost
        | TaskKind::CheckSender
        | TaskKind::CheckSenderQuiet => false,
    }
}
