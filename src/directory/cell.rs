//! What may stand in a cell. Each reader takes the trimmed text and gives `None` for anything else.

use jiff::civil::{Date, Time};
use unicode_normalization::UnicodeNormalization;

/// What [`date`] reads, for messages.
pub(super) const DATE: &str = "a date as YYYY-MM-DD";
/// What [`hour`] reads, for messages.
pub(super) const HOUR: &str = "a time of day as HH:MM";
/// What [`phone`] reads, for messages.
pub(super) const PHONE: &str = "a telephone number of 5 to 32 signs";

/// An ISO date.
pub(super) fn date(text: &str) -> Option<Date> {
    let shape = shaped(text, "0000-00-00");
    shape.then(|| text.parse().ok()).flatten()
}

/// A time of day, to the minute.
pub(super) fn hour(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':').filter(|_| shaped(text, "00:00"))?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// A telephone number as people write it, an extension included.
pub(super) fn phone(text: &str) -> Option<String> {
    let good = (5..=32).contains(&text.len())
        && text.bytes().filter(u8::is_ascii_digit).count() >= 3
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b" +()-./#ext".contains(&b));
    good.then(|| text.to_owned())
}

/// A line of words, NFC, 1 to `LONGEST` characters. Control and bidirectional-format characters
/// (UAX 9 section 2) are refused: they can show a person something other than what is stored.
pub(super) fn words<const LONGEST: usize>(text: &str) -> Option<String> {
    let text: String = text.nfc().collect();
    let good = (1..=LONGEST).contains(&text.chars().count()) && !text.chars().any(is_hidden);
    good.then_some(text)
}

/// A remark without what [`words`] would refuse: nothing is read from it, so nothing in it refuses.
pub(super) fn cleaned(text: &str) -> String {
    text.nfc().filter(|c| !is_hidden(*c)).collect()
}

/// Whether `text` has digits where `shape` has 0, and its other signs where it has them.
fn shaped(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, form)| {
            if form == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == form
            }
        })
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_strictly() {
        for bad in [
            "",
            "2026-2-03",
            "2026-02-30",
            "20260203",
            "2026-02-03T00:00",
            "03/02/2026",
        ] {
            assert!(date(bad).is_none(), "{bad}");
        }
        assert!(date("2024-02-29").is_some());
        for bad in ["8:30", "24:00", "08:60", "08.30", "08:30:00"] {
            assert!(hour(bad).is_none(), "{bad}");
        }
        assert_eq!(hour("08:30"), Some(jiff::civil::time(8, 30, 0, 0)));
        assert!(phone("+44 (0)1245 000000 ext. 12").is_some());
        assert!(phone("ring Ann").is_none() && phone("1234").is_none());
        assert!(words::<5>("a\u{202E}b").is_none() && words::<5>("abcdef").is_none());
        assert_eq!(words::<5>("e\u{301}"), Some("\u{E9}".to_owned()));
    }
}
