//! Stories of routing: one referral in, its notifications out.

mod holds;
mod places;

use super::*;
use crate::referral::directory::{ContactOf, LinkKind};
use crate::referral::id::ContactId;
use crate::referral::ladder::LadderHours;
use crate::referral::policy::{Desk, DutyEndsOn, ParentLine, Profile};
use crate::referral::post::{
    AskCall, Born, Child, Classification, Connection, Education, ForceName, Incident,
    InvolvedPerson, Made, Presence, Private, RiskGrade, SchoolNamed, SpokenTo, TimePrecision,
    UrnSource,
};
use crate::referral::school::{Address, Contact, Role, RouteName, School, SchoolStatus};
use jiff::civil::date;

const NOW: &str = "2026-11-22T22:10:00Z";
const ACT_BY: &str = "2026-11-23T08:30:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn urn(text: &str) -> Urn {
    Urn::parse(text).unwrap()
}

fn la(text: &str) -> LaCode {
    LaCode::parse(text).unwrap()
}

fn school(number: &str, name: &str, status: SchoolStatus) -> School {
    School {
        urn: urn(number),
        name: name.into(),
        la_code: Some(la("881")),
        status,
        low_age: None,
        high_age: None,
        town: Some("Chelmsford".into()),
        postcode: None,
        telephone: None,
    }
}

fn contact(role: Role, rank: u16, name: &str, address: &str) -> Contact {
    Contact {
        id: ContactId::from_parts(1, [0; 10]),
        role,
        rank,
        name: name.into(),
        address: Address::parse(address).unwrap(),
        route: RouteName::parse("cjsm").unwrap(),
        phone: None,
        valid_from: None,
        valid_to: None,
        nudge_to: None,
        mobile: None,
        phone_from: None,
        phone_to: None,
        holidays: false,
        word_hash: None,
        briefed_on: None,
    }
}

/// Northgate and Southfield are open, Oldgate closed into Northgate, Newgate only proposed.
fn directory() -> Directory {
    let mut directory = Directory {
        version: 7,
        ..Directory::default()
    };
    for (number, name, status) in [
        ("900001", "Northgate Primary School", SchoolStatus::Open),
        ("900002", "Southfield Junior School", SchoolStatus::Open),
        ("900003", "Oldgate Infant School", SchoolStatus::Closed),
        ("900004", "Newgate Academy", SchoolStatus::Proposed),
    ] {
        let school = school(number, name, status);
        directory.schools.insert(school.urn, school);
        let people = vec![
            contact(
                Role::KeyAdult,
                1,
                "Ann Archer",
                &format!("key@{number}.test"),
            ),
            contact(
                Role::Deputy,
                1,
                "Bob Baker",
                &format!("deputy@{number}.test"),
            ),
            contact(Role::Office, 1, "Office", &format!("office@{number}.test")),
        ];
        directory
            .contacts
            .insert(ContactOf::School(urn(number)), people);
    }
    let after = vec![(LinkKind::Successor, urn("900001"))];
    directory.links.insert(urn("900003"), after);
    directory
}

fn with_authority(mut directory: Directory) -> Directory {
    let people = vec![contact(
        Role::Hub,
        1,
        "Education Safeguarding",
        "hub@authority.test",
    )];
    directory
        .contacts
        .insert(ContactOf::Authority(la("881")), people);
    directory
}

fn policy() -> Policy {
    Policy {
        force: ForceName::parse("essex").unwrap(),
        display_name: "Essex Police".into(),
        kinds: vec!["domestic_abuse".into()],
        grades: vec![RiskGrade::Standard, RiskGrade::Medium],
        age_min: 4,
        age_max: 16,
        connections: vec![Connection::Present, Connection::ResidesAtAddress],
        profile: Profile::Minimal,
        location: false,
        parent_line: ParentLine::NoContact,
        parent_text: None,
        marking: "OFFICIAL-SENSITIVE".into(),
        handling: String::new(),
        desk: Desk {
            name: "Encompass Desk".into(),
            phone: "01245 000000".into(),
            hours: "school days 06:30 to 17:00".into(),
            other_times: "101".into(),
        },
        duty_ends_on: DutyEndsOn::Delivered,
        default_la: Some(la("881")),
        ladder: LadderHours::default(),
    }
}

