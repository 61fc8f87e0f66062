//! Where each child's notifications go: a school of the register, the authority, or a person's
//! choice. A school is a target only when it is open and its URN was given: none is ever guessed.

use super::super::authorities::authority;
use super::super::deadline::Whose;
use super::super::directory::{ContactOf, LinkKind};
use super::super::post::{Child, InvolvedPerson, SchoolNamed, UrnSource};
use super::super::school::{LaCode, Recipient, School, SchoolStatus, Urn};
use super::findings::Findings;
use super::recipients::recipients;
use super::register::{is_alike, open_linked, suggestions};
use super::{Given, HoldReason, RouteReason, Target};
use std::iter::once;

/// Where one notification goes, before the clocks are known.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) target: Target,
    pub(super) whose: Whose,
    pub(super) findings: Findings,
    pub(super) recipients: Vec<Recipient>,
    pub(super) suggestions: Vec<Urn>,
}

impl Route {
    /// Whether an authority's contact can be sent the letter without anybody's choice.
    pub(super) fn authority_can_be_told(&self) -> bool {
        matches!(self.target, Target::Authority(_)) && !self.recipients.is_empty()
    }
}

/// One route for each school named, at least one in all.
pub(super) fn routes(given: &Given<'_>, child: &Child) -> Vec<Route> {
    if child.schools.is_empty() {
        return vec![without_school(given, child)];
    }
    let mut routes: Vec<Route> = Vec::new();
    for named in distinct(&child.schools) {
        let school = named
            .urn()
            .and_then(|urn| given.directory.schools.get(&urn));
        let route = match school {
            Some(school) if school.status == SchoolStatus::Open => {
                to_school(given, child, school, &named)
            }
            Some(_) | None => {
                let told = routes
                    .iter()
                    .any(|route| matches!(route.target, Target::Authority(_)));
                to_be_chosen(given, child, school, &named, !told)
            }
        };
        routes.push(route);
    }
    routes
}

/// One school as a child's record names it: once, or under the same URN again.
struct Named<'a> {
    first: &'a SchoolNamed,
    again: Vec<&'a SchoolNamed>,
}

impl<'a> Named<'a> {
    fn urn(&self) -> Option<Urn> {
        self.first.urn
    }

    fn each(&self) -> impl Iterator<Item = &'a SchoolNamed> {
        once(self.first).chain(self.again.iter().copied())
    }
}

fn distinct(schools: &[SchoolNamed]) -> Vec<Named<'_>> {
    let mut distinct: Vec<Named<'_>> = Vec::new();
    for school in schools {
        let same = |named: &&mut Named<'_>| school.urn.is_some() && named.urn() == school.urn;
        match distinct.iter_mut().find(same) {
            Some(named) => named.again.push(school),
            None => distinct.push(Named {
                first: school,
                again: Vec::new(),
            }),
        }
    }
    distinct
}

/// An open school of the register.
fn to_school(given: &Given<'_>, child: &Child, school: &School, named: &Named<'_>) -> Route {
    let mut findings = Findings::default();
    findings.note(RouteReason::UrnFound);
    compare_names(school, named, &mut findings);
    if !has_signed_up(given, school.urn) {
        findings.hold(HoldReason::NeedsRouting, RouteReason::NotSignedUp);
    }
    let recipients = match involvement(given, named) {
        InvolvedPerson::Yes => {
            findings.hold(HoldReason::Conflict, RouteReason::InvolvedPerson);
            Vec::new()
        }
        InvolvedPerson::Unknown => {
            let surname = Some(child.family_name.0.as_str());
            recipients(given, ContactOf::School(school.urn), surname, &mut findings)
        }
        InvolvedPerson::No => recipients(given, ContactOf::School(school.urn), None, &mut findings),
    };
    Route {
        target: Target::School(school.urn),
        whose: Whose {
            urn: Some(school.urn),
            la_code: school.la_code.or(given.policy.default_la),
        },
        findings,
        recipients,
        suggestions: Vec::new(),
    }
}

/// A picked URN is believed over a name; one that was looked up or typed may be another school's.
fn compare_names(school: &School, named: &Named<'_>, findings: &mut Findings) {
    let mut all_alike = true;
    for record in named.each().filter(|n| !is_alike(&n.name_recorded, school)) {
        all_alike = false;
        match record.urn_source {
            Some(UrnSource::Picked) => findings.note(RouteReason::NameDiffersUrnPicked),
            Some(UrnSource::LookedUp | UrnSource::Typed) | None => {
                findings.hold(HoldReason::NameUnlikeRegister, RouteReason::NameDiffers);
            }
        }
    }
    if all_alike {
        findings.note(RouteReason::NameMatches);
    }
}

/// A force without a list of schools that signed up sends to all.
fn has_signed_up(given: &Given<'_>, urn: Urn) -> bool {
    let list = &given.directory.participation;
    list.is_empty()
        || list
            .get(&urn)
            .is_some_and(|p| p.signed_up_on <= given.today)
}

