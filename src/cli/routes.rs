//! `route`: ways out, and whether letters go over them.

use super::acts::{act, daemon};
use super::args::RouteCommand;
use super::exit::Exit;
use super::output::Output;
use super::reading::{exchange, tell};
use super::texts::{lines, list as listed, of, when, words};
use super::{Stop, load};
use crate::admin::acts::{Resume, Suspend, Wished};
use crate::admin::reads::Question;
use crate::admin::routes::Probe;
use crate::config::Look;
use jiff::Timestamp;
use serde_json::Value;
use std::fmt::Write;
use std::path::PathBuf;

pub(super) async fn route(
    files: &[PathBuf],
    command: RouteCommand,
    output: Output,
) -> Result<Exit, Stop> {
    let then = "firstbell route list";
    match command {
        RouteCommand::List => tell(files, &Question::Routes, output, routes).await,
        RouteCommand::Probe { route } => probe(files, route.as_str(), output).await,
        RouteCommand::Suspend(wished) => {
            let text = |at: Timestamp| at.to_string();
            let wished = Wished::SuspendRoute(Suspend {
                route: wished.route.to_string(),
                reason: wished.reason.word().to_owned(),
                from: wished.from.map(text),
                until: wished.until.map(text),
                note: wished.note,
            });
            act(files, &wished, output, then).await
        }
        RouteCommand::Resume(wished) => {
            let wished = Wished::ResumeRoute(Resume {
                route: wished.route.to_string(),
                reason: wished.reason.word().to_owned(),
                planned: wished.planned,
            });
            act(files, &wished, output, then).await
        }
    }
}

/// Exit 0 if a letter could be handed over, 69 if not; the answer is printed either way.
async fn probe(files: &[PathBuf], route: &str, output: Output) -> Result<Exit, Stop> {
    let config = load(files, Look::Away)?;
    let stream = daemon(&config).await?;
    let wished = Probe {
        route: route.to_owned(),
    };
    let met = exchange(stream, "/v1/probe", &wished).await?;
    output.answer(&met, probed)?;
    let ready = met.get("ready").and_then(Value::as_bool);
    Ok(match ready {
        Some(true) => Exit::Success,
        Some(false) | None => Exit::Unavailable,
    })
}

fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

fn is_there(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).is_some_and(|found| !found.is_null())
}

fn routes(found: &Value) -> String {
    lines(|text| {
        for route in listed(found, "/routes") {
            one(text, route)?;
        }
        for expiry in listed(found, "/expiries") {
            let (what, route) = (of(expiry, "/what"), of(expiry, "/route"));
            let days = number(expiry, "/days_left");
            let until = when(expiry, "/not_after");
            writeln!(text, "{what}  {route}  until {until}, {days} day(s) left")?;
        }
        writeln!(text, "Next: firstbell route probe ROUTE")
    })
}

fn one(text: &mut String, route: &Value) -> std::fmt::Result {
    let name = of(route, "/route");
    if is_there(route, "/breaker") {
        let (breaker, busy) = (of(route, "/breaker"), number(route, "/busy"));
        let connections = number(route, "/connections");
        writeln!(
            text,
            "{name}  breaker {breaker}, {busy} of {connections} connections busy"
        )?;
    } else {
        writeln!(text, "{name}  no daemon answers")?;
    }
    if is_there(route, "/scouts_since") {
        let since = when(route, "/scouts_since");
        writeln!(
            text,
            "  takes nothing since {since}: one letter at a time is tried; down after half an hour"
        )?;
    }
    if is_there(route, "/suspended") {
        writeln!(text, "  suspended {}", block(route, "/suspended"))?;
    }
    for planned in listed(route, "/planned") {
        writeln!(text, "  planned {}", block(planned, ""))?;
    }
    let waiting = number(route, "/waiting");
    if waiting > 0 {
        let safe = when(route, "/soonest_last_safe_at");
        writeln!(
            text,
            "  {waiting} waiting, last safe moment of the first {safe}"
        )?;
    }
    if is_there(route, "/last_success") {
        writeln!(text, "  last success {}", when(route, "/last_success"))?;
    }
    if is_there(route, "/last_failure") {
        let at = when(route, "/last_failure/at");
        writeln!(
            text,
            "  last failure {at}: {}",
            failure(route, "/last_failure")
        )?;
    }
    if is_there(route, "/peer_until") {
        let (until, days) = (when(route, "/peer_until"), number(route, "/peer_days_left"));
        writeln!(
            text,
            "  its certificate is valid until {until}, {days} day(s) left"
        )?;
    }
    Ok(())
}

fn block(value: &Value, at: &str) -> String {
    let (by, reason) = (
        of(value, &format!("{at}/by")),
        of(value, &format!("{at}/reason")),
    );
    let from = when(value, &format!("{at}/from"));
    let until = format!("{at}/until");
    let until = if is_there(value, &until) {
        when(value, &until)
    } else {
        "somebody resumes it".to_owned()
    };
    format!("by {by}, {reason}, from {from} until {until}")
}

fn failure(value: &Value, at: &str) -> String {
    let (phase, why) = (
        of(value, &format!("{at}/phase")),
        of(value, &format!("{at}/why")),
    );
    match value.pointer(&format!("{at}/code")).and_then(Value::as_i64) {
        Some(code) => format!("{phase}, {why} {code}"),
        None => format!("{phase}, {why}"),
    }
}

fn probed(met: &Value) -> String {
    lines(|text| {
        let route = of(met, "/route");
        let ready = met.get("ready").and_then(Value::as_bool) == Some(true);
        if ready {
            writeln!(text, "{route} is ready: a letter could be handed over.")?;
            writeln!(text, "  offers {}", words(met, "/offers"))?;
        } else {
            writeln!(text, "{route} is not ready: {}", failure(met, ""))?;
        }
        if is_there(met, "/tls") {
            let (version, cipher) = (of(met, "/tls/version"), of(met, "/tls/cipher"));
            let (until, days) = (when(met, "/tls/peer_until"), number(met, "/tls/days_left"));
            writeln!(text, "  {version} {cipher}")?;
            writeln!(
                text,
                "  its certificate is valid until {until}, {days} day(s) left"
            )?;
        }
        writeln!(text, "Next: firstbell route list")
    })
}
