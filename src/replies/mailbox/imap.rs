//! IMAP (RFC 3501), as much as reading a mailbox takes: LOGIN, EXAMINE, UID FETCH, LOGOUT.
//!
//! EXAMINE and BODY.PEEK change nothing on the server: whoever opens the mailbox sees it as it was.
//! What is not asked for and comes all the same (flags, new mails) is read past.

use super::wire::{Door, LIST_BYTES_MAX, Wire};
use super::{Fault, Settings};
use std::time::Duration;

/// What the reply to a fetch may hold beside the mail.
const FETCH_BESIDE: usize = 64 * 1024;

/// A mail in the mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listed {
    /// Its lasting id.
    pub(super) uid: u32,
    /// Its size, bytes, as the server says; nought if it does not.
    pub(super) size: usize,
}

/// A session, logged in, with the folder open.
pub(super) struct Session {
    wire: Wire,
    commands: u32,
    body: Duration,
    size_bytes_max: usize,
    /// As long as this is the same, so are the ids.
    pub(super) validity: u32,
}

impl Session {
    /// Connects, logs in and opens the folder.
    pub(super) async fn open(door: &Door, settings: &Settings) -> Result<Self, Fault> {
        let mut session = Self {
            wire: door.open().await?,
            commands: 0,
            body: settings.limits.body,
            size_bytes_max: settings.size_bytes_max,
            validity: 0,
        };
        let greeting = session.wire.reply().await?;
        match second_word(&greeting) {
            Some(b"OK") if greeting.starts_with(b"* ") => {}
            Some(b"BYE") => return Err(Fault::Refused("a connection")),
            Some(_) | None => return Err(Fault::Garbage),
        }
        let (user, password) = (&door.login.user, &door.login.password);
        let login = format!("LOGIN {} {}", quoted(user), quoted(password));
        let limits = (settings.limits.command, FETCH_BESIDE);
        let logged_in = session.ask(&login, limits, |_| Ok(())).await?;
        logged_in.then_some(()).ok_or(Fault::LoginRefused)?;
        let examine = format!("EXAMINE {}", quoted(&settings.folder));
        let mut validity = None;
        let opened = session.ask(&examine, limits, |reply| {
            validity = validity.or(uid_validity(reply));
            Ok(())
        });
        opened
            .await?
            .then_some(())
            .ok_or(Fault::Refused("EXAMINE"))?;
        session.validity = validity.ok_or(Fault::NoIds)?;
        Ok(session)
    }

    /// Mails behind this id, in order.
    pub(super) async fn list(&mut self, behind: u32) -> Result<Vec<Listed>, Fault> {
        let Some(from) = behind.checked_add(1) else {
            return Ok(Vec::new());
        };
        let mut listed = Vec::new();
        let command = format!("UID FETCH {from}:* (UID RFC822.SIZE)");
        let limits = (self.body, LIST_BYTES_MAX);
        let taken = self.ask(&command, limits, |reply| {
            let fetched = Fetched::read(reply)?;
            // `*` is the last mail, also where that lies before the first one asked for.
            if let Some(uid) = fetched.uid.filter(|uid| *uid >= from) {
                let size = fetched.size.unwrap_or(0);
                listed.push(Listed { uid, size });
            }
            Ok(())
        });
        taken.await?.then_some(()).ok_or(Fault::Refused("FETCH"))?;
        listed.sort_unstable();
        listed.dedup_by_key(|listed| listed.uid);
        Ok(listed)
    }

    /// One mail. None: the server does not give it, or it is there no more.
    pub(super) async fn fetch(&mut self, uid: u32) -> Result<Option<Vec<u8>>, Fault> {
        let bytes_max = self.size_bytes_max.saturating_add(FETCH_BESIDE);
        let command = format!("UID FETCH {uid} (UID BODY.PEEK[])");
        let mut mail = None;
        let taken = self.ask(&command, (self.body, bytes_max), |reply| {
            let fetched = Fetched::read(reply)?;
            if fetched.uid == Some(uid) && fetched.body.is_some() {
                mail = fetched.body;
            }
            Ok(())
        });
        if !taken.await? {
            return Ok(None);
        }
        if mail
            .as_ref()
            .is_some_and(|mail| mail.len() > self.size_bytes_max)
        {
            return Err(Fault::TooLong);
        }
        Ok(mail)
    }

