//! The reference: the short public code of a notification, with a check, e.g. `7KQ2-M4XD`.
//!
//! It stands in the subject, in the body and is said on the phone. Subjects are read outside the
//! secure network, so it identifies and proves nothing (`letters.md`, rules for every message).

use super::id::CROCKFORD;
use std::fmt;

/// Seven random base32 characters and one check character.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference(String);

/// The text is not a reference, or its check character does not fit: a slip of the pen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a reference, or one character is wrong")]
pub struct NotAReference;

impl Reference {
    /// Makes a reference from 35 of the given random bits.
    pub fn from_random(random: u64) -> Self {
        let digits: Vec<u8> = (0..7u32)
            .map(|place| u8::try_from((random >> (5 * place)) & 31).unwrap_or(0))
            .collect();
        let check = check(&digits);
        Self(
            digits
                .iter()
                .chain([&check])
                .map(|digit| letter(*digit))
                .collect(),
        )
    }

    /// Reads a reference as a person writes it: any case, with or without the hyphen, O for 0,
    /// I or L for 1. A wrong check is refused, never repaired: guessing could name another child.
    pub fn parse(text: &str) -> Result<Self, NotAReference> {
        let digits = text
            .chars()
            .filter(|c| !matches!(c, '-' | ' '))
            .map(|c| {
                let c = match c.to_ascii_uppercase() {
                    'O' => '0',
                    'I' | 'L' => '1',
                    other => other,
                };
                CROCKFORD.iter().position(|d| char::from(*d) == c)
            })
            .map(|digit| digit.and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<Vec<u8>>>()
            .ok_or(NotAReference)?;
        match digits.split_last() {
            Some((last, first)) if first.len() == 7 && *last == check(first) => {
                Ok(Self(digits.iter().map(|digit| letter(*digit)).collect()))
            }
            _ => Err(NotAReference),
        }
    }
}

fn letter(digit: u8) -> char {
    char::from(CROCKFORD.get(usize::from(digit)).copied().unwrap_or(b'0'))
}

/// A weighted sum modulo 31 (a prime), so that one wrong character or two swapped neighbours show.
/// The digit 31 (`Z`) folds onto 0 in the sum: that one confusion is not caught.
fn check(digits: &[u8]) -> u8 {
    let sum: u32 = digits
        .iter()
        .zip(2u32..)
        .map(|(digit, weight)| u32::from(*digit) * weight)
        .sum();
    u8::try_from(sum % 31).unwrap_or(0)
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = self.0.split_at_checked(4).unwrap_or((&self.0, ""));
        write!(f, "{first}-{last}")
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_reads_back_however_it_is_written() {
        let reference = Reference::from_random(0x3_1234_5678);
        let printed = reference.to_string();
        assert_eq!(printed.len(), 9);
        assert_eq!(Reference::parse(&printed), Ok(reference.clone()));
        assert_eq!(
            Reference::parse(&printed.to_lowercase().replace('-', " ")),
            Ok(reference)
        );
    }

    #[test]
    fn one_wrong_character_or_a_swap_is_refused() {
        let printed = Reference::from_random(0x5_0F1E_2D3C)
            .to_string()
            .replace('-', "");
        for place in 0..7 {
            let mut letters: Vec<char> = printed.chars().collect();
            letters[place] = if letters[place] == '7' { '8' } else { '7' };
            let wrong: String = letters.iter().collect();
            assert_eq!(Reference::parse(&wrong), Err(NotAReference), "{wrong}");
        }
    }
}
