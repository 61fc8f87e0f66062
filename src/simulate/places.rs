//! The simulated county: its schools, their people, its calendar. All made up.

use super::holidays::bank_holidays;
use crate::referral::calendar::{CalendarRow, DayHours, DayKind, Scope};
use crate::referral::directory::{ContactOf, Directory};
use crate::referral::id::ContactId;
use crate::referral::london;
use crate::referral::plan::Target;
use crate::referral::school::{
    Address, Contact, LaCode, Role, RouteName, School, SchoolStatus, Urn,
};
use jiff::civil::{Date, Time, Weekday, date};
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeSet;

/// The county's authority; no authority has this code.
const AUTHORITY: &str = "899";
/// Days in which anything is looked for.
const DAYS_AHEAD: usize = 120;
/// Schools, and how many of them are reached over their own relay.
const SCHOOLS: u32 = 12;
const OF_OWN_RELAY: u32 = 3;
/// This school has a Key Adult and no deputy.
const WITH_ONE_CONTACT: usize = 7;
/// Every so many-th school has a second Key Adult.
const WITH_A_SECOND: usize = 5;
/// The first school's number, outside the register.
const URN_FIRST: u32 = 990_101;
/// The way most letters take.
const CJSM: &str = "cjsm";
/// The force's own hub, which takes nudges.
pub(super) const HUB: &str = "hub";
/// The way of schools with a relay of their own.
const RELAY: &str = "relay";

/// A school's hours where none of its own are known (`interfaces.md`, directory files).
const USUAL: Hours = Hours {
    start: Time::constant(8, 30, 0, 0),
    home: Time::constant(15, 15, 0, 0),
    phone_from: Time::constant(8, 0, 0, 0),
    phone_to: Time::constant(16, 0, 0, 0),
};
/// Hours of their own: which school begins when, its pupils go home, and its telephone is answered from.
/// The last begins before anybody can be rung.
const OWN_HOURS: [(usize, Time, Time, Time); 7] = [
    own_hours(2, (8, 40), (15, 10), (8, 0)),
    own_hours(3, (8, 45), (15, 20), (8, 0)),
    own_hours(5, (8, 50), (15, 30), (8, 15)),
    own_hours(6, (9, 0), (15, 30), (8, 30)),
    own_hours(8, (8, 40), (15, 15), (7, 45)),
    own_hours(9, (8, 20), (14, 50), (7, 30)),
    own_hours(11, (7, 55), (14, 30), (8, 0)),
];
/// A school's own day of training, and the one on which it is shut, so long after 1 September.
const TRAINING: i64 = 60;
const SHUT: i64 = 138;
/// Nudges (`design.md`, the ladder).
const NUDGE_FROM: Time = Time::constant(6, 45, 0, 0);
const NUDGE_TO: Time = Time::constant(18, 0, 0, 0);

const fn own_hours(
    school: usize,
    start: (i8, i8),
    home: (i8, i8),
    phone: (i8, i8),
) -> (usize, Time, Time, Time) {
    (
        school,
        Time::constant(start.0, start.1, 0, 0),
        Time::constant(home.0, home.1, 0, 0),
        Time::constant(phone.0, phone.1, 0, 0),
    )
}

/// A school's hours, in London's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hours {
    pub(super) start: Time,
    pub(super) home: Time,
    pub(super) phone_from: Time,
    pub(super) phone_to: Time,
}

/// A school as the simulator knows it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) urn: Urn,
    pub(super) name: String,
    /// The one way its letters may take.
    pub(super) route: RouteName,
    hours: Hours,
    /// Days on which its staff are in and its pupils are not, beside the county's.
    training: Vec<Date>,
    /// Days on which it is shut, beside the county's.
    shut: Vec<Date>,
}

/// The days of a school, or those of nobody in particular: then every working day counts, so that nobody
/// is told too late.
#[derive(Debug, Clone, Copy)]
pub(super) struct Days<'c> {
    county: &'c County,
    place: Option<&'c Place>,
}

