//! The letter on the wire: canonical bytes, dots doubled (RFC 5321 4.5.2).

use std::fmt;

/// A line of a letter without its CRLF (RFC 5321 4.5.3.1.6: 1,000 with it).
const LINE_BYTES_MAX: usize = 998;

/// A letter in the form in which it is signed, stored and sent: lines of printable ASCII and TAB,
/// each ended by CRLF. Nothing else is sent, so no relay has a reason to re-code a letter and break
/// its signature, and 8BITMIME is never needed.
#[derive(Clone, Copy)]
pub struct CanonicalLetter<'a>(&'a [u8]);

impl<'a> CanonicalLetter<'a> {
    /// Checks the bytes; they are never mended.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let text = bytes.strip_suffix(b"\n")?;
        text.split(|byte| *byte == b'\n')
            .all(|line| {
                line.strip_suffix(b"\r").is_some_and(|line| {
                    let printable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t');
                    line.len() <= LINE_BYTES_MAX && line.iter().all(printable)
                })
            })
            .then_some(Self(bytes))
    }

    /// Size in bytes as SIZE counts it (RFC 1870): without doubled dots and the final one.
    pub fn size_bytes(self) -> usize {
        self.0.len()
    }

    /// The letter with a dot before each line that begins with one; without the final dot.
    pub fn with_dots_doubled(self) -> Vec<u8> {
        let mut stuffed = Vec::with_capacity(self.0.len().saturating_add(16));
        for line in self.0.split_inclusive(|byte| *byte == b'\n') {
            if line.starts_with(b".") {
                stuffed.push(b'.');
            }
            stuffed.extend_from_slice(line);
        }
        stuffed
    }
}

impl fmt::Debug for CanonicalLetter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CanonicalLetter(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_bytes_are_a_letter() {
        for good in ["\r\n", "a\r\n", "Subject: x\r\n\r\n\ta\r\n"] {
            assert!(
                CanonicalLetter::parse(good.as_bytes()).is_some(),
                "{good:?}"
            );
        }
        let long = "x".repeat(LINE_BYTES_MAX + 1) + "\r\n";
        for bad in [
            "", "a", "a\n", "a\r", "a\r\nb", "a\rb\r\n", "a\n\r\n", "\0\r\n", "é\r\n", &long,
        ] {
            assert!(CanonicalLetter::parse(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_dot_is_doubled_at_the_start_of_a_line_only() {
        let letter = CanonicalLetter::parse(b".\r\n..a.\r\nb.\r\n.\r\n").unwrap();
        assert_eq!(letter.with_dots_doubled(), b"..\r\n...a.\r\nb.\r\n..\r\n");
        assert_eq!(letter.size_bytes(), 16);
    }
}
