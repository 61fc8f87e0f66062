//! What the store said of a route, for as long as it stands: while a relay is away, each knock would ask
//! the same.

use jiff::Timestamp;
use std::time::Duration;

/// When something of a route is due next, as the store said last. Times are monotonic.
#[derive(Debug, Default)]
pub(super) struct Asked(Option<(u64, Duration, Option<Timestamp>)>);

impl Asked {
    /// What was said since the latest batch was written, and less than `poll` ago.
    pub(super) fn known(
        &self,
        batch: u64,
        now: Duration,
        poll: Duration,
    ) -> Option<Option<Timestamp>> {
        let (of, asked, due) = self.0?;
        (of == batch && now.saturating_sub(asked) < poll).then_some(due)
    }

    /// It said so when so many batches had been written.
    pub(super) fn learned(&mut self, batch: u64, now: Duration, due: Option<Timestamp>) {
        self.0 = Some((batch, now, due));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_until_something_is_written_or_a_poll_later() {
        let at = Duration::from_secs;
        let mut asked = Asked::default();
        assert_eq!(asked.known(0, at(0), at(5)), None);
        asked.learned(7, at(10), None);
        assert_eq!(asked.known(7, at(14), at(5)), Some(None));
        assert_eq!(asked.known(8, at(14), at(5)), None);
        assert_eq!(asked.known(7, at(15), at(5)), None);
    }
}
