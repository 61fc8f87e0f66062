//! What the database refuses of one case stops no other's.

use super::{database, document, one_accepted, post};
use firstbell::referral::attempt::AttemptResult;
use firstbell::referral::fact::Fact;
use firstbell::referral::id::NotificationId;
use firstbell::referral::school::RouteName;
use firstbell::store::Accepted;
use jiff::Timestamp;
use serde_json::json;

#[tokio::test]
async fn a_case_that_the_database_refuses_to_write_stops_neither_letters_nor_timers_of_others() {
    let (folder, clock, opened) = one_accepted().await;
    let bad = opened.live().await.remove(0);
    let mut other = document(2, clock.now());
    other["children"][0]["child_ref"] = json!("c-2");
    other["children"][0]["given_name"] = json!("Samira");
    let accepted = opened.store.accept(post(&other, "key-2", clock.now()));
    assert!(matches!(accepted.await, Ok(Accepted::New(_))));
    let good = opened.live().await.into_iter().find(|id| *id != bad);
    let good = good.unwrap();

    let mut database = database(folder.path()).await;
    for kind in ["delivery_claimed", "step_fired"] {
        let forbid = format!(
            "CREATE TRIGGER forbid_{kind} BEFORE INSERT ON fact WHEN NEW.kind = '{kind}' AND NEW.stream = '{bad}' BEGIN SELECT RAISE(ABORT, 'no'); END"
        );
        let forbid = sqlx::query(sqlx::AssertSqlSafe(forbid));
        forbid.execute(&mut database).await.unwrap();
    }
    let route = RouteName::parse("cjsm").unwrap();
    let claims = opened.store.claim(&route, 8).await.unwrap();
    let claimed: Vec<NotificationId> = claims.iter().map(|claim| claim.notification).collect();
    assert_eq!(claimed, [good]);
    opened.sign(&claims[0], b"a letter").await;
    opened.end(&claims[0], AttemptResult::Done).await;

    let morning: Timestamp = "2025-11-19T08:00:00Z".parse().unwrap();
    clock.advance_to(morning);
    opened.store.fire_timers(8).await.unwrap();
    for (id, wanted) in [(bad, false), (good, true)] {
        let trace = opened.store.readers().show_trace(id, morning).await;
        let facts = trace.unwrap().unwrap().facts;
        let mut facts = facts.iter();
        let fired = facts.any(|line| matches!(line.fact, Fact::StepFired { .. }));
        assert_eq!(fired, wanted);
    }
}
