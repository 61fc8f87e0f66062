//! Alarms: whom the gateway tells of what and when, by real mail and a real webhook, under a moved clock;
//! and by the real daemon while its store cannot commit.

mod daemon;
mod ends;
pub(crate) mod lanes;
mod roads;
pub(crate) mod sinks;
mod untold;

use crate::store_rules::{Opened, document, open_with, post};
use crate::support::pki::Pki;
use firstbell::alarms::book::Condition;
use firstbell::alarms::looks::{Looks, Sources};
use firstbell::alarms::runbook::Runbook;
use firstbell::alarms::{Pace, Stage};
use firstbell::cli::args::parse_from;
use firstbell::clock::Clock;
use firstbell::directory::read_folder;
use firstbell::referral::alarm::AlarmKind;
use firstbell::referral::expiry::Expiry;
use firstbell::referral::id::ContactId;
use firstbell::referral::london;
use firstbell::store::{Accepted, Act, AlarmLine, NotActed, Stuck};
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use lanes::{lane, sources};
use serde_json::{Value, json};
use sinks::Sink;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tokio::sync::watch;

const TOKEN: &str = "s3cret-token";
/// What no message may hold: what children, schools and adults are called, and what it is all about.
const TELLING: [&str; 10] = [
    "amelia",
    "okafor",
    "marsh end",
    "marshend",
    "990011",
    "domestic",
    "abuse",
    "incident",
    "encompass",
    "police",
];

/// A stage with all that it looks at, and those whom it tells.
struct Scene {
    clock: Clock,
    opened: Opened,
    stage: Stage,
    mails: Sink,
    hooks: Sink,
    stuck: watch::Sender<Stuck>,
    others: watch::Sender<BTreeSet<Condition>>,
    expiries: watch::Sender<Vec<Expiry>>,
    folder: tempfile::TempDir,
    _pki: Pki,
}

/// What a clock on a wall in London shows.
fn wall(text: &str) -> Timestamp {
    let civil: DateTime = text.parse().unwrap();
    london::instant(civil.date(), civil.time())
}

impl Scene {
    async fn set(at: &str) -> Self {
        let (folder, pki) = (tempfile::tempdir().unwrap(), Pki::new());
        let clock = Clock::manual(wall(at));
        let opened = open_with(folder.path(), &clock, |_, _| {}).await.unwrap();
        let (mails, hooks) = (Sink::mailbox(&pki), Sink::listener(&pki));
        let lane = lane(&pki, folder.path(), (&mails, &hooks));
        let (stuck, stuck_now) = watch::channel(Stuck::default());
        let (others, others_now) = watch::channel(BTreeSet::new());
        let (expiries, expiries_now) = watch::channel(Vec::new());
        let sources = Sources {
            expiries: expiries_now,
            stuck: stuck_now,
            ..sources(others_now)
        };
        let looks = Looks::new(opened.store.clone(), sources);
        Self {
            stage: Stage::new(opened.store.clone(), looks, lane, Pace::default()),
            clock,
            opened,
            mails,
            hooks,
            stuck,
            others,
            expiries,
            folder,
            _pki: pki,
        }
    }

    /// Moves the clock and looks. Gives how many mails and posts there have been.
    async fn step(&mut self, at: &str) -> (usize, usize) {
        self.clock.advance_to(wall(at));
        assert_eq!(self.clock.now(), wall(at));
        self.stage.step(self.clock.now()).await;
        (self.mails.taken().len(), self.hooks.taken().len())
    }

    fn timers_stuck(&self, timers: i64) {
        self.stuck.send_replace(Stuck {
            timers,
            ..Stuck::default()
        });
    }

    async fn alarms(&self) -> Vec<AlarmLine> {
        self.opened.store.readers().list_alarms().await.unwrap()
    }

    /// Imports the stories' schools, one of which has no contact.
    async fn import(&self) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/directory-of-stories");
        let mut count = 0;
        let mut new_id = || {
            count += 1;
            ContactId::from_parts(0, [count; 10])
        };
        let (directory, _) = read_folder(&folder, "england-and-wales", &mut new_id).unwrap();
        let imported = self
            .opened
            .store
            .import_directory(directory, "tester")
            .await;
        assert_eq!(imported, Ok(Some(1)));
    }

    async fn accept(&self, number: u32, change: impl FnOnce(&mut Value)) {
        let mut document = document(number, self.clock.now());
        change(&mut document);
        let post = post(&document, &format!("key-{number}"), self.clock.now());
        let accepted = self.opened.store.accept(post).await;
        assert!(matches!(accepted, Ok(Accepted::New(_))), "{accepted:?}");
    }

    /// Everything that was said, held to say nothing.
    fn assert_content_free(&self) {
        for text in self.mails.taken().into_iter().chain(self.hooks.taken()) {
            let lower = text.to_ascii_lowercase();
            let telling = TELLING.iter().find(|telling| lower.contains(*telling));
            assert_eq!(telling, None, "{text}");
        }
    }
}

