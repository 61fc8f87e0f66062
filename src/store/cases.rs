//! One notification: load its facts, fold, decide, append, save. Everything that happens to a
//! notification goes through [`apply`]; [`open_case`] begins one.

use super::json;
use super::tx::{By, Fault, Stream, Tx};
use crate::referral::decide::{Decision, Observation, decide};
use crate::referral::fact::{Fact, TaskKind};
use crate::referral::fold::{Case, fold};
use crate::referral::id::{ContactId, DeliveryId, LetterId, NotificationId, TaskId};
use crate::referral::plan::Target;
use crate::referral::post::ForceName;
use crate::referral::reference::Reference;
use crate::referral::school::RouteName;
use crate::seal::random;
use jiff::Timestamp;
use sqlx::Row;

const FACTS: &str = "SELECT kind, v, body, force, basis FROM fact WHERE stream = $1 ORDER BY n";
const NOTIFICATION_ADD: &str = "INSERT INTO notification(id, reference, force, referral, child, target, urn, la_code, duty, closed_as, hold, proof, step, timing, word, due_at, act_by, assumed, late_on_arrival, next_at, next_what, live, basis, directory_version, facts, accepted_at, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)";
const NOTIFICATION_SAVE: &str = "UPDATE notification SET duty = $2, closed_as = $3, hold = $4, proof = $5, step = $6, timing = $7, word = $8, next_at = $9, next_what = $10, live = $11, facts = $12, changed_at = $13 WHERE id = $1";
const LETTER_ADD: &str = "INSERT INTO letter(id, kind, notification, contact, directory_version, token, message_id, basis) VALUES ($1, 'notification', $2, $3, $4, $5, $6, $7)";
const DELIVERY_ADD: &str = "INSERT INTO delivery(id, letter, notification, cause, lane, route, state, last_safe_at, not_before) VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $8)";
const DELIVERY_SAVE: &str =
    "UPDATE delivery SET state = $2, not_before = $3, quarantined = $4 WHERE id = $1";
const TASKS_OPEN: &str = "SELECT kind FROM task WHERE subject = $1 AND settled_at IS NULL";
const TASK_ADD: &str = "INSERT INTO task(id, kind, notification, subject, force, opened_at, wanted_by) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    FACTS,
    NOTIFICATION_ADD,
    NOTIFICATION_SAVE,
    LETTER_ADD,
    DELIVERY_ADD,
    DELIVERY_SAVE,
    TASKS_OPEN,
    TASK_ADD,
];

/// Letters about children go before everything else; later lanes are for notes and drills.
const LANE_LETTERS: i64 = 0;

/// The stream of a notification's facts.
pub(super) fn stream_of(notification: NotificationId) -> String {
    notification.to_string()
}

/// Loads and folds a notification.
pub(super) async fn load(
    tx: &mut Tx<'_>,
    notification: NotificationId,
) -> Result<(Vec<Fact>, Stream, By), Fault> {
    let name = stream_of(notification);
    let rows = sqlx::query(FACTS)
        .bind(&name)
        .fetch_all(&mut *tx.connection)
        .await?;
    let last = rows
        .last()
        .ok_or(Fault::Damaged("no facts of a notification"))?;
    let force: Option<String> = last.try_get("force")?;
    let by = By {
        actor: "daemon".to_owned(),
        force: force.as_deref().and_then(ForceName::parse),
        basis: tx.basis_like(last.try_get("basis")?).await?,
    };
    let facts = rows.iter().map(read_fact).collect::<Result<Vec<_>, _>>()?;
    let count = i64::try_from(facts.len()).unwrap_or(i64::MAX);
    Ok((facts, Stream { name, count }, by))
}

/// A fact of a row with `kind`, `v` and `body`.
pub(super) fn read_fact(row: &sqlx::sqlite::SqliteRow) -> Result<Fact, Fault> {
    let kind: String = row.try_get("kind")?;
    let version: u16 = row.try_get("v")?;
    let body: Option<Vec<u8>> = row.try_get("body")?;
    let body = body
        .as_deref()
        .and_then(json::parse)
        .ok_or(Fault::Damaged("a fact's body"))?;
    Fact::read(&kind, version, &body).ok_or(Fault::Damaged("a fact of an unknown kind or version"))
}

/// What begins a notification besides its facts.
pub(super) struct Opening {
    pub(super) reference: Reference,
    pub(super) by: By,
}

/// Begins a notification: its row, facts, first letter or task. One instant throughout. `facts` are
/// opened, deadline set and perhaps held.
pub(super) async fn open_case(
    tx: &mut Tx<'_>,
    opening: Opening,
    mut facts: Vec<Fact>,
) -> Result<Case, Fault> {
    let case = fold(&facts).map_err(|_| Fault::Damaged("opening facts"))?;
    let random = tx.random_u64()?;
    // One that was replaced before it came asks for nothing.
    let decisions = if case.live() {
        decide(&case, Observation::Opened, &tx.state.retry, tx.now, random)
    } else {
        Vec::new()
    };
    let rows = carry_out(tx, &case, decisions, &mut facts)?;
    let case = fold(&facts).map_err(|_| Fault::Damaged("opening facts"))?;
    insert(tx, &case, &opening, facts.len()).await?;
    let mut stream = Stream {
        name: stream_of(case.notification),
        count: 0,
    };
    for fact in &facts {
        tx.append(&mut stream, fact, &opening.by, None).await?;
    }
    write_rows(tx, &case, rows, &opening.by).await?;
    Ok(case)
}

