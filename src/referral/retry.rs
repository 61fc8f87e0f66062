//! When a letter is tried again. Pure: it is given the instant and the random number.

use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Attempts that fit before the last safe moment at least (`design.md`, retries).
const ATTEMPTS_BEFORE_LAST_SAFE: u32 = 3;

/// After those the wait is at most one part in so many of what is left ...
const QUARTER: u32 = 4;
/// ... but drawn from no less than this: the last seconds are not filled with attempts.
const SHORTEST: Duration = Duration::from_secs(10);

/// With less left until `act_by`, a letter in doubt is first repeated at once.
const SHORT_SLACK: SignedDuration = SignedDuration::from_hours(1);

/// How letters are retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetrySettings {
    /// The first wait at most, doubled each time; the wait itself is drawn evenly below it.
    pub first: Duration,
    /// No wait is longer.
    pub longest: Duration,
    /// An unknown outcome is first repeated after this long.
    pub in_doubt: Duration,
}

/// When to try again after a temporary failure: exponential with full jitter. Until the third
/// attempt the wait is also kept to an even share of what is left, so that three attempts fit
/// before the last safe moment whatever is drawn; from then on to a quarter of it, so that a relay
/// which comes back shortly before that moment is tried again in time. Past that moment the letter is
/// still tried: late is better than never.
///
/// `attempts_so_far` counts those that ended, the one just now included; `random` is drawn evenly
/// from all of `u64`.
pub fn next_attempt(
    settings: &RetrySettings,
    attempts_so_far: u32,
    now: Timestamp,
    last_safe_at: Option<Timestamp>,
    random: u64,
) -> Timestamp {
    let longest = doubled(settings.first, attempts_so_far.saturating_sub(1)).min(settings.longest);
    let still_to_fit = ATTEMPTS_BEFORE_LAST_SAFE.saturating_sub(attempts_so_far);
    let share = last_safe_at
        .and_then(|last_safe| Duration::try_from(last_safe.duration_since(now)).ok())
        .filter(|left| !left.is_zero())
        .and_then(|left| match still_to_fit {
            0 => left.checked_div(QUARTER).map(|share| share.max(SHORTEST)),
            still_to_fit => left.checked_div(still_to_fit.saturating_add(1)),
        });
    let at_most = share.map_or(longest, |share| share.min(longest));
    later(now, drawn_below(at_most, random))
}

/// When to send the same bytes again after an unknown outcome, unless a report or an answer comes
/// first: after two minutes by default, at once the first time with under an hour left. Each
/// further repeat waits twice as long: a relay that drops every link behind the final dot may be
/// delivering every one of them.
///
/// `repeats_so_far` counts the repeats already made of this letter.
pub fn in_doubt_again(
    settings: &RetrySettings,
    repeats_so_far: u32,
    now: Timestamp,
    act_by: Timestamp,
) -> Timestamp {
    if repeats_so_far == 0 && act_by.duration_since(now) < SHORT_SLACK {
        return now;
    }
    let longest = settings.longest.max(settings.in_doubt);
    later(now, doubled(settings.in_doubt, repeats_so_far).min(longest))
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times))
}

/// A point of the wait, to the microsecond, which is what the store keeps.
fn drawn_below(wait: Duration, random: u64) -> Duration {
    let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
    let drawn = (u128::from(micros) * u128::from(random)) >> 64;
    Duration::from_micros(u64::try_from(drawn).unwrap_or(u64::MAX))
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SETTINGS: RetrySettings = RetrySettings {
        first: Duration::from_secs(30),
        longest: Duration::from_mins(15),
        in_doubt: Duration::from_mins(2),
    };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    proptest! {
        #[test]
        fn three_attempts_fit_before_the_last_safe_moment(
            first_s in 0_u64..1_000_000,
            longest_s in 0_u64..1_000_000,
            left_us in 4_i64..100_000_000_000,
            draws in any::<[u64; 2]>(),
        ) {
            let settings = RetrySettings {
                first: Duration::from_secs(first_s),
                longest: Duration::from_secs(longest_s),
                ..SETTINGS
            };
            let begun = at("2026-11-22T19:05:00Z");
            let last_safe = begun + SignedDuration::from_micros(left_us);
            let second = next_attempt(&settings, 1, begun, Some(last_safe), draws[0]);
            let third = next_attempt(&settings, 2, second, Some(last_safe), draws[1]);
            prop_assert!(begun <= second && second <= third && third < last_safe);
        }

        #[test]
        fn no_wait_is_negative_or_longer_than_its_bound(
            attempts in any::<u32>(),
            left_s in proptest::option::of(-100_000_i64..100_000),
            random in any::<u64>(),
        ) {
            let now = at("2026-11-22T19:05:00Z");
            let last_safe = left_s.map(|left| now + SignedDuration::from_secs(left));
            let next = next_attempt(&SETTINGS, attempts, now, last_safe, random);
            let doubled = SETTINGS.first.saturating_mul(2_u32.saturating_pow(attempts.max(1) - 1));
            let wait = Duration::try_from(next.duration_since(now)).unwrap();
            prop_assert!(wait <= SETTINGS.longest.min(doubled));
        }
    }

    #[test]
    fn the_wait_doubles_and_stops_at_the_longest() {
        let now = at("2026-11-22T19:05:00Z");
        let longest_wait = |attempts| {
            let next = next_attempt(&SETTINGS, attempts, now, None, u64::MAX);
            next.duration_since(now).as_secs_f64().round()
        };
        let waits = [1, 2, 3, 6, u32::MAX].map(longest_wait);
        assert_eq!(waits, [30.0, 60.0, 120.0, 900.0, 900.0]);
        assert_eq!(next_attempt(&SETTINGS, 1, now, None, 0), now);
    }

    #[test]
    fn nothing_overflows() {
        let endless = RetrySettings {
            first: Duration::MAX,
            longest: Duration::MAX,
            in_doubt: Duration::MAX,
        };
        let now = at("2026-11-22T19:05:00Z");
        assert_eq!(
            next_attempt(&endless, u32::MAX, now, None, u64::MAX),
            Timestamp::MAX
        );
        assert_eq!(
            in_doubt_again(&endless, u32::MAX, now, Timestamp::MAX),
            Timestamp::MAX
        );
    }

    #[test]
    fn in_doubt_waits_two_minutes_and_with_little_slack_not_at_all_but_only_once() {
        let now = at("2026-11-23T07:00:00Z");
        let again = |repeats, act_by| in_doubt_again(&SETTINGS, repeats, now, at(act_by));
        assert_eq!(again(0, "2026-11-23T08:30:00Z"), at("2026-11-23T07:02:00Z"));
        assert_eq!(again(0, "2026-11-23T08:00:00Z"), at("2026-11-23T07:02:00Z"));
        assert_eq!(again(0, "2026-11-23T07:59:59Z"), now);
        assert_eq!(again(0, "2026-11-23T06:30:00Z"), now);
        assert_eq!(again(1, "2026-11-23T07:30:00Z"), at("2026-11-23T07:04:00Z"));
        assert_eq!(again(9, "2026-11-23T07:30:00Z"), at("2026-11-23T07:15:00Z"));
    }
}
