//! Quoted-printable (RFC 2045 6.7) in the one form that a signature survives.
//!
//! Every relay and mailbox on the way may change what a strict reading allows it to: drop blanks at
//! a line's end, put `>` before `From `, take a lone dot for the end. Whatever could be changed is
//! written as an escape, so that there is nothing to change (RFC 3156 section 3).

/// Characters of an encoded line at most, the soft break's `=` included (RFC 2045 6.7, rule 5).
pub(super) const LINE_CHARACTERS_MAX: usize = 76;

/// Encodes lines that end in LF. The result's lines end in CRLF; a line keeps its words by soft
/// breaks however long it is.
pub(super) fn encode(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(encode_line).collect();
    lines.join("\r\n")
}

fn encode_line(line: &str) -> String {
    let mut encoded = String::new();
    let mut column = 0;
    let mut rest = line.chars();
    loop {
        let whole = rest.as_str();
        let Some(letter) = rest.next() else {
            return encoded;
        };
        let last = rest.as_str().is_empty();
        let mut piece = if plain(letter, last) {
            letter.to_string()
        } else {
            escape(letter)
        };
        // Only the last piece may fill the line: any other needs the place of the soft break.
        let room = LINE_CHARACTERS_MAX - usize::from(!last);
        if column + piece.len() > room {
            encoded.push_str("=\r\n");
            column = 0;
        }
        if column == 0 && (whole.starts_with("From ") || letter == '.') {
            piece = escape(letter);
        }
        column += piece.len();
        encoded.push_str(&piece);
    }
}

/// A blank stands for itself except at a line's end, where relays drop it.
fn plain(letter: char, last: bool) -> bool {
    match letter {
        '=' => false,
        ' ' => !last,
        '!'..='~' => true,
        _ => false,
    }
}

fn escape(letter: char) -> String {
    let mut bytes = [0; 4];
    letter
        .encode_utf8(&mut bytes)
        .bytes()
        .map(|byte| format!("={byte:02X}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_relay_could_change_is_escaped() {
        for (text, encoded) in [
            ("From the desk\nFrom: x", "=46rom the desk\r\nFrom: x"),
            ("blank at the end \n \nx", "blank at the end=20\r\n=20\r\nx"),
            (".\n..x\na.", "=2E\r\n=2E.x\r\na."),
            ("a=b\tc\rd", "a=3Db=09c=0Dd"),
            ("Zoë O’Neill", "Zo=C3=AB O=E2=80=99Neill"),
        ] {
            assert_eq!(encode(text), encoded);
        }
    }

    #[test]
    fn a_soft_broken_line_never_begins_with_from() {
        for before in 60..90 {
            let text = format!(
                "{}From a neighbour {}",
                "x".repeat(before),
                "y".repeat(before)
            );
            for line in encode(&text).split("\r\n") {
                assert!(
                    line.len() <= LINE_CHARACTERS_MAX && !line.starts_with("From "),
                    "{line}"
                );
            }
        }
    }
}
