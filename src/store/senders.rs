//! Senders' nights: how much each force posted, and the task when it was less than ever.

use super::tasks;
use super::tx::{By, Fault, Stream, Tx};
use super::views::instant;
use super::{NotStored, Readers, stored};
use crate::referral::fact::{Fact, TaskKind};
use crate::referral::id::TaskId;
use crate::referral::post::ForceName;
use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::Row;

const FIRST: &str = "SELECT MIN(received_at) FROM referral WHERE force = $1";
const COUNT: &str =
    "SELECT COUNT(*) FROM referral WHERE force = $1 AND received_at >= $2 AND received_at < $3";
const KNOWN: &str = "SELECT 1 FROM fact WHERE cause = $1";
const HEARD: &str = "SELECT 1 FROM task t WHERE t.kind = 'check_sender_quiet' AND t.settled_at IS NULL AND EXISTS (SELECT 1 FROM referral r WHERE r.force = t.force AND r.received_at > t.opened_at) LIMIT 1";
const SETTLE: &str = "UPDATE task SET settled_at = $1, settled_by = 'daemon', settlement = 'ended' WHERE kind = 'check_sender_quiet' AND settled_at IS NULL AND EXISTS (SELECT 1 FROM referral r WHERE r.force = task.force AND r.received_at > task.opened_at)";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[FIRST, COUNT, KNOWN, HEARD, SETTLE];

/// A force that was quieter in a night than it ever is on that weekday.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietSender {
    /// Which.
    pub force: ForceName,
    /// The day on which the night ended.
    pub day: Date,
    /// Referrals accepted in it.
    pub accepted: u32,
    /// The fewest of any such night before.
    pub least: u32,
}

/// Settles the tasks of senders that were heard again, and opens one for each that was quiet, once a
/// night.
pub(super) async fn record(tx: &mut Tx<'_>, quiet: &[QuietSender]) -> Result<(), Fault> {
    sqlx::query(SETTLE)
        .bind(tx.now.as_microsecond())
        .execute(tx.flushed().await?)
        .await?;
    for sender in quiet {
        let subject = format!("quiet:{}:{}", sender.force, sender.day);
        let known = sqlx::query(KNOWN).bind(&subject);
        let known = known.fetch_optional(tx.flushed().await?).await?;
        if known.is_some() {
            continue;
        }
        let task = tx.new_id(TaskId::from_parts)?;
        let by = By {
            actor: "daemon".to_owned(),
            force: Some(sender.force.clone()),
            basis: tx.basis(None).await?,
        };
        let fact = Fact::SenderQuiet {
            task,
            day: sender.day.to_string(),
            accepted: sender.accepted,
            least: sender.least,
        };
        let mut stream = Stream {
            name: subject.clone(),
            count: 0,
        };
        tx.append(&mut stream, &fact, &by, Some(&subject));
        let (kind, now) = (TaskKind::CheckSenderQuiet, tx.now);
        tasks::add(tx, task, kind, None, &subject, &by, now).await?;
    }
    Ok(())
}

impl Readers {
    /// When a force's first referral was accepted.
    pub async fn first_accepted(&self, force: &ForceName) -> Result<Option<Timestamp>, NotStored> {
        let read = async {
            let query = sqlx::query(FIRST).bind(force.as_str());
            let row = query.fetch_one(&self.pool).await?;
            Ok::<_, Fault>(row.try_get::<Option<i64>, _>(0)?.map(instant))
        };
        stored(read.await)
    }

    /// Referrals accepted of a force from one instant to before another.
    pub async fn accepted_between(
        &self,
        force: &ForceName,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<u32, NotStored> {
        let read = async {
            let query = sqlx::query(COUNT)
                .bind(force.as_str())
                .bind(from.as_microsecond())
                .bind(to.as_microsecond());
            let row = query.fetch_one(&self.pool).await?;
            let count: i64 = row.try_get(0)?;
            Ok::<_, Fault>(u32::try_from(count).unwrap_or(u32::MAX))
        };
        stored(read.await)
    }

    /// Whether a sender that was asked for has been heard again.
    pub async fn hears_again(&self) -> Result<bool, NotStored> {
        let read = async {
            let row = sqlx::query(HEARD).fetch_optional(&self.pool).await?;
            Ok::<_, Fault>(row.is_some())
        };
        stored(read.await)
    }
}
