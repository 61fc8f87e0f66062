//! Posts of known forces that were refused: sealed, kept seven days, put before the desk.

use super::RefusedPost;
use super::tasks;
use super::tx::{By, Fault, Stream, Tx};
use crate::referral::fact::{Fact, TaskKind};
use crate::referral::id::{RefusedPostId, TaskId};
use jiff::SignedDuration;
use sqlx::Row;

const REFUSED_ADD: &str = "INSERT INTO refused_post(id, force, received_at, status, code, body, until) VALUES ($1, $2, $3, $4, $5, $6, $7)";
const REFUSED_COUNT: &str = "SELECT COUNT(*) FROM refused_post WHERE force = $1 AND until > $2";
const KNOWN: &str =
    "SELECT 1 FROM blind b JOIN refused_post r ON r.id = b.owner WHERE b.digest = $1 LIMIT 1";
const BLIND_ADD: &str = "INSERT INTO blind(digest, kind, owner) VALUES ($1, 'duplicate', $2)";
const FORGET_BLIND: &str = "DELETE FROM blind WHERE substr(owner, 1, 4) = 'rfp_' AND owner IN (SELECT id FROM refused_post WHERE until <= $1)";
const FORGET_KEYS: &str = "UPDATE content_key SET wrapped = NULL, destroyed_at = $1 WHERE wrapped IS NOT NULL AND id IN (SELECT i.content_key FROM refused_post r JOIN item i ON i.id = r.body WHERE r.until <= $1)";
const FORGET_BODIES: &str =
    "UPDATE item SET sealed = NULL WHERE id IN (SELECT body FROM refused_post WHERE until <= $1)";
const FORGET: &str = "DELETE FROM refused_post WHERE until <= $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    REFUSED_ADD,
    REFUSED_COUNT,
    KNOWN,
    BLIND_ADD,
    FORGET_BLIND,
    FORGET_KEYS,
    FORGET_BODIES,
    FORGET,
];

/// Kept so long that a desk that is off for a weekend and a bank holiday still finds it.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Refused posts of one force kept at once: a robot that loops over many bodies cannot fill the disk.
/// Beyond it the answer is 503: nothing is dropped unseen.
const KEPT_PER_FORCE_MAX: i64 = 1_000;

pub(super) async fn refuse(tx: &mut Tx<'_>, refused: &RefusedPost) -> Result<(), Fault> {
    forget(tx).await?;
    let force = refused.force.as_str().as_bytes();
    let digest = tx.state.vault.blind("refused", &[force, &refused.body]);
    if is_known(tx, &digest).await? {
        return Ok(());
    }
    let kept = sqlx::query(REFUSED_COUNT)
        .bind(refused.force.as_str())
        .bind(tx.now.as_microsecond())
        .fetch_one(tx.flushed().await?)
        .await?;
    if kept.try_get::<i64, _>(0)? >= KEPT_PER_FORCE_MAX {
        return Err(Fault::Damaged(
            "too many refused posts of one force wait for the desk",
        ));
    }
    keep(tx, refused, &digest).await
}

/// Whether this very body is kept already: a robot that repeats itself is kept once.
async fn is_known(tx: &mut Tx<'_>, digest: &[u8; 32]) -> Result<bool, Fault> {
    let known = sqlx::query(KNOWN).bind(digest.as_slice());
    Ok(known.fetch_optional(tx.flushed().await?).await?.is_some())
}

async fn keep(tx: &mut Tx<'_>, refused: &RefusedPost, digest: &[u8; 32]) -> Result<(), Fault> {
    let id = tx.new_id(RefusedPostId::from_parts)?;
    let by = By {
        actor: format!("force:{}", refused.force),
        force: Some(refused.force.clone()),
        basis: tx.basis(None).await?,
    };
    let fact = Fact::IntakeRefused {
        refused: id,
        status: u32::from(refused.status),
        code: refused.code.to_owned(),
    };
    let name = id.to_string();
    let mut stream = Stream { name, count: 0 };
    tx.append(&mut stream, &fact, &by, None);
    sqlx::query(BLIND_ADD)
        .bind(digest.as_slice())
        .bind(id.to_string())
        .execute(tx.flushed().await?)
        .await?;
    let key = tx.new_content_key("inbound")?;
    let owner = id.to_string();
    let (item, _) = tx.new_item(&key, "refused_post", &owner, &refused.body)?;
    let until = tx.now.saturating_add(KEPT).unwrap_or(tx.now);
    sqlx::query(REFUSED_ADD)
        .bind(owner)
        .bind(refused.force.as_str())
        .bind(tx.now.as_microsecond())
        .bind(i64::from(refused.status))
        .bind(refused.code)
        .bind(item.to_string())
        .bind(until.as_microsecond())
        .execute(tx.flushed().await?)
        .await?;
    let task = tx.new_id(TaskId::from_parts)?;
    let subject = format!("refused:{}", refused.force);
    let (kind, now) = (TaskKind::CompleteRefusedPost, tx.now);
    // One open task a force, however many posts wait behind it.
    tasks::add(tx, task, kind, None, &subject, &by, now).await
}

/// Destroys what was kept long enough: the key, the sealed body and the row. The fact stays.
pub(super) async fn forget(tx: &mut Tx<'_>) -> Result<(), Fault> {
    let now = tx.now.as_microsecond();
    for statement in [FORGET_BLIND, FORGET_KEYS, FORGET_BODIES, FORGET] {
        sqlx::query(statement)
            .bind(now)
            .execute(tx.flushed().await?)
            .await?;
    }
    Ok(())
}
