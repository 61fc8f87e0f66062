//! Signs of life: when each stage last went round. Monotonic time, in memory: what is asked of it is
//! whether the process still does its work, not what it did.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::referral::post::words;

words! {
    /// What goes round.
    Round {
        /// The writer committed a heartbeat, read back from disk.
        Commit = "commit",
        /// The sweeper looked.
        Sweep = "sweep",
        /// Delivery looked at its queue.
        Delivery = "delivery",
        /// Time was applied.
        Watch = "watch",
    }
}

impl Round {
    /// Every round.
    pub const ALL: [Self; 4] = [Self::Commit, Self::Sweep, Self::Delivery, Self::Watch];

    fn place(self) -> usize {
        match self {
            Self::Commit => 0,
            Self::Sweep => 1,
            Self::Delivery => 2,
            Self::Watch => 3,
        }
    }
}

/// When each was last seen; cheap to clone, every clone shows the same.
#[derive(Debug, Clone)]
pub struct Pulses {
    last: Arc<Mutex<[Instant; 4]>>,
    /// Heartbeats that failed since one was kept.
    failing: watch::Sender<u32>,
}

impl Pulses {
    /// All seen just now: who starts has its first round before it.
    pub(super) fn new() -> Self {
        Self {
            last: Arc::new(Mutex::new([Instant::now(); 4])),
            failing: watch::channel(0).0,
        }
    }

    /// It went round.
    pub fn note(&self, round: Round) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = last.get_mut(round.place()) {
            *at = Instant::now();
        }
        drop(last);
        if round == Round::Commit {
            self.failing.send_if_modified(|failing| {
                let was = std::mem::take(failing);
                was > 0
            });
        }
    }

    /// A heartbeat was not kept.
    pub(super) fn beat_failed(&self) {
        self.failing
            .send_modify(|failing| *failing = failing.saturating_add(1));
    }

    /// How long ago it went round.
    pub fn since(&self, round: Round) -> Duration {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.get(round.place()).map_or(Duration::MAX, Instant::elapsed)
    }

    /// Heartbeats that failed since one was kept; changes wake who waits.
    pub fn failing(&self) -> watch::Receiver<u32> {
        self.failing.subscribe()
    }
}
