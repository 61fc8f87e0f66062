//! The fault script: what strikes which way out, and the gateway itself, from when until when. It is
//! drawn before the year begins and knows nothing of the scheduler. The judge reads it and nothing else.

use super::dice::Dice;
use super::places::County;
use crate::referral::attempt::Phase;
use crate::referral::london;
use crate::referral::school::RouteName;
use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::collections::BTreeMap;

/// What a relay does wrong while it is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strike {
    /// It cannot be reached.
    Down,
    /// It says nothing more from this phase on.
    Silent(Phase),
    /// It takes minutes for each letter.
    Slow,
    /// It answers with a 4xx in this phase.
    Refuses(Phase),
    /// It cuts the link in this phase.
    Cuts(Phase),
    /// It answers with a code of another command in this phase.
    WrongCode(Phase),
    /// Its last reply, after the final dot, is lost.
    LastReplyLost,
}

impl Strike {
    /// Its name in the tally.
    pub(super) fn word(self) -> String {
        match self {
            Self::Down => "down".to_owned(),
            Self::Silent(phase) => format!("silent_{}", phase.word()),
            Self::Slow => "slow".to_owned(),
            Self::Refuses(phase) => format!("4xx_{}", phase.word()),
            Self::Cuts(phase) => format!("cut_{}", phase.word()),
            Self::WrongCode(phase) => format!("wrong_code_{}", phase.word()),
            Self::LastReplyLost => "last_reply_lost".to_owned(),
        }
    }
}

/// What happens to the gateway itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    /// It is stopped, in order or not, and started again at the window's end.
    Restart {
        /// Stopped in order.
        in_order: bool,
    },
    /// It is stopped in order, for hours or over days.
    Stop,
    /// Its disk takes nothing new.
    DiskFull,
    /// Its host's clock is put forward: these moments never are.
    ClockForward,
    /// Its host's clock is put back at the window's end, to its start.
    ClockBack,
}

impl Blow {
    /// Its name in the tally.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Restart { in_order: true } => "restart",
            Self::Restart { in_order: false } => "kill",
            Self::Stop => "stopped_for_hours",
            Self::DiskFull => "disk_full",
            Self::ClockForward => "clock_forward",
            Self::ClockBack => "clock_back",
        }
    }
}

/// From when until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window<W> {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) what: W,
}

/// All that goes wrong in a year.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// By way out, in order, without overlaps.
    pub(super) relays: BTreeMap<RouteName, Vec<Window<Strike>>>,
    /// Suspended by an operator: by way out, in order, without overlaps.
    suspended: BTreeMap<RouteName, Vec<Window<()>>>,
    /// In order, without overlaps.
    pub(super) gateway: Vec<Window<Blow>>,
}

/// A night in which very many letters wait for one way out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flood {
    pub(super) from: Timestamp,
    to: Timestamp,
    what: Strike,
}

impl Flood {
    /// One year in so many has one.
    const ONE_IN: u64 = 20;
    /// And this is the first of them.
    const FIRST: u64 = 3;

    /// The flood of a year, if it has one: before a school day of its first hundred days the relay refuses
    /// every letter, or takes minutes for each.
    pub(super) fn of(seed: u64, number: u64, county: &County, first: Date) -> Option<Self> {
        if number % Self::ONE_IN != Self::FIRST {
            return None;
        }
        let dice = Dice::of(seed, "flood");
        let days = county.days(county.places.first());
        let after = first.saturating_add(dice.between(10, 90).days());
        let day = days.from(after).find(|day| days.pupils_are_in(*day))?;
        let what = if (number / Self::ONE_IN).is_multiple_of(2) {
            Strike::Refuses(*dice.pick(&[Phase::Mail, Phase::Rcpt, Phase::Data])?)
        } else {
            Strike::Slow
        };
        let seconds = dice.between(0, 1800);
        let to = london::instant(day, Time::constant(7, 15, 0, 0));
        Some(Self {
            from: london::instant(day, Time::constant(2, 0, 0, 0)),
            to: to + SignedDuration::from_secs(seconds),
            what,
        })
    }
}

