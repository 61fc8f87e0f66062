//! Relays that come and go, against the plan of retries: each letter's back-off and a route's scouts,
//! together. A deadline is achievable where a relay is well for two minutes in all, a quarter of a minute
//! at a time; what is achievable within an hour is never missed, by one letter or by many.

use super::*;
use crate::referral::attempt::AttemptWhy;
use crate::referral::retry::{RetrySettings, next_attempt};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

const HOUR_MS: u64 = 3_600_000;
const CONNECTIONS: usize = 4;
/// Long enough away, each time, to be called ill.
const AWAY_S: std::ops::Range<u64> = 20..300;
/// At least what counts.
const WELL_S: std::ops::Range<u64> = 15..30;
/// At least two minutes in all, and all within the hour.
const TURNS: usize = 10;

/// When the relay is well, milliseconds.
fn turns() -> impl Strategy<Value = Vec<(u64, u64)>> {
    proptest::collection::vec((AWAY_S, WELL_S), TURNS).prop_map(|turns| {
        let mut at = 0;
        let mut well = Vec::new();
        for (away_s, well_s) in turns {
            let from = at + away_s * 1_000;
            at = from + well_s * 1_000;
            well.push((from, at));
        }
        well
    })
}

#[derive(Default)]
struct Letter {
    due: u64,
    attempts: u32,
    under_way: bool,
    taken: bool,
}

struct Hour {
    well: Vec<(u64, u64)>,
    letters: Vec<Letter>,
    scouts: Scouts,
    /// When each attempt ends, whose it is, whether the letter is taken.
    under_way: Vec<(u64, usize, bool)>,
    begun: u64,
    dice: u64,
}

impl Hour {
    /// Numbers that look random (splitmix64).
    fn draw(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.draw() % (to - from)
    }

    /// As the store claims: what is new first, then what was tried before, as the scouts have it.
    fn next(&self, now: u64) -> Option<usize> {
        let waiting = || {
            let letters = self.letters.iter().enumerate();
            letters
                .filter(move |(_, letter)| !letter.taken && !letter.under_way && letter.due <= now)
        };
        let new = waiting().find(|(_, letter)| letter.attempts == 0);
        let again = || match self.scouts.may(Duration::from_millis(now)) {
            Again::All => waiting().next(),
            Again::Scout => self.scout(waiting()),
            Again::Wait(_) => None,
        };
        new.or_else(again).map(|(nth, _)| nth)
    }

    /// All are urgent here.
    fn scout<'a>(
        &self,
        waiting: impl Iterator<Item = (usize, &'a Letter)>,
    ) -> Option<(usize, &'a Letter)> {
        let few = match self.scouts.turn() {
            Scout::Few => 1..3,
            Scout::Soon | Scout::LongestDue => 0..0,
        };
        waiting.min_by_key(|(_, letter)| (!few.contains(&letter.attempts), letter.due))
    }

    fn begin(&mut self, nth: usize, now: u64) {
        let well = self.well.iter().copied();
        let until = well
            .into_iter()
            .find(|(from, to)| (*from..*to).contains(&now));
        let refused_after = self.between(10, 2_000);
        let taken_after = self.between(200, 4_000);
        let (end, taken) = match until {
            None => (now + refused_after, false),
            Some((_, to)) if now + taken_after > to => (to, false),
            Some(_) => (now + taken_after, true),
        };
        if self.letters[nth].attempts > 0 {
            let draw = self.draw();
            self.scouts.sent(Duration::from_millis(now), draw);
        }
        self.begun += 1;
        self.letters[nth].under_way = true;
        self.under_way.push((end, nth, taken));
    }

    fn end(&mut self, now: u64) {
        let (ended, going): (Vec<_>, Vec<_>) =
            self.under_way.drain(..).partition(|(end, ..)| *end <= now);
        self.under_way = going;
        for (_, nth, taken) in ended {
            let (result, phase) = match taken {
                true => (AttemptResult::Done, Phase::Body),
                false => (AttemptResult::Later, Phase::Rcpt),
            };
            let attempted = Attempted {
                result,
                phase,
                why: AttemptWhy::Reply,
                code: None,
                enhanced: None,
                tls: None,
                words: Vec::new(),
            };
            let (draw, again) = (self.draw(), self.draw());
            self.scouts
                .ended(&attempted, Duration::from_millis(now), draw);
            let letter = &mut self.letters[nth];
            letter.attempts += 1;
            letter.under_way = false;
            letter.taken = taken;
            letter.due = due(letter.attempts, now, again);
        }
    }

    /// The next moment at which something may change.
    fn next_moment(&self, now: u64) -> Option<u64> {
        let ends = self.under_way.iter().map(|(end, ..)| *end);
        let waiting = self.letters.iter().filter(|letter| !letter.taken);
        let dues = waiting.map(|letter| letter.due);
        let scout = match self.scouts.may(Duration::from_millis(now)) {
            Again::Wait(left) => Some(now + u64::try_from(left.as_millis()).unwrap() + 1),
            Again::All | Again::Scout => None,
        };
        let all = ends.chain(dues).chain(scout);
        all.filter(|at| *at > now).min()
    }

    /// Plays it; gives how many letters were not handed over within the hour.
    fn play(&mut self) -> usize {
        let mut now = 0;
        while now < HOUR_MS {
            self.end(now);
            while self.under_way.len() < CONNECTIONS
                && let Some(nth) = self.next(now)
            {
                self.begin(nth, now);
            }
            match self.next_moment(now) {
                Some(next) => now = next,
                None => break,
            }
        }
        self.letters.iter().filter(|letter| !letter.taken).count()
    }
}

/// As the decision has it, with the settings that are preset.
fn due(attempts: u32, now: u64, random: u64) -> u64 {
    let settings = RetrySettings {
        first: Duration::from_secs(30),
        longest: Duration::from_secs(600),
        in_doubt: Duration::from_secs(120),
    };
    let begun = Timestamp::UNIX_EPOCH;
    let last_safe = begun + SignedDuration::from_hours(1);
    let at = begun + SignedDuration::from_millis(i64::try_from(now).unwrap());
    let next = next_attempt(&settings, attempts, at, Some(last_safe), random);
    u64::try_from(next.as_millisecond()).unwrap()
}

proptest! {
    #[test]
    fn what_is_achievable_within_the_hour_is_never_missed_and_the_relay_is_not_stormed(
        well in turns(),
        letters in 1_usize..40,
        dice in any::<u64>(),
    ) {
        let mut hour = Hour {
            well,
            letters: (0..letters).map(|_| Letter::default()).collect(),
            scouts: Scouts::default(),
            under_way: Vec::new(),
            begun: 0,
            dice,
        };
        let missed = hour.play();
        prop_assert_eq!(missed, 0, "of {} letters, relay well at {:?}", letters, hour.well);
        // Each letter twice, a scout each five seconds, and a few at each turn of the relay's.
        let few = 2 * letters + TURNS * 4 * CONNECTIONS;
        let most = u64::try_from(few).unwrap() + HOUR_MS / 5_000;
        prop_assert!(hour.begun <= most, "{} attempts, {most} expected", hour.begun);
    }
}
