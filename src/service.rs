//! The daemon: builds everything, starts the stages, speaks systemd's protocol, drains. One straight
//! function, read top to bottom.

mod expiries;
mod fault;
mod routes;
mod sockets;
mod watching;

pub use fault::{Blame, ServiceFault};

use crate::alarms::Lane;
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::carrier::SmtpCarrier;
use crate::delivery::making::Maker;
use crate::intake;
use crate::letter::{Signer, Templates};
use crate::referral::directory::Directory;
use crate::replies::{mailbox, smtp};
use crate::seal::epoch::read_credential;
use crate::store::{Basis, Footing, OpenFault, Options, Store, VaultFault};
use crate::watch::Watch;
use crate::watch::capacity::{Capacity, Found};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use sd_notify::NotifyState;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::runtime;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use watching::Means;

/// Attempts under way get this long to end after SIGTERM; what has not ended then is in doubt and
/// found at the next start. Below the unit's TimeoutStopSec of 60 s.
const DRAIN: Duration = Duration::from_secs(45);
/// The heartbeat goes through the writer this often when systemd asks for no watchdog.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// What runs, once everything listens.
#[derive(Debug)]
pub struct Running {
    /// Where intake listens.
    pub intake: SocketAddr,
    /// Where answers and reports come in by SMTP.
    pub smtp_in: Option<SocketAddr>,
    /// Where metrics are served.
    pub metrics: Option<SocketAddr>,
    /// The store.
    pub store: Store,
    /// The armored certificate that signs letters.
    pub certificate: String,
}

/// Everything `serve` needs from the settings, checked: what `check-config` builds and drops.
#[derive(Debug)]
pub struct Parts {
    maker: Maker,
    carrier: SmtpCarrier,
    lane: Lane,
}

/// Builds what can be built without touching the store or a socket.
pub async fn parts(config: &Config) -> Result<Parts, ServiceFault> {
    intake::check(&config.intake, &config.policies).await?;
    if let Some(replies) = &config.replies {
        smtp::check(replies).await?;
    }
    mailbox::check(&config.mailboxes)?;
    read_credential(&config.store.credential)
        .map_err(|fault| OpenFault::Vault(VaultFault::from(fault)))?;
    let templates = Templates::load(config.letter.templates.as_deref())?;
    templates.check()?;
    for policy in config.policies.values() {
        templates.check_policy(policy)?;
    }
    let signer = Signer::load(&config.letter.signing_key, config.letter.profile)?;
    let carrier = SmtpCarrier::new(&config.delivery.host_name, &config.delivery.routes)?;
    let lane = Lane::new(&config.alarms.lane)?;
    let (settings, policies) = (config.letter.clone(), config.policies.clone());
    Ok(Parts {
        maker: Maker {
            signer,
            templates,
            settings,
            policies,
        },
        carrier,
        lane,
    })
}

/// Runs the daemon until `stop` is true. `ready` is told once everything listens.
pub async fn run(
    config: Config,
    clock: Clock,
    ready: oneshot::Sender<Running>,
    stop: watch::Receiver<bool>,
) -> Result<(), ServiceFault> {
    keep_memory_private()?;
    let Parts {
        maker,
        carrier,
        lane,
    } = parts(&config).await?;
    let certificate = maker.signer.certificate_armored()?;
    let options = options(&config, &maker, clock);
    let (store, writer) = Store::open(&config.store, options).await?;
    check_directory(&store.directory(), &config)?;
    let (sockets, addresses) = sockets::bind(&config).await?;

    // Ordered or after a fault, the stages stop together; the writer and the operators' socket
    // outlive the drain, so that outcomes are recorded to the last.
    let (halt, halting) = watch::channel(false);
    let (late_stop, late) = watch::channel(false);
    let mut writing = JoinSet::new();
    start_writer(&mut writing, writer).map_err(ServiceFault::Writer)?;
    let mut stages: JoinSet<End> = JoinSet::new();
    let (settings, policies) = (config.intake.clone(), config.policies.clone());
    let (for_intake, until) = (store.clone(), halting.clone());
    stages.spawn(async move {
        let served = intake::serve(settings, for_intake, policies, sockets.intake, until).await;
        ("intake", served.map_err(ServiceFault::from))
    });
    let beside = routes::start_delivery(&config, &store, (carrier, maker), halting, &mut stages);
    start_watch(&config, &store, &halt, &mut stages);
    start_replies(&config, &store, sockets.replies, &halt, &mut stages);
    let calls = start_capacity(&config, &store, &halt, &mut stages);
    let mailboxes = start_mailboxes(&config, &store, &halt, &mut stages);
    let means = Means {
        lane,
        socket: sockets.operators,
        others: vec![calls, mailboxes.0],
        mailboxes: mailboxes.1,
        metrics: sockets.metrics,
        beside,
    };
    let (sweeper, mut besides) = watching::start(&config, &store, means, &late).await?;

    notify(&[NotifyState::Ready]);
    tracing::info!(intake = %addresses.intake, "ready");
    let told = ready.send(addresses.running(&store, certificate));
    drop(told);
    let mut outcome = supervise(&mut stages, &mut besides, &mut writing, stop).await;

    notify(&[NotifyState::Stopping]);
    halt.send_replace(true);
    drain(&mut stages, &mut besides, &mut outcome).await;
    late_stop.send_replace(true);
    besides.shutdown().await;
    stages.shutdown().await;
    if sweeper.join().is_err() {
        tracing::error!("the sweeper panicked");
    }
    if store.close().await.is_err() {
        tracing::error!("the store did not close in order");
    }
    drop(std::fs::remove_file(&config.operators.socket));
    outcome
}

