//! Reading: what forces and operators may see. Nothing personal is opened here.

use super::cases::{read_fact, stream_of};
use super::lines::{
    LetterLine, LiveLine, QueueLine, ReferralLine, Stuck, TaskLine, Trace, TraceLine,
};
use super::tx::Fault;
use super::{NotificationView, Readers, ReferralView};
use crate::referral::ahead::Ahead;
use crate::referral::fact::{Fact, TaskKind};
use crate::referral::fold::{Case, fold};
use crate::referral::id::{NotificationId, ReferralId};
use crate::referral::plan::Target;
use crate::referral::post::ForceName;
use crate::referral::school::Urn;
use crate::referral::state::Proof;
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

const REFERRAL: &str =
    "SELECT referral_id, received_at, duplicate_of, force FROM referral WHERE id = $1";
const NOTIFICATIONS: &str = "SELECT n.id, c.child_ref FROM notification n JOIN child c ON c.id = n.child WHERE n.referral = $1 ORDER BY n.id";
const NOTIFICATION: &str = "SELECT n.force, c.child_ref FROM notification n JOIN child c ON c.id = n.child WHERE n.id = $1";
const FACTS: &str = "SELECT kind, v, body FROM fact WHERE stream = $1 ORDER BY n";
const LIST: &str = "SELECT id, referral_id, force, received_at, ended, duplicate_of, (SELECT COUNT(*) FROM notification n WHERE n.referral = r.id) AS notifications FROM referral r WHERE ($1 IS NULL OR force = $1) ORDER BY received_at DESC, id DESC LIMIT +$2";
const QUEUE: &str = "SELECT d.id, d.notification, n.urn, d.route, d.state, d.not_before, d.last_safe_at, d.attempts, d.quarantined FROM delivery d LEFT JOIN notification n ON n.id = d.notification WHERE d.rowid IN (SELECT rowid FROM delivery WHERE state IN ('queued','in_doubt') AND quarantined = 0 UNION ALL SELECT rowid FROM delivery WHERE state = 'sending' AND quarantined = 0 UNION ALL SELECT rowid FROM delivery WHERE state = 'held' OR quarantined = 1) ORDER BY d.last_safe_at, d.id LIMIT +$1";
const LIVE: &str = "SELECT id, force, reference, target, urn, duty, hold, reading, proof, step, due_at, act_by, next_at, next_what FROM notification WHERE live = 1 ORDER BY act_by, id LIMIT +$1";
const LIVE_OF: &str = "SELECT id, force, reference, target, urn, duty, hold, reading, proof, step, due_at, act_by, next_at, next_what FROM notification WHERE live = 1 AND urn = $1 ORDER BY act_by, id LIMIT +$2";
macro_rules! tasks {
    ($rest:expr) => {
        concat!("SELECT t.id, t.kind, t.notification, t.subject, t.force, t.opened_at, t.wanted_by, t.claimed_by, t.claimed_at, i.id AS reply, i.received_at AS reply_at FROM task t LEFT JOIN inbound i ON t.kind IN ('read_reply','check_sender') AND i.id = COALESCE((SELECT a.id FROM inbound a WHERE a.id = t.subject AND a.read_by IS NULL), (SELECT MIN(b.id) FROM inbound b WHERE b.notification = t.notification AND b.read_by IS NULL)) WHERE t.settled_at IS NULL ", $rest)
    };
}
const TASKS: &str = tasks!("ORDER BY t.wanted_by, t.id LIMIT +$1");
const TASKS_OF: &str = tasks!("AND t.kind = $2 ORDER BY t.wanted_by, t.id LIMIT +$1");
const SHOW: &str = "SELECT n.id, n.reference, n.force, n.referral, n.child, c.child_ref, n.basis, n.accepted_at, n.next_at, n.next_what, r.duplicate_of FROM notification n JOIN child c ON c.id = n.child JOIN referral r ON r.id = n.referral WHERE n.id = $1";
const TRACE: &str =
    "SELECT seq, n, kind, v, at, actor, body FROM fact WHERE stream = $1 ORDER BY n";
