//! `serve` and `check-config`.

use super::Stop;
use super::exit::Exit;
use super::output::Output;
use crate::clock::Clock;
use crate::config::{Config, LogFormat, LogSettings};
use crate::service::{self, Blame, ServiceFault};
use serde_json::json;
use std::io::IsTerminal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tracing_subscriber::EnvFilter;

/// Runs the daemon until SIGTERM or SIGINT.
pub(super) async fn serve(config: &Config) -> Result<Exit, Stop> {
    start_logging(&config.log)?;
    for warning in config.warnings() {
        tracing::warn!(%warning, "configuration");
    }
    let (stop, stopping) = watch::channel(false);
    let mut listening = JoinSet::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
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
    let (ready, _running) = oneshot::channel();
    let served = service::run(config.clone(), Clock::system(), ready, stopping).await;
    served
        .map(|()| Exit::Success)
        .map_err(|fault| stop_of(&fault))
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
