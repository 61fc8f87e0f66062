//! What operators do: each act is an observation through `apply`, in id order where it is about
//! several notifications. An act that comes too late is refused with what is so already, by whom and
//! since when.

mod again;
mod calls;
mod endings;
mod first;
mod notifications;
mod on_call;
mod replies;
mod routes;
mod tasks;
mod undone;
mod views;

pub(super) use calls::claims_since;
pub(super) use first::actor as operator_actor;
pub use views::{CallCounts, CallMember, EarlierCall, OpenCall};

use super::alarms;
use super::tx::{Fault, Tx};
use crate::referral::answer::{CallOutcome, SchoolWord, Verdict};
use crate::referral::ending::{Ending, EndingReason, TaskReason};
use crate::referral::id::{AlarmId, InboundId, NotificationId, TaskId};
use crate::referral::london;
use crate::referral::route::SuspendReason;
use crate::referral::school::{Role, RouteName, Urn};
use jiff::Timestamp;

/// Something an operator does.
#[derive(Clone, PartialEq, Eq)]
pub enum Act {
    /// Records that a person at the school has it, or settles a contradiction so.
    Acknowledge {
        /// About which.
        notification: NotificationId,
        /// How they know, in words; sealed.
        reason: String,
    },
    /// Records that a person at the school was told by voice.
    Tell {
        /// About which.
        notification: NotificationId,
        /// The role they gave.
        role: Role,
        /// Their school word.
        word: SchoolWord,
    },
    /// The same, where the school spoke its word.
    TellWithWord {
        /// About which.
        notification: NotificationId,
        /// The role they gave.
        role: Role,
        /// The word as it was spoken; compared, and kept nowhere.
        said: String,
    },
    /// Holds it back: mails nobody until it is released.
    Hold {
        /// Which.
        notification: NotificationId,
        /// Why, in words; sealed.
        reason: String,
    },
    /// Releases a hold: the letter is sent.
    Release {
        /// Which.
        notification: NotificationId,
        /// Why, in words; sealed.
        reason: String,
    },
    /// Chooses the school.
    Route {
        /// Of which.
        notification: NotificationId,
        /// Which school.
        urn: Urn,
    },
    /// Chooses how it ends. One that was not told stays live until a second operator agrees.
    Close {
        /// Which.
        notification: NotificationId,
        /// How.
        closed_as: Ending,
        /// Why.
        code: EndingReason,
        /// What is to be said about it; sealed.
        note: String,
    },
    /// Agrees to how another operator chose that it ends.
    Countersign {
        /// Which.
        notification: NotificationId,
    },
    /// Calls a task done that no other act ends.
    TaskDone {
        /// Which.
        task: TaskId,
        /// Why.
        code: TaskReason,
        /// What is to be said about it; sealed.
        note: Option<String>,
    },
    /// Is shown whom a call that they have taken on is about: the names and birth dates.
    Reveal {
        /// Which call.
        task: TaskId,
    },
    /// Takes a task on.
    Claim {
        /// Which.
        task: TaskId,
    },
    /// Types what the school said as its word.
    CallWord {
        /// On which call.
        task: TaskId,
        /// As it was spoken; compared, and kept nowhere.
        said: String,
    },
    /// Says whether a child is on the school's roll.
    CallRoll {
        /// On which call.
        task: TaskId,
        /// Which child's.
        notification: NotificationId,
        /// The answer.
        on_roll: bool,
    },
    /// Takes the call of a school on that rings itself.
    CallInbound {
        /// About which.
        notification: NotificationId,
    },
    /// Says what came of a call, about all its children or one of them.
    CallOutcome {
        /// Which call.
        task: TaskId,
        /// What came of it.
        outcome: CallOutcome,
        /// About this one only.
        notification: Option<NotificationId>,
        /// The role of whom was spoken to.
        role: Role,
        /// Their school word.
        word: SchoolWord,
    },
    /// Takes back that a place is closed today, or that a number is wrong.
    UndoCall {
        /// On which call that was said.
        task: TaskId,
        /// Why, in words; sealed.
        reason: String,
    },
    /// Says what a reply means, and of which notification when it names none.
    Attach {
        /// The mail.
        inbound: InboundId,
        /// Which notification it answers.
        notification: NotificationId,
        /// What it says.
        verdict: Verdict,
    },
    /// Says that a reply asks for nothing.
    Dismiss {
        /// The mail.
        inbound: InboundId,
    },
    /// Claims nothing more for a route. What is on its way goes on.
    SuspendRoute {
        /// Which.
        route: RouteName,
        /// Why.
        reason: SuspendReason,
        /// From then on; none: at once.
        from: Option<Timestamp>,
        /// Until then; none: until somebody resumes it.
        until: Option<Timestamp>,
        /// In words; sealed.
        note: Option<String>,
    },
    /// Claims for a route again.
    ResumeRoute {
        /// Which.
        route: RouteName,
        /// Why.
        reason: SuspendReason,
        /// Also forgets the suspensions that were to come.
        planned: bool,
    },
    /// Takes an alarm on.
    ClaimAlarm {
        /// Which.
        alarm: AlarmId,
    },
}

impl std::fmt::Debug for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Act(..)")
    }
}

