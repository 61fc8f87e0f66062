//! What operators do about one notification.

use super::super::cases::{Observed, apply, case_of};
use super::super::tx::{Fault, Tx};
use super::on_call::{Compared, compared, contacts_of, heard_of};
use super::{Acted, NotActed, first};
use crate::referral::answer::{SchoolWord, Verdict};
use crate::referral::decide::Observation;
use crate::referral::fact::{Fact, ReleasedBy};
use crate::referral::fold::Case;
use crate::referral::id::{ItemId, NotificationId, TaskId};
use crate::referral::plan::{HoldReason, Target, WillHappen};
use crate::referral::school::{Role, Urn};
use crate::referral::state::Duty;
use sqlx::Row;

const EXISTS: &str = "SELECT child FROM notification WHERE id = $1";
const CHILD_KEY: &str =
    "SELECT c.content_key FROM notification n JOIN child c ON c.id = n.child WHERE n.id = $1";
/// As the index `notification_duty` has it, one duty of a child to a school; and one with a successor
/// elsewhere still says that this school was told.
const FOR_THAT_SCHOOL: &str = "SELECT 1 FROM child c JOIN notification n ON n.referral = c.referral WHERE c.id = $1 AND n.child = $1 AND +n.urn = $2 AND n.id <> $3 AND n.duty NOT IN ('refused','closed')";

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[EXISTS, CHILD_KEY, FOR_THAT_SCHOOL];

/// A notification that is there.
pub(super) async fn found(tx: &mut Tx<'_>, id: NotificationId) -> Result<Option<Case>, Fault> {
    let row = sqlx::query(EXISTS)
        .bind(id.to_string())
        .fetch_optional(tx.flushed().await?)
        .await?;
    match row {
        Some(_) => case_of(tx, id).await.map(Some),
        None => Ok(None),
    }
}

/// A notification that is there and live.
pub(super) async fn live(
    tx: &mut Tx<'_>,
    id: NotificationId,
) -> Result<Result<Case, NotActed>, Fault> {
    let Some(case) = found(tx, id).await? else {
        return Ok(Err(NotActed::NotThere("notification")));
    };
    if case.live() {
        Ok(Ok(case))
    } else {
        Ok(Err(first::ended(tx, &case).await?))
    }
}

/// What an operator typed is sealed as an item of the notification's child.
pub(super) async fn sealed_reason(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    reason: &str,
) -> Result<Option<ItemId>, Fault> {
    if reason.is_empty() {
        return Ok(None);
    }
    let id = notification.to_string();
    let row = sqlx::query(CHILD_KEY)
        .bind(&id)
        .fetch_one(tx.flushed().await?)
        .await?;
    let key = tx.content_key(row.try_get(0)?).await?;
    let (item, _) = tx.new_item(&key, "reason", &id, reason.as_bytes())?;
    Ok(Some(item))
}

pub(super) async fn acknowledge(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    reason: &str,
    actor: &str,
) -> Result<Acted, Fault> {
    let case = match live(tx, notification).await? {
        Ok(case) => case,
        Err(refused) => return Ok(Err(refused)),
    };
    let reason = sealed_reason(tx, notification, reason).await?;
    let observation = Observation::Recorded;
    record(tx, &case, Verdict::Received, reason, actor, observation).await?;
    Ok(Ok(vec![notification]))
}

/// Records what a person of ours heard from the school. It settles every contradiction that stands
/// open, or is a belief of its own.
pub(super) async fn record(
    tx: &mut Tx<'_>,
    case: &Case,
    verdict: Verdict,
    reason: Option<ItemId>,
    actor: &str,
    observation: Observation,
) -> Result<(), Fault> {
    let beliefs = case.people.beliefs.keys().next_back().copied().unwrap_or(0);
    let open = case.people.contradictions.iter();
    let open = open.filter(|(_, settled)| settled.is_none());
    let mut facts: Vec<Fact> = open
        .map(|(contradiction, _)| Fact::ContradictionSettled {
            contradiction: *contradiction,
            verdict,
            beliefs,
            reason,
        })
        .collect();
    let last = facts.pop().unwrap_or(Fact::AnswerBelieved {
        belief: beliefs + 1,
        inbound: None,
        verdict,
        reason,
    });
    for fact in facts {
        apply(tx, case.notification, Observed::by(actor, fact), None).await?;
    }
    let observed = Observed::by(actor, last);
    apply(tx, case.notification, observed, Some(observation)).await?;
    Ok(())
}

pub(super) async fn tell(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    (role, word): (Role, SchoolWord),
    actor: &str,
) -> Result<Acted, Fault> {
    let Some(case) = found(tx, notification).await? else {
        return Ok(Err(NotActed::NotThere("notification")));
    };
    if let Some(refused) = not_told(role) {
        return Ok(Err(refused));
    }
    match case.duty() {
        // Told by voice after a written answer says more; after an operator's word, somebody was first.
        Duty::Acknowledged => {
            let refused = first::ended(tx, &case).await?;
            if matches!(refused, NotActed::Conflict { .. }) {
                return Ok(Err(refused));
            }
        }
        Duty::Closed | Duty::Told | Duty::Refused => {
            return Ok(Err(first::ended(tx, &case).await?));
        }
        Duty::Open | Duty::Contradicted => {}
    }
    // What was heard last stands, whoever says that they were told: a mismatch is not talked away.
    let heard = heard_of(tx, notification, |_| true).await?;
    let word = match (word, heard.word(word)) {
        (SchoolWord::Unverified, SchoolWord::Differs) => SchoolWord::Differs,
        (said, _) => said,
    };
    told(tx, &case, None, (role, word), actor).await?;
    Ok(Ok(vec![notification]))
}

