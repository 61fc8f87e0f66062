//! Calls as the desk sees them: one for a school, all its children in it.

use super::super::Readers;
use super::super::numbers::WrongNumbers;
use super::super::tasks::RESTRICTED;
use super::super::tx::Fault;
use super::super::views::{case, instant};
use super::calls::claim_holds;
use crate::referral::answer::CallOutcome;
use crate::referral::fold::Case;
use crate::referral::id::NotificationId;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

const CALLS: &str = "SELECT id, subject, force, opened_at, wanted_by, claimed_by, claimed_at FROM task WHERE kind = 'ring_school' AND settled_at IS NULL ORDER BY wanted_by, id LIMIT +$1";
const MEMBERS: &str = "SELECT n.id, n.reference, c.child_ref FROM task_member m JOIN notification n ON n.id = m.notification JOIN child c ON c.id = n.child WHERE m.task = $1 ORDER BY n.act_by, n.id";
const EARLIER: &str = "SELECT settled_at, settled_by, settlement FROM task WHERE kind = 'ring_school' AND subject = $1 AND settled_at IS NOT NULL ORDER BY settled_at DESC, id DESC LIMIT +$2";

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[CALLS, MEMBERS, EARLIER];

/// Calls looked at for the next one: more than a county makes in a morning, soonest wanted first.
const CALLS_MAX: i64 = 1_000;
/// Earlier calls shown of a school.
const EARLIER_MAX: i64 = 10;

/// A call to be made.
#[derive(Debug, Clone)]
pub struct OpenCall {
    /// The task.
    pub task: String,
    /// Which force's.
    pub force: Option<String>,
    /// It is about restricted cases, and a supervisor's.
    pub restricted: bool,
    /// Since when.
    pub opened_at: Timestamp,
    /// When it is to be made.
    pub wanted_by: Timestamp,
    /// Who has it to themselves, since when.
    pub claimed: Option<(String, Timestamp)>,
    /// Whom it is about, soonest act-by first.
    pub members: Vec<CallMember>,
    /// The numbers of the school that were wrong: nobody rings them again.
    pub wrong: WrongNumbers,
    /// What came of calls to the same school, latest first.
    pub earlier: Vec<EarlierCall>,
}

/// A child's notification that a call is about.
#[derive(Debug, Clone)]
pub struct CallMember {
    /// Our id.
    pub notification: NotificationId,
    /// The public code.
    pub reference: String,
    /// The sender's id of the child.
    pub child_ref: String,
    /// Its case.
    pub case: Case,
}

/// A call that was made.
#[derive(Debug, Clone)]
pub struct EarlierCall {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub who: String,
    /// What came of it.
    pub outcome: CallOutcome,
}

impl Readers {
    /// Calls to be made, soonest wanted first.
    pub(in crate::store) async fn calls(&self, now: Timestamp) -> Result<Vec<OpenCall>, Fault> {
        let rows = sqlx::query(CALLS)
            .bind(CALLS_MAX)
            .fetch_all(&self.pool)
            .await?;
        let mut calls = Vec::new();
        for row in &rows {
            calls.push(self.call(row, now).await?);
        }
        Ok(calls)
    }

    async fn call(&self, row: &SqliteRow, now: Timestamp) -> Result<OpenCall, Fault> {
        let (task, subject): (String, String) = (row.try_get("id")?, row.try_get("subject")?);
        let who: Option<String> = row.try_get("claimed_by")?;
        let at: Option<i64> = row.try_get("claimed_at")?;
        let claimed = who.zip(at.map(instant));
        let restricted = subject.ends_with(RESTRICTED);
        let wrong = self.wrong_numbers(&subject).await?;
        let earlier = sqlx::query(EARLIER)
            .bind(subject)
            .bind(EARLIER_MAX)
            .fetch_all(&self.pool)
            .await?;
        let earlier = earlier
            .iter()
            .map(earlier_call)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(OpenCall {
            members: self.members(&task).await?,
            task,
            force: row.try_get("force")?,
            restricted,
            wrong,
            opened_at: instant(row.try_get("opened_at")?),
            wanted_by: instant(row.try_get("wanted_by")?),
            claimed: claimed.filter(|(_, at)| claim_holds(*at, now)),
            earlier: earlier.into_iter().flatten().collect(),
        })
    }

    pub(in crate::store) async fn members(&self, task: &str) -> Result<Vec<CallMember>, Fault> {
        let mut connection = self.pool.acquire().await?;
        let rows = sqlx::query(MEMBERS)
            .bind(task)
            .fetch_all(&mut *connection)
            .await?;
        let mut members = Vec::new();
        for row in rows {
            let id: String = row.try_get("id")?;
            let id =
                NotificationId::parse(&id).map_err(|_| Fault::Damaged("a notification's id"))?;
            members.push(CallMember {
                notification: id,
                reference: row.try_get("reference")?,
                child_ref: row.try_get("child_ref")?,
                case: case(&mut connection, id).await?,
            });
        }
        Ok(members)
    }
}

/// A call that ended without having been made has no outcome.
fn earlier_call(row: &SqliteRow) -> Result<Option<EarlierCall>, Fault> {
    let settlement: Option<String> = row.try_get("settlement")?;
    let who: Option<String> = row.try_get("settled_by")?;
    let outcome = settlement.as_deref().and_then(CallOutcome::parse);
    let at = instant(row.try_get("settled_at")?);
    Ok(outcome.map(|outcome| EarlierCall {
        at,
        who: who.unwrap_or_default(),
        outcome,
    }))
}
