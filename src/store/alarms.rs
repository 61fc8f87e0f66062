//! Alarms as they are kept: raised, told, claimed, cleared. Who is told of what, and when, is decided
//! outside; here it is only recorded, with facts in one stream of their own.

use super::acts::{NotActed, operator_actor};
use super::tx::{By, Fault, Stream, Tx};
use super::views::instant;
use super::{NotStored, Readers, stored};
use crate::referral::alarm::{AlarmChannel, AlarmKind};
use crate::referral::fact::Fact;
use crate::referral::id::{AlarmId, NotificationId};
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tokio::sync::oneshot;

/// The stream of every alarm's facts.
const STREAM: &str = "alarms";
/// Alarms shown at once. A storm is told of as a number.
const LINES_MAX: i64 = 1_000;

const COUNT: &str = "SELECT COALESCE(MAX(n), 0) FROM fact WHERE stream = $1";
const ADD: &str = "INSERT INTO alarm(id, kind, subject, opened_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
const MAILED: &str = "UPDATE alarm SET mailed_at = $2 WHERE id = $1 AND mailed_at IS NULL";
const HOOKED: &str = "UPDATE alarm SET hooked_at = $2 WHERE id = $1 AND hooked_at IS NULL";
const CLEAR: &str = "UPDATE alarm SET cleared_at = $2 WHERE id = $1 AND cleared_at IS NULL";
const CLAIM_NOTED: &str =
    "UPDATE alarm SET claimed_by = $2, claimed_at = $3 WHERE id = $1 AND claimed_by IS NULL";
const CLAIM: &str = "UPDATE alarm SET claimed_by = $2, claimed_at = $3 WHERE id = $1";
const ONE: &str = "SELECT id, kind, subject, opened_at, mailed_at, hooked_at, claimed_by, claimed_at, cleared_at FROM alarm WHERE id = $1";
const OPEN: &str = "SELECT id, kind, subject, opened_at, mailed_at, hooked_at, claimed_by, claimed_at, cleared_at FROM alarm WHERE cleared_at IS NULL ORDER BY opened_at, id";
const ALL: &str = "SELECT id, kind, subject, opened_at, mailed_at, hooked_at, claimed_by, claimed_at, cleared_at FROM alarm ORDER BY cleared_at IS NOT NULL, opened_at DESC, id DESC LIMIT +$1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    COUNT,
    ADD,
    MAILED,
    HOOKED,
    CLEAR,
    CLAIM_NOTED,
    CLAIM,
    ONE,
    OPEN,
    ALL,
];

/// Something about an alarm that is to be recorded. Each is recorded once, however often it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlarmNote {
    /// It began.
    Raised {
        /// Which.
        alarm: AlarmId,
        /// What is wrong.
        kind: AlarmKind,
        /// With what.
        subject: String,
        /// Since when.
        opened_at: Timestamp,
    },
    /// A person was told.
    Told {
        /// Of which.
        alarm: AlarmId,
        /// How.
        channel: AlarmChannel,
        /// When.
        told_at: Timestamp,
    },
    /// An operator took it on while it could not be recorded.
    Claimed {
        /// Which.
        alarm: AlarmId,
        /// The operator.
        who: String,
        /// When.
        at: Timestamp,
    },
    /// It is over.
    Cleared {
        /// Which.
        alarm: AlarmId,
        /// When.
        at: Timestamp,
    },
}

/// A claim on an alarm that may not be recorded yet, for whoever keeps the open ones.
#[derive(Debug)]
pub struct AlarmClaim {
    /// Which.
    pub alarm: AlarmId,
    /// The operator.
    pub who: String,
    /// What became of it.
    pub answer: oneshot::Sender<Result<(), NotActed>>,
}

/// An alarm as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmLine {
    /// Our id.
    pub alarm: AlarmId,
    /// What is wrong.
    pub kind: AlarmKind,
    /// With what.
    pub subject: String,
    /// Since when.
    pub opened_at: Timestamp,
    /// When the first person was told, by mail.
    pub mailed_at: Option<Timestamp>,
    /// When the second was, by the webhook.
    pub hooked_at: Option<Timestamp>,
    /// Who took it on, and when.
    pub claimed: Option<(String, Timestamp)>,
    /// When it was over.
    pub cleared_at: Option<Timestamp>,
}

