//! Lines that tell the desk what to expect, at an hour of their own (`design.md`, the ladder): on the
//! evening before a week begins, and once a week while nearly everything waits for the end of a holiday.

use super::{LadderHours, Morning, london};
use jiff::civil::{Date, Weekday};
use jiff::{SignedDuration, Timestamp};

/// A line is to be told within this, or not at all: later it is no news.
const TOLD_WITHIN: SignedDuration = SignedDuration::from_hours(1);
/// What falls due further ahead than this stands in the weekly line.
const A_WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A line that may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// On the evening before the desk is back: what falls due on its first day.
    Eve(Date),
    /// At the desk's first opening of a week: what falls due in more than a week.
    Weekly,
}

impl Line {
    /// The line whose hour this is.
    pub fn at(
        now: Timestamp,
        hours: &LadderHours,
        is_working_day: impl Fn(Date) -> bool,
    ) -> Option<Self> {
        let today = london::civil(now).date();
        let within = |time| {
            let begins = london::instant(today, time);
            (SignedDuration::ZERO..TOLD_WITHIN).contains(&now.duration_since(begins))
        };
        let tomorrow = today.tomorrow().ok()?;
        if !is_working_day(today) && is_working_day(tomorrow) && within(hours.desk_to) {
            return Some(Self::Eve(tomorrow));
        }
        let before = std::iter::successors(today.yesterday().ok(), |day| day.yesterday().ok());
        let mut this_week = before
            .take_while(|day| day.weekday() != Weekday::Sunday)
            .take(6);
        let first = today.weekday() != Weekday::Sunday
            && is_working_day(today)
            && !this_week.any(is_working_day);
        (first && within(hours.desk_from)).then_some(Self::Weekly)
    }

    /// Whether there is anything to be told in it.
    pub fn tells_of(self, mornings: &[Morning], now: Timestamp) -> bool {
        mornings.iter().any(|morning| {
            morning.places > 0
                && match self {
                    Self::Eve(day) => london::civil(morning.act_by).date() == day,
                    Self::Weekly => morning.act_by.duration_since(now) > A_WEEK,
                }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_line_is_told_on_the_eve_of_a_week_and_at_its_first_opening() {
        // Monday 31 August 2026 is a bank holiday.
        let working = |day: Date| {
            let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
            !weekend && day != date(2026, 8, 31)
        };
        let hours = LadderHours::default();
        let line = |at: &str| Line::at(at.parse().unwrap(), &hours, working);
        let monday = Some(Line::Eve(date(2026, 11, 30)));
        assert_eq!(line("2026-11-29T16:59:59Z"), None);
        assert_eq!(line("2026-11-29T17:00:00Z"), monday);
        assert_eq!(line("2026-11-29T17:59:59Z"), monday);
        assert_eq!(line("2026-11-29T18:00:00Z"), None);
        assert_eq!(line("2026-11-28T17:00:00Z"), None);
        assert_eq!(line("2026-11-30T06:30:00Z"), Some(Line::Weekly));
        assert_eq!(line("2026-12-01T06:30:00Z"), None);
        // In summer the wall is an hour ahead, and the week begins on Tuesday.
        assert_eq!(line("2026-08-30T16:00:00Z"), None);
        let tuesday = Some(Line::Eve(date(2026, 9, 1)));
        assert_eq!(line("2026-08-31T16:00:00Z"), tuesday);
        assert_eq!(line("2026-09-01T05:30:00Z"), Some(Line::Weekly));
        assert_eq!(line("2026-09-02T05:30:00Z"), None);
    }
}
