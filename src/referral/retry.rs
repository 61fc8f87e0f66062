//! When a letter is tried again. Pure: it is given the instant and the random number.

use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Attempts that fit before the last safe moment at least (`design.md`, retries).
const ATTEMPTS_BEFORE_LAST_SAFE: u32 = 3;

/// A relay that is well for a quarter of a minute only is found all the same: with little time left no
/// wait is longer than this. An attempt takes a few seconds besides.
const CLOSEST: Duration = Duration::from_secs(10);
/// With more time left waits are kept to this part of it, so that with an hour to go they are as short
/// as they get. What was tried all night at one wait would be thousands of attempts, or too few at the
/// end; so it is about as many in each half of what is left.
const PARTS: u32 = 360;
/// In the last seconds there is one more attempt rather than none.
const LAST: Duration = Duration::from_secs(1);

/// With less left until `act_by`, a letter in doubt is first repeated at once.
const SHORT_SLACK: SignedDuration = SignedDuration::from_hours(1);

/// A letter whose attempt met no relay, or was cut short by a stop of the daemon before MAIL, is due
/// again within this: it is no letter's fault, and the route's breaker keeps connections apart.
const SOON: Duration = Duration::from_secs(5);

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

/// When to try again after a temporary failure: exponential with full jitter, and kept to a part of
/// what is left: a 360th, ten seconds with an hour to go and from then on, less in the very last. Until
/// the third attempt it is also kept to an even share of what is left, so that three attempts fit before
/// the last safe moment whatever is drawn. Past that moment the letter is still tried: late is better
/// than never.
///
/// Many letters that a relay refuses are not all tried so often: that is the route's affair
/// (`crate::delivery`, scouts).
///
/// `attempts_so_far` counts those that ended and were spent on the letter ([`soon_again`] is for the
/// others), the one just now included; `random` is drawn evenly from all of `u64`.
pub fn next_attempt(
    settings: &RetrySettings,
    attempts_so_far: u32,
    now: Timestamp,
    last_safe_at: Option<Timestamp>,
    random: u64,
) -> Timestamp {
    let longest = doubled(settings.first, attempts_so_far.saturating_sub(1)).min(settings.longest);
    let still_to_fit = ATTEMPTS_BEFORE_LAST_SAFE.saturating_sub(attempts_so_far);
    let left = last_safe_at
        .and_then(|last_safe| Duration::try_from(last_safe.duration_since(now)).ok())
        .filter(|left| !left.is_zero());
    let at_most = left.map_or(longest, |left| {
        let share = match still_to_fit {
            0 => Duration::MAX,
            some => left / some.saturating_add(1),
        };
        longest.min(part_of(left)).min(share)
    });
    later(now, drawn_below(at_most, random))
}

/// When to try again after an attempt that was not spent on the letter: almost at once. It does not
/// count towards its back-off, so a relay that is away for long, or a daemon that is started again and
/// again, pushes no letter's next attempt away.
pub fn soon_again(now: Timestamp, random: u64) -> Timestamp {
    later(now, drawn_below(SOON, random))
}

/// When to send the same bytes again after an unknown outcome, unless a report or an answer comes
/// first: after two minutes by default, at once the first time with under an hour left. Each
/// further repeat waits twice as long: a relay that drops every link behind the final dot may be
/// delivering every one of them. No wait is longer than a quarter of what is left: once too often is the
/// lesser harm.
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
    let quarter = Duration::try_from(act_by.duration_since(now)).map(|left| left / 4);
    let at_most = quarter.map_or(longest, |quarter| longest.min(quarter.max(CLOSEST)));
    later(now, doubled(settings.in_doubt, repeats_so_far).min(at_most))
}

/// The longest wait with so much time left.
fn part_of(left: Duration) -> Duration {
    (left / PARTS).max(CLOSEST).min((left / 2).max(LAST))
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times))
}

/// A point of the wait.
fn drawn_below(wait: Duration, random: u64) -> Duration {
    let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
    let drawn = (u128::from(micros) * u128::from(random)) >> 64;
    Duration::from_micros(u64::try_from(drawn).unwrap_or(u64::MAX))
}

/// To the microsecond, which is what facts and rows keep of an instant.
fn later(now: Timestamp, wait: Duration) -> Timestamp {
    let whole = u64::try_from(wait.as_micros()).map_or(wait, Duration::from_micros);
    now.checked_add(whole).unwrap_or(Timestamp::MAX)
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

    proptest! {
        /// What is decided is what is read back: a part of a microsecond would be lost between them.
        #[test]
        fn every_wait_ends_on_a_microsecond(
            times in 0_u32..9,
            left_us in -1_000_000_i64..100_000_000_000,
            random in any::<u64>(),
        ) {
            let now = at("2026-11-22T19:05:00Z");
            let act_by = now + SignedDuration::from_micros(left_us);
            for next in [
                next_attempt(&SETTINGS, times, now, Some(act_by), random),
                in_doubt_again(&SETTINGS, times, now, act_by),
                soon_again(now, random),
            ] {
                prop_assert_eq!(next.subsec_nanosecond() % 1_000, 0, "{}", next);
            }
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
    fn waits_are_a_360th_of_what_is_left_and_ten_seconds_in_the_last_hour() {
        let now = at("2026-11-23T07:00:00Z");
        let wait = |left_s| {
            let safe = now + SignedDuration::from_secs(left_s);
            let next = next_attempt(&SETTINGS, 9, now, Some(safe), u64::MAX);
            next.duration_since(now).as_secs_f64().round()
        };
        let left = [1_000_000, 36_000, 7200, 3600, 600, 20, 10, 1];
        let waits = [900.0, 100.0, 20.0, 10.0, 10.0, 10.0, 5.0, 1.0];
        assert_eq!(left.map(wait), waits);
    }

    proptest! {
        /// A relay that is well for a quarter of a minute at a time, in the last hour, is found each time
        /// by a letter that is refused at once meanwhile.
        #[test]
        fn no_quarter_of_a_minute_of_the_last_hour_goes_by_without_an_attempt(
            attempts in 3_u32..1_000,
            attempt_ms in 0_i64..2_000,
            draws in proptest::collection::vec(any::<u64>(), 2_000),
        ) {
            let last_safe = at("2026-11-23T08:00:00Z");
            let mut ended = last_safe - SignedDuration::from_hours(1);
            for (nth, draw) in (0..).zip(draws) {
                let spent = attempts + nth;
                let next = next_attempt(&SETTINGS, spent, ended, Some(last_safe), draw);
                prop_assert!(next.duration_since(ended) <= SignedDuration::from_secs(10));
                ended = next + SignedDuration::from_millis(attempt_ms);
                if ended >= last_safe {
                    break;
                }
            }
        }
    }

    #[test]
    fn an_attempt_that_was_not_spent_is_made_up_for_at_once() {
        let now = at("2026-11-22T19:05:00Z");
        assert_eq!(soon_again(now, 0), now);
        let latest = soon_again(now, u64::MAX).duration_since(now);
        assert!(latest <= SignedDuration::try_from(SOON).unwrap());
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
            in_doubt_again(&endless, u32::MAX, now, Timestamp::MIN),
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
        assert_eq!(again(9, "2026-11-23T07:30:00Z"), at("2026-11-23T07:07:30Z"));
        assert_eq!(again(9, "2026-11-23T07:00:04Z"), at("2026-11-23T07:00:10Z"));
        assert_eq!(again(9, "2026-11-23T06:30:00Z"), at("2026-11-23T07:15:00Z"));
    }
}
