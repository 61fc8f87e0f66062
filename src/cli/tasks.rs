//! `task`: what people must do, and the command that does it.

use super::Stop;
use super::acts::act;
use super::args::{TaskCommand, TaskDone};
use super::exit::Exit;
use super::output::Output;
use super::reading::tell;
use super::texts::{and_more, lines, list, of, when};
use crate::admin::acts::Wished;
use crate::admin::reads::Question;
use crate::referral::fact::TaskKind;
use serde_json::Value;
use std::fmt::Write;
use std::path::PathBuf;

pub(super) async fn task(
    files: &[PathBuf],
    command: TaskCommand,
    output: Output,
) -> Result<Exit, Stop> {
    match command {
        TaskCommand::List { kind } => {
            let kind = kind.map(|kind| kind.word().to_owned());
            tell(files, &Question::Tasks { kind }, output, tasks).await
        }
        TaskCommand::Done(TaskDone { task, reason, note }) => {
            let wished = Wished::TaskDone {
                task: task.to_string(),
                code: reason.word().to_owned(),
                note,
            };
            act(files, &wished, output, "firstbell task list").await
        }
    }
}

fn tasks(found: &Value) -> String {
    lines(|text| {
        let tasks = list(found, "/tasks");
        for line in tasks {
            task_line(text, line)?;
        }
        if tasks.is_empty() {
            writeln!(text, "No tasks.")?;
        }
        and_more(text, found, "/more")
    })
}

/// One task, and the command that brings it further.
pub(super) fn task_line(text: &mut String, line: &Value) -> std::fmt::Result {
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
        writeln!(text, "  {inbound} came {at}")?;
    }
    if let Some(kind) = TaskKind::parse(kind) {
        writeln!(text, "  next: {}", next(kind, line))?;
    }
    Ok(())
}

/// The command that brings a task of this kind further.
fn next(kind: TaskKind, line: &Value) -> String {
    let (task, notification) = (of(line, "/task"), of(line, "/notification"));
    let done = format!("firstbell task done {task} --reason CODE");
    let of_notification = |verb: &str| format!("firstbell notification {verb} {notification}");
    match kind {
        TaskKind::RingSchool if line.get("claimed").is_some_and(Value::is_object) => {
            format!("firstbell call outcome {task} OUTCOME")
        }
        TaskKind::RingSchool => format!("firstbell call claim {task}"),
        TaskKind::ChooseSchool => format!("{} --urn URN", of_notification("route")),
        TaskKind::RecordWhoTold => {
            let close = of_notification("close");
            format!("{close} --as done --reason CODE --note TEXT")
        }
        TaskKind::ChooseEnding => {
            let close = of_notification("close");
            format!("{close} --as told_late|not_told|done --reason CODE --note TEXT")
        }
        TaskKind::CountersignEnding => of_notification("countersign"),
        TaskKind::ConfirmHold => {
            let release = of_notification("release");
            format!("{release} --reason TEXT, or to let it happen: {done}")
        }
        TaskKind::SettleContradiction => {
            let (trace, acknowledge) = (of_notification("trace"), of_notification("acknowledge"));
            format!("{trace}, then {acknowledge} --reason TEXT, or notification tell")
        }
        TaskKind::ReadReply => reply(line, None),
        TaskKind::CheckSender => reply(line, Some(&done)),
        TaskKind::CompleteRefusedPost => {
            let force = of(line, "/force");
            format!("firstbell referral refused list --force {force}, then {done}")
        }
        TaskKind::CheckSenderQuiet => format!("ring the force's control room, then {done}"),
        TaskKind::NameChild => format!("{}, then {done}", of_notification("show")),
        TaskKind::ReadQuarantined => format!("{}, then {done}", of_notification("trace")),
        TaskKind::CallUnclaimed => format!("firstbell call next, then {done}"),
        TaskKind::TellHomeForce => done,
    }
}

/// The reply that waits is read first; with none left to read the task is only to be ended.
fn reply(line: &Value, done: Option<&str>) -> String {
    match line.pointer("/reply/inbound").and_then(Value::as_str) {
        Some(inbound) => format!("firstbell reply show {inbound} --reveal"),
        None => done.unwrap_or("firstbell reply list").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::parse_from;
    use serde_json::json;

    /// Every command that is proposed is one that can be typed, its placeholders filled in.
    #[test]
    fn every_kind_of_task_names_a_command_that_exists() {
        let line = json!({
            "task": "tsk_01JDA2V8W6E4R8T0Y2V4P6S8D0",
            "notification": "ntf_01JDA2V8W6E4R8T0Y2V4P6S8D0",
            "force": "essex",
            "reply": {"inbound": "inb_01JDA2V8W6E4R8T0Y2V4P6S8D0"},
        });
        for word in TaskKind::WORDS {
            let kind = TaskKind::parse(word).unwrap();
            let next = next(kind, &line);
            for proposed in next
                .split(", ")
                .filter_map(|part| part.split("firstbell ").nth(1))
            {
                let typed = proposed
                    .replace("--urn URN", "--urn 990011")
                    .replace("told_late|not_told|done", "done")
                    .replace("OUTCOME", "no_answer");
                let code = if typed.contains(" close ") {
                    "mash"
                } else {
                    "done"
                };
                let typed = typed.replace("CODE", code);
                let arguments = ["firstbell"].into_iter().chain(typed.split(' '));
                assert!(parse_from(arguments).is_ok(), "{word}: {typed}");
            }
            assert!(next.contains("firstbell "), "{word}");
        }
    }

    #[test]
    fn a_task_says_how_it_is_done() {
        let line = json!({"task": "tsk_1", "notification": "ntf_1", "force": null});
        let next = |kind| next(kind, &line);
        assert_eq!(next(TaskKind::RingSchool), "firstbell call claim tsk_1");
        assert_eq!(
            next(TaskKind::TellHomeForce),
            "firstbell task done tsk_1 --reason CODE"
        );
        assert_eq!(
            next(TaskKind::ChooseSchool),
            "firstbell notification route ntf_1 --urn URN"
        );
        let claimed = json!({"task": "tsk_1", "claimed": {"who": "A Tester"}});
        assert_eq!(
            super::next(TaskKind::RingSchool, &claimed),
            "firstbell call outcome tsk_1 OUTCOME"
        );
    }
}