/// Starts what applies time.
fn start_watch(
    config: &Config,
    store: &Store,
    halt: &watch::Sender<bool>,
    stages: &mut JoinSet<End>,
) {
    let watching = Watch::new(store.clone(), config.delivery.poll);
    let until = halt.subscribe();
    stages.spawn(async move {
        watching.run(until).await;
        ("watch", Ok(()))
    });
}

/// Starts what foresees the calls; the alarms tell of what it finds.
fn start_capacity(
    config: &Config,
    store: &Store,
    halt: &watch::Sender<bool>,
    stages: &mut JoinSet<End>,
) -> watch::Receiver<Found> {
    let capacity = Capacity::new(store.clone(), config.policies.clone());
    let (found, until) = (capacity.found(), halt.subscribe());
    stages.spawn(async move {
        capacity.run(until).await;
        ("capacity", Ok(()))
    });
    found
}

/// Starts what takes mails in, and what settles them.
fn start_replies(
    config: &Config,
    store: &Store,
    listeners: Option<smtp::Listeners>,
    halt: &watch::Sender<bool>,
    stages: &mut JoinSet<End>,
) {
    if let (Some(settings), Some(listeners)) = (config.replies.clone(), listeners) {
        let (inbox, until) = (store.clone(), halt.subscribe());
        stages.spawn(async move {
            let served = smtp::serve(settings, inbox, listeners, until).await;
            ("smtp-in", served.map_err(ServiceFault::from))
        });
    }
    let replies = crate::replies::stage::Stage::new(store.clone(), config.delivery.poll);
    let until = halt.subscribe();
    stages.spawn(async move {
        replies.run(until).await;
        ("replies", Ok(()))
    });
}

/// Starts what fetches mails from mailboxes; the alarms and the metrics tell of those that are not read.
fn start_mailboxes(
    config: &Config,
    store: &Store,
    halt: &watch::Sender<bool>,
    stages: &mut JoinSet<End>,
) -> (watch::Receiver<Found>, Vec<mailbox::Age>) {
    let mailboxes = mailbox::Mailboxes::new(&config.mailboxes, store);
    let known = (mailboxes.found(), mailboxes.ages());
    let until = halt.subscribe();
    stages.spawn(async move {
        mailboxes.run(until).await;
        ("mailboxes", Ok(()))
    });
    known
}

/// The writer has a thread and a scheduler of its own. Everything waits for it, and each of its
/// statements is a turn: among the stages' tasks a turn would wait until letters are signed.
fn start_writer(
    writing: &mut JoinSet<()>,
    writer: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let own = runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    writing.spawn_blocking(move || own.block_on(writer));
    Ok(())
}

/// Without a directory, or with contacts on a route that is not there, letters would wait unseen.
fn check_directory(directory: &Directory, config: &Config) -> Result<(), ServiceFault> {
    if directory.version == 0 {
        return Err(ServiceFault::NoDirectory);
    }
    match directory.unknown_route(|name| config.carries_letters(name)) {
        Some(name) => Err(ServiceFault::UnknownRoute(name)),
        None => Ok(()),
    }
}

/// What the store rests on: the templates and settings that are live.
fn options(config: &Config, maker: &Maker, clock: Clock) -> Options {
    Options {
        clock,
        retry: config.delivery.retries,
        message_id_host: config.letter.host_name.clone(),
        nudge_route: config.nudge_route.clone(),
        policies: config.policies.clone(),
        footing: Footing::default(),
        basis: Basis {
            templates_digest: maker.templates.digest(),
            tzdb: crate::clock::zone_data_version(),
            build: env!("CARGO_PKG_VERSION").to_owned(),
            config_digest: config.digest(),
        },
    }
}

