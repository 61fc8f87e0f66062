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
const PAGE: &str = "SELECT p.id, p.act_by, p.accepted_at, f.kind, f.v, f.body FROM (SELECT id, act_by, accepted_at FROM notification WHERE live = 1 AND force = $1 AND act_by > $2 AND act_by <= $3 AND (act_by > $4 OR (act_by = $4 AND id > $5)) ORDER BY act_by, id LIMIT +$6) p JOIN fact f ON f.stream = p.id ORDER BY p.act_by, p.id, f.n";

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
            let cases = self.page(force, (now, until), &mut place).await?;
            let last_page = cases.len() < usize::try_from(PAGE_MAX).unwrap_or(usize::MAX);
            counted = counted.saturating_add(cases.len());
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

    /// The next page behind `place`, which moves to its end.
    async fn page(
        &self,
        force: &ForceName,
        (now, until): (Timestamp, Timestamp),
        place: &mut Place,
    ) -> Result<Vec<(Case, Timestamp)>, Fault> {
        let rows = sqlx::query(PAGE)
            .bind(force.as_str())
            .bind(now.as_microsecond())
            .bind(until.as_microsecond())
            .bind(place.act_by)
            .bind(&place.id)
            .bind(PAGE_MAX)
            .fetch_all(&self.pool)
            .await?;
        let mut cases = Vec::new();
        let mut facts: Vec<Fact> = Vec::new();
        for row in &rows {
            let id: String = row.try_get("id")?;
            if id != place.id {
                take(&mut facts, place, &mut cases)?;
                *place = Place {
                    act_by: row.try_get("act_by")?,
                    accepted_at: row.try_get("accepted_at")?,
                    id,
                };
            }
            facts.push(read_fact(row)?);
        }
        take(&mut facts, place, &mut cases)?;
        Ok(cases)
    }
}

/// A place among live notifications, in the order of their act-by.
#[derive(Debug, Default)]
struct Place {
    act_by: i64,
    accepted_at: i64,
    id: String,
}

/// The facts gathered so far are one case.
fn take(
    facts: &mut Vec<Fact>,
    place: &Place,
    cases: &mut Vec<(Case, Timestamp)>,
) -> Result<(), Fault> {
    if !facts.is_empty() {
        let case = fold(facts.iter()).map_err(|_| Fault::Damaged("facts of a notification"))?;
        cases.push((case, instant(place.accepted_at)));
        facts.clear();
    }
    Ok(())
}
