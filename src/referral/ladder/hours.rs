//! The hours and spans of the ladder: each force's own, within its policy.

use crate::referral::tree::Tree;
use jiff::SignedDuration;
use jiff::civil::Time;

/// When the desk is there and how long before `act_by` each step is taken. Civil time London.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LadderHours {
    /// The desk rings schools from, on weekdays that are no bank holidays.
    pub desk_from: Time,
    /// The desk rings schools until.
    pub desk_to: Time,
    /// Schools are nudged from, on days on which their staff are in.
    pub nudges_from: Time,
    /// Schools are nudged until.
    pub nudges_to: Time,
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
    /// People who ring schools at once.
    pub callers: u32,
    /// What a call takes.
    pub call_takes: SignedDuration,
    /// Of a hundred places that are mailed, and nudged on a day on which their staff are in, so many
    /// answer before they are rung. The forecast of calls rests on it.
    pub usual_answers_percent: u32,
    /// After a holiday: schools are nudged from, on days on which staff are in and pupils are not.
    pub staff_nudges: Time,
    /// After a holiday: the deputies' letter, on the first day that staff are back.
    pub staff_deputies: Time,
    /// After a holiday: calls from, on the last day before pupils are back.
    pub staff_calls: Time,
    /// After a holiday: a supervisor is told, on that day.
    pub staff_supervisor: Time,
}

impl LadderHours {
    /// The hours as plain values, spans in seconds: what a policy's digest is taken over.
    pub fn tree(&self) -> Tree {
        // Taken apart, so that a new field cannot be left out.
        let Self {
            desk_from,
            desk_to,
            nudges_from,
            nudges_to,
            deputies_before,
            deputies_at_once_below,
            deputies_half_below,
            call_first_before,
            call_before,
            supervisor_before,
            choose_after,
            choose_before_home,
            callers,
            call_takes,
            usual_answers_percent,
            staff_nudges,
            staff_deputies,
            staff_calls,
            staff_supervisor,
        } = self;
        let time = |time: &Time| Tree::Text(time.to_string());
        let span = |span: &SignedDuration| Tree::Whole(span.as_secs());
        let members = [
            ("desk_from", time(desk_from)),
            ("desk_to", time(desk_to)),
            ("nudges_from", time(nudges_from)),
            ("nudges_to", time(nudges_to)),
            ("deputies_before", span(deputies_before)),
            ("deputies_at_once_below", span(deputies_at_once_below)),
            ("deputies_half_below", span(deputies_half_below)),
            ("call_first_before", span(call_first_before)),
            ("call_before", span(call_before)),
            ("supervisor_before", span(supervisor_before)),
            ("choose_after", span(choose_after)),
            ("choose_before_home", span(choose_before_home)),
            ("callers", Tree::Whole((*callers).into())),
            ("call_takes", span(call_takes)),
            (
                "usual_answers_percent",
                Tree::Whole((*usual_answers_percent).into()),
            ),
            ("staff_nudges", time(staff_nudges)),
            ("staff_deputies", time(staff_deputies)),
            ("staff_calls", time(staff_calls)),
            ("staff_supervisor", time(staff_supervisor)),
        ];
        let members = members.map(|(name, value)| (name.to_owned(), value));
        Tree::Map(members.into())
    }
}

impl Default for LadderHours {
    /// `design.md`, "The ladder", for a school that starts at 08:30.
    fn default() -> Self {
        Self {
            desk_from: Time::constant(6, 30, 0, 0),
            desk_to: Time::constant(17, 0, 0, 0),
            nudges_from: Time::constant(6, 45, 0, 0),
            nudges_to: Time::constant(18, 0, 0, 0),
            deputies_before: SignedDuration::from_mins(40),
            deputies_at_once_below: SignedDuration::from_mins(45),
            deputies_half_below: SignedDuration::from_mins(75),
            call_first_before: SignedDuration::from_mins(30),
            call_before: SignedDuration::from_mins(20),
            supervisor_before: SignedDuration::from_mins(15),
            choose_after: SignedDuration::from_mins(60),
            choose_before_home: SignedDuration::from_mins(45),
            callers: 2,
            call_takes: SignedDuration::from_mins(4),
            usual_answers_percent: 60,
            staff_nudges: Time::constant(8, 30, 0, 0),
            staff_deputies: Time::constant(13, 0, 0, 0),
            staff_calls: Time::constant(9, 0, 0, 0),
            staff_supervisor: Time::constant(12, 0, 0, 0),
        }
    }
}
