//! Figures: what is counted for metrics. Gauges are asked for, totals are followed fact by fact, so that
//! neither reads the whole history.

use super::cases::read_fact;
use super::tx::Fault;
use super::{NotStored, Readers, open, stored};
use crate::referral::alarm::AlarmKind;
use crate::referral::answer::Verdict;
use crate::referral::attempt::AttemptResult;
use crate::referral::fact::{Fact, TaskKind};
use crate::referral::report::Action;
use crate::referral::state::Word;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Facts followed in one step.
const FACTS_MAX: i64 = 2_000;
/// Mails followed in one step.
const MAILS_MAX: i64 = 500;
/// A mail that is not settled after so long does not keep later ones from being counted.
const UNSETTLED_MAX_US: i64 = 600_000_000;
/// The hours within which what falls due is counted.
pub const DUE_WITHIN_HOURS: [i64; 4] = [1, 4, 12, 24];
const HOUR_US: i64 = 3_600_000_000;

const STATES: &str = "SELECT word, COUNT(*) FROM notification WHERE live = 1 GROUP BY word";
const DUE: &str =
    "SELECT COUNT(*) FROM notification WHERE live = 1 AND act_by > $1 AND act_by <= $2";
const OVERDUE: &str = "SELECT COUNT(*) FROM notification WHERE live = 1 AND act_by <= $1";
const TASKS: &str = "SELECT kind, COUNT(*) FROM task WHERE settled_at IS NULL GROUP BY kind";
const ALARMS: &str = "SELECT kind, COUNT(*) FROM alarm WHERE cleared_at IS NULL GROUP BY kind";
const ROUTES: &str = "SELECT route, COUNT(*), MIN(not_before), MIN(last_safe_at) FROM delivery WHERE state IN ('queued','in_doubt') AND quarantined = 0 GROUP BY route";
const LEASES: &str = "SELECT COUNT(*) FROM delivery WHERE state = 'sending'";
const LAST: &str = "SELECT COALESCE(MAX(seq), 0) FROM fact";
const LAST_MAIL: &str = "SELECT COALESCE(MAX(rowid), 0) FROM inbound";
const MAILS: &str = "SELECT rowid, kind, settled_at, received_at FROM inbound WHERE rowid > $1 ORDER BY rowid LIMIT +$2";
/// Whether a fact is the first of what it proves about its notification.
const FACTS: &str = "SELECT f.kind, f.v, f.body, f.at, n.accepted_at, d.route, \
     CASE f.kind \
       WHEN 'attempt_ended' THEN NOT EXISTS (SELECT 1 FROM fact g WHERE g.stream = f.stream AND g.n < f.n AND g.kind = 'attempt_ended' AND json_extract(CAST(g.body AS TEXT), '$.result') = 'done') \
       WHEN 'report_received' THEN NOT EXISTS (SELECT 1 FROM fact g WHERE g.stream = f.stream AND g.n < f.n AND g.kind = 'report_received' AND json_extract(CAST(g.body AS TEXT), '$.action') = 'delivered') \
       ELSE NOT EXISTS (SELECT 1 FROM fact g WHERE g.stream = f.stream AND g.n < f.n AND g.kind IN ('answer_believed','told')) \
     END AS first \
     FROM fact f LEFT JOIN notification n ON n.id = f.stream LEFT JOIN delivery d ON d.id = json_extract(CAST(f.body AS TEXT), '$.delivery') \
     WHERE f.seq > $1 AND f.seq <= $1 + $2 AND f.kind IN ('referral_accepted','intake_refused','attempt_ended','report_received','answer_believed','told') ORDER BY f.seq";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    STATES, DUE, OVERDUE, TASKS, ALARMS, ROUTES, LEASES, LAST, LAST_MAIL, MAILS, FACTS,
];

/// What waits for a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteFigures {
    /// Letters that wait.
    pub waiting: i64,
    /// Since when the first of them is due; it may be ahead.
    pub due_since: Option<Timestamp>,
    /// The soonest last safe moment for mail among them.
    pub last_safe_at: Option<Timestamp>,
}

