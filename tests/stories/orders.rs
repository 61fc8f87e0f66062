//! An acknowledgement and a step of the ladder fall due together, in either order and in one batch, ten
//! thousand times: one state comes of it, and nothing is claimed once the answer is on disk.
//!
//! The step is what is due at 08:00 after a night without proof of delivery: the deputies' letter and a
//! call. What it leaves (its own facts, and those that end them) differs with the order; all else is one.

mod school;

use firstbell::referral::attempt::AttemptResult;
use firstbell::referral::fact::{Fact, Message, TaskKind};
use firstbell::referral::state::{DeliveryState, Duty, Proof, Word};
use firstbell::store::{Claim, Trace};
use school::{Child, School};
use std::collections::BTreeMap;

/// Children of one referral, at most.
const CHILDREN: usize = 12;
/// The orders, and how many referrals meet the step in each.
const ORDERS: [(Order, usize); 4] = [
    (Order::AnswerFirst, 279),
    (Order::StepFirst, 279),
    (Order::OneBatch, 279),
    (Order::Claimed, 20),
];

/// How the two meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// The answer is on disk before the step is due.
    AnswerFirst,
    /// The step is on disk before the answer.
    StepFirst,
    /// One batch; half of the answers are put in before the step.
    OneBatch,
    /// The step is on disk, and its letter claimed, before the answer.
    Claimed,
}

#[tokio::test]
async fn an_answer_and_a_step_come_to_one_state_whichever_is_first() {
    let school = School::open().await;
    let mut met = 0;
    let mut known: Option<BTreeMap<&'static str, usize>> = None;
    for (order, referrals) in ORDERS {
        let children = school.an_evening(referrals, CHILDREN).await;
        assert_eq!(children.len(), referrals * CHILDREN);
        let Claimed { before, mut after } = meet(&school, &children, order).await;
        after.extend(school.claim_all().await);
        let mut stepped = 0;
        for child in &children {
            let trace = school.trace(child).await;
            stepped += usize::from(has_step(&trace));
            assert_ended(&trace, order);
            let facts = beside_the_step(&trace);
            assert_eq!(
                *known.get_or_insert_with(|| facts.clone()),
                facts,
                "{order:?}"
            );
            let of_it = |claim: &&Claim| claim.notification == child.notification;
            for claim in after.iter().filter(of_it) {
                assert_eq!(message(&trace, claim), Message::Receipt, "{order:?}");
            }
        }
        let expected = match order {
            Order::AnswerFirst => 0,
            Order::OneBatch => children.len() / 2,
            Order::StepFirst | Order::Claimed => children.len(),
        };
        assert_eq!(stepped, expected, "{order:?}");
        for claim in &before {
            assert_eq!(school.store().wanted(claim).await, Ok(false), "{order:?}");
        }
        school.end(&before, AttemptResult::Later).await;
        assert!(school.claim_all().await.is_empty(), "{order:?}");
        let tasks = school.store().readers().list_tasks().await.unwrap();
        assert!(tasks.is_empty(), "{order:?}: {} tasks", tasks.len());
        met += children.len();
    }
    assert!(met >= 10_000);
    println!("{met} answers met a step: one state");
}

/// What was claimed before and after the answers.
#[derive(Default)]
struct Claimed {
    before: Vec<Claim>,
    after: Vec<Claim>,
}

/// Lets answers and step meet.
async fn meet(school: &School, children: &[Child], order: Order) -> Claimed {
    let mut claimed = Claimed::default();
    let mut answers = school.answers(children).await;
    if order == Order::AnswerFirst {
        school.settle(std::mem::take(&mut answers)).await;
    }
    school.move_to_the_step();
    if order == Order::OneBatch {
        let after = answers.split_off(answers.len() / 2);
        let answered_after = after.len();
        let (stepped, claims) = school.in_one_batch(answers, after).await;
        assert_eq!(stepped, answered_after, "those who had not answered yet");
        claimed.after = claims;
        return claimed;
    }
    school.step().await;
    if order == Order::Claimed {
        claimed.before = school.claim_all().await;
        assert_eq!(claimed.before.len(), children.len());
    }
    school.settle(answers).await;
    claimed
}

/// Acknowledged, with nothing under way but what was claimed before the answer.
fn assert_ended(trace: &Trace, order: Order) {
    let (case, timer) = (&trace.case, trace.timer);
    assert_eq!(case.duty(), Duty::Acknowledged, "{order:?}");
    assert_eq!(trace.state, Word::Acknowledged.word());
    assert_eq!((case.proof(), timer), (Proof::HandedOver, None));
    assert!(!case.live() && !case.reading());
    assert!(!case.people.has_open(TaskKind::RingSchool), "{order:?}");
    for (_, letter) in case.letters().filter(|(_, letter)| letter.step > 0) {
        let expected = match order {
            Order::Claimed => DeliveryState::Sending,
            Order::AnswerFirst | Order::StepFirst | Order::OneBatch => DeliveryState::Cancelled,
        };
        assert_eq!(letter.state(), expected, "{order:?}");
    }
}

fn has_step(trace: &Trace) -> bool {
    let mut facts = trace.facts.iter();
    facts.any(|line| matches!(line.fact, Fact::StepFired { .. }))
}

/// How many facts of each kind there are, but those of the step: that it was taken, its letter with the
/// end of that, and its call with the end of that.
fn beside_the_step(trace: &Trace) -> BTreeMap<&'static str, usize> {
    let of_step = |id| trace.case.deliveries[id].step > 0;
    let mut kinds = BTreeMap::new();
    for line in &trace.facts {
        let of_letter = matches!(&line.fact,
            Fact::DeliveryQueued { delivery, .. }
            | Fact::DeliveryClaimed { delivery, .. }
            | Fact::DeliveryCancelled { delivery } if of_step(delivery));
        let of_call = ["step_fired", "task_opened", "task_settled"];
        let step = of_letter || of_call.contains(&line.fact.kind());
        // Receipts are claimed by the story itself, after the answer.
        let by_story = matches!(&line.fact, Fact::DeliveryClaimed { delivery, .. }
            if trace.case.deliveries[delivery].message != Message::Letter);
        if !step && !by_story {
            *kinds.entry(line.fact.kind()).or_default() += 1;
        }
    }
    kinds
}

fn message(trace: &Trace, claim: &Claim) -> Message {
    trace.case.deliveries[&claim.delivery].message
}
