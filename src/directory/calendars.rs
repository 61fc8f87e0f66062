//! The calendars: term dates, the hours of the day, bank holidays.

use super::cell;
use super::finding::{Findings, Place};
use super::source::Source;
use super::table::{Columns, Row, Table};
use crate::referral::calendar::{CalendarRow, DayHours, DayKind, Scope};
use jiff::civil::{Date, Time};
use serde::Deserialize;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

const SCOPE: &str = "la: and three digits, or urn: and six or seven";

/// Reads term dates. Refused, and nothing else: what cannot be read, an end before its start, an
/// unknown kind or scope, an academic year that does not contain the start, and two `term` rows of
/// one scope that overlap.
pub(super) fn read_term_dates(source: &Source, findings: &mut Findings) -> Vec<CalendarRow> {
    let columns = Columns {
        required: &["scope", "academic_year", "kind", "start", "end", "source"],
        optional: &[],
        others_usual: false,
    };
    let mut rows = Vec::new();
    let mut terms = Vec::new();
    let Some(mut table) = Table::open(source, columns, findings) else {
        return rows;
    };
    while let Some(row) = table.next_row(findings) {
        let Some(read) = calendar_row(&row, findings) else {
            continue;
        };
        if read.kind == DayKind::Term {
            terms.push(Term {
                scope: read.scope,
                start: read.start,
                end: read.end,
                place: row.place_of("start"),
            });
        }
        rows.push(read);
    }
    refuse_overlaps(terms, findings);
    rows
}

fn calendar_row(row: &Row<'_, '_>, findings: &mut Findings) -> Option<CalendarRow> {
    let scope = row.required("scope", SCOPE, Scope::parse, findings);
    let year = row.required(
        "academic_year",
        "an academic year as 2024/25, 2024-25, 2024/2025 or 2024-2025",
        academic_year,
        findings,
    );
    let kind = row.required(
        "kind",
        "term, half-term, holiday, inset, staff_day or closure",
        DayKind::parse,
        findings,
    );
    let start = row.required("start", cell::DATE, cell::date, findings);
    let end = row.required("end", cell::DATE, cell::date, findings);
    let (scope, year, kind, start, end) = (scope?, year?, kind?, start?, end?);
    if end < start {
        findings.fault(row.place_of("end"), "a day not before the start");
    }
    if academic_year_of(start) != year {
        let expected = "the academic year (1 September to 31 August) that contains the start";
        findings.fault(row.place_of("academic_year"), expected);
    }
    (start <= end).then(|| CalendarRow {
        scope,
        kind,
        start,
        end,
        source: cell::cleaned(row.text("source")),
    })
}

/// The calendar year in which an academic year begins.
fn academic_year(text: &str) -> Option<i16> {
    let (first, second) = text.split_once(['/', '-'])?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if first.len() != 4 || !digits(first) || !digits(second) {
        return None;
    }
    let begins: i16 = first.parse().ok()?;
    let ends: i16 = second.parse().ok()?;
    let next = begins.checked_add(1)?;
    let follows = match second.len() {
        2 => ends == next % 100,
        4 => ends == next,
        _ => false,
    };
    follows.then_some(begins)
}

fn academic_year_of(day: Date) -> i16 {
    if day.month() >= 9 {
        day.year()
    } else {
        day.year() - 1
    }
}

struct Term {
    scope: Scope,
    start: Date,
    end: Date,
    place: Place,
}

fn refuse_overlaps(mut terms: Vec<Term>, findings: &mut Findings) {
    terms.sort_by_key(|term| (term.scope, term.start, term.end));
    let mut rest = terms.iter();
    let Some(mut longest) = rest.next() else {
        return;
    };
    for term in rest {
        if term.scope == longest.scope && term.start <= longest.end {
            // Of two rows the lower one in the file is named: the one added later, as a rule.
            let (upper, lower) = if term.place.line < longest.place.line {
                (term, longest)
            } else {
                (longest, term)
            };
            let line = upper.place.line.unwrap_or_default();
            let expected = format!("a term that does not overlap the one on line {line}");
            findings.fault(lower.place.clone(), expected);
        }
        if term.scope != longest.scope || term.end > longest.end {
            longest = term;
        }
    }
}

