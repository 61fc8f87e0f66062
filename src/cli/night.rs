//! `demo`: makes the world, runs the real daemon in it with a clock that begins in the past, posts the
//! night's scenes as a force would, and tells what came of them.

use super::args::Demo;
use super::exit::Exit;
use super::output::Output;
use super::{Stop, load, setup};
use crate::admin::reads::{self, Answer, Question};
use crate::client::Sender;
use crate::clock::Clock;
use crate::config::Look;
use crate::demo::{Expected, SCENES, Scene, World, evening_before, move_time};
use crate::referral::deadline::Whose;
use crate::referral::london;
use crate::referral::school::LaCode;
use crate::service::{self, Running};
use crate::store::Store;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The night must be over within this; a relay that never answers would otherwise hold it for ever.
const NIGHT_WITHIN: Duration = Duration::from_secs(50);
/// How often the queue is looked at without a hint.
const LOOK: Duration = Duration::from_millis(100);
/// Between two posts, on the demo's clock.
const BETWEEN_POSTS: SignedDuration = SignedDuration::from_mins(3);

/// A posted child and school, and what must come of it.
struct Posted {
    scene: &'static Scene,
    expected: &'static Expected,
    notification: String,
}

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
    let night = play(&world, &running, &clock, output);
    let played = tokio::select! {
        played = timeout(NIGHT_WITHIN, night) => played,
        Some(ended) = daemon.join_next() => return Err(daemon_ended(ended)),
    };
    let posted = played.map_err(|_| Stop::new(Exit::Fault, "the night did not end"))??;
    let as_scripted = report(&running.store, &clock, &posted, output).await?;
    if !asked.once {
        clock.run_on();
        tell(
            output,
            "The night is over; the clock runs on. Stop with Ctrl-C.",
        )?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            ended = ctrl_c() => ended?,
            _ = terminate.recv() => {}
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
    let world = World::make(folder, files, evening)
        .await
        .map_err(|e| fault(&e))?;
    let clock = Clock::manual(evening);
    let config = load(&world.settings, Look::AtFiles)?;
    setup::import_directory(&config, directory, clock.clone()).await?;
    tell(
        output,
        &format!(
            "It is {}. Five schools are in the directory.",
            civil(evening)
        ),
    )?;
    Ok((world, clock))
}

fn civil(at: Timestamp) -> String {
    london::civil(at)
        .strftime("%H:%M on %A %-d %B %Y")
        .to_string()
}

/// Posts every scene, then moves time until every letter has come to an end.
async fn play(
    world: &World,
    running: &Running,
    clock: &Clock,
    output: Output,
) -> Result<Vec<Posted>, Stop> {
    let sender = Sender::new(&world.ca, &world.client.certificate, &world.client.key)?;
    let mut posted = Vec::new();
    for scene in SCENES {
        clock.advance_to(clock.now() + BETWEEN_POSTS);
        let at = clock.now();
        tell(output, &format!("{}  {}", civil(at), scene.title))?;
        let to = ("localhost", running.intake.port(), "/v1/referrals");
        let body = scene.post(at).to_string().into_bytes();
        let answer = sender.post(to, scene.referral_id, body).await?;
        let found: Value = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
        if answer.status() != hyper::StatusCode::CREATED {
            let words = format!("{}: {} {found}", scene.title, answer.status());
            return Err(Stop::new(Exit::Fault, words));
        }
        let text =
            |line: &Value, name: &str| line.get(name).and_then(Value::as_str).map(str::to_owned);
        let lines = found
            .get("notifications")
            .and_then(Value::as_array)
            .cloned();
        for line in lines.unwrap_or_default() {
            let (child, urn) = (text(&line, "child_ref"), text(&line, "urn"));
            let expected = scene.expected.iter().find(|expected| {
                Some(expected.child_ref) == child.as_deref() && expected.urn == urn.as_deref()
            });
            let (Some(expected), Some(notification)) = (expected, text(&line, "id")) else {
                return Err(Stop::new(
                    Exit::Fault,
                    format!("{}: not as scripted", scene.title),
                ));
            };
            posted.push(Posted {
                scene,
                expected,
                notification,
            });
        }
    }
    settle(&running.store, clock).await?;
    Ok(posted)
}

