//! Any order of facts gives the same case, and no recorded outcome is forgotten.

pub(in crate::referral) mod dice;
mod orders;

use super::*;
use crate::referral::attempt::{AttemptResult, AttemptWhy, Phase};
use crate::referral::fact::Message;
use crate::referral::id::LetterId;
use proptest::prelude::*;

fn id<T>(make: fn(u64, [u8; 10]) -> T) -> T {
    make(1_000, [3; 10])
}

fn ended(attempt: u32, result: AttemptResult) -> Fact {
    Fact::AttemptEnded {
        delivery: id(DeliveryId::from_parts),
        attempt,
        result,
        phase: Phase::Body,
        why: AttemptWhy::Reply,
        code: None,
        enhanced: None,
        tls_version: None,
        tls_cipher: None,
        chain_digest: None,
        words: None,
    }
}

fn claimed(attempt: u32) -> Fact {
    Fact::DeliveryClaimed {
        delivery: id(DeliveryId::from_parts),
        attempt,
        incarnation: 1,
    }
}

fn opened() -> Vec<Fact> {
    let at = Timestamp::from_second(1_790_000_000).unwrap();
    vec![
        Fact::NotificationOpened {
            notification: id(NotificationId::from_parts),
            referral: id(ReferralId::from_parts),
            child: id(ChildId::from_parts),
            target: Target::Unrouted,
            reasons: vec![],
            suggestions: vec![],
            contacts: vec![],
            roles: vec![],
            routes: vec![],
            holidays: vec![],
            directory_version: 1,
            n: 1,
            m: 1,
        },
        Fact::DeadlineSet {
            due_at: at,
            act_by: at,
            assumed: false,
            late_on_arrival: false,
            reasons: vec![],
            steps: vec![],
            steps_at: vec![],
            steps_lost: vec![],
            staff_back_at: None,
        },
        Fact::DeliveryQueued {
            delivery: id(DeliveryId::from_parts),
            letter: id(LetterId::from_parts),
            message: Message::Letter,
            contact: id(ContactId::from_parts),
            route: RouteName::parse("cjsm").unwrap(),
            step: 0,
            after_attempt: 0,
            not_before: at,
            not_after: None,
        },
    ]
}

fn state_after(more: &[Fact]) -> DeliveryState {
    let facts: Vec<Fact> = opened().into_iter().chain(more.iter().cloned()).collect();
    fold(&facts)
        .unwrap()
        .deliveries
        .values()
        .next()
        .unwrap()
        .state()
}

#[test]
fn a_recorded_250_is_never_forgotten() {
    use AttemptResult::{Done, Later, Never, Unknown};
    assert_eq!(state_after(&[]), DeliveryState::Queued);
    assert_eq!(state_after(&[claimed(1)]), DeliveryState::Sending);
    assert_eq!(
        state_after(&[claimed(1), ended(1, Later)]),
        DeliveryState::Queued
    );
    assert_eq!(
        state_after(&[claimed(1), ended(1, Unknown)]),
        DeliveryState::InDoubt
    );
    assert_eq!(
        state_after(&[
            claimed(1),
            ended(1, Unknown),
            ended(1, Done),
            claimed(2),
            ended(2, Never)
        ]),
        DeliveryState::Relayed
    );
}

proptest! {
    #[test]
    fn any_order_of_facts_gives_the_same_case(
        results in proptest::collection::vec(0..4usize, 0..6),
        order in proptest::collection::vec(any::<u32>(), 20),
    ) {
        use AttemptResult::{Done, Later, Never, Unknown};
        let mut facts = opened();
        for (attempt, result) in (1u32..).zip(results) {
            facts.push(claimed(attempt));
            facts.push(ended(attempt, [Done, Later, Never, Unknown][result]));
        }
        facts.push(Fact::Closed { closed_as: "superseded".into() });
        let straight = fold(&facts).unwrap();
        let mut shuffled: Vec<(u32, Fact)> = order.into_iter().cycle().zip(facts).collect();
        shuffled.sort_by_key(|(key, _)| *key);
        prop_assert_eq!(straight, fold(shuffled.iter().map(|(_, fact)| fact)).unwrap());
    }
}
