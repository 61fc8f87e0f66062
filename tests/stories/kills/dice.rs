//! Chance that can be had again: xorshift64* (Vigna, 2016), from a seed that the story prints.

use std::time::Duration;

pub(super) struct Dice(u64);

impl Dice {
    /// Dice of their own for each of those who share a seed.
    pub(super) fn new(seed: u64, whose: u64) -> Self {
        let mut dice = Self((seed ^ whose.wrapping_mul(0x9e37_79b9_7f4a_7c15)).max(1));
        // Seeds that differ little begin alike.
        for _ in 0..8 {
            dice.next();
        }
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    /// Evenly from 0 to below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Waits for a while of some milliseconds, below `end`. A load has gaps: nothing is waited for.
    pub(super) fn pause_below_ms(&mut self, end: u64) {
        let micros = self.below(end * 1_000);
        std::thread::park_timeout(Duration::from_micros(micros));
    }

    /// One of them.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let count = u64::try_from(from.len()).unwrap();
        (count > 0).then(|| from[usize::try_from(self.below(count)).unwrap()])
    }
}
