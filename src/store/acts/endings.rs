//! How a person ends what the ladder could not: told by another way, or an honest `not_told`, which
//! counts only once a second operator agrees.

use super::super::cases::{Observed, apply};
use super::super::tx::{Fault, Tx};
use super::notifications::{live, sealed_reason};
use super::{Acted, NotActed, first};
use crate::referral::decide::Observation;
use crate::referral::ending::{Ending, EndingReason};
use crate::referral::fact::Fact;
use crate::referral::id::NotificationId;

pub(super) async fn close(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    (closed_as, code): (Ending, EndingReason),
    note: &str,
    actor: &str,
) -> Result<Acted, Fault> {
    let case = match live(tx, notification).await? {
        Ok(case) => case,
        Err(refused) => return Ok(Err(refused)),
    };
    if !closed_as.fits(code) {
        return Ok(Err(NotActed::NotNow(if closed_as.needs_countersigning() {
            "this reason says how the school came to know: close it as told_late or done"
        } else {
            "this reason says why nobody was told: close it as not_told"
        })));
    }
    let again = case
        .people
        .ending()
        .filter(|chosen| chosen.closed_as == closed_as);
    if again.is_some() {
        let last = first::last_by(tx, notification, is_choice).await?;
        let so = "this ending waits for a second operator to countersign it";
        return Ok(Err(match last {
            Some((who, at)) => NotActed::Conflict { so, who, at },
            None => NotActed::NotNow(so),
        }));
    }
    let note = sealed_reason(tx, notification, note).await?;
    let fact = Fact::EndingChosen {
        ending: case.people.endings() + 1,
        closed_as,
        code,
        note,
    };
    let observed = Observed::by(actor, fact);
    apply(tx, notification, observed, Some(Observation::EndingChosen)).await?;
    Ok(Ok(vec![notification]))
}

/// A second operator agrees to the ending that was chosen last.
pub(super) async fn countersign(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    operator: &str,
    actor: &str,
) -> Result<Acted, Fault> {
    let case = match live(tx, notification).await? {
        Ok(case) => case,
        Err(refused) => return Ok(Err(refused)),
    };
    if case.people.ending().is_none() {
        let words = "nobody has chosen an ending: there is nothing to countersign";
        return Ok(Err(NotActed::NotNow(words)));
    }
    let chose = first::last_by(tx, notification, is_choice).await?;
    if let Some((who, at)) = chose.filter(|(who, _)| who == operator) {
        let so = "a second operator must countersign, not the one who chose";
        return Ok(Err(NotActed::Conflict { so, who, at }));
    }
    let fact = Fact::EndingCountersigned {
        ending: case.people.endings(),
    };
    let observed = Observed::by(actor, fact);
    apply(tx, notification, observed, Some(Observation::EndingChosen)).await?;
    Ok(Ok(vec![notification]))
}

fn is_choice(fact: &Fact) -> bool {
    matches!(fact, Fact::EndingChosen { .. })
}