/// The strongest that any child of the referral says of this school: it is the same incident, and
/// who works at a school for one child works there for the other.
fn involvement(given: &Given<'_>, named: &Named<'_>) -> InvolvedPerson {
    let others = given
        .referral
        .children
        .iter()
        .flat_map(|child| &child.schools)
        .filter(|school| school.urn.is_some() && school.urn == named.urn());
    others
        .chain(named.each())
        .map(|school| school.involved_person)
        .fold(InvolvedPerson::No, stronger)
}

fn stronger(a: InvolvedPerson, b: InvolvedPerson) -> InvolvedPerson {
    match (a, b) {
        (InvolvedPerson::Yes, _) | (_, InvolvedPerson::Yes) => InvolvedPerson::Yes,
        (InvolvedPerson::Unknown, _) | (_, InvolvedPerson::Unknown) => InvolvedPerson::Unknown,
        (InvolvedPerson::No, InvolvedPerson::No) => InvolvedPerson::No,
    }
}

/// No open school is known by this URN: a person chooses, and where the force has arranged it the
/// authority is told if nobody does. The authority is told of one child once.
fn to_be_chosen(
    given: &Given<'_>,
    child: &Child,
    school: Option<&School>,
    named: &Named<'_>,
    authority_untold: bool,
) -> Route {
    let mut findings = Findings::default();
    let linked = why_not_routed(given, school, named, &mut findings);
    let conflict = involvement(given, named) == InvolvedPerson::Yes;
    if conflict {
        findings.hold(HoldReason::Conflict, RouteReason::InvolvedPerson);
    }
    let suggestions = suggestions(given.directory, named.first, linked);
    let route = if authority_untold && !conflict {
        by_authority(given, child, findings)
    } else {
        unrouted(given, child, findings)
    };
    Route {
        suggestions,
        ..route
    }
}

/// Says why, and gives the open schools that the register links to.
fn why_not_routed(
    given: &Given<'_>,
    school: Option<&School>,
    named: &Named<'_>,
    findings: &mut Findings,
) -> Vec<Urn> {
    let linked = |urn, kind| open_linked(given.directory, urn, kind);
    let (why, linked) = match (named.urn(), school.map(|school| school.status)) {
        (Some(urn), Some(SchoolStatus::Closed)) => {
            (RouteReason::SchoolClosed, linked(urn, LinkKind::Successor))
        }
        (Some(urn), Some(SchoolStatus::Proposed)) => (
            RouteReason::SchoolNotYetOpen,
            linked(urn, LinkKind::Predecessor),
        ),
        // An open school is routed to and does not come here.
        (Some(_), Some(SchoolStatus::Open) | None) => (RouteReason::UrnUnknown, Vec::new()),
        (None, _) => (RouteReason::UrnAbsent, Vec::new()),
    };
    findings.hold(HoldReason::NeedsRouting, why);
    if why == RouteReason::SchoolClosed && linked.len() == 1 {
        findings.note(RouteReason::SuccessorProposed);
    }
    linked
}

/// A child at no establishment, or at one that nobody knows: the authority is told at once where
/// the force has arranged that, else a person decides.
fn without_school(given: &Given<'_>, child: &Child) -> Route {
    let mut findings = Findings::default();
    findings.note(RouteReason::NoEstablishment);
    let mut route = by_authority(given, child, findings);
    if route.target == Target::Unrouted {
        let why = RouteReason::NoEstablishment;
        route.findings.hold(HoldReason::NeedsRouting, why);
    }
    route
}

/// To the authority of the child's home, where its contacts are in the directory; else unrouted.
fn by_authority(given: &Given<'_>, child: &Child, mut findings: Findings) -> Route {
    let home = home_authority(given, child, &mut findings);
    let arranged = home.filter(|code| {
        !given
            .directory
            .contacts_of(ContactOf::Authority(*code))
            .is_empty()
    });
    let Some(code) = arranged else {
        return unrouted(given, child, findings);
    };
    findings.note(RouteReason::AuthorityRoute);
    let recipients = recipients(given, ContactOf::Authority(code), None, &mut findings);
    Route {
        target: Target::Authority(code),
        whose: Whose {
            urn: None,
            la_code: Some(code),
        },
        findings,
        recipients,
        suggestions: Vec::new(),
    }
}

/// The authority that may be told about the child. The policy's own stands in only where the post
/// names none and the child lives in the force's area: a letter must not go to a neighbour.
fn home_authority(given: &Given<'_>, child: &Child, findings: &mut Findings) -> Option<LaCode> {
    match child.home_la.as_deref() {
        Some(text) => {
            let code = authority(text);
            if code.is_none() {
                findings.note(RouteReason::AuthorityNotKnown);
            }
            code
        }
        None if child.resides_in_force_area == Some(false) => None,
        None => given.policy.default_la,
    }
}

/// Nobody yet. The authority's calendar gives the deadline: here a wrong one only wakes a person.
fn unrouted(given: &Given<'_>, child: &Child, findings: Findings) -> Route {
    let home = child.home_la.as_deref().and_then(authority);
    Route {
        target: Target::Unrouted,
        whose: Whose {
            urn: None,
            la_code: home.or(given.policy.default_la),
        },
        findings,
        recipients: Vec::new(),
        suggestions: Vec::new(),
    }
}
