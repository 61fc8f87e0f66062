//! Routes that are down: by a relay that cannot be reached, and by one that answers and takes nothing.

use super::{Scene, subject};
use crate::store_rules::database;
use firstbell::alarms::runbook::Runbook;
use firstbell::referral::alarm::AlarmKind;
use firstbell::referral::attempt::{AttemptResult, AttemptWhy, Attempted, Phase};
use firstbell::referral::london;
use firstbell::referral::route::SuspendReason;
use firstbell::referral::school::RouteName;
use firstbell::store::{Act, Ended};
use jiff::SignedDuration;
use serde_json::json;
use sqlx::AssertSqlSafe;

/// Schools, and the routes of their contacts.
const MARSH_END: (&str, &str) = ("990011", "Marsh End Primary School");
const TOLLGATE: (&str, &str) = ("990012", "Tollgate Academy");
const RIVERSIDE: (&str, &str) = ("990016", "Riverside School");

fn route(name: &str) -> RouteName {
    RouteName::parse(name).unwrap()
}

impl Scene {
    async fn accept_for(&self, number: u32, (urn, name): (&str, &str)) {
        self.accept(number, |document| {
            let school = &mut document["children"][0]["schools"][0];
            school["urn"] = json!(urn);
            school["name_recorded"] = json!(name);
            document["children"][0]["child_ref"] = json!(format!("c-{number}"));
            document["children"][0]["given_name"] = json!(format!("Amelia{number}"));
        })
        .await;
    }

    /// The next letter of `cjsm` finds no relay.
    async fn meets_nobody(&self) {
        let (phase, why) = (Phase::Connect, AttemptWhy::Unreachable);
        self.ends(phase, why, AttemptResult::Later).await;
    }

    /// The next attempt of `cjsm`, once it is due, ends so.
    async fn ends(&self, phase: Phase, why: AttemptWhy, result: AttemptResult) {
        let store = &self.opened.store;
        let due = store.next_due(&[&route("cjsm")]).await.unwrap()[0].unwrap();
        self.clock.advance_to(due.max(self.clock.now()));
        let claim = store.claim(&route("cjsm"), 1).await.unwrap().remove(0);
        let attempted = Attempted {
            result,
            phase,
            why,
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
        store.ended(ended).await.unwrap();
    }

    async fn open_kinds(&self) -> Vec<(AlarmKind, String)> {
        let open = self.opened.store.readers().list_open_alarms().await;
        let open = open.unwrap().into_iter();
        let mut kinds: Vec<_> = open.map(|line| (line.kind, line.subject)).collect();
        kinds.sort_by_key(|(kind, subject)| (kind.word(), subject.clone()));
        kinds
    }
}

#[tokio::test]
async fn neither_a_suspended_route_nor_what_is_no_waiting_letter_hides_that_every_way_is_down() {
    // A Tuesday evening.
    let mut scene = Scene::set("2026-01-13T19:05").await;
    scene.import().await;
    scene.accept_for(1, MARSH_END).await;
    scene.meets_nobody().await;
    // Routes that are well, and that no letter waits for: a case that a person holds, and a nudge.
    let mut database = database(scene.folder.path()).await;
    for (number, change) in [
        (2, "UPDATE delivery SET route = 'held' WHERE id = $"),
        (
            3,
            "UPDATE delivery SET route = 'hub', lane = 1 WHERE id = $",
        ),
    ] {
        scene.accept_for(number, TOLLGATE).await;
        let newest = "(SELECT d.id FROM delivery d WHERE d.route = 'cjsm' AND d.attempts = 0)";
        let change = AssertSqlSafe(change.replace('$', newest));
        let changed = sqlx::query(change).execute(&mut database).await.unwrap();
        assert_eq!(changed.rows_affected(), 1);
    }
    let hold = "UPDATE notification SET hold = 'restricted' WHERE id IN (SELECT notification FROM delivery WHERE route = 'held')";
    let held = sqlx::query(hold).execute(&mut database).await.unwrap();
    assert_eq!(held.rows_affected(), 1);
    scene.accept_for(4, RIVERSIDE).await;

    assert_eq!(scene.step("2026-01-13T19:34").await, (0, 0));
    let down = (AlarmKind::RouteDown, "cjsm".to_owned());
    assert_eq!(
        scene.step("2026-01-13T19:36").await,
        (0, 0),
        "a way is left"
    );
    assert_eq!(scene.open_kinds().await, std::slice::from_ref(&down));
    let suspend = Act::SuspendRoute {
        route: route("school"),
        reason: SuspendReason::Maintenance,
        from: None,
        until: None,
        note: None,
    };
    let acted = scene.opened.store.act(suspend, "A Tester").await.unwrap();
    assert!(acted.is_ok());
    assert_eq!(scene.step("2026-01-13T19:37").await, (1, 0));
    let mail = scene.mails.taken().remove(0);
    let summary = Runbook::of(AlarmKind::EveryRouteDown).summary;
    assert_eq!(subject(&mail), format!("[alarm] {summary}: gateway.test"));
    assert!(mail.contains("firstbell route list"), "{mail}");
    let every = (AlarmKind::EveryRouteDown, "routes".to_owned());
    assert_eq!(scene.open_kinds().await, [every, down]);
    scene.assert_content_free();
}

#[tokio::test]
async fn a_relay_that_answers_and_takes_nothing_for_half_an_hour_is_down() {
    let mut scene = Scene::set("2026-01-13T19:05").await;
    scene.import().await;
    scene.accept_for(1, MARSH_END).await;
    // Before anybody looks, as before a restart.
    for _ in 0..3 {
        scene
            .ends(Phase::Rcpt, AttemptWhy::Reply, AttemptResult::Later)
            .await;
    }
    let since = scene.clock.now();
    let at = |minutes: i64| {
        let at = since + SignedDuration::from_mins(minutes);
        london::civil(at).strftime("%Y-%m-%dT%H:%M:%S").to_string()
    };
    assert_eq!(scene.step(&at(29)).await, (0, 0));
    assert_eq!(scene.open_kinds().await, []);
    // It may be the one mailbox: nobody is woken for it.
    assert_eq!(scene.step(&at(31)).await, (0, 0));
    let down = (AlarmKind::RouteDown, "cjsm".to_owned());
    assert_eq!(scene.open_kinds().await, std::slice::from_ref(&down));
    scene.accept_for(2, TOLLGATE).await;
    assert_eq!(scene.step(&at(32)).await, (1, 0));
    let every = (AlarmKind::EveryRouteDown, "routes".to_owned());
    assert_eq!(scene.open_kinds().await, [every, down]);
    // It takes letters again.
    scene
        .ends(Phase::Body, AttemptWhy::Reply, AttemptResult::Done)
        .await;
    scene.step(&at(33)).await;
    scene.step(&at(38)).await;
    assert_eq!(scene.open_kinds().await, []);
    scene.assert_content_free();
}
