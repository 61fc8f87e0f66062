//! One notification: load its facts, fold, decide, append, save. Everything that happens to a
//! notification goes through [`apply`]; [`open_case`] begins one.

use super::addresses::also_blocked;
use super::carrying::{carry_out, others_of, write_rows};
use super::json;
use super::kept::Facts;
use super::opening::successor;
use super::renewed::{left, matters_to, renewed};
use super::script::Script;
use super::tx::{By, Fault, Stream, Tx};
use crate::referral::decide::{Decision, Observation};
use crate::referral::fact::Fact;
use crate::referral::fold::{Case, fold};
use crate::referral::id::NotificationId;
use crate::referral::plan::Target;
use crate::referral::post::ForceName;
use crate::referral::reference::Reference;
use jiff::Timestamp;
use sqlx::Row;

const FACTS: &str = "SELECT kind, v, body, force, basis FROM fact WHERE stream = ? ORDER BY n";
const NOTIFICATION_ADD: &str = "INSERT INTO notification(id, reference, force, referral, child, target, urn, la_code, rerouted_from, duty, closed_as, hold, reading, proof, step, timing, word, due_at, act_by, assumed, late_on_arrival, last_safe_mail_at, next_at, next_what, live, basis, directory_version, facts, accepted_at, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
// What the indexes are over is written when it changes: each of them would be written with it.
const NOTIFICATION_SAVE: &str = "UPDATE notification SET duty = ?, closed_as = ?, hold = ?, timing = ?, next_at = ?, next_what = ?, live = ? WHERE id = ? AND (duty, closed_as, hold, timing, next_at, next_what, live) IS NOT (?, ?, ?, ?, ?, ?, ?)";
const NOTIFICATION_NOTE: &str = "UPDATE notification SET reading = ?, proof = ?, step = ?, word = ?, facts = ?, changed_at = ? WHERE id = ?";
const DELIVERY_SAVE: &str = "UPDATE delivery SET state = ?, not_before = ?, quarantined = ? WHERE id = ? AND quarantined <= ? AND (state, not_before, quarantined) IS NOT (?, ?, ?)";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    FACTS,
    NOTIFICATION_ADD,
    NOTIFICATION_SAVE,
    NOTIFICATION_NOTE,
    DELIVERY_SAVE,
];

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
    let known = match tx.state.kept.take(notification) {
        Some(known) => known,
        None => read(tx, &name).await?,
    };
    let by = By {
        actor: "daemon".to_owned(),
        force: known.force,
        basis: tx.basis_like(known.basis).await?,
    };
    let count = i64::try_from(known.facts.len()).unwrap_or(i64::MAX);
    Ok((known.facts, Stream { name, count }, by))
}

async fn read(tx: &mut Tx<'_>, stream: &str) -> Result<Facts, Fault> {
    tx.later(FACTS).bind(stream);
    let rows = tx.rows().await?;
    let last = rows
        .last()
        .ok_or(Fault::Damaged("no facts of a notification"))?;
    let force: Option<String> = last.try_get("force")?;
    Ok(Facts {
        force: force.as_deref().and_then(ForceName::parse),
        basis: last.try_get("basis")?,
        facts: rows.iter().map(read_fact).collect::<Result<_, _>>()?,
    })
}

/// Keeps a case's facts for whoever is next: all that are appended, as [`load`] gave them.
fn keep(tx: &mut Tx<'_>, notification: NotificationId, facts: Vec<Fact>, by: &By) {
    let facts = Facts {
        facts,
        force: by.force.clone(),
        basis: by.basis,
    };
    tx.state.kept.put(notification, facts);
}

/// What the facts come to, with the addresses suspended since and the contacts who have left or are away:
/// whoever must not be sent a letter, or will not read it, is known to every decision.
fn folded(tx: &Tx<'_>, facts: &[Fact]) -> Result<Case, Fault> {
    let mut case = fold(facts).map_err(|_| Fault::Damaged("facts of a notification"))?;
    let suspended = &tx.state.directory.suspended;
    let contacts = case.contacts.iter().map(|(contact, ..)| *contact);
    let blocked = contacts.filter(|contact| suspended.contains(contact));
    let blocked: Vec<_> = blocked.collect();
    let left = left(&tx.state.directory, &case, tx.now);
    case.people.blocked.extend(blocked.into_iter().chain(left));
    tx.state.absences.add_to(&mut case, tx.now);
    Ok(case)
}

