//! What is left of a notification's time, as operators see it.

use super::one_accepted;
use firstbell::referral::ahead::{Ahead, RiskWhy};
use firstbell::referral::london;
use jiff::{SignedDuration, Timestamp};

/// When the school is first to be rung about the letter of the evening before.
const CALL: &str = "2025-11-19T08:00:00Z";

fn shown(at: Timestamp) -> String {
    london::civil(at).strftime("%H:%M").to_string()
}

fn steps(ahead: &Ahead) -> Vec<String> {
    let steps = ahead.steps.iter().map(|step| {
        let (at, safe) = (shown(step.rung.at), shown(step.last_safe_at));
        format!("{at} {} until {safe}", step.rung.what.word())
    });
    steps.collect()
}

#[tokio::test]
async fn a_letter_that_has_not_left_when_somebody_must_ring_is_at_risk_and_says_why() {
    let (_folder, clock, opened) = one_accepted().await;
    let call: Timestamp = CALL.parse().unwrap();
    let line = async || {
        let now = opened.store.clock().now();
        opened
            .store
            .readers()
            .list_live(now)
            .await
            .unwrap()
            .remove(0)
    };
    let evening = line().await;
    assert_eq!((evening.state, evening.ahead.at_risk), ("open", None));
    assert_eq!(evening.ahead.slack, call.duration_since(clock.now()));
    assert_eq!(
        steps(&evening.ahead),
        [
            "06:45 nudge until 08:00",
            "07:50 deputies until 08:00",
            "07:50 nudge until 08:00",
            "08:00 call_first until 08:15",
            "08:15 supervisor until 09:30",
            "08:30 hour until 09:30",
            "09:30 choose until 09:30",
        ]
    );
    clock.advance_to(call - SignedDuration::from_secs(1));
    opened.store.fire_timers(8).await.unwrap();
    assert_eq!(line().await.ahead.at_risk, None);
    clock.advance_to(call + SignedDuration::from_mins(1));
    let morning = line().await;
    assert_eq!(morning.state, "at_risk");
    assert_eq!(morning.ahead.at_risk, Some(RiskWhy::MailWaits));
    assert_eq!(morning.ahead.slack, SignedDuration::from_mins(-1));
    // Handed over after all: now it is the supervisor before whom somebody must answer.
    opened.sent().await;
    opened.sent().await;
    opened.store.fire_timers(8).await.unwrap();
    let after = line().await;
    assert_eq!(after.ahead.at_risk, None);
    assert_eq!(after.ahead.slack, SignedDuration::from_mins(14));
}
