//! Refused posts, as the desk sees them: what is kept of each, and its body for whoever may read it.

use super::tx::Fault;
use super::views::instant;
use super::{NotStored, Readers, stored};
use crate::referral::id::RefusedPostId;
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row};

const LIST: &str = "SELECT id, force, received_at, status, code, until FROM refused_post WHERE until > $1 ORDER BY received_at DESC, id DESC";
const ONE: &str = "SELECT id, force, received_at, status, code, until FROM refused_post WHERE id = $1 AND until > $2";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[LIST, ONE];

/// A refused post, without what was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLine {
    /// Our id.
    pub refused: RefusedPostId,
    /// Who posted.
    pub force: String,
    /// When.
    pub received_at: Timestamp,
    /// The status answered.
    pub status: i64,
    /// The code of the first fault.
    pub code: String,
    /// When it is destroyed.
    pub until: Timestamp,
}

impl Readers {
    /// Refused posts that are kept at `now`, newest first; each force keeps a bounded number.
    pub async fn list_refused(&self, now: Timestamp) -> Result<Vec<RefusedLine>, NotStored> {
        stored(self.refused(now).await)
    }

    /// One refused post, as long as it is kept.
    pub async fn show_refused(
        &self,
        id: RefusedPostId,
        now: Timestamp,
    ) -> Result<Option<RefusedLine>, NotStored> {
        stored(self.one_refused(id, now).await)
    }

    /// What was posted, opened. Personal: the caller has asked whether this person may see it.
    pub async fn reveal_refused(
        &self,
        id: RefusedPostId,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, NotStored> {
        stored(self.refused_body(id, now).await)
    }

    async fn refused(&self, now: Timestamp) -> Result<Vec<RefusedLine>, Fault> {
        let query = sqlx::query(LIST).bind(now.as_microsecond());
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(line).collect()
    }

    async fn one_refused(
        &self,
        id: RefusedPostId,
        now: Timestamp,
    ) -> Result<Option<RefusedLine>, Fault> {
        let query = sqlx::query(ONE)
            .bind(id.to_string())
            .bind(now.as_microsecond());
        let row = query.fetch_optional(&self.pool).await?;
        row.as_ref().map(line).transpose()
    }

    /// In one transaction: the row must not be forgotten between the look and the opening.
    async fn refused_body(
        &self,
        id: RefusedPostId,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let mut connection = self.pool.acquire().await?;
        let mut reading = connection.begin().await?;
        let query = sqlx::query(ONE)
            .bind(id.to_string())
            .bind(now.as_microsecond());
        if query.fetch_optional(&mut *reading).await?.is_none() {
            return Ok(None);
        }
        let owner = id.to_string();
        self.content(&mut reading, &owner, "refused_post")
            .await
            .map(Some)
    }
}

fn line(row: &SqliteRow) -> Result<RefusedLine, Fault> {
    let id: String = row.try_get("id")?;
    Ok(RefusedLine {
        refused: RefusedPostId::parse(&id).map_err(|_| Fault::Damaged("a refused post's id"))?,
        force: row.try_get("force")?,
        received_at: instant(row.try_get("received_at")?),
        status: row.try_get("status")?,
        code: row.try_get("code")?,
        until: instant(row.try_get("until")?),
    })
}
