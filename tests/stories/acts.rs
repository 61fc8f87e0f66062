//! What operators do, by the real command line against the real daemon: who may, what follows, and
//! what the second of two is told.

use crate::on_call::on_roll;
use crate::relays::authority::Authority;
use crate::relays::relay::{Act, Relay};
use crate::relays::{READY, TAKEN};
use crate::store_rules::open;
use crate::support::daemon::{CLOSED_SCHOOL, Daemon, Recipe, SCHOOL, Way};
use crate::support::posts::{accepted, facts, referral, trace, trace_in_state, trace_with};
use crate::support::waiting::until;
use firstbell::clock::Clock;
use firstbell::referral::london;
use firstbell::store::InboundMail;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

/// Debian's `nobody`, here a second operator.
const NOBODY: &str = "65534";
/// Open, with two contacts.
const OTHER_SCHOOL: (&str, &str) = ("990012", "Tollgate High School");
const UNKNOWN: &str = "ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0";

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Asked of the daemon, and refused with exit 1 and these words.
#[track_caller]
fn refused(output: &Output, wanted: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", words(output));
    assert!(words(output).contains(wanted), "{}", words(output));
    assert!(output.stdout.is_empty());
}

/// A referral whose school's name is unlike the register's and whose URN was typed: held, and rung.
fn doubted(number: u32, given_name: &str, (urn, _): (&str, &str)) -> Value {
    let mut document = referral(number, given_name, (urn, "Quite Another Place"));
    document["children"][0]["schools"][0]["urn_source"] = json!("typed");
    document
}

fn actors(trace: &Value, kind: &str) -> Vec<Value> {
    let facts = trace["facts"].as_array().unwrap();
    let of_kind = facts.iter().filter(|fact| fact["kind"] == kind);
    of_kind.map(|fact| fact["actor"].clone()).collect()
}

fn tasks(daemon: &Daemon, kind: &str) -> Vec<Value> {
    let found = daemon.json(&["task", "list", "--kind", kind]);
    found["tasks"].as_array().unwrap().clone()
}

