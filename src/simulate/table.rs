//! The judge's own ladder: when a school must know, and by when each step towards a person must have come.
//! Worked out from the county's calendar and the design's table alone. Of the scheduler nothing is asked,
//! so that a ladder that climbs late is not judged by itself.

use super::places::{Days, Hours};
use crate::referral::london;
use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};

/// `interfaces.md`, "Pupil day": so long before home time a child still counts as in school ...
const LEAVING: SignedDuration = SignedDuration::from_mins(45);
/// ... who must be known of in so long when a day began before we were told, else in ...
const LATE: SignedDuration = SignedDuration::from_mins(30);
/// ... so long, ...
const IN_SCHOOL: SignedDuration = SignedDuration::from_mins(90);
/// ... so long before home time, ...
const BEFORE_HOME: SignedDuration = SignedDuration::from_mins(60);
/// ... and in no less than this.
const AT_LEAST: SignedDuration = SignedDuration::from_mins(15);

/// `design.md`, "The ladder": 07:50, 08:00, 08:10 and 08:15 for 08:30, and 09:30.
const DEPUTIES: SignedDuration = SignedDuration::from_mins(40);
const CALL_FIRST: SignedDuration = SignedDuration::from_mins(30);
const CALL: SignedDuration = SignedDuration::from_mins(20);
const SUPERVISOR: SignedDuration = SignedDuration::from_mins(15);
const CHOOSE: SignedDuration = SignedDuration::from_mins(60);
const CHOOSE_BEFORE_HOME: SignedDuration = SignedDuration::from_mins(45);
/// With less slack the deputies' letter goes at once; with less than the other, at half of it.
const AT_ONCE_BELOW: SignedDuration = SignedDuration::from_mins(45);
const HALF_BELOW: SignedDuration = SignedDuration::from_mins(75);
/// After a holiday, on days before the pupils': the deputies' letter and the calls.
const STAFF_DEPUTIES: Time = Time::constant(13, 0, 0, 0);
const STAFF_CALLS: Time = Time::constant(9, 0, 0, 0);
/// The desk's hours.
const DESK_FROM: Time = Time::constant(6, 30, 0, 0);
const DESK_TO: Time = Time::constant(17, 0, 0, 0);

/// What must have come by a time, if nobody answered before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The letter to every deputy.
    Deputies,
    /// The call, unless a report says that the letter was delivered.
    CallFirst,
    /// The call in any case.
    Call,
    /// A supervisor knows of a call that nobody took on.
    Supervisor,
    /// Somebody chooses how it ends.
    Choose,
}

/// A step and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) what: Wanted,
    pub(super) at: Timestamp,
}

/// What a notification's time asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) act_by: Timestamp,
    /// The last safe moment for mail: when the first person is to be rung.
    pub(super) last_safe: Timestamp,
    pub(super) steps: Vec<Step>,
}

impl Due {
    /// Of a notification that was accepted at `at` about what happened at `occurred_at`; one that carries
    /// another's duty on keeps that one's time if it is the sooner.
    pub(super) fn of(
        days: Days<'_>,
        at: Timestamp,
        occurred_at: Timestamp,
        earlier: Option<Timestamp>,
    ) -> Self {
        let due_at = next_start(days, at);
        let own = in_school(days, at, occurred_at).unwrap_or(due_at);
        let act_by = earlier.map_or(own, |earlier| earlier.min(own));
        let hours = days.hours();
        let today = london::civil(at).date();
        let home = london::instant(today, hours.home);
        let in_school = days.pupils_are_in(today)
            && london::instant(today, hours.start) <= at
            && at < home
            && london::civil(act_by).date() <= today;
        let climb = Climb {
            days,
            hours,
            at,
            act_by,
            due_at,
            home: in_school.then_some(home),
        };
        let mut steps = climb.steps();
        let called = steps.iter().filter(|step| step.what == Wanted::CallFirst);
        let last_safe = called.map(|step| step.at).min().unwrap_or(act_by);
        if in_school && home < due_at {
            let again = Climb {
                at: home,
                act_by: due_at,
                home: None,
                ..climb
            };
            steps.extend(again.steps());
        }
        Self {
            act_by,
            last_safe: last_safe.min(act_by),
            steps,
        }
    }
}

/// The start of the next pupil day after a moment.
fn next_start(days: Days<'_>, at: Timestamp) -> Timestamp {
    let start = days.hours().start;
    let pupils = days
        .from(london::civil(at).date())
        .filter(|day| days.pupils_are_in(*day));
    let mut starts = pupils.map(|day| london::instant(day, start));
    starts.find(|start| *start > at).unwrap_or(at)
}