/// Records what is noted, in its order.
pub(super) async fn record(tx: &mut Tx<'_>, notes: &[AlarmNote]) -> Result<(), Fault> {
    for note in notes {
        let mut actor = "daemon".to_owned();
        let (changed, fact) = match note {
            AlarmNote::Raised {
                alarm,
                kind,
                subject,
                opened_at,
            } => {
                let query = sqlx::query(ADD)
                    .bind(alarm.to_string())
                    .bind(kind.word())
                    .bind(subject)
                    .bind(opened_at.as_microsecond());
                let fact = Fact::AlarmRaised {
                    alarm: *alarm,
                    alarm_kind: *kind,
                    subject: subject.clone(),
                    opened_at: *opened_at,
                };
                (query.execute(tx.flushed().await?).await?, fact)
            }
            AlarmNote::Told {
                alarm,
                channel,
                told_at,
            } => {
                let statement = match channel {
                    AlarmChannel::Mail => MAILED,
                    AlarmChannel::Webhook => HOOKED,
                };
                let fact = Fact::AlarmTold {
                    alarm: *alarm,
                    channel: *channel,
                    told_at: *told_at,
                };
                (at(tx, statement, *alarm, *told_at).await?, fact)
            }
            AlarmNote::Claimed { alarm, who, at } => {
                let query = sqlx::query(CLAIM_NOTED)
                    .bind(alarm.to_string())
                    .bind(who)
                    .bind(at.as_microsecond());
                actor = operator_actor(who);
                let fact = Fact::AlarmClaimed { alarm: *alarm };
                (query.execute(tx.flushed().await?).await?, fact)
            }
            AlarmNote::Cleared { alarm, at: over } => {
                let fact = Fact::AlarmCleared { alarm: *alarm };
                (at(tx, CLEAR, *alarm, *over).await?, fact)
            }
        };
        if changed.rows_affected() > 0 {
            append(tx, &fact, &actor).await?;
        }
    }
    Ok(())
}

async fn at(
    tx: &mut Tx<'_>,
    statement: &'static str,
    alarm: AlarmId,
    at: Timestamp,
) -> Result<sqlx::sqlite::SqliteQueryResult, Fault> {
    let query = sqlx::query(statement)
        .bind(alarm.to_string())
        .bind(at.as_microsecond());
    Ok(query.execute(tx.flushed().await?).await?)
}

async fn append(tx: &mut Tx<'_>, fact: &Fact, actor: &str) -> Result<(), Fault> {
    let row = sqlx::query(COUNT)
        .bind(STREAM)
        .fetch_one(tx.flushed().await?)
        .await?;
    let mut stream = Stream {
        name: STREAM.to_owned(),
        count: row.try_get(0)?,
    };
    let by = By {
        actor: actor.to_owned(),
        force: None,
        basis: tx.basis(None).await?,
    };
    tx.append(&mut stream, fact, &by, None);
    Ok(())
}

/// An operator takes an alarm on: nobody else is told of it.
pub(super) async fn claim(
    tx: &mut Tx<'_>,
    alarm: AlarmId,
    operator: &str,
    actor: &str,
) -> Result<Result<Vec<NotificationId>, NotActed>, Fault> {
    let row = sqlx::query(ONE)
        .bind(alarm.to_string())
        .fetch_optional(tx.flushed().await?)
        .await?;
    let Some(row) = row else {
        return Ok(Err(NotActed::NotThere("alarm")));
    };
    let line = line(&row)?;
    if line.cleared_at.is_some() {
        return Ok(Err(NotActed::NotNow("it is over already")));
    }
    match line.claimed {
        Some((who, _)) if who == operator => Ok(Ok(Vec::new())),
        Some((who, at)) => Ok(Err(NotActed::Conflict {
            so: "somebody has taken it on",
            who,
            at,
        })),
        None => {
            sqlx::query(CLAIM)
                .bind(alarm.to_string())
                .bind(operator)
                .bind(tx.now.as_microsecond())
                .execute(tx.flushed().await?)
                .await?;
            append(tx, &Fact::AlarmClaimed { alarm }, actor).await?;
            Ok(Ok(Vec::new()))
        }
    }
}

fn line(row: &SqliteRow) -> Result<AlarmLine, Fault> {
    let at = |column| -> Result<Option<Timestamp>, Fault> {
        Ok(row.try_get::<Option<i64>, _>(column)?.map(instant))
    };
    let (id, kind): (String, String) = (row.try_get("id")?, row.try_get("kind")?);
    let who: Option<String> = row.try_get("claimed_by")?;
    Ok(AlarmLine {
        alarm: AlarmId::parse(&id).map_err(|_| Fault::Damaged("an alarm's id"))?,
        kind: AlarmKind::parse(&kind).ok_or(Fault::Damaged("an alarm's kind"))?,
        subject: row.try_get("subject")?,
        opened_at: instant(row.try_get("opened_at")?),
        mailed_at: at("mailed_at")?,
        hooked_at: at("hooked_at")?,
        claimed: who.zip(at("claimed_at")?),
        cleared_at: at("cleared_at")?,
    })
}

impl Readers {
    /// Alarms that are not over, longest open first.
    pub async fn list_open_alarms(&self) -> Result<Vec<AlarmLine>, NotStored> {
        let read = async {
            let rows = sqlx::query(OPEN).fetch_all(&self.pool).await?;
            rows.iter().map(line).collect()
        };
        stored(read.await)
    }

    /// Alarms, those not over first, latest first.
    pub async fn list_alarms(&self) -> Result<Vec<AlarmLine>, NotStored> {
        let read = async {
            let query = sqlx::query(ALL).bind(LINES_MAX);
            let rows = query.fetch_all(&self.pool).await?;
            rows.iter().map(line).collect()
        };
        stored(read.await)
    }

    /// One alarm.
    pub async fn show_alarm(&self, alarm: AlarmId) -> Result<Option<AlarmLine>, NotStored> {
        let read = async {
            let query = sqlx::query(ONE).bind(alarm.to_string());
            let row = query.fetch_optional(&self.pool).await?;
            row.as_ref().map(line).transpose()
        };
        stored(read.await)
    }
}
