//! Characters made plain: one form for what looks and means the same, and nothing that hides.

use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// The part of a reply that is read. The longest real ones, ours quoted and a long disclaimer
/// included, are a tenth of this.
pub(super) const BYTES_MAX: usize = 64 * 1024;

/// The text with plain characters, and whether all of it was read.
///
/// Letters of other alphabets that only look like ours stay as they are: they make no verdict.
pub(super) fn plain(text: &str) -> (String, bool) {
    let end = text.floor_char_boundary(BYTES_MAX);
    let (start, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let lines = if start.contains('\r') {
        Cow::Owned(start.replace("\r\n", "\n"))
    } else {
        Cow::Borrowed(start)
    };
    let text = lines.nfc().filter_map(character).collect();
    (text, rest.is_empty())
}

fn character(c: char) -> Option<char> {
    Some(match c {
        '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        '\t'
        | '\u{a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{3000}' => ' ',
        // Soft hyphen, joiners, marks of direction, variation selectors, skin tones: not seen.
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' => return None,
        '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' => return None,
        '\u{1f3fb}'..='\u{1f3ff}' => return None,
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2bc}' | '\u{b4}' | '`' => '\'',
        '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' => '"',
        '\u{2010}' | '\u{2011}' | '\u{2212}' => '-',
        '\u{2012}'..='\u{2015}' => '\u{2014}',
        '\u{2026}' => '.',
        // Full-width forms of ASCII.
        '\u{ff01}'..='\u{ff5e}' => half_width(c),
        _ => c,
    })
}

fn half_width(c: char) -> char {
    char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_look_the_same_become_the_same() {
        let (text, whole) =
            plain("\u{feff}ＲＥＣ\u{200b}ＥＩＶＥＤ\u{a0}rec\u{2019}d\r\na\rb – c…");
        assert_eq!(text, "RECEIVED rec'd\na\nb \u{2014} c.");
        assert!(whole);
        assert_eq!(plain("dile\u{308}wyd").0, "dil\u{eb}wyd");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = format!("a{}", "\u{e9}".repeat(BYTES_MAX));
        let (text, whole) = plain(&long);
        assert_eq!((text.len(), whole), (BYTES_MAX - 1, false));
        assert!(plain(&"a".repeat(BYTES_MAX)).1);
    }
}
