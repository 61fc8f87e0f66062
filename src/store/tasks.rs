//! Tasks: what a person must do. A call is one for all children of a school; every other task is
//! about one notification.

use super::rejoin::renamed;
use super::tx::{By, Fault, Tx};
use crate::referral::fact::TaskKind;
use crate::referral::fold::Case;
use crate::referral::id::{NotificationId, TaskId};
use crate::referral::plan::Target;
use crate::referral::post::ForceName;
use crate::referral::pupil_day::{SchoolDays, Whose};
use crate::referral::school::{LaCode, Urn};
use jiff::Timestamp;
use sqlx::Row;

const OPEN: &str = "SELECT id FROM task WHERE kind = $1 AND subject = $2 AND settled_at IS NULL";
const ADD: &str = "INSERT INTO task(id, kind, notification, subject, force, opened_at, wanted_by) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET wanted_by = MIN(wanted_by, excluded.wanted_by) ON CONFLICT DO NOTHING";
const MEMBER_ADD: &str = "INSERT INTO task_member(task, notification) SELECT id, $3 FROM task WHERE kind = $1 AND subject = $2 AND settled_at IS NULL ON CONFLICT DO NOTHING";
const MEMBER_LEAVES: &str = "DELETE FROM task_member WHERE task = $1 AND notification = $2";
const SETTLE_EMPTY: &str = "UPDATE task SET settled_at = $2, settled_by = 'daemon', settlement = 'ended' WHERE id = $1 AND settled_at IS NULL AND NOT EXISTS (SELECT 1 FROM task_member m WHERE m.task = task.id)";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[OPEN, ADD, MEMBER_ADD, MEMBER_LEAVES, SETTLE_EMPTY];

/// What the subject of a call about restricted cases ends with.
pub(super) const RESTRICTED: &str = ":restricted";

/// What that of a call about children in whose school an adult involved has a part ends with, before it.
const CONFLICT: &str = ":conflict";

/// What a task of this kind about this case is about: calls are shared by a school's children. Its
/// restricted cases share one that is a supervisor's, and those of a conflict one on which other people
/// are asked for.
pub(super) fn subject(case: &Case, kind: TaskKind, force: Option<&ForceName>) -> String {
    let force = force.map_or("", ForceName::as_str);
    let conflict = if case.conflict() { CONFLICT } else { "" };
    let restricted = if case.restricted() { RESTRICTED } else { "" };
    let place = match (kind, case.target) {
        (TaskKind::RingSchool, Target::School(urn)) => format!("{force}:urn:{urn}"),
        (TaskKind::RingSchool, Target::Authority(code)) => format!("{force}:la:{code}"),
        _ => return case.notification.to_string(),
    };
    format!("{place}{conflict}{restricted}")
}

/// The subjects of all calls to the place of one of them: they are to the same telephone.
pub(super) fn calls_of_place(subject: &str) -> [String; 4] {
    let place = subject.strip_suffix(RESTRICTED).unwrap_or(subject);
    let place = place.strip_suffix(CONFLICT).unwrap_or(place);
    [
        ("", ""),
        ("", RESTRICTED),
        (CONFLICT, ""),
        (CONFLICT, RESTRICTED),
    ]
    .map(|(conflict, restricted)| format!("{place}{conflict}{restricted}"))
}

/// The place that the subject of a call names.
pub(super) fn place_of(subject: &str) -> Target {
    let mut parts = subject.split(':').skip(1);
    match (parts.next(), parts.next()) {
        (Some("urn"), Some(urn)) => Urn::parse(urn).map_or(Target::Unrouted, Target::School),
        (Some("la"), Some(code)) => LaCode::parse(code).map_or(Target::Unrouted, Target::Authority),
        _ => Target::Unrouted,
    }
}

/// When a task is wanted at the soonest: nobody at a school or an authority is rung outside its hours.
pub(super) fn can_be_done_from(
    tx: &Tx<'_>,
    case: &Case,
    (kind, wanted_by): (TaskKind, Timestamp),
    force: Option<&ForceName>,
) -> Timestamp {
    let directory = &tx.state.directory;
    let policy = force.and_then(|force| tx.state.policies.get(force));
    let hours = policy.map(|policy| policy.ladder).unwrap_or_default();
    match (kind, case.target) {
        (TaskKind::RingSchool, Target::School(urn)) => {
            let days = SchoolDays::of(directory, Whose::school(directory, urn));
            days.rung_from(&hours, wanted_by)
        }
        (TaskKind::RingSchool, Target::Authority(code)) => {
            let whose = Whose {
                urn: None,
                la_code: Some(code),
            };
            SchoolDays::of(directory, whose).authority_rung_from(&hours, wanted_by)
        }
        _ => wanted_by,
    }
}

/// The open task of this kind about the same subject, under an id that the case has not left, or a new id.
pub(super) async fn open_or_new(
    tx: &mut Tx<'_>,
    case: &Case,
    kind: TaskKind,
    by: &By,
) -> Result<TaskId, Fault> {
    let open = sqlx::query(OPEN)
        .bind(kind.word())
        .bind(subject(case, kind, by.force.as_ref()))
        .fetch_optional(tx.flushed().await?)
        .await?;
    match open {
        Some(row) => {
            let id: String = row.try_get(0)?;
            let id = TaskId::parse(&id).map_err(|_| Fault::Damaged("a task's id"))?;
            let known = case.people.tasks.get(&id);
            if known.is_some_and(|known| known.settled) {
                return renamed(tx, id).await;
            }
            Ok(id)
        }
        None => tx.new_id(TaskId::from_parts),
    }
}

/// Writes a case's task, or joins the case to it.
pub(super) async fn write(
    tx: &mut Tx<'_>,
    case: &Case,
    task: TaskId,
    kind: TaskKind,
    wanted_by: Timestamp,
    by: &By,
) -> Result<(), Fault> {
    let subject = subject(case, kind, by.force.as_ref());
    let notification = case.notification.to_string();
    let alone = (kind != TaskKind::RingSchool).then_some(notification.as_str());
    add(tx, task, kind, alone, &subject, by, wanted_by).await?;
    sqlx::query(MEMBER_ADD)
        .bind(kind.word())
        .bind(&subject)
        .bind(&notification)
        .execute(tx.flushed().await?)
        .await?;
    Ok(())
}

/// Writes a task's row; one that is open already is wanted by the sooner of its times.
pub(super) async fn add(
    tx: &mut Tx<'_>,
    task: TaskId,
    kind: TaskKind,
    notification: Option<&str>,
    subject: &str,
    by: &By,
    wanted_by: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(ADD)
        .bind(task.to_string())
        .bind(kind.word())
        .bind(notification)
        .bind(subject)
        .bind(by.force.as_ref().map(ForceName::as_str))
        .bind(tx.now.as_microsecond())
        .bind(wanted_by.as_microsecond())
        .execute(tx.flushed().await?)
        .await?;
    Ok(())
}

/// A notification no longer needs a task: settled once nobody does.
pub(super) async fn left(
    tx: &mut Tx<'_>,
    task: TaskId,
    notification: NotificationId,
) -> Result<(), Fault> {
    let task = task.to_string();
    sqlx::query(MEMBER_LEAVES)
        .bind(&task)
        .bind(notification.to_string())
        .execute(tx.flushed().await?)
        .await?;
    sqlx::query(SETTLE_EMPTY)
        .bind(&task)
        .bind(tx.now.as_microsecond())
        .execute(tx.flushed().await?)
        .await?;
    Ok(())
}
