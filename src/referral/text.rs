//! Text as robots paste it: what is refused, what is cleaned away, what is no name at all.

use unicode_normalization::UnicodeNormalization;

/// How many lines a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    /// One.
    One,
    /// Any number; CRLF becomes LF.
    Many,
}

/// A text in NFC (UAX 15), and whether anything was taken out of it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Cleaned {
    pub(crate) text: String,
    pub(crate) changed: bool,
}

/// The text holds a character that could make it read as something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forbidden;

/// Whether a character is refused wherever it stands: it can hide or reorder what a person reads,
/// or is no text at all. Controls are not among them, see [`clean`].
pub(crate) fn forbidden(c: char) -> bool {
    match c {
        // Bidirectional controls (UAX 9, section 2).
        '\u{061C}'
        | '\u{200E}'
        | '\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2066}'..='\u{2069}' => true,
        // Line and paragraph separators, invisible operators, deprecated and interlinear controls.
        '\u{2028}' | '\u{2029}' | '\u{2061}'..='\u{2064}' | '\u{206A}'..='\u{206F}' => true,
        '\u{FFF9}'..='\u{FFFB}' => true,
        // Tag characters: invisible text.
        '\u{E0000}'..='\u{E007F}' => true,
        // Noncharacters (Unicode 23.7).
        '\u{FDD0}'..='\u{FDEF}' => true,
        _ => u32::from(c) & 0xFFFE == 0xFFFE,
    }
}

/// Cleans what a person will read. Zero-width spaces, soft hyphens and fillers go. Tabs, no-break
/// and other odd spaces become a blank, because taking them out would join two names into one;
/// blanks at the edges go. Joiners stay inside a text: Persian and Indic spelling needs them.
pub(crate) fn clean(raw: &str, lines: Lines) -> Result<Cleaned, Forbidden> {
    let unix;
    let (raw, many) = match lines {
        Lines::One => (raw, false),
        Lines::Many => {
            unix = raw.replace("\r\n", "\n");
            (unix.as_str(), true)
        }
    };
    let mut kept = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '\n' if many => kept.push(c),
            '\t' => kept.push(' '),
            _ if c.is_control() || forbidden(c) => return Err(Forbidden),
            _ if vanishes(c) => {}
            _ if c.is_whitespace() => kept.push(' '),
            _ => kept.push(c),
        }
    }
    let trimmed = kept.trim_matches(|c| matches!(c, ' ' | '\n' | '\u{200C}' | '\u{200D}'));
    Ok(Cleaned {
        changed: trimmed != raw,
        text: trimmed.nfc().collect(),
    })
}

/// Text kept as it was sent, in NFC: an id must not change under its sender.
pub(crate) fn as_sent(raw: &str) -> Result<String, Forbidden> {
    let visible = |c: char| {
        let odd_space = c != ' ' && c.is_whitespace();
        !(c.is_control() || forbidden(c) || vanishes(c) || odd_space)
    };
    let good = raw.chars().all(visible) && !raw.starts_with(' ') && !raw.ends_with(' ');
    good.then(|| raw.nfc().collect()).ok_or(Forbidden)
}

/// Whether what stands in a name's place is no name: a records system demanded an entry.
pub(crate) fn is_placeholder(name: &str) -> bool {
    const WORDS: [&str; 17] = [
        "BABY",
        "BOY",
        "GIRL",
        "NAMENOTKNOWN",
        "NAMEUNKNOWN",
        "NK",
        "NONAME",
        "NOTAPPLICABLE",
        "NOTGIVEN",
        "NOTKNOWN",
        "NOTRECORDED",
        "NOTSTATED",
        "TBA",
        "TBC",
        "UNK",
        "UNBORN",
        "UNNAMED",
    ];
    let letters: String = name
        .chars()
        .filter(|c| c.is_alphabetic())
        .flat_map(char::to_uppercase)
        .collect();
    let crossed_out = letters.len() > 1 && letters.chars().all(|c| c == 'X');
    name.chars()
        .all(|c| c.is_ascii_digit() || " -–—?._*/".contains(c))
        || crossed_out
        || letters.starts_with("UNKNOWN")
        || WORDS.contains(&letters.as_str())
}

/// Characters nobody sees: zero-width space, soft hyphen, word joiner, byte-order mark, fillers.
fn vanishes(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{115F}'
            | '\u{1160}'
            | '\u{180E}'
            | '\u{200B}'
            | '\u{2060}'
            | '\u{3164}'
            | '\u{FEFF}'
            | '\u{FFA0}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_script_stay_as_they_are() {
        for name in [
            "O'Brien-Łukasz",
            "Nguyễn",
            "Mac Giolla Phádraig",
            "محمد",
            "X",
            "李",
            "می\u{200C}خواهم",
        ] {
            let cleaned = clean(name, Lines::One).unwrap();
            assert!(!cleaned.changed && cleaned.text == name, "{name}");
            assert!(!is_placeholder(name), "{name}");
        }
    }

    #[test]
    fn what_robots_paste_is_taken_out_and_noted() {
        for (pasted, name) in [
            (" Amelia\u{A0}", "Amelia"),
            ("Ame\u{200B}lia", "Amelia"),
            ("Ame\u{AD}lia\t", "Amelia"),
            ("Anna\u{A0}Maria", "Anna Maria"),
            ("\u{FEFF}", ""),
        ] {
            let cleaned = clean(pasted, Lines::One).unwrap();
            assert!(cleaned.changed && cleaned.text == name, "{pasted:?}");
        }
        let decomposed = clean("Nguye\u{302}\u{303}n", Lines::One).unwrap();
        assert!(!decomposed.changed && decomposed.text == "Nguyễn");
    }

    #[test]
    fn what_deceives_is_refused() {
        for c in [
            '\0',
            '\n',
            '\r',
            '\u{7F}',
            '\u{85}',
            '\u{202E}',
            '\u{2067}',
            '\u{E0041}',
            '\u{FFFE}',
        ] {
            assert!(clean(&format!("a{c}b"), Lines::One).is_err(), "{c:?}");
            assert!(as_sent(&format!("a{c}b")).is_err(), "{c:?}");
        }
        let prose = clean("one\r\ntwo\n", Lines::Many).unwrap();
        assert_eq!(prose.text, "one\ntwo");
        assert!(clean("one\rtwo", Lines::Many).is_err());
    }

    #[test]
    fn placeholders_are_no_names() {
        for placeholder in [
            "UNKNOWN",
            "Unknown",
            "unknown child",
            "N/K",
            "nk",
            "N.K.",
            "Baby",
            "TBC",
            "Not known",
            "XXX",
            "xx",
            "-",
            "?",
            "...",
            "123",
            "",
        ] {
            assert!(is_placeholder(placeholder), "{placeholder}");
        }
        for name in [
            "X",
            "Child",
            "Null",
            "Babylon",
            "Nkosi",
            "Na",
            "Unk-Smith",
            "Xxavier",
            "{{7*7}}",
        ] {
            assert!(!is_placeholder(name), "{name}");
        }
    }
}
