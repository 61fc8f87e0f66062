//! Signs of life: when each stage last went round. Monotonic time, in memory: what is asked of it is
//! whether the process still does its work, not what it did.

use crate::referral::post::words;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

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
        /// Alarms were looked for, and somebody was told of those that are due.
        Alarms = "alarms",
    }
}

impl Round {
    /// Every round.
    pub const ALL: [Self; 5] = [
        Self::Commit,
        Self::Sweep,
        Self::Delivery,
        Self::Watch,
        Self::Alarms,
    ];

    fn place(self) -> usize {
        match self {
            Self::Commit => 0,
            Self::Sweep => 1,
            Self::Delivery => 2,
            Self::Watch => 3,
            Self::Alarms => 4,
        }
    }
}

/// What commits took, seconds, are counted by these: a disk that is well stays in the first three.
const COMMITS: &[f64] = &[0.001, 0.005, 0.025, 0.1, 0.5, 2.0, 10.0];

/// Durations counted by size.
#[derive(Debug, Clone, PartialEq)]
pub struct Times {
    limits: &'static [f64],
    counts: Vec<u64>,
    sum: f64,
}

impl Times {
    /// Counted up to each of these limits, in seconds and ascending, and beyond the last.
    pub fn new(limits: &'static [f64]) -> Self {
        Self {
            limits,
            counts: vec![0; limits.len().saturating_add(1)],
            sum: 0.0,
        }
    }

    /// One more.
    pub fn note(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let place = self.limits.partition_point(|limit| *limit < seconds);
        if let Some(count) = self.counts.get_mut(place) {
            *count = count.saturating_add(1);
        }
        self.sum += seconds;
    }

    /// How many were above the limit before and up to each; without a limit at the end.
    pub fn counted(&self) -> impl Iterator<Item = (Option<f64>, u64)> {
        let limits = self.limits.iter().copied().map(Some);
        limits.chain([None]).zip(self.counts.iter().copied())
    }

    /// All of them together, seconds.
    pub fn sum(&self) -> f64 {
        self.sum
    }
}

/// When each was last seen; cheap to clone, every clone shows the same.
#[derive(Debug, Clone)]
pub struct Pulses {
    last: Arc<Mutex<[Instant; 5]>>,
    /// Heartbeats that failed since one was kept.
    failing: watch::Sender<u32>,
    commits: Arc<Mutex<Times>>,
}

impl Pulses {
    /// All seen just now: who starts has its first round before it.
    pub(super) fn new() -> Self {
        Self {
            last: Arc::new(Mutex::new([Instant::now(); 5])),
            failing: watch::channel(0).0,
            commits: Arc::new(Mutex::new(Times::new(COMMITS))),
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
        last.get(round.place())
            .map_or(Duration::MAX, Instant::elapsed)
    }

    /// Heartbeats that failed since one was kept; changes wake who waits.
    pub fn failing(&self) -> watch::Receiver<u32> {
        self.failing.subscribe()
    }

    /// A commit took so long.
    pub(super) fn committed(&self, took: Duration) {
        self.commits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note(took);
    }

    /// What commits took since this run began.
    pub fn commits(&self) -> Times {
        self.commits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
