//! Timers: what is due is applied, one notification at a time.

use super::cases::{Observed, apply};
use super::tx::{Fault, Tx};
use crate::referral::decide::Observation;
use crate::referral::id::NotificationId;
use sqlx::Row;

const DUE: &str =
    "SELECT id FROM notification WHERE live = 1 AND next_at <= $1 ORDER BY next_at, id LIMIT +$2";
const SAVEPOINT: &str = "SAVEPOINT timer";
const RELEASE: &str = "RELEASE timer";
const BACK: &str = "ROLLBACK TO timer";
/// A case whose record is damaged is looked at again an hour later: it must not stop the others.
const PUT_OFF: &str = "UPDATE notification SET next_at = CASE WHEN act_by > $2 THEN MIN(act_by, $2 + 3600000000) ELSE $2 + 3600000000 END, next_what = 'damaged', timing = CASE WHEN act_by > $2 THEN timing ELSE 'late' END WHERE id = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[DUE, PUT_OFF];

/// Applies the timers that are due, at most so many. Gives how many were.
pub(super) async fn fire(tx: &mut Tx<'_>, most: usize) -> Result<usize, Fault> {
    let rows = sqlx::query(DUE)
        .bind(tx.now.as_microsecond())
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(tx.flushed().await?)
        .await?;
    for row in &rows {
        let id: String = row.try_get(0)?;
        let before = tx.state.mark();
        tx.begin(SAVEPOINT).await?;
        match fire_one(tx, &id).await {
            Ok(()) => {}
            Err(fault) if fault.fails_alone() => {
                tracing::error!(notification = %id, %fault, "its timer failed");
                tx.roll_back_to(BACK).await?;
                tx.state.back_to(before);
                sqlx::query(PUT_OFF)
                    .bind(&id)
                    .bind(tx.now.as_microsecond())
                    .execute(tx.flushed().await?)
                    .await?;
                tx.later(RELEASE);
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(rows.len())
}

async fn fire_one(tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    let id = NotificationId::parse(id).map_err(|_| Fault::Damaged("a notification's id"))?;
    apply(tx, id, Observed::default(), Some(Observation::Timer)).await?;
    // Here, where what the database refuses of it is its own fault and nobody else's.
    tx.later(RELEASE);
    tx.flushed().await?;
    Ok(())
}