const LETTERS: &str = "SELECT id, contact, directory_version, message_id, bytes_digest, signer, signed_at FROM letter WHERE notification = $1 ORDER BY id";
const NEXT_TIMER: &str = "SELECT MIN(next_at) FROM notification WHERE live = 1";
// A delivery is stuck that its route does not get to: past its time while nothing goes over the route, though
// no relay was just found away and nobody suspended it; or never tried while a less urgent one was. What
// waits its turn, behind others, a long attempt or a relay that takes little, is not. Notes give way to letters
// for an hour. Timers, deliveries, attempts, mails that came back.
const STUCK: &str = "WITH served(route, furthest) AS MATERIALIZED (SELECT s.route, MAX(s.furthest) FROM (SELECT d.route AS route, IIF(a.n = 1 AND d.lane = 0, d.last_safe_at, 0) AS furthest FROM attempt a CROSS JOIN delivery d ON d.id = a.delivery WHERE a.started_at >= $1 UNION ALL SELECT d.route, 0 FROM attempt a CROSS JOIN delivery d ON d.id = a.delivery WHERE a.ended_at IS NULL) s GROUP BY s.route) SELECT (SELECT COUNT(*) FROM notification WHERE live = 1 AND (next_at IS NULL OR next_at < $1 OR next_what = 'damaged')), (SELECT COUNT(*) FROM delivery d JOIN letter l ON l.id = d.letter JOIN notification n ON n.id = d.notification LEFT JOIN served s ON s.route = d.route WHERE d.state IN ('queued','in_doubt') AND d.quarantined = 0 AND d.not_before < $1 - IIF(d.lane = 0, 0, 3900000000) AND (s.route IS NULL OR d.lane = 0 AND d.attempts = 0 AND s.furthest > d.last_safe_at) AND (n.hold IS NULL OR l.kind <> 'notification') AND d.route NOT IN (SELECT away.route FROM route_away away WHERE away.seen_at >= $2) AND d.route NOT IN (SELECT b.target FROM block b WHERE b.what = 'route' AND b.lifted_at IS NULL AND b.since <= $1 AND (b.until IS NULL OR b.until > $1))), (SELECT COUNT(*) FROM attempt a JOIN delivery d ON d.id = a.delivery WHERE d.state = 'sending' AND a.ended_at IS NULL AND a.started_at < $2), (SELECT COUNT(*) FROM inbound WHERE settled_at IS NULL AND received_at < $1)";
const BEAT: &str = "SELECT n FROM heartbeat WHERE one = 1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    REFERRAL,
    NOTIFICATIONS,
    NOTIFICATION,
    FACTS,
    LIST,
    QUEUE,
    LIVE,
    LIVE_OF,
    TASKS,
    TASKS_OF,
    SHOW,
    TRACE,
    LETTERS,
    NEXT_TIMER,
    STUCK,
    BEAT,
];

/// A notification as its force may see it.
pub(super) fn notification_view(
    case: &Case,
    child_ref: String,
    now: Timestamp,
) -> NotificationView {
    let hold = case.hold.map(|hold| hold.reason.word().to_owned());
    let reasons = case.reasons.iter().map(|reason| reason.word().to_owned());
    NotificationView {
        id: case.notification,
        child_ref,
        urn: match case.target {
            Target::School(urn) => Some(urn),
            Target::Authority(_) | Target::Unrouted => None,
        },
        state: case.word(now).word(),
        reasons: hold.into_iter().chain(reasons).collect(),
        will_happen: case
            .will_happen(now)
            .map(|hold| (hold.will_happen, hold.at)),
        due_at: case.due_at,
        act_by: case.act_by,
        due_reasons: case.due_reasons.clone(),
        route: case.contacts.first().map(|(_, _, route)| route.clone()),
    }
}

