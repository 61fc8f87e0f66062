//! Whether relays can be reached and take letters: since when each route has been down, from how attempts
//! ended. That is on record, and a restart in the middle of a night begins no new half hour. Pure.

use crate::referral::alarm::AlarmKind;
use crate::referral::attempt::{AttemptResult, Phase};
use crate::store::{AttemptSeen, Waiting};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

use super::book::Condition;

/// A route that could not be used for so long is down (`design.md`, "Alarms have hours").
const DOWN_AFTER: SignedDuration = SignedDuration::from_mins(30);

/// So many attempts in a row that a relay answered and did not take are the relay's, not a letter's: as many
/// as leave it to scouts ([`crate::delivery`]).
const REFUSALS: u32 = 3;

/// Since when each route's relay could not be used, or took nothing; routes that are well are not in it.
#[derive(Debug, Default)]
pub(super) struct Roads {
    down_since: BTreeMap<String, Timestamp>,
    /// Refusals in a row, and when there were enough of them.
    refusing: BTreeMap<String, (u32, Timestamp)>,
}

impl Roads {
    /// Takes how an attempt ended.
    pub(super) fn take(&mut self, attempt: &AttemptSeen) {
        self.take_refusal(attempt);
        let Some(is_usable) = is_usable(attempt) else {
            return;
        };
        if is_usable {
            self.down_since.remove(&attempt.route);
        } else {
            let since = self.down_since.entry(attempt.route.clone());
            since.or_insert(attempt.at);
        }
    }

    fn take_refusal(&mut self, attempt: &AttemptSeen) {
        let of_the_relay = match attempt.phase {
            Phase::Auth | Phase::Mail | Phase::Rcpt | Phase::Data | Phase::Body => true,
            Phase::Connect
            | Phase::Greeting
            | Phase::Ehlo
            | Phase::StartTls
            | Phase::Handshake
            | Phase::Daemon => false,
        };
        match attempt.result {
            AttemptResult::Done => {
                self.refusing.remove(&attempt.route);
            }
            AttemptResult::Later | AttemptResult::Unknown if of_the_relay => {
                let begun = (0, attempt.at);
                let (count, since) = self.refusing.entry(attempt.route.clone()).or_insert(begun);
                *count = count.saturating_add(1);
                if *count <= REFUSALS {
                    *since = attempt.at;
                }
            }
            AttemptResult::Later | AttemptResult::Unknown | AttemptResult::Never => {}
        }
    }

    /// What is wrong, given what waits.
    ///
    /// A route is down whose relay cannot be reached, or answers and takes nothing, so that only scouts go.
    /// For one full mailbox nobody is woken: the second kind is among *every* route only while letters for
    /// more than one mailbox wait. A suspended route has no alarm of its own, an operator has it in hand,
    /// and it is no way out either.
    pub(super) fn conditions(&mut self, waiting: &[Waiting], now: Timestamp) -> Vec<Condition> {
        for of in waiting.iter().filter(|of| of.suspended) {
            // Nothing is tried meanwhile: once that ends it is down only if it is found so anew.
            self.down_since.remove(&of.route);
            self.refusing.remove(&of.route);
        }
        let long = |since: Timestamp| now.duration_since(since) >= DOWN_AFTER;
        let away = |of: &Waiting| self.down_since.get(&of.route).is_some_and(|at| long(*at));
        let takes_nothing = |of: &Waiting| {
            let refusing = self.refusing.get(&of.route);
            refusing.is_some_and(|(count, since)| *count >= REFUSALS && long(*since))
        };
        let is_down = |of: &Waiting| !of.suspended && (away(of) || takes_nothing(of));
        let is_no_way = |of: &Waiting| of.suspended || away(of) || of.many && takes_nothing(of);
        let down: Vec<&Waiting> = waiting.iter().filter(|of| is_down(of)).collect();
        let every = !down.is_empty() && waiting.iter().all(is_no_way);
        let every = every.then(|| (AlarmKind::EveryRouteDown, "routes".to_owned()));
        down.iter()
            .map(|waiting| (AlarmKind::RouteDown, waiting.route.clone()))
            .chain(every)
            .collect()
    }
}

