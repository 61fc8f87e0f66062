//! Folding: from a notification's facts to what is known of it. A function of the *set* of facts:
//! any order gives the same case, because every fact that settles something names what it settles.

mod delivery;
mod people;
mod renewed;

pub use delivery::DeliveryCase;
pub use people::{AnswerCase, EndingCase, People, TaskCase};

use super::deadline::DueReason;
use super::fact::{Fact, TaskKind};
use super::id::{ChildId, ContactId, DeliveryId, NotificationId, ReferralId};
use super::ladder::{Rung, RungWhat};
use super::plan::{Hold, HoldReason, RouteReason, Target, WillHappen};
use super::school::{Role, RouteName};
use super::state::{DeliveryState, Duty, Proof, Timing, Word, word};
use delivery::Gathered;
use jiff::{SignedDuration, Timestamp};
use renewed::Renewed;
use std::collections::{BTreeMap, BTreeSet};

/// With every step of the ladder taken, a case that is still live is looked at again this often.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// A notification as its facts tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Our id.
    pub notification: NotificationId,
    /// The referral.
    pub referral: ReferralId,
    /// The child.
    pub child: ChildId,
    /// For whom.
    pub target: Target,
    /// What the desk should know.
    pub reasons: Vec<RouteReason>,
    /// Who may be sent the letter, in order.
    pub contacts: Vec<(ContactId, Role, RouteName)>,
    /// The directory version it was routed with.
    pub directory_version: u32,
    /// Of the contacts, those who came to be named later, with the directory version that names each.
    pub renewed: BTreeMap<ContactId, u32>,
    /// Letter n of m.
    pub n_of_m: (u32, u32),
    /// Start of the next pupil day.
    pub due_at: Timestamp,
    /// What the ladder is built backward from.
    pub act_by: Timestamp,
    /// Accepted in a holiday, staff are away until then: whoever says so is not passed over.
    pub staff_back_at: Option<Timestamp>,
    /// Contacts who read their mailbox in holidays too.
    pub holiday_readers: BTreeSet<ContactId>,
    /// Rests on no calendar.
    pub assumed: bool,
    /// Late on arrival.
    pub late_on_arrival: bool,
    /// Why the deadline is what it is.
    pub due_reasons: Vec<DueReason>,
    /// The ladder's steps, in order of time.
    pub rungs: Vec<Rung>,
    /// Those taken, by time and step.
    pub fired: BTreeSet<(Timestamp, RungWhat)>,
    /// Waiting, and why.
    pub hold: Option<Hold>,
    /// The highest number of a hold so far.
    pub holds: u32,
    /// How it was closed, once it was.
    pub closed_as: Option<String>,
    /// Its successor, which carries the duty on.
    pub rerouted_to: Option<NotificationId>,
    /// What people said and did.
    pub people: People,
    /// Its deliveries.
    pub deliveries: BTreeMap<DeliveryId, DeliveryCase>,
}

impl Case {
    /// Where the duty stands.
    pub fn duty(&self) -> Duty {
        if self.closed_as.is_some() {
            Duty::Closed
        } else {
            self.people.duty()
        }
    }

    /// Whether anybody still has to be told.
    pub fn live(&self) -> bool {
        match self.duty() {
            Duty::Open | Duty::Contradicted => true,
            Duty::Acknowledged | Duty::Refused | Duty::Told | Duty::Closed => false,
        }
    }

    /// Whether only supervisors may see it and act on it: a sensitive party is involved. It was posted so,
    /// and stays so.
    pub fn restricted(&self) -> bool {
        self.reasons.contains(&RouteReason::SensitiveParty)
    }

    /// Whether an adult involved has a part in the school: it is told by voice, and none of its contacts is.
    /// No such hold is ever released.
    pub fn conflict(&self) -> bool {
        self.hold
            .is_some_and(|hold| hold.reason == HoldReason::Conflict)
    }

    /// Whether a person's reply waits to be read: nothing climbs meanwhile.
    pub fn reading(&self) -> bool {
        self.live() && self.people.reading()
    }

    /// The letters' deliveries; notes and receipts prove nothing.
    pub fn letters(&self) -> impl Iterator<Item = (&DeliveryId, &DeliveryCase)> {
        self.deliveries
            .iter()
            .filter(|(_, delivery)| delivery.is_letter())
    }

