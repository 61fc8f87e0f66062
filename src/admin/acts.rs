//! Acts on the operators' socket: what is wished, strictly read, and what became of it.

pub use super::routes::{Resume, Suspend};
use super::{Refused, on_call};
use crate::referral::answer::{CallOutcome, SchoolWord, Verdict};
use crate::referral::ending::{Ending, EndingReason, TaskReason};
use crate::referral::id::{AlarmId, InboundId, NotAnId, NotificationId, TaskId};
use crate::referral::school::{Role, Urn};
use crate::store::{Act, NotActed, NotStored, Store};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A reason in characters at most: a few sentences, sealed beside what the police wrote.
const REASON_CHARS_MAX: usize = 1_000;
/// A school word in characters at most.
const WORD_CHARS_MAX: usize = 80;

/// An act as it is wished for: ids and words as text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum Wished {
    /// A person at the school has it.
    Acknowledge {
        /// `ntf_...`
        notification: String,
        /// How that is known.
        reason: String,
    },
    /// A person at the school was told by voice.
    Tell {
        /// `ntf_...`
        notification: String,
        /// The role they gave.
        role: String,
        /// Their school word as they spoke it, if they did.
        said: Option<String>,
    },
    /// Mail nobody until it is released.
    Hold {
        /// `ntf_...`
        notification: String,
        /// Why.
        reason: String,
    },
    /// End a hold.
    Release {
        /// `ntf_...`
        notification: String,
        /// Why.
        reason: String,
    },
    /// Choose the school.
    Route {
        /// `ntf_...`
        notification: String,
        /// Which.
        urn: String,
    },
    /// Choose how it ends.
    Close {
        /// `ntf_...`
        notification: String,
        /// How: `told_late`, `not_told` or `done`.
        closed_as: String,
        /// Why: its code.
        code: String,
        /// What is to be said about it.
        note: String,
    },
    /// Agree to how another operator chose that it ends.
    Countersign {
        /// `ntf_...`
        notification: String,
    },
    /// Call a task done that no other act ends.
    TaskDone {
        /// `tsk_...`
        task: String,
        /// Why: its code.
        code: String,
        /// What is to be said about it.
        note: Option<String>,
    },
    /// Take a task on.
    Claim {
        /// `tsk_...`
        task: String,
    },
    /// What a school said as its word.
    CallWord {
        /// `tsk_...`
        task: String,
        /// As it was spoken.
        said: String,
    },
    /// Whether a child is on the school's roll.
    CallRoll {
        /// `tsk_...`
        task: String,
        /// `ntf_...`
        notification: String,
        /// The answer.
        on_roll: bool,
    },
    /// A school rings: take its call on.
    CallInbound {
        /// `ntf_...`
        notification: String,
    },
    /// What came of a call.
    CallOutcome {
        /// `tsk_...`
        task: String,
        /// Its word.
        outcome: String,
        /// About this child's only, `ntf_...`
        notification: Option<String>,
        /// The role of whoever was told.
        role: Option<String>,
    },
    /// Take back that a place is closed, or a number wrong.
    CallUndo {
        /// `tsk_...`
        task: String,
        /// Why.
        reason: String,
    },
    /// What a reply says, and of which notification.
    Attach {
        /// `inb_...`
        inbound: String,
        /// `ntf_...`
        notification: String,
        /// What it says.
        verdict: String,
    },
    /// A reply asks for nothing.
    Dismiss {
        /// `inb_...`
        inbound: String,
    },
    /// Claim nothing more for a route.
    SuspendRoute(Suspend),
    /// Claim for it again.
    ResumeRoute(Resume),
    /// Take an alarm on.
    ClaimAlarm {
        /// `alm_...`
        alarm: String,
    },
}

impl std::fmt::Debug for Wished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wished(..)")
    }
}

/// Why what was sent is no act. It names the fault and echoes no value.
pub(super) type NoAct = &'static str;

/// Reads an act; unknown acts, members and words are refused.
pub(super) fn read(body: &[u8]) -> Result<Act, NoAct> {
    let wished = serde_json::from_slice(body).map_err(|_| "this is no act that is known")?;
    act_of(wished)
}

