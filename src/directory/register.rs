//! The schools: the GIAS extract in any of its layouts, its links, settings outside it, and who has
//! signed up.

use super::cell;
use super::finding::{Findings, Tally};
use super::source::Source;
use super::table::{Columns, Row, Table};
use crate::referral::directory::{LinkKind, Participation};
use crate::referral::school::{LaCode, School, SchoolStatus, Urn};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// What [`Urn::parse`] reads, for messages.
pub(super) const URN: &str = "a URN of six or seven digits";
/// What [`LaCode::parse`] reads, for messages.
pub(super) const LA_CODE: &str = "a local authority's code of three digits";
const NAME: &str = "a name of 1 to 250 characters, without control characters";
const UNKNOWN_URN: &str = "the URN of a school in schools.csv or schools-extra.csv";
const ONCE: &str = "each URN once";

/// Of its 120, 133 or 140 columns. Dates are not read: whether a school is open is a column of its
/// own, and a date in the future says nothing about today.
const REGISTER: Columns = Columns {
    required: &[
        "URN",
        "LA (code)",
        "EstablishmentName",
        "EstablishmentStatus (name)",
    ],
    optional: &[
        "StatutoryLowAge",
        "StatutoryHighAge",
        "Town",
        "Postcode",
        "TelephoneNum",
    ],
    others_usual: true,
};

/// The statuses that the register publishes.
const STATUSES: [(&str, SchoolStatus); 4] = [
    ("Open", SchoolStatus::Open),
    ("Open, but proposed to close", SchoolStatus::Open),
    ("Closed", SchoolStatus::Closed),
    ("Proposed to open", SchoolStatus::Proposed),
];

/// Reads the GIAS extract.
pub(super) fn read_schools(source: &Source, findings: &mut Findings) -> HashMap<Urn, School> {
    let mut schools = HashMap::new();
    let mut shifted = Tally::default();
    let mut left_out = Tally::default();
    let Some(mut table) = Table::open(source, REGISTER, findings) else {
        return schools;
    };
    while let Some(row) = table.next_row(findings) {
        if row.is_shifted() {
            shifted.add(|| row.place());
        }
        let Some(school) = registered_school(&row, &mut left_out, findings) else {
            continue;
        };
        insert_once(&mut schools, school, "URN", &row, findings);
    }
    shifted.warn(
        "more cells than the header: the school's address and telephone are left out",
        findings,
    );
    left_out.warn("not readable, left out", findings);
    schools
}

fn registered_school(
    row: &Row<'_, '_>,
    left_out: &mut Tally,
    findings: &mut Findings,
) -> Option<School> {
    let urn = row.required("URN", URN, Urn::parse, findings);
    let name = row.required("EstablishmentName", NAME, cell::words::<250>, findings);
    let la_code = row.optional("LA (code)", LA_CODE, LaCode::parse, findings);
    let status = row.required(
        "EstablishmentStatus (name)",
        "Open, Closed, Open, but proposed to close, or Proposed to open",
        |text| {
            let mut known = STATUSES.into_iter();
            known.find(|(word, _)| *word == text).map(|(_, s)| s)
        },
        findings,
    );
    let mut age = |column| {
        row.optional(
            column,
            "an age in whole years, or nothing",
            |t| t.parse().ok(),
            findings,
        )
    };
    let (low_age, high_age) = (age("StatutoryLowAge"), age("StatutoryHighAge"));
    // These only help a person to find or ring the school: a bad one refuses nothing.
    let mut helpful = |column, read: fn(&str) -> Option<String>| {
        let text = row.text(column);
        let value = (!row.is_shifted()).then(|| read(text)).flatten();
        if value.is_none() && !text.is_empty() && !row.is_shifted() {
            left_out.add(|| row.place_of(column));
        }
        value
    };
    let town = helpful("Town", cell::words::<100>);
    let postcode = helpful("Postcode", cell::words::<12>);
    let telephone = helpful("TelephoneNum", cell::phone);
    Some(School {
        urn: urn?,
        name: name?,
        la_code: la_code?,
        status: status?,
        low_age: low_age?,
        high_age: high_age?,
        town,
        postcode,
        telephone,
    })
}