/// A referral; of any force when `force` is none. A linked one shows the notifications of the first.
pub(super) async fn referral_view(
    connection: &mut SqliteConnection,
    force: Option<&ForceName>,
    id: ReferralId,
    now: Timestamp,
) -> Result<Option<ReferralView>, Fault> {
    let row = sqlx::query(REFERRAL)
        .bind(id.to_string())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let owner: String = row.try_get("force")?;
    if force.is_some_and(|force| force.as_str() != owner) {
        return Ok(None);
    }
    let duplicate_of: Option<String> = row.try_get("duplicate_of")?;
    let duplicate_of = duplicate_of.and_then(|text| ReferralId::parse(&text).ok());
    let shown = duplicate_of.unwrap_or(id).to_string();
    let rows = sqlx::query(NOTIFICATIONS)
        .bind(shown)
        .fetch_all(&mut *connection)
        .await?;
    let mut notifications = Vec::new();
    for row in rows {
        let id: String = row.try_get("id")?;
        let id = NotificationId::parse(&id).map_err(|_| Fault::Damaged("a notification's id"))?;
        let case = case(connection, id).await?;
        notifications.push(notification_view(&case, row.try_get("child_ref")?, now));
    }
    Ok(Some(ReferralView {
        id,
        referral_id: row.try_get("referral_id")?,
        received_at: instant(row.try_get("received_at")?),
        duplicate_of,
        notifications,
    }))
}

async fn facts(connection: &mut SqliteConnection, id: NotificationId) -> Result<Vec<Fact>, Fault> {
    let rows = sqlx::query(FACTS)
        .bind(stream_of(id))
        .fetch_all(connection)
        .await?;
    rows.iter().map(read_fact).collect()
}

pub(super) async fn case(
    connection: &mut SqliteConnection,
    id: NotificationId,
) -> Result<Case, Fault> {
    let facts = facts(connection, id).await?;
    fold(&facts).map_err(|_| Fault::Damaged("facts of a notification"))
}

/// What a case says for itself whose record is damaged: it is shown, and hides no other.
pub const DAMAGED: &str = "damaged";

/// None where the record is damaged; what else went wrong still is.
pub(super) fn readable<T>(read: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match read {
        Ok(case) => Ok(Some(case)),
        Err(Fault::Damaged(_)) => Ok(None),
        Err(fault @ (Fault::Sql(_) | Fault::Vault(_))) => Err(fault),
    }
}

