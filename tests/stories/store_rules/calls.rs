//! What the desk hears on the telephone, against what came by mail and who joined the call meanwhile.

mod claims;
mod closed;
mod desk;

use super::replies::KEY_ADULT;
use super::{EVENING, Opened, document, one_accepted, open, open_with, policy, post};
use firstbell::clock::Clock;
use firstbell::referral::answer::{CallOutcome, SchoolWord, Verdict};
use firstbell::referral::id::{NotificationId, TaskId};
use firstbell::referral::school::{Role, Urn};
use firstbell::store::{Accepted, Act, NotActed, OpenCall};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use tempfile::TempDir;

/// The morning after the evening of the post: calls of first priority are due.
const MORNING: &str = "2025-11-19T08:00:00Z";

impl Opened {
    async fn calls(&self) -> Vec<OpenCall> {
        let now = self.store.clock().now();
        self.store.readers().list_calls(now).await.unwrap()
    }

    async fn only_call(&self) -> TaskId {
        let calls = self.calls().await;
        assert_eq!(calls.len(), 1);
        TaskId::parse(&calls[0].task).unwrap()
    }

    /// A child whose school's name is unlike the register's: nobody is mailed, the school is rung.
    async fn to_be_rung(&self, number: u32) -> NotificationId {
        let now = self.store.clock().now();
        let mut document = document(number, now);
        document["children"][0]["child_ref"] = json!(format!("c-{number}"));
        document["children"][0]["given_name"] = json!(format!("Child-{number}"));
        document["children"][0]["schools"][0]["urn_source"] = json!("typed");
        document["children"][0]["schools"][0]["name_recorded"] = json!("Quite Another Place");
        let before = self.live().await;
        let post = post(&document, &format!("key-{number}"), now);
        let accepted = self.store.accept(post).await;
        assert!(matches!(accepted, Ok(Accepted::New(_))));
        let mut after = self.live().await;
        after.retain(|id| !before.contains(id));
        after.remove(0)
    }

    /// The school says that this child is on its roll.
    pub(crate) async fn on_roll(&self, task: TaskId, child: NotificationId, operator: &str) {
        let roll = Act::CallRoll {
            task,
            notification: child,
            on_roll: true,
        };
        assert_eq!(self.act(roll, operator).await, Ok(vec![child]));
    }

    pub(super) async fn live(&self) -> Vec<NotificationId> {
        let now = self.store.clock().now();
        let live = self.store.readers().list_live(now).await.unwrap();
        live.iter().map(|line| line.notification).collect()
    }
}

async fn an_evening() -> (TempDir, Clock, Opened) {
    let folder = TempDir::new().unwrap();
    let clock = Clock::manual(EVENING.parse().unwrap());
    let opened = open(folder.path(), &clock).await;
    opened.import().await;
    (folder, clock, opened)
}

fn outcome(task: TaskId, outcome: CallOutcome) -> Act {
    Act::CallOutcome {
        task,
        outcome,
        notification: None,
        role: Role::KeyAdult,
        word: SchoolWord::Unverified,
    }
}

#[tokio::test]
async fn a_school_that_was_told_and_then_denies_the_child_leaves_it_to_the_desk() {
    let (_folder, clock, opened) = one_accepted().await;
    let letter = opened.sent().await;
    let child = letter.notification;
    let tell = Act::Tell {
        notification: child,
        role: Role::Deputy,
        word: SchoolWord::Matches,
    };
    assert_eq!(opened.act(tell, "Jo").await, Ok(vec![child]));
    assert_eq!(opened.case(child).await.duty().word(), "told");
    let said = opened.says(1, KEY_ADULT, &letter, Verdict::NotOurs);
    said.await;
    assert_eq!(opened.case(child).await.duty().word(), "contradicted");

    clock.advance_to(MORNING.parse().unwrap());
    opened.store.fire_timers(8).await.unwrap();
    let task = opened.only_call().await;
    assert!(opened.act(Act::Claim { task }, "Jo").await.is_ok());
    let about = opened
        .act(outcome(task, CallOutcome::NotOnRoll), "Jo")
        .await;
    let &[first, successor] = about.unwrap().as_slice() else {
        panic!("nobody carries the duty on");
    };
    assert_eq!(first, child);
    let refused = opened.case(child).await;
    assert_eq!(refused.duty().word(), "refused");
    assert_eq!(refused.people.open_tasks().count(), 0);
    assert!(opened.case(successor).await.live());
}

