//! A route whose relay answers and takes nothing: 4xx to whoever comes, links cut after the greeting.
//!
//! **Why are there scouts?** What a relay answers concerns a letter, so it never opens the breaker, and
//! each letter keeps a back-off of its own, which with little time left is a few seconds long
//! ([`crate::referral::retry`]): a relay that is well for a quarter of a minute only must be found. A
//! relay that is ill answers all letters so, and thousands would each knock every few seconds. So after
//! a few failures in a row, with nothing taken between them, only one of the letters that were tried
//! before goes each five to ten seconds: the scout. Each second one is a letter whose last safe moment
//! comes within the hour, each fourth one that had fewer than three attempts, and each fourth whichever has
//! been due longest: what is urgent does not queue behind thousands that are not, and no full mailbox is
//! all that is ever tried. As soon as a relay takes something, all that are due follow.
//! What was never tried goes as ever: a relay that greylists must see each letter once before its clock
//! starts.
//!
//! **Why not a breaker that opens on 4xx?** A full mailbox or a greylist would hold back everybody
//! else's letters. **Why not a longer back-off?** It misses relays that come and go. **Why no limit per
//! letter?** Ten thousand polite letters are no polite gateway: the bound is the route's.

use super::breaker::part;
use crate::referral::attempt::{AttemptResult, Attempted, Phase};
use crate::store::Scout;
use std::time::Duration;

/// So many failures in a row, and nothing taken between them, are the relay's and not a letter's.
const FAILURES_UNTIL_SCOUTS: u32 = 3;
/// One scout each so long at most, at least half of it, and the rest by chance: with the attempt itself
/// it is less than the quarter of a minute for which a relay may be well. Twelve attempts a minute at
/// most burden no relay.
const BETWEEN: Duration = Duration::from_secs(10);

/// Kept per route. Times are monotonic, since any fixed instant.
#[derive(Debug, Default)]
pub(super) struct Scouts {
    /// Failures in a row.
    failures: u32,
    /// The next scout goes then.
    next: Duration,
    /// Scouts so far.
    sent: u32,
}

/// Which letters may go that were tried before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// All.
    All,
    /// One.
    Scout,
    /// None, for so long.
    Wait(Duration),
}

impl Scouts {
    /// Whether only scouts go.
    pub(super) fn alone(&self) -> bool {
        self.failures >= FAILURES_UNTIL_SCOUTS
    }

    pub(super) fn may(&self, now: Duration) -> Again {
        if !self.alone() {
            Again::All
        } else if self.next <= now {
            Again::Scout
        } else {
            Again::Wait(self.next.saturating_sub(now))
        }
    }

    /// Whose turn it is to be the next scout.
    pub(super) fn turn(&self) -> Scout {
        match self.sent % 4 {
            1 => Scout::Few,
            3 => Scout::LongestDue,
            _ => Scout::Soon,
        }
    }

    /// A letter that was tried before went.
    pub(super) fn sent(&mut self, now: Duration, random: u64) {
        self.sent = self.sent.wrapping_add(1);
        self.wait(now, random);
    }

    fn wait(&mut self, now: Duration, random: u64) {
        let half = BETWEEN / 2;
        self.next = now.saturating_add(half).saturating_add(part(half, random));
    }

    /// An attempt has ended.
    pub(super) fn ended(&mut self, attempted: &Attempted, now: Duration, random: u64) {
        match (attempted.result, attempted.phase) {
            (AttemptResult::Done, _) => self.failures = 0,
            // Ours, or one letter's for good.
            (_, Phase::Daemon) | (AttemptResult::Never, _) => {}
            // The breaker's.
            (AttemptResult::Later | AttemptResult::Unknown, _) if !attempted.met_a_relay() => {}
            (AttemptResult::Later | AttemptResult::Unknown, _) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures == FAILURES_UNTIL_SCOUTS {
                    self.wait(now, random);
                }
            }
        }
    }
}

