//! When a school can be rung: on days on which its staff are in, while its telephone is answered and
//! the desk is there. Nobody at a school is rung outside its hours.

use super::{LadderHours, london};
use crate::referral::directory::Directory;
use crate::referral::pupil_day::{SchoolDays, Whose, days_ahead_end};
use jiff::Timestamp;
use jiff::civil::Date;

/// The first moment at or after `at` at which the desk can ring a school; none if its staff are not
/// in within 400 days, or its telephone is answered only while the desk is not there.
pub fn next_call_at(
    directory: &Directory,
    whose: Whose,
    hours: &LadderHours,
    at: Timestamp,
) -> Option<Timestamp> {
    let days = SchoolDays::of(directory, whose);
    let today = london::civil(at).date();
    let end = days_ahead_end(today);
    let mut day = today;
    while let Some(staff) = days.first_staff_day(day, end) {
        let (open, close) = days.telephone(hours, staff);
        if open >= close {
            return None;
        }
        if at < close {
            return Some(open.max(at));
        }
        day = staff.tomorrow().ok()?;
    }
    None
}

impl SchoolDays<'_> {
    /// The first moment at or after `at` in which the desk can ring an authority, whose calendar this is: it
    /// works in school holidays too. `at` itself if there is none in 400 days.
    pub fn authority_rung_from(&self, hours: &LadderHours, at: Timestamp) -> Timestamp {
        let today = london::civil(at).date();
        let (_, close) = self.telephone(hours, today);
        let first = if at < close {
            Some(today)
        } else {
            today.tomorrow().ok()
        };
        let day = first.and_then(|first| self.first_working_day(first, days_ahead_end(first)));
        day.map_or(at, |day| self.telephone(hours, day).0.max(at))
    }

    /// From when until when the desk can ring the school on a day; the end is past it.
    pub(in crate::referral) fn telephone(
        &self,
        hours: &LadderHours,
        day: Date,
    ) -> (Timestamp, Timestamp) {
        let school = self.hours();
        (
            london::instant(day, school.phone_from.max(hours.desk_from)),
            london::instant(day, school.phone_to.min(hours.desk_to)),
        )
    }
}