/// In a million; what `--faults 1` means of each.
const MILLION: u64 = 1_000_000;
/// Blows to the gateway are this much rarer than a struck night of a relay.
const BLOWS_RARER: u64 = 8;
/// And so are suspensions.
const SUSPENSIONS_RARER: u64 = 20;
/// One fault in so many of a relay that can be reached lasts the whole night.
const LONG_IN: u64 = 6;
/// What lasts longer than this is long.
const LONG: SignedDuration = SignedDuration::from_hours(1);

/// Phases in which a relay can do wrong.
const PHASES: [Phase; 8] = [
    Phase::Greeting,
    Phase::Ehlo,
    Phase::StartTls,
    Phase::Handshake,
    Phase::Auth,
    Phase::Mail,
    Phase::Rcpt,
    Phase::Data,
];

impl Script {
    /// Draws the script of `days` days from `first` on; each night of each way out is struck so often in
    /// a million.
    pub(super) fn draw(
        dice: &Dice,
        routes: &[RouteName],
        (first, days): (Date, usize),
        flood: Option<Flood>,
        in_a_million: u64,
    ) -> Self {
        let all = || std::iter::successors(Some(first), |day| day.tomorrow().ok()).take(days);
        let mut script = Self::default();
        for route in routes {
            let mut windows = Vec::new();
            for day in all() {
                if dice.happens(in_a_million.min(MILLION)) {
                    strike_night(dice, day, &mut windows);
                }
            }
            if let Some(flood) = flood.filter(|_| Some(route) == routes.first()) {
                let Flood { from, to, what } = flood;
                windows.retain(|window: &Window<Strike>| window.to <= from || window.from >= to);
                windows.push(Window { from, to, what });
            }
            script.relays.insert(route.clone(), in_order(windows));
            let suspended = all().filter(|_| dice.happens(in_a_million / SUSPENSIONS_RARER));
            let suspended = suspended.map(|day| suspension(dice, day)).collect();
            script.suspended.insert(route.clone(), in_order(suspended));
        }
        let mut blows = Vec::new();
        for day in all() {
            if dice.happens(in_a_million.min(MILLION) / BLOWS_RARER) {
                blows.push(blow(dice, day));
            }
        }
        script.gateway = in_order(blows);
        script
    }

    /// What strikes a way out at a moment.
    pub(super) fn strikes(&self, route: &RouteName, at: Timestamp) -> Option<Window<Strike>> {
        let windows = self.relays.get(route)?;
        let after = windows.partition_point(|window| window.to <= at);
        let window = windows.get(after)?;
        (window.from <= at).then_some(*window)
    }

    /// The first window of a way out that begins after a moment.
    pub(super) fn next_strike(&self, route: &RouteName, at: Timestamp) -> Option<Window<Strike>> {
        let windows = self.relays.get(route)?;
        let after = windows.partition_point(|window| window.from <= at);
        windows.get(after).copied()
    }

