//! The contacts: who at a school or authority is written to, through which route, in which order.

use super::cell;
use super::finding::{Findings, Place};
use super::mailbox;
use super::register::{LA_CODE, known_urn};
use super::source::Source;
use super::table::{Columns, Row, Table};
use crate::referral::directory::{ContactOf, Directory};
use crate::referral::id::ContactId;
use crate::referral::school::{
    Address, Contact, LaCode, Role, RouteName, School, SchoolStatus, Urn,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const COLUMNS: Columns = Columns {
    required: &[
        "urn",
        "role",
        "order",
        "name",
        "address",
        "route",
        "phone",
        "valid_from",
        "valid_to",
    ],
    optional: &[
        "nudge_to",
        "mobile",
        "phone_from",
        "phone_to",
        "holidays",
        "la_code",
        "word_hash",
        "briefed_on",
    ],
    others_usual: false,
};

const ADDRESS: &str = "a mail address of at most 254 ASCII characters";

/// Reads the contacts, in the order letters go: role, then order, then line. `schools` is none when
/// they could not all be read.
pub(super) fn read_contacts(
    source: &Source,
    schools: Option<&HashMap<Urn, School>>,
    new_id: &mut dyn FnMut() -> ContactId,
    findings: &mut Findings,
) -> BTreeMap<ContactOf, Vec<Contact>> {
    let mut contacts: BTreeMap<ContactOf, Vec<Contact>> = BTreeMap::new();
    let mut domains = Domains::default();
    let Some(mut table) = Table::open(source, COLUMNS, findings) else {
        return contacts;
    };
    while let Some(row) = table.next_row(findings) {
        let whose = contact_of(&row, schools, findings);
        let contact = contact(&row, new_id, findings);
        let (Some(whose), Some(contact)) = (whose, contact) else {
            continue;
        };
        let others = contacts.entry(whose).or_default();
        warn_of_oddities(&row, &contact, others, findings);
        warn_of_closed_school(&row, whose, schools, findings);
        domains.warn_of_likeness(&row, &contact.address, findings);
        others.push(contact);
    }
    for of_one in contacts.values_mut() {
        of_one.sort_by_key(|contact| (contact.role, contact.rank));
    }
    contacts
}

/// Warns of schools with a contact or an agreement whose letters have fewer than two recipients:
/// one absence, and nobody is told.
pub(super) fn warn_of_single_contacts(file: &str, directory: &Directory, findings: &mut Findings) {
    let with_contacts = directory.contacts.keys().filter_map(|whose| match whose {
        ContactOf::School(urn) => Some(*urn),
        ContactOf::Authority(_) => None,
    });
    let signed_up = directory.participation.keys().copied();
    let schools: BTreeSet<Urn> = with_contacts.chain(signed_up).collect();
    for urn in schools {
        let contacts = directory.contacts_of(ContactOf::School(urn));
        let recipients = contacts.iter().filter(|c| takes_letters(c)).count();
        if recipients < 2 {
            let note = format!(
                "letters to school {urn} have {recipients} possible recipients, fewer than two"
            );
            findings.warn(Place::file(file), note);
        }
    }
}

fn contact_of(
    row: &Row<'_, '_>,
    schools: Option<&HashMap<Urn, School>>,
    findings: &mut Findings,
) -> Option<ContactOf> {
    let la_code = row.optional("la_code", LA_CODE, LaCode::parse, findings);
    if !row.text("urn").is_empty() {
        let urn = known_urn(row, schools, findings);
        la_code?;
        return urn.map(ContactOf::School);
    }
    if let Some(None) = la_code {
        let expected = "a URN, or nothing here and an authority in la_code";
        findings.fault(row.place_of("urn"), expected);
    }
    la_code?.map(ContactOf::Authority)
}

fn contact(
    row: &Row<'_, '_>,
    new_id: &mut dyn FnMut() -> ContactId,
    findings: &mut Findings,
) -> Option<Contact> {
    let role = row.required(
        "role",
        "key_adult, deputy, hub or office",
        Role::parse,
        findings,
    );
    let rank = row.required("order", "a whole number from 0 to 999", rank, findings);
    let name = row.required(
        "name",
        "a name of 1 to 160 characters, without control characters",
        cell::words::<160>,
        findings,
    );
    let address = row.required("address", ADDRESS, Address::parse, findings);
    let route = row.required(
        "route",
        "a route's name: 1 to 32 of a-z, 0-9, _ and -",
        RouteName::parse,
        findings,
    );
    let phone = row.optional("phone", cell::PHONE, cell::phone, findings);
    let valid_from = row.optional("valid_from", cell::DATE, cell::date, findings);
    let valid_to = row.optional("valid_to", cell::DATE, cell::date, findings);
    let nudge_to = row.optional("nudge_to", ADDRESS, Address::parse, findings);
    let mobile = row.optional("mobile", cell::PHONE, cell::phone, findings);
    let phone_from = row.optional("phone_from", cell::HOUR, cell::hour, findings);
    let phone_to = row.optional("phone_to", cell::HOUR, cell::hour, findings);
    let holidays = row.optional("holidays", "yes, no or nothing", yes_or_no, findings);
    let word_hash = row.optional(
        "word_hash",
        "SHA-256 as 64 lower-case hexadecimal digits",
        digest,
        findings,
    );
    let briefed_on = row.optional("briefed_on", cell::DATE, cell::date, findings);
    let mut in_order = true;
    if let (Some(Some(from)), Some(Some(to))) = (valid_from, valid_to)
        && to < from
    {
        findings.fault(row.place_of("valid_to"), "a day not before valid_from");
        in_order = false;
    }
    if let (Some(Some(from)), Some(Some(to))) = (phone_from, phone_to)
        && to <= from
    {
        findings.fault(row.place_of("phone_to"), "a time after phone_from");
        in_order = false;
    }
    if !in_order {
        return None;
    }
    Some(Contact {
        role: role?,
        rank: rank?,
        name: name?,
        address: address?,
        route: route?,
        phone: phone?,
        valid_from: valid_from?,
        valid_to: valid_to?,
        nudge_to: nudge_to?,
        mobile: mobile?,
        phone_from: phone_from?,
        phone_to: phone_to?,
        holidays: holidays?.unwrap_or(false),
        word_hash: word_hash?,
        briefed_on: briefed_on?,
        id: new_id(),
    })
}

fn rank(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|rank| digits && *rank <= 999)
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn digest(text: &str) -> Option<String> {
    let good = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    good.then(|| text.to_owned())
}

fn takes_letters(contact: &Contact) -> bool {
    match contact.role {
        Role::KeyAdult | Role::Deputy | Role::Hub => true,
        Role::Office => false,
    }
}

fn warn_of_oddities(
    row: &Row<'_, '_>,
    contact: &Contact,
    others: &[Contact],
    findings: &mut Findings,
) {
    if takes_letters(contact) && mailbox::looks_general(&contact.address) {
        let note = "letters would go to what looks like a general mailbox";
        findings.warn(row.place_of("address"), note);
    }
    if mailbox::is_free_mail(&contact.address) {
        let note = "a free-mail domain: anybody may have such an address";
        findings.warn(row.place_of("address"), note);
    }
    if others
        .iter()
        .any(|other| other.address.folded() == contact.address.folded())
    {
        let note = "this school has this address twice";
        findings.warn(row.place_of("address"), note);
    }
    if others
        .iter()
        .any(|other| (other.role, other.rank) == (contact.role, contact.rank))
    {
        let note = "this school has two contacts of this role and order";
        findings.warn(row.place_of("order"), note);
    }
}

fn warn_of_closed_school(
    row: &Row<'_, '_>,
    whose: ContactOf,
    schools: Option<&HashMap<Urn, School>>,
    findings: &mut Findings,
) {
    let ContactOf::School(urn) = whose else {
        return;
    };
    let school = schools.and_then(|known| known.get(&urn));
    if school.is_some_and(|school| school.status == SchoolStatus::Closed) {
        findings.warn(row.place_of("urn"), "this school is closed in the register");
    }
}

/// The domains seen so far: by what they look like, the spelling and the line that came first.
#[derive(Debug, Default)]
struct Domains(HashMap<String, (String, usize)>);

impl Domains {
    fn warn_of_likeness(&mut self, row: &Row<'_, '_>, address: &Address, findings: &mut Findings) {
        let domain = mailbox::domain(address);
        let (first, line) = self
            .0
            .entry(mailbox::likeness(&domain))
            .or_insert_with(|| (domain.clone(), row.line()));
        if *first != domain {
            let note = format!("a domain that is easily taken for the one on line {line}");
            findings.warn(row.place_of("address"), note);
        }
    }
}
