//! The force's desk: who rings schools, reads replies and chooses, in its hours.

use super::Fault;
use super::dice::Dice;
use super::places::{County, Days};
use crate::referral::answer::{CallOutcome, SchoolWord, Verdict};
use crate::referral::fact::TaskKind;
use crate::referral::id::{InboundId, NotificationId, TaskId};
use crate::referral::london;
use crate::referral::route::SuspendReason;
use crate::referral::school::{Role, RouteName, Urn};
use crate::store::{Act, Store, TaskLine};
use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// The desk's hours (`design.md`, the ladder).
const FROM: Time = Time::constant(6, 30, 0, 0);
const TO: Time = Time::constant(17, 0, 0, 0);
/// It looks at its list again after this long.
const LOOKS_AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// Who was not reached, or what was refused, is tried again after this long.
const TRIES_AGAIN: SignedDuration = SignedDuration::from_mins(90);
/// A call takes so long.
pub(super) const CALL: SignedDuration = SignedDuration::from_mins(4);
/// Who rings.
const OPERATOR: &str = "desk";

/// Children, in a million, who a school says are not on its roll.
const NOT_ON_ROLL: u64 = 25_000;

/// A call that is being made.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) task: TaskId,
    /// About whom, as it was taken on.
    about: Vec<NotificationId>,
}

/// What a look at the list came to.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// Calls begun.
    pub(super) calls: Vec<Call>,
    /// When to look again; none when nothing is to be done.
    pub(super) again: Option<Timestamp>,
}

/// The next moment from `at` on in which the desk is staffed.
pub(super) fn staffed(county: &County, at: Timestamp) -> Timestamp {
    let today = london::civil(at).date();
    let days = std::iter::successors(Some(today), |day| day.tomorrow().ok()).take(30);
    days.filter(|day| county.is_working_day(*day))
        .map(|day| (london::instant(day, FROM).max(at), london::instant(day, TO)))
        .find_map(|(open, close)| (open < close).then_some(open))
        .unwrap_or(at)
}

/// Looks at the list and does what can be done now; some calls are being made, and so many more can be.
pub(super) async fn look(
    store: &Store,
    county: &County,
    (made, callers): (&BTreeSet<TaskId>, usize),
    dice: &Dice,
) -> Result<Looked, Fault> {
    let now = store.clock().now();
    let anybody = county.days(county.places.first());
    let mut looked = Looked::default();
    let mut wanted: Vec<Timestamp> = Vec::new();
    for line in store.readers().list_tasks().await.map_err(Fault::other)? {
        let Some(kind) = TaskKind::parse(&line.kind) else {
            continue;
        };
        if kind == TaskKind::RingSchool {
            let task = TaskId::parse(&line.task).map_err(Fault::other)?;
            let (rung_at, days) = (line.wanted_by.max(now), whom(county, &line.subject));
            // Calls that wait for a caller, or are being made, are looked for when one ends.
            if rung_at > now || !days.answers_telephone(now) {
                wanted.extend(days.telephone_from(rung_at));
            } else if looked.calls.len() < callers && !made.contains(&task) {
                match acted(store, Act::Claim { task }).await? {
                    Some(about) => looked.calls.push(Call { task, about }),
                    None => wanted.push(now + LOOKS_AGAIN),
                }
            }
            continue;
        }
        let Some(act) = act_for(kind, &line, (county, anybody.answers_telephone(now)), dice) else {
            if needs_the_school(kind) {
                wanted.push(now + TRIES_AGAIN);
            }
            continue;
        };
        let about = match (acted(store, act).await?, reply_of(&line)) {
            // Whoever wrote it may not answer for the school: then it asks for nothing.
            (None, Some(inbound)) if kind == TaskKind::ReadReply => {
                acted(store, Act::Dismiss { inbound }).await?
            }
            (about, _) => about,
        };
        // What was refused now is refused five minutes later too.
        let again = if about.is_some() {
            LOOKS_AGAIN
        } else {
            TRIES_AGAIN
        };
        wanted.push(now + again);
    }
    let soonest = wanted.into_iter().min();
    looked.again = soonest.map(|at| staffed(county, at.max(now)));
    Ok(looked)
}

/// The days of the school that a call is to.
fn whom<'c>(county: &'c County, subject: &str) -> Days<'c> {
    let urn = subject.split(':').nth(2).and_then(Urn::parse);
    county.days(urn.and_then(|urn| county.place(urn)))
}

fn needs_the_school(kind: TaskKind) -> bool {
    matches!(
        kind,
        TaskKind::SettleContradiction
            | TaskKind::ChooseEnding
            | TaskKind::RecordWhoTold
            | TaskKind::NameChild
    )
}

fn reply_of(line: &TaskLine) -> Option<InboundId> {
    let id = line.reply.as_ref().map_or(&line.subject, |(id, _)| id);
    InboundId::parse(id).ok()
}

