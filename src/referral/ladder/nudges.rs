//! When schools are nudged: on days on which their staff are in, within the hours for it.

use super::{Ladder, LadderHours, Rung, RungWhat, london, lost, rung};
use crate::referral::pupil_day::SchoolDays;
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::BTreeSet;

impl SchoolDays<'_> {
    /// Until when the school may be nudged today about what must be known by `act_by`; none outside the hours
    /// for it, or on a day on which its staff are not in.
    pub fn nudged_until(
        &self,
        hours: &LadderHours,
        now: Timestamp,
        act_by: Timestamp,
    ) -> Option<Timestamp> {
        let ladder = Ladder {
            days: self,
            hours,
            at: now,
            act_by,
            due_at: act_by,
            in_school: false,
        };
        let (from, to) = ladder.opening(london::civil(now).date())?;
        (from <= now && now < to).then_some(to)
    }
}

impl Ladder<'_> {
    /// As soon as the hours allow; again on the morning of `act_by`; and with the deputies' letter,
    /// for those who have it only then. Lost if staff are not in before `act_by`.
    pub(super) fn nudges(&self, others: &[Rung]) -> Vec<Rung> {
        let morning = self.opening(london::civil(self.act_by).date());
        let deputies = others
            .iter()
            .filter(|other| other.what == RungWhat::Deputies && !other.lost)
            .filter(|other| self.first_at(other.at) == Some(other.at))
            .map(|other| other.at);
        let times: BTreeSet<Timestamp> = self
            .first_at(self.at)
            .into_iter()
            .chain(morning.map(|(from, _)| from))
            .chain(deputies)
            .filter(|at| self.at <= *at && *at < self.act_by)
            .collect();
        if times.is_empty() {
            return vec![lost(RungWhat::Nudge, self.at)];
        }
        let nudge = |at| rung(RungWhat::Nudge, at);
        times.into_iter().map(nudge).collect()
    }

    /// The first moment at or after `at` at which the school may be nudged; none by `act_by`.
    fn first_at(&self, at: Timestamp) -> Option<Timestamp> {
        let last = london::civil(self.act_by).date();
        let mut day = london::civil(at).date();
        while let Some(staff) = self.days.first_staff_day(day, last) {
            if let Some((from, to)) = self.opening(staff)
                && at < to
            {
                return Some(from.max(at));
            }
            day = staff.tomorrow().ok()?;
        }
        None
    }

    /// From when until when the school may be nudged on a day; none on one without staff. While
    /// pupils are not back from a holiday, staff are not expected before their day begins.
    fn opening(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        self.days.first_staff_day(day, day)?;
        let before_pupils = self
            .days_before_pupils()
            .is_some_and(|(first, last)| first <= day && day <= last);
        let from = if before_pupils {
            self.hours.staff_nudges
        } else {
            self.hours.nudges_from
        };
        let instant = |time| london::instant(day, time);
        Some((instant(from), instant(self.hours.nudges_to)))
    }
}
