//! A mail taken apart (RFC 2045, 2046): bounded in size, parts and depth, strict about where a
//! boundary may stand. What is broken stays text; nothing makes it fail but its bounds.

use super::headers::{Headers, parameters};
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;

/// The largest mail that is read; a reply with a scanned page is a few MiB.
pub const MAIL_BYTES_MAX: usize = 25 * 1024 * 1024;
/// Parts, counting each multipart and each enclosed message.
pub const PARTS_MAX: usize = 1_000;
/// Multiparts and messages inside one another. A bounce of a forwarded bounce has about ten.
pub const DEPTH_MAX: usize = 32;

/// Which bound a mail is beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beyond {
    Size,
    Parts,
    Depth,
}

/// One part, in the order in which it stands.
#[derive(Debug)]
pub(super) struct Part {
    /// How many messages it is enclosed in: 0 is the mail itself.
    pub(super) enclosed: usize,
    /// Whether its header is that of a message and not of a part.
    pub(super) is_message: bool,
    /// `text/plain`, lower case.
    pub(super) kind: String,
    parameters: Vec<(String, String)>,
    pub(super) headers: Headers,
    pub(super) is_attachment: bool,
    /// Decoded from its transfer encoding; empty for multiparts and for what is neither text nor
    /// a message.
    body: Vec<u8>,
}

impl Part {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut all = self.parameters.iter();
        all.find(|(own, _)| own == name).map(|(_, value)| &**value)
    }

    /// The body in its charset; where that is unknown or untrue, UTF-8, else windows-1252.
    pub(super) fn text(&self) -> String {
        let declared = self.parameter("charset").unwrap_or_default();
        let is_plain = matches!(
            declared.to_ascii_lowercase().as_str(),
            "" | "utf-8" | "us-ascii"
        );
        if is_plain && let Ok(text) = std::str::from_utf8(&self.body) {
            return text.to_owned();
        }
        let decoder = charset_decoder(declared.as_bytes()).filter(|_| !is_plain);
        match decoder.or_else(|| charset_decoder(b"windows-1252")) {
            Some(decode) => decode(&self.body),
            None => String::from_utf8_lossy(&self.body).into_owned(),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.body
    }
}

/// Takes a mail apart. The first part is the mail itself.
pub(super) fn parts(mail: &[u8]) -> Result<Vec<Part>, Beyond> {
    if mail.len() > MAIL_BYTES_MAX {
        return Err(Beyond::Size);
    }
    let mut parts = Vec::new();
    entity(&mut parts, mail, Place::default())?;
    Ok(parts)
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    depth: usize,
    enclosed: usize,
    is_part: bool,
    in_digest: bool,
}

fn entity(parts: &mut Vec<Part>, bytes: &[u8], place: Place) -> Result<(), Beyond> {
    if place.depth >= DEPTH_MAX {
        return Err(Beyond::Depth);
    }
    if parts.len() >= PARTS_MAX {
        return Err(Beyond::Parts);
    }
    let (headers, body_at) = Headers::read(bytes, place.is_part);
    let body = bytes.get(body_at..).unwrap_or_default();
    let mut part = part_of(headers, place);
    let encoding = part.headers.text("content-transfer-encoding");
    let sections = match part.parameter("boundary").map(str::trim_end) {
        Some(boundary) if part.kind.starts_with("multipart/") => sections(body, boundary),
        _ => Vec::new(),
    };
    let inside = Place {
        depth: place.depth + 1,
        is_part: true,
        in_digest: part.kind == "multipart/digest",
        ..place
    };
    if !sections.is_empty() {
        parts.push(part);
        return sections
            .into_iter()
            .try_for_each(|section| entity(parts, section, inside));
    }
    if is_enclosed_message(&part.kind) {
        let enclosed = decode(body, &encoding);
        parts.push(part);
        let inside = Place {
            enclosed: place.enclosed + 1,
            is_part: false,
            ..inside
        };
        return entity(parts, &enclosed, inside);
    }
    if part.kind.starts_with("multipart/") {
        // No boundary of it was found: all there is is text.
        part.kind = "text/plain".to_owned();
    }
    if part.kind.starts_with("text/") || part.kind.starts_with("message/") {
        part.body = decode(body, &encoding);
    }
    parts.push(part);
    Ok(())
}

