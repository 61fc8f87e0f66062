//! One child, and the schools named for it.

use super::cross;
use super::values::{Node, Reader};
use crate::referral::post::{
    Born, Child, Connection, Education, InvolvedPerson, Made, Presence, Private, SchoolNamed,
    SpokenTo, UrnSource,
};
use crate::referral::text;
use jiff::Timestamp;
use jiff::civil::Date;

/// The instants a child's values are held against, as far as they could be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// Now.
    pub(super) now: Timestamp,
    /// When the post was submitted.
    pub(super) submitted_at: Option<Timestamp>,
    /// When the incident happened.
    pub(super) occurred_at: Option<Timestamp>,
}

/// The child; none when a required value is missing or faulty.
pub(super) fn child(reader: &mut Reader, node: &Node<'_>, times: Times) -> Option<Child> {
    let child_ref = reader.text(node, "child_ref");
    let given_name = reader.private(node, "given_name");
    let family_name = reader.private(node, "family_name");
    let known_as = reader.private(node, "known_as");
    let date_of_birth = reader.date(node, "date_of_birth");
    let age_years = reader.whole(node, "age_years");
    cross::born_plausibly(reader, node, date_of_birth, age_years, times);
    let connection = reader.word(node, "connection", Connection::parse);
    let present = reader.word(node, "present", Presence::parse);
    cross::presence_agrees(reader, node, connection, present);
    let present_where = reader.private(node, "present_where");
    let welfare_check = reader.word(node, "welfare_check", Made::parse);
    let spoken_to = reader.word(node, "spoken_to", SpokenTo::parse);
    let spoken_to = spoken_to.unwrap_or(SpokenTo::Unknown);
    let child_words = reader.private(node, "child_words");
    cross::words_were_spoken(reader, node, spoken_to, child_words.is_some());
    let resides_in_force_area = reader.bool(node, "resides_in_force_area");
    let education = reader.word(node, "education", Education::parse);
    let school_nodes = reader.objects(node, "schools");
    cross::schools_fit_education(reader, node, education, school_nodes.len());
    let schools: Vec<_> = school_nodes
        .iter()
        .map(|node| school(reader, node))
        .collect();
    let home_la = reader.text(node, "home_la");
    let social_care_referral = reader.word(node, "social_care_referral", Made::parse);
    let interpreter = reader.text(node, "interpreter");
    let (given_name, family_name) = (given_name?, family_name?);
    Some(Child {
        child_ref: child_ref?,
        needs_a_name: text::is_placeholder(&given_name.0) || text::is_placeholder(&family_name.0),
        given_name,
        family_name,
        known_as,
        born: born(date_of_birth, age_years),
        connection: connection?,
        present: present?,
        present_where,
        welfare_check: welfare_check.unwrap_or(Made::Unknown),
        spoken_to,
        child_words,
        resides_in_force_area,
        education: education?,
        schools: schools.into_iter().collect::<Option<_>>()?,
        home_la,
        social_care_referral: social_care_referral.unwrap_or(Made::Unknown),
        interpreter,
    })
}

fn born(date_of_birth: Option<Date>, age_years: Option<u8>) -> Born {
    match (date_of_birth, age_years) {
        (Some(date), _) => Born::On(Private(date)),
        (None, Some(years)) => Born::About(Private(years)),
        (None, None) => Born::NotKnown,
    }
}

fn school(reader: &mut Reader, node: &Node<'_>) -> Option<SchoolNamed> {
    let urn = reader.urn(node, "urn");
    let urn_source = reader.word(node, "urn_source", UrnSource::parse);
    let name_recorded = reader.text(node, "name_recorded");
    let town = reader.text(node, "town");
    let postcode = reader.text(node, "postcode");
    let la = reader.text(node, "la");
    let site = reader.text(node, "site");
    let involved_person = reader.word(node, "involved_person", InvolvedPerson::parse);
    let involved_note = reader.private(node, "involved_note");
    Some(SchoolNamed {
        urn,
        urn_source,
        name_recorded: name_recorded?,
        town,
        postcode,
        la,
        site,
        // Nobody looked is not the same as nobody found.
        involved_person: involved_person.unwrap_or(InvolvedPerson::Unknown),
        involved_note,
    })
}
