//! Tasks taken on, and what came of calls.

use super::super::cases::{Observed, apply, case_of};
use super::super::rows::notification_ids;
use super::super::tx::{Fault, Tx};
use super::super::views::{instant, readable};
use super::again::{Ended, nobody_told};
use super::notifications::{not_told, record};
use super::on_call::{differs, heard_on, rolled};
use super::tasks::is_own;
use super::{Acted, NotActed, notifications};
use crate::referral::answer::{CallOutcome, SchoolWord, Verdict};
use crate::referral::decide::Observation;
use crate::referral::fact::{Fact, Settlement, TaskKind};
use crate::referral::fold::Case;
use crate::referral::id::{NotificationId, TaskId};
use crate::referral::post::ForceName;
use crate::referral::school::Role;
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;

const TASK: &str = "SELECT kind, subject, force, claimed_by, claimed_at, settled_by, settled_at, settlement FROM task WHERE id = $1";
const MEMBERS: &str = "SELECT notification FROM task_member WHERE task = $1 ORDER BY notification";
const CLAIM: &str = "UPDATE task SET claimed_by = $2, claimed_at = $3 WHERE id = $1";
const MEMBER_LEAVES: &str = "DELETE FROM task_member WHERE task = $1 AND notification = $2";
const DONE: &str = "UPDATE task SET settled_at = $2, settled_by = $3, settlement = $4 WHERE id = $1 AND settled_at IS NULL AND NOT EXISTS (SELECT 1 FROM task_member m WHERE m.task = task.id)";

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[TASK, MEMBERS, CLAIM, MEMBER_LEAVES, DONE];

/// Who takes a task on has it to themselves for so long: a call takes four minutes, and one whose
/// caller was called away must not wait for them until it is too late.
const CLAIM_HOLDS: SignedDuration = SignedDuration::from_mins(15);
/// A claim that is worked on is recorded anew after this long.
const RENEWED_AFTER: SignedDuration = SignedDuration::from_mins(1);

const DAMAGED: &str =
    "the record of what this task is about is damaged: nothing can be recorded of it";
/// Why nobody is told on a call that somebody else, or nobody, has to themselves.
pub(super) const NOT_YOURS: &str = "the call is not claimed by you: claim it first";
const NOT_SPOKEN_OF: &str =
    "this child joined the call after you claimed it: claim it again, and speak of them too";
const ASK_THE_ROLL: &str =
    "ask the roll question first, of each child who is to be told: firstbell call roll";

/// An open task and the notifications it is about, or why it cannot be worked on.
pub(super) async fn open_task(
    tx: &mut Tx<'_>,
    task: TaskId,
) -> Result<Result<(sqlx::sqlite::SqliteRow, Vec<NotificationId>), NotActed>, Fault> {
    let row = sqlx::query(TASK)
        .bind(task.to_string())
        .fetch_optional(tx.flushed().await?)
        .await?;
    let Some(row) = row else {
        return Ok(Err(NotActed::NotThere("task")));
    };
    let settled_at: Option<i64> = row.try_get("settled_at")?;
    if let Some(at) = settled_at {
        let who: Option<String> = row.try_get("settled_by")?;
        let settlement: Option<String> = row.try_get("settlement")?;
        let by_itself = settlement.is_none_or(|word| word == Settlement::Ended.word());
        let so = "this task is done already";
        return Ok(Err(match who {
            Some(who) if !by_itself => NotActed::Conflict {
                so,
                who,
                at: instant(at),
            },
            Some(_) | None => NotActed::NotNow("this task has ended: what it was for has"),
        }));
    }
    let members = sqlx::query(MEMBERS)
        .bind(task.to_string())
        .fetch_all(tx.flushed().await?)
        .await?;
    let all = notification_ids(&members)?;
    let mut members = Vec::new();
    for member in &all {
        // One whose record is damaged must not keep its school's other children from being told.
        if readable(case_of(tx, *member).await)?.is_some() {
            members.push(*member);
        }
    }
    if members.is_empty() && !all.is_empty() {
        return Ok(Err(NotActed::NotNow(DAMAGED)));
    }
    Ok(Ok((row, members)))
}

/// The other operator who has this task to themselves.
pub(super) fn claimed_by_another(
    row: &sqlx::sqlite::SqliteRow,
    operator: &str,
    now: Timestamp,
) -> Result<Option<NotActed>, Fault> {
    let who: Option<String> = row.try_get("claimed_by")?;
    let at: Option<i64> = row.try_get("claimed_at")?;
    Ok(match (who, at.map(instant)) {
        (Some(who), Some(at)) if who != operator && claim_holds(at, now) => {
            let so = "somebody else has taken it on";
            Some(NotActed::Conflict { so, who, at })
        }
        _ => None,
    })
}

