//! What an inbound mail means for notifications: each consequence is an observation through `apply`.

use super::absences;
use super::cases::{Observed, apply, case_of, force_of};
use super::inbound::for_a_person;
use super::renewed::renewed;
use super::rows::notification_ids;
use super::tx::{Fault, Tx};
use super::{Came, Matched, Settled};
use crate::referral::answer::Strength;
use crate::referral::decide::Observation;
use crate::referral::fact::Fact;
use crate::referral::fold::Case;
use crate::referral::id::{ContactId, DeliveryId, NotificationId};
use crate::referral::plan::Target;
use crate::referral::report::Action;
use crate::referral::school::Address;
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

const LISTED: &str = "SELECT id FROM contact WHERE address_digest = $1 AND urn = $2 AND role <> 'office' AND to_version IS NULL ORDER BY role, rank, id";
const ANYWHERE: &str = "SELECT id FROM contact WHERE address_digest = $1 AND role <> 'office' AND to_version IS NULL ORDER BY role, rank, id LIMIT 1";
const DELIVERY: &str = "SELECT id FROM delivery WHERE letter = $1";
const SIBLINGS: &str = "SELECT n.id FROM notification n JOIN notification one ON one.referral = n.referral AND one.urn IS +n.urn AND one.la_code IS +n.la_code WHERE one.id = $1 AND n.id <> $1 AND n.live = 1 ORDER BY n.id";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[LISTED, ANYWHERE, DELIVERY, SIBLINGS];

/// An absence without an end counts for so long (`letters.md`).
const ABSENCE_WITHOUT_END: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A relay gives a letter up after five days (RFC 5321 4.5.4.1), some after a week or two; reports of what left
/// in a holiday are counted from its end.
const REPORTS_COME_WITHIN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Carries a mail's consequences; gives the contact that wrote it, when we hold the address.
pub(super) async fn carry(
    tx: &mut Tx<'_>,
    settled: &Settled,
    received_at: Timestamp,
) -> Result<Option<ContactId>, Fault> {
    let Some(matched) = settled.matched else {
        // A report about nothing of ours closes nothing; what a person may have written is read, and
        // whatever else a contact's own address sends: it may be a person's word that looks like a machine's.
        let contact = anywhere(tx, settled.sender.as_ref()).await?;
        let read = match settled.came {
            Came::Answer { .. } | Came::Unclassified => true,
            // It may be one of our letters that did not arrive, and names no more of it than a mailbox.
            Came::Report { action, .. } => contact.is_some() || action == Action::Failed,
            Came::Receipt { .. } | Came::Absence { .. } => contact.is_some(),
        };
        if read {
            for_a_person(tx, settled.inbound).await?;
        }
        // Whoever reads it is told whose address it came from.
        return Ok(contact);
    };
    let case = renewed_case(tx, matched.notification).await?;
    let contact = listed(tx, &case, matched, settled.sender.as_ref()).await?;
    match &settled.came {
        Came::Answer { all, .. } => {
            if let Some(contact) = contact {
                absences::lift(tx, contact).await?;
            }
            let matched = as_of_letter(&case, matched);
            answer(tx, settled, matched, contact, received_at).await?;
            if *all && contact.is_some() && matched.strength.proves() {
                for sibling in siblings(tx, matched.notification).await? {
                    // Nobody can have received what was held back, or has not left.
                    let case = case_of(tx, sibling).await?;
                    if case.hold.is_some() || !case.letters().any(|(_, l)| l.may_have_arrived()) {
                        continue;
                    }
                    let also = Matched {
                        letter: None,
                        notification: sibling,
                        strength: matched.strength,
                    };
                    answer(tx, settled, also, contact, received_at).await?;
                }
            }
        }
        Came::Report { .. } if is_stale(&case, received_at) => {
            for_a_person(tx, settled.inbound).await?;
        }
        Came::Report { action, status } => {
            report(tx, settled, &case, matched, *action, status.clone()).await?;
        }
        Came::Receipt { sub } => {
            let fact = Fact::ReceiptReceived {
                inbound: settled.inbound,
                letter: matched.letter,
                sub: *sub,
            };
            note(tx, settled, matched.notification, fact).await?;
        }
        Came::Absence { until } => absence(tx, settled, &case, matched, contact, *until).await?,
        Came::Unclassified => for_a_person(tx, settled.inbound).await?,
    }
    Ok(contact)
}

