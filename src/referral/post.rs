//! What a force posts, once every field is known to be good: one incident, 1..12 children.
//!
//! These are domain types. They are made only by [`super::read::read`] and carry no wire form.
//! `Debug` hides what is personal, so that no log line can ever show it.

use super::school::{Address, Urn};
use jiff::Timestamp;
use jiff::civil::Date;
use std::fmt;

/// A value that must never be printed by accident: `Debug` shows only that it is there.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Private<T>(pub T);

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(private)")
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every word, in the order of the interface.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word on the wire, in facts and in rows.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// Reads the word.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    )+};
}
pub(crate) use words;

words! {
    /// How exactly the time of the incident is known.
    TimePrecision {
        /// To the minute.
        Exact = "exact",
        /// About.
        Approximate = "approximate",
        /// Only the day.
        DateOnly = "date_only",
    }
    /// How the police recorded the incident.
    Classification {
        /// A crime.
        Crime = "crime",
        /// Not a crime.
        NonCrime = "non_crime",
        /// Not yet known.
        Unknown = "unknown",
    }
    /// The DASH or DARA grade. Never printed in a letter.
    RiskGrade {
        /// Standard.
        Standard = "standard",
        /// Medium.
        Medium = "medium",
        /// High.
        High = "high",
        /// Not graded.
        NotGraded = "not_graded",
    }
    /// The tool that gave the grade.
    RiskTool {
        /// DASH.
        Dash = "dash",
        /// DARA.
        Dara = "dara",
        /// Another.
        Other = "other",
    }
    /// Whether the incident went to MARAC or MASH: ledger and desk only.
    Conference {
        /// It did.
        Referred = "referred",
        /// It did not.
        NotReferred = "not_referred",
        /// Not known.
        Unknown = "unknown",
    }
    /// A party's part in the incident.
    PartyRole {
        /// Victim.
        Victim = "victim",
        /// Suspect.
        Suspect = "suspect",
        /// Both.
        Both = "both",
        /// Not known.
        Unknown = "unknown",
    }
    /// A party's relation to the child.
    Relation {
        /// Mother.
        Mother = "mother",
        /// Father.
        Father = "father",
        /// Step-parent.
        StepParent = "step_parent",
        /// A parent's partner.
        PartnerOfParent = "partner_of_parent",
        /// Sibling.
        Sibling = "sibling",
        /// Grandparent.
        Grandparent = "grandparent",
        /// Another.
        Other = "other",
    }
    /// Forbids location in any profile and warns the desk.
    HouseholdFlag {
        /// The family moved.
        Moved = "moved",
        /// A safe address.
        SafeAddress = "safe_address",
        /// A court order.
        CourtOrder = "court_order",
    }
    /// How the child is connected with the incident.
    Connection {
        /// Was there.
        Present = "present",
        /// Lives at the address.
        ResidesAtAddress = "resides_at_address",
        /// Lives with an involved party.
        ResidesWithParty = "resides_with_party",
        /// Aged 16 or 17 and the victim.
        DirectVictim = "direct_victim",
        /// The suspect: held for a person.
        Suspect = "suspect",
    }
    /// Whether the child was there.
    Presence {
        /// Was there.
        Present = "present",
        /// Was not.
        NotPresent = "not_present",
        /// Not known.
        Unknown = "unknown",
    }
    /// Whether something was made: a welfare check, a social-care referral.
    Made {
        /// Made.
        Made = "made",
        /// Not made.
        NotMade = "not_made",
        /// Not known.
        Unknown = "unknown",
    }
    /// Whether an officer spoke to the child.
    SpokenTo {
        /// No.
        No = "no",
        /// Alone.
        Alone = "alone",
        /// With an adult there.
        WithAdult = "with_adult",
        /// Not known.
        Unknown = "unknown",
    }
    /// Where the child is educated.
    Education {
        /// On a school's roll.
        Registered = "registered",
        /// Further education or a 16-19 academy.
        FeOr16To19 = "fe_or_16_19",
        /// Alternative provision.
        Alternative = "alternative",
        /// An early-years setting.
        EarlyYears = "early_years",
        /// At home.
        Home = "home",
        /// Nowhere.
        None = "none",
        /// Not known.
        Unknown = "unknown",
    }
    /// Where a URN came from.
    UrnSource {
        /// Picked from a list.
        Picked = "picked",
        /// Looked up.
        LookedUp = "looked_up",
        /// Typed.
        Typed = "typed",
    }
    /// Whether an adult involved works at, governs, volunteers or runs IT for this school.
    InvolvedPerson {
        /// No.
        No = "no",
        /// Yes: no mail, a person rings.
        Yes = "yes",
        /// Not known.
        Unknown = "unknown",
    }
    /// Whether the letter asks the school to ring.
    AskCall {
        /// No.
        None = "none",
        /// Before the start of school.
        BeforeStart = "before_start",
        /// Before home time.
        BeforeHomeTime = "before_home_time",
    }
}

impl Education {
    /// Whether the child is at an establishment, and so names one to three of them.
    pub fn at_establishment(self) -> bool {
        match self {
            Self::Registered | Self::FeOr16To19 | Self::Alternative | Self::EarlyYears => true,
            Self::Home | Self::None | Self::Unknown => false,
        }
    }
}

