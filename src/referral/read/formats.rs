//! The formats of single values: times, dates, UUIDs, sets of characters, language tags.

use super::Code;
use jiff::Timestamp;
use jiff::civil::Date;

/// Reads an instant (RFC 3339 section 5.6), to the microsecond, which is what the store keeps.
/// jiff reads more than RFC 3339, so the shape is checked first.
pub(super) fn instant(text: &str) -> Result<Timestamp, Code> {
    let local = text.get(..19).unwrap_or_default();
    let rest = text.get(19..).ok_or(Code::NotATime)?;
    if !has_shape(local, "0000-00-00T00:00:00") {
        return Err(Code::NotATime);
    }
    let offset = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let offset = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if offset.len() == fraction.len() {
                return Err(Code::NotATime);
            }
            offset
        }
    };
    if offset.is_empty() {
        return Err(Code::TimeWithoutOffset);
    }
    let numeric = offset
        .strip_prefix(['+', '-'])
        .is_some_and(|offset| has_shape(offset, "00:00") && offset < "24:00");
    if !numeric && !matches!(offset, "Z" | "z") {
        return Err(Code::NotATime);
    }
    let at: Timestamp = text.parse().map_err(|_| Code::NotATime)?;
    Timestamp::from_microsecond(at.as_microsecond()).map_err(|_| Code::NotATime)
}

/// Reads a date, `YYYY-MM-DD`.
pub(super) fn date(text: &str) -> Option<Date> {
    has_shape(text, "0000-00-00")
        .then(|| text.parse().ok())
        .flatten()
}

/// Reads a UUID (RFC 9562 section 4) into lower case.
pub(super) fn uuid(text: &str) -> Option<String> {
    let lengths = text.split('-').map(str::len);
    let digits = text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
    (digits && lengths.eq([8, 4, 4, 4, 12])).then(|| text.to_ascii_lowercase())
}

/// Whether a text has the shape of a language tag (RFC 5646 section 2.1): subtags of 1 to 8 letters
/// or digits, the first of 2 to 8 letters. Whether the language is registered is not asked.
pub(super) fn is_language_tag(text: &str) -> bool {
    let subtag = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let language = |part: &str| part.len() >= 2 && part.bytes().all(|b| b.is_ascii_alphabetic());
    text.split('-').all(subtag) && text.split('-').next().is_some_and(language)
}

/// Whether a character is in a set written as `a-z0-9_-`: ranges and single characters, a literal
/// hyphen last.
pub(super) fn in_set(c: char, set: &str) -> bool {
    let mut rest = set.chars();
    while let Some(first) = rest.next() {
        let mut ahead = rest.clone();
        match (ahead.next(), ahead.next()) {
            (Some('-'), Some(last)) => {
                if (first..=last).contains(&c) {
                    return true;
                }
                rest = ahead;
            }
            (Some(_) | None, _) => {
                if first == c {
                    return true;
                }
            }
        }
    }
    false
}

/// Whether a text is like a shape in which `0` stands for any digit and `T` for either case.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                b'T' => matches!(byte, b'T' | b't'),
                _ => byte == wanted,
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_says_its_offset() {
        for good in [
            "2026-11-22T21:40:00Z",
            "2026-11-22t21:40:00.123456789z",
            "2026-11-22T21:40:00+01:00",
            "2026-11-22T21:40:00.5-00:00",
        ] {
            assert!(instant(good).is_ok(), "{good}");
        }
        let lacking = Err(Code::TimeWithoutOffset);
        assert_eq!(instant("2026-11-22T21:40:00"), lacking);
        assert_eq!(instant("2026-11-22T21:40:00.5"), lacking);
        for bad in [
            "",
            "2026-11-22",
            "2026-11-22 21:40:00Z",
            "2026-11-22T21:40Z",
            "2026-11-22T21:40:00.Z",
            "2026-11-22T21:40:00+0100",
            "2026-11-22T21:40:00+24:00",
            "2026-11-22T21:40:00+01:60",
            "2026-11-22T21:40:00[Europe/London]",
            "2026-11-22T21:40:00Z[UTC]",
            "2026-11-22T25:40:00Z",
            "2026-02-30T21:40:00Z",
            "+002026-11-22T21:40:00Z",
            "2026-11-2\u{0662}T21:40:00Z",
        ] {
            assert_eq!(instant(bad), Err(Code::NotATime), "{bad}");
        }
    }

    #[test]
    fn a_date_is_one_that_was() {
        assert!(date("2024-02-29").is_some());
        for bad in [
            "2026-02-30",
            "2026-2-3",
            "20260203",
            "2026-02-03T00:00",
            "03-02-2026",
            "",
        ] {
            assert!(date(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_uuid_is_written_one_way() {
        let upper = "0190B5A0-7C3D-7E2A-8F11-2B3C4D5E6F70";
        assert_eq!(uuid(upper), Some(upper.to_lowercase()));
        for bad in [
            "",
            "0190b5a07c3d7e2a8f112b3c4d5e6f70",
            "{0190b5a0-7c3d-7e2a-8f11-2b3c4d5e6f70}",
            "0190b5a0-7c3d-7e2a-8f11-2b3c4d5e6f7g",
            "0190b5a-07c3d-7e2a-8f11-2b3c4d5e6f70",
        ] {
            assert!(uuid(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn sets_and_tags() {
        assert!("az09_-".chars().all(|c| in_set(c, "a-z0-9_-")));
        assert!(!"A/ é".chars().any(|c| in_set(c, "a-z0-9_-")));
        assert!(in_set('/', "A-Za-z0-9/_-") && !in_set('.', "A-Za-z0-9/_-"));
        assert!(
            ["pl", "cy", "zh-Hant-HK", "kmr"]
                .into_iter()
                .all(is_language_tag)
        );
        assert!(
            !["", "p", "pl-", "-pl", "po lish", "12"]
                .into_iter()
                .any(is_language_tag)
        );
    }
}
