//! The daemon as its operators meet it: the socket, the lock, the settings, and how it stops.

use crate::relays::authority::Authority;
use crate::relays::relay::{Act, Relay};
use crate::relays::{READY, TAKEN};
use crate::store_rules::database;
use crate::support::daemon::{Daemon, Recipe, SCHOOL, Way};
use crate::support::posts::{accepted, facts, post, referral, trace, trace_with};
use crate::support::waiting::until;
use serde_json::{Map, Value, json};
use std::fs::{self, Permissions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Debian's `nobody`, who is no operator.
const NOBODY: &str = "65534";

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_operator_reads_the_same_from_the_daemon_and_without_it() {
    let mut daemon = Daemon::start();
    let letter = accepted(&daemon, &referral(1, "Ermintrude", SCHOOL));
    let document = referral(2, "Dougal", ("999999", "Nowhere School"));
    let held = accepted(&daemon, &document);
    // The way leads nowhere: once an attempt has ended nothing changes until the next is due.
    trace_with(&daemon, &letter, "attempt_ended", 1);
    let referrals = daemon.json(&["referral", "list"])["referrals"].clone();
    let referrals = referrals.as_array().unwrap();
    assert_eq!(referrals.len(), 2);
    let referral_id = referrals[0]["referral"].as_str().unwrap();
    let deadline = [
        "deadline",
        "--urn",
        SCHOOL.0,
        "--at",
        "2026-11-20T18:00:00Z",
    ];
    let questions: [&[&str]; 9] = [
        &["referral", "list"],
        &["referral", "list", "--force", "kent"],
        &["referral", "show", referral_id],
        &["notification", "show", &letter],
        &["notification", "show", &held],
        &["notification", "trace", &held],
        &["queue"],
        &["school", "find", "marsh"],
        &deadline,
    ];
    let through_daemon: Vec<Value> = questions.iter().map(|asked| daemon.json(asked)).collect();
    assert_eq!(through_daemon[0]["more"], 0);
    assert_eq!(through_daemon[1]["referrals"], json!([]));
    let none = json!({"notifications": 0, "deliveries": 0, "tasks": 0});
    assert_eq!(through_daemon[6]["more"], none);
    assert_eq!(through_daemon[4]["state"], "held");
    assert_eq!(through_daemon[7]["schools"][0]["urn"], SCHOOL.0);
    assert_eq!(through_daemon[8]["due_at"], "2026-11-23T08:30:00Z");
    assert_eq!(daemon.stop_and_wait(), Some(0));
    assert!(!daemon.folder.path().join("operators.sock").exists());
    for (asked, before) in questions.iter().zip(through_daemon) {
        let after = daemon.json(asked);
        assert_eq!(settled(after), settled(before), "{asked:?}");
    }
    let unknown = "ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0";
    let answer = daemon.command(&["notification", "show", unknown]);
    assert_eq!(answer.status.code(), Some(1), "{}", words(&answer));
    daemon.begin();
    let answer = daemon.command(&["notification", "show", unknown]);
    assert_eq!(answer.status.code(), Some(1), "{}", words(&answer));
}

/// An attempt of an earlier run that nobody takes up again: the sweeper finds it, and the list says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_queue_says_what_is_stuck() {
    let mut daemon = Daemon::start();
    let letter = accepted(&daemon, &referral(1, "Ermintrude", SCHOOL));
    trace_with(&daemon, &letter, "attempt_ended", 1);
    let queue = || String::from_utf8(daemon.command(&["queue"]).stdout).unwrap();
    assert!(!queue().contains("STUCK"), "{}", queue());
    assert_eq!(daemon.stop_and_wait(), Some(0));
    let mut database = database(daemon.folder.path()).await;
    for statement in [
        "UPDATE delivery SET state = 'sending', incarnation = 99",
        "UPDATE attempt SET started_at = 1, ended_at = NULL",
    ] {
        let changed = sqlx::query(statement).execute(&mut database).await;
        assert_eq!(changed.unwrap().rows_affected(), 1);
    }
    drop(database);
    daemon.begin();
    let said = until(|| Some(daemon.command(&["queue"])).filter(says_stuck));
    let said = said.expect("the sweeper looks twice within seconds");
    let said = String::from_utf8(said.stdout).unwrap();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("STUCK")).collect();
    assert_eq!(lines, ["STUCK: 1 attempt(s) that do not end"]);
}

fn says_stuck(queue: &Output) -> bool {
    String::from_utf8_lossy(&queue.stdout).contains("STUCK")
}

