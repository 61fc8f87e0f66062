//! Where lines end, the same in commands and in mails: CR LF and nothing else (RFC 5321 2.3.8).
//!
//! A server that takes anything else for the end of a line can be brought to see two mails where
//! the relay before it saw one.

use std::fmt;

/// The bytes that have arrived and are not yet understood.
#[derive(Default)]
pub(super) struct Framing {
    input: Vec<u8>,
    at: usize,
    after_cr: bool,
}

/// The next thing in the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Bytes of a line, at least one, not always up to its end.
    Text(&'a [u8]),
    /// CR LF.
    LineEnd,
    /// What no line may hold.
    Stray(Stray),
}

/// A byte that ends no line and may stand in none (RFC 5321 2.3.8, 4.5.2; NUL by RFC 5322 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stray {
    /// CR without LF behind it.
    Cr,
    /// LF without CR before it.
    Lf,
    /// NUL.
    Nul,
}

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cr => "bare CR",
            Self::Lf => "bare LF",
            Self::Nul => "NUL",
        })
    }
}

impl Framing {
    /// Adds bytes as they arrive.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.at == self.input.len() {
            self.input.clear();
            self.at = 0;
        }
        self.input.extend_from_slice(bytes);
    }

    /// Whether everything that arrived has been taken, to the end of a line.
    pub(super) fn is_empty(&self) -> bool {
        self.at == self.input.len() && !self.after_cr
    }

    /// Throws away what has not been taken.
    pub(super) fn discard(&mut self) {
        *self = Self::default();
    }

    /// Takes the next piece; none when more must arrive first.
    pub(super) fn take(&mut self) -> Option<Piece<'_>> {
        let rest = self.input.get(self.at..)?;
        let first = *rest.first()?;
        if self.after_cr {
            self.after_cr = false;
            if first == b'\n' {
                self.at += 1;
                return Some(Piece::LineEnd);
            }
            return Some(Piece::Stray(Stray::Cr));
        }
        match first {
            b'\n' => Some(Piece::Stray(Stray::Lf)),
            0 => Some(Piece::Stray(Stray::Nul)),
            b'\r' => {
                self.at += 1;
                self.after_cr = true;
                self.take()
            }
            _ => {
                let special = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
                let length = rest.iter().position(special).unwrap_or(rest.len());
                let begun = self.at;
                self.at += length;
                self.input.get(begun..self.at).map(Piece::Text)
            }
        }
    }
}

impl fmt::Debug for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Framing(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(parts: &[&[u8]]) -> Vec<String> {
        let mut framing = Framing::default();
        let mut seen = Vec::new();
        for part in parts {
            framing.feed(part);
            while let Some(piece) = framing.take() {
                seen.push(match piece {
                    Piece::Text(text) => text.escape_ascii().to_string(),
                    Piece::LineEnd => "|".to_owned(),
                    Piece::Stray(stray) => {
                        seen.push(stray.to_string());
                        return seen;
                    }
                });
            }
        }
        seen
    }

    #[test]
    fn only_cr_lf_ends_a_line_wherever_the_bytes_are_split() {
        assert_eq!(pieces(&[b"a\r\n\r\nb"]), ["a", "|", "|", "b"]);
        assert_eq!(pieces(&[b"a\r", b"\nb"]), ["a", "|", "b"]);
        for (parts, last) in [
            (&[&b"a\nb"[..]][..], "bare LF"),
            (&[b"a\rb"], "bare CR"),
            (&[b"a\r", b"\r\n"], "bare CR"),
            (&[b"\r\n\n"], "bare LF"),
            (&[b"a", b"\0\r\n"], "NUL"),
            (&[b"a\r", b"\0"], "bare CR"),
        ] {
            assert_eq!(pieces(parts).last().unwrap(), last, "{parts:?}");
        }
    }
}
