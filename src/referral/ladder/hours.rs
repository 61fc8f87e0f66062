//! The hours and spans of the ladder: each force's own, within its policy.

use jiff::SignedDuration;
use jiff::civil::Time;

/// When the desk is there and how long before `act_by` each step is taken. Civil time London.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LadderHours {
    /// The desk rings schools from, on weekdays that are no bank holidays.
    pub desk_from: Time,
    /// The desk rings schools until.
    pub desk_to: Time,
    /// The deputies' letter, before `act_by`.
    pub deputies_before: SignedDuration,
    /// With less slack than this the deputies' letter goes with the first.
    pub deputies_at_once_below: SignedDuration,
    /// With less slack than this, and always in school time, it goes at half of the slack.
    pub deputies_half_below: SignedDuration,
    /// The call where mail alone cannot be trusted, before `act_by`.
    pub call_first_before: SignedDuration,
    /// The call where the letter is delivered and unanswered, before `act_by`.
    pub call_before: SignedDuration,
    /// A supervisor is told, before `act_by`; in school time at `act_by`.
    pub supervisor_before: SignedDuration,
    /// A supervisor must choose, after `act_by`.
    pub choose_after: SignedDuration,
    /// A supervisor must choose, in school time, before pupils go home; not before `act_by`.
    pub choose_before_home: SignedDuration,
    /// After a holiday: the deputies' letter, on the first day that staff are back.
    pub staff_deputies: Time,
    /// After a holiday: calls from, on the last day before pupils are back.
    pub staff_calls: Time,
    /// After a holiday: a supervisor is told, on that day.
    pub staff_supervisor: Time,
}

impl Default for LadderHours {
    /// `design.md`, "The ladder", for a school that starts at 08:30.
    fn default() -> Self {
        Self {
            desk_from: Time::constant(6, 30, 0, 0),
            desk_to: Time::constant(17, 0, 0, 0),
            deputies_before: SignedDuration::from_mins(40),
            deputies_at_once_below: SignedDuration::from_mins(45),
            deputies_half_below: SignedDuration::from_mins(75),
            call_first_before: SignedDuration::from_mins(30),
            call_before: SignedDuration::from_mins(20),
            supervisor_before: SignedDuration::from_mins(15),
            choose_after: SignedDuration::from_mins(60),
            choose_before_home: SignedDuration::from_mins(45),
            staff_deputies: Time::constant(13, 0, 0, 0),
            staff_calls: Time::constant(9, 0, 0, 0),
            staff_supervisor: Time::constant(12, 0, 0, 0),
        }
    }
}
