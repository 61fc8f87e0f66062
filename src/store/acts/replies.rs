//! Replies that a person reads.

use super::super::cases::{Observed, apply, case_of};
use super::super::tx::{Fault, Tx};
use super::super::views::instant;
use super::{Acted, NotActed, found};
use crate::referral::answer::{Strength, Verdict};
use crate::referral::decide::Observation;
use crate::referral::fact::Fact;
use crate::referral::id::{InboundId, NotificationId};
use sqlx::Row;

const INBOUND: &str = "SELECT kind, notification, letter, contact, received_at, read_by, read_at, settled_at FROM inbound WHERE id = $1";
const READ: &str =
    "UPDATE inbound SET read_by = $2, read_at = $3, read_as = $4, notification = $5 WHERE id = $1";
const READ_TASK_DONE: &str = "UPDATE task SET settled_at = $2, settled_by = $3, settlement = 'done' WHERE subject = $1 AND settled_at IS NULL";

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[INBOUND, READ, READ_TASK_DONE];

pub(super) async fn attach(
    tx: &mut Tx<'_>,
    inbound: InboundId,
    notification: NotificationId,
    verdict: Verdict,
    actor: &str,
) -> Result<Acted, Fault> {
    let Some(case) = found(tx, notification).await? else {
        return Ok(Err(NotActed::NotThere("notification")));
    };
    let row = match unread(tx, inbound).await? {
        Ok(row) => row,
        Err(refused) => return Ok(Err(refused)),
    };
    if !case.people.answers.contains_key(&inbound) {
        let received_at: i64 = row.try_get("received_at")?;
        let fact = Fact::AnswerReceived {
            inbound,
            letter: None,
            contact: None,
            verdict: Verdict::None,
            has_message: true,
            strength: Strength::None,
            received_at: instant(received_at),
        };
        let cause = format!("answer:{inbound}:{notification}");
        apply(tx, notification, Observed::caused(fact, cause), None).await?;
    }
    read(tx, inbound, Some(notification), verdict, actor).await?;
    let fact = Fact::AnswerRead { inbound, verdict };
    let observed = Observed::by(actor, fact);
    let observation = Observation::Read { inbound, verdict };
    apply(tx, notification, observed, Some(observation)).await?;
    Ok(Ok(vec![notification]))
}

pub(super) async fn dismiss(
    tx: &mut Tx<'_>,
    inbound: InboundId,
    actor: &str,
) -> Result<Acted, Fault> {
    let row = match unread(tx, inbound).await? {
        Ok(row) => row,
        Err(refused) => return Ok(Err(refused)),
    };
    let notification: Option<String> = row.try_get("notification")?;
    let notification = notification.and_then(|id| NotificationId::parse(&id).ok());
    read(tx, inbound, notification, Verdict::None, actor).await?;
    let Some(notification) = notification else {
        return Ok(Ok(Vec::new()));
    };
    if case_of(tx, notification)
        .await?
        .people
        .answers
        .contains_key(&inbound)
    {
        let verdict = Verdict::None;
        let observed = Observed::by(actor, Fact::AnswerRead { inbound, verdict });
        let observation = Observation::Read { inbound, verdict };
        apply(tx, notification, observed, Some(observation)).await?;
    }
    Ok(Ok(vec![notification]))
}

/// A mail that nobody has read yet.
async fn unread(
    tx: &mut Tx<'_>,
    inbound: InboundId,
) -> Result<Result<sqlx::sqlite::SqliteRow, NotActed>, Fault> {
    let row = sqlx::query(INBOUND)
        .bind(inbound.to_string())
        .fetch_optional(&mut *tx.connection)
        .await?;
    let Some(row) = row else {
        return Ok(Err(NotActed::NotThere("reply")));
    };
    let who: Option<String> = row.try_get("read_by")?;
    if let Some(who) = who {
        let at: Option<i64> = row.try_get("read_at")?;
        let at = instant(at.unwrap_or(0));
        return Ok(Err(NotActed::Conflict { who, at }));
    }
    Ok(Ok(row))
}

async fn read(
    tx: &mut Tx<'_>,
    inbound: InboundId,
    notification: Option<NotificationId>,
    verdict: Verdict,
    actor: &str,
) -> Result<(), Fault> {
    let at = tx.now.as_microsecond();
    sqlx::query(READ)
        .bind(inbound.to_string())
        .bind(actor)
        .bind(at)
        .bind(verdict.word())
        .bind(notification.map(|id| id.to_string()))
        .execute(&mut *tx.connection)
        .await?;
    // The task of a mail that belonged to nothing is about the mail itself.
    sqlx::query(READ_TASK_DONE)
        .bind(inbound.to_string())
        .bind(at)
        .bind(actor)
        .execute(&mut *tx.connection)
        .await?;
    Ok(())
}
