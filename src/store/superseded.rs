//! A referral that replaces an earlier one of the same sender.

use super::cases::{Observed, apply};
use super::tx::{By, Fault, Stream, Tx};
use crate::referral::decide::Observation;
use crate::referral::fact::Fact;
use crate::referral::id::{NotificationId, ReferralId};
use sqlx::Row;

const LIVE: &str = "SELECT id FROM notification WHERE referral = $1 AND live = 1 ORDER BY id";
const END: &str = "UPDATE referral SET ended = 'superseded' WHERE id = $1 AND ended IS NULL";
const COUNT: &str = "SELECT COUNT(*) FROM fact WHERE stream = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[LIVE, END, COUNT];

/// Ends the earlier referral: its live notifications close as `superseded`, and what has not left
/// is cancelled. The successor opens its own.
pub(super) async fn supersede(
    tx: &mut Tx<'_>,
    earlier: ReferralId,
    by_referral: ReferralId,
    by: &By,
) -> Result<(), Fault> {
    let ended = sqlx::query(END)
        .bind(earlier.to_string())
        .execute(&mut *tx.connection)
        .await?;
    if ended.rows_affected() == 0 {
        return Ok(());
    }
    let count = sqlx::query(COUNT)
        .bind(earlier.to_string())
        .fetch_one(&mut *tx.connection)
        .await?;
    let mut stream = Stream {
        name: earlier.to_string(),
        count: count.try_get(0)?,
    };
    let fact = Fact::ReferralSuperseded {
        referral: earlier,
        by: by_referral,
    };
    tx.append(&mut stream, &fact, by, None).await?;
    let rows = sqlx::query(LIVE)
        .bind(earlier.to_string())
        .fetch_all(&mut *tx.connection)
        .await?;
    for row in rows {
        let id: String = row.try_get(0)?;
        let id = NotificationId::parse(&id).map_err(|_| Fault::Damaged("a notification's id"))?;
        let observed = Observed::plain(fact.clone());
        apply(tx, id, observed, Some(Observation::Superseded)).await?;
    }
    Ok(())
}
