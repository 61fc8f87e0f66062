//! Nudges: each ordinary mailbox gets one a day, about everything that waits, and only of what lies in
//! the secure one.

use super::{Opened, database, document, open_with, post};
use firstbell::clock::Clock;
use firstbell::directory::read_folder;
use firstbell::referral::answer::{CallOutcome, SchoolWord};
use firstbell::referral::attempt::{AttemptResult, AttemptWhy, Attempted, Phase};
use firstbell::referral::fact::{Fact, Message};
use firstbell::referral::id::{ContactId, NotificationId, TaskId};
use firstbell::referral::london;
use firstbell::referral::school::{Role, RouteName};
use firstbell::store::{Act, Claim, Ended, Job, NoteSays};
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

struct Morning {
    clock: Clock,
    opened: Opened,
    folder: TempDir,
}

/// What a clock on a wall in London shows.
fn wall(text: &str) -> Timestamp {
    let civil: DateTime = text.parse().unwrap();
    london::instant(civil.date(), civil.time())
}

impl Morning {
    async fn begin(at: &str) -> Self {
        let (folder, clock) = (TempDir::new().unwrap(), Clock::manual(wall(at)));
        let hub = RouteName::parse("hub");
        let opened = open_with(folder.path(), &clock, |_, options| {
            options.nudge_route = hub;
        });
        let opened = opened.await.unwrap();
        let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/directory-of-ladder");
        let mut count = 0;
        let mut new_id = || {
            count += 1;
            ContactId::from_parts(0, [count; 10])
        };
        let (directory, _) = read_folder(&files, "england-and-wales", &mut new_id).unwrap();
        let imported = opened.store.import_directory(directory, "tester").await;
        assert_eq!(imported, Ok(Some(1)));
        Self {
            clock,
            opened,
            folder,
        }
    }

    async fn posts(&self, document: &Value, key: &str) {
        let now = self.clock.now();
        self.opened
            .store
            .accept(post(document, key, now))
            .await
            .unwrap();
    }

    async fn posted(&self, number: u32) {
        let document = document(number, self.clock.now());
        self.posts(&document, &format!("key-{number}")).await;
    }

    /// The clock comes to this time, and what falls due on the way happens at its own.
    async fn comes_to(&self, text: &str) {
        let end = wall(text);
        while let Some(timer) = self.opened.store.next_timer().await.unwrap() {
            if timer > end {
                break;
            }
            self.clock.advance_to(timer.max(self.clock.now()));
            self.opened.store.fire_timers(100).await.unwrap();
        }
        self.clock.advance_to(end);
    }

    async fn next(&self, route: &str) -> Option<Claim> {
        let route = RouteName::parse(route).unwrap();
        self.opened.store.claim(&route, 1).await.unwrap().pop()
    }

    /// Hands every letter over that waits; says how many.
    async fn letters_go(&self) -> usize {
        let mut count = 0;
        while let Some(letter) = self.next("cjsm").await {
            self.opened.sign(&letter, b"a letter").await;
            self.opened.end(&letter, AttemptResult::Done).await;
            count += 1;
        }
        count
    }

    /// The nudges that wait, made and handed over: to whom, and what each says.
    async fn nudges_go(&self) -> Vec<(String, NoteSays)> {
        let mut nudges = Vec::new();
        while let Some(claim) = self.next("hub").await {
            assert!(self.opened.store.wanted(&claim).await.unwrap());
            let work = self.opened.store.letter_work(&claim).await.unwrap();
            assert!(matches!(
                work.message,
                Message::Nudge | Message::OfficeNudge
            ));
            let Some(Job::Note(job)) = work.job else {
                panic!("a nudge is made without what was posted");
            };
            nudges.push((work.contact.address.as_str().to_owned(), job.says));
            self.opened.sign(&claim, b"a nudge").await;
            self.opened.end(&claim, AttemptResult::Done).await;
        }
        nudges.sort_by(|a, b| a.0.cmp(&b.0));
        nudges
    }

    /// As the stage ends what it finds no longer wanted.
    async fn ends_as_no_longer_wanted(&self, claim: &Claim) {
        let attempted = Attempted {
            result: AttemptResult::Later,
            phase: Phase::Daemon,
            why: AttemptWhy::CaseEnded,
            code: None,
            enhanced: None,
            tls: None,
            words: Vec::new(),
        };
        let ended = Ended {
            delivery: claim.delivery,
            attempt: claim.attempt,
            attempted,
        };
        self.opened.store.ended(ended).await.unwrap();
    }

    async fn live(&self) -> Vec<NotificationId> {
        let live = self
            .opened
            .store
            .readers()
            .list_live(self.clock.now())
            .await;
        live.unwrap().iter().map(|line| line.notification).collect()
    }
}

fn nudge(office: bool, count: u32, at: &str, act_by: &str) -> NoteSays {
    NoteSays::Nudge {
        office,
        count,
        at: wall(at),
        act_by: wall(act_by),
    }
}

