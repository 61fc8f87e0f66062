//! Replies, read strictly (RFC 5321 4.2).

use std::fmt;

/// A reply line with its CRLF. RFC 5321 4.5.3.1.5 says 512; relays that quote an address and a web
/// page go beyond it, so twice that is read.
pub const LINE_BYTES_MAX: usize = 1024;

/// Lines of one reply. The longest EHLO replies seen have about twenty.
pub const LINES_MAX: usize = 100;

/// One complete reply: every line carries the same code.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    bytes: Vec<u8>,
}

impl Reply {
    /// The code, 200..=559.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The whole reply as it came, CRLFs included. A peer may quote an address in it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text of each line, without code and separator.
    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes
            .split(|byte| *byte == b'\n')
            .filter_map(|line| line.strip_suffix(b"\r"))
            .map(|line| line.get(4..).unwrap_or_default())
    }

    /// The enhanced status code at the start of the text (RFC 2034, RFC 3463), if its class agrees
    /// with the reply's.
    pub fn enhanced(&self) -> Option<String> {
        let text = std::str::from_utf8(self.texts().next()?).ok()?;
        let word = text.split(' ').next()?;
        let mut parts = word.split('.');
        let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
        let number = |part: &str| {
            (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        let agrees = class == (self.code / 100).to_string() && matches!(class, "2" | "4" | "5");
        (agrees && number(subject) && number(detail) && parts.next().is_none())
            .then(|| word.to_owned())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

/// What came is no SMTP reply, or longer than any reply may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadReply;

/// The bytes a peer sent that are not yet part of a reply that was taken.
#[derive(Default)]
pub struct Replies {
    /// Not yet a complete line.
    waiting: Vec<u8>,
    /// Complete lines of a reply whose last line is missing.
    begun: Option<Reply>,
    lines: usize,
}

impl Replies {
    /// Adds bytes as they came.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// Whether everything that came was taken.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.begun.is_none()
    }

    /// What came and was not taken.
    pub fn left_over(&self) -> Vec<u8> {
        let begun = self.begun.as_ref().map_or(&[][..], Reply::bytes);
        [begun, &self.waiting].concat()
    }

    /// Takes one reply if it is complete.
    pub fn take(&mut self) -> Result<Option<Reply>, BadReply> {
        while let Some(end) = self.waiting.iter().position(|byte| *byte == b'\n') {
            let rest = self.waiting.split_off(end.saturating_add(1));
            let line = std::mem::replace(&mut self.waiting, rest);
            if self.add(&line)? {
                self.lines = 0;
                return Ok(self.begun.take());
            }
        }
        if self.waiting.len() >= LINE_BYTES_MAX {
            return Err(BadReply);
        }
        Ok(None)
    }

    /// Adds one line to the reply; whether it was the last.
    fn add(&mut self, line: &[u8]) -> Result<bool, BadReply> {
        let (code, last) = line_of(line).ok_or(BadReply)?;
        self.lines = self.lines.saturating_add(1);
        let reply = self.begun.get_or_insert_with(|| Reply {
            code,
            bytes: Vec::new(),
        });
        if reply.code != code || self.lines > LINES_MAX {
            return Err(BadReply);
        }
        reply.bytes.extend_from_slice(line);
        Ok(last)
    }
}

impl fmt::Debug for Replies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replies")
            .field("waiting_bytes", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

/// Reads `250-text CRLF`, `250 text CRLF` or `250 CRLF`: the code, and whether it is the last line.
/// Bytes above 0x7E are taken as text: relays localise theirs, and nothing here depends on it.
fn line_of(line: &[u8]) -> Option<(u16, bool)> {
    let line = line.strip_suffix(b"\r\n")?;
    let too_long = line.len().saturating_add(2) > LINE_BYTES_MAX;
    let control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    if too_long || line.iter().any(control) {
        return None;
    }
    let (digits, rest) = line.split_at_checked(3)?;
    let [b'2'..=b'5', b'0'..=b'5', b'0'..=b'9'] = digits else {
        return None;
    };
    let code = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match rest.first() {
        None | Some(b' ') => Some((code, true)),
        Some(b'-') => Some((code, false)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn only(bytes: &[u8]) -> Result<Option<Reply>, BadReply> {
        let mut replies = Replies::default();
        replies.feed(bytes);
        replies.take()
    }

    #[test]
    fn only_what_the_rfc_calls_a_reply_is_one() {
        for good in [
            "250\r\n",
            "250 \r\n",
            "250-a\r\n250 b\r\n",
            "354 go\ton\r\n",
        ] {
            assert!(matches!(only(good.as_bytes()), Ok(Some(_))), "{good:?}");
        }
        for part in ["", "250", "250 ok\r", "250-a\r\n"] {
            assert_eq!(only(part.as_bytes()), Ok(None), "{part:?}");
        }
        for bad in [
            "250 ok\n",
            "250-a\n250 b\r\n",
            "250 a\rb\r\n",
            "250 a\0b\r\n",
            "250-a\r\n251 b\r\n",
            "150 a\r\n",
            "650 a\r\n",
            "260 a\r\n",
            "25 a\r\n",
            "2500 a\r\n",
            "250+a\r\n",
            "\r\n",
            "ok\r\n",
            " 250 ok\r\n",
        ] {
            assert_eq!(only(bad.as_bytes()), Err(BadReply), "{bad:?}");
        }
    }

    #[test]
    fn lines_and_replies_are_bounded() {
        let line = |text_bytes| format!("250 {}\r\n", "x".repeat(text_bytes));
        assert!(only(line(LINE_BYTES_MAX - 6).as_bytes()).is_ok());
        assert!(only(line(LINE_BYTES_MAX - 5).as_bytes()).is_err());
        assert!(only(&[b'2'; LINE_BYTES_MAX]).is_err());
        let reply = |lines: usize| "250-x\r\n".repeat(lines - 1) + "250 x\r\n";
        assert!(only(reply(LINES_MAX).as_bytes()).is_ok());
        assert!(only(reply(LINES_MAX + 1).as_bytes()).is_err());
    }

    #[test]
    fn an_enhanced_code_counts_only_where_it_agrees_with_the_reply() {
        let enhanced = |line: &str| only(line.as_bytes()).unwrap().unwrap().enhanced();
        assert_eq!(enhanced("451 4.7.1 later\r\n").as_deref(), Some("4.7.1"));
        assert_eq!(enhanced("250-2.0.0\r\n250 x\r\n").as_deref(), Some("2.0.0"));
        for none in [
            "550 4.1.1 x\r\n",
            "550 5.1 x\r\n",
            "550 5.1.1.1 x\r\n",
            "550 5.1.1234 x\r\n",
            "550 no\r\n",
            "354 3.0.0 x\r\n",
            "250\r\n",
        ] {
            assert_eq!(enhanced(none), None, "{none:?}");
        }
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_makes_no_difference(
            bytes in proptest::collection::vec(
                prop_oneof![Just(b'2'), Just(b'5'), Just(b'0'), Just(b'-'), Just(b' '), Just(b'\r'), Just(b'\n'), any::<u8>()],
                0..40,
            ),
        ) {
            let mut dripped = Replies::default();
            let mut outcome = Ok(None);
            let mut fed = 0;
            while outcome == Ok(None) && fed < bytes.len() {
                dripped.feed(&bytes[fed..=fed]);
                fed += 1;
                outcome = dripped.take();
            }
            prop_assert_eq!(outcome, only(&bytes));
        }
    }
}
