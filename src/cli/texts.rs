//! Answers as text for a terminal. JSON is the exact form; this is the readable one.

use super::ahead;
use crate::referral::london;
use jiff::Timestamp;
use serde_json::Value;
use std::fmt::Write;

/// A member as text; a dash when there is none.
pub(super) fn of<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or("-")
}

/// A time as the clock on the wall shows it, Europe/London.
pub(super) fn when(value: &Value, pointer: &str) -> String {
    instant(value, pointer).map_or_else(|| "-".to_owned(), london::shown)
}

fn instant(value: &Value, pointer: &str) -> Option<Timestamp> {
    value.pointer(pointer)?.as_str()?.parse().ok()
}

pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

pub(super) fn words(value: &Value, pointer: &str) -> String {
    let words: Vec<&str> = list(value, pointer)
        .iter()
        .filter_map(Value::as_str)
        .collect();
    words.join(", ")
}

/// A list is cut at a bound; whoever reads it must not take it for the whole.
pub(super) fn and_more(text: &mut String, found: &Value, pointer: &str) -> std::fmt::Result {
    match found.pointer(pointer).and_then(Value::as_u64) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(text, "  and {more} more"),
    }
}

/// What could not be read is named, and hides nothing else.
pub(super) fn and_damaged(text: &mut String, found: &Value) -> std::fmt::Result {
    let count = found.pointer("/damaged/count").and_then(Value::as_u64);
    match count {
        None | Some(0) => Ok(()),
        Some(count) => writeln!(
            text,
            "  {count} damaged record(s), which need an engineer: {}",
            words(found, "/damaged/notifications")
        ),
    }
}

/// How many there are of one of several lists, those left out included.
fn count(found: &Value, name: &str) -> u64 {
    let shown = u64::try_from(list(found, &format!("/{name}")).len()).unwrap_or(u64::MAX);
    let more = found.pointer(&format!("/more/{name}"));
    shown.saturating_add(more.and_then(Value::as_u64).unwrap_or(0))
}

/// Lines joined, without the last line's end.
pub(super) fn lines(write: impl FnOnce(&mut String) -> std::fmt::Result) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    write(&mut text).unwrap_or_default();
    text.truncate(text.trim_end().len());
    text
}

pub(super) fn referrals(found: &Value) -> String {
    lines(|text| {
        for line in list(found, "/referrals") {
            let count = line
                .get("notifications")
                .and_then(Value::as_i64)
                .unwrap_or(0);
            let (id, force, state) = (
                of(line, "/referral"),
                of(line, "/force"),
                of(line, "/state"),
            );
            let at = when(line, "/received_at");
            writeln!(
                text,
                "{id}  {at}  {force}  {state}  {count} notification(s)"
            )?;
        }
        if text.is_empty() {
            writeln!(text, "No referrals.")?;
        }
        and_more(text, found, "/more")
    })
}

pub(super) fn referral(found: &Value) -> String {
    lines(|text| {
        writeln!(
            text,
            "Referral {}, received {}",
            of(found, "/referral"),
            when(found, "/received_at")
        )?;
        if found.get("duplicate_of").is_some_and(Value::is_string) {
            let first = of(found, "/duplicate_of");
            writeln!(
                text,
                "  identical with {first}: linked to it, no second letter"
            )?;
        }
        for line in list(found, "/notifications") {
            let (id, child) = (of(line, "/notification"), of(line, "/child_ref"));
            let (state, urn, act_by) =
                (of(line, "/state"), of(line, "/urn"), when(line, "/act_by"));
            writeln!(
                text,
                "  {id}  child {child}  school {urn}  {state}  act by {act_by}"
            )?;
            let reasons = words(line, "/reasons");
            if !reasons.is_empty() {
                writeln!(text, "    {reasons}")?;
            }
        }
        writeln!(text, "Next: firstbell notification show ID")
    })
}

pub(super) fn refused_posts(found: &Value) -> String {
    lines(|text| {
        for line in list(found, "/refused_posts") {
            refused_line(text, line)?;
        }
        if text.is_empty() {
            writeln!(text, "No refused posts are kept.")?;
        } else {
            writeln!(text, "Next: firstbell referral refused show ID")?;
        }
        Ok(())
    })
}

pub(super) fn refused_post(found: &Value) -> String {
    lines(|text| {
        refused_line(text, found)?;
        writeln!(text, "  kept until {}", when(found, "/until"))?;
        match found.get("body").and_then(Value::as_str) {
            Some(body) => writeln!(text, "{}", harmless(body)),
            None => writeln!(text, "Next: the same with --reveal shows what was posted"),
        }
    })
}

fn refused_line(text: &mut String, line: &Value) -> std::fmt::Result {
    let (id, at) = (of(line, "/refused"), when(line, "/received_at"));
    let (force, code) = (of(line, "/force"), of(line, "/code"));
    let status = line.get("status").and_then(Value::as_i64).unwrap_or(0);
    writeln!(text, "{id}  {at}  {force}  {status} {code}")
}

