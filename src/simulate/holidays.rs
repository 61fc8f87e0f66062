//! England's bank holidays, by rule.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};
use std::collections::BTreeSet;

/// England's, from September of a year to August of the next; one on a weekend is made up for on the next
/// weekday.
pub(super) fn bank_holidays(year: i16) -> impl Iterator<Item = Date> {
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
}
