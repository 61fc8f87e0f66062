//! Deliveries: claim, signed, ended. A claim is committed before MAIL and the letter's bytes before
//! that; an outcome is recorded whoever holds the claim by then.

use super::carrying::LANE_LETTERS;
use super::cases::{Observed, apply};
use super::scouts::statements_of;
use super::tx::{Fault, Mark, Tx};
use super::{Claim, Ended, Room, SignedLetter, routes};
use crate::referral::attempt::{AttemptResult, AttemptWhy, Attempted, Phase};
use crate::referral::decide::Observation;
use crate::referral::fact::Fact;
use crate::referral::field::Digest;
use crate::referral::id::{ContactId, DeliveryId, LetterId, NotificationId};
use crate::referral::school::RouteName;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

// The plus keeps the index in the order of claims: by `not_before` almost all of a full queue is due.
const NEXT: &str = "SELECT d.id, d.letter, d.notification, d.attempts, d.lease, d.lane, l.item IS NULL AS unsigned, l.render_tries FROM delivery d JOIN letter l ON l.id = d.letter JOIN notification n ON n.id = d.notification WHERE d.route = $1 AND d.state IN ('queued','in_doubt') AND d.quarantined = 0 AND +d.not_before <= $2 AND d.lane BETWEEN $4 AND $5 AND d.last_safe_at < $6 AND (n.hold IS NULL OR l.kind <> 'notification') AND (d.attempts = 0 OR $7) ORDER BY d.lane, d.last_safe_at, d.id LIMIT +$3";
const CLAIM: &str =
    "UPDATE delivery SET state = 'sending', attempts = ?, lease = ?, incarnation = ? WHERE id = ?";
const ATTEMPT_ADD: &str = "INSERT INTO attempt(delivery, n, lease, started_at) VALUES (?, ?, ?, ?)";
const TRY_RENDER: &str = "UPDATE letter SET render_tries = MAX(0, render_tries + $2) WHERE id = $1";
const LETTER: &str = "SELECT l.item, l.notification, l.contact, c.content_key, k.epoch, k.wrapped, i.sealed FROM letter l JOIN notification n ON n.id = l.notification JOIN child c ON c.id = n.child JOIN content_key k ON k.id = c.content_key LEFT JOIN item i ON i.id = l.item WHERE l.id = ?";
const SIGNED: &str = "UPDATE letter SET item = ?, bytes_digest = ?, signer = ?, signed_at = ?, profile = ? WHERE id = ?";
const DELIVERY: &str = "SELECT d.notification, c.content_key, k.epoch, k.wrapped, a.ended_at, a.result FROM delivery d JOIN notification n ON n.id = d.notification JOIN child c ON c.id = n.child JOIN content_key k ON k.id = c.content_key JOIN attempt a ON a.delivery = d.id AND a.n = ? WHERE d.id = ?";
const ATTEMPT_SAVE: &str = "UPDATE attempt SET ended_at = ?, result = ?, phase = ?, code = ?, enhanced = ?, tls = ?, chain_digest = ?, words = ? WHERE delivery = ? AND n = ?";
// By its attempt, and not by its state: a report may have said meanwhile that the relay has it.
const UNENDED: &str = "SELECT d.id, a.n AS attempts, l.item IS NULL AS unsigned FROM attempt a CROSS JOIN delivery d ON d.id = a.delivery CROSS JOIN letter l ON l.id = d.letter WHERE a.ended_at IS NULL AND d.quarantined = 0 AND d.incarnation < $1 ORDER BY a.delivery";

const SET_ASIDE: &str = "UPDATE delivery SET state = 'held', quarantined = 1 WHERE id = $1";
const SAVEPOINT: &str = "SAVEPOINT delivery";
const RELEASE: &str = "RELEASE delivery";
const BACK: &str = "ROLLBACK TO delivery";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    NEXT,
    CLAIM,
    ATTEMPT_ADD,
    TRY_RENDER,
    LETTER,
    SIGNED,
    DELIVERY,
    ATTEMPT_SAVE,
    UNENDED,
    SET_ASIDE,
];

/// A letter that was made again this often, alone, and never got done is set aside, and the next goes
/// on.
const RENDER_TRIES_MAX: i64 = 3;

