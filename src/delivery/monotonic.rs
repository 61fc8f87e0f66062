//! Time that only goes forward, for what must not move when civil time is set.

use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// Counts from its making. While civil time stands (a simulated night) it goes with that, because
/// then there is no other; otherwise with the host's monotonic clock.
#[derive(Debug)]
pub(super) struct Monotonic {
    shown: Duration,
    civil: Timestamp,
    read_at: Instant,
}

impl Monotonic {
    pub(super) fn new(civil: Timestamp) -> Self {
        Self {
            shown: Duration::ZERO,
            civil,
            read_at: Instant::now(),
        }
    }

    pub(super) fn read(&mut self, civil: Timestamp, stands: bool) -> Duration {
        let now = Instant::now();
        let passed = if stands {
            Duration::try_from(civil.duration_since(self.civil)).unwrap_or(Duration::ZERO)
        } else {
            now.saturating_duration_since(self.read_at)
        };
        (self.civil, self.read_at) = (civil, now);
        self.shown = self.shown.saturating_add(passed);
        self.shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn a_step_of_civil_time_moves_it_only_where_there_is_no_other() {
        let evening: Timestamp = "2026-11-22T19:05:00Z".parse().unwrap();
        let later = evening + SignedDuration::from_hours(1);
        let hour = Duration::from_hours(1);
        let mut simulated = Monotonic::new(evening);
        assert_eq!(simulated.read(later, true), hour);
        assert_eq!(simulated.read(evening, true), hour);
        let mut real = Monotonic::new(evening);
        assert!(real.read(later, false) < hour);
        assert!(real.read(evening, false) < hour);
    }
}
