//! The forecast of calls: how many will be needed, how many the desk can make, and from when. Calls are
//! scarce: a summer's nights all fall due on one morning (`design.md`, the ladder).

use super::directory::Directory;
use super::fold::Case;
use super::ladder::{LadderHours, Rung, RungWhat};
use super::london;
use super::plan::Target;
use super::pupil_day::{SchoolDays, Whose};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// One place that will have to be rung about a case, unless it answers before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Awaited {
    /// The place: one call is about all its children.
    pub place: Target,
    /// What its calls are counted against.
    pub act_by: Timestamp,
    /// It can be rung before the pupils' first morning, from and until then.
    pub staff_day: Option<(Timestamp, Timestamp)>,
    /// It is rung from then on.
    pub call_at: Timestamp,
    /// Its staff will have been in, and nudged, before it is rung: it may answer.
    pub may_answer: bool,
    /// Nothing proves that its letter arrived, or the call comes first for another reason.
    pub comes_first: bool,
}

impl Awaited {
    /// What a case may need; none if it needs no call any more, or there is nobody to be rung.
    pub fn of(
        case: &Case,
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
        let call_at = late.last().map_or(case.act_by, |rung| rung.at).max(now);
        let rung_at = staff_day.map_or(call_at, |(from, _)| from);
        let nudged = case
            .rungs
            .iter()
            .any(|rung| rung.what == RungWhat::Nudge && !rung.lost && rung.at < rung_at);
        Some(Self {
            place: case.target,
            act_by: case.act_by,
            staff_day: staff_day.filter(|(from, close)| from < close),
            call_at,
            may_answer: nudged && case.hold.is_none(),
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
    /// Calls that are expected to be needed.
    pub needed: u32,
    /// Of them, those that can be made on the days before, when staff are back.
    pub before: u32,
    /// Of them, those that are left for the last morning.
    pub left: u32,
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
}

/// How many calls each coming instant needs. `answers_percent` of the places that are mailed and nudged
/// on a day when staff are in usually answer before they are rung.
pub fn forecast(awaited: &[Awaited], hours: &LadderHours, answers_percent: u32) -> Vec<Morning> {
    let mut mornings: BTreeMap<Timestamp, BTreeMap<Target, Awaited>> = BTreeMap::new();
    for one in awaited {
        let places = mornings.entry(one.act_by).or_default();
        let known = places.entry(one.place).or_insert(*one);
        known.comes_first |= one.comes_first;
        known.may_answer &= one.may_answer;
        known.call_at = known.call_at.min(one.call_at);
    }
    mornings
        .into_iter()
        .map(|(act_by, places)| {
            let places: Vec<Awaited> = places.into_values().collect();
            morning(act_by, &places, hours, answers_percent)
        })
        .collect()
}

fn morning(
    act_by: Timestamp,
    places: &[Awaited],
    hours: &LadderHours,
    answers_percent: u32,
) -> Morning {
    let may_answer = count(places.iter().filter(|place| place.may_answer));
    let silent = 100_u32.saturating_sub(answers_percent);
    // Rounded up: a call too many is planned rather than one too few.
    let unanswered = may_answer.saturating_mul(silent).div_ceil(100);
    let needed = count(places.iter())
        .saturating_sub(may_answer)
        .saturating_add(unanswered);
    let staff = places.iter().filter_map(|place| place.staff_day);
    let staff =
        staff.reduce(|(from, to), (also_from, also_to)| (from.min(also_from), to.max(also_to)));
    let before = staff
        .map_or(0, |window| capacity(hours, window))
        .min(needed);
    let left = needed.saturating_sub(before);
    let call_at = places.iter().map(|place| place.call_at).min();
    let window = (call_at.unwrap_or(act_by), act_by);
    Morning {
        act_by,
        places: count(places.iter()),
        first: count(places.iter().filter(|place| place.comes_first)),
        needed,
        before,
        left,
        can: capacity(hours, window).min(left),
        begin_by: begin_by(hours, left, act_by),
    }
}

/// Calls that can be made between two instants.
fn capacity(hours: &LadderHours, (from, to): (Timestamp, Timestamp)) -> u32 {
    let each = to.duration_since(from).as_secs() / hours.call_takes.as_secs().max(1);
    let each = u32::try_from(each.max(0)).unwrap_or(u32::MAX);
    each.saturating_mul(hours.callers)
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

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn awaited(n: u32, may_answer: bool) -> Awaited {
        Awaited {
            place: Target::School(Urn::parse(&(990_000 + n).to_string()).unwrap()),
            act_by: at("2026-09-03T07:30:00Z"),
            staff_day: Some((at("2026-09-02T08:00:00Z"), at("2026-09-02T15:00:00Z"))),
            call_at: at("2026-09-03T07:00:00Z"),
            may_answer,
            comes_first: n == 0,
        }
    }

    #[test]
    fn a_summers_calls_are_spread_onto_the_day_before_and_the_rest_begins_in_time() {
        let hours = LadderHours::default();
        let schools: Vec<Awaited> = (0..600).map(|n| awaited(n, true)).collect();
        let [morning] = forecast(&schools, &hours, 70)[..] else {
            panic!("one morning")
        };
        // Two callers, seven hours, four minutes a call: 210 on the day before.
        assert_eq!((morning.places, morning.first), (600, 1));
        assert_eq!((morning.needed, morning.before), (180, 180));
        assert_eq!((morning.left, morning.over()), (0, 0));
        let [morning] = forecast(&schools, &hours, 60)[..] else {
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
        let hours = LadderHours::default();
        let twice = [awaited(1, true), awaited(1, false), awaited(2, false)];
        let [morning] = forecast(&twice, &hours, 90)[..] else {
            panic!("one morning")
        };
        assert_eq!((morning.places, morning.needed), (2, 2));
    }
}
