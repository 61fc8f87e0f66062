//! The simulator's chance: every use has a sequence of its own, named, so that a change to one part of
//! the world leaves the others as they were.

use crate::seal::randomness::Randomness;
use crate::store::sha256;

/// A named sequence of a seed.
#[derive(Debug)]
pub(super) struct Dice(Randomness);

impl Dice {
    pub(super) fn of(seed: u64, name: &str) -> Self {
        Self(Randomness::seeded(mixed(seed, name)))
    }

    fn next(&self) -> u64 {
        // A seeded sequence cannot fail.
        self.0.draw().map(u64::from_be_bytes).unwrap_or(0)
    }

    /// Evenly from 0 to below `end`; 0 when that is 0.
    pub(super) fn below(&self, end: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(end);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// Evenly between two numbers, both included.
    pub(super) fn between(&self, from: i64, to: i64) -> i64 {
        let span = u64::try_from(to.saturating_sub(from).saturating_add(1)).unwrap_or(1);
        from.saturating_add(i64::try_from(self.below(span)).unwrap_or(0))
    }

    /// Between two numbers, both included, as many of each order of magnitude.
    pub(super) fn spread(&self, from: i64, to: i64) -> i64 {
        let (mut low, high) = (from, to);
        while low.saturating_mul(2) < high && self.below(2) == 0 {
            low = low.saturating_mul(2);
        }
        self.between(low, low.saturating_mul(2).min(high))
    }

    /// True so often in a million.
    pub(super) fn happens(&self, in_a_million: u64) -> bool {
        self.below(1_000_000) < in_a_million
    }

    /// One of several.
    pub(super) fn pick<'a, T>(&self, all: &'a [T]) -> Option<&'a T> {
        let place = self.below(u64::try_from(all.len()).unwrap_or(0));
        all.get(usize::try_from(place).unwrap_or(0))
    }
}

/// A seed of its own for a name.
pub(super) fn mixed(seed: u64, name: &str) -> u64 {
    let digest = sha256(&[&seed.to_be_bytes(), name.as_bytes()].concat());
    digest
        .iter()
        .take(8)
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