/// What stands now. Every word of a list is there, at nought if nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Live notifications by their word.
    pub states: BTreeMap<String, i64>,
    /// Live notifications by the hours within which they are due: [`DUE_WITHIN_HOURS`].
    pub due_within: Vec<(i64, i64)>,
    /// Live notifications past their act-by.
    pub overdue: i64,
    /// Open tasks by kind.
    pub tasks: BTreeMap<String, i64>,
    /// Open alarms by kind, with their severity.
    pub alarms: BTreeMap<(String, &'static str), i64>,
    /// What waits, by route.
    pub routes: BTreeMap<String, RouteFigures>,
    /// Attempts under way.
    pub leases: i64,
}

/// Something that is counted once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// A referral was accepted.
    Accepted,
    /// A post was refused with this status, and kept.
    Refused(u32),
    /// An attempt ended.
    Attempt {
        /// Over which route.
        route: String,
        /// Its outcome.
        result: &'static str,
        /// The enhanced status code.
        enhanced: Option<String>,
    },
    /// A letter was handed over for the first time, so long after acceptance.
    HandedOver(Duration),
    /// A report said for the first time that it was delivered.
    Delivered(Duration),
    /// A person answered, or was told, for the first time.
    Answered(Duration),
    /// A mail came back and was read as this.
    Inbound(String),
}

/// The places up to which facts and mails were followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    facts: i64,
    mails: i64,
}

impl Readers {
    /// What stands now.
    pub async fn figures(&self, now: Timestamp) -> Result<Figures, NotStored> {
        stored(self.count_figures(now).await)
    }

    async fn count_figures(&self, now: Timestamp) -> Result<Figures, Fault> {
        let at = now.as_microsecond();
        let mut figures = Figures {
            states: self.counted(STATES, Word::WORDS).await?,
            tasks: self.counted(TASKS, TaskKind::WORDS).await?,
            leases: self.one(LEASES).await?,
            ..Figures::default()
        };
        let alarms = self.counted(ALARMS, AlarmKind::WORDS).await?;
        figures.alarms = alarms
            .into_iter()
            .map(|(kind, count)| {
                let severity = AlarmKind::parse(&kind).map_or("", |kind| kind.severity().word());
                ((kind, severity), count)
            })
            .collect();
        for hours in DUE_WITHIN_HOURS {
            let until = at.saturating_add(hours.saturating_mul(HOUR_US));
            let query = sqlx::query(DUE).bind(at).bind(until);
            let row = query.fetch_one(&self.pool).await?;
            figures.due_within.push((hours, row.try_get(0)?));
        }
        let row = sqlx::query(OVERDUE).bind(at).fetch_one(&self.pool).await?;
        figures.overdue = row.try_get(0)?;
        for row in sqlx::query(ROUTES).fetch_all(&self.pool).await? {
            let instant = |at: Option<i64>| at.and_then(|at| Timestamp::from_microsecond(at).ok());
            let route = RouteFigures {
                waiting: row.try_get(1)?,
                due_since: instant(row.try_get(2)?),
                last_safe_at: instant(row.try_get(3)?),
            };
            figures.routes.insert(row.try_get(0)?, route);
        }
        Ok(figures)
    }

    async fn one(&self, statement: &'static str) -> Result<i64, Fault> {
        Ok(sqlx::query(statement)
            .fetch_one(&self.pool)
            .await?
            .try_get(0)?)
    }

    /// Counts by word; a word that is not of the list is not shown.
    async fn counted(
        &self,
        statement: &'static str,
        words: &[&str],
    ) -> Result<BTreeMap<String, i64>, Fault> {
        let mut counted: BTreeMap<String, i64> =
            words.iter().map(|word| ((*word).to_owned(), 0)).collect();
        for row in sqlx::query(statement).fetch_all(&self.pool).await? {
            let word: String = row.try_get(0)?;
            if let Some(count) = counted.get_mut(&word) {
                *count = row.try_get(1)?;
            }
        }
        Ok(counted)
    }

