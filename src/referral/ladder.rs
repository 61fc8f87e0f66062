//! The ladder's schedule: when each step towards a person falls due if nobody answers before it.
//! Built backward from `act_by`. Source of every rule: `design.md`, "The ladder"; the tests hold
//! the schedule to its table, to the minute.
//!
//! A schedule says only *when*. Whether a rung still has to be climbed (nobody has answered, there
//! is no proof of delivery, a call is not claimed, a contact reads mail in holidays) is decided
//! when it comes due. The first letter is no rung, as it goes at once. For a child in school the
//! schedule holds two ladders, one behind the other: up to the way home, and, should the child go
//! home before anybody was told, up to the start of the next pupil day.

mod calls;
mod hours;
mod nudges;
#[cfg(test)]
mod tests;

use super::deadline::{Deadline, earlier, later};
use super::directory::Directory;
use super::london;
use super::post::words;
use super::pupil_day::{
    DAYS_AHEAD_MAX, SchoolDays, Whose, days_ahead_end, in_holiday, next_staff_day,
};
pub use calls::next_call_at;
pub use hours::LadderHours;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// A call nobody picked up is made again after this long.
const CALL_AGAIN: SignedDuration = SignedDuration::from_mins(10);
/// The same where the child was in school before we were told: an office at work is given longer.
const CALL_AGAIN_LATE: SignedDuration = SignedDuration::from_mins(15);

words! {
    /// A step of the ladder, weakest first.
    RungWhat {
        /// The letter to the deputies.
        Deputies = "deputies",
        /// A nudge to the ordinary mailboxes of those who have a letter, and to the office.
        Nudge = "nudge",
        /// The call where mail alone cannot be trusted: no proof of delivery, no working contact, a
        /// conflict, the police ask for a call, a school with a single contact.
        CallFirst = "call_first",
        /// The call where the letter is delivered and unanswered.
        Call = "call",
        /// A supervisor is told.
        Supervisor = "supervisor",
        /// `act_by` passes: unanswered or overdue.
        Hour = "hour",
        /// A supervisor must choose: officer visit, trust or authority lead, ring on, not told.
        Choose = "choose",
    }
}

/// A step and its time. Known by both together: after a holiday a step stands once for the staff
/// and once for the first morning of the pupils.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rung {
    /// The step.
    pub what: RungWhat,
    /// When it falls due, never before acceptance.
    pub at: Timestamp,
    /// It cannot be climbed: the hours of those it needs leave no time for it before `act_by`. The
    /// next stronger step opens at `at` in its stead.
    pub lost: bool,
}

/// The schedule of a notification accepted at `at`, by time and then by strength. It holds each
/// step at least once. For many of one school, make its [`SchoolDays`] once and ask that.
pub fn ladder(
    directory: &Directory,
    whose: Whose,
    hours: &LadderHours,
    at: Timestamp,
    deadline: &Deadline,
) -> Vec<Rung> {
    SchoolDays::of(directory, whose).ladder(hours, at, deadline)
}

/// While the school's staff are away: when they are first nudged, once they are back.
pub fn staff_back_at(
    directory: &Directory,
    whose: Whose,
    hours: &LadderHours,
    at: Timestamp,
) -> Option<Timestamp> {
    if !in_holiday(directory, whose, at) {
        return None;
    }
    let tomorrow = london::civil(at).date().tomorrow().ok()?;
    let back = next_staff_day(directory, whose, tomorrow)?;
    Some(london::instant(back, hours.staff_nudges))
}

/// How long after a call that nobody picked up the next is made.
pub fn call_again_after(
    late_on_arrival: bool,
    act_by: Timestamp,
    due_at: Timestamp,
) -> SignedDuration {
    // A child already in school on Friday, told of on Saturday for Monday, is not in school now.
    if late_on_arrival && act_by < due_at {
        CALL_AGAIN_LATE
    } else {
        CALL_AGAIN
    }
}

