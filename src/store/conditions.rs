//! What alarms are raised by, as far as the database knows it: cases with nobody to notify, calls that
//! nobody takes on, letters that wait for their route, and how attempts fared.

use super::acts::claims_since;
use super::carrying::LANE_LETTERS;
use super::cases::read_fact;
use super::tx::Fault;
use super::views::instant;
use super::{NotStored, Readers, stored};
use crate::referral::alarm::AlarmKind;
use crate::referral::attempt::{AttemptResult, Phase};
use crate::referral::fact::Fact;
use jiff::Timestamp;
use sqlx::Row;

/// Subjects of one kind that are told apart. A night with more is told by their number.
const SUBJECTS_MAX: i64 = 500;
/// Facts looked at in one step.
const FACTS_MAX: i64 = 2_000;

const NOBODY: &str = "SELECT id FROM notification WHERE live = 1 AND hold = 'nobody-to-notify' ORDER BY act_by, id LIMIT +$1";
const CALENDAR: &str = "SELECT n.id FROM notification n CROSS JOIN fact f ON f.stream = n.id AND f.kind = 'deadline_set' WHERE n.live = 1 AND n.assumed = 1 AND instr(CAST(f.body AS TEXT), '\"calendar-without-pupil-days\"') > 0 ORDER BY n.act_by, n.id LIMIT +$1";
const UNCLAIMED: &str = "SELECT id FROM task WHERE settled_at IS NULL AND kind = 'call_unclaimed' AND (claimed_at IS NULL OR claimed_at <= $2) ORDER BY wanted_by, id LIMIT +$1";
const CHOICE: &str = "SELECT notification FROM task WHERE settled_at IS NULL AND kind = 'choose_ending' AND wanted_by <= $3 AND (claimed_at IS NULL OR claimed_at <= $2) ORDER BY wanted_by, id LIMIT +$1";
const QUIET: &str = "SELECT force FROM task WHERE settled_at IS NULL AND kind = 'check_sender_quiet' AND claimed_at IS NULL ORDER BY wanted_by, id LIMIT +$1";
// From one route to the next by the index, and no further among its letters than to a second mailbox: it is
// asked every few seconds, most of all while tens of thousands wait.
const WAITING: &str = "SELECT r.route, (SELECT COUNT(*) FROM (SELECT DISTINCT l.contact FROM delivery d JOIN letter l ON l.id = d.letter JOIN notification n ON n.id = d.notification WHERE d.route = r.route AND d.state IN ('queued','in_doubt') AND d.quarantined = 0 AND d.lane = $2 AND (+d.not_before <= $1 OR d.attempts > 0) AND n.hold IS NULL LIMIT 2)), EXISTS (SELECT 1 FROM block b WHERE b.what = 'route' AND b.target = r.route AND b.lifted_at IS NULL AND b.since <= $1 AND (b.until IS NULL OR b.until > $1)) FROM (WITH RECURSIVE next(route) AS (SELECT MIN(route) FROM delivery WHERE state IN ('queued','in_doubt') AND quarantined = 0 UNION ALL SELECT (SELECT MIN(d.route) FROM delivery d WHERE d.state IN ('queued','in_doubt') AND d.quarantined = 0 AND d.route > next.route) FROM next WHERE next.route IS NOT NULL) SELECT route FROM next WHERE route IS NOT NULL) r";
const LAST_SEQ: &str = "SELECT COALESCE(MAX(seq), 0) FROM fact";
const AT_OF: &str = "SELECT at FROM fact WHERE seq = $1";
const ATTEMPTS: &str = "SELECT f.seq, f.kind, f.v, f.body, f.at, d.route FROM fact f LEFT JOIN delivery d ON d.id = json_extract(CAST(f.body AS TEXT), '$.delivery') WHERE f.seq > $1 AND f.seq <= $1 + $2 AND f.kind = 'attempt_ended' ORDER BY f.seq";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    NOBODY, CALENDAR, UNCLAIMED, CHOICE, QUIET, WAITING, LAST_SEQ, AT_OF, ATTEMPTS,
];

/// A route that letters wait for, due or tried before; notes, nudges and cases that wait for a person are
/// none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The route.
    pub route: String,
    /// Whether they are for more than one mailbox: what none of them takes is not one full mailbox.
    pub many: bool,
    /// Whether it is suspended now.
    pub suspended: bool,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptSeen {
    /// When.
    pub at: Timestamp,
    /// Over which route.
    pub route: String,
    /// Its outcome.
    pub result: AttemptResult,
    /// How far it came.
    pub phase: Phase,
}

