//! What runs beside the stages and outlives their drain: the operators' socket, and what watches the
//! gateway: the writer's heartbeat, the sweeper, alarms.

use super::routes::{self, Beside};
use super::{End, HEARTBEAT, ServiceFault, notify};
use crate::admin;
use crate::alarms::book::Condition;
use crate::alarms::heartbeat::Heartbeat;
use crate::alarms::looks::{Looks, Sources};
use crate::alarms::{self, Lane, LaneFault};
use crate::config::Config;
use crate::metrics;
use crate::referral::alarm::Desks;
use crate::referral::expiry::Expiry;
use crate::referral::route::{BreakerState, RouteHealth};
use crate::replies::mailbox::Age;
use crate::store::{Store, Stuck};
use crate::watch::sweeper;
use sd_notify::NotifyState;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// What was told, beside the database.
const TOLD: &str = "alarms-told";
/// Claims on alarms that wait for the stage, at most: a desk of people.
const CLAIMS_MAX: usize = 16;

/// What watching needs besides the settings and the store.
pub(super) struct Means {
    /// How people are told.
    pub(super) lane: Lane,
    /// The operators' socket.
    pub(super) socket: UnixListener,
    /// What stages know of that is an alarm.
    pub(super) others: Vec<watch::Receiver<BTreeSet<Condition>>>,
    /// When each mailbox was read last.
    pub(super) mailboxes: Vec<Age>,
    /// Where metrics are asked for, if they are.
    pub(super) metrics: Option<TcpListener>,
    /// What runs beside delivery.
    pub(super) beside: Beside,
}

/// Starts all of it; it runs until `late` is true.
pub(super) async fn start(
    config: &Config,
    store: &Store,
    means: Means,
    late: &watch::Receiver<bool>,
) -> Result<(JoinHandle<()>, JoinSet<End>), ServiceFault> {
    let (sweeper, stuck) = start_sweeper(config, store, late.clone())?;
    let mut besides = JoinSet::new();
    let beat = beat();
    let health = means.beside.health();
    let ways = routes::start(config, means.beside, &mut besides, late);
    let expiries = ways.expiries.clone();
    let sources = Sources {
        desks: Desks::of(&config.policies),
        expiries: expiries.clone(),
        stuck: stuck.clone(),
        others: means.others,
        beat,
        poll: config.delivery.poll,
        ntp: config.alarms.ntp,
    };
    let looks = Looks::new(store.clone(), sources);
    let (claims, claimed) = mpsc::channel(CLAIMS_MAX);
    let mut stage = alarms::Stage::new(store.clone(), looks, means.lane, config.alarms.pace)
        .remembering(config.store.state_dir.join(TOLD))
        .claimed_by(claimed);
    stage.load().await;
    let (open, until) = (stage.shown(), late.clone());
    besides.spawn(async move {
        stage.run(until).await;
        ("alarms", Ok(()))
    });
    let (for_admin, until) = (store.clone(), late.clone());
    let operators = config.operators.operators.clone();
    let who = (operators, config.policies.clone());
    let watched = admin::Watched {
        stuck,
        alarms: open,
        claims,
    };
    besides.spawn(async move {
        admin::serve(means.socket, for_admin, who, watched, ways, until).await;
        ("admin", Ok(()))
    });
    start_heartbeat(config, store, late, &mut besides)?;
    if let Some(listener) = means.metrics {
        let source = metrics::Source {
            store: store.clone(),
            state_dir: config.store.state_dir.clone(),
            snapshots: snapshots(health, expiries, means.mailboxes),
            version: env!("CARGO_PKG_VERSION"),
        };
        let until = late.clone();
        besides.spawn(async move {
            metrics::serve(listener, source, until).await;
            ("metrics", Ok(()))
        });
    }
    let (for_heart, until) = (store.clone(), late.clone());
    besides.spawn(async move {
        heart(for_heart, beat, until).await;
        ("heart", Ok(()))
    });
    Ok((sweeper, besides))
}

/// The external heartbeat, where one is called.
fn start_heartbeat(
    config: &Config,
    store: &Store,
    late: &watch::Receiver<bool>,
    besides: &mut JoinSet<End>,
) -> Result<(), ServiceFault> {
    if let Some(heartbeat) = &config.heartbeat {
        let (peer, every) = (&heartbeat.peer, heartbeat.every);
        let limits = (beat(), config.delivery.poll);
        let pulses = store.pulses().clone();
        let heartbeat = Heartbeat::new(peer, every, pulses, limits).map_err(LaneFault::from)?;
        let until = late.clone();
        besides.spawn(async move {
            heartbeat.run(until).await;
            ("heartbeat", Ok(()))
        });
    }
    Ok(())
}

/// What metrics show beside the database. Of several that go by one name the first to end counts.
fn snapshots(
    health: watch::Receiver<Vec<RouteHealth>>,
    expiries: watch::Receiver<Vec<Expiry>>,
    mailboxes: Vec<Age>,
) -> metrics::Snapshots {
    Arc::new(move || {
        let mut certificates = BTreeMap::new();
        for expiry in expiries.borrow().iter() {
            let ends = certificates.entry(expiry.name());
            let ends = ends.or_insert(expiry.not_after);
            *ends = expiry.not_after.min(*ends);
        }
        metrics::Snapshot {
            routes: health.borrow().iter().map(snapshot).collect(),
            certificates: certificates.into_iter().collect(),
            mailboxes: mailboxes
                .iter()
                .map(|mailbox| (mailbox.name().to_owned(), mailbox.age()))
                .collect(),
        }
    })
}

fn snapshot(health: &RouteHealth) -> metrics::RouteSnapshot {
    metrics::RouteSnapshot {
        name: health.route.to_string(),
        breaker: match health.breaker {
            BreakerState::Closed => metrics::Breaker::Closed,
            BreakerState::Open => metrics::Breaker::Open,
            BreakerState::HalfOpen => metrics::Breaker::HalfOpen,
        },
        scouts_since: health.scouts_since,
    }
}

/// The sweeper looks from outside the stages, on its own thread and connection.
fn start_sweeper(
    config: &Config,
    store: &Store,
    late: watch::Receiver<bool>,
) -> Result<(JoinHandle<()>, watch::Receiver<Stuck>), ServiceFault> {
    let (found, stuck) = watch::channel(Stuck::default());
    let settings = sweeper::Settings {
        state_dir: config.store.state_dir.clone(),
        credential: config.store.credential.clone(),
        lease: config.delivery.lease,
        pulses: store.pulses().clone(),
    };
    let sweeper = sweeper::start(settings, store.clock().clone(), late, found);
    let sweeper = sweeper.map_err(ServiceFault::Sweeper)?;
    Ok((sweeper, stuck))
}

/// How often the heartbeat goes through the writer.
fn beat() -> Duration {
    sd_notify::watchdog_enabled().map_or(HEARTBEAT, |limit| limit / 3)
}

/// Feeds the watchdog, only after a heartbeat has gone through the writer and was read back.
async fn heart(store: Store, every: Duration, mut stop: watch::Receiver<bool>) {
    let mut beat = interval(every);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = beat.tick() => match store.heartbeat().await {
                Ok(()) => notify(&[NotifyState::Watchdog]),
                Err(_) => tracing::error!("no heartbeat: the store does not commit"),
            },
            _ = stop.changed() => return,
        }
    }
}
