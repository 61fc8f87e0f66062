//! `morning` and `call forecast`: what the desk has to expect.

use super::Stop;
use super::exit::Exit;
use super::output::Output;
use super::reading::tell;
use super::tasks;
use super::texts::{and_damaged, and_more, lines, list, of, when};
use crate::admin::reads::Question;
use serde_json::Value;
use std::fmt::{self, Write};
use std::path::PathBuf;

pub(super) async fn morning(files: &[PathBuf], output: Output) -> Result<Exit, Stop> {
    tell(files, &Question::Morning, output, text).await
}

fn text(found: &Value) -> String {
    lines(|text| {
        writeln!(text, "{}", when(found, "/now"))?;
        let waiting = list(found, "/tasks");
        for line in waiting {
            tasks::task_line(text, line)?;
        }
        if waiting.is_empty() {
            writeln!(text, "Nothing needs a decision.")?;
        }
        and_more(text, found, "/more")?;
        let calls = number(found, "/calls");
        writeln!(text, "{calls} call(s) open")?;
        for force in list(found, "/forces") {
            one_force(text, force)?;
        }
        writeln!(text, "Next: firstbell call next")
    })
}

pub(super) fn forecast(found: &Value) -> String {
    lines(|text| {
        for force in list(found, "/forces") {
            one_force(text, force)?;
        }
        Ok(())
    })
}

fn one_force(text: &mut String, force: &Value) -> fmt::Result {
    let (callers, minutes) = (number(force, "/callers"), number(force, "/call_min"));
    let usual = number(force, "/usual_answers_percent");
    writeln!(
        text,
        "Force {}: {callers} caller(s), {minutes} min a call; {usual} of 100 usually answer first",
        of(force, "/force")
    )?;
    let without = number(force, "/without_school");
    if without > 0 {
        writeln!(text, "  {without} without a school: nobody can be rung yet")?;
    }
    let mornings = list(force, "/mornings");
    for morning in mornings {
        one_morning(text, morning)?;
    }
    if mornings.is_empty() {
        writeln!(text, "  no school has to be rung")?;
    }
    and_damaged(text, force)?;
    if force.get("cut").and_then(Value::as_bool) == Some(true) {
        writeln!(text, "  and more than were counted")?;
    }
    Ok(())
}

fn one_morning(text: &mut String, morning: &Value) -> fmt::Result {
    let count = |name: &str| number(morning, &format!("/{name}"));
    let (places, needed) = (count("places"), count("needed"));
    let by = when(morning, "/act_by");
    write!(text, "  by {by}: {places} place(s) wait")?;
    let coming = count("coming");
    if coming > 0 {
        write!(text, ", {coming} more to come")?;
    }
    writeln!(text, ", {needed} call(s) expected")?;
    if morning.get("staff_day").is_some_and(Value::is_object) {
        let (from, to) = (
            when(morning, "/staff_day/from"),
            when(morning, "/staff_day/to"),
        );
        let before = count("before");
        writeln!(text, "    {before} on the staff day, {from} to {to}")?;
    }
    let (left, can) = (count("left"), count("can"));
    if left > 0 {
        let (from, begin) = (when(morning, "/from"), when(morning, "/begin_by"));
        writeln!(text, "    {left} from {from}, of which {can} can be made")?;
        writeln!(text, "    begin by {begin} to make them all")?;
    }
    let over = count("over");
    if over > 0 {
        writeln!(text, "    TOO MANY: no time for {over}")?;
    }
    Ok(())
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_forecast_says_what_fits_and_by_when_to_begin() {
        let text = forecast(&json!({"forces": [{
            "force": "essex", "callers": 2, "call_min": 4, "usual_answers_percent": 60,
            "without_school": 1, "cut": false,
            "mornings": [{
                "act_by": "2026-09-03T07:30:00Z", "places": 600, "needed": 240,
                "staff_day": {"from": "2026-09-02T08:00:00Z", "to": "2026-09-02T15:00:00Z"},
                "before": 210, "left": 30, "from": "2026-09-03T07:00:00Z", "can": 14, "over": 16,
                "begin_by": "2026-09-03T06:30:00Z",
            }],
        }]}));
        for wanted in [
            "1 without a school",
            "600 place(s) wait, 240 call(s) expected",
            "210 on the staff day",
            "30 from ",
            "14 can be made",
            "TOO MANY: no time for 16",
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        let none = forecast(&json!({"forces": [{"force": "essex", "mornings": []}]}));
        assert!(none.contains("no school has to be rung"), "{none}");
    }
}
