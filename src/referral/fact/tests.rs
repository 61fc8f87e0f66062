//! Facts are read back as they were written.

use super::*;

#[test]
fn a_fact_reads_back_and_an_unknown_version_does_not() {
    let fact = Fact::AttemptEnded {
        delivery: DeliveryId::from_parts(5, [9; 10]),
        attempt: 2,
        result: AttemptResult::Later,
        phase: Phase::Rcpt,
        why: AttemptWhy::Reply,
        code: Some(451),
        enhanced: None,
        tls_version: Some("TLSv1.3".into()),
        tls_cipher: None,
        chain_digest: Some(Digest([7; 32])),
        words: None,
    };
    assert_eq!(
        Fact::read(fact.kind(), 1, &fact.write()),
        Some(fact.clone())
    );
    assert_eq!(Fact::read(fact.kind(), 2, &fact.write()), None);
    assert_eq!(Fact::read("opened", 1, &fact.write()), None);
}

#[test]
fn a_hold_of_before_it_named_what_was_said_reads_as_one_that_names_nothing() {
    let held = Fact::Held {
        hold: 1,
        reason: HoldReason::ByOperator,
        said: None,
        will_happen: WillHappen::Climb,
        will_happen_at: Timestamp::UNIX_EPOCH,
    };
    let Tree::Map(mut members) = held.write() else {
        panic!("no map");
    };
    assert_eq!(held.version(), 2);
    members.retain(|(name, _)| name != "said");
    let first = Tree::Map(members);
    assert_eq!(Fact::read("held", 1, &first), Some(held));
    assert_eq!(Fact::read("held", 2, &first), None);
}
