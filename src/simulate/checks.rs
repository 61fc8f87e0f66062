//! What must never be, looked for in one notification's public record after its year.

use super::judge::{Way, achievable};
use super::places::{County, Days, Place};
use super::record::{Record, asks, is_call};
use super::script::Script;
use super::table::{Due, Step, Wanted};
use crate::referral::attempt::AttemptWhy;
use crate::referral::fact::{Fact, Message, TaskKind};
use crate::referral::id::{ContactId, DeliveryId};
use crate::referral::ladder::RungWhat;
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

/// The world that a notification was in.
#[derive(Debug, Clone, Copy)]
pub(super) struct World<'w> {
    pub(super) county: &'w County,
    pub(super) script: &'w Script,
}

/// Checks one notification's record. `beside` letters were on the same way out at the same time.
pub(super) fn check(world: World<'_>, trace: &Trace, due: &Due, beside: usize) -> Checked {
    let judged = Judged {
        world,
        due,
        beside,
        record: Record::of(trace),
        place: world.county.place_for(trace.case.target),
    };
    let mut checked = Checked::default();
    judged.judge(&mut checked);
    judged.after_answer(&mut checked.after_answer);
    judged.hours(&mut checked.outside_hours);
    let dropped = due.steps.iter().filter_map(|step| judged.dropped(*step));
    checked.dropped.extend(dropped);
    checked
}

/// One notification's record and what its time asks for.
struct Judged<'j> {
    world: World<'j>,
    due: &'j Due,
    beside: usize,
    record: Record<'j>,
    place: Option<&'j Place>,
}