impl SchoolDays<'_> {
    /// The schedule of a notification to this school: see [`ladder`].
    pub fn ladder(&self, hours: &LadderHours, at: Timestamp, deadline: &Deadline) -> Vec<Rung> {
        let ladder = Ladder {
            days: self,
            hours,
            at,
            act_by: deadline.act_by,
            due_at: deadline.due_at,
            in_school: self.in_school(at, deadline.act_by),
        };
        let mut rungs = ladder.rungs();
        rungs.push(rung(RungWhat::Hour, ladder.act_by.max(at)));
        if let Some(again) = ladder.for_the_next_day() {
            rungs.extend(again.rungs());
        }
        rungs.sort_unstable_by_key(|rung| (rung.at, rung.what));
        rungs.dedup();
        rungs
    }

    /// The first moment at or after `at` in which the desk can ring this school and somebody picks up; `at`
    /// itself if there is none in 400 days.
    pub fn rung_from(&self, hours: &LadderHours, at: Timestamp) -> Timestamp {
        let school = self.hours();
        let (from, to) = (
            school.phone_from.max(hours.desk_from),
            school.phone_to.min(hours.desk_to),
        );
        let today = london::civil(at).date();
        let first = if at < london::instant(today, to) {
            Some(today)
        } else {
            today.tomorrow().ok()
        };
        let day = first.and_then(|first| self.first_staff_day(first, days_ahead_end(first)));
        day.map_or(at, |day| london::instant(day, from).max(at))
    }

    /// Whether the child is in school and the school must act before it goes home. That `act_by`
    /// differs from `due_at` does not say so: a re-routed child keeps the earlier of two.
    fn in_school(&self, at: Timestamp, act_by: Timestamp) -> bool {
        let today = london::civil(at).date();
        self.is_pupil_day(today)
            && self.start_of(today) <= at
            && at < london::instant(today, self.hours().home_time)
            && london::civil(act_by).date() <= today
    }
}

/// What one ladder of a schedule is made from.
#[derive(Clone, Copy)]
struct Ladder<'l> {
    days: &'l SchoolDays<'l>,
    hours: &'l LadderHours,
    /// Acceptance.
    at: Timestamp,
    act_by: Timestamp,
    due_at: Timestamp,
    in_school: bool,
}

impl<'l> Ladder<'l> {
    /// Every step but the hour itself, which comes once.
    fn rungs(&self) -> Vec<Rung> {
        let hours = self.hours;
        let mut rungs = self.for_staff();
        if !rungs.iter().any(|rung| rung.what == RungWhat::Deputies) {
            rungs.push(self.deputies());
        }
        rungs.extend([
            self.voice(RungWhat::CallFirst, hours.call_first_before),
            self.voice(RungWhat::Call, hours.call_before),
            self.supervisor(),
            self.choose(),
        ]);
        rungs.extend(self.nudges(&rungs));
        rungs
    }

