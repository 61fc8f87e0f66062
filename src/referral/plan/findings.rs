//! What is found about a referral and its children, wherever they go to school: what policy
//! refuses, and what a person should look at first.

use super::super::post::{AskCall, Born, Child, Connection};
use super::{Given, HoldReason, RouteReason};
use jiff::SignedDuration;
use jiff::civil::Date;
use std::collections::BTreeSet;

/// A child is anyone under 18 (Domestic Abuse Act 2021 s.49A).
const ADULT_AGE_YEARS: i16 = 18;

/// An incident older than this is held ... (`interfaces.md`, `incident.reported_at`)
const INCIDENT_OLD_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);

/// ... unless it was reported within this: a disclosure long after the event is fresh news.
const REPORTED_RECENTLY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The holds that apply, and the reasons in the order they were found, each once.
#[derive(Debug, Clone, Default)]
pub(super) struct Findings {
    holds: BTreeSet<HoldReason>,
    reasons: Vec<RouteReason>,
}

impl Findings {
    pub(super) fn note(&mut self, reason: RouteReason) {
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    pub(super) fn hold(&mut self, hold: HoldReason, why: RouteReason) {
        self.holds.insert(hold);
        self.note(why);
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.holds.extend(&other.holds);
        for reason in &other.reasons {
            self.note(*reason);
        }
    }

    /// The hold that wins: [`HoldReason`] is in order of strength.
    pub(super) fn strongest(&self) -> Option<HoldReason> {
        self.holds.first().copied()
    }

    pub(super) fn into_reasons(self) -> Vec<RouteReason> {
        self.reasons
    }
}

/// What holds or marks every notification of the referral.
pub(super) fn of_referral(given: &Given<'_>) -> Findings {
    let mut found = Findings::default();
    let (referral, policy) = (given.referral, given.policy);
    if referral.restricted {
        found.hold(HoldReason::Restricted, RouteReason::SensitiveParty);
    }
    if !policy.kinds.contains(&referral.kind) {
        found.hold(HoldReason::OutsidePolicy, RouteReason::KindOutsidePolicy);
    }
    if !policy.grades.contains(&referral.incident.risk_grade) {
        found.hold(HoldReason::OutsidePolicy, RouteReason::GradeOutsidePolicy);
    }
    if referral.police_ask_call != AskCall::None {
        found.note(RouteReason::PoliceAskCall);
    }
    if is_old(given) {
        found.hold(HoldReason::IncidentOld, RouteReason::NotRecentlyReported);
    }
    found
}

/// Counted from the end of a range: what went on until yesterday is not old.
fn is_old(given: &Given<'_>) -> bool {
    let incident = &given.referral.incident;
    let ended_at = incident.occurred_until.unwrap_or(incident.occurred_at);
    let reported_recently = incident
        .reported_at
        .is_some_and(|at| given.now.duration_since(at) <= REPORTED_RECENTLY);
    given.now.duration_since(ended_at) > INCIDENT_OLD_AFTER && !reported_recently
}

/// What holds or marks every notification of this child.
pub(super) fn of_child(given: &Given<'_>, child: &Child) -> Findings {
    let mut found = Findings::default();
    if child.connection == Connection::Suspect {
        found.hold(HoldReason::ChildIsSuspect, RouteReason::RecordedAsSuspect);
    } else if !given.policy.connections.contains(&child.connection) {
        found.hold(
            HoldReason::OutsidePolicy,
            RouteReason::ConnectionOutsidePolicy,
        );
    }
    if child.needs_a_name {
        found.hold(HoldReason::NeedsAName, RouteReason::NameIsPlaceholder);
    }
    of_age(given, child.born, &mut found);
    if child.resides_in_force_area == Some(false) {
        found.note(RouteReason::OtherForceArea);
    }
    found
}

fn of_age(given: &Given<'_>, born: Born, found: &mut Findings) {
    let age = match born {
        Born::On(date) => {
            let incident_on = super::london_date(given.referral.incident.occurred_at);
            age_years(date.0, incident_on)
        }
        Born::About(years) => i16::from(years.0),
        Born::NotKnown => return found.hold(HoldReason::BornNotKnown, RouteReason::AgeNotKnown),
    };
    let sent = i16::from(given.policy.age_min)..=i16::from(given.policy.age_max);
    if age >= ADULT_AGE_YEARS {
        found.hold(HoldReason::OutsidePolicy, RouteReason::AdultAtIncident);
    } else if !sent.contains(&age) {
        found.hold(HoldReason::OutsidePolicy, RouteReason::AgeOutsidePolicy);
    }
}

/// Whole years on a day: an age is reached as the anniversary begins (Family Law Reform Act 1969
/// s.9), that of 29 February in other years on 1 March. A child born since is 0.
fn age_years(born: Date, on: Date) -> i16 {
    let not_yet = (on.month(), on.day()) < (born.month(), born.day());
    (on.year() - born.year() - i16::from(not_yet)).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn an_age_is_reached_on_the_birthday() {
        let born = date(2008, 2, 29);
        assert_eq!(age_years(born, date(2026, 2, 28)), 17);
        assert_eq!(age_years(born, date(2026, 3, 1)), 18);
        assert_eq!(age_years(date(2016, 3, 12), date(2026, 3, 11)), 9);
        assert_eq!(age_years(date(2016, 3, 12), date(2026, 3, 12)), 10);
        assert_eq!(age_years(date(2026, 3, 12), date(2026, 1, 1)), 0);
    }

    #[test]
    fn the_strongest_hold_wins_and_every_reason_stays() {
        let mut found = Findings::default();
        found.hold(HoldReason::BornNotKnown, RouteReason::AgeNotKnown);
        let mut other = Findings::default();
        other.hold(HoldReason::NeedsRouting, RouteReason::UrnAbsent);
        other.hold(HoldReason::BornNotKnown, RouteReason::AgeNotKnown);
        found.add(&other);
        assert_eq!(found.strongest(), Some(HoldReason::NeedsRouting));
        assert_eq!(
            found.into_reasons(),
            [RouteReason::AgeNotKnown, RouteReason::UrnAbsent]
        );
    }
}
