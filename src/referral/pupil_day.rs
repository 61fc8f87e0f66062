//! Which days pupils and staff are in, for one school. Source of every rule: `interfaces.md`,
//! "Pupil day".

use super::calendar::{DayHours, Scope};
use super::directory::Directory;
use super::london;
use super::school::{LaCode, Urn};
pub use super::stretches::Base;
use super::stretches::{Rows, Standing, Stretch, stretches};
use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeSet;

/// Days ahead in which a pupil day, or a staff day, is looked for. The last one counts.
pub const DAYS_AHEAD_MAX: i32 = 400;

/// Whose days are asked for: a school, or (for a child without one) only its authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whose {
    /// The school; none for an authority's or unrouted notification.
    pub urn: Option<Urn>,
    /// The authority whose calendar stands in.
    pub la_code: Option<LaCode>,
}

impl Whose {
    /// A school, with the authority that the register says it has.
    pub fn school(directory: &Directory, urn: Urn) -> Self {
        let la_code = directory
            .schools
            .get(&urn)
            .and_then(|school| school.la_code);
        Self {
            urn: Some(urn),
            la_code,
        }
    }
}

/// One school's days, ready to be asked many times.
#[derive(Debug)]
pub struct SchoolDays<'d> {
    stretches: Vec<Stretch>,
    bank_holidays: &'d BTreeSet<Date>,
    hours: DayHours,
    hours_are_own: bool,
}

impl<'d> SchoolDays<'d> {
    /// Works out the days of a school, or of an authority's children without one.
    pub fn of(directory: &'d Directory, whose: Whose) -> Self {
        let own = whose.urn.map(Scope::School);
        let authority = whose.la_code.map(Scope::Authority);
        let hours = own
            .into_iter()
            .chain(authority)
            .find_map(|scope| directory.hours.get(&scope));
        let rows = |scope: Option<Scope>| {
            Rows::new(scope.map_or(&[][..], |scope| directory.calendar(scope)))
        };
        Self {
            stretches: stretches(&rows(own), &rows(authority)),
            bank_holidays: &directory.bank_holidays,
            hours: hours.copied().unwrap_or_default(),
            hours_are_own: hours.is_some(),
        }
    }

    /// The hours: the school's own, else its authority's, else the default.
    pub fn hours(&self) -> DayHours {
        self.hours
    }

    /// Whether the hours are the school's or the authority's rather than the default.
    pub fn hours_are_own(&self) -> bool {
        self.hours_are_own
    }

    /// When the pupil day starts, if this is one.
    pub fn start_of(&self, day: Date) -> Timestamp {
        london::instant(day, self.hours.start)
    }

    /// Whether pupils are in.
    pub fn is_pupil_day(&self, day: Date) -> bool {
        self.first_pupil_day(day, day).is_some()
    }

    /// The first pupil day of a range, both ends included, and what it rests on.
    pub fn first_pupil_day(&self, first: Date, last: Date) -> Option<(Date, Base)> {
        self.first_where(first, last, Standing::pupils)
    }

    /// The first day of a range, both ends included, on which staff are in: a pupil day, or one of
    /// training or preparation. A closure sends staff home too.
    pub fn first_staff_day(&self, first: Date, last: Date) -> Option<Date> {
        self.first_where(first, last, Standing::staff)
            .map(|(day, ())| day)
    }

    /// The first day of a range, both ends included, on which staff are away, though it is a weekday
    /// and no bank holiday: of a holiday, a half-term or a closure.
    pub fn first_day_away(&self, first: Date, last: Date) -> Option<Date> {
        let away = |standing: Standing| standing.staff().is_none().then_some(());
        self.first_where(first, last, away).map(|(day, ())| day)
    }

    fn first_where<T>(
        &self,
        first: Date,
        last: Date,
        wanted: impl Fn(Standing) -> Option<T>,
    ) -> Option<(Date, T)> {
        let from = self.stretches.partition_point(|s| s.last < first);
        let stretches = self.stretches.iter().skip(from);
        stretches
            .take_while(|s| s.first <= last)
            .find_map(|stretch| {
                let found = wanted(stretch.standing)?;
                let day = self.first_working_day(first.max(stretch.first), last.min(stretch.last));
                day.map(|day| (day, found))
            })
    }

