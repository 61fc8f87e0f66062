//! Deadlines: `due_at`, the start of the school's next pupil day, and `act_by`, what the ladder is
//! built backward from. Source of every rule: `interfaces.md`, "Pupil day".

use super::directory::Directory;
use super::london;
use super::post::words;
pub use super::pupil_day::Whose;
use super::pupil_day::{Base, SchoolDays, days_ahead_end};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

/// So long before home time a child still counts as in school: later, nobody there could act.
const LEAVING: SignedDuration = SignedDuration::from_mins(45);
/// The school must know so long before home time.
const BEFORE_HOME: SignedDuration = SignedDuration::from_mins(60);
/// The school must know so soon when the child is in school and was before we were told.
const LATE_ON_ARRIVAL: SignedDuration = SignedDuration::from_mins(30);
/// The school must know so soon when the child is in school.
const IN_SCHOOL: SignedDuration = SignedDuration::from_mins(90);
/// Nobody can be asked to act sooner than this.
const IN_SCHOOL_AT_LEAST: SignedDuration = SignedDuration::from_mins(15);

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

/// The deadline of a notification accepted at `accepted_at` about an incident at `incident_at`.
/// For many of one school, make its [`SchoolDays`] once and ask that.
pub fn deadline(
    directory: &Directory,
    whose: Whose,
    accepted_at: Timestamp,
    incident_at: Option<Timestamp>,
) -> Deadline {
    SchoolDays::of(directory, whose).deadline(accepted_at, incident_at)
}

/// The day at whose start the school must know.
struct Due {
    day: Date,
    at: Timestamp,
    /// None: a weekday taken because no pupil day is near.
    base: Option<Base>,
}

impl SchoolDays<'_> {
    /// The deadline of a notification to this school: see [`deadline`].
    pub fn deadline(&self, accepted_at: Timestamp, incident_at: Option<Timestamp>) -> Deadline {
        let due = self.due(accepted_at);
        let late_on_arrival =
            incident_at.is_some_and(|incident| self.late_on_arrival(accepted_at, incident));
        let in_school = self.act_by_in_school(accepted_at, late_on_arrival);

        let calendar = match due.base {
            Some(Base::Own) => DueReason::OwnCalendar,
            Some(Base::Authority) => DueReason::AuthorityCalendar,
            Some(Base::None) => DueReason::NoCalendar,
            None => DueReason::CalendarWithoutPupilDays,
        };
        let hours = self.hours_are_own().then_some(DueReason::OwnHours);
        let act = match (in_school, due.base) {
            (Some(_), _) => Some(DueReason::InSchoolNow),
            (None, Some(_)) => Some(DueReason::NextPupilDay),
            (None, None) => None,
        };
        let late = late_on_arrival.then_some(DueReason::LateOnArrival);
        Deadline {
            due_at: due.at,
            act_by: in_school.unwrap_or(due.at),
            pupil_day: due.day,
            assumed: matches!(due.base, Some(Base::None) | None),
            late_on_arrival,
            reasons: [Some(calendar), hours, act, late]
                .into_iter()
                .flatten()
                .collect(),
        }
    }

    /// The earliest start of a pupil day strictly after `accepted_at`. A calendar without one in
    /// 400 days is taken for broken: the next weekday that is no bank holiday stands in.
    fn due(&self, accepted_at: Timestamp) -> Due {
        let today = london::civil(accepted_at).date();
        let first = if self.start_of(today) > accepted_at {
            today
        } else {
            today.tomorrow().unwrap_or(today)
        };
        let found = self.first_pupil_day(first, days_ahead_end(today));
        if let Some((day, base)) = found {
            return Due {
                day,
                at: self.start_of(day),
                base: Some(base),
            };
        }
        // With bank holidays until the end of the calendar even that is missing: at once.
        let weekday = self.first_working_day(first, Date::MAX);
        Due {
            day: weekday.unwrap_or(today),
            at: weekday.map_or(accepted_at, |day| self.start_of(day)),
            base: None,
        }
    }

    /// Whether a pupil day started after the incident and at or before acceptance. Starts follow
    /// the order of their days, so the latest start at or before acceptance decides.
    fn late_on_arrival(&self, accepted_at: Timestamp, incident_at: Timestamp) -> bool {
        let today = london::civil(accepted_at).date();
        let last = if self.start_of(today) <= accepted_at {
            today
        } else {
            today.yesterday().unwrap_or(today)
        };
        self.last_pupil_day(london::civil(incident_at).date(), last)
            .is_some_and(|day| self.start_of(day) > incident_at)
    }

    /// When the school must act, if the child is in school at acceptance.
    fn act_by_in_school(&self, accepted_at: Timestamp, late: bool) -> Option<Timestamp> {
        let today = london::civil(accepted_at).date();
        let home = london::instant(today, self.hours().home_time);
        let in_school = self.is_pupil_day(today)
            && self.start_of(today) <= accepted_at
            && accepted_at < earlier(home, LEAVING);
        in_school.then(|| {
            if late {
                later(accepted_at, LATE_ON_ARRIVAL)
            } else {
                later(accepted_at, IN_SCHOOL)
                    .min(earlier(home, BEFORE_HOME))
                    .max(later(accepted_at, IN_SCHOOL_AT_LEAST))
            }
        })
    }
}

