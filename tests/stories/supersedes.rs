//! Corrections: a referral that names an earlier one of its sender replaces it, whatever else is
//! alike and whichever of the two arrives first.

use crate::support::daemon::{Daemon, SCHOOL};
use crate::support::pki::Identity;
use crate::support::posts::{facts, referral, trace};
use crate::support::wire::{ANY_VERSION, Response, Wire};
use serde_json::{Value, json};

fn ask(daemon: &Daemon, identity: &Identity, bytes: &[u8]) -> Response {
    let mut wire =
        Wire::connect(daemon.intake, &daemon.pki.ca, Some(identity), ANY_VERSION).unwrap();
    wire.ask(bytes)
}

/// Posts what must be accepted, as the force that the document names.
fn accepted(daemon: &Daemon, document: &Value) -> Value {
    let identity = match document["force"].as_str() {
        Some("kent") => &daemon.pki.kent,
        _ => &daemon.pki.essex,
    };
    let body = document.to_string();
    let key = document["referral_id"].as_str().unwrap();
    let head = format!(
        "POST /v1/referrals HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nIdempotency-Key: {key}\r\n\r\n",
        body.len()
    );
    let answer = ask(daemon, identity, format!("{head}{body}").as_bytes());
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

/// The state of an accepted referral's only notification, asked for as Essex.
fn state(daemon: &Daemon, accepted: &Value) -> Value {
    let id = accepted["id"].as_str().unwrap();
    let request = format!("GET /v1/referrals/{id} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answer = ask(daemon, &daemon.pki.essex, request.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["notifications"][0]["state"].clone()
}

fn notification(accepted: &Value) -> &str {
    accepted["notifications"][0]["id"].as_str().unwrap()
}

fn says(accepted: &Value, reason: &str) -> bool {
    let reasons = accepted["notifications"][0]["reasons"].as_array().unwrap();
    reasons.contains(&json!(reason))
}

/// The same content under another id.
fn again(document: &Value, number: u32) -> Value {
    let mut again = document.clone();
    again["referral_id"] = json!(format!("018f4c1e-7a09-7000-8000-{number:012}"));
    again
}

/// The same content under another id, which replaces the document.
fn correction(document: &Value, number: u32) -> Value {
    let mut correction = again(document, number);
    correction["supersedes"] = document["referral_id"].clone();
    correction
}

/// No letter was ever queued and nobody is asked for anything.
fn assert_no_letter(daemon: &Daemon, accepted: &Value) {
    let seen = trace(daemon, notification(accepted));
    for kind in ["delivery_queued", "task_opened"] {
        assert!(facts(&seen, kind).is_empty(), "{kind}: {seen:#}");
    }
    assert_eq!(facts(&seen, "closed").len(), 1, "{seen:#}");
}

#[test]
fn a_correction_with_the_same_content_replaces_and_is_no_duplicate() {
    let daemon = Daemon::start();
    let document = referral(1, "Robin", SCHOOL);
    let first = accepted(&daemon, &document);
    let second = accepted(&daemon, &correction(&document, 2));
    assert!(second.get("duplicate_of").is_none(), "{second:#}");
    assert!(!says(&second, "supersedes-unknown"));
    assert_ne!(notification(&first), notification(&second));
    assert_eq!(state(&daemon, &first), "closed");
    assert_ne!(state(&daemon, &second), "closed");
    let queued = trace(&daemon, notification(&second));
    let letters = facts(&queued, "delivery_queued");
    let first = letters.iter().filter(|fact| fact["after_attempt"] == 0);
    assert_eq!(first.count(), 1, "{queued:#}");
}

#[test]
fn a_correction_with_the_content_of_a_third_is_linked_to_that_and_still_replaces() {
    let daemon = Daemon::start();
    let right = referral(3, "Ash", SCHOOL);
    let third = accepted(&daemon, &right);
    let wrong = referral(4, "Bay", SCHOOL);
    let first = accepted(&daemon, &wrong);
    let mut same = correction(&right, 6);
    same["supersedes"] = wrong["referral_id"].clone();
    let linked = accepted(&daemon, &same);
    assert_eq!(linked["duplicate_of"], third["id"]);
    assert_eq!(notification(&linked), notification(&third));
    assert_eq!(state(&daemon, &first), "closed");
    assert_ne!(state(&daemon, &linked), "closed");
}

#[test]
fn correcting_a_linked_duplicate_closes_what_it_is_linked_to() {
    let daemon = Daemon::start();
    let document = referral(7, "Robin", SCHOOL);
    let first = accepted(&daemon, &document);
    let duplicate = again(&document, 8);
    let linked = accepted(&daemon, &duplicate);
    assert_eq!(linked["duplicate_of"], first["id"]);
    let mut corrected = correction(&duplicate, 9);
    corrected["incident"]["risk_grade"] = json!("high");
    let second = accepted(&daemon, &corrected);
    assert_eq!(state(&daemon, &first), "closed");
    assert_eq!(state(&daemon, &linked), "closed");
    assert_ne!(state(&daemon, &second), "closed");
}

#[test]
fn a_correction_of_what_is_not_known_says_so_and_the_late_original_sends_no_letter() {
    let daemon = Daemon::start();
    let oldest = referral(10, "Robin", SCHOOL);
    let before = accepted(&daemon, &oldest);
    let mut original = correction(&oldest, 11);
    original["incident"]["risk_grade"] = json!("high");
    // Identical to the original but for what it names; then the original itself, late.
    let corrected = accepted(&daemon, &correction(&original, 12));
    assert!(says(&corrected, "supersedes-unknown"), "{corrected:#}");
    assert_ne!(state(&daemon, &corrected), "closed");
    let late = accepted(&daemon, &original);
    assert!(late.get("duplicate_of").is_none(), "{late:#}");
    assert_eq!(late["notifications"][0]["state"], "closed");
    assert_no_letter(&daemon, &late);
    // What the late one names has ended with it; the correction stands.
    assert_eq!(state(&daemon, &before), "closed");
    assert_ne!(state(&daemon, &corrected), "closed");
    let same = accepted(&daemon, &original);
    assert_eq!(same, late, "posted again, it is the same answer");
}

#[test]
fn a_linked_referral_that_corrects_what_is_not_known_says_so_too() {
    let daemon = Daemon::start();
    let document = referral(13, "Robin", SCHOOL);
    let first = accepted(&daemon, &document);
    let mut linked = again(&document, 14);
    linked["supersedes"] = json!("018f4c1e-7a09-7000-8000-000000000015");
    let linked = accepted(&daemon, &linked);
    assert_eq!(linked["duplicate_of"], first["id"]);
    assert!(says(&linked, "supersedes-unknown"), "{linked:#}");
    let late = accepted(&daemon, &again(&referral(15, "Late", SCHOOL), 15));
    assert_no_letter(&daemon, &late);
}

#[test]
fn another_force_replaces_nothing_of_ours() {
    let daemon = Daemon::start();
    let ours = referral(16, "Robin", SCHOOL);
    let first = accepted(&daemon, &ours);
    let mut theirs = correction(&ours, 17);
    theirs["force"] = json!("kent");
    let answer = accepted(&daemon, &theirs);
    assert!(says(&answer, "supersedes-unknown"), "{answer:#}");
    assert_ne!(state(&daemon, &first), "closed");
    let not_yet = referral(18, "Ash", SCHOOL);
    let mut theirs = correction(&not_yet, 19);
    theirs["force"] = json!("kent");
    accepted(&daemon, &theirs);
    let ours = accepted(&daemon, &not_yet);
    assert_ne!(ours["notifications"][0]["state"], "closed");
}
