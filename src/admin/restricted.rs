//! Restricted cases: a police employee or another sensitive party is involved, and only supervisors see
//! and act (`interfaces.md`, the referral). The letter itself goes, once one of them releases it.

use super::reads::Question;
use crate::referral::fold::Case;
use crate::referral::id::{NotificationId, TaskId};
use crate::referral::plan::RouteReason;
use crate::referral::reference::Reference;
use crate::store::{Act, NotStored, OpenCall, Readers, Store};

/// Why somebody else is refused.
pub(super) const SUPERVISORS_ONLY: &str = "this case is restricted: a supervisor's alone";

/// Whether a case is.
pub(super) fn is_restricted(case: &Case) -> bool {
    case.reasons.contains(&RouteReason::SensitiveParty)
}

/// Whether a call is about any.
pub(super) fn is_call(call: &OpenCall) -> bool {
    call.members
        .iter()
        .any(|member| is_restricted(&member.case))
}

/// What an act or a question is about.
enum About {
    Notification(NotificationId),
    Task(TaskId),
    Neither,
}

/// Whether an act is about one.
pub(super) async fn by_act(store: &Store, act: &Act) -> Result<bool, NotStored> {
    look(store, about(act)).await
}

/// Whether a question shows one.
pub(super) async fn by_question(store: &Store, question: &Question) -> Result<bool, NotStored> {
    let (Question::Notification { id } | Question::Trace { id }) = question else {
        return Ok(false);
    };
    let known = match (NotificationId::parse(id), Reference::parse(id)) {
        (Ok(id), _) => Some(id),
        (Err(_), Ok(reference)) => {
            let found = store.readers().find_reference(&reference).await?;
            found.map(|found| found.notification)
        }
        (Err(_), Err(_)) => None,
    };
    look(store, known.map_or(About::Neither, About::Notification)).await
}

async fn look(store: &Store, about: About) -> Result<bool, NotStored> {
    let (readers, now): (&Readers, _) = (store.readers(), store.clock().now());
    Ok(match about {
        About::Notification(id) => {
            let trace = readers.show_trace(id, now).await?;
            trace.is_some_and(|trace| is_restricted(&trace.case))
        }
        About::Task(task) => {
            let members = readers.list_members(task).await?;
            members.iter().any(|member| is_restricted(&member.case))
        }
        About::Neither => false,
    })
}

fn about(act: &Act) -> About {
    match act {
        Act::Acknowledge { notification, .. }
        | Act::Tell { notification, .. }
        | Act::TellWithWord { notification, .. }
        | Act::Hold { notification, .. }
        | Act::Release { notification, .. }
        | Act::Route { notification, .. }
        | Act::Close { notification, .. }
        | Act::Countersign { notification }
        | Act::CallInbound { notification }
        | Act::Attach { notification, .. } => About::Notification(*notification),
        Act::TaskDone { task, .. }
        | Act::Reveal { task }
        | Act::Claim { task }
        | Act::CallWord { task, .. }
        | Act::CallRoll { task, .. }
        | Act::CallOutcome { task, .. } => About::Task(*task),
        Act::Dismiss { .. }
        | Act::SuspendRoute { .. }
        | Act::ResumeRoute { .. }
        | Act::ClaimAlarm { .. } => About::Neither,
    }
}
