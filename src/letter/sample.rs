//! A made-up letter: the one of `letters.md`, and the fullest and the barest that can be.

use super::{LetterInput, NoteInput, ReplyToken};
use crate::referral::deadline::{Deadline, DueReason};
use crate::referral::ladder::LadderHours;
use crate::referral::policy::{Desk, DutyEndsOn, ParentLine, Policy, Profile};
use crate::referral::post::{
    AskCall, Born, Child, Classification, Connection, Education, ForceName, Incident, Made, Party,
    PartyRole, Presence, Private, Referral, Relation, RiskGrade, SpokenTo, TimePrecision,
};
use crate::referral::reference::Reference;
use crate::referral::school::{Address, Role};
use crate::store::NoteSays;
use jiff::Timestamp;
use jiff::civil::{Date, date};

/// What a [`LetterInput`] borrows from, all of it made up.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) referral: Referral,
    pub(super) child: Child,
    pub(super) school_name: String,
    pub(super) to: Address,
    pub(super) role: Role,
    pub(super) also_held_by: &'static [Role],
    pub(super) reference: Reference,
    pub(super) n_of_m: (u16, u16),
    pub(super) deadline: Deadline,
    pub(super) staff_back_on: Option<Date>,
    pub(super) token: ReplyToken,
    pub(super) message_id: String,
    pub(super) at: Timestamp,
}

impl Sample {
    /// The letter of `letters.md`. Its reference is another, because the printed one has a wrong
    /// check character.
    pub(super) fn of_the_interface() -> Self {
        let at = instant(1_795_386_240);
        let child = Child {
            child_ref: "c1".to_owned(),
            given_name: private("Amelia"),
            family_name: private("Okafor"),
            known_as: Some(private("Millie")),
            born: Born::On(Private(date(2016, 3, 12))),
            connection: Connection::ResidesAtAddress,
            present: Presence::Present,
            present_where: None,
            welfare_check: Made::Made,
            spoken_to: SpokenTo::Unknown,
            child_words: None,
            resides_in_force_area: Some(true),
            education: Education::Registered,
            schools: Vec::new(),
            home_la: None,
            social_care_referral: Made::Unknown,
            interpreter: None,
            needs_a_name: false,
        };
        let token = "0123456789abcdefghjkmnpqrs";
        Self {
            referral: referral(instant(1_795_383_600), at),
            child,
            school_name: "Northgate Primary School".to_owned(),
            to: address("dsl@northgate.test.cjsm.net"),
            role: Role::KeyAdult,
            also_held_by: &[],
            reference: Reference::from_random(0x7_4941_5E67),
            n_of_m: (1, 2),
            deadline: Deadline {
                due_at: instant(1_795_422_600),
                act_by: instant(1_795_422_600),
                pupil_day: date(2026, 11, 23),
                assumed: false,
                late_on_arrival: false,
                reasons: vec![DueReason::OwnCalendar, DueReason::NextPupilDay],
            },
            staff_back_on: None,
            token: ReplyToken(token.to_owned()),
            message_id: format!("{token}@gateway.test"),
            at,
        }
    }

    /// As much as a referral can hold.
    pub(super) fn rich() -> Self {
        let mut sample = Self::of_the_interface();
        let (referral, child) = (&mut sample.referral, &mut sample.child);
        referral.incident.location_text = Some(private("12 Harbour Row"));
        referral.incident.circumstances = Some(private("Shouting was heard.\nA door was broken"));
        let party = |role, relation_to_child| Party {
            role,
            relation_to_child,
        };
        referral.parties = vec![
            party(PartyRole::Victim, Relation::Mother),
            party(PartyRole::Suspect, Relation::PartnerOfParent),
        ];
        child.present_where = Some(private("upstairs in bed"));
        child.spoken_to = SpokenTo::Alone;
        child.child_words = Some(private("I hid under\nthe bed"));
        child.social_care_referral = Made::Made;
        child.interpreter = Some("pl".to_owned());
        sample
    }

    /// As little as a referral can hold.
    pub(super) fn sparse() -> Self {
        let mut sample = Self::of_the_interface();
        sample.child.known_as = None;
        sample.child.born = Born::NotKnown;
        sample.child.present = Presence::Unknown;
        sample.child.welfare_check = Made::Unknown;
        sample.child.resides_in_force_area = None;
        sample
    }

    /// Due at the start of the next pupil day.
    pub(super) fn on_time(self) -> Self {
        self
    }

