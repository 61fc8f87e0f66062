//! What the register says of a school named in a post: whether the name is alike, what came after a
//! closed school, and which open schools may be meant. Suggestions are for a person to choose from.

use super::super::directory::{Directory, LinkKind};
use super::super::name_index::{Wanted, postcode_key};
use super::super::names::{name_key, similarity};
use super::super::post::SchoolNamed;
use super::super::school::{LaCode, School, SchoolStatus, Urn};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Names at least this alike are one school's under its own URN: a slip of the pen, no more.
const ALIKE_MIN: f64 = 0.9;

/// Words shorter than this must be the same; longer ones may differ by one letter, written or
/// swapped. `Hill` is not `Mill`, and `Northgate` is two letters from `Southgate`.
const LONG_WORD_LETTERS: usize = 5;

/// Suggestions shown; a person reads five at a glance.
const SUGGESTIONS_MAX: usize = 5;

/// Below this a suggestion would only mislead: the name alone must be more alike than not.
const SUGGESTION_MIN: f64 = 0.6;

/// A school whose name has every word recorded is worth showing, however short the record: people
/// write `Northgate`.
const EVERY_WORD: f64 = 0.7;

/// What sharing a place adds to the likeness of two names, from 0 to 1: less than any two names
/// that are plainly the same, enough to order schools of one name.
const SAME_POSTCODE: f64 = 0.35;
const SAME_TOWN: f64 = 0.2;
const SAME_AUTHORITY: f64 = 0.1;

/// Links followed from a closed school; the longest chains of academy conversions are half of it.
const LINKS_FOLLOWED_MAX: usize = 16;

/// Whether the name as recorded is the register's, with or without the register's town.
pub(super) fn is_alike(recorded: &str, school: &School) -> bool {
    spellings(recorded, school)
        .into_iter()
        .any(|(a, b)| similarity(a, b) >= ALIKE_MIN && words_agree(a, b))
}

fn likeness(recorded: &str, school: &School) -> f64 {
    spellings(recorded, school)
        .into_iter()
        .map(|(a, b)| {
            let floor = if words_agree(a, b) { EVERY_WORD } else { 0.0 };
            similarity(a, b).max(floor)
        })
        .fold(0.0, f64::max)
}

/// The two names as they stand, and without the register's town: another one names another school.
fn spellings<'a>(recorded: &'a str, school: &'a School) -> [(&'a str, &'a str); 2] {
    let town = school.town.as_deref().unwrap_or_default();
    [
        (recorded, &school.name),
        (
            without_town(recorded, town),
            without_town(&school.name, town),
        ),
    ]
}

/// Whether each word of the shorter name stands in the longer one.
fn words_agree(a: &str, b: &str) -> bool {
    let (a, b) = (name_key(a), name_key(b));
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split(' ').collect(), b.split(' ').collect());
    let (few, many) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    few.iter().all(|word| {
        let long = word.chars().count() >= LONG_WORD_LETTERS;
        many.iter()
            .any(|other| word == other || long && strsim::osa_distance(word, other) == 1)
    })
}

fn without_town<'a>(name: &'a str, town: &str) -> &'a str {
    let aside = |c: char| !c.is_alphanumeric();
    let (name, town) = (name.trim_end_matches(aside), town.trim());
    let rest = name
        .len()
        .checked_sub(town.len())
        .and_then(|at| name.split_at_checked(at))
        .filter(|(_, end)| end.to_lowercase() == town.to_lowercase())
        .map(|(rest, _)| rest);
    match rest {
        Some(rest) if !town.is_empty() && rest.ends_with(aside) => rest.trim_end_matches(aside),
        Some(_) | None => name,
    }
}

