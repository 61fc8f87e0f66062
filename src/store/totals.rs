//! How many there are of what lists show: a list is cut at a bound, and says what it leaves out.

use super::tx::Fault;
use super::{NotStored, Readers, stored};
use crate::referral::fact::TaskKind;
use sqlx::Row;

const REFERRALS: &str = "SELECT COUNT(*) FROM referral WHERE ($1 IS NULL OR force = $1)";
const LIVE: &str = "SELECT COUNT(*) FROM notification WHERE live = 1";
const DELIVERIES: &str = "SELECT COUNT(*) FROM (SELECT rowid FROM delivery WHERE state IN ('queued','in_doubt') AND quarantined = 0 UNION ALL SELECT rowid FROM delivery WHERE state = 'sending' AND quarantined = 0 UNION ALL SELECT rowid FROM delivery WHERE state = 'held' OR quarantined = 1)";
const TASKS_OF: &str = "SELECT COUNT(*) FROM task WHERE settled_at IS NULL AND kind = $1";
const TASKS: &str = "SELECT COUNT(*) FROM task WHERE settled_at IS NULL";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[REFERRALS, LIVE, DELIVERIES, TASKS, TASKS_OF];

/// What a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed<'a> {
    /// Referrals, of this force or of all.
    Referrals(Option<&'a str>),
    /// Live notifications.
    Live,
    /// Deliveries that wait.
    Deliveries,
    /// Open tasks.
    Tasks,
    /// Open tasks of one kind.
    TasksOf(TaskKind),
    /// Replies that still ask for somebody, or all.
    Replies(bool),
}

impl Readers {
    /// How many more there are than the `shown` ones of a list.
    pub async fn more(&self, listed: Listed<'_>, shown: usize) -> Result<usize, NotStored> {
        let of_all = stored(self.count(listed).await)?;
        Ok(usize::try_from(of_all).unwrap_or(0).saturating_sub(shown))
    }

    async fn count(&self, listed: Listed<'_>) -> Result<i64, Fault> {
        let query = match listed {
            Listed::Replies(all) => return self.count_replies(all).await,
            Listed::Referrals(force) => sqlx::query(REFERRALS).bind(force),
            Listed::Live => sqlx::query(LIVE),
            Listed::Deliveries => sqlx::query(DELIVERIES),
            Listed::Tasks => sqlx::query(TASKS),
            Listed::TasksOf(kind) => sqlx::query(TASKS_OF).bind(kind.word()),
        };
        Ok(query.fetch_one(&self.pool).await?.try_get(0)?)
    }
}
