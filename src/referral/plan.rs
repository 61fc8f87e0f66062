//! Routing: the one place that decides which establishments are told about which child, through
//! which contacts, by when, and what waits for a person. Pure; behind intake, preview and simulator.

use super::deadline::Deadline;
use super::directory::Directory;
use super::policy::Policy;
use super::post::{Referral, words};
use super::school::{LaCode, Recipient, Urn};
use jiff::Timestamp;

words! {
    /// Why a notification waits for a person or its default (`interfaces.md`, holds).
    HoldReason {
        /// Neither birth date nor age is known.
        BornNotKnown = "born-not-known",
        /// The incident is old and was not recently reported.
        IncidentOld = "incident-old",
        /// The name is unlike the register's.
        NameUnlikeRegister = "name-unlike-register",
        /// The URN is unknown, absent or closed.
        NeedsRouting = "needs-routing",
        /// Refused by policy: a person records who told the school instead.
        OutsidePolicy = "outside-policy",
        /// An adult involved has a part in this school.
        Conflict = "conflict",
        /// A sensitive party: named supervisors only.
        Restricted = "restricted",
        /// The child is the suspect.
        ChildIsSuspect = "child-is-suspect",
        /// A placeholder stands where a name should be.
        NeedsAName = "needs-a-name",
        /// No contact of the school may be sent a letter.
        NobodyToNotify = "nobody-to-notify",
    }
    /// What happens by itself to a hold that nobody decides.
    WillHappen {
        /// The letter is sent 90 minutes before `act_by`, or at once if less is left.
        Send = "send",
        /// A person rings or chooses a school: it climbs until somebody does.
        Climb = "climb",
        /// The authority's route is used.
        SendToAuthority = "send-to-authority",
    }
    /// What the desk should know about a routing, besides a hold.
    RouteReason {
        /// The URN was found open in the register.
        UrnFound = "urn-found",
        /// The recorded name matches the register.
        NameMatches = "name-matches",
        /// The recorded name differs but the URN was picked from a list.
        NameDiffersUrnPicked = "name-differs-urn-picked",
        /// The URN is not in the register.
        UrnUnknown = "urn-unknown",
        /// No URN was given.
        UrnAbsent = "urn-absent",
        /// The school is closed; its single open successor is proposed.
        SchoolClosed = "school-closed",
        /// Exactly one open school is suggested.
        SuccessorProposed = "successor-proposed",
        /// The school has not signed up: an exception for a person, never a refusal.
        NotSignedUp = "not-signed-up",
        /// The child lives in another force's area: a task to tell the home force.
        OtherForceArea = "other-force-area",
        /// A contact's surname is the child's and involvement is not known: passed over.
        ContactSharesSurname = "contact-shares-surname",
        /// An address was withheld by the referral: passed over.
        AddressWithheld = "address-withheld",
        /// The grade is outside the policy.
        GradeOutsidePolicy = "grade-outside-policy",
        /// The age is outside the policy.
        AgeOutsidePolicy = "age-outside-policy",
        /// The connection is outside the policy.
        ConnectionOutsidePolicy = "connection-outside-policy",
        /// The kind is not accepted by the policy.
        KindOutsidePolicy = "kind-outside-policy",
        /// The child was 18 or over at the incident.
        AdultAtIncident = "adult-at-incident",
        /// The child is at no establishment.
        NoEstablishment = "no-establishment",
        /// Routed to the authority by arrangement.
        AuthorityRoute = "authority-route",
        /// The same child and police reference came before with other content.
        RepeatWithOtherContent = "repeat-with-other-content",
        /// Only one contact can be sent a letter.
        SingleContact = "single-contact",
    }
}

/// Whom a notification is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// A school.
    School(Urn),
    /// A local authority, for a child without a school.
    Authority(LaCode),
    /// Nobody yet: a person chooses. The clock runs all the same.
    Unrouted,
}

/// A hold and its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Why.
    pub reason: HoldReason,
    /// What happens unless a person decides.
    pub will_happen: WillHappen,
    /// When: 90 minutes before `act_by`, at once if less is left.
    pub at: Timestamp,
}

/// One notification to be opened.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Which child of the referral, by its place in the post.
    pub child: usize,
    /// For whom.
    pub target: Target,
    /// Waiting, and why.
    pub hold: Option<Hold>,
    /// What the desk should know.
    pub reasons: Vec<RouteReason>,
    /// Register entries that may be meant, best first, at most five. Only for `needs-routing`.
    pub suggestions: Vec<Urn>,
    /// The clocks.
    pub deadline: Deadline,
    /// Who may be sent the letter, in order; empty when nobody may.
    pub recipients: Vec<Recipient>,
    /// This is letter `n` of `m` to this school about this event.
    pub n_of_m: (u16, u16),
}

/// Everything that follows from one referral.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The directory version it was made with; another version by the time of acceptance: plan again.
    pub directory_version: u32,
    /// One or more per child: no child is ever without one.
    pub notifications: Vec<Planned>,
}

/// Plans a referral accepted at `now`.
pub fn plan(
    _referral: &Referral,
    _directory: &Directory,
    _policy: &Policy,
    _now: Timestamp,
) -> Plan {
    unimplemented!()
}
