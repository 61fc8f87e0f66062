//! `serve` and `check-config`.

use super::Stop;
use super::exit::Exit;
use super::output::Output;
use crate::clock::Clock;
use crate::config::{Config, ConfigFault, LogFormat, LogSettings, Look};
use crate::service::{self, Blame, Running, ServiceFault};
use crate::store::check_keys;
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::path::PathBuf;
use tokio::net::UnixStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tracing_subscriber::EnvFilter;

/// Runs the daemon until SIGTERM or SIGINT.
pub(super) async fn serve(files: &[PathBuf], config: &Config) -> Result<Exit, Stop> {
    start_logging(&config.log)?;
    for warning in warnings(config) {
        tracing::warn!(%warning, "configuration");
    }
    let (stop, stopping) = watch::channel(false);
    let mut listening = JoinSet::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let hangup = signal(SignalKind::hangup())?;
    listening.spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: no new posts, no new claims");
        stop.send_replace(true);
        // Kept until the daemon has drained: a dropped sender would look like an order to stop.
        std::future::pending::<()>().await;
    });
    let (ready, running) = oneshot::channel();
    listening.spawn(reread(files.to_vec(), hangup, running));
    let served = service::run(config.clone(), Clock::system(), ready, stopping).await;
    served
        .map(|()| Exit::Success)
        .map_err(|fault| stop_of(&fault))
}

/// SIGHUP: reads `store.size_bytes_max` again, so that a full store is given room without a restart.
/// Every other key takes a restart; a configuration with a fault changes nothing.
async fn reread(files: Vec<PathBuf>, mut hangup: Signal, running: oneshot::Receiver<Running>) {
    let Ok(running) = running.await else { return };
    while hangup.recv().await.is_some() {
        match Config::load(&files) {
            Ok(config) => {
                let bytes = config.store.size_bytes_max;
                running.store.set_size_bytes_max(bytes);
                tracing::info!(size_bytes_max = bytes, "configuration read again");
            }
            Err(faults) => {
                for fault in faults {
                    tracing::error!(%fault, "configuration not read again");
                }
            }
        }
    }
}

/// Builds what `serve` builds, tries whether the store's keys open, and tries the addresses.
pub(super) async fn check_config(files: &[PathBuf], output: Output) -> Result<Exit, Stop> {
    let checked = match Config::read(files, Look::AtFiles) {
        Ok(config) => check(&config).await.map(|runs| (config, runs)),
        Err(faults) if output.is_json() => {
            let faults: Vec<Value> = faults.iter().map(fault_json).collect();
            return refuse(&faults, Exit::Configuration, output);
        }
        Err(faults) => return Err(super::faulty(&faults)),
    };
    let (config, runs) = match checked {
        Ok(good) => good,
        Err(stop) if output.is_json() => {
            return refuse(&[json!({ "what": stop.words })], stop.exit, output);
        }
        Err(stop) => return Err(stop),
    };
    let warnings = warnings(&config);
    let answer = json!({ "ok": true, "warnings": warnings });
    output.answer(&answer, |_| {
        let lines = warnings.iter().map(|line| format!("warning: {line}"));
        let last = if runs {
            "The configuration is good. A daemon runs with the one it was started with."
        } else {
            "The configuration is good. Next: firstbell serve"
        };
        let lines: Vec<String> = lines.chain([last.to_owned()]).collect();
        lines.join("\n")
    })?;
    Ok(Exit::Success)
}

/// Whether a daemon runs; a fault if one could not be started or go on.
async fn check(config: &Config) -> Result<bool, Stop> {
    let fault = |fault: ServiceFault| stop_of(&fault);
    service::parts(config).await.map_err(fault)?;
    let keys = check_keys(&config.store).map_err(ServiceFault::Store);
    keys.map_err(fault)?;
    // A running daemon holds the addresses: then they are not ours to try.
    let runs = UnixStream::connect(&config.operators.socket).await.is_ok();
    if !runs {
        config
            .check_listen()
            .map_err(|fault| Stop::new(Exit::Configuration, fault))?;
    }
    Ok(runs)
}

fn refuse(faults: &[Value], exit: Exit, output: Output) -> Result<Exit, Stop> {
    let answer = json!({ "ok": false, "faults": faults });
    output.answer(&answer, |_| String::new())?;
    Ok(exit)
}

fn fault_json(fault: &ConfigFault) -> Value {
    let position = fault.place.position;
    json!({
        "file": fault.place.file.display().to_string(),
        "line": position.map(|position| position.line),
        "column": position.map(|position| position.column),
        "section": fault.section,
        "key": fault.key,
        "what": fault.what,
    })
}

/// What is allowed and yet should be looked at.
fn warnings(config: &Config) -> Vec<String> {
    let mut warnings: Vec<String> = config.warnings().iter().map(ToString::to_string).collect();
    if config.replies.is_none() {
        let words = "no [replies] listener is configured: no answer can come in by mail, and every \
                     notification becomes a call";
        warnings.push(words.to_owned());
    }
    warnings
}

/// How a command ends that could not build or open what the daemon does.
pub(super) fn stop_of(fault: &ServiceFault) -> Stop {
    let exit = match fault.blame() {
        Blame::Settings => Exit::Configuration,
        Blame::Taken => Exit::Unavailable,
        Blame::Disk => Exit::Io,
        Blame::Ours => Exit::Fault,
    };
    Stop::new(exit, fault)
}

/// Logs go to stderr, with our ids only.
fn start_logging(settings: &LogSettings) -> Result<(), Stop> {
    let filter = EnvFilter::try_new(&settings.filter)
        .map_err(|error| Stop::new(Exit::Configuration, format!("log.filter: {error}")))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match settings.format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}