/// Settings with other operators: the daemon is stopped, told and started again.
fn with_operators(daemon: &mut Daemon, change: impl FnOnce(String) -> String) {
    daemon.stop_and_wait();
    let settings = daemon.folder.path().join("firstbell.toml");
    let written = fs::read_to_string(&settings).unwrap();
    let changed = change(written.clone());
    assert_ne!(changed, written);
    fs::write(&settings, changed).unwrap();
    daemon.begin();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_held_letter_is_not_sent_and_its_release_sends_one() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("The route's authority");
    let tls = authority
        .names("localhost")
        .serves(rustls::ALL_VERSIONS, None);
    let first = READY.iter().chain(&TAKEN).copied();
    // RSET, should the connection still be open, and then the other letter.
    let reset = [Act::Hear, Act::Say("250 ok\r\n")];
    let script: Vec<Act> = first.chain(reset).chain(TAKEN).collect();
    let relay = Relay::start(tls, vec![script]).await;
    let mut daemon = Daemon::made_of(Recipe {
        ways: vec![Way {
            name: "cjsm",
            port: relay.port,
            tls: "implicit",
            roots: authority.write(folder.path()),
            client: None,
            more: "connections = 1".to_owned(),
        }],
        ..Recipe::default()
    });
    let held = accepted(&daemon, &doubted(1, "Ermintrude", SCHOOL));
    let sent = accepted(&daemon, &referral(2, "Dougal", SCHOOL));
    trace_in_state(&daemon, &sent, "relayed");
    let before = trace(&daemon, &held);
    assert_eq!(before["state"], "held");
    assert_eq!(before["deliveries"], json!([]));

    let release = ["notification", "release", &held, "--reason", "rang them"];
    let done = daemon.json(&release);
    assert_eq!(done["notifications"][0]["notification"], held.as_str());
    let after = trace_in_state(&daemon, &held, "relayed");
    assert_eq!(after["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(actors(&after, "released"), ["operator:A Tester"]);
    assert!(!after.to_string().contains("rang them"));
    refused(
        &daemon.command(&release),
        "not held: released already: by A Tester",
    );
    assert_eq!(daemon.stop_and_wait(), Some(0));
    let heard = relay.heard().await.remove(0);
    let letters = heard.iter().filter(|line| line.starts_with("MAIL")).count();
    assert_eq!(letters, 2);
}

#[test]
fn an_operator_holds_a_letter_back_until_it_is_released() {
    let daemon = Daemon::start();
    let letter = accepted(&daemon, &referral(1, "Ermintrude", SCHOOL));
    trace_with(&daemon, &letter, "attempt_ended", 1);
    let hold = ["notification", "hold", &letter, "--reason", "wrong child"];
    assert_eq!(daemon.json(&hold)["notifications"][0]["state"], "held");
    refused(&daemon.command(&hold), "held already: by A Tester");
    let shown = daemon.json(&["notification", "show", &letter]);
    assert_eq!(shown["values"]["hold"], "by-operator");

    let release = [
        "notification",
        "release",
        &letter,
        "--reason",
        "right child",
    ];
    let state = daemon.json(&release)["notifications"][0]["state"].clone();
    assert_ne!(state, "held");
    let after = trace(&daemon, &letter);
    // The letter that waited all along, and no second one.
    assert_eq!(after["deliveries"].as_array().unwrap().len(), 1);
    let said = ["held", "released"].map(|kind| facts(&after, kind)[0].clone());
    for item in [&said[0]["said"], &said[1]["reason"]] {
        assert!(
            item.as_str().is_some_and(|id| id.starts_with("itm_")),
            "{item}"
        );
    }
    assert!(!after.to_string().contains("wrong child"));
    let kinds = ["held", "released"].map(|kind| actors(&after, kind));
    assert_eq!(kinds, [["operator:A Tester"], ["operator:A Tester"]]);
}

#[test]
fn a_child_without_a_school_is_routed_and_the_successor_carries_the_duty() {
    let daemon = Daemon::start();
    let lost = accepted(&daemon, &referral(1, "Ermintrude", CLOSED_SCHOOL));
    let shown = daemon.json(&["notification", "show", &lost]);
    assert_eq!(
        (&shown["state"], &shown["suggestions"][0]),
        (&json!("held"), &json!("990015"))
    );
    let nowhere = ["notification", "route", &lost, "--urn", "999999"];
    refused(&daemon.command(&nowhere), "no school");
    let release = ["notification", "release", &lost, "--reason", "no"];
    refused(&daemon.command(&release), "choose the school");

    let route = ["notification", "route", &lost, "--urn", "990015"];
    let done = daemon.json(&route)["notifications"].clone();
    assert_eq!(
        (&done[0]["notification"], &done[0]["state"]),
        (&json!(lost), &json!("closed"))
    );
    let successor = done[1]["notification"].as_str().unwrap();
    let old = trace(&daemon, &lost);
    assert_eq!(facts(&old, "rerouted")[0]["to"], successor);
    assert_eq!(actors(&old, "rerouted"), ["operator:A Tester"]);
    assert_eq!(facts(&old, "closed")[0]["closed_as"], "rerouted");
    let new = trace(&daemon, successor);
    assert_eq!(
        (&new["urn"], &new["target"]),
        (&json!("990015"), &json!("school"))
    );
    assert_eq!(facts(&new, "delivery_queued")[0]["step"], 0);
    assert_eq!(tasks(&daemon, "choose_school"), Vec::<Value>::new());
    refused(
        &daemon.command(&route),
        "another notification carries it on: by A Tester",
    );
    let again = ["notification", "route", successor, "--urn", "990015"];
    refused(&daemon.command(&again), "for this school already");
}

/// At whatever hour this runs: the call is to be claimed now, or not before the school opens.
fn rung_in_its_hours(daemon: &Daemon) {
    let text = daemon.command(&["call", "next", "--reveal"]).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("telephone 08:00-16:00"), "{text}");
    let closed = text.contains("closed now; opens ");
    let claims = text.contains("Next: firstbell call claim tsk_");
    assert_ne!(closed, claims, "{text}");
}

#[test]
fn a_call_is_one_for_a_school_comes_back_until_told_and_ends_nothing_else() {
    let daemon = Daemon::start();
    let ours = [1, 2].map(|n| accepted(&daemon, &doubted(n, &format!("Child-{n}"), SCHOOL)));
    let other = accepted(&daemon, &doubted(3, "Dougal", OTHER_SCHOOL));
    let next = daemon.json(&["call", "next"]);
    assert_eq!((&next["open"], &next["claimed"]), (&json!(2), &json!(0)));
    let mut call = next["call"].clone();
    if call["school"]["urn"] != SCHOOL.0 {
        // Equally urgent: with the other taken on, ours is next.
        daemon.json(&["call", "claim", call["task"].as_str().unwrap()]);
        call = daemon.json(&["call", "next"])["call"].clone();
    }
    assert_eq!(call["school"]["name"], SCHOOL.1);
    assert_eq!(call["school"]["register_number"], "01621000011");
    assert_eq!(call["contacts"][0]["phone"], "01621 000011");
    assert_eq!(call["contacts"][0]["name"], "G. A.");
    assert_eq!(call["children"].as_array().unwrap().len(), 2);
    assert_eq!(call["children"][0]["child_ref"], "c1");
    assert!(!call.to_string().contains("Amadi"));
    rung_in_its_hours(&daemon);

    let task = call["task"].as_str().unwrap().to_owned();
    daemon.json(&["call", "claim", &task]);
    let before = Clock::system().now();
    daemon.json(&["call", "outcome", &task, "no_answer"]);
    let ring = tasks(&daemon, "ring_school");
    let again = ring
        .iter()
        .find(|line| line["subject"] == format!("essex:urn:{}", SCHOOL.0));
    let again = again.unwrap();
    assert_ne!(again["task"], task);
    assert_eq!(again["claimed"], Value::Null);
    let wanted: Timestamp = again["wanted_by"].as_str().unwrap().parse().unwrap();
    let after = wanted.duration_since(before);
    // In ten minutes, or when the school's telephone is next answered.
    let opens = london::civil(wanted).time() == jiff::civil::time(8, 0, 0, 0);
    let soon = after < SignedDuration::from_mins(17);
    assert!(
        after >= SignedDuration::from_mins(10) && (soon || opens),
        "{wanted}"
    );
    let gone = ["call", "outcome", &task, "engaged"];
    refused(&daemon.command(&gone), "done already: by A Tester");

    let task = again["task"].as_str().unwrap();
    // Nobody was spoken of before the call was taken on: who joins it later is still to be told.
    let unclaimed = ["call", "outcome", task, "told", "--role", "deputy"];
    refused(&daemon.command(&unclaimed), "the call is not claimed");
    daemon.json(&["call", "claim", task]);
    ours.iter().for_each(|id| on_roll(&daemon, task, id));
    let told = ["call", "outcome", task, "told", "--role", "deputy"];
    let done = daemon.json(&told)["notifications"].clone();
    let states: Vec<&Value> = done
        .as_array()
        .unwrap()
        .iter()
        .map(|n| &n["state"])
        .collect();
    assert_eq!(states, ["told", "told"]);
    for id in &ours {
        let seen = trace(&daemon, id);
        assert_eq!(facts(&seen, "told")[0]["role"], "deputy");
        assert_eq!(actors(&seen, "told"), ["operator:A Tester"]);
        let outcomes = facts(&seen, "task_settled");
        let outcomes: Vec<&Value> = outcomes.iter().map(|fact| &fact["outcome"]).collect();
        assert_eq!(outcomes, ["no_answer", "told"]);
    }
    refused(&daemon.command(&told), "done already: by A Tester");
    let rest = tasks(&daemon, "ring_school");
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0]["subject"], format!("essex:urn:{}", OTHER_SCHOOL.0));
    assert_eq!(
        daemon.json(&["notification", "show", &other])["state"],
        "held"
    );
}

