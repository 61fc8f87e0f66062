//! The fault script: what strikes which way out, and the gateway itself, from when until when. It is
//! drawn before the year begins and knows nothing of the scheduler. The judge reads it and nothing else.

use super::dice::Dice;
use crate::referral::attempt::Phase;
use crate::referral::london;
use crate::referral::school::RouteName;
use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};
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
    /// In order, without overlaps.
    pub(super) gateway: Vec<Window<Blow>>,
}

/// In a million; what `--faults 1` means of each.
const MILLION: u64 = 1_000_000;
/// Blows to the gateway are this much rarer than a struck night of a relay.
const BLOWS_RARER: u64 = 8;

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
        first: Date,
        days: usize,
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
            script.relays.insert(route.clone(), in_order(windows));
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
        let gateway = self.gateway.iter().map(|window| (window.from, window.to));
        let mut struck: Vec<(Timestamp, Timestamp)> = relay
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
            if longest(what) > 3600 {
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

/// How long a fault lasts at most, seconds: a relay that can be reached at all comes to its senses
/// within half an hour.
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
    let (what, longest) = match dice.below(6) {
        0 | 1 => (Blow::Restart { in_order: true }, 600),
        2 => (Blow::Restart { in_order: false }, 600),
        3 => (Blow::DiskFull, 1800),
        4 => (Blow::ClockForward, 120),
        _ => (Blow::ClockBack, 120),
    };
    let to = from + SignedDuration::from_secs(dice.spread(2, longest));
    Window { from, to, what }
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