/// Without what moves by itself, or only a daemon has: the hour, the sweeper, attempts between two looks.
fn settled(mut answer: Value) -> Value {
    if let Some(members) = answer.as_object_mut() {
        members.remove("now");
        // Only a running daemon has a sweeper to ask.
        members.remove("stuck");
        members.remove("next");
        let slack = |line: &mut Map<String, Value>| {
            let ahead = line.get_mut("ahead").and_then(Value::as_object_mut);
            ahead.map(|ahead| ahead.remove("slack_s"))
        };
        slack(members);
        for name in ["deliveries", "notifications"] {
            let lines = members.get_mut(name).and_then(Value::as_array_mut);
            for line in lines.into_iter().flatten().filter_map(Value::as_object_mut) {
                slack(line);
                for moving in ["attempts", "not_before", "next", "state"] {
                    line.remove(moving);
                }
            }
        }
    }
    answer
}

#[test]
fn a_unix_user_who_is_no_operator_is_refused() {
    if firstbell::admin::own_user_name().as_deref() != Some("root") {
        println!("skipped: only root can call as another Unix user");
        return;
    }
    let daemon = Daemon::start();
    let folder = daemon.folder.path();
    // Nobody may read the settings and run the command: it is the socket that is tested.
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    let binary = folder.join("firstbell");
    fs::copy(env!("CARGO_BIN_EXE_firstbell"), &binary).unwrap();
    let socket = folder.join("operators.sock");
    assert!(fs::metadata(&socket).unwrap().file_type().is_socket());

    let output = as_nobody(&binary, folder);
    assert_eq!(output.status.code(), Some(69), "{}", words(&output));
    assert!(
        words(&output).contains("ermission denied"),
        "{}",
        words(&output)
    );

    fs::set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
    let output = as_nobody(&binary, folder);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert!(words(&output).contains("no operator"), "{}", words(&output));
    assert!(output.stdout.is_empty());
}

fn as_nobody(binary: &Path, folder: &Path) -> Output {
    let mut queue = nobody(binary, folder);
    queue.args(["queue", "--json"]).stdin(Stdio::null());
    queue.output().expect("setpriv is part of util-linux")
}

fn nobody(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"])
        .arg(binary)
        .arg("--config")
        .arg(folder.join("firstbell.toml"))
        .current_dir("/");
    command
}

/// The kernel gives what it shows of a process that may not be dumped to root, and keeps other
/// processes of its own user from reading its memory: proc(5), PR_SET_DUMPABLE.
#[test]
fn the_daemon_keeps_its_memory_from_others_of_its_own_user() {
    if firstbell::admin::own_user_name().as_deref() != Some("root") {
        println!("skipped: only root can run the daemon as another Unix user");
        return;
    }
    let mut daemon = Daemon::start();
    daemon.stop_and_wait();
    let folder = daemon.folder.path();
    let binary = folder.join("firstbell");
    fs::copy(env!("CARGO_BIN_EXE_firstbell"), &binary).unwrap();
    for place in [folder, daemon.pki.ca.parent().unwrap()] {
        let given = Command::new("chown")
            .args(["-R", NOBODY])
            .arg(place)
            .status();
        assert!(given.unwrap().success());
    }
    let as_nobody = |arguments: &[&str]| {
        let child = nobody(&binary, folder)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Killed(child.unwrap())
    };
    let owner = |child: &Killed| {
        let environ = format!("/proc/{}/environ", child.0.id());
        fs::metadata(environ).map(|about| about.uid()).ok()
    };
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/directory-of-stories");
    let own = Some(NOBODY.parse().unwrap());
    // Another command of the same program, as a comparison: it waits for its input.
    let other = as_nobody(&[
        "deadline",
        "--batch",
        "--directory",
        directory.to_str().unwrap(),
    ]);
    until(|| (owner(&other) == own).then_some(())).expect("an ordinary process");
    let serving = as_nobody(&["serve"]);
    let socket = folder.join("operators.sock");
    until(|| UnixStream::connect(&socket).ok()).expect("the daemon listens");
    assert_eq!(owner(&serving), Some(0));
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
        self.0.wait().map(|_| ()).unwrap_or_default();
    }
}