/// The open schools that links lead to from a school that is not open, through others that are not.
pub(super) fn open_linked(directory: &Directory, from: Urn, kind: LinkKind) -> Vec<Urn> {
    let mut open = Vec::new();
    let mut seen = BTreeSet::from([from]);
    let mut next = vec![from];
    while let Some(urn) = next.pop() {
        for (_, other) in links(directory, urn).filter(|(k, _)| *k == kind) {
            if seen.len() > LINKS_FOLLOWED_MAX || !seen.insert(other) {
                continue;
            }
            match directory.schools.get(&other).map(|school| school.status) {
                Some(SchoolStatus::Open) => open.push(other),
                Some(SchoolStatus::Closed | SchoolStatus::Proposed) => next.push(other),
                None => {}
            }
        }
    }
    open.sort_unstable();
    open
}

fn links(directory: &Directory, urn: Urn) -> impl Iterator<Item = (LinkKind, Urn)> {
    directory.links.get(&urn).into_iter().flatten().copied()
}

/// Open schools that may be meant, best first: those that links lead to, then by name and place.
pub(super) fn suggestions(
    directory: &Directory,
    named: &SchoolNamed,
    linked: Vec<Urn>,
) -> Vec<Urn> {
    let wanted = Wanted {
        name: &named.name_recorded,
        town: named.town.as_deref(),
        postcode: named.postcode.as_deref(),
        la_code: named.la.as_deref().and_then(LaCode::parse),
    };
    let mut ranked: Vec<(f64, Urn)> = directory
        .name_index
        .candidates(&directory.schools, &wanted)
        .into_iter()
        .filter(|urn| !linked.contains(urn))
        .filter_map(|urn| Some((score(&wanted, directory.schools.get(&urn)?), urn)))
        .filter(|(score, _)| *score >= SUGGESTION_MIN)
        .collect();
    ranked.sort_by(best_first);
    let by_name = ranked.into_iter().map(|(_, urn)| urn);
    linked
        .into_iter()
        .chain(by_name)
        .take(SUGGESTIONS_MAX)
        .collect()
}

/// Equal scores stand in order of their URN, so that a plan is the same each time it is made.
fn best_first(a: &(f64, Urn), b: &(f64, Urn)) -> Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

fn score(wanted: &Wanted<'_>, school: &School) -> f64 {
    let same = |a: Option<&str>, b: Option<&str>, key: fn(&str) -> String| {
        a.is_some() && a.map(key) == b.map(key)
    };
    let mut score = likeness(wanted.name, school);
    if same(wanted.postcode, school.postcode.as_deref(), postcode_key) {
        score += SAME_POSTCODE;
    }
    if same(wanted.town, school.town.as_deref(), str::to_lowercase) {
        score += SAME_TOWN;
    }
    if wanted.la_code.is_some() && wanted.la_code == school.la_code {
        score += SAME_AUTHORITY;
    }
    score
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_alike_and_a_neighbour_is_not() {
        for (a, b) in [
            ("saint marys primary", "saint marys primary"),
            ("northgate communtiy primary", "northgate community primary"),
        ] {
            assert!(words_agree(a, b), "{a}, {b}");
        }
        for (a, b) in [
            ("northgate community primary", "southgate community primary"),
            ("hill view primary", "mill view primary"),
            ("saint marys infant", "saint marys junior"),
        ] {
            assert!(!words_agree(a, b), "{a}, {b}");
        }
    }

    #[test]
    fn a_town_is_taken_off_as_a_word_at_the_end() {
        for (name, town, rest) in [
            (
                "Northgate Primary School, Chelmsford",
                "Chelmsford",
                "Northgate Primary School",
            ),
            ("Northgate (CHELMSFORD)", "Chelmsford", "Northgate"),
            ("Northgate", "Chelmsford", "Northgate"),
            ("Chelmsford", "Chelmsford", "Chelmsford"),
            ("Newchelmsford", "Chelmsford", "Newchelmsford"),
            ("Ysgol Bro Tŵr", "Tŵr", "Ysgol Bro"),
            ("Éé", "xé", "Éé"),
            ("Northgate", "", "Northgate"),
        ] {
            assert_eq!(without_town(name, town), rest, "{name}");
        }
    }
}
