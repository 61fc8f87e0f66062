//! Endings that a person chose: one that counts closes the notification.

use super::{Decision, ending};
use crate::referral::fold::Case;

/// A person chose how it ends, or countersigned what another chose. Until it counts it stays live and
/// the ladder climbs.
pub(super) fn chosen(case: &Case) -> Vec<Decision> {
    let counts = case.people.ending().filter(|chosen| chosen.counts());
    match counts {
        Some(chosen) if case.live() => {
            let closed_as = chosen.closed_as.word();
            let close = Decision::Close { closed_as };
            ending(case).into_iter().chain([close]).collect()
        }
        Some(_) | None => Vec::new(),
    }
}
