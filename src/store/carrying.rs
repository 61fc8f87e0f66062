//! Carrying decisions out: each gets its ids and becomes facts and rows.

use super::addresses::sharing;
use super::nudges::{Nudged, add_member, nudges};
use super::rows::notification_ids;
use super::tx::{By, Fault, Tx};
use super::{numbers, tasks};
use crate::referral::decide::{Decision, RerouteTo};
use crate::referral::fact::{Fact, Message, Settlement, TaskKind};
use crate::referral::fold::Case;
use crate::referral::id::{ContactId, DeliveryId, LetterId, NotificationId, TaskId};
use crate::referral::london;
use crate::referral::school::RouteName;
use jiff::Timestamp;

const LETTER_ADD: &str = "INSERT INTO letter(id, kind, message, notification, contact, directory_version, token, message_id, basis) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
const DELIVERY_ADD: &str = "INSERT INTO delivery(id, letter, notification, cause, lane, route, state, last_safe_at, not_before, not_after) VALUES (?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?)";
// One that never left is replaced.
const NUDGE_ADD: &str = "INSERT INTO nudge(mailbox, day, letter) VALUES (?, ?, ?) ON CONFLICT (mailbox, day) DO UPDATE SET letter = excluded.letter";
const OF_CONTACT: &str = "SELECT n.id FROM contact c CROSS JOIN notification n ON n.urn = c.urn WHERE c.id = $1 AND n.live = 1 AND n.id <> $2 UNION SELECT n.id FROM contact c CROSS JOIN notification n ON n.la_code = substr(c.urn, 4) AND n.urn IS NULL WHERE c.id = $1 AND c.urn LIKE 'la:%' AND n.live = 1 AND n.id <> $2 ORDER BY 1";
const BLOCK_ADD: &str = "INSERT INTO block(id, what, target, since, by_whom) VALUES (?, 'contact', ?, ?, ?) ON CONFLICT DO NOTHING";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] =
    &[LETTER_ADD, DELIVERY_ADD, NUDGE_ADD, OF_CONTACT, BLOCK_ADD];

/// Letters about children go before everything else.
pub(super) const LANE_LETTERS: i64 = 0;
/// Nudges, which are of use only this morning.
const LANE_NUDGES: i64 = 1;
/// Notes and receipts.
const LANE_NOTES: i64 = 2;

/// What decisions leave to be written once their facts are.
pub(super) struct Carried {
    pub(super) rows: Vec<NewRow>,
    /// The successor to be opened.
    pub(super) successor: Option<(NotificationId, RerouteTo)>,
    /// Contacts whose address is suspended from now on.
    pub(super) suspended: Vec<ContactId>,
}

/// A letter with its first delivery.
pub(super) struct NewLetter {
    letter: LetterId,
    delivery: DeliveryId,
    message: Message,
    contact: ContactId,
    route: RouteName,
    not_before: Timestamp,
    cause: String,
    pub(super) nudge: Option<Nudge>,
}

/// What a nudge has beside: its mailbox, known by a keyed digest, its day and the end of that day.
pub(super) struct Nudge {
    pub(super) mailbox: [u8; 32],
    pub(super) day: String,
    pub(super) until: Timestamp,
}

/// A row that a decision asks for.
pub(super) enum NewRow {
    Letter(Box<NewLetter>),
    Task {
        task: TaskId,
        kind: TaskKind,
        wanted_by: Timestamp,
    },
    TaskEnded(TaskId),
    Block(ContactId),
}

impl Carried {
    fn nudged(&mut self, nudged: Nudged, facts: &mut Vec<Fact>) {
        let messages = nudged.messages.into_iter().map(Box::new);
        self.rows.extend(messages.map(NewRow::Letter));
        facts.extend(nudged.facts);
    }

    /// Tasks, as earlier calls leave it; none where it is asked for already.
    async fn asked(
        &mut self,
        tx: &mut Tx<'_>,
        case: &Case,
        wished: (TaskKind, Timestamp),
        by: &By,
    ) -> Result<Vec<Fact>, Fault> {
        let mut facts = Vec::new();
        for (kind, wanted_by) in numbers::asked_for(tx, case, wished, by).await? {
            let same =
                |row: &NewRow| matches!(row, NewRow::Task { kind: known, .. } if *known == kind);
            if self.rows.iter().any(same) {
                continue;
            }
            let task = tasks::open_or_new(tx, case, kind, by).await?;
            self.rows.push(NewRow::Task {
                task,
                kind,
                wanted_by,
            });
            facts.push(task_opened(task, kind, wanted_by));
        }
        Ok(facts)
    }

    fn blocked(&mut self, contacts: impl Iterator<Item = ContactId>) {
        for contact in contacts {
            self.rows.push(NewRow::Block(contact));
            self.suspended.push(contact);
        }
    }
}

