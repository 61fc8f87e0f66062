//! While a school is on the telephone: what is said to the operator once its word was compared or the roll
//! question answered.

use super::Refused;
use crate::referral::fact::Fact;
use crate::referral::id::{NotificationId, TaskId};
use crate::store::{Act, Store, Trace};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

const DIFFERS: &str = "the words do not match, which is recorded: this call goes no further. End it with \
     firstbell call outcome TASK will_not_talk, and ring the directory's number";
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
            Self::Word(task) if !matched(&trace, task) => {
                Refused::new(DIFFERS).with(StatusCode::UNPROCESSABLE_ENTITY)
            }
            Self::Word(_) | Self::WordAfterwards => {
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

fn insert(to: &mut Value, name: &str, value: Value) {
    if let Some(members) = to.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// Whether the word was compared on this call, and matched each time.
fn matched(trace: &Trace, of: TaskId) -> bool {
    !trace.facts.iter().any(|line| {
        matches!(&line.fact, Fact::SchoolWordHeard { task, matches: false } if *task == Some(of))
    })
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

/// What of the word was heard on this call: matches, differs or nothing yet.
pub(super) fn word(trace: &Trace, of: TaskId) -> Option<&'static str> {
    let heard = trace
        .facts
        .iter()
        .any(|line| matches!(&line.fact, Fact::SchoolWordHeard { task, .. } if *task == Some(of)));
    heard.then(|| {
        if matched(trace, of) {
            "matches"
        } else {
            "differs"
        }
    })
}
