//! Metrics in Prometheus' text format, version 0.0.4: what stands now, asked of the store, and what has
//! happened since this run began, followed fact by fact. No label holds anything personal: every label's
//! values are words of ours, routes and forces' counts have none, and a peer's words never are one.

mod families;
mod server;
mod text;
mod totals;

pub use families::{FAMILIES, Family, Type};

use crate::store::{NotStored, Round, Store, file_sizes};
use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use text::Page;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use totals::Totals;

/// Whether letters are handed to a route's relay now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// They are.
    Closed,
    /// Its relay failed too often: they wait.
    Open,
    /// One of them is tried.
    HalfOpen,
}

impl Breaker {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// The word in the label.
    pub fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// A route as the daemon knows it beside the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteSnapshot {
    /// Its name.
    pub name: String,
    /// Its breaker.
    pub breaker: Breaker,
    /// While its relay answers and takes nothing: since when.
    pub scouts_since: Option<Timestamp>,
}

/// What the daemon knows beside the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Every configured route; no other is shown.
    pub routes: Vec<RouteSnapshot>,
    /// Certificates by name, and when they end.
    pub certificates: Vec<(String, Timestamp)>,
    /// Mailboxes by name, and for how long they have not been read.
    pub mailboxes: Vec<(String, Duration)>,
}

/// Gives the snapshot of this moment.
pub type Snapshots = Arc<dyn Fn() -> Snapshot + Send + Sync>;

/// Where figures come from.
pub struct Source {
    /// The store.
    pub store: Store,
    /// Its folder.
    pub state_dir: PathBuf,
    /// What the daemon knows beside it.
    pub snapshots: Snapshots,
    /// The program's version.
    pub version: &'static str,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source(..)")
    }
}

/// Serves `GET /metrics` until `stop` is true.
pub async fn serve(listener: TcpListener, source: Source, stop: watch::Receiver<bool>) {
    let exporter = Exporter {
        source,
        totals: Mutex::default(),
    };
    server::run(listener, Arc::new(exporter), stop).await;
}

struct Exporter {
    source: Source,
    totals: Mutex<Totals>,
}

impl Exporter {
    /// One page: everything, or nothing where the store cannot be asked.
    async fn page(&self) -> Result<String, NotStored> {
        let store = &self.source.store;
        let now = store.clock().now();
        let snapshot = (self.source.snapshots)();
        let mut totals = self.totals.lock().await;
        totals.follow(store.readers(), &snapshot, now).await?;
        let figures = store.readers().figures(now).await?;
        let mut page = Page::new();
        page.put(
            "firstbell_build_info",
            &[("version", self.source.version)],
            1.0,
        );
        page.put("firstbell_store_ready", &[], flag(store.ready()));
        for round in Round::ALL {
            let ago = store.pulses().since(round).as_secs_f64();
            page.put(
                "firstbell_round_age_seconds",
                &[("round", round.word())],
                ago,
            );
        }
        let (database, log) = file_sizes(&self.source.state_dir);
        page.put_count("firstbell_database_bytes", &[], database);
        page.put_count("firstbell_wal_bytes", &[], log);
        for (state, count) in &figures.states {
            page.put_whole("firstbell_notifications", &[("state", state)], *count);
        }
        for (hours, count) in &figures.due_within {
            let hours = hours.to_string();
            page.put_whole("firstbell_due_within", &[("hours", &hours)], *count);
        }
        page.put_whole("firstbell_overdue", &[], figures.overdue);
        page.put_whole("firstbell_leases", &[], figures.leases);
        for (kind, count) in &figures.tasks {
            page.put_whole("firstbell_tasks_open", &[("kind", kind)], *count);
        }
        for ((kind, severity), count) in &figures.alarms {
            let labels = [("kind", kind.as_str()), ("severity", *severity)];
            page.put_whole("firstbell_alarms_open", &labels, *count);
        }
        for route in &snapshot.routes {
            put_route(&mut page, route, figures.routes.get(&route.name), now);
        }
        for (certificate, ends_at) in &snapshot.certificates {
            let days = ends_at.duration_since(now).as_secs_f64() / 86_400.0;
            let labels = [("certificate", certificate.as_str())];
            page.put("firstbell_certificate_days_left", &labels, days);
        }
        for (mailbox, age) in &snapshot.mailboxes {
            let labels = [("mailbox", mailbox.as_str())];
            page.put(
                "firstbell_mailbox_read_age_seconds",
                &labels,
                age.as_secs_f64(),
            );
        }
        totals.put(&mut page);
        page.put_histogram("firstbell_commit_seconds", &store.pulses().commits());
        Ok(page.text())
    }
}

/// What waits for a route: nothing is nought, and a slack that is not there is not shown.
fn put_route(
    page: &mut Page,
    route: &RouteSnapshot,
    figures: Option<&crate::store::RouteFigures>,
    now: Timestamp,
) {
    let name = [("route", route.name.as_str())];
    for state in Breaker::ALL {
        let labels = [("route", route.name.as_str()), ("state", state.word())];
        page.put(
            "firstbell_route_breaker",
            &labels,
            flag(state == route.breaker),
        );
    }
    let long = |since: Option<Timestamp>| {
        since.map_or(0.0, |since| {
            now.duration_since(since).as_secs_f64().max(0.0)
        })
    };
    let ill = long(route.scouts_since);
    page.put("firstbell_route_scouts_seconds", &name, ill);
    let waiting = figures.map_or(0, |figures| figures.waiting);
    page.put_whole("firstbell_route_waiting", &name, waiting);
    let age = long(figures.and_then(|figures| figures.due_since));
    page.put("firstbell_route_oldest_waiting_seconds", &name, age);
    if let Some(last_safe_at) = figures.and_then(|figures| figures.last_safe_at) {
        let slack = last_safe_at.duration_since(now).as_secs_f64();
        page.put("firstbell_route_slack_seconds", &name, slack);
    }
}

fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_that_takes_nothing_shows_for_how_long() {
        let now: Timestamp = "2026-11-23T03:00:00Z".parse().unwrap();
        let shown = |scouts_since| {
            let route = RouteSnapshot {
                name: "cjsm".to_owned(),
                breaker: Breaker::Closed,
                scouts_since,
            };
            let mut page = Page::new();
            put_route(&mut page, &route, None, now);
            page.text()
        };
        let line =
            |seconds| format!("firstbell_route_scouts_seconds{{route=\"cjsm\"}} {seconds}\n");
        let ill = shown(Some(now - jiff::SignedDuration::from_mins(31)));
        assert!(ill.contains(&line(1860)), "{ill}");
        assert!(shown(None).contains(&line(0)));
    }
}
