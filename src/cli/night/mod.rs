//! `demo`: makes the world, runs the real daemon in it with a clock that begins in the past, posts the
//! night's scenes as a force would, lets schools answer, and tells what came of it.

mod ending;
mod play;
mod story;

use super::args::Demo;
use super::exit::Exit;
use super::output::Output;
use super::{Stop, load, setup};
use crate::clock::Clock;
use crate::config::Look;
use crate::demo::{World, evening_before};
use crate::referral::deadline::Whose;
use crate::referral::london;
use crate::referral::school::LaCode;
use crate::service::{self, Running};
use jiff::Timestamp;
use play::Night;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The night must be over within this; a relay that never answers would otherwise hold it for ever.
const NIGHT_WITHIN: Duration = Duration::from_secs(50);
/// A moment that needs its day.
const DAY_AND_TIME: &str = "%H:%M on %A %-d %B %Y";

pub(super) async fn demo(asked: &Demo, output: Output) -> Result<Exit, Stop> {
    let temporary = match &asked.state_dir {
        Some(_) => None,
        None => Some(TempDir::with_prefix("firstbell-demo-")?),
    };
    let folder = match (&asked.state_dir, &temporary) {
        (Some(folder), _) => std::path::absolute(folder)?,
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => PathBuf::from("."),
    };
    std::fs::create_dir_all(&folder)?;
    if folder.join("state").exists() {
        let words = format!(
            "{}: a demo was played here; name a new folder",
            folder.display()
        );
        return Err(Stop::new(Exit::Usage, words));
    }
    let (world, clock) = make_world(folder, output).await?;
    let (stop, stopping) = watch::channel(false);
    let (ready, running) = oneshot::channel();
    let config = load(&world.settings, Look::AtFiles)?;
    let mut daemon = JoinSet::new();
    daemon.spawn(service::run(config, clock.clone(), ready, stopping));
    let running = tokio::select! {
        Ok(running) = running => running,
        Some(ended) = daemon.join_next() => return Err(daemon_ended(ended)),
    };
    write_ready_file(asked, &world, &running)?;
    tell(
        output,
        &format!("The gateway listens on {}.", running.intake),
    )?;
    let mut night = Night::new(&world, &running, &clock, output)?;
    let played = tokio::select! {
        played = timeout(NIGHT_WITHIN, night.play()) => played,
        Some(ended) = daemon.join_next() => return Err(daemon_ended(ended)),
    };
    played.map_err(|_| Stop::new(Exit::Fault, "the night did not end"))??;
    let as_scripted = night.tell_ending().await?;
    if !asked.once {
        clock.run_on();
        tell(
            output,
            "The morning is over; the clock runs on. Stop with Ctrl-C.",
        )?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            ended = ctrl_c() => ended?,
            _ = terminate.recv() => {}
            ended = night.run_on() => ended?,
            Some(ended) = daemon.join_next() => return Err(daemon_ended(ended)),
        }
    }
    stop.send_replace(true);
    if let Some(ended) = daemon.join_next().await
        && !matches!(ended, Ok(Ok(())))
    {
        return Err(daemon_ended(ended));
    }
    Ok(if as_scripted { Exit::Success } else { Exit::No })
}

/// The story goes to the terminal; with `--json` nothing but the objects is printed.
fn tell(output: Output, line: &str) -> Result<(), Stop> {
    if !output.is_json() {
        output.answer(&line, |line| (*line).to_owned())?;
    }
    Ok(())
}

fn daemon_ended(ended: Result<Result<(), service::ServiceFault>, tokio::task::JoinError>) -> Stop {
    match ended {
        Ok(Ok(())) => Stop::new(Exit::Fault, "the daemon ended"),
        Ok(Err(fault)) => Stop::new(Exit::Fault, fault),
        Err(error) => Stop::new(Exit::Fault, error),
    }
}

async fn make_world(folder: PathBuf, output: Output) -> Result<(World, Clock), Stop> {
    let fault = |error: &dyn std::fmt::Display| Stop::new(Exit::Fault, error);
    let now = Clock::system().now();
    let files = World::lay_directory(&folder, now).map_err(|e| fault(&e))?;
    let directory = setup::read_directory(&files, "england-and-wales", output)?;
    let whose = Whose {
        urn: None,
        la_code: LaCode::parse("881"),
    };
    let evening = evening_before(&directory, whose, now)
        .ok_or_else(|| Stop::new(Exit::Fault, "no pupil day lies behind us"))?;
    let clock = Clock::manual(evening);
    let world = World::make(folder, files, &clock)
        .await
        .map_err(|e| fault(&e))?;
    let config = load(&world.settings, Look::AtFiles)?;
    let schools = directory.schools.len();
    setup::import_directory(&config, directory, clock.clone()).await?;
    tell(
        output,
        &format!(
            "It is {}. {schools} schools are in the directory.",
            civil(evening, DAY_AND_TIME)
        ),
    )?;
    Ok((world, clock))
}

/// A clock on a wall in London.
fn civil(at: Timestamp, shape: &str) -> String {
    london::civil(at).strftime(shape).to_string()
}

/// Where everything is, for whoever drives the demo from outside (`interfaces.md`).
fn write_ready_file(asked: &Demo, world: &World, running: &Running) -> Result<(), Stop> {
    let Some(path) = &asked.ready_file else {
        return Ok(());
    };
    let certificate = world.folder.join("openpgp-cert.asc");
    std::fs::write(&certificate, &running.certificate)?;
    let shown = |path: &Path| path.display().to_string();
    let ready = json!({
        "intake": format!("https://localhost:{}", running.intake.port()),
        "ca": shown(&world.ca),
        "client_cert": shown(&world.client.certificate),
        "client_key": shown(&world.client.key),
        "console": null,
        "console_user": null,
        "console_password": null,
        "smtp_in": running.smtp_in.map(|address| address.to_string()),
        "relay_cjsm": world.relay_cjsm.to_string(),
        "relay_school": world.relay_school.to_string(),
        "metrics": running.metrics.map(|address| format!("http://{address}/metrics")),
        "state_dir": shown(&world.folder),
        "mail_dir": shown(&world.mail_dir),
        "directory": shown(&world.directory),
        "openpgp_cert": shown(&certificate),
        "force": "essex",
        "config": world.settings.iter().map(|file| shown(file)).collect::<Vec<_>>(),
    });
    // Beside and renamed: whoever waits for the file never reads half of it.
    let beside = path.with_extension("new");
    std::fs::write(&beside, ready.to_string())
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|error| Stop::new(Exit::Io, format!("{}: {error}", path.display())))
}