/// `by` after `at`; at the end of time, that.
pub(super) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// `by` before `at`; at the beginning of time, that.
pub(super) fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::super::calendar::{CalendarRow, DayKind, Scope};
    use super::super::school::Urn;
    use super::*;
    use jiff::civil::date;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn whose() -> Whose {
        Whose {
            urn: Urn::parse("990001"),
            la_code: None,
        }
    }

    fn ask(directory: &Directory, accepted: &str, incident: Option<&str>) -> Deadline {
        deadline(directory, whose(), at(accepted), incident.map(at))
    }

    #[test]
    fn act_by_follows_the_school_day() {
        let directory = Directory::default();
        let night = Some("2026-11-23T22:00:00Z");
        let morning = Some("2026-11-24T09:00:00Z");
        for (accepted, incident, act_by) in [
            ("2026-11-24T08:29:59Z", night, "2026-11-24T08:30:00Z"),
            ("2026-11-24T08:30:00Z", night, "2026-11-24T09:00:00Z"),
            ("2026-11-24T10:15:00Z", night, "2026-11-24T10:45:00Z"),
            ("2026-11-24T11:20:00Z", morning, "2026-11-24T12:50:00Z"),
            ("2026-11-24T13:30:00Z", morning, "2026-11-24T14:15:00Z"),
            ("2026-11-24T14:10:00Z", morning, "2026-11-24T14:25:00Z"),
            ("2026-11-24T14:29:59Z", morning, "2026-11-24T14:44:59Z"),
            ("2026-11-24T14:30:00Z", morning, "2026-11-25T08:30:00Z"),
            ("2026-11-28T02:00:00Z", None, "2026-11-30T08:30:00Z"),
        ] {
            assert_eq!(
                ask(&directory, accepted, incident).act_by,
                at(act_by),
                "{accepted}"
            );
        }
    }

    #[test]
    fn late_on_arrival_looks_at_starts_between_incident_and_acceptance() {
        let directory = Directory::default();
        for (accepted, incident, late) in [
            ("2026-11-24T08:30:00Z", "2026-11-24T08:29:59Z", true),
            ("2026-11-24T08:30:00Z", "2026-11-24T08:30:00Z", false),
            ("2026-11-24T08:29:59Z", "2026-11-23T08:30:00Z", false),
            ("2026-11-29T12:00:00Z", "2026-11-26T22:00:00Z", true),
            ("2026-11-29T12:00:00Z", "2026-11-27T22:00:00Z", false),
        ] {
            let late_on_arrival = ask(&directory, accepted, Some(incident)).late_on_arrival;
            assert_eq!(late_on_arrival, late, "{accepted} after {incident}");
        }
    }

    #[test]
    fn a_calendar_without_pupil_days_makes_the_next_weekday_the_deadline() {
        let scope = Scope::School(whose().urn.unwrap());
        let closed_until = |end| {
            let mut directory = Directory::default();
            let row = CalendarRow {
                scope,
                kind: DayKind::Closure,
                start: date(2026, 1, 1),
                end,
                source: String::new(),
            };
            directory.calendars.insert(scope, vec![row]);
            directory
        };
        // The 400th day after 24 November 2026 is Wednesday 29 December 2027.
        let found = ask(
            &closed_until(date(2027, 12, 28)),
            "2026-11-24T10:00:00Z",
            None,
        );
        assert_eq!(found.pupil_day, date(2027, 12, 29));
        let broken = ask(
            &closed_until(date(2027, 12, 29)),
            "2026-11-24T10:00:00Z",
            None,
        );
        assert_eq!(broken.due_at, at("2026-11-25T08:30:00Z"));
        assert_eq!(broken.act_by, broken.due_at, "nobody is in school");
        assert!(broken.assumed);
        assert_eq!(broken.reasons, [DueReason::CalendarWithoutPupilDays]);
        let today = ask(
            &closed_until(date(2030, 1, 1)),
            "2026-11-24T08:00:00Z",
            None,
        );
        assert_eq!(today.pupil_day, date(2026, 11, 24));
    }

    #[test]
    fn the_reasons_say_which_rules_applied() {
        let mut directory = Directory::default();
        let scope = Scope::School(whose().urn.unwrap());
        directory
            .hours
            .insert(scope, super::super::calendar::DayHours::default());
        let late = ask(
            &directory,
            "2026-11-24T09:00:00Z",
            Some("2026-11-23T22:00:00Z"),
        );
        let expected = [
            DueReason::NoCalendar,
            DueReason::OwnHours,
            DueReason::InSchoolNow,
            DueReason::LateOnArrival,
        ];
        assert_eq!(late.reasons, expected);
        assert!(late.assumed);
    }

    #[test]
    fn nothing_panics_at_the_ends_of_time() {
        let directory = Directory::default();
        for accepted in [Timestamp::MIN, Timestamp::MAX] {
            for incident in [Timestamp::MIN, Timestamp::MAX] {
                let answer = deadline(&directory, whose(), accepted, Some(incident));
                assert!(answer.act_by <= answer.due_at);
            }
        }
    }
}
