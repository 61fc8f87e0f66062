//! A force's policy: what the Act leaves to be decided locally. Data, never a constant in code.
//! The shipped default is the Act (Domestic Abuse Act 2021 s.49A): every grade, 0-17, every connection.

use super::ladder::LadderHours;
use super::post::{Connection, ForceName, RiskGrade, words};
use super::school::LaCode;
use super::tree::Tree;
use std::collections::HashMap;
use std::sync::Arc;

words! {
    /// How much a letter says (`letters.md`, the field table).
    Profile {
        /// Fact and time only.
        Minimal = "minimal",
        /// And who by relation, police reference, spoken to.
        Standard = "standard",
        /// And circumstances.
        Full = "full",
    }
    /// What the letter says about speaking to a parent.
    ParentLine {
        /// Ring us first.
        NoContact = "no_contact",
        /// Only to the victim parent, whose relation is printed.
        VictimOnly = "victim_only",
        /// The force's own sentence.
        Own = "own",
    }
    /// Which clock ends the force's legal duty.
    DutyEndsOn {
        /// The first delivery report at an approved mailbox.
        Delivered = "delivered",
        /// A person's answer.
        Answered = "answered",
    }
}

/// The people a school can ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desk {
    /// `Encompass Desk`.
    pub name: String,
    /// `01245 000000`.
    pub phone: String,
    /// `school days 06:30 to 17:00`.
    pub hours: String,
    /// `101`: whom to ring at other times.
    pub other_times: String,
}

/// Every force's policy.
pub type Policies = HashMap<ForceName, Arc<Policy>>;

/// One force's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The force.
    pub force: ForceName,
    /// `Essex Police`, as letters say it.
    pub display_name: String,
    /// Kinds of referral accepted.
    pub kinds: Vec<String>,
    /// Grades sent.
    pub grades: Vec<RiskGrade>,
    /// Lowest age sent, years.
    pub age_min: u8,
    /// Highest age sent, years.
    pub age_max: u8,
    /// Connections sent.
    pub connections: Vec<Connection>,
    /// How much letters say.
    pub profile: Profile,
    /// Whether `full` may print the location.
    pub location: bool,
    /// The parent line.
    pub parent_line: ParentLine,
    /// The force's own parent sentence, when `parent_line` is `own`.
    pub parent_text: Option<String>,
    /// The marking on the body's first line, `OFFICIAL-SENSITIVE`.
    pub marking: String,
    /// Handling text: what the school does with the letter. Whole sentences.
    pub handling: String,
    /// Whom to ring.
    pub desk: Desk,
    /// What ends the legal duty.
    pub duty_ends_on: DutyEndsOn,
    /// The authority used for a child without one.
    pub default_la: Option<LaCode>,
    /// The hours and spans of the ladder.
    pub ladder: LadderHours,
}

impl Policy {
    /// Whether the policy is narrower than s.49A of the Domestic Abuse Act 2021.
    pub fn narrower_than_the_act(&self) -> bool {
        let every_grade = [
            RiskGrade::Standard,
            RiskGrade::Medium,
            RiskGrade::High,
            RiskGrade::NotGraded,
        ];
        let every_connection = [
            Connection::Present,
            Connection::ResidesAtAddress,
            Connection::ResidesWithParty,
            Connection::DirectVictim,
        ];
        self.age_min > 0
            || self.age_max < 17
            || every_grade.iter().any(|grade| !self.grades.contains(grade))
            || every_connection
                .iter()
                .any(|connection| !self.connections.contains(connection))
    }
}

impl Policy {
    /// The policy as plain values: what its digest is taken over.
    pub fn tree(&self) -> Tree {
        // Taken apart, so that a new field cannot be left out.
        let Self {
            force,
            display_name,
            kinds,
            grades,
            age_min,
            age_max,
            connections,
            profile,
            location,
            parent_line,
            parent_text,
            marking,
            handling,
            desk,
            duty_ends_on,
            default_la,
            ladder,
        } = self;
        let Desk {
            name,
            phone,
            hours,
            other_times,
        } = desk;
        let text = |value: &str| Tree::Text(value.to_owned());
        let words = |words: Vec<&str>| Tree::List(words.into_iter().map(text).collect());
        let members = [
            ("force", text(force.as_str())),
            ("display_name", text(display_name)),
            ("kinds", words(kinds.iter().map(String::as_str).collect())),
            (
                "grades",
                words(grades.iter().map(|grade| grade.word()).collect()),
            ),
            ("age_min", Tree::Whole((*age_min).into())),
            ("age_max", Tree::Whole((*age_max).into())),
            (
                "connections",
                words(connections.iter().map(|c| c.word()).collect()),
            ),
            ("profile", text(profile.word())),
            ("location", Tree::Bool(*location)),
            ("parent_line", text(parent_line.word())),
            (
                "parent_text",
                parent_text.as_deref().map_or(Tree::Null, text),
            ),
            ("marking", text(marking)),
            ("handling", text(handling)),
            ("desk_name", text(name)),
            ("desk_phone", text(phone)),
            ("desk_hours", text(hours)),
            ("desk_other_times", text(other_times)),
            ("duty_ends_on", text(duty_ends_on.word())),
            (
                "default_la",
                default_la.map_or(Tree::Null, |la| text(&la.to_string())),
            ),
            ("ladder", ladder.tree()),
        ];
        Tree::Map(
            members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }
}