/// Claims what is due on a route: letters first, then what there is room for of anything else.
pub(super) async fn claim(
    tx: &mut Tx<'_>,
    route: &RouteName,
    room: &Room,
) -> Result<Vec<Claim>, Fault> {
    if routes::is_suspended(tx, route).await? {
        return Ok(Vec::new());
    }
    let mut claims = claim_lanes(tx, route, room, LETTERS, room.places).await?;
    let left = room.places.saturating_sub(claims.len()).min(room.others);
    if left > 0 {
        let tried = claims.iter().filter(|claim| claim.attempt > 1).count();
        let room = Room {
            again: room.again.map(|again| again.saturating_sub(tried)),
            ..*room
        };
        claims.extend(claim_lanes(tx, route, &room, OTHERS, left).await?);
    }
    Ok(claims)
}

/// Lanes, the first and the last.
type Lanes = (i64, i64);
const LETTERS: Lanes = (LANE_LETTERS, LANE_LETTERS);
const OTHERS: Lanes = (LANE_LETTERS + 1, i64::MAX);

/// At most so many of these lanes; of those that were tried before, all or a few.
async fn claim_lanes(
    tx: &mut Tx<'_>,
    route: &RouteName,
    room: &Room,
    lanes: Lanes,
    most: usize,
) -> Result<Vec<Claim>, Fault> {
    let mut claims = claim_by(tx, NEXT, (route, room, lanes), most).await?;
    let (new, again) = (claims.len(), room.again.unwrap_or(0));
    let scouts = most.saturating_sub(new).min(again);
    for statement in statements_of(room.scout) {
        let left = scouts.saturating_sub(claims.len().saturating_sub(new));
        if left > 0 {
            claims.extend(claim_by(tx, statement, (route, room, lanes), left).await?);
        }
    }
    Ok(claims)
}

async fn claim_by(
    tx: &mut Tx<'_>,
    statement: &'static str,
    (route, room, lanes): (&RouteName, &Room, Lanes),
    most: usize,
) -> Result<Vec<Claim>, Fault> {
    let rows = sqlx::query(statement)
        .bind(route.as_str())
        .bind(tx.now.as_microsecond())
        .bind(i64::try_from(most).unwrap_or(0))
        .bind(lanes.0)
        .bind(lanes.1)
        .bind(room.safe_before.map_or(i64::MAX, Timestamp::as_microsecond))
        .bind(room.again.is_none())
        .fetch_all(tx.flushed().await?)
        .await?;
    let mut claims = Vec::new();
    for row in rows {
        let before = tx.state.mark();
        tx.begin(SAVEPOINT).await?;
        match claim_or_quarantine(tx, &row).await {
            Ok(claim) => claims.extend(claim),
            Err(fault) if fault.fails_alone() => set_aside(tx, &row, before, &fault).await?,
            Err(fault) => return Err(fault),
        }
    }
    Ok(claims)
}

/// A delivery whose record is damaged stops nobody else's: it is set aside and shown.
async fn set_aside(
    tx: &mut Tx<'_>,
    row: &SqliteRow,
    before: Mark,
    fault: &Fault,
) -> Result<(), Fault> {
    let delivery: String = row.try_get("id")?;
    tracing::error!(%delivery, %fault, "set aside");
    tx.roll_back_to(BACK).await?;
    tx.state.back_to(before);
    sqlx::query(SET_ASIDE)
        .bind(delivery)
        .execute(tx.flushed().await?)
        .await?;
    released(tx).await
}

async fn claim_or_quarantine(tx: &mut Tx<'_>, row: &SqliteRow) -> Result<Option<Claim>, Fault> {
    let unsigned: bool = row.try_get("unsigned")?;
    let tries: i64 = row.try_get("render_tries")?;
    if unsigned && tries >= RENDER_TRIES_MAX {
        quarantine(tx, row, tries).await?;
        released(tx).await?;
        return Ok(None);
    }
    let claim = claim_one(tx, row).await?;
    released(tx).await?;
    Ok(Some(claim))
}

/// Ends a savepoint: here, where what the database refuses of it sets this one aside and no other.
async fn released(tx: &mut Tx<'_>) -> Result<(), Fault> {
    tx.later(RELEASE);
    tx.flushed().await?;
    Ok(())
}