fn named(number: Option<&str>, name: &str) -> SchoolNamed {
    SchoolNamed {
        urn: number.map(urn),
        urn_source: Some(UrnSource::LookedUp),
        name_recorded: name.into(),
        town: None,
        postcode: None,
        la: None,
        site: None,
        involved_person: InvolvedPerson::No,
        involved_note: None,
    }
}

fn child(schools: Vec<SchoolNamed>) -> Child {
    Child {
        child_ref: "1".into(),
        given_name: Private("Amelia".into()),
        family_name: Private("Okafor".into()),
        known_as: None,
        born: Born::On(Private(date(2016, 3, 12))),
        connection: Connection::Present,
        present: Presence::Present,
        present_where: None,
        welfare_check: Made::Made,
        spoken_to: SpokenTo::Unknown,
        child_words: None,
        resides_in_force_area: Some(true),
        education: if schools.is_empty() {
            Education::Home
        } else {
            Education::Registered
        },
        schools,
        home_la: None,
        social_care_referral: Made::Unknown,
        interpreter: None,
        needs_a_name: false,
    }
}

fn referral(children: Vec<Child>) -> Referral {
    Referral {
        referral_id: "6f1c0d5e-3b43-5a55-9d1c-0c2f5b7a0001".into(),
        supersedes: None,
        force: ForceName::parse("essex").unwrap(),
        kind: "domestic_abuse".into(),
        source_system: "athena".into(),
        submitted_by: None,
        submitted_at: at(NOW),
        police_reference: Private("42/1/26".into()),
        restricted: false,
        incident: Incident {
            occurred_at: at("2026-11-22T21:40:00Z"),
            occurred_until: None,
            reported_at: None,
            attended_at: None,
            time_precision: TimePrecision::Exact,
            classification: Classification::Crime,
            risk_grade: RiskGrade::Medium,
            risk_tool: None,
            location_text: None,
            circumstances: None,
            marac: None,
            mash: None,
        },
        parties: Vec::new(),
        household_flags: Vec::new(),
        children,
        police_ask_call: AskCall::None,
        withhold_from: Vec::new(),
        contact: None,
    }
}

fn fixed() -> Deadline {
    Deadline {
        due_at: at(ACT_BY),
        act_by: at(ACT_BY),
        pupil_day: date(2026, 11, 23),
        assumed: false,
        late_on_arrival: false,
        reasons: Vec::new(),
    }
}

fn planned_at(now: &str, referral: &Referral, directory: &Directory) -> Vec<Planned> {
    let plan = plan_with(referral, directory, &policy(), at(now), &|_| fixed());
    assert_eq!(plan.directory_version, 7);
    plan.notifications
}

fn planned(referral: &Referral, directory: &Directory) -> Vec<Planned> {
    planned_at(NOW, referral, directory)
}

/// The one notification of a child with these schools.
fn one(schools: Vec<SchoolNamed>, directory: &Directory) -> Planned {
    only(&referral(vec![child(schools)]), directory)
}

fn only(referral: &Referral, directory: &Directory) -> Planned {
    let mut planned = planned(referral, directory);
    assert_eq!(planned.len(), 1);
    planned.remove(0)
}

fn held(planned: &Planned) -> Option<(HoldReason, WillHappen)> {
    planned.hold.map(|hold| (hold.reason, hold.will_happen))
}

fn addresses(planned: &Planned) -> Vec<&str> {
    let contacts = planned.recipients.iter().map(Recipient::contact);
    contacts.map(|contact| contact.address.as_str()).collect()
}
