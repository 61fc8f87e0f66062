//! What operators do: each act is an observation through `apply`, in id order where it is about
//! several notifications. An act that comes too late is refused with who was first and when.

mod calls;
mod replies;

use super::cases::{Observed, apply, case_of};
use super::tx::{Fault, Tx};
use crate::referral::answer::{CallOutcome, SchoolWord, Verdict};
use crate::referral::decide::Observation;
use crate::referral::fact::{Fact, ReleasedBy};
use crate::referral::fold::Case;
use crate::referral::id::{InboundId, ItemId, NotificationId, TaskId};
use crate::referral::plan::{HoldReason, WillHappen};
use crate::referral::school::{Role, Urn};
use crate::referral::state::Duty;
use jiff::Timestamp;
use sqlx::Row;

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
    /// Takes a task on.
    Claim {
        /// Which.
        task: TaskId,
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
    #[error("{who} did this first, at {at}")]
    Conflict {
        /// Who.
        who: String,
        /// When.
        at: Timestamp,
    },
    /// It makes no sense as things stand.
    #[error("{0}")]
    NotNow(&'static str),
}

type Acted = Result<Vec<NotificationId>, NotActed>;

const EXISTS: &str = "SELECT child FROM notification WHERE id = $1";
const CHILD_KEY: &str =
    "SELECT c.content_key FROM notification n JOIN child c ON c.id = n.child WHERE n.id = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[EXISTS, CHILD_KEY];
#[cfg(test)]
pub(super) use calls::STATEMENTS as CALLS;
#[cfg(test)]
pub(super) use replies::STATEMENTS as REPLIES;

/// Does what an operator asks, or says why not. A refusal is decided before the first write.
pub(super) async fn act(tx: &mut Tx<'_>, act: &Act, operator: &str) -> Result<Acted, Fault> {
    let actor = format!("operator:{operator}");
    match act {
        Act::Acknowledge {
            notification,
            reason,
        } => acknowledge(tx, *notification, reason, &actor).await,
        Act::Tell {
            notification,
            role,
            word,
        } => {
            let Some(case) = found(tx, *notification).await? else {
                return Ok(Err(NotActed::NotThere("notification")));
            };
            if ended(&case) {
                return Ok(Err(NotActed::NotNow("it has ended already")));
            }
            tell(tx, *notification, None, *role, *word, &actor).await?;
            Ok(Ok(vec![*notification]))
        }
        Act::Hold {
            notification,
            reason,
        } => hold(tx, *notification, reason, &actor).await,
        Act::Release {
            notification,
            reason,
        } => release(tx, *notification, reason, &actor).await,
        Act::Route { notification, urn } => route(tx, *notification, *urn, &actor).await,
        Act::Claim { task } => calls::claim(tx, *task, operator, &actor).await,
        Act::CallOutcome {
            task,
            outcome,
            notification,
            role,
            word,
        } => {
            let call = calls::Call {
                task: *task,
                outcome: *outcome,
                only: *notification,
                role: *role,
                word: *word,
            };
            calls::call_outcome(tx, &call, operator, &actor).await
        }
        Act::Attach {
            inbound,
            notification,
            verdict,
        } => replies::attach(tx, *inbound, *notification, *verdict, &actor).await,
        Act::Dismiss { inbound } => replies::dismiss(tx, *inbound, &actor).await,
    }
}

/// A notification that is there.
async fn found(tx: &mut Tx<'_>, id: NotificationId) -> Result<Option<Case>, Fault> {
    let row = sqlx::query(EXISTS)
        .bind(id.to_string())
        .fetch_optional(&mut *tx.connection)
        .await?;
    match row {
        Some(_) => case_of(tx, id).await.map(Some),
        None => Ok(None),
    }
}

fn ended(case: &Case) -> bool {
    match case.duty() {
        Duty::Closed | Duty::Told | Duty::Refused => true,
        Duty::Open | Duty::Acknowledged | Duty::Contradicted => false,
    }
}

/// What an operator typed is sealed as an item of the notification's child.
async fn sealed_reason(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    reason: &str,
) -> Result<Option<ItemId>, Fault> {
    if reason.is_empty() {
        return Ok(None);
    }
    let id = notification.to_string();
    let row = sqlx::query(CHILD_KEY)
        .bind(&id)
        .fetch_one(&mut *tx.connection)
        .await?;
    let key = tx.content_key(row.try_get(0)?).await?;
    let (item, _) = tx.new_item(&key, "reason", &id, reason.as_bytes()).await?;
    Ok(Some(item))
}

async fn acknowledge(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    reason: &str,
    actor: &str,
) -> Result<Acted, Fault> {
    let Some(case) = found(tx, notification).await? else {
        return Ok(Err(NotActed::NotThere("notification")));
    };
    if !case.live() {
        return Ok(Err(NotActed::NotNow("it has ended already")));
    }
    let reason = sealed_reason(tx, notification, reason).await?;
    let beliefs = case.people.beliefs.keys().next_back().copied().unwrap_or(0);
    let open = case
        .people
        .contradictions
        .iter()
        .filter(|(_, s)| s.is_none());
    let fact = match open.map(|(n, _)| *n).next_back() {
        Some(contradiction) => Fact::ContradictionSettled {
            contradiction,
            verdict: Verdict::Received,
            beliefs,
            reason,
        },
        None => Fact::AnswerBelieved {
            belief: beliefs + 1,
            inbound: None,
            verdict: Verdict::Received,
            reason,
        },
    };
    let observed = Observed::by(actor, fact);
    apply(tx, notification, observed, Some(Observation::Recorded)).await?;
    Ok(Ok(vec![notification]))
}

async fn tell(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    task: Option<TaskId>,
    role: Role,
    word: SchoolWord,
    actor: &str,
) -> Result<(), Fault> {
    // Told by voice, whatever was said before no longer stands against it.
    let case = case_of(tx, notification).await?;
    let beliefs = case.people.beliefs.keys().next_back().copied().unwrap_or(0);
    let open = case.people.contradictions.iter();
    for (contradiction, _) in open.filter(|(_, settled)| settled.is_none()) {
        let fact = Fact::ContradictionSettled {
            contradiction: *contradiction,
            verdict: Verdict::None,
            beliefs,
            reason: None,
        };
        apply(tx, notification, Observed::by(actor, fact), None).await?;
    }
    let fact = Fact::Told { task, role, word };
    let observed = Observed::by(actor, fact);
    apply(tx, notification, observed, Some(Observation::Told)).await?;
    Ok(())
}

async fn hold(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    reason: &str,
    actor: &str,
) -> Result<Acted, Fault> {
    let Some(case) = found(tx, notification).await? else {
        return Ok(Err(NotActed::NotThere("notification")));
    };
    if !case.live() || case.hold.is_some() {
        return Ok(Err(NotActed::NotNow("it has ended, or is held already")));
    }
    sealed_reason(tx, notification, reason).await?;
    let fact = Fact::Held {
        hold: case.holds + 1,
        reason: HoldReason::ByOperator,
        will_happen: WillHappen::Climb,
        will_happen_at: case.last_safe_mail(),
    };
    apply(tx, notification, Observed::by(actor, fact), None).await?;
    Ok(Ok(vec![notification]))
}

async fn release(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    reason: &str,
    actor: &str,
) -> Result<Acted, Fault> {
    let Some(case) = found(tx, notification).await? else {
        return Ok(Err(NotActed::NotThere("notification")));
    };
    let Some(hold) = case.hold.filter(|_| case.live()) else {
        return Ok(Err(NotActed::NotNow("it is not held")));
    };
    if case.contacts.is_empty() {
        let words = "nobody could be sent the letter: choose the school, or ring it";
        return Ok(Err(NotActed::NotNow(words)));
    }
    if hold.reason == HoldReason::Conflict {
        let words = "an adult involved has a part in this school: it is told by voice";
        return Ok(Err(NotActed::NotNow(words)));
    }
    let reason = sealed_reason(tx, notification, reason).await?;
    let fact = Fact::Released {
        hold: case.holds,
        by: ReleasedBy::Person,
        reason,
    };
    let observed = Observed::by(actor, fact);
    apply(tx, notification, observed, Some(Observation::Released)).await?;
    Ok(Ok(vec![notification]))
}

async fn route(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    urn: Urn,
    actor: &str,
) -> Result<Acted, Fault> {
    let Some(case) = found(tx, notification).await? else {
        return Ok(Err(NotActed::NotThere("notification")));
    };
    if !case.live() {
        return Ok(Err(NotActed::NotNow("it has ended already")));
    }
    if !tx.state.directory.schools.contains_key(&urn) {
        return Ok(Err(NotActed::NotThere("school")));
    }
    let observed = Observed {
        actor: Some(actor.to_owned()),
        ..Observed::default()
    };
    let observation = Observation::RouteChosen { urn };
    let case = apply(tx, notification, observed, Some(observation)).await?;
    let ended = [notification].into_iter().chain(case.rerouted_to);
    Ok(Ok(ended.collect()))
}
