//! The rows, in the order of the interface.

use super::Keeping::{Clear, Sealed};
use super::Kind::{
    Addresses, Bool, BoolOrNull, Constant, DateOrNull, Instant, Object, Objects, OpenWord, Text,
    Urn, Uuid, Whole, WordList, Words,
};
use super::Printed::{IfPolicySays, Never, NotInLetters};
use super::{Field, Form, Keeping, Kind, Printed};
use crate::referral::policy::Profile;
use crate::referral::post::{
    AskCall, Classification, Conference, Connection, Education, HouseholdFlag, InvolvedPerson,
    Made, PartyRole, Presence, Relation, RiskGrade, RiskTool, SpokenTo, TimePrecision, UrnSource,
};

const MINIMAL: Printed = Printed::From(Profile::Minimal);
const STANDARD: Printed = Printed::From(Profile::Standard);
const FULL: Printed = Printed::From(Profile::Full);

/// Every field there is. An unknown member is refused, so a row here is the only way in.
pub static FIELDS: &[Field] = &[
    must("/schema", Constant("oe-referral/1"), Clear, NotInLetters),
    must("/referral_id", Uuid, Clear, NotInLetters),
    may("/supersedes", Uuid, Clear, NotInLetters),
    must("/force", of(32, "a-z0-9-"), Clear, MINIMAL),
    must("/kind", OpenWord, Clear, MINIMAL),
    must("/source_system", of(32, "a-z0-9_-"), Clear, NotInLetters),
    may("/submitted_by", opaque(32), Sealed, NotInLetters),
    must("/submitted_at", Instant, Clear, NotInLetters),
    must(
        "/police_reference",
        of(32, "A-Za-z0-9/_-"),
        Sealed,
        STANDARD,
    ),
    may("/restricted", Bool, Sealed, NotInLetters),
    holds("/incident", Object, true),
    must("/incident/occurred_at", Instant, Clear, MINIMAL),
    may("/incident/occurred_until", Instant, Clear, MINIMAL),
    may("/incident/reported_at", Instant, Clear, NotInLetters),
    may("/incident/attended_at", Instant, Clear, NotInLetters),
    may(
        "/incident/time_precision",
        Words(TimePrecision::WORDS),
        Sealed,
        MINIMAL,
    ),
    must(
        "/incident/classification",
        Words(Classification::WORDS),
        Sealed,
        NotInLetters,
    ),
    must(
        "/incident/risk_grade",
        Words(RiskGrade::WORDS),
        Sealed,
        Never,
    ),
    may("/incident/risk_tool", Words(RiskTool::WORDS), Sealed, Never),
    may("/incident/location_text", prose(200), Sealed, IfPolicySays),
    may("/incident/circumstances", prose(1_000), Sealed, FULL),
    may("/incident/marac", Words(Conference::WORDS), Sealed, Never),
    may("/incident/mash", Words(Conference::WORDS), Sealed, Never),
    holds("/parties", Objects { min: 0, max: 8 }, false),
    must("/parties/*/role", Words(PartyRole::WORDS), Sealed, STANDARD),
    must(
        "/parties/*/relation_to_child",
        Words(Relation::WORDS),
        Sealed,
        STANDARD,
    ),
    may(
        "/household_flag",
        WordList(HouseholdFlag::WORDS),
        Sealed,
        Never,
    ),
    holds("/children", Objects { min: 1, max: 12 }, true),
    must("/children/*/child_ref", opaque(32), Clear, NotInLetters),
    must("/children/*/given_name", line(1, 80), Sealed, MINIMAL),
    must("/children/*/family_name", line(1, 80), Sealed, MINIMAL),
    may("/children/*/known_as", line(1, 80), Sealed, MINIMAL),
    must("/children/*/date_of_birth", DateOrNull, Sealed, MINIMAL),
    may(
        "/children/*/age_years",
        Whole { min: 0, max: 17 },
        Sealed,
        MINIMAL,
    ),
    must(
        "/children/*/connection",
        Words(Connection::WORDS),
        Sealed,
        MINIMAL,
    ),
    must(
        "/children/*/present",
        Words(Presence::WORDS),
        Sealed,
        MINIMAL,
    ),
    may("/children/*/present_where", line(0, 120), Sealed, FULL),
    may(
        "/children/*/welfare_check",
        Words(Made::WORDS),
        Sealed,
        MINIMAL,
    ),
    may(
        "/children/*/spoken_to",
        Words(SpokenTo::WORDS),
        Sealed,
        STANDARD,
    ),
    may("/children/*/child_words", prose(500), Sealed, FULL),
    must(
        "/children/*/resides_in_force_area",
        BoolOrNull,
        Sealed,
        NotInLetters,
    ),
    must(
        "/children/*/education",
        Words(Education::WORDS),
        Sealed,
        NotInLetters,
    ),
    holds("/children/*/schools", Objects { min: 0, max: 3 }, true),
    may("/children/*/schools/*/urn", Urn, Clear, NotInLetters),
    may(
        "/children/*/schools/*/urn_source",
        Words(UrnSource::WORDS),
        Sealed,
        NotInLetters,
    ),
    must(
        "/children/*/schools/*/name_recorded",
        line(1, 200),
        Sealed,
        NotInLetters,
    ),
    may("/children/*/schools/*/town", HINT, Sealed, NotInLetters),
    may("/children/*/schools/*/postcode", HINT, Sealed, NotInLetters),
    may("/children/*/schools/*/la", HINT, Sealed, NotInLetters),
    may("/children/*/schools/*/site", HINT, Sealed, NotInLetters),
    may(
        "/children/*/schools/*/involved_person",
        Words(InvolvedPerson::WORDS),
        Sealed,
        Never,
    ),
    may(
        "/children/*/schools/*/involved_note",
        prose(500),
        Sealed,
        Never,
    ),
    may("/children/*/home_la", line(0, 80), Sealed, NotInLetters),
    may(
        "/children/*/social_care_referral",
        Words(Made::WORDS),
        Sealed,
        STANDARD,
    ),
    may("/children/*/interpreter", LANGUAGE, Sealed, STANDARD),
    may("/police_ask_call", Words(AskCall::WORDS), Sealed, MINIMAL),
    may("/withhold_from", Addresses { max: 8 }, Sealed, Never),
    holds("/contact", Object, false),
    may("/contact/name", line(1, 80), Sealed, NotInLetters),
    may("/contact/phone", line(5, 24), Sealed, NotInLetters),
    may("/contact/email", line(0, 254), Sealed, NotInLetters),
];