/// Whether a claim made at this time still keeps others out.
pub(super) fn claim_holds(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) < CLAIM_HOLDS
}

/// Claims made after this keep others out at `now`.
pub(in crate::store) fn claims_since(now: Timestamp) -> Timestamp {
    now.saturating_sub(CLAIM_HOLDS).unwrap_or(Timestamp::MIN)
}

/// Whoever works on a task has it to themselves for the whole span again: a long call is not taken away in
/// its middle, nor is a supervisor told that nobody makes it.
pub(super) async fn renew(
    tx: &mut Tx<'_>,
    task: TaskId,
    members: &[NotificationId],
    (operator, actor): (&str, &str),
) -> Result<(), Fault> {
    hold(tx, task, operator).await?;
    for member in members {
        if ends(&case_of(tx, *member).await?, task).is_some_and(|until| is_spent(until, tx.now)) {
            claimed(tx, *member, task, actor).await?;
        }
    }
    Ok(())
}

async fn hold(tx: &mut Tx<'_>, task: TaskId, operator: &str) -> Result<(), Fault> {
    sqlx::query(CLAIM)
        .bind(task.to_string())
        .bind(operator)
        .bind(tx.now.as_microsecond())
        .execute(tx.flushed().await?)
        .await?;
    Ok(())
}

async fn claimed(
    tx: &mut Tx<'_>,
    member: NotificationId,
    task: TaskId,
    actor: &str,
) -> Result<(), Fault> {
    let until = tx.now.checked_add(CLAIM_HOLDS).unwrap_or(Timestamp::MAX);
    let fact = Fact::TaskClaimed { task, until };
    apply(tx, member, Observed::by(actor, fact), None).await?;
    Ok(())
}

/// Whether a minute of a claim has gone by: each line that is typed on a call need not be a fact of each
/// of its children.
fn is_spent(until: Timestamp, now: Timestamp) -> bool {
    until.duration_since(now) < CLAIM_HOLDS - RENEWED_AFTER
}

pub(super) async fn claim(
    tx: &mut Tx<'_>,
    task: TaskId,
    operator: &str,
    actor: &str,
) -> Result<Acted, Fault> {
    let (row, members) = match open_task(tx, task).await? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    if let Some(refused) = claimed_by_another(&row, operator, tx.now)? {
        return Ok(Err(refused));
    }
    let at: Option<i64> = row.try_get("claimed_at")?;
    let who: Option<String> = row.try_get("claimed_by")?;
    let mine = who.is_some_and(|who| who == operator);
    let holds = mine && at.is_some_and(|at| claim_holds(instant(at), tx.now));
    hold(tx, task, operator).await?;
    for member in &members {
        // Said again, it takes on those who have joined since.
        let known = ends(&case_of(tx, *member).await?, task).filter(|_| holds);
        if known.is_none_or(|until| is_spent(until, tx.now)) {
            claimed(tx, *member, task, actor).await?;
        }
    }
    Ok(Ok(members))
}

/// A call's outcome as an operator says it.
pub(super) struct Call {
    pub(super) task: TaskId,
    pub(super) outcome: CallOutcome,
    pub(super) only: Option<NotificationId>,
    pub(super) role: Role,
    pub(super) word: SchoolWord,
}

pub(super) async fn call_outcome(
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
    if let Some(refused) = claimed_by_another(&row, operator, tx.now)? {
        return Ok(Err(refused));
    }
    let named = |member: &&NotificationId| call.only.is_none_or(|only| only == **member);
    let about: Vec<NotificationId> = members.iter().filter(named).copied().collect();
    if about.is_empty() {
        return Ok(Err(NotActed::NotThere("notification in this call")));
    }
    match call.outcome {
        CallOutcome::Told | CallOutcome::NotOnRoll => {
            // What is said to have been heard is heard by who has the call to themselves; whoever rang
            // without us records that of each child.
            if !is_own(&row, operator, tx)? {
                return Ok(Err(NotActed::NotNow(NOT_YOURS)));
            }
            let heard = heard_on(tx, call.task, &members).await?;
            if let Some(refused) = heard.stopped() {
                return Ok(Err(refused));
            }
            if call.outcome == CallOutcome::NotOnRoll {
                off_roll(tx, call, about, operator, actor).await
            } else {
                told(tx, call, (about, heard.word(call.word)), operator, actor).await
            }
        }
        CallOutcome::NoAnswer
        | CallOutcome::Engaged
        | CallOutcome::Voicemail
        | CallOutcome::RingBack
        | CallOutcome::Closed
        | CallOutcome::WrongNumber
        | CallOutcome::WillNotTalk => {
            let force: Option<String> = row.try_get("force")?;
            let ended = Ended {
                call,
                members: &members,
                was_claimed: row.try_get::<Option<String>, _>("claimed_by")?.is_some(),
                force: force.as_deref().and_then(ForceName::parse),
                operator,
                actor,
            };
            nobody_told(tx, &ended).await?;
            Ok(Ok(members))
        }
    }
}