#[tokio::test]
async fn several_children_of_a_school_are_one_nudge_to_each_mailbox_a_day() {
    let morning = Morning::begin("2020-11-24T19:05").await;
    for number in 1..=3 {
        morning.posted(number).await;
    }
    assert_eq!(morning.letters_go().await, 3);
    assert_eq!(morning.nudges_go().await, [], "nobody is nudged at night");

    morning.comes_to("2020-11-25T06:45").await;
    let (put, by) = ("2020-11-24T19:05", "2020-11-25T08:30");
    assert_eq!(
        morning.nudges_go().await,
        [
            ("gamadi@marshend.test".to_owned(), nudge(false, 3, put, by)),
            ("office@marshend.test".to_owned(), nudge(true, 3, put, by)),
        ]
    );
    for notification in morning.live().await {
        let readers = morning.opened.store.readers();
        let trace = readers.show_trace(notification, morning.clock.now()).await;
        let facts = trace.unwrap().unwrap().facts;
        let told = facts.iter().filter(|line| {
            let own = matches!(&line.fact, Fact::DeliveryQueued { message, .. } if *message != Message::Letter);
            own || matches!(line.fact, Fact::NudgeShared { .. })
        });
        assert_eq!(told.count(), 2, "each case says that it was nudged about");
    }

    morning.comes_to("2020-11-25T07:50").await;
    assert_eq!(
        morning.nudges_go().await,
        [],
        "not before the deputy has a letter"
    );
    assert_eq!(morning.letters_go().await, 3);
    let deputy = morning.nudges_go().await;
    assert_eq!(deputy.len(), 1, "the others had theirs today: {deputy:?}");
    assert_eq!(deputy[0].0, "pz@marshend.test");
}

#[tokio::test]
async fn a_nudge_that_waits_is_not_sent_once_everybody_it_is_about_is_told_or_its_day_is_over() {
    for told in [true, false] {
        let morning = Morning::begin("2020-11-24T19:05").await;
        morning.posted(1).await;
        assert_eq!(morning.letters_go().await, 1);
        morning.comes_to("2020-11-25T06:45").await;
        let mut claims = Vec::new();
        while let Some(claim) = morning.next("hub").await {
            assert!(morning.opened.store.wanted(&claim).await.unwrap());
            claims.push(claim);
        }
        assert_eq!(claims.len(), 2, "the Key Adult's and the office's");
        if told {
            let tell = Act::Tell {
                notification: claims[0].notification,
                role: Role::Deputy,
                word: firstbell::referral::answer::SchoolWord::Unverified,
            };
            morning
                .opened
                .store
                .act(tell, "desk")
                .await
                .unwrap()
                .unwrap();
        } else {
            morning.comes_to("2020-11-25T18:00").await;
        }
        for claim in &claims {
            assert!(!morning.opened.store.wanted(claim).await.unwrap(), "{told}");
            morning.ends_as_no_longer_wanted(claim).await;
        }
        morning.comes_to("2020-11-25T19:00").await;
        assert_eq!(morning.nudges_go().await, [], "{told}");
    }
}

#[tokio::test]
async fn nobody_is_nudged_whom_the_referral_withholds_or_who_has_no_letter_yet() {
    let morning = Morning::begin("2020-11-24T19:05").await;
    let mut withheld = document(1, morning.clock.now());
    withheld["withhold_from"] = json!(["GAmadi@marshend.test", "office@marshend.test"]);
    morning.posts(&withheld, "key-1").await;
    assert_eq!(morning.letters_go().await, 1);
    morning.posted(2).await;
    morning.comes_to("2020-11-25T06:45").await;
    assert_eq!(
        morning.nudges_go().await,
        [],
        "one withheld, one not handed over"
    );
    morning.clock.advance_to(wall("2020-11-25T07:00"));
    assert_eq!(morning.letters_go().await, 1);
    let late = morning.nudges_go().await;
    let to: Vec<&str> = late.iter().map(|(to, _)| to.as_str()).collect();
    assert_eq!(to, ["gamadi@marshend.test", "office@marshend.test"]);
    let by = "2020-11-25T08:30";
    assert_eq!(late[0].1, nudge(false, 1, "2020-11-25T07:00", by));
}

#[tokio::test]
async fn in_august_an_absence_moves_nobody_on_and_nobody_is_nudged_until_staff_are_back() {
    let morning = Morning::begin("2020-08-11T10:00").await;
    morning.posted(1).await;
    assert_eq!(morning.letters_go().await, 1);
    morning.comes_to("2020-08-31T23:00").await;
    assert_eq!(morning.letters_go().await, 0, "no deputy in a holiday");
    assert_eq!(morning.nudges_go().await, []);
    morning.comes_to("2020-09-01T08:30").await;
    let (put, by) = ("2020-08-11T10:00", "2020-09-03T08:30");
    assert_eq!(morning.nudges_go().await[0].1, nudge(false, 1, put, by));
    morning.comes_to("2020-09-01T13:00").await;
    assert_eq!(
        morning.letters_go().await,
        1,
        "the deputy, once staff are back"
    );
}

