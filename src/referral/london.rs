//! Civil time in London. The zone is compiled in: no host's zone files can move a deadline.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{self, TimeZone};

/// Europe/London, its rules as of the bundled zone database.
pub static LONDON: TimeZone = tz::get!("Europe/London");

/// What a clock on the wall shows at an instant.
pub fn civil(at: Timestamp) -> DateTime {
    LONDON.to_datetime(at)
}

/// The instant at which a clock on the wall shows this. A time that the clocks skip counts as if
/// they had not been put forward yet; of a time that comes twice the first is meant (RFC 5545
/// section 3.3.5). Past the calendar's end: the last instant there is.
pub fn instant(day: Date, time: Time) -> Timestamp {
    LONDON
        .to_timestamp(day.to_datetime(time))
        .unwrap_or(Timestamp::MAX)
}

/// A moment as people say it, `Mon 23 Nov 2026 08:30:00`.
pub fn shown(at: Timestamp) -> String {
    civil(at).strftime("%a %-d %b %Y %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};

    #[test]
    fn half_past_eight_is_civil_time_on_both_sides_of_a_clock_change() {
        let at = |day| instant(day, time(8, 30, 0, 0)).to_string();
        assert_eq!(at(date(2026, 3, 27)), "2026-03-27T08:30:00Z");
        assert_eq!(at(date(2026, 3, 30)), "2026-03-30T07:30:00Z");
        assert_eq!(at(date(2099, 7, 1)), "2099-07-01T07:30:00Z");
        let skipped = instant(date(2026, 3, 29), time(1, 30, 0, 0));
        assert_eq!(skipped.to_string(), "2026-03-29T01:30:00Z");
        let twice = instant(date(2026, 10, 25), time(1, 30, 0, 0));
        assert_eq!(twice.to_string(), "2026-10-25T00:30:00Z");
        assert_eq!(civil(twice), date(2026, 10, 25).at(1, 30, 0, 0));
    }
}