/// Those are told of whom the school said on this call that they are on its roll; whoever else is on it
/// was not spoken of, and stays.
async fn told(
    tx: &mut Tx<'_>,
    call: &Call,
    (about, word): (Vec<NotificationId>, SchoolWord),
    operator: &str,
    actor: &str,
) -> Result<Acted, Fault> {
    if let Some(refused) = not_told(call.role) {
        return Ok(Err(refused));
    }
    let mut told = Vec::new();
    for member in &about {
        if rolled(tx, *member, call.task).await? {
            told.push(*member);
        }
    }
    for member in if told.is_empty() { &about } else { &told } {
        if let Some(refused) = differs(tx, *member).await? {
            return Ok(Err(refused));
        }
    }
    if told.is_empty() {
        return Ok(Err(NotActed::NotNow(ASK_THE_ROLL)));
    }
    for member in &told {
        done(tx, call, *member, operator, actor).await?;
        let case = case_of(tx, *member).await?;
        notifications::told(tx, &case, Some(call.task), (call.role, word), actor).await?;
    }
    Ok(Ok(told))
}

/// The child is not on the roll: the call is over for it, and somebody else finds its school.
async fn off_roll(
    tx: &mut Tx<'_>,
    call: &Call,
    about: Vec<NotificationId>,
    operator: &str,
    actor: &str,
) -> Result<Acted, Fault> {
    if about.len() > 1 {
        return Ok(Err(NotActed::NotNow("say which child is not on the roll")));
    }
    let mut about = spoken_of(tx, call, about).await?;
    let Some(&member) = about.first() else {
        return Ok(Err(NotActed::NotNow(NOT_SPOKEN_OF)));
    };
    done(tx, call, member, operator, actor).await?;
    not_on_roll(tx, member, actor).await?;
    about.extend(case_of(tx, member).await?.rerouted_to);
    Ok(Ok(about))
}

/// The notifications that were on the call when it was claimed, or the one that is named: a child who
/// joined it while somebody was speaking was not spoken of, even when nobody else is left on it.
async fn spoken_of(
    tx: &mut Tx<'_>,
    call: &Call,
    members: Vec<NotificationId>,
) -> Result<Vec<NotificationId>, Fault> {
    if call.only.is_some() {
        return Ok(members);
    }
    let mut spoken_of = Vec::new();
    for member in members {
        if is_claimed(&case_of(tx, member).await?, call.task) {
            spoken_of.push(member);
        }
    }
    Ok(spoken_of)
}

/// Whether somebody took this task on while the case was on it.
pub(super) fn is_claimed(case: &Case, task: TaskId) -> bool {
    ends(case, task).is_some()
}

/// When the claim that was made last on a task while the case was on it ends.
fn ends(case: &Case, task: TaskId) -> Option<Timestamp> {
    case.people.tasks.get(&task)?.claimed
}

/// A call is done for one of its notifications, by whom and with what; with the last one it is over.
async fn done(
    tx: &mut Tx<'_>,
    call: &Call,
    member: NotificationId,
    operator: &str,
    actor: &str,
) -> Result<(), Fault> {
    let settled = Fact::TaskSettled {
        task: call.task,
        settlement: Settlement::Done,
        outcome: Some(call.outcome),
    };
    apply(tx, member, Observed::by(actor, settled), None).await?;
    sqlx::query(MEMBER_LEAVES)
        .bind(call.task.to_string())
        .bind(member.to_string())
        .execute(tx.flushed().await?)
        .await?;
    sqlx::query(DONE)
        .bind(call.task.to_string())
        .bind(tx.now.as_microsecond())
        .bind(operator)
        .bind(call.outcome.word())
        .execute(tx.flushed().await?)
        .await?;
    Ok(())
}

/// Said by voice that the child is not theirs: as NOT OURS by mail.
async fn not_on_roll(tx: &mut Tx<'_>, member: NotificationId, actor: &str) -> Result<(), Fault> {
    let case = case_of(tx, member).await?;
    let observation = Observation::NotOnRoll;
    record(tx, &case, Verdict::NotOurs, None, actor, observation).await
}
