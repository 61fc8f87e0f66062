//! What several queries read from their rows in the same way.

use super::tx::Fault;
use crate::referral::id::NotificationId;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// The notifications that the rows' first column names.
pub(super) fn notification_ids(rows: &[SqliteRow]) -> Result<Vec<NotificationId>, Fault> {
    rows.iter()
        .map(|row| {
            let id: String = row.try_get(0)?;
            NotificationId::parse(&id).map_err(|_| Fault::Damaged("a notification's id"))
        })
        .collect()
}