/// What others wrote, without what could command a terminal: only lines and tabs are left.
pub(super) fn harmless(body: &str) -> String {
    let mut shown = String::with_capacity(body.len());
    for letter in body.chars() {
        match letter {
            '\n' | '\t' => shown.push(letter),
            _ if letter.is_control() => shown.extend(letter.escape_default()),
            _ => shown.push(letter),
        }
    }
    shown
}

pub(super) fn notification(found: &Value) -> String {
    lines(|text| {
        head(text, found)?;
        let id = of(found, "/notification");
        writeln!(text, "Next: firstbell notification trace {id}")
    })
}

fn head(text: &mut String, found: &Value) -> std::fmt::Result {
    let (id, reference) = (of(found, "/notification"), of(found, "/reference"));
    writeln!(
        text,
        "Notification {id}, reference {reference}: {}",
        of(found, "/state")
    )?;
    writeln!(
        text,
        "  child {} of referral {}",
        of(found, "/child_ref"),
        of(found, "/referral")
    )?;
    writeln!(text, "  for {} {}", of(found, "/target"), of(found, "/urn"))?;
    let why = words(found, "/due_reasons");
    writeln!(
        text,
        "  due {}, act by {} ({why})",
        when(found, "/due_at"),
        when(found, "/act_by")
    )?;
    let (proof, hold) = (of(found, "/values/proof"), of(found, "/values/hold"));
    writeln!(text, "  proof {proof}, hold {hold}")?;
    ahead::write(text, found)?;
    if found.get("will_happen").is_some_and(Value::is_object) {
        let (what, at) = (
            of(found, "/will_happen/what"),
            when(found, "/will_happen/at"),
        );
        writeln!(text, "  unless a person decides: {what} at {at}")?;
    }
    for delivery in list(found, "/deliveries") {
        let attempts = delivery
            .get("attempts")
            .and_then(Value::as_i64)
            .unwrap_or(0);
        let (role, route) = (of(delivery, "/role"), of(delivery, "/route"));
        let (message, state) = (of(delivery, "/message"), of(delivery, "/state"));
        writeln!(
            text,
            "  {message} to the {role} over {route}: {state}, {attempts} attempt(s)"
        )?;
    }
    ending(text, found)
}

/// How somebody chose that it ends; what waits for a second operator says so.
fn ending(text: &mut String, found: &Value) -> std::fmt::Result {
    if !found.get("ending").is_some_and(Value::is_object) {
        return Ok(());
    }
    let (closed_as, code) = (of(found, "/ending/closed_as"), of(found, "/ending/code"));
    let (who, at) = (of(found, "/ending/by"), when(found, "/ending/at"));
    writeln!(text, "  {closed_as} ({code}), chosen by {who}, {at}")?;
    if found.pointer("/ending/waits").and_then(Value::as_bool) == Some(true) {
        let id = of(found, "/notification");
        writeln!(
            text,
            "  live until a second operator: firstbell notification countersign {id}"
        )?;
    }
    Ok(())
}

pub(super) fn trace(found: &Value) -> String {
    lines(|text| {
        head(text, found)?;
        for fact in list(found, "/facts") {
            let (at, kind, actor) = (when(fact, "/at"), of(fact, "/kind"), of(fact, "/actor"));
            writeln!(text, "  {at}  {kind}  by {actor}")?;
            let members = fact.get("body").and_then(Value::as_object);
            let said = members.into_iter().flatten();
            let said = said.filter_map(|(name, value)| Some((name, plain(name, value)?)));
            for (name, value) in said {
                writeln!(text, "    {name}: {value}")?;
            }
        }
        Ok(())
    })
}

/// A value of a fact as people read it, times in London; none for what is not there.
fn plain(name: &str, value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().filter_map(|v| plain(name, v)).collect();
            (!values.is_empty()).then(|| values.join(", "))
        }
        Value::Number(number) if is_time(name) => {
            let at = number.as_i64().map(Timestamp::from_microsecond)?;
            Some(at.map_or_else(|_| number.to_string(), london::shown))
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => Some(value.to_string()),
    }
}

/// Whether a fact's member is an instant, which facts keep in microseconds.
fn is_time(name: &str) -> bool {
    let known = ["due", "not_before", "until"];
    name.ends_with("_at") || name.ends_with("_by") || known.contains(&name)
}

pub(super) fn queue(found: &Value) -> String {
    lines(|text| {
        let notifications = list(found, "/notifications");
        let count_of = |name| count(found, name);
        let (live, now) = (count_of("notifications"), when(found, "/now"));
        writeln!(text, "{live} notification(s) live at {now}")?;
        for line in notifications {
            let (id, state) = (of(line, "/notification"), of(line, "/state"));
            let (school, act_by) = (place(line), when(line, "/act_by"));
            let left = ahead::slack(line);
            writeln!(text, "  {id}  {state}  {school}  act by {act_by}, {left}")?;
        }
        and_more(text, found, "/more/notifications")?;
        and_damaged(text, found)?;
        let deliveries = list(found, "/deliveries");
        writeln!(text, "{} letter(s) on their way", count_of("deliveries"))?;
        for line in deliveries {
            let (id, state) = (of(line, "/delivery"), of(line, "/state"));
            let (route, at) = (of(line, "/route"), when(line, "/not_before"));
            let attempts = line.get("attempts").and_then(Value::as_i64).unwrap_or(0);
            let school = place(line);
            writeln!(
                text,
                "  {id}  {state}  {school}  over {route}, {attempts} attempt(s), not before {at}"
            )?;
            failure(text, line)?;
        }
        and_more(text, found, "/more/deliveries")?;
        let tasks = list(found, "/tasks");
        writeln!(text, "{} task(s) for a person", count_of("tasks"))?;
        for line in tasks {
            let (id, kind) = (of(line, "/task"), of(line, "/kind"));
            let (subject, by) = (of(line, "/subject"), when(line, "/wanted_by"));
            writeln!(text, "  {id}  {kind}  {subject}  by {by}")?;
        }
        and_more(text, found, "/more/tasks")?;
        stuck(text, found)
    })
}