    /// The stretches of a way out between two moments in which nothing is wrong with it or the gateway.
    pub(super) fn healthy(
        &self,
        route: &RouteName,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<(Timestamp, Timestamp)> {
        let relay = self.relays.get(route).into_iter().flatten();
        let relay = relay.map(|window| (window.from, window.to));
        let suspended = self.suspended.get(route).into_iter().flatten();
        let suspended = suspended.map(|window| (window.from, window.to));
        let gateway = self.gateway.iter().map(|window| (window.from, window.to));
        let mut struck: Vec<(Timestamp, Timestamp)> = relay
            .chain(suspended)
            .chain(gateway)
            .filter(|(a, b)| *b > from && *a < to)
            .collect();
        struck.sort();
        let (mut healthy, mut at) = (Vec::new(), from);
        for (begins, ends) in struck {
            if begins > at {
                healthy.push((at, begins));
            }
            at = at.max(ends);
        }
        if at < to {
            healthy.push((at, to));
        }
        healthy
    }

    /// When operators suspend which way out.
    pub(super) fn suspensions(&self) -> Vec<(RouteName, Window<()>)> {
        let all = self.suspended.iter();
        all.flat_map(|(route, windows)| windows.iter().map(|window| (route.clone(), *window)))
            .collect()
    }

    /// The names of faults of relays that can be reached, and last for hours.
    pub(super) fn long_strikes(&self) -> Vec<&'static str> {
        let windows = self.relays.values().flatten();
        let long = windows.filter(|window| window.to.duration_since(window.from) > LONG);
        long.filter_map(|window| match window.what {
            Strike::Slow => Some("slow_for_hours"),
            Strike::Refuses(_) => Some("4xx_for_hours"),
            Strike::Down
            | Strike::Silent(_)
            | Strike::Cuts(_)
            | Strike::WrongCode(_)
            | Strike::LastReplyLost => None,
        })
        .collect()
    }

    /// The first moment from `at` on in which the gateway runs and can write.
    pub(super) fn gateway_able(&self, at: Timestamp) -> Timestamp {
        let mut able = at;
        for window in &self.gateway {
            if window.from <= able && able < window.to {
                able = window.to;
            }
        }
        able
    }
}

/// Strikes one way out in the night that begins on this day.
fn strike_night(dice: &Dice, day: Date, windows: &mut Vec<Window<Strike>>) {
    let evening = london::instant(day, Time::constant(17, 0, 0, 0));
    let morning = evening + SignedDuration::from_hours(15);
    let seconds = |n| SignedDuration::from_secs(n);
    match dice.below(5) {
        // One outage of any length.
        0 => {
            let what = any(dice, true);
            let from = evening + seconds(dice.between(0, 15 * 3600));
            let to = from + seconds(dice.spread(20, longest(what)));
            windows.push(Window { from, to, what });
        }
        // A whole night, until shortly before people are rung.
        1 | 2 => {
            let from = evening + seconds(dice.between(0, 8 * 3600));
            let to = morning - seconds(dice.spread(60, 3600));
            let what = any(dice, true);
            if longest(what) > 3600 || (may_be_long(what) && dice.below(LONG_IN) == 0) {
                windows.push(Window { from, to, what });
            } else {
                flap(dice, to - seconds(longest(what)), to, windows);
            }
        }
        // Now well, now not, for an hour or two around a time.
        3 => {
            let from = evening + seconds(dice.between(0, 13 * 3600));
            flap(dice, from, from + seconds(dice.between(600, 7200)), windows);
        }
        // In school time.
        _ => {
            let from = morning + seconds(dice.between(0, 7 * 3600));
            let what = any(dice, true);
            let to = from + seconds(dice.spread(20, longest(what).min(2 * 3600)));
            windows.push(Window { from, to, what });
        }
    }
}

/// Whether a relay that can be reached may go on so for a night. One that refuses the letters themselves is
/// tried every few seconds, and a night of it costs as much as a year: only a flood has that.
fn may_be_long(what: Strike) -> bool {
    match what {
        Strike::Slow => true,
        Strike::Refuses(phase) => phase < Phase::Auth,
        Strike::Down
        | Strike::Silent(_)
        | Strike::Cuts(_)
        | Strike::WrongCode(_)
        | Strike::LastReplyLost => false,
    }
}

/// Turns of seconds to minutes, each with a fault of its own.
fn flap(dice: &Dice, from: Timestamp, to: Timestamp, windows: &mut Vec<Window<Strike>>) {
    let mut at = from;
    while at < to {
        let ends = at + SignedDuration::from_secs(dice.between(10, 120));
        let what = any(dice, false);
        windows.push(Window {
            from: at,
            to: ends,
            what,
        });
        at = ends + SignedDuration::from_secs(dice.between(10, 90));
    }
}

