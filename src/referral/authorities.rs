//! The local authority that a text means: its DfE code, its ONS code or its name.

use super::names::name_key;
use super::school::LaCode;

/// One authority a line: DfE code, ONS codes with blanks between, name; source and licence at its top.
const TABLE: &str = include_str!("authorities.tsv");

/// What councils put behind their area's name, in the order it is taken off.
const ENDS: &[&str] = &[
    " council",
    " borough",
    " metropolitan",
    " county",
    " city",
    " city of",
    " county of",
];

/// What they put before it; a longer one stands before a shorter one that it begins with.
const BEGINNINGS: &[&str] = &[
    "london borough of ",
    "royal borough of ",
    "metropolitan borough of ",
    "borough of ",
    "city and county of ",
    "city of ",
    "county of ",
    "county ",
];

/// Reads a DfE code, any; else an ONS code or a name that the table knows. A name must be the whole
/// name, with or without what councils put around it: an authority is never guessed.
pub fn authority(text: &str) -> Option<LaCode> {
    let text = text.trim();
    if let Some(code) = LaCode::parse(text) {
        return Some(code);
    }
    let key = name_key(text);
    // The whole key first: the City of London is not London.
    let of_ons = find(|ons, _| {
        ons.split_whitespace()
            .any(|one| one.eq_ignore_ascii_case(text))
    });
    of_ons
        .or_else(|| find(|_, name| name_key(name) == key))
        .or_else(|| find(|_, name| name_key(name) == bare(&key)))
}

fn find(is_meant: impl Fn(&str, &str) -> bool) -> Option<LaCode> {
    let rows = TABLE.lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(row)
        .find(|(_, ons, name)| is_meant(ons, name))
        .and_then(|(code, ..)| LaCode::parse(code))
}

fn row(line: &str) -> Option<(&str, &str, &str)> {
    let mut columns = line.split('\t');
    Some((columns.next()?, columns.next()?, columns.next()?))
}

fn bare(key: &str) -> &str {
    let key = ENDS
        .iter()
        .fold(key, |key, end| key.strip_suffix(end).unwrap_or(key));
    let begun = BEGINNINGS.iter().find_map(|start| key.strip_prefix(start));
    begun.unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_code_or_a_whole_name_is_an_authority_and_nothing_else_is() {
        for (text, code) in [
            ("881", "881"),
            ("999", "999"),
            ("Essex", "881"),
            (" ESSEX COUNTY COUNCIL ", "881"),
            ("E10000012", "881"),
            ("e10000012", "881"),
            ("E10000023", "815"),
            ("E06000065", "815"),
            ("W06000015", "681"),
            ("Southend-on-Sea City Council", "882"),
            ("London Borough of Barking & Dagenham", "301"),
            ("Royal Borough of Windsor and Maidenhead", "868"),
            ("Bristol, City of", "801"),
            ("City of Bristol", "801"),
            ("County Durham", "840"),
            ("City of London", "201"),
            ("St Helens", "342"),
            ("Vale of Glamorgan Council", "673"),
        ] {
            assert_eq!(authority(text), LaCode::parse(code), "{text}");
        }
        for unknown in [
            "",
            " ",
            "London",
            "Sussex",
            "Esse",
            "Essex and Kent",
            "88",
            "0881",
            "E10000099",
            "Council",
            "Dorset",
            "Poole",
            "Northamptonshire",
            "#",
            "Yorkshire",
        ] {
            assert_eq!(authority(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn the_table_is_whole_and_nothing_in_it_means_two_authorities() {
        let lines: Vec<&str> = TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        let mut seen = HashSet::new();
        for line in &lines {
            let (code, ons, name) = row(line).unwrap();
            assert_eq!(line.split('\t').count(), 3, "{line}");
            let code = LaCode::parse(code).unwrap();
            for key in ons.split_whitespace().chain([name]) {
                assert!(seen.insert(bare(&name_key(key)).to_owned()), "{key}");
                assert_eq!(authority(key), Some(code), "{key}");
            }
            for ons in ons.split_whitespace() {
                let digits = ons.get(1..).unwrap_or_default();
                assert!(
                    digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit()),
                    "{ons}"
                );
            }
        }
        assert_eq!(lines.len(), 172);
    }
}