async fn claim_one(tx: &mut Tx<'_>, row: &SqliteRow) -> Result<Claim, Fault> {
    let delivery = delivery_id(row)?;
    let letter: String = row.try_get("letter")?;
    let attempt: i64 = row.try_get::<i64, _>("attempts")? + 1;
    let lease: i64 = row.try_get::<i64, _>("lease")? + 1;
    let (incarnation, started_at) = (tx.state.incarnation, tx.now.as_microsecond());
    tx.later(CLAIM)
        .bind(attempt)
        .bind(lease)
        .bind(incarnation)
        .bind(delivery.to_string());
    tx.later(ATTEMPT_ADD)
        .bind(delivery.to_string())
        .bind(attempt)
        .bind(lease)
        .bind(started_at);
    let attempt = u32::try_from(attempt).map_err(|_| Fault::Damaged("attempts"))?;
    let incarnation = u32::try_from(incarnation).unwrap_or(u32::MAX);
    let fact = Fact::DeliveryClaimed {
        delivery,
        attempt,
        incarnation,
    };
    let notification = notification_id(row.try_get("notification")?)?;
    apply(tx, notification, Observed::plain(fact), None).await?;
    let letter = LetterId::parse(&letter).map_err(|_| Fault::Damaged("a letter's id"))?;
    Ok(Claim {
        delivery,
        notification,
        letter,
        attempt,
        lease,
        is_letter: row.try_get::<i64, _>("lane")? == LANE_LETTERS,
    })
}

async fn quarantine(tx: &mut Tx<'_>, row: &SqliteRow, tries: i64) -> Result<(), Fault> {
    let delivery = delivery_id(row)?;
    let notification = notification_id(row.try_get("notification")?)?;
    let tries = u32::try_from(tries).unwrap_or(u32::MAX);
    let fact = Fact::DeliveryQuarantined { delivery, tries };
    let observed = Observed::caused(fact, format!("quarantine:{delivery}"));
    apply(
        tx,
        notification,
        observed,
        Some(Observation::Quarantined { delivery }),
    )
    .await?;
    Ok(())
}

/// Counts, before it begins, that a letter is made again; or takes that back. Letters are first made side by side, and a
/// death of the daemon then tells nothing about any one of them; a second time each is made alone.
pub(super) async fn making_again(
    tx: &mut Tx<'_>,
    letter: LetterId,
    more: i64,
) -> Result<(), Fault> {
    sqlx::query(TRY_RENDER)
        .bind(letter.to_string())
        .bind(more)
        .execute(tx.flushed().await?)
        .await?;
    Ok(())
}

/// Keeps a letter's bytes, once. Gives back the bytes that are kept: those of whoever was first.
pub(super) async fn signed(tx: &mut Tx<'_>, signed: &SignedLetter) -> Result<Vec<u8>, Fault> {
    let id = signed.letter.to_string();
    tx.later(LETTER).bind(&id);
    let row = tx.row().await?;
    let key = tx.key_of(&row)?;
    let kept: Option<String> = row.try_get("item")?;
    if let Some(item) = kept {
        let sealed: Vec<u8> = row.try_get("sealed")?;
        return Ok(key.open(&item, "letter", &sealed)?);
    }
    let (item, commitment) = tx.new_item(&key, "letter", &id, &signed.bytes)?;
    let signed_at = tx.now.as_microsecond();
    tx.later(SIGNED)
        .bind(item.to_string())
        .bind(signed.digest.as_slice())
        .bind(&signed.signer)
        .bind(signed_at)
        .bind(signed.profile)
        .bind(&id);
    let contact: String = row.try_get("contact")?;
    let fact = Fact::LetterSigned {
        letter: signed.letter,
        contact: ContactId::parse(&contact).map_err(|_| Fault::Damaged("a contact's id"))?,
        item,
        commitment: Digest(commitment),
        bytes_digest: Digest(signed.digest),
        signer: signed.signer.clone(),
    };
    let observed = Observed::caused(fact, format!("signed:{id}"));
    apply(
        tx,
        notification_id(row.try_get("notification")?)?,
        observed,
        None,
    )
    .await?;
    Ok(signed.bytes.clone())
}

