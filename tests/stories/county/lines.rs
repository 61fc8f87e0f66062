//! What the desk is told of the calls to come: that they do not fit, at its opening and no sooner; and a
//! line on the evening before a week, and once a week in the holidays.

use super::{County, directory, urn, wall};
use crate::store_rules::policy;
use firstbell::referral::calendar::{DayHours, Scope};
use firstbell::referral::ladder::LadderHours;
use firstbell::referral::policy::{Policies, Policy};
use firstbell::referral::school::Role;
use firstbell::watch::capacity::Capacity;
use jiff::SignedDuration;
use jiff::civil::time;
use std::sync::Arc;

/// Two callers make fourteen calls between 08:00 and 08:30; of a hundred places forty do not answer.
const FITS: usize = 35;
const ONE_TOO_MANY: usize = 36;

/// What is found at each of these times, as the county stands then.
async fn found(county: &mut County, times: &[&str]) -> Vec<Vec<String>> {
    found_by(county, LadderHours::default(), times).await
}

fn policies(ladder: LadderHours) -> Policies {
    let policy = Policy {
        ladder,
        ..(*policy()).clone()
    };
    Policies::from([(policy.force.clone(), Arc::new(policy))])
}

/// The same with other callers.
async fn found_by(county: &mut County, hours: LadderHours, times: &[&str]) -> Vec<Vec<String>> {
    let policies = policies(hours);
    let capacity = Capacity::new(county.opened.store.clone(), policies);
    let heard = capacity.found();
    let mut found = Vec::new();
    for time in times {
        county.comes_to(wall(time)).await;
        capacity.step(county.clock.now()).await;
        let heard = heard.borrow();
        let lines = heard.iter();
        let lines = lines.map(|(kind, subject)| format!("{} {subject}", kind.word()));
        found.push(lines.collect());
    }
    found
}

/// A county of which every school has one child, all posted now.
pub(super) async fn posted(at: &str, schools: usize) -> County {
    let mut county = County::begin(at, schools).await;
    for school in 0..schools {
        let referral = county.referral(school);
        county.accept(&referral).await;
    }
    county
}

#[tokio::test]
async fn calls_that_do_not_fit_are_an_alarm_from_the_desks_opening_until_they_do() {
    let over = ["calls_over_capacity essex".to_owned()];
    let mut county = posted("2020-11-24T22:00", ONE_TOO_MANY).await;
    let times = ["2020-11-25T02:00", "2020-11-25T06:29", "2020-11-25T06:30"];
    let heard = found(&mut county, &times).await;
    assert_eq!(heard, [vec![], vec![], over.to_vec()]);
    // One school answers, and the rest fits.
    let letter = county.taken_for(&super::address(0, Role::KeyAdult));
    let headers = "Subject: Re: For the safeguarding lead\n";
    county.mail(&letter[0], headers, "RECEIVED").await;
    assert_eq!(
        found(&mut county, &["2020-11-25T06:31"]).await,
        [Vec::<String>::new()]
    );

    let mut county = posted("2020-11-24T22:00", FITS).await;
    assert_eq!(
        found(&mut county, &["2020-11-25T06:30"]).await,
        [Vec::<String>::new()]
    );
}

#[tokio::test]
async fn the_desk_hears_on_sunday_evening_and_each_week_of_a_holiday_what_waits() {
    let (line, nothing) = (vec!["calls_expected essex".to_owned()], Vec::new());
    let mut weekend = posted("2020-11-28T02:00", 3).await;
    let times = [
        "2020-11-28T17:00",
        "2020-11-29T16:59",
        "2020-11-29T17:00",
        "2020-11-29T18:00",
        "2020-11-30T06:30",
    ];
    let heard = found(&mut weekend, &times).await;
    let expected = [&nothing, &nothing, &line, &nothing, &nothing];
    assert_eq!(heard.iter().collect::<Vec<_>>(), expected);

    let mut august = posted("2020-08-11T22:00", 3).await;
    let times = [
        "2020-08-12T06:30",
        "2020-08-16T17:00",
        "2020-08-17T06:30",
        "2020-08-24T06:30",
        "2020-09-01T06:30",
    ];
    let heard = found(&mut august, &times).await;
    let expected = [&nothing, &nothing, &line, &line, &nothing];
    assert_eq!(heard.iter().collect::<Vec<_>>(), expected);
}

