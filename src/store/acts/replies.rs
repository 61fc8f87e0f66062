//! Replies that a person reads.

use super::super::answers::{contact_id, may_answer, whose};
use super::super::cases::{Observed, apply, case_of};
use super::super::rows::notification_ids;
use super::super::tx::{Fault, Tx};
use super::super::views::instant;
use super::notifications::found;
use super::{Acted, NotActed, first};
use crate::referral::answer::{Strength, Verdict};
use crate::referral::decide::Observation;
use crate::referral::fact::Fact;
use crate::referral::fold::Case;
use crate::referral::id::{ContactId, InboundId, NotificationId};
use sqlx::Row;

const INBOUND: &str =
    "SELECT contact, received_at, read_by, read_at, settled_at FROM inbound WHERE id = $1";
const AT_THIS_SCHOOL: &str = "SELECT c.id FROM contact c JOIN contact a ON a.address_digest = c.address_digest WHERE a.id = $1 AND c.urn = $2 AND c.role <> 'office' AND c.to_version IS NULL ORDER BY c.role, c.rank, c.id";
/// The causes of the answers that a mail brought: `answer:`, its id, a colon and the notification. A
/// semicolon comes after the colon.
const ANSWERS: &str = "SELECT stream FROM fact WHERE cause >= 'answer:' || $1 || ':' AND cause < 'answer:' || $1 || ';' ORDER BY stream";
const READ: &str = "UPDATE inbound SET read_by = $2, read_at = $3, read_as = $4, notification = COALESCE($5, notification) WHERE id = $1";
const READ_TASK_DONE: &str = "UPDATE task SET settled_at = $2, settled_by = $3, settlement = 'done' WHERE subject = $1 AND settled_at IS NULL";

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[INBOUND, AT_THIS_SCHOOL, ANSWERS, READ, READ_TASK_DONE];

/// Says what a reply means, and of which notification.
pub(super) async fn attach(
    tx: &mut Tx<'_>,
    inbound: InboundId,
    notification: NotificationId,
    verdict: Verdict,
    operator: &str,
) -> Result<Acted, Fault> {
    let Some(case) = found(tx, notification).await? else {
        return Ok(Err(NotActed::NotThere("notification")));
    };
    let row = match unread(tx, inbound).await? {
        Ok(row) => row,
        Err(refused) => return Ok(Err(refused)),
    };
    let sender: Option<String> = row.try_get("contact")?;
    let contact = at_this_school(tx, &case, sender).await?;
    if contact.is_none() && changes(verdict) {
        let words = "no address that may answer for this school wrote it: ring the school, and record what it says";
        return Ok(Err(NotActed::NotNow(words)));
    }
    if verdict == Verdict::Received && !case.letters().any(|(_, l)| l.may_have_arrived()) {
        let words = "no letter of it has left: nobody can have received it";
        return Ok(Err(NotActed::NotNow(words)));
    }
    if !case.people.answers.contains_key(&inbound) {
        let received_at: i64 = row.try_get("received_at")?;
        let fact = Fact::AnswerReceived {
            inbound,
            letter: None,
            contact,
            verdict: Verdict::None,
            has_message: true,
            strength: Strength::None,
            received_at: instant(received_at),
        };
        let cause = format!("answer:{inbound}:{notification}");
        apply(tx, notification, Observed::caused(fact, cause), None).await?;
    }
    done(tx, inbound, Some(notification), verdict, operator).await?;
    let mut about = vec![notification];
    for other in answered(tx, inbound).await? {
        if other != notification {
            // It was about another child: whoever waited for it to be read waits no longer.
            read_as(tx, other, inbound, Verdict::None, operator).await?;
            about.push(other);
        }
    }
    read_as(tx, notification, inbound, verdict, operator).await?;
    Ok(Ok(about))
}

