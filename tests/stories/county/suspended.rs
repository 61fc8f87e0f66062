//! A suspension that ends by itself.

use super::{County, address, wall};
use firstbell::referral::route::SuspendReason;
use firstbell::referral::school::{Role, RouteName};
use firstbell::store::Act;

/// Nothing else happens at that moment, and the queue's poll never comes.
#[tokio::test]
async fn letters_leave_at_the_moment_at_which_their_routes_suspension_ends() {
    let mut county = County::begin("2020-11-24T22:00", 1).await;
    let until = wall("2020-11-24T22:41:17");
    let suspend = Act::SuspendRoute {
        route: RouteName::parse("cjsm").unwrap(),
        reason: SuspendReason::Maintenance,
        from: None,
        until: Some(until),
        note: None,
    };
    let acted = county.opened.store.act(suspend, "A Tester").await.unwrap();
    assert!(acted.is_ok());
    let referral = county.referral(0);
    county.accept(&referral).await;
    county.comes_to(wall("2020-11-24T23:59")).await;
    let letters = county.taken_for(&address(0, Role::KeyAdult));
    let at: Vec<_> = letters.iter().map(|letter| letter.at).collect();
    assert_eq!(at, [until]);
}
