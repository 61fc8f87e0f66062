//! `call`: whom the desk rings.

use super::acts::{act, spoken};
use super::args::{CallCommand, CallEnded, CallUndone};
use super::exit::Exit;
use super::output::Output;
use super::reading::{ask, tell};
use super::texts::{and_damaged, and_more, harmless, lines, list, of, when, words};
use super::{Stop, load, morning, script};
use crate::admin::acts::Wished;
use crate::admin::reads::Question;
use crate::config::Look;
use crate::referral::london;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
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
            let then = format!(
                "firstbell call next --reveal shows whom it is about, then \
                 firstbell call outcome {task} OUTCOME"
            );
            act(files, &Wished::Claim { task }, output, &then).await
        }
        CallCommand::Word { task } => {
            let said = spoken(output)?;
            let task = task.to_string();
            let wished = Wished::CallWord { task, said };
            act(files, &wished, output, "firstbell call next --reveal").await
        }
        CallCommand::Roll {
            task,
            on_roll,
            notification,
        } => {
            let wished = Wished::CallRoll {
                task: task.to_string(),
                notification: notification.to_string(),
                on_roll,
            };
            let then = "firstbell call next --reveal";
            act(files, &wished, output, then).await
        }
        CallCommand::Find { text } => {
            let text = text.join(" ");
            tell(files, &Question::CallFind { text }, output, found).await
        }
        CallCommand::Inbound { id } => {
            let notification = by_reference(files, &id).await?;
            let then = "firstbell call next --reveal";
            act(files, &Wished::CallInbound { notification }, output, then).await
        }
        CallCommand::Forecast { force, days } => {
            let force = force.map(|force| force.to_string());
            let question = Question::CallForecast { force, days };
            tell(files, &question, output, morning::forecast).await
        }
        CallCommand::Undo(CallUndone { task, reason }) => {
            let task = task.to_string();
            let undo = Wished::CallUndo { task, reason };
            act(files, &undo, output, "firstbell call next").await
        }
        CallCommand::Outcome(ended) => {
            let then = "firstbell call next";
            act(files, &outcome(ended), output, then).await
        }
    }
}

/// The id of a notification that is named by either.
async fn by_reference(files: &[PathBuf], id: &str) -> Result<String, Stop> {
    let config = load(files, Look::Away)?;
    let question = Question::Notification { id: id.to_owned() };
    let shown = ask(&config, &question).await?;
    Ok(of(&shown, "/notification").to_owned())
}

/// What waits for the schools that a caller may mean.
fn found(found: &Value) -> String {
    lines(|text| {
        for school in list(found, "/schools") {
            let (urn, name) = (of(school, "/urn"), of(school, "/name"));
            writeln!(text, "{urn} {name}")?;
            let waiting = list(school, "/notifications");
            for line in waiting {
                let (id, reference) = (of(line, "/notification"), of(line, "/reference"));
                let (state, act_by) = (of(line, "/state"), when(line, "/act_by"));
                writeln!(text, "  {reference}  {state}  act by {act_by}  {id}")?;
            }
            match waiting.first() {
                Some(first) => {
                    let id = of(first, "/notification");
                    writeln!(text, "  next: firstbell call inbound {id}")?;
                }
                None => writeln!(text, "  nothing waits for it")?,
            }
        }
        if list(found, "/schools").is_empty() {
            writeln!(text, "Neither a reference nor a school is found by this.")?;
        }
        and_more(text, found, "/more")
    })
}

fn outcome(ended: CallEnded) -> Wished {
    Wished::CallOutcome {
        task: ended.task.to_string(),
        outcome: ended.outcome.word().to_owned(),
        notification: ended.notification.map(|id| id.to_string()),
        role: ended.role.map(|role| role.word().to_owned()),
    }
}

fn next(found: &Value) -> String {
    lines(|text| {
        let count = |pointer| found.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        let (open, claimed) = (count("/open"), count("/claimed"));
        let more = match count("/for_supervisors") {
            0 => String::new(),
            more => format!("; {more} more need a supervisor"),
        };
        let Some(call) = found.get("call").filter(|call| call.is_object()) else {
            writeln!(
                text,
                "No call to make: {open} open, {claimed} taken on{more}."
            )?;
            and_damaged(text, found)?;
            return writeln!(text, "Next: firstbell task list");
        };
        let own = found.get("own").and_then(Value::as_bool) == Some(true);
        let which = if own { "Yours" } else { "The next" };
        writeln!(
            text,
            "{open} call(s) open, {claimed} taken on{more}. {which}:"
        )?;
        one(text, call, (of(found, "/now"), own))?;
        let task = of(call, "/task");
        if own {
            script::write(text, found, call)?;
            writeln!(text, "Next: firstbell call outcome {task} OUTCOME")
        } else if is(call, "/ready") {
            writeln!(text, "Next: firstbell call claim {task}")?;
            writeln!(
                text,
                "  then firstbell call next --reveal shows names and birth dates"
            )
        } else {
            writeln!(text, "Nothing can be rung now. Next: firstbell task list")
        }
    })
}

fn if_wrong(value: &Value, pointer: &str) -> &'static str {
    if is(value, pointer) {
        ", WRONG: do not ring it"
    } else {
        ""
    }
}

fn is(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool) == Some(true)
}

