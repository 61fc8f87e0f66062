//! Calls that a school makes itself, and calls whose outcome says when, or whether, to ring again.

use super::super::notes::{comes, report};
use super::super::{database, directory};
use super::{EVENING, MORNING, Opened, an_evening, document, open, outcome, post};
use firstbell::clock::Clock;
use firstbell::referral::answer::{CallOutcome, SchoolWord};
use firstbell::referral::directory::ContactOf;
use firstbell::referral::fact::TaskKind;
use firstbell::referral::id::{NotificationId, TaskId};
use firstbell::referral::report::Action;
use firstbell::referral::school::{Role, Urn};
use firstbell::referral::telephone::numbers;
use firstbell::store::{Accepted, Act, NotActed};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tempfile::TempDir;

impl Opened {
    /// A child of whom the school is mailed at once.
    pub(super) async fn mailed(&self, number: u32) -> NotificationId {
        let now = self.store.clock().now();
        let mut document = document(number, now);
        document["children"][0]["child_ref"] = json!(format!("c-{number}"));
        document["children"][0]["given_name"] = json!(format!("Child-{number}"));
        let before = self.live().await;
        let accepted = self
            .store
            .accept(post(&document, &format!("key-{number}"), now))
            .await;
        assert!(matches!(accepted, Ok(Accepted::New(_))));
        let mut after = self.live().await;
        after.retain(|id| !before.contains(id));
        after.remove(0)
    }

    async fn facts(&self, id: NotificationId) -> usize {
        let now = self.store.clock().now();
        let trace = self.store.readers().show_trace(id, now).await;
        trace.unwrap().unwrap().facts.len()
    }

    async fn rings(&self, notification: NotificationId, operator: &str) -> TaskId {
        let inbound = Act::CallInbound { notification };
        assert!(self.act(inbound, operator).await.is_ok());
        self.only_call().await
    }
}

fn told(task: TaskId, notification: NotificationId) -> Act {
    Act::CallOutcome {
        task,
        outcome: CallOutcome::Told,
        notification: Some(notification),
        role: Role::KeyAdult,
        word: SchoolWord::Unverified,
    }
}

#[tokio::test]
async fn a_school_that_rings_one_operator_while_another_rings_it_changes_nothing() {
    let (_folder, clock, opened) = an_evening().await;
    opened.to_be_rung(1).await;
    let second = opened.mailed(2).await;
    let task = opened.only_call().await;
    assert!(opened.act(Act::Claim { task }, "Jo").await.is_ok());
    let before = opened.facts(second).await;
    let inbound = Act::CallInbound {
        notification: second,
    };
    let first = NotActed::Conflict {
        so: "somebody else has taken it on",
        who: "Jo".to_owned(),
        at: clock.now(),
    };
    assert_eq!(opened.act(inbound.clone(), "Sam").await, Err(first));
    assert_eq!(opened.facts(second).await, before);
    assert_eq!(opened.calls().await[0].members.len(), 1);
    // Whose call it is takes it on.
    assert!(opened.act(inbound, "Jo").await.is_ok());
    assert_eq!(opened.calls().await[0].members.len(), 2);
}

#[tokio::test]
async fn whoever_is_not_told_when_their_school_rings_is_rung_when_their_own_ladder_does() {
    let (_folder, clock, opened) = an_evening().await;
    let (first, second) = (opened.mailed(1).await, opened.mailed(2).await);
    let task = opened.rings(first, "Jo").await;
    assert_eq!(opened.calls().await[0].members.len(), 2);
    opened.on_roll(task, first, "Jo").await;
    assert_eq!(opened.act(told(task, first), "Jo").await, Ok(vec![first]));
    let ring_back = outcome(task, CallOutcome::RingBack);
    assert!(opened.act(ring_back, "Jo").await.is_ok());
    let morning: Timestamp = MORNING.parse().unwrap();
    let again = opened.calls().await.remove(0);
    assert_eq!(again.wanted_by, morning);
    assert_eq!(again.members[0].notification, second);
    // Nor does a claim that nobody ends bring it forward.
    let third = opened.mailed(3).await;
    opened.rings(third, "Sam").await;
    clock.advance_to(EVENING.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(1));
    let lapsed = opened.calls().await.remove(0);
    assert_eq!((lapsed.claimed, lapsed.wanted_by), (None, morning));
}

