//! Whether relays can be reached: since when each route has been down, from how attempts ended. Pure.

use crate::referral::alarm::AlarmKind;
use crate::referral::attempt::{AttemptResult, Phase};
use crate::store::{AttemptSeen, Waiting};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

use super::book::Condition;

/// A route that could not be used for so long is down (`design.md`, "Alarms have hours").
const DOWN_AFTER: SignedDuration = SignedDuration::from_mins(30);

/// Since when each route's relay could not be used; routes that could are not in it.
#[derive(Debug, Default)]
pub(super) struct Roads {
    down_since: BTreeMap<String, Timestamp>,
}

impl Roads {
    /// Takes how an attempt ended.
    pub(super) fn take(&mut self, attempt: &AttemptSeen) {
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

    /// What is wrong, given what waits.
    pub(super) fn conditions(&self, waiting: &[Waiting], now: Timestamp) -> Vec<Condition> {
        let long = |since: Timestamp| now.duration_since(since) >= DOWN_AFTER;
        let is_down = |waiting: &&Waiting| {
            let since = self.down_since.get(&waiting.route);
            since.is_some_and(|since| long(*since))
        };
        let down: Vec<&Waiting> = waiting.iter().filter(is_down).collect();
        let every = !down.is_empty() && down.len() == waiting.len();
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
            letters: 3,
            since: at(0),
        });
        waiting.collect()
    }

    fn words(roads: &Roads, routes: &[&str], minute: i64) -> Vec<&'static str> {
        let conditions = roads.conditions(&waiting(routes), at(minute));
        conditions.iter().map(|(kind, _)| kind.word()).collect()
    }

    #[test]
    fn every_route_with_letters_waiting_must_be_down_for_half_an_hour() {
        let mut roads = Roads::default();
        roads.take(&ended("cjsm", 0, Phase::Connect, AttemptResult::Later));
        roads.take(&ended("cjsm", 20, Phase::Handshake, AttemptResult::Later));
        assert_eq!(words(&roads, &["cjsm"], 29), [""; 0]);
        assert_eq!(
            words(&roads, &["cjsm"], 30),
            ["route_down", "every_route_down"]
        );
        assert_eq!(words(&roads, &[], 30), [""; 0], "nothing waits");
        assert_eq!(words(&roads, &["cjsm", "school"], 30), ["route_down"]);
        roads.take(&ended("school", 10, Phase::Auth, AttemptResult::Later));
        let both = ["route_down", "route_down", "every_route_down"];
        assert_eq!(words(&roads, &["cjsm", "school"], 40), both);
        // A refused letter is a relay that can be used.
        roads.take(&ended("cjsm", 41, Phase::Rcpt, AttemptResult::Never));
        assert_eq!(words(&roads, &["cjsm", "school"], 42), ["route_down"]);
        roads.take(&ended("school", 43, Phase::Daemon, AttemptResult::Later));
        assert_eq!(
            words(&roads, &["school"], 44).len(),
            2,
            "our own fault says nothing"
        );
    }
}
