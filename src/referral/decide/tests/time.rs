//! What is due when, as things stand.

use super::*;
use crate::referral::plan::{Hold, HoldReason, WillHappen};

fn timer(facts: &[Fact], now: &str) -> String {
    told(&decided(&case(facts), Observation::Timer, at(now)))
}

fn relayed() -> Vec<Fact> {
    let mut facts = opened();
    facts.push(reported(Action::Relayed));
    facts
}

fn reported(action: Action) -> Fact {
    Fact::ReportReceived {
        inbound: mail(9),
        delivery: id(DeliveryId::from_parts, 0),
        action,
        status: None,
    }
}

fn fired(facts: &mut Vec<Fact>, steps: usize) {
    let fired = STEPS
        .iter()
        .take(steps)
        .map(|(what, time)| Fact::StepFired {
            step: *what,
            due: at(time),
        });
    facts.extend(fired);
}

#[test]
fn a_relay_s_word_is_no_proof_and_the_call_comes_first() {
    let mut facts = relayed();
    fired(&mut facts, 1);
    assert_eq!(timer(&facts, "08:00"), "fire call_first, open ring_school");
    facts.push(reported(Action::Delivered));
    assert_eq!(timer(&facts, "08:00"), "fire call_first");
}

#[test]
fn who_has_the_letter_late_is_nudged_unless_the_nudge_was_lost() {
    let handed_over = |lost: bool| {
        let mut facts = opened();
        for fact in &mut facts {
            if let Fact::DeadlineSet {
                steps,
                steps_at,
                steps_lost,
                ..
            } = fact
            {
                steps.push(RungWhat::Nudge);
                steps_at.push(at("06:45"));
                steps_lost.push(lost);
            }
        }
        let delivery = id(DeliveryId::from_parts, 0);
        let (step, due) = (RungWhat::Nudge, at("06:45"));
        facts.push(Fact::StepFired { step, due });
        facts.push(reported(Action::Relayed));
        let ended = Observation::AttemptEnded {
            delivery,
            attempt: 1,
            result: AttemptResult::Done,
        };
        told(&decided(&case(&facts), ended, at("07:50")))
    };
    assert_eq!(handed_over(false), "nudge 1");
    // Staff are not in: a child whose school was not known kept the sooner of two days.
    assert_eq!(handed_over(true), "");
}

#[test]
fn a_supervisor_is_told_of_what_nobody_has_claimed() {
    let mut facts = relayed();
    fired(&mut facts, 3);
    assert_eq!(timer(&facts, "08:15"), "fire supervisor");
    let task = id(TaskId::from_parts, 1);
    facts.push(Fact::TaskOpened {
        task,
        task_kind: TaskKind::RingSchool,
        wanted_by: at("08:00"),
    });
    let told_of = "fire supervisor, open call_unclaimed";
    assert_eq!(timer(&facts, "08:15"), told_of);
    let mut in_the_mailbox = facts.clone();
    in_the_mailbox.push(reported(Action::Delivered));
    assert_eq!(timer(&in_the_mailbox, "08:15"), "fire supervisor");
    // A reply that nobody reads may say anything.
    in_the_mailbox.push(Fact::TaskOpened {
        task: id(TaskId::from_parts, 2),
        task_kind: TaskKind::ReadReply,
        wanted_by: at("08:30"),
    });
    assert_eq!(timer(&in_the_mailbox, "08:15"), told_of);
    let until = at("08:16");
    facts.push(Fact::TaskClaimed { task, until });
    assert_eq!(timer(&facts, "08:15"), "fire supervisor");
    assert_eq!(timer(&facts, "08:16"), told_of);
}

/// Whoever took it on was called away.
#[test]
fn a_claim_that_lapses_after_its_time_is_looked_at_when_it_does() {
    let mut facts = relayed();
    fired(&mut facts, 4);
    let task = id(TaskId::from_parts, 1);
    facts.push(Fact::TaskOpened {
        task,
        task_kind: TaskKind::RingSchool,
        wanted_by: at("08:00"),
    });
    // Nobody took it on: that was said at its time.
    assert_eq!(case(&facts).timer(at("08:16")).unwrap().0, at("08:30"));
    let until = at("08:25");
    facts.push(Fact::TaskClaimed { task, until });
    let looked_at = Some((until, "claim"));
    assert_eq!(case(&facts).timer(at("08:16")), looked_at);
    assert_eq!(timer(&facts, "08:24"), "");
    assert_eq!(timer(&facts, "08:25"), "open call_unclaimed");
    // A letter that is in the mailbox waits until the hour.
    let mut delivered = facts.clone();
    delivered.push(reported(Action::Delivered));
    assert_eq!(timer(&delivered, "08:25"), "");
    let at_the_hour = "fire hour, late, open call_unclaimed";
    assert_eq!(timer(&delivered, "08:30"), at_the_hour);
    // Whoever still works on it is not told away.
    let until = at("08:31");
    facts.push(Fact::TaskClaimed { task, until });
    assert_eq!(timer(&facts, "08:30"), "fire hour, late");
}

#[test]
fn at_the_hour_a_call_that_nobody_makes_is_told_and_one_that_is_to_be_made_again_is_not() {
    let mut facts = relayed();
    facts.push(reported(Action::Delivered));
    fired(&mut facts, 4);
    for (wanted_by, told) in [("08:10", ", open call_unclaimed"), ("08:36", "")] {
        let mut facts = facts.clone();
        facts.push(Fact::TaskOpened {
            task: id(TaskId::from_parts, 1),
            task_kind: TaskKind::RingSchool,
            wanted_by: at(wanted_by),
        });
        assert_eq!(timer(&facts, "08:30"), format!("fire hour, late{told}"));
    }
}

#[test]
fn what_fell_due_while_nobody_looked_is_caught_up_with_in_one_moment() {
    assert_eq!(
        timer(&relayed(), "08:20"),
        "fire deputies, letter to B, fire call_first, open ring_school, fire call, \
         fire supervisor, open call_unclaimed"
    );
}

#[test]
fn a_held_child_without_a_school_needs_one_before_anybody_is_rung() {
    let hold = Hold {
        reason: HoldReason::Restricted,
        will_happen: WillHappen::Climb,
        at: at("07:00"),
    };
    let mut held = case(&opened());
    held.hold = Some(hold);
    let asked = |case: &Case| told(&decided(case, Observation::Opened, at("02:00")));
    assert_eq!(asked(&held), "open ring_school");
    held.target = Target::Unrouted;
    assert_eq!(asked(&held), "open choose_school");
}
