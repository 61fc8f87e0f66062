//! A child in whose school an adult involved has a part: on a call of its own, on which the school's own
//! contacts are neither rung nor told.

use super::on_call::{doubted, on_roll, refused, said};
use crate::support::daemon::{Daemon, SCHOOL};
use crate::support::posts::{accepted, referral, trace};
use serde_json::{Value, json};

fn conflict(number: u32, given_name: &str) -> Value {
    let mut document = referral(number, given_name, SCHOOL);
    document["children"][0]["schools"][0]["involved_person"] = json!("yes");
    document
}

/// The call that this child is on, as it is shown to whoever has it.
fn call_of(daemon: &Daemon, child: &str) -> Value {
    let tasks = daemon.json(&["task", "list", "--kind", "ring_school"]);
    let tasks = tasks["tasks"].as_array().unwrap().iter();
    let mut calls = tasks.map(|task| {
        daemon.json(&["call", "claim", task["task"].as_str().unwrap()]);
        daemon.json(&["call", "next", "--reveal"])["call"].clone()
    });
    let of_child = |call: &Value| {
        let children = call["children"].as_array().unwrap();
        assert_eq!(children.len(), 1, "{call}");
        children[0]["notification"] == child
    };
    calls.find(of_child).expect("it is on a call")
}

#[test]
fn a_child_in_whose_school_an_adult_involved_has_a_part_is_on_a_call_of_its_own() {
    let daemon = Daemon::start();
    let child = accepted(&daemon, &doubted(1, "Dougal"));
    let other = accepted(&daemon, &conflict(2, "Ermintrude"));
    let not_to = |call: &Value| -> Vec<Value> {
        let contacts = call["contacts"].as_array().unwrap().iter();
        contacts.map(|of| of["do_not_speak_to"].clone()).collect()
    };
    let ordinary = call_of(&daemon, &child);
    assert_eq!(not_to(&ordinary), [false, false]);
    assert_eq!(ordinary["number"], "01621 000011");
    assert_eq!(ordinary["conflict"], false);
    assert!(!ordinary.to_string().contains("Ermintrude"), "{ordinary}");

    let own = call_of(&daemon, &other);
    assert_eq!(not_to(&own), [true, true]);
    // Only the register's is dialled.
    assert_eq!(own["number"], "01621000011");
    assert_eq!(own["conflict"], true);
    let task = own["task"].as_str().unwrap();
    daemon.json(&["call", "claim", task]);
    let text = said(&daemon.command(&["call", "next", "--reveal"]));
    assert!(text.contains("CONFLICT: an adult involved"), "{text}");
    assert!(text.contains("speak to the head?"), "{text}");

    // Whoever tells the Key Adult of the one has told nobody of the other.
    let task = ordinary["task"].as_str().unwrap();
    daemon.json(&["call", "claim", task]);
    on_roll(&daemon, task, &child);
    let told = ["call", "outcome", task, "told", "--role", "key_adult"];
    daemon.json(&told);
    assert_eq!(trace(&daemon, &child)["state"], "told");
    assert_eq!(trace(&daemon, &other)["state"], "held");
    refused(&daemon.command(&told), "done already");
}
