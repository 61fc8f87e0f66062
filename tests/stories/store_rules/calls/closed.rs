//! A school that was found closed: whom it is rung for all the same, and what is taken back.

use super::super::notes::{comes, report};
use super::super::replies::KEY_ADULT;
use super::{Opened, an_evening, outcome};
use firstbell::referral::answer::{CallOutcome, Verdict};
use firstbell::referral::fact::TaskKind;
use firstbell::referral::id::{InboundId, NotificationId, TaskId};
use firstbell::referral::report::Action;
use firstbell::store::Act;

const TOMORROW: &str = "2025-11-20T08:00:00Z";

impl Opened {
    /// When the only call is wanted.
    async fn wanted(&self) -> String {
        let calls = self.calls().await;
        assert_eq!(calls.len(), 1);
        calls[0].wanted_by.to_string()
    }

    async fn comes_of(&self, task: TaskId, came: CallOutcome) {
        assert!(self.act(outcome(task, came), "Jo").await.is_ok());
    }

    async fn undoes(&self, task: TaskId) {
        let reason = "the wrong line".to_owned();
        let undo = Act::UndoCall { task, reason };
        assert!(self.act(undo, "Sam").await.is_ok());
    }

    async fn reads(&self, inbound: InboundId, notification: NotificationId) {
        let verdict = Verdict::None;
        let read = Act::Attach {
            inbound,
            notification,
            verdict,
        };
        assert!(self.act(read, "Jo").await.is_ok());
    }

    async fn has(&self, id: NotificationId, kind: TaskKind) -> bool {
        self.case(id).await.people.has_open(kind)
    }
}

#[tokio::test]
async fn whoever_writes_from_a_closed_school_that_they_want_to_be_rung_is() {
    let (_folder, _clock, opened) = an_evening().await;
    opened.mailed(1).await;
    let letter = opened.sent().await;
    opened.at("08:00:00").await;
    let task = opened.only_call().await;
    opened.comes_of(task, CallOutcome::Closed).await;
    assert_eq!(opened.wanted().await, TOMORROW);
    opened.at("09:00:00").await;
    opened.says(1, KEY_ADULT, &letter, Verdict::Call).await;
    assert_eq!(opened.wanted().await, "2025-11-19T09:00:00Z");
    // Somebody is there: others are rung today as well.
    let task = opened.only_call().await;
    opened.comes_of(task, CallOutcome::NoAnswer).await;
    opened.at("09:05:00").await;
    opened.to_be_rung(2).await;
    assert_eq!(opened.wanted().await, "2025-11-19T09:05:00Z");
}

#[tokio::test]
async fn a_call_that_was_moved_and_then_waited_for_a_reply_stands_again_once_that_is_read() {
    let (_folder, _clock, opened) = an_evening().await;
    let child = opened.mailed(1).await;
    let letter = opened.sent().await;
    let delivered = report(Action::Delivered);
    comes(&opened, &letter, "dsl@marshend.test.cjsm.net", delivered).await;
    let other = opened.to_be_rung(2).await;
    opened.at("08:00:00").await;
    let task = opened.only_call().await;
    opened.comes_of(task, CallOutcome::Closed).await;
    opened.at("08:10:00").await;
    assert!(opened.has(child, TaskKind::RingSchool).await);
    for (nth, time) in [(1, "08:15:00"), (2, "10:00:00"), (3, "11:00:00")] {
        opened.at(time).await;
        let reply = opened.says(nth, KEY_ADULT, &letter, Verdict::None).await;
        assert!(!opened.has(child, TaskKind::RingSchool).await, "{time}");
        opened.reads(reply, child).await;
        assert!(opened.has(child, TaskKind::RingSchool).await, "{time}");
        assert_eq!(opened.wanted().await, TOMORROW);
        assert_eq!(opened.calls().await[0].members.len(), 2, "{time}");
    }
    // Once it has answered it is on the call no more.
    opened.at("12:00:00").await;
    opened.says(4, KEY_ADULT, &letter, Verdict::Received).await;
    let left = opened.calls().await.remove(0);
    assert_eq!(left.members.len(), 1);
    assert_eq!(left.members[0].notification, other);
}