/// What an observation brings: its fact, and the outside event it comes from.
pub(super) struct Observed {
    pub(super) fact: Fact,
    pub(super) cause: Option<String>,
}

/// Applies an observation to one notification, inside the batch.
pub(super) async fn apply(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    observed: Observed,
    observation: Option<Observation>,
) -> Result<Case, Fault> {
    let (mut facts, mut stream, by) = load(tx, notification).await?;
    let known = facts.len();
    facts.push(observed.fact);
    let case = fold(&facts).map_err(|_| Fault::Damaged("facts of a notification"))?;
    let random = tx.random_u64()?;
    let decisions = match observation {
        Some(observation) => decide(&case, observation, &tx.state.retry, tx.now, random),
        None => Vec::new(),
    };
    let decisions = without_open_tasks(tx, notification, decisions).await?;
    let rows = carry_out(tx, &case, decisions, &mut facts)?;
    let case = fold(&facts).map_err(|_| Fault::Damaged("facts of a notification"))?;
    let mut cause = observed.cause;
    for fact in facts.iter().skip(known) {
        tx.append(&mut stream, fact, &by, cause.take().as_deref())
            .await?;
    }
    save(tx, &case, stream.count).await?;
    write_rows(tx, &case, rows, &by).await?;
    for (delivery, known) in &case.deliveries {
        sqlx::query(DELIVERY_SAVE)
            .bind(delivery.to_string())
            .bind(known.state().word())
            .bind(known.not_before.as_microsecond())
            .bind(known.quarantined)
            .execute(&mut *tx.connection)
            .await?;
    }
    Ok(case)
}

/// A letter with its first delivery.
struct NewLetter {
    letter: LetterId,
    delivery: DeliveryId,
    contact: ContactId,
    route: RouteName,
    not_before: Timestamp,
    cause: String,
}

/// A row that a decision asks for.
enum NewRow {
    Letter(Box<NewLetter>),
    Task {
        task: TaskId,
        kind: TaskKind,
        wanted_by: Timestamp,
    },
}

/// Gives decisions their ids and turns them into facts and rows.
fn carry_out(
    tx: &Tx<'_>,
    case: &Case,
    decisions: Vec<Decision>,
    facts: &mut Vec<Fact>,
) -> Result<Vec<NewRow>, Fault> {
    let mut rows = Vec::new();
    for decision in decisions {
        let fact = match decision {
            Decision::QueueLetter {
                contact,
                route,
                step,
                not_before,
            } => {
                let letter = tx.new_id(LetterId::from_parts)?;
                let delivery = tx.new_id(DeliveryId::from_parts)?;
                // One letter a step and contact, held by the unique index on `cause`.
                let cause = format!("{}:{step}:{contact}", case.notification);
                rows.push(NewRow::Letter(Box::new(NewLetter {
                    letter,
                    delivery,
                    contact,
                    route: route.clone(),
                    not_before,
                    cause,
                })));
                Fact::DeliveryQueued {
                    delivery,
                    letter,
                    contact,
                    route,
                    step,
                    after_attempt: 0,
                    not_before,
                }
            }
            Decision::QueueAgain {
                delivery,
                after_attempt,
                not_before,
            } => {
                let known = case
                    .deliveries
                    .get(&delivery)
                    .ok_or(Fault::Damaged("delivery"))?;
                Fact::DeliveryQueued {
                    delivery,
                    letter: known.letter,
                    contact: known.contact,
                    route: known.route.clone(),
                    step: known.step,
                    after_attempt,
                    not_before,
                }
            }
            Decision::Cancel { delivery } => Fact::DeliveryCancelled { delivery },
            Decision::OpenTask { kind, wanted_by } => {
                let task = tx.new_id(TaskId::from_parts)?;
                rows.push(NewRow::Task {
                    task,
                    kind,
                    wanted_by,
                });
                Fact::TaskOpened {
                    task,
                    task_kind: kind,
                    wanted_by,
                }
            }
            Decision::Close { closed_as } => Fact::Closed {
                closed_as: closed_as.to_owned(),
            },
        };
        facts.push(fact);
    }
    Ok(rows)
}

async fn write_rows(tx: &mut Tx<'_>, case: &Case, rows: Vec<NewRow>, by: &By) -> Result<(), Fault> {
    let notification = case.notification.to_string();
    for row in rows {
        match row {
            NewRow::Letter(new) => write_letter(tx, case, &new, by).await?,
            NewRow::Task {
                task,
                kind,
                wanted_by,
            } => {
                add_task(
                    tx,
                    task,
                    kind,
                    Some(&notification),
                    &notification,
                    by,
                    wanted_by,
                )
                .await?;
            }
        }
    }
    Ok(())
}

