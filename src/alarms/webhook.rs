//! An alarm as Alertmanager's webhook receiver takes it: version "4" of its JSON
//! (Prometheus Alertmanager, "Configuration", `<webhook_config>`).

use super::message::{Group, Message};
use crate::store::{AlarmLine, sha256};
use serde_json::{Value, json};

/// Alerts in one message; the format has a number for those left out.
const ALERTS_MAX: usize = 100;
/// What an alert that lasts has for its end: Go's zero time.
const NO_END: &str = "0001-01-01T00:00:00Z";

/// The document to post.
pub(super) fn document(message: &Message) -> Value {
    let firing = message.firing();
    let alerts: Vec<Value> = message
        .groups
        .iter()
        .flat_map(|group| {
            let both = group.firing.iter().chain(&group.over);
            both.map(|line| alert(message, group, line))
        })
        .collect();
    let left_out = alerts.len().saturating_sub(ALERTS_MAX);
    let kinds: Vec<&str> = message
        .groups
        .iter()
        .map(|group| group.kind.word())
        .collect();
    json!({
        "version": "4",
        "groupKey": format!("{{}}:{{gateway=\"{}\"}}", message.gateway),
        "truncatedAlerts": left_out,
        "status": if firing > 0 { "firing" } else { "resolved" },
        "receiver": "firstbell",
        "groupLabels": { "gateway": message.gateway },
        "commonLabels": { "gateway": message.gateway },
        "commonAnnotations": { "summary": format!("{firing} alarms: {}", kinds.join(", ")) },
        "externalURL": format!("https://{}/", message.gateway),
        "alerts": alerts.into_iter().take(ALERTS_MAX).collect::<Vec<_>>(),
    })
}

fn alert(message: &Message, group: &Group, line: &AlarmLine) -> Value {
    let kind = group.kind;
    let command = group.runbook.command(&line.subject);
    json!({
        "status": if line.cleared_at.is_some() { "resolved" } else { "firing" },
        "labels": {
            "alertname": kind.alert_name(),
            "severity": kind.severity().word(),
            "kind": kind.word(),
            "subject": line.subject,
            "gateway": message.gateway,
        },
        "annotations": {
            "summary": group.runbook.summary,
            "runbook": group.runbook.text,
            "command": command,
            "claim": format!("firstbell alarm claim {}", line.alarm),
        },
        "startsAt": line.opened_at.to_string(),
        "endsAt": line.cleared_at.map_or_else(|| NO_END.to_owned(), |at| at.to_string()),
        "generatorURL": "",
        "fingerprint": fingerprint(line),
    })
}

/// Sixteen digits that are the same for the same condition, as Alertmanager's are for the same labels.
fn fingerprint(line: &AlarmLine) -> String {
    let name = format!("{}\n{}", line.kind.word(), line.subject);
    let digest = sha256(name.as_bytes());
    digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
}
