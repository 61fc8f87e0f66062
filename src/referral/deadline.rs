//! Deadlines: `due_at`, the start of the school's next pupil day, and `act_by`, what the ladder is
//! built backward from. Source of every rule: `interfaces.md`, "Pupil day".

use super::directory::Directory;
use super::post::words;
use super::school::{LaCode, Urn};
use jiff::Timestamp;
use jiff::civil::Date;

words! {
    /// Why a deadline is what it is.
    DueReason {
        /// The school's own calendar covers the day.
        OwnCalendar = "own-calendar",
        /// The authority's calendar covers the day.
        AuthorityCalendar = "authority-calendar",
        /// No calendar covers the day: a weekday that is no bank holiday, so never too late.
        NoCalendar = "no-calendar",
        /// No pupil day within 400 days: the calendar cannot be right.
        CalendarWithoutPupilDays = "calendar-without-pupil-days",
        /// The start of the next pupil day.
        NextPupilDay = "next-pupil-day",
        /// The child is in school now and goes home to that house.
        InSchoolNow = "in-school-now",
        /// A pupil day began between the incident and the acceptance.
        LateOnArrival = "late-on-arrival",
        /// The hours are the school's or authority's own.
        OwnHours = "own-hours",
    }
}

/// When a school must know, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// The earliest start of a pupil day strictly after acceptance.
    pub due_at: Timestamp,
    /// What the ladder is built backward from: `due_at`, or sooner when the child is in school now.
    pub act_by: Timestamp,
    /// The pupil day that begins at `due_at`.
    pub pupil_day: Date,
    /// That day rests on no calendar.
    pub assumed: bool,
    /// A pupil day began after the incident and at or before acceptance.
    pub late_on_arrival: bool,
    /// The rules that applied, in order.
    pub reasons: Vec<DueReason>,
}

/// Whose deadline is asked for: a school, or (for a child without one) only its authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whose {
    /// The school; none for an authority's or unrouted notification.
    pub urn: Option<Urn>,
    /// The authority whose calendar stands in.
    pub la_code: Option<LaCode>,
}

/// The deadline of a notification accepted at `accepted_at` about an incident at `incident_at`.
pub fn deadline(
    _directory: &Directory,
    _whose: Whose,
    _accepted_at: Timestamp,
    _incident_at: Option<Timestamp>,
) -> Deadline {
    unimplemented!()
}
