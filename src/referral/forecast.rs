//! The forecast of calls: how many will be needed, how many the desk can make, and from when. Calls are
//! scarce: a summer's nights all fall due on one morning (`design.md`, the ladder).

mod lines;
mod spread;

pub use lines::Line;

use super::directory::Directory;
use super::fold::Case;
use super::ladder::{LadderHours, Rung, RungWhat};
use super::london;
use super::plan::Target;
use super::pupil_day::{SchoolDays, Whose};
use jiff::Timestamp;
use spread::{Callers, Window};
use std::collections::BTreeMap;

/// Nights that are looked back on for what is still to come.
const NIGHTS_BACK: i64 = 14;
/// What is still to come is counted from so many nights on, looked back on and left.
const NIGHTS_AHEAD_MIN: i64 = 3;

/// One place that will have to be rung about a case, unless it answers before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Awaited {
    /// The place: one call is about all its children.
    pub place: Target,
    /// Since when.
    pub accepted_at: Timestamp,
    /// What its calls are counted against.
    pub act_by: Timestamp,
    /// It can be rung before the pupils' first morning, from and until then.
    pub staff_day: Option<(Timestamp, Timestamp)>,
    /// It is rung from then on.
    pub call_at: Timestamp,
    /// Its staff are in, and nudged, before it is rung: it may answer. Whoever was silent until they were to
    /// be rung will not.
    pub may_answer: bool,
    /// Nothing proves that its letter arrived, or the call comes first for another reason.
    pub comes_first: bool,
}

impl Awaited {
    /// What a case may need; none if it needs no call any more, or there is nobody to be rung.
    pub fn of(
        (case, accepted_at): (&Case, Timestamp),
        comes_first: bool,
        directory: &Directory,
        hours: &LadderHours,
        now: Timestamp,
    ) -> Option<Self> {
        let whose = match case.target {
            Target::School(urn) => Whose::school(directory, urn),
            Target::Authority(code) => Whose {
                urn: None,
                la_code: Some(code),
            },
            Target::Unrouted => return None,
        };
        if !case.live() || case.act_by <= now {
            return None;
        }
        let days = SchoolDays::of(directory, whose);
        let wanted = if comes_first {
            RungWhat::CallFirst
        } else {
            RungWhat::Call
        };
        let calls = case
            .rungs
            .iter()
            .filter(|rung| rung.what == wanted && !rung.lost && rung.at <= case.act_by);
        let last = london::civil(case.act_by).date();
        let (early, late): (Vec<&Rung>, Vec<&Rung>) =
            calls.partition(|rung| london::civil(rung.at).date() < last);
        let staff_day = early.last().map(|rung| {
            let (_, close) = days.telephone(hours, london::civil(rung.at).date());
            (rung.at.max(now), close)
        });
        let call_at = late.last().map_or(case.act_by, |rung| rung.at);
        let first_call_at = early.last().map_or(call_at, |rung| rung.at);
        let today = london::civil(now).date();
        let nudged = case.rungs.iter().any(|rung| {
            let nudge = rung.what == RungWhat::Nudge && !rung.lost;
            nudge && rung.at < first_call_at && london::civil(rung.at).date() >= today
        });
        Some(Self {
            place: case.target,
            accepted_at,
            act_by: case.act_by,
            staff_day: staff_day.filter(|(from, close)| from < close),
            call_at: call_at.max(now),
            may_answer: nudged && now < first_call_at && case.hold.is_none(),
            comes_first,
        })
    }
}

/// One instant by which schools must know, and the calls before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Morning {
    /// The instant.
    pub act_by: Timestamp,
    /// Places that have not answered.
    pub places: u32,
    /// Of them, those whose call comes first.
    pub first: u32,
    /// Places that will come to wait for it too, at the pace of the last nights: in a holiday every night's
    /// referrals fall due at once.
    pub coming: u32,
    /// Calls that are expected to be needed.
    pub needed: u32,
    /// The day before on which staff are in and pupils are not: calls can be made from and until then.
    pub staff_day: Option<(Timestamp, Timestamp)>,
    /// Of them, those that can be made on that day.
    pub before: u32,
    /// Of them, those that are left for the last morning.
    pub left: u32,
    /// The first of those can be made from then on.
    pub from: Timestamp,
    /// Of those, the ones that can be made in time.
    pub can: u32,
    /// The callers have to begin by then to make what is left.
    pub begin_by: Timestamp,
}

impl Morning {
    /// Calls for which there is no time.
    pub fn over(&self) -> u32 {
        self.left.saturating_sub(self.can)
    }