impl<'c> Days<'c> {
    pub(super) fn hours(self) -> Hours {
        self.place.map_or(USUAL, |place| place.hours)
    }

    /// The days from one on, as many as anything is looked for.
    pub(super) fn from(self, first: Date) -> impl Iterator<Item = Date> {
        std::iter::successors(Some(first), |day| day.tomorrow().ok()).take(DAYS_AHEAD)
    }

    /// Whether the county's calendar goes back so far: of the days before nothing is known.
    pub(super) fn are_known_on(self, day: Date) -> bool {
        self.county.terms.iter().any(|(first, _)| *first <= day)
    }

    /// Weekdays but bank holidays: the desk is staffed.
    pub(super) fn is_working_day(self, day: Date) -> bool {
        self.county.is_working_day(day)
    }

    /// Whether the school's staff are in.
    pub(super) fn staff_are_in(self, day: Date) -> bool {
        let Some(place) = self.place else {
            return self.is_working_day(day);
        };
        self.county.staff_are_in(day) && !place.shut.contains(&day)
    }

    /// Whether its pupils are.
    pub(super) fn pupils_are_in(self, day: Date) -> bool {
        let training =
            |place: &Place| place.training.contains(&day) || within(&self.county.staff_only, day);
        self.staff_are_in(day) && !self.place.is_some_and(training)
    }

    /// Whether its telephone is answered.
    pub(super) fn answers_telephone(self, at: Timestamp) -> bool {
        let hours = self.hours();
        self.is_between(at, hours.phone_from, hours.phone_to)
    }

    /// From when on its telephone is answered, at `at` or after it.
    pub(super) fn telephone_from(self, at: Timestamp) -> Option<Timestamp> {
        let hours = self.hours();
        self.next_staffed(at, hours.phone_from, hours.phone_to)
    }

    /// Whether it may be nudged.
    pub(super) fn may_be_nudged(self, at: Timestamp) -> bool {
        self.is_between(at, NUDGE_FROM, NUDGE_TO)
    }

    fn is_between(self, at: Timestamp, from: Time, to: Time) -> bool {
        let wall = london::civil(at);
        self.staff_are_in(wall.date()) && (from..to).contains(&wall.time())
    }

    /// The next moment at or after `at`, from `from` on a day on which staff are in, and before `to`.
    pub(super) fn next_staffed(self, at: Timestamp, from: Time, to: Time) -> Option<Timestamp> {
        let days = self.from(london::civil(at).date());
        days.filter(|day| self.staff_are_in(*day))
            .map(|day| {
                let (open, close) = (london::instant(day, from), london::instant(day, to));
                (open.max(at), close)
            })
            .find_map(|(open, close)| (open < close).then_some(open))
    }
}

fn within(all: &[(Date, Date)], day: Date) -> bool {
    all.iter()
        .any(|(first, last)| (*first..=*last).contains(&day))
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
                hours: hours_of(n),
                training: Vec::new(),
                shut: Vec::new(),
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
        let days = |school, after| {
            let own = own_days(school, year, after);
            own.into_iter().filter(|day| county.staff_are_in(*day))
        };
        let own = (0..).zip(&county.places).map(|(school, place)| Place {
            training: days(school, TRAINING).collect(),
            shut: days(school, SHUT).collect(),
            ..place.clone()
        });
        county.places = own.collect();
        Some(county)
    }

    /// The days of a school, or of nobody in particular.
    pub(super) fn days<'c>(&'c self, place: Option<&'c Place>) -> Days<'c> {
        Days {
            county: self,
            place,
        }
    }

    /// The school of this number.
    pub(super) fn place(&self, urn: Urn) -> Option<&Place> {
        self.places.iter().find(|place| place.urn == urn)
    }

    /// The school that a notification is for, if it is for one.
    pub(super) fn place_for(&self, target: Target) -> Option<&Place> {
        match target {
            Target::School(urn) => self.place(urn),
            Target::Authority(_) | Target::Unrouted => None,
        }
    }

    /// The school whose people have this address.
    pub(super) fn place_of(&self, address: &str) -> Option<&Place> {
        let number = address.split_once("@s")?.1.split('.').next()?;
        self.places.get(number.parse::<usize>().ok()?)
    }

    fn staff_are_in(&self, day: Date) -> bool {
        self.is_working_day(day) && within(&self.terms, day) && !within(&self.half_terms, day)
    }

    /// Whether the desk is staffed: weekdays.
    pub(super) fn is_working_day(&self, day: Date) -> bool {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        !weekend && !self.holidays.contains(&day)
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
                telephone: Some(format!("01632 960{:03}", 900 + n)),
            };
            directory.schools.insert(place.urn, school);
            let of = ContactOf::School(place.urn);
            directory.contacts.insert(of, contacts(n, &place.route));
            let scope = Scope::School(place.urn);
            directory.calendars.insert(scope, place.rows(scope));
            if place.hours != USUAL {
                directory.hours.insert(scope, place.hours.of_directory());
            }
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

