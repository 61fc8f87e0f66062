//! The numbers at which a school is rung, and when two of them are one.

use super::directory::{ContactOf, Directory};
use super::fold::Case;
use super::london;
use super::plan::Target;
use super::school::{Contact, Role};
use jiff::Timestamp;

/// The numbers of whom cases of one place are for, each once, in the order in which they are rung: those of
/// the directory's contacts who may be told of all of them, and the register's; under a conflict those of the
/// authority's hubs behind it. No other is dialled (`letters.md`, the call).
pub fn numbers<'d>(directory: &'d Directory, cases: &[&Case], now: Timestamp) -> Vec<&'d str> {
    let Some(first) = cases.first() else {
        return Vec::new();
    };
    let (whose, register) = match first.target {
        Target::School(urn) => {
            let school = directory.schools.get(&urn);
            let register = school.and_then(|school| school.telephone.as_deref());
            (ContactOf::School(urn), register)
        }
        Target::Authority(code) => (ContactOf::Authority(code), None),
        Target::Unrouted => return Vec::new(),
    };
    let may_be_rung = |contact: &&Contact| {
        !directory.suspended.contains(&contact.id)
            && !cases
                .iter()
                .any(|case| must_not_be_told(case, contact, now))
    };
    let contacts = directory.contacts_of(whose).iter().filter(may_be_rung);
    let own = contacts.filter_map(|contact| contact.phone.as_deref());
    let instead =
        asked_instead(directory, cases, now).filter_map(|contact| contact.phone.as_deref());
    let mut numbers: Vec<&str> = Vec::new();
    for number in own.chain(register).chain(instead) {
        if !numbers.iter().any(|known| digits(known) == digits(number)) {
            numbers.push(number);
        }
    }
    numbers
}

/// Who is asked for where an adult involved has a part in the school, beside its head: the hubs of its
/// authority.
pub fn asked_instead<'d>(
    directory: &'d Directory,
    cases: &[&Case],
    now: Timestamp,
) -> impl Iterator<Item = &'d Contact> {
    let conflict = cases.iter().find(|case| case.conflict());
    let authority = conflict.and_then(|case| match case.target {
        Target::School(urn) => directory.schools.get(&urn)?.la_code,
        Target::Authority(_) | Target::Unrouted => None,
    });
    let contacts = authority.map(|code| directory.contacts_of(ContactOf::Authority(code)));
    contacts.unwrap_or_default().iter().filter(move |contact| {
        contact.role == Role::Hub
            && contact.is_valid_on(london::civil(now).date())
            && !directory.suspended.contains(&contact.id)
    })
}

/// Whether this contact must not be told of this child: whoever was passed over when its letter was
/// planned, whose address is suspended since, who has left or is still to come, and under a conflict
/// everybody at the school. An office is told of nobody, and may be asked who is in.
pub fn must_not_be_told(case: &Case, contact: &Contact, now: Timestamp) -> bool {
    let named = case.contacts.iter().any(|(id, ..)| *id == contact.id);
    let blocked = case.people.blocked.contains(&contact.id);
    let here = contact.is_valid_on(london::civil(now).date());
    case.conflict() || !here || (contact.role != Role::Office && (!named || blocked))
}

/// The digits that are dialled in this country: `+44 1621 000011` is `01621 000011`. An extension is asked
/// for once somebody answers, and makes no other number.
pub fn digits(number: &str) -> String {
    let number = number.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '+');
    let dialled = number.split(char::is_alphabetic).next().unwrap_or(number);
    let all: String = dialled.chars().filter(char::is_ascii_digit).collect();
    let abroad = dialled.starts_with('+');
    let national = all
        .strip_prefix("0044")
        .or_else(|| all.strip_prefix("44").filter(|_| abroad));
    match national {
        Some(rest) => format!("0{}", rest.trim_start_matches('0')),
        None => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_may_be_written_in_several_ways() {
        for same in [
            "01621 000011",
            "+44 1621 000011",
            "+44 (0)1621-000011",
            "(01621) 000 011",
            "0044 1621 000011",
            "0044 (0)1621 000011",
            "01621 000011 ext 4",
            "+44 1621 000011 x12",
        ] {
            assert_eq!(digits(same), "01621000011", "{same}");
        }
        assert_ne!(digits("4401621"), digits("+4401621"));
    }
}
