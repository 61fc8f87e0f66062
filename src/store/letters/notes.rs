//! What a note says, from the case and the directory alone: nothing that was posted is opened.

use super::super::cases::{read_fact, stream_of};
use super::super::tx::Fault;
use super::super::types::{Claim, NoteSays};
use super::super::views::instant;
use crate::referral::answer::Verdict;
use crate::referral::fact::{Fact, Message};
use crate::referral::fold::Case;
use crate::referral::id::{ContactId, InboundId};
use crate::referral::school::Role;
use sqlx::{Row, SqliteConnection};

pub(super) const SAID: &str =
    "SELECT kind, v, at, body FROM fact WHERE stream = $1 AND kind = $2 ORDER BY n";
// Whoever answered may have been listed after the case was opened.
pub(super) const ROLE: &str =
    "SELECT role FROM contact WHERE id = $1 ORDER BY from_version DESC LIMIT 1";

// Letters that lie in a mailbox, or may: of the cases that a nudge tells of, to its contact, or to any for
// the office.
pub(super) const NUDGED_OF: &str = "SELECT COUNT(DISTINCT n.id), MAX(a.ended_at), MIN(n.act_by) FROM letter_member m CROSS JOIN notification n ON n.id = m.notification CROSS JOIN letter l ON l.notification = n.id AND l.kind = 'notification' CROSS JOIN delivery d ON d.letter = l.id CROSS JOIN attempt a ON a.delivery = d.id AND a.result IN ('done','unknown') JOIN letter own ON own.id = m.letter WHERE m.letter = $1 AND n.duty = 'open' AND (own.message = 'office_nudge' OR l.contact = own.contact)";

/// What a message says; none for a letter.
pub(super) async fn says(
    connection: &mut SqliteConnection,
    case: &Case,
    claim: &Claim,
    message: Message,
) -> Result<Option<NoteSays>, Fault> {
    match message {
        Message::Letter => Ok(None),
        Message::Receipt => receipt(connection, case).await.map(Some),
        Message::AfterCall => after_call(connection, case).await.map(Some),
        Message::NotCounted => not_counted(case).map(Some),
        Message::Nudge => nudge(connection, claim, false).await.map(Some),
        Message::OfficeNudge => nudge(connection, claim, true).await.map(Some),
    }
}

/// What waits in the secure mailbox at this moment.
async fn nudge(
    connection: &mut SqliteConnection,
    claim: &Claim,
    office: bool,
) -> Result<NoteSays, Fault> {
    let row = sqlx::query(NUDGED_OF)
        .bind(claim.letter.to_string())
        .fetch_one(connection)
        .await?;
    let (at, act_by): (Option<i64>, Option<i64>) = (row.try_get(1)?, row.try_get(2)?);
    let nothing = Fault::Damaged("a nudge about nothing");
    let (Some(at), Some(act_by)) = (at, act_by) else {
        return Err(nothing);
    };
    Ok(NoteSays::Nudge {
        office,
        count: row.try_get(0)?,
        at: instant(at),
        act_by: instant(act_by),
    })
}

/// Of several beliefs the first: there is one receipt, and it was queued then.
async fn receipt(connection: &mut SqliteConnection, case: &Case) -> Result<NoteSays, Fault> {
    let believed = said(connection, case, "answer_believed").await?;
    let inbound = believed.iter().find_map(|(fact, _)| received_by(fact));
    let answer = inbound.and_then(|inbound| case.people.answers.get(&inbound));
    let answer = answer.ok_or(Fault::Damaged("a receipt without an answer"))?;
    let role = match answer.contact {
        Some(contact) => Some(role_of(connection, case, contact).await?),
        None => None,
    };
    Ok(NoteSays::Receipt {
        role,
        at: answer.received_at,
    })
}

/// The mail whose RECEIVED was believed; none for what a person of ours recorded.
fn received_by(fact: &Fact) -> Option<InboundId> {
    if let Fact::AnswerBelieved {
        inbound,
        verdict: Verdict::Received,
        ..
    } = fact
    {
        *inbound
    } else {
        None
    }
}

async fn role_of(
    connection: &mut SqliteConnection,
    case: &Case,
    contact: ContactId,
) -> Result<Role, Fault> {
    let known = case.contacts.iter().find(|(id, ..)| *id == contact);
    if let Some((_, role, _)) = known {
        return Ok(*role);
    }
    let row = sqlx::query(ROLE)
        .bind(contact.to_string())
        .fetch_one(connection)
        .await?;
    let role: String = row.try_get(0)?;
    Role::parse(&role).ok_or(Fault::Damaged("a contact's role"))
}

/// Role and time of one and the same call, the first.
async fn after_call(connection: &mut SqliteConnection, case: &Case) -> Result<NoteSays, Fault> {
    let told = said(connection, case, "told").await?;
    let Some((Fact::Told { role, .. }, at)) = told.into_iter().next() else {
        return Err(Fault::Damaged("a note about no call"));
    };
    Ok(NoteSays::AfterCall {
        role,
        at: instant(at),
    })
}

fn not_counted(case: &Case) -> Result<NoteSays, Fault> {
    let strangers = case.people.answers.values().filter(|a| a.contact.is_none());
    let at = strangers.map(|answer| answer.received_at).min();
    let at = at.ok_or(Fault::Damaged("a note about no answer"))?;
    Ok(NoteSays::NotCounted { at })
}

/// The case's facts of one kind, each with its time.
async fn said(
    connection: &mut SqliteConnection,
    case: &Case,
    kind: &str,
) -> Result<Vec<(Fact, i64)>, Fault> {
    let rows = sqlx::query(SAID)
        .bind(stream_of(case.notification))
        .bind(kind)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| Ok((read_fact(row)?, row.try_get("at")?)))
        .collect()
}
