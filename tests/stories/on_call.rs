//! A school on the telephone, by the real command line: its word is compared and not believed, what is
//! told stands behind the roll question, and a school that rings us is found.

use super::restricted::as_role;
use super::store_rules::database;
use crate::support::daemon::{Daemon, SCHOOL};
use crate::support::posts::{accepted, facts, referral, trace};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::process::{Output, Stdio};

/// What stands on the school's card; the directory has its hash.
const CARD: &str = "amber otter";

/// Held, and rung: the name is unlike the register's.
pub(crate) fn doubted(number: u32, given_name: &str) -> Value {
    let mut document = referral(number, given_name, (SCHOOL.0, "Quite Another Place"));
    document["children"][0]["schools"][0]["urn_source"] = json!("typed");
    document
}

/// A command to which this line is typed.
pub(crate) fn typed(daemon: &Daemon, arguments: &[&str], line: &str) -> Output {
    let mut child = daemon
        .prepared(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{line}").unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[track_caller]
pub(crate) fn said(output: &Output) -> String {
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{words}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
pub(crate) fn refused(output: &Output, wanted: &str) {
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains(wanted), "{words}");
}

/// The one call there is.
pub(crate) fn the_call(daemon: &Daemon) -> String {
    let tasks = daemon.json(&["task", "list", "--kind", "ring_school"]);
    let tasks = tasks["tasks"].as_array().unwrap();
    assert_eq!(tasks.len(), 1);
    tasks[0]["task"].as_str().unwrap().to_owned()
}

/// The school says that this child is on its roll.
#[track_caller]
pub(crate) fn on_roll(daemon: &Daemon, task: &str, child: &str) {
    let roll = ["call", "roll", task, "yes", "--notification", child];
    let answer = daemon.json(&roll);
    assert!(answer["code"].is_string(), "{answer}");
}

/// Where the given text stands in an answer that is shown to the operator.
fn shown(daemon: &Daemon) -> (Value, String) {
    let reveal = ["call", "next", "--reveal"];
    let text = said(&daemon.command(&reveal));
    (daemon.json(&reveal), text)
}

#[test]
fn a_word_may_be_asked_for_three_times_on_a_call_and_the_last_comparison_decides() {
    let daemon = Daemon::start();
    let child = accepted(&daemon, &doubted(1, "Ermintrude"));
    let task = the_call(&daemon);
    let word = |task: &str, line: &str| typed(&daemon, &["call", "word", task], line);
    refused(&word(&task, CARD), "not claimed by you");
    daemon.json(&["call", "claim", &task]);
    let told = |task: &str| {
        let outcome = ["call", "outcome", task, "told", "--role", "deputy"];
        daemon.command(&outcome)
    };
    let roll = ["call", "roll", &task, "yes", "--notification", &child];
    for typo in ["amber badger", "amber otte"] {
        refused(&word(&task, typo), "They may be asked again");
        refused(&told(&task), "ask for them again");
        refused(&daemon.command(&roll), "ask for them again");
    }
    let (call, text) = shown(&daemon);
    assert_eq!(call["call"]["word_tries_left"], 1);
    assert_eq!(call["call"]["number"], "01621 000011");
    assert!(text.contains("  ring 01621 000011\n"), "{text}");
    assert!(text.contains("ask for them again"), "{text}");
    refused(&word(&task, "amber"), "goes no further");
    // Neither a better word nor any other way goes on with this call.
    refused(&word(&task, CARD), "goes no further");
    refused(&told(&task), "goes no further");
    refused(&daemon.command(&roll), "goes no further");
    let (_, text) = shown(&daemon);
    assert!(text.contains("DO NOT MATCH: go no further"), "{text}");
    daemon.json(&["call", "outcome", &task, "will_not_talk"]);

    let again = the_call(&daemon);
    assert_ne!(again, task);
    daemon.json(&["call", "claim", &again]);
    refused(&word(&again, "amber oter"), "They may be asked again");
    let heard = said(&word(&again, "  Amber   OTTER "));
    assert!(heard.contains("The words match."), "{heard}");
    refused(&told(&again), "ask the roll question first");
    on_roll(&daemon, &again, &child);
    said(&told(&again));
    let seen = trace(&daemon, &child);
    assert_eq!(seen["state"], "told");
    assert_eq!(facts(&seen, "told")[0]["word"], "matches");
    let heard: Vec<Value> = facts(&seen, "school_word_heard");
    let matches: Vec<&Value> = heard.iter().map(|fact| &fact["matches"]).collect();
    assert_eq!(matches, [false, false, false, false, true]);
    let all = seen.to_string() + &daemon.log();
    for kept in ["otter", "OTTER", "badger"] {
        assert!(!all.contains(kept), "{kept} is kept");
    }
}

#[test]
fn a_word_that_did_not_match_is_not_talked_away() {
    let mut daemon = Daemon::start();
    let child = accepted(&daemon, &doubted(1, "Ermintrude"));
    let task = the_call(&daemon);
    daemon.json(&["call", "claim", &task]);
    let word = ["call", "word", &task];
    refused(&typed(&daemon, &word, "amber badger"), "do not match");
    daemon.json(&["call", "outcome", &task, "will_not_talk"]);
    let tell = ["notification", "tell", &child, "--role", "deputy"];
    let close = [
        "notification",
        "close",
        &child,
        "--as",
        "told_late",
        "--reason",
        "other_way",
        "--note",
        "they said so",
    ];
    let acknowledge = [
        "notification",
        "acknowledge",
        &child,
        "--reason",
        "they said so",
    ];
    for talk in [tell.as_slice(), &close, &acknowledge] {
        refused(&daemon.command(talk), "let a supervisor record");
    }
    let inbound = ["call", "inbound", &child];
    refused(&daemon.command(&inbound), "ring the directory's number");
    // Nor on another call, unless the word is asked for on that one.
    let next = the_call(&daemon);
    assert_ne!(next, task);
    daemon.json(&["call", "claim", &next]);
    let told = ["call", "outcome", &next, "told", "--role", "deputy"];
    refused(&daemon.command(&told), "ask for it on this call");
    let roll = ["call", "roll", &next, "yes", "--notification", &child];
    refused(&daemon.command(&roll), "ask for it on this call");
    // Nor guessed: three times, and then a supervisor is asked.
    let with_word = [tell.as_slice(), &["--word"]].concat();
    for _ in 0..3 {
        let guess = typed(&daemon, &with_word, "amber badger");
        refused(&guess, "nobody counts as told");
    }
    refused(&typed(&daemon, &with_word, CARD), "let a supervisor record");
    assert_eq!(trace(&daemon, &child)["state"], "held");
    as_role(&mut daemon, "operator", "supervisor");
    daemon.json(&tell);
    let seen = trace(&daemon, &child);
    assert_eq!(facts(&seen, "told")[0]["word"], "differs");
}

#[test]
fn without_a_word_it_is_told_unverified_and_nobody_can_say_for_themselves_that_it_matches() {
    let daemon = Daemon::start();
    let child = accepted(&daemon, &doubted(1, "Ermintrude"));
    let own_word = ["--role", "deputy", "--word", "matches"];
    let outcome = ["call", "outcome", &the_call(&daemon), "told"];
    let of = ["notification", "tell", &child];
    for typed in [outcome.as_slice(), of.as_slice()] {
        let answer = daemon.command(&[typed, own_word.as_slice()].concat());
        assert_eq!(answer.status.code(), Some(64));
    }
    // Entered afterwards: a word that does not match counts for nothing, and is recorded.
    let afterwards = ["notification", "tell", &child, "--role", "deputy", "--word"];
    refused(
        &typed(&daemon, &afterwards, "amber badger"),
        "nobody counts as told",
    );
    let seen = trace(&daemon, &child);
    assert_eq!(seen["state"], "held");
    assert_eq!(facts(&seen, "school_word_heard").len(), 1);
    let without = accepted(&daemon, &doubted(3, "Florence"));
    daemon.json(&["notification", "tell", &without, "--role", "deputy"]);
    let seen = trace(&daemon, &without);
    assert_eq!(facts(&seen, "told")[0]["word"], "unverified");
    let other = accepted(&daemon, &doubted(2, "Dougal"));
    let afterwards = ["notification", "tell", &other, "--role", "deputy", "--word"];
    said(&typed(&daemon, &afterwards, CARD));
    assert_eq!(facts(&trace(&daemon, &other), "told")[0]["word"], "matches");
}

#[test]
fn the_message_and_the_code_are_shown_once_the_child_is_said_to_be_on_the_roll() {
    let daemon = Daemon::start();
    let child = accepted(&daemon, &doubted(1, "Ermintrude"));
    let other = accepted(&daemon, &doubted(2, "Dougal"));
    let task = the_call(&daemon);
    daemon.json(&["call", "claim", &task]);
    let (call, text) = shown(&daemon);
    assert_eq!(call["call"]["children"].as_array().unwrap().len(), 2);
    assert!(text.contains("Do you have Ermintrude"), "{text}");
    for behind in ["when police attended", "read back the surname"] {
        assert!(!text.contains(behind), "{text}");
    }
    let roll = |answer, child: &str| {
        let roll = ["call", "roll", &task, answer, "--notification", child];
        daemon.json(&roll)
    };
    let code = roll("yes", &child)["code"].clone();
    let digits = code.as_str().unwrap();
    assert_eq!(digits.len(), 4);
    assert!(digits.bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(
        roll("yes", &child)["code"],
        code,
        "asked again it is the same"
    );
    let (call, text) = shown(&daemon);
    let children = call["call"]["children"].as_array().unwrap();
    let of = |id: &str| children.iter().find(|c| c["notification"] == id).unwrap();
    assert_eq!(of(&child)["code"], code);
    assert!(of(&child)["message"].as_array().unwrap().len() >= 4);
    assert_eq!(of(&other).get("message"), None);
    assert!(text.contains("was there when police attended"), "{text}");
    assert!(text.contains(digits), "{text}");

    // Not on the roll: it is for somebody else to find the school, and the call goes on.
    let gone = roll("no", &other);
    assert_eq!(gone["notifications"][0]["state"], "refused");
    let told = ["call", "outcome", &task, "told", "--role", "key_adult"];
    let told = daemon.json(&told);
    assert_eq!(told["notifications"][0]["notification"], child.as_str());
    assert_eq!(facts(&trace(&daemon, &child), "roll_answered").len(), 1);
}

#[test]
fn a_call_that_breaks_off_tells_only_those_of_whom_the_school_said_that_they_are_on_its_roll() {
    let daemon = Daemon::start();
    let names = [(1, "Ermintrude"), (2, "Dougal"), (3, "Florence")];
    let children = names.map(|(n, name)| accepted(&daemon, &doubted(n, name)));
    let [first, second, third] = &children;
    let task = the_call(&daemon);
    let told = ["call", "outcome", &task, "told", "--role", "deputy"];
    let not_on_roll = ["call", "outcome", &task, "not_on_roll", "--notification"];
    let denied = [not_on_roll.as_slice(), &[first.as_str()]].concat();
    // A task that was typed wrong is a call that nobody made.
    refused(&daemon.command(&told), "not claimed by you");
    refused(&daemon.command(&denied), "not claimed by you");
    daemon.json(&["call", "claim", &task]);
    refused(&daemon.command(&told), "ask the roll question first");
    on_roll(&daemon, &task, second);
    let of_first = [told.as_slice(), &["--notification", first]].concat();
    refused(&daemon.command(&of_first), "ask the roll question first");

    let ended = daemon.json(&told);
    assert_eq!(ended["notifications"][0]["notification"], second.as_str());
    assert_eq!(ended["notifications"].as_array().unwrap().len(), 1);
    let left = ended["left"].as_array().unwrap().iter();
    let mut left: Vec<&str> = left.filter_map(|of| of["notification"].as_str()).collect();
    left.sort_unstable();
    let mut others = [first.as_str(), third];
    others.sort_unstable();
    assert_eq!(left, others);
    for id in others {
        assert_eq!(trace(&daemon, id)["state"], "held");
    }
    assert_eq!(trace(&daemon, second)["state"], "told");
    // They are still on the call, and one of them is told on it.
    assert_eq!(the_call(&daemon), task);
    on_roll(&daemon, &task, third);
    let text = said(&daemon.command(&told));
    assert!(text.contains(&format!("{third}  ")), "{text}");
    assert!(text.contains("was not told"), "{text}");
    assert_eq!(trace(&daemon, first)["state"], "held");
}

#[test]
fn the_days_list_begins_with_who_has_no_school_and_says_which_calls_to_expect() {
    let daemon = Daemon::start();
    accepted(&daemon, &doubted(1, "Ermintrude"));
    accepted(&daemon, &referral(2, "Florence", SCHOOL));
    let mut lost = referral(3, "Dougal", SCHOOL);
    let school = lost["children"][0]["schools"][0].as_object_mut().unwrap();
    school.remove("urn");
    school.remove("urn_source");
    accepted(&daemon, &lost);
    let morning = daemon.json(&["morning"]);
    let kinds: Vec<&Value> = morning["tasks"].as_array().unwrap().iter().collect();
    assert_eq!(kinds[0]["kind"], "choose_school");
    assert_eq!(morning["calls"], 1);
    let force = &morning["forces"][0];
    assert_eq!(
        (&force["force"], &force["callers"]),
        (&json!("essex"), &json!(2))
    );
    assert_eq!(force["without_school"], 1);
    // Two children of one school are one place, and one call.
    assert_eq!(force["mornings"][0]["places"], 1);
    assert_eq!(force["mornings"][0]["needed"], 1);
    let text = said(&daemon.command(&["morning"]));
    for wanted in [
        "choose_school",
        "next: firstbell notification route",
        "1 place(s) wait",
    ] {
        assert!(text.contains(wanted), "{text}");
    }
    let forecast = daemon.json(&["call", "forecast", "--force", "essex"]);
    assert_eq!(forecast["forces"].as_array().unwrap().len(), 1);
    assert_eq!(forecast["forces"][0]["mornings"], force["mornings"]);
    refused(
        &daemon.command(&["call", "forecast", "--force", "nowhere"]),
        "no force of this name",
    );
    for personal in ["Ermintrude", "Florence", "Dougal", SCHOOL.0] {
        assert!(!forecast.to_string().contains(personal), "{personal}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn more_calls_than_a_list_holds_hide_no_child_without_a_school_from_the_days_list() {
    let mut daemon = Daemon::start();
    let mut lost = referral(3, "Dougal", SCHOOL);
    let school = lost["children"][0]["schools"][0].as_object_mut().unwrap();
    school.remove("urn");
    school.remove("urn_source");
    accepted(&daemon, &lost);
    daemon.stop_and_wait();
    let mut connection = database(daemon.folder.path()).await;
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100) INSERT INTO task(id, kind, subject, force, opened_at, wanted_by) SELECT 'tsk_' || substr('00000000000000000000000000' || i, -26), 'ring_school', 'essex:urn:' || (100000 + i), 'essex', 0, i FROM n";
    sqlx::query(many).execute(&mut connection).await.unwrap();
    drop(connection);
    daemon.begin();
    let morning = daemon.json(&["morning"]);
    assert_eq!(morning["tasks"][0]["kind"], "choose_school");
    assert_eq!(
        (&morning["calls"], &morning["more"]),
        (&json!(1_100), &json!(0))
    );
    let of_kind = daemon.json(&["task", "list", "--kind", "choose_school"]);
    assert_eq!(of_kind["tasks"].as_array().unwrap().len(), 1);
    assert_eq!(of_kind["more"], 0);
    assert_eq!(daemon.json(&["task", "list"])["more"], 101);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_case_whose_record_is_damaged_is_shown_as_that_and_hides_no_other() {
    let mut daemon = Daemon::start();
    let damaged = accepted(&daemon, &doubted(1, "Ermintrude"));
    let child = accepted(&daemon, &doubted(2, "Dougal"));
    let task = the_call(&daemon);
    daemon.stop_and_wait();
    let mut connection = database(daemon.folder.path()).await;
    let erase = "UPDATE fact SET body = NULL WHERE stream = $1 AND kind = 'deadline_set'";
    let erased = sqlx::query(erase).bind(&damaged);
    erased.execute(&mut connection).await.unwrap();
    drop(connection);
    daemon.begin();

    let known = json!({"count": 1, "notifications": [damaged]});
    let queue = daemon.json(&["queue"]);
    assert_eq!(queue["damaged"], known);
    let lines = queue["notifications"].as_array().unwrap();
    let states = lines
        .iter()
        .map(|line| (line["notification"].clone(), line["state"].clone()));
    let states: HashMap<_, _> = states.map(|(id, state)| (id.to_string(), state)).collect();
    assert_eq!(states[&json!(damaged).to_string()], "damaged");
    assert_eq!(states[&json!(child).to_string()], "held");
    for asked in [["morning"].as_slice(), &["call", "forecast"]] {
        let force = daemon.json(asked)["forces"][0].clone();
        assert_eq!(force["damaged"], known, "{asked:?}");
        assert_eq!(force["mornings"][0]["places"], 1, "{asked:?}");
    }
    for asked in [["morning"].as_slice(), &["queue"], &["call", "next"]] {
        let text = said(&daemon.command(asked));
        let wanted = format!("1 damaged record(s), which need an engineer: {damaged}");
        assert!(text.contains(&wanted), "{text}");
    }
    let found = daemon.json(&["call", "find", SCHOOL.0]);
    let waiting = found["schools"][0]["notifications"].as_array().unwrap();
    assert_eq!(waiting.len(), 2);

    // Its school is rung about the other one.
    let next = daemon.json(&["call", "next"]);
    assert_eq!(
        (&next["damaged"], &next["call"]["damaged"]),
        (&known, &known)
    );
    assert_eq!(next["call"]["children"][0]["notification"], child.as_str());
    daemon.json(&["call", "claim", &task]);
    daemon.json(&["call", "next", "--reveal"]);
    on_roll(&daemon, &task, &child);
    let told = ["call", "outcome", &task, "told", "--role", "deputy"];
    daemon.json(&told);
    assert_eq!(trace(&daemon, &child)["state"], "told");
    // What is left of the call nobody can make.
    let left = daemon.json(&["call", "next"]);
    assert_eq!((&left["call"], &left["damaged"]), (&Value::Null, &known));
    refused(&daemon.command(&["call", "claim", &task]), "is damaged");
}

#[test]
fn a_school_that_rings_us_is_found_by_reference_or_name_and_its_call_taken_on() {
    let daemon = Daemon::start();
    // Its letter waits: nobody was to ring yet.
    let child = accepted(&daemon, &referral(1, "Ermintrude", SCHOOL));
    let second = accepted(&daemon, &referral(2, "Dougal", SCHOOL));
    let reference = trace(&daemon, &child)["reference"].clone();
    let reference = reference.as_str().unwrap();
    for words in [[reference].as_slice(), &["marsh", "end"], &[SCHOOL.0]] {
        let found = daemon.json(&[&["call", "find"], words].concat());
        assert_eq!(found["schools"][0]["urn"], SCHOOL.0, "{words:?}");
        let waiting = found["schools"][0]["notifications"].as_array().unwrap();
        assert_eq!(waiting.len(), 2, "{words:?}");
        assert!(!found.to_string().contains("Ermintrude"));
    }
    let nothing = said(&daemon.command(&["call", "find", "7KQ2-M4XD"]));
    assert!(nothing.contains("Neither a reference"), "{nothing}");

    let text = said(&daemon.command(&["call", "inbound", reference]));
    assert!(text.contains("firstbell call next --reveal"), "{text}");
    let task = the_call(&daemon);
    let (call, _) = shown(&daemon);
    assert_eq!(call["own"], true);
    assert_eq!(call["call"]["task"], task.as_str());
    assert_eq!(call["call"]["children"].as_array().unwrap().len(), 2);
    for id in [&child, &second] {
        on_roll(&daemon, &task, id);
    }
    let told = ["call", "outcome", &task, "told", "--role", "key_adult"];
    daemon.json(&told);
    for id in [&child, &second] {
        assert_eq!(trace(&daemon, id)["state"], "told");
    }

    // An adult involved has a part in the school: whoever rings is not told.
    let mut conflict = referral(3, "Florence", SCHOOL);
    conflict["children"][0]["schools"][0]["involved_person"] = json!("yes");
    let conflict = accepted(&daemon, &conflict);
    let inbound = daemon.command(&["call", "inbound", &conflict]);
    refused(&inbound, "do not speak of it on this call");
}
