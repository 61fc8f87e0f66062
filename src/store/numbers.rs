//! What earlier calls to a place say about ringing it again: that it is closed today, and which of its
//! numbers are wrong.

use super::Readers;
use super::tasks::{RESTRICTED, can_be_done_from, subject};
use super::tx::{By, Fault, Tx};
use super::vault::Vault;
use super::views::instant;
use crate::referral::answer::CallOutcome;
use crate::referral::fact::TaskKind;
use crate::referral::fold::Case;
use crate::referral::london;
use crate::referral::post::ForceName;
use crate::referral::telephone::{digits, numbers};
use jiff::Timestamp;
use jiff::civil::Time;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeSet;

const EARLIER: &str = "SELECT settlement, settled_at, number FROM task WHERE subject IN ($1, $2) AND settled_at IS NOT NULL AND settlement IN ('closed','wrong_number') ORDER BY settled_at DESC LIMIT +$3";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[EARLIER];

/// Such calls looked at: a place has two numbers, and is not closed on as many days.
const EARLIER_MAX: i64 = 50;

/// The numbers of a place that were wrong, known by keyed digests.
#[derive(Debug, Clone)]
pub struct WrongNumbers {
    vault: Vault,
    digests: BTreeSet<Vec<u8>>,
}

impl WrongNumbers {
    /// Whether this is one.
    pub fn holds(&self, number: &str) -> bool {
        let digest = digest(&self.vault, number);
        self.digests.contains(digest.as_slice())
    }
}

/// A number as the record of a call knows it: equal ones are found, and none is told.
pub(super) fn digest(vault: &Vault, number: &str) -> [u8; 32] {
    vault.blind("number", &[digits(number).as_bytes()])
}

/// What earlier calls say.
pub(super) struct Earlier {
    /// When somebody last heard that it is closed.
    closed_at: Option<Timestamp>,
    pub(super) wrong: WrongNumbers,
}

impl Earlier {
    fn of(rows: &[SqliteRow], vault: &Vault) -> Result<Self, Fault> {
        let mut closed_at = None;
        let mut digests = BTreeSet::new();
        for row in rows {
            let settlement: String = row.try_get("settlement")?;
            if CallOutcome::parse(&settlement) == Some(CallOutcome::Closed) {
                closed_at = closed_at.max(Some(instant(row.try_get("settled_at")?)));
            }
            digests.extend(row.try_get::<Option<Vec<u8>>, _>("number")?);
        }
        let vault = vault.clone();
        let wrong = WrongNumbers { vault, digests };
        Ok(Self { closed_at, wrong })
    }

    /// Whether somebody heard on that day that it is closed.
    pub(super) fn is_closed_on_the_day_of(&self, at: Timestamp) -> bool {
        let day = |at| london::civil(at).date();
        self.closed_at.is_some_and(|closed| day(closed) == day(at))
    }
}

/// Restricted cases have calls of their own, to the same telephone.
fn both(subject: &str) -> (String, String) {
    let ordinary = subject.strip_suffix(RESTRICTED).unwrap_or(subject);
    (ordinary.to_owned(), format!("{ordinary}{RESTRICTED}"))
}

/// What earlier calls to a case's place say.
pub(super) async fn earlier(
    tx: &mut Tx<'_>,
    case: &Case,
    force: Option<&ForceName>,
) -> Result<Earlier, Fault> {
    let (ordinary, restricted) = both(&subject(case, TaskKind::RingSchool, force));
    let rows = sqlx::query(EARLIER)
        .bind(ordinary)
        .bind(restricted)
        .bind(EARLIER_MAX)
        .fetch_all(tx.flushed().await?)
        .await?;
    Earlier::of(&rows, &tx.state.vault)
}

impl Readers {
    /// The numbers of a call's place that were wrong.
    pub(in crate::store) async fn wrong_numbers(
        &self,
        subject: &str,
    ) -> Result<WrongNumbers, Fault> {
        let (ordinary, restricted) = both(subject);
        let rows = sqlx::query(EARLIER)
            .bind(ordinary)
            .bind(restricted)
            .bind(EARLIER_MAX)
            .fetch_all(&self.pool)
            .await?;
        Ok(Earlier::of(&rows, &self.vault)?.wrong)
    }
}

/// When a place that is closed today can be rung: on another day.
pub(super) fn not_today(tx: &Tx<'_>, case: &Case, force: Option<&ForceName>) -> Timestamp {
    let today = london::civil(tx.now).date();
    let tomorrow = today.tomorrow().unwrap_or(today);
    let from = london::instant(tomorrow, Time::midnight());
    can_be_done_from(tx, case, (TaskKind::RingSchool, from), force)
}

/// What is asked of people, and for when, as earlier calls leave it: nobody rings a wrong number again, nor a
/// place that is closed today. None: it is asked for already.
pub(super) async fn asked_for(
    tx: &mut Tx<'_>,
    case: &Case,
    (kind, wanted_by): (TaskKind, Timestamp),
    by: &By,
) -> Result<Option<(TaskKind, Timestamp)>, Fault> {
    let force = by.force.as_ref();
    let from = can_be_done_from(tx, case, (kind, wanted_by), force);
    if kind != TaskKind::RingSchool {
        return Ok(Some((kind, from)));
    }
    let earlier = earlier(tx, case, force).await?;
    let known = numbers(&tx.state.directory, &[case], tx.now);
    if !known.is_empty() && known.iter().all(|number| earlier.wrong.holds(number)) {
        let choose = TaskKind::ChooseEnding;
        let open = case.people.has_open(choose);
        return Ok((!open).then_some((choose, tx.now)));
    }
    let day = |at| london::civil(at).date();
    let closed = earlier.is_closed_on_the_day_of(tx.now) && day(from) == day(tx.now);
    let from = if closed {
        not_today(tx, case, force)
    } else {
        from
    };
    Ok(Some((kind, from)))
}
