use super::super::script::Script;
use super::*;
use crate::referral::answer::{CallOutcome, Strength, Verdict};
use crate::referral::fact::Settlement;
use crate::referral::fold::fold;
use crate::referral::id::{ChildId, InboundId, NotificationId, ReferralId, TaskId};
use crate::referral::plan::Target;

/// A night in term: accepted Tue 24 Nov 2020 19:05, due Wed 08:30.
const ACCEPTED: &str = "2020-11-24T19:05:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn task() -> TaskId {
    TaskId::from_parts(1, [1; 10])
}

fn opened(county: &County) -> [Fact; 2] {
    let opened = Fact::NotificationOpened {
        notification: NotificationId::from_parts(1, [1; 10]),
        referral: ReferralId::from_parts(1, [1; 10]),
        child: ChildId::from_parts(1, [1; 10]),
        target: Target::School(county.places.first().unwrap().urn),
        reasons: Vec::new(),
        suggestions: Vec::new(),
        contacts: Vec::new(),
        roles: Vec::new(),
        routes: Vec::new(),
        holidays: Vec::new(),
        directory_version: 1,
        n: 1,
        m: 1,
    };
    // What the scheduler made of it says nothing to the judge.
    let late = at("2020-12-01T08:30:00Z");
    let set = Fact::DeadlineSet {
        due_at: late,
        act_by: late,
        assumed: false,
        late_on_arrival: false,
        reasons: Vec::new(),
        steps: Vec::new(),
        steps_at: Vec::new(),
        steps_lost: Vec::new(),
        staff_back_at: None,
    };
    [opened, set]
}

/// What the judge finds of a notification to which this happened.
fn judge(happened: &[(&str, Fact)]) -> Checked {
    let county = County::of(2020).unwrap();
    let opened = opened(&county).map(|fact| (ACCEPTED, fact));
    let facts = opened.iter().chain(happened);
    let facts = facts.zip(1..).map(|((when, fact), seq)| TraceLine {
        seq,
        at: at(when),
        actor: String::new(),
        fact: fact.clone(),
    });
    let facts: Vec<TraceLine> = facts.collect();
    let trace = Trace {
        reference: String::new(),
        force: String::new(),
        child_ref: String::new(),
        accepted_at: at(ACCEPTED),
        state: "open",
        case: fold(facts.iter().map(|line| &line.fact)).unwrap(),
        timer: None,
        facts,
        letters: Vec::new(),
    };
    let days = county.days(county.places.first());
    let due = Due::of(days, at(ACCEPTED), at("2020-11-24T18:00:00Z"), None);
    let script = Script::default();
    let world = World {
        county: &county,
        script: &script,
    };
    check(world, &trace, &due, 0)
}

fn call(wanted_by: &str) -> Fact {
    Fact::TaskOpened {
        task: task(),
        task_kind: TaskKind::RingSchool,
        wanted_by: at(wanted_by),
    }
}

#[test]
fn a_call_that_is_wanted_too_late_or_was_settled_is_before_nobody() {
    let seen = |happened: &[(&str, Fact)]| judge(happened).unseen.is_none();
    let opened_at = "2020-11-25T08:00:00Z";
    assert!(!seen(&[]));
    assert!(seen(&[(opened_at, call(opened_at))]));
    assert!(
        !seen(&[(opened_at, call("2020-11-26T08:00:00Z"))]),
        "tomorrow"
    );
    let settled = Fact::TaskSettled {
        task: task(),
        settlement: Settlement::Done,
        outcome: Some(CallOutcome::Voicemail),
    };
    let of_earlier = [
        ("2020-11-25T07:50:00Z", call(opened_at)),
        ("2020-11-25T07:55:00Z", settled),
    ];
    assert!(!seen(&of_earlier));
    let other = Fact::TaskOpened {
        task: task(),
        task_kind: TaskKind::ReadQuarantined,
        wanted_by: at(opened_at),
    };
    assert!(!seen(&[(opened_at, other)]), "nobody rings for it");
}

#[test]
fn a_call_half_an_hour_late_is_none() {
    let calls = |happened: &[(&str, Fact)]| {
        let dropped = judge(happened).dropped;
        dropped
            .iter()
            .filter(|what| what.starts_with("the call"))
            .count()
    };
    let opened_at = "2020-11-25T08:00:00Z";
    assert_eq!(calls(&[(opened_at, call(opened_at))]), 0);
    assert_eq!(calls(&[(opened_at, call("2020-11-25T08:30:00Z"))]), 2);
}

#[test]
fn nobody_is_nudged_or_rung_who_has_just_written() {
    let inbound = InboundId::from_parts(1, [1; 10]);
    let wrote = |verdict| Fact::AnswerReceived {
        inbound,
        letter: None,
        contact: Some(ContactId::from_parts(1, [1; 10])),
        verdict,
        has_message: true,
        strength: Strength::Token,
        received_at: at("2020-11-25T06:00:00Z"),
    };
    let step = |step, due: &str| Fact::StepFired { step, due: at(due) };
    let nudged = (
        "2020-11-25T06:45:00Z",
        step(RungWhat::Nudge, "2020-11-25T06:45:00Z"),
    );
    let wrongly = |happened: &[(&str, Fact)]| judge(happened).after_answer.len();
    for verdict in [Verdict::None, Verdict::Call] {
        let wrote = ("2020-11-25T06:00:00Z", wrote(verdict));
        assert_eq!(wrongly(&[wrote.clone(), nudged.clone()]), 1);
        let read = Fact::AnswerRead { inbound, verdict };
        let read = ("2020-11-25T06:30:00Z", read);
        assert_eq!(wrongly(&[wrote, read, nudged.clone()]), 0);
    }
}
