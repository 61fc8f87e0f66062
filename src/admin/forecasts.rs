//! What the desk has to expect: the forecast of calls, and the list that its day begins with. Nothing in
//! it names a school or a child.

use super::reads::Answer;
use super::{calls, damaged};
use crate::referral::directory::Directory;
use crate::referral::fact::TaskKind;
use crate::referral::forecast::Morning;
use crate::referral::policy::{Policies, Policy};
use crate::referral::post::ForceName;
use crate::store::totals::Listed;
use crate::store::{NotStored, Readers, TaskLine};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

/// What the morning's list looks ahead: to the next working day's calls, over any weekend.
const DAYS_OF_MORNING: u16 = 5;
/// Tasks of the morning's list at most, cut behind the last place.
const LINES_MAX: usize = 1_000;
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The calls of each force, or of one, about what falls due within so many days.
pub(super) async fn forecast(
    readers: &Readers,
    (directory, policies): (&Directory, &Policies),
    now: Timestamp,
    (wanted, days): (Option<&str>, u16),
) -> Result<Answer, NotStored> {
    let mut known: Vec<(&ForceName, &Arc<Policy>)> = policies
        .iter()
        .filter(|(force, _)| wanted.is_none_or(|wanted| force.as_str() == wanted))
        .collect();
    known.sort_by_key(|(force, _)| force.as_str());
    if let (Some(_), true) = (wanted, known.is_empty()) {
        let words = "no force of this name is configured".to_owned();
        return Ok(Answer::NotThere(words));
    }
    let mut forces = Vec::new();
    for (force, policy) in known {
        forces.push(of_force(readers, directory, (force, policy), (now, days)).await?);
    }
    Ok(Answer::Found(json!({
        "now": now.to_string(),
        "days": days,
        "forces": forces,
    })))
}

async fn of_force(
    readers: &Readers,
    directory: &Directory,
    (force, policy): (&ForceName, &Policy),
    (now, days): (Timestamp, u16),
) -> Result<Value, NotStored> {
    let hours = &policy.ladder;
    let ahead = DAY.saturating_mul(i32::from(days));
    let until = now.saturating_add(ahead).unwrap_or(Timestamp::MAX);
    let found = readers.forecast_calls(force, hours, directory, (now, until));
    let found = found.await?;
    let mornings = found.mornings.iter();
    let mornings = mornings.map(|morning| shown(morning, morning.is_over_capacity(hours, now)));
    Ok(json!({
        "force": force.as_str(),
        "callers": hours.callers,
        "call_min": hours.call_takes.as_mins(),
        "desk_from": hours.desk_from.strftime("%H:%M").to_string(),
        "desk_to": hours.desk_to.strftime("%H:%M").to_string(),
        "usual_answers_percent": hours.usual_answers_percent,
        "mornings": mornings.collect::<Vec<_>>(),
        "without_school": found.unrouted,
        "damaged": damaged::shown(found.damaged.into_iter()),
        "cut": found.cut,
    }))
}

fn shown(morning: &Morning, alarms: bool) -> Value {
    json!({
        "act_by": morning.act_by.to_string(),
        "places": morning.places,
        "first": morning.first,
        "coming": morning.coming,
        "needed": morning.needed,
        "staff_day": morning.staff_day.map(|(from, to)| json!({
            "from": from.to_string(),
            "to": to.to_string(),
        })),
        "before": morning.before,
        "left": morning.left,
        "from": morning.from.to_string(),
        "can": morning.can,
        "over": morning.over(),
        "begin_by": morning.begin_by.to_string(),
        "over_capacity": alarms,
    })
}

/// What the desk begins its day with: what needs a person, a child without a school and a silent sender
/// first, and the calls to expect.
pub(super) async fn morning(
    readers: &Readers,
    known: (&Directory, &Policies),
    now: Timestamp,
) -> Result<Answer, NotStored> {
    let Answer::Found(forecast) = forecast(readers, known, now, (None, DAYS_OF_MORNING)).await?
    else {
        return Ok(Answer::NotThere("no force is configured".to_owned()));
    };
    let mut listed: Vec<(u8, TaskLine)> = Vec::new();
    for kind in TaskKind::WORDS.iter().copied().filter_map(TaskKind::parse) {
        if let Some(place) = place(kind) {
            let lines = readers.list_tasks_of(kind).await?;
            listed.extend(lines.into_iter().map(|line| (place, line)));
        }
    }
    listed.sort_by_key(|(place, line)| (*place, line.wanted_by));
    listed.truncate(LINES_MAX);
    let calls = readers
        .more(Listed::TasksOf(TaskKind::RingSchool), 0)
        .await?;
    let shown = listed.len().saturating_add(calls);
    Ok(Answer::Found(json!({
        "now": now.to_string(),
        "tasks": listed.iter().map(|(_, line)| calls::task(line)).collect::<Vec<_>>(),
        "calls": calls,
        "more": readers.more(Listed::Tasks, shown).await?,
        "forces": forecast.get("forces"),
    })))
}

/// Where a task stands in the morning's list; none for calls, which are counted and have their own.
fn place(kind: TaskKind) -> Option<u8> {
    match kind {
        TaskKind::ChooseSchool => Some(0),
        TaskKind::CheckSenderQuiet => Some(1),
        TaskKind::CompleteRefusedPost => Some(2),
        TaskKind::ChooseEnding | TaskKind::CountersignEnding | TaskKind::CallUnclaimed => Some(3),
        TaskKind::ReadReply | TaskKind::SettleContradiction => Some(4),
        TaskKind::RecordWhoTold | TaskKind::NameChild | TaskKind::ConfirmHold => Some(5),
        TaskKind::TellHomeForce | TaskKind::ReadQuarantined | TaskKind::CheckSender => Some(6),
        TaskKind::RingSchool => None,
    }
}