#[tokio::test]
async fn whose_ladder_rings_later_leaves_a_call_that_is_made_again_for_others() {
    let (_folder, clock, opened) = an_evening().await;
    let delivered = opened.mailed(1).await;
    let letter = opened.sent().await;
    comes(
        &opened,
        &letter,
        "dsl@marshend.test.cjsm.net",
        report(Action::Delivered),
    )
    .await;
    let held = opened.to_be_rung(2).await;
    clock.advance_to(MORNING.parse::<Timestamp>().unwrap() - SignedDuration::from_mins(30));
    let task = opened.rings(held, "Jo").await;
    assert_eq!(opened.calls().await[0].members.len(), 2);
    let ring_back = outcome(task, CallOutcome::RingBack);
    assert!(opened.act(ring_back, "Jo").await.is_ok());
    let again = opened.calls().await.remove(0);
    assert_eq!(again.wanted_by.to_string(), MORNING);
    let [member] = again.members.as_slice() else {
        panic!("{:?}", again.members);
    };
    assert_eq!(member.notification, held);
    let case = opened.case(delivered).await;
    assert!(!case.people.has_open(TaskKind::RingSchool));
    // Ten minutes after the first ones its own time comes, and it is on the call.
    clock.advance_to("2025-11-19T08:10:00Z".parse().unwrap());
    opened.store.fire_timers(8).await.unwrap();
    assert_eq!(opened.calls().await[0].members.len(), 2);
}

#[tokio::test]
async fn a_school_that_is_closed_is_rung_on_another_day_and_for_whom_that_is_too_late_a_person_chooses()
 {
    let (_folder, clock, opened) = an_evening().await;
    let child = opened.to_be_rung(1).await;
    clock.advance_to(MORNING.parse().unwrap());
    let task = opened.only_call().await;
    let closed = outcome(task, CallOutcome::Closed);
    assert!(opened.act(closed, "Jo").await.is_ok());
    let tomorrow = "2025-11-20T08:00:00Z";
    assert_eq!(opened.calls().await[0].wanted_by.to_string(), tomorrow);
    let case = opened.case(child).await;
    assert!(case.people.has_open(TaskKind::ChooseEnding));
    // Nor does anybody else ring it today.
    clock.advance_to(MORNING.parse::<Timestamp>().unwrap() + SignedDuration::from_mins(5));
    opened.to_be_rung(2).await;
    let call = opened.calls().await.remove(0);
    assert_eq!(call.wanted_by.to_string(), tomorrow);
    assert_eq!(call.members.len(), 2);
}

/// Of a Friday in front of a weekend.
#[tokio::test]
async fn whom_a_closed_school_must_know_only_later_is_rung_when_it_opens_and_asks_for_no_choice() {
    let (_folder, clock, opened) = an_evening().await;
    clock.advance_to("2025-11-21T17:30:00Z".parse().unwrap());
    let child = opened.to_be_rung(1).await;
    let task = opened.only_call().await;
    let closed = outcome(task, CallOutcome::Closed);
    assert!(opened.act(closed, "Jo").await.is_ok());
    let monday = "2025-11-24T08:00:00Z";
    assert_eq!(opened.calls().await[0].wanted_by.to_string(), monday);
    let case = opened.case(child).await;
    assert!(!case.people.has_open(TaskKind::ChooseEnding));
}

