//! What the sweeper takes for stuck: whatever is due and not claimed, first tries and others.

use super::notes::{comes, report};
use super::{Opened, database, document, one_accepted, open, post};
use firstbell::referral::attempt::AttemptResult;
use firstbell::referral::fact::Fact;
use firstbell::referral::report::Action;
use firstbell::store::Act;
use jiff::{SignedDuration, Timestamp};

impl Opened {
    /// Deliveries that have been due for two minutes.
    async fn stuck(&self) -> i64 {
        let before = self.store.clock().now() - SignedDuration::from_mins(2);
        let found = self.store.readers().find_stuck(before, Timestamp::MIN);
        found.await.unwrap().deliveries
    }
}

#[tokio::test]
async fn a_retry_and_a_doubt_that_nobody_takes_up_are_stuck_once_they_are_due() {
    for result in [AttemptResult::Later, AttemptResult::Unknown] {
        let (_folder, clock, opened) = one_accepted().await;
        assert_eq!(opened.stuck().await, 0);
        let letter = opened.claim().await.unwrap();
        opened.sign(&letter, b"a letter").await;
        opened.end(&letter, result).await;
        let route = super::RouteName::parse("cjsm").unwrap();
        let due = opened.store.next_due(&[&route]).await.unwrap()[0].unwrap();
        assert!(due > clock.now());
        clock.advance_to(due + SignedDuration::from_mins(2));
        assert_eq!(opened.stuck().await, 0, "{result:?}");
        clock.advance_to(due + SignedDuration::from_mins(3));
        assert_eq!(opened.stuck().await, 1, "{result:?}");
    }
}

#[tokio::test]
async fn a_held_letter_waits_and_a_note_about_a_held_case_does_not() {
    let (_folder, clock, opened) = one_accepted().await;
    let letter = opened.sent().await;
    let hold = Act::Hold {
        notification: letter.notification,
        reason: "not yet".to_owned(),
    };
    opened.act(hold, "Jo").await.unwrap();
    let late = clock.now() + SignedDuration::from_mins(5);
    clock.advance_to(late);
    assert_eq!(opened.stuck().await, 0);
    // Those who had the letter are told that an answer from elsewhere did not count.
    let verdict = firstbell::referral::answer::Verdict::Received;
    opened
        .says(1, "somebody@example.test", &letter, verdict)
        .await;
    // It gives way to letters for an hour.
    clock.advance_to(late + SignedDuration::from_mins(60));
    assert_eq!(opened.stuck().await, 0);
    clock.advance_to(late + SignedDuration::from_mins(70));
    assert_eq!(opened.stuck().await, 1);
}

/// Nobody is woken for letters that wait in good order: behind an attempt that takes long, behind others.
#[tokio::test]
async fn who_waits_for_a_turn_is_not_stuck_and_who_is_overtaken_is() {
    let (folder, clock, opened) = one_accepted().await;
    let another = document(2, clock.now());
    let accepted = opened.store.accept(post(&another, "key-2", clock.now()));
    accepted.await.unwrap();
    clock.advance_to(clock.now() + SignedDuration::from_mins(5));
    assert_eq!(opened.stuck().await, 2, "nothing goes over the route");
    let letter = opened.claim().await.unwrap();
    opened.sign(&letter, b"a letter").await;
    assert_eq!(opened.stuck().await, 0, "it is being sent");
    let mut connection = database(folder.path()).await;
    let mut safe_at = async |statement: &'static str| {
        sqlx::query(statement)
            .execute(&mut connection)
            .await
            .unwrap();
    };
    safe_at("UPDATE delivery SET last_safe_at = last_safe_at - 1 WHERE attempts = 0").await;
    assert_eq!(opened.stuck().await, 1, "it was the more urgent of the two");
    safe_at("UPDATE delivery SET last_safe_at = last_safe_at + 1 WHERE attempts = 0").await;
    clock.advance_to(clock.now() + SignedDuration::from_mins(7));
    assert_eq!(opened.stuck().await, 0, "it is still being sent");
    opened.end(&letter, AttemptResult::Done).await;
    assert_eq!(
        opened.stuck().await,
        1,
        "the route is free, and nobody goes"
    );
}

/// The mailbox's report was read, and the daemon died before the relay's answer was: the record says of every
/// attempt how it ended, and the letter is not sent again.
#[tokio::test]
async fn an_attempt_that_a_death_cut_short_has_an_outcome_whatever_was_reported_meanwhile() {
    let (folder, clock, opened) = one_accepted().await;
    let letter = opened.claim().await.unwrap();
    opened.sign(&letter, b"a letter").await;
    comes(
        &opened,
        &letter,
        "postmaster@marshend.test",
        report(Action::Delivered),
    )
    .await;
    assert_eq!(opened.delivery_state(&letter).await, "delivered");
    let mut opened = opened;
    for _ in 0..2 {
        opened.kill().await;
        opened = open(folder.path(), &clock).await;
        let trace = opened
            .store
            .readers()
            .show_trace(letter.notification, clock.now());
        let trace = trace.await.unwrap().unwrap();
        let ends = trace.facts.iter().filter_map(|line| {
            let Fact::AttemptEnded {
                attempt, result, ..
            } = &line.fact
            else {
                return None;
            };
            Some((*attempt, *result))
        });
        assert_eq!(ends.collect::<Vec<_>>(), [(1, AttemptResult::Unknown)]);
        assert_eq!(opened.delivery_state(&letter).await, "delivered");
        clock.advance_to(clock.now() + SignedDuration::from_mins(3));
        assert!(opened.claim().await.is_none());
    }
}