fn one(text: &mut String, call: &Value, (now, own): (&str, bool)) -> std::fmt::Result {
    let priority = call.get("priority").and_then(Value::as_u64).unwrap_or(2);
    let (task, wanted) = (of(call, "/task"), when(call, "/wanted_by"));
    let act_by = when(call, "/act_by");
    writeln!(text, "Call {task}, P{priority}, act by {act_by}")?;
    // A school that rings us is not asked to wait.
    if !is(call, "/due") && !own {
        writeln!(text, "  not before {wanted}")?;
    }
    let (urn, name) = (of(call, "/school/urn"), of(call, "/school/name"));
    let (from, to) = (of(call, "/school/phone_from"), of(call, "/school/phone_to"));
    write!(text, "  {urn} {name}, telephone {from}-{to}")?;
    match opens(call, now) {
        Some(opens) => writeln!(text, ", closed now; opens {opens}")?,
        None => writeln!(text)?,
    }
    writeln!(text, "  ring {}", of(call, "/number"))?;
    let (register, wrong) = (
        of(call, "/school/register_number"),
        if_wrong(call, "/school/register_number_is_wrong"),
    );
    writeln!(text, "  the register's number: {register}{wrong}")?;
    if is(call, "/conflict") {
        writeln!(
            text,
            "  CONFLICT: an adult involved has a part in this school. Ask for the head, if that is somebody"
        )?;
        writeln!(text, "  else, or the trust or the authority")?;
    }
    for contact in list(call, "/instead") {
        let (name, phone) = (of(contact, "/name"), of(contact, "/phone"));
        writeln!(text, "  the authority: {name}  {phone}")?;
    }
    for contact in list(call, "/contacts") {
        let (role, name) = (of(contact, "/role"), of(contact, "/name"));
        if contact.get("do_not_speak_to").and_then(Value::as_bool) == Some(true) {
            writeln!(text, "  do not speak to {role}: {name}")?;
        } else {
            let (phone, wrong) = (of(contact, "/phone"), if_wrong(contact, "/number_is_wrong"));
            writeln!(text, "  {role}: {name}  {phone}{wrong}")?;
        }
    }
    for child in list(call, "/children") {
        let (child_ref, reference) = (of(child, "/child_ref"), of(child, "/reference"));
        let (id, state) = (of(child, "/notification"), of(child, "/state"));
        writeln!(
            text,
            "  child {child_ref}, reference {reference}: {state}, {id}"
        )?;
        named(text, child)?;
        let reasons = words(child, "/reasons");
        if !reasons.is_empty() {
            writeln!(text, "    {reasons}")?;
        }
    }
    and_damaged(text, call)?;
    for earlier in list(call, "/earlier") {
        let (at, who) = (when(earlier, "/at"), of(earlier, "/who"));
        let outcome = of(earlier, "/outcome");
        writeln!(text, "  {at}: {outcome} by {who}")?;
        if ["closed", "wrong_number"].contains(&outcome) {
            let task = of(earlier, "/task");
            writeln!(
                text,
                "    by mistake? a supervisor: firstbell call undo {task} --reason TEXT"
            )?;
        }
    }
    Ok(())
}

/// When a school that is closed opens: the day of the week says it within the week.
fn opens(call: &Value, now: &str) -> Option<String> {
    let at: Timestamp = call.pointer("/opens_at")?.as_str()?.parse().ok()?;
    let now: Timestamp = now.parse().ok()?;
    let within_the_week = at.duration_since(now) < SignedDuration::from_hours(6 * 24);
    let shape = if within_the_week {
        "%a %H:%M"
    } else {
        "%a %-d %b %H:%M"
    };
    Some(london::civil(at).strftime(shape).to_string())
}

/// Whom the script asks the school for, where it is revealed.
fn named(text: &mut String, child: &Value) -> std::fmt::Result {
    if !child.get("child").is_some_and(Value::is_object) {
        return Ok(());
    }
    let (given, family) = (
        of(child, "/child/given_name"),
        of(child, "/child/family_name"),
    );
    write!(text, "    {} {}", harmless(given), harmless(family))?;
    if let Some(known_as) = child.pointer("/child/known_as").and_then(Value::as_str) {
        write!(text, " (known as {})", harmless(known_as))?;
    }
    let born = child
        .pointer("/child/date_of_birth")
        .and_then(Value::as_str);
    let born: Option<Date> = born.and_then(|text| text.parse().ok());
    let age = child.pointer("/child/age_years").and_then(Value::as_i64);
    match (born, age) {
        (Some(born), _) => writeln!(text, ", born {}", born.strftime("%-d %B %Y")),
        (None, Some(age)) => writeln!(text, ", about {age}"),
        (None, None) => writeln!(text, ", birth date not known"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_school_that_is_closed_is_not_offered_to_be_rung() {
        let found = |opens_at: Option<&str>| {
            next(&json!({
                "now": "2026-11-22T04:00:00Z", "open": 1, "claimed": 0,
                "call": {
                    "task": "tsk_1", "due": true, "ready": opens_at.is_none(), "opens_at": opens_at,
                    "school": {"urn": "990011", "phone_from": "08:00", "phone_to": "16:00"},
                },
            }))
        };
        let closed = found(Some("2026-11-23T08:00:00Z"));
        let hours = "telephone 08:00-16:00, closed now; opens Mon 08:00\n";
        assert!(closed.contains(hours), "{closed}");
        assert!(!closed.contains("call claim"), "{closed}");
        let later = found(Some("2027-01-04T08:00:00Z"));
        assert!(later.contains("opens Mon 4 Jan 08:00"), "{later}");
        let open = found(None);
        assert!(open.contains("telephone 08:00-16:00\n"), "{open}");
        assert!(open.contains("Next: firstbell call claim tsk_1"), "{open}");
    }
}