    /// Ends it.
    pub(super) async fn logout(mut self) -> Result<(), Fault> {
        let limits = (self.body, FETCH_BESIDE);
        self.ask("LOGOUT", limits, |_| Ok(())).await?;
        Ok(())
    }

    /// Gives a command, hands on each reply until its end, and says whether it was taken.
    async fn ask(
        &mut self,
        command: &str,
        (within, bytes_max): (Duration, usize),
        mut each: impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<bool, Fault> {
        self.commands = self.commands.wrapping_add(1);
        let tag = format!("a{}", self.commands);
        self.wire
            .say_and_expect(&format!("{tag} {command}"), within, bytes_max)
            .await?;
        loop {
            let reply = self.reply().await?;
            if reply.starts_with(b"* ") {
                each(&reply)?;
                continue;
            }
            let ours = reply.split(|byte| *byte == b' ').next() == Some(tag.as_bytes());
            return match second_word(&reply) {
                Some(b"OK") if ours => Ok(true),
                Some(b"NO" | b"BAD") if ours => Ok(false),
                Some(_) | None => Err(Fault::Garbage),
            };
        }
    }

    /// One reply with its literals, as it came, without the end of its last line.
    async fn reply(&mut self) -> Result<Vec<u8>, Fault> {
        let mut reply = self.wire.reply().await?;
        let mut announced = literal(&reply)?;
        while let Some(length) = announced {
            reply.extend_from_slice(b"\r\n");
            self.wire.exactly(length, &mut reply).await?;
            let line = self.wire.reply().await?;
            announced = literal(&line)?;
            reply.extend_from_slice(&line);
        }
        Ok(reply)
    }
}

/// `"word"`, for words of printable ASCII.
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

fn second_word(line: &[u8]) -> Option<&[u8]> {
    line.split(|byte| *byte == b' ').nth(1)
}

/// The length of the literal that a line announces at its end: `{310}`.
fn literal(line: &[u8]) -> Result<Option<usize>, Fault> {
    let Some(inside) = line.strip_suffix(b"}") else {
        return Ok(None);
    };
    let Some(open) = inside.iter().rposition(|byte| *byte == b'{') else {
        return Ok(None);
    };
    let digits = inside.get(open.saturating_add(1)..).unwrap_or_default();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Ok(None);
    }
    number(digits).map(Some).ok_or(Fault::TooLong)
}

fn number<N: std::str::FromStr>(digits: &[u8]) -> Option<N> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// `* OK [UIDVALIDITY 3857529045] ...`
fn uid_validity(reply: &[u8]) -> Option<u32> {
    let rest = reply.strip_prefix(b"* OK [UIDVALIDITY ")?;
    number(rest.split(|byte| *byte == b']').next()?)
}

/// What a FETCH says of one mail; of anything else, nothing.
#[derive(Debug, Default, PartialEq, Eq)]
struct Fetched {
    uid: Option<u32>,
    size: Option<usize>,
    body: Option<Vec<u8>>,
}

impl Fetched {
    fn read(reply: &[u8]) -> Result<Self, Fault> {
        let mut words = reply.splitn(4, |byte| *byte == b' ');
        let kind = words.nth(2);
        if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case(b"FETCH")) {
            return Ok(Self::default());
        }
        let inside = words.next().and_then(|rest| rest.strip_prefix(b"("));
        Self::items(inside.ok_or(Fault::Garbage)?).ok_or(Fault::Garbage)
    }

    /// Names and values by turns, up to the bracket that closes them.
    fn items(mut rest: &[u8]) -> Option<Self> {
        let mut fetched = Self::default();
        loop {
            rest = rest.trim_ascii_start();
            if rest == b")" {
                return Some(fetched);
            }
            let end = rest.iter().position(|byte| *byte == b' ')?;
            let (name, behind) = rest.split_at_checked(end)?;
            let said = behind.get(1..)?;
            let (value, behind) = value(said)?;
            if name.eq_ignore_ascii_case(b"UID") {
                fetched.uid = Some(number(value)?);
            } else if name.eq_ignore_ascii_case(b"RFC822.SIZE") {
                fetched.size = Some(number(value)?);
            } else if name.eq_ignore_ascii_case(b"BODY[]") {
                fetched.body = match said.first()? {
                    b'{' => Some(value.to_vec()),
                    b'"' => Some(unquoted(value)),
                    _ => None,
                };
            }
            rest = behind;
        }
    }
}

