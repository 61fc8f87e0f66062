//! `call` and `task`: what the desk rings and reads.

use super::Stop;
use super::acts::act;
use super::args::{CallCommand, CallEnded, TaskCommand};
use super::exit::Exit;
use super::output::Output;
use super::reading::tell;
use super::texts::{and_more, lines, list, of, when, words};
use crate::admin::acts::Wished;
use crate::admin::reads::Question;
use serde_json::Value;
use std::fmt::Write;
use std::path::PathBuf;

pub(super) async fn call(
    files: &[PathBuf],
    command: CallCommand,
    output: Output,
) -> Result<Exit, Stop> {
    match command {
        CallCommand::Next { reveal } => {
            tell(files, &Question::CallNext { reveal }, output, next).await
        }
        CallCommand::Claim { task } => {
            let task = task.to_string();
            let then = format!("firstbell call outcome {task} OUTCOME");
            act(files, &Wished::Claim { task }, output, &then).await
        }
        CallCommand::Outcome(ended) => {
            let then = "firstbell call next";
            act(files, &outcome(ended), output, then).await
        }
    }
}

fn outcome(ended: CallEnded) -> Wished {
    Wished::CallOutcome {
        task: ended.task.to_string(),
        outcome: ended.outcome.word().to_owned(),
        notification: ended.notification.map(|id| id.to_string()),
        role: ended.role.map(|role| role.word().to_owned()),
        word: ended.word.map(|word| word.word().to_owned()),
    }
}

pub(super) async fn task(
    files: &[PathBuf],
    command: TaskCommand,
    output: Output,
) -> Result<Exit, Stop> {
    let TaskCommand::List { kind } = command;
    let kind = kind.map(|kind| kind.word().to_owned());
    tell(files, &Question::Tasks { kind }, output, tasks).await
}

fn next(found: &Value) -> String {
    lines(|text| {
        let count = |pointer| found.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        let (open, claimed) = (count("/open"), count("/claimed"));
        let Some(call) = found.get("call").filter(|call| call.is_object()) else {
            writeln!(text, "No call to make: {open} open, {claimed} taken on.")?;
            return writeln!(text, "Next: firstbell task list");
        };
        writeln!(text, "{open} call(s) open, {claimed} taken on. The next:")?;
        one(text, call)?;
        let task = of(call, "/task");
        writeln!(text, "Next: firstbell call claim {task}")
    })
}

fn one(text: &mut String, call: &Value) -> std::fmt::Result {
    let priority = call.get("priority").and_then(Value::as_u64).unwrap_or(2);
    let (task, wanted) = (of(call, "/task"), when(call, "/wanted_by"));
    let act_by = when(call, "/act_by");
    writeln!(text, "Call {task}, P{priority}, act by {act_by}")?;
    if call.get("due").and_then(Value::as_bool) != Some(true) {
        writeln!(text, "  not before {wanted}")?;
    }
    let (urn, name) = (of(call, "/school/urn"), of(call, "/school/name"));
    let (from, to) = (of(call, "/school/phone_from"), of(call, "/school/phone_to"));
    writeln!(text, "  {urn} {name}, rings {from} to {to}")?;
    let register = of(call, "/school/register_number");
    writeln!(text, "  the register's number: {register}")?;
    for contact in list(call, "/contacts") {
        let (role, name) = (of(contact, "/role"), of(contact, "/name"));
        if contact.get("do_not_speak_to").and_then(Value::as_bool) == Some(true) {
            writeln!(text, "  do not speak to {role}: {name}")?;
        } else {
            writeln!(text, "  {role}: {name}  {}", of(contact, "/phone"))?;
        }
    }
    for child in list(call, "/children") {
        let (child_ref, reference) = (of(child, "/child_ref"), of(child, "/reference"));
        let (id, state) = (of(child, "/notification"), of(child, "/state"));
        writeln!(
            text,
            "  child {child_ref}, reference {reference}: {state}, {id}"
        )?;
        let reasons = words(child, "/reasons");
        if !reasons.is_empty() {
            writeln!(text, "    {reasons}")?;
        }
    }
    for earlier in list(call, "/earlier") {
        let (at, who) = (when(earlier, "/at"), of(earlier, "/who"));
        writeln!(text, "  {at}: {} by {who}", of(earlier, "/outcome"))?;
    }
    Ok(())
}

fn tasks(found: &Value) -> String {
    lines(|text| {
        let tasks = list(found, "/tasks");
        for line in tasks {
            let (id, kind) = (of(line, "/task"), of(line, "/kind"));
            let (subject, by) = (of(line, "/subject"), when(line, "/wanted_by"));
            write!(text, "{id}  {kind}  {subject}  by {by}")?;
            if line.get("claimed").is_some_and(Value::is_object) {
                let (who, at) = (of(line, "/claimed/who"), when(line, "/claimed/at"));
                write!(text, "  taken on by {who} at {at}")?;
            }
            writeln!(text)?;
            if line.get("reply").is_some_and(Value::is_object) {
                let inbound = of(line, "/reply/inbound");
                let at = when(line, "/reply/received_at");
                writeln!(
                    text,
                    "  {inbound} came {at}: firstbell reply show {inbound}"
                )?;
            }
        }
        if tasks.is_empty() {
            writeln!(text, "No tasks.")?;
        }
        and_more(text, found, "/more")?;
        writeln!(text, "Next: firstbell call next")
    })
}
