//! Alarms as operators see them. They hold nothing personal.

use super::reads::{Answer, Question};
use crate::referral::id::AlarmId;
use crate::store::{AlarmLine, NotStored, Readers};
use serde_json::{Value, json};

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
        let mut lines = readers.list_open_alarms().await.unwrap_or_default();
        for alarm in known {
            if !lines.iter().any(|line| line.alarm == alarm.alarm) {
                lines.push(alarm.clone());
            }
        }
        return Some(shown(&lines));
    }
    if let Question::Alarm { id } = question {
        let recorded = match AlarmId::parse(id) {
            Ok(id) => readers.show_alarm(id).await.ok().flatten(),
            Err(_) => None,
        };
        let known = known.iter().find(|alarm| alarm.alarm.to_string() == *id);
        return recorded.as_ref().or(known).map(line);
    }
    None
}

/// A list as it is printed.
fn shown(lines: &[AlarmLine]) -> Value {
    json!({ "alarms": lines.iter().map(line).collect::<Vec<_>>() })
}

/// One alarm.
pub(super) async fn one(readers: &Readers, id: &str) -> Result<Answer, NotStored> {
    let id = match AlarmId::parse(id) {
        Ok(id) => id,
        Err(error) => return Ok(Answer::NotThere(error.to_string())),
    };
    Ok(match readers.show_alarm(id).await? {
        Some(alarm) => Answer::Found(line(&alarm)),
        None => Answer::NotThere(format!("there is no alarm {id}")),
    })
}

fn line(line: &AlarmLine) -> Value {
    json!({
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
