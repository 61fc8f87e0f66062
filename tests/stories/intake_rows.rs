//! The rows of "Intake" in the table of hostile inputs, one test each, as bytes on the wire.

mod content;
mod framing;
mod handshake;
mod keys;

use crate::support::daemon::{Daemon, SCHOOL};
use crate::support::pki::Identity;
use crate::support::wire::{ANY_VERSION, Response, Wire};
use firstbell::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::OnceLock;

/// A post as every sender would send it.
fn request(key: &str, body: &[u8]) -> Vec<u8> {
    with_fields(&format!("Idempotency-Key: {key}\r\n"), body)
}

/// A post with these fields besides the length and the media type.
fn with_fields(fields: &str, body: &[u8]) -> Vec<u8> {
    raw(
        &format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n{fields}",
            body.len()
        ),
        body,
    )
}

/// A post with exactly these fields.
fn raw(fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST /v1/referrals HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    [head.as_bytes(), body].concat()
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

fn connect(daemon: &Daemon, identity: &Identity) -> Wire {
    Wire::connect(daemon.intake, &daemon.pki.ca, Some(identity), ANY_VERSION).unwrap()
}

/// Posts as Essex, over a connection of its own.
fn post(daemon: &Daemon, key: &str, document: &Value) -> Response {
    let body = document.to_string();
    connect(daemon, &daemon.pki.essex).ask(&request(key, body.as_bytes()))
}

/// Says that a problem document came, complete and with this code, and that it does not repeat
/// what was posted.
fn assert_problem(response: &Response, status: u16, code: &str, never: &[&str]) {
    assert_eq!(response.status, status, "{}", response.text());
    let kind = response.header("content-type");
    assert_eq!(kind, Some("application/problem+json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    let document = response.json();
    assert_eq!(document["type"], format!("/problems/{code}"));
    assert_eq!(document["status"], status);
    assert_eq!(document["errors"][0]["code"], code);
    let id = response.header("x-request-id").unwrap();
    assert_eq!(document["instance"], format!("urn:firstbell:request:{id}"));
    // The request's id is ours, and its digits may be those of any year.
    let said = response.text().replace(id, "");
    for value in never {
        assert!(!said.contains(value), "{value} is echoed");
    }
}

fn pointers(response: &Response) -> Vec<String> {
    let document = response.json();
    let errors = document["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| error["pointer"].as_str().unwrap().to_owned())
        .collect()
}

/// Counted from one instant, to the second, so that two documents of one story differ only where
/// it says so.
fn hours_ago(hours: i64) -> Timestamp {
    static BEGUN: OnceLock<Timestamp> = OnceLock::new();
    let begun = *BEGUN.get_or_init(|| {
        let now = Clock::system().now();
        Timestamp::from_second(now.as_second()).unwrap()
    });
    begun - SignedDuration::from_hours(hours)
}

fn day(at: Timestamp) -> Value {
    json!(at.to_string()[..10])
}

/// A referral that nothing is wrong with: one child of [`SCHOOL`], an hour ago.
fn referral(number: u32) -> Value {
    json!({
        "schema": "oe-referral/1",
        "referral_id": format!("018f4c1e-7a00-7000-8000-{number:012}"),
        "force": "essex",
        "kind": "domestic_abuse",
        "source_system": "athena",
        "submitted_at": hours_ago(0).to_string(),
        "police_reference": format!("42/{number}/26"),
        "incident": {
            "occurred_at": hours_ago(1).to_string(),
            "classification": "crime",
            "risk_grade": "medium"
        },
        "children": [{
            "child_ref": "c1",
            "given_name": format!("Robin{}", letters(number)),
            "family_name": "Fairweather",
            "date_of_birth": "2018-04-02",
            "connection": "present",
            "present": "present",
            "resides_in_force_area": true,
            "education": "registered",
            "schools": [{
                "urn": SCHOOL.0,
                "urn_source": "picked",
                "name_recorded": SCHOOL.1
            }]
        }]
    })
}

/// A number in letters, so that children of different referrals are different children.
fn letters(number: u32) -> String {
    number
        .to_string()
        .bytes()
        .map(|digit| char::from(b'a' + (digit - b'0')))
        .collect()
}

/// A referral with one member changed, by JSON pointer.
fn changed(number: u32, pointer: &str, value: Value) -> Value {
    let mut document = referral(number);
    set(&mut document, pointer, value);
    document
}

fn set(document: &mut Value, pointer: &str, value: Value) {
    if let Some(place) = document.pointer_mut(pointer) {
        *place = value;
        return;
    }
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[name] = value;
}

fn without(number: u32, pointer: &str) -> Value {
    let mut document = referral(number);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    parent.as_object_mut().unwrap().remove(name).unwrap();
    document
}
