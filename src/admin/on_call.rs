//! While a school is on the telephone: what is said to the operator once its word was compared or the roll
//! question answered.

use super::Refused;
use crate::referral::answer::{CallOutcome, SCHOOL_WORD_TRIES};
use crate::referral::ending::Ending;
use crate::referral::fact::Fact;
use crate::referral::id::{NotificationId, TaskId};
use crate::store::{Act, NotStored, Store, Trace};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

const DIFFERS: &str = "the words do not match, which is recorded: this call goes no further. End it with \
     firstbell call outcome TASK will_not_talk, and ring the directory's number";
const ASK_AGAIN: &str = "the words do not match, which is recorded: nobody is told so. They may be asked \
     again, twice on one call";
/// Why somebody else may not end a case of which the last word that was heard does not match.
pub(super) const OVERRULED: &str = "the last word that was heard of this school does not match: ring it again and \
     compare, or let a supervisor record that it knows";
const NOT_TOLD: &str = "the words do not match, which is recorded: nobody counts as told";

/// What an act asks to be told about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    /// Whether the word matches, on this call.
    Word(TaskId),
    /// Whether the word matches, of a call that is recorded afterwards.
    WordAfterwards,
    /// The code to be read back.
    Code(TaskId, NotificationId),
    /// Who was not told on this call, and stays on it.
    Left(TaskId),
}

impl Asked {
    /// None for an act whose answer is what became of the notifications.
    pub(super) fn of(act: &Act) -> Option<Self> {
        match act {
            Act::CallWord { task, .. } => Some(Self::Word(*task)),
            Act::TellWithWord { .. } => Some(Self::WordAfterwards),
            Act::CallRoll {
                task,
                notification,
                on_roll: true,
            } => Some(Self::Code(*task, *notification)),
            Act::CallOutcome {
                task,
                outcome: CallOutcome::Told,
                ..
            } => Some(Self::Left(*task)),
            Act::CallRoll { on_roll: false, .. }
            | Act::Acknowledge { .. }
            | Act::Tell { .. }
            | Act::Hold { .. }
            | Act::Release { .. }
            | Act::Route { .. }
            | Act::Close { .. }
            | Act::Countersign { .. }
            | Act::TaskDone { .. }
            | Act::Reveal { .. }
            | Act::Claim { .. }
            | Act::CallInbound { .. }
            | Act::CallOutcome { .. }
            | Act::UndoCall { .. }
            | Act::Attach { .. }
            | Act::Dismiss { .. }
            | Act::SuspendRoute { .. }
            | Act::ResumeRoute { .. }
            | Act::ClaimAlarm { .. } => None,
        }
    }

    /// The answer to an act that was done.
    pub(super) async fn answered(
        self,
        store: &Store,
        about: &[NotificationId],
        mut done: Value,
    ) -> Response {
        let unread = || Refused::new("it is recorded, and cannot be read now: ask again");
        let member = match self {
            Self::WordAfterwards if about.is_empty() => {
                return Refused::new(NOT_TOLD).with(StatusCode::UNPROCESSABLE_ENTITY);
            }
            Self::WordAfterwards => return Json(done).into_response(),
            Self::Left(task) => return left(store, task, done).await,
            Self::Word(_) => about.first().copied(),
            Self::Code(_, notification) => Some(notification),
        };
        let now = store.clock().now();
        let trace = match member {
            Some(member) => store.readers().show_trace(member, now).await.ok().flatten(),
            None => None,
        };
        let Some(trace) = trace else {
            return unread().with(StatusCode::SERVICE_UNAVAILABLE);
        };
        match self {
            Self::Word(task) if word(&trace, task) != Some("matches") => {
                let words = match tries_left(&trace, task) {
                    0 => DIFFERS,
                    _ => ASK_AGAIN,
                };
                Refused::new(words).with(StatusCode::UNPROCESSABLE_ENTITY)
            }
            Self::Word(_) | Self::WordAfterwards | Self::Left(_) => {
                insert(&mut done, "word", json!("matches"));
                Json(done).into_response()
            }
            Self::Code(task, _) => {
                insert(&mut done, "code", json!(code(&trace, task)));
                Json(done).into_response()
            }
        }
    }
}

/// Names those of a call who were not told on it.
async fn left(store: &Store, task: TaskId, mut done: Value) -> Response {
    let Ok(members) = store.readers().list_on_call(task).await else {
        let unread = Refused::new("it is recorded, and cannot be read now: ask again");
        return unread.with(StatusCode::SERVICE_UNAVAILABLE);
    };
    let members = members.iter().map(|member| {
        json!({
            "notification": member.notification.to_string(),
            "reference": member.reference,
        })
    });
    insert(&mut done, "left", members.collect());
    Json(done).into_response()
}

