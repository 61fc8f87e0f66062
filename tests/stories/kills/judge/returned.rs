//! Judging what came back: each mail that a relay heard 250 for counts once, and leads to what it asks
//! for; a machine's word to nothing.

use super::Found;
use super::letters::facts;
use crate::kills::field::{Sent, State};
use crate::kills::mails::What;
use crate::kills::referrals::Child;
use serde_json::Value;
use std::collections::BTreeMap;

/// The mails about each child, in order of their writing. All of them were taken.
pub(super) fn by_child(journals: &State) -> BTreeMap<String, Vec<&Sent>> {
    let mut mails: BTreeMap<String, Vec<&Sent>> = BTreeMap::new();
    for mail in &journals.mails {
        assert!(mail.taken, "{}: a mail never taken", mail.letter.child);
        let of_child = mails.entry(mail.letter.child.clone()).or_default();
        of_child.push(mail);
    }
    mails
}

pub(super) fn figures(mails: &[Sent]) -> String {
    let count = |so: fn(&Sent) -> bool| mails.iter().filter(|mail| so(mail)).count();
    let repeated = count(|mail| mail.unanswered > 0);
    let reports = count(|mail| mail.what.is_report());
    let machines = count(|mail| matches!(mail.what, What::Away | What::Machine));
    // Or the kills met nothing, and the story proves nothing.
    assert!(repeated > 0 && reports > 0 && machines > 0);
    format!(
        "mails {} ({repeated} repeated), answers {}, reports {reports}, by machines {machines}",
        mails.len(),
        mails.len() - reports - machines,
    )
}

/// Each mail is one fact; one that was set aside for a person is none.
pub(super) fn counted_once(child: &Child, mails: &[&Sent], trace: &Value) -> Found {
    let name = &child.name;
    let mut found = Found::default();
    for what in What::ALL {
        let (kind, told_by) = what.fact();
        let counted: Vec<_> = facts(trace, kind)
            .filter(|fact| told_by.is_none_or(|(field, word)| fact["body"][field] == word))
            .collect();
        let sent = mails.iter().filter(|mail| mail.what == what).count();
        assert!(
            counted.len() <= sent,
            "{name}: {what:?} sent {sent} times, counted {}: {trace:#}",
            counted.len()
        );
        found.mails_aside += sent - counted.len();
        let ids = counted.iter().map(|fact| &fact["body"]["inbound"]);
        found
            .inbound
            .extend(ids.map(|id| id.as_str().unwrap().to_owned()));
    }
    let answers = facts(trace, "answer_received").count();
    let reports = facts(trace, "report_received").count();
    let told = facts(trace, "absence_noted").chain(facts(trace, "receipt_received"));
    assert_eq!(
        found.inbound.len(),
        answers + reports + told.count(),
        "{trace:#}"
    );
    let successors = facts(trace, "rerouted").map(|fact| &fact["body"]["to"]);
    let successors = successors.map(|id| id.as_str().unwrap().to_owned());
    found.successors.extend(successors);
    found
}

/// The state is what people's words make of it, and of theirs only.
pub(super) fn led_to(child: &Child, mails: &[&Sent], trace: &Value) {
    let name = &child.name;
    let state = trace["state"].as_str().unwrap();
    let said = |what| mails.iter().any(|mail| mail.what == what);
    let believed = facts(trace, "answer_believed").count();
    let successors = facts(trace, "rerouted").count();
    strengths(mails, trace);
    if contradicts_itself(mails) {
        assert_eq!(state, "contradicted", "{name}: {trace:#}");
        assert_eq!(believed, 1, "{name}: {trace:#}");
        assert!(successors <= usize::from(said(What::NotOurs)), "{trace:#}");
    } else if said(What::Received) {
        assert_eq!(state, "acknowledged", "{name}: {trace:#}");
        assert_eq!(successors, 0, "{name}: {trace:#}");
        nothing_claimed_after(name, trace);
    } else if said(What::NotOurs) {
        assert_eq!(state, "refused", "{name}: {trace:#}");
        assert_eq!(successors, 1, "{name}: {trace:#}");
        nothing_claimed_after(name, trace);
    } else {
        assert_eq!((believed, successors), (0, 0), "{name}: {trace:#}");
        assert_eq!(trace["values"]["duty"], "open", "{name}: {trace:#}");
        let is_read = said(What::Question);
        assert_eq!(state == "answered", is_read, "{name}: {trace:#}");
        assert_eq!(asked_for(trace, "read_reply"), is_read, "{name}: {trace:#}");
        let moves = said(What::Failed) || said(What::Away) && !is_read;
        assert!(
            !moves || moved_on(trace),
            "{name}: nobody else told: {trace:#}"
        );
    }
}

/// RECEIVED and NOT OURS, in whatever order; or a letter that comes back after it was answered.
fn contradicts_itself(mails: &[&Sent]) -> bool {
    let said = |what: What, letter: &str| {
        mails
            .iter()
            .any(|mail| mail.what == what && mail.letter.message_id == letter)
    };
    let refused = mails.iter().any(|mail| mail.what == What::NotOurs);
    let mut received = mails.iter().filter(|mail| mail.what == What::Received);
    received.any(|mail| refused || said(What::Failed, &mail.letter.message_id))
}

/// Every answer came from somebody we know, and surely to this letter.
fn strengths(mails: &[&Sent], trace: &Value) {
    let tokens = mails.iter().any(|mail| mail.letter.has_token());
    let strength = if tokens { "token" } else { "thread" };
    for answer in facts(trace, "answer_received") {
        assert!(answer["body"]["contact"].is_string(), "{trace:#}");
        assert_eq!(answer["body"]["strength"], strength, "{trace:#}");
    }
}

/// No letter is begun once the answer is believed.
fn nothing_claimed_after(name: &str, trace: &Value) {
    let letters: Vec<_> = facts(trace, "delivery_queued")
        .filter(|fact| fact["body"]["message"] == "letter")
        .map(|fact| &fact["body"]["delivery"])
        .collect();
    let all = trace["facts"].as_array().unwrap().iter();
    let mut after = all.skip_while(|fact| fact["kind"] != "answer_believed");
    let claimed = after.any(|fact| {
        fact["kind"] == "delivery_claimed" && letters.contains(&&fact["body"]["delivery"])
    });
    assert!(!claimed, "{name}: a letter after the answer: {trace:#}");
}

/// A letter to somebody else, or a call.
fn moved_on(trace: &Value) -> bool {
    let queued = facts(trace, "delivery_queued");
    let letters = queued
        .filter(|fact| fact["body"]["message"] == "letter" && fact["body"]["after_attempt"] == 0);
    letters.count() > 1 || asked_for(trace, "ring_school")
}

fn asked_for(trace: &Value, task: &str) -> bool {
    facts(trace, "task_opened").any(|fact| fact["body"]["task_kind"] == task)
}

/// Of a child who is not theirs, the referral has what was and what carries the duty on.
pub(super) fn one_successor(child: &Child, successors: &[String], referral: &Value) {
    let all = referral["notifications"].as_array().unwrap();
    let own: Vec<_> = all
        .iter()
        .filter(|one| one["child_ref"] == child.child_ref)
        .collect();
    assert_eq!(own.len(), 2, "{}: {referral:#}", child.name);
    let mut ids = own.iter().map(|one| &one["notification"]);
    assert!(ids.any(|id| *id == successors[0]), "{referral:#}");
}
