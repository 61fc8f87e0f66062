//! What operators do: each act is an observation through `apply`, in id order where it is about
//! several notifications. An act that comes too late is refused with who was first and when.

use super::cases::{Observed, apply, case_of};
use super::tx::{Fault, Tx};
use crate::referral::answer::{CallOutcome, SchoolWord, Strength, Verdict};
use crate::referral::decide::Observation;
use crate::referral::fact::{Fact, ReleasedBy, Settlement, TaskKind};
use crate::referral::fold::Case;
use crate::referral::id::{InboundId, ItemId, NotificationId, TaskId};
use crate::referral::plan::{HoldReason, WillHappen};
use crate::referral::school::{Role, Urn};
use crate::referral::state::Duty;
use jiff::{SignedDuration, Timestamp};
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
const TASK: &str = "SELECT kind, subject, force, claimed_by, claimed_at, settled_by, settled_at FROM task WHERE id = $1";
const MEMBERS: &str = "SELECT notification FROM task_member WHERE task = $1 ORDER BY notification";
const CLAIM: &str = "UPDATE task SET claimed_by = $2, claimed_at = $3 WHERE id = $1";
const SETTLE: &str = "UPDATE task SET settled_at = $2, settled_by = $3, settlement = $4 WHERE id = $1 AND settled_at IS NULL";
const COMES_BACK: &str = "INSERT INTO task(id, kind, notification, subject, force, opened_at, wanted_by) SELECT $2, kind, notification, subject, force, $3, $4 FROM task WHERE id = $1";
const MEMBERS_MOVE: &str = "UPDATE task_member SET task = $2 WHERE task = $1";
const INBOUND: &str = "SELECT kind, notification, letter, contact, received_at, read_by, read_at, settled_at FROM inbound WHERE id = $1";
const READ: &str =
    "UPDATE inbound SET read_by = $2, read_at = $3, read_as = $4, notification = $5 WHERE id = $1";
const READ_TASK_DONE: &str = "UPDATE task SET settled_at = $2, settled_by = $3, settlement = 'done' WHERE subject = $1 AND settled_at IS NULL";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    EXISTS,
    CHILD_KEY,
    TASK,
    MEMBERS,
    CLAIM,
    SETTLE,
    COMES_BACK,
    MEMBERS_MOVE,
    INBOUND,
    READ,
    READ_TASK_DONE,
];

/// A call that nobody picked up comes back by itself after this.
const RING_AGAIN: SignedDuration = SignedDuration::from_mins(10);

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
        Act::Claim { task } => claim(tx, *task, operator, &actor).await,
        Act::CallOutcome {
            task,
            outcome,
            notification,
            role,
            word,
        } => {
            let call = Call {
                task: *task,
                outcome: *outcome,
                only: *notification,
                role: *role,
                word: *word,
            };
            call_outcome(tx, &call, operator, &actor).await
        }
        Act::Attach {
            inbound,
            notification,
            verdict,
        } => attach(tx, *inbound, *notification, *verdict, &actor).await,
        Act::Dismiss { inbound } => dismiss(tx, *inbound, &actor).await,
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