/// Reads the hours that differ from the default; a blank cell is the default.
pub(super) fn read_day_starts(
    source: &Source,
    findings: &mut Findings,
) -> HashMap<Scope, DayHours> {
    let columns = Columns {
        required: &["scope"],
        optional: &["start", "home_time", "phone_from", "phone_to"],
        others_usual: false,
    };
    let mut hours = HashMap::new();
    let Some(mut table) = Table::open(source, columns, findings) else {
        return hours;
    };
    while let Some(row) = table.next_row(findings) {
        let scope = row.required("scope", SCOPE, Scope::parse, findings);
        let (Some(scope), Some(day)) = (scope, day_hours(&row, findings)) else {
            continue;
        };
        match hours.entry(scope) {
            Entry::Vacant(place) => {
                place.insert(day);
            }
            Entry::Occupied(_) => findings.fault(row.place_of("scope"), "each scope once"),
        }
    }
    hours
}

fn day_hours(row: &Row<'_, '_>, findings: &mut Findings) -> Option<DayHours> {
    let usual = DayHours::default();
    let mut hour = |column, default: Time| {
        row.optional(column, cell::HOUR, cell::hour, findings)
            .map(|given| given.unwrap_or(default))
    };
    let start = hour("start", usual.start);
    let home_time = hour("home_time", usual.home_time);
    let phone_from = hour("phone_from", usual.phone_from);
    let phone_to = hour("phone_to", usual.phone_to);
    let hours = DayHours {
        start: start?,
        home_time: home_time?,
        phone_from: phone_from?,
        phone_to: phone_to?,
    };
    if hours.home_time <= hours.start {
        findings.fault(row.place_of("home_time"), "a time after the start");
        return None;
    }
    if hours.phone_to <= hours.phone_from {
        findings.fault(row.place_of("phone_to"), "a time after phone_from");
        return None;
    }
    Some(hours)
}

/// One division of GOV.UK's file; its other members are not read.
#[derive(Deserialize)]
struct Division {
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    date: Day,
}

/// A date that is checked while the reader still knows its line.
struct Day(Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        cell::date(&text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom(cell::DATE))
    }
}

/// Reads the bank holidays of one division from the file that GOV.UK publishes.
pub(super) fn read_bank_holidays(
    source: &Source,
    division: &str,
    findings: &mut Findings,
) -> BTreeSet<Date> {
    let divisions: HashMap<String, Division> = match serde_json::from_str(&source.text) {
        Ok(divisions) => divisions,
        Err(error) => {
            let number = Some(error.column()).filter(|column| *column > 0);
            let place = Place::cell(&source.file, error.line(), number, None);
            let expected = match error.classify() {
                serde_json::error::Category::Data => {
                    "bank holidays as GOV.UK publishes them: divisions with events, \
                     each with a date as YYYY-MM-DD"
                }
                serde_json::error::Category::Syntax
                | serde_json::error::Category::Eof
                | serde_json::error::Category::Io => "JSON",
            };
            findings.fault(place, expected);
            return BTreeSet::new();
        }
    };
    match divisions.get(division) {
        Some(found) => found.events.iter().map(|event| event.date.0).collect(),
        None => {
            let expected = format!("the division {division}");
            findings.fault(Place::file(&source.file), expected);
            BTreeSet::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_academic_year_is_written_in_four_ways() {
        for text in ["2024/25", "2024-25", "2024/2025", "2024-2025"] {
            assert_eq!(academic_year(text), Some(2024), "{text}");
        }
        assert_eq!(academic_year("2099/00"), Some(2099));
        for text in [
            "2024",
            "2024/26",
            "24/25",
            "2024/2026",
            "2024 / 25",
            "2024/025",
            "/",
        ] {
            assert_eq!(academic_year(text), None, "{text}");
        }
    }

    #[test]
    fn an_overlap_is_found_past_a_short_row_inside_a_long_one() {
        let mut findings = Findings::default();
        let text = "scope,academic_year,kind,start,end,source\n\
            la:881,2024/25,term,2025-01-06,2025-04-04,\n\
            la:881,2024/25,term,2024-09-02,2025-02-14,\n\
            la:881,2024/25,term,2024-10-01,2024-10-02,\n\
            la:882,2024/25,term,2024-10-01,2024-10-02,\n\
            la:881,2024/25,half-term,2024-10-01,2024-10-02,\n";
        let bytes = text.as_bytes().to_vec();
        let source = Source::new("t.csv", bytes, 9_999, &mut findings).unwrap();
        assert_eq!(read_term_dates(&source, &mut findings).len(), 5);
        let lines: Vec<_> = findings.faults.iter().map(|f| f.place.line).collect();
        assert_eq!(lines, [Some(4), Some(3)]);
    }
}