    /// Whether the desk has to hear at `now` that the calls do not fit: from its opening on the day by
    /// which schools must know, and from `staff_supervisor` on a staff day before it (`design.md`, the
    /// ladder). Sooner there is time for schools to answer, and nobody to be rung.
    pub fn is_over_capacity(&self, hours: &LadderHours, now: Timestamp) -> bool {
        let day = |at| london::civil(at).date();
        let due_today = day(self.act_by) == day(now);
        let staff_noon = self.staff_day.is_some_and(|(from, _)| {
            day(from) == day(now) && london::instant(day(now), hours.staff_supervisor) <= now
        });
        let opened = london::instant(day(now), hours.desk_from) <= now;
        self.over() > 0 && opened && (due_today || staff_noon)
    }
}

/// How many calls each coming instant needs, soonest first. Of the places that are mailed, and nudged on a
/// day when staff are in, the usual part answers before it is rung.
pub fn forecast(awaited: &[Awaited], hours: &LadderHours, now: Timestamp) -> Vec<Morning> {
    let mut mornings: BTreeMap<Timestamp, BTreeMap<Target, Awaited>> = BTreeMap::new();
    for one in awaited {
        let places = mornings.entry(one.act_by).or_default();
        let known = places.entry(one.place).or_insert(*one);
        known.comes_first |= one.comes_first;
        known.may_answer &= one.may_answer;
        known.call_at = known.call_at.min(one.call_at);
        known.accepted_at = known.accepted_at.min(one.accepted_at);
    }
    let mut mornings: Vec<Morning> = mornings
        .into_iter()
        .map(|(act_by, places)| {
            let places: Vec<Awaited> = places.into_values().collect();
            morning(act_by, &places, hours, now)
        })
        .collect();
    spread(&mut mornings, hours);
    mornings
}

/// A morning before its calls are spread.
fn morning(act_by: Timestamp, places: &[Awaited], hours: &LadderHours, now: Timestamp) -> Morning {
    let coming = coming(act_by, places, now);
    let may_answer = count(places.iter().filter(|place| place.may_answer)).saturating_add(coming);
    let silent = 100_u32.saturating_sub(hours.usual_answers_percent);
    // Rounded up: a call too many is planned rather than one too few.
    let unanswered = may_answer.saturating_mul(silent).div_ceil(100);
    let needed = count(places.iter())
        .saturating_add(coming)
        .saturating_sub(may_answer)
        .saturating_add(unanswered);
    let staff = places.iter().filter_map(|place| place.staff_day);
    let staff =
        staff.reduce(|(from, to), (also_from, also_to)| (from.min(also_from), to.max(also_to)));
    let call_at = places.iter().map(|place| place.call_at).min();
    Morning {
        act_by,
        places: count(places.iter()),
        first: count(places.iter().filter(|place| place.comes_first)),
        coming,
        needed,
        staff_day: staff,
        before: 0,
        left: needed,
        from: call_at.unwrap_or(act_by),
        can: 0,
        begin_by: act_by,
    }
}

/// Gives each morning the calls that the callers have time for, the soonest end first: they are the same
/// people, on staff days as on mornings.
fn spread(mornings: &mut [Morning], hours: &LadderHours) {
    let mut windows: Vec<(Timestamp, usize, Window, bool)> = Vec::new();
    for (nth, morning) in mornings.iter().enumerate() {
        let staff = morning
            .staff_day
            .map(|window| (window.1, nth, window, true));
        let own = (morning.act_by, nth, (morning.from, morning.act_by), false);
        windows.extend(staff.into_iter().chain([own]));
    }
    windows.sort_unstable();
    let mut callers = Callers::new(hours);
    for (_, nth, window, staff) in windows {
        let Some(morning) = mornings.get_mut(nth) else {
            continue;
        };
        let can = callers.take(window, morning.left);
        if staff {
            morning.before = can;
            morning.left = morning.left.saturating_sub(can);
        } else {
            morning.can = can;
        }
    }
    // Whoever must know later is rung later: from the last backwards.
    let mut next = Timestamp::MAX;
    for morning in mornings.iter_mut().rev() {
        next = begin_by(hours, morning.left, morning.act_by.min(next));
        if morning.left > 0 {
            morning.begin_by = next;
        }
    }
}

/// How many places more will wait by then: as many a night as came newly in the nights that are looked
/// back on, over the nights that are left.
fn coming(act_by: Timestamp, places: &[Awaited], now: Timestamp) -> u32 {
    let nights = |from: Timestamp, to: Timestamp| to.duration_since(from).as_hours() / 24;
    let left = nights(now, act_by);
    let first = places.iter().map(|place| place.accepted_at).min();
    let back = first.map_or(0, |first| nights(first, now)).min(NIGHTS_BACK);
    if left < NIGHTS_AHEAD_MIN || back < NIGHTS_AHEAD_MIN {
        return 0;
    }
    let newly = |place: &&Awaited| nights(place.accepted_at, now) < back;
    let newly = i64::from(count(places.iter().filter(newly)));
    u32::try_from(newly.saturating_mul(left) / back).unwrap_or(u32::MAX)
}

