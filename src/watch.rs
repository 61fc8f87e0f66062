//! Time: the ladder's steps and holds' defaults when they are due ([`Watch`]), whether the calls that are
//! expected fit ([`capacity`]), and the sweeper, which checks from a thread and a connection of its own
//! that nothing is stuck ([`sweeper`]).

pub mod capacity;
pub mod sweeper;

use crate::store::{Round, Store};
use jiff::Timestamp;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// Timers applied in one command: a batch keeps its answer short, and the rest follow at once.
const TIMERS_AT_ONCE: usize = 64;

/// The stage that applies time.
#[derive(Debug)]
pub struct Watch {
    store: Store,
    poll: Duration,
}

impl Watch {
    /// A stage that looks at least this often, whether or not it was woken.
    pub fn new(store: Store, poll: Duration) -> Self {
        Self { store, poll }
    }

    /// Runs until `stop` is true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut hints = self.store.hints();
        let clock = self.store.clock().clone();
        while !*stop.borrow_and_update() {
            hints.mark_unchanged();
            let due = self.step(clock.now()).await;
            self.store.pulses().note(Round::Watch);
            let due = async {
                match due {
                    Some(due) => clock.wait_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                _ = hints.changed() => {}
                _ = stop.changed() => {}
                () = sleep(self.poll) => {}
            }
        }
    }

    /// Applies what is due at `now`. Says when the next timer is; one that failed is found by the
    /// poll.
    pub async fn step(&self, now: Timestamp) -> Option<Timestamp> {
        loop {
            match self.store.next_timer().await {
                Ok(Some(due)) if due <= now => {
                    let fired = self.store.fire_timers(TIMERS_AT_ONCE).await;
                    if !fired.is_ok_and(|fired| fired > 0) {
                        return None;
                    }
                }
                Ok(due) => return due,
                Err(_) => return None,
            }
        }
    }
}