/// Moves the clock from timer to timer until no delivery waits.
async fn settle(store: &Store, clock: &Clock) -> Result<(), Stop> {
    let mut hints = store.hints();
    loop {
        hints.mark_unchanged();
        let queue = store.readers().list_queue().await;
        let queue = queue.map_err(|error| Stop::new(Exit::Fault, error))?;
        if queue.is_empty() {
            return Ok(());
        }
        let now = clock.now();
        let in_flight = queue
            .iter()
            .any(|line| line.state == "sending" || line.not_before <= now);
        move_time(
            clock,
            in_flight,
            queue.iter().map(|line| line.not_before).min(),
        );
        tokio::select! {
            _ = hints.changed() => {}
            () = sleep(LOOK) => {}
        }
    }
}

/// Prints one line per notification; true if all are as scripted.
async fn report(
    store: &Store,
    clock: &Clock,
    posted: &[Posted],
    output: Output,
) -> Result<bool, Stop> {
    let mut all = true;
    tell(
        output,
        &format!("It is {}. What came of it:", civil(clock.now())),
    )?;
    for one in posted {
        let question = Question::Notification {
            id: one.notification.clone(),
        };
        let directory = store.directory();
        let found = reads::answer(store.readers(), &directory, clock.now(), &question).await;
        let found = match found.map_err(|error| Stop::new(Exit::Fault, error))? {
            Answer::Found(found) => found,
            Answer::NotThere(words) => return Err(Stop::new(Exit::Fault, words)),
        };
        let (state, as_scripted) = judge(&found, one.expected);
        all &= as_scripted;
        let line = json!({
            "notification": one.notification,
            "urn": one.expected.urn,
            "state": state,
            "expected": one.expected.state,
            "acknowledged_by": null,
            "deliveries": found.get("deliveries"),
            "as_scripted": as_scripted,
            "scene": one.scene.title,
        });
        output.answer(&line, |line| readable(line, one.expected))?;
    }
    Ok(all)
}

/// The state, and whether state and deliveries are as the scene says.
fn judge(found: &Value, expected: &Expected) -> (String, bool) {
    let state = found
        .get("state")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let deliveries: Vec<(&str, &str, u64)> = found
        .get("deliveries")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|delivery| {
            let text = |name| {
                delivery
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let attempts = delivery
                .get("attempts")
                .and_then(Value::as_u64)
                .unwrap_or(0);
            (text("route"), text("state"), attempts)
        })
        .collect();
    let as_sent = match expected.sent {
        Some((route, attempts)) => {
            let attempts = u64::try_from(attempts).unwrap_or(u64::MAX);
            deliveries == [(route, "relayed", attempts)]
        }
        None => deliveries.is_empty(),
    };
    let as_scripted = state == expected.state && as_sent;
    (state, as_scripted)
}

fn readable(line: &Value, expected: &Expected) -> String {
    let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or("-");
    let school = expected.urn.unwrap_or("none yet");
    let sent = match expected.sent {
        Some((route, 1)) => format!("letter handed to the {route} relay"),
        Some((route, attempts)) => {
            format!("letter handed to the {route} relay at attempt {attempts}")
        }
        None => "no letter; a person chooses the school".to_owned(),
    };
    let verdict = if line.get("as_scripted") == Some(&Value::Bool(true)) {
        "as scripted"
    } else {
        "NOT AS SCRIPTED"
    };
    let (scene, state) = (text("scene"), text("state"));
    format!(
        "  {scene}\n    child {}, school {school}: {state}, {sent} ({verdict})",
        expected.child_ref
    )
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
        "smtp_in": null,
        "relay_cjsm": world.relay_cjsm.to_string(),
        "relay_school": world.relay_school.to_string(),
        "metrics": null,
        "state_dir": shown(&world.folder),
        "mail_dir": shown(&world.mail_dir),
        "directory": shown(&world.directory),
        "openpgp_cert": shown(&certificate),
        "force": "essex",
        "config": world.settings.iter().map(|file| shown(file)).collect::<Vec<_>>(),
    });
    // Beside and renamed: whoever waits for the file never reads half of it.
    let beside = path.with_extension("new");
    std::fs::write(&beside, ready.to_string())?;
    std::fs::rename(&beside, path)?;
    Ok(())
}
