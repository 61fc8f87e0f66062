//! The numbers at which a school is rung, and when two of them are one.

use super::directory::{ContactOf, Directory};
use super::plan::Target;

/// The numbers of whom a case is for, in the order in which they are rung: the directory's, and the
/// register's where that is another one. No other is dialled (`letters.md`, the call).
pub fn numbers(directory: &Directory, target: Target) -> Vec<&str> {
    let (whose, register) = match target {
        Target::School(urn) => {
            let school = directory.schools.get(&urn);
            let register = school.and_then(|school| school.telephone.as_deref());
            (ContactOf::School(urn), register)
        }
        Target::Authority(code) => (ContactOf::Authority(code), None),
        Target::Unrouted => return Vec::new(),
    };
    let mut contacts = directory.contacts_of(whose).iter();
    let own = contacts.find_map(|contact| contact.phone.as_deref());
    let register = register.filter(|register| {
        let same = |own: &str| digits(own) == digits(register);
        !own.is_some_and(same)
    });
    own.into_iter().chain(register).collect()
}

/// The digits that are dialled in this country: `+44 1621 000011` is `01621 000011`.
pub fn digits(number: &str) -> String {
    let all: String = number.chars().filter(char::is_ascii_digit).collect();
    match all.strip_prefix("44") {
        Some(rest) if number.trim_start().starts_with('+') => {
            format!("0{}", rest.trim_start_matches('0'))
        }
        Some(_) | None => all,
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
        ] {
            assert_eq!(digits(same), "01621000011", "{same}");
        }
        assert_ne!(digits("4401621"), digits("+4401621"));
    }
}
