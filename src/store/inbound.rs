//! What came back by mail: kept raw before anything is made of it, tried with a count, and settled
//! with what it brings, once.

use super::answers;
use super::tx::{By, Fault, Tx};
use super::{InboundMail, Settled, json, tasks};
use crate::referral::fact::TaskKind;
use crate::referral::id::{InboundId, TaskId};
use crate::referral::tree::Tree;
use sqlx::Row;

const KNOWN: &str = "SELECT id FROM inbound WHERE source = $1 AND source_key = $2";
const ADD: &str = "INSERT INTO inbound(id, source, source_key, received_at, raw, envelope, size_bytes) VALUES ($1, $2, $3, $4, $5, $6, $7)";
const TRY: &str = "UPDATE inbound SET parse_tries = parse_tries + 1 WHERE id = $1 AND settled_at IS NULL RETURNING parse_tries";
const STATE: &str = "SELECT received_at FROM inbound WHERE id = $1 AND settled_at IS NULL";
const SETTLE: &str = "UPDATE inbound SET settled_at = $2, kind = $3, verdict = $4, strength = $5, letter = $6, notification = $7, contact = $8 WHERE id = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[KNOWN, ADD, TRY, STATE, SETTLE];

/// A mail that was tried this often and never got done is set aside, and the next goes on.
const TRIES_MAX: i64 = 3;

/// Keeps a mail, once: one that its sender repeats because our 250 was lost is known by envelope and
/// bytes.
pub(super) async fn keep(tx: &mut Tx<'_>, mail: &InboundMail) -> Result<InboundId, Fault> {
    let envelope = envelope(mail);
    // Keyed: short mails of few senders could be guessed from a plain digest, which outlives them.
    let digest = tx.state.vault.blind("inbound", &[&envelope, &mail.bytes]);
    let source_key: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let known = sqlx::query(KNOWN)
        .bind(&mail.source)
        .bind(&source_key)
        .fetch_optional(tx.flushed().await?)
        .await?;
    if let Some(row) = known {
        let id: String = row.try_get(0)?;
        return InboundId::parse(&id).map_err(|_| Fault::Damaged("an inbound mail's id"));
    }
    let id = tx.new_id(InboundId::from_parts)?;
    let owner = id.to_string();
    let key = tx.new_content_key("inbound")?;
    let (raw, _) = tx.new_item(&key, "inbound", &owner, &mail.bytes)?;
    let (sealed, _) = tx.new_item(&key, "envelope", &owner, &envelope)?;
    sqlx::query(ADD)
        .bind(&owner)
        .bind(&mail.source)
        .bind(source_key)
        .bind(tx.now.as_microsecond())
        .bind(raw.to_string())
        .bind(sealed.to_string())
        .bind(i64::try_from(mail.bytes.len()).unwrap_or(i64::MAX))
        .execute(tx.flushed().await?)
        .await?;
    Ok(id)
}

/// The envelope as canonical JSON.
fn envelope(mail: &InboundMail) -> Vec<u8> {
    let from = mail.mail_from.clone().map_or(Tree::Null, Tree::Text);
    let to = mail.rcpt_to.iter().cloned().map(Tree::Text).collect();
    json::canonical(&Tree::Map(vec![
        ("mail_from".to_owned(), from),
        ("rcpt_to".to_owned(), Tree::List(to)),
    ]))
}

/// Counts, before it begins, that a mail is read. False: it was tried too often, is set aside
/// unclassified, and a person looks.
pub(super) async fn try_inbound(tx: &mut Tx<'_>, inbound: InboundId) -> Result<bool, Fault> {
    let row = sqlx::query(TRY)
        .bind(inbound.to_string())
        .fetch_optional(tx.flushed().await?)
        .await?;
    let Some(row) = row else { return Ok(false) };
    if row.try_get::<i64, _>(0)? <= TRIES_MAX {
        return Ok(true);
    }
    settle(tx, &Settled::unclassified(inbound)).await?;
    Ok(false)
}

/// Settles a mail with what it brings.
pub(super) async fn settle(tx: &mut Tx<'_>, settled: &Settled) -> Result<(), Fault> {
    let open = sqlx::query(STATE)
        .bind(settled.inbound.to_string())
        .fetch_optional(tx.flushed().await?)
        .await?;
    // Said again, because the first answer was lost: settled already.
    let Some(row) = open else { return Ok(()) };
    let received_at = super::views::instant(row.try_get(0)?);
    let contact = answers::carry(tx, settled, received_at).await?;
    let matched = settled.matched;
    sqlx::query(SETTLE)
        .bind(settled.inbound.to_string())
        .bind(tx.now.as_microsecond())
        .bind(settled.kind.word())
        .bind(settled.verdict().map(|verdict| verdict.word()))
        .bind(matched.map(|matched| matched.strength.word()))
        .bind(matched.and_then(|matched| matched.letter.map(|id| id.to_string())))
        .bind(matched.map(|matched| matched.notification.to_string()))
        .bind(contact.map(|contact| contact.to_string()))
        .execute(tx.flushed().await?)
        .await?;
    Ok(())
}

/// Puts a mail that belongs to no notification before a person.
pub(super) async fn for_a_person(tx: &mut Tx<'_>, inbound: InboundId) -> Result<(), Fault> {
    let by = By {
        actor: "daemon".to_owned(),
        force: None,
        basis: tx.basis(None).await?,
    };
    let task = tx.new_id(TaskId::from_parts)?;
    let subject = inbound.to_string();
    tasks::add(tx, task, TaskKind::ReadReply, None, &subject, &by, tx.now).await
}