/// Whether a report comes so late that no relay can have had the letter until then: it was sent again by somebody,
/// and re-opens nothing.
fn is_stale(case: &Case, received_at: Timestamp) -> bool {
    received_at.duration_since(case.act_by) > REPORTS_COME_WITHIN
}

/// A case with those who came to be in charge since it was opened: whoever answers may be one of them.
async fn renewed_case(tx: &mut Tx<'_>, notification: NotificationId) -> Result<Case, Fault> {
    let case = case_of(tx, notification).await?;
    let force = force_of(tx, notification).await?;
    match renewed(tx, &case, force.as_ref()).await? {
        Some(fact) => apply(tx, notification, Observed::plain(fact), None).await,
        None => Ok(case),
    }
}

/// Whose contacts may answer for it, as contacts' rows say it; nobody's while no school is known.
pub(super) fn whose(case: &Case) -> Option<String> {
    match case.target {
        Target::School(urn) => Some(urn.to_string()),
        Target::Authority(code) => Some(format!("la:{code}")),
        Target::Unrouted => None,
    }
}

/// The contact of the notification's school or authority whose address this is.
async fn listed(
    tx: &mut Tx<'_>,
    case: &Case,
    matched: Matched,
    sender: Option<&Address>,
) -> Result<Option<ContactId>, Fault> {
    let (Some(whose), Some(sender)) = (whose(case), sender) else {
        return Ok(None);
    };
    let digest = digest(tx, sender);
    let rows = sqlx::query(LISTED)
        .bind(digest.as_slice())
        .bind(whose)
        .fetch_all(tx.flushed().await?)
        .await?;
    let listed = rows.iter().map(contact_id).collect::<Result<Vec<_>, _>>()?;
    // Two people may share a mailbox: whoever had the letter that is answered goes first.
    let addressed = addressed(case, matched);
    let mut may_answer = listed
        .iter()
        .filter(|contact| may_answer(tx, case, **contact));
    let first = may_answer
        .clone()
        .find(|contact| Some(**contact) == addressed);
    Ok(first.or_else(|| may_answer.next()).copied())
}

/// Whether this contact may answer for the case: it was named when the case was opened, so that nobody
/// who was passed over is among them, and its address is not suspended.
pub(super) fn may_answer(tx: &Tx<'_>, case: &Case, contact: ContactId) -> bool {
    case.contacts.iter().any(|(known, ..)| *known == contact)
        && !case.people.blocked.contains(&contact)
        && !tx.state.directory.suspended.contains(&contact)
}

/// To whom the letter went that a mail belongs to.
fn addressed(case: &Case, matched: Matched) -> Option<ContactId> {
    let letter = matched.letter?;
    let mut letters = case.letters();
    letters.find_map(|(_, known)| (known.letter == letter).then_some(known.contact))
}

/// A mail that answers a note of ours answers no letter: its word proves nothing about the child's.
fn as_of_letter(case: &Case, matched: Matched) -> Matched {
    let of_note = case
        .deliveries
        .values()
        .any(|known| Some(known.letter) == matched.letter && !known.is_letter());
    let strength = if of_note {
        matched.strength.min(Strength::Reference)
    } else {
        matched.strength
    };
    Matched {
        strength,
        ..matched
    }
}

/// A contact of any school whose address this is.
async fn anywhere(tx: &mut Tx<'_>, sender: Option<&Address>) -> Result<Option<ContactId>, Fault> {
    let Some(sender) = sender else {
        return Ok(None);
    };
    let digest = digest(tx, sender);
    let row = sqlx::query(ANYWHERE)
        .bind(digest.as_slice())
        .fetch_optional(tx.flushed().await?)
        .await?;
    row.as_ref().map(contact_id).transpose()
}

fn digest(tx: &Tx<'_>, address: &Address) -> [u8; 32] {
    let folded = address.folded();
    tx.state.vault.blind("address", &[folded.as_bytes()])
}