impl<'j> Judged<'j> {
    /// The way out that its letters may take; none while mail is not permitted, or nobody is left to mail.
    fn route(&self) -> Option<&'j RouteName> {
        let case = &self.record.trace.case;
        let blocked = |contact: &ContactId| case.people.blocked.contains(contact);
        let mailed = case.contacts.iter().any(|(id, ..)| !blocked(id));
        let held = self.record.any(|fact| matches!(fact, Fact::Held { .. }));
        self.place
            .filter(|_| mailed && !held)
            .map(|place| &place.route)
    }

    fn days(&self) -> Days<'j> {
        self.world.county.days(self.place)
    }

    fn judge(&self, checked: &mut Checked) {
        let (route, record, last_safe) = (self.route(), &self.record, self.due.last_safe);
        let within = (record.accepted, last_safe);
        checked.achievable = route.is_some_and(|route| {
            let way = Way {
                route,
                beside: self.beside,
            };
            achievable(self.world.script, way, within)
        });
        let in_time = record.handed_over.is_some_and(|at| at <= last_safe);
        let handed = record.handed_over.unwrap_or(last_safe);
        checked.near = last_safe.duration_since(handed) < NEAR;
        if in_time || !record.live_at(last_safe) {
            return;
        }
        if checked.achievable {
            let late = record
                .handed_over
                .map_or_else(|| "never".to_owned(), |at| at.to_string());
            let (from, to) = within;
            let route = route.map_or("", RouteName::as_str);
            checked.missed = Some(format!(
                "could be handed over to {route} from {from} to {to}, and was {late}"
            ));
        }
        let limit = self.limit(last_safe.max(record.accepted));
        if record.live_at(limit) && !self.put_before_a_person(limit) {
            checked.unseen = Some(format!("not handed over, and nobody knew by {limit}"));
        }
    }

    /// A little after a moment, or after the gateway could do anything then.
    fn limit(&self, at: Timestamp) -> Timestamp {
        let script = self.world.script;
        script.gateway_able(script.gateway_able(at) + GRACE)
    }

    /// Whether somebody has it before them at this moment: to ring or to choose, and to ring while it helps.
    fn put_before_a_person(&self, limit: Timestamp) -> bool {
        let act_by = self.due.act_by;
        let in_time = |wanted_by| wanted_by < act_by || act_by <= limit;
        let mut open = self.record.open_at(limit);
        open.any(|task| {
            asks(task.kind) && (task.kind != TaskKind::RingSchool || in_time(task.wanted_by))
        })
    }

    /// A claimed letter, a step or a call after an answer has committed: nobody is told again who knows,
    /// and nobody is written to who has just written, until that is read.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other kinds of facts say nothing of it"
    )]
    fn after_answer(&self, found: &mut Vec<String>) {
        let mut answered: Option<Timestamp> = None;
        for TraceLine { at, fact, .. } in &self.record.trace.facts {
            if super::record::ends_duty(fact) {
                answered = answered.or(Some(*at));
            } else if matches!(fact, Fact::ContradictionFound { .. }) {
                answered = None;
            }
            let unread = self.record.unread_at(*at);
            let what = match fact {
                Fact::DeliveryClaimed { delivery, .. }
                    if self.record.letters.contains(delivery) =>
                {
                    Some("a letter was claimed").filter(|_| answered.is_some())
                }
                Fact::StepFired { step, .. } if unread.is_some() => {
                    let writes = matches!(step, RungWhat::Deputies | RungWhat::Nudge);
                    let rings = matches!(step, RungWhat::CallFirst | RungWhat::Call);
                    let early = rings && *at < self.due.act_by;
                    Some("a step was taken").filter(|_| writes || early || answered.is_some())
                }
                Fact::StepFired { .. } => Some("a step was taken").filter(|_| answered.is_some()),
                _ if is_call(fact) => Some("a call was opened").filter(|_| answered.is_some()),
                _ => None,
            };
            if let Some((what, since)) = what.zip(answered.or(unread)) {
                found.push(format!("{what} at {at}, after the answer of {since}"));
            }
        }
    }

    /// Calls wanted, and nudges sent, outside the school's hours. A nudge counts when it is begun: how
    /// long its relay takes over it is not ours.
    fn hours(&self, found: &mut Vec<String>) {
        let days = self.days();
        let facts = || self.record.trace.facts.iter();
        let nudges: HashSet<DeliveryId> = facts().filter_map(nudge_queued).collect();
        let mut begun: HashMap<(DeliveryId, u32), Timestamp> = HashMap::new();
        for TraceLine { at, fact, .. } in facts() {
            if let Fact::TaskOpened { wanted_by, .. } = fact
                && is_call(fact)
                && !days.answers_telephone(*wanted_by)
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
                && !days.may_be_nudged(begun)
            {
                found.push(format!("a nudge begun at {begun}"));
            }
        }
    }

    /// A step whose time came, and what it is for did not.
    fn dropped(&self, step: Step) -> Option<String> {
        let record = &self.record;
        let at = step.at.max(record.accepted);
        let limit = self.limit(at);
        let reading = record.unread_between(at, limit);
        if !record.live_at(limit) || reading || self.place.is_none() {
            return None;
        }
        let opened = |kind| record.opened(kind).any(|opened| opened.at <= limit);
        let (done, what) = match step.what {
            Wanted::Deputies if self.route().is_none() => return None,
            Wanted::Deputies => (self.deputies_have_it(limit), "the deputies' letter"),
            Wanted::CallFirst if self.delivered_by(limit) => return None,
            Wanted::CallFirst | Wanted::Call => (self.is_rung(limit), "the call"),
            Wanted::Supervisor if !self.is_nobodys(at, limit) => return None,
            Wanted::Supervisor => (opened(TaskKind::CallUnclaimed), "the word to a supervisor"),
            Wanted::Choose => (opened(TaskKind::ChooseEnding), "the choice of an ending"),
        };
        (!done).then(|| format!("{what} of {at} did not come by {limit}"))
    }

    /// Whether a call was on the list in time. Where nobody can be rung, because the school said that it is
    /// closed or that we have the wrong number, somebody chooses in its stead.
    fn is_rung(&self, limit: Timestamp) -> bool {
        let mut calls = self.record.opened(TaskKind::RingSchool);
        let mut chooses = self.record.opened(TaskKind::ChooseEnding);
        calls.any(|call| call.at <= limit && call.wanted_by <= limit)
            || chooses.any(|choose| choose.at <= limit)
    }

    /// Whether a call was nobody's at this moment, and is so still.
    fn is_nobodys(&self, at: Timestamp, limit: Timestamp) -> bool {
        let late = at >= self.due.act_by;
        let mut calls = self.record.open_at(limit);
        (late || !self.delivered_by(limit))
            && calls.any(|call| {
                let known = call.at < at && call.wanted_by <= at;
                call.kind == TaskKind::RingSchool && known && !call.claimed_by(limit)
            })
    }

    fn deputies_have_it(&self, limit: Timestamp) -> bool {
        let blocked = &self.record.trace.case.people.blocked;
        let contacts = self.record.trace.case.contacts.iter();
        let mut deputies = contacts
            .filter(|(id, role, _)| *role == Role::Deputy && !blocked.contains(id))
            .map(|(id, ..)| *id);
        let queued = |deputy: ContactId| {
            self.record.until(limit).any(|line| {
                matches!(&line.fact, Fact::DeliveryQueued { contact, message: Message::Letter, .. }
                    if *contact == deputy)
            })
        };
        deputies.all(queued)
    }

    fn delivered_by(&self, limit: Timestamp) -> bool {
        self.record.until(limit).any(|line| {
            matches!(&line.fact, Fact::ReportReceived { action, .. } if *action == Action::Delivered)
        })
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

#[cfg(test)]
mod tests;
