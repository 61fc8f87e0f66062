//! The judge of whether a deadline could have been met, apart from the scheduler: it is given the fault
//! script, a way out and two moments, and nothing else.

use super::script::Script;
use crate::referral::school::RouteName;
use jiff::{SignedDuration, Timestamp};

/// A permitted way out must have been well for so long in all ...
const HEALTHY: SignedDuration = SignedDuration::from_secs(120);
/// ... in stretches of at least so long each.
const STRETCH: SignedDuration = SignedDuration::from_secs(15);

/// A relay that is well takes so many letters that wait together, one after the other, each within this.
const TURN: SignedDuration = SignedDuration::from_secs(1);

/// A way out, and how many other letters are on it at the same time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'w> {
    pub(super) route: &'w RouteName,
    pub(super) beside: usize,
}

/// Whether a letter accepted at the first moment could have been handed over before the second, the last
/// safe one for mail.
pub(super) fn achievable(
    script: &Script,
    way: Way<'_>,
    (accepted, last_safe): (Timestamp, Timestamp),
) -> bool {
    let turns = i32::try_from(way.beside).unwrap_or(i32::MAX);
    let needed = HEALTHY.max(TURN.saturating_mul(turns));
    let stretches = script.healthy(way.route, accepted, last_safe);
    let lengths = stretches.iter().map(|(from, to)| to.duration_since(*from));
    let well: SignedDuration = lengths
        .filter(|length| *length >= STRETCH)
        .fold(SignedDuration::ZERO, |sum, length| sum + length);
    well >= needed
}

#[cfg(test)]
mod tests {
    use super::super::script::{Strike, Window};
    use super::*;

    #[test]
    fn two_minutes_in_stretches_of_a_quarter_of_one_are_enough_and_less_is_not() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let route = RouteName::parse("cjsm").unwrap();
        let within = |gaps: &[(i64, i64)], last_safe: i64| {
            let down = gaps.iter().map(|(from, to)| Window {
                from: at(*from),
                to: at(*to),
                what: Strike::Down,
            });
            let mut script = Script::default();
            script.relays.insert(route.clone(), down.collect());
            let way = Way {
                route: &route,
                beside: 0,
            };
            achievable(&script, way, (at(0), at(last_safe)))
        };
        assert!(within(&[], 120) && !within(&[], 119));
        assert!(within(&[(60, 500)], 560) && !within(&[(60, 500)], 559));
        // Stretches of 14 s count for nothing, those of 15 s do.
        let every = |well: i64| (0..20).map(move |n| (n * 100 + well, n * 100 + 100));
        assert!(!within(&every(14).collect::<Vec<_>>(), 2_000));
        assert!(within(&every(15).collect::<Vec<_>>(), 2_000));
    }
}