/// A daemon that was away over a morning takes the steps of it when it is back, and nudges nobody on a Saturday.
#[tokio::test]
async fn a_step_that_fires_on_another_day_nudges_nobody_outside_that_days_hours() {
    let morning = Morning::begin("2020-11-26T19:05").await;
    morning.posted(1).await;
    assert_eq!(morning.letters_go().await, 1);
    morning.clock.advance_to(wall("2020-11-28T09:00"));
    assert!(morning.opened.store.fire_timers(100).await.unwrap() > 0);
    assert_eq!(morning.nudges_go().await, [], "on a Saturday");

    // On the same day it is only late.
    let morning = Morning::begin("2020-11-26T19:05").await;
    morning.posted(1).await;
    assert_eq!(morning.letters_go().await, 1);
    morning.clock.advance_to(wall("2020-11-27T08:20"));
    assert!(morning.opened.store.fire_timers(100).await.unwrap() > 0);
    assert_eq!(morning.nudges_go().await.len(), 2);
}

#[tokio::test]
async fn a_school_that_said_that_it_is_closed_today_is_not_nudged_today() {
    let morning = Morning::begin("2020-11-25T10:15").await;
    let night = wall("2020-11-24T22:00").to_string();
    let mut late = document(1, morning.clock.now());
    late["incident"]["occurred_at"] = json!(night);
    morning.posts(&late, "key-1").await;
    morning.comes_to("2020-11-25T10:15").await;
    let store = &morning.opened.store;
    let tasks = store.readers().list_tasks().await.unwrap();
    let call = tasks
        .iter()
        .find(|line| line.kind == "ring_school")
        .unwrap();
    let task = TaskId::parse(&call.task).unwrap();
    store.act(Act::Claim { task }, "Jo").await.unwrap().unwrap();
    let closed = Act::CallOutcome {
        task,
        outcome: CallOutcome::Closed,
        notification: None,
        role: Role::Office,
        word: SchoolWord::Unverified,
    };
    store.act(closed, "Jo").await.unwrap().unwrap();
    assert!(morning.letters_go().await > 0);
    morning.comes_to("2020-11-25T12:00").await;
    assert_eq!(morning.nudges_go().await, [], "there is nobody there");
}

/// What never left is no nudge: the next child's is not lost with it.
#[tokio::test]
async fn a_nudge_that_never_left_does_not_use_up_the_mailboxs_day() {
    for refused in [true, false] {
        let morning = Morning::begin("2020-11-24T19:05").await;
        morning.posted(1).await;
        assert_eq!(morning.letters_go().await, 1);
        morning.comes_to("2020-11-25T06:45").await;
        let mut claims = Vec::new();
        while let Some(claim) = morning.next("hub").await {
            claims.push(claim);
        }
        assert_eq!(claims.len(), 2);
        if refused {
            for claim in &claims {
                morning.opened.sign(claim, b"a nudge").await;
                morning.opened.end(claim, AttemptResult::Never).await;
            }
        } else {
            let tell = Act::Tell {
                notification: claims[0].notification,
                role: Role::Deputy,
                word: SchoolWord::Unverified,
            };
            let told = morning.opened.store.act(tell, "desk").await;
            told.unwrap().unwrap();
            for claim in &claims {
                morning.ends_as_no_longer_wanted(claim).await;
            }
        }
        assert_eq!(morning.nudges_go().await, [], "nothing is left of it");
        morning.clock.advance_to(wall("2020-11-25T07:30"));
        morning.posted(2).await;
        morning.comes_to("2020-11-25T07:30").await;
        assert!(morning.letters_go().await > 0);
        let to: Vec<String> = morning
            .nudges_go()
            .await
            .into_iter()
            .map(|(to, _)| to)
            .collect();
        assert!(
            to.contains(&"gamadi@marshend.test".to_owned()),
            "{refused}: {to:?}"
        );
        assert!(
            to.contains(&"office@marshend.test".to_owned()),
            "{refused}: {to:?}"
        );
    }
}

/// What was posted cannot be opened, and so nobody knows whom a nudge must not reach: the call comes all the
/// same, at its time.
#[tokio::test]
async fn a_nudge_that_fails_costs_no_call() {
    let morning = Morning::begin("2020-11-24T19:05").await;
    morning.posted(1).await;
    assert_eq!(morning.letters_go().await, 1);
    let mut database = database(morning.folder.path()).await;
    let damage = "UPDATE item SET sealed = x'00' WHERE kind = 'incident'";
    sqlx::query(damage).execute(&mut database).await.unwrap();
    morning.comes_to("2020-11-25T08:00").await;
    assert_eq!(morning.nudges_go().await, []);
    let tasks = morning.opened.store.readers().list_tasks().await.unwrap();
    let kinds: Vec<&str> = tasks.iter().map(|line| line.kind.as_str()).collect();
    assert_eq!(kinds, ["ring_school"]);
}