/// A notification as it stands inside the batch.
pub(super) async fn case_of(tx: &mut Tx<'_>, notification: NotificationId) -> Result<Case, Fault> {
    let (facts, _, by) = load(tx, notification).await?;
    let case = folded(tx, &facts)?;
    keep(tx, notification, facts, &by);
    Ok(case)
}

/// The force of a notification.
pub(super) async fn force_of(
    tx: &mut Tx<'_>,
    notification: NotificationId,
) -> Result<Option<ForceName>, Fault> {
    let (facts, _, by) = load(tx, notification).await?;
    keep(tx, notification, facts, &by);
    Ok(by.force)
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
    pub(super) rerouted_from: Option<NotificationId>,
}

/// Begins a notification: its row, facts, first letter or task. One instant throughout. `facts` are
/// opened, deadline set and perhaps held.
pub(super) async fn open_case(
    tx: &mut Tx<'_>,
    opening: Opening,
    mut facts: Vec<Fact>,
) -> Result<Case, Fault> {
    let case = folded(tx, &facts)?;
    let random = tx.random_u64()?;
    // One that was replaced before it came asks for nothing.
    let decisions = if case.live() {
        (tx.state.footing.decides)(&case, Observation::Opened, &tx.state.retry, tx.now, random)
    } else {
        Vec::new()
    };
    let carried = carry_out(tx, &case, decisions, &mut facts, &opening.by).await?;
    let case = folded(tx, &facts)?;
    insert(tx, &case, &opening, facts.len());
    let mut stream = Stream {
        name: stream_of(case.notification),
        count: 0,
    };
    for fact in &facts {
        tx.append(&mut stream, fact, &opening.by, None);
    }
    keep(tx, case.notification, facts, &opening.by);
    write_rows(tx, &case, carried.rows, &opening.by).await?;
    Ok(case)
}

/// What an observation brings: its fact, the outside event it comes from, and who brought it.
#[derive(Default)]
pub(super) struct Observed {
    /// None for the passing of time, which is no fact until something follows from it.
    pub(super) fact: Option<Fact>,
    pub(super) cause: Option<String>,
    /// None for the daemon itself.
    pub(super) actor: Option<String>,
}

impl Observed {
    /// A fact that comes from an outside event, which becomes a fact once.
    pub(super) fn caused(fact: Fact, cause: String) -> Self {
        Self {
            fact: Some(fact),
            cause: Some(cause),
            actor: None,
        }
    }

    /// A fact of the daemon's own.
    pub(super) fn plain(fact: Fact) -> Self {
        Self {
            fact: Some(fact),
            ..Self::default()
        }
    }

    /// What an operator did.
    pub(super) fn by(actor: &str, fact: Fact) -> Self {
        Self {
            fact: Some(fact),
            cause: None,
            actor: Some(actor.to_owned()),
        }
    }
}

/// Applies an observation to one notification, inside the batch.
pub(super) async fn apply(
    tx: &mut Tx<'_>,
    notification: NotificationId,
    observed: Observed,
    observation: Option<Observation>,
) -> Result<Case, Fault> {
    let (mut facts, mut stream, daemon) = load(tx, notification).await?;
    let known = facts.len();
    let observations = observed.fact.iter().count();
    // What a person chose and what follows from it are one: a choice has no fact of its own.
    let chosen = observed.fact.is_none() && observed.actor.is_some();
    facts.extend(observed.fact);
    let force = daemon.force.as_ref();
    let (case, decisions) = decided(tx, &mut facts, observation, force).await?;
    let carried = carry_out(tx, &case, decisions, &mut facts, &daemon).await?;
    let case = folded(tx, &facts)?;
    let observer = By {
        actor: observed.actor.unwrap_or_else(|| daemon.actor.clone()),
        ..daemon.clone()
    };
    let mut cause = observed.cause;
    for (n, fact) in facts.iter().skip(known).enumerate() {
        let by = if n < observations || chosen {
            &observer
        } else {
            &daemon
        };
        tx.append(&mut stream, fact, by, cause.take().as_deref());
    }
    save(tx, &case, stream.count);
    keep(tx, notification, facts, &daemon);
    write_rows(tx, &case, carried.rows, &daemon).await?;
    save_deliveries(tx, &case);
    for contact in carried.suspended {
        for other in others_of(tx, contact, notification).await? {
            let inbound = None;
            let observed = Observed::plain(Fact::Blocked { contact, inbound });
            let observation = Observation::Suspended { contact };
            Box::pin(apply(tx, other, observed, Some(observation))).await?;
        }
    }
    if let Some((id, to)) = carried.successor {
        Box::pin(successor(tx, &case, id, to, &daemon)).await?;
    }
    Ok(case)
}

