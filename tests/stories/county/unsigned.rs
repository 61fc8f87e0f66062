//! A night on which nothing can be signed: the clock stood before the key was made.

use super::{County, directory, wall};
use jiff::SignedDuration;

/// Four times and more each letter could not be made, for no fault of its own. None is set aside, and all leave
/// as soon as letters can be signed again.
#[tokio::test]
async fn what_concerns_all_letters_sets_none_of_them_aside() {
    let (evening, works) = ("2020-11-09T20:00", wall("2020-11-09T23:00"));
    let mut county = County::signing_since(evening, directory(3), works).await;
    let mut notifications = Vec::new();
    for school in 0..3 {
        let document = county.referral(school);
        let accepted = county.accept(&document).await;
        notifications.push(accepted.notifications[0].id);
    }
    county.comes_to(works - SignedDuration::from_secs(1)).await;
    assert!(county.taken().is_empty());
    for id in &notifications {
        let trace = county.trace(*id).await;
        let of_kind = |kind: &str| {
            let facts = trace.facts.iter();
            facts.filter(|line| line.fact.kind() == kind).count()
        };
        assert!(of_kind("attempt_ended") > 4, "{}", of_kind("attempt_ended"));
        assert_eq!(of_kind("delivery_quarantined"), 0);
    }
    county.comes_to(works + SignedDuration::from_hours(1)).await;
    assert_eq!(county.taken().len(), 3);
}
