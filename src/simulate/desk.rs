//! The force's desk: who rings schools, reads replies and chooses, in its hours.

use super::Fault;
use super::dice::Dice;
use super::places::County;
use crate::referral::answer::{CallOutcome, SchoolWord, Verdict};
use crate::referral::fact::TaskKind;
use crate::referral::id::{InboundId, NotificationId, TaskId};
use crate::referral::london;
use crate::referral::school::Role;
use crate::store::{Act, Store, TaskLine};
use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp};

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

/// What a look at the list came to.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// Calls begun.
    pub(super) calls: Vec<TaskId>,
    /// Notifications that were acted on, or opened.
    pub(super) about: Vec<NotificationId>,
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

/// Looks at the list and does what can be done now; `callers` are free.
pub(super) async fn look(
    store: &Store,
    county: &County,
    callers: usize,
    dice: &Dice,
) -> Result<Looked, Fault> {
    let now = store.clock().now();
    let mut looked = Looked::default();
    let mut wanted: Vec<Timestamp> = Vec::new();
    for line in store.readers().list_tasks().await.map_err(Fault::other)? {
        let Some(kind) = TaskKind::parse(&line.kind) else {
            continue;
        };
        if kind == TaskKind::RingSchool {
            let task = TaskId::parse(&line.task).map_err(Fault::other)?;
            let rung_at = line.wanted_by.max(now);
            // Calls that wait for a caller, or are being made, are looked for when one ends.
            if rung_at > now || !county.answers_telephone(now) {
                wanted.extend(county.telephone_from(rung_at));
            } else if looked.calls.len() < callers
                && line.claimed.is_none()
                && acted(store, Act::Claim { task }).await?.is_some()
            {
                looked.calls.push(task);
            }
            continue;
        }
        let Some(act) = act_for(kind, &line, county, now, dice) else {
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
        looked.about.extend(about.into_iter().flatten());
    }
    let soonest = wanted.into_iter().min();
    looked.again = soonest.map(|at| staffed(county, at.max(now)));
    Ok(looked)
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
    county: &County,
    now: Timestamp,
    dice: &Dice,
) -> Option<Act> {
    let notification = line.notification.as_deref();
    let notification = notification.and_then(|id| NotificationId::parse(id).ok());
    let reached = county.answers_telephone(now) && dice.below(10) < 7;
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

/// Says what came of a call. Gives whom it was about, and the outcome's word.
pub(super) async fn end_call(
    store: &Store,
    task: TaskId,
    dice: &Dice,
) -> Result<(Vec<NotificationId>, &'static str), Fault> {
    let outcome = match dice.below(100) {
        0..=69 => CallOutcome::Told,
        70..=81 => CallOutcome::NoAnswer,
        82..=87 => CallOutcome::Engaged,
        88..=91 => CallOutcome::Voicemail,
        92..=94 => CallOutcome::RingBack,
        95..=97 => CallOutcome::Closed,
        _ => CallOutcome::WillNotTalk,
    };
    if outcome == CallOutcome::Told {
        on_the_roll(store, task).await?;
    }
    let act = Act::CallOutcome {
        task,
        outcome,
        notification: None,
        role: Role::Deputy,
        word: SchoolWord::Unverified,
    };
    let about = acted(store, act).await?.unwrap_or_default();
    Ok((about, outcome.word()))
}

/// The roll question is asked of everybody who is on a call, and answered with yes.
async fn on_the_roll(store: &Store, task: TaskId) -> Result<(), Fault> {
    let members = store.readers().list_on_call(task).await;
    for member in members.map_err(Fault::other)? {
        let roll = Act::CallRoll {
            task,
            notification: member.notification,
            on_roll: true,
        };
        acted(store, roll).await?;
    }
    Ok(())
}

/// None: it was refused, or the store could not; the list shows it again.
async fn acted(store: &Store, act: Act) -> Result<Option<Vec<NotificationId>>, Fault> {
    Ok(store.act(act, OPERATOR).await.ok().and_then(Result::ok))
}