/// What follows from an observation whose fact is among these. Who is in charge now is known before it is
/// decided; who is blocked because the address is the same, before the next contact is chosen, and so it is
/// decided again.
async fn decided(
    tx: &mut Tx<'_>,
    facts: &mut Vec<Fact>,
    observation: Option<Observation>,
    force: Option<&ForceName>,
) -> Result<(Case, Vec<Decision>), Fault> {
    let mut case = folded(tx, facts)?;
    if observation.is_some_and(matters_to)
        && let Some(fact) = renewed(tx, &case, force).await?
    {
        facts.push(fact);
        case = folded(tx, facts)?;
    }
    let random = tx.random_u64()?;
    let Some(observation) = observation else {
        return Ok((case, Vec::new()));
    };
    let decisions = (tx.state.footing.decides)(&case, observation, &tx.state.retry, tx.now, random);
    let also = also_blocked(tx, &case, &decisions).await?;
    if also.is_empty() {
        return Ok((case, decisions));
    }
    facts.extend(also);
    let case = folded(tx, facts)?;
    let decisions = (tx.state.footing.decides)(&case, observation, &tx.state.retry, tx.now, random);
    Ok((case, decisions))
}

fn save_deliveries(tx: &mut Tx<'_>, case: &Case) {
    for (delivery, known) in &case.deliveries {
        let (state, not_before) = (known.state().word(), known.not_before.as_microsecond());
        tx.later(DELIVERY_SAVE)
            .bind(state)
            .bind(not_before)
            .bind(known.quarantined)
            .bind(delivery.to_string())
            .bind(known.quarantined)
            .bind(state)
            .bind(not_before)
            .bind(known.quarantined);
    }
}

fn insert(tx: &mut Tx<'_>, case: &Case, opening: &Opening, facts: usize) {
    let (target, urn, la_code) = match case.target {
        Target::School(urn) => ("school", Some(urn.to_string()), None),
        Target::Authority(code) => ("authority", None, Some(code.to_string())),
        Target::Unrouted => ("unrouted", None, None),
    };
    let now = tx.now;
    let timer = case.timer(now);
    tx.later(NOTIFICATION_ADD)
        .bind(case.notification.to_string())
        .bind(opening.reference.to_string())
        .bind(opening.by.force.as_ref().map_or("", ForceName::as_str))
        .bind(case.referral.to_string())
        .bind(case.child.to_string())
        .bind(target)
        .bind(urn)
        .bind(la_code)
        .bind(opening.rerouted_from.map(|id| id.to_string()))
        .bind(case.duty().word())
        .bind(&case.closed_as)
        .bind(case.hold.map(|hold| hold.reason.word()))
        .bind(case.reading())
        .bind(case.proof().word())
        .bind(i64::from(case.step()))
        .bind(case.timing(now).word())
        .bind(case.word(now).word())
        .bind(case.due_at.as_microsecond())
        .bind(case.act_by.as_microsecond())
        .bind(case.assumed)
        .bind(case.late_on_arrival)
        .bind(case.last_safe_mail().as_microsecond())
        .bind(timer.map(|(at, _)| at.as_microsecond()))
        .bind(timer.map(|(_, what)| what))
        .bind(case.live())
        .bind(opening.by.basis)
        .bind(i64::from(case.directory_version))
        .bind(i64::try_from(facts).unwrap_or(i64::MAX))
        .bind(now.as_microsecond())
        .bind(now.as_microsecond());
}

fn save(tx: &mut Tx<'_>, case: &Case, facts: i64) {
    let (now, id) = (tx.now, case.notification.to_string());
    let saved = tx.later(NOTIFICATION_SAVE);
    bind_board(saved, case, now);
    saved.bind(&id);
    bind_board(saved, case, now);
    tx.later(NOTIFICATION_NOTE)
        .bind(case.reading())
        .bind(case.proof().word())
        .bind(i64::from(case.step()))
        .bind(case.word(now).word())
        .bind(facts)
        .bind(now.as_microsecond())
        .bind(id);
}

fn bind_board(saved: &mut Script, case: &Case, now: Timestamp) {
    let timer = case.timer(now);
    saved
        .bind(case.duty().word())
        .bind(&case.closed_as)
        .bind(case.hold.map(|hold| hold.reason.word()))
        .bind(case.timing(now).word())
        .bind(timer.map(|(at, _)| at.as_microsecond()))
        .bind(timer.map(|(_, what)| what))
        .bind(case.live());
}
