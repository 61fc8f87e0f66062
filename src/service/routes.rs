//! Delivery, and beside it probes that operators ask for, and what ends by itself.

use super::ServiceFault;
use super::expiries::{expiries, of_relays};
use crate::admin::routes::{ProbeAsked, Ways};
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::carrier::SmtpCarrier;
use crate::delivery::making::Maker;
use crate::delivery::stage::Stage;
use crate::letter::Signer;
use crate::referral::expiry::Expiry;
use crate::referral::route::RouteHealth;
use crate::store::Store;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// Probes under way or waiting, at most: a person asks for one at a time.
const PROBES_MAX: usize = 8;
/// A probe ends within this, whatever the route's limits: a person waits for it at the terminal, and
/// the operators' socket gives an exchange ten seconds.
const PROBE_WITHIN: Duration = Duration::from_secs(8);
/// What ends is looked at this often: a renewed file is known soon (`alarms`, runbooks).
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// The log is told of it this often.
const SAY_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// What runs beside delivery is made from.
#[derive(Debug)]
pub(super) struct Beside {
    carrier: Arc<SmtpCarrier>,
    health: watch::Receiver<Vec<RouteHealth>>,
    signer: Signer,
    clock: Clock,
}

impl Beside {
    /// What delivery knows of its routes.
    pub(super) fn health(&self) -> watch::Receiver<Vec<RouteHealth>> {
        self.health.clone()
    }
}

/// Starts the stage; gives what runs beside it.
pub(super) fn start_delivery(
    config: &Config,
    store: &Store,
    (carrier, maker): (SmtpCarrier, Maker),
    until: watch::Receiver<bool>,
    stages: &mut JoinSet<(&'static str, Result<(), ServiceFault>)>,
) -> Beside {
    let carrier = Arc::new(carrier);
    let signer = maker.signer.clone();
    let settings = config.delivery.clone();
    let stage = Stage::new(store.clone(), Arc::clone(&carrier), maker, settings);
    let health = stage.health();
    stages.spawn(async move {
        let ended = stage.run(until).await;
        ("delivery", ended.map_err(ServiceFault::from))
    });
    Beside {
        carrier,
        health,
        signer,
        clock: store.clock().clone(),
    }
}

/// Starts both; gives what the operators' socket tells and asks.
pub(super) fn start(
    config: &Config,
    beside: Beside,
    running: &mut JoinSet<(&'static str, Result<(), ServiceFault>)>,
    stop: &watch::Receiver<bool>,
) -> Ways {
    let (probes, asked) = mpsc::channel(PROBES_MAX);
    let (carrier, until) = (beside.carrier, stop.clone());
    running.spawn(async move {
        probe(carrier, asked, until).await;
        ("probes", Ok(()))
    });
    let (found, seen) = watch::channel(Vec::new());
    let (config, health, until) = (config.clone(), beside.health.clone(), stop.clone());
    running.spawn(async move {
        look(
            &config,
            &beside.signer,
            &beside.clock,
            (health, found),
            until,
        )
        .await;
        ("expiries", Ok(()))
    });
    Ways {
        health: beside.health,
        expiries: seen,
        probes,
    }
}

async fn probe(
    carrier: Arc<SmtpCarrier>,
    mut asked: mpsc::Receiver<ProbeAsked>,
    mut stop: watch::Receiver<bool>,
) {
    let mut probing = JoinSet::new();
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            Some(ended) = probing.join_next() => {
                if ended.is_err() {
                    tracing::error!("a probe panicked");
                }
            }
            Some((route, said)) = asked.recv(), if probing.len() < PROBES_MAX => {
                let carrier = Arc::clone(&carrier);
                probing.spawn(async move {
                    let probed = carrier.probe(&route, PROBE_WITHIN).await;
                    // Whoever asked may have gone.
                    said.send(probed).unwrap_or_default();
                });
            }
        }
    }
}

async fn look(
    config: &Config,
    signer: &Signer,
    clock: &Clock,
    (health, found): (
        watch::Receiver<Vec<RouteHealth>>,
        watch::Sender<Vec<Expiry>>,
    ),
    mut stop: watch::Receiver<bool>,
) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said_at: Option<Timestamp> = None;
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            _ = looks.tick() => {}
        }
        let now = clock.now();
        let mut ends = expiries(config, signer, now).await;
        ends.extend(of_relays(&health.borrow()));
        if said_at.is_none_or(|said| now.duration_since(said).abs() >= SAY_EVERY) {
            said_at = Some(now);
            say(&ends, now);
        }
        found.send_replace(ends);
    }
}

fn say(ends: &[Expiry], now: Timestamp) {
    for expiry in ends {
        if let Some(within) = expiry.warns_within(now) {
            tracing::warn!(
                what = expiry.what.word(),
                route = expiry.route.as_ref().map(|route| route.as_str()),
                days_left = expiry.days_left(now),
                within,
                "expires"
            );
        }
    }
}