    /// The last pupil day of a range, both ends included.
    pub fn last_pupil_day(&self, first: Date, last: Date) -> Option<Date> {
        self.last_where(first, last, |standing| standing.pupils().is_some())
    }

    /// The last day of a range, both ends included, on which staff are in.
    pub fn last_staff_day(&self, first: Date, last: Date) -> Option<Date> {
        self.last_where(first, last, |standing| standing.staff().is_some())
    }

    fn last_where(
        &self,
        first: Date,
        last: Date,
        wanted: impl Fn(Standing) -> bool,
    ) -> Option<Date> {
        let until = self.stretches.partition_point(|s| s.first <= last);
        let stretches = self.stretches.iter().take(until).rev();
        stretches
            .take_while(|s| s.last >= first)
            .filter(|s| wanted(s.standing))
            .find_map(|s| self.last_working_day(first.max(s.first), last.min(s.last)))
    }

    /// The first weekday of a range, both ends included, that is no bank holiday.
    pub fn first_working_day(&self, first: Date, last: Date) -> Option<Date> {
        std::iter::successors(Some(first), |day| day.tomorrow().ok())
            .take_while(|day| *day <= last)
            .find(|day| self.is_working_day(*day))
    }

    fn last_working_day(&self, first: Date, last: Date) -> Option<Date> {
        std::iter::successors(Some(last), |day| day.yesterday().ok())
            .take_while(|day| *day >= first)
            .find(|day| self.is_working_day(*day))
    }

    fn is_working_day(&self, day: Date) -> bool {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        !weekend && !self.bank_holidays.contains(&day)
    }
}

/// The first day at or after `from` on which the school's staff are in, within 400 days. What a
/// letter means by "when staff are back".
pub fn next_staff_day(directory: &Directory, whose: Whose, from: Date) -> Option<Date> {
    SchoolDays::of(directory, whose).first_staff_day(from, days_ahead_end(from))
}

/// Whether the school's staff are away: of the working days left, today's included until the
/// telephone is no longer answered, the first is one on which staff are not in. So a weekend or
/// Easter is no holiday; half-term, a closure and the evening of the last day of term are. A
/// calendar without any staff day in 400 days cannot be right and makes no holiday.
pub fn in_holiday(directory: &Directory, whose: Whose, at: Timestamp) -> bool {
    let days = SchoolDays::of(directory, whose);
    let now = london::civil(at);
    let from = if now.time() < days.hours().phone_to {
        now.date()
    } else {
        now.date().saturating_add(1.day())
    };
    let end = days_ahead_end(from);
    match (
        days.first_working_day(from, end),
        days.first_staff_day(from, end),
    ) {
        (Some(working), Some(staff)) => working < staff,
        (None, _) | (_, None) => false,
    }
}

/// The last day in which something is looked for from `today`.
pub(super) fn days_ahead_end(today: Date) -> Date {
    today.saturating_add(DAYS_AHEAD_MAX.days())
}

#[cfg(test)]
mod tests {
    use super::super::calendar::{CalendarRow, DayKind};
    use super::*;
    use jiff::civil::date;

    const SCHOOL: &str = "urn:990001";
    const AUTHORITY: &str = "la:881";

    fn directory(rows: &[(&str, DayKind, Date, Date)]) -> Directory {
        let mut directory = Directory::default();
        for (scope, kind, start, end) in rows {
            let scope = Scope::parse(scope).unwrap();
            let row = CalendarRow {
                scope,
                kind: *kind,
                start: *start,
                end: *end,
                source: String::new(),
            };
            directory.calendars.entry(scope).or_default().push(row);
        }
        directory
    }

    fn whose() -> Whose {
        Whose {
            urn: Urn::parse("990001"),
            la_code: LaCode::parse("881"),
        }
    }