#[test]
fn the_screen_of_a_call_says_to_whom_not_to_speak() {
    let daemon = Daemon::start();
    let mut withheld = doubted(1, "Ermintrude", SCHOOL);
    withheld["withhold_from"] = json!(["dsl@marshend.test.cjsm.net"]);
    accepted(&daemon, &withheld);
    let not_to = || -> Vec<(Value, Value)> {
        let next = daemon.json(&["call", "next"]);
        let contacts = next["call"]["contacts"].as_array().unwrap().clone();
        let shown = contacts.iter();
        let shown = shown.map(|c| (c["role"].clone(), c["do_not_speak_to"].clone()));
        shown.collect()
    };
    let both = |not: [bool; 2]| {
        let roles = ["key_adult", "deputy"].map(|role| json!(role));
        roles
            .into_iter()
            .zip(not.map(Value::from))
            .collect::<Vec<_>>()
    };
    assert_eq!(not_to(), both([true, false]));
    let text = daemon.command(&["call", "next"]).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("  do not speak to key_adult: G. A.\n"),
        "{text}"
    );
    assert!(text.contains("  deputy: P. Z.  01621 000011\n"), "{text}");
}

#[test]
fn not_on_the_roll_by_voice_opens_a_successor_for_the_desk_to_place() {
    let daemon = Daemon::start();
    let child = accepted(&daemon, &doubted(1, "Ermintrude", SCHOOL));
    let task = tasks(&daemon, "ring_school")[0]["task"].clone();
    daemon.json(&["call", "claim", task.as_str().unwrap()]);
    let off = ["call", "outcome", task.as_str().unwrap(), "not_on_roll"];
    let done = daemon.json(&off)["notifications"].clone();
    let refused = (&done[0]["notification"], &done[0]["state"]);
    assert_eq!(refused, (&json!(child), &json!("refused")));
    let successor = done[1]["notification"].as_str().unwrap();
    assert_eq!(trace(&daemon, successor)["target"], "unrouted");
    assert_eq!(tasks(&daemon, "ring_school"), Vec::<Value>::new());
    assert_eq!(tasks(&daemon, "choose_school").len(), 1);
}