/// The head and the document of a post.
fn posted(text: &str) -> (String, Value) {
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (
        head.to_ascii_lowercase(),
        serde_json::from_str(body).unwrap(),
    )
}

fn subject(mail: &str) -> &str {
    let line = mail.lines().find(|line| line.starts_with("Subject: "));
    line.unwrap().trim_start_matches("Subject: ")
}

#[tokio::test]
async fn the_first_person_by_mail_at_any_hour_the_second_by_the_webhook_and_an_end() {
    let mut scene = Scene::set("2026-01-13T02:00").await;
    assert_eq!(scene.step("2026-01-13T02:00").await, (0, 0));
    scene.timers_stuck(2);
    assert_eq!(scene.step("2026-01-13T02:01").await, (1, 0));
    let mail = scene.mails.taken().remove(0);
    let alarm = scene.alarms().await.remove(0);
    assert!(mail.starts_with("MAIL FROM:<>"), "nothing can loop: {mail}");
    assert!(mail.contains("RCPT TO:<desk@force.test>"), "{mail}");
    assert!(
        mail.contains("\r\nAuto-Submitted: auto-generated\r\n"),
        "{mail}"
    );
    let summary = Runbook::of(AlarmKind::StuckTimer).summary;
    assert_eq!(subject(&mail), format!("[alarm] {summary}: gateway.test"));
    let claim = format!("firstbell alarm claim {}", alarm.alarm);
    for line in [claim.as_str(), "firstbell queue", "restart the daemon once"] {
        assert!(mail.contains(line), "{line}: {mail}");
    }
    let (_, body) = mail.split_once("\r\n\r\n").unwrap();
    assert!(body.lines().all(|line| line.len() <= 78), "{mail}");
    assert_eq!(
        scene.step("2026-01-13T02:15").await,
        (1, 0),
        "a minute early"
    );
    assert_eq!(scene.step("2026-01-13T02:16").await, (1, 1));
    let (head, document) = posted(&scene.hooks.taken()[0]);
    assert!(head.starts_with("post /oncall http/1.1"), "{head}");
    assert!(
        head.contains(&format!("authorization: bearer {TOKEN}")),
        "{head}"
    );
    assert!(head.contains("content-type: application/json"), "{head}");
    let alert = first_alert(&document, &claim);
    assert_eq!(alert["fingerprint"].as_str().unwrap().len(), 16);
    scene.timers_stuck(0);
    assert_eq!(scene.step("2026-01-13T02:30").await, (1, 1));
    assert_eq!(scene.step("2026-01-13T02:35").await, (1, 2));
    let (_, over) = posted(&scene.hooks.taken()[1]);
    assert_eq!(over["status"], "resolved");
    assert_eq!(over["alerts"][0]["fingerprint"], alert["fingerprint"]);
    assert_eq!(
        over["alerts"][0]["endsAt"],
        wall("2026-01-13T02:35").to_string()
    );
    let alarm = scene.alarms().await.remove(0);
    assert_eq!(alarm.mailed_at, Some(wall("2026-01-13T02:01")));
    assert_eq!(alarm.hooked_at, Some(wall("2026-01-13T02:16")));
    assert_eq!(alarm.cleared_at, Some(wall("2026-01-13T02:35")));
    scene.assert_content_free();
}

/// The members of Alertmanager's version 4, and no other. Gives the first alert, held to tell of what was
/// stuck from a minute past two.
fn first_alert(document: &Value, claim: &str) -> Value {
    let members: Vec<&str> = document
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let known = [
        "version",
        "groupKey",
        "truncatedAlerts",
        "status",
        "receiver",
        "groupLabels",
        "commonLabels",
        "commonAnnotations",
        "externalURL",
        "alerts",
    ];
    assert_eq!(members, known);
    assert_eq!(document["version"], "4");
    assert_eq!(document["status"], "firing");
    let alert = document["alerts"][0].clone();
    assert_eq!(alert["labels"]["alertname"], "FirstbellStuckTimer");
    assert_eq!(alert["labels"]["severity"], "critical");
    assert_eq!(alert["labels"]["kind"], "stuck_timer");
    assert_eq!(alert["labels"]["subject"], "gateway");
    assert_eq!(
        alert["annotations"]["summary"],
        Runbook::of(AlarmKind::StuckTimer).summary
    );
    assert_eq!(alert["annotations"]["command"], "firstbell queue");
    assert_eq!(alert["annotations"]["claim"], claim);
    assert_eq!(alert["startsAt"], wall("2026-01-13T02:01").to_string());
    assert_eq!(alert["endsAt"], "0001-01-01T00:00:00Z");
    alert
}

