//! Who was first: an act that comes too late is told by whom and when (`hostile-inputs.md`, 30).

use super::super::cases::{read_fact, stream_of};
use super::super::tx::{Fault, Tx};
use super::super::views::instant;
use super::NotActed;
use crate::referral::answer::Verdict;
use crate::referral::fact::Fact;
use crate::referral::id::NotificationId;
use jiff::Timestamp;
use sqlx::Row;

const BY_WHOM: &str = "SELECT kind, v, body, actor, at FROM fact WHERE stream = $1 ORDER BY n";

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[BY_WHOM];

/// What the facts of an operator begin with.
const OPERATOR: &str = "operator:";

/// The actor that facts record for an operator.
pub(super) fn actor(operator: &str) -> String {
    format!("{OPERATOR}{operator}")
}

/// Why nothing more can be done about a notification that has ended.
pub(super) async fn ended(tx: &mut Tx<'_>, id: NotificationId) -> Result<NotActed, Fault> {
    let facts = facts(tx, id).await?;
    let by_itself = facts
        .iter()
        .any(|known| matches!(known.fact, Fact::Closed { .. }) && known.operator.is_none());
    let ended = facts.iter().filter(|known| ends(&known.fact));
    let words = "it has ended already";
    Ok(if by_itself {
        NotActed::NotNow(words)
    } else {
        refused(ended, words)
    })
}

/// Why a hold cannot be set, or released.
pub(super) async fn held(
    tx: &mut Tx<'_>,
    id: NotificationId,
    words: &'static str,
) -> Result<NotActed, Fault> {
    let facts = facts(tx, id).await?;
    let mut held = facts
        .iter()
        .filter(|known| matches!(known.fact, Fact::Held { .. } | Fact::Released { .. }));
    Ok(refused(held.next_back().into_iter(), words))
}

/// Whether an operator ends a notification by what this fact says.
fn ends(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::Told { .. }
            | Fact::AnswerBelieved { .. }
            | Fact::AnswerRead {
                verdict: Verdict::Received | Verdict::NotOurs,
                ..
            }
            | Fact::ContradictionSettled { .. }
            | Fact::Rerouted { .. }
            | Fact::Closed { .. }
    )
}

struct Known {
    fact: Fact,
    operator: Option<String>,
    at: Timestamp,
}

/// A conflict with the last operator who did it; otherwise it makes no sense now.
fn refused<'a>(facts: impl Iterator<Item = &'a Known>, words: &'static str) -> NotActed {
    let by_people = facts.filter_map(|known| known.operator.clone().map(|who| (who, known.at)));
    match by_people.last() {
        Some((who, at)) => NotActed::Conflict { who, at },
        None => NotActed::NotNow(words),
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
