//! Header fields: split, unfolded, decoded (RFC 5322 2.2, RFC 2047).

use mail_parser::parsers::MessageStream;

/// Fields kept of one header; a mail with more is read without the rest.
const FIELDS_MAX: usize = 2_000;
/// Bytes kept of one unfolded value.
const VALUE_BYTES_MAX: usize = 64 * 1024;

/// Fields in their order, names in lower case, values unfolded but not decoded.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers(Vec<(String, String)>);

impl Headers {
    /// Reads the header at the start of `bytes` and gives it with the offset of the body.
    ///
    /// A line that is no field ends the header of a MIME part that has none, and is passed over
    /// elsewhere: mailbox files begin with `From `, and some gateways write stray lines.
    pub(super) fn read(bytes: &[u8], is_part: bool) -> (Self, usize) {
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut at = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let content = line.trim_ascii_end();
            if content.is_empty() {
                at += line.len();
                if fields.is_empty() && !is_part {
                    continue;
                }
                return (Self(fields), at);
            }
            let is_folded = line
                .first()
                .is_some_and(|byte| matches!(byte, b' ' | b'\t'));
            match (fields.last_mut(), field(content)) {
                (Some((_, value)), _) if is_folded => {
                    if value.len() + content.len() < VALUE_BYTES_MAX {
                        value.push(' ');
                        value.push_str(&text(content.trim_ascii_start()));
                    }
                }
                (_, Some((name, value))) => {
                    if fields.len() < FIELDS_MAX {
                        let value = value.get(..VALUE_BYTES_MAX).unwrap_or(value);
                        fields.push((name, text(value.trim_ascii())));
                    }
                }
                (None, None) if is_part => return (Self(fields), at),
                (_, None) => {}
            }
            at += line.len();
        }
        (Self(fields), at)
    }

    /// The first value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a field, in order.
    pub(super) fn all<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h str> {
        let values = self.0.iter().filter(move |(own, _)| own == name);
        values.map(|(_, value)| &**value)
    }

    /// The first value of a field with its encoded words decoded; empty when there is none.
    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).map(decoded).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `Name: value`, the name in lower case.
fn field(line: &[u8]) -> Option<(String, &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    let name = name.trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    is_name.then(|| {
        (
            text(name).to_ascii_lowercase(),
            value.get(1..).unwrap_or_default(),
        )
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Decodes encoded words (RFC 2047); what is broken stays as it stands.
pub(super) fn decoded(value: &str) -> String {
    let line = format!("{value}\n");
    MessageStream::new(line.as_bytes())
        .parse_unstructured()
        .as_text()
        .unwrap_or(value)
        .trim()
        .to_owned()
}

/// Decodes xtext (RFC 3461 4): `+3D` for `=`. What is no xtext is given back as it stands.
pub(super) fn xtext(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'+');
        let byte = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = match byte {
            Some(byte) => {
                bytes.push(byte);
                after.get(2..).unwrap_or_default()
            }
            None => {
                bytes.push(*first);
                after
            }
        };
    }
    text(&bytes)
}

/// A value with parameters (RFC 2045 5.1): the value in lower case, and each parameter, continued
/// ones (RFC 2231 3) joined.
pub(super) fn parameters(value: &str) -> (String, Vec<(String, String)>) {
    let mut pieces = unquoted_pieces(value).into_iter();
    let first = pieces.next().unwrap_or_default();
    let mut parameters: Vec<(String, String)> = Vec::new();
    for piece in pieces {
        let Some((name, value)) = piece.split_once('=') else {
            continue;
        };
        let name = name.trim().to_ascii_lowercase();
        let name = name.split('*').next().unwrap_or_default();
        match parameters.last_mut() {
            Some((last, joined)) if last == name => joined.push_str(value.trim()),
            _ => parameters.push((name.to_owned(), value.trim().to_owned())),
        }
    }
    (first.trim().to_ascii_lowercase(), parameters)
}

/// Split at `;` outside quotes, the quotes removed.
fn unquoted_pieces(value: &str) -> Vec<String> {
    let (mut pieces, mut piece) = (Vec::new(), String::new());
    let (mut quoted, mut escaped) = (false, false);
    for c in value.chars() {
        match c {
            c if escaped => {
                escaped = false;
                piece.push(c);
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => pieces.push(std::mem::take(&mut piece)),
            c => piece.push(c),
        }
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_unfolded_and_stray_lines_passed_over() {
        let mail =
            b"From MAILER-DAEMON Sat Oct  4\r\nSubject: =?utf-8?Q?Allan_o=27r?=\r\n\tswyddfa\r\n\
            stray\r\nX-A : b\r\n\r\nbody: no\r\n";
        let (headers, body) = Headers::read(mail, false);
        assert_eq!(headers.text("subject"), "Allan o'r swyddfa");
        assert_eq!(headers.get("x-a"), Some("b"));
        assert_eq!(&mail[body..], b"body: no\r\n");
    }

    #[test]
    fn a_part_may_have_no_header() {
        assert_eq!(Headers::read(b"\nHi. This is\n", true).1, 1);
        assert_eq!(Headers::read(b"Hi there\nHow: are\n", true).1, 0);
    }

    #[test]
    fn xtext_is_decoded_and_what_is_none_kept() {
        assert_eq!(xtext("a+2Bb+3Dc"), "a+b=c");
        assert_eq!(xtext("QQ+zz+"), "QQ+zz+");
    }

    #[test]
    fn parameters_are_read_quoted_and_continued() {
        let (kind, list) =
            parameters("Multipart/Report; report-type=x; boundary*0=\"a;\"; boundary*1=b");
        assert_eq!(kind, "multipart/report");
        assert_eq!(list[1], ("boundary".to_owned(), "a;b".to_owned()));
    }
}
