//! Nudges: content-free, to the ordinary mailboxes that people watch, through the force's own hub. Each
//! mailbox gets one a day, and several cases that wait share it.

use super::carrying::{Nudge, new_message};
use super::numbers::{earlier, is_closed_on_the_day_of};
use super::opening::{referral_of, whose};
use super::tx::{By, Fault, Tx};
use crate::referral::directory::ContactOf;
use crate::referral::fact::{Fact, Message};
use crate::referral::fold::Case;
use crate::referral::id::{ContactId, LetterId};
use crate::referral::london;
use crate::referral::plan::Target;
use crate::referral::policy::Policy;
use crate::referral::pupil_day::SchoolDays;
use crate::referral::school::{Address, Contact, Role, Withheld};
use crate::referral::state::DeliveryState;
use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeSet;

const OF_TODAY: &str = "SELECT u.letter, l.item IS NULL AS unsigned, d.state, EXISTS (SELECT 1 FROM letter_member m WHERE m.letter = u.letter AND m.notification = $3) AS known, EXISTS (SELECT 1 FROM letter_member m JOIN notification o ON o.id = m.notification WHERE m.letter = u.letter AND o.duty = 'open' AND o.hold IS NULL AND o.reading = 0) AS wanted FROM nudge u JOIN letter l ON l.id = u.letter JOIN delivery d ON d.letter = u.letter WHERE u.mailbox = $1 AND u.day = $2";
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
    let policy = policy.clone();
    let Some(until) = open_until(tx, case, &policy).await? else {
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
        let of_today = OfToday::of(row.as_ref())?;
        if let OfToday::Waits(letter) = of_today {
            add_member(tx, &letter.to_string(), case);
            nudged.facts.push(Fact::NudgeShared { letter, contact });
            continue;
        }
        let instead_of = match of_today {
            OfToday::Nothing => None,
            OfToday::NeverLeft(letter) => Some(letter),
            OfToday::Waits(_) | OfToday::Nudged => continue,
        };
        let mut new = new_message(tx, case, message, contact, route.clone(), tx.now)?;
        if let Some(letter) = instead_of {
            new = new.instead_of(letter);
        }
        new.nudge = Some(Nudge {
            mailbox,
            day,
            until,
        });
        nudged.facts.push(new.queued(0));
        nudged.messages.push(new);
    }
    Ok(nudged)
}

/// What became of a mailbox's nudge of this day.
#[derive(Clone, Copy)]
enum OfToday {
    /// There is none.
    Nothing,
    /// It is not made yet, and may tell of another case.
    Waits(LetterId),
    /// It has been told of this case, or was nudged today already.
    Nudged,
    /// It never left and never will: what it was about has ended, or it was refused or could not be made.
    NeverLeft(LetterId),
}

impl OfToday {
    fn of(row: Option<&SqliteRow>) -> Result<Self, Fault> {
        let Some(row) = row else {
            return Ok(Self::Nothing);
        };
        let letter: String = row.try_get("letter")?;
        let letter = LetterId::parse(&letter).map_err(|_| Fault::Damaged("a letter's id"))?;
        let state: String = row.try_get("state")?;
        let state = DeliveryState::parse(&state).ok_or(Fault::Damaged("a delivery's state"))?;
        let (known, unsigned): (bool, bool) = (row.try_get("known")?, row.try_get("unsigned")?);
        let wanted: bool = row.try_get("wanted")?;
        Ok(match state {
            DeliveryState::Cancelled => Self::NeverLeft(letter),
            // Of the case that it told of, it would be refused again.
            DeliveryState::Failed | DeliveryState::Held if !known => Self::NeverLeft(letter),
            DeliveryState::Queued if known => Self::Nudged,
            DeliveryState::Queued if unsigned => Self::Waits(letter),
            // It will not be sent: everybody whom it tells of has answered.
            DeliveryState::Queued if !wanted => Self::NeverLeft(letter),
            DeliveryState::Sending if unsigned && !known => Self::Waits(letter),
            DeliveryState::Failed
            | DeliveryState::Held
            | DeliveryState::Queued
            | DeliveryState::Sending
            | DeliveryState::InDoubt
            | DeliveryState::Relayed
            | DeliveryState::Delivered
            | DeliveryState::Delayed => Self::Nudged,
        })
    }
}

/// The cases that a nudge tells of.
pub(super) fn add_member(tx: &mut Tx<'_>, letter: &str, case: &Case) {
    tx.later(MEMBER_ADD)
        .bind(letter)
        .bind(case.notification.to_string());
}

/// Until when the case's school may be nudged today. The step's own time says nothing any more where it
/// fires late: on a Saturday, after a closure that was imported since, or where the school has said on the
/// telephone that it is closed, nobody is.
async fn open_until(
    tx: &mut Tx<'_>,
    case: &Case,
    policy: &Policy,
) -> Result<Option<Timestamp>, Fault> {
    let directory = tx.state.directory.clone();
    let whose = whose(case.target, &directory, policy.default_la);
    let days = SchoolDays::of(&directory, whose);
    let Some(until) = days.nudged_until(&policy.ladder, tx.now, case.act_by) else {
        return Ok(None);
    };
    let now = tx.now;
    let earlier = earlier(tx, case, Some(&policy.force)).await?;
    let closed = is_closed_on_the_day_of(tx, case, &earlier, now).await?;
    Ok((!closed).then_some(until))
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
