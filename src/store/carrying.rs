//! Carrying decisions out: each gets its ids and becomes facts and rows.

use super::tasks;
use super::tx::{By, Fault, Tx};
use crate::referral::decide::{Decision, RerouteTo};
use crate::referral::fact::{Fact, Message, TaskKind};
use crate::referral::fold::Case;
use crate::referral::id::{ContactId, DeliveryId, LetterId, NotificationId, TaskId};
use crate::referral::school::RouteName;
use jiff::Timestamp;
use sqlx::Row;

const LETTER_ADD: &str = "INSERT INTO letter(id, kind, message, notification, contact, directory_version, token, message_id, basis) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const DELIVERY_ADD: &str = "INSERT INTO delivery(id, letter, notification, cause, lane, route, state, last_safe_at, not_before) VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $8)";
const OF_CONTACT: &str = "SELECT DISTINCT n.id FROM notification n JOIN contact c ON c.urn = COALESCE(n.urn, 'la:' || n.la_code) WHERE c.id = $1 AND n.live = 1 AND n.id <> $2 ORDER BY n.id";
const BLOCK_ADD: &str = "INSERT INTO block(id, what, target, since, by_whom) VALUES ($1, 'contact', $2, $3, $4) ON CONFLICT DO NOTHING";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[LETTER_ADD, DELIVERY_ADD, OF_CONTACT, BLOCK_ADD];

/// Letters about children go before everything else.
const LANE_LETTERS: i64 = 0;
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
            Decision::Queue {
                message,
                contact,
                route,
                step,
                not_before,
            } => {
                let new = new_letter(tx, case, message, contact, route, step, not_before)?;
                let fact = queued(&new, step);
                carried.rows.push(NewRow::Letter(Box::new(new)));
                fact
            }
            Decision::QueueAgain {
                delivery,
                after_attempt,
                not_before,
            } => queued_again(case, delivery, after_attempt, not_before)?,
            Decision::OpenTask { kind, wanted_by } => {
                let wanted_by = tasks::can_be_done_from(tx, case, kind, wanted_by);
                let task = tasks::open_or_new(tx, case, kind, by).await?;
                carried.rows.push(NewRow::Task {
                    task,
                    kind,
                    wanted_by,
                });
                task_opened(task, kind, wanted_by)
            }
            Decision::SettleTask { task, settlement } => {
                carried.rows.push(NewRow::TaskEnded(task));
                Fact::TaskSettled {
                    task,
                    settlement,
                    outcome: None,
                }
            }
            Decision::Block { contact, inbound } => {
                carried.rows.push(NewRow::Block(contact));
                carried.suspended.push(contact);
                Fact::Blocked {
                    contact,
                    inbound: Some(inbound),
                }
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
        | Decision::OpenTask { .. }
        | Decision::SettleTask { .. }
        | Decision::Block { .. }
        | Decision::Reroute { .. } => return Err(Fault::Damaged("a decision with rows")),
    })
}

fn new_letter(
    tx: &Tx<'_>,
    case: &Case,
    message: Message,
    contact: ContactId,
    route: RouteName,
    step: u32,
    not_before: Timestamp,
) -> Result<NewLetter, Fault> {
    // One message a step and contact, held by the unique index on `cause`.
    let place = match message {
        Message::Letter => step.to_string(),
        Message::Receipt | Message::AfterCall | Message::NotCounted => message.word().to_owned(),
    };
    Ok(NewLetter {
        letter: tx.new_id(LetterId::from_parts)?,
        delivery: tx.new_id(DeliveryId::from_parts)?,
        message,
        contact,
        route,
        not_before,
        cause: format!("{}:{place}:{contact}", case.notification),
    })
}

fn queued(new: &NewLetter, step: u32) -> Fact {
    Fact::DeliveryQueued {
        delivery: new.delivery,
        letter: new.letter,
        message: new.message,
        contact: new.contact,
        route: new.route.clone(),
        step,
        after_attempt: 0,
        not_before: new.not_before,
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
            NewRow::Letter(new) => write_letter(tx, case, &new, by).await?,
            NewRow::Task {
                task,
                kind,
                wanted_by,
            } => tasks::write(tx, case, task, kind, wanted_by, by).await?,
            NewRow::TaskEnded(task) => tasks::left(tx, task, case.notification).await?,
            NewRow::Block(contact) => {
                let at = tx.now.as_microsecond();
                sqlx::query(BLOCK_ADD)
                    .bind(format!("blk_{contact}_{at}"))
                    .bind(contact.to_string())
                    .bind(at)
                    .bind("daemon")
                    .execute(&mut *tx.connection)
                    .await?;
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
        .fetch_all(&mut *tx.connection)
        .await?;
    rows.iter()
        .map(|row| {
            let id: String = row.try_get(0)?;
            NotificationId::parse(&id).map_err(|_| Fault::Damaged("a notification's id"))
        })
        .collect()
}

async fn write_letter(tx: &mut Tx<'_>, case: &Case, new: &NewLetter, by: &By) -> Result<(), Fault> {
    let notification = case.notification.to_string();
    let token = token(tx)?;
    let message_id = format!("{token}@{}", tx.state.message_id_host);
    let (kind, lane) = match new.message {
        Message::Letter => ("notification", LANE_LETTERS),
        Message::Receipt => ("receipt", LANE_NOTES),
        Message::AfterCall | Message::NotCounted => ("note", LANE_NOTES),
    };
    sqlx::query(LETTER_ADD)
        .bind(new.letter.to_string())
        .bind(kind)
        .bind(new.message.word())
        .bind(&notification)
        .bind(new.contact.to_string())
        .bind(i64::from(case.directory_version))
        .bind(&token)
        .bind(message_id)
        .bind(by.basis)
        .execute(&mut *tx.connection)
        .await?;
    sqlx::query(DELIVERY_ADD)
        .bind(new.delivery.to_string())
        .bind(new.letter.to_string())
        .bind(&notification)
        .bind(&new.cause)
        .bind(lane)
        .bind(new.route.as_str())
        .bind(case.last_safe_mail().as_microsecond())
        .bind(new.not_before.as_microsecond())
        .execute(&mut *tx.connection)
        .await?;
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