/// What a school wrote is kept by its listener; the daemon classifies it, and shows its words only to who
/// asks for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reply_shows_who_wrote_and_its_words_only_when_they_are_to_be_revealed() {
    let mut daemon = Daemon::start();
    daemon.stop_and_wait();
    let opened = open(daemon.folder.path(), &Clock::system()).await;
    let mail = InboundMail {
        source: "smtp".to_owned(),
        mail_from: Some("dsl@marshend.test.cjsm.net".to_owned()),
        rcpt_to: vec!["replies@gateway.test".to_owned()],
        bytes: b"From: Grace <dsl@marshend.test.cjsm.net>\r\nSubject: A question\r\n\r\nWhich child is this about?\r\n".to_vec(),
    };
    let reply = opened.store.keep_inbound(mail).await.unwrap().to_string();
    opened.store.close().await.unwrap();
    drop(opened);
    daemon.begin();
    let task = until(|| tasks(&daemon, "read_reply").pop()).expect("it is to be read");
    assert_eq!(task["subject"], reply.as_str());

    let shown = daemon.json(&["reply", "show", &reply]);
    assert_eq!(
        (&shown["from"]["role"], &shown["from"]["name"]),
        (&json!("key_adult"), &json!("G. A."))
    );
    assert!(!shown.to_string().contains("Which child"), "{shown}");
    let text = daemon.command(&["reply", "show", &reply]).stdout;
    let text = String::from_utf8(text).unwrap();
    let next = format!("Next: firstbell reply show {reply} --reveal\n");
    assert!(
        text.ends_with(&next) && !text.contains("Which child"),
        "{text}"
    );

    let reveal = ["reply", "show", &reply, "--reveal"];
    let shown = daemon.json(&reveal);
    assert_eq!(shown["from"]["name"], "Grace Amadi");
    assert_eq!(shown["sender"], "dsl@marshend.test.cjsm.net");
    assert_eq!(
        shown["text"].as_str().unwrap().trim(),
        "Which child is this about?"
    );
    let text = String::from_utf8(daemon.command(&reveal).stdout).unwrap();
    assert!(text.contains("\nWhich child is this about?\n"), "{text}");

    with_operators(&mut daemon, |written| {
        written.replace("[\"operator\"]", "[\"viewer\"]")
    });
    refused(&daemon.command(&reveal), "viewer");
    daemon.json(&["reply", "show", &reply]);
}