#[tokio::test]
async fn a_wrong_number_is_not_rung_again_but_the_registers_once_and_then_a_person_chooses() {
    for register in ["+44 1621 000011", "01245 000001"] {
        let folder = TempDir::new().unwrap();
        let clock = Clock::manual(EVENING.parse().unwrap());
        let opened = open(folder.path(), &clock).await;
        let mut known = directory(0);
        let school = known.schools.get_mut(&Urn::parse("990011").unwrap());
        school.unwrap().telephone = Some(register.to_owned());
        let imported = opened.store.import_directory(known, "tester").await;
        assert_eq!(imported, Ok(Some(1)));
        let child = opened.to_be_rung(1).await;
        let morning: Timestamp = MORNING.parse().unwrap();
        clock.advance_to(morning);
        let wrong = |task| outcome(task, CallOutcome::WrongNumber);
        let task = opened.only_call().await;
        assert!(opened.act(wrong(task), "Jo").await.is_ok());
        if register == "01245 000001" {
            let again = opened.calls().await.remove(0);
            assert_eq!(again.wanted_by, morning, "at once");
            assert!(again.wrong.holds("+44 1621 000011") && !again.wrong.holds(register));
            let task = opened.only_call().await;
            assert!(opened.act(wrong(task), "Jo").await.is_ok());
        }
        for minutes in [0, 10, 90] {
            clock.advance_to(morning + SignedDuration::from_mins(minutes));
            opened.store.fire_timers(8).await.unwrap();
            assert!(opened.calls().await.is_empty(), "{register}, {minutes}");
            let case = opened.case(child).await;
            let choices = case.people.open_tasks();
            let choices = choices.filter(|(_, task)| task.kind == TaskKind::ChooseEnding);
            assert_eq!(choices.count(), 1, "{register}, {minutes}");
        }
    }
}

/// Each number once, the contacts' before the register's, and none of somebody who must not be told of one of
/// the children.
#[tokio::test]
async fn no_number_of_whom_a_child_is_kept_from_is_offered() {
    let (_folder, clock, opened) = an_evening().await;
    let now = clock.now();
    let child = opened.to_be_rung(1).await;
    let case = opened.case(child).await;
    let urn = Urn::parse("990011").unwrap();
    let mut known = (*opened.store.directory()).clone();
    let school = known.schools.get_mut(&urn).unwrap();
    school.telephone = Some("01621 000099".to_owned());
    let contacts = known.contacts.get_mut(&ContactOf::School(urn)).unwrap();
    let mut ids = Vec::new();
    for (nth, contact) in contacts.iter_mut().enumerate() {
        contact.phone = Some(format!("01621 00000{nth}"));
        ids.push((contact.id, contact.role));
    }
    let [(key_adult, Role::KeyAdult), (deputy, Role::Deputy), ..] = ids[..] else {
        panic!("{ids:?}");
    };
    let all = numbers(&known, &[&case], now);
    assert_eq!(all.len(), ids.len() + 1);
    assert_eq!(all.last(), Some(&"01621 000099"));
    assert_eq!(all[..2], ["01621 000000", "01621 000001"]);
    let mut withheld = case.clone();
    withheld.contacts.retain(|(id, ..)| *id != key_adult);
    assert_eq!(numbers(&known, &[&case, &withheld], now), all[1..]);
    known.suspended.insert(deputy);
    let left = numbers(&known, &[&case, &withheld], now);
    assert!(!left.contains(&"01621 000000") && !left.contains(&"01621 000001"));
    assert_eq!(left.last(), Some(&"01621 000099"));
}

#[tokio::test]
async fn a_wrong_number_of_a_place_is_wrong_for_those_of_a_conflict_too_and_its_authority_is_asked_instead()
 {
    let (_folder, _clock, opened) = an_evening().await;
    let now = opened.store.clock().now();
    let mut document = document(1, now);
    document["children"][0]["schools"][0]["involved_person"] = json!("yes");
    let accepted = opened.store.accept(post(&document, "key-1", now)).await;
    assert!(matches!(accepted, Ok(Accepted::New(_))));
    let conflict = opened.live().await.remove(0);
    opened.to_be_rung(2).await;
    let calls = opened.calls().await;
    let [first, second] = calls.as_slice() else {
        panic!("{calls:?}");
    };
    let ordinary = [first, second].into_iter();
    let mut ordinary = ordinary.filter(|call| call.members[0].notification != conflict);
    let task = TaskId::parse(&ordinary.next().unwrap().task).unwrap();
    let wrong = outcome(task, CallOutcome::WrongNumber);
    assert!(opened.act(wrong, "Jo").await.is_ok());
    let calls = opened.calls().await;
    let mut own = calls.iter();
    let own = own.find(|call| call.members[0].notification == conflict);
    assert!(own.unwrap().wrong.holds("+44 1621 000011"));

    let urn = Urn::parse("990011").unwrap();
    let case = opened.case(conflict).await;
    let mut known = (*opened.store.directory()).clone();
    let school = known.schools.get_mut(&urn).unwrap();
    school.telephone = Some("01621 000099".to_owned());
    let authority = school.la_code.expect("the register names it");
    let mut hub = known.contacts_of(ContactOf::School(urn))[0].clone();
    hub.role = Role::Hub;
    hub.phone = Some("01245 000881".to_owned());
    let hubs = known.contacts.entry(ContactOf::Authority(authority));
    hubs.or_default().push(hub);
    assert_eq!(
        numbers(&known, &[&case], now),
        ["01621 000099", "01245 000881"]
    );
}

