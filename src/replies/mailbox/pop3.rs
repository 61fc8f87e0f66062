//! POP3 (RFC 1939), as much as reading a mailbox takes: USER, PASS, UIDL, LIST, RETR, DELE, QUIT.
//!
//! CAPA is not asked: every server that can be read so knows these, and one that does not says so.
//! DELE takes effect at QUIT; a connection that is dropped deletes nothing.

use super::wire::{Door, LIST_BYTES_MAX, Wire};
use super::{Fault, Settings};
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest unique id (RFC 1939 7).
const UIDL_BYTES_MAX: usize = 70;
/// What the reply to RETR may hold beside the mail: its first line, stuffed dots, the last line.
const RETR_BESIDE: usize = 64 * 1024;

/// A mail in the mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its number in this session.
    pub(super) number: u32,
    /// Its unique id.
    pub(super) uidl: String,
    /// Its size, bytes, as the server says.
    pub(super) size: usize,
}

/// A session, logged in.
pub(super) struct Session {
    wire: Wire,
    body: Duration,
    size_bytes_max: usize,
}

impl Session {
    /// Connects and logs in.
    pub(super) async fn open(door: &Door, settings: &Settings) -> Result<Self, Fault> {
        let mut session = Self {
            wire: door.open().await?,
            body: settings.limits.body,
            size_bytes_max: settings.size_bytes_max,
        };
        let greeted = session.status().await?;
        greeted
            .then_some(())
            .ok_or(Fault::Refused("a connection"))?;
        for line in [
            format!("USER {}", door.login.user),
            format!("PASS {}", door.login.password),
        ] {
            session.wire.say(&line).await?;
            let taken = session.status().await?;
            taken.then_some(()).ok_or(Fault::LoginRefused)?;
        }
        Ok(session)
    }

    /// Every mail there is.
    pub(super) async fn list(&mut self) -> Result<Vec<Listed>, Fault> {
        let ids = self.listing("UIDL").await?.ok_or(Fault::NoIds)?;
        let sizes = self.listing("LIST").await?;
        let sizes = sizes.ok_or(Fault::Refused("LIST"))?;
        let listed = ids.into_iter().map(|(number, uidl)| {
            let fits = (1..=UIDL_BYTES_MAX).contains(&uidl.len())
                && uidl.bytes().all(|byte| byte.is_ascii_graphic());
            let size = sizes.get(&number).and_then(|size| size.parse().ok());
            match (fits, size) {
                (true, Some(size)) => Ok(Listed { number, uidl, size }),
                (true, None) | (false, _) => Err(Fault::Garbage),
            }
        });
        listed.collect()
    }

    /// One mail, dots unstuffed. None: the server does not give it.
    pub(super) async fn fetch(&mut self, number: u32) -> Result<Option<Vec<u8>>, Fault> {
        let bytes_max = self.size_bytes_max.saturating_add(RETR_BESIDE);
        self.wire
            .say_and_expect(&format!("RETR {number}"), self.body, bytes_max)
            .await?;
        if !self.status().await? {
            return Ok(None);
        }
        let mut mail = Vec::new();
        // Only behind CR LF does a line begin: a bare LF belongs to the mail.
        let mut begins = true;
        loop {
            let line = self.wire.line().await?;
            if begins && line == b".\r\n" {
                break;
            }
            let kept = match line.as_slice() {
                [b'.', rest @ ..] if begins => rest,
                whole => whole,
            };
            mail.extend_from_slice(kept);
            begins = line.ends_with(b"\r\n");
        }
        if mail.len() > self.size_bytes_max {
            return Err(Fault::TooLong);
        }
        Ok(Some(mail))
    }

    /// Marks a mail as deleted, which it is at QUIT. False: the server refuses.
    pub(super) async fn delete(&mut self, number: u32) -> Result<bool, Fault> {
        self.wire.say(&format!("DELE {number}")).await?;
        self.status().await
    }

    /// Ends it. True: what was marked is deleted.
    pub(super) async fn quit(mut self) -> Result<bool, Fault> {
        self.wire.say("QUIT").await?;
        self.status().await
    }

    /// Whether a reply begins with `+OK`.
    async fn status(&mut self) -> Result<bool, Fault> {
        let line = self.wire.reply().await?;
        let word = line.split(|byte| *byte == b' ').next();
        match word {
            Some(b"+OK") => Ok(true),
            Some(b"-ERR") => Ok(false),
            Some(_) | None => Err(Fault::Garbage),
        }
    }

    /// What a command says of each mail, by its number. None: it is refused.
    async fn listing(&mut self, command: &str) -> Result<Option<BTreeMap<u32, String>>, Fault> {
        let (within, bytes_max) = (self.body, LIST_BYTES_MAX);
        self.wire.say_and_expect(command, within, bytes_max).await?;
        if !self.status().await? {
            return Ok(None);
        }
        let mut listing = BTreeMap::new();
        loop {
            let line = self.wire.reply().await?;
            if line == b"." {
                return Ok(Some(listing));
            }
            let (number, said) = row(&line).ok_or(Fault::Garbage)?;
            if listing.insert(number, said).is_some() {
                return Err(Fault::Garbage);
            }
        }
    }
}

/// `NUMBER WORD`, and perhaps more words.
fn row(line: &[u8]) -> Option<(u32, String)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split(' ');
    let number: u32 = words.next()?.parse().ok()?;
    Some((number, words.next()?.to_owned()))
}