/// Says that a reply asks for nothing.
pub(super) async fn dismiss(
    tx: &mut Tx<'_>,
    inbound: InboundId,
    operator: &str,
) -> Result<Acted, Fault> {
    if let Err(refused) = unread(tx, inbound).await? {
        return Ok(Err(refused));
    }
    done(tx, inbound, None, Verdict::None, operator).await?;
    let about = answered(tx, inbound).await?;
    for notification in &about {
        read_as(tx, *notification, inbound, Verdict::None, operator).await?;
    }
    Ok(Ok(about))
}

/// Whether this verdict changes anything: from an address that we do not hold it never does, whoever
/// reads it (`letters.md`, reading answers).
fn changes(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Received | Verdict::NotOurs | Verdict::Wrong => true,
        Verdict::Call | Verdict::None => false,
    }
}

/// The contact of the notification's school who wrote from the address of this one, and may answer for it.
async fn at_this_school(
    tx: &mut Tx<'_>,
    case: &Case,
    sender: Option<String>,
) -> Result<Option<ContactId>, Fault> {
    let (Some(sender), Some(whose)) = (sender, whose(case)) else {
        return Ok(None);
    };
    let rows = sqlx::query(AT_THIS_SCHOOL)
        .bind(sender)
        .bind(whose)
        .fetch_all(tx.flushed().await?)
        .await?;
    let wrote = rows.iter().map(contact_id).collect::<Result<Vec<_>, _>>()?;
    let mut wrote = wrote.into_iter();
    Ok(wrote.find(|contact| may_answer(tx, case, *contact)))
}

/// The notifications that this mail brought an answer to.
async fn answered(tx: &mut Tx<'_>, inbound: InboundId) -> Result<Vec<NotificationId>, Fault> {
    let rows = sqlx::query(ANSWERS)
        .bind(inbound.to_string())
        .fetch_all(tx.flushed().await?)
        .await?;
    notification_ids(&rows)
}

async fn read_as(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    inbound: InboundId,
    verdict: Verdict,
    operator: &str,
) -> Result<(), Fault> {
    // What a mail said surely was believed when it came; read or not, that stands.
    let case = case_of(tx, notification).await?;
    let known = case.people.answers.get(&inbound);
    if known.is_none_or(|answer| answer.read.is_some()) {
        return Ok(());
    }
    let actor = first::actor(operator);
    let observed = Observed::by(&actor, Fact::AnswerRead { inbound, verdict });
    let observation = Observation::Read { inbound, verdict };
    apply(tx, notification, observed, Some(observation)).await?;
    Ok(())
}

/// A mail that nobody has read yet.
async fn unread(
    tx: &mut Tx<'_>,
    inbound: InboundId,
) -> Result<Result<sqlx::sqlite::SqliteRow, NotActed>, Fault> {
    let row = sqlx::query(INBOUND)
        .bind(inbound.to_string())
        .fetch_optional(tx.flushed().await?)
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
    // What it brings is recorded first, so that nothing of it waits unread afterwards.
    if row.try_get::<Option<i64>, _>("settled_at")?.is_none() {
        let words = "it has only just come and is not classified yet";
        return Ok(Err(NotActed::NotNow(words)));
    }
    Ok(Ok(row))
}

/// Somebody has read it; a task about the mail itself is done.
async fn done(
    tx: &mut Tx<'_>,
    inbound: InboundId,
    notification: Option<NotificationId>,
    verdict: Verdict,
    operator: &str,
) -> Result<(), Fault> {
    let at = tx.now.as_microsecond();
    sqlx::query(READ)
        .bind(inbound.to_string())
        .bind(operator)
        .bind(at)
        .bind(verdict.word())
        .bind(notification.map(|id| id.to_string()))
        .execute(tx.flushed().await?)
        .await?;
    // The task of a mail that belonged to nothing is about the mail itself.
    sqlx::query(READ_TASK_DONE)
        .bind(inbound.to_string())
        .bind(at)
        .bind(operator)
        .execute(tx.flushed().await?)
        .await?;
    Ok(())
}