#[cfg(test)]
mod windows;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::referral::attempt::AttemptWhy;
    use proptest::prelude::*;

    fn ended(result: AttemptResult, phase: Phase, why: AttemptWhy) -> Attempted {
        Attempted {
            result,
            phase,
            why,
            code: None,
            enhanced: None,
            tls: None,
            words: Vec::new(),
        }
    }

    fn refused() -> Attempted {
        ended(AttemptResult::Later, Phase::Rcpt, AttemptWhy::Reply)
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn three_failures_in_a_row_leave_it_to_scouts_and_one_letter_taken_lets_all_follow() {
        let mut scouts = Scouts::default();
        let taken = ended(AttemptResult::Done, Phase::Body, AttemptWhy::Reply);
        for _ in 0..5 {
            scouts.ended(&refused(), at(100), 0);
            scouts.ended(&refused(), at(100), 0);
            assert_eq!(scouts.may(at(100)), Again::All);
            scouts.ended(&taken, at(100), 0);
        }
        for _ in 0..3 {
            scouts.ended(&refused(), at(100), 0);
        }
        assert_eq!(scouts.may(at(100)), Again::Wait(at(5)));
        assert_eq!(scouts.may(at(105)), Again::Scout);
        scouts.sent(at(105), u64::MAX);
        assert!(matches!(scouts.may(at(105)), Again::Wait(wait) if wait > at(9)));
        // Those that were under way when it began do not put the next one off.
        scouts.ended(&refused(), at(106), u64::MAX);
        assert_eq!(scouts.may(at(115)), Again::Scout);
        scouts.ended(&taken, at(107), 0);
        assert_eq!(scouts.may(at(107)), Again::All);
    }

    #[test]
    fn what_is_urgent_has_each_second_turn_and_nobody_none() {
        let mut scouts = Scouts::default();
        let turns = [(); 8].map(|()| {
            let turn = scouts.turn();
            scouts.sent(at(1), 0);
            turn
        });
        let round = [Scout::Soon, Scout::Few, Scout::Soon, Scout::LongestDue];
        assert_eq!(turns.as_chunks().0, [round; 2]);
    }

    #[test]
    fn what_says_nothing_of_the_relay_s_health_changes_nothing() {
        use {AttemptResult as Result, AttemptWhy as Why};
        let mut scouts = Scouts::default();
        for _ in 0..9 {
            scouts.ended(
                &ended(Result::Later, Phase::Connect, Why::Unreachable),
                at(1),
                0,
            );
            scouts.ended(&ended(Result::Never, Phase::Rcpt, Why::Reply), at(1), 0);
            scouts.ended(
                &ended(Result::Later, Phase::Daemon, Why::CaseEnded),
                at(1),
                0,
            );
        }
        assert_eq!(scouts.may(at(1)), Again::All);
        for _ in 0..3 {
            scouts.ended(&refused(), at(1), 0);
        }
        scouts.ended(&ended(Result::Never, Phase::Rcpt, Why::Reply), at(1), 0);
        assert_ne!(
            scouts.may(at(1)),
            Again::All,
            "a letter refused is no letter taken"
        );
    }

    proptest! {
        /// However many letters wait and however long it takes: no relay that takes nothing is tried more
        /// often than it bears, and none is left alone for as long as it may be well.
        #[test]
        fn scouts_go_often_enough_and_not_too_often(
            draws in proptest::collection::vec(any::<u64>(), 30..60),
            attempt_ms in 0_u64..3_000,
        ) {
            let mut scouts = Scouts::default();
            let mut now = at(1);
            for _ in 0..FAILURES_UNTIL_SCOUTS {
                scouts.ended(&refused(), now, draws[0]);
            }
            let mut began = Vec::new();
            for draw in draws {
                if let Again::Wait(left) = scouts.may(now) {
                    now += left;
                }
                prop_assert_eq!(scouts.may(now), Again::Scout);
                began.push(now);
                scouts.sent(now, draw);
                prop_assert_ne!(scouts.may(now), Again::Scout);
                scouts.ended(&refused(), now + Duration::from_millis(attempt_ms), draw);
            }
            for pair in began.windows(2) {
                let gap = pair[1] - pair[0];
                prop_assert!(gap >= at(5) && gap <= at(10), "{gap:?}");
            }
        }
    }
}