/// What a stage is called, and how it ended by itself.
type End = (&'static str, Result<(), ServiceFault>);

/// How a stage ended: by itself, with its fault, or by a panic.
type StageEnd = Result<End, tokio::task::JoinError>;

/// Waits for the order to stop; or for a stage to end, which is a fault.
async fn supervise(
    stages: &mut JoinSet<End>,
    besides: &mut JoinSet<End>,
    writing: &mut JoinSet<()>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), ServiceFault> {
    let ordered = stop.clone();
    let stopped = async {
        while !*stop.borrow_and_update() {
            if stop.changed().await.is_err() {
                return;
            }
        }
    };
    let ended = tokio::select! {
        () = stopped => return Ok(()),
        Some(ended) = stages.join_next() => ended,
        Some(ended) = besides.join_next() => ended,
        _ = writing.join_next() => return Err(ServiceFault::StageEnded("writer")),
    };
    if *ordered.borrow() {
        ended_as_told(ended)
    } else {
        Err(ended_early(ended))
    }
}

/// Nobody told it to end, so even an end in order is a fault.
fn ended_early(ended: StageEnd) -> ServiceFault {
    match ended {
        Ok((_, Err(fault))) => fault,
        Ok((stage, Ok(()))) => ServiceFault::StageEnded(stage),
        Err(_) => ServiceFault::StageEnded("that panicked"),
    }
}

/// Told to stop, a stage may end in order, and may have heard the order before we did. A fault or a
/// panic at that moment is one all the same: it must not hide behind the order.
fn ended_as_told(ended: StageEnd) -> Result<(), ServiceFault> {
    match ended {
        Ok((_, Ok(()))) => Ok(()),
        Ok((_, Err(_))) | Err(_) => Err(ended_early(ended)),
    }
}

/// Waits, within bounds, until every stage has ended. What runs beside them outlives the drain and has
/// not been told to end yet.
async fn drain(
    stages: &mut JoinSet<End>,
    besides: &mut JoinSet<End>,
    outcome: &mut Result<(), ServiceFault>,
) {
    let ending = async {
        while let Some(ended) = stages.join_next().await {
            if let Err(fault) = ended_as_told(ended) {
                note(outcome, fault);
            }
        }
    };
    if timeout(DRAIN, ending).await.is_err() {
        tracing::warn!("attempts did not end in time; the next start finds them in doubt");
    }
    while let Some(ended) = besides.try_join_next() {
        note(outcome, ended_early(ended));
    }
}

/// The first fault gives the exit code and is told by whoever started us; further ones are only logged.
fn note(outcome: &mut Result<(), ServiceFault>, fault: ServiceFault) {
    if outcome.is_ok() {
        *outcome = Err(fault);
    } else {
        tracing::error!(%fault, "and another fault while stopping");
    }
}

/// Without systemd there is nobody to tell.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd could not be told");
    }
}

/// Children's names are in memory in clear: no core dump, no tracing by others of the same user.
fn keep_memory_private() -> Result<(), ServiceFault> {
    setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )
    .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable))
    .map_err(|error| ServiceFault::CoreDumps(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Stages = JoinSet<End>;

    /// One stage that ends like this, and one that runs on.
    fn stages(ends: Result<(), ServiceFault>) -> (Stages, Stages, JoinSet<()>) {
        let (mut stages, mut besides, mut writing) = Default::default();
        JoinSet::spawn(&mut stages, async move { ("delivery", ends) });
        JoinSet::spawn(&mut besides, std::future::pending());
        JoinSet::spawn(&mut writing, std::future::pending());
        (stages, besides, writing)
    }

    async fn outcome(ends: Result<(), ServiceFault>, ordered: bool) -> Result<(), ServiceFault> {
        let (mut stages, mut besides, mut writing) = stages(ends);
        let (_keep, stop) = watch::channel(ordered);
        let mut outcome = supervise(&mut stages, &mut besides, &mut writing, stop).await;
        drain(&mut stages, &mut besides, &mut outcome).await;
        outcome
    }

    #[tokio::test]
    async fn a_fault_at_the_moment_of_the_order_to_stop_is_not_hidden_by_it() {
        // Whether the order or the fault is seen first is chance.
        for _ in 0..20 {
            let fault = outcome(
                Err(ServiceFault::Attempt(
                    crate::delivery::stage::AttemptPanicked,
                )),
                true,
            )
            .await;
            assert!(matches!(fault, Err(ServiceFault::Attempt(_))), "{fault:?}");
            let in_order = outcome(Ok(()), true).await;
            assert!(in_order.is_ok(), "{in_order:?}");
            let early = outcome(Ok(()), false).await;
            assert!(
                matches!(early, Err(ServiceFault::StageEnded("delivery"))),
                "{early:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_panic_while_stopping_is_a_fault() {
        let mut stages: Stages = JoinSet::new();
        stages.spawn(async { std::panic::resume_unwind(Box::new("a stage's")) });
        let (mut besides, mut outcome) = (JoinSet::new(), Ok(()));
        drain(&mut stages, &mut besides, &mut outcome).await;
        let fault = outcome.map_err(|fault| fault.blame());
        assert_eq!(fault, Err(Blame::Ours));
    }
}
