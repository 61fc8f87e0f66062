//! Every reason to hold, on a night on which nobody signs in: what was said to happen by itself happened,
//! then and not before.

use super::{AUTHORITY, County, address, contact, directory, wall};
use firstbell::referral::directory::ContactOf;
use firstbell::referral::fact::TaskKind;
use firstbell::referral::fold::Case;
use firstbell::referral::id::NotificationId;
use firstbell::referral::plan::{HoldReason, WillHappen};
use firstbell::referral::school::{Address, LaCode, Role};
use firstbell::referral::state::Timing;
use firstbell::store::Act;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A reason, what is posted so that it holds, what is said to happen, and the task it opens.
type Row = (&'static str, fn(&mut Value, usize), WillHappen, TaskKind);

fn child(document: &mut Value) -> &mut Value {
    &mut document["children"][0]
}

fn named(document: &mut Value) -> &mut Value {
    &mut document["children"][0]["schools"][0]
}

fn without_urn(document: &mut Value) {
    let school = named(document).as_object_mut().unwrap();
    school.remove("urn");
    school.remove("urn_source");
}

const ROWS: [Row; 11] = [
    (
        "conflict",
        |post, _| named(post)["involved_person"] = json!("yes"),
        WillHappen::Climb,
        TaskKind::RingSchool,
    ),
    (
        "restricted",
        |post, _| post["restricted"] = json!(true),
        WillHappen::Climb,
        TaskKind::RingSchool,
    ),
    (
        "child-is-suspect",
        |post, _| child(post)["connection"] = json!("suspect"),
        WillHappen::Climb,
        TaskKind::RingSchool,
    ),
    (
        "needs-a-name",
        |post, _| child(post)["given_name"] = json!("UNKNOWN"),
        WillHappen::Climb,
        TaskKind::NameChild,
    ),
    (
        "outside-policy",
        |post, _| child(post)["date_of_birth"] = json!("2000-03-12"),
        WillHappen::Climb,
        TaskKind::RecordWhoTold,
    ),
    (
        "needs-routing",
        |post, _| without_urn(post),
        WillHappen::Climb,
        TaskKind::ChooseSchool,
    ),
    (
        "needs-routing",
        |post, _| {
            without_urn(post);
            child(post)["home_la"] = json!(AUTHORITY);
        },
        WillHappen::SendToAuthority,
        TaskKind::ChooseSchool,
    ),
    (
        "name-unlike-register",
        |post, _| {
            named(post)["urn_source"] = json!("typed");
            named(post)["name_recorded"] = json!("Quite Another Place");
        },
        WillHappen::Climb,
        TaskKind::RingSchool,
    ),
    (
        "nobody-to-notify",
        |post, school| {
            let all = [Role::KeyAdult, Role::Deputy].map(|role| address(school, role));
            post["withhold_from"] = json!(all);
        },
        WillHappen::Climb,
        TaskKind::RingSchool,
    ),
    (
        "incident-old",
        |post, _| post["incident"]["occurred_at"] = json!("2020-10-01T21:00:00Z"),
        WillHappen::Send,
        TaskKind::ConfirmHold,
    ),
    (
        "born-not-known",
        |post, _| child(post)["date_of_birth"] = Value::Null,
        WillHappen::Send,
        TaskKind::ConfirmHold,
    ),
];

/// What was said of one.
struct Said {
    reason: &'static str,
    id: NotificationId,
    school: usize,
    what: WillHappen,
    at: Timestamp,
    task: TaskKind,
}

async fn case(county: &County, id: NotificationId) -> Case {
    county.trace(id).await.case
}

/// Posts one of each, and one that an operator holds before they sign out.
async fn evening(county: &mut County) -> Vec<Said> {
    let mut said = Vec::new();
    for (school, (reason, hold, what, task)) in ROWS.into_iter().enumerate() {
        let mut referral = county.referral(school);
        hold(&mut referral, school);
        let view = county.accept(&referral).await;
        let one = &view.notifications[0];
        assert!(one.reasons.contains(&reason.to_owned()), "{reason}");
        let (promised, at) = one.will_happen.unwrap();
        assert_eq!(promised, what, "{reason}");
        let id = one.id;
        said.push(Said {
            reason,
            id,
            school,
            what,
            at,
            task,
        });
    }
    let school = ROWS.len();
    let referral = county.referral(school);
    let view = county.accept(&referral).await;
    let hold = Act::Hold {
        notification: view.notifications[0].id,
        reason: "the wrong child".to_owned(),
    };
    county.opened.store.act(hold, "Jo").await.unwrap().unwrap();
    let id = view.notifications[0].id;
    let now = county.clock.now();
    let held = case(county, id).await.will_happen(now).unwrap();
    said.push(Said {
        reason: "by-operator",
        id,
        school,
        what: held.will_happen,
        at: held.at,
        task: TaskKind::RingSchool,
    });
    said
}

#[tokio::test]
async fn with_nobody_signed_in_every_hold_does_what_it_said_it_would() {
    let authority = ContactOf::Authority(LaCode::parse(AUTHORITY).unwrap());
    let mut known = directory(ROWS.len() + 1);
    let mut lead = contact(99, Role::Hub);
    lead.address = Address::parse("lead@authority.test").unwrap();
    known.contacts.insert(authority, vec![lead]);
    let mut county = County::with("2020-11-24T19:05", known).await;
    let said = evening(&mut county).await;
    let reasons: BTreeSet<&str> = said.iter().map(|said| said.reason).collect();
    assert_eq!(reasons, HoldReason::WORDS.iter().copied().collect());

    // Where nobody will be mailed unless a person decides, it is at risk from the beginning.
    for said in &said {
        let timing = case(&county, said.id).await.timing(county.clock.now());
        let expected = match said.what {
            WillHappen::Climb => Timing::AtRisk,
            WillHappen::Send | WillHappen::SendToAuthority => Timing::InTime,
        };
        assert_eq!(timing, expected, "{}", said.reason);
    }

    let default_at = wall("2020-11-25T07:00");
    county
        .comes_to(default_at - SignedDuration::from_secs(1))
        .await;
    assert_eq!(county.taken().len(), 0, "nobody is mailed before");
    county.comes_to(wall("2020-11-25T09:30")).await;
    let taken = county.taken();
    for said in &said {
        let now = case(&county, said.id).await;
        let of_school = format!("@s{}.schools.test", said.school);
        let to = match said.what {
            WillHappen::SendToAuthority => "@authority.test".to_owned(),
            WillHappen::Send | WillHappen::Climb => of_school,
        };
        let mut letters = taken.iter().filter(|letter| letter.to.ends_with(&to));
        match said.what {
            WillHappen::Send | WillHappen::SendToAuthority => {
                assert_eq!(said.at, default_at, "{}", said.reason);
                let first = letters.next().unwrap();
                assert_eq!(first.at, said.at, "{}", said.reason);
                assert!(now.hold.is_none(), "{}", said.reason);
            }
            WillHappen::Climb => {
                assert_eq!(letters.count(), 0, "{}", said.reason);
                assert!(now.hold.is_some(), "{}", said.reason);
                assert!(now.people.has_open(said.task), "{}", said.reason);
                let choose = now.people.has_open(TaskKind::ChooseEnding);
                assert!(choose, "{}", said.reason);
            }
        }
        assert!(now.live(), "{}: nothing ends it by itself", said.reason);
    }
    println!("{} holds, each as it said", said.len());
}

/// What waits a whole summer for a person is rung on the staff's day, like the rest, and not on the pupils'
/// first morning, into which it does not fit.
#[tokio::test]
async fn a_summers_held_calls_are_wanted_on_the_day_before_pupils_are_back() {
    let rings = ROWS.iter().filter(|row| row.3 == TaskKind::RingSchool);
    let rings: Vec<&Row> = rings.collect();
    let mut county = County::begin("2020-08-11T22:00", rings.len()).await;
    let mut held = Vec::new();
    for (school, (reason, hold, ..)) in rings.into_iter().enumerate() {
        let mut referral = county.referral(school);
        hold(&mut referral, school);
        held.push((*reason, county.accept(&referral).await.notifications[0].id));
    }
    assert_eq!(held.len(), 5);
    county.comes_to(wall("2020-09-02T09:00")).await;
    for (reason, id) in held {
        let open = case(&county, id).await.people;
        let call = open
            .open_tasks()
            .find(|(_, task)| task.kind == TaskKind::RingSchool);
        let (_, call) = call.unwrap();
        assert_eq!(call.wanted_by, wall("2020-09-02T09:00"), "{reason}");
    }
    // As whoever rings finds them.
    let tasks = county.opened.store.readers().list_tasks().await.unwrap();
    let calls = tasks.iter().filter(|line| line.kind == "ring_school");
    let late: Vec<_> = calls
        .filter(|line| line.wanted_by > county.clock.now())
        .collect();
    assert!(late.is_empty(), "{late:?}");
}
