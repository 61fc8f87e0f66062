//! The real daemon while its disk fails: it says so although it cannot write it down, its external
//! heartbeat stays away, and both come back.

use super::sinks::Sink;
use super::{subject, wall};
use crate::faults::disk::{Disk, How, Which};
use crate::support::daemon::{Daemon, Recipe};
use crate::support::pki::Pki;
use crate::support::waiting::until;
use std::process::Command;

/// Lines of the daemon's log that hold these words.
fn lines(daemon: &Daemon, words: &str) -> usize {
    daemon
        .log()
        .lines()
        .filter(|line| line.contains(words))
        .count()
}

#[test]
fn a_store_that_cannot_commit_is_told_of_all_the_same_and_the_heartbeat_stops() {
    let (pki, disk) = (Pki::new(), Disk::new());
    let (mails, hooks, beats) = (
        Sink::mailbox(&pki),
        Sink::listener(&pki),
        Sink::listener(&pki),
    );
    let quoted = |text: String| format!("{text:?}");
    let ca = quoted(pki.ca.display().to_string());
    let hook = quoted(format!("https://localhost:{}/oncall", hooks.port));
    let beat = quoted(format!("https://localhost:{}/alive", beats.port));
    let port = mails.port.to_string();
    let mut environment = disk.environment();
    // A heartbeat through the writer each second.
    environment.push(("WATCHDOG_USEC", "3000000".to_owned()));
    let mut daemon = Daemon::made_of(Recipe {
        settings: &[
            ("alarms.mail_to", "\"desk@force.test\""),
            ("alarms.mail_host", "\"localhost\""),
            ("alarms.mail_port", &port),
            ("alarms.mail_roots", &ca),
            ("alarms.webhook_url", &hook),
            ("alarms.webhook_roots", &ca),
            ("alarms.between_s", "1"),
            ("alarms.ntp", "false"),
            ("heartbeat.url", &beat),
            ("heartbeat.every_s", "1"),
            ("heartbeat.ca_file", &ca),
            ("log.filter", "\"warn\""),
        ],
        environment,
        ..Recipe::default()
    });
    assert!(beats.await_taken(2)[0].starts_with("GET /alive HTTP/1.1\r\n"));
    assert_eq!(mails.taken(), [""; 0]);

    disk.fail(How::IoError, Which::From(1));
    let mail = mails.await_taken(1).remove(0);
    let wanted = "[alarm] The store cannot record: gateway.test";
    assert_eq!(subject(&mail), wanted);
    // It stands on the operators' list though the database does not have it.
    let listed = daemon.json(&["alarm", "list"])["alarms"][0].clone();
    assert_eq!(listed["kind"], "store_not_committing");
    let id = listed["alarm"].as_str().unwrap().to_owned();
    assert!(mail.contains(&id), "{mail}");
    let shown = daemon.json(&["alarm", "show", &id]);
    assert_eq!(shown["severity"], "critical");

    // The first silence may find a call under way; after it none comes.
    let silent = "no external heartbeat";
    until(|| (lines(&daemon, silent) >= 1).then_some(())).unwrap();
    let calls = beats.taken().len();
    until(|| (lines(&daemon, silent) >= 3).then_some(())).unwrap();
    assert!(beats.taken().len() <= calls + 1, "it goes on calling");
    let calls = beats.taken().len();

    disk.mend();
    beats.await_taken(calls + 1);
    let kept = || {
        let all = daemon.json(&["alarm", "list", "--all"]);
        let first = all["alarms"][0].clone();
        (first["alarm"] == id.as_str() && first["mailed_at"].is_string()).then_some(first)
    };
    let kept = until(kept).expect("what could not be written down is, at last");
    assert!(kept["opened_at"].as_str().unwrap() > wall("2026-01-01T00:00").to_string().as_str());
    assert_eq!(mails.taken().len(), 1, "and nobody is told twice");

    // Taken on by the one, refused to the other, known to the next run.
    let claimed = daemon.command(&["alarm", "claim", &id]);
    assert!(claimed.status.success(), "{claimed:?}");
    let again = daemon.json(&["alarm", "show", &id]);
    assert_eq!(again["claimed"]["who"], "A Tester");
    assert_eq!(daemon.stop_and_wait(), Some(0));
    let without = daemon.json(&["alarm", "list"]);
    assert_eq!(without["alarms"][0]["alarm"], id.as_str());
}

