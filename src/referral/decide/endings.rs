//! Endings that a person chose: one that counts closes the notification.

use super::{Decision, ending, task};
use crate::referral::fact::TaskKind;
use crate::referral::fold::Case;
use jiff::Timestamp;

/// A person chose how it ends, or countersigned what another chose. Until it counts it stays live and
/// the ladder climbs, and a second one is asked to agree.
pub(super) fn chosen(case: &Case, now: Timestamp) -> Vec<Decision> {
    match case.people.ending() {
        Some(chosen) if case.live() && !chosen.counts() => {
            let asks = task(case, TaskKind::CountersignEnding, now);
            asks.into_iter().collect()
        }
        Some(chosen) if case.live() => {
            let closed_as = chosen.closed_as.word();
            let close = Decision::Close { closed_as };
            ending(case).into_iter().chain([close]).collect()
        }
        Some(_) | None => Vec::new(),
    }
}
