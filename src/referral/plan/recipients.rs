//! Which contacts of a school or authority may be sent a letter about a child, in order.

use super::super::directory::ContactOf;
use super::super::school::{NotARecipient, Recipient};
use super::findings::Findings;
use super::{Given, HoldReason, RouteReason};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The contacts that may be sent a letter, in directory order, and what was found on the way.
/// Contacts of the surname given are passed over: it is the child's, and whether an adult involved
/// has a part in the school is not known.
pub(super) fn recipients(
    given: &Given<'_>,
    whose: ContactOf,
    pass_over_surname: Option<&str>,
    findings: &mut Findings,
) -> Vec<Recipient> {
    let mut recipients = Vec::new();
    for contact in given.directory.contacts_of(whose) {
        match Recipient::of(contact, &given.withheld, given.today) {
            Ok(_) if given.directory.suspended.contains(&contact.id) => {
                findings.note(RouteReason::AddressSuspended);
            }
            Ok(_) if pass_over_surname.is_some_and(|name| bears(&contact.name, name)) => {
                findings.note(RouteReason::ContactSharesSurname);
            }
            Ok(recipient) => recipients.push(recipient),
            Err(NotARecipient::Withheld) => findings.note(RouteReason::AddressWithheld),
            Err(NotARecipient::Office | NotARecipient::NotValidToday) => {}
        }
    }
    match recipients.len() {
        0 => findings.hold(HoldReason::NobodyToNotify, RouteReason::NoContact),
        1 => findings.note(RouteReason::SingleContact),
        _ => {}
    }
    recipients
}

/// Whether a person's name ends with this surname, which may be of several words.
fn bears(name: &str, surname: &str) -> bool {
    let (name, surname) = (folded(name), folded(surname));
    let before = name.strip_suffix(&surname);
    !surname.is_empty() && before.is_some_and(|rest| rest.is_empty() || rest.ends_with(' '))
}

/// Without case, accents, apostrophes and repeated blanks: passing over one contact too many costs
/// a colleague's attention, one too few may cost a child's safety.
fn folded(name: &str) -> String {
    let plain: String = name
        .nfkd()
        .filter(|c| !is_combining_mark(*c) && !matches!(c, '\'' | '’' | '‘' | 'ʼ' | '`'))
        .collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_surname_is_the_same_however_it_is_written() {
        for (name, surname) in [
            ("Anna Okafor", "OKAFOR"),
            ("Okafor", "Okafor"),
            ("Mr J.  van der Berg", "Van der  Berg"),
            ("Siân O’Brien", "O'BRIEN"),
            ("Hu\u{1ebf} Nguye\u{302}\u{303}n", "Nguyễn"),
        ] {
            assert!(bears(name, surname), "{name}, {surname}");
        }
        for (name, surname) in [
            ("Anna Okafor-Smith", "Okafor"),
            ("Anna Berg", "van der Berg"),
            ("Okafor Anna", "Okafor"),
            ("Anna Macdonald", "Donald"),
            ("Anna Okafor", ""),
        ] {
            assert!(!bears(name, surname), "{name}, {surname}");
        }
    }
}