/// Gives decisions their ids and turns them into facts and rows.
pub(super) async fn carry_out(
    tx: &mut Tx<'_>,
    case: &Case,
    decisions: Vec<Decision>,
    facts: &mut Vec<Fact>,
    by: &By,
) -> Result<Carried, Fault> {
    let mut carried = Carried {
        rows: Vec::new(),
        successor: None,
        suspended: Vec::new(),
    };
    for decision in decisions {
        let fact = match decision {
            Decision::Nudge { contacts } => {
                match nudges(tx, case, &contacts, by).await {
                    Ok(nudged) => carried.nudged(nudged, facts),
                    // Whom it must not reach cannot be read: nobody is nudged, and what else is due is done.
                    Err(fault) if fault.is_of_content() => {
                        tracing::error!(notification = %case.notification, %fault, "its nudge failed");
                    }
                    Err(fault) => return Err(fault),
                }
                continue;
            }
            Decision::Queue {
                message,
                contact,
                route,
                step,
                not_before,
            } => {
                let new = new_message(tx, case, message, contact, route, not_before)?;
                let new = new.of_step(case, step);
                let fact = new.queued(step);
                carried.rows.push(NewRow::Letter(Box::new(new)));
                fact
            }
            Decision::QueueAgain {
                delivery,
                after_attempt,
                not_before,
            } => queued_again(case, delivery, after_attempt, not_before)?,
            Decision::OpenTask { kind, wanted_by } => {
                facts.extend(carried.asked(tx, case, (kind, wanted_by), by).await?);
                continue;
            }
            Decision::SettleTask { task, settlement } => {
                carried.rows.push(NewRow::TaskEnded(task));
                task_settled(task, settlement)
            }
            Decision::Block { contact, inbound } => {
                let also = sharing(tx, contact).await?;
                carried.blocked([contact].into_iter().chain(also));
                let inbound = Some(inbound);
                Fact::Blocked { contact, inbound }
            }
            Decision::Reroute { to } => {
                let id = tx.new_id(NotificationId::from_parts)?;
                carried.successor = Some((id, to));
                Fact::Rerouted { to: id }
            }
            plain @ (Decision::Cancel { .. }
            | Decision::Believe { .. }
            | Decision::FindContradiction { .. }
            | Decision::Fire { .. }
            | Decision::NoteLate
            | Decision::Release { .. }
            | Decision::Close { .. }) => plain_fact(case, plain)?,
        };
        facts.push(fact);
    }
    Ok(carried)
}

fn task_settled(task: TaskId, settlement: Settlement) -> Fact {
    Fact::TaskSettled {
        task,
        settlement,
        outcome: None,
    }
}

fn task_opened(task: TaskId, task_kind: TaskKind, wanted_by: Timestamp) -> Fact {
    Fact::TaskOpened {
        task,
        task_kind,
        wanted_by,
    }
}

/// A decision that is its fact and nothing else.
fn plain_fact(case: &Case, decision: Decision) -> Result<Fact, Fault> {
    let next = |highest: Option<&u32>| highest.map_or(1, |n| n + 1);
    Ok(match decision {
        Decision::Cancel { delivery } => Fact::DeliveryCancelled { delivery },
        Decision::Believe { inbound, verdict } => Fact::AnswerBelieved {
            belief: next(case.people.beliefs.keys().next_back()),
            inbound: Some(inbound),
            verdict,
            reason: None,
        },
        Decision::FindContradiction { clash, inbound } => Fact::ContradictionFound {
            contradiction: next(case.people.contradictions.keys().next_back()),
            clash,
            inbound,
        },
        Decision::Fire { rung } => Fact::StepFired {
            step: rung.what,
            due: rung.at,
        },
        Decision::NoteLate => Fact::LateNoted {
            act_by: case.act_by,
        },
        Decision::Release { by } => Fact::Released {
            hold: case.holds,
            by,
            reason: None,
        },
        Decision::Close { closed_as } => Fact::Closed {
            closed_as: closed_as.to_owned(),
        },
        Decision::Queue { .. }
        | Decision::QueueAgain { .. }
        | Decision::Nudge { .. }
        | Decision::OpenTask { .. }
        | Decision::SettleTask { .. }
        | Decision::Block { .. }
        | Decision::Reroute { .. } => return Err(Fault::Damaged("a decision with rows")),
    })
}

/// A message with its first delivery. Of each kind a contact gets one about a case, and one nudge a day:
/// held by the unique index on `cause`.
pub(super) fn new_message(
    tx: &Tx<'_>,
    case: &Case,
    message: Message,
    contact: ContactId,
    route: RouteName,
    not_before: Timestamp,
) -> Result<NewLetter, Fault> {
    let word = message.word();
    let cause = match message {
        Message::Letter | Message::Receipt | Message::AfterCall | Message::NotCounted => {
            format!("{}:{word}:{contact}", case.notification)
        }
        Message::Nudge | Message::OfficeNudge => {
            let today = london::civil(tx.now).date();
            format!("{}:{word}:{contact}:{today}", case.notification)
        }
    };
    Ok(NewLetter {
        letter: tx.new_id(LetterId::from_parts)?,
        delivery: tx.new_id(DeliveryId::from_parts)?,
        message,
        contact,
        route,
        not_before,
        cause,
        nudge: None,
    })
}

