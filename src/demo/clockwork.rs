//! The demo's time: it begins in the past and is moved from timer to timer while nothing is in flight.

use super::scenes::MORNING_ENDS;
use crate::referral::deadline::{Whose, deadline};
use crate::referral::directory::Directory;
use crate::referral::london;
use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// When posting begins.
const EVENING: Time = Time::constant(19, 0, 0, 0);
/// The longest holiday, with room to spare, in days.
const DAYS_BACK: i64 = 120;

/// The evening before the latest pupil day whose morning is over: all of the night lies behind us. None
/// if the calendars know none.
pub fn evening_before(directory: &Directory, whose: Whose, now: Timestamp) -> Option<Timestamp> {
    let start = (0..DAYS_BACK).find_map(|days| {
        let at = now - SignedDuration::from_hours(24 * days);
        let due = deadline(directory, whose, at, None).due_at;
        (next_time(MORNING_ENDS, due) <= now).then_some(due)
    })?;
    let evening = london::civil(start).date().checked_sub(1.day()).ok()?;
    Some(london::instant(evening, EVENING))
}

/// The first moment from `now` on at which clocks in London show `time`.
pub fn next_time(time: Time, now: Timestamp) -> Timestamp {
    let today = london::civil(now).date();
    let at = london::instant(today, time);
    if at >= now {
        at
    } else {
        london::instant(today.saturating_add(1.day()), time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_clock_is_today_or_tomorrow_but_never_gone_by() {
        let evening: Timestamp = "2026-11-22T19:05:00Z".parse().unwrap();
        let at = |hour| next_time(Time::constant(hour, 0, 0, 0), evening).to_string();
        assert_eq!(at(20), "2026-11-22T20:00:00Z");
        assert_eq!(at(7), "2026-11-23T07:00:00Z");
    }
}
