//! Somebody who is away says so once: the next child's letter does not lie in that mailbox meanwhile.

use super::{County, Taken, address, wall};
use firstbell::referral::school::Role;

const AWAY: &str =
    "Subject: Automatic reply: For the safeguarding lead\nAuto-Submitted: auto-replied\n";
const BACK: &str = "Subject: Re: For the safeguarding lead\n";

async fn posted(county: &mut County) {
    let referral = county.referral(0);
    county.accept(&referral).await;
    county.settle().await;
}

/// When letters went to this person of the school's.
fn to(county: &County, role: Role) -> Vec<String> {
    let shown = |letter: &Taken| {
        let at = firstbell::referral::london::civil(letter.at);
        at.strftime("%-d %b %H:%M").to_string()
    };
    county
        .taken_for(&address(0, role))
        .iter()
        .map(shown)
        .collect()
}

#[tokio::test]
async fn an_absence_is_remembered_for_the_next_child_until_its_end_or_an_answer() {
    let mut county = County::begin("2020-11-24T19:05", 1).await;
    posted(&mut county).await;
    let first = county.taken_for(&address(0, Role::KeyAdult)).remove(0);
    let text = "I am on leave and back in school on Monday 30 November 2020.";
    county.mail(&first, AWAY, text).await;
    county.settle().await;
    assert_eq!(to(&county, Role::Deputy), ["24 Nov 19:05"], "moved on");

    // The mailbox says nothing this time: it has answered this sender.
    county.comes_to(wall("2020-11-24T23:00")).await;
    posted(&mut county).await;
    assert_eq!(to(&county, Role::KeyAdult), ["24 Nov 19:05"]);
    let deputy = ["24 Nov 19:05", "24 Nov 23:00"];
    assert_eq!(to(&county, Role::Deputy), deputy);
    // At the deputies' time everybody has it, whoever was passed over at first too.
    county.comes_to(wall("2020-11-25T07:50")).await;
    let key_adult = ["24 Nov 19:05", "25 Nov 07:50"];
    assert_eq!(to(&county, Role::KeyAdult), key_adult);

    // It is over before the next Monday's pupils are in; before that it is not.
    county.comes_to(wall("2020-11-26T22:00")).await;
    posted(&mut county).await;
    assert_eq!(to(&county, Role::KeyAdult), key_adult);
    county.comes_to(wall("2020-11-30T22:00")).await;
    posted(&mut county).await;
    let last = to(&county, Role::KeyAdult);
    assert_eq!(last.last().unwrap(), "30 Nov 22:00");
}

#[tokio::test]
async fn who_answers_is_back() {
    let mut county = County::begin("2020-11-24T19:05", 1).await;
    posted(&mut county).await;
    let first = county.taken_for(&address(0, Role::KeyAdult)).remove(0);
    county
        .mail(
            &first,
            AWAY,
            "I am away from school and will read your message when I am back.",
        )
        .await;
    county.settle().await;
    posted(&mut county).await;
    assert_eq!(to(&county, Role::KeyAdult).len(), 1);
    county.mail(&first, BACK, "RECEIVED").await;
    county.settle().await;
    // A receipt went to both.
    let (before, deputy) = (
        to(&county, Role::KeyAdult).len(),
        to(&county, Role::Deputy).len(),
    );
    posted(&mut county).await;
    assert_eq!(to(&county, Role::KeyAdult).len(), before + 1);
    assert_eq!(to(&county, Role::Deputy).len(), deputy);
}

#[tokio::test]
async fn in_august_nobody_is_passed_over_who_says_that_they_are_away() {
    let mut county = County::begin("2020-08-11T22:00", 1).await;
    posted(&mut county).await;
    let first = county.taken_for(&address(0, Role::KeyAdult)).remove(0);
    let text = "I am on leave and back in school on Monday 7 September 2020.";
    county.mail(&first, AWAY, text).await;
    county.settle().await;
    posted(&mut county).await;
    assert_eq!(to(&county, Role::KeyAdult).len(), 2);
    assert_eq!(to(&county, Role::Deputy).len(), 0);
}
