//! A case that left a shared call and is to be on it again: a task that is settled for a case stays so, whatever
//! comes after. The call goes on under another id, with everybody who is on it.

use super::cases::{Observed, apply, case_of, load};
use super::rows::notification_ids;
use super::tx::{Fault, Tx};
use super::views::readable;
use crate::referral::fact::{Fact, Settlement};
use crate::referral::id::{NotificationId, TaskId};

const END: &str = "UPDATE task SET settled_at = $2, settled_by = 'daemon', settlement = 'ended' WHERE id = $1 AND settled_at IS NULL";
const GOES_ON: &str = "INSERT INTO task(id, kind, notification, subject, force, opened_at, wanted_by, claimed_by, claimed_at) SELECT $2, kind, notification, subject, force, opened_at, wanted_by, claimed_by, claimed_at FROM task WHERE id = $1";
const MEMBERS: &str = "SELECT notification FROM task_member WHERE task = $1 ORDER BY notification";
const MEMBERS_MOVE: &str = "UPDATE task_member SET task = $2 WHERE task = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[END, GOES_ON, MEMBERS, MEMBERS_MOVE];

/// The id under which an open call goes on.
pub(super) async fn renamed(tx: &mut Tx<'_>, call: TaskId) -> Result<TaskId, Fault> {
    let again = tx.new_id(TaskId::from_parts)?;
    sqlx::query(END)
        .bind(call.to_string())
        .bind(tx.now.as_microsecond())
        .execute(tx.flushed().await?)
        .await?;
    for statement in [GOES_ON, MEMBERS_MOVE] {
        sqlx::query(statement)
            .bind(call.to_string())
            .bind(again.to_string())
            .execute(tx.flushed().await?)
            .await?;
    }
    let members = sqlx::query(MEMBERS)
        .bind(again.to_string())
        .fetch_all(tx.flushed().await?)
        .await?;
    for member in notification_ids(&members)? {
        moves(tx, member, (call, again)).await?;
    }
    Ok(again)
}

/// What was heard on a call holds for the call that goes on: its word and its roll question are not asked twice.
fn on_it(fact: &Fact, call: TaskId, again: TaskId) -> Option<Fact> {
    if let Fact::SchoolWordHeard { task, matches } = fact {
        (*task == Some(call)).then_some(Fact::SchoolWordHeard {
            task: Some(again),
            matches: *matches,
        })
    } else if let Fact::RollAnswered { task, code } = fact {
        (*task == call).then(|| Fact::RollAnswered {
            task: again,
            code: code.clone(),
        })
    } else {
        None
    }
}

async fn moves(
    tx: &mut Tx<'_>,
    member: NotificationId,
    (call, again): (TaskId, TaskId),
) -> Result<(), Fault> {
    let Some(case) = readable(case_of(tx, member).await)? else {
        return Ok(());
    };
    let Some(known) = case.people.tasks.get(&call) else {
        return Ok(());
    };
    let claimed = known
        .claimed
        .map(|until| Fact::TaskClaimed { task: again, until });
    let facts = [
        Fact::TaskSettled {
            task: call,
            settlement: Settlement::Ended,
            outcome: None,
        },
        Fact::TaskOpened {
            task: again,
            task_kind: known.kind,
            wanted_by: known.wanted_by,
        },
    ];
    let heard = load(tx, member).await?.0;
    let heard: Vec<Fact> = heard
        .iter()
        .filter_map(|fact| on_it(fact, call, again))
        .collect();
    for fact in facts.into_iter().chain(claimed).chain(heard) {
        Box::pin(apply(tx, member, Observed::plain(fact), None)).await?;
    }
    Ok(())
}