/// A force's name in configuration, certificates and rows: 1..32 of `[a-z0-9-]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ForceName(String);

impl ForceName {
    /// Reads a force's name.
    pub fn parse(text: &str) -> Option<Self> {
        let good = (1..=32).contains(&text.len())
            && text
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        good.then(|| Self(text.to_owned()))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ForceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One referral, every value checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    /// The sender's own id: a UUID in lower case with hyphens.
    pub referral_id: String,
    /// An earlier `referral_id` of the same sender that this one replaces.
    pub supersedes: Option<String>,
    /// The force that posts.
    pub force: ForceName,
    /// `domestic_abuse`; others only if policy accepts them.
    pub kind: String,
    /// The records system.
    pub source_system: String,
    /// Robot or collar id.
    pub submitted_by: Option<String>,
    /// When the sender says it posted.
    pub submitted_at: Timestamp,
    /// The police's own reference.
    pub police_reference: Private<String>,
    /// A sensitive party: named supervisors only.
    pub restricted: bool,
    /// What happened.
    pub incident: Incident,
    /// Who was involved, by relation only.
    pub parties: Vec<Party>,
    /// Flags that forbid location.
    pub household_flags: Vec<HouseholdFlag>,
    /// The children, 1..12.
    pub children: Vec<Child>,
    /// Whether the letter asks the school to ring.
    pub police_ask_call: AskCall,
    /// Addresses never mailed for this referral.
    pub withhold_from: Vec<Address>,
    /// Whom to ask for.
    pub contact: Option<AskFor>,
}

/// What happened and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// When it happened, or began.
    pub occurred_at: Timestamp,
    /// When it ended.
    pub occurred_until: Option<Timestamp>,
    /// When it was disclosed.
    pub reported_at: Option<Timestamp>,
    /// When officers attended.
    pub attended_at: Option<Timestamp>,
    /// How exactly the time is known; exact unless said.
    pub time_precision: TimePrecision,
    /// Crime or not.
    pub classification: Classification,
    /// The grade.
    pub risk_grade: RiskGrade,
    /// The tool that graded it.
    pub risk_tool: Option<RiskTool>,
    /// Where.
    pub location_text: Option<Private<String>>,
    /// What happened, in words.
    pub circumstances: Option<Private<String>>,
    /// MARAC.
    pub marac: Option<Conference>,
    /// MASH.
    pub mash: Option<Conference>,
}

/// Somebody involved; never a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Party {
    /// Part in the incident.
    pub role: PartyRole,
    /// Relation to the child.
    pub relation_to_child: Relation,
}

/// How old a child is known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Born {
    /// The birth date.
    On(Private<Date>),
    /// Only about how many years.
    About(Private<u8>),
    /// Neither.
    NotKnown,
}

impl<T: Copy> Copy for Private<T> {}

/// One child of the referral.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// The sender's own opaque id of the child.
    pub child_ref: String,
    /// Given name, NFC.
    pub given_name: Private<String>,
    /// Family name, NFC.
    pub family_name: Private<String>,
    /// The name the child is called by.
    pub known_as: Option<Private<String>>,
    /// Birth date, age, or neither.
    pub born: Born,
    /// Connection with the incident.
    pub connection: Connection,
    /// There or not.
    pub present: Presence,
    /// Where the child was.
    pub present_where: Option<Private<String>>,
    /// Welfare check.
    pub welfare_check: Made,
    /// Spoken to.
    pub spoken_to: SpokenTo,
    /// The child's words.
    pub child_words: Option<Private<String>>,
    /// False: lives in another force's area.
    pub resides_in_force_area: Option<bool>,
    /// Where the child is educated.
    pub education: Education,
    /// The establishments named, 1..3; empty when at none.
    pub schools: Vec<SchoolNamed>,
    /// The home authority: a DfE code, ONS code or name.
    pub home_la: Option<String>,
    /// Social-care referral.
    pub social_care_referral: Made,
    /// Interpreter's language, BCP 47.
    pub interpreter: Option<String>,
    /// A placeholder stands where a name should be (`UNKNOWN`, `N/K`, `Baby`).
    pub needs_a_name: bool,
}

/// A school as the records system knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchoolNamed {
    /// The URN, when one was given.
    pub urn: Option<Urn>,
    /// Where the URN came from.
    pub urn_source: Option<UrnSource>,
    /// The name as recorded.
    pub name_recorded: String,
    /// Town.
    pub town: Option<String>,
    /// Postcode.
    pub postcode: Option<String>,
    /// Authority.
    pub la: Option<String>,
    /// Site, for a school on several.
    pub site: Option<String>,
    /// An adult involved has a part in this school.
    pub involved_person: InvolvedPerson,
    /// Which part: never in a letter.
    pub involved_note: Option<Private<String>>,
}

/// Whom the school may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskFor {
    /// Name.
    pub name: Option<Private<String>>,
    /// Telephone.
    pub phone: Option<Private<String>>,
    /// Mail.
    pub email: Option<Private<String>>,
}
