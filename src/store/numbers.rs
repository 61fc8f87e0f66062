//! What earlier calls to a place say about ringing it again: that it is closed today, and which of its
//! numbers are wrong.

use super::Readers;
use super::tasks::{calls_of_place, can_be_done_from, subject};
use super::tx::{By, Fault, Tx};
use super::vault::Vault;
use super::views::instant;
use crate::referral::answer::CallOutcome;
use crate::referral::directory::ContactOf;
use crate::referral::fact::TaskKind;
use crate::referral::fold::Case;
use crate::referral::london;
use crate::referral::plan::Target;
use crate::referral::post::ForceName;
use crate::referral::telephone::{digits, numbers};
use jiff::Timestamp;
use jiff::civil::Time;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite};
use std::collections::BTreeSet;

const EARLIER: &str = "SELECT settlement, settled_at, number FROM task WHERE subject IN ($2, $3, $4, $5) AND settled_at IS NOT NULL AND settlement IN ('closed','wrong_number') ORDER BY settled_at DESC LIMIT +$1";

/// Words of a person that somebody there is in: an answer, or that they want to be rung.
const WROTE_SINCE: &str = "SELECT 1 FROM inbound WHERE contact = $1 AND received_at > $2 AND kind = 'human_reply' AND strength IN ('thread','token') AND COALESCE(read_as, verdict) IN ('received','not_ours','call') LIMIT 1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[EARLIER, WROTE_SINCE];

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
}

/// The calls to the place of one of them.
fn of_place(subject: &str) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
    let subjects = calls_of_place(subject).into_iter();
    subjects.fold(sqlx::query(EARLIER).bind(EARLIER_MAX), |query, subject| {
        query.bind(subject)
    })
}

/// What earlier calls to a case's place say.
pub(super) async fn earlier(
    tx: &mut Tx<'_>,
    case: &Case,
    force: Option<&ForceName>,
) -> Result<Earlier, Fault> {
    let rows = of_place(&subject(case, TaskKind::RingSchool, force))
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
        let rows = of_place(subject).fetch_all(&self.pool).await?;
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
/// place that is closed today, and for whom another day is too late a person chooses. Nothing: it is asked for
/// already.
pub(super) async fn asked_for(
    tx: &mut Tx<'_>,
    case: &Case,
    (kind, wanted_by): (TaskKind, Timestamp),
    by: &By,
) -> Result<Vec<(TaskKind, Timestamp)>, Fault> {
    let force = by.force.as_ref();
    let from = can_be_done_from(tx, case, (kind, wanted_by), force);
    if kind != TaskKind::RingSchool {
        return Ok(vec![(kind, from)]);
    }
    let earlier = earlier(tx, case, force).await?;
    let choose = TaskKind::ChooseEnding;
    let choice = (!case.people.has_open(choose)).then_some((choose, tx.now));
    let known = numbers(&tx.state.directory, &[case], tx.now);
    if !known.is_empty() && known.iter().all(|number| earlier.wrong.holds(number)) {
        return Ok(choice.into_iter().collect());
    }
    if !is_closed_on_the_day_of(tx, case, &earlier, from).await? {
        return Ok(vec![(kind, from)]);
    }
    let from = not_today(tx, case, force);
    let choice = choice.filter(|_| case.act_by < from);
    Ok([(kind, from)].into_iter().chain(choice).collect())
}

/// Whether somebody heard today that a place is closed, and nobody there has written since.
pub(super) async fn is_closed_on_the_day_of(
    tx: &mut Tx<'_>,
    case: &Case,
    earlier: &Earlier,
    at: Timestamp,
) -> Result<bool, Fault> {
    let day = |at| london::civil(at).date();
    let today = day(tx.now);
    let Some(closed) = earlier.closed_at.filter(|closed| day(*closed) == today) else {
        return Ok(false);
    };
    if day(at) != today || case.people.wrote_since(closed) {
        return Ok(false);
    }
    let whose = match case.target {
        Target::School(urn) => ContactOf::School(urn),
        Target::Authority(code) => ContactOf::Authority(code),
        Target::Unrouted => return Ok(true),
    };
    let contacts = tx.state.directory.contacts_of(whose).iter();
    let contacts: Vec<String> = contacts.map(|known| known.id.to_string()).collect();
    for contact in contacts {
        let wrote = sqlx::query(WROTE_SINCE)
            .bind(contact)
            .bind(closed.as_microsecond())
            .fetch_optional(tx.flushed().await?)
            .await?;
        if wrote.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}
