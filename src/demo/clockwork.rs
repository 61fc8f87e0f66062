//! The demo's time: it begins in the past and is moved from timer to timer while nothing is in flight.

use crate::clock::Clock;
use crate::referral::deadline::{Whose, deadline};
use crate::referral::directory::Directory;
use crate::referral::london;
use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// When posting begins.
const EVENING: Time = Time::constant(19, 0, 0, 0);
/// The longest holiday, with room to spare, in days.
const DAYS_BACK: i64 = 120;

/// The evening before the latest pupil-day start gone by. None if the calendars know none.
pub fn evening_before(directory: &Directory, whose: Whose, now: Timestamp) -> Option<Timestamp> {
    let start = (0..DAYS_BACK).find_map(|days| {
        let at = now - SignedDuration::from_hours(24 * days);
        let due = deadline(directory, whose, at, None).due_at;
        (due <= now).then_some(due)
    })?;
    let evening = london::civil(start).date().checked_sub(1.day()).ok()?;
    Some(london::instant(evening, EVENING))
}

/// Moves the clock to the next timer when nothing is in flight; otherwise leaves it.
pub fn move_time(clock: &Clock, in_flight: bool, next: Option<Timestamp>) {
    if let (false, Some(next)) = (in_flight, next) {
        clock.advance_to(next);
    }
}
