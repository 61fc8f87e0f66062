//! Routes: which are suspended, what waits on each, and when the next of it is due.
//!
//! A suspension narrows, so it stands outside the directory's versions and takes effect at once. It ends
//! by itself when its time is up: nobody has to be there for that.

use super::tx::{By, Fault, Stream, Tx};
use super::views::instant;
use super::writer::Command;
use super::{NotStored, Readers, Store, stored};
use crate::referral::fact::Fact;
use crate::referral::id::ItemId;
use crate::referral::route::SuspendReason;
use crate::referral::school::RouteName;
use jiff::Timestamp;
use sqlx::Row;

const SUSPENDED: &str = "SELECT 1 FROM block WHERE what = 'route' AND target = $1 AND lifted_at IS NULL AND since <= $2 AND (until IS NULL OR until > $2) LIMIT 1";
// A route that is suspended is looked at again when that ends; one that is suspended until somebody says so, never.
const NEXT_DUES: &str = "SELECT max((SELECT MIN(not_before) FROM (SELECT * FROM (SELECT d.not_before FROM delivery d JOIN letter l ON l.id = d.letter JOIN notification n ON n.id = d.notification WHERE d.route = r.value AND d.state IN ('queued','in_doubt') AND d.quarantined = 0 AND d.attempts = 0 AND (n.hold IS NULL OR l.kind <> 'notification') ORDER BY d.not_before LIMIT 1) UNION ALL SELECT * FROM (SELECT d.not_before FROM delivery d JOIN letter l ON l.id = d.letter JOIN notification n ON n.id = d.notification WHERE d.route = r.value AND d.state IN ('queued','in_doubt') AND d.quarantined = 0 AND d.attempts > 0 AND (n.hold IS NULL OR l.kind <> 'notification') ORDER BY d.not_before LIMIT 1))), COALESCE((SELECT MAX(COALESCE(b.until, 9223372036854775807)) FROM block b WHERE b.what = 'route' AND b.target = r.value AND b.lifted_at IS NULL AND b.since <= $2 AND (b.until IS NULL OR b.until > $2)), -9223372036854775807)) FROM json_each($1) r ORDER BY r.key";
const WAITING: &str = "SELECT route, COUNT(*), MIN(last_safe_at) FROM delivery WHERE state IN ('queued','in_doubt') AND quarantined = 0 GROUP BY route";
const BLOCKS: &str = "SELECT target, since, until, by_whom, reason FROM block WHERE what = 'route' AND lifted_at IS NULL AND (until IS NULL OR until > $1) ORDER BY target, since, id LIMIT +$2";
const BLOCK_ADD: &str = "INSERT INTO block(id, what, target, since, until, by_whom, reason, note) VALUES ($1, 'route', $2, $3, $4, $5, $6, $7)";
const OPEN: &str = "SELECT COUNT(*) FROM block WHERE what = 'route' AND target = $1 AND lifted_at IS NULL AND (until IS NULL OR until > $2)";
const LIFT: &str = "UPDATE block SET lifted_at = $2 WHERE what = 'route' AND target = $1 AND lifted_at IS NULL AND (until IS NULL OR until > $2) AND (since <= $2 OR $3)";
const AWAY: &str = "INSERT INTO route_away(route, seen_at) VALUES ($1, $2) ON CONFLICT (route) DO UPDATE SET seen_at = $2";
const FACTS: &str = "SELECT COALESCE(MAX(n), 0) FROM fact WHERE stream = 'route'";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    SUSPENDED, NEXT_DUES, WAITING, BLOCKS, BLOCK_ADD, OPEN, LIFT, FACTS, AWAY,
];

/// Suspensions of one route that stand or are planned, at most: more is a mistake of a script.
const OPEN_MAX: i64 = 32;
/// Suspensions that are listed.
const LINES_MAX: i64 = 1_000;

/// A suspension of a route, in force or planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteBlock {
    /// Which route.
    pub route: String,
    /// From then on.
    pub from: Timestamp,
    /// Until then, when it ends by itself.
    pub until: Option<Timestamp>,
    /// The operator.
    pub by_whom: String,
    /// Why.
    pub reason: Option<SuspendReason>,
}

/// Whether nothing may be claimed for a route now.
pub(super) async fn is_suspended(tx: &mut Tx<'_>, route: &RouteName) -> Result<bool, Fault> {
    let row = sqlx::query(SUSPENDED)
        .bind(route.as_str())
        .bind(tx.now.as_microsecond())
        .fetch_optional(tx.flushed().await?)
        .await?;
    Ok(row.is_some())
}

/// Notes that a route's relay was found away: what waits for it is not stuck.
pub(super) async fn away(tx: &mut Tx<'_>, route: &RouteName) -> Result<(), Fault> {
    let now = tx.now.as_microsecond();
    sqlx::query(AWAY)
        .bind(route.as_str())
        .bind(now)
        .execute(tx.flushed().await?)
        .await?;
    Ok(())
}

/// A suspension as an operator wishes it.
pub(super) struct NewBlock<'a> {
    pub(super) route: &'a RouteName,
    pub(super) reason: SuspendReason,
    pub(super) from: Timestamp,
    pub(super) until: Option<Timestamp>,
    pub(super) note: Option<&'a str>,
}

