//! Reading what came back: for the stage that classifies it, and for the person who reads it.

use super::json;
use super::rows::notification_ids;
use super::tx::Fault;
use super::views::instant;
use super::{InboundMail, Matched, NotStored, Readers, stored};
use crate::referral::answer::Strength;
use crate::referral::id::{InboundId, LetterId, NotificationId};
use crate::referral::reference::Reference;
use crate::referral::tree::Tree;
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

// A mail that a death interrupted is read after all others: it keeps nobody waiting, and is not counted
// again as long as the daemon dies for another reason.
const OPEN: &str = "SELECT id FROM inbound WHERE settled_at IS NULL ORDER BY parse_tries, received_at, id LIMIT +$1";
const MAIL: &str = "SELECT i.source, i.received_at, r.id AS raw_id, r.content_key, r.sealed AS raw, e.id AS envelope_id, e.sealed AS envelope FROM inbound i JOIN item r ON r.id = i.raw JOIN item e ON e.id = i.envelope WHERE i.id = $1";
const BY_TOKEN: &str =
    "SELECT id, notification FROM letter WHERE token = $1 AND notification IS NOT NULL";
const BY_MESSAGE_ID: &str =
    "SELECT id, notification FROM letter WHERE message_id = $1 AND notification IS NOT NULL";
const BY_REFERENCE: &str = "SELECT id FROM notification WHERE reference = $1";
const TOKEN_KNOWN: &str = "SELECT 1 FROM letter WHERE token = $1";
macro_rules! replies {
    ($rest:expr) => {
        concat!("SELECT i.id, i.received_at, i.kind, i.verdict, i.strength, i.notification, i.contact, i.settled_at, i.read_by, i.read_at, i.read_as, n.urn, n.reference FROM inbound i LEFT JOIN notification n ON n.id = i.notification ", $rest)
    };
}
/// What still asks for somebody: not yet carried through, or with an open task to read it or to find
/// out who wrote it. Of a notification's mails only those that a person wrote and nobody has read.
macro_rules! still_asks {
    () => {
        "(i.settled_at IS NULL OR (i.read_by IS NULL AND EXISTS (SELECT 1 FROM task t WHERE t.settled_at IS NULL AND t.kind IN ('read_reply','check_sender') AND (t.subject = i.id OR (t.subject = i.notification AND i.kind = 'human_reply')))))"
    };
}
const LIST: &str = replies!(concat!(
    "WHERE ($1 = 1 OR ",
    still_asks!(),
    ") ORDER BY i.received_at DESC, i.id DESC LIMIT +$2"
));
const COUNT: &str = concat!(
    "SELECT COUNT(*) FROM inbound i WHERE ($1 = 1 OR ",
    still_asks!(),
    ")"
);
const ONE: &str = replies!("WHERE i.id = $1");
/// The notification that a mail belongs to, and those that it brought an answer to.
const ABOUT: &str = "SELECT notification FROM inbound WHERE id = $1 AND notification IS NOT NULL UNION SELECT stream FROM fact WHERE cause >= 'answer:' || $1 || ':' AND cause < 'answer:' || $1 || ';'";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    OPEN,
    MAIL,
    BY_TOKEN,
    BY_MESSAGE_ID,
    BY_REFERENCE,
    TOKEN_KNOWN,
    LIST,
    COUNT,
    ONE,
    ABOUT,
];

/// Replies shown at most; whoever needs more narrows the question.
const LINES_MAX: i64 = 1_000;

/// A mail in the list of replies.
#[derive(Debug, Clone)]
pub struct ReplyLine {
    /// Our id.
    pub inbound: String,
    /// When it reached us.
    pub received_at: Timestamp,
    /// Its kind, once classified.
    pub kind: Option<String>,
    /// What it says, when a person wrote it.
    pub verdict: Option<String>,
    /// How surely it belongs.
    pub strength: Option<String>,
    /// To which notification.
    pub notification: Option<String>,
    /// The public code of that.
    pub reference: Option<String>,
    /// Its school.
    pub urn: Option<String>,
    /// Whose address it came from, when we hold it.
    pub contact: Option<String>,
    /// Classified and carried through.
    pub settled: bool,
    /// Who of ours has read it, when and as what.
    pub read: Option<(String, Timestamp, String)>,
}