/// Why a file beside the database: systemd starts a daemon again whose store does not commit, and each run
/// would wake the same people.
#[test]
fn a_restart_while_the_store_fails_tells_nobody_again_and_what_was_taken_on_stays_so() {
    let (pki, disk) = (Pki::new(), Disk::new());
    let mails = Sink::mailbox(&pki);
    let ca = format!("{:?}", pki.ca.display().to_string());
    let port = mails.port.to_string();
    let mut environment = disk.environment();
    environment.push(("WATCHDOG_USEC", "3000000".to_owned()));
    let mut daemon = Daemon::made_of(Recipe {
        settings: &[
            ("alarms.mail_to", "\"desk@force.test\""),
            ("alarms.mail_host", "\"localhost\""),
            ("alarms.mail_port", &port),
            ("alarms.mail_roots", &ca),
            ("alarms.between_s", "1"),
            ("alarms.ntp", "false"),
            ("log.filter", "\"warn\""),
        ],
        environment,
        ..Recipe::default()
    });
    disk.fail(How::IoError, Which::From(1));
    mails.await_taken(1);
    let listed = daemon.json(&["alarm", "list"])["alarms"][0].clone();
    assert_eq!(listed["kind"], "store_not_committing");
    assert_eq!(listed["recorded"], false);
    let id = listed["alarm"].as_str().unwrap().to_owned();
    // Somebody is up, though the database cannot say who.
    let claimed = daemon.json(&["alarm", "claim", &id]);
    assert_eq!(claimed["recorded"], false);
    let shown = daemon.json(&["alarm", "show", &id]);
    assert_eq!(shown["claimed"]["who"], "A Tester");
    let told = daemon.state_dir().join("alarms-told");
    let noted = || {
        let noted = std::fs::read_to_string(&told).unwrap();
        noted.contains("A Tester").then_some(noted)
    };
    until(noted).expect("noted beside the database");

    // It comes up again, and fails again.
    daemon.kill();
    disk.mend();
    daemon.begin();
    let recorded = || {
        let alarm = daemon.json(&["alarm", "show", &id]);
        (alarm["recorded"] == true && alarm["claimed"]["who"] == "A Tester").then_some(alarm)
    };
    let recorded = until(recorded).expect("what the first run could not write down");
    assert!(recorded["mailed_at"].is_string());
    let silent = "no heartbeat";
    let before = lines(&daemon, silent);
    disk.fail(How::IoError, Which::From(1));
    until(|| (lines(&daemon, silent) >= before + 4).then_some(())).unwrap();
    let alarms = daemon.json(&["alarm", "list"])["alarms"].clone();
    let open: Vec<_> = alarms
        .as_array()
        .unwrap()
        .iter()
        .map(|alarm| &alarm["alarm"])
        .collect();
    assert_eq!(open, [&id], "it is the same alarm");
    assert_eq!(mails.taken().len(), 1, "and nobody is told twice");
    disk.mend();
}

/// `check-config` says what would be told to nobody, or by a relay that letters use.
#[test]
fn the_lane_shares_no_relay_with_letters() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config");
    let asked = Command::new(env!("CARGO_BIN_EXE_firstbell"))
        .arg("--config")
        .arg(folder.join("good/firstbell.toml"))
        .arg("--config")
        .arg(folder.join("alarms-wrong/layer.toml"))
        .arg("check-config")
        .output()
        .unwrap();
    assert_eq!(asked.status.code(), Some(78));
    let said = String::from_utf8_lossy(&asked.stderr);
    assert!(
        said.contains("must not be the relay of [route.cjsm]"),
        "{said}"
    );
}