    /// What is proved of delivery.
    pub fn proof(&self) -> Proof {
        let has = |wanted| self.letters().any(|(_, letter)| letter.state() == wanted);
        if has(DeliveryState::Delivered) {
            Proof::Delivered
        } else if has(DeliveryState::Relayed) || has(DeliveryState::Delayed) {
            Proof::HandedOver
        } else {
            Proof::None
        }
    }

    /// Against `act_by`, at `now`. At risk: the last safe moment of mail, which is the first call's,
    /// has come or mail cannot be there by then, and nothing proves that a letter arrived.
    pub fn timing(&self, now: Timestamp) -> Timing {
        let cannot_be_mailed = now >= self.last_safe_mail() || self.is_beyond_mail();
        if now >= self.act_by {
            Timing::Late
        } else if cannot_be_mailed && self.proof() == Proof::None && !self.reading() {
            Timing::AtRisk
        } else {
            Timing::InTime
        }
    }

    /// Whether nobody will be mailed as things stand: it is held until a person decides, no school is known,
    /// or nobody is left who may have a letter and has had none.
    fn is_beyond_mail(&self) -> bool {
        if self.hold.is_some() || self.target == Target::Unrouted {
            return self.default_ahead().is_none();
        }
        let has_one = |contact| self.letters().any(|(_, l)| l.contact == contact);
        let mut contacts = self.contacts.iter().map(|(contact, ..)| *contact);
        let somebody_is_left =
            contacts.any(|contact| !self.people.blocked.contains(&contact) && !has_one(contact));
        let under_way = self.letters().any(|(_, letter)| {
            letter.waits() || letter.may_have_arrived() || letter.state() == DeliveryState::Sending
        });
        !somebody_is_left && !under_way
    }

    /// The last safe moment of mail: when the first person is to be rung.
    pub fn last_safe_mail(&self) -> Timestamp {
        let calls = self.rungs.iter().filter(|rung| match rung.what {
            RungWhat::CallFirst | RungWhat::Call => !rung.lost,
            RungWhat::Deputies
            | RungWhat::Nudge
            | RungWhat::Supervisor
            | RungWhat::Hour
            | RungWhat::Choose => false,
        });
        calls
            .map(|rung| rung.at)
            .min()
            .unwrap_or(self.act_by)
            .min(self.act_by)
    }

    /// How far the ladder has climbed: 1 with a letter beyond the first, 2 with a call, 3 before a
    /// supervisor, 4 with a supervisor's choice to make.
    pub fn step(&self) -> u32 {
        let mailed = self.letters().map(|(_, letter)| letter.step.min(1)).max();
        let fired = self.fired.iter().map(|(_, what)| match what {
            RungWhat::Deputies | RungWhat::Nudge | RungWhat::Hour => 0,
            RungWhat::CallFirst | RungWhat::Call => 2,
            RungWhat::Supervisor => 3,
            RungWhat::Choose => 4,
        });
        mailed.into_iter().chain(fired).max().unwrap_or(0)
    }

    /// The state in one word, at `now`.
    pub fn word(&self, now: Timestamp) -> Word {
        word(
            self.duty(),
            self.hold.is_some(),
            self.reading(),
            self.proof(),
            self.step(),
            self.timing(now),
        )
    }

