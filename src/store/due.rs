//! Whether something waits that could be claimed. It is asked after most commits, most of all while a
//! relay takes nothing and ten thousand letters wait: each statement ends at the first row that will do,
//! and what was tried before and what is new have an index each.

use super::carrying::LANE_LETTERS;
use super::tx::Fault;
use super::{NotStored, Readers, Room, Store, stored};
use crate::referral::school::RouteName;
use jiff::Timestamp;

// What is new, then what was tried before: only what is due is walked, and of it only other lanes.
const NEW: &str = "SELECT 1 FROM delivery d INDEXED BY delivery_due JOIN letter l ON l.id = d.letter JOIN notification n ON n.id = d.notification WHERE d.route = $1 AND d.state IN ('queued','in_doubt') AND d.quarantined = 0 AND d.attempts = 0 AND d.not_before <= $2 AND +d.lane <= $3 AND (n.hold IS NULL OR l.kind <> 'notification') AND NOT EXISTS (SELECT 1 FROM block b WHERE b.what = 'route' AND b.target = $1 AND b.lifted_at IS NULL AND b.since <= $2 AND (b.until IS NULL OR b.until > $2)) LIMIT 1";
const AGAIN: &str = "SELECT 1 FROM delivery d INDEXED BY delivery_again JOIN letter l ON l.id = d.letter JOIN notification n ON n.id = d.notification WHERE d.route = $1 AND d.state IN ('queued','in_doubt') AND d.quarantined = 0 AND d.attempts > 0 AND d.not_before <= $2 AND +d.lane <= $3 AND (n.hold IS NULL OR l.kind <> 'notification') AND NOT EXISTS (SELECT 1 FROM block b WHERE b.what = 'route' AND b.target = $1 AND b.lifted_at IS NULL AND b.since <= $2 AND (b.until IS NULL OR b.until > $2)) LIMIT 1";
// Only those whose last safe moment is near are walked; due or not, or only what is due.
const NEAR: &str = "SELECT 1 FROM delivery d INDEXED BY delivery_next JOIN letter l ON l.id = d.letter JOIN notification n ON n.id = d.notification WHERE d.route = $1 AND d.state IN ('queued','in_doubt') AND d.quarantined = 0 AND d.lane = $3 AND d.last_safe_at < $4 AND (d.not_before <= $2 OR $5) AND (d.attempts = 0 OR $6) AND (n.hold IS NULL OR l.kind <> 'notification') AND NOT EXISTS (SELECT 1 FROM block b WHERE b.what = 'route' AND b.target = $1 AND b.lifted_at IS NULL AND b.since <= $2 AND (b.until IS NULL OR b.until > $2)) LIMIT 1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[NEW, AGAIN, NEAR];

impl Store {
    /// Whether a letter waits for this route, due or not, whose last safe moment is before an instant.
    pub async fn a_letter_waits(
        &self,
        route: &RouteName,
        safe_before: Timestamp,
    ) -> Result<bool, NotStored> {
        let now = self.clock().now();
        stored(
            self.readers()
                .waits_near(route, now, safe_before, (true, true))
                .await,
        )
    }

    /// Whether anything could be claimed now into this room.
    pub async fn is_due(&self, route: &RouteName, room: Room) -> Result<bool, NotStored> {
        stored(self.readers().is_due(route, room, self.clock().now()).await)
    }
}

impl Readers {
    async fn is_due(&self, route: &RouteName, room: Room, now: Timestamp) -> Result<bool, Fault> {
        let again = room.again != Some(0);
        if let Some(safe_before) = room.safe_before {
            // Whoever cannot wait is a letter.
            return self
                .waits_near(route, now, safe_before, (false, again))
                .await;
        }
        let lanes = if room.others > 0 {
            i64::MAX
        } else {
            LANE_LETTERS
        };
        for (statement, is_asked) in [(NEW, true), (AGAIN, again)] {
            if is_asked {
                let row = sqlx::query(statement)
                    .bind(route.as_str())
                    .bind(now.as_microsecond())
                    .bind(lanes)
                    .fetch_optional(&self.pool)
                    .await?;
                if row.is_some() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Letters; `due_or_not`, and whether also what was tried before.
    async fn waits_near(
        &self,
        route: &RouteName,
        now: Timestamp,
        safe_before: Timestamp,
        (due_or_not, again): (bool, bool),
    ) -> Result<bool, Fault> {
        let row = sqlx::query(NEAR)
            .bind(route.as_str())
            .bind(now.as_microsecond())
            .bind(LANE_LETTERS)
            .bind(safe_before.as_microsecond())
            .bind(due_or_not)
            .bind(again)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.is_some())
    }
}