/// A summer's calls fall due at one instant, and the last of them by id is the first by need.
#[tokio::test]
async fn among_more_calls_than_a_list_holds_those_in_need_come_first_and_an_own_one_is_found() {
    let (folder, clock, opened) = an_evening().await;
    let child = opened.to_be_rung(1).await;
    clock.advance_to(MORNING.parse().unwrap());
    let task = opened.only_call().await;
    let mut connection = database(folder.path()).await;
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100) INSERT INTO task(id, kind, subject, force, opened_at, wanted_by) SELECT 'tsk_' || substr('00000000000000000000000000' || i, -26), 'ring_school', 'essex:urn:' || (100000 + i), 'essex', 0, i FROM n";
    sqlx::query(many).execute(&mut connection).await.unwrap();
    let calls = opened.calls().await;
    assert_eq!(calls.len(), 1_000);
    assert_eq!(calls[0].task, task.to_string());
    assert_eq!(calls[0].members[0].notification, child);

    // Delivered and asked for by nobody else it comes last of all, and is its caller's still.
    assert!(opened.act(Act::Claim { task }, "Jo").await.is_ok());
    let later = "UPDATE task SET wanted_by = wanted_by + 3600000000 WHERE id = $1";
    sqlx::query(later)
        .bind(task.to_string())
        .execute(&mut connection)
        .await
        .unwrap();
    let calls = opened.calls().await;
    assert!(calls.iter().all(|call| call.task != task.to_string()));
    let (readers, now) = (opened.store.readers(), clock.now());
    let own = readers.list_own_calls("Jo", now).await.unwrap();
    assert_eq!(own[0].task, task.to_string());
    assert!(readers.list_own_calls("Sam", now).await.unwrap().is_empty());
    let counts = readers.find_call_counts(now).await.unwrap();
    assert_eq!(
        (counts.open, counts.claimed, counts.restricted),
        (1_101, 1, 0)
    );
}

#[tokio::test]
async fn a_long_call_stays_its_callers_as_long_as_they_work_on_it() {
    let (_folder, clock, opened) = an_evening().await;
    let child = opened.to_be_rung(1).await;
    let begun: Timestamp = MORNING.parse().unwrap();
    clock.advance_to(begun);
    let task = opened.only_call().await;
    let claim = Act::Claim { task };
    assert!(opened.act(claim.clone(), "Jo").await.is_ok());
    let word = Act::CallWord {
        task,
        said: "amber otter".to_owned(),
    };
    let roll = |on_roll| Act::CallRoll {
        task,
        notification: child,
        on_roll,
    };
    let mut minutes = 0;
    for act in [
        Act::Reveal { task },
        word,
        roll(true),
        roll(true),
        claim.clone(),
    ] {
        minutes += 14;
        let worked = begun + SignedDuration::from_mins(minutes);
        clock.advance_to(worked);
        assert!(opened.act(act, "Jo").await.is_ok(), "{minutes}");
        clock.advance_to(worked + SignedDuration::from_mins(2));
        let refused = opened.act(claim.clone(), "Sam").await;
        let taken = matches!(&refused, Err(NotActed::Conflict { at, .. }) if *at == worked);
        assert!(taken, "{minutes}: {refused:?}");
    }
    clock.advance_to(begun + SignedDuration::from_mins(minutes + 15));
    assert!(opened.act(claim, "Sam").await.is_ok());
}
