//! Calendars: which days pupils are in. The types; the rules are in [`super::deadline`].

use super::school::{LaCode, Urn};
use jiff::civil::{Date, Time};
use std::fmt;

/// Whom a calendar row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// One school's own calendar (`urn:123456`), which wins.
    School(Urn),
    /// A local authority's calendar (`la:881`).
    Authority(LaCode),
}

impl Scope {
    /// Reads `la:881` or `urn:123456`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("la", code) => LaCode::parse(code).map(Self::Authority),
            ("urn", urn) => Urn::parse(urn).map(Self::School),
            _ => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::School(urn) => write!(f, "urn:{urn}"),
            Self::Authority(code) => write!(f, "la:{code}"),
        }
    }
}

/// What a calendar row says of its days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DayKind {
    /// Pupils are in, on weekdays.
    Term,
    /// A holiday in mid-term.
    HalfTerm,
    /// A holiday.
    Holiday,
    /// In-service training: staff are in, pupils are not.
    Inset,
    /// Staff are in, pupils are not.
    StaffDay,
    /// An unplanned closure.
    Closure,
}

impl DayKind {
    /// Every kind with its word in files and rows.
    pub const WORDS: [(Self, &'static str); 6] = [
        (Self::Term, "term"),
        (Self::HalfTerm, "half-term"),
        (Self::Holiday, "holiday"),
        (Self::Inset, "inset"),
        (Self::StaffDay, "staff_day"),
        (Self::Closure, "closure"),
    ];

    /// The word in files and rows.
    pub fn word(self) -> &'static str {
        match self {
            Self::Term => "term",
            Self::HalfTerm => "half-term",
            Self::Holiday => "holiday",
            Self::Inset => "inset",
            Self::StaffDay => "staff_day",
            Self::Closure => "closure",
        }
    }

    /// Reads the word of a term-dates file or row.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS
            .into_iter()
            .find(|(_, known)| *known == word)
            .map(|(kind, _)| kind)
    }
}

/// A range of days, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarRow {
    /// Whom it is about.
    pub scope: Scope,
    /// What it says.
    pub kind: DayKind,
    /// First day.
    pub start: Date,
    /// Last day, not before the first.
    pub end: Date,
    /// Where it was published.
    pub source: String,
}

/// A school's hours, civil time Europe/London.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayHours {
    /// Start of the pupil day.
    pub start: Time,
    /// Pupils go home.
    pub home_time: Time,
    /// The telephone is answered from.
    pub phone_from: Time,
    /// The telephone is answered until.
    pub phone_to: Time,
}

impl Default for DayHours {
    /// `interfaces.md`, directory files: 08:30, 15:15, 08:00, 16:00.
    fn default() -> Self {
        Self {
            start: Time::constant(8, 30, 0, 0),
            home_time: Time::constant(15, 15, 0, 0),
            phone_from: Time::constant(8, 0, 0, 0),
            phone_to: Time::constant(16, 0, 0, 0),
        }
    }
}
