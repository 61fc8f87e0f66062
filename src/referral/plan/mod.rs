//! Routing: the one place that decides which establishments are told about which child, through
//! which contacts, by when, and what waits for a person. Pure; behind intake, preview and simulator.

mod findings;
mod recipients;
mod register;
mod route;
#[cfg(test)]
mod tests;

use super::deadline::{Deadline, Whose, deadline};
use super::directory::Directory;
use super::ladder::{Rung, ladder, staff_back_at};
use super::policy::Policy;
use super::post::{Referral, words};
use super::school::{LaCode, Recipient, Urn, Withheld};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use route::Route;
use std::collections::BTreeMap;

words! {
    /// Why a notification waits for a person or its default (`interfaces.md`, holds). Strongest
    /// first: of several that apply the first is the hold, and [`Planned::reasons`] tells the rest.
    /// What forbids mail outranks what asks for care, that what doubts the place, that what is sent
    /// in the end all the same.
    HoldReason {
        /// An adult involved has a part in this school.
        Conflict = "conflict",
        /// A sensitive party: named supervisors only.
        Restricted = "restricted",
        /// The child is the suspect.
        ChildIsSuspect = "child-is-suspect",
        /// A placeholder stands where a name should be.
        NeedsAName = "needs-a-name",
        /// Refused by policy: a person records who told the school instead.
        OutsidePolicy = "outside-policy",
        /// The URN is unknown, absent, closed or not signed up.
        NeedsRouting = "needs-routing",
        /// The name is unlike the register's.
        NameUnlikeRegister = "name-unlike-register",
        /// No contact of the school may be sent a letter.
        NobodyToNotify = "nobody-to-notify",
        /// The incident is old and was not recently reported.
        IncidentOld = "incident-old",
        /// Neither birth date nor age is known.
        BornNotKnown = "born-not-known",
        /// An operator holds it back.
        ByOperator = "by-operator",
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
    /// What was found while routing. Every hold rests on at least one of these, so that a weaker
    /// hold still shows where a stronger one won.
    RouteReason {
        /// The URN was found open in the register.
        UrnFound = "urn-found",
        /// The recorded name matches the register.
        NameMatches = "name-matches",
        /// The recorded name differs but the URN was picked from a list.
        NameDiffersUrnPicked = "name-differs-urn-picked",
        /// The recorded name differs and the URN was looked up, typed or its source unsaid.
        NameDiffers = "name-differs",
        /// The URN is not in the register.
        UrnUnknown = "urn-unknown",
        /// No URN was given.
        UrnAbsent = "urn-absent",
        /// The school is closed.
        SchoolClosed = "school-closed",
        /// The school is proposed and not yet open.
        SchoolNotYetOpen = "school-not-yet-open",
        /// The closed school has exactly one open successor: the first suggestion.
        SuccessorProposed = "successor-proposed",
        /// The school has not signed up: an exception for a person, never a refusal.
        NotSignedUp = "not-signed-up",
        /// An adult involved works at, governs, volunteers at or runs IT for this school.
        InvolvedPerson = "involved-person",
        /// A contact's surname is the child's and involvement is not known: passed over.
        ContactSharesSurname = "contact-shares-surname",
        /// An address was withheld by the referral: passed over.
        AddressWithheld = "address-withheld",
        /// No Key Adult, deputy or hub may be sent a letter today.
        NoContact = "no-contact",
        /// The police ask for a call before the letter is answered.
        PoliceAskCall = "police-ask-call",
        /// A contact's address is suspended: passed over.
        AddressSuspended = "address-suspended",
        /// Only one contact can be sent a letter.
        SingleContact = "single-contact",
        /// The child is at no establishment, or at one that nobody knows.
        NoEstablishment = "no-establishment",
        /// The home authority given is no three-digit code, so no authority's route can be chosen.
        AuthorityNotKnown = "authority-not-known",
        /// Routed to the authority by arrangement.
        AuthorityRoute = "authority-route",
        /// The child lives in another force's area: a task to tell the home force.
        OtherForceArea = "other-force-area",
        /// The child is recorded as the suspect.
        RecordedAsSuspect = "recorded-as-suspect",
        /// The name is a placeholder.
        NameIsPlaceholder = "name-is-placeholder",
        /// Neither a birth date nor an age was given.
        AgeNotKnown = "age-not-known",
        /// The age is outside the policy.
        AgeOutsidePolicy = "age-outside-policy",
        /// The child was 18 or over at the incident.
        AdultAtIncident = "adult-at-incident",
        /// The connection is outside the policy.
        ConnectionOutsidePolicy = "connection-outside-policy",
        /// The kind is not accepted by the policy.
        KindOutsidePolicy = "kind-outside-policy",
        /// The grade is outside the policy.
        GradeOutsidePolicy = "grade-outside-policy",
        /// A police employee or another sensitive party is involved.
        SensitiveParty = "sensitive-party",
        /// The incident is older than 30 days and was not reported within 7.
        NotRecentlyReported = "not-recently-reported",
        /// The same child and police reference came before with other content.
        RepeatWithOtherContent = "repeat-with-other-content",
        /// It supersedes a referral that is not known, or not yet.
        SupersedesUnknown = "supersedes-unknown",
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
    /// Which child of the referral, by its place in the post, from 0.
    pub child: usize,
    /// For whom.
    pub target: Target,
    /// Waiting, and why.
    pub hold: Option<Hold>,
    /// What the desk should know.
    pub reasons: Vec<RouteReason>,
    /// Open schools that may be meant, best first, at most five. Only where none is routed.
    pub suggestions: Vec<Urn>,
    /// The clocks.
    pub deadline: Deadline,
    /// The ladder's steps, in order of time.
    pub rungs: Vec<Rung>,
    /// Accepted in a holiday: when staff are back.
    pub staff_back_at: Option<Timestamp>,
    /// Who may be sent the letter, in order; empty when nobody may. Those of a held notification
    /// are mailed only once a person releases it, or its default sends it.
    pub recipients: Vec<Recipient>,
    /// This is letter `n` of `m` to this school or authority about this event; `(1, 1)` while
    /// nobody is routed.
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

/// How long before `act_by` a hold that nobody decided takes its default (`interfaces.md`, holds).
const DEFAULT_BEFORE_ACT_BY: SignedDuration = SignedDuration::from_mins(90);

/// Plans a referral accepted at `now`: one notification for each school named for each child, or
/// for the authority or a person where a child has none. Nothing is ever refused here.
pub fn plan(referral: &Referral, directory: &Directory, policy: &Policy, now: Timestamp) -> Plan {
    let incident_at = referral.incident.occurred_at;
    plan_with(referral, directory, policy, now, &|whose| {
        deadline(directory, whose, now, Some(incident_at))
    })
}

fn plan_with(
    referral: &Referral,
    directory: &Directory,
    policy: &Policy,
    now: Timestamp,
    deadline_of: &dyn Fn(Whose) -> Deadline,
) -> Plan {
    let given = Given::new(referral, directory, policy, now);
    let about_referral = findings::of_referral(&given);
    let mut notifications = Vec::new();
    for (index, child) in referral.children.iter().enumerate() {
        let about_child = findings::of_child(&given, child);
        for mut route in route::routes(&given, child) {
            route.findings.add(&about_child);
            route.findings.add(&about_referral);
            let deadline = deadline_of(route.whose);
            let rungs = ladder(directory, route.whose, &policy.ladder, now, &deadline);
            let staff_back_at = staff_back_at(directory, route.whose, &policy.ladder, now);
            let clocks = (deadline, rungs, staff_back_at);
            notifications.push(planned(index, route, clocks, now));
        }
    }
    number(&mut notifications);
    Plan {
        directory_version: directory.version,
        notifications,
    }
}

/// What every step of planning is given.
struct Given<'a> {
    referral: &'a Referral,
    directory: &'a Directory,
    policy: &'a Policy,
    now: Timestamp,
    /// The day in London at `now`: what contacts' validity is counted in.
    today: Date,
    withheld: Withheld,
}

impl<'a> Given<'a> {
    fn new(
        referral: &'a Referral,
        directory: &'a Directory,
        policy: &'a Policy,
        now: Timestamp,
    ) -> Self {
        Self {
            referral,
            directory,
            policy,
            now,
            today: london_date(now),
            withheld: Withheld::new(&referral.withhold_from),
        }
    }
}

/// The civil date in London. The zone database is bundled, so the lookup finds it on every host.
fn london_date(at: Timestamp) -> Date {
    let london = TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC);
    at.to_zoned(london).date()
}

/// When a hold that nobody decided takes its default: 90 minutes before `act_by`, at once if less is
/// left.
pub fn default_at(act_by: Timestamp, now: Timestamp) -> Timestamp {
    act_by
        .checked_sub(DEFAULT_BEFORE_ACT_BY)
        .unwrap_or(now)
        .max(now)
}

fn planned(
    child: usize,
    route: Route,
    (deadline, rungs, staff_back_at): (Deadline, Vec<Rung>, Option<Timestamp>),
    now: Timestamp,
) -> Planned {
    let hold = route.findings.strongest().map(|reason| Hold {
        reason,
        will_happen: default_of(reason, &route),
        at: default_at(deadline.act_by, now),
    });
    Planned {
        child,
        target: route.target,
        hold,
        reasons: route.findings.into_reasons(),
        suggestions: route.suggestions,
        deadline,
        rungs,
        staff_back_at,
        recipients: route.recipients,
        n_of_m: (1, 1),
    }
}

fn default_of(reason: HoldReason, route: &Route) -> WillHappen {
    match reason {
        HoldReason::IncidentOld | HoldReason::BornNotKnown => WillHappen::Send,
        HoldReason::NeedsRouting if route.authority_can_be_told() => WillHappen::SendToAuthority,
        HoldReason::NeedsRouting
        | HoldReason::Conflict
        | HoldReason::Restricted
        | HoldReason::ChildIsSuspect
        | HoldReason::NeedsAName
        | HoldReason::OutsidePolicy
        | HoldReason::NameUnlikeRegister
        | HoldReason::NobodyToNotify
        | HoldReason::ByOperator => WillHappen::Climb,
    }
}

/// Numbers the letters to each school and authority in the order of the children.
fn number(notifications: &mut [Planned]) {
    let mut counted: BTreeMap<Target, u16> = BTreeMap::new();
    for planned in notifications.iter_mut().filter(|p| p.target.is_routed()) {
        let n = counted.entry(planned.target).or_default();
        *n = n.saturating_add(1);
        planned.n_of_m.0 = *n;
    }
    for planned in notifications.iter_mut() {
        planned.n_of_m.1 = counted.get(&planned.target).copied().unwrap_or(1);
    }
}

impl Target {
    fn is_routed(self) -> bool {
        match self {
            Self::School(_) | Self::Authority(_) => true,
            Self::Unrouted => false,
        }
    }
}
