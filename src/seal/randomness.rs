//! Where the random numbers of ids, codes, tokens and jitter come from.
//!
//! Keys and nonces are never drawn here: they come from the operating system, whoever runs us.

use super::{SealFault, random};
use std::sync::{Arc, Mutex, PoisonError};

/// A source of random bytes.
#[derive(Debug, Clone, Default)]
pub enum Randomness {
    /// The operating system's: a daemon knows no other.
    #[default]
    System,
    /// A sequence that begins with a seed, so that a simulated night can be played again. Whoever knows
    /// the seed knows every token: nothing that could meet a real relay may be given one.
    Seeded(Arc<Mutex<u64>>),
}

impl Randomness {
    /// The sequence of a seed. Clones go on with the same one.
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Mutex::new(seed)))
    }

    /// Fills an array.
    pub fn draw<const N: usize>(&self) -> Result<[u8; N], SealFault> {
        let Self::Seeded(state) = self else {
            return random();
        };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = [0; N];
        for eight in bytes.chunks_mut(8) {
            let drawn = next(&mut state).to_be_bytes();
            eight
                .iter_mut()
                .zip(drawn)
                .for_each(|(to, from)| *to = from);
        }
        Ok(bytes)
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): even enough for a simulation, and eight lines.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_sequence_and_the_system_none() {
        let draw = |source: &Randomness| source.draw::<10>().unwrap();
        let (one, same) = (Randomness::seeded(7), Randomness::seeded(7));
        let (first, second) = (draw(&one), draw(&one));
        assert_eq!([draw(&same), draw(&same)], [first, second]);
        assert!(first != second && draw(&Randomness::seeded(8)) != first);
        let system = Randomness::default();
        assert!(draw(&system) != draw(&system));
    }
}
