//! How a letter says dates, times, ages and words: British English, civil time in Europe/London,
//! the 24-hour clock. Pure.

use crate::referral::post::{
    Born, Child, Incident, Made, Party, PartyRole, Presence, Relation, SpokenTo, TimePrecision,
};
use crate::referral::school::Role;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// The bundled zone database lacks Europe/London: a fault of the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the zone database does not know Europe/London")]
pub struct NoZone;

/// Instants as people at a school read them.
#[derive(Debug, Clone)]
pub(super) struct Civil(TimeZone);

impl Civil {
    /// Civil time in Europe/London.
    pub(super) fn london() -> Result<Self, NoZone> {
        TimeZone::get("Europe/London").map(Self).map_err(|_| NoZone)
    }

    /// The instant in London.
    pub(super) fn at(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.0.clone())
    }

    /// The day it is in London.
    pub(super) fn day(&self, at: Timestamp) -> Date {
        self.at(at).date()
    }

    /// `21:40`. In the hour that autumn has twice it says which: `01:30 BST`.
    pub(super) fn hour(&self, at: Timestamp) -> String {
        let at = self.at(at);
        let twice = self.0.to_ambiguous_timestamp(at.datetime()).is_ambiguous();
        let form = if twice { "%H:%M %Z" } else { "%H:%M" };
        at.strftime(form).to_string()
    }

    /// When it happened: `Sunday 22 November 2026, about 21:40`.
    pub(super) fn when(&self, incident: &Incident) -> String {
        let (begin, end) = (incident.occurred_at, incident.occurred_until);
        let (day, hour) = (long_date(self.day(begin)), self.hour(begin));
        let end = end
            .filter(|end| *end > begin)
            .map(|end| (long_date(self.day(end)), self.hour(end)));
        match (incident.time_precision, end) {
            (TimePrecision::DateOnly, Some((last, _))) if last != day => {
                format!("between {day} and {last}")
            }
            (TimePrecision::DateOnly, _) => day,
            (TimePrecision::Exact | TimePrecision::Approximate, Some((last, until)))
                if last != day =>
            {
                format!("between {hour} on {day} and {until} on {last}")
            }
            (TimePrecision::Exact | TimePrecision::Approximate, Some((_, until)))
                if until != hour =>
            {
                format!("{day}, between {hour} and {until}")
            }
            (TimePrecision::Exact, _) => format!("{day}, at {hour}"),
            (TimePrecision::Approximate, _) => format!("{day}, about {hour}"),
        }
    }
}

/// `Sunday 22 November 2026`.
fn long_date(day: Date) -> String {
    day.strftime("%A %-d %B %Y").to_string()
}

/// `12 March 2016 (age 10)`, with the age on the letter's day.
pub(super) fn born(born: Born, today: Date) -> String {
    match born {
        Born::On(date) => {
            let day = date.0.strftime("%-d %B %Y");
            match age(date.0, today) {
                Some(0) => format!("{day} (under a year old)"),
                Some(years) => format!("{day} (age {years})"),
                None => day.to_string(),
            }
        }
        Born::About(years) => format!("not known; about {} years old", years.0),
        Born::NotKnown => "not known".to_owned(),
    }
}

/// Whole years; somebody born on 29 February is a year older on 1 March of a common year.
fn age(born: Date, today: Date) -> Option<u16> {
    let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
    let years = today.year().checked_sub(born.year())? - i16::from(!had_birthday);
    u16::try_from(years).ok()
}

/// `Amelia OKAFOR`: the family name stands out, so that nobody takes one name for the other.
pub(super) fn full_name(child: &Child) -> String {
    let given = one_line(&child.given_name.0);
    let family = one_line(&child.family_name.0).to_uppercase();
    let name = one_line(&format!("{given} {family}"));
    if name.is_empty() {
        "not known".to_owned()
    } else {
        name
    }
}

/// The name a child is called by; empty where it says no more than the given name does.
pub(super) fn known_as(child: &Child) -> String {
    let called = child.known_as.as_ref().map(|name| one_line(&name.0));
    let given = one_line(&child.given_name.0);
    called.filter(|name| *name != given).unwrap_or_default()
}

/// Whether the child was there.
pub(super) fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Present => "yes",
        Presence::NotPresent => "no",
        Presence::Unknown => "not known",
    }
}

/// Whether something was done.
pub(super) fn made(made: Made) -> &'static str {
    match made {
        Made::Made => "yes",
        Made::NotMade => "no",
        Made::Unknown => "not known",
    }
}

/// Whether an officer spoke to the child.
pub(super) fn spoken_to(spoken_to: SpokenTo) -> &'static str {
    match spoken_to {
        SpokenTo::No => "no",
        SpokenTo::Alone => "yes, alone",
        SpokenTo::WithAdult => "yes, with an adult there",
        SpokenTo::Unknown => "not known",
    }
}

/// `mother (victim), father (suspect)`; empty when nobody is recorded.
pub(super) fn involved(parties: &[Party]) -> String {
    let people: Vec<String> = parties
        .iter()
        .map(|party| {
            let part = match party.role {
                PartyRole::Victim => "victim",
                PartyRole::Suspect => "suspect",
                PartyRole::Both => "victim and suspect",
                PartyRole::Unknown => "part not known",
            };
            format!("{} ({part})", relation(party.relation_to_child))
        })
        .collect();
    people.join(", ")
}