/// An act whose ids and words are known.
fn act_of(wished: Wished) -> Result<Act, NoAct> {
    Ok(match wished {
        Wished::Acknowledge {
            notification,
            reason,
        } => Act::Acknowledge {
            notification: notification_id(&notification)?,
            reason: reasoned(reason)?,
        },
        Wished::Tell {
            notification,
            role,
            said,
        } => tell(&notification, &role, said)?,
        Wished::Hold {
            notification,
            reason,
        } => Act::Hold {
            notification: notification_id(&notification)?,
            reason: reasoned(reason)?,
        },
        Wished::Release {
            notification,
            reason,
        } => Act::Release {
            notification: notification_id(&notification)?,
            reason: reasoned(reason)?,
        },
        Wished::Route { notification, urn } => Act::Route {
            notification: notification_id(&notification)?,
            urn: Urn::parse(&urn).ok_or("a URN is six or seven digits")?,
        },
        Wished::Close {
            notification,
            closed_as,
            code,
            note,
        } => close(&notification, &closed_as, &code, note)?,
        Wished::Countersign { notification } => countersign(&notification)?,
        Wished::TaskDone { task, code, note } => task_done(&task, &code, note)?,
        Wished::Claim { task } => Act::Claim {
            task: task_id(&task)?,
        },
        Wished::CallOutcome {
            task,
            outcome,
            notification,
            role,
        } => call_outcome(&task, &outcome, notification, role)?,
        Wished::CallUndo { task, reason } => call_undo(&task, reason)?,
        Wished::CallWord { task, said } => call_word(&task, said)?,
        Wished::CallRoll {
            task,
            notification,
            on_roll,
        } => call_roll(&task, &notification, on_roll)?,
        Wished::CallInbound { notification } => call_inbound(&notification)?,
        Wished::Attach {
            inbound,
            notification,
            verdict,
        } => attach(&inbound, &notification, &verdict)?,
        Wished::Dismiss { inbound } => Act::Dismiss {
            inbound: inbound_id(&inbound)?,
        },
        Wished::ClaimAlarm { alarm } => claim_alarm(&alarm)?,
        Wished::SuspendRoute(wished) => wished.act()?,
        Wished::ResumeRoute(wished) => wished.act()?,
    })
}

fn call_word(task: &str, said: String) -> Result<Act, NoAct> {
    Ok(Act::CallWord {
        task: task_id(task)?,
        said: spoken(said)?,
    })
}

fn call_roll(task: &str, notification: &str, on_roll: bool) -> Result<Act, NoAct> {
    Ok(Act::CallRoll {
        task: task_id(task)?,
        notification: notification_id(notification)?,
        on_roll,
    })
}

fn call_undo(task: &str, reason: String) -> Result<Act, NoAct> {
    let (task, reason) = (task_id(task)?, reasoned(reason)?);
    Ok(Act::UndoCall { task, reason })
}

fn call_inbound(notification: &str) -> Result<Act, NoAct> {
    let notification = notification_id(notification)?;
    Ok(Act::CallInbound { notification })
}

fn attach(inbound: &str, notification: &str, verdict: &str) -> Result<Act, NoAct> {
    Ok(Act::Attach {
        inbound: inbound_id(inbound)?,
        notification: notification_id(notification)?,
        verdict: Verdict::parse(verdict).ok_or("this is no verdict")?,
    })
}

fn claim_alarm(alarm: &str) -> Result<Act, NoAct> {
    let alarm = AlarmId::parse(alarm).map_err(|_| "an alarm's id begins with alm_")?;
    Ok(Act::ClaimAlarm { alarm })
}

fn countersign(notification: &str) -> Result<Act, NoAct> {
    let notification = notification_id(notification)?;
    Ok(Act::Countersign { notification })
}

fn close(notification: &str, closed_as: &str, code: &str, note: String) -> Result<Act, NoAct> {
    Ok(Act::Close {
        notification: notification_id(notification)?,
        closed_as: Ending::parse(closed_as).ok_or("this is no ending")?,
        code: EndingReason::parse(code).ok_or("this is no reason for an ending")?,
        note: reasoned(note)?,
    })
}

