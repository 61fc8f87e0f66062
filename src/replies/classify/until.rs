//! The day until which somebody is away or a school is shut, as people write it.

use super::text::plain;
use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan};

/// Words that announce the day; the longest first where one begins another.
const LEADS: &[&str] = &[
    "until",
    "till",
    "til",
    "returning",
    "return",
    "returns",
    "back",
    "reopen",
    "re-open",
    "reopens",
    "re-opens",
    "reopening",
    "tan",
    "hyd",
    "nôl",
    "ôl",
    "dychwelyd",
    "dychwelaf",
    "ailagor",
    "inclusive",
];

/// Words that may stand between.
const FILLERS: &[&str] = &[
    "the",
    "of",
    "on",
    "in",
    "to",
    "at",
    "and",
    "after",
    "again",
    "office",
    "school",
    "work",
    "morning",
    "from",
    "including",
    "up",
    "a",
    "ar",
    "y",
    "yr",
    "o",
    "i'r",
    "ddydd",
    "dydd",
    "at",
    "swyddfa",
    "ysgol",
    "bore",
    "fore",
];

/// How many words after the lead the day may stand.
const REACH: usize = 9;

/// Months, English and Welsh, as whole words or their first letters.
const MONTHS: &[(&str, i8)] = &[
    ("january", 1),
    ("february", 2),
    ("march", 3),
    ("april", 4),
    ("may", 5),
    ("june", 6),
    ("july", 7),
    ("august", 8),
    ("september", 9),
    ("october", 10),
    ("november", 11),
    ("december", 12),
    ("jan", 1),
    ("feb", 2),
    ("mar", 3),
    ("apr", 4),
    ("jun", 6),
    ("jul", 7),
    ("aug", 8),
    ("sep", 9),
    ("sept", 9),
    ("oct", 10),
    ("nov", 11),
    ("dec", 12),
    ("ionawr", 1),
    ("chwefror", 2),
    ("mawrth", 3),
    ("ebrill", 4),
    ("mai", 5),
    ("mehefin", 6),
    ("gorffennaf", 7),
    ("awst", 8),
    ("medi", 9),
    ("fedi", 9),
    ("hydref", 10),
    ("tachwedd", 11),
    ("dachwedd", 11),
    ("rhagfyr", 12),
    ("fawrth", 3),
    ("fai", 5),
    ("fehefin", 6),
    ("orffennaf", 7),
    ("ragfyr", 12),
];

/// Days of the week.
const WEEKDAYS: &[(&str, Weekday)] = &[
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
    ("llun", Weekday::Monday),
    ("lun", Weekday::Monday),
    ("mercher", Weekday::Wednesday),
    ("fercher", Weekday::Wednesday),
    ("iau", Weekday::Thursday),
    ("gwener", Weekday::Friday),
    ("wener", Weekday::Friday),
];

/// The first day that the text announces. Where the year is not said it is the nearest that does not
/// lie more than a month before `sent`, the day the mail was written.
pub(super) fn day(text: &str, sent: Option<Date>) -> Option<Date> {
    let text = plain(text);
    let words: Vec<&str> = text
        .split([' ', ',', '(', ')', ';', '!'])
        .map(|word| word.trim_end_matches(['.', ':']))
        .filter(|word| !word.is_empty())
        .collect();
    let leads = words
        .iter()
        .enumerate()
        .filter(|(_, word)| LEADS.contains(word));
    let mut weekday = None;
    for (at, _) in leads {
        let after: Vec<&str> = words.iter().skip(at + 1).take(REACH).copied().collect();
        match after_lead(&after, sent) {
            Some(Told::Day(day)) => return Some(day),
            Some(Told::Weekday(day)) => weekday = weekday.or(Some(day)),
            None => {}
        }
    }
    let (weekday, sent) = weekday.zip(sent)?;
    sent.nth_weekday(1, weekday).ok()
}

enum Told {
    Day(Date),
    Weekday(Weekday),
}

fn after_lead(words: &[&str], sent: Option<Date>) -> Option<Told> {
    let mut weekday = None;
    for at in 0..words.len() {
        let rest = words.get(at..).unwrap_or_default();
        if let Some(date) = date_at(rest, sent) {
            return Some(Told::Day(date));
        }
        let word = rest.first().copied().unwrap_or_default();
        if let Some((_, day)) = WEEKDAYS
            .iter()
            .find(|(name, _)| *name == word || (word.len() == 3 && name.starts_with(word)))
        {
            weekday = weekday.or(Some(*day));
        } else if !FILLERS.contains(&word) {
            break;
        }
    }
    weekday.map(Told::Weekday)
}