#[test]
fn a_refused_post_is_shown_to_the_desk_and_its_body_only_when_asked_for() {
    let mut daemon = Daemon::start();
    let mut document = referral(1, "Ermintrude\u{1b}[31m", SCHOOL);
    document["children"][0]["date_of_birth"] = json!("2118-04-02");
    let refused = post(&daemon, "refused", &document);
    assert_eq!(refused.status, 422, "{}", refused.text());
    let none = daemon.json(&["referral", "refused", "list", "--force", "kent"]);
    assert_eq!(none["refused_posts"], json!([]));
    let kept = daemon.json(&["referral", "refused", "list"])["refused_posts"].clone();
    assert_eq!(kept.as_array().unwrap().len(), 1);
    let code = refused.json()["errors"][0]["code"].clone();
    assert_eq!(
        (&kept[0]["force"], &kept[0]["status"], &kept[0]["code"]),
        (&json!("essex"), &json!(422), &code)
    );
    let id = kept[0]["refused"].as_str().unwrap();
    let show = ["referral", "refused", "show", id];
    assert_eq!(daemon.json(&show), kept[0]);
    let reveal = [show.as_slice(), &["--reveal"]].concat();
    let body = daemon.json(&reveal)["body"].clone();
    assert_eq!(body, document.to_string());

    let text = daemon.command(&reveal).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("Ermintrude") && !text.contains('\u{1b}'));

    // Who may only look sees that it is there, and not what it says.
    daemon.stop_and_wait();
    assert_eq!(daemon.json(&reveal)["body"], body);
    let settings = daemon.folder.path().join("firstbell.toml");
    let written = fs::read_to_string(&settings).unwrap();
    let viewer = written.replace("[\"operator\"]", "[\"viewer\"]");
    assert_ne!(viewer, written);
    fs::write(&settings, viewer).unwrap();
    daemon.begin();
    assert_eq!(daemon.json(&show), kept[0]);
    let answer = daemon.command(&reveal);
    assert_eq!(answer.status.code(), Some(1), "{}", words(&answer));
    assert!(answer.stdout.is_empty());
    let unknown = "rfp_01JDA2V8W6E4R8T0Y2V4P6S8D0";
    let answer = daemon.command(&["referral", "refused", "show", unknown]);
    assert_eq!(answer.status.code(), Some(1), "{}", words(&answer));
}

#[test]
fn a_list_that_is_cut_says_how_much_it_leaves_out() {
    let mut daemon = Daemon::start();
    daemon.stop_and_wait();
    let database = daemon.state_dir().join("firstbell.db");
    let tasks = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1004) \
                 INSERT INTO task(id, kind, subject, opened_at, wanted_by) \
                 SELECT printf('tsk_%026d', i), 'ring_school', printf('case-%d', i), i, i FROM n";
    let added = Command::new("sqlite3").arg(database).arg(tasks).output();
    let added = added.unwrap();
    assert!(added.status.success(), "{}", words(&added));
    let queue = daemon.json(&["queue"]);
    assert_eq!(queue["tasks"].as_array().unwrap().len(), 1_000);
    let more = json!({"notifications": 0, "deliveries": 0, "tasks": 4});
    assert_eq!(queue["more"], more);
    let text = daemon.command(&["queue"]).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("1004 task(s) for a person"), "{text}");
    assert!(text.ends_with("  and 4 more\n"), "{text}");
}

/// Connections that say nothing are closed, and meanwhile take no more than their places.
#[test]
fn silent_connections_to_the_socket_do_not_keep_an_operator_out() {
    let daemon = Daemon::start();
    let socket = daemon.folder.path().join("operators.sock");
    let mut silent: Vec<UnixStream> = (0..80)
        .map(|_| UnixStream::connect(&socket).unwrap())
        .collect();
    // Half a head, and a body that never comes.
    for (nth, stream) in silent.iter_mut().enumerate() {
        let begun = [
            "",
            "POST /v1/read HTTP/1.1\r\nHost: x\r\nX: ",
            "POST /v1/read HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
        ][nth % 3];
        stream.write_all(begun.as_bytes()).unwrap();
    }
    let asked = daemon.json(&["queue"]);
    assert_eq!(asked["notifications"], json!([]));
    for mut stream in silent {
        let waits = Some(Duration::from_secs(60));
        stream.set_read_timeout(waits).unwrap();
        let mut said = String::new();
        // A reset is an end too; only silence is none.
        if let Err(error) = stream.read_to_string(&mut said) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        assert!(!said.starts_with("HTTP/1.1 200"), "{said}");
    }
}

