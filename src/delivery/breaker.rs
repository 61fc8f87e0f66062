//! The breaker of a route: when its relay cannot be reached, letters are left alone until it can.
//!
//! It opens on failures to connect and of the handshake only. What a relay answers (4xx, 5xx,
//! greylisting) concerns a letter, or passes, and never opens it. While it is open the relay is tried
//! by a *knock*: a connection as for a letter, and none sent, so that no letter's attempt is spent on
//! finding out. When that gets through, one letter goes alone; then all. Neither a knock nor that letter
//! is waited for when it hangs: a relay that does not answer one may answer the next.
//!
//! A login that was refused for good (535) opens it at once, and for longer: relays lock out whoever
//! says a wrong password again and again, and only a person can mend it.

use crate::referral::attempt::Attempted;
use crate::referral::route::BreakerState;
use std::time::Duration;

/// So many failures in a row, none of them between two attempts that met the relay.
const FAILURES_UNTIL_OPEN: u32 = 3;
/// The wait before the first knock at most, doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// No wait is longer: a relay that is back for a quarter of a minute is found. A knock a relay every
/// ten seconds, while something is to be sent, burdens nobody.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Between two logins that a relay refuses for good.
const BETWEEN_LOGINS: Duration = Duration::from_mins(1);

/// Kept per route. Times are monotonic, since any fixed instant.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    /// Failures in a row: attempts while it is closed, knocks and single letters since.
    failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: Duration,
    },
    /// Knocks are under way; another may be made then.
    Knocking {
        under_way: usize,
        next: Duration,
    },
    /// The knock got through; one letter may go.
    HalfOpen,
    /// That letter is on its way; another may be sent then.
    Trying {
        next: Duration,
    },
}

/// What a knock or an attempt found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    /// A relay, whatever it said of the letter.
    Relay,
    /// No relay: no connection, or no handshake.
    Nobody,
    /// A relay that does not know our password.
    LoginRefused,
}

impl Met {
    pub(super) fn of(attempted: &Attempted) -> Self {
        if attempted.login_refused() {
            Self::LoginRefused
        } else if attempted.met_a_relay() {
            Self::Relay
        } else {
            Self::Nobody
        }
    }
}

