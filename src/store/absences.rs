//! Who is away, whichever child's letter brought it: a mailbox answers a sender once, and the next letter
//! within the same absence would lie there unread (`letters.md`, automatic replies). Remembered for each
//! contact until its end, or until that contact next answers; outside the directory's versions, because
//! it narrows at once.

use super::addresses::sharing;
use super::tx::{Fault, Tx};
use super::{Readers, answers};
use crate::referral::fold::Case;
use crate::referral::id::{ContactId, InboundId};
use jiff::Timestamp;
use sqlx::Row;
use std::collections::BTreeMap;
use std::sync::Arc;

const KNOWN: &str =
    "SELECT target, until FROM block WHERE what = 'absence' AND lifted_at IS NULL AND until > $1";
const ADD: &str = "INSERT INTO block(id, what, target, since, until, by_whom) VALUES (?, 'absence', ?, ?, ?, 'daemon') ON CONFLICT DO NOTHING";
const LIFT: &str =
    "UPDATE block SET lifted_at = ? WHERE what = 'absence' AND target = ? AND lifted_at IS NULL";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[KNOWN, ADD, LIFT];

/// Contacts who are away, and until when.
#[derive(Debug, Clone, Default)]
pub(super) struct Absences(Arc<BTreeMap<ContactId, Timestamp>>);

impl Absences {
    /// Those that lasted at `now`.
    pub(super) async fn load(readers: &Readers, now: Timestamp) -> Result<Self, Fault> {
        let rows = sqlx::query(KNOWN)
            .bind(now.as_microsecond())
            .fetch_all(&readers.pool)
            .await?;
        let mut known = BTreeMap::new();
        for row in &rows {
            let until = Timestamp::from_microsecond(row.try_get("until")?);
            let until = until.map_err(|_| Fault::Damaged("an absence"))?;
            known.insert(answers::contact_id(row)?, until);
        }
        Ok(Self(Arc::new(known)))
    }

    /// Adds to a case those of its contacts who are away beyond the time by which somebody must know. Not
    /// while the school's staff are: then everybody is, and it is no news.
    pub(super) fn add_to(&self, case: &mut Case, now: Timestamp) {
        let holiday = case.staff_back_at.is_some_and(|back| now < back);
        if self.0.is_empty() || holiday {
            return;
        }
        for (contact, ..) in &case.contacts {
            let covers = |until: &Timestamp| case.act_by <= *until && now < *until;
            if self.0.get(contact).is_some_and(covers) {
                // It is no mail about this case: those are counted.
                case.people.absent.entry(*contact).or_default();
            }
        }
    }
}

/// A contact is away until then; so are all who read the same mailbox, for it says so once.
pub(super) async fn note(
    tx: &mut Tx<'_>,
    contact: ContactId,
    until: Timestamp,
    inbound: InboundId,
) -> Result<(), Fault> {
    if until <= tx.now {
        return Ok(());
    }
    let now = tx.now;
    for contact in all_of(tx, contact).await? {
        lift_one(tx, contact);
        tx.later(ADD)
            .bind(format!("blk_{contact}_{inbound}"))
            .bind(contact.to_string())
            .bind(now.as_microsecond())
            .bind(until.as_microsecond());
        let known = Arc::make_mut(&mut tx.state.absences.0);
        known.retain(|_, until| now < *until);
        known.insert(contact, until);
    }
    Ok(())
}

/// A contact has answered: nobody who reads that mailbox is away any more.
pub(super) async fn lift(tx: &mut Tx<'_>, contact: ContactId) -> Result<(), Fault> {
    if tx.state.absences.0.is_empty() {
        return Ok(());
    }
    for contact in all_of(tx, contact).await? {
        if tx.state.absences.0.contains_key(&contact) {
            lift_one(tx, contact);
            Arc::make_mut(&mut tx.state.absences.0).remove(&contact);
        }
    }
    Ok(())
}

async fn all_of(tx: &mut Tx<'_>, contact: ContactId) -> Result<Vec<ContactId>, Fault> {
    let mut all = sharing(tx, contact).await?;
    all.push(contact);
    Ok(all)
}

fn lift_one(tx: &mut Tx<'_>, contact: ContactId) {
    let now = tx.now.as_microsecond();
    tx.later(LIFT).bind(now).bind(contact.to_string());
}
