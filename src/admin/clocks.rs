//! The two clocks of a notification, and what is left of its time (`design.md`, states).

use crate::referral::ahead::{Ahead, StepAhead};
use crate::referral::answer::Verdict;
use crate::referral::attempt::AttemptResult;
use crate::referral::fact::Fact;
use crate::referral::id::DeliveryId;
use crate::referral::policy::Policy;
use crate::referral::report::Action;
use crate::store::{Trace, TraceLine};
use jiff::Timestamp;
use serde_json::{Value, json};

/// When the school was notified, which is what the Act asks, and when it answered, which is what the child
/// needs; and which of the two ends the force's legal duty.
pub(super) fn clocks(trace: &Trace, policy: Option<&Policy>) -> Value {
    let first = |how: fn(&TraceLine, &Trace) -> Option<&'static str>| {
        let mut facts = trace.facts.iter();
        facts.find_map(|line| Some((line.at, how(line, trace)?)))
    };
    let shown = |found: Option<(Timestamp, &'static str)>| {
        found.map(|(at, how)| json!({ "at": at.to_string(), "how": how }))
    };
    json!({
        "handed_over": shown(first(handed_over)),
        "notified": shown(first(notified)),
        "answered": shown(first(answered)),
        "duty_ends_on": policy.map(|policy| policy.duty_ends_on.word()),
    })
}

fn is_letter(trace: &Trace, delivery: DeliveryId) -> bool {
    trace.case.letters().any(|(id, _)| *id == delivery)
}

fn handed_over(line: &TraceLine, trace: &Trace) -> Option<&'static str> {
    if let Fact::AttemptEnded {
        delivery, result, ..
    } = &line.fact
    {
        let done = *result == AttemptResult::Done && is_letter(trace, *delivery);
        return done.then_some("relayed");
    }
    None
}

fn notified(line: &TraceLine, trace: &Trace) -> Option<&'static str> {
    if let Fact::ReportReceived {
        delivery, action, ..
    } = &line.fact
    {
        let delivered = *action == Action::Delivered && is_letter(trace, *delivery);
        return delivered.then_some("delivered");
    }
    matches!(line.fact, Fact::Told { .. }).then_some("told")
}

fn answered(line: &TraceLine, _: &Trace) -> Option<&'static str> {
    let received = matches!(
        line.fact,
        Fact::AnswerBelieved {
            verdict: Verdict::Received,
            ..
        } | Fact::ContradictionSettled {
            verdict: Verdict::Received,
            ..
        }
    );
    let told = matches!(line.fact, Fact::Told { .. });
    received
        .then_some("acknowledged")
        .or(told.then_some("told"))
}

/// What is left of its time.
pub(super) fn ahead(ahead: &Ahead) -> Value {
    json!({
        "last_safe_at": ahead.last_safe_at.to_string(),
        "slack_s": ahead.slack.as_secs(),
        "at_risk": ahead.at_risk.map(|why| why.word()),
        "steps": ahead.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn step(step: &StepAhead) -> Value {
    json!({
        "what": step.rung.what.word(),
        "at": step.rung.at.to_string(),
        "lost": step.rung.lost,
        "last_safe_at": step.last_safe_at.to_string(),
    })
}