#[tokio::test]
async fn whoever_joins_a_call_while_it_is_made_was_not_spoken_of_though_nobody_else_is_left() {
    let (_folder, _clock, opened) = an_evening().await;
    let first = opened.to_be_rung(1).await;
    let task = opened.only_call().await;
    assert!(opened.act(Act::Claim { task }, "Jo").await.is_ok());
    let joined = opened.to_be_rung(2).await;
    let answered = Act::Acknowledge {
        notification: first,
        reason: "they rang us".to_owned(),
    };
    assert_eq!(opened.act(answered, "Sam").await, Ok(vec![first]));
    assert_eq!(opened.only_call().await, task);
    for said in [CallOutcome::Told, CallOutcome::NotOnRoll] {
        let refused = opened.act(outcome(task, said), "Jo").await;
        assert!(matches!(refused, Err(NotActed::NotNow(_))), "{refused:?}");
        assert!(opened.case(joined).await.live());
    }
    // Who takes it on again sees who has joined, and speaks of them.
    assert_eq!(
        opened.act(Act::Claim { task }, "Jo").await,
        Ok(vec![joined])
    );
    opened.on_roll(task, joined, "Jo").await;
    let told = opened.act(outcome(task, CallOutcome::Told), "Jo").await;
    assert_eq!(told, Ok(vec![joined]));
    assert_eq!(opened.case(joined).await.duty().word(), "told");
}

/// The desk of a force may open later than others.
#[tokio::test]
async fn a_call_that_nobody_picks_up_comes_back_in_the_hours_of_its_own_desk() {
    let (folder, clock) = (
        TempDir::new().unwrap(),
        Clock::manual(EVENING.parse().unwrap()),
    );
    let opened = open_with(folder.path(), &clock, |_, options| {
        let mut own = (*policy()).clone();
        own.ladder.desk_from = jiff::civil::time(10, 0, 0, 0);
        options.policies = HashMap::from([(own.force.clone(), Arc::new(own))]);
    });
    let opened = opened.await.unwrap();
    opened.import().await;
    clock.advance_to(MORNING.parse().unwrap());
    opened.to_be_rung(1).await;
    let task = opened.only_call().await;
    let nobody = outcome(task, CallOutcome::NoAnswer);
    assert!(opened.act(nobody, "Jo").await.is_ok());
    let again = opened.calls().await.remove(0);
    assert_eq!(again.wanted_by.to_string(), "2025-11-19T10:00:00Z");
}

#[tokio::test]
async fn whoever_joins_a_call_that_nobody_picks_up_waits_no_longer_than_without_it() {
    let (_folder, clock, opened) = an_evening().await;
    let morning: Timestamp = MORNING.parse().unwrap();
    clock.advance_to(morning);
    opened.to_be_rung(1).await;
    let task = opened.only_call().await;
    assert!(opened.act(Act::Claim { task }, "Jo").await.is_ok());
    opened.to_be_rung(2).await;
    let rung = morning + SignedDuration::from_mins(3);
    clock.advance_to(rung);
    let no_answer = |task| outcome(task, CallOutcome::NoAnswer);
    assert!(opened.act(no_answer(task), "Jo").await.is_ok());
    assert_eq!(opened.calls().await[0].wanted_by, rung);
    let task = opened.only_call().await;
    assert!(opened.act(Act::Claim { task }, "Jo").await.is_ok());
    assert!(opened.act(no_answer(task), "Jo").await.is_ok());
    let again = opened.calls().await.remove(0);
    assert_eq!(again.wanted_by, rung + SignedDuration::from_mins(10));
    assert_eq!(again.members.len(), 2);
}

/// The school refused, the desk found that it is theirs after all and sent it there again, and then the
/// first letter is acknowledged: two notifications of one child for one school.
#[tokio::test]
async fn a_refusal_taken_back_is_settled_though_its_successor_is_for_the_same_school() {
    for told in [false, true] {
        let (_folder, _, opened) = one_accepted().await;
        let letter = opened.sent().await;
        let first = letter.notification;
        let said = opened.says(1, KEY_ADULT, &letter, Verdict::NotOurs);
        said.await;
        let lost = opened.case(first).await.rerouted_to.unwrap();
        let route = Act::Route {
            notification: lost,
            urn: Urn::parse("990011").unwrap(),
        };
        let routed = opened.act(route, "Jo").await.unwrap();
        let again = routed[1];
        let said = opened.says(2, KEY_ADULT, &letter, Verdict::Received);
        said.await;
        assert_eq!(opened.case(first).await.duty().word(), "contradicted");
        let (settle, word) = if told {
            let tell = Act::Tell {
                notification: first,
                role: Role::KeyAdult,
                word: SchoolWord::Matches,
            };
            (tell, "told")
        } else {
            let acknowledge = Act::Acknowledge {
                notification: first,
                reason: "they found her".to_owned(),
            };
            (acknowledge, "acknowledged")
        };
        assert_eq!(opened.act(settle, "Jo").await, Ok(vec![first]));
        assert_eq!(opened.case(first).await.duty().word(), word);
        assert_eq!(opened.live().await, [again]);
    }
}
