//! What must be true of bytes before they are signed, and of a message before it is sent: nothing
//! on the way has a reason to change them (RFC 3156 section 3, RFC 5321 4.5.2 and 2.3.8).

use super::quoted_printable::LINE_CHARACTERS_MAX;
use mail_parser::MessageParser;

/// A header word that cannot be folded: the longest address (254) in angle brackets, twice over for
/// a Message-ID. RFC 5322 2.1.1 allows 998.
const WORD_CHARACTERS_MAX: usize = 512;

/// The rule that bytes break. Says which, never what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonical {
    /// CR or LF alone.
    #[error("a line must end in CRLF and nothing else")]
    LineEnd,
    /// A byte that is not printable ASCII, blank or tab.
    #[error("only bytes 0x20 to 0x7E and tab are allowed")]
    Byte,
    /// A line is too long.
    #[error("a line must have at most {LINE_CHARACTERS_MAX} characters")]
    LineTooLong,
    /// A blank or tab stands at the end of a line.
    #[error("a line must not end in a blank")]
    TrailingBlank,
    /// mbox delivery would turn it into `>From `.
    #[error("a line must not begin with From and a blank")]
    FromLine,
    /// The boundary stands inside the part.
    #[error("the boundary must not occur in the part")]
    Boundary,
    /// The part reads back as something else.
    #[error("a parser must read back the same words")]
    ReadsBack,
}

/// Asserts a part that is about to be signed: its lines, that `boundary` is not in it, and that an
/// independent parser reads `text` back from it.
pub fn assert_canonical(part: &[u8], text: &str, boundary: &str) -> Result<(), NotCanonical> {
    assert_lines(part)?;
    if part
        .windows(boundary.len().max(1))
        .any(|bytes| bytes == boundary.as_bytes())
    {
        return Err(NotCanonical::Boundary);
    }
    let read = MessageParser::default()
        .parse(part)
        .ok_or(NotCanonical::ReadsBack)?;
    let body = read.body_text(0).ok_or(NotCanonical::ReadsBack)?;
    same(&body, text)
        .then_some(())
        .ok_or(NotCanonical::ReadsBack)
}

/// Asserts a whole message: its lines, and that a parser finds the subject, the words and exactly
/// two parts in it.
pub(super) fn assert_message(
    message: &[u8],
    subject: &str,
    text: &str,
) -> Result<(), NotCanonical> {
    assert_lines(message)?;
    let read = MessageParser::default()
        .parse(message)
        .ok_or(NotCanonical::ReadsBack)?;
    let body = read.body_text(0).ok_or(NotCanonical::ReadsBack)?;
    // The multipart itself is the first of the parser's parts.
    let whole = read.subject() == Some(subject) && same(&body, text) && read.parts.len() == 3;
    whole.then_some(()).ok_or(NotCanonical::ReadsBack)
}

fn same(read: &str, text: &str) -> bool {
    read.replace("\r\n", "\n").trim_end_matches('\n') == text.trim_end_matches('\n')
}

fn assert_lines(bytes: &[u8]) -> Result<(), NotCanonical> {
    let mut in_header = true;
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = match after {
            [] => after,
            [b'\r', b'\n', after @ ..] => after,
            _ => return Err(NotCanonical::LineEnd),
        };
        assert_line(line, in_header)?;
        in_header = line.starts_with(b"--") || (in_header && !line.is_empty());
    }
    Ok(())
}

fn assert_line(line: &[u8], in_header: bool) -> Result<(), NotCanonical> {
    if !line.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
        return Err(NotCanonical::Byte);
    }
    if matches!(line.last(), Some(b' ' | b'\t')) {
        return Err(NotCanonical::TrailingBlank);
    }
    if line.starts_with(b"From ") {
        return Err(NotCanonical::FromLine);
    }
    let words = line
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty());
    let one_word = in_header && words.filter(|word| !word.ends_with(b":")).count() == 1;
    let longest = if one_word {
        WORD_CHARACTERS_MAX
    } else {
        LINE_CHARACTERS_MAX
    };
    (line.len() <= longest)
        .then_some(())
        .ok_or(NotCanonical::LineTooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Content-Type: text/plain; charset=\"utf-8\"\r\n\
                        Content-Transfer-Encoding: quoted-printable\r\n\r\n";

    #[test]
    fn each_rule_is_held() {
        let held = |body: &str, text: &str| {
            assert_canonical(format!("{HEAD}{body}").as_bytes(), text, "bound")
        };
        assert_eq!(held("One.\r\nZo=C3=AB", "One.\nZoë\n"), Ok(()));
        let long = "x".repeat(77);
        for (body, rule) in [
            ("One.\nTwo.", NotCanonical::LineEnd),
            ("One.\rTwo.", NotCanonical::LineEnd),
            ("One.\r", NotCanonical::LineEnd),
            ("Zo\u{eb}", NotCanonical::Byte),
            ("\u{0}", NotCanonical::Byte),
            (long.as_str(), NotCanonical::LineTooLong),
            ("One. \r\n", NotCanonical::TrailingBlank),
            ("From here", NotCanonical::FromLine),
            ("a bound b", NotCanonical::Boundary),
            ("Two.", NotCanonical::ReadsBack),
        ] {
            assert_eq!(held(body, "One."), Err(rule), "{body:?}");
        }
    }

    #[test]
    fn only_a_single_word_of_a_header_may_be_long() {
        let long = "x".repeat(200);
        assert_eq!(
            assert_lines(format!("To: {long}\r\n\r\nx").as_bytes()),
            Ok(())
        );
        let two = format!("To: {long} y\r\n\r\nx");
        assert_eq!(assert_lines(two.as_bytes()), Err(NotCanonical::LineTooLong));
    }
}
