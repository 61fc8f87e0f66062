//! A mail as it arrives behind DATA (RFC 5321 4.1.1.4).
//!
//! What is wrong with a mail as a whole is said when it ends: a relay that is cut off in the middle
//! tries again, one that hears 5xx at the end tells its sender. Until then the rest is thrown away.

use super::headers;
use std::fmt;

/// Longest line of a mail without its CR LF, bytes. RFC 5321 4.5.3.1.6 has 1,000; some systems put
/// a whole paragraph into one, and losing that answer helps nobody.
const TEXT_LINE_BYTES_MAX: usize = 64 * 1024;

/// Why a mail is not taken, as it is answered at its end.
pub(super) type Unwanted = &'static str;

pub(super) const TOO_LARGE: Unwanted = "552 5.3.4 larger than what is taken here";
const LINE_TOO_LONG: Unwanted = "500 5.5.2 a line is too long";

/// What taking a piece of a mail comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More follows.
    More,
    /// The mail has ended and can be kept.
    Whole(Vec<u8>),
    /// The mail has ended and cannot.
    Unwanted(Unwanted),
    /// It goes on far beyond what is taken: nobody need wait for its end.
    Endless(Unwanted),
}

/// The mail so far.
pub(super) struct Receiving {
    size_bytes_max: usize,
    bytes: Vec<u8>,
    unwanted: Option<Unwanted>,
    /// Bytes thrown away since it was known to be unwanted.
    thrown_away: usize,
    line: Line,
}

/// The line so far.
#[derive(Default)]
struct Line {
    /// It began with a dot, which was taken off (RFC 5321 4.5.2).
    dot: bool,
    begun: bool,
    length: usize,
}

impl Receiving {
    /// Takes at most so many bytes.
    pub(super) fn new(size_bytes_max: usize) -> Self {
        Self {
            size_bytes_max,
            bytes: Vec::new(),
            unwanted: None,
            thrown_away: 0,
            line: Line::default(),
        }
    }

    /// Text of a line.
    pub(super) fn text(&mut self, text: &[u8]) -> Progress {
        let text = match text.strip_prefix(b".") {
            Some(behind) if !self.line.begun => {
                self.line.dot = true;
                behind
            }
            Some(_) | None => text,
        };
        self.line.begun = true;
        self.line.length = self.line.length.saturating_add(text.len());
        if self.line.length > TEXT_LINE_BYTES_MAX {
            self.unwanted.get_or_insert(LINE_TOO_LONG);
        }
        self.keep(text)
    }

    /// The end of a line, which may be the end of the mail.
    pub(super) fn line_end(&mut self, host_name: &str) -> Progress {
        let line = std::mem::take(&mut self.line);
        if !line.dot || line.length > 0 {
            return self.keep(b"\r\n");
        }
        let bytes = std::mem::take(&mut self.bytes);
        match self
            .unwanted
            .or_else(|| headers::unwanted(&bytes, host_name))
        {
            Some(unwanted) => Progress::Unwanted(unwanted),
            None => Progress::Whole(bytes),
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Progress {
        if self.bytes.len().saturating_add(bytes.len()) > self.size_bytes_max {
            self.unwanted.get_or_insert(TOO_LARGE);
        }
        let Some(unwanted) = self.unwanted else {
            self.bytes.extend_from_slice(bytes);
            return Progress::More;
        };
        self.bytes = Vec::new();
        self.thrown_away = self.thrown_away.saturating_add(bytes.len());
        if self.thrown_away > self.size_bytes_max {
            return Progress::Endless(unwanted);
        }
        Progress::More
    }
}

impl fmt::Debug for Receiving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiving(..)")
    }
}