/// What helps to find a school. Records systems put whole addresses into such fields: a bound that
/// refuses one would lose a child to a hint.
const HINT: Kind = line(0, 200);

/// RFC 5646 section 4.4.1: 35 characters hold every tag that is likely.
const LANGUAGE: Kind = Text {
    min: 2,
    max: 35,
    form: Form::Language,
};

const fn must(pointer: &'static str, kind: Kind, keeping: Keeping, printed: Printed) -> Field {
    let required = true;
    Field {
        pointer,
        kind,
        required,
        keeping,
        printed,
    }
}

const fn may(pointer: &'static str, kind: Kind, keeping: Keeping, printed: Printed) -> Field {
    let required = false;
    Field {
        pointer,
        kind,
        required,
        keeping,
        printed,
    }
}

const fn holds(pointer: &'static str, kind: Kind, required: bool) -> Field {
    let (keeping, printed) = (Keeping::ByMember, Printed::ByMember);
    Field {
        pointer,
        kind,
        required,
        keeping,
        printed,
    }
}

const fn line(min: usize, max: usize) -> Kind {
    let form = Form::Line;
    Text { min, max, form }
}

const fn prose(max: usize) -> Kind {
    let (min, form) = (0, Form::Prose);
    Text { min, max, form }
}

const fn opaque(max: usize) -> Kind {
    let (min, form) = (1, Form::Opaque);
    Text { min, max, form }
}

const fn of(max: usize, set: &'static str) -> Kind {
    let (min, form) = (1, Form::Of(set));
    Text { min, max, form }
}
