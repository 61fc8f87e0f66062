//! Nudges: content-free, to the ordinary mailboxes that people watch, through the force's own hub. Each
//! mailbox gets one a day, and several cases that wait share it.

use super::carrying::{Nudge, new_message};
use super::opening::referral_of;
use super::tx::{By, Fault, Tx};
use crate::referral::directory::ContactOf;
use crate::referral::fact::{Fact, Message};
use crate::referral::fold::Case;
use crate::referral::id::{ContactId, LetterId};
use crate::referral::ladder::LadderHours;
use crate::referral::london;
use crate::referral::plan::Target;
use crate::referral::school::{Address, Contact, Role, Withheld};
use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::Row;
use std::collections::BTreeSet;

const OF_TODAY: &str = "SELECT u.letter, l.item IS NULL AS unsigned, EXISTS (SELECT 1 FROM letter_member m WHERE m.letter = u.letter AND m.notification = $3) AS known FROM nudge u JOIN letter l ON l.id = u.letter WHERE u.mailbox = $1 AND u.day = $2";
const MEMBER_ADD: &str = "INSERT INTO letter_member(letter, notification) VALUES (?, ?)";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[OF_TODAY, MEMBER_ADD];

/// What nudging comes to: facts, and messages to be written.
#[derive(Default)]
pub(super) struct Nudged {
    pub(super) facts: Vec<Fact>,
    pub(super) messages: Vec<super::carrying::NewLetter>,
}

/// Nudges those of `contacts` who have an ordinary mailbox, and the school's office. Outside the hours
/// for it nobody is.
pub(super) async fn nudges(
    tx: &mut Tx<'_>,
    case: &Case,
    contacts: &[ContactId],
    by: &By,
) -> Result<Nudged, Fault> {
    let mut nudged = Nudged::default();
    let policy = by
        .force
        .as_ref()
        .and_then(|force| tx.state.policies.get(force));
    let (Some(route), Some(policy)) = (tx.state.nudge_route.clone(), policy) else {
        return Ok(nudged);
    };
    let today = london::civil(tx.now).date();
    let Some(until) = open_until(&policy.ladder, tx.now, today) else {
        return Ok(nudged);
    };
    let posted = referral_of(tx, case).await?;
    let withheld = Withheld::new(&posted.withhold_from);
    let mut seen = BTreeSet::new();
    for (contact, message, address) in mailboxes(tx, case, contacts, today) {
        let mailbox = tx
            .state
            .vault
            .blind("nudge", &[address.folded().as_bytes()]);
        if withheld.contains(&address) || !seen.insert(mailbox) {
            continue;
        }
        let day = today.to_string();
        let row = sqlx::query(OF_TODAY)
            .bind(mailbox.as_slice())
            .bind(&day)
            .bind(case.notification.to_string())
            .fetch_optional(tx.flushed().await?)
            .await?;
        let Some(row) = row else {
            let mut new = new_message(tx, case, message, contact, route.clone(), tx.now)?;
            new.nudge = Some(Nudge {
                mailbox,
                day,
                until,
            });
            nudged.facts.push(new.queued(0));
            nudged.messages.push(new);
            continue;
        };
        let (known, unsigned): (bool, bool) = (row.try_get("known")?, row.try_get("unsigned")?);
        if known || !unsigned {
            // It has been told of this case, or was nudged today already.
            continue;
        }
        let letter: String = row.try_get("letter")?;
        add_member(tx, &letter, case);
        let letter = LetterId::parse(&letter).map_err(|_| Fault::Damaged("a letter's id"))?;
        nudged.facts.push(Fact::NudgeShared { letter, contact });
    }
    Ok(nudged)
}

/// The cases that a nudge tells of.
pub(super) fn add_member(tx: &mut Tx<'_>, letter: &str, case: &Case) {
    tx.later(MEMBER_ADD)
        .bind(letter)
        .bind(case.notification.to_string());
}

/// Until when schools may be nudged today; none outside the hours.
fn open_until(hours: &LadderHours, now: Timestamp, today: Date) -> Option<Timestamp> {
    let until = london::instant(today, hours.nudges_to);
    (london::instant(today, hours.nudges_from) <= now && now < until).then_some(until)
}

fn mailboxes(
    tx: &Tx<'_>,
    case: &Case,
    contacts: &[ContactId],
    today: Date,
) -> Vec<(ContactId, Message, Address)> {
    let whose = match case.target {
        Target::School(urn) => ContactOf::School(urn),
        Target::Authority(code) => ContactOf::Authority(code),
        Target::Unrouted => return Vec::new(),
    };
    let listed = tx.state.directory.contacts_of(whose).iter();
    listed
        .filter(|contact| contact.is_valid_on(today))
        .filter_map(|contact| {
            let (message, address) = mailbox(contact)?;
            let wanted = contact.role == Role::Office || contacts.contains(&contact.id);
            wanted.then_some((contact.id, message, address))
        })
        .collect()
}

/// Where a contact is nudged; an office's own address is an ordinary one.
pub(super) fn mailbox(contact: &Contact) -> Option<(Message, Address)> {
    match contact.role {
        Role::KeyAdult | Role::Deputy | Role::Hub => contact
            .nudge_to
            .clone()
            .map(|address| (Message::Nudge, address)),
        Role::Office => {
            let address = contact.nudge_to.as_ref().unwrap_or(&contact.address);
            Some((Message::OfficeNudge, address.clone()))
        }
    }
}