/// Whether the relay could be used: the attempt came past the login. None where it says nothing of the
/// relay.
fn is_usable(attempt: &AttemptSeen) -> Option<bool> {
    match attempt.phase {
        Phase::Daemon => None,
        Phase::Mail | Phase::Rcpt | Phase::Data | Phase::Body => Some(true),
        Phase::Connect
        | Phase::Greeting
        | Phase::Ehlo
        | Phase::StartTls
        | Phase::Handshake
        | Phase::Auth => match attempt.result {
            AttemptResult::Done => Some(true),
            // Never at the connection is about our own letter: it could not be put on the wire.
            AttemptResult::Never => None,
            AttemptResult::Later | AttemptResult::Unknown => Some(false),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        let start: Timestamp = "2026-11-23T02:00:00Z".parse().unwrap();
        start + SignedDuration::from_mins(minute)
    }

    fn ended(route: &str, minute: i64, phase: Phase, result: AttemptResult) -> AttemptSeen {
        AttemptSeen {
            at: at(minute),
            route: route.to_owned(),
            result,
            phase,
        }
    }

    fn waiting(routes: &[&str]) -> Vec<Waiting> {
        let waiting = routes.iter().map(|route| Waiting {
            route: (*route).to_owned(),
            many: true,
            suspended: false,
        });
        waiting.collect()
    }

    fn words(roads: &mut Roads, routes: &[&str], minute: i64) -> Vec<&'static str> {
        words_of(roads, &waiting(routes), minute)
    }

    fn words_of(roads: &mut Roads, waiting: &[Waiting], minute: i64) -> Vec<&'static str> {
        let conditions = roads.conditions(waiting, at(minute));
        conditions.iter().map(|(kind, _)| kind.word()).collect()
    }

    #[test]
    fn every_route_with_letters_waiting_must_be_down_for_half_an_hour() {
        let mut roads = Roads::default();
        roads.take(&ended("cjsm", 0, Phase::Connect, AttemptResult::Later));
        roads.take(&ended("cjsm", 20, Phase::Handshake, AttemptResult::Later));
        assert_eq!(words(&mut roads, &["cjsm"], 29), [""; 0]);
        assert_eq!(
            words(&mut roads, &["cjsm"], 30),
            ["route_down", "every_route_down"]
        );
        assert_eq!(words(&mut roads, &[], 30), [""; 0], "nothing waits");
        assert_eq!(words(&mut roads, &["cjsm", "school"], 30), ["route_down"]);
        roads.take(&ended("school", 10, Phase::Auth, AttemptResult::Later));
        let both = ["route_down", "route_down", "every_route_down"];
        assert_eq!(words(&mut roads, &["cjsm", "school"], 40), both);
        // A refused letter is a relay that can be used.
        roads.take(&ended("cjsm", 41, Phase::Rcpt, AttemptResult::Never));
        assert_eq!(words(&mut roads, &["cjsm", "school"], 42), ["route_down"]);
        roads.take(&ended("school", 43, Phase::Daemon, AttemptResult::Later));
        assert_eq!(
            words(&mut roads, &["school"], 44).len(),
            2,
            "our own fault says nothing"
        );
    }
    #[test]
    fn a_relay_that_takes_nothing_is_down_and_wakes_nobody_for_one_mailbox() {
        let mut roads = Roads::default();
        roads.take(&ended("school", 10, Phase::Body, AttemptResult::Done));
        for minute in [20, 30, 50, 60] {
            roads.take(&ended("school", minute, Phase::Rcpt, AttemptResult::Later));
            // One letter's, for good.
            roads.take(&ended("school", minute, Phase::Rcpt, AttemptResult::Never));
        }
        assert_eq!(words(&mut roads, &["school"], 79), [""; 0]);
        let both = ["route_down", "every_route_down"];
        assert_eq!(words(&mut roads, &["school"], 80), both);
        assert_eq!(words(&mut roads, &["school", "cjsm"], 80), ["route_down"]);
        assert_eq!(
            words(&mut roads, &["cjsm"], 80),
            [""; 0],
            "nothing waits for it"
        );
        let mut one = waiting(&["school"]);
        one[0].many = false;
        assert_eq!(words_of(&mut roads, &one, 80), ["route_down"]);
        roads.take(&ended("school", 81, Phase::Body, AttemptResult::Done));
        assert_eq!(words(&mut roads, &["school"], 82), [""; 0]);
    }

    #[test]
    fn a_suspended_route_hides_no_other_and_is_told_of_by_nobody() {
        let mut roads = Roads::default();
        roads.take(&ended("cjsm", 0, Phase::Connect, AttemptResult::Later));
        let mut both = waiting(&["cjsm", "hub"]);
        assert_eq!(
            words_of(&mut roads, &both, 30),
            ["route_down"],
            "a way is left"
        );
        both[1].suspended = true;
        let every = ["route_down", "every_route_down"];
        assert_eq!(words_of(&mut roads, &both, 30), every);
        both[0].suspended = true;
        assert_eq!(words_of(&mut roads, &both, 30), [""; 0], "in hand");
    }
}
