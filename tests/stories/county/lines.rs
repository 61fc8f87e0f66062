//! What the desk is told of the calls to come: that they do not fit, at its opening and no sooner; and a
//! line on the evening before a week, and once a week in the holidays.

use super::{County, wall};
use crate::store_rules::policy;
use firstbell::referral::policy::Policies;
use firstbell::referral::school::Role;
use firstbell::watch::capacity::Capacity;

/// Two callers make fourteen calls between 08:00 and 08:30; of a hundred places forty do not answer.
const FITS: usize = 35;
const ONE_TOO_MANY: usize = 36;

/// What is found at each of these times, as the county stands then.
async fn found(county: &mut County, times: &[&str]) -> Vec<Vec<String>> {
    let policies = Policies::from([(policy().force.clone(), policy())]);
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