#[tokio::test]
async fn for_a_child_who_was_to_be_rung_later_the_choice_stands_as_soon_as_the_school_is_closed() {
    let (_folder, _clock, opened) = an_evening().await;
    let second = opened.mailed(1).await;
    let letter = opened.sent().await;
    let delivered = report(Action::Delivered);
    comes(&opened, &letter, "dsl@marshend.test.cjsm.net", delivered).await;
    let first = opened.to_be_rung(2).await;
    opened.at("08:00:00").await;
    let task = opened.only_call().await;
    assert_eq!(opened.calls().await[0].members.len(), 1);
    assert!(!opened.has(second, TaskKind::ChooseEnding).await);
    opened.comes_of(task, CallOutcome::Closed).await;
    for child in [first, second] {
        assert!(opened.has(child, TaskKind::ChooseEnding).await);
    }
    opened.at("08:10:00").await;
    assert_eq!(opened.wanted().await, TOMORROW);
    assert_eq!(opened.calls().await[0].members.len(), 2);
}

#[tokio::test]
async fn what_came_of_a_call_by_mistake_is_taken_back_and_the_school_is_rung_today() {
    for came in [CallOutcome::Closed, CallOutcome::WrongNumber] {
        let (_folder, _clock, opened) = an_evening().await;
        let child = opened.to_be_rung(1).await;
        opened.at("08:00:00").await;
        let task = opened.only_call().await;
        opened.comes_of(task, came).await;
        assert!(opened.has(child, TaskKind::ChooseEnding).await, "{came:?}");
        opened.at("08:03:00").await;
        opened.undoes(task).await;
        assert_eq!(opened.wanted().await, "2025-11-19T08:03:00Z", "{came:?}");
        assert!(!opened.has(child, TaskKind::ChooseEnding).await, "{came:?}");
        let call = opened.calls().await.remove(0);
        assert!(!call.wrong.holds("01621 000011") && call.earlier.is_empty());
        // Nothing of it is left for whoever joins.
        opened.to_be_rung(2).await;
        assert_eq!(opened.wanted().await, "2025-11-19T08:03:00Z", "{came:?}");
        let reason = "again".to_owned();
        let again = Act::UndoCall { task, reason };
        assert!(opened.act(again, "Sam").await.is_err());
    }
}

#[tokio::test]
async fn who_takes_back_one_of_two_calls_leaves_the_choice_that_the_other_asks_for() {
    let (_folder, _clock, opened) = an_evening().await;
    let child = opened.mailed(1).await;
    let letter = opened.sent().await;
    opened.at("08:00:00").await;
    let first = opened.only_call().await;
    opened.comes_of(first, CallOutcome::Closed).await;
    opened.at("08:20:00").await;
    let inbound = opened.says(1, KEY_ADULT, &letter, Verdict::Call).await;
    let (notification, verdict) = (child, Verdict::Call);
    let read = Act::Attach {
        inbound,
        notification,
        verdict,
    };
    assert!(opened.act(read, "Jo").await.is_ok());
    assert_eq!(opened.wanted().await, "2025-11-19T08:20:00Z");
    let second = opened.only_call().await;
    opened.at("08:21:00").await;
    opened.comes_of(second, CallOutcome::Closed).await;
    assert!(opened.has(child, TaskKind::ChooseEnding).await);
    opened.at("08:25:00").await;
    opened.undoes(first).await;
    assert_eq!(opened.wanted().await, TOMORROW);
    assert!(opened.has(child, TaskKind::ChooseEnding).await);
    opened.undoes(second).await;
    assert_eq!(opened.wanted().await, "2025-11-19T08:25:00Z");
    assert!(!opened.has(child, TaskKind::ChooseEnding).await);
}

/// Somebody comes back onto a call that is being spoken on.
#[tokio::test]
async fn what_was_heard_on_a_call_is_not_asked_again_when_another_child_comes_back_onto_it() {
    let (_folder, _clock, opened) = an_evening().await;
    let other = opened.mailed(1).await;
    let letter = opened.sent().await;
    let child = opened.to_be_rung(2).await;
    opened.at("08:10:00").await;
    let task = opened.only_call().await;
    assert_eq!(opened.calls().await[0].members.len(), 2);
    assert!(opened.act(Act::Claim { task }, "Jo").await.is_ok());
    opened.on_roll(task, child, "Jo").await;
    let reply = opened.says(1, KEY_ADULT, &letter, Verdict::None).await;
    opened.reads(reply, other).await;
    let calls = opened.calls().await;
    assert_eq!((calls.len(), calls[0].members.len()), (1, 2));
    let task = opened.only_call().await;
    let told = opened.act(outcome(task, CallOutcome::Told), "Jo").await;
    assert_eq!(told, Ok(vec![child]));
}
