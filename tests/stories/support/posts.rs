//! Referrals as a force's system posts them, and what the desk then sees of them.

use super::daemon::Daemon;
use super::waiting::until;
use super::wire::{ANY_VERSION, Response, Wire};
use firstbell::clock::Clock;
use jiff::SignedDuration;
use serde_json::{Value, json};

/// A referral that nothing is wrong with: one child of one school, an hour ago.
pub(crate) fn referral(number: u32, given_name: &str, (urn, school): (&str, &str)) -> Value {
    let now = Clock::system().now();
    json!({
        "schema": "oe-referral/1",
        "referral_id": format!("018f4c1e-7a01-7000-8000-{number:012}"),
        "force": "essex",
        "kind": "domestic_abuse",
        "source_system": "athena",
        "submitted_at": now.to_string(),
        "police_reference": format!("42/{number}/26"),
        "incident": {
            "occurred_at": (now - SignedDuration::from_hours(1)).to_string(),
            "classification": "crime",
            "risk_grade": "medium"
        },
        "children": [{
            "child_ref": "c1",
            "given_name": given_name,
            "family_name": "Fairweather",
            "date_of_birth": "2018-04-02",
            "connection": "present",
            "present": "present",
            "resides_in_force_area": true,
            "education": "registered",
            "schools": [{ "urn": urn, "urn_source": "picked", "name_recorded": school }]
        }]
    })
}

/// Posts as Essex, over a connection of its own.
pub(crate) fn post(daemon: &Daemon, key: &str, document: &Value) -> Response {
    let body = document.to_string();
    let head = format!(
        "POST /v1/referrals HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nIdempotency-Key: {key}\r\n\r\n",
        body.len()
    );
    let essex = Some(&daemon.pki.essex);
    let mut wire = Wire::connect(daemon.intake, &daemon.pki.ca, essex, ANY_VERSION).unwrap();
    wire.ask(&[head.as_bytes(), body.as_bytes()].concat())
}

/// Posts what is accepted; gives our id of its only notification.
pub(crate) fn accepted(daemon: &Daemon, document: &Value) -> String {
    let key = document["referral_id"].as_str().unwrap();
    let answer = post(daemon, key, document);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let notifications = answer.json()["notifications"].clone();
    assert_eq!(notifications.as_array().unwrap().len(), 1);
    notifications[0]["id"].as_str().unwrap().to_owned()
}

pub(crate) fn trace(daemon: &Daemon, notification: &str) -> Value {
    daemon.json(&["notification", "trace", notification])
}

/// The bodies of every fact of one kind, in order.
pub(crate) fn facts(trace: &Value, kind: &str) -> Vec<Value> {
    let facts = trace["facts"].as_array().unwrap();
    let of_kind = facts.iter().filter(|fact| fact["kind"] == kind);
    of_kind.map(|fact| fact["body"].clone()).collect()
}

/// The trace, once it holds so many facts of this kind.
pub(crate) fn trace_with(daemon: &Daemon, notification: &str, kind: &str, count: usize) -> Value {
    until(|| Some(trace(daemon, notification)).filter(|seen| facts(seen, kind).len() >= count))
        .unwrap_or_else(|| panic!("not {count} {kind}: {:#}", trace(daemon, notification)))
}

/// The trace, once the only delivery is in this state.
pub(crate) fn trace_in_state(daemon: &Daemon, notification: &str, state: &str) -> Value {
    until(|| {
        Some(trace(daemon, notification)).filter(|seen| seen["deliveries"][0]["state"] == state)
    })
    .unwrap_or_else(|| panic!("not {state}: {:#}", trace(daemon, notification)))
}