/// Whoever has not answered when it is time to ring them will not: they are counted whole.
#[tokio::test]
async fn calls_that_fit_before_schools_were_silent_may_not_fit_when_it_is_time_to_ring() {
    let mut county = posted("2020-11-24T22:00", FITS).await;
    let times = ["2020-11-25T07:59", "2020-11-25T08:05"];
    let heard = found(&mut county, &times).await;
    assert_eq!(
        heard,
        [vec![], vec!["calls_over_capacity essex".to_owned()]]
    );
}

/// Schools of one county begin at four times, and each time's calls would fit if the others were not: the
/// callers are the same.
#[tokio::test]
async fn the_same_callers_are_counted_once_for_schools_that_begin_at_different_times() {
    const EACH: usize = 12;
    let begins = [(8, 30), (8, 40), (8, 45), (8, 50)];
    let hours = LadderHours {
        usual_answers_percent: 0,
        ..LadderHours::default()
    };
    let county_of = async |starts: &[(i8, i8)]| {
        let mut known = directory(EACH * starts.len());
        for school in 0..EACH * starts.len() {
            let (hour, minute) = starts[school / EACH];
            let day = DayHours {
                start: time(hour, minute, 0, 0),
                ..DayHours::default()
            };
            known.hours.insert(Scope::School(urn(school)), day);
        }
        let mut county = County::with("2020-11-24T22:00", known).await;
        for school in 0..EACH * starts.len() {
            let referral = county.referral(school);
            county.accept(&referral).await;
        }
        county
    };
    for start in begins {
        let mut alone = county_of(&[start]).await;
        let heard = found_by(&mut alone, hours, &["2020-11-25T06:30"]).await;
        assert_eq!(heard, [Vec::<String>::new()], "{start:?} alone");
    }
    let mut county = county_of(&begins).await;
    let heard = found_by(&mut county, hours, &["2020-11-25T06:30"]).await;
    assert_eq!(heard, [vec!["calls_over_capacity essex".to_owned()]]);

    let (store, now) = (&county.opened.store, county.clock.now());
    let window = (now, now + SignedDuration::from_hours(24));
    let directory = store.directory();
    let essex = &policy().force;
    let found = store
        .readers()
        .forecast_calls(essex, &hours, &directory, window);
    let mornings = found.await.unwrap().mornings;
    let needed: Vec<u32> = mornings.iter().map(|morning| morning.needed).collect();
    assert_eq!(needed, [12; 4]);
    let can: Vec<u32> = mornings.iter().map(|morning| morning.can).collect();
    // Two callers make twenty-four calls between 08:00 and 08:50.
    assert_eq!(can, [12, 8, 2, 2]);
    let over: u32 = mornings.iter().map(|morning| morning.over()).sum();
    println!("four starts: 48 calls needed, {over} of them over what two callers can make");
}

/// On a staff day the supervisor hears at noon of what does not fit, and of nothing else.
#[tokio::test]
async fn on_a_staff_day_a_supervisor_hears_at_noon_of_calls_that_do_not_fit_and_of_no_single_one() {
    let hours = LadderHours {
        call_takes: SignedDuration::from_hours(3),
        ..LadderHours::default()
    };
    let over = vec!["calls_over_capacity essex".to_owned()];
    for (schools, at_noon) in [(8, over), (2, Vec::new())] {
        let mut county = posted("2020-08-11T22:00", schools).await;
        let times = ["2020-09-02T11:59", "2020-09-02T12:00"];
        let heard = found_by(&mut county, hours, &times).await;
        assert_eq!(heard, [Vec::new(), at_noon], "{schools} schools");
        let tasks = county.opened.store.readers().list_tasks().await.unwrap();
        let kinds: Vec<&str> = tasks.iter().map(|line| line.kind.as_str()).collect();
        assert_eq!(kinds, vec!["ring_school"; schools]);
    }
}