#[tokio::test]
async fn whoever_takes_an_alarm_on_keeps_it_from_the_second_person() {
    let mut scene = Scene::set("2026-01-13T02:00").await;
    scene.timers_stuck(1);
    scene.step("2026-01-13T02:00").await;
    let alarm = scene.alarms().await[0].alarm;
    let store = scene.opened.store.clone();
    let claim = |who| store.act(Act::ClaimAlarm { alarm }, who);
    assert_eq!(claim("A Tester").await.unwrap(), Ok(Vec::new()));
    let late = claim("Another").await.unwrap();
    assert!(matches!(late, Err(NotActed::Conflict { who, .. }) if who == "A Tester"));
    assert_eq!(scene.step("2026-01-13T02:15").await, (1, 0));
    assert_eq!(scene.step("2026-01-13T09:15").await, (1, 0));
}

#[tokio::test]
async fn a_relay_that_takes_no_mail_leaves_the_second_person_at_once() {
    let mut scene = Scene::set("2026-01-13T02:00").await;
    scene.mails.refuse(true);
    scene.timers_stuck(1);
    assert_eq!(scene.step("2026-01-13T02:00").await, (0, 1));
    scene.mails.refuse(false);
    assert_eq!(
        scene.step("2026-01-13T02:01").await,
        (1, 1),
        "and the first is told yet"
    );
}

#[tokio::test]
async fn a_storm_of_three_hundred_is_one_message() {
    let mut scene = Scene::set("2026-01-13T02:00").await;
    let storm = (0..300).map(|n| (AlarmKind::StuckTimer, format!("ntf_{n:03}")));
    scene.others.send_replace(storm.collect());
    assert_eq!(scene.step("2026-01-13T02:00").await, (1, 0));
    let mail = scene.mails.taken().remove(0);
    assert!(subject(&mail).starts_with("[alarm] 300 times: "), "{mail}");
    assert!(mail.contains("and 295 more of this kind"), "{mail}");
    assert!(mail.len() < 4_000, "{} bytes", mail.len());
    assert_eq!(scene.step("2026-01-13T02:15").await, (1, 1));
    let (_, document) = posted(&scene.hooks.taken()[0]);
    assert_eq!(document["alerts"].as_array().unwrap().len(), 100);
    assert_eq!(document["truncatedAlerts"], 200);
    let lines = scene.alarms().await;
    assert!(lines.len() == 300 && lines.iter().all(|line| line.hooked_at.is_some()));
}

#[tokio::test]
async fn a_school_that_nobody_can_be_told_at_waits_for_the_desk() {
    // A Tuesday evening; the desk opens on Wednesday.
    let mut scene = Scene::set("2026-01-13T19:05").await;
    scene.import().await;
    scene
        .accept(1, |document| {
            // Everybody whom the directory names there must not be told.
            document["withhold_from"] = json!([
                "dsl@marshend.test.cjsm.net",
                "pzielinski@marshend.test.cjsm.net",
            ]);
        })
        .await;
    assert_eq!(scene.step("2026-01-13T19:06").await, (0, 0));
    let alarm = scene.alarms().await.remove(0);
    assert_eq!(alarm.kind, AlarmKind::NobodyToNotify);
    assert!(alarm.subject.starts_with("ntf_"), "{}", alarm.subject);
    assert_eq!(scene.step("2026-01-14T06:29").await, (0, 0));
    assert_eq!(scene.step("2026-01-14T06:30").await, (1, 0));
    let mail = scene.mails.taken().remove(0);
    let command = format!("firstbell notification show {}", alarm.subject);
    assert!(mail.contains(&command), "{mail}");
    assert_eq!(scene.step("2026-01-14T06:45").await, (1, 1));
    scene.assert_content_free();
}