    /// Accepted at 10:15 on a school morning for the night before: `act_by` is 10:45.
    pub(super) fn in_school_now(mut self) -> Self {
        self.at = instant(1_795_428_900);
        self.deadline.act_by = instant(1_795_430_700);
        self.deadline.due_at = instant(1_795_509_000);
        self.deadline.late_on_arrival = true;
        self
    }

    /// Accepted in the summer: staff are back on 1 September, pupils on the 3rd.
    pub(super) fn in_a_holiday(mut self) -> Self {
        self.at = instant(1_784_746_800);
        self.referral.incident.occurred_at = instant(1_784_739_600);
        self.deadline.due_at = instant(1_788_420_600);
        self.deadline.act_by = self.deadline.due_at;
        self.staff_back_on = Some(date(2026, 9, 1));
        self
    }

    /// It replaces an earlier one about the same event.
    pub(super) fn corrected(mut self) -> Self {
        let earlier = "018f0000-0000-7000-8000-000000000000";
        self.referral.supersedes = Some(earlier.to_owned());
        self
    }

    /// The letter's input under a policy.
    pub(super) fn input<'a>(&'a self, policy: &'a Policy) -> LetterInput<'a> {
        LetterInput {
            referral: &self.referral,
            child: &self.child,
            policy,
            school_name: &self.school_name,
            to_name: "Alex Example",
            to: &self.to,
            role: self.role,
            also_held_by: self.also_held_by,
            reference: &self.reference,
            n_of_m: self.n_of_m,
            deadline: &self.deadline,
            staff_back_on: self.staff_back_on,
            token: &self.token,
            plus_addressing: true,
            message_id: &self.message_id,
            at: self.at,
        }
    }

    /// A note about it, to the same reader.
    pub(super) fn note<'a>(&'a self, policy: &'a Policy) -> NoteInput<'a> {
        NoteInput {
            says: NoteSays::NotCounted { at: self.at },
            policy,
            school_name: &self.school_name,
            to: &self.to,
            role: self.role,
            reference: &self.reference,
            token: &self.token,
            plus_addressing: true,
            message_id: &self.message_id,
            at: self.at,
        }
    }

    /// The policy of `letters.md`: profile `minimal`, ring us first.
    pub(super) fn policy() -> Policy {
        Policy {
            force: force(),
            display_name: "Essex Police".to_owned(),
            kinds: vec!["domestic_abuse".to_owned()],
            grades: vec![RiskGrade::Medium],
            age_min: 0,
            age_max: 17,
            connections: vec![Connection::Present, Connection::ResidesAtAddress],
            profile: Profile::Minimal,
            location: true,
            parent_line: ParentLine::NoContact,
            parent_text: None,
            marking: "OFFICIAL-SENSITIVE".to_owned(),
            handling: "Share it only with staff who need it to look after this child. \
                       Keep it in the child protection file, not the pupil record."
                .to_owned(),
            desk: Desk {
                name: "Encompass Desk".to_owned(),
                phone: "01245 000000".to_owned(),
                hours: "school days 06:30 to 17:00".to_owned(),
                other_times: "101".to_owned(),
            },
            duty_ends_on: DutyEndsOn::Delivered,
            default_la: None,
            ladder: LadderHours::default(),
        }
    }
}

fn referral(occurred_at: Timestamp, submitted_at: Timestamp) -> Referral {
    Referral {
        referral_id: "018f0000-0000-7000-8000-000000000001".to_owned(),
        supersedes: None,
        force: force(),
        kind: "domestic_abuse".to_owned(),
        source_system: "sample".to_owned(),
        submitted_by: None,
        submitted_at,
        police_reference: private("42/123456/26"),
        restricted: false,
        incident: Incident {
            occurred_at,
            occurred_until: None,
            reported_at: None,
            attended_at: None,
            time_precision: TimePrecision::Approximate,
            classification: Classification::NonCrime,
            risk_grade: RiskGrade::Medium,
            risk_tool: None,
            location_text: None,
            circumstances: None,
            marac: None,
            mash: None,
        },
        parties: Vec::new(),
        household_flags: Vec::new(),
        children: Vec::new(),
        police_ask_call: AskCall::None,
        withhold_from: Vec::new(),
        contact: None,
    }
}

fn private(text: &str) -> Private<String> {
    Private(text.to_owned())
}

fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[expect(
    clippy::expect_used,
    reason = "a constant: what ships is checked by the first test"
)]
fn force() -> ForceName {
    ForceName::parse("essex").expect("a force's name")
}

#[expect(
    clippy::expect_used,
    reason = "a constant: what ships is checked by the first test"
)]
fn address(text: &'static str) -> Address {
    Address::parse(text).expect("an address")
}