/// The contact that a row's first column names.
pub(super) fn contact_id(row: &SqliteRow) -> Result<ContactId, Fault> {
    let id: String = row.try_get(0)?;
    ContactId::parse(&id).map_err(|_| Fault::Damaged("a contact's id"))
}

async fn answer(
    tx: &mut Tx<'_>,
    settled: &Settled,
    matched: Matched,
    contact: Option<ContactId>,
    received_at: Timestamp,
) -> Result<(), Fault> {
    let Came::Answer {
        verdict,
        has_message,
        ..
    } = settled.came
    else {
        return Ok(());
    };
    let fact = Fact::AnswerReceived {
        inbound: settled.inbound,
        letter: matched.letter,
        contact,
        verdict,
        has_message,
        strength: matched.strength,
        received_at,
    };
    let cause = format!("answer:{}:{}", settled.inbound, matched.notification);
    let observation = Observation::Answered {
        inbound: settled.inbound,
    };
    let observed = Observed::caused(fact, cause);
    apply(tx, matched.notification, observed, Some(observation)).await?;
    Ok(())
}

async fn siblings(
    tx: &mut Tx<'_>,
    notification: NotificationId,
) -> Result<Vec<NotificationId>, Fault> {
    let rows = sqlx::query(SIBLINGS)
        .bind(notification.to_string())
        .fetch_all(tx.flushed().await?)
        .await?;
    notification_ids(&rows)
}

/// A report names its letter, and so its delivery. Without one it proves nothing.
async fn report(
    tx: &mut Tx<'_>,
    settled: &Settled,
    case: &Case,
    matched: Matched,
    action: crate::referral::report::Action,
    status: Option<String>,
) -> Result<(), Fault> {
    let Some(letter) = matched.letter.filter(|_| matched.strength.proves()) else {
        return for_a_person(tx, settled.inbound).await;
    };
    let row = sqlx::query(DELIVERY)
        .bind(letter.to_string())
        .fetch_one(tx.flushed().await?)
        .await?;
    let delivery: String = row.try_get(0)?;
    let delivery = DeliveryId::parse(&delivery).map_err(|_| Fault::Damaged("a delivery's id"))?;
    let fact = Fact::ReportReceived {
        inbound: settled.inbound,
        delivery,
        action,
        status,
    };
    let observation = Observation::Reported {
        inbound: settled.inbound,
        delivery,
        action,
    };
    let cause = format!("report:{}:{}", settled.inbound, case.notification);
    let observed = Observed::caused(fact, cause);
    apply(tx, case.notification, observed, Some(observation)).await?;
    Ok(())
}

/// Only an absence that covers the time by which somebody must know moves on to the next contact.
async fn absence(
    tx: &mut Tx<'_>,
    settled: &Settled,
    case: &Case,
    matched: Matched,
    contact: Option<ContactId>,
    until: Option<Timestamp>,
) -> Result<(), Fault> {
    // Whose letter it answers says who is away, where the reply's own address does not.
    let Some(contact) = contact.or(addressed(case, matched)) else {
        return for_a_person(tx, settled.inbound).await;
    };
    let ends = until.or_else(|| tx.now.checked_add(ABSENCE_WITHOUT_END).ok());
    let covers = ends.is_none_or(|ends| ends >= case.act_by);
    if let Some(ends) = ends {
        absences::note(tx, contact, ends, settled.inbound).await?;
    }
    let fact = Fact::AbsenceNoted {
        inbound: settled.inbound,
        contact,
        until,
        covers,
    };
    let cause = format!("absence:{}:{}", settled.inbound, case.notification);
    let observation = covers.then_some(Observation::Absent { contact });
    let observed = Observed::caused(fact, cause);
    apply(tx, case.notification, observed, observation).await?;
    Ok(())
}

async fn note(
    tx: &mut Tx<'_>,
    settled: &Settled,
    notification: NotificationId,
    fact: Fact,
) -> Result<(), Fault> {
    let cause = format!("note:{}:{notification}", settled.inbound);
    apply(tx, notification, Observed::caused(fact, cause), None).await?;
    Ok(())
}
