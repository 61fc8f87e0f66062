//! What stands in the way of an act, and who was first: an act that comes too late is told what is so
//! already, by whom and since when (`hostile-inputs.md`, 30).

use super::super::cases::{read_fact, stream_of};
use super::super::superseded::SUPERSEDED;
use super::super::tx::{Fault, Tx};
use super::super::views::instant;
use super::NotActed;
use crate::referral::answer::Verdict;
use crate::referral::fact::Fact;
use crate::referral::fold::Case;
use crate::referral::id::NotificationId;
use crate::referral::state::Duty;
use jiff::Timestamp;
use sqlx::Row;

const BY_WHOM: &str = "SELECT kind, v, body, actor, at FROM fact WHERE stream = $1 ORDER BY n";

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[BY_WHOM];

/// What the facts of an operator begin with.
const OPERATOR: &str = "operator:";

/// The actor that facts record for an operator.
pub(in crate::store) fn actor(operator: &str) -> String {
    format!("{OPERATOR}{operator}")
}

/// Why nothing more can be done about a notification that has ended.
pub(super) async fn ended(tx: &mut Tx<'_>, case: &Case) -> Result<NotActed, Fault> {
    let duty = case.duty();
    if case.closed_as.as_deref() == Some(SUPERSEDED) {
        let so = "it is closed already: a later referral replaces it";
        return Ok(NotActed::NotNow(so));
    }
    let facts = facts(tx, case.notification).await?;
    let so = match duty {
        Duty::Told => "it is told already",
        Duty::Acknowledged => "it is acknowledged already",
        Duty::Refused => "it was refused as not theirs, and another notification carries it on",
        Duty::Closed if case.rerouted_to.is_some() => {
            "it is closed already, and another notification carries it on"
        }
        Duty::Closed => "it is closed already",
        Duty::Open | Duty::Contradicted => "it is live",
    };
    Ok(refused(facts.iter().filter(|k| ends(&k.fact, duty)), so))
}

/// Why a hold cannot be set: it is held already.
pub(super) async fn held(tx: &mut Tx<'_>, id: NotificationId) -> Result<NotActed, Fault> {
    let facts = facts(tx, id).await?;
    let held = |known: &&Known| matches!(known.fact, Fact::Held { .. });
    let last = facts.iter().rfind(held);
    Ok(refused(last.into_iter(), "it is held already"))
}

/// Why a hold cannot be released: there is none.
pub(super) async fn not_held(tx: &mut Tx<'_>, id: NotificationId) -> Result<NotActed, Fault> {
    let facts = facts(tx, id).await?;
    let released = |known: &&Known| matches!(known.fact, Fact::Released { .. });
    Ok(match facts.iter().rfind(released) {
        Some(known) => refused([known].into_iter(), "it is not held: released already"),
        None => NotActed::NotNow("it is not held"),
    })
}

/// The operator who wrote the last fact of this kind about a notification, and when.
pub(super) async fn last_by(
    tx: &mut Tx<'_>,
    id: NotificationId,
    which: fn(&Fact) -> bool,
) -> Result<Option<(String, Timestamp)>, Fault> {
    let facts = facts(tx, id).await?;
    let last = facts.into_iter().rfind(|known| which(&known.fact));
    Ok(last.and_then(|known| known.operator.map(|who| (who, known.at))))
}

/// Whether an operator has written this very fact about a notification.
pub(super) async fn wrote(
    tx: &mut Tx<'_>,
    id: NotificationId,
    fact: &Fact,
    operator: &str,
) -> Result<bool, Fault> {
    let facts = facts(tx, id).await?;
    let mut own = facts
        .iter()
        .filter(|k| k.operator.as_deref() == Some(operator));
    Ok(own.any(|known| known.fact == *fact))
}

/// Whether an operator brings a duty to where it stands by what this fact says.
fn ends(fact: &Fact, duty: Duty) -> bool {
    let said = |wanted| {
        matches!(
            fact,
            Fact::AnswerBelieved { verdict, .. }
                | Fact::AnswerRead { verdict, .. }
                | Fact::ContradictionSettled { verdict, .. } if *verdict == wanted
        )
    };
    match duty {
        Duty::Told => matches!(fact, Fact::Told { .. }),
        Duty::Acknowledged => said(Verdict::Received),
        Duty::Refused => said(Verdict::NotOurs),
        Duty::Closed => matches!(
            fact,
            Fact::EndingChosen { .. }
                | Fact::EndingCountersigned { .. }
                | Fact::Rerouted { .. }
                | Fact::Closed { .. }
        ),
        Duty::Open | Duty::Contradicted => false,
    }
}

struct Known {
    fact: Fact,
    operator: Option<String>,
    at: Timestamp,
}

/// A conflict with the last operator who brought it about; otherwise what is so and no more.
fn refused<'a>(facts: impl Iterator<Item = &'a Known>, so: &'static str) -> NotActed {
    let by_people = facts.filter_map(|known| known.operator.clone().map(|who| (who, known.at)));
    match by_people.last() {
        Some((who, at)) => NotActed::Conflict { so, who, at },
        None => NotActed::NotNow(so),
    }
}

async fn facts(tx: &mut Tx<'_>, id: NotificationId) -> Result<Vec<Known>, Fault> {
    let rows = sqlx::query(BY_WHOM)
        .bind(stream_of(id))
        .fetch_all(tx.flushed().await?)
        .await?;
    rows.iter()
        .map(|row| {
            let actor: String = row.try_get("actor")?;
            Ok(Known {
                fact: read_fact(row)?,
                operator: actor.strip_prefix(OPERATOR).map(str::to_owned),
                at: instant(row.try_get("at")?),
            })
        })
        .collect()
}
