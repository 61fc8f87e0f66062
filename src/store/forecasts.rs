//! The forecast of calls: what waits for an answer, by force, read a page at a time and counted by
//! [`crate::referral::forecast`].

use super::cases::read_fact;
use super::tx::Fault;
use super::views::instant;
use super::{NotStored, Readers, stored};
use crate::referral::decide::call_comes_first;
use crate::referral::directory::Directory;
use crate::referral::fact::Fact;
use crate::referral::fold::{Case, fold};
use crate::referral::forecast::{Awaited, Morning, forecast};
use crate::referral::ladder::LadderHours;
use crate::referral::plan::Target;
use crate::referral::post::ForceName;
use jiff::Timestamp;
use sqlx::Row;

/// The facts of a page of live notifications, each notification's together.
const PAGE: &str = "SELECT p.id, p.act_by, p.accepted_at, f.kind, f.v, f.body FROM (SELECT id, act_by, accepted_at FROM notification WHERE live = 1 AND force = $1 AND act_by > $2 AND act_by <= $3 AND (act_by > $4 OR (act_by = $4 AND id > $5)) ORDER BY act_by, id LIMIT +$6) p LEFT JOIN fact f ON f.stream = p.id ORDER BY p.act_by, p.id, f.n";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[PAGE];

/// Notifications read at once.
const PAGE_MAX: i64 = 200;
/// Notifications counted at most: a large force's summer ten times over. What is beyond is said.
const COUNTED_MAX: usize = 20_000;

/// What one force has to expect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forecast {
    /// Each instant by which schools must know, soonest first.
    pub mornings: Vec<Morning>,
    /// Live notifications without a school, which nobody can be rung about yet.
    pub unrouted: u32,
    /// Notifications whose record is damaged: they are counted nowhere else.
    pub damaged: Vec<String>,
    /// There are more than were counted.
    pub cut: bool,
}

impl Readers {
    /// The calls that a force has to expect about what is due after `now` and until `until`.
    pub async fn forecast_calls(
        &self,
        force: &ForceName,
        hours: &LadderHours,
        directory: &Directory,
        (now, until): (Timestamp, Timestamp),
    ) -> Result<Forecast, NotStored> {
        let counted = self.count_calls(force, hours, directory, (now, until));
        stored(counted.await)
    }

    async fn count_calls(
        &self,
        force: &ForceName,
        hours: &LadderHours,
        directory: &Directory,
        (now, until): (Timestamp, Timestamp),
    ) -> Result<Forecast, Fault> {
        let mut awaited = Vec::new();
        let mut found = Forecast::default();
        let mut place = Place::default();
        let mut counted = 0_usize;
        loop {
            let (cases, damaged) = self.page(force, (now, until), &mut place).await?;
            let seen = cases.len().saturating_add(damaged.len());
            let last_page = seen < usize::try_from(PAGE_MAX).unwrap_or(usize::MAX);
            counted = counted.saturating_add(seen);
            found.damaged.extend(damaged);
            for (case, accepted_at) in &cases {
                if case.target == Target::Unrouted {
                    found.unrouted = found.unrouted.saturating_add(1);
                }
                let first = call_comes_first(case);
                let known = (case, *accepted_at);
                awaited.extend(Awaited::of(known, first, directory, hours, now));
            }
            found.cut = counted >= COUNTED_MAX && !last_page;
            if last_page || found.cut {
                break;
            }
        }
        found.mornings = forecast(&awaited, hours, now);
        Ok(found)
    }

    /// The next page behind `place`, which moves to its end; and the ids of whatever is damaged in it.
    async fn page(
        &self,
        force: &ForceName,
        (now, until): (Timestamp, Timestamp),
        place: &mut Place,
    ) -> Result<(Vec<(Case, Timestamp)>, Vec<String>), Fault> {
        let rows = sqlx::query(PAGE)
            .bind(force.as_str())
            .bind(now.as_microsecond())
            .bind(until.as_microsecond())
            .bind(place.act_by)
            .bind(&place.id)
            .bind(PAGE_MAX)
            .fetch_all(&self.pool)
            .await?;
        let mut page = Page::default();
        for row in &rows {
            let id: String = row.try_get("id")?;
            if id != place.id {
                page.ends(place);
                *place = Place {
                    act_by: row.try_get("act_by")?,
                    accepted_at: row.try_get("accepted_at")?,
                    id,
                };
                page.open = Some(Vec::new());
            }
            page.reads(read_fact(row));
        }
        page.ends(place);
        Ok((page.cases, page.damaged))
    }
}

/// A place among live notifications, in the order of their act-by.
#[derive(Debug, Default)]
struct Place {
    act_by: i64,
    accepted_at: i64,
    id: String,
}

/// What is read of a page.
#[derive(Default)]
struct Page {
    /// The facts of the notification that is being read; each as it could be.
    open: Option<Vec<Result<Fact, Fault>>>,
    cases: Vec<(Case, Timestamp)>,
    damaged: Vec<String>,
}

impl Page {
    fn reads(&mut self, fact: Result<Fact, Fault>) {
        if let Some(facts) = &mut self.open {
            facts.push(fact);
        }
    }

    /// The facts gathered so far are one case, unless one of them cannot be read or they make none.
    fn ends(&mut self, place: &Place) {
        let Some(facts) = self.open.take() else {
            return;
        };
        let facts: Result<Vec<Fact>, Fault> = facts.into_iter().collect();
        match facts.ok().and_then(|facts| fold(facts.iter()).ok()) {
            Some(case) => self.cases.push((case, instant(place.accepted_at))),
            None => self.damaged.push(place.id.clone()),
        }
    }
}