/// Records an attempt's outcome.
pub(super) async fn ended(tx: &mut Tx<'_>, ended: &Ended) -> Result<(), Fault> {
    let delivery = ended.delivery.to_string();
    tx.later(DELIVERY)
        .bind(i64::from(ended.attempt))
        .bind(&delivery);
    let row = tx.row().await?;
    let notification = notification_id(row.try_get("notification")?)?;
    let attempted = &ended.attempted;
    let result: Option<String> = row.try_get("result")?;
    let earlier: Option<i64> = row.try_get("ended_at")?;
    // Said again, because its first answer was lost: recorded already.
    if result.as_deref() == Some(attempted.result.word()) {
        return Ok(());
    }
    let words = if attempted.words.is_empty() {
        None
    } else {
        let key = tx.key_of(&row)?;
        Some(tx.new_item(&key, "words", &delivery, &attempted.words)?.0)
    };
    let known = result.as_deref().and_then(AttemptResult::parse);
    // The row says what the facts fold to: of two reports the one that says more.
    if known.is_none_or(|known| attempted.result.weight() > known.weight()) {
        save_attempt(tx, ended, words.map(|item| item.to_string()));
    }
    // Given up as unknown, and now it reports after all: a second fact, never a lost "250".
    let cause = if earlier.is_none() {
        "ended"
    } else {
        "ended-late"
    };
    let fact = Fact::AttemptEnded {
        delivery: ended.delivery,
        attempt: ended.attempt,
        result: attempted.result,
        phase: attempted.phase,
        why: attempted.why,
        code: attempted.code.map(u32::from),
        enhanced: attempted.enhanced.clone(),
        tls_version: attempted.tls.as_ref().map(|tls| tls.version.clone()),
        tls_cipher: attempted.tls.as_ref().map(|tls| tls.cipher.clone()),
        chain_digest: attempted.tls.as_ref().map(|tls| Digest(tls.chain_digest)),
        words,
    };
    let observed = Observed::caused(fact, format!("{cause}:{delivery}:{}", ended.attempt));
    let observation = Observation::AttemptEnded {
        delivery: ended.delivery,
        attempt: ended.attempt,
        result: attempted.result,
    };
    apply(tx, notification, observed, Some(observation)).await?;
    Ok(())
}

fn save_attempt(tx: &mut Tx<'_>, ended: &Ended, words: Option<String>) {
    let attempted = &ended.attempted;
    let tls = attempted.tls.as_ref();
    let ended_at = tx.now.as_microsecond();
    tx.later(ATTEMPT_SAVE)
        .bind(ended_at)
        .bind(attempted.result.word())
        .bind(attempted.phase.word())
        .bind(attempted.code.map(i64::from))
        .bind(&attempted.enhanced)
        .bind(tls.map(|tls| format!("{} {}", tls.version, tls.cipher)))
        .bind(tls.map(|tls| tls.chain_digest.to_vec()))
        .bind(words)
        .bind(ended.delivery.to_string())
        .bind(i64::from(ended.attempt));
}

/// At start, before anything is claimed: what an earlier run was sending is in doubt, and each of its
/// attempts has an outcome. A letter that was not yet signed cannot have left, and is simply queued.
pub(super) async fn recover(tx: &mut Tx<'_>) -> Result<usize, Fault> {
    let rows = sqlx::query(UNENDED)
        .bind(tx.state.incarnation)
        .fetch_all(tx.flushed().await?)
        .await?;
    for row in &rows {
        let before = tx.state.mark();
        tx.begin(SAVEPOINT).await?;
        match recover_one(tx, row).await {
            Ok(()) => {}
            Err(fault) if fault.fails_alone() => set_aside(tx, row, before, &fault).await?,
            Err(fault) => return Err(fault),
        }
    }
    Ok(rows.len())
}

async fn recover_one(tx: &mut Tx<'_>, row: &SqliteRow) -> Result<(), Fault> {
    let unsigned: bool = row.try_get("unsigned")?;
    let result = if unsigned {
        AttemptResult::Later
    } else {
        AttemptResult::Unknown
    };
    let attempted = Attempted {
        result,
        phase: Phase::Daemon,
        why: AttemptWhy::DaemonStopped,
        code: None,
        enhanced: None,
        tls: None,
        words: Vec::new(),
    };
    let attempt = u32::try_from(row.try_get::<i64, _>("attempts")?);
    let attempt = attempt.map_err(|_| Fault::Damaged("attempts"))?;
    let delivery = delivery_id(row)?;
    ended(
        tx,
        &Ended {
            delivery,
            attempt,
            attempted,
        },
    )
    .await?;
    released(tx).await
}

fn delivery_id(row: &SqliteRow) -> Result<DeliveryId, Fault> {
    let id: String = row.try_get("id")?;
    DeliveryId::parse(&id).map_err(|_| Fault::Damaged("a delivery's id"))
}

fn notification_id(text: String) -> Result<NotificationId, Fault> {
    NotificationId::parse(&text).map_err(|_| Fault::Damaged("a notification's id"))
}
