//! An outcome of a call that was entered by mistake is taken back: the place is rung again.

use super::super::cases::{Observed, apply, case_of, load};
use super::super::numbers::asked_for;
use super::super::tasks::{self, place_of};
use super::super::tx::{Fault, Tx};
use super::super::views::readable;
use super::notifications::sealed_reason;
use super::on_call::of_place;
use super::{Acted, NotActed};
use crate::referral::answer::CallOutcome;
use crate::referral::fact::{Fact, Settlement, TaskKind};
use crate::referral::fold::Case;
use crate::referral::id::{NotificationId, TaskId};
use crate::referral::ladder::RungWhat;
use crate::referral::london;
use crate::referral::post::ForceName;
use jiff::Timestamp;
use sqlx::Row;

const ENDED: &str = "SELECT subject, force, settlement FROM task WHERE id = $1 AND kind = 'ring_school' AND settled_at IS NOT NULL";
const TAKE_BACK: &str = "UPDATE task SET settlement = 'taken_back', number = NULL WHERE id = $1 AND settled_at IS NOT NULL";

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[ENDED, TAKE_BACK];

const NOT_TAKEN_BACK: &str =
    "only closed and wrong_number are taken back: what else came of a call changes no later one";

/// Takes back that a place is closed today, or that its number is wrong.
pub(super) async fn undo(
    tx: &mut Tx<'_>,
    task: TaskId,
    reason: &str,
    actor: &str,
) -> Result<Acted, Fault> {
    let row = sqlx::query(ENDED)
        .bind(task.to_string())
        .fetch_optional(tx.flushed().await?)
        .await?;
    let Some(row) = row else {
        return Ok(Err(NotActed::NotThere("call that has ended")));
    };
    let settlement: Option<String> = row.try_get("settlement")?;
    match settlement.as_deref().and_then(CallOutcome::parse) {
        Some(CallOutcome::Closed | CallOutcome::WrongNumber) => {}
        Some(_) | None => return Ok(Err(NotActed::NotNow(NOT_TAKEN_BACK))),
    }
    sqlx::query(TAKE_BACK)
        .bind(task.to_string())
        .execute(tx.flushed().await?)
        .await?;
    let (subject, force): (String, Option<String>) =
        (row.try_get("subject")?, row.try_get("force")?);
    let force = force.as_deref().and_then(ForceName::parse);
    let mut about = Vec::new();
    for member in of_place(tx, place_of(&subject), force.as_ref()).await? {
        let Some(case) = readable(case_of(tx, member).await)? else {
            continue;
        };
        let was_on_it = case.people.tasks.get(&task).map(|own| own.wanted_by);
        if was_on_it.is_some() {
            let reason = sealed_reason(tx, member, reason).await?;
            let fact = Fact::CallUndone { task, reason };
            apply(tx, member, Observed::by(actor, fact), None).await?;
        }
        let wanted = was_on_it.or_else(|| moved(&case, tx.now).then_some(tx.now));
        if let Some(wanted) = wanted.filter(|_| !case.reading()) {
            rings_again(tx, &case, wanted.max(tx.now)).await?;
            about.push(member);
        }
    }
    Ok(Ok(about))
}

/// Whether its call was due, and is to be made on another day.
fn moved(case: &Case, now: Timestamp) -> bool {
    let mut fired = case.fired.iter();
    let due = fired.any(|(_, what)| matches!(what, RungWhat::CallFirst | RungWhat::Call));
    let day = |at| london::civil(at).date();
    let mut open = case.people.open_tasks();
    due && open.any(|(_, task)| task.kind == TaskKind::RingSchool && day(task.wanted_by) > day(now))
}

/// Its call stands again, and if it comes in time nobody has to choose.
async fn rings_again(tx: &mut Tx<'_>, case: &Case, wanted: Timestamp) -> Result<(), Fault> {
    let member = case.notification;
    let (.., by) = load(tx, member).await?;
    let mut in_time = false;
    for (kind, wanted_by) in asked_for(tx, case, (TaskKind::RingSchool, wanted), &by).await? {
        in_time |= kind == TaskKind::RingSchool && wanted_by < case.act_by;
        let task = tasks::open_or_new(tx, case, kind, &by).await?;
        tasks::write(tx, case, task, kind, wanted_by, &by).await?;
        let opened = Fact::TaskOpened {
            task,
            task_kind: kind,
            wanted_by,
        };
        apply(tx, member, Observed::plain(opened), None).await?;
    }
    // Another call may have heard, too, that the place is closed: then it rings after the time, if at all.
    if in_time && !case.fired.iter().any(|(_, what)| *what == RungWhat::Choose) {
        for (task, open) in case.people.open_tasks() {
            if open.kind == TaskKind::ChooseEnding {
                settle(tx, member, task).await?;
            }
        }
    }
    Ok(())
}

async fn settle(tx: &mut Tx<'_>, member: NotificationId, task: TaskId) -> Result<(), Fault> {
    let settled = Fact::TaskSettled {
        task,
        settlement: Settlement::Ended,
        outcome: None,
    };
    apply(tx, member, Observed::plain(settled), None).await?;
    tasks::left(tx, task, member).await
}
