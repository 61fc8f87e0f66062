//! What the store stands on beside its settings. A daemon's is always the default; the simulator has its
//! own, so that a night can be played again, quickly, and with a scheduler that is wrong on purpose.

use crate::referral::decide::{Decision, Observation, decide};
use crate::referral::fold::Case;
use crate::referral::retry::RetrySettings;
use crate::seal::randomness::Randomness;
use jiff::Timestamp;

/// Decides what follows from an observation: [`decide`].
pub type Decides = fn(&Case, Observation, &RetrySettings, Timestamp, u64) -> Vec<Decision>;

/// What the store stands on.
#[derive(Debug, Clone)]
pub struct Footing {
    /// Where ids, codes, tokens and jitter come from.
    pub randomness: Randomness,
    /// What decides.
    pub decides: Decides,
    /// Whether a commit waits for the disk. Without it nothing is promised to anybody.
    pub synced: bool,
}

impl Default for Footing {
    /// A daemon's.
    fn default() -> Self {
        Self {
            randomness: Randomness::System,
            decides: decide,
            synced: true,
        }
    }
}
