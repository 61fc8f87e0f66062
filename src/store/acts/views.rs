//! Calls as the desk sees them: one for a school, all its children in it.

use super::super::Readers;
use super::super::numbers::WrongNumbers;
use super::super::tasks::RESTRICTED;
use super::super::tx::Fault;
use super::super::views::{case, instant, readable};
use super::calls::{claim_holds, claims_since};
use crate::referral::answer::CallOutcome;
use crate::referral::fold::Case;
use crate::referral::id::NotificationId;
use crate::referral::plan::RouteReason;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

macro_rules! calls {
    ($rest:expr) => {
        concat!("SELECT t.id, t.subject, t.force, t.opened_at, t.wanted_by, t.claimed_by, t.claimed_at FROM task t ", $rest)
    };
}
/// By need, as the desk rings: what can be made by now; then the first priority, as
/// [`crate::referral::decide::call_comes_first`] has it; then the sooner act-by.
const CALLS: &str = calls!(
    "LEFT JOIN task_member m ON m.task = t.id LEFT JOIN notification n ON n.id = m.notification WHERE t.kind = 'ring_school' AND t.settled_at IS NULL AND ($5 = 1 OR t.subject NOT LIKE '%:restricted') GROUP BY t.id ORDER BY MAX(t.wanted_by, $2), COALESCE(MIN(CASE WHEN n.hold IS NOT NULL OR n.proof <> 'delivered' OR n.duty = 'contradicted' THEN 0 WHEN EXISTS (SELECT 1 FROM fact f WHERE f.stream = n.id AND f.kind = 'notification_opened' AND (instr(f.body, $3) OR instr(f.body, $4))) THEN 0 WHEN n.id IS NOT NULL THEN 1 END), 2), MIN(n.act_by), t.wanted_by, t.id LIMIT +$1"
);
const OWN: &str = calls!(
    "WHERE t.kind = 'ring_school' AND t.settled_at IS NULL AND t.claimed_by = $1 AND t.claimed_at > $2 ORDER BY t.claimed_at DESC, t.id LIMIT +$3"
);
const COUNTS: &str = "SELECT COUNT(*), COALESCE(SUM(claimed_at > $1), 0), COALESCE(SUM(subject LIKE '%:restricted'), 0), COALESCE(SUM(subject LIKE '%:restricted' AND claimed_at > $1), 0) FROM task WHERE kind = 'ring_school' AND settled_at IS NULL";
const SUBJECT: &str = "SELECT subject FROM task WHERE id = $1";
const MEMBERS: &str = "SELECT n.id, n.reference, c.child_ref FROM task_member m JOIN notification n ON n.id = m.notification JOIN child c ON c.id = n.child WHERE m.task = $1 ORDER BY n.act_by, n.id";
const EARLIER: &str = "SELECT id, settled_at, settled_by, settlement FROM task WHERE kind = 'ring_school' AND subject = $1 AND settled_at IS NOT NULL ORDER BY settled_at DESC, id DESC LIMIT +$2";

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[CALLS, OWN, COUNTS, SUBJECT, MEMBERS, EARLIER];

/// Calls looked at for the next one: more than a county makes in a morning, those in need first.
const CALLS_MAX: i64 = 1_000;
/// Calls that one operator has to themselves, at most.
const OWN_MAX: i64 = 20;
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
    /// Those whose record is damaged: nothing more can be known of them here.
    pub damaged: Vec<NotificationId>,
    /// What came of calls to the same school, latest first.
    pub earlier: Vec<EarlierCall>,
}

/// How many calls there are, whoever may make them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// To be made.
    pub open: i64,
    /// Of these, those that somebody has to themselves.
    pub claimed: i64,
    /// Of all, those that are a supervisor's.
    pub restricted: i64,
    /// Of these, those that somebody has to themselves.
    pub restricted_claimed: i64,
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
    /// The task.
    pub task: String,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub who: String,
    /// What came of it.
    pub outcome: CallOutcome,
}

