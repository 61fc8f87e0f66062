//! Chance that can be repeated, and ids by number.

/// SplitMix64: the same seed throws the same numbers.
pub(in crate::referral) struct Dice(pub(in crate::referral) u64);

impl Dice {
    pub(in crate::referral) fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `0..sides`.
    pub(in crate::referral) fn below(&mut self, sides: u8) -> u8 {
        u8::try_from(self.throw() % u64::from(sides)).unwrap()
    }

    pub(in crate::referral) fn flips(&mut self) -> bool {
        self.below(2) == 0
    }

    pub(in crate::referral) fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            let other = self.throw() % u64::try_from(last + 1).unwrap();
            things.swap(last, usize::try_from(other).unwrap());
        }
    }
}

/// The n-th id of a kind.
pub(in crate::referral) fn id<T>(make: fn(u64, [u8; 10]) -> T, n: u8) -> T {
    make(1_000, [n; 10])
}

/// The n-th word of a vocabulary, round and round.
pub(in crate::referral) fn word<T>(words: &[&str], parse: fn(&str) -> Option<T>, n: u8) -> T {
    parse(words[usize::from(n) % words.len()]).unwrap()
}
