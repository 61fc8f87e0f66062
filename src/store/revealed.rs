//! A child's name and birth date, opened for the person who rings the school.

use super::tx::Fault;
use super::{NotStored, Readers, json, stored};
use crate::referral::id::NotificationId;
use crate::referral::post::Referral;
use crate::referral::tree::Tree;
use sqlx::Row;

const CHILD: &str = "SELECT child FROM notification WHERE id = $1";
const POSTED: &str = "SELECT referral, child FROM notification WHERE id = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[CHILD, POSTED];

/// What the school is asked for on the telephone, as it was posted.
#[derive(Clone, PartialEq, Eq)]
pub struct ChildShown {
    /// Given name.
    pub given_name: Option<String>,
    /// Family name.
    pub family_name: Option<String>,
    /// What the child is called.
    pub known_as: Option<String>,
    /// Birth date, ISO 8601.
    pub date_of_birth: Option<String>,
    /// Age, when the birth date is not known.
    pub age_years: Option<i64>,
}

impl std::fmt::Debug for ChildShown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChildShown(..)")
    }
}

impl Readers {
    /// The child of a notification. Whoever is shown it has been recorded before.
    pub async fn show_child(&self, id: NotificationId) -> Result<Option<ChildShown>, NotStored> {
        stored(self.child(id).await)
    }

    /// The referral of a notification with this one child, as it was posted. Whoever is shown any of it
    /// has been recorded before.
    pub async fn show_posted(&self, id: NotificationId) -> Result<Option<Referral>, NotStored> {
        stored(self.posted(id).await)
    }

    async fn posted(&self, id: NotificationId) -> Result<Option<Referral>, Fault> {
        let mut connection = self.pool.acquire().await?;
        let row = sqlx::query(POSTED)
            .bind(id.to_string())
            .fetch_optional(&mut *connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (referral, child): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let posted = self.referral_of(&mut connection, &referral, &child);
        posted.await.map(Some)
    }

    async fn child(&self, id: NotificationId) -> Result<Option<ChildShown>, Fault> {
        let mut connection = self.pool.acquire().await?;
        let row = sqlx::query(CHILD)
            .bind(id.to_string())
            .fetch_optional(&mut *connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let child: String = row.try_get(0)?;
        let posted = self.content(&mut connection, &child, "child").await?;
        let posted = json::parse(&posted).ok_or(Fault::Damaged("sealed content"))?;
        let text = |name| match posted.get(name) {
            Some(Tree::Text(text)) => Some(text.clone()),
            Some(_) | None => None,
        };
        Ok(Some(ChildShown {
            given_name: text("given_name"),
            family_name: text("family_name"),
            known_as: text("known_as"),
            date_of_birth: text("date_of_birth"),
            age_years: match posted.get("age_years") {
                Some(Tree::Whole(years)) => Some(*years),
                Some(_) | None => None,
            },
        }))
    }
}