/// When the school must know of a child who is in school at this moment.
fn in_school(days: Days<'_>, at: Timestamp, occurred_at: Timestamp) -> Option<Timestamp> {
    let (today, hours) = (london::civil(at).date(), days.hours());
    let start = |day| london::instant(day, hours.start);
    let home = london::instant(today, hours.home);
    if !days.pupils_are_in(today) || at < start(today) || at >= home - LEAVING {
        return None;
    }
    // Today's start has passed: whatever happened before it was told of late.
    if occurred_at < start(today) {
        return Some(at + LATE);
    }
    Some((at + IN_SCHOOL).min(home - BEFORE_HOME).max(at + AT_LEAST))
}

/// One ladder.
#[derive(Clone, Copy)]
struct Climb<'c> {
    days: Days<'c>,
    hours: Hours,
    at: Timestamp,
    act_by: Timestamp,
    due_at: Timestamp,
    /// The child is in school, and goes home then.
    home: Option<Timestamp>,
}

impl Climb<'_> {
    fn steps(&self) -> Vec<Step> {
        let staff = self.staff_days();
        let step = |what| move |at| Step { what, at };
        let mut steps = vec![step(Wanted::Deputies)(
            staff
                .and_then(|days| self.deputies_of_staff(days))
                .unwrap_or_else(|| self.deputies()),
        )];
        let of_staff = staff.and_then(|days| self.call_of_staff(days));
        for (what, before) in [(Wanted::CallFirst, CALL_FIRST), (Wanted::Call, CALL)] {
            steps.extend(of_staff.map(step(what)));
            steps.extend(self.call(before).map(step(what)));
        }
        steps.extend(self.supervisor().map(step(Wanted::Supervisor)));
        steps.push(step(Wanted::Choose)(self.choose()));
        steps
    }

    fn deputies(&self) -> Timestamp {
        let slack = self.act_by.duration_since(self.at);
        let wanted = if slack < AT_ONCE_BELOW {
            self.at
        } else if self.home.is_some() || slack < HALF_BELOW {
            self.at + slack / 2
        } else {
            self.act_by - DEPUTIES
        };
        wanted.max(self.at)
    }

    /// So long before the school must know, or as soon as its telephone is answered; none when that is not
    /// before it must, or on a day on which nobody is there.
    fn call(&self, before: SignedDuration) -> Option<Timestamp> {
        let day = Some(self.calling_day()).filter(|day| self.days.staff_are_in(*day))?;
        let (open, close) = self.telephone(day);
        let at = (self.act_by.min(close) - before).max(self.at).max(open);
        let end = if self.act_by > self.at {
            self.act_by
        } else {
            self.due_at
        };
        (at < close && (at < end || at == self.at)).then_some(at)
    }

    /// The day on which the school must know; if that has passed, the next on which somebody answers.
    fn calling_day(&self) -> Date {
        if self.act_by > self.at {
            return london::civil(self.act_by).date();
        }
        let due = london::civil(self.due_at).date();
        let days = self.days.from(london::civil(self.at).date());
        let mut staffed = days.take_while(|day| *day <= due).filter(|day| {
            let (_, close) = self.telephone(*day);
            self.days.staff_are_in(*day) && self.at < close
        });
        staffed.next().unwrap_or(due)
    }

    fn telephone(&self, day: Date) -> (Timestamp, Timestamp) {
        let (from, to) = (
            self.hours.phone_from.max(DESK_FROM),
            self.hours.phone_to.min(DESK_TO),
        );
        (london::instant(day, from), london::instant(day, to))
    }

    fn supervisor(&self) -> Option<Timestamp> {
        let wanted = if self.home.is_some() {
            self.act_by
        } else {
            self.act_by - SUPERVISOR
        };
        let wanted = wanted.max(self.at);
        let at = self.desk_from(wanted);
        (at == wanted || at < self.act_by).then_some(at)
    }

    fn choose(&self) -> Timestamp {
        let wanted = match self.home {
            Some(home) => (home - CHOOSE_BEFORE_HOME).max(self.act_by),
            None => self.act_by + CHOOSE,
        };
        self.desk_from(wanted.max(self.at))
    }

    fn desk_from(&self, at: Timestamp) -> Timestamp {
        let days = self.days.from(london::civil(at).date());
        let mut open = days
            .filter(|day| self.days.is_working_day(*day))
            .map(|day| {
                let (from, to) = (DESK_FROM, DESK_TO);
                (london::instant(day, from).max(at), london::instant(day, to))
            });
        open.find_map(|(from, to)| (from < to).then_some(from))
            .unwrap_or(at)
    }

    /// The first and the last day, after a holiday and before the pupils' first, on which something can
    /// still be done.
    fn staff_days(&self) -> Option<(Date, Date)> {
        let last = london::civil(self.act_by).date().yesterday().ok()?;
        let back = std::iter::successors(Some(last), |day| day.yesterday().ok());
        let away: Vec<Date> = back
            .take_while(|day| self.days.are_known_on(*day) && !self.days.pupils_are_in(*day))
            .collect();
        let shut = |day: &Date| self.days.is_working_day(*day) && !self.days.staff_are_in(*day);
        if !away.iter().any(shut) {
            return None;
        }
        let today = london::civil(self.at).date();
        let left = away.iter().filter(|day| **day >= today);
        let first = left.filter(|day| self.days.staff_are_in(**day)).min()?;
        Some((*first, last))
    }

    fn deputies_of_staff(&self, (first, last): (Date, Date)) -> Option<Timestamp> {
        let staff = self.staff_from(first, last);
        let mut afternoons = staff.map(|day| london::instant(day, STAFF_DEPUTIES));
        let of_first = afternoons.next()?;
        if of_first > self.at {
            Some(of_first)
        } else {
            afternoons.next()
        }
    }

    fn call_of_staff(&self, (first, last): (Date, Date)) -> Option<Timestamp> {
        let day = self.staff_from(first, last).last()?;
        let (open, close) = self.telephone(day);
        let call = london::instant(day, STAFF_CALLS).max(open);
        (self.at < call && call < close).then_some(call)
    }

    fn staff_from(&self, first: Date, last: Date) -> impl Iterator<Item = Date> + '_ {
        let days = self.days.from(first).take_while(move |day| *day <= last);
        days.filter(|day| self.days.staff_are_in(*day))
    }
}