fn part_of(headers: Headers, place: Place) -> Part {
    let (mut kind, parameters_of_type) =
        parameters(headers.get("content-type").unwrap_or_default());
    if !kind.contains('/') {
        let default = if place.in_digest {
            "message/rfc822"
        } else {
            "text/plain"
        };
        kind = default.to_owned();
    }
    let (disposition, _) = parameters(headers.get("content-disposition").unwrap_or_default());
    Part {
        enclosed: place.enclosed,
        is_message: !place.is_part,
        kind,
        parameters: parameters_of_type,
        is_attachment: disposition == "attachment",
        headers,
        body: Vec::new(),
    }
}

fn is_enclosed_message(kind: &str) -> bool {
    matches!(kind, "message/rfc822" | "message/global" | "message/news")
}

/// What stands between the boundary lines (RFC 2046 5.1.1): each alone on its line, but for blanks.
fn sections<'b>(body: &'b [u8], boundary: &str) -> Vec<&'b [u8]> {
    let (mut found, mut open, mut at) = (Vec::new(), None, 0);
    if boundary.is_empty() {
        return found;
    }
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let rest = line
            .strip_prefix(b"--")
            .and_then(|line| line.strip_prefix(boundary.as_bytes()))
            .map(<[u8]>::trim_ascii_end);
        if let Some(rest @ (b"" | b"--")) = rest {
            if let Some(start) = open.take() {
                found.push(without_line_end(body.get(start..at).unwrap_or_default()));
            }
            if rest == b"--" {
                return found;
            }
            open = Some(at + line.len());
        }
        at += line.len();
    }
    // The end is missing: cut short on the way.
    found.extend(open.and_then(|start| body.get(start..)));
    found
}

/// The line end before a boundary belongs to the boundary.
fn without_line_end(section: &[u8]) -> &[u8] {
    let section = section.strip_suffix(b"\n").unwrap_or(section);
    section.strip_suffix(b"\r").unwrap_or(section)
}

/// Undoes the transfer encoding; where it is broken, the bytes as they stand.
fn decode(body: &[u8], encoding: &str) -> Vec<u8> {
    let decoded = match encoding.trim().to_ascii_lowercase().as_str() {
        "base64" => {
            let is_digit =
                |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
            let digits: Vec<u8> = body.iter().copied().filter(is_digit).collect();
            base64_decode(&digits)
        }
        "quoted-printable" => quoted_printable_decode(body),
        _ => None,
    };
    decoded.unwrap_or_else(|| body.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_counts_only_alone_on_its_line() {
        let mail = b"Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\n\r\nsee --b or\r\n--bc\r\n\
            --b  \r\nContent-Type: text/html\r\n\r\n<p>two</p>\r\n--b--\r\nepilogue\r\n";
        let parts = parts(mail).unwrap();
        let texts: Vec<String> = parts.iter().skip(1).map(Part::text).collect();
        assert_eq!(texts, ["see --b or\r\n--bc", "<p>two</p>"]);
    }

    #[test]
    fn without_its_boundary_a_multipart_is_text() {
        let mail = b"Content-Type: multipart/mixed; boundary=other\n\n--b\n\nReceived.\n";
        let parts = parts(mail).unwrap();
        assert_eq!((parts.len(), parts[0].kind.as_str()), (1, "text/plain"));
        assert!(parts[0].text().contains("Received."));
    }

    #[test]
    fn bounds_hold_for_matryoshkas_and_crowds() {
        let doll = b"Content-Type: message/rfc822\n\n".repeat(10_000);
        assert_eq!(parts(&doll).unwrap_err(), Beyond::Depth);
        let mut crowd = b"Content-Type: multipart/mixed; boundary=b\n\n".to_vec();
        crowd.extend(b"--b\n\nx\n".repeat(10_000));
        assert_eq!(parts(&crowd).unwrap_err(), Beyond::Parts);
        assert_eq!(
            parts(&vec![b'a'; MAIL_BYTES_MAX + 1]).unwrap_err(),
            Beyond::Size
        );
    }

    #[test]
    fn an_untrue_charset_still_gives_text() {
        let mail = b"Content-Type: text/plain; charset=utf-8\n\nna\xefve";
        assert_eq!(parts(mail).unwrap()[0].text(), "naïve");
        let mail = b"Content-Type: text/plain; charset=x-nobody\n\nna\xefve";
        assert_eq!(parts(mail).unwrap()[0].text(), "naïve");
    }
}
