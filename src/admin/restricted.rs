//! Restricted cases: a police employee or another sensitive party is involved, and only supervisors see
//! and act (`interfaces.md`, the referral). The letter itself goes, once one of them releases it.

use super::reads::Question;
use crate::referral::id::{InboundId, NotificationId, ReferralId, RefusedPostId, TaskId};
use crate::referral::plan::RouteReason;
use crate::referral::reference::Reference;
use crate::store::{Act, NotStored, OpenCall, Store};
use serde_json::Value;

/// Why somebody else is refused.
pub(super) const SUPERVISORS_ONLY: &str = "this case is restricted: a supervisor's alone";

/// Whether a call is about any.
pub(super) fn is_call(call: &OpenCall) -> bool {
    let mut members = call.members.iter();
    call.restricted || members.any(|member| member.case.restricted())
}

/// What an act or a question is about.
enum About {
    Notification(NotificationId),
    Referral(ReferralId),
    Task(TaskId),
    Reply(InboundId),
    RefusedPost(RefusedPostId),
}

/// Whether an act is about one.
pub(super) async fn by_act(store: &Store, act: &Act) -> Result<bool, NotStored> {
    for about in about(act) {
        if look(store, about).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a question shows one.
pub(super) async fn by_question(store: &Store, question: &Question) -> Result<bool, NotStored> {
    match asked(store, question).await? {
        Some(about) => look(store, about).await,
        None => Ok(false),
    }
}

/// What a question is about, if it is about one case. Lists say that cases wait and name no child.
async fn asked(store: &Store, question: &Question) -> Result<Option<About>, NotStored> {
    Ok(match question {
        Question::Notification { id } | Question::Trace { id } => {
            match (NotificationId::parse(id), Reference::parse(id)) {
                (Ok(id), _) => Some(About::Notification(id)),
                (Err(_), Ok(reference)) => {
                    let found = store.readers().find_reference(&reference).await?;
                    found.map(|found| About::Notification(found.notification))
                }
                (Err(_), Err(_)) => None,
            }
        }
        Question::Referral { id } => ReferralId::parse(id).ok().map(About::Referral),
        Question::Reply { id, .. } => InboundId::parse(id).ok().map(About::Reply),
        Question::RefusedPost { id, reveal: true } => {
            RefusedPostId::parse(id).ok().map(About::RefusedPost)
        }
        Question::RefusedPost { reveal: false, .. }
        | Question::Referrals { .. }
        | Question::Queue
        | Question::Deadline { .. }
        | Question::RefusedPosts { .. }
        | Question::CallNext { .. }
        | Question::CallForecast { .. }
        | Question::CallFind { .. }
        | Question::Morning
        | Question::Replies { .. }
        | Question::Tasks { .. }
        | Question::Routes
        | Question::Alarms { .. }
        | Question::Alarm { .. }
        | Question::Schools { .. } => None,
    })
}

async fn look(store: &Store, about: About) -> Result<bool, NotStored> {
    let (readers, now) = (store.readers(), store.clock().now());
    Ok(match about {
        About::Notification(id) => is_restricted(store, id).await?,
        About::Referral(id) => {
            let view = readers.show_referral(id, now).await?;
            let word = RouteReason::SensitiveParty.word();
            let mut notifications = view.into_iter().flat_map(|view| view.notifications);
            notifications.any(|one| one.reasons.iter().any(|reason| reason == word))
        }
        About::Task(task) => readers.find_restricted(task).await?,
        About::Reply(id) => {
            for notification in readers.list_answered(id).await? {
                if is_restricted(store, notification).await? {
                    return Ok(true);
                }
            }
            false
        }
        About::RefusedPost(id) => {
            let body = readers.reveal_refused(id, now).await?;
            body.is_some_and(|body| says_restricted(&body))
        }
    })
}

async fn is_restricted(store: &Store, id: NotificationId) -> Result<bool, NotStored> {
    let trace = store.readers().show_trace(id, store.clock().now()).await?;
    Ok(trace.is_some_and(|trace| trace.case.restricted()))
}

/// Whether what was posted and refused asks to be restricted. What cannot be read may have asked for it.
fn says_restricted(body: &[u8]) -> bool {
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(members)) => match members.get("restricted") {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(
                Value::Bool(true)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_)
                | Value::Object(_),
            ) => true,
        },
        Ok(_) | Err(_) => true,
    }
}

fn about(act: &Act) -> Vec<About> {
    match act {
        Act::Acknowledge { notification, .. }
        | Act::Tell { notification, .. }
        | Act::TellWithWord { notification, .. }
        | Act::Hold { notification, .. }
        | Act::Release { notification, .. }
        | Act::Route { notification, .. }
        | Act::Close { notification, .. }
        | Act::Countersign { notification }
        | Act::CallInbound { notification } => vec![About::Notification(*notification)],
        Act::Attach {
            inbound,
            notification,
            ..
        } => vec![About::Notification(*notification), About::Reply(*inbound)],
        Act::Dismiss { inbound } => vec![About::Reply(*inbound)],
        Act::TaskDone { task, .. }
        | Act::Reveal { task }
        | Act::Claim { task }
        | Act::CallWord { task, .. }
        | Act::CallRoll { task, .. }
        | Act::CallOutcome { task, .. }
        | Act::UndoCall { task, .. } => vec![About::Task(*task)],
        Act::SuspendRoute { .. } | Act::ResumeRoute { .. } | Act::ClaimAlarm { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_post_is_restricted_when_it_says_so_and_when_it_may_have_said_so() {
        for (body, restricted) in [
            (r#"{"restricted": true}"#, true),
            (r#"{"restricted": "yes"}"#, true),
            (r#"{"restricted": true"#, true),
            (r#"[{"restricted": true}]"#, true),
            (
                r#"{"restricted": false, "narrative": "a restricted road"}"#,
                false,
            ),
            (r#"{"restricted": null}"#, false),
            (r#"{"children": []}"#, false),
            ("no document", true),
            ("{\0", true),
        ] {
            assert_eq!(says_restricted(body.as_bytes()), restricted, "{body}");
        }
    }
}
