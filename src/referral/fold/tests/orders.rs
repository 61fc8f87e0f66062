//! Ten thousand shuffles of rich sets of facts: every kind that a notification has, holds upon holds,
//! contradictions, beliefs, reports and tasks, drawn from few ids, so that they meet.

use super::super::*;
use super::dice::{Dice, id, word};
use crate::referral::answer::{CallOutcome, Clash, SchoolWord, Strength, Verdict};
use crate::referral::attempt::{AttemptResult, AttemptWhy, Phase};
use crate::referral::ending::{Ending, EndingReason};
use crate::referral::fact::{Message, ReleasedBy, Settlement, TaskKind};
use crate::referral::field::Digest;
use crate::referral::id::{InboundId, ItemId, LetterId, TaskId};
use crate::referral::plan::HoldReason;
use crate::referral::report::{Action, Sub};

const SETS: u64 = 200;
const SHUFFLES: u64 = 50;
const FACTS: usize = 40;

fn at(minutes: u8) -> Timestamp {
    Timestamp::from_second(1_600_000_000 + 60 * i64::from(minutes)).unwrap()
}

/// The two facts without which there is no notification.
fn opened() -> Vec<Fact> {
    let roles = [Role::KeyAdult, Role::Deputy, Role::Hub];
    vec![
        Fact::NotificationOpened {
            notification: id(NotificationId::from_parts, 0),
            referral: id(ReferralId::from_parts, 0),
            child: id(ChildId::from_parts, 0),
            target: Target::Unrouted,
            reasons: vec![RouteReason::UrnFound],
            suggestions: vec![],
            contacts: (0..3).map(|n| id(ContactId::from_parts, n)).collect(),
            roles: roles.to_vec(),
            routes: vec![RouteName::parse("cjsm").unwrap(); 3],
            holidays: vec![false, true, false],
            directory_version: 1,
            n: 1,
            m: 1,
        },
        Fact::DeadlineSet {
            due_at: at(60),
            act_by: at(60),
            assumed: false,
            late_on_arrival: false,
            reasons: vec![],
            steps: vec![RungWhat::Deputies, RungWhat::Call, RungWhat::Hour],
            steps_at: vec![at(20), at(40), at(60)],
            steps_lost: vec![false, true, false],
            staff_back_at: Some(at(10)),
        },
    ]
}

/// A fact about deliveries: each id is of one letter to one contact.
fn of_delivery(dice: &mut Dice, kind: u8) -> Fact {
    let n = dice.below(4);
    let delivery = id(DeliveryId::from_parts, n);
    let attempt = u32::from(dice.below(3)) + 1;
    match kind {
        0 => Fact::DeliveryQueued {
            delivery,
            letter: id(LetterId::from_parts, n),
            message: word(Message::WORDS, Message::parse, n),
            contact: id(ContactId::from_parts, n % 3),
            route: RouteName::parse("cjsm").unwrap(),
            step: u32::from(n.min(1)),
            after_attempt: attempt - 1,
            not_before: at(dice.below(90)),
            not_after: None,
        },
        1 => Fact::DeliveryClaimed {
            delivery,
            attempt,
            incarnation: 1,
        },
        2 => Fact::AttemptEnded {
            delivery,
            attempt,
            result: word(AttemptResult::WORDS, AttemptResult::parse, dice.below(4)),
            phase: Phase::Body,
            why: AttemptWhy::Reply,
            code: None,
            enhanced: None,
            tls_version: None,
            tls_cipher: None,
            chain_digest: None,
            words: None,
        },
        3 => Fact::ReportReceived {
            inbound: id(InboundId::from_parts, 10 + n),
            delivery,
            action: word(Action::WORDS, Action::parse, dice.below(5)),
            status: None,
        },
        4 => Fact::DeliveryQuarantined { delivery, tries: 3 },
        5 => Fact::DeliveryCancelled { delivery },
        _ => Fact::LetterSigned {
            letter: id(LetterId::from_parts, n),
            contact: id(ContactId::from_parts, n % 3),
            item: id(ItemId::from_parts, n),
            commitment: Digest([n; 32]),
            bytes_digest: Digest([n; 32]),
            signer: "ABCD".to_owned(),
        },
    }
}

