//! `firstbell route`: suspended, planned and resumed, by one operator, recorded, over restarts; and
//! the probe, which does all that an attempt does before MAIL.

use crate::exchange::{Exchange, Manner};
use crate::support::daemon::{Daemon, Recipe, SCHOOL};
use crate::support::posts::{accepted, referral, trace, trace_in_state};
use crate::support::waiting::until;
use firstbell::clock::Clock;
use firstbell::referral::london;
use jiff::{SignedDuration, Span};
use serde_json::{Value, json};
use std::fs;
use std::process::Output;

const NAME: &str = "Ermintrude";
/// What an operator types.
const NOTE: &str = "Zebedee rang about it";

fn daemon(relay: &Exchange) -> Daemon {
    Daemon::made_of(Recipe {
        ways: vec![relay.way("")],
        ..Recipe::default()
    })
}

fn route(daemon: &Daemon, name: &str) -> Value {
    let listed = daemon.json(&["route", "list"]);
    let routes = listed["routes"].as_array().unwrap().iter();
    let mut named = routes.filter(|route| route["route"] == name);
    named.next().unwrap().clone()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn refused(daemon: &Daemon, arguments: &[&str], code: i32, wanted: &str) {
    let output = daemon.command(arguments);
    assert_eq!(output.status.code(), Some(code), "{}", words(&output));
    assert!(words(&output).contains(wanted), "{}", words(&output));
}

/// So many seconds from now.
fn later(seconds: i64) -> String {
    let at = Clock::system().now() + SignedDuration::from_secs(seconds);
    at.to_string()
}

#[test]
fn a_suspended_route_carries_nothing_until_it_is_resumed_also_over_a_restart() {
    let relay = Exchange::start(Manner::Takes);
    let mut daemon = daemon(&relay);
    let suspend = [
        "route",
        "suspend",
        "cjsm",
        "--reason",
        "compromise",
        "--note",
        NOTE,
    ];
    daemon.json(&suspend);
    let letter = accepted(&daemon, &referral(1, NAME, SCHOOL));
    let suspended = route(&daemon, "cjsm");
    assert_eq!(suspended["suspended"]["by"], "A Tester");
    assert_eq!(suspended["suspended"]["reason"], "compromise");
    assert_eq!(suspended["suspended"]["until"], Value::Null);
    assert_eq!(
        (&suspended["waiting"], &suspended["breaker"]),
        (&1.into(), &"closed".into())
    );
    let other = route(&daemon, "school");
    assert_eq!(other["suspended"], Value::Null);
    assert_eq!(daemon.stop_and_wait(), Some(0));
    // Without a daemon the list says what the database knows.
    let offline = route(&daemon, "cjsm");
    assert_eq!(offline["suspended"], suspended["suspended"]);
    daemon.begin();
    assert_eq!(route(&daemon, "cjsm")["suspended"], suspended["suspended"]);
    let waiting = trace(&daemon, &letter);
    let delivery = &waiting["deliveries"][0];
    assert_eq!(
        (&delivery["state"], &delivery["attempts"]),
        (&"queued".into(), &0.into())
    );
    assert_eq!(relay.count().connections, 0);

    daemon.json(&["route", "resume", "cjsm", "--reason", "over"]);
    trace_in_state(&daemon, &letter, "relayed");
    assert_eq!(route(&daemon, "cjsm")["suspended"], Value::Null);
    refused(
        &daemon,
        &["route", "resume", "cjsm", "--reason", "over"],
        1,
        "is not suspended",
    );
    assert_eq!(daemon.stop_and_wait(), Some(0));
    let facts = facts(&daemon);
    let kinds: Vec<_> = facts
        .iter()
        .map(|(kind, actor, _)| (kind.as_str(), actor.as_str()))
        .collect();
    let actor = "operator:A Tester";
    assert_eq!(
        kinds,
        [("route_suspended", actor), ("route_resumed", actor)]
    );
    assert!(facts[0].2.contains("compromise") && facts[1].2.contains("over"));
    // What was typed is sealed, and told to nobody.
    let kept = std::fs::read(daemon.state_dir().join("firstbell.db")).unwrap();
    let holds = |bytes: &[u8]| bytes.windows(NOTE.len()).any(|w| w == NOTE.as_bytes());
    assert!(!holds(&kept) && !holds(daemon.log().as_bytes()));
}

#[test]
fn a_suspension_ends_by_itself_and_a_planned_one_is_known_before_it_begins() {
    let relay = Exchange::start(Manner::Takes);
    let daemon = daemon(&relay);
    let (from, end) = (later(3600), later(7200));
    let plan = [
        "route",
        "suspend",
        "cjsm",
        "--reason",
        "maintenance",
        "--from",
        &from,
        "--until",
        &end,
    ];
    daemon.json(&plan);
    let soon = later(3);
    daemon.json(&[
        "route", "suspend", "cjsm", "--reason", "test", "--until", &soon,
    ]);
    let letter = accepted(&daemon, &referral(1, NAME, SCHOOL));
    let listed = route(&daemon, "cjsm");
    assert_eq!(listed["suspended"]["reason"], "test");
    assert_eq!(
        listed["planned"],
        json!([{
            "by": "A Tester", "reason": "maintenance", "from": from, "until": end,
        }])
    );
    // Nobody does anything: its time is up, and the letter goes.
    trace_in_state(&daemon, &letter, "relayed");
    assert!(Clock::system().now() >= soon.parse().unwrap());
    let listed = route(&daemon, "cjsm");
    assert_eq!(listed["suspended"], Value::Null);
    assert_eq!(listed["planned"].as_array().unwrap().len(), 1);
    let resume = ["route", "resume", "cjsm", "--reason", "over"];
    refused(&daemon, &resume, 1, "is not suspended");
    daemon.json(&[&resume[..], &["--planned"]].concat());
    assert_eq!(route(&daemon, "cjsm")["planned"], json!([]));

    let backward = [
        "route", "suspend", "cjsm", "--reason", "test", "--from", &end, "--until", &from,
    ];
    refused(&daemon, &backward, 1, "end before it begins");
    let nowhere = ["route", "suspend", "nowhere", "--reason", "test"];
    refused(&daemon, &nowhere, 1, "no route of this name");
    refused(
        &daemon,
        &["route", "probe", "nowhere"],
        1,
        "no route of this name",
    );
    refused(
        &daemon,
        &["route", "suspend", "cjsm", "--reason", "tea"],
        64,
        "maintenance",
    );
}

#[test]
fn a_probe_says_what_it_met_and_sends_nothing() {
    let relay = Exchange::start(Manner::Takes);
    let mut daemon = daemon(&relay);
    let met = daemon.json(&["route", "probe", "cjsm"]);
    assert_eq!((&met["ready"], &met["offers"]), (&true.into(), &json!([])));
    assert_eq!(met["tls"]["version"], "TLSv1.3");
    assert!(met["tls"]["cipher"].as_str().unwrap().starts_with("TLS13_"));
    assert!(met["tls"]["days_left"].as_i64().unwrap() > 1_000);
    let text = daemon.command(&["route", "probe", "cjsm"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.starts_with("cjsm is ready"), "{text}");
    let count = relay.count();
    assert_eq!((count.connections, count.letters, count.notes), (2, 0, 0));

    relay.be(Manner::Away);
    let failed = |daemon: &Daemon, route: &str| {
        let output = daemon.command(&["route", "probe", route, "--json"]);
        assert_eq!(output.status.code(), Some(69), "{}", words(&output));
        let met: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(met["ready"], false);
        [&met["phase"], &met["why"]].map(|word| word.as_str().unwrap().to_owned())
    };
    assert_eq!(failed(&daemon, "cjsm"), ["handshake", "connection-lost"]);
    // The other way of the settings leads nowhere.
    assert_eq!(failed(&daemon, "school"), ["connect", "unreachable"]);
    relay.be(Manner::HoldsGreeting);
    assert_eq!(failed(&daemon, "cjsm"), ["greeting", "timeout"]);

    let listed = daemon.json(&["route", "list"]);
    let ends = listed["expiries"].as_array().unwrap().iter();
    let whats: Vec<_> = ends
        .map(|expiry| expiry["what"].as_str().unwrap())
        .collect();
    for what in [
        "intake_certificate",
        "intake_authority",
        "revocation_list",
        "route_authority",
    ] {
        assert!(whats.contains(&what), "{whats:?}");
    }
    assert_eq!(daemon.stop_and_wait(), Some(0));
    refused(
        &daemon,
        &["route", "probe", "cjsm"],
        69,
        "only a running daemon",
    );
}

#[test]
fn what_is_about_to_end_is_warned_of_at_start() {
    let mut daemon = Daemon::made_of(Recipe::default());
    daemon.stop_and_wait();
    let in_twenty_days = london::civil(Clock::system().now()).date() + Span::new().days(20);
    daemon.pki.renew_by(in_twenty_days);
    // What a password does not say of itself the settings do.
    let settings = daemon.folder.path().join("firstbell.toml");
    let login = format!(
        "[route.cjsm]\nuser = \"gateway\"\npassword_file = \"credential\"\npassword_expires = \"{in_twenty_days}\"\n"
    );
    let text = fs::read_to_string(&settings).unwrap();
    assert!(text.contains("[route.cjsm]\n"), "{text}");
    fs::write(&settings, text.replace("[route.cjsm]\n", &login)).unwrap();
    daemon.begin();
    until(|| daemon.log().contains("expires").then_some(())).expect("a warning");
    let log = daemon.log();
    let warned = log.lines().find(|line| line.contains("expires")).unwrap();
    for part in ["WARN", "revocation_list", "within=30"] {
        assert!(warned.contains(part), "{warned}");
    }
    let listed = daemon.json(&["route", "list"]);
    let ends = listed["expiries"].as_array().unwrap().iter();
    let mut list = ends.filter(|expiry| expiry["what"] == "revocation_list");
    let days = list.next().unwrap()["days_left"].as_i64().unwrap();
    assert!((18..=20).contains(&days), "{days}");
    let ends = listed["expiries"].as_array().unwrap().iter();
    let mut password = ends.filter(|expiry| expiry["what"] == "route_password");
    let password = password.next().unwrap();
    assert_eq!(password["route"], "cjsm");
    let days = password["days_left"].as_i64().unwrap();
    assert!((18..=20).contains(&days), "{days}");
    let warned = |line: &str| line.contains("expires") && line.contains("route_password");
    assert!(daemon.log().lines().any(warned), "{}", daemon.log());
}

/// The facts about routes: kind, actor and body.
fn facts(daemon: &Daemon) -> Vec<(String, String, String)> {
    use sqlx::{Connection, Row, SqliteConnection};
    let path = daemon.state_dir().join("firstbell.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display()))
            .await
            .unwrap();
        let select = "SELECT kind, actor, CAST(body AS TEXT) AS body FROM fact WHERE stream = 'route' ORDER BY n";
        let rows = sqlx::query(select).fetch_all(&mut connection).await.unwrap();
        let facts = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2)));
        facts.collect()
    })
}