pub(super) fn instant(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Lists are cut here; whoever needs more narrows the question.
const LINES_MAX: i64 = 1_000;

/// A live notification as its facts tell it, or as its row does where they do not.
fn live_line(
    row: &SqliteRow,
    notification: NotificationId,
    case: Option<&Case>,
    now: Timestamp,
) -> Result<LiveLine, Fault> {
    let next_at: Option<i64> = row.try_get("next_at")?;
    let proof: String = row.try_get("proof")?;
    let proof = Proof::parse(&proof).unwrap_or(Proof::None);
    let (due_at, act_by) = (row.try_get("due_at")?, instant(row.try_get("act_by")?));
    Ok(LiveLine {
        notification,
        force: row.try_get("force")?,
        reference: row.try_get("reference")?,
        state: case.map_or(DAMAGED, |case| case.word(now).word()),
        urn: row.try_get("urn")?,
        hold: row.try_get("hold")?,
        proof: case.map_or(proof, Case::proof).word(),
        due_at: case.map_or(instant(due_at), |case| case.due_at),
        act_by: case.map_or(act_by, |case| case.act_by),
        ahead: case.map_or_else(|| Ahead::unknown(act_by, now), |case| Ahead::of(case, now)),
        next_at: next_at.map(instant),
        next_what: row.try_get("next_what")?,
    })
}

fn task_line(row: &SqliteRow) -> Result<TaskLine, Fault> {
    let who_and_when = |who, at| -> Result<Option<(String, Timestamp)>, Fault> {
        let who: Option<String> = row.try_get(who)?;
        let at: Option<i64> = row.try_get(at)?;
        Ok(who.zip(at.map(instant)))
    };
    Ok(TaskLine {
        task: row.try_get("id")?,
        kind: row.try_get("kind")?,
        notification: row.try_get("notification")?,
        subject: row.try_get("subject")?,
        force: row.try_get("force")?,
        opened_at: instant(row.try_get("opened_at")?),
        wanted_by: instant(row.try_get("wanted_by")?),
        claimed: who_and_when("claimed_by", "claimed_at")?,
        reply: who_and_when("reply", "reply_at")?,
    })
}

impl Readers {
    /// Referrals, newest first.
    pub(super) async fn referrals(&self, force: Option<&str>) -> Result<Vec<ReferralLine>, Fault> {
        let query = sqlx::query(LIST).bind(force).bind(LINES_MAX);
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let ended: Option<String> = row.try_get("ended")?;
                Ok(ReferralLine {
                    id: row.try_get("id")?,
                    referral_id: row.try_get("referral_id")?,
                    force: row.try_get("force")?,
                    received_at: instant(row.try_get("received_at")?),
                    state: ended.unwrap_or_else(|| "live".to_owned()),
                    duplicate_of: row.try_get("duplicate_of")?,
                    notifications: row.try_get("notifications")?,
                })
            })
            .collect()
    }

    /// Deliveries that wait, soonest last safe moment first.
    pub(super) async fn queue(&self) -> Result<Vec<QueueLine>, Fault> {
        let rows = sqlx::query(QUEUE)
            .bind(LINES_MAX)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let last_safe_at: Option<i64> = row.try_get("last_safe_at")?;
                Ok(QueueLine {
                    delivery: row.try_get("id")?,
                    notification: row.try_get("notification")?,
                    urn: row.try_get("urn")?,
                    route: row.try_get("route")?,
                    state: row.try_get("state")?,
                    not_before: instant(row.try_get("not_before")?),
                    last_safe_at: last_safe_at.map(instant),
                    attempts: row.try_get("attempts")?,
                    quarantined: row.try_get("quarantined")?,
                })
            })
            .collect()
    }

    /// Live notifications, soonest act-by first.
    pub(super) async fn live(&self, now: Timestamp) -> Result<Vec<LiveLine>, Fault> {
        let rows = sqlx::query(LIVE)
            .bind(LINES_MAX)
            .fetch_all(&self.pool)
            .await?;
        self.live_lines(&rows, now).await
    }

    /// Live notifications of one school, soonest act-by first.
    pub(super) async fn live_of(&self, urn: Urn, now: Timestamp) -> Result<Vec<LiveLine>, Fault> {
        let rows = sqlx::query(LIVE_OF)
            .bind(urn.to_string())
            .bind(LINES_MAX)
            .fetch_all(&self.pool)
            .await?;
        self.live_lines(&rows, now).await
    }

    async fn live_lines(&self, rows: &[SqliteRow], now: Timestamp) -> Result<Vec<LiveLine>, Fault> {
        let mut lines = Vec::new();
        for row in rows {
            let id: String = row.try_get("id")?;
            let id =
                NotificationId::parse(&id).map_err(|_| Fault::Damaged("a notification's id"))?;
            let mut connection = self.pool.acquire().await?;
            let case = readable(case(&mut connection, id).await)?;
            lines.push(live_line(row, id, case.as_ref(), now)?);
        }
        Ok(lines)
    }

    /// Open tasks, or those of one kind, soonest wanted first.
    pub(super) async fn tasks(&self, kind: Option<TaskKind>) -> Result<Vec<TaskLine>, Fault> {
        let query = match kind {
            Some(kind) => sqlx::query(TASKS_OF).bind(LINES_MAX).bind(kind.word()),
            None => sqlx::query(TASKS).bind(LINES_MAX),
        };
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(task_line).collect()
    }

    /// All that happened to a notification.
    pub(super) async fn trace(
        &self,
        id: NotificationId,
        now: Timestamp,
    ) -> Result<Option<Trace>, Fault> {
        let row = sqlx::query(SHOW)
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let rows = sqlx::query(TRACE)
            .bind(stream_of(id))
            .fetch_all(&self.pool)
            .await?;
        let facts = rows
            .iter()
            .map(|row| {
                Ok(TraceLine {
                    seq: row.try_get("seq")?,
                    at: instant(row.try_get("at")?),
                    actor: row.try_get("actor")?,
                    fact: read_fact(row)?,
                })
            })
            .collect::<Result<Vec<_>, Fault>>()?;
        let case = fold(facts.iter().map(|line| &line.fact));
        let case = case.map_err(|_| Fault::Damaged("facts of a notification"))?;
        Ok(Some(Trace {
            reference: row.try_get("reference")?,
            force: row.try_get("force")?,
            child_ref: row.try_get("child_ref")?,
            accepted_at: instant(row.try_get("accepted_at")?),
            state: case.word(now).word(),
            timer: case.timer(now),
            letters: self.letters(id).await?,
            case,
            facts,
        }))
    }

    async fn letters(&self, id: NotificationId) -> Result<Vec<LetterLine>, Fault> {
        let rows = sqlx::query(LETTERS)
            .bind(id.to_string())
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let digest: Option<Vec<u8>> = row.try_get("bytes_digest")?;
                let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                let signed_at: Option<i64> = row.try_get("signed_at")?;
                Ok(LetterLine {
                    letter: row.try_get("id")?,
                    contact: row.try_get("contact")?,
                    directory_version: row.try_get("directory_version")?,
                    bytes_digest: digest.map(hex),
                    signer: row.try_get("signer")?,
                    signed_at: signed_at.map(instant),
                })
            })
            .collect()
    }

    /// A referral, of one force or of any.
    pub(super) async fn referral(
        &self,
        force: Option<&ForceName>,
        id: ReferralId,
        now: Timestamp,
    ) -> Result<Option<ReferralView>, Fault> {
        let mut connection = self.pool.acquire().await?;
        referral_view(&mut connection, force, id, now).await
    }

    /// A notification of this force.
    pub(super) async fn notification(
        &self,
        force: &ForceName,
        id: NotificationId,
        now: Timestamp,
    ) -> Result<Option<NotificationView>, Fault> {
        let row = sqlx::query(NOTIFICATION)
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let owner: String = row.try_get("force")?;
        if owner != force.as_str() {
            return Ok(None);
        }
        let mut connection = self.pool.acquire().await?;
        let case = case(&mut connection, id).await?;
        Ok(Some(notification_view(
            &case,
            row.try_get("child_ref")?,
            now,
        )))
    }

    /// When the next timer is due.
    pub(super) async fn next_timer(&self) -> Result<Option<Timestamp>, Fault> {
        let row = sqlx::query(NEXT_TIMER).fetch_one(&self.pool).await?;
        Ok(row.try_get::<Option<i64>, _>(0)?.map(instant))
    }

    /// Work past its time: due before `before`, or claimed before `claimed_before` and not ended.
    pub(super) async fn stuck(
        &self,
        before: Timestamp,
        claimed_before: Timestamp,
    ) -> Result<Stuck, Fault> {
        let row = sqlx::query(STUCK)
            .bind(before.as_microsecond())
            .bind(claimed_before.as_microsecond())
            .fetch_one(&self.pool)
            .await?;
        Ok(Stuck {
            timers: row.try_get(0)?,
            deliveries: row.try_get(1)?,
            attempts: row.try_get(2)?,
            inbound: row.try_get(3)?,
        })
    }

    /// The heartbeat as it stands on disk.
    pub(super) async fn heartbeat(&self) -> Result<i64, Fault> {
        Ok(sqlx::query(BEAT).fetch_one(&self.pool).await?.try_get(0)?)
    }
}
