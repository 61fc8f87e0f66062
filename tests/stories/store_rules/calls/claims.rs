//! Who took a task on and was called away hides it from nobody: a supervisor hears of it when the claim
//! ends.

use super::{Opened, an_evening, outcome};
use firstbell::referral::alarm::AlarmKind;
use firstbell::referral::answer::CallOutcome;
use firstbell::referral::fact::TaskKind;
use firstbell::referral::id::{NotificationId, TaskId};
use firstbell::store::Act;
use jiff::Timestamp;

impl Opened {
    /// What an alarm of this kind is raised by now.
    async fn alarmed(&self, kind: AlarmKind) -> Vec<String> {
        let now = self.store.clock().now();
        let subjects = self.store.readers().alarm_subjects(kind, now).await;
        subjects.unwrap()
    }

    /// The open task of this kind about a notification.
    async fn task(&self, id: NotificationId, kind: TaskKind) -> Option<TaskId> {
        let case = self.case(id).await;
        let mut open = case.people.open_tasks();
        open.find(|(_, task)| task.kind == kind).map(|(id, _)| id)
    }

    /// It is this time of the morning after the post, and what is due is done.
    pub(super) async fn at(&self, time: &str) {
        let at: Timestamp = format!("2025-11-19T{time}Z").parse().unwrap();
        self.store.clock().advance_to(at);
        while self.store.fire_timers(8).await.unwrap() > 0 {}
    }
}

#[tokio::test]
async fn a_call_whose_caller_was_called_away_is_told_to_a_supervisor_when_the_claim_ends() {
    let (_folder, _clock, opened) = an_evening().await;
    let child = opened.to_be_rung(1).await;
    opened.at("08:00:30").await;
    let task = opened.only_call().await;
    assert!(opened.act(Act::Claim { task }, "Jo").await.is_ok());
    opened.at("08:15:00").await;
    let supervisor = TaskKind::CallUnclaimed;
    assert_eq!(opened.task(child, supervisor).await, None);
    let looks_at = opened.store.next_timer().await.unwrap().unwrap();
    assert_eq!(looks_at.to_string(), "2025-11-19T08:15:30Z");
    opened.at("08:15:30").await;
    let told = opened.task(child, supervisor).await.expect("it is told");
    let kind = AlarmKind::CallUnclaimed;
    assert_eq!(opened.alarmed(kind).await, [told.to_string()]);
    // The supervisor, too, may be called away.
    let claim = Act::Claim { task: told };
    assert!(opened.act(claim, "Sam").await.is_ok());
    assert_eq!(opened.alarmed(kind).await, [""; 0]);
    opened.at("08:30:29").await;
    assert_eq!(opened.alarmed(kind).await, [""; 0]);
    opened.at("08:30:30").await;
    assert_eq!(opened.alarmed(kind).await, [told.to_string()]);
}

#[tokio::test]
async fn a_long_call_that_is_worked_on_is_told_to_nobody() {
    let (_folder, _clock, opened) = an_evening().await;
    let child = opened.to_be_rung(1).await;
    opened.at("08:05:00").await;
    let task = opened.only_call().await;
    assert!(opened.act(Act::Claim { task }, "Jo").await.is_ok());
    for time in ["08:12:00", "08:12:30", "08:19:00", "08:26:00"] {
        opened.at(time).await;
        assert!(opened.act(Act::Reveal { task }, "Jo").await.is_ok());
        opened.on_roll(task, child, "Jo").await;
    }
    opened.at("08:40:00").await;
    let supervisor = TaskKind::CallUnclaimed;
    assert_eq!(opened.task(child, supervisor).await, None);
    let now = opened.store.clock().now();
    let trace = opened.store.readers().show_trace(child, now).await;
    let facts = trace.unwrap().unwrap().facts;
    let claims = facts
        .iter()
        .filter(|line| line.fact.kind() == "task_claimed");
    assert_eq!(claims.count(), 4, "one a minute at most");
    // They went on to something else in the end.
    opened.at("08:41:00").await;
    assert!(opened.task(child, supervisor).await.is_some());
}

#[tokio::test]
async fn a_choice_that_is_due_and_that_nobody_makes_raises_an_alarm() {
    let (_folder, _clock, opened) = an_evening().await;
    let child = opened.to_be_rung(1).await;
    let kind = AlarmKind::ChoiceWaits;
    for time in ["08:00:00", "08:20:00", "09:29:59"] {
        opened.at(time).await;
        assert_eq!(opened.alarmed(kind).await, [""; 0], "{time}");
    }
    opened.at("09:30:00").await;
    assert_eq!(opened.alarmed(kind).await, [child.to_string()]);
    let task = opened.task(child, TaskKind::ChooseEnding).await.unwrap();
    assert!(opened.act(Act::Claim { task }, "Sam").await.is_ok());
    assert_eq!(opened.alarmed(kind).await, [""; 0]);
    opened.at("09:45:00").await;
    assert_eq!(opened.alarmed(kind).await, [child.to_string()]);
    // Told on a call that came back: nothing is to be chosen any more.
    let task = opened.only_call().await;
    assert!(opened.act(Act::Claim { task }, "Jo").await.is_ok());
    opened.on_roll(task, child, "Jo").await;
    let told = opened.act(outcome(task, CallOutcome::Told), "Jo").await;
    assert_eq!(told, Ok(vec![child]));
    assert_eq!(opened.alarmed(kind).await, [""; 0]);
}