impl NewLetter {
    /// A step's letter: one a step and contact.
    fn of_step(mut self, case: &Case, step: u32) -> Self {
        if self.message == Message::Letter {
            self.cause = format!("{}:{step}:{}", case.notification, self.contact);
        }
        self
    }

    /// In the stead of a nudge of the same day that never left.
    pub(super) fn instead_of(mut self, letter: LetterId) -> Self {
        self.cause = format!("{}:{letter}", self.cause);
        self
    }

    pub(super) fn queued(&self, step: u32) -> Fact {
        Fact::DeliveryQueued {
            delivery: self.delivery,
            letter: self.letter,
            message: self.message,
            contact: self.contact,
            route: self.route.clone(),
            step,
            after_attempt: 0,
            not_before: self.not_before,
            not_after: self.nudge.as_ref().map(|nudge| nudge.until),
        }
    }
}

fn queued_again(
    case: &Case,
    delivery: DeliveryId,
    after_attempt: u32,
    not_before: Timestamp,
) -> Result<Fact, Fault> {
    let known = case.deliveries.get(&delivery);
    let known = known.ok_or(Fault::Damaged("delivery"))?;
    Ok(Fact::DeliveryQueued {
        delivery,
        letter: known.letter,
        message: known.message,
        contact: known.contact,
        route: known.route.clone(),
        step: known.step,
        after_attempt,
        not_before,
        not_after: known.not_after,
    })
}

/// Writes the rows that decisions asked for.
pub(super) async fn write_rows(
    tx: &mut Tx<'_>,
    case: &Case,
    rows: Vec<NewRow>,
    by: &By,
) -> Result<(), Fault> {
    for row in rows {
        match row {
            NewRow::Letter(new) => write_letter(tx, case, &new, by)?,
            NewRow::Task {
                task,
                kind,
                wanted_by,
            } => tasks::write(tx, case, task, kind, wanted_by, by).await?,
            NewRow::TaskEnded(task) => tasks::left(tx, task, case.notification).await?,
            NewRow::Block(contact) => {
                let at = tx.now.as_microsecond();
                tx.later(BLOCK_ADD)
                    .bind(format!("blk_{contact}_{at}"))
                    .bind(contact.to_string())
                    .bind(at)
                    .bind("daemon");
                tx.state.suspend(contact);
            }
        }
    }
    Ok(())
}

/// The other live notifications of a contact's establishment.
pub(super) async fn others_of(
    tx: &mut Tx<'_>,
    contact: ContactId,
    but: NotificationId,
) -> Result<Vec<NotificationId>, Fault> {
    let rows = sqlx::query(OF_CONTACT)
        .bind(contact.to_string())
        .bind(but.to_string())
        .fetch_all(tx.flushed().await?)
        .await?;
    notification_ids(&rows)
}

fn write_letter(tx: &mut Tx<'_>, case: &Case, new: &NewLetter, by: &By) -> Result<(), Fault> {
    let notification = case.notification.to_string();
    let token = token(tx)?;
    let message_id = format!("{token}@{}", tx.state.message_id_host);
    let (kind, lane) = match new.message {
        Message::Letter => ("notification", LANE_LETTERS),
        Message::Receipt => ("receipt", LANE_NOTES),
        Message::AfterCall | Message::NotCounted => ("note", LANE_NOTES),
        Message::Nudge | Message::OfficeNudge => ("nudge", LANE_NUDGES),
    };
    // A letter's contact is as it was named for the case; a nudge's as the directory has it now.
    let directory_version = match (&new.nudge, case.renewed.get(&new.contact)) {
        (Some(_), _) => tx.state.directory.version,
        (None, Some(renewed)) => *renewed,
        (None, None) => case.directory_version,
    };
    tx.later(LETTER_ADD)
        .bind(new.letter.to_string())
        .bind(kind)
        .bind(new.message.word())
        .bind(&notification)
        .bind(new.contact.to_string())
        .bind(i64::from(directory_version))
        .bind(&token)
        .bind(message_id)
        .bind(by.basis);
    tx.later(DELIVERY_ADD)
        .bind(new.delivery.to_string())
        .bind(new.letter.to_string())
        .bind(&notification)
        .bind(&new.cause)
        .bind(lane)
        .bind(new.route.as_str())
        .bind(case.last_safe_mail().as_microsecond())
        .bind(new.not_before.as_microsecond())
        .bind(new.nudge.as_ref().map(|nudge| nudge.until.as_microsecond()));
    if let Some(nudge) = &new.nudge {
        let letter = new.letter.to_string();
        tx.later(NUDGE_ADD)
            .bind(nudge.mailbox.as_slice())
            .bind(&nudge.day)
            .bind(&letter);
        add_member(tx, &letter, case);
    }
    Ok(())
}

/// A reply token: 130 random bits as 26 lower-case base32 characters. Secret; never printed.
fn token(tx: &Tx<'_>) -> Result<String, Fault> {
    let bytes: [u8; 26] = tx.state.footing.randomness.draw()?;
    let alphabet: Vec<char> = "0123456789abcdefghjkmnpqrstvwxyz".chars().collect();
    Ok(bytes
        .iter()
        .filter_map(|byte| alphabet.get(usize::from(byte & 31)))
        .collect())
}
