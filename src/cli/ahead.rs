//! What is left of a notification's time, as text.

use super::texts::{list, of, when};
use serde_json::Value;
use std::fmt::{self, Write};

/// `slack 42 min`, or `past by 3 min`; why it is at risk, if it is.
pub(super) fn slack(line: &Value) -> String {
    let seconds = line.pointer("/ahead/slack_s").and_then(Value::as_i64);
    let seconds = seconds.unwrap_or(0);
    let minutes = seconds.unsigned_abs() / 60;
    let shown = match (seconds < 0, minutes) {
        (true, minutes) => format!("past by {minutes} min"),
        (false, minutes @ ..120) => format!("slack {minutes} min"),
        (false, minutes) => format!("slack {} h", minutes / 60),
    };
    match line.pointer("/ahead/at_risk").and_then(Value::as_str) {
        Some(why) => format!("{shown}, at risk: {why}"),
        None => shown,
    }
}

/// Both clocks, the slack and the steps that remain.
pub(super) fn write(text: &mut String, found: &Value) -> fmt::Result {
    for (name, words) in [("notified", "notified"), ("answered", "answered")] {
        let pointer = format!("/clocks/{name}");
        if found.pointer(&pointer).is_some_and(Value::is_object) {
            let (how, at) = (pointer.clone() + "/how", pointer + "/at");
            writeln!(text, "  {words} {} ({})", when(found, &at), of(found, &how))?;
        } else if name == "notified" && found.pointer("/clocks/handed_over/at").is_some() {
            let at = when(found, "/clocks/handed_over/at");
            writeln!(text, "  handed over {at}, no report of delivery")?;
        } else {
            writeln!(text, "  not {words} yet")?;
        }
    }
    if !found.get("ahead").is_some_and(Value::is_object) {
        return Ok(());
    }
    let until = when(found, "/ahead/last_safe_at");
    writeln!(text, "  {} until {until}", slack(found))?;
    for step in list(found, "/ahead/steps") {
        let (what, at) = (of(step, "/what"), when(step, "/at"));
        let lost = step.get("lost").and_then(Value::as_bool) == Some(true);
        let how = if lost { ", no time for it" } else { "" };
        let safe = when(step, "/last_safe_at");
        writeln!(text, "    {at}  {what}{how}, last safe moment {safe}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn slack_is_told_in_minutes_then_hours_and_a_risk_with_its_reason() {
        let told = |seconds: i64| slack(&json!({"ahead": {"slack_s": seconds, "at_risk": null}}));
        assert_eq!(told(42 * 60 + 59), "slack 42 min");
        assert_eq!(told(2 * 3600), "slack 2 h");
        assert_eq!(told(-200), "past by 3 min");
        let risk = slack(&json!({"ahead": {"slack_s": -60, "at_risk": "mail_waits"}}));
        assert_eq!(risk, "past by 1 min, at risk: mail_waits");
    }
}
