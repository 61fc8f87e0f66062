//! The daemon: builds everything, starts the stages, speaks systemd's protocol, drains. One straight
//! function, read top to bottom.

use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::carrier::{RouteFault, SmtpCarrier};
use crate::delivery::making::Maker;
use crate::delivery::stage::{AttemptPanicked, Stage};
use crate::intake::CannotServe;
use crate::letter::{Signer, SignerFault, TemplateFault, Templates};
use crate::referral::directory::Directory;
use crate::referral::school::RouteName;
use crate::replies::smtp;
use crate::seal::epoch::read_credential;
use crate::store::{Basis, OpenFault, Options, Store, VaultFault};
use crate::{admin, intake};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use sd_notify::NotifyState;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Attempts under way get this long to end after SIGTERM; what has not ended then is in doubt and
/// found at the next start. Below the unit's TimeoutStopSec of 60 s.
const DRAIN: Duration = Duration::from_secs(45);
/// The heartbeat goes through the writer this often when systemd asks for no watchdog.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Why the daemon does not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServiceFault {
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenFault),
    /// The signing key.
    #[error(transparent)]
    Signer(#[from] SignerFault),
    /// The letter templates.
    #[error(transparent)]
    Templates(#[from] TemplateFault),
    /// A route.
    #[error(transparent)]
    Route(#[from] RouteFault),
    /// Intake.
    #[error(transparent)]
    Intake(#[from] CannotServe),
    /// SMTP in.
    #[error(transparent)]
    Replies(#[from] smtp::Unusable),
    /// A socket.
    #[error("{0}: {1}")]
    Socket(String, io::Error),
    /// The host refused to keep memory out of core dumps.
    #[error("core dumps could not be switched off: {0}")]
    CoreDumps(io::Error),
    /// Nothing was imported: every child would be held.
    #[error("there is no directory yet; run: firstbell directory import --initial FOLDER")]
    NoDirectory,
    /// Letters to contacts on a route that is not configured would wait for ever.
    #[error("the directory names the route {0}, which the settings do not: add [route.{0}]")]
    UnknownRoute(RouteName),
    /// A stage ended, which none ever does by itself: a fault of ours.
    #[error("the stage {0} ended")]
    StageEnded(&'static str),
    /// An attempt panicked.
    #[error(transparent)]
    Attempt(#[from] AttemptPanicked),
}

impl ServiceFault {
    /// What is to blame: it decides the exit code, and so whether systemd starts us again.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Signer(_)
            | Self::Templates(_)
            | Self::Route(_)
            | Self::Intake(_)
            | Self::Replies(_)
            | Self::NoDirectory
            | Self::UnknownRoute(_)
            | Self::Store(OpenFault::Vault(_)) => Blame::Settings,
            Self::Store(OpenFault::Locked(_)) | Self::Socket(..) => Blame::Taken,
            Self::Store(OpenFault::File(..) | OpenFault::Database(..)) => Blame::Disk,
            Self::CoreDumps(_) | Self::StageEnded(_) | Self::Attempt(_) => Blame::Ours,
        }
    }
}

/// What a fault is to be blamed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The settings or what they name: trying again mends nothing.
    Settings,
    /// Somebody else holds what we need; it may be free in a moment.
    Taken,
    /// The disk.
    Disk,
    /// Us.
    Ours,
}

/// What runs, once everything listens.
#[derive(Debug)]
pub struct Running {
    /// Where intake listens.
    pub intake: SocketAddr,
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
}

/// Builds what can be built without touching the store or a socket.
pub async fn parts(config: &Config) -> Result<Parts, ServiceFault> {
    intake::check(&config.intake, &config.policies).await?;
    if let Some(replies) = &config.replies {
        smtp::check(replies).await?;
    }
    read_credential(&config.store.credential)
        .map_err(|fault| OpenFault::Vault(VaultFault::from(fault)))?;
    let templates = Templates::load(config.letter.templates.as_deref())?;
    templates.check()?;
    for policy in config.policies.values() {
        templates.check_policy(policy)?;
    }
    let signer = Signer::load(&config.letter.signing_key, config.letter.profile)?;
    let carrier = SmtpCarrier::new(&config.delivery.host_name, &config.delivery.routes)?;
    let (settings, policies) = (config.letter.clone(), config.policies.clone());
    Ok(Parts {
        maker: Maker {
            signer,
            templates,
            settings,
            policies,
        },
        carrier,
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
    let Parts { maker, carrier } = parts(&config).await?;
    let certificate = maker.signer.certificate_armored()?;
    let options = options(&config, &maker, clock);
    let (store, writer) = Store::open(&config.store, options).await?;
    check_directory(&store.directory(), &config)?;
    let (listener, address) = listen(config.intake.listen).await?;
    let socket = admin::bind(&config.operators.socket)
        .map_err(|e| ServiceFault::Socket(config.operators.socket.display().to_string(), e))?;

    // Ordered or after a fault, the stages stop together; the writer and the operators' socket
    // outlive the drain, so that outcomes are recorded to the last.
    let (halt, halting) = watch::channel(false);
    let (late_stop, late) = watch::channel(false);
    let mut writing = JoinSet::new();
    writing.spawn(writer);
    let mut stages: JoinSet<(&'static str, Result<(), ServiceFault>)> = JoinSet::new();
    let (settings, policies) = (config.intake.clone(), config.policies.clone());
    let (for_intake, until) = (store.clone(), halting.clone());
    stages.spawn(async move {
        let served = intake::serve(settings, for_intake, policies, listener, until).await;
        ("intake", served.map_err(ServiceFault::from))
    });
    let stage = Stage::new(store.clone(), carrier, maker, config.delivery.clone());
    let until = halting;
    stages.spawn(async move {
        (
            "delivery",
            stage.run(until).await.map_err(ServiceFault::from),
        )
    });
    let mut besides: JoinSet<(&'static str, Result<(), ServiceFault>)> = JoinSet::new();
    let (for_admin, operators, until) = (
        store.clone(),
        config.operators.operators.clone(),
        late.clone(),
    );
    besides.spawn(async move {
        admin::serve(socket, for_admin, operators, until).await;
        ("admin", Ok(()))
    });
    let for_heart = store.clone();
    besides.spawn(async move {
        heart(for_heart, late).await;
        ("heart", Ok(()))
    });

    notify(&[NotifyState::Ready]);
    tracing::info!(intake = %address, "ready");
    let told = ready.send(Running {
        intake: address,
        store: store.clone(),
        certificate,
    });
    drop(told);
    let outcome = supervise(&mut stages, &mut besides, &mut writing, stop).await;

    notify(&[NotifyState::Stopping]);
    halt.send_replace(true);
    if timeout(DRAIN, drain(&mut stages)).await.is_err() {
        tracing::warn!("attempts did not end in time; the next start finds them in doubt");
    }
    late_stop.send_replace(true);
    besides.shutdown().await;
    stages.shutdown().await;
    if store.close().await.is_err() {
        tracing::error!("the store did not close in order");
    }
    drop(std::fs::remove_file(&config.operators.socket));
    outcome
}

/// Binds intake's address; the port may be 0, so the address is asked back.
async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServiceFault> {
    let fault = |error| ServiceFault::Socket(address.to_string(), error);
    let listener = TcpListener::bind(address).await.map_err(fault)?;
    let bound = listener.local_addr().map_err(fault)?;
    Ok((listener, bound))
}

/// Without a directory, or with contacts on a route that is not there, letters would wait unseen.
fn check_directory(directory: &Directory, config: &Config) -> Result<(), ServiceFault> {
    if directory.version == 0 {
        return Err(ServiceFault::NoDirectory);
    }
    let routes = &config.delivery.routes;
    match directory.unknown_route(|name| routes.iter().any(|route| route.name == *name)) {
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
        basis: Basis {
            templates_digest: maker.templates.digest(),
            tzdb: crate::clock::zone_data_version(),
            build: env!("CARGO_PKG_VERSION").to_owned(),
            config_digest: config.digest(),
        },
    }
}

/// Waits for the order to stop; or for a stage to end, which is a fault.
async fn supervise(
    stages: &mut JoinSet<(&'static str, Result<(), ServiceFault>)>,
    besides: &mut JoinSet<(&'static str, Result<(), ServiceFault>)>,
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
        () = stopped => Ok(()),
        Some(ended) = stages.join_next() => Err(ended_early(ended)),
        Some(ended) = besides.join_next() => Err(ended_early(ended)),
        _ = writing.join_next() => Err(ServiceFault::StageEnded("writer")),
    };
    // A stage may hear the order to stop, and end, before it has woken us: that is no fault.
    if *ordered.borrow() { Ok(()) } else { ended }
}

fn ended_early(
    ended: Result<(&'static str, Result<(), ServiceFault>), tokio::task::JoinError>,
) -> ServiceFault {
    match ended {
        Ok((_, Err(fault))) => fault,
        Ok((stage, Ok(()))) => ServiceFault::StageEnded(stage),
        Err(_) => ServiceFault::StageEnded("that panicked"),
    }
}

async fn drain(stages: &mut JoinSet<(&'static str, Result<(), ServiceFault>)>) {
    while stages.join_next().await.is_some() {}
}

/// Feeds the watchdog, only after a heartbeat has gone through the writer and was read back.
async fn heart(store: Store, mut stop: watch::Receiver<bool>) {
    let watchdog = sd_notify::watchdog_enabled();
    let mut beat = interval(watchdog.map_or(HEARTBEAT, |limit| limit / 3));
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
