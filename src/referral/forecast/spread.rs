//! How many calls the same callers can make for one time after the other. Whoever must know first is rung
//! first: what is made for them is not made for the next.

use super::LadderHours;
use jiff::Timestamp;

/// From when until when calls can be made.
pub(super) type Window = (Timestamp, Timestamp);

/// Calls that can be made between two instants.
fn capacity(hours: &LadderHours, (from, to): Window) -> u32 {
    let each = to.duration_since(from).as_secs() / hours.call_takes.as_secs().max(1);
    let each = u32::try_from(each.max(0)).unwrap_or(u32::MAX);
    each.saturating_mul(hours.callers)
}

/// The callers' time, as it is taken.
#[derive(Debug)]
pub(super) struct Callers<'h> {
    hours: &'h LadderHours,
    taken: Vec<(Window, u32)>,
}

impl<'h> Callers<'h> {
    /// Nobody is rung yet.
    pub(super) fn new(hours: &'h LadderHours) -> Self {
        let taken = Vec::new();
        Self { hours, taken }
    }

    /// Takes the time for so many calls in a window, or for as many as there is time for; gives how many. Asked
    /// in order of the windows' ends: from whichever beginning up to this end, no more calls are made than
    /// the callers make in that time.
    pub(super) fn take(&mut self, window: Window, wanted: u32) -> u32 {
        let (from, to) = window;
        let begins = self.taken.iter().map(|((begin, _), _)| *begin);
        let begins = begins.filter(|begin| *begin <= from).chain([from]);
        let can = begins.map(|begin| {
            let within = self.taken.iter().filter(|((from, _), _)| begin <= *from);
            let taken = within.map(|(_, calls)| *calls).fold(0, u32::saturating_add);
            capacity(self.hours, (begin, to)).saturating_sub(taken)
        });
        let can = can.min().unwrap_or(0).min(wanted);
        if can > 0 {
            self.taken.push((window, can));
        }
        can
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    #[test]
    fn what_is_made_for_one_time_is_not_made_for_the_next() {
        let hours = LadderHours::default();
        let mut callers = Callers::new(&hours);
        assert_eq!(callers.take((minute(0), minute(30)), 12), 12);
        assert_eq!(callers.take((minute(0), minute(40)), 12), 8);
        assert_eq!(callers.take((minute(0), minute(40)), 12), 0);
        // Nothing was taken of what begins later.
        assert_eq!(callers.take((minute(60), minute(90)), 20), 14);
    }

    proptest! {
        #[test]
        fn no_more_is_made_than_callers_make_in_all_their_time(
            windows in proptest::collection::vec((0..200i64, 1..120i64, 0..40u32), 1..12),
        ) {
            let hours = LadderHours::default();
            let mut windows: Vec<(Window, u32)> = windows
                .into_iter()
                .map(|(from, long, wanted)| ((minute(from), minute(from + long)), wanted))
                .collect();
            windows.sort_by_key(|((_, to), _)| *to);
            let mut callers = Callers::new(&hours);
            let mut made = Vec::new();
            for (window, wanted) in windows {
                let can = callers.take(window, wanted);
                prop_assert!(can <= wanted);
                made.push((window, can));
            }
            for ((from, _), _) in &made {
                for ((_, to), _) in &made {
                    let within = made.iter().filter(|((begin, end), _)| from <= begin && end <= to);
                    let calls: u32 = within.map(|(_, calls)| *calls).sum();
                    prop_assert!(from >= to || calls <= capacity(&hours, (*from, *to)));
                }
            }
        }
    }
}
