//! A day at the desk, by the real command line: what is to be done and how, how a case ends that the
//! ladder could not end, who is shown a child's name, and what a new user meets first.

use crate::support::daemon::{Daemon, SCHOOL};
use crate::support::posts::{accepted, facts, post, referral, trace, trace_with};
use serde_json::{Value, json};
use std::fs;
use std::process::Output;

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn said(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", words(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Refused with exit 1 and these words.
#[track_caller]
fn refused(output: &Output, wanted: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", words(output));
    assert!(words(output).contains(wanted), "{}", words(output));
}

/// Held, and rung: the name is unlike the register's.
fn doubted(number: u32, given_name: &str) -> Value {
    let mut document = referral(number, given_name, (SCHOOL.0, "Quite Another Place"));
    document["children"][0]["schools"][0]["urn_source"] = json!("typed");
    document
}

fn actors(trace: &Value, kind: &str) -> Vec<Value> {
    let facts = trace["facts"].as_array().unwrap();
    let of_kind = facts.iter().filter(|fact| fact["kind"] == kind);
    of_kind.map(|fact| fact["actor"].clone()).collect()
}

/// The tasks of one kind.
fn tasks(daemon: &Daemon, kind: &str) -> Vec<Value> {
    let found = daemon.json(&["task", "list", "--kind", kind]);
    found["tasks"].as_array().unwrap().clone()
}

/// Somebody else at the desk: the settings say so, and the daemon is started again.
fn another_at_the_desk(daemon: &mut Daemon, (from, to): (&str, &str)) {
    daemon.stop_and_wait();
    let settings = daemon.folder.path().join("firstbell.toml");
    let written = fs::read_to_string(&settings).unwrap();
    let changed = written.replace(from, to);
    assert_ne!(changed, written);
    fs::write(&settings, changed).unwrap();
    daemon.begin();
}

#[test]
fn an_honest_not_told_counts_only_when_a_second_person_has_agreed() {
    let mut daemon = Daemon::start();
    let child = accepted(&daemon, &doubted(1, "Ermintrude"));
    let close = |reason| {
        let of = ["notification", "close", &child, "--as", "not_told"];
        let why = ["--reason", reason, "--note", "Zebedee rang all day"];
        daemon.command(&[of.as_slice(), why.as_slice()].concat())
    };
    let countersign = ["notification", "countersign", &child];
    refused(&daemon.command(&countersign), "only a supervisor");
    refused(&close("officer_visit"), "told_late or done");
    assert!(said(&close("not_reached")).contains("notification countersign ntf_"));
    refused(&close("not_reached"), "countersign it: by A Tester");
    // A second one is asked, and not only they who look at this case.
    let asked = tasks(&daemon, "countersign_ending");
    assert_eq!(asked[0]["notification"], child.as_str());
    let morning = daemon.json(&["morning"]);
    assert_eq!(morning["tasks"][0]["kind"], "countersign_ending");
    another_at_the_desk(&mut daemon, ("[\"operator\"]", "[\"supervisor\"]"));
    refused(&daemon.command(&countersign), "a second operator must");
    let live = trace(&daemon, &child);
    assert_eq!(live["state"], "held");
    assert_eq!(live["ending"]["waits"], true);
    assert_eq!(live["will_happen"]["what"], "climb");
    assert_eq!(tasks(&daemon, "ring_school").len(), 1);
    assert!(!live.to_string().contains("Zebedee"));
    assert!(facts(&live, "ending_chosen")[0]["note"].is_string());
    let text = said(&daemon.command(&["notification", "show", &child]));
    assert!(text.contains("live until a second operator"), "{text}");

    another_at_the_desk(&mut daemon, ("A Tester", "B Tester"));
    let done = daemon.json(&countersign);
    assert_eq!(done["notifications"][0]["state"], "closed");
    let ended = trace(&daemon, &child);
    assert_eq!(facts(&ended, "closed")[0]["closed_as"], "not_told");
    assert_eq!(actors(&ended, "ending_chosen"), ["operator:A Tester"]);
    let second = actors(&ended, "ending_countersigned");
    assert_eq!(second, ["operator:B Tester"]);
    assert_eq!(ended["will_happen"], Value::Null);
    for kind in ["ring_school", "countersign_ending"] {
        assert_eq!(tasks(&daemon, kind), Vec::<Value>::new());
    }
    refused(&daemon.command(&countersign), "closed already: by B Tester");
}

#[test]
fn what_was_told_by_another_way_is_closed_at_once_and_its_letter_does_not_leave() {
    let mut daemon = Daemon::start();
    let child = accepted(&daemon, &referral(1, "Ermintrude", SCHOOL));
    trace_with(&daemon, &child, "attempt_ended", 1);
    let close = [
        "notification",
        "close",
        &child,
        "--as",
        "told_late",
        "--reason",
        "officer_visit",
        "--note",
        "PC Dougal went there",
    ];
    refused(&daemon.command(&close), "only a supervisor chooses");
    another_at_the_desk(&mut daemon, ("[\"operator\"]", "[\"supervisor\"]"));
    let done = daemon.json(&close);
    assert_eq!(done["notifications"][0]["state"], "closed");
    let ended = trace(&daemon, &child);
    assert_eq!(facts(&ended, "closed")[0]["closed_as"], "told_late");
    assert_eq!(ended["deliveries"][0]["state"], "cancelled");
    assert_eq!(ended["deliveries"][0]["message"], "letter");
    assert!(!ended.to_string().contains("Dougal"));
    refused(&daemon.command(&close), "closed already: by A Tester");
    let tell = ["notification", "tell", &child, "--role", "deputy"];
    refused(&daemon.command(&tell), "closed already: by A Tester");
}

#[test]
fn a_task_that_no_other_command_ends_is_said_to_be_done() {
    let daemon = Daemon::start();
    let mut elsewhere = referral(1, "Ermintrude", SCHOOL);
    elsewhere["children"][0]["resides_in_force_area"] = json!(false);
    let elsewhere = accepted(&daemon, &elsewhere);
    let mut unborn = referral(2, "Dougal", SCHOOL);
    unborn["children"][0]["date_of_birth"] = json!("2118-04-02");
    assert_eq!(post(&daemon, "refused", &unborn).status, 422);
    accepted(&daemon, &doubted(3, "Florence"));

    let text = said(&daemon.command(&["task", "list"]));
    for next in [
        "next: firstbell call claim tsk_",
        "next: firstbell referral refused list --force essex",
        "next: firstbell task done tsk_",
    ] {
        assert!(text.contains(next), "{text}");
    }
    let done = |kind: &str| {
        let task = tasks(&daemon, kind)[0]["task"].clone();
        let task = task.as_str().unwrap().to_owned();
        let of = ["task", "done", &task, "--reason", "passed_on"];
        let note = ["--note", "Zebedee has it"];
        daemon.command(&[of.as_slice(), note.as_slice()].concat())
    };
    refused(&done("ring_school"), "firstbell call outcome");
    let home_force = tasks(&daemon, "tell_home_force")[0]["task"].clone();
    for kind in ["tell_home_force", "complete_refused_post"] {
        assert_eq!(done(kind).status.code(), Some(0), "{kind}");
        assert_eq!(tasks(&daemon, kind), Vec::<Value>::new());
    }
    let again = [
        "task",
        "done",
        home_force.as_str().unwrap(),
        "--reason",
        "done",
    ];
    refused(&daemon.command(&again), "done already: by A Tester");
    let seen = trace(&daemon, &elsewhere);
    assert_eq!(facts(&seen, "task_reasoned")[0]["code"], "passed_on");
    assert_eq!(facts(&seen, "task_settled")[0]["settlement"], "done");
    assert_eq!(actors(&seen, "task_settled"), ["operator:A Tester"]);
    assert!(!seen.to_string().contains("Zebedee"));
    assert!(!daemon.log().contains("Zebedee"));
}

#[test]
fn a_childs_name_is_shown_to_whoever_has_the_call_and_who_saw_it_is_recorded() {
    let mut daemon = Daemon::start();
    let child = accepted(&daemon, &doubted(1, "Ermintrude"));
    let reveal = ["call", "next", "--reveal"];
    let unclaimed = daemon.json(&reveal);
    assert_eq!(unclaimed["call"]["contacts"][0]["name"], "Grace Amadi");
    assert!(!unclaimed.to_string().contains("Ermintrude"));
    let task = unclaimed["call"]["task"].as_str().unwrap().to_owned();
    daemon.json(&["call", "claim", &task]);
    assert_eq!(daemon.json(&["call", "next"])["call"], Value::Null);
    assert!(facts(&trace(&daemon, &child), "revealed").is_empty());

    let own = daemon.json(&reveal);
    let named = &own["call"]["children"][0]["child"];
    assert_eq!(named["given_name"], "Ermintrude");
    assert_eq!(named["date_of_birth"], "2018-04-02");
    let text = said(&daemon.command(&reveal));
    let born = "Ermintrude Fairweather, born 2 April 2018";
    assert!(text.contains(born), "{text}");
    assert!(text.contains(&format!("Next: firstbell call outcome {task}")));
    let seen = trace(&daemon, &child);
    assert_eq!(actors(&seen, "revealed"), ["operator:A Tester"]);
    assert!(!seen.to_string().contains("Ermintrude"));
    assert!(!daemon.log().contains("Ermintrude"));
    // Where nobody can record who saw it, it is not shown.
    daemon.stop_and_wait();
    assert!(!daemon.json(&reveal).to_string().contains("Ermintrude"));
}

#[test]
fn the_queue_says_of_what_a_letter_failed_and_a_reference_finds_its_notification() {
    let daemon = Daemon::start();
    let letter = accepted(&daemon, &referral(1, "Ermintrude", SCHOOL));
    let tried = trace_with(&daemon, &letter, "attempt_ended", 1);
    let queue = daemon.json(&["queue"]);
    let waiting = &queue["deliveries"][0];
    assert_eq!(waiting["school"], SCHOOL.1);
    assert_eq!(waiting["last_failure"]["why"], "unreachable");
    let text = said(&daemon.command(&["queue"]));
    for wanted in [SCHOOL.1, "attempt(s), not before", "failed: unreachable"] {
        assert!(text.contains(wanted), "{text}");
    }
    let reference = tried["reference"].as_str().unwrap();
    let found = daemon.json(&["notification", "show", reference]);
    assert_eq!(found["notification"], letter.as_str());
    let text = said(&daemon.command(&["notification", "trace", &reference.to_lowercase()]));
    assert!(text.contains("letter to the key_adult over cjsm"), "{text}");
    let due = text
        .lines()
        .find(|line| line.trim().starts_with("due_at: "));
    assert!(due.unwrap().ends_with(":30:00"), "{text}");
    // No line is left to a reader of microseconds.
    let long = |word: &str| word.len() > 14 && word.bytes().all(|byte| byte.is_ascii_digit());
    assert!(!text.split_whitespace().any(long), "{text}");
    let mistyped = daemon.command(&["notification", "show", "7KQ2-M4XX"]);
    assert_eq!(mistyped.status.code(), Some(64));
}

#[test]
fn a_fresh_install_says_what_to_do_first() {
    let mut daemon = Daemon::start();
    daemon.stop_and_wait();
    fs::remove_dir_all(daemon.state_dir()).unwrap();
    for command in [
        ["queue"].as_slice(),
        &["referral", "list"],
        &["school", "find", "marsh"],
    ] {
        let answer = daemon.command(command);
        assert_eq!(answer.status.code(), Some(69), "{}", words(&answer));
        let told = words(&answer);
        assert!(told.contains("nothing is stored here yet"), "{told}");
        assert!(told.contains("directory import --initial"), "{told}");
        assert!(!told.contains("backup"), "{told}");
    }
}

#[test]
fn a_force_is_told_whether_its_post_was_new_and_where_it_could_not_go() {
    let daemon = Daemon::start();
    let file = daemon.folder.path().join("referral.json");
    let file = file.to_str().unwrap();
    fs::write(file, referral(1, "Ermintrude", SCHOOL).to_string()).unwrap();
    let submit = |file: &str, url: &str| {
        let shown = |path: &std::path::Path| path.display().to_string();
        let (ca, own) = (shown(&daemon.pki.ca), &daemon.pki.essex);
        let (certificate, key) = (shown(&own.certificate), shown(&own.key));
        let of = ["submit", file, "--url", url, "--ca", &ca];
        let with = ["--certificate", &certificate, "--key", &key];
        daemon.command(&[of.as_slice(), with.as_slice()].concat())
    };
    let port = daemon.intake.port();
    let url = format!("https://localhost:{port}");
    let first = said(&submit(file, &url));
    assert!(!first.contains("before"), "{first}");
    assert!(first.trim_end().ends_with("(London)"), "{first}");
    let again = said(&submit(file, &url));
    assert!(again.contains("accepted before"), "{again}");
    let in_clear = submit(file, &format!("http://localhost:{port}"));
    assert_eq!(in_clear.status.code(), Some(64), "{}", words(&in_clear));
    let missing = submit("/nope.json", &url);
    assert_eq!(missing.status.code(), Some(74), "{}", words(&missing));
    let nobody = submit(file, "https://localhost:1");
    assert_eq!(nobody.status.code(), Some(69));
    assert!(
        words(&nobody).contains("localhost:1: "),
        "{}",
        words(&nobody)
    );
    let calendar = daemon.command(&["calendar", "import", "/nope.csv"]);
    assert_eq!(calendar.status.code(), Some(74), "{}", words(&calendar));
}

/// A key that was hit in a hurry must not silence a telephone, nor may anybody silence it and say it was that.
#[test]
fn what_came_of_a_call_is_taken_back_by_a_supervisor_alone() {
    let mut daemon = Daemon::start();
    let child = accepted(&daemon, &doubted(1, "Ermintrude"));
    let task = tasks(&daemon, "ring_school")[0]["task"].clone();
    let task = task.as_str().unwrap();
    daemon.json(&["call", "outcome", task, "wrong_number"]);
    let undo = [
        "call",
        "undo",
        task,
        "--reason",
        "Zebedee hit the wrong key",
    ];
    refused(&daemon.command(&undo), "only a supervisor");
    another_at_the_desk(&mut daemon, ("[\"operator\"]", "[\"supervisor\"]"));
    daemon.json(&undo);
    refused(&daemon.command(&undo), "only closed and wrong_number");
    let undone = trace(&daemon, &child);
    assert_eq!(actors(&undone, "call_undone"), ["operator:A Tester"]);
    assert!(!undone.to_string().contains("Zebedee"));
    assert_eq!(tasks(&daemon, "ring_school").len(), 1);
}