/// Promise 9: silence is noticed.
#[tokio::test]
async fn a_sender_silent_for_one_night_is_on_the_list_at_half_past_six() {
    let mut scene = Scene::set("2025-10-07T19:05").await;
    scene.import().await;
    let mut number = 0;
    for day in ["10-07", "10-14", "10-21", "10-28", "11-04"] {
        for time in ["19:05", "23:40"] {
            number += 1;
            scene.clock.advance_to(wall(&format!("2025-{day}T{time}")));
            scene.accept(number, |_| {}).await;
        }
    }
    // An ordinary morning: as quiet as ever, and no quieter.
    assert_eq!(scene.step("2025-11-05T06:30").await, (0, 0));
    let tasks = async |scene: &Scene| {
        let tasks = scene.opened.store.readers().list_tasks().await.unwrap();
        let quiet = tasks
            .into_iter()
            .filter(|task| task.kind == "check_sender_quiet");
        quiet.map(|task| task.subject).collect::<Vec<_>>()
    };
    assert_eq!(tasks(&scene).await, [""; 0]);
    // The next Tuesday's night: nothing.
    assert_eq!(scene.step("2025-11-12T06:29").await, (0, 0));
    assert_eq!(scene.step("2025-11-12T06:30").await, (1, 0));
    assert_eq!(tasks(&scene).await, ["quiet:essex:2025-11-12"]);
    let open = scene.opened.store.readers().list_open_alarms().await;
    let open: Vec<_> = open
        .unwrap()
        .into_iter()
        .map(|line| (line.kind, line.subject))
        .collect();
    assert_eq!(open, [(AlarmKind::SenderQuiet, "essex".to_owned())]);
    let mail = scene.mails.taken().remove(0);
    assert!(
        mail.contains("(sender_quiet)") && mail.contains("    essex"),
        "{mail}"
    );
    // Not once more, neither later that morning nor by the next run of the daemon.
    scene.step("2025-11-12T06:40").await;
    assert_eq!(tasks(&scene).await.len(), 1);
    // It is heard again.
    scene.clock.advance_to(wall("2025-11-12T09:00"));
    scene.accept(99, |_| {}).await;
    scene.step("2025-11-12T09:01").await;
    assert_eq!(tasks(&scene).await, [""; 0]);
    scene.step("2025-11-12T09:07").await;
    let alarms = scene.alarms().await;
    assert!(alarms.iter().all(|alarm| alarm.cleared_at.is_some()));
    scene.assert_content_free();
}

#[test]
fn what_messages_say_to_type_can_be_typed_and_every_kind_is_documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/alarms.md");
    let documented = fs::read_to_string(path).unwrap();
    for kind in AlarmKind::ALL {
        let of_force = [AlarmKind::CallsOverCapacity, AlarmKind::CallsExpected];
        let subject = if *kind == AlarmKind::CallUnclaimed {
            "tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0"
        } else if of_force.contains(kind) {
            "essex"
        } else {
            "ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0"
        };
        let command = Runbook::of(*kind).command(subject);
        let words: Vec<&str> = command.split_whitespace().collect();
        let is_known = match words[0] {
            "firstbell" => parse_from(&words).is_ok(),
            other => ["systemctl", "timedatectl"].contains(&other),
        };
        assert!(is_known, "{command}");
        let row = format!("\n| `{}` |", kind.word());
        assert!(documented.contains(&row), "{row}");
        let hours = format!("| {} |\n", kind.hours().word());
        let line = documented.split_once(&row).unwrap().1;
        assert!(line.split_inclusive('\n').next().unwrap().ends_with(&hours));
    }
}

/// The pace of messages holds for whoever is told.
#[tokio::test]
async fn what_comes_within_a_minute_is_told_together() {
    let mut scene = Scene::set("2026-01-13T02:00").await;
    let with = |scene: &Scene, count: usize| {
        let conditions = (0..count).map(|n| (AlarmKind::StuckLease, format!("dlv_{n}")));
        scene.others.send_replace(conditions.collect());
    };
    with(&scene, 1);
    assert_eq!(scene.step("2026-01-13T02:00:00").await.0, 1);
    for second in 1..60 {
        with(&scene, 1 + second);
        let at = wall("2026-01-13T02:00") + SignedDuration::from_secs(second.try_into().unwrap());
        scene.clock.advance_to(at);
        scene.stage.step(at).await;
    }
    assert_eq!(scene.mails.taken().len(), 1);
    assert_eq!(scene.step("2026-01-13T02:01:00").await.0, 2);
    let mail = scene.mails.taken().remove(1);
    assert!(subject(&mail).starts_with("[alarm] 59 times: "), "{mail}");
}