/// As [`tell`], where the school spoke its word. One that does not match is recorded, and nobody counts as
/// told.
pub(super) async fn tell_with_word(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    (role, said): (Role, &str),
    actor: &str,
) -> Result<Acted, Fault> {
    let Some(case) = found(tx, notification).await? else {
        return Ok(Err(NotActed::NotThere("notification")));
    };
    let matches = match compared(said, contacts_of(tx, &case)) {
        Compared::NoneKept => {
            let words = "no word of this school is kept: record it without, as unverified";
            return Ok(Err(NotActed::NotNow(words)));
        }
        Compared::Matches => true,
        Compared::Differs => false,
    };
    let heard = Fact::SchoolWordHeard {
        task: None,
        matches,
    };
    if matches {
        let told = tell(tx, notification, (role, SchoolWord::Matches), actor).await?;
        if told.is_ok() {
            apply(tx, notification, Observed::by(actor, heard), None).await?;
        }
        return Ok(told);
    }
    apply(tx, notification, Observed::by(actor, heard), None).await?;
    Ok(Ok(Vec::new()))
}

/// An office is read and answered by clerks and volunteers: nobody there is told about a child.
pub(super) fn not_told(role: Role) -> Option<NotActed> {
    match role {
        Role::Office => Some(NotActed::NotNow(
            "an office is never told about a child: ask for the Key Adult or a deputy",
        )),
        Role::KeyAdult | Role::Deputy | Role::Hub => None,
    }
}

/// Records that a person at the school was told. Told by voice, whatever was said before no longer
/// stands against it.
pub(super) async fn told(
    tx: &mut Tx<'_>,
    case: &Case,
    task: Option<TaskId>,
    (role, word): (Role, SchoolWord),
    actor: &str,
) -> Result<(), Fault> {
    let beliefs = case.people.beliefs.keys().next_back().copied().unwrap_or(0);
    for (contradiction, settled) in &case.people.contradictions {
        if settled.is_none() {
            let fact = Fact::ContradictionSettled {
                contradiction: *contradiction,
                verdict: Verdict::None,
                beliefs,
                reason: None,
            };
            apply(tx, case.notification, Observed::by(actor, fact), None).await?;
        }
    }
    let observed = Observed::by(actor, Fact::Told { task, role, word });
    apply(tx, case.notification, observed, Some(Observation::Told)).await?;
    Ok(())
}

pub(super) async fn hold(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    reason: &str,
    actor: &str,
) -> Result<Acted, Fault> {
    let case = match live(tx, notification).await? {
        Ok(case) => case,
        Err(refused) => return Ok(Err(refused)),
    };
    if case.hold.is_some() {
        return Ok(Err(first::held(tx, notification).await?));
    }
    let said = sealed_reason(tx, notification, reason).await?;
    let fact = Fact::Held {
        hold: case.holds + 1,
        reason: HoldReason::ByOperator,
        said,
        will_happen: WillHappen::Climb,
        will_happen_at: case.last_safe_mail(),
    };
    apply(tx, notification, Observed::by(actor, fact), None).await?;
    Ok(Ok(vec![notification]))
}

pub(super) async fn release(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    reason: &str,
    actor: &str,
) -> Result<Acted, Fault> {
    let case = match live(tx, notification).await? {
        Ok(case) => case,
        Err(refused) => return Ok(Err(refused)),
    };
    let Some(hold) = case.hold else {
        return Ok(Err(first::not_held(tx, notification).await?));
    };
    if case.contacts.is_empty() {
        let words = "nobody could be sent the letter: choose the school, or ring it";
        return Ok(Err(NotActed::NotNow(words)));
    }
    if hold.reason == HoldReason::Conflict {
        let words = "an adult involved has a part in this school: it is told by voice";
        return Ok(Err(NotActed::NotNow(words)));
    }
    let reason = sealed_reason(tx, notification, reason).await?;
    let fact = Fact::Released {
        hold: case.holds,
        by: ReleasedBy::Person,
        reason,
    };
    let observed = Observed::by(actor, fact);
    apply(tx, notification, observed, Some(Observation::Released)).await?;
    Ok(Ok(vec![notification]))
}

pub(super) async fn route(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    urn: Urn,
    actor: &str,
) -> Result<Acted, Fault> {
    let case = match live(tx, notification).await? {
        Ok(case) => case,
        Err(refused) => return Ok(Err(refused)),
    };
    if !tx.state.directory.schools.contains_key(&urn) {
        return Ok(Err(NotActed::NotThere("school")));
    }
    // Before a letter was queued, the same school again plans it anew with the directory of today.
    if case.target == Target::School(urn) && case.letters().next().is_some() {
        let words = "it is for this school already, and a letter is queued or sent";
        return Ok(Err(NotActed::NotNow(words)));
    }
    let other = sqlx::query(FOR_THAT_SCHOOL)
        .bind(case.child.to_string())
        .bind(urn.to_string())
        .bind(notification.to_string())
        .fetch_optional(tx.flushed().await?)
        .await?;
    if other.is_some() {
        let words = "another notification tells this school about this child already";
        return Ok(Err(NotActed::NotNow(words)));
    }
    let observed = Observed {
        actor: Some(actor.to_owned()),
        ..Observed::default()
    };
    let observation = Observation::RouteChosen { urn };
    let case = apply(tx, notification, observed, Some(observation)).await?;
    let ended = [notification].into_iter().chain(case.rerouted_to);
    Ok(Ok(ended.collect()))
}