    /// The steps of the ladder that are still to be taken, soonest first. While a person's reply is
    /// read nobody at the school is mailed, nor rung before `act_by`; the desk still hears of the time.
    pub fn ahead(&self, now: Timestamp) -> impl Iterator<Item = Rung> + '_ {
        let reading = self.reading();
        let rings = !reading || now >= self.act_by;
        self.rungs
            .iter()
            .filter(|rung| !self.fired.contains(&(rung.at, rung.what)))
            .filter(move |rung| match rung.what {
                RungWhat::Deputies | RungWhat::Nudge => !reading,
                RungWhat::CallFirst | RungWhat::Call => rings,
                RungWhat::Supervisor | RungWhat::Hour | RungWhat::Choose => true,
            })
            .copied()
    }

    /// When it must be looked whether somebody who took a task on was called away: once a supervisor was to
    /// hear of what is nobody's, and while none has.
    fn claim_ends(&self, now: Timestamp) -> Option<Timestamp> {
        let heard = self.people.has_open(TaskKind::CallUnclaimed);
        let ends = self.people.claim_ends(now);
        ends.filter(|_| self.supervised() && !heard)
    }

    /// Whether the ladder has come to the supervisor.
    pub fn supervised(&self) -> bool {
        let mut fired = self.fired.iter();
        fired.any(|(_, what)| *what == RungWhat::Supervisor)
    }

    /// The hold whose default is to happen by itself. One that climbs has no moment of its own: the
    /// ladder's steps are its default.
    pub fn default_ahead(&self) -> Option<Hold> {
        self.hold.filter(|hold| match hold.will_happen {
            WillHappen::Send | WillHappen::SendToAuthority => true,
            WillHappen::Climb => false,
        })
    }

    /// The hold whose default is still ahead of a live case: what it promises to whoever reads it.
    pub fn will_happen(&self, now: Timestamp) -> Option<Hold> {
        self.hold.filter(|hold| self.live() && hold.at >= now)
    }

    /// The next timer and what it is for; none when the duty has ended. At or before `act_by` until
    /// that has passed (promise 6, which the database checks).
    pub fn timer(&self, now: Timestamp) -> Option<(Timestamp, &'static str)> {
        if !self.live() {
            return None;
        }
        let hold = self.default_ahead().map(|hold| (hold.at, "hold"));
        let step = self
            .ahead(now)
            .next()
            .map(|rung| (rung.at, rung.what.word()));
        let claim = self.claim_ends(now).map(|at| (at, "claim"));
        let next = hold.into_iter().chain(step).chain(claim).min();
        let again = || {
            let again = now.checked_add(AGAIN).unwrap_or(Timestamp::MAX);
            (again, "again")
        };
        let (at, what) = next.unwrap_or_else(again);
        let at = if self.timing(now) == Timing::Late {
            at
        } else {
            at.min(self.act_by)
        };
        Some((at, what))
    }
}

/// Why facts give no case: the record is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the facts do not open a notification and set its deadline")]
pub struct NotACase;

/// Folds a notification's facts.
pub fn fold<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Result<Case, NotACase> {
    let mut opened = None;
    let mut deadline = None;
    let mut rest = Rest::default();
    for fact in facts {
        match fact {
            Fact::NotificationOpened { .. } => opened = Some(fact),
            Fact::DeadlineSet { .. } => deadline = Some(fact),
            Fact::ContactsRenewed { .. } => rest.renewed.take(fact),
            Fact::Held { .. } | Fact::Released { .. } => rest.hold(fact),
            Fact::Closed { closed_as } => {
                let known = rest.closed_as.get_or_insert_with(|| closed_as.clone());
                if closed_as < known {
                    known.clone_from(closed_as);
                }
            }
            Fact::Rerouted { to } => {
                rest.rerouted_to = Some(rest.rerouted_to.map_or(*to, |known| known.min(*to)));
            }
            Fact::StepFired { step, due } => {
                rest.fired.insert((*due, *step));
            }
            Fact::ReferralAccepted { .. }
            | Fact::ReferralSuperseded { .. }
            | Fact::IntakeRefused { .. }
            | Fact::LetterSigned { .. }
            | Fact::LateNoted { .. }
            | Fact::TaskReasoned { .. }
            | Fact::Revealed { .. }
            | Fact::SchoolWordHeard { .. }
            | Fact::RollAnswered { .. }
            | Fact::CallUndone { .. }
            | Fact::ReceiptReceived { .. }
            | Fact::NudgeShared { .. }
            | Fact::DirectoryApproved { .. }
            | Fact::RouteSuspended { .. }
            | Fact::RouteResumed { .. }
            | Fact::SenderQuiet { .. }
            | Fact::AlarmRaised { .. }
            | Fact::AlarmTold { .. }
            | Fact::AlarmClaimed { .. }
            | Fact::AlarmCleared { .. }
            | Fact::DaemonStarted { .. }
            | Fact::DaemonStopped { .. } => {}
            Fact::AnswerReceived { .. }
            | Fact::AnswerBelieved { .. }
            | Fact::AnswerRead { .. }
            | Fact::AbsenceNoted { .. }
            | Fact::ContradictionFound { .. }
            | Fact::ContradictionSettled { .. }
            | Fact::Told { .. }
            | Fact::EndingChosen { .. }
            | Fact::EndingCountersigned { .. }
            | Fact::Blocked { .. }
            | Fact::TaskOpened { .. }
            | Fact::TaskClaimed { .. }
            | Fact::TaskSettled { .. } => rest.people.take(fact),
            Fact::DeliveryQueued { .. }
            | Fact::DeliveryClaimed { .. }
            | Fact::AttemptEnded { .. }
            | Fact::ReportReceived { .. }
            | Fact::DeliveryQuarantined { .. }
            | Fact::DeliveryCancelled { .. } => rest.deliveries.take(fact),
        }
    }
    build(opened.ok_or(NotACase)?, deadline.ok_or(NotACase)?, rest)
}