/// Adds a suspension; false: the route has too many.
pub(super) async fn suspend(
    tx: &mut Tx<'_>,
    new: &NewBlock<'_>,
    operator: &str,
    actor: &str,
) -> Result<bool, Fault> {
    let open = sqlx::query(OPEN)
        .bind(new.route.as_str())
        .bind(tx.now.as_microsecond())
        .fetch_one(tx.flushed().await?)
        .await?;
    if open.try_get::<i64, _>(0)? >= OPEN_MAX {
        return Ok(false);
    }
    let note = sealed(tx, new).await?;
    let fact = Fact::RouteSuspended {
        route: new.route.clone(),
        reason: new.reason,
        from: new.from,
        until: new.until,
        note,
    };
    let nth = append(tx, &fact, actor).await?;
    sqlx::query(BLOCK_ADD)
        .bind(format!("blk_{}_{nth}", new.route))
        .bind(new.route.as_str())
        .bind(new.from.as_microsecond())
        .bind(new.until.map(Timestamp::as_microsecond))
        .bind(operator)
        .bind(new.reason.word())
        .bind(note.map(|item| item.to_string()))
        .execute(tx.flushed().await?)
        .await?;
    Ok(true)
}

/// Lifts what is in force, and with `planned` what is to come; false: there was nothing.
pub(super) async fn resume(
    tx: &mut Tx<'_>,
    route: &RouteName,
    reason: SuspendReason,
    planned: bool,
    actor: &str,
) -> Result<bool, Fault> {
    let lifted = sqlx::query(LIFT)
        .bind(route.as_str())
        .bind(tx.now.as_microsecond())
        .bind(planned)
        .execute(tx.flushed().await?)
        .await?;
    if lifted.rows_affected() == 0 {
        return Ok(false);
    }
    let fact = Fact::RouteResumed {
        route: route.clone(),
        reason,
        planned,
    };
    append(tx, &fact, actor).await?;
    Ok(true)
}

/// What an operator types may name somebody: it is sealed under a key of its own.
async fn sealed(tx: &mut Tx<'_>, new: &NewBlock<'_>) -> Result<Option<ItemId>, Fault> {
    let Some(note) = new.note else {
        return Ok(None);
    };
    let key = tx.new_content_key("note")?;
    let owner = format!("route:{}", new.route);
    let (item, _) = tx.new_item(&key, "note", &owner, note.as_bytes())?;
    Ok(Some(item))
}

/// Facts about routes are one stream; gives the fact's place in it.
async fn append(tx: &mut Tx<'_>, fact: &Fact, actor: &str) -> Result<i64, Fault> {
    let row = sqlx::query(FACTS).fetch_one(tx.flushed().await?).await?;
    let mut stream = Stream {
        name: "route".to_owned(),
        count: row.try_get(0)?,
    };
    let by = By {
        actor: actor.to_owned(),
        force: None,
        basis: tx.basis(None).await?,
    };
    tx.append(&mut stream, fact, &by, None);
    Ok(stream.count)
}

impl Store {
    /// Notes that a route's relay was just found away. To be said again at each failed knock: whoever
    /// looks for stuck work believes it for as long as it is fresh.
    pub async fn route_away(&self, route: &RouteName) -> Result<(), NotStored> {
        let route = route.clone();
        super::ask(&self.first, |reply| Command::RouteAway(route, reply)).await
    }

    /// When to look at each of these routes next: when its next delivery is due, or when what is due
    /// may go, if the route is suspended until a time; none when nothing waits, or until it is resumed.
    pub async fn next_due(
        &self,
        routes: &[&RouteName],
    ) -> Result<Vec<Option<Timestamp>>, NotStored> {
        stored(self.readers().next_dues(routes, self.clock().now()).await)
    }
}

impl Readers {
    /// Suspensions of routes, in force and planned.
    pub async fn list_route_blocks(&self, now: Timestamp) -> Result<Vec<RouteBlock>, NotStored> {
        stored(self.route_blocks(now).await)
    }

    /// How much waits on each route, and the soonest last safe moment of it.
    pub async fn count_waiting(&self) -> Result<Vec<(String, i64, Option<Timestamp>)>, NotStored> {
        stored(self.waiting_on_routes().await)
    }

    /// One question for all: it is asked after every commit.
    async fn next_dues(
        &self,
        routes: &[&RouteName],
        now: Timestamp,
    ) -> Result<Vec<Option<Timestamp>>, Fault> {
        let names: Vec<&str> = routes.iter().map(|route| route.as_str()).collect();
        let rows = sqlx::query(NEXT_DUES)
            .bind(serde_json::Value::from(names).to_string())
            .bind(now.as_microsecond())
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let due: Option<i64> = row.try_get(0)?;
                Ok(due.filter(|due| *due < i64::MAX).map(instant))
            })
            .collect()
    }

    async fn route_blocks(&self, now: Timestamp) -> Result<Vec<RouteBlock>, Fault> {
        let rows = sqlx::query(BLOCKS)
            .bind(now.as_microsecond())
            .bind(LINES_MAX)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let until: Option<i64> = row.try_get("until")?;
                let reason: Option<String> = row.try_get("reason")?;
                Ok(RouteBlock {
                    route: row.try_get("target")?,
                    from: instant(row.try_get("since")?),
                    until: until.map(instant),
                    by_whom: row.try_get("by_whom")?,
                    reason: reason.as_deref().and_then(SuspendReason::parse),
                })
            })
            .collect()
    }

    async fn waiting_on_routes(&self) -> Result<Vec<(String, i64, Option<Timestamp>)>, Fault> {
        let rows = sqlx::query(WAITING).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let safe: Option<i64> = row.try_get(2)?;
                Ok((row.try_get(0)?, row.try_get(1)?, safe.map(instant)))
            })
            .collect()
    }
}
