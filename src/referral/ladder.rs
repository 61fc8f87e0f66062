//! The ladder: what happens by when, counted backward from `act_by` (`design.md`, the ladder).

use super::deadline::{Deadline, Whose};
use super::directory::Directory;
use super::post::words;
use jiff::{SignedDuration, Timestamp};

words! {
    /// A step of the ladder after the first letter, which goes at once.
    RungWhat {
        /// The deputies are sent the letter too.
        Deputies = "deputies",
        /// Calls that come first (P1): nothing proves that the letter arrived.
        CallFirst = "call_first",
        /// Every other call (P2).
        Call = "call",
        /// A supervisor hears of a call that nobody has claimed.
        Supervisor = "supervisor",
        /// `act_by` passes.
        Hour = "hour",
        /// A supervisor chooses how it ends.
        Choose = "choose",
    }
}

/// One step at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rung {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: RungWhat,
    /// Its hours allowed no time before `act_by`.
    pub lost: bool,
}

/// The hours within which people are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LadderHours {}

/// The ladder of a notification accepted at `at`.
pub fn ladder(
    _directory: &Directory,
    _whose: Whose,
    _hours: &LadderHours,
    at: Timestamp,
    deadline: &Deadline,
) -> Vec<Rung> {
    let rung = |minutes: i64, what| Rung {
        at: (deadline.act_by + SignedDuration::from_mins(minutes)).max(at),
        what,
        lost: false,
    };
    vec![
        rung(-40, RungWhat::Deputies),
        rung(-30, RungWhat::CallFirst),
        rung(-20, RungWhat::Call),
        rung(-15, RungWhat::Supervisor),
        rung(0, RungWhat::Hour),
        rung(60, RungWhat::Choose),
    ]
}