/// What the desk does about a task that is no call; none for one that only tells, and for what must wait
/// for the school's telephone.
fn act_for(
    kind: TaskKind,
    line: &TaskLine,
    (county, open): (&County, bool),
    dice: &Dice,
) -> Option<Act> {
    let notification = line.notification.as_deref();
    let notification = notification.and_then(|id| NotificationId::parse(id).ok());
    let reached = open && dice.below(10) < 7;
    let reason = || "as simulated".to_owned();
    match kind {
        TaskKind::ReadReply | TaskKind::CheckSender => {
            let inbound = reply_of(line)?;
            Some(match notification {
                Some(notification) => Act::Attach {
                    inbound,
                    notification,
                    verdict: Verdict::Received,
                },
                None => Act::Dismiss { inbound },
            })
        }
        TaskKind::ChooseSchool => Some(Act::Route {
            notification: notification?,
            urn: dice.pick(&county.places)?.urn,
        }),
        TaskKind::ConfirmHold => Some(Act::Release {
            notification: notification?,
            reason: reason(),
        }),
        TaskKind::SettleContradiction if reached => Some(Act::Acknowledge {
            notification: notification?,
            reason: reason(),
        }),
        TaskKind::ChooseEnding | TaskKind::RecordWhoTold | TaskKind::NameChild if reached => {
            Some(Act::Tell {
                notification: notification?,
                role: Role::Deputy,
                word: SchoolWord::Matches,
            })
        }
        TaskKind::SettleContradiction
        | TaskKind::ChooseEnding
        | TaskKind::RecordWhoTold
        | TaskKind::NameChild
        | TaskKind::RingSchool
        | TaskKind::TellHomeForce
        | TaskKind::CompleteRefusedPost
        | TaskKind::ReadQuarantined
        | TaskKind::CheckSenderQuiet
        | TaskKind::CountersignEnding
        | TaskKind::CallUnclaimed => None,
    }
}

/// Takes on the call that a school makes itself about one of its children.
pub(super) async fn is_rung(store: &Store, about: NotificationId) -> Result<Option<Call>, Fault> {
    let act = Act::CallInbound {
        notification: about,
    };
    let Some(all) = acted(store, act).await? else {
        return Ok(None);
    };
    let now = store.clock().now();
    let trace = store.readers().show_trace(about, now).await;
    let trace = trace.map_err(Fault::other)?;
    let tasks = trace.into_iter().flat_map(|trace| {
        let open = trace.case.people.open_tasks();
        open.filter(|(_, task)| task.kind == TaskKind::RingSchool)
            .map(|(id, _)| id)
            .collect::<Vec<_>>()
    });
    let task = tasks.last();
    Ok(task.map(|task| Call { task, about: all }))
}

/// Says what came of a call: whether the children are on the roll first, where somebody speaks to us. Gives
/// the outcome's word, and how many were not.
pub(super) async fn end_call(
    store: &Store,
    call: &Call,
    dice: &Dice,
) -> Result<(&'static str, usize), Fault> {
    let (task, mut not_on_roll) = (call.task, 0);
    let outcome = match dice.below(1000) {
        0..=689 => CallOutcome::Told,
        690..=809 => CallOutcome::NoAnswer,
        810..=869 => CallOutcome::Engaged,
        870..=909 => CallOutcome::Voicemail,
        910..=939 => CallOutcome::RingBack,
        940..=969 => CallOutcome::Closed,
        970..=979 => CallOutcome::WrongNumber,
        _ => CallOutcome::WillNotTalk,
    };
    if outcome == CallOutcome::Told {
        for notification in call.about.iter().copied() {
            let on_roll = !dice.happens(NOT_ON_ROLL);
            let roll = Act::CallRoll {
                task,
                notification,
                on_roll,
            };
            let acted = acted(store, roll).await?;
            not_on_roll += usize::from(acted.is_some() && !on_roll);
        }
    }
    let act = Act::CallOutcome {
        task,
        outcome,
        notification: None,
        role: Role::Deputy,
        word: SchoolWord::Unverified,
    };
    acted(store, act).await?;
    Ok((outcome.word(), not_on_roll))
}

/// Suspends a way out until a time, if the store can.
pub(super) async fn suspends(
    store: &Store,
    route: RouteName,
    until: Timestamp,
) -> Result<bool, Fault> {
    let act = Act::SuspendRoute {
        route,
        reason: SuspendReason::Maintenance,
        from: None,
        until: Some(until),
        note: None,
    };
    Ok(acted(store, act).await?.is_some())
}

/// None: it was refused, or the store could not; the list shows it again.
async fn acted(store: &Store, act: Act) -> Result<Option<Vec<NotificationId>>, Fault> {
    Ok(store.act(act, OPERATOR).await.ok().and_then(Result::ok))
}