impl Readers {
    /// Mails that wait to be classified, in the order they came.
    pub(super) async fn open_inbound(&self, most: i64) -> Result<Vec<InboundId>, Fault> {
        let rows = sqlx::query(OPEN).bind(most).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let id: String = row.try_get(0)?;
                InboundId::parse(&id).map_err(|_| Fault::Damaged("an inbound mail's id"))
            })
            .collect()
    }

    /// A mail as it came, with when it came.
    pub(super) async fn inbound_mail(
        &self,
        id: InboundId,
    ) -> Result<Option<(InboundMail, Timestamp)>, Fault> {
        let mut connection = self.pool.acquire().await?;
        let row = sqlx::query(MAIL)
            .bind(id.to_string())
            .fetch_optional(&mut *connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let bytes = self.part(&mut connection, &row, "raw_id", "raw", "inbound");
        let bytes = bytes.await?;
        let envelope = self.part(&mut connection, &row, "envelope_id", "envelope", "envelope");
        let envelope = json::parse(&envelope.await?).ok_or(Fault::Damaged("an envelope"))?;
        let text = |value: &Tree| {
            if let Tree::Text(text) = value {
                Some(text.clone())
            } else {
                None
            }
        };
        let rcpt_to = match envelope.get("rcpt_to") {
            Some(Tree::List(to)) => to.iter().filter_map(text).collect(),
            _ => Vec::new(),
        };
        let mail = InboundMail {
            source: row.try_get("source")?,
            mail_from: envelope.get("mail_from").and_then(text),
            rcpt_to,
            bytes,
        };
        Ok(Some((mail, instant(row.try_get("received_at")?))))
    }

    async fn part(
        &self,
        connection: &mut SqliteConnection,
        row: &SqliteRow,
        id: &str,
        sealed: &str,
        kind: &str,
    ) -> Result<Vec<u8>, Fault> {
        let sealed: Option<Vec<u8>> = row.try_get(sealed)?;
        let sealed = sealed.ok_or(Fault::Damaged("erased content"))?;
        let (id, key): (String, String) = (row.try_get(id)?, row.try_get("content_key")?);
        self.open_item(connection, key, &id, kind, &sealed).await
    }

    /// The letter of this reply token.
    pub(super) async fn letter_by_token(&self, token: &str) -> Result<Option<Matched>, Fault> {
        self.letter_by(BY_TOKEN, token, Strength::Token).await
    }

    /// The letter of this Message-ID, without angle brackets.
    pub(super) async fn letter_by_message_id(&self, id: &str) -> Result<Option<Matched>, Fault> {
        self.letter_by(BY_MESSAGE_ID, id, Strength::Thread).await
    }

    async fn letter_by(
        &self,
        statement: &'static str,
        value: &str,
        strength: Strength,
    ) -> Result<Option<Matched>, Fault> {
        let row = sqlx::query(statement)
            .bind(value)
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (letter, notification): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let letter = LetterId::parse(&letter).map_err(|_| Fault::Damaged("a letter's id"))?;
        Ok(Some(Matched {
            letter: Some(letter),
            notification: notification_id(&notification)?,
            strength,
        }))
    }

    /// The notification of this public code.
    pub(super) async fn notification_by(
        &self,
        reference: &Reference,
    ) -> Result<Option<Matched>, Fault> {
        let row = sqlx::query(BY_REFERENCE)
            .bind(reference.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let notification: String = row.try_get(0)?;
        Ok(Some(Matched {
            letter: None,
            notification: notification_id(&notification)?,
            strength: Strength::Reference,
        }))
    }

    /// Whether a letter bears this reply token.
    pub(super) async fn token_known(&self, token: &str) -> Result<bool, Fault> {
        let row = sqlx::query(TOKEN_KNOWN)
            .bind(token)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.is_some())
    }

    /// Replies, latest first; those that ask for nobody any more too when `all`.
    pub(super) async fn replies(&self, all: bool) -> Result<Vec<ReplyLine>, Fault> {
        let rows = sqlx::query(LIST)
            .bind(all)
            .bind(LINES_MAX)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(reply_line).collect()
    }

    /// The notifications that a reply is about, as far as that is known.
    pub async fn list_answered(&self, id: InboundId) -> Result<Vec<NotificationId>, NotStored> {
        stored(self.answered(id).await)
    }

    async fn answered(&self, id: InboundId) -> Result<Vec<NotificationId>, Fault> {
        let query = sqlx::query(ABOUT).bind(id.to_string());
        notification_ids(&query.fetch_all(&self.pool).await?)
    }

    /// How many of them there are.
    pub(super) async fn count_replies(&self, all: bool) -> Result<i64, Fault> {
        let row = sqlx::query(COUNT).bind(all).fetch_one(&self.pool).await?;
        Ok(row.try_get(0)?)
    }

    /// One of them.
    pub(super) async fn reply(&self, id: InboundId) -> Result<Option<ReplyLine>, Fault> {
        let row = sqlx::query(ONE)
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(reply_line).transpose()
    }
}

fn reply_line(row: &SqliteRow) -> Result<ReplyLine, Fault> {
    let settled_at: Option<i64> = row.try_get("settled_at")?;
    let read_by: Option<String> = row.try_get("read_by")?;
    let read_at: Option<i64> = row.try_get("read_at")?;
    let read_as: Option<String> = row.try_get("read_as")?;
    Ok(ReplyLine {
        inbound: row.try_get("id")?,
        received_at: instant(row.try_get("received_at")?),
        kind: row.try_get("kind")?,
        verdict: row.try_get("verdict")?,
        strength: row.try_get("strength")?,
        notification: row.try_get("notification")?,
        reference: row.try_get("reference")?,
        urn: row.try_get("urn")?,
        contact: row.try_get("contact")?,
        settled: settled_at.is_some(),
        read: match (read_by, read_at, read_as) {
            (Some(who), Some(at), Some(verdict)) => Some((who, instant(at), verdict)),
            _ => None,
        },
    })
}

fn notification_id(text: &str) -> Result<NotificationId, Fault> {
    NotificationId::parse(text).map_err(|_| Fault::Damaged("a notification's id"))
}
