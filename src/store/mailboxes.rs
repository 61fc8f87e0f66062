//! How far each mailbox has been read. What comes is kept in one commit with its place: a run that dies
//! finds either both or neither.

use super::tx::{Fault, Tx};
use super::{InboundMail, NotStored, Readers, Settled, inbound, stored};
use crate::referral::id::InboundId;
use sqlx::Row;
use std::collections::BTreeMap;
use std::fmt;

const PLACE: &str = "SELECT uidvalidity, last_uid FROM mailbox WHERE name = $1";
const MOVE: &str = "INSERT INTO mailbox(name, uidvalidity, last_uid) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET last_uid = CASE WHEN uidvalidity = $2 THEN MAX(last_uid, $3) ELSE $3 END, uidvalidity = $2";
const KNOWN: &str = "SELECT uidl, whole FROM mailbox_mail WHERE mailbox = $1";
const KNOW: &str = "INSERT INTO mailbox_mail(mailbox, uidl, whole) VALUES ($1, $2, $3) ON CONFLICT (mailbox, uidl) DO UPDATE SET whole = MIN(whole, $3)";
const FORGET: &str = "DELETE FROM mailbox_mail WHERE mailbox = $1 AND uidl = $2";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[PLACE, MOVE, KNOWN, KNOW, FORGET];

/// Where a mail stands in its mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailPlace {
    /// By IMAP (RFC 3501 2.3.1.1). Mails are kept in the order of their UIDs.
    Uid {
        /// UIDVALIDITY: while it is the same, UIDs are.
        validity: u32,
        /// The UID.
        uid: u32,
    },
    /// By POP3: its unique id (RFC 1939 7).
    Uidl(String),
}

/// What was fetched of a mail.
#[derive(Clone, PartialEq, Eq)]
pub enum Fetched {
    /// All of it.
    Whole(Vec<u8>),
    /// It was left where it is; this note is shown to a person in its stead.
    Left(Vec<u8>),
}

/// A mail from a mailbox.
#[derive(Clone, PartialEq, Eq)]
pub struct FetchedMail {
    /// The mailbox's name.
    pub mailbox: String,
    /// Where it stands there.
    pub place: MailPlace,
    /// What came.
    pub mail: Fetched,
}

impl fmt::Debug for FetchedMail {
    /// Without what it says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchedMail")
            .field("mailbox", &self.mailbox)
            .field("place", &self.place)
            .field("mail", &self.mail)
            .finish()
    }
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, bytes) = match self {
            Self::Whole(bytes) => ("Whole", bytes),
            Self::Left(note) => ("Left", note),
        };
        write!(f, "{word}({} bytes)", bytes.len())
    }
}

/// Keeps a mail, once, with its place. What is kept already, by content, only moves the place.
pub(super) async fn keep(tx: &mut Tx<'_>, fetched: &FetchedMail) -> Result<InboundId, Fault> {
    let (bytes, whole) = match &fetched.mail {
        Fetched::Whole(bytes) => (bytes, true),
        Fetched::Left(note) => (note, false),
    };
    let mail = InboundMail {
        source: format!("mailbox:{}", fetched.mailbox),
        mail_from: None,
        rcpt_to: Vec::new(),
        bytes: bytes.clone(),
    };
    let id = inbound::keep(tx, &mail).await?;
    if !whole {
        inbound::settle(tx, &Settled::unclassified(id)).await?;
    }
    let statement = match &fetched.place {
        MailPlace::Uid { validity, uid } => sqlx::query(MOVE)
            .bind(&fetched.mailbox)
            .bind(i64::from(*validity))
            .bind(i64::from(*uid)),
        MailPlace::Uidl(uidl) => sqlx::query(KNOW)
            .bind(&fetched.mailbox)
            .bind(uidl)
            .bind(whole),
    };
    statement.execute(tx.flushed().await?).await?;
    Ok(id)
}

/// Forgets ids of mails that are no longer in the mailbox.
pub(super) async fn forget(tx: &mut Tx<'_>, mailbox: &str, gone: &[String]) -> Result<(), Fault> {
    for uidl in gone {
        sqlx::query(FORGET)
            .bind(mailbox)
            .bind(uidl)
            .execute(tx.flushed().await?)
            .await?;
    }
    Ok(())
}

impl Readers {
    /// UIDVALIDITY and the last UID that is kept.
    pub async fn mailbox_place(&self, mailbox: &str) -> Result<Option<(u32, u32)>, NotStored> {
        let read = async {
            let query = sqlx::query(PLACE).bind(mailbox);
            let Some(row) = query.fetch_optional(&self.pool).await? else {
                return Ok(None);
            };
            let number = |at: usize| -> Result<u32, Fault> {
                u32::try_from(row.try_get::<i64, _>(at)?)
                    .map_err(|_| Fault::Damaged("a mailbox's place"))
            };
            Ok(Some((number(0)?, number(1)?)))
        };
        stored(read.await)
    }

    /// The unique ids of mails that were kept, and whether all of the mail was.
    pub async fn mailbox_known(&self, mailbox: &str) -> Result<BTreeMap<String, bool>, NotStored> {
        let read = async {
            let query = sqlx::query(KNOWN).bind(mailbox);
            let rows = query.fetch_all(&self.pool).await?;
            let known = |row: &sqlx::sqlite::SqliteRow| Ok((row.try_get(0)?, row.try_get(1)?));
            rows.iter().map(known).collect::<Result<_, Fault>>()
        };
        stored(read.await)
    }
}