impl Readers {
    /// What gives rise to alarms of this kind now; kinds that the database knows nothing of have none.
    pub async fn alarm_subjects(
        &self,
        kind: AlarmKind,
        now: Timestamp,
    ) -> Result<Vec<String>, NotStored> {
        let statement = match kind {
            AlarmKind::NobodyToNotify => NOBODY,
            AlarmKind::CalendarWithoutPupilDays => CALENDAR,
            AlarmKind::CallUnclaimed => UNCLAIMED,
            AlarmKind::ChoiceWaits => CHOICE,
            AlarmKind::SenderQuiet => QUIET,
            AlarmKind::StoreNotCommitting
            | AlarmKind::IntakeRefusing
            | AlarmKind::EveryRouteDown
            | AlarmKind::RouteDown
            | AlarmKind::Clock
            | AlarmKind::KeyExpired
            | AlarmKind::CertificateLastDays
            | AlarmKind::CertificateExpiring
            | AlarmKind::StuckTimer
            | AlarmKind::StuckDelivery
            | AlarmKind::StuckLease
            | AlarmKind::StuckInbound
            | AlarmKind::MailboxUnread
            | AlarmKind::StageStalled
            | AlarmKind::CallsOverCapacity
            | AlarmKind::CallsExpected => return Ok(Vec::new()),
        };
        let read = async {
            let query = sqlx::query(statement).bind(SUBJECTS_MAX);
            let query = if statement == CHOICE || statement == UNCLAIMED {
                query.bind(claims_since(now).as_microsecond())
            } else {
                query
            };
            let query = if statement == CHOICE {
                query.bind(now.as_microsecond())
            } else {
                query
            };
            let rows = query.fetch_all(&self.pool).await?;
            let subject = |row: &sqlx::sqlite::SqliteRow| Ok(row.try_get(0)?);
            rows.iter().map(subject).collect::<Result<Vec<_>, Fault>>()
        };
        stored(read.await)
    }

    /// The routes that letters wait for.
    pub async fn letters_waiting(&self, now: Timestamp) -> Result<Vec<Waiting>, NotStored> {
        let read = async {
            let query = sqlx::query(WAITING)
                .bind(now.as_microsecond())
                .bind(LANE_LETTERS);
            let rows = query.fetch_all(&self.pool).await?;
            let mut waiting = Vec::new();
            for row in &rows {
                let mailboxes: i64 = row.try_get(1)?;
                if mailboxes > 0 {
                    waiting.push(Waiting {
                        route: row.try_get(0)?,
                        many: mailboxes > 1,
                        suspended: row.try_get(2)?,
                    });
                }
            }
            Ok::<_, Fault>(waiting)
        };
        stored(read.await)
    }

    /// When the last fact was recorded.
    pub async fn last_fact_at(&self) -> Result<Option<Timestamp>, NotStored> {
        let read = async {
            let last = sqlx::query(LAST_SEQ).fetch_one(&self.pool).await?;
            let row = sqlx::query(AT_OF).bind(last.try_get::<i64, _>(0)?);
            let row = row.fetch_optional(&self.pool).await?;
            let at = row.map(|row| row.try_get::<i64, _>(0)).transpose()?;
            Ok::<_, Fault>(at.map(instant))
        };
        stored(read.await)
    }

    /// The place of the first fact at or after this instant: facts stand in the order of time, but for
    /// a clock that stepped back.
    pub async fn fact_place(&self, at: Timestamp) -> Result<i64, NotStored> {
        let read = async {
            let last = sqlx::query(LAST_SEQ).fetch_one(&self.pool).await?;
            let (mut low, mut high) = (0_i64, last.try_get::<i64, _>(0)?);
            while low < high {
                let middle = low + (high - low) / 2;
                let row = sqlx::query(AT_OF).bind(middle + 1);
                let row = row.fetch_optional(&self.pool).await?;
                let earlier = match row {
                    Some(row) => row.try_get::<i64, _>(0)? < at.as_microsecond(),
                    None => false,
                };
                if earlier {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            Ok::<_, Fault>(low)
        };
        stored(read.await)
    }

    /// Attempts that ended behind this place among all facts, at most so many facts on, and the place
    /// to go on from.
    pub async fn attempts_since(&self, seq: i64) -> Result<(Vec<AttemptSeen>, i64), NotStored> {
        let read = async {
            let last = sqlx::query(LAST_SEQ).fetch_one(&self.pool).await?;
            let last: i64 = last.try_get(0)?;
            let rows = sqlx::query(ATTEMPTS)
                .bind(seq)
                .bind(FACTS_MAX)
                .fetch_all(&self.pool)
                .await?;
            let mut seen = Vec::new();
            for row in &rows {
                let route: Option<String> = row.try_get("route")?;
                if let (Fact::AttemptEnded { result, phase, .. }, Some(route)) =
                    (read_fact(row)?, route)
                {
                    seen.push(AttemptSeen {
                        at: instant(row.try_get("at")?),
                        route,
                        result,
                        phase,
                    });
                }
            }
            Ok::<_, Fault>((seen, last.min(seq.saturating_add(FACTS_MAX)).max(seq)))
        };
        stored(read.await)
    }
}