    fn base(directory: &Directory, day: Date) -> Option<Base> {
        SchoolDays::of(directory, whose())
            .first_pupil_day(day, day)
            .map(|(_, base)| base)
    }

    #[test]
    fn sixty_days_between_terms_are_covered_and_sixty_one_are_not() {
        let summer = |back| {
            directory(&[
                (SCHOOL, DayKind::Term, date(2026, 6, 1), date(2026, 6, 30)),
                (SCHOOL, DayKind::Term, back, date(2026, 12, 18)),
            ])
        };
        let july = date(2026, 7, 15);
        assert_eq!(base(&summer(date(2026, 8, 30)), july), None);
        assert_eq!(base(&summer(date(2026, 8, 31)), july), Some(Base::None));
    }

    #[test]
    fn an_own_calendar_frees_the_school_from_the_authoritys_holidays() {
        let october = |day| date(2026, 10, day);
        let mut rows = vec![
            (
                AUTHORITY,
                DayKind::Term,
                date(2026, 9, 1),
                date(2026, 12, 18),
            ),
            (AUTHORITY, DayKind::HalfTerm, october(26), october(30)),
            (SCHOOL, DayKind::Inset, october(19), october(19)),
        ];
        let authority_only = directory(&rows);
        assert_eq!(base(&authority_only, october(16)), Some(Base::Authority));
        assert_eq!(base(&authority_only, october(19)), None);
        assert_eq!(base(&authority_only, october(26)), None);
        rows.push((SCHOOL, DayKind::Term, date(2026, 9, 1), date(2026, 12, 18)));
        let own = directory(&rows);
        assert_eq!(base(&own, october(19)), None);
        assert_eq!(base(&own, october(26)), Some(Base::Own));
        assert_eq!(base(&own, date(2027, 1, 11)), Some(Base::None));
    }

    #[test]
    fn without_a_base_only_the_schools_own_rows_close_a_day() {
        let day = date(2026, 10, 28);
        let authority = directory(&[(AUTHORITY, DayKind::HalfTerm, day, day)]);
        assert_eq!(base(&authority, day), Some(Base::None));
        let own = directory(&[(SCHOOL, DayKind::Closure, day, day)]);
        assert_eq!(base(&own, day), None);
        assert_eq!(base(&own, date(2026, 10, 31)), None, "a Saturday");
    }

    #[test]
    fn staff_are_back_before_pupils_and_a_weekend_is_no_holiday() {
        let directory = directory(&[
            (
                AUTHORITY,
                DayKind::Term,
                date(2026, 4, 13),
                date(2026, 7, 22),
            ),
            (
                AUTHORITY,
                DayKind::Term,
                date(2026, 9, 1),
                date(2026, 12, 18),
            ),
            (
                AUTHORITY,
                DayKind::Inset,
                date(2026, 9, 1),
                date(2026, 9, 2),
            ),
            (
                AUTHORITY,
                DayKind::Closure,
                date(2026, 11, 4),
                date(2026, 11, 4),
            ),
        ]);
        let staff_back = next_staff_day(&directory, whose(), date(2026, 7, 23));
        assert_eq!(staff_back, Some(date(2026, 9, 1)));
        let days = SchoolDays::of(&directory, whose());
        let pupils_back = days.first_pupil_day(date(2026, 7, 23), date(2026, 12, 1));
        assert_eq!(pupils_back, Some((date(2026, 9, 3), Base::Authority)));
        for (at, holiday, why) in [
            (
                "2026-07-22T14:00:00Z",
                false,
                "the last day, staff still in",
            ),
            ("2026-07-22T18:30:00Z", true, "that evening"),
            ("2026-08-11T09:00:00Z", true, "August"),
            ("2026-08-31T18:00:00Z", false, "staff are in tomorrow"),
            ("2026-09-02T18:00:00Z", false, "pupils are in tomorrow"),
            ("2026-10-03T02:00:00Z", false, "a weekend"),
            ("2026-11-04T10:00:00Z", true, "closed today"),
        ] {
            let at = at.parse().unwrap();
            assert_eq!(in_holiday(&directory, whose(), at), holiday, "{why}");
        }
    }
}
