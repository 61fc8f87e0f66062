//! The directory as the core sees it: one version of schools, contacts and calendars, in memory.

use super::calendar::{CalendarRow, DayHours, Scope};
use super::id::ContactId;
use super::name_index::NameIndex;
use super::school::{Contact, LaCode, Role, RouteName, School, Urn};
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A link between two schools of the register: an academy conversion makes a new URN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LinkKind {
    /// The other school came before this one.
    Predecessor,
    /// The other school came after this one.
    Successor,
}

impl LinkKind {
    /// The word in rows.
    pub fn word(self) -> &'static str {
        match self {
            Self::Predecessor => "predecessor",
            Self::Successor => "successor",
        }
    }
}

/// Whose letters a contact receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContactOf {
    /// A school's contact.
    School(Urn),
    /// The authority's route for children without a school.
    Authority(LaCode),
}

/// A school that signed the force's agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participation {
    /// The day it signed up.
    pub signed_up_on: Date,
    /// Which agreement.
    pub agreement: String,
}

/// One version of everything letters are routed by. Letters record the version they were routed with.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// 0 before the first import.
    pub version: u32,
    /// Schools by URN.
    pub schools: HashMap<Urn, School>,
    /// Links of a school to others.
    pub links: HashMap<Urn, Vec<(LinkKind, Urn)>>,
    /// Contacts in the order letters go: role, then rank.
    pub contacts: BTreeMap<ContactOf, Vec<Contact>>,
    /// Calendar rows by scope, in order of their start.
    pub calendars: HashMap<Scope, Vec<CalendarRow>>,
    /// Hours that differ from the default.
    pub hours: HashMap<Scope, DayHours>,
    /// Bank holidays of the configured division.
    pub bank_holidays: BTreeSet<Date>,
    /// Schools that have signed up; empty when the force keeps no such list.
    pub participation: HashMap<Urn, Participation>,
    /// Contacts whose address is suspended: outside the versions, because narrowing takes effect at once.
    pub suspended: BTreeSet<ContactId>,
    /// Finds schools by name; built from `schools` when first asked, or by [`Directory::index`].
    pub name_index: NameIndex,
}

impl Directory {
    /// Builds the search by name now. Readers call it once the schools are complete, so that no
    /// acceptance waits for it; who does not call it pays at the first search.
    pub fn index(&self) {
        self.name_index.build(&self.schools);
    }

    /// The contacts of a school or authority, in the order letters go.
    pub fn contacts_of(&self, whose: ContactOf) -> &[Contact] {
        self.contacts
            .get(&whose)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// A route that a letter's contact names and that is not known.
    pub fn unknown_route(&self, known: impl Fn(&RouteName) -> bool) -> Option<RouteName> {
        let contacts = self.contacts.values().flatten();
        let mut letters = contacts.filter(|contact| contact.role != Role::Office);
        letters
            .find(|contact| !known(&contact.route))
            .map(|contact| contact.route.clone())
    }

    /// The calendar rows of a scope.
    pub fn calendar(&self, scope: Scope) -> &[CalendarRow] {
        self.calendars
            .get(&scope)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// The hours of a school: its own, else its authority's, else the default.
    pub fn hours_of(&self, urn: Urn, la_code: Option<LaCode>) -> DayHours {
        let own = self.hours.get(&Scope::School(urn));
        let authority = || la_code.and_then(|code| self.hours.get(&Scope::Authority(code)));
        own.or_else(authority).copied().unwrap_or_default()
    }
}