#[test]
fn of_two_operators_the_second_is_told_who_was_first_and_when() {
    if firstbell::admin::own_user_name().as_deref() != Some("root") {
        println!("skipped: only root can call as another Unix user");
        return;
    }
    let mut daemon = Daemon::start();
    with_operators(&mut daemon, |written| {
        format!(
            "{written}\n[[operator]]\nunix_user = \"nobody\"\nname = \"B Tester\"\nroles = [\"supervisor\"]\n"
        )
    });
    let folder = daemon.folder.path();
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    let socket = folder.join("operators.sock");
    fs::set_permissions(socket, Permissions::from_mode(0o666)).unwrap();
    let binary = folder.join("firstbell");
    fs::copy(env!("CARGO_BIN_EXE_firstbell"), &binary).unwrap();
    let as_second = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"])
            .arg(&binary)
            .arg("--config")
            .arg(folder.join("firstbell.toml"))
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null());
        command.output().expect("setpriv is part of util-linux")
    };
    let child = accepted(&daemon, &doubted(1, "Ermintrude", SCHOOL));
    let call = daemon.json(&["call", "next"])["call"].clone();
    let task = call["task"].as_str().unwrap();
    let day = london::civil(Clock::system().now());
    let day = day.strftime("%a %-d %b %Y").to_string();
    daemon.json(&["call", "claim", task]);
    let claim = as_second(&["call", "claim", task]);
    refused(&claim, "somebody else has taken it on: by A Tester, ");
    assert!(words(&claim).contains(&day), "{}", words(&claim));
    refused(
        &as_second(&["call", "outcome", task, "engaged"]),
        "A Tester",
    );

    let acknowledge = [
        "notification",
        "acknowledge",
        &child,
        "--reason",
        "they rang",
    ];
    let done = as_second(&acknowledge);
    assert_eq!(done.status.code(), Some(0), "{}", words(&done));
    refused(
        &daemon.command(&acknowledge),
        "acknowledged already: by B Tester",
    );
    let tell = ["notification", "tell", &child, "--role", "deputy"];
    refused(&daemon.command(&tell), "acknowledged already: by B Tester");
    let ended = trace(&daemon, &child);
    assert_eq!(ended["state"], "acknowledged");
    assert_eq!(actors(&ended, "answer_believed"), ["operator:B Tester"]);
    assert_eq!(tasks(&daemon, "ring_school"), Vec::<Value>::new());
}

#[test]
fn who_may_only_look_may_do_nothing_and_without_a_daemon_nobody_may() {
    let mut daemon = Daemon::start();
    let held = accepted(&daemon, &doubted(1, "Ermintrude", SCHOOL));
    let reply = "inb_01JDA2V8W6E4R8T0Y2V4P6S8D0";
    let task = tasks(&daemon, "ring_school")[0]["task"].clone();
    let task = task.as_str().unwrap();
    let acts: [&[&str]; 9] = [
        &["notification", "acknowledge", &held, "--reason", "x"],
        &["notification", "tell", &held, "--role", "deputy"],
        &["notification", "hold", &held, "--reason", "x"],
        &["notification", "release", &held, "--reason", "x"],
        &["notification", "route", &held, "--urn", "990012"],
        &["call", "claim", task],
        &["call", "outcome", task, "no_answer"],
        &[
            "reply",
            "attach",
            reply,
            "--notification",
            &held,
            "--verdict",
            "received",
        ],
        &["reply", "dismiss", reply],
    ];
    refused(&daemon.command(acts[8]), "no reply of this id");
    let unknown = ["notification", "tell", UNKNOWN, "--role", "deputy"];
    refused(&daemon.command(&unknown), "no notification of this id");
    with_operators(&mut daemon, |written| {
        written.replace("[\"operator\"]", "[\"viewer\"]")
    });
    let before = trace(&daemon, &held);
    for act in acts {
        refused(&daemon.command(act), "a viewer may look");
    }
    refused(&daemon.command(&["call", "next", "--reveal"]), "viewer");
    assert_eq!(daemon.json(&["call", "next"])["call"]["task"], task);
    assert_eq!(trace(&daemon, &held)["facts"], before["facts"]);
    daemon.stop_and_wait();
    for act in acts {
        let answer = daemon.command(act);
        assert_eq!(answer.status.code(), Some(69), "{}", words(&answer));
    }
    assert_eq!(daemon.json(&["call", "next"])["call"]["task"], task);
    assert_eq!(tasks(&daemon, "ring_school").len(), 1);
    assert_eq!(daemon.json(&["reply", "list"])["replies"], json!([]));
}
