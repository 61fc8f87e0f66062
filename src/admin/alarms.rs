//! Alarms as operators see them and take them on. They hold nothing personal.

use super::acts::{performed, refusal};
use super::reads::{Answer, Question};
use super::{Desk, Refused};
use crate::referral::id::AlarmId;
use crate::store::{Act, AlarmClaim, AlarmLine, NotActed, NotStored, Readers};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The store may not take longer over a claim, nor whoever keeps the open ones: an operator waits ten
/// seconds in all, and a store that hangs may be what the alarm is about.
const CLAIM_WITHIN: Duration = Duration::from_secs(4);

/// Takes an alarm on: in the store; and where that cannot, or does not know of it yet, with whoever keeps
/// the open ones, to be recorded once it can be. Nobody else is told of it either way.
pub(super) async fn claim(desk: &Desk, alarm: AlarmId, operator: &str) -> Response {
    let known = {
        let known = desk.watched.alarms.borrow();
        known.iter().find(|known| known.alarm == alarm).cloned()
    };
    let before = known.as_ref().and_then(|known| known.claimed.clone());
    if let Some((who, at)) = before.filter(|(who, _)| who != operator) {
        let so = "somebody has taken it on";
        return refusal(NotActed::Conflict { so, who, at });
    }
    let act = desk.store.act(Act::ClaimAlarm { alarm }, operator);
    match (timeout(CLAIM_WITHIN, act).await, known) {
        (Ok(Ok(Err(NotActed::NotThere(_))) | Err(NotStored)) | Err(_), Some(_)) => {
            claim_unrecorded(desk, alarm, operator).await
        }
        (Ok(done), _) => performed(&desk.store, done).await,
        (Err(_), None) => Refused::new(NotStored).with(StatusCode::SERVICE_UNAVAILABLE),
    }
}

async fn claim_unrecorded(desk: &Desk, alarm: AlarmId, operator: &str) -> Response {
    let (answer, answered) = oneshot::channel();
    let claim = AlarmClaim {
        alarm,
        who: operator.to_owned(),
        answer,
    };
    let asked = async {
        desk.watched.claims.send(claim).await.ok()?;
        answered.await.ok()
    };
    match timeout(CLAIM_WITHIN, asked).await {
        Ok(Some(Ok(()))) => Json(json!({ "notifications": [], "recorded": false })).into_response(),
        Ok(Some(Err(refused))) => refusal(refused),
        Ok(None) | Err(_) => Refused::new(NotStored).with(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// Alarms that are not over, longest open first; or all, latest first.
pub(super) async fn list(readers: &Readers, all: bool) -> Result<Answer, NotStored> {
    let lines = if all {
        readers.list_alarms().await?
    } else {
        readers.list_open_alarms().await?
    };
    Ok(Answer::Found(shown(&lines)))
}

/// The answer to a question about alarms that are open: what the database has, and what a running daemon
/// knows although it could not be recorded or cannot be read. None where only the database is asked.
pub(super) async fn open(
    readers: &Readers,
    question: &Question,
    known: &[AlarmLine],
) -> Option<Value> {
    if let Question::Alarms { all: false } = question {
        let recorded = readers.list_open_alarms().await.unwrap_or_default();
        let mut lines: Vec<Value> = recorded
            .iter()
            .map(|line| with_claim(line, known))
            .collect();
        let is_recorded = |alarm: &AlarmLine| recorded.iter().any(|line| line.alarm == alarm.alarm);
        let others = known.iter().filter(|alarm| !is_recorded(alarm));
        lines.extend(others.map(|alarm| line(alarm, false)));
        return Some(json!({ "alarms": lines }));
    }
    if let Question::Alarm { id } = question {
        let recorded = match AlarmId::parse(id) {
            Ok(id) => readers.show_alarm(id).await.ok().flatten(),
            Err(_) => None,
        };
        return match recorded {
            Some(recorded) => Some(with_claim(&recorded, known)),
            None => {
                let known = known.iter().find(|alarm| alarm.alarm.to_string() == *id);
                known.map(|alarm| line(alarm, false))
            }
        };
    }
    None
}

/// An alarm that is recorded, and who has taken it on, though that may not be yet.
fn with_claim(recorded: &AlarmLine, known: &[AlarmLine]) -> Value {
    let known = known.iter().find(|alarm| alarm.alarm == recorded.alarm);
    let claimed = known.and_then(|alarm| alarm.claimed.clone());
    let claimed = recorded.claimed.clone().or(claimed);
    line(
        &AlarmLine {
            claimed,
            ..recorded.clone()
        },
        true,
    )
}

/// A list as it is printed.
fn shown(lines: &[AlarmLine]) -> Value {
    let lines = lines.iter().map(|alarm| line(alarm, true));
    json!({ "alarms": lines.collect::<Vec<_>>() })
}

/// One alarm.
pub(super) async fn one(readers: &Readers, id: &str) -> Result<Answer, NotStored> {
    let id = match AlarmId::parse(id) {
        Ok(id) => id,
        Err(error) => return Ok(Answer::NotThere(error.to_string())),
    };
    Ok(match readers.show_alarm(id).await? {
        Some(alarm) => Answer::Found(line(&alarm, true)),
        None => Answer::NotThere(format!("there is no alarm {id}")),
    })
}

/// `recorded`: whether the database has it; what it does not have stands only as long as the daemon runs.
fn line(line: &AlarmLine, recorded: bool) -> Value {
    json!({
        "recorded": recorded,
        "alarm": line.alarm.to_string(),
        "kind": line.kind.word(),
        "severity": line.kind.severity().word(),
        "hours": line.kind.hours().word(),
        "subject": line.subject,
        "opened_at": line.opened_at.to_string(),
        "mailed_at": line.mailed_at.map(|at| at.to_string()),
        "webhook_at": line.hooked_at.map(|at| at.to_string()),
        "claimed": line.claimed.as_ref().map(|(who, at)| json!({
            "who": who,
            "at": at.to_string(),
        })),
        "cleared_at": line.cleared_at.map(|at| at.to_string()),
    })
}