fn task_done(task: &str, code: &str, note: Option<String>) -> Result<Act, NoAct> {
    Ok(Act::TaskDone {
        task: task_id(task)?,
        code: TaskReason::parse(code).ok_or("this is no reason for a task to be done")?,
        note: note.map(reasoned).transpose()?,
    })
}

fn call_outcome(
    task: &str,
    outcome: &str,
    notification: Option<String>,
    role: Option<String>,
) -> Result<Act, NoAct> {
    let outcome = CallOutcome::parse(outcome).ok_or("this is no outcome of a call")?;
    let role = role.map(|role| role_of(&role)).transpose()?;
    let notification = notification.map(|id| notification_id(&id)).transpose()?;
    Ok(Act::CallOutcome {
        task: task_id(task)?,
        outcome,
        notification,
        role: match (outcome, role) {
            (CallOutcome::Told, None) => return Err("say the role of whoever was told"),
            // Nobody was spoken to who could be told; the outcome records no role.
            (_, role) => role.unwrap_or(Role::KeyAdult),
        },
        // What was compared on the call counts; here nobody can say it for themselves.
        word: SchoolWord::Unverified,
    })
}

fn notification_id(text: &str) -> Result<NotificationId, NoAct> {
    NotificationId::parse(text).map_err(|_| "a notification's id begins with ntf_")
}

fn task_id(text: &str) -> Result<TaskId, NoAct> {
    TaskId::parse(text).map_err(|_: NotAnId| "a task's id begins with tsk_")
}

fn inbound_id(text: &str) -> Result<InboundId, NoAct> {
    InboundId::parse(text).map_err(|_| "a reply's id begins with inb_")
}

fn role_of(text: &str) -> Result<Role, NoAct> {
    Role::parse(text).ok_or("this is no role at a school")
}

fn tell(notification: &str, role: &str, said: Option<String>) -> Result<Act, NoAct> {
    let (notification, role) = (notification_id(notification)?, role_of(role)?);
    Ok(match said {
        Some(said) => Act::TellWithWord {
            notification,
            role,
            said: spoken(said)?,
        },
        None => Act::Tell {
            notification,
            role,
            word: SchoolWord::Unverified,
        },
    })
}

/// A school word is two words; none is echoed.
fn spoken(said: String) -> Result<String, NoAct> {
    let length = said.trim().chars().count();
    if (1..=WORD_CHARS_MAX).contains(&length) {
        Ok(said)
    } else {
        Err("a school word has 1 to 80 characters")
    }
}

pub(super) fn reasoned(reason: String) -> Result<String, NoAct> {
    let length = reason.trim().chars().count();
    if (1..=REASON_CHARS_MAX).contains(&length) {
        Ok(reason)
    } else {
        Err("a reason has 1 to 1,000 characters")
    }
}

/// Does it, in the operator's name.
pub(super) async fn perform(store: &Store, act: Act, operator: &str) -> Response {
    let asked = on_call::Asked::of(&act);
    answered(store, store.act(act, operator).await, asked).await
}

/// What became of an act, and what the notifications it was about are now.
pub(super) async fn performed(
    store: &Store,
    done: Result<Result<Vec<NotificationId>, NotActed>, NotStored>,
) -> Response {
    answered(store, done, None).await
}

