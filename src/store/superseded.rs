//! A referral that replaces an earlier one of the same sender, whichever of the two arrives first.

use super::accept::referral_id;
use super::cases::{Observed, apply};
use super::rows::notification_ids;
use super::tx::{By, Fault, Stream, Tx};
use crate::referral::decide::Observation;
use crate::referral::fact::Fact;
use crate::referral::id::ReferralId;
use crate::referral::post::Referral;
use sqlx::Row;

const NAMED: &str = "SELECT id, duplicate_of FROM referral WHERE force = $1 AND referral_id = $2";
// The plus keeps it from walking all referrals of a force in the order of their arrival.
const SUCCESSOR: &str = "SELECT id FROM referral WHERE force = $1 AND supersedes_id = $2 ORDER BY +received_at DESC, id DESC LIMIT 1";
const LIVE: &str = "SELECT id FROM notification WHERE referral = $1 AND live = 1 ORDER BY id";
const END: &str = "UPDATE referral SET ended = 'superseded' WHERE id = $1 AND ended IS NULL";
const COUNT: &str = "SELECT COUNT(*) FROM fact WHERE stream = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[NAMED, SUCCESSOR, LIVE, END, COUNT];

/// How a replaced referral's notifications are closed.
pub(super) const SUPERSEDED: &str = "superseded";

/// How a post stands to others of its sender by their `supersedes`.
pub(super) struct Succession {
    /// What it replaces, which has ended.
    pub(super) replaced: Option<ReferralId>,
    /// It names one that is not here, or not yet.
    pub(super) is_unknown: bool,
    /// What replaced it before it came.
    pub(super) successor: Option<ReferralId>,
}

/// Ends what a post replaces, and finds what has replaced it already.
pub(super) async fn succeed(
    tx: &mut Tx<'_>,
    post: &Referral,
    id: ReferralId,
    by: &By,
) -> Result<Succession, Fault> {
    let replaced = match &post.supersedes {
        Some(named) => supersede(tx, post, named, id, by).await?,
        None => None,
    };
    let successor = sqlx::query(SUCCESSOR)
        .bind(post.force.as_str())
        .bind(&post.referral_id)
        .fetch_optional(tx.flushed().await?)
        .await?;
    Ok(Succession {
        replaced,
        is_unknown: post.supersedes.is_some() && replaced.is_none(),
        successor: successor
            .map(|row| row.try_get(0).map_err(Fault::from).and_then(referral_id))
            .transpose()?,
    })
}

/// Ends the referral that a post names. One that is linked to an identical earlier one has no
/// notifications of its own: the earlier one's are what the sender corrects, and it ends too.
async fn supersede(
    tx: &mut Tx<'_>,
    post: &Referral,
    named: &str,
    by_referral: ReferralId,
    by: &By,
) -> Result<Option<ReferralId>, Fault> {
    let row = sqlx::query(NAMED)
        .bind(post.force.as_str())
        .bind(named)
        .fetch_optional(tx.flushed().await?)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let earlier = referral_id(row.try_get(0)?)?;
    end(tx, earlier, by_referral, by).await?;
    let original: Option<String> = row.try_get(1)?;
    if let Some(original) = original {
        end(tx, referral_id(original)?, by_referral, by).await?;
    }
    Ok(Some(earlier))
}

/// Ends a referral: its live notifications close as superseded, and what has not left is cancelled.
/// The successor opens its own.
pub(super) async fn end(
    tx: &mut Tx<'_>,
    earlier: ReferralId,
    by_referral: ReferralId,
    by: &By,
) -> Result<(), Fault> {
    let ended = sqlx::query(END)
        .bind(earlier.to_string())
        .execute(tx.flushed().await?)
        .await?;
    if ended.rows_affected() == 0 {
        return Ok(());
    }
    let count = sqlx::query(COUNT)
        .bind(earlier.to_string())
        .fetch_one(tx.flushed().await?)
        .await?;
    let mut stream = Stream {
        name: earlier.to_string(),
        count: count.try_get(0)?,
    };
    let fact = Fact::ReferralSuperseded {
        referral: earlier,
        by: by_referral,
    };
    tx.append(&mut stream, &fact, by, None);
    let rows = sqlx::query(LIVE)
        .bind(earlier.to_string())
        .fetch_all(tx.flushed().await?)
        .await?;
    for id in notification_ids(&rows)? {
        let observed = Observed::plain(fact.clone());
        apply(tx, id, observed, Some(Observation::Superseded)).await?;
    }
    Ok(())
}