/// A school as the list has it: its URN and its name.
fn place(line: &Value) -> String {
    match line.get("school").and_then(Value::as_str) {
        Some(name) => format!("school {} {name}", of(line, "/urn")),
        None => format!("school {}", of(line, "/urn")),
    }
}

/// What the last attempt failed of.
fn failure(text: &mut String, line: &Value) -> std::fmt::Result {
    if !line.get("last_failure").is_some_and(Value::is_object) {
        return Ok(());
    }
    let (why, phase) = (
        of(line, "/last_failure/why"),
        of(line, "/last_failure/phase"),
    );
    write!(text, "    the last failed: {why}")?;
    let code = line.pointer("/last_failure/code").and_then(Value::as_i64);
    if let Some(code) = code {
        write!(text, " {code}")?;
    }
    let enhanced = line
        .pointer("/last_failure/enhanced")
        .and_then(Value::as_str);
    if let Some(enhanced) = enhanced {
        write!(text, " {enhanced}")?;
    }
    writeln!(text, ", at {phase}")
}

/// What the sweeper found to be past its time, if it found anything.
fn stuck(text: &mut String, found: &Value) -> std::fmt::Result {
    for (name, what) in [
        ("timers", "notification(s) whose timer is past"),
        ("deliveries", "message(s) that are due and not tried"),
        ("attempts", "attempt(s) that do not end"),
        ("inbound", "mail(s) that nobody has classified"),
    ] {
        let count = found.pointer(&format!("/stuck/{name}"));
        let count = count.and_then(Value::as_i64).unwrap_or(0);
        if count > 0 {
            writeln!(text, "STUCK: {count} {what}")?;
        }
    }
    Ok(())
}

pub(super) fn schools(found: &Value) -> String {
    lines(|text| {
        for line in list(found, "/schools") {
            let (urn, name, town) = (of(line, "/urn"), of(line, "/name"), of(line, "/town"));
            let contacts = list(line, "/contacts").len();
            let status = of(line, "/status");
            writeln!(
                text,
                "{urn}  {name}, {town}  {status}  {contacts} contact(s)"
            )?;
        }
        if text.is_empty() {
            writeln!(text, "No school is found by these words.")?;
        }
        and_more(text, found, "/more")
    })
}

pub(super) fn deadline(found: &Value) -> String {
    lines(|text| {
        let day = of(found, "/pupil_day");
        let (urn, due, act_by) = (
            of(found, "/urn"),
            when(found, "/due_at"),
            when(found, "/act_by"),
        );
        writeln!(
            text,
            "School {urn}: due {due} (pupil day {day}), act by {act_by}"
        )?;
        writeln!(text, "  {}", words(found, "/reasons"))
    })
}

pub(super) fn classified(found: &Value) -> String {
    lines(|text| {
        write!(text, "{}: {}", of(found, "/file"), of(found, "/kind"))?;
        for name in ["verdict", "sub", "status"] {
            if let Some(word) = found.get(name).and_then(Value::as_str) {
                write!(text, "  {name} {word}")?;
            }
        }
        match found.get("has_message").and_then(Value::as_bool) {
            Some(true) => write!(text, "  has a message")?,
            Some(false) => write!(text, "  no message beside it")?,
            None => {}
        }
        let recipients = words(found, "/recipients");
        if !recipients.is_empty() {
            write!(text, "  for {recipients}")?;
        }
        writeln!(text, "\n  because: {}", words(found, "/reasons"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_classified_mail_says_all_that_was_found_of_it() {
        let text = classified(&json!({
            "file": "a.eml", "kind": "human_reply", "sub": null, "status": null, "recipients": [],
            "verdict": "received", "has_message": true, "reasons": ["a verdict word"],
        }));
        let head = "a.eml: human_reply  verdict received  has a message";
        assert_eq!(text, format!("{head}\n  because: a verdict word"));
        let text = classified(&json!({
            "file": "b.eml", "kind": "auto_reply", "sub": "absence", "status": "5.1.1",
            "recipients": ["a@b.test"], "verdict": null, "has_message": null, "reasons": [],
        }));
        let head = "b.eml: auto_reply  sub absence  status 5.1.1  for a@b.test";
        assert!(text.starts_with(head), "{text}");
    }
}