/// Why an act was not done. Shown to the operator as it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotActed {
    /// There is no such thing.
    #[error("there is no {0} of this id")]
    NotThere(&'static str),
    /// Somebody was first.
    #[error("{so}: by {who}, {}", shown(.at))]
    Conflict {
        /// What is so already.
        so: &'static str,
        /// Who.
        who: String,
        /// When.
        at: Timestamp,
    },
    /// It makes no sense as things stand.
    #[error("{0}")]
    NotNow(&'static str),
}

/// On the wall in London: whoever reads it stands there.
fn shown(at: &Timestamp) -> String {
    london::shown(*at)
}

type Acted = Result<Vec<NotificationId>, NotActed>;

#[cfg(test)]
pub(super) use again::STATEMENTS as AGAIN;
#[cfg(test)]
pub(super) use calls::STATEMENTS as CALLS;
#[cfg(test)]
pub(super) use first::STATEMENTS as FIRST;
#[cfg(test)]
pub(super) use notifications::STATEMENTS;
#[cfg(test)]
pub(super) use on_call::STATEMENTS as ON_CALL;
#[cfg(test)]
pub(super) use replies::STATEMENTS as REPLIES;
#[cfg(test)]
pub(super) use tasks::STATEMENTS as TASKS;
#[cfg(test)]
pub(super) use undone::STATEMENTS as UNDONE;
#[cfg(test)]
pub(super) use views::STATEMENTS as VIEWS;

/// Does what an operator asks, or says why not. A refusal is decided before the first write.
pub(super) async fn act(tx: &mut Tx<'_>, act: &Act, operator: &str) -> Result<Acted, Fault> {
    let actor = first::actor(operator);
    match act {
        Act::Acknowledge {
            notification,
            reason,
        } => notifications::acknowledge(tx, *notification, reason, &actor).await,
        Act::Tell {
            notification,
            role,
            word,
        } => notifications::tell(tx, *notification, (*role, *word), &actor).await,
        Act::TellWithWord {
            notification,
            role,
            said,
        } => notifications::tell_with_word(tx, *notification, (*role, said), &actor).await,
        Act::Hold {
            notification,
            reason,
        } => notifications::hold(tx, *notification, reason, &actor).await,
        Act::Release {
            notification,
            reason,
        } => notifications::release(tx, *notification, reason, &actor).await,
        Act::Route { notification, urn } => {
            notifications::route(tx, *notification, *urn, &actor).await
        }
        Act::Close {
            notification,
            closed_as,
            code,
            note,
        } => endings::close(tx, *notification, (*closed_as, *code), note, &actor).await,
        Act::Countersign { notification } => {
            endings::countersign(tx, *notification, operator, &actor).await
        }
        Act::TaskDone { task, code, note } => {
            tasks::done(tx, *task, *code, note.as_deref(), operator).await
        }
        Act::Reveal { task } => tasks::reveal(tx, *task, operator, &actor).await,
        Act::Claim { task } => calls::claim(tx, *task, operator, &actor).await,
        Act::CallWord { task, said } => on_call::word(tx, *task, said, operator).await,
        Act::CallRoll {
            task,
            notification,
            on_roll,
        } => on_call::roll(tx, (*task, *notification), *on_roll, operator).await,
        Act::CallInbound { notification } => on_call::inbound(tx, *notification, operator).await,
        Act::CallOutcome { .. } => call_outcome(tx, act, operator, &actor).await,
        Act::UndoCall { task, reason } => undone::undo(tx, *task, reason, &actor).await,
        Act::Attach {
            inbound,
            notification,
            verdict,
        } => replies::attach(tx, *inbound, *notification, *verdict, operator).await,
        Act::Dismiss { inbound } => replies::dismiss(tx, *inbound, operator).await,
        Act::SuspendRoute { .. } => suspend_route(tx, act, operator).await,
        Act::ResumeRoute {
            route,
            reason,
            planned,
        } => routes::resume(tx, route, *reason, *planned, operator).await,
        Act::ClaimAlarm { alarm } => alarms::claim(tx, *alarm, operator, &actor).await,
    }
}

async fn call_outcome(
    tx: &mut Tx<'_>,
    act: &Act,
    operator: &str,
    actor: &str,
) -> Result<Acted, Fault> {
    let Act::CallOutcome {
        task,
        outcome,
        notification,
        role,
        word,
    } = act
    else {
        return Err(Fault::Damaged("an act that is no call's outcome"));
    };
    let call = calls::Call {
        task: *task,
        outcome: *outcome,
        only: *notification,
        role: *role,
        word: *word,
    };
    calls::call_outcome(tx, &call, operator, actor).await
}

async fn suspend_route(tx: &mut Tx<'_>, act: &Act, operator: &str) -> Result<Acted, Fault> {
    let Act::SuspendRoute {
        route,
        reason,
        from,
        until,
        note,
    } = act
    else {
        return Err(Fault::Damaged("an act that suspends no route"));
    };
    let wished = routes::Suspension {
        route,
        reason: *reason,
        from: *from,
        until: *until,
        note: note.as_deref(),
    };
    routes::suspend(tx, &wished, operator).await
}