fn date_at(words: &[&str], sent: Option<Date>) -> Option<Date> {
    let mut words = words
        .iter()
        .copied()
        .filter(|word| !matches!(*word, "of" | "o"));
    let (first, second, third) = (words.next()?, words.next(), words.next());
    if let Some(date) = in_figures(first, sent) {
        return Some(date);
    }
    let second = second?;
    let year = third.and_then(year);
    match (ordinal(first), month(second), month(first), ordinal(second)) {
        (Some(day), Some(month), _, _) | (_, _, Some(month), Some(day)) => {
            dated(year, month, day, sent)
        }
        _ => None,
    }
}

/// `03/01/2012` (day first, as here), `3.1.12`, `2012-01-03`, `3/1`.
fn in_figures(word: &str, sent: Option<Date>) -> Option<Date> {
    let parts: Vec<i16> = word
        .split(['/', '.', '-'])
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let small = |number: i16| i8::try_from(number).ok();
    match *parts.as_slice() {
        [year, month, day] if year >= 1000 => Date::new(year, small(month)?, small(day)?).ok(),
        [day, month, year] => {
            let year = if year < 100 { 2000 + year } else { year };
            Date::new(year, small(month)?, small(day)?).ok()
        }
        [day, month] if word.contains('/') => dated(None, small(month)?, small(day)?, sent),
        _ => None,
    }
}

fn ordinal(word: &str) -> Option<i8> {
    let digits = word.trim_end_matches(|c: char| c.is_alphabetic());
    let suffix = word.get(digits.len()..)?;
    let is_ordinal = matches!(
        suffix,
        "" | "st" | "nd" | "rd" | "th" | "af" | "ail" | "ydd" | "fed" | "eg" | "ain"
    );
    digits
        .parse()
        .ok()
        .filter(|day| is_ordinal && (1..=31).contains(day))
}

fn month(word: &str) -> Option<i8> {
    MONTHS
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, month)| *month)
}

fn year(word: &str) -> Option<i16> {
    word.parse().ok().filter(|year| (2000..2200).contains(year))
}

fn dated(year: Option<i16>, month: i8, day: i8, sent: Option<Date>) -> Option<Date> {
    if let Some(year) = year {
        return Date::new(year, month, day).ok();
    }
    let sent = sent?;
    let month_ago: Span = 31.days();
    let earliest = sent.checked_sub(month_ago).ok()?;
    let this_year = Date::new(earliest.year(), month, day).ok();
    let next_year = || Date::new(earliest.year().checked_add(1)?, month, day).ok();
    this_year
        .filter(|date| *date >= earliest)
        .or_else(next_year)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<String> {
        let sent = jiff::civil::date(2026, 12, 18);
        day(text, Some(sent)).map(|date| date.to_string())
    }

    #[test]
    fn days_are_read_as_people_write_them() {
        for (text, expected) in [
            ("I am on leave until 3 September 2027.", "2027-09-03"),
            (
                "out of the office till the 12th of February, hunting",
                "2027-02-12",
            ),
            ("until Tuesday, January 20. If", "2027-01-20"),
            ("is out of the office (returning 03/01/2027)", "2027-01-03"),
            ("returning to the office on May 5th", "2027-05-05"),
            ("School re-opens on Monday 4th January", "2027-01-04"),
            ("back on 4/1", "2027-01-04"),
            ("back in the office on 2027-01-04", "2027-01-04"),
            ("Rwyf ar wyliau tan ddydd Llun 4 Ionawr 2027", "2027-01-04"),
            ("Bydd yr ysgol yn ailagor ar 4ydd o Ionawr", "2027-01-04"),
            ("away until Wednesday", "2026-12-23"),
            ("away until Mon.", "2026-12-21"),
        ] {
            assert_eq!(told(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn no_day_is_made_up() {
        for text in [
            "I am on leave.",
            "until further notice",
            "until 31 February 2027",
            "ring 01245 000000",
            "back soon on 3",
        ] {
            assert_eq!(told(text), None, "{text}");
        }
        assert_eq!(day("until 3 September", None), None);
    }
}