/// A fact about what people said and did.
fn of_people(dice: &mut Dice, kind: u8) -> Fact {
    let n = dice.below(4);
    let (inbound, task) = (id(InboundId::from_parts, n), id(TaskId::from_parts, n));
    let contact = id(ContactId::from_parts, n % 3);
    let number = u32::from(dice.below(3)) + 1;
    let verdict = word(Verdict::WORDS, Verdict::parse, dice.below(5));
    match kind {
        0 => Fact::AnswerReceived {
            inbound,
            letter: Some(id(LetterId::from_parts, n)),
            contact: (n != 3).then_some(contact),
            verdict: word(Verdict::WORDS, Verdict::parse, n),
            has_message: n.is_multiple_of(2),
            strength: word(Strength::WORDS, Strength::parse, n),
            received_at: at(n),
        },
        1 => Fact::AnswerBelieved {
            belief: number,
            inbound: Some(inbound),
            verdict,
            reason: None,
        },
        2 => Fact::AnswerRead { inbound, verdict },
        3 => Fact::AbsenceNoted {
            inbound,
            contact,
            until: None,
            covers: dice.flips(),
        },
        4 => Fact::ContradictionFound {
            contradiction: number,
            clash: Clash::Verdicts,
            inbound,
        },
        5 => Fact::ContradictionSettled {
            contradiction: number,
            verdict,
            beliefs: u32::from(dice.below(4)),
            reason: None,
        },
        6 => Fact::Told {
            task: Some(task),
            role: if n == 0 { Role::Deputy } else { Role::KeyAdult },
            word: SchoolWord::Unverified,
        },
        7 => Fact::Blocked {
            contact,
            inbound: Some(inbound),
        },
        8 => Fact::TaskOpened {
            task,
            task_kind: word(TaskKind::WORDS, TaskKind::parse, n),
            wanted_by: at(dice.below(90)),
        },
        9 => Fact::TaskClaimed {
            task,
            until: at(dice.below(90)),
        },
        10 => Fact::TaskSettled {
            task,
            settlement: Settlement::Ended,
            outcome: Some(CallOutcome::Engaged),
        },
        _ => Fact::ReceiptReceived {
            inbound,
            letter: None,
            sub: Some(Sub::Receipt),
        },
    }
}

/// A fact about the notification itself.
fn of_case(dice: &mut Dice, kind: u8) -> Fact {
    let n = dice.below(3);
    match kind {
        0 | 1 => Fact::Held {
            hold: u32::from(n) + 1,
            reason: word(HoldReason::WORDS, HoldReason::parse, n),
            said: None,
            will_happen: word(WillHappen::WORDS, WillHappen::parse, n),
            will_happen_at: at(n),
        },
        2 | 3 => Fact::Released {
            hold: u32::from(n) + 1,
            by: ReleasedBy::Person,
            reason: None,
        },
        4 => Fact::StepFired {
            step: word(RungWhat::WORDS, RungWhat::parse, n),
            due: at(20 * (n + 1)),
        },
        5 => Fact::LateNoted { act_by: at(60) },
        6 => Fact::Rerouted {
            to: id(NotificationId::from_parts, 1 + n),
        },
        7 => Fact::EndingChosen {
            ending: u32::from(n) + 1,
            closed_as: word(Ending::WORDS, Ending::parse, dice.below(3)),
            code: word(EndingReason::WORDS, EndingReason::parse, n),
            note: None,
        },
        8 => Fact::EndingCountersigned {
            ending: u32::from(n) + 1,
        },
        _ => Fact::Closed {
            closed_as: ["rerouted", "superseded", "withdrawn"][usize::from(n)].to_owned(),
        },
    }
}

/// The end of a notification is rare, or every set would fold to an ended one.
fn set(dice: &mut Dice) -> Vec<Fact> {
    let mut facts = opened();
    let (ends, tells) = (dice.below(4) == 0, dice.below(4) == 0);
    while facts.len() < FACTS {
        let fact = match dice.below(3) {
            0 => {
                let kind = dice.below(7);
                of_delivery(dice, kind)
            }
            1 => {
                let kind = dice.below(12);
                of_people(dice, kind)
            }
            _ => {
                let kind = dice.below(10);
                of_case(dice, kind)
            }
        };
        let left_out = match fact.kind() {
            "closed" => !ends,
            "told" => !tells,
            "contradiction_found" => dice.flips(),
            _ => false,
        };
        if !left_out {
            facts.push(fact);
        }
    }
    facts
}

#[test]
fn ten_thousand_shuffles_of_facts_give_one_case() {
    let dice = &mut Dice(20_201_124);
    let (mut shuffles, mut kinds, mut duties) = (0, BTreeSet::new(), BTreeSet::new());
    let mut held = 0;
    for _ in 0..SETS {
        let facts = set(dice);
        kinds.extend(facts.iter().map(Fact::kind));
        let straight = fold(&facts).unwrap();
        duties.insert(straight.duty());
        held += u64::from(straight.hold.is_some());
        let mut shuffled: Vec<&Fact> = facts.iter().collect();
        for _ in 0..SHUFFLES {
            dice.shuffle(&mut shuffled);
            let case = fold(shuffled.iter().copied()).unwrap();
            assert_eq!(case, straight, "{shuffled:#?}");
            shuffles += 1;
        }
        // A fact told twice is told once.
        assert_eq!(fold(facts.iter().chain(&facts)).unwrap(), straight);
    }
    assert_eq!(shuffles, 10_000);
    assert_eq!(kinds.len(), 29, "{kinds:?}");
    assert_eq!(duties.len(), Duty::WORDS.len(), "{duties:?}");
    assert!(held > SETS / 10);
    println!(
        "{shuffles} shuffles of {FACTS} facts each, of {} kinds",
        kinds.len()
    );
}