/// What may be done for a route now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    /// Claim as there are places.
    ClaimAll,
    /// Claim one letter, and say [`Breaker::tried`].
    ClaimOne,
    /// Knock, and say [`Breaker::knocking`].
    Knock,
    /// Nothing, for so long.
    Wait(Duration),
    /// Nothing, until what is under way has ended.
    Await,
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self {
            state: State::Closed,
            failures: 0,
        }
    }

    /// `knocks_max` may be under way at once.
    pub(super) fn may(&self, now: Duration, knocks_max: usize) -> May {
        match self.state {
            State::Closed => May::ClaimAll,
            State::Open { until } if until <= now => May::Knock,
            State::Open { until } => May::Wait(until.saturating_sub(now)),
            State::HalfOpen => May::ClaimOne,
            State::Knocking { under_way, .. } if under_way >= knocks_max => May::Await,
            State::Knocking { next, .. } if next <= now => May::Knock,
            State::Knocking { next, .. } => May::Wait(next.saturating_sub(now)),
            State::Trying { next } if next <= now => May::ClaimOne,
            State::Trying { next } => May::Wait(next.saturating_sub(now)),
        }
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::Knocking { .. } | State::HalfOpen | State::Trying { .. } => {
                BreakerState::HalfOpen
            }
        }
    }

    /// A knock has begun.
    pub(super) fn knocking(&mut self, now: Duration) {
        let under_way = match self.state {
            State::Knocking { under_way, .. } => under_way.saturating_add(1),
            State::Closed | State::Open { .. } | State::HalfOpen | State::Trying { .. } => 1,
        };
        let next = now.saturating_add(LONGEST_WAIT);
        self.state = State::Knocking { under_way, next };
    }

    /// The one letter was claimed.
    pub(super) fn tried(&mut self, now: Duration) {
        let next = now.saturating_add(LONGEST_WAIT);
        self.state = State::Trying { next };
    }

    /// A knock ended.
    pub(super) fn knocked(&mut self, met: Met, now: Duration, random: u64) {
        match (self.state, met) {
            (State::Knocking { .. } | State::Open { .. }, Met::Relay) => {
                self.state = State::HalfOpen;
            }
            (State::Knocking { under_way, next }, Met::Nobody) if under_way > 1 => {
                let under_way = under_way - 1;
                self.state = State::Knocking { under_way, next };
            }
            (State::Knocking { .. }, Met::Nobody) => self.open(now, random),
            (State::Knocking { .. }, Met::LoginRefused) => self.login_refused(now, random),
            // An earlier one, that another has overtaken.
            (State::Open { .. }, Met::Nobody | Met::LoginRefused) => {}
            (
                State::Closed | State::HalfOpen | State::Trying { .. },
                Met::Relay | Met::Nobody | Met::LoginRefused,
            ) => {}
        }
    }

    /// An attempt ended; `alone` is the one letter that tries the relay out. Others that were begun
    /// before it opened prove nothing about now.
    pub(super) fn ended(&mut self, alone: bool, met: Met, now: Duration, random: u64) {
        match (self.state, alone, met) {
            (State::Closed, _, Met::Relay) | (State::Trying { .. }, true, Met::Relay) => {
                self.failures = 0;
                self.state = State::Closed;
            }
            (State::Closed, _, Met::Nobody) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= FAILURES_UNTIL_OPEN {
                    self.failures = 0;
                    self.open(now, random);
                }
            }
            (State::Trying { .. }, true, Met::Nobody) => self.open(now, random),
            (State::Closed, _, Met::LoginRefused)
            | (State::Trying { .. }, true, Met::LoginRefused) => {
                self.login_refused(now, random);
            }
            (
                State::Open { .. }
                | State::Knocking { .. }
                | State::HalfOpen
                | State::Trying { .. },
                true | false,
                Met::Relay | Met::Nobody | Met::LoginRefused,
            ) => {}
        }
    }

    fn login_refused(&mut self, now: Duration, random: u64) {
        let half = BETWEEN_LOGINS / 2;
        self.failures = self.failures.max(1);
        let until = now.saturating_add(half).saturating_add(part(half, random));
        self.state = State::Open { until };
    }

    /// At least half of a wait, so that knocks are never a stampede, and the rest by chance, so that
    /// gateways that share a relay do not knock together.
    fn open(&mut self, now: Duration, random: u64) {
        let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(self.failures));
        let half = wait.min(LONGEST_WAIT) / 2;
        self.failures = self.failures.saturating_add(1);
        let until = now.saturating_add(half).saturating_add(part(half, random));
        self.state = State::Open { until };
    }
}