    /// Where following begins: what happened before is not counted.
    pub async fn follow_from_now(&self) -> Result<Followed, NotStored> {
        let read = async {
            Ok::<_, Fault>(Followed {
                facts: self.one(LAST).await?,
                mails: self.one(LAST_MAIL).await?,
            })
        };
        stored(read.await)
    }

    /// What happened since, as much as fits into one step, and where to go on. The same place twice:
    /// there is no more.
    pub async fn follow(
        &self,
        from: Followed,
        now: Timestamp,
    ) -> Result<(Vec<Happened>, Followed), NotStored> {
        let read = async {
            let mut happened = Vec::new();
            let last = self.one(LAST).await?;
            let query = sqlx::query(FACTS).bind(from.facts).bind(FACTS_MAX);
            for row in query.fetch_all(&self.pool).await? {
                happened.extend(happened_in(&row)?);
            }
            let facts = last.min(from.facts.saturating_add(FACTS_MAX));
            let mut mails = from.mails;
            let query = sqlx::query(MAILS).bind(mails).bind(MAILS_MAX);
            for row in query.fetch_all(&self.pool).await? {
                let settled: Option<i64> = row.try_get("settled_at")?;
                let received: i64 = row.try_get("received_at")?;
                let age = now.as_microsecond().saturating_sub(received);
                if settled.is_none() && age < UNSETTLED_MAX_US {
                    break;
                }
                let kind: Option<String> = row.try_get("kind")?;
                happened.push(Happened::Inbound(kind.unwrap_or_else(|| "none".to_owned())));
                mails = row.try_get("rowid")?;
            }
            let facts = facts.max(from.facts);
            Ok::<_, Fault>((happened, Followed { facts, mails }))
        };
        stored(read.await)
    }
}

fn happened_in(row: &SqliteRow) -> Result<Vec<Happened>, Fault> {
    let accepted: Option<i64> = row.try_get("accepted_at")?;
    let at: i64 = row.try_get("at")?;
    let first: bool = row.try_get("first")?;
    let after = || {
        let accepted = accepted.filter(|_| first)?;
        let gone = u64::try_from(at.saturating_sub(accepted)).unwrap_or(0);
        Some(Duration::from_micros(gone))
    };
    let fact = read_fact(row)?;
    let Fact::AttemptEnded {
        result, enhanced, ..
    } = &fact
    else {
        return Ok(Vec::from_iter(once(&fact, after)));
    };
    let route: Option<String> = row.try_get("route")?;
    let attempt = Happened::Attempt {
        route: route.unwrap_or_default(),
        result: result.word(),
        enhanced: enhanced.clone(),
    };
    let done = *result == AttemptResult::Done;
    let handed_over = if done { after() } else { None };
    Ok(std::iter::once(attempt)
        .chain(handed_over.map(Happened::HandedOver))
        .collect())
}

/// What a fact other than an attempt's end counts as.
fn once(fact: &Fact, after: impl Fn() -> Option<Duration>) -> Option<Happened> {
    if let Fact::ReferralAccepted { .. } = fact {
        return Some(Happened::Accepted);
    }
    if let Fact::IntakeRefused { status, .. } = fact {
        return Some(Happened::Refused(*status));
    }
    if let Fact::ReportReceived { action, .. } = fact {
        return after()
            .filter(|_| *action == Action::Delivered)
            .map(Happened::Delivered);
    }
    let answered = matches!(
        fact,
        Fact::Told { .. }
            | Fact::AnswerBelieved {
                verdict: Verdict::Received,
                ..
            }
    );
    after().filter(|_| answered).map(Happened::Answered)
}

/// The sizes of the database and of its write-ahead log, bytes.
pub fn file_sizes(state_dir: &Path) -> (u64, u64) {
    let database = open::database(state_dir);
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |about| about.len());
    (size(&database), size(Path::new(&log)))
}
