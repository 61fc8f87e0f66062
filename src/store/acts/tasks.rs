//! Tasks that a person calls done, and what an operator is shown for a call.

use super::super::cases::{Observed, apply};
use super::super::tx::{By, Fault, Stream, Tx};
use super::super::views::instant;
use super::calls::{claim_holds, claimed_by_another, open_task, renew};
use super::notifications::sealed_reason;
use super::{Acted, NotActed, first};
use crate::referral::ending::TaskReason;
use crate::referral::fact::{Fact, Settlement, TaskKind};
use crate::referral::id::{ItemId, TaskId};
use crate::referral::post::ForceName;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

const DONE: &str = "UPDATE task SET settled_at = $2, settled_by = $3, settlement = $4 WHERE id = $1 AND settled_at IS NULL";
const MEMBERS_LEAVE: &str = "DELETE FROM task_member WHERE task = $1";

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[DONE, MEMBERS_LEAVE];

/// Calls a task done. Those that another act ends are refused, with that act.
pub(super) async fn done(
    tx: &mut Tx<'_>,
    task: TaskId,
    code: TaskReason,
    note: Option<&str>,
    operator: &str,
) -> Result<Acted, Fault> {
    let (row, members) = match open_task(tx, task).await? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    let kind: String = row.try_get("kind")?;
    let kind = TaskKind::parse(&kind).ok_or(Fault::Damaged("a task's kind"))?;
    if let Some(words) = ended_otherwise(kind) {
        return Ok(Err(NotActed::NotNow(words)));
    }
    if let Some(refused) = claimed_by_another(&row, operator, tx.now)? {
        return Ok(Err(refused));
    }
    let facts = |note| {
        let outcome = None;
        let settlement = Settlement::Done;
        [
            Fact::TaskReasoned { task, code, note },
            Fact::TaskSettled {
                task,
                settlement,
                outcome,
            },
        ]
    };
    let actor = first::actor(operator);
    if members.is_empty() {
        let note = sealed_of_task(tx, task, note).await?;
        record(tx, task, &row, facts(note), &actor).await?;
    }
    for member in &members {
        let note = sealed_reason(tx, *member, note.unwrap_or_default()).await?;
        for fact in facts(note) {
            apply(tx, *member, Observed::by(&actor, fact), None).await?;
        }
    }
    sqlx::query(MEMBERS_LEAVE)
        .bind(task.to_string())
        .execute(tx.flushed().await?)
        .await?;
    sqlx::query(DONE)
        .bind(task.to_string())
        .bind(tx.now.as_microsecond())
        .bind(operator)
        .bind(Settlement::Done.word())
        .execute(tx.flushed().await?)
        .await?;
    Ok(Ok(members))
}

/// The act that ends a task of this kind, where there is one: what it says is worth more than a code.
fn ended_otherwise(kind: TaskKind) -> Option<&'static str> {
    match kind {
        TaskKind::RingSchool => Some("a call ends by what came of it: firstbell call outcome"),
        TaskKind::ReadReply => Some("say what it means: firstbell reply attach, or reply dismiss"),
        TaskKind::ChooseSchool => Some("choose the school: firstbell notification route"),
        TaskKind::SettleContradiction => {
            Some("say what is true: firstbell notification acknowledge, or notification tell")
        }
        TaskKind::RecordWhoTold | TaskKind::ChooseEnding => {
            Some("say how it ends: firstbell notification close")
        }
        TaskKind::CountersignEnding => {
            Some("agree to the ending: firstbell notification countersign")
        }
        TaskKind::NameChild
        | TaskKind::ConfirmHold
        | TaskKind::TellHomeForce
        | TaskKind::CompleteRefusedPost
        | TaskKind::ReadQuarantined
        | TaskKind::CheckSender
        | TaskKind::CheckSenderQuiet
        | TaskKind::CallUnclaimed => None,
    }
}

/// What is said about a task that is about no notification is sealed under a key of its own.
async fn sealed_of_task(
    tx: &mut Tx<'_>,
    task: TaskId,
    note: Option<&str>,
) -> Result<Option<ItemId>, Fault> {
    let Some(note) = note.filter(|note| !note.is_empty()) else {
        return Ok(None);
    };
    let key = tx.new_content_key("note")?;
    let owner = task.to_string();
    let (item, _) = tx.new_item(&key, "reason", &owner, note.as_bytes())?;
    Ok(Some(item))
}

/// Facts of a task that is about no notification stand in a stream of its own.
async fn record(
    tx: &mut Tx<'_>,
    task: TaskId,
    row: &SqliteRow,
    facts: [Fact; 2],
    actor: &str,
) -> Result<(), Fault> {
    let force: Option<String> = row.try_get("force")?;
    let by = By {
        actor: actor.to_owned(),
        force: force.as_deref().and_then(ForceName::parse),
        basis: tx.basis(None).await?,
    };
    let name = task.to_string();
    let mut stream = Stream { name, count: 0 };
    for fact in &facts {
        tx.append(&mut stream, fact, &by, None);
    }
    Ok(())
}

/// Records that an operator is shown whom a call is about, once for each child: only for a call that
/// they have to themselves.
pub(super) async fn reveal(
    tx: &mut Tx<'_>,
    task: TaskId,
    operator: &str,
    actor: &str,
) -> Result<Acted, Fault> {
    let (row, members) = match open_task(tx, task).await? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    if !is_own(&row, operator, tx)? {
        return Ok(Err(NotActed::NotNow("the call is not claimed by you")));
    }
    let fact = Fact::Revealed { task };
    for member in &members {
        if !first::wrote(tx, *member, &fact, operator).await? {
            apply(tx, *member, Observed::by(actor, fact.clone()), None).await?;
        }
    }
    renew(tx, task, &members, (operator, actor)).await?;
    Ok(Ok(members))
}

/// Whether an operator has this task to themselves.
pub(super) fn is_own(row: &SqliteRow, operator: &str, tx: &Tx<'_>) -> Result<bool, Fault> {
    let who: Option<String> = row.try_get("claimed_by")?;
    let at: Option<i64> = row.try_get("claimed_at")?;
    let holds = at.is_some_and(|at| claim_holds(instant(at), tx.now));
    Ok(holds && who.as_deref() == Some(operator))
}
