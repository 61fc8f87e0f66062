//! A summer in which a school's people change: who has left is written to no more, and who is in charge when
//! staff are back is told, may answer, and is rung.

use super::{County, Taken, address, contact, directory, urn, wall};
use firstbell::referral::directory::{ContactOf, Directory};
use firstbell::referral::fold::Case;
use firstbell::referral::id::{ContactId, NotificationId};
use firstbell::referral::london;
use firstbell::referral::route::SuspendReason;
use firstbell::referral::school::{Address, Contact, Role, RouteName};
use firstbell::referral::state::Duty;
use firstbell::referral::telephone::{must_not_be_told, numbers};
use firstbell::store::Act;
use jiff::civil::date;
use serde_json::json;

const NEW_NUMBER: &str = "01632 970001";
const LEFT_NUMBER: &str = "01632 970002";

/// Somebody who begins with the new school year, at this address.
fn new_one(school: usize, role: Role, at: &str) -> Contact {
    let nth = 100 + u64::try_from(school).unwrap() * 2 + u64::from(role == Role::Deputy);
    Contact {
        id: ContactId::from_parts(nth, [2; 10]),
        address: Address::parse(at).unwrap(),
        phone: Some(NEW_NUMBER.to_owned()),
        valid_from: Some(date(2020, 9, 1)),
        nudge_to: Address::parse(&format!("new{nth}@s{school}.ordinary.test")),
        name: "Person Newcomer".to_owned(),
        ..contact(school, role)
    }
}

/// Both of a school's contacts leave with August.
fn leave(directory: &mut Directory, school: usize, new: Vec<Contact>) {
    let of = ContactOf::School(urn(school));
    let contacts = directory.contacts.get_mut(&of).unwrap();
    for contact in contacts.iter_mut() {
        contact.valid_to = Some(date(2020, 8, 31));
        contact.phone = Some(LEFT_NUMBER.to_owned());
    }
    contacts.extend(new);
    contacts.sort_by_key(|contact| (contact.role, contact.rank, contact.id));
}

fn new_address(school: usize, role: Role) -> String {
    format!("new.{}", address(school, role))
}

async fn posted(county: &mut County, school: usize, withheld: &[String]) -> NotificationId {
    let mut referral = county.referral(school);
    referral["withhold_from"] = json!(withheld);
    county.accept(&referral).await.notifications[0].id
}

fn at(letters: &[Taken]) -> Vec<String> {
    let shown = letters.iter().map(|letter| {
        let at = london::civil(letter.at);
        at.strftime("%-d %b %H:%M").to_string()
    });
    shown.collect()
}