#[test]
fn a_second_daemon_on_the_same_state_is_refused() {
    let daemon = Daemon::start();
    let second = daemon.command(&["serve"]);
    assert_eq!(second.status.code(), Some(69), "{}", words(&second));
    assert!(
        words(&second).contains("holds the lock"),
        "{}",
        words(&second)
    );
    let answer = post(&daemon, "still-there", &referral(1, "Ermintrude", SCHOOL));
    assert_eq!(answer.status, 201, "{}", answer.text());
    let schools = "tests/data/directory-of-stories";
    let import = daemon.command(&["directory", "import", "--initial", schools]);
    assert_eq!(import.status.code(), Some(69), "{}", words(&import));
}

#[test]
fn check_config_says_yes_or_every_fault() {
    let mut daemon = Daemon::start();
    let good = daemon.json(&["check-config"]);
    assert_eq!(good["ok"], true);
    let warning = good["warnings"].as_array().unwrap().iter();
    let mut about_replies = warning.filter(|line| line.to_string().contains("[replies]"));
    assert!(about_replies.next().is_some(), "{good}");
    let said = || String::from_utf8(daemon.command(&["check-config"]).stdout).unwrap();
    assert!(!said().contains("firstbell serve"), "{}", said());
    daemon.stop_and_wait();
    let said = String::from_utf8(daemon.command(&["check-config"]).stdout).unwrap();
    assert!(said.ends_with("Next: firstbell serve\n"), "{said}");
    assert_eq!(daemon.json(&["check-config"])["ok"], true);
    // Another credential opens none of what was stored: serve would fail, and so does this.
    let credential = daemon.folder.path().join("credential");
    fs::write(&credential, "6b".repeat(32)).unwrap();
    let other = daemon.command(&["check-config"]);
    assert_eq!(other.status.code(), Some(78), "{}", words(&other));
    assert!(words(&other).contains("epochs"), "{}", words(&other));
    fs::write(&credential, "5a".repeat(32)).unwrap();
    let settings = daemon.folder.path().join("firstbell.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("gateway.hostname = \"x\"\n{text}")).unwrap();
    let bad = daemon.command(&["check-config"]);
    assert_eq!(bad.status.code(), Some(78));
    assert!(words(&bad).contains("host_name"), "{}", words(&bad));
    let bad = daemon.command(&["check-config", "--json"]);
    assert_eq!(bad.status.code(), Some(78));
    let told: Value = serde_json::from_slice(&bad.stdout).unwrap();
    assert_eq!(told["ok"], false);
    let fault = &told["faults"][0];
    assert_eq!(
        (&fault["key"], &fault["line"]),
        (&json!("hostname"), &json!(1))
    );
    let refused = daemon.command(&["serve"]);
    assert_eq!(refused.status.code(), Some(78));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_letter_in_flight_ends_and_is_recorded_before_the_daemon_does() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("The route's authority");
    let (last, so_far) = TAKEN.split_last().unwrap();
    let slow = READY
        .iter()
        .chain(so_far)
        .chain([&Act::AwaitGate, last])
        .copied();
    let tls = authority
        .names("localhost")
        .serves(rustls::ALL_VERSIONS, None);
    let relay = Relay::start(tls, vec![slow.collect()]).await;
    let mut daemon = Daemon::made_of(Recipe {
        ways: vec![Way {
            name: "cjsm",
            port: relay.port,
            tls: "implicit",
            roots: authority.write(folder.path()),
            client: None,
            more: String::new(),
        }],
        environment: vec![("WATCHDOG_USEC", "600000".to_owned())],
        ..Recipe::default()
    });
    // A heartbeat has gone through the store before the watchdog is fed.
    daemon.await_word("WATCHDOG=1");
    let posted = accepted(&daemon, &referral(1, "Ermintrude", SCHOOL));
    trace_with(&daemon, &posted, "letter_signed", 1);
    daemon.stop();
    daemon.await_word("STOPPING=1");
    let waiting = trace(&daemon, &posted);
    assert_eq!(facts(&waiting, "attempt_ended").len(), 0);
    assert_eq!(waiting["deliveries"][0]["state"], "sending");
    relay.gate.notify_one();
    assert_eq!(daemon.wait(), Some(0));
    let ended = trace(&daemon, &posted);
    assert_eq!(ended["deliveries"][0]["state"], "relayed");
    assert_eq!(facts(&ended, "attempt_ended")[0]["result"], "done");
    let heard = relay.heard().await.remove(0);
    assert_eq!(heard.last().unwrap(), "QUIT");
}