fn build(opened: &Fact, deadline: &Fact, rest: Rest) -> Result<Case, NotACase> {
    let (holds, hold) = rest.current_hold();
    let (named, renewed) = rest.renewed.joined(opened);
    match (opened, deadline) {
        (
            Fact::NotificationOpened {
                notification,
                referral,
                child,
                target,
                reasons,
                contacts,
                roles: _,
                routes: _,
                directory_version,
                n,
                m,
                holidays,
                suggestions: _,
            },
            Fact::DeadlineSet {
                due_at,
                act_by,
                assumed,
                late_on_arrival,
                reasons: due,
                steps,
                steps_at,
                steps_lost,
                staff_back_at,
            },
        ) => Ok(Case {
            notification: *notification,
            referral: *referral,
            child: *child,
            target: *target,
            reasons: reasons.clone(),
            contacts: named,
            directory_version: *directory_version,
            renewed,
            n_of_m: (*n, *m),
            due_at: *due_at,
            act_by: *act_by,
            staff_back_at: *staff_back_at,
            holiday_readers: contacts
                .iter()
                .zip(holidays)
                .filter_map(|(contact, reads)| reads.then_some(*contact))
                .collect(),
            assumed: *assumed,
            late_on_arrival: *late_on_arrival,
            due_reasons: due.clone(),
            rungs: rungs(steps, steps_at, steps_lost),
            fired: rest.fired,
            hold,
            holds,
            closed_as: rest.closed_as,
            rerouted_to: rest.rerouted_to,
            people: rest.people.joined(),
            deliveries: rest.deliveries.deliveries(),
        }),
        _ => Err(NotACase),
    }
}

fn rungs(steps: &[RungWhat], at: &[Timestamp], lost: &[bool]) -> Vec<Rung> {
    let joined = steps.iter().zip(at).zip(lost);
    let mut rungs: Vec<Rung> = joined
        .map(|((what, at), lost)| Rung {
            at: *at,
            what: *what,
            lost: *lost,
        })
        .collect();
    rungs.sort_by_key(|rung| (rung.at, rung.what));
    rungs
}

/// What is gathered in one pass, whatever the order.
#[derive(Default)]
struct Rest {
    holds: BTreeMap<u32, Hold>,
    released: BTreeSet<u32>,
    closed_as: Option<String>,
    rerouted_to: Option<NotificationId>,
    fired: BTreeSet<(Timestamp, RungWhat)>,
    people: People,
    deliveries: Gathered,
    renewed: Renewed,
}

impl Rest {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other kinds say nothing of holds"
    )]
    fn hold(&mut self, fact: &Fact) {
        match fact {
            Fact::Held {
                hold,
                reason,
                said: _,
                will_happen,
                will_happen_at,
            } => {
                let held = Hold {
                    reason: *reason,
                    will_happen: *will_happen,
                    at: *will_happen_at,
                };
                self.holds.insert(*hold, held);
            }
            Fact::Released { hold, .. } => {
                self.released.insert(*hold);
            }
            _ => {}
        }
    }

    /// The highest number, and the hold it names unless that was released.
    fn current_hold(&self) -> (u32, Option<Hold>) {
        let last = self.holds.iter().next_back();
        let held = last.filter(|(n, _)| !self.released.contains(n));
        (last.map_or(0, |(n, _)| *n), held.map(|(_, hold)| *hold))
    }
}

#[cfg(test)]
pub(super) mod tests;
