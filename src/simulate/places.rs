//! The simulated county: its schools, their people, its calendar. All made up.

use crate::referral::calendar::{CalendarRow, DayKind, Scope};
use crate::referral::directory::{ContactOf, Directory};
use crate::referral::id::ContactId;
use crate::referral::london;
use crate::referral::school::{
    Address, Contact, LaCode, Role, RouteName, School, SchoolStatus, Urn,
};
use jiff::civil::{Date, Time, Weekday, date};
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeSet;

/// The county's authority; no authority has this code.
const AUTHORITY: &str = "899";
/// Schools, and how many of them are reached over their own relay.
const SCHOOLS: u32 = 12;
const OF_OWN_RELAY: u32 = 3;
/// This school has a Key Adult and no deputy.
const WITH_ONE_CONTACT: usize = 7;
/// The first school's number, outside the register.
const URN_FIRST: u32 = 990_101;
/// The way most letters take.
const CJSM: &str = "cjsm";
/// The force's own hub, which takes nudges.
pub(super) const HUB: &str = "hub";
/// The way of schools with a relay of their own.
const RELAY: &str = "relay";

/// The telephone of a school and of the desk (`design.md`, the ladder): what both answer.
const PHONE_FROM: Time = Time::constant(8, 0, 0, 0);
const PHONE_TO: Time = Time::constant(16, 0, 0, 0);
/// Nudges (`design.md`, the ladder).
const NUDGE_FROM: Time = Time::constant(6, 45, 0, 0);
const NUDGE_TO: Time = Time::constant(18, 0, 0, 0);

/// A school as the simulator knows it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) urn: Urn,
    pub(super) name: String,
    /// The one way its letters may take.
    pub(super) route: RouteName,
}

/// One school year, and who is in it.
#[derive(Debug)]
pub(super) struct County {
    pub(super) places: Vec<Place>,
    pub(super) routes: Vec<RouteName>,
    holidays: BTreeSet<Date>,
    /// Terms, both ends included: staff are in, but for half-terms.
    terms: Vec<(Date, Date)>,
    half_terms: Vec<(Date, Date)>,
    /// Days on which staff are in and pupils are not.
    staff_only: Vec<(Date, Date)>,
}

impl County {
    /// The county in the school year that begins in September of `year`, and in the autumn after it.
    pub(super) fn of(year: i16) -> Option<Self> {
        let routes: Vec<RouteName> = [CJSM, HUB, RELAY]
            .into_iter()
            .filter_map(RouteName::parse)
            .collect();
        let (cjsm, relay) = (routes.first()?, routes.last()?);
        let places = (0..SCHOOLS).filter_map(|n| {
            let own = n % (SCHOOLS / OF_OWN_RELAY) == 2;
            Some(Place {
                urn: Urn::parse(&(URN_FIRST + n).to_string())?,
                name: format!("Simulated School {}", n + 1),
                route: if own { relay } else { cjsm }.clone(),
            })
        });
        let places = places.collect();
        let mut county = Self {
            places,
            routes,
            holidays: bank_holidays(year).chain(bank_holidays(year + 1)).collect(),
            terms: Vec::new(),
            half_terms: Vec::new(),
            staff_only: Vec::new(),
        };
        for first in [year, year + 1] {
            let next = first + 1;
            county.terms.extend([
                (date(first, 9, 1), date(first, 12, 18)),
                (date(next, 1, 4), date(next, 3, 27)),
                (date(next, 4, 12), date(next, 7, 21)),
            ]);
            county.half_terms.extend([
                (date(first, 10, 24), date(first, 11, 1)),
                (date(next, 2, 13), date(next, 2, 21)),
                (date(next, 5, 29), date(next, 6, 4)),
            ]);
            county.staff_only.extend([
                (date(first, 9, 1), date(first, 9, 2)),
                (date(next, 1, 4), date(next, 1, 4)),
            ]);
        }
        Some(county)
    }

    /// Whether a school's staff are in.
    pub(super) fn staff_are_in(&self, day: Date) -> bool {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        let within = |all: &[(Date, Date)]| all.iter().any(|(a, b)| (*a..=*b).contains(&day));
        !weekend
            && !self.holidays.contains(&day)
            && within(&self.terms)
            && !within(&self.half_terms)
    }

    /// Whether the desk is staffed: weekdays.
    pub(super) fn is_working_day(&self, day: Date) -> bool {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        !weekend && !self.holidays.contains(&day)
    }

    /// Whether a school answers the telephone.
    pub(super) fn answers_telephone(&self, at: Timestamp) -> bool {
        self.is_between(at, PHONE_FROM, PHONE_TO)
    }

    /// From when on the telephone is answered, at `at` or after it.
    pub(super) fn telephone_from(&self, at: Timestamp) -> Option<Timestamp> {
        self.next_staffed(at, PHONE_FROM, PHONE_TO)
    }

    /// Whether a school may be nudged.
    pub(super) fn may_be_nudged(&self, at: Timestamp) -> bool {
        self.is_between(at, NUDGE_FROM, NUDGE_TO)
    }

    fn is_between(&self, at: Timestamp, from: Time, to: Time) -> bool {
        let wall = london::civil(at);
        self.staff_are_in(wall.date()) && (from..to).contains(&wall.time())
    }

    /// The next moment at or after `at`, from `from` on a day on which staff are in, and before `to`.
    pub(super) fn next_staffed(&self, at: Timestamp, from: Time, to: Time) -> Option<Timestamp> {
        let today = london::civil(at).date();
        let days = std::iter::successors(Some(today), |day| day.tomorrow().ok()).take(120);
        days.filter(|day| self.staff_are_in(*day))
            .map(|day| {
                let (open, close) = (london::instant(day, from), london::instant(day, to));
                (open.max(at), close)
            })
            .find_map(|(open, close)| (open < close).then_some(open))
    }

