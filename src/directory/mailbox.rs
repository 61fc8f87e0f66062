//! Mailboxes that a letter to one trained person hardly belongs in.

use crate::referral::school::Address;

/// Whether a mailbox looks like one that several people read: an office's, a head's, a reception's.
/// A name that also speaks of safeguarding is taken at its word.
pub(super) fn looks_general(address: &Address) -> bool {
    let folded = address.folded();
    let local = folded.split('@').next().unwrap_or_default();
    let mut words = local
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|word| !word.is_empty());
    if words
        .clone()
        .any(|word| entries(SAFEGUARDING).any(|entry| word.starts_with(entry)))
    {
        return false;
    }
    words.any(|word| entries(GENERAL).any(|entry| word == entry) || word.ends_with("office"))
}

/// Whether anybody in the world may have a mailbox at this domain.
pub(super) fn is_free_mail(address: &Address) -> bool {
    let domain = domain(address);
    let domain = domain.strip_suffix(".cjsm.net").unwrap_or(&domain);
    entries(FREE_MAIL).any(|entry| domain == entry)
}

/// The domain in lower case.
pub(super) fn domain(address: &Address) -> String {
    let folded = address.folded();
    folded
        .rsplit_once('@')
        .map(|(_, domain)| domain.to_owned())
        .unwrap_or_default()
}

/// What two domains share that a reader takes for one another (`schoo1.sch.uk`, `school.sch.uk`).
pub(super) fn likeness(domain: &str) -> String {
    domain
        .replace("rn", "m")
        .replace("vv", "w")
        .replace("cl", "d")
        .replace(['1', 'i'], "l")
        .replace('0', "o")
        .replace('5', "s")
}

const GENERAL: &str = include_str!("general-mailboxes.txt");
const SAFEGUARDING: &str = include_str!("safeguarding-mailboxes.txt");
const FREE_MAIL: &str = include_str!("free-mail.txt");

/// One entry a line; a line that begins with # is a remark.
fn entries(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn every_general_word_is_recognised_alone_and_beside_a_school() {
        for word in entries(GENERAL) {
            assert!(
                looks_general(&address(&format!("{word}@x.sch.uk"))),
                "{word}"
            );
            assert!(
                looks_general(&address(&format!("Far-Quay.{word}2@x.sch.uk"))),
                "{word}"
            );
        }
        assert!(looks_general(&address("schooloffice@x.sch.uk")));
    }

    #[test]
    fn a_person_or_a_safeguarding_mailbox_is_not_general() {
        for word in entries(SAFEGUARDING) {
            let local = format!("{word}-office@x.sch.uk");
            assert!(!looks_general(&address(&local)), "{word}");
        }
        assert!(!looks_general(&address("a.headley@x.sch.uk")));
    }

    #[test]
    fn free_mail_is_seen_behind_the_secure_suffix() {
        for domain in entries(FREE_MAIL) {
            assert!(is_free_mail(&address(&format!("a@{domain}"))));
            assert!(is_free_mail(&address(&format!("a@{domain}.cjsm.net"))));
        }
        assert!(!is_free_mail(&address("a@northgate.sch.uk.cjsm.net")));
    }

    #[test]
    fn look_alike_domains_are_alike() {
        assert_eq!(likeness("schoo1.sch.uk"), likeness("school.sch.uk"));
        assert_eq!(likeness("rnarsh-end.sch.uk"), likeness("marsh-end.sch.uk"));
        assert_ne!(likeness("northgate.sch.uk"), likeness("southgate.sch.uk"));
    }
}
