//! When a school can be rung: in its telephone hours, on days that its staff are in.

use crate::referral::directory::Directory;
use crate::referral::london;
use crate::referral::plan::Target;
use crate::referral::pupil_day::{DAYS_AHEAD_MAX, SchoolDays, Whose};
use jiff::{Timestamp, ToSpan};

/// When its telephone is next answered; none while it is.
pub(super) fn opens_at(
    directory: &Directory,
    target: Option<Target>,
    now: Timestamp,
) -> Option<Timestamp> {
    let whose = match target? {
        Target::School(urn) => Whose::school(directory, urn),
        Target::Authority(code) => Whose {
            urn: None,
            la_code: Some(code),
        },
        Target::Unrouted => return None,
    };
    let days = SchoolDays::of(directory, whose);
    let hours = days.hours();
    let today = london::civil(now).date();
    let first = if now < london::instant(today, hours.phone_to) {
        today
    } else {
        today.tomorrow().ok()?
    };
    let last = first.saturating_add(DAYS_AHEAD_MAX.days());
    // An authority works in school holidays too. A school's calendar without a staff day cannot be right,
    // and must not silence the telephone.
    let staff = days.first_staff_day(first, last);
    let day = staff
        .filter(|_| whose.urn.is_some())
        .or_else(|| days.first_working_day(first, last))?;
    Some(london::instant(day, hours.phone_from)).filter(|opens| *opens > now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::referral::calendar::{CalendarRow, DayKind, Scope};
    use crate::referral::ladder::LadderHours;
    use crate::referral::school::{LaCode, Urn};
    use jiff::civil::date;

    #[test]
    fn an_authority_is_rung_in_school_holidays_too() {
        let code = LaCode::parse("881").unwrap();
        let scope = Scope::Authority(code);
        let mut directory = Directory::default();
        let row = |kind, start, end| CalendarRow {
            scope,
            kind,
            start,
            end,
            source: "a test".to_owned(),
        };
        let rows = vec![
            row(DayKind::Term, date(2026, 4, 13), date(2026, 7, 22)),
            row(DayKind::Holiday, date(2026, 7, 23), date(2026, 8, 31)),
            row(DayKind::Term, date(2026, 9, 1), date(2026, 12, 18)),
        ];
        directory.calendars.insert(scope, rows);
        // Saturday, in August.
        let at: Timestamp = "2026-08-08T09:00:00Z".parse().unwrap();
        let monday: Timestamp = "2026-08-10T07:00:00Z".parse().unwrap();
        let authority = Some(Target::Authority(code));
        assert_eq!(opens_at(&directory, authority, at), Some(monday));
        assert_eq!(opens_at(&directory, authority, monday), None);
        let whose = Whose {
            urn: None,
            la_code: Some(code),
        };
        let days = SchoolDays::of(&directory, whose);
        let hours = LadderHours::default();
        assert_eq!(days.authority_rung_from(&hours, at), monday);
        assert_eq!(days.authority_rung_from(&hours, monday), monday);
        assert_ne!(days.rung_from(&hours, at), monday);
    }

    #[test]
    fn a_school_is_rung_in_its_hours_and_otherwise_from_their_next_beginning() {
        let directory = Directory::default();
        let target = Some(Target::School(Urn::parse("990011").unwrap()));
        let opens = |at: &str| {
            let opens = opens_at(&directory, target, at.parse().unwrap());
            opens.map(|at| at.to_string())
        };
        let monday = Some("2026-11-23T08:00:00Z".to_owned());
        assert_eq!(opens("2026-11-22T04:00:00Z"), monday);
        assert_eq!(opens("2026-11-23T07:59:59Z"), monday);
        assert_eq!(opens("2026-11-23T08:00:00Z"), None);
        assert_eq!(opens("2026-11-20T15:59:59Z"), None);
        assert_eq!(opens("2026-11-20T16:00:00Z"), monday);
        // In summer the clock on the wall is an hour ahead.
        assert_eq!(
            opens("2026-06-01T06:30:00Z"),
            Some("2026-06-01T07:00:00Z".to_owned())
        );
        let nowhere = opens_at(&directory, Some(Target::Unrouted), Timestamp::UNIX_EPOCH);
        assert_eq!(nowhere, None);
    }
}