/// Reads the settings outside the register: all open.
pub(super) fn read_schools_extra(
    source: &Source,
    schools: &mut HashMap<Urn, School>,
    findings: &mut Findings,
) {
    let columns = Columns {
        required: &["urn", "name", "la_code", "postcode"],
        optional: &[],
        others_usual: false,
    };
    let Some(mut table) = Table::open(source, columns, findings) else {
        return;
    };
    while let Some(row) = table.next_row(findings) {
        let urn = row.required("urn", URN, Urn::parse, findings);
        let name = row.required("name", NAME, cell::words::<250>, findings);
        let la_code = row.optional("la_code", LA_CODE, LaCode::parse, findings);
        let postcode = row.optional("postcode", "a postcode", cell::words::<12>, findings);
        if let (Some(urn), Some(name), Some(la_code), Some(postcode)) =
            (urn, name, la_code, postcode)
        {
            let school = School {
                urn,
                name,
                la_code,
                status: SchoolStatus::Open,
                low_age: None,
                high_age: None,
                town: None,
                postcode,
                telephone: None,
            };
            insert_once(schools, school, "urn", &row, findings);
        }
    }
}

fn insert_once(
    schools: &mut HashMap<Urn, School>,
    school: School,
    column: &'static str,
    row: &Row<'_, '_>,
    findings: &mut Findings,
) {
    match schools.entry(school.urn) {
        Entry::Vacant(place) => {
            place.insert(school);
        }
        Entry::Occupied(_) => findings.fault(row.place_of(column), ONCE),
    }
}

/// Reads the links extract: which school came before or after which. Other kinds of link (a sixth
/// form centre's) are not succession and are passed over.
pub(super) fn read_links(
    source: &Source,
    findings: &mut Findings,
) -> HashMap<Urn, Vec<(LinkKind, Urn)>> {
    let columns = Columns {
        required: &["URN", "LinkURN", "LinkType"],
        optional: &[],
        others_usual: true,
    };
    let mut links: HashMap<Urn, Vec<(LinkKind, Urn)>> = HashMap::new();
    let Some(mut table) = Table::open(source, columns, findings) else {
        return links;
    };
    while let Some(row) = table.next_row(findings) {
        let urn = row.required("URN", URN, Urn::parse, findings);
        let other = row.required("LinkURN", URN, Urn::parse, findings);
        let kind = row.required("LinkType", "a kind of link", link_kind, findings);
        if let (Some(urn), Some(other), Some(Some(kind))) = (urn, other, kind) {
            let of_school = links.entry(urn).or_default();
            if !of_school.contains(&(kind, other)) {
                of_school.push((kind, other));
            }
        }
    }
    links
}

/// `Successor - merged` and the like; `Some(None)` for a link that is no succession.
fn link_kind(text: &str) -> Option<Option<LinkKind>> {
    if text.is_empty() {
        None
    } else if text.starts_with("Predecessor") {
        Some(Some(LinkKind::Predecessor))
    } else if text.starts_with("Successor") {
        Some(Some(LinkKind::Successor))
    } else {
        Some(None)
    }
}

/// Reads who has signed the force's agreement. `schools` is none when they could not all be read.
pub(super) fn read_participation(
    source: &Source,
    schools: Option<&HashMap<Urn, School>>,
    findings: &mut Findings,
) -> HashMap<Urn, Participation> {
    let columns = Columns {
        required: &["urn", "signed_up_on", "agreement"],
        optional: &[],
        others_usual: false,
    };
    let mut participation = HashMap::new();
    let Some(mut table) = Table::open(source, columns, findings) else {
        return participation;
    };
    while let Some(row) = table.next_row(findings) {
        let urn = known_urn(&row, schools, findings);
        let signed_up_on = row.required("signed_up_on", cell::DATE, cell::date, findings);
        let agreement = row.required(
            "agreement",
            "the agreement's name, 1 to 100 characters",
            cell::words::<100>,
            findings,
        );
        if let (Some(urn), Some(signed_up_on), Some(agreement)) = (urn, signed_up_on, agreement) {
            let signed = Participation {
                signed_up_on,
                agreement,
            };
            if participation.insert(urn, signed).is_some() {
                findings.fault(row.place_of("urn"), ONCE);
            }
        }
    }
    participation
}

/// The URN of a school that the register holds. `schools` is none when they could not all be read.
pub(super) fn known_urn(
    row: &Row<'_, '_>,
    schools: Option<&HashMap<Urn, School>>,
    findings: &mut Findings,
) -> Option<Urn> {
    let urn = row.required("urn", URN, Urn::parse, findings)?;
    if schools.is_some_and(|known| !known.contains_key(&urn)) {
        findings.fault(row.place_of("urn"), UNKNOWN_URN);
        return None;
    }
    Some(urn)
}
