//! `alarm`: what needs a person of the gateway's own.

use super::Stop;
use super::acts::act;
use super::args::AlarmCommand;
use super::exit::Exit;
use super::output::Output;
use super::reading::tell;
use super::texts::{lines, list, of, when};
use crate::admin::acts::Wished;
use crate::admin::reads::Question;
use crate::alarms::runbook::Runbook;
use crate::referral::alarm::AlarmKind;
use serde_json::Value;
use std::fmt::Write;
use std::path::PathBuf;

pub(super) async fn alarm(
    files: &[PathBuf],
    command: AlarmCommand,
    output: Output,
) -> Result<Exit, Stop> {
    match command {
        AlarmCommand::List { all } => tell(files, &Question::Alarms { all }, output, listed).await,
        AlarmCommand::Show { id } => {
            let id = id.to_string();
            tell(files, &Question::Alarm { id }, output, shown).await
        }
        AlarmCommand::Claim { id } => {
            let alarm = id.to_string();
            let then = format!("firstbell alarm show {alarm}");
            act(files, &Wished::ClaimAlarm { alarm }, output, &then).await
        }
    }
}

fn listed(found: &Value) -> String {
    lines(|text| {
        let alarms = list(found, "/alarms");
        for alarm in alarms {
            one(text, alarm)?;
        }
        match alarms.first() {
            Some(alarm) => writeln!(text, "Next: firstbell alarm show {}", of(alarm, "/alarm")),
            None => writeln!(text, "No alarms."),
        }
    })
}

fn one(text: &mut String, alarm: &Value) -> std::fmt::Result {
    let (id, kind) = (of(alarm, "/alarm"), of(alarm, "/kind"));
    let (subject, since) = (of(alarm, "/subject"), when(alarm, "/opened_at"));
    write!(text, "{id}  {kind}  {subject}  since {since}")?;
    let is_text = |member| alarm.get(member).is_some_and(Value::is_string);
    if is_text("cleared_at") {
        write!(text, "  over {}", when(alarm, "/cleared_at"))?;
    }
    if alarm.get("claimed").is_some_and(Value::is_object) {
        let (who, at) = (of(alarm, "/claimed/who"), when(alarm, "/claimed/at"));
        write!(text, "  taken on by {who} at {at}")?;
    } else if is_text("mailed_at") || is_text("webhook_at") {
        write!(text, "  told, and taken on by nobody")?;
    }
    if alarm.get("recorded") == Some(&Value::Bool(false)) {
        write!(text, "  not recorded yet")?;
    }
    writeln!(text)
}

/// With what to do, which is not the daemon's to say.
fn shown(alarm: &Value) -> String {
    lines(|text| {
        one(text, alarm)?;
        let Some(kind) = AlarmKind::parse(of(alarm, "/kind")) else {
            return Ok(());
        };
        let runbook = Runbook::of(kind);
        writeln!(text, "{}", runbook.summary)?;
        writeln!(text, "{}", runbook.text)?;
        let command = runbook.command(of(alarm, "/subject"));
        writeln!(text, "Next: {command}")
    })
}