impl Readers {
    /// Calls to be made, those in need first; what is restricted only where it is asked for.
    pub(in crate::store) async fn calls(
        &self,
        now: Timestamp,
        restricted: bool,
    ) -> Result<Vec<OpenCall>, Fault> {
        let reason = |reason: RouteReason| format!("\"{}\"", reason.word()).into_bytes();
        let rows = sqlx::query(CALLS)
            .bind(CALLS_MAX)
            .bind(now.as_microsecond())
            .bind(reason(RouteReason::PoliceAskCall))
            .bind(reason(RouteReason::SingleContact))
            .bind(restricted)
            .fetch_all(&self.pool)
            .await?;
        self.calls_of(&rows, now).await
    }

    /// The calls that an operator has to themselves, the one taken on last first.
    pub(in crate::store) async fn own_calls(
        &self,
        operator: &str,
        now: Timestamp,
    ) -> Result<Vec<OpenCall>, Fault> {
        let rows = sqlx::query(OWN)
            .bind(operator)
            .bind(claims_since(now).as_microsecond())
            .bind(OWN_MAX)
            .fetch_all(&self.pool)
            .await?;
        self.calls_of(&rows, now).await
    }

    /// How many calls there are.
    pub(in crate::store) async fn call_counts(&self, now: Timestamp) -> Result<CallCounts, Fault> {
        let row = sqlx::query(COUNTS)
            .bind(claims_since(now).as_microsecond())
            .fetch_one(&self.pool)
            .await?;
        Ok(CallCounts {
            open: row.try_get(0)?,
            claimed: row.try_get(1)?,
            restricted: row.try_get(2)?,
            restricted_claimed: row.try_get(3)?,
        })
    }

    async fn calls_of(&self, rows: &[SqliteRow], now: Timestamp) -> Result<Vec<OpenCall>, Fault> {
        let mut calls = Vec::new();
        for row in rows {
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
        let (members, damaged) = self.members(&task).await?;
        let earlier = earlier
            .iter()
            .map(earlier_call)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(OpenCall {
            members,
            damaged,
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

    /// What a task is about, and what of it is damaged.
    pub(in crate::store) async fn members(
        &self,
        task: &str,
    ) -> Result<(Vec<CallMember>, Vec<NotificationId>), Fault> {
        let mut connection = self.pool.acquire().await?;
        let rows = sqlx::query(MEMBERS)
            .bind(task)
            .fetch_all(&mut *connection)
            .await?;
        let (mut members, mut damaged) = (Vec::new(), Vec::new());
        for row in rows {
            let id: String = row.try_get("id")?;
            let id =
                NotificationId::parse(&id).map_err(|_| Fault::Damaged("a notification's id"))?;
            let Some(case) = readable(case(&mut connection, id).await)? else {
                damaged.push(id);
                continue;
            };
            members.push(CallMember {
                notification: id,
                reference: row.try_get("reference")?,
                child_ref: row.try_get("child_ref")?,
                case,
            });
        }
        Ok((members, damaged))
    }

    /// Whether a task is a call that is a supervisor's, or about a restricted case.
    pub(in crate::store) async fn restricted(&self, task: &str) -> Result<bool, Fault> {
        let row = sqlx::query(SUBJECT)
            .bind(task)
            .fetch_optional(&self.pool)
            .await?;
        let subject: String = row.map_or(Ok(String::new()), |row| row.try_get(0))?;
        let (members, _) = self.members(task).await?;
        let mut members = members.iter();
        Ok(subject.ends_with(RESTRICTED) || members.any(|member| member.case.restricted()))
    }
}

/// A call that ended without having been made has no outcome.
fn earlier_call(row: &SqliteRow) -> Result<Option<EarlierCall>, Fault> {
    let settlement: Option<String> = row.try_get("settlement")?;
    let who: Option<String> = row.try_get("settled_by")?;
    let outcome = settlement.as_deref().and_then(CallOutcome::parse);
    let at = instant(row.try_get("settled_at")?);
    let task = row.try_get("id")?;
    Ok(outcome.map(|outcome| EarlierCall {
        task,
        at,
        who: who.unwrap_or_default(),
        outcome,
    }))
}