#[cfg(test)]
mod tests {
    use super::super::places::County;
    use super::*;

    /// What the table asks of a school that starts at 08:30, in London's time.
    fn asked(accepted: &str, occurred: &str) -> (String, String, Vec<(Wanted, String)>) {
        let county = County::of(2020).unwrap();
        let of = |text: &str| {
            let wall: jiff::civil::DateTime = text.parse().unwrap();
            london::instant(wall.date(), wall.time())
        };
        let wall = |at| london::civil(at).strftime("%a %-d %H:%M").to_string();
        let days = county.days(county.places.first());
        let due = Due::of(days, of(accepted), of(occurred), None);
        let steps = due.steps.iter().map(|step| (step.what, wall(step.at)));
        (wall(due.act_by), wall(due.last_safe), steps.collect())
    }

    #[test]
    fn a_night_in_term_is_the_tables_first_row() {
        let (act_by, last_safe, steps) = asked("2020-11-24T19:05:00", "2020-11-24T18:00:00");
        assert_eq!(
            (act_by, last_safe),
            ("Wed 25 08:30".into(), "Wed 25 08:00".into())
        );
        let expected = [
            (Wanted::Deputies, "Wed 25 07:50".to_owned()),
            (Wanted::CallFirst, "Wed 25 08:00".to_owned()),
            (Wanted::Call, "Wed 25 08:10".to_owned()),
            (Wanted::Supervisor, "Wed 25 08:15".to_owned()),
            (Wanted::Choose, "Wed 25 09:30".to_owned()),
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    fn a_child_in_school_is_known_of_before_home_time() {
        for (accepted, occurred, act_by, deputies, first, choose) in [
            (
                "2020-11-25T10:15:00",
                "2020-11-24T22:00:00",
                "10:45",
                "10:15",
                "10:15",
                "14:30",
            ),
            (
                "2020-11-25T11:20:00",
                "2020-11-25T11:00:00",
                "12:50",
                "12:05",
                "12:20",
                "14:30",
            ),
        ] {
            let (found, _, steps) = asked(accepted, occurred);
            assert_eq!(found, format!("Wed 25 {act_by}"));
            let at = |what| steps.iter().find(|(of, _)| *of == what).unwrap().1.clone();
            assert_eq!(at(Wanted::Deputies), format!("Wed 25 {deputies}"));
            assert_eq!(at(Wanted::CallFirst), format!("Wed 25 {first}"));
            assert_eq!(at(Wanted::Choose), format!("Wed 25 {choose}"));
            let mut calls = steps.iter().filter(|(of, _)| *of == Wanted::Call);
            let last = calls.next_back().unwrap().1.clone();
            assert_eq!(last, "Thu 26 08:10", "the next day's ladder stands behind");
        }
    }

    #[test]
    fn a_summers_children_are_rung_for_on_the_last_staff_day() {
        let (act_by, last_safe, steps) = asked("2021-08-11T10:00:00", "2021-08-10T22:00:00");
        assert_eq!(
            (act_by, last_safe),
            ("Fri 3 08:30".into(), "Thu 2 09:00".into())
        );
        assert_eq!(
            steps.first(),
            Some(&(Wanted::Deputies, "Wed 1 13:00".to_owned()))
        );
    }
}