fn begin_by(hours: &LadderHours, left: u32, act_by: Timestamp) -> Timestamp {
    let rounds = i32::try_from(left.div_ceil(hours.callers.max(1))).unwrap_or(i32::MAX);
    let takes = hours.call_takes.saturating_mul(rounds);
    act_by.checked_sub(takes).unwrap_or(Timestamp::MIN)
}

fn count<T>(iterator: impl Iterator<Item = T>) -> u32 {
    u32::try_from(iterator.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::school::Urn;
    use super::*;
    use jiff::SignedDuration;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn awaited(n: u32, may_answer: bool) -> Awaited {
        Awaited {
            place: Target::School(Urn::parse(&(990_000 + n).to_string()).unwrap()),
            accepted_at: at("2026-08-02T22:00:00Z"),
            act_by: at("2026-09-03T07:30:00Z"),
            staff_day: Some((at("2026-09-02T08:00:00Z"), at("2026-09-02T15:00:00Z"))),
            call_at: at("2026-09-03T07:00:00Z"),
            may_answer,
            comes_first: n == 0,
        }
    }

    #[test]
    fn a_summers_calls_are_spread_onto_the_day_before_and_the_rest_begins_in_time() {
        let usually = |usual_answers_percent| LadderHours {
            usual_answers_percent,
            ..LadderHours::default()
        };
        let schools: Vec<Awaited> = (0..600).map(|n| awaited(n, true)).collect();
        let now = at("2026-09-01T22:00:00Z");
        let [morning] = forecast(&schools, &usually(70), now)[..] else {
            panic!("one morning")
        };
        // Two callers, seven hours, four minutes a call: 210 on the day before.
        assert_eq!((morning.places, morning.first), (600, 1));
        assert_eq!((morning.needed, morning.before), (180, 180));
        assert_eq!((morning.left, morning.over()), (0, 0));
        let [morning] = forecast(&schools, &usually(60), now)[..] else {
            panic!("one morning")
        };
        assert_eq!(
            (morning.needed, morning.before, morning.left),
            (240, 210, 30)
        );
        assert_eq!((morning.can, morning.over()), (14, 16));
        assert_eq!(morning.begin_by, at("2026-09-03T06:30:00Z"));
    }

    #[test]
    fn one_call_is_about_all_children_of_a_school_and_who_cannot_answer_is_counted_whole() {
        let hours = LadderHours {
            usual_answers_percent: 90,
            ..LadderHours::default()
        };
        let twice = [awaited(1, true), awaited(1, false), awaited(2, false)];
        let [morning] = forecast(&twice, &hours, at("2026-09-01T22:00:00Z"))[..] else {
            panic!("one morning")
        };
        assert_eq!((morning.places, morning.needed), (2, 2));
    }

    #[test]
    fn in_a_holiday_the_nights_to_come_bring_more_at_the_pace_of_the_last() {
        let hours = LadderHours::default();
        // One place a night since 2 August, and it is the 24th: ten nights are left.
        let nightly = |n: u32| Awaited {
            accepted_at: at("2026-08-02T22:00:00Z") + SignedDuration::from_hours(24 * i64::from(n)),
            ..awaited(n, true)
        };
        let schools: Vec<Awaited> = (0..22).map(nightly).collect();
        let morning = |text: &str| forecast(&schools, &hours, at(text)).remove(0);
        let early = morning("2026-08-24T05:30:00Z");
        assert_eq!((early.places, early.coming), (22, 10));
        assert_eq!(early.needed, 13);
        assert_eq!(morning("2026-09-02T05:30:00Z").coming, 0);
    }

    #[test]
    fn the_desk_hears_of_calls_that_do_not_fit_at_noon_of_the_staff_day_and_on_the_morning() {
        let hours = LadderHours::default();
        let schools: Vec<Awaited> = (0..600).map(|n| awaited(n, false)).collect();
        let now = at("2026-09-01T22:00:00Z");
        let morning = forecast(&schools, &hours, now).remove(0);
        let heard = |text: &str| morning.is_over_capacity(&hours, at(text));
        assert!(!heard("2026-09-01T12:00:00Z"));
        assert!(!heard("2026-09-02T10:59:00Z") && heard("2026-09-02T11:00:00Z"));
        assert!(!heard("2026-09-03T05:29:00Z") && heard("2026-09-03T05:30:00Z"));
        let fits = forecast(&schools[..200], &hours, now).remove(0);
        assert!(!fits.is_over_capacity(&hours, at("2026-09-03T05:30:00Z")));
    }
}