async fn answered(
    store: &Store,
    done: Result<Result<Vec<NotificationId>, NotActed>, NotStored>,
    asked: Option<on_call::Asked>,
) -> Response {
    match done {
        Ok(Ok(about)) => {
            let mut notifications = Vec::new();
            for id in &about {
                notifications.push(state_of(store, *id).await);
            }
            let done = json!({ "notifications": notifications });
            match asked {
                None => Json(done).into_response(),
                Some(asked) => asked.answered(store, &about, done).await,
            }
        }
        Ok(Err(refused)) => refusal(refused),
        Err(fault) => Refused::new(fault).with(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// The act is done whether or not it can be read what came of it.
async fn state_of(store: &Store, id: NotificationId) -> Value {
    let now = store.clock().now();
    let trace = store.readers().show_trace(id, now).await.ok().flatten();
    json!({
        "notification": id.to_string(),
        "reference": trace.as_ref().map(|trace| trace.reference.clone()),
        "state": trace.as_ref().map(|trace| trace.state),
    })
}

pub(super) fn refusal(refused: NotActed) -> Response {
    let words = Refused::new(&refused);
    match refused {
        NotActed::NotThere(_) => words.with(StatusCode::NOT_FOUND),
        NotActed::NotNow(_) => words.with(StatusCode::UNPROCESSABLE_ENTITY),
        NotActed::Conflict { so: _, who, at } => Refused {
            who: Some(who),
            at: Some(at.to_string()),
            ..words
        }
        .with(StatusCode::CONFLICT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NTF: &str = "ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0";

    #[test]
    fn every_act_is_read() {
        for good in [
            json!({"act": "acknowledge", "notification": NTF, "reason": "Mrs A rang"}),
            json!({"act": "tell", "notification": NTF, "role": "deputy", "said": "amber otter"}),
            json!({"act": "call_word", "task": "tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0", "said": "amber otter"}),
            json!({"act": "call_roll", "task": "tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0", "notification": NTF, "on_roll": true}),
            json!({"act": "call_inbound", "notification": NTF}),
            json!({"act": "hold", "notification": NTF, "reason": "wrong child"}),
            json!({"act": "release", "notification": NTF, "reason": "right child"}),
            json!({"act": "route", "notification": NTF, "urn": "990011"}),
            json!({"act": "claim", "task": "tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0"}),
            json!({"act": "close", "notification": NTF, "closed_as": "not_told", "code": "not_reached", "note": "rang all day"}),
            json!({"act": "countersign", "notification": NTF}),
            json!({"act": "task_done", "task": "tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0", "code": "done", "note": null}),
            json!({"act": "call_outcome", "task": "tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0", "outcome": "no_answer"}),
            json!({"act": "call_outcome", "task": "tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0", "outcome": "told", "notification": NTF, "role": "hub"}),
            json!({"act": "call_undo", "task": "tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0", "reason": "the wrong key"}),
            json!({"act": "attach", "inbound": "inb_01JDA2V8W6E4R8T0Y2V4P6S8D0", "notification": NTF, "verdict": "received"}),
            json!({"act": "dismiss", "inbound": "inb_01JDA2V8W6E4R8T0Y2V4P6S8D0"}),
            json!({"act": "claim_alarm", "alarm": "alm_01JDA2V8W6E4R8T0Y2V4P6S8D0"}),
        ] {
            assert!(read(good.to_string().as_bytes()).is_ok(), "{good}");
        }
    }

    #[test]
    fn whatever_is_not_exactly_an_act_is_refused_and_not_echoed() {
        let long = "x".repeat(REASON_CHARS_MAX + 1);
        for bad in [
            json!({}),
            json!({"act": "drop", "notification": NTF}),
            json!({"act": "claim"}),
            json!({"act": "claim", "task": NTF}),
            json!({"act": "claim", "task": "tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0", "by": "Amelia"}),
            json!({"act": "hold", "notification": NTF, "reason": " "}),
            json!({"act": "hold", "notification": NTF, "reason": long}),
            json!({"act": "tell", "notification": NTF, "role": "Amelia"}),
            json!({"act": "tell", "notification": NTF, "role": "deputy", "word": "matches"}),
            json!({"act": "call_word", "task": "tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0", "said": " "}),
            json!({"act": "route", "notification": NTF, "urn": "12"}),
            json!({"act": "close", "notification": NTF, "closed_as": "Amelia", "code": "mash", "note": "x"}),
            json!({"act": "close", "notification": NTF, "closed_as": "done", "code": "mash", "note": ""}),
            json!({"act": "task_done", "task": "tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0", "code": "Amelia"}),
            json!({"act": "reveal", "task": "tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0"}),
            json!({"act": "call_outcome", "task": "tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0", "outcome": "told"}),
            json!({"act": "call_outcome", "task": "tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0", "outcome": "spoke"}),
            json!({"act": "attach", "inbound": NTF, "notification": NTF, "verdict": "received"}),
        ] {
            let refused = read(bad.to_string().as_bytes());
            let words = refused.expect_err("refused");
            assert!(!words.contains("Amelia"), "{bad}");
        }
    }
}
