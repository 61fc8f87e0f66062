//! `serve` and `check-config`.

use super::Stop;
use super::exit::Exit;
use super::output::Output;
use crate::clock::Clock;
use crate::config::{Config, LogFormat, LogSettings};
use crate::service::{self, Blame, Running, ServiceFault};
use serde_json::json;
use std::io::IsTerminal;
use std::path::PathBuf;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tracing_subscriber::EnvFilter;

/// Runs the daemon until SIGTERM or SIGINT.
pub(super) async fn serve(files: &[PathBuf], config: &Config) -> Result<Exit, Stop> {
    start_logging(&config.log)?;
    for warning in config.warnings() {
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

/// Builds what `serve` builds, and tries the address.
pub(super) async fn check_config(config: &Config, output: Output) -> Result<Exit, Stop> {
    service::parts(config)
        .await
        .map_err(|fault| stop_of(&fault))?;
    // A running daemon holds the address: then it is not ours to try.
    if !config.operators.socket.exists() {
        config
            .check_listen()
            .map_err(|fault| Stop::new(Exit::Configuration, fault))?;
    }
    let warnings: Vec<String> = config.warnings().iter().map(ToString::to_string).collect();
    let answer = json!({ "ok": true, "warnings": warnings });
    output.answer(&answer, |_| {
        let mut lines: Vec<String> = warnings
            .iter()
            .map(|line| format!("warning: {line}"))
            .collect();
        lines.push("The configuration is good. Next: firstbell serve".to_owned());
        lines.join("\n")
    })?;
    Ok(Exit::Success)
}

fn stop_of(fault: &ServiceFault) -> Stop {
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