#[tokio::test]
async fn after_a_summer_the_letter_goes_to_whoever_is_in_charge_then_and_to_nobody_who_left() {
    let mut known = directory(2);
    for school in 0..2 {
        let new = [Role::KeyAdult, Role::Deputy];
        let new = new.map(|role| new_one(school, role, &new_address(school, role)));
        leave(&mut known, school, new.into());
    }
    let mut county = County::with("2020-08-11T22:00", known).await;
    let case = posted(&mut county, 0, &[]).await;
    let withheld = [new_address(1, Role::KeyAdult)];
    let kept_from = posted(&mut county, 1, &withheld).await;
    county.comes_to(wall("2020-09-01T08:00")).await;
    let key_adult = new_address(0, Role::KeyAdult);
    assert_eq!(county.taken_for(&key_adult).len(), 0);

    county.comes_to(wall("2020-09-01T12:59")).await;
    assert_eq!(at(&county.taken_for(&key_adult)), ["1 Sep 08:30"]);
    county.comes_to(wall("2020-09-02T09:00")).await;
    let deputy = new_address(0, Role::Deputy);
    assert_eq!(at(&county.taken_for(&deputy)), ["1 Sep 13:00"]);
    for (school, role) in [(0, Role::KeyAdult), (1, Role::KeyAdult)] {
        let first = county.taken_for(&address(school, role));
        assert_eq!(at(&first), ["11 Aug 22:00"], "to whoever was there then");
    }
    for school in 0..2 {
        let left = county.taken_for(&address(school, Role::Deputy));
        assert_eq!(left.len(), 0, "a deputy who has left gets no letter");
    }
    // Whom it was withheld from is not told because they come later.
    assert_eq!(county.taken_for(&withheld[0]).len(), 0);
    assert_eq!(county.taken_for(&new_address(1, Role::Deputy)).len(), 1);

    let now = county.clock.now();
    let rung = |school: usize, case: &Case| {
        let directory = county.opened.store.directory();
        let rung = numbers(&directory, &[case], now);
        let rung: Vec<String> = rung.into_iter().map(str::to_owned).collect();
        let listed = directory.contacts_of(ContactOf::School(urn(school))).iter();
        let told = listed.filter(|one| !must_not_be_told(case, one, now));
        (rung, told.map(|one| one.id).collect::<Vec<_>>())
    };
    let (rings, told) = rung(0, &county.trace(case).await.case);
    assert_eq!(rings, [NEW_NUMBER, "01632 960000"], "and the register's");
    assert_eq!(told.len(), 2, "the two who are new");
    let (_, told) = rung(1, &county.trace(kept_from).await.case);
    assert_eq!(told, [new_one(1, Role::Deputy, &deputy).id]);

    // And what the new Key Adult answers counts.
    let letter = county.taken_for(&key_adult).remove(0);
    let headers = "Subject: Re: For the safeguarding lead\n";
    county.mail(&letter, headers, "RECEIVED").await;
    county.settle().await;
    let duty = county.trace(case).await.case.duty();
    assert_eq!(duty, Duty::Acknowledged);
}

/// A mailbox outlives who reads it: the answer is the new Key Adult's.
#[tokio::test]
async fn who_took_over_a_mailbox_answers_for_the_letter_that_lies_in_it() {
    let mut known = directory(1);
    let same = address(0, Role::KeyAdult);
    leave(&mut known, 0, vec![new_one(0, Role::KeyAdult, &same)]);
    let mut county = County::with("2020-08-11T22:00", known).await;
    let case = posted(&mut county, 0, &[]).await;
    county.comes_to(wall("2020-09-01T08:00")).await;
    let letter = county.taken_for(&same).remove(0);
    let headers = "Subject: Re: For the safeguarding lead\n";
    county.mail(&letter, headers, "RECEIVED").await;
    county.settle().await;
    let case = county.trace(case).await.case;
    assert_eq!(case.duty(), Duty::Acknowledged);
    let by = case.people.answers.values().next().unwrap().contact;
    assert_eq!(by, Some(new_one(0, Role::KeyAdult, &same).id));
}

/// A letter that waits on the last night of somebody's time is not sent to them on the next morning.
#[tokio::test]
async fn a_letter_that_waits_for_its_route_goes_to_the_next_contact_once_its_own_has_left() {
    let mut known = directory(1);
    let contacts = known.contacts.get_mut(&ContactOf::School(urn(0))).unwrap();
    contacts[0].valid_to = Some(date(2020, 11, 24));
    let mut county = County::with("2020-11-24T22:00", known).await;
    let suspend = Act::SuspendRoute {
        route: RouteName::parse("cjsm").unwrap(),
        reason: SuspendReason::Maintenance,
        from: None,
        until: Some(wall("2020-11-25T01:00")),
        note: None,
    };
    let acted = county.opened.store.act(suspend, "A Tester").await.unwrap();
    assert!(acted.is_ok());
    let _case = posted(&mut county, 0, &[]).await;
    county.comes_to(wall("2020-11-25T03:00")).await;
    assert_eq!(county.taken_for(&address(0, Role::KeyAdult)).len(), 0);
    let deputy = county.taken_for(&address(0, Role::Deputy));
    assert_eq!(at(&deputy), ["25 Nov 01:00"]);
}