/// The value at the beginning, and what stands behind it: a literal, a quoted text without its quotes,
/// a list with its brackets, or a word. Lists are counted through, not descended into.
fn value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    match text.first()? {
        b'{' => {
            let end = text.iter().position(|byte| *byte == b'}')?;
            let length: usize = number(text.get(1..end)?)?;
            let behind = text.get(end..)?.strip_prefix(b"}\r\n")?;
            behind.split_at_checked(length)
        }
        b'"' => {
            let end = end_of_quoted(text)?;
            Some((text.get(1..end)?, text.get(end.checked_add(1)?..)?))
        }
        b'(' => {
            let (mut depth, mut rest) = (0usize, text);
            loop {
                match rest.first()? {
                    b'(' => depth = depth.checked_add(1)?,
                    b')' => depth = depth.checked_sub(1)?,
                    b'"' | b'{' => {
                        rest = value(rest)?.1;
                        continue;
                    }
                    _ => {}
                }
                rest = rest.get(1..)?;
                if depth == 0 {
                    let length = text.len().checked_sub(rest.len())?;
                    return text.split_at_checked(length);
                }
            }
        }
        _ => {
            let end = text.iter().position(|byte| matches!(byte, b' ' | b')'))?;
            text.split_at_checked(end)
        }
    }
}

fn end_of_quoted(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter()
        .skip(1)
        .position(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        })?
        .checked_add(1)
}

/// A quoted text without its escapes.
fn unquoted(text: &[u8]) -> Vec<u8> {
    let mut escaped = false;
    let kept = text.iter().filter(|byte| {
        escaped = **byte == b'\\' && !escaped;
        !escaped
    });
    kept.copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fetch_is_read_whatever_else_stands_in_it() {
        let reply = b"* 7 FETCH (FLAGS (\\Seen \"a)b\" (x {2}\r\n)) y)) UID 12 BODY[] {5}\r\na) b\" RFC822.SIZE 5)";
        let fetched = Fetched::read(reply).unwrap();
        let (uid, size) = (Some(12), Some(5));
        let body = Some(b"a) b\"".to_vec());
        assert_eq!(fetched, Fetched { uid, size, body });
        let quoted = Fetched::read(b"* 7 FETCH (BODY[] \"a\\\"\\\\b\" UID 1)").unwrap();
        assert_eq!(quoted.body, Some(b"a\"\\b".to_vec()));
        let gone = Fetched::read(b"* 7 FETCH (UID 1 BODY[] NIL)").unwrap();
        assert_eq!((gone.uid, gone.body), (Some(1), None));
        assert_eq!(Fetched::read(b"* 3 EXISTS"), Ok(Fetched::default()));
    }

    #[test]
    fn what_is_no_fetch_is_garbage_and_deep_brackets_are_counted() {
        for bad in [
            &b"* 7 FETCH"[..],
            b"* 7 FETCH UID 1",
            b"* 7 FETCH (UID",
            b"* 7 FETCH (UID 1",
            b"* 7 FETCH (UID x)",
            b"* 7 FETCH (UID 99999999999)",
            b"* 7 FETCH (BODY[] {9}\r\nabc)",
            b"* 7 FETCH (BODY[] \"abc)",
            b"* 7 FETCH (FLAGS (\\Seen)",
        ] {
            let read = Fetched::read(bad);
            assert_eq!(read, Err(Fault::Garbage), "{}", bad.escape_ascii());
        }
        let deep = [b"* 7 FETCH (X ".as_slice(), &[b'('; 60_000]].concat();
        assert_eq!(Fetched::read(&deep), Err(Fault::Garbage));
    }

    #[test]
    fn a_literal_is_announced_at_the_end_of_a_line() {
        assert_eq!(literal(b"* 1 FETCH (BODY[] {310}"), Ok(Some(310)));
        assert_eq!(literal(b"* OK {x}"), Ok(None));
        assert_eq!(literal(b"* OK }"), Ok(None));
        assert_eq!(literal(b"* {99999999999999999999999}"), Err(Fault::TooLong));
    }
}
