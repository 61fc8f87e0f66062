//! What cannot be told to anybody: whoever waits for the external heartbeat has to hear of it.

use super::Scene;
use firstbell::store::Round;
use std::time::Instant;

impl Scene {
    /// Looks, and says whether the heartbeat may go on for it.
    async fn goes_round(&mut self, at: &str) -> bool {
        let begun = Instant::now();
        self.step(at).await;
        self.opened.store.pulses().since(Round::Alarms) <= begun.elapsed()
    }
}

#[tokio::test]
async fn alarms_do_not_go_round_while_an_alarm_is_open_that_no_channel_takes() {
    let mut scene = Scene::set("2026-01-13T02:00").await;
    let refuse = |scene: &Scene, refuses| {
        scene.mails.refuse(refuses);
        scene.hooks.refuse(refuses);
    };
    refuse(&scene, true);
    assert!(
        scene.goes_round("2026-01-13T02:00").await,
        "nothing is wrong"
    );
    scene.timers_stuck(1);
    assert!(!scene.goes_round("2026-01-13T02:01").await);
    assert!(!scene.goes_round("2026-01-13T02:05").await);
    // The second person hears of it.
    scene.hooks.refuse(false);
    assert!(scene.goes_round("2026-01-13T02:17").await);
    assert_eq!(scene.hooks.taken().len(), 1);
    // The first still cannot be reached, which is for nobody outside to know.
    assert!(scene.goes_round("2026-01-13T02:18").await);
    // That one is over; another begins, and is over before anybody could be told: nobody has to be any more.
    scene.timers_stuck(0);
    for minute in ["02:20", "02:26"] {
        scene.step(&format!("2026-01-13T{minute}")).await;
    }
    refuse(&scene, true);
    scene.timers_stuck(1);
    assert!(!scene.goes_round("2026-01-13T02:30").await);
    scene.timers_stuck(0);
    for minute in ["02:31", "02:37"] {
        scene.step(&format!("2026-01-13T{minute}")).await;
    }
    assert!(scene.goes_round("2026-01-13T02:40").await);
}