/// The one adult of the family whom a school may speak to when the force says "the victim only".
///
/// Anything that could point at the wrong person (two victims, a victim who is also a suspect, two
/// people of the same relation, a relation that names no adult) gives none: ring us first.
pub(super) fn victim_parent(parties: &[Party]) -> Option<&'static str> {
    let mut victims = parties.iter().filter(|party| match party.role {
        PartyRole::Victim | PartyRole::Both => true,
        PartyRole::Suspect | PartyRole::Unknown => false,
    });
    let (victim, second) = (victims.next()?, victims.next());
    let alike = parties
        .iter()
        .filter(|party| party.relation_to_child == victim.relation_to_child)
        .count();
    let adult = match victim.relation_to_child {
        Relation::Mother
        | Relation::Father
        | Relation::StepParent
        | Relation::PartnerOfParent
        | Relation::Grandparent => true,
        Relation::Sibling | Relation::Other => false,
    };
    let sure = second.is_none() && alike == 1 && adult && victim.role == PartyRole::Victim;
    sure.then(|| relation(victim.relation_to_child))
}

fn relation(relation: Relation) -> &'static str {
    match relation {
        Relation::Mother => "mother",
        Relation::Father => "father",
        Relation::StepParent => "step-parent",
        Relation::PartnerOfParent => "parent's partner",
        Relation::Sibling => "sibling",
        Relation::Grandparent => "grandparent",
        Relation::Other => "another person",
    }
}

/// Who else has the letter, by role: `the Key Adult and another deputy`; empty when nobody has.
pub(super) fn holders(reader: Role, holders: &[Role]) -> String {
    let mut people: Vec<&str> = Vec::new();
    for (role, of_another_role, of_the_same) in [
        (Role::KeyAdult, "the Key Adult", "another Key Adult"),
        (Role::Deputy, "a deputy", "another deputy"),
        (
            Role::Hub,
            "the safeguarding lead who acts for the school",
            "another lead",
        ),
    ] {
        if holders.contains(&role) {
            let same = role == reader;
            people.push(if same { of_the_same } else { of_another_role });
        }
    }
    people.join(" and ")
}

/// Text on one line, blanks made single. A line break inside a value would begin a line of the
/// letter that nobody wrote.
pub(super) fn one_line(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One line that ends as a sentence does, so that a mail program leaves the line as it is.
pub(super) fn sentence(text: &str) -> String {
    let line = one_line(text);
    if line.is_empty() || line.ends_with(['.', '?', '!', ':']) {
        line
    } else {
        format!("{line}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::referral::post::Private;
    use jiff::civil::date;

    #[test]
    fn an_age_is_counted_in_whole_years() {
        let on = |year, month, day| Born::On(Private(date(year, month, day)));
        let today = date(2026, 11, 22);
        for (given, said) in [
            (on(2016, 3, 12), "12 March 2016 (age 10)"),
            (on(2016, 11, 22), "22 November 2016 (age 10)"),
            (on(2016, 11, 23), "23 November 2016 (age 9)"),
            (on(2026, 1, 1), "1 January 2026 (under a year old)"),
            (on(2027, 1, 1), "1 January 2027"),
            (Born::About(Private(7)), "not known; about 7 years old"),
            (Born::NotKnown, "not known"),
        ] {
            assert_eq!(born(given, today), said);
        }
        let leapling = on(2016, 2, 29);
        assert_eq!(
            born(leapling, date(2027, 2, 28)),
            "29 February 2016 (age 10)"
        );
        assert_eq!(
            born(leapling, date(2027, 3, 1)),
            "29 February 2016 (age 11)"
        );
    }

    #[test]
    fn the_hour_that_comes_twice_says_which() {
        let civil = Civil::london().unwrap();
        for (instant, said) in [
            ("2026-10-25T00:30:00Z", "01:30 BST"),
            ("2026-10-25T01:30:00Z", "01:30 GMT"),
            ("2026-10-25T02:30:00Z", "02:30"),
            ("2026-07-01T20:40:00Z", "21:40"),
        ] {
            assert_eq!(civil.hour(instant.parse().unwrap()), said);
        }
    }

    #[test]
    fn the_victim_parent_is_named_only_when_there_is_no_doubt() {
        let party = |role, relation_to_child| Party {
            role,
            relation_to_child,
        };
        let mother = party(PartyRole::Victim, Relation::Mother);
        let father = party(PartyRole::Suspect, Relation::Father);
        assert_eq!(victim_parent(&[mother, father]), Some("mother"));
        for doubtful in [
            vec![],
            vec![father],
            vec![mother, party(PartyRole::Victim, Relation::Father)],
            vec![mother, party(PartyRole::Both, Relation::Father)],
            vec![mother, party(PartyRole::Suspect, Relation::Mother)],
            vec![party(PartyRole::Both, Relation::Mother)],
            vec![party(PartyRole::Victim, Relation::Sibling), father],
        ] {
            assert_eq!(victim_parent(&doubtful), None, "{doubtful:?}");
        }
    }

    #[test]
    fn a_value_stays_on_one_line() {
        assert_eq!(one_line(" a\r\nb\u{2028}c\u{0}\td "), "a b c d");
        assert_eq!(sentence("Keep it safe"), "Keep it safe.");
        assert_eq!(sentence("Is it safe?\n"), "Is it safe?");
    }
}