/// An open task and the notifications it is about, or why it cannot be worked on.
async fn open_task(
    tx: &mut Tx<'_>,
    task: TaskId,
) -> Result<Result<(sqlx::sqlite::SqliteRow, Vec<NotificationId>), NotActed>, Fault> {
    let row = sqlx::query(TASK)
        .bind(task.to_string())
        .fetch_optional(&mut *tx.connection)
        .await?;
    let Some(row) = row else {
        return Ok(Err(NotActed::NotThere("task")));
    };
    let settled_at: Option<i64> = row.try_get("settled_at")?;
    if let Some(at) = settled_at {
        let who: Option<String> = row.try_get("settled_by")?;
        return Ok(Err(NotActed::Conflict {
            who: who.unwrap_or_default(),
            at: super::views::instant(at),
        }));
    }
    let members = sqlx::query(MEMBERS)
        .bind(task.to_string())
        .fetch_all(&mut *tx.connection)
        .await?;
    let members = members
        .iter()
        .map(|row| {
            let id: String = row.try_get(0)?;
            NotificationId::parse(&id).map_err(|_| Fault::Damaged("a notification's id"))
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    Ok(Ok((row, members)))
}

async fn claim(tx: &mut Tx<'_>, task: TaskId, operator: &str, actor: &str) -> Result<Acted, Fault> {
    let (row, members) = match open_task(tx, task).await? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    let who: Option<String> = row.try_get("claimed_by")?;
    if let Some(who) = who {
        if who == operator {
            return Ok(Ok(members));
        }
        let at: Option<i64> = row.try_get("claimed_at")?;
        let at = super::views::instant(at.unwrap_or(0));
        return Ok(Err(NotActed::Conflict { who, at }));
    }
    sqlx::query(CLAIM)
        .bind(task.to_string())
        .bind(operator)
        .bind(tx.now.as_microsecond())
        .execute(&mut *tx.connection)
        .await?;
    for member in &members {
        let fact = Fact::TaskClaimed { task };
        apply(tx, *member, Observed::by(actor, fact), None).await?;
    }
    Ok(Ok(members))
}

struct Call {
    task: TaskId,
    outcome: CallOutcome,
    only: Option<NotificationId>,
    role: Role,
    word: SchoolWord,
}

async fn call_outcome(
    tx: &mut Tx<'_>,
    call: &Call,
    operator: &str,
    actor: &str,
) -> Result<Acted, Fault> {
    let (row, members) = match open_task(tx, call.task).await? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    let kind: String = row.try_get("kind")?;
    if TaskKind::parse(&kind) != Some(TaskKind::RingSchool) {
        return Ok(Err(NotActed::NotNow("this task is no call")));
    }
    let about: Vec<NotificationId> = members
        .iter()
        .copied()
        .filter(|member| call.only.is_none_or(|only| only == *member))
        .collect();
    if about.is_empty() {
        return Ok(Err(NotActed::NotThere("notification in this call")));
    }
    match call.outcome {
        CallOutcome::Told => {
            for member in &about {
                tell(tx, *member, Some(call.task), call.role, call.word, actor).await?;
            }
        }
        CallOutcome::NotOnRoll => {
            if about.len() > 1 {
                return Ok(Err(NotActed::NotNow("say which child is not on the roll")));
            }
            for member in &about {
                not_on_roll(tx, *member, actor).await?;
            }
        }
        CallOutcome::NoAnswer
        | CallOutcome::Engaged
        | CallOutcome::Voicemail
        | CallOutcome::RingBack
        | CallOutcome::Closed
        | CallOutcome::WrongNumber
        | CallOutcome::WillNotTalk => comes_back(tx, call, &members, operator, actor).await?,
    }
    Ok(Ok(about))
}

/// Said by voice that the child is not theirs: as NOT OURS by mail.
async fn not_on_roll(tx: &mut Tx<'_>, member: NotificationId, actor: &str) -> Result<(), Fault> {
    let case = case_of(tx, member).await?;
    let fact = Fact::AnswerBelieved {
        belief: case.people.beliefs.keys().next_back().map_or(1, |n| n + 1),
        inbound: None,
        verdict: Verdict::NotOurs,
        reason: None,
    };
    let observed = Observed::by(actor, fact);
    apply(tx, member, observed, Some(Observation::NotOnRoll)).await?;
    Ok(())
}

/// Nobody was told: the call is closed as what it was and stands again ten minutes later.
async fn comes_back(
    tx: &mut Tx<'_>,
    call: &Call,
    members: &[NotificationId],
    operator: &str,
    actor: &str,
) -> Result<(), Fault> {
    let again = tx.new_id(TaskId::from_parts)?;
    let wanted_by = tx.now.checked_add(RING_AGAIN).unwrap_or(tx.now);
    sqlx::query(SETTLE)
        .bind(call.task.to_string())
        .bind(tx.now.as_microsecond())
        .bind(operator)
        .bind(call.outcome.word())
        .execute(&mut *tx.connection)
        .await?;
    sqlx::query(COMES_BACK)
        .bind(call.task.to_string())
        .bind(again.to_string())
        .bind(tx.now.as_microsecond())
        .bind(wanted_by.as_microsecond())
        .execute(&mut *tx.connection)
        .await?;
    sqlx::query(MEMBERS_MOVE)
        .bind(call.task.to_string())
        .bind(again.to_string())
        .execute(&mut *tx.connection)
        .await?;
    for member in members {
        let settled = Fact::TaskSettled {
            task: call.task,
            settlement: Settlement::Done,
            outcome: Some(call.outcome),
        };
        apply(tx, *member, Observed::by(actor, settled), None).await?;
        let opened = Fact::TaskOpened {
            task: again,
            task_kind: TaskKind::RingSchool,
            wanted_by,
        };
        apply(tx, *member, Observed::plain(opened), None).await?;
    }
    Ok(())
}

async fn attach(
    tx: &mut Tx<'_>,
    inbound: InboundId,
    notification: NotificationId,
    verdict: Verdict,
    actor: &str,
) -> Result<Acted, Fault> {
    let Some(case) = found(tx, notification).await? else {
        return Ok(Err(NotActed::NotThere("notification")));
    };
    let row = match unread(tx, inbound).await? {
        Ok(row) => row,
        Err(refused) => return Ok(Err(refused)),
    };
    if !case.people.answers.contains_key(&inbound) {
        let received_at: i64 = row.try_get("received_at")?;
        let fact = Fact::AnswerReceived {
            inbound,
            letter: None,
            contact: None,
            verdict: Verdict::None,
            has_message: true,
            strength: Strength::None,
            received_at: super::views::instant(received_at),
        };
        let cause = format!("answer:{inbound}:{notification}");
        apply(tx, notification, Observed::caused(fact, cause), None).await?;
    }
    read(tx, inbound, Some(notification), verdict, actor).await?;
    let fact = Fact::AnswerRead { inbound, verdict };
    let observed = Observed::by(actor, fact);
    let observation = Observation::Read { inbound, verdict };
    apply(tx, notification, observed, Some(observation)).await?;
    Ok(Ok(vec![notification]))
}

async fn dismiss(tx: &mut Tx<'_>, inbound: InboundId, actor: &str) -> Result<Acted, Fault> {
    let row = match unread(tx, inbound).await? {
        Ok(row) => row,
        Err(refused) => return Ok(Err(refused)),
    };
    let notification: Option<String> = row.try_get("notification")?;
    let notification = notification.and_then(|id| NotificationId::parse(&id).ok());
    read(tx, inbound, notification, Verdict::None, actor).await?;
    let Some(notification) = notification else {
        return Ok(Ok(Vec::new()));
    };
    if case_of(tx, notification)
        .await?
        .people
        .answers
        .contains_key(&inbound)
    {
        let verdict = Verdict::None;
        let observed = Observed::by(actor, Fact::AnswerRead { inbound, verdict });
        let observation = Observation::Read { inbound, verdict };
        apply(tx, notification, observed, Some(observation)).await?;
    }
    Ok(Ok(vec![notification]))
}

/// A mail that nobody has read yet.
async fn unread(
    tx: &mut Tx<'_>,
    inbound: InboundId,
) -> Result<Result<sqlx::sqlite::SqliteRow, NotActed>, Fault> {
    let row = sqlx::query(INBOUND)
        .bind(inbound.to_string())
        .fetch_optional(&mut *tx.connection)
        .await?;
    let Some(row) = row else {
        return Ok(Err(NotActed::NotThere("reply")));
    };
    let who: Option<String> = row.try_get("read_by")?;
    if let Some(who) = who {
        let at: Option<i64> = row.try_get("read_at")?;
        let at = super::views::instant(at.unwrap_or(0));
        return Ok(Err(NotActed::Conflict { who, at }));
    }
    Ok(Ok(row))
}

async fn read(
    tx: &mut Tx<'_>,
    inbound: InboundId,
    notification: Option<NotificationId>,
    verdict: Verdict,
    actor: &str,
) -> Result<(), Fault> {
    let at = tx.now.as_microsecond();
    sqlx::query(READ)
        .bind(inbound.to_string())
        .bind(actor)
        .bind(at)
        .bind(verdict.word())
        .bind(notification.map(|id| id.to_string()))
        .execute(&mut *tx.connection)
        .await?;
    // The task of a mail that belonged to nothing is about the mail itself.
    sqlx::query(READ_TASK_DONE)
        .bind(inbound.to_string())
        .bind(at)
        .bind(actor)
        .execute(&mut *tx.connection)
        .await?;
    Ok(())
}