fn insert(to: &mut Value, name: &str, value: Value) {
    if let Some(members) = to.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// What was heard of the word, on the calls that are meant: each comparison, and whether it matched.
fn heard(trace: &Trace, meant: impl Fn(Option<TaskId>) -> bool) -> Vec<bool> {
    let facts = trace.facts.iter();
    let comparisons = facts.filter_map(|line| {
        if let Fact::SchoolWordHeard { task, matches } = line.fact {
            meant(task).then_some(matches)
        } else {
            None
        }
    });
    comparisons.collect()
}

/// How often the word may still be asked for on this call.
pub(super) fn tries_left(trace: &Trace, of: TaskId) -> usize {
    let heard = heard(trace, |task| task == Some(of));
    let differed = heard.iter().filter(|matches| !**matches).count();
    SCHOOL_WORD_TRIES.saturating_sub(differed)
}

/// Whether an act says that a school knows, though the last word that was heard of it does not match; or
/// has words compared afterwards for the fourth time.
pub(super) async fn overrules(store: &Store, act: &Act) -> Result<bool, NotStored> {
    let (notification, compares) = match act {
        Act::Tell { notification, .. } | Act::Acknowledge { notification, .. } => {
            (*notification, false)
        }
        Act::Close {
            notification,
            closed_as: Ending::Done | Ending::ToldLate,
            ..
        } => (*notification, false),
        Act::TellWithWord { notification, .. } => (*notification, true),
        Act::Close {
            closed_as: Ending::NotTold,
            ..
        }
        | Act::Hold { .. }
        | Act::Release { .. }
        | Act::Route { .. }
        | Act::Countersign { .. }
        | Act::TaskDone { .. }
        | Act::Reveal { .. }
        | Act::Claim { .. }
        | Act::CallWord { .. }
        | Act::CallRoll { .. }
        | Act::CallInbound { .. }
        | Act::CallOutcome { .. }
        | Act::UndoCall { .. }
        | Act::Attach { .. }
        | Act::Dismiss { .. }
        | Act::SuspendRoute { .. }
        | Act::ResumeRoute { .. }
        | Act::ClaimAlarm { .. } => return Ok(false),
    };
    let now = store.clock().now();
    let Some(trace) = store.readers().show_trace(notification, now).await? else {
        return Ok(false);
    };
    Ok(if compares {
        let afterwards = heard(&trace, |task| task.is_none());
        afterwards.iter().filter(|matches| !**matches).count() >= SCHOOL_WORD_TRIES
    } else {
        heard(&trace, |_| true).last() == Some(&false)
    })
}

/// Whether an act is a supervisor's own to choose: an ending that counts at once, or to take back what came
/// of a call.
pub(super) fn chooses(act: &Act) -> bool {
    match act {
        Act::UndoCall { .. } => true,
        Act::Close { closed_as, .. } => !closed_as.needs_countersigning(),
        Act::Acknowledge { .. }
        | Act::Tell { .. }
        | Act::TellWithWord { .. }
        | Act::Hold { .. }
        | Act::Release { .. }
        | Act::Route { .. }
        | Act::Countersign { .. }
        | Act::TaskDone { .. }
        | Act::Reveal { .. }
        | Act::Claim { .. }
        | Act::CallWord { .. }
        | Act::CallRoll { .. }
        | Act::CallInbound { .. }
        | Act::CallOutcome { .. }
        | Act::Attach { .. }
        | Act::Dismiss { .. }
        | Act::SuspendRoute { .. }
        | Act::ResumeRoute { .. }
        | Act::ClaimAlarm { .. } => false,
    }
}

/// What is to be read back on this call, once the child is said to be on the roll.
pub(super) fn code(trace: &Trace, of: TaskId) -> Option<&str> {
    trace.facts.iter().find_map(|line| {
        if let Fact::RollAnswered { task, code } = &line.fact {
            (*task == of).then_some(code.as_str())
        } else {
            None
        }
    })
}

/// What of the word was heard last on this call: matches, differs or nothing yet.
pub(super) fn word(trace: &Trace, of: TaskId) -> Option<&'static str> {
    let last = heard(trace, |task| task == Some(of)).pop();
    last.map(|matches| if matches { "matches" } else { "differs" })
}