async fn write_letter(tx: &mut Tx<'_>, case: &Case, new: &NewLetter, by: &By) -> Result<(), Fault> {
    let notification = case.notification.to_string();
    let token = token()?;
    let message_id = format!("{token}@{}", tx.state.message_id_host);
    sqlx::query(LETTER_ADD)
        .bind(new.letter.to_string())
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
        .bind(LANE_LETTERS)
        .bind(new.route.as_str())
        .bind(case.act_by.as_microsecond())
        .bind(new.not_before.as_microsecond())
        .execute(&mut *tx.connection)
        .await?;
    Ok(())
}

/// Decisions but for tasks that wait for a person already: no fact says that one was opened twice.
async fn without_open_tasks(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    mut decisions: Vec<Decision>,
) -> Result<Vec<Decision>, Fault> {
    if !decisions.iter().any(|one| task_of(one).is_some()) {
        return Ok(decisions);
    }
    let rows = sqlx::query(TASKS_OPEN)
        .bind(notification.to_string())
        .fetch_all(&mut *tx.connection)
        .await?;
    for row in rows {
        let open: String = row.try_get(0)?;
        decisions.retain(|one| task_of(one).is_none_or(|kind| kind.word() != open));
    }
    Ok(decisions)
}

fn task_of(decision: &Decision) -> Option<TaskKind> {
    if let Decision::OpenTask { kind, .. } = decision {
        Some(*kind)
    } else {
        None
    }
}

/// Opens a task; the same kind about the same subject is open once.
pub(super) async fn add_task(
    tx: &mut Tx<'_>,
    task: TaskId,
    kind: TaskKind,
    notification: Option<&str>,
    subject: &str,
    by: &By,
    wanted_by: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(TASK_ADD)
        .bind(task.to_string())
        .bind(kind.word())
        .bind(notification)
        .bind(subject)
        .bind(by.force.as_ref().map(ForceName::as_str))
        .bind(tx.now.as_microsecond())
        .bind(wanted_by.as_microsecond())
        .execute(&mut *tx.connection)
        .await?;
    Ok(())
}

/// A reply token: 130 random bits as 26 lower-case base32 characters. Secret; never printed.
fn token() -> Result<String, Fault> {
    let bytes: [u8; 26] = random()?;
    let alphabet: Vec<char> = "0123456789abcdefghjkmnpqrstvwxyz".chars().collect();
    Ok(bytes
        .iter()
        .filter_map(|byte| alphabet.get(usize::from(byte & 31)))
        .collect())
}

async fn insert(
    tx: &mut Tx<'_>,
    case: &Case,
    opening: &Opening,
    facts: usize,
) -> Result<(), Fault> {
    let (target, urn, la_code) = match case.target {
        Target::School(urn) => ("school", Some(urn.to_string()), None),
        Target::Authority(code) => ("authority", None, Some(code.to_string())),
        Target::Unrouted => ("unrouted", None, None),
    };
    let now = tx.now;
    let timer = case.timer(now);
    sqlx::query(NOTIFICATION_ADD)
        .bind(case.notification.to_string())
        .bind(opening.reference.to_string())
        .bind(opening.by.force.as_ref().map_or("", ForceName::as_str))
        .bind(case.referral.to_string())
        .bind(case.child.to_string())
        .bind(target)
        .bind(urn)
        .bind(la_code)
        .bind(case.duty().word())
        .bind(&case.closed_as)
        .bind(case.hold.map(|hold| hold.reason.word()))
        .bind(case.proof().word())
        .bind(i64::from(case.step()))
        .bind(case.timing(now).word())
        .bind(case.word(now).word())
        .bind(case.due_at.as_microsecond())
        .bind(case.act_by.as_microsecond())
        .bind(case.assumed)
        .bind(case.late_on_arrival)
        .bind(timer.map(|(at, _)| at.as_microsecond()))
        .bind(timer.map(|(_, what)| what))
        .bind(case.live())
        .bind(opening.by.basis)
        .bind(i64::from(case.directory_version))
        .bind(i64::try_from(facts).unwrap_or(i64::MAX))
        .bind(now.as_microsecond())
        .bind(now.as_microsecond())
        .execute(&mut *tx.connection)
        .await?;
    Ok(())
}

async fn save(tx: &mut Tx<'_>, case: &Case, facts: i64) -> Result<(), Fault> {
    let now = tx.now;
    let timer = case.timer(now);
    sqlx::query(NOTIFICATION_SAVE)
        .bind(case.notification.to_string())
        .bind(case.duty().word())
        .bind(&case.closed_as)
        .bind(case.hold.map(|hold| hold.reason.word()))
        .bind(case.proof().word())
        .bind(i64::from(case.step()))
        .bind(case.timing(now).word())
        .bind(case.word(now).word())
        .bind(timer.map(|(at, _)| at.as_microsecond()))
        .bind(timer.map(|(_, what)| what))
        .bind(case.live())
        .bind(facts)
        .bind(now.as_microsecond())
        .execute(&mut *tx.connection)
        .await?;
    Ok(())
}
