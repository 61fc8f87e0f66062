//! An August night, on which every Key Adult is away: who says so in a holiday is not passed over.

use super::{County, Taken, wall};
use firstbell::referral::school::Role;

const SCHOOLS: usize = 12;
/// As Exchange sends them: with an end that covers the first morning, with one before it, without any.
const AWAY: [&str; 3] = [
    "I am on leave and back in school on Monday 7 September 2020.",
    "I am on leave until 1 September 2020.",
    "I am away from school and will read your message when I am back.",
];

/// A child of every school is posted at that time, and every Key Adult is away.
async fn night(at: &str) -> County {
    let mut county = County::begin(at, SCHOOLS).await;
    for school in 0..SCHOOLS {
        let referral = county.referral(school);
        county.accept(&referral).await;
    }
    county.settle().await;
    let letters = to(&county, Role::KeyAdult);
    assert_eq!(letters.len(), SCHOOLS);
    for (letter, text) in letters.iter().zip(AWAY.iter().cycle()) {
        let headers = "Subject: Automatic reply: For the safeguarding lead\n\
                       Auto-Submitted: auto-replied\n";
        county.mail(letter, headers, text).await;
    }
    county.settle().await;
    county
}

fn to(county: &County, role: Role) -> Vec<Taken> {
    let local = format!("{}@", role.word().replace('_', "."));
    let taken = county.taken().into_iter();
    taken.filter(|taken| taken.to.starts_with(&local)).collect()
}

#[tokio::test]
async fn in_august_an_absence_of_every_key_adult_sends_no_letter_to_a_deputy() {
    let mut county = night("2020-08-11T22:00").await;
    county.comes_to(wall("2020-09-01T08:00")).await;
    assert_eq!(to(&county, Role::Deputy).len(), 0);
    // They are told when they are back, as the ladder has it.
    county.comes_to(wall("2020-09-01T13:00")).await;
    let deputies = to(&county, Role::Deputy);
    assert_eq!(deputies.len(), SCHOOLS);
    assert!(
        deputies
            .iter()
            .all(|letter| letter.at == wall("2020-09-01T13:00"))
    );
    println!("{SCHOOLS} Key Adults away in August: 0 letters to deputies before staff were back");
}

/// The same absences in term move on at once: it is the holiday that keeps them.
#[tokio::test]
async fn in_term_the_same_absences_move_on_to_the_deputies_at_once() {
    let mut county = night("2020-06-23T22:00").await;
    let at_once = to(&county, Role::Deputy);
    assert!(
        at_once
            .iter()
            .all(|letter| letter.at == wall("2020-06-23T22:00"))
    );
    assert_eq!(at_once.len(), SCHOOLS);
    county.comes_to(wall("2020-06-24T08:00")).await;
    assert_eq!(to(&county, Role::Deputy).len(), SCHOOLS);
}