    /// The ladder of a child who was in school and has gone home: built anew from home time, on the
    /// start of the next pupil day.
    fn for_the_next_day(&self) -> Option<Ladder<'l>> {
        let today = london::civil(self.at).date();
        let home = london::instant(today, self.days.hours().home_time);
        (self.in_school && home < self.due_at).then_some(Ladder {
            at: home,
            act_by: self.due_at,
            in_school: false,
            ..*self
        })
    }

    /// The steps for the days on which staff are back from a holiday and pupils are not. There are
    /// none without a holiday, and none for a time gone by: the same steps follow on the pupils'
    /// first morning. The letter goes on the first such day and the calls on the last, which
    /// leaves the staff of a long preparation time to answer. A supervisor is told on it only where the
    /// calls do not fit ([`super::forecast::Morning::is_over_capacity`]): they are spread over the day, and
    /// that one of them is not made by noon is no news.
    fn for_staff(&self) -> Vec<Rung> {
        let Some((first, last)) = self.days_before_pupils() else {
            return Vec::new();
        };
        let afternoon = |day| london::instant(day, self.hours.staff_deputies);
        let day = if afternoon(first) > self.at {
            Some(first)
        } else {
            let next = first.tomorrow().ok();
            next.and_then(|next| self.days.first_staff_day(next, last))
        };
        let deputies = day.map(|day| rung(RungWhat::Deputies, afternoon(day)));

        let called = self.days.last_staff_day(first, last).and_then(|day| {
            let (open, close) = self.days.telephone(self.hours, day);
            let call = london::instant(day, self.hours.staff_calls).max(open);
            (self.at < call && call < close).then_some(call)
        });
        let mut rungs = Vec::from_iter(deputies);
        if let Some(call) = called {
            rungs.extend([RungWhat::CallFirst, RungWhat::Call].map(|what| rung(what, call)));
        }
        rungs
    }

    /// From the first to the last day before `act_by` on which staff are in and pupils are not yet,
    /// if a holiday lies between the pupil days around acceptance.
    ///
    /// Why not ask whether it is holiday *now*? On the last afternoon of term it is not yet, and
    /// on the weekend before staff are back, or once they are, it no longer is; but all that
    /// falls due on the first morning needs the same callers, and whoever is told sooner is not
    /// rung then. A training day in mid-term, or after a plain weekend, changes nothing: nobody
    /// was away, and a call on it would come before the letter could be answered.
    fn days_before_pupils(&self) -> Option<(Date, Date)> {
        let today = london::civil(self.at).date();
        let last = london::civil(self.act_by).date().yesterday().ok()?;
        let since = self
            .days
            .last_pupil_day(today.saturating_sub(DAYS_AHEAD_MAX.days()), last)
            .and_then(|pupils| pupils.tomorrow().ok())
            .unwrap_or(today);
        self.days.first_day_away(since, last)?;
        let first = self.days.first_staff_day(since.max(today), last)?;
        Some((first, last))
    }

    /// The deputies' letter: it wakes nobody, so any hour will do.
    fn deputies(&self) -> Rung {
        let hours = self.hours;
        let slack = self.act_by.duration_since(self.at);
        let wanted = if slack < hours.deputies_at_once_below {
            self.at
        } else if self.in_school || slack < hours.deputies_half_below {
            later(self.at, half(slack))
        } else {
            earlier(self.act_by, hours.deputies_before)
        };
        rung(RungWhat::Deputies, wanted.max(self.at))
    }

    /// A call, so long before `act_by`, or before the telephone is no longer answered that day.
    ///
    /// Why not at 60 % of a short slack? The prose of the design says so, its table rings earlier
    /// (07:50 for 08:30 is rung at 08:00, 10:15 for 10:45 at once), and the earlier one is safe.
    fn voice(&self, what: RungWhat, before: SignedDuration) -> Rung {
        let (open, close) = self.days.telephone(self.hours, self.calling_day());
        let at = earlier(self.act_by.min(close), before)
            .max(self.at)
            .max(open);
        if at < close && self.in_time(at) {
            rung(what, at)
        } else {
            lost(what, earlier(self.act_by, before).max(self.at))
        }
    }

    /// The day of `act_by`; if that has passed, the next on which somebody answers.
    fn calling_day(&self) -> Date {
        if self.act_by > self.at {
            return london::civil(self.act_by).date();
        }
        let today = london::civil(self.at).date();
        let (_, close) = self.days.telephone(self.hours, today);
        let first = if self.at < close {
            today
        } else {
            today.saturating_add(1.day())
        };
        let due = london::civil(self.due_at).date();
        self.days.first_staff_day(first, due).unwrap_or(due)
    }

    /// Before `act_by` or at once; where that has passed, before pupils are next in.
    fn in_time(&self, at: Timestamp) -> bool {
        let end = if self.act_by > self.at {
            self.act_by
        } else {
            self.due_at
        };
        at < end || at == self.at
    }

    /// A supervisor, once nobody is left to claim the call: in school time the calls run until
    /// `act_by`.
    fn supervisor(&self) -> Rung {
        let wanted = if self.in_school {
            self.act_by
        } else {
            earlier(self.act_by, self.hours.supervisor_before)
        };
        let wanted = wanted.max(self.at);
        match self.desk_from(wanted) {
            Some(at) if at == wanted || self.in_time(at) => rung(RungWhat::Supervisor, at),
            Some(_) | None => lost(RungWhat::Supervisor, wanted),
        }
    }

    /// Calls have run their time, or the child is about to go home. Never lost: somebody has to
    /// choose, however late.
    fn choose(&self) -> Rung {
        let wanted = if self.in_school {
            let today = london::civil(self.at).date();
            let home = london::instant(today, self.days.hours().home_time);
            earlier(home, self.hours.choose_before_home).max(self.act_by)
        } else {
            later(self.act_by, self.hours.choose_after)
        };
        let wanted = wanted.max(self.at);
        rung(RungWhat::Choose, self.desk_from(wanted).unwrap_or(wanted))
    }

    /// The first moment at or after `at` in the desk's hours; none if it has none.
    fn desk_from(&self, at: Timestamp) -> Option<Timestamp> {
        let today = london::civil(at).date();
        let first = if at < london::instant(today, self.hours.desk_to) {
            today
        } else {
            today.tomorrow().ok()?
        };
        let day = self.days.first_working_day(first, days_ahead_end(first))?;
        let open = london::instant(day, self.hours.desk_from).max(at);
        (open < london::instant(day, self.hours.desk_to)).then_some(open)
    }
}

fn rung(what: RungWhat, at: Timestamp) -> Rung {
    Rung {
        what,
        at,
        lost: false,
    }
}

fn lost(what: RungWhat, at: Timestamp) -> Rung {
    Rung {
        what,
        at,
        lost: true,
    }
}

/// To the microsecond, which is what the store keeps: a rung is known by its time.
fn half(slack: SignedDuration) -> SignedDuration {
    let micros = i64::try_from(slack.as_micros()).unwrap_or(i64::MAX);
    SignedDuration::from_micros(micros / 2)
}