/// A point of `whole` that a number drawn evenly from all of `u64` falls on.
pub(super) fn part(whole: Duration, random: u64) -> Duration {
    let micros = (whole.as_micros().saturating_mul(u128::from(random))) >> 64;
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::new();
        for _ in 0..FAILURES_UNTIL_OPEN {
            assert_eq!(breaker.may(at(100.0), 2), May::ClaimAll);
            breaker.ended(false, Met::Nobody, at(100.0), 0);
        }
        assert_eq!(breaker.state(), BreakerState::Open);
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_relay_met_between_them_does_not() {
        let mut breaker = Breaker::new();
        for _ in 0..10 {
            breaker.ended(false, Met::Nobody, at(0.0), 0);
            breaker.ended(false, Met::Nobody, at(0.0), 0);
            breaker.ended(false, Met::Relay, at(0.0), 0);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        opened();
    }

    #[test]
    fn one_knock_then_one_letter_then_all() {
        let mut breaker = opened();
        assert_eq!(breaker.may(at(100.0), 2), May::Wait(at(0.5)));
        assert_eq!(breaker.may(at(100.5), 2), May::Knock);
        breaker.knocking(at(100.5));
        assert_eq!(breaker.may(at(100.5), 2), May::Wait(at(10.0)));
        assert_eq!(breaker.may(at(200.0), 1), May::Await);
        breaker.knocked(Met::Relay, at(200.0), 0);
        assert_eq!(breaker.may(at(200.0), 2), May::ClaimOne);
        breaker.tried(at(200.0));
        assert_eq!(breaker.may(at(200.0), 2), May::Wait(at(10.0)));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        breaker.ended(true, Met::Relay, at(200.0), 0);
        assert_eq!(breaker.may(at(200.0), 2), May::ClaimAll);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn what_was_begun_before_it_opened_changes_nothing() {
        let mut breaker = opened();
        breaker.ended(false, Met::Relay, at(100.0), 0);
        breaker.ended(false, Met::Nobody, at(100.0), u64::MAX);
        assert_eq!(breaker.may(at(100.0), 2), May::Wait(at(0.5)));
        breaker.knocking(at(101.0));
        breaker.ended(false, Met::Relay, at(101.0), 0);
        assert_eq!(breaker.may(at(101.0), 1), May::Await);
        breaker.knocked(Met::Relay, at(101.0), 0);
        breaker.tried(at(101.0));
        breaker.ended(false, Met::Relay, at(101.0), 0);
        assert_eq!(breaker.may(at(101.0), 2), May::Wait(at(10.0)));
        breaker.ended(true, Met::Nobody, at(101.0), 0);
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn a_knock_that_hangs_is_followed_by_another_and_whichever_gets_through_counts() {
        let mut breaker = opened();
        breaker.knocking(at(101.0));
        assert_eq!(breaker.may(at(111.0), 2), May::Knock);
        breaker.knocking(at(111.0));
        assert_eq!(
            breaker.may(at(130.0), 2),
            May::Await,
            "no more than there are places"
        );
        // The first ends as it must; the second is still under way.
        breaker.knocked(Met::Nobody, at(131.0), 0);
        assert_eq!(breaker.may(at(131.0), 2), May::Knock);
        breaker.knocked(Met::Relay, at(132.0), 0);
        assert_eq!(breaker.may(at(132.0), 2), May::ClaimOne);
        breaker.tried(at(132.0));
        breaker.ended(true, Met::Nobody, at(133.0), 0);
        assert_eq!(breaker.state(), BreakerState::Open);
        // One of before it opened again.
        breaker.knocked(Met::Nobody, at(133.0), u64::MAX);
        assert_eq!(breaker.state(), BreakerState::Open);
        breaker.knocked(Met::Relay, at(133.0), 0);
        assert_eq!(breaker.may(at(133.0), 2), May::ClaimOne);
    }

    #[test]
    fn a_letter_that_hangs_is_followed_by_another_and_whichever_gets_through_counts() {
        let mut breaker = opened();
        breaker.knocking(at(101.0));
        breaker.knocked(Met::Relay, at(101.0), 0);
        breaker.tried(at(101.0));
        assert_eq!(breaker.may(at(110.0), 2), May::Wait(at(1.0)));
        assert_eq!(breaker.may(at(111.0), 2), May::ClaimOne);
        breaker.tried(at(111.0));
        breaker.ended(true, Met::Relay, at(112.0), 0);
        assert_eq!(breaker.may(at(112.0), 2), May::ClaimAll);
        // The first ends as it must: one failure, of a relay that was met meanwhile.
        breaker.ended(true, Met::Nobody, at(300.0), 0);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn a_password_that_was_refused_for_good_is_said_twice_a_minute_at_most() {
        let mut breaker = Breaker::new();
        breaker.ended(false, Met::LoginRefused, at(100.0), 0);
        assert_eq!(breaker.may(at(100.0), 2), May::Wait(at(30.0)));
        // Others that were under way.
        breaker.ended(false, Met::LoginRefused, at(110.0), 0);
        assert_eq!(breaker.may(at(130.0), 2), May::Knock);
        breaker.knocking(at(130.0));
        breaker.knocked(Met::LoginRefused, at(130.0), u64::MAX);
        assert!(matches!(breaker.may(at(130.0), 2), May::Wait(left) if left > at(59.0)));
        // Somebody has mended it.
        breaker.knocking(at(190.0));
        breaker.knocked(Met::Relay, at(190.0), 0);
        assert_eq!(breaker.may(at(190.0), 2), May::ClaimOne);
        breaker.tried(at(190.0));
        breaker.ended(true, Met::LoginRefused, at(191.0), 0);
        assert_eq!(breaker.may(at(191.0), 2), May::Wait(at(30.0)));
    }

    #[test]
    fn waits_double_up_to_the_longest_and_are_drawn_from_their_second_half() {
        let waits = |random| {
            let mut breaker = Breaker::new();
            let mut waits = Vec::new();
            for _ in 0..FAILURES_UNTIL_OPEN {
                breaker.ended(false, Met::Nobody, at(0.0), random);
            }
            for _ in 0..7 {
                let May::Wait(wait) = breaker.may(at(0.0), 2) else {
                    panic!("it is open");
                };
                waits.push(wait.as_secs_f64());
                breaker.knocking(at(0.0));
                breaker.knocked(Met::Nobody, at(0.0), random);
            }
            waits
        };
        assert_eq!(waits(0), [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]);
        let longest: Vec<f64> = waits(u64::MAX).iter().map(|wait| wait.round()).collect();
        assert_eq!(longest, [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]);
    }
}