/// How long a fault lasts, seconds: a relay that can be reached at all mostly comes to its senses within
/// half an hour.
fn longest(what: Strike) -> i64 {
    match what {
        Strike::Down | Strike::Silent(_) => 14 * 3600,
        Strike::Slow
        | Strike::Refuses(_)
        | Strike::Cuts(_)
        | Strike::WrongCode(_)
        | Strike::LastReplyLost => 1800,
    }
}

fn any(dice: &Dice, may_be_long: bool) -> Strike {
    let phase = *dice.pick(&PHASES).unwrap_or(&Phase::Mail);
    match dice.below(if may_be_long { 10 } else { 8 }) {
        0 => Strike::Slow,
        1 | 2 => Strike::Refuses(phase),
        3 => Strike::Cuts(phase),
        4 => Strike::WrongCode(phase),
        5 => Strike::LastReplyLost,
        6 => Strike::Silent(phase),
        _ => Strike::Down,
    }
}

/// A blow to the gateway at any time of a day.
fn blow(dice: &Dice, day: Date) -> Window<Blow> {
    let from = london::instant(day, Time::midnight())
        + SignedDuration::from_secs(dice.between(0, 24 * 3600 - 1));
    let (what, (shortest, longest)) = match dice.below(7) {
        0 | 1 => (Blow::Restart { in_order: true }, (2, 600)),
        2 => (Blow::Restart { in_order: false }, (2, 600)),
        3 => (Blow::DiskFull, (2, 1800)),
        4 => (Blow::ClockForward, (2, 120)),
        5 => (Blow::Stop, (3600, 60 * 3600)),
        _ => (Blow::ClockBack, (2, 120)),
    };
    let to = from + SignedDuration::from_secs(dice.spread(shortest, longest));
    Window { from, to, what }
}

/// A way out is worked on at any time of a day.
fn suspension(dice: &Dice, day: Date) -> Window<()> {
    let from = london::instant(day, Time::midnight())
        + SignedDuration::from_secs(dice.between(0, 24 * 3600 - 1));
    let to = from + SignedDuration::from_secs(dice.spread(600, 8 * 3600));
    Window { from, to, what: () }
}

/// Windows in order; what overlaps an earlier one begins at its end, or falls away.
fn in_order<W: Copy>(mut windows: Vec<Window<W>>) -> Vec<Window<W>> {
    windows.sort_by_key(|window| (window.from, window.to));
    let mut kept: Vec<Window<W>> = Vec::new();
    for mut window in windows {
        if let Some(last) = kept.last() {
            window.from = window.from.max(last.to);
        }
        if window.from < window.to {
            kept.push(window);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn healthy_is_what_no_window_covers() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let route = RouteName::parse("cjsm").unwrap();
        let window = |from, to, what| Window {
            from: at(from),
            to: at(to),
            what,
        };
        let relays = in_order(vec![
            window(100, 200, Strike::Down),
            window(150, 260, Strike::Slow),
        ]);
        let mut script = Script::default();
        script.relays.insert(route.clone(), relays);
        let blow = Blow::Restart { in_order: true };
        script.gateway = vec![Window {
            from: at(300),
            to: at(310),
            what: blow,
        }];
        let expected = [(at(0), at(100)), (at(260), at(300)), (at(310), at(400))];
        assert_eq!(script.healthy(&route, at(0), at(400)), expected);
        assert_eq!(script.gateway_able(at(305)), at(310));
        let struck = |second| script.strikes(&route, at(second)).map(|window| window.what);
        assert_eq!(struck(99), None);
        assert_eq!(struck(199), Some(Strike::Down));
        assert_eq!(struck(200), Some(Strike::Slow));
        assert_eq!(struck(260), None);
    }
}