impl Place {
    fn rows(&self, scope: Scope) -> Vec<CalendarRow> {
        let row = |kind| {
            move |day: &Date| CalendarRow {
                scope,
                kind,
                start: *day,
                end: *day,
                source: "simulated".to_owned(),
            }
        };
        let mut rows: Vec<CalendarRow> = self.training.iter().map(row(DayKind::Inset)).collect();
        rows.extend(self.shut.iter().map(row(DayKind::Closure)));
        rows.sort_by_key(|row| row.start);
        rows
    }
}

impl Hours {
    fn of_directory(self) -> DayHours {
        let Self {
            start,
            home,
            phone_from,
            phone_to,
        } = self;
        DayHours {
            start,
            home_time: home,
            phone_from,
            phone_to,
        }
    }
}

fn hours_of(school: u32) -> Hours {
    let own = OWN_HOURS
        .iter()
        .find(|(of, ..)| u32::try_from(*of) == Ok(school));
    own.map_or(USUAL, |(_, start, home, phone_from)| Hours {
        start: *start,
        home: *home,
        phone_from: *phone_from,
        ..USUAL
    })
}

/// A day of a school's own in each of two years, so long after 1 September, another for each school.
fn own_days(school: u32, year: i16, after: i64) -> Vec<Date> {
    let days = after + i64::from(school) * 3;
    [year, year + 1]
        .map(|first| date(first, 9, 1).saturating_add(days.days()))
        .into()
}

fn address_of(school: usize, role: Role) -> String {
    format!("{}@s{school}.simulated.test", role.word())
}

fn contacts(school: usize, route: &RouteName) -> Vec<Contact> {
    let mut roles = vec![(Role::KeyAdult, 1)];
    if school % WITH_A_SECOND == WITH_A_SECOND - 1 {
        roles.push((Role::KeyAdult, 2));
    }
    if school != WITH_ONE_CONTACT {
        roles.push((Role::Deputy, 1));
    }
    let people = roles.into_iter().enumerate();
    people
        .filter_map(|(nth, (role, rank))| contact((school, nth), (role, rank), route))
        .collect()
}

fn contact(
    (school, nth): (usize, usize),
    (role, rank): (Role, u16),
    route: &RouteName,
) -> Option<Contact> {
    let number = u8::try_from(school * 3 + nth).ok()?;
    let address = address_of(school, role);
    let address = if rank > 1 {
        format!("second.{address}")
    } else {
        address
    };
    Some(Contact {
        id: ContactId::from_parts(0, [number + 1; 10]),
        role,
        rank,
        name: format!("Person {number}"),
        address: Address::parse(&address)?,
        route: route.clone(),
        phone: Some(format!("01632 960{:03}", 100 + u32::from(number))),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schools_are_closed_at_night_at_weekends_and_in_holidays() {
        let county = County::of(2020).unwrap();
        let days = county.days(county.places.first());
        let open = |at: &str| days.answers_telephone(at.parse().unwrap());
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