    /// Whether an address may be refused for good without leaving its school without any: a Key Adult's,
    /// where there is a deputy.
    pub(super) fn may_be_gone(&self, address: &str) -> bool {
        let mut schools = (0..self.places.len()).filter(|school| *school != WITH_ONE_CONTACT);
        schools.any(|school| address == address_of(school, Role::KeyAdult))
    }

    /// The directory that the gateway is given.
    pub(super) fn directory(&self) -> Directory {
        let mut directory = Directory::default();
        let la_code = LaCode::parse(AUTHORITY);
        for (n, place) in self.places.iter().enumerate() {
            let school = School {
                urn: place.urn,
                name: place.name.clone(),
                la_code,
                status: SchoolStatus::Open,
                low_age: Some(4),
                high_age: Some(18),
                town: None,
                postcode: None,
                telephone: None,
            };
            directory.schools.insert(place.urn, school);
            let roles = [Role::KeyAdult, Role::Deputy];
            let many = if n == WITH_ONE_CONTACT { 1 } else { 2 };
            let contacts = roles.into_iter().take(many);
            let contacts = contacts.filter_map(|role| contact(n, role, &place.route));
            let of = ContactOf::School(place.urn);
            directory.contacts.insert(of, contacts.collect());
        }
        directory.bank_holidays.clone_from(&self.holidays);
        if let Some(code) = la_code {
            let scope = Scope::Authority(code);
            directory.calendars.insert(scope, self.rows(scope));
        }
        directory
    }

    fn rows(&self, scope: Scope) -> Vec<CalendarRow> {
        let row = |kind| {
            move |(start, end): &(Date, Date)| CalendarRow {
                scope,
                kind,
                start: *start,
                end: *end,
                source: "simulated".to_owned(),
            }
        };
        let mut rows: Vec<CalendarRow> = self.terms.iter().map(row(DayKind::Term)).collect();
        rows.extend(self.half_terms.iter().map(row(DayKind::HalfTerm)));
        rows.extend(self.staff_only.iter().map(row(DayKind::StaffDay)));
        rows.sort_by_key(|row| row.start);
        rows
    }
}

fn address_of(school: usize, role: Role) -> String {
    format!("{}@s{school}.simulated.test", role.word())
}

fn contact(school: usize, role: Role, route: &RouteName) -> Option<Contact> {
    let number = u8::try_from(school * 2 + usize::from(role == Role::Deputy)).ok()?;
    Some(Contact {
        id: ContactId::from_parts(0, [number + 1; 10]),
        role,
        rank: 1,
        name: format!("Person {number}"),
        address: Address::parse(&address_of(school, role))?,
        route: route.clone(),
        phone: Some(format!("01632 96{school:04}")),
        valid_from: None,
        valid_to: None,
        nudge_to: Address::parse(&format!("n{number}@s{school}.simulated.test")),
        mobile: None,
        phone_from: None,
        phone_to: None,
        holidays: false,
        word_hash: None,
        briefed_on: None,
    })
}

/// England's, from September of a year to August of the next; one on a weekend is made up for on the next
/// weekday.
fn bank_holidays(year: i16) -> impl Iterator<Item = Date> {
    let next = year + 1;
    let good_friday = easter(next).saturating_sub(2.days());
    let fixed = [date(year, 12, 25), date(year, 12, 26), date(next, 1, 1)];
    let weekday = |day: Date| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    let mut days: BTreeSet<Date> = BTreeSet::new();
    for day in fixed {
        let later = std::iter::successors(Some(day), |day| day.tomorrow().ok());
        let free = later
            .take(7)
            .find(|day| weekday(*day) && !days.contains(day));
        days.extend(free);
    }
    let monday = |from: Date| {
        let week = std::iter::successors(Some(from), |day| day.tomorrow().ok()).take(7);
        week.into_iter()
            .find(|day| day.weekday() == Weekday::Monday)
    };
    days.extend([good_friday, good_friday.saturating_add(3.days())]);
    days.extend(
        [date(next, 5, 1), date(next, 5, 25), date(next, 8, 25)]
            .into_iter()
            .filter_map(monday),
    );
    days.into_iter()
}

/// Easter Sunday (the anonymous Gregorian computus).
fn easter(year: i16) -> Date {
    let year = i32::from(year);
    let (a, b, c) = (year % 19, year / 100, year % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 19 * l) / 433;
    let month = (h + l - 7 * m + 90) / 25;
    let day = (h + l - 7 * m + 33 * month + 19) % 32;
    let small = |n: i32| i8::try_from(n).unwrap_or(1);
    Date::new(
        i16::try_from(year).unwrap_or(2000),
        small(month),
        small(day),
    )
    .unwrap_or(date(2000, 4, 23))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bank_holidays_are_those_that_england_had() {
        let found: Vec<String> = bank_holidays(2020).map(|day| day.to_string()).collect();
        let expected = [
            "2020-12-25",
            "2020-12-28",
            "2021-01-01",
            "2021-04-02",
            "2021-04-05",
            "2021-05-03",
            "2021-05-31",
            "2021-08-30",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn schools_are_closed_at_night_at_weekends_and_in_holidays() {
        let county = County::of(2020).unwrap();
        let open = |at: &str| county.answers_telephone(at.parse().unwrap());
        assert!(open("2020-09-01T07:30:00Z") && open("2020-11-24T15:59:00Z"));
        for closed in [
            "2020-11-24T16:00:00Z",
            "2020-11-28T10:00:00Z",
            "2020-08-11T10:00:00Z",
        ] {
            assert!(!open(closed), "{closed}");
        }
    }
}
