//! One notification's night as text: its facts, and what struck its way out meanwhile.

use super::checks::World;
use super::table::Due;
use crate::referral::fact::Fact;
use crate::referral::london;
use crate::store::Trace;
use jiff::{SignedDuration, Timestamp};

/// Faults are drawn from so long before it was accepted.
const BEFORE: SignedDuration = SignedDuration::from_mins(10);

/// Draws it.
pub(super) fn draw(world: World<'_>, trace: &Trace, due: &Due) -> String {
    let World { county, script } = world;
    let case = &trace.case;
    let mut lines: Vec<(Timestamp, String)> = trace
        .facts
        .iter()
        .map(|line| (line.at, told(&line.fact)))
        .collect();
    let ends = lines.iter().map(|(at, _)| *at).max().unwrap_or(due.act_by);
    let begins = trace.accepted_at.checked_sub(BEFORE);
    let begins = begins.unwrap_or(trace.accepted_at);
    let within = |at: &Timestamp| *at >= begins && *at <= ends;
    lines.push((due.last_safe, "=== last safe moment for mail".to_owned()));
    lines.push((due.act_by, "=== act by".to_owned()));
    let route = county.place_for(case.target);
    let windows = route.and_then(|place| script.relays.get(&place.route));
    for window in windows.into_iter().flatten() {
        let word = window.what.word();
        lines.push((window.from, format!("  [ {word}")));
        lines.push((window.to, format!("  ] {word}")));
    }
    for window in &script.gateway {
        let word = window.what.word();
        lines.push((window.from, format!("  [[ gateway: {word}")));
        lines.push((window.to, format!("  ]] gateway: {word}")));
    }
    lines.retain(|(at, _)| within(at) || *at == due.act_by);
    lines.sort_by_key(|(at, _)| *at);
    let head = format!("{} ({})", case.notification, trace.state);
    let lines = lines.into_iter().map(|(at, what)| {
        let wall = london::civil(at).strftime("%a %-d %b %Y %H:%M:%S");
        format!("{wall}  {what}")
    });
    [head]
        .into_iter()
        .chain(lines)
        .collect::<Vec<_>>()
        .join("\n")
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other kinds need no more words"
)]
fn told(fact: &Fact) -> String {
    let more = match fact {
        Fact::DeliveryQueued {
            message,
            step,
            not_before,
            ..
        } => {
            let wall = london::civil(*not_before).strftime("%H:%M:%S");
            format!("{} step {step}, not before {wall}", message.word())
        }
        Fact::AttemptEnded {
            result, phase, why, ..
        } => format!("{} in {}: {}", result.word(), phase.word(), why.word()),
        Fact::TaskOpened {
            task_kind,
            wanted_by,
            ..
        } => {
            let wall = london::civil(*wanted_by).strftime("%a %H:%M:%S");
            format!("{}, wanted {wall}", task_kind.word())
        }
        Fact::TaskSettled { outcome, .. } => {
            outcome.map_or("", |outcome| outcome.word()).to_owned()
        }
        Fact::StepFired { step, .. } => step.word().to_owned(),
        Fact::AnswerReceived { verdict, .. } | Fact::AnswerBelieved { verdict, .. } => {
            verdict.word().to_owned()
        }
        Fact::ReportReceived { action, .. } => action.word().to_owned(),
        Fact::Closed { closed_as } => closed_as.clone(),
        _ => String::new(),
    };
    format!("{} {more}", fact.kind()).trim_end().to_owned()
}
