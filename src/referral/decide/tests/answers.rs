//! The table of answers: who says what of which case, and what follows.

use super::*;
use crate::referral::state::Duty;

/// Whose address it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    /// The Key Adult, who had the letter.
    Addressee,
    /// The deputy, who had none.
    Deputy,
    /// An address that we do not hold.
    Unlisted,
}
use Sender::{Addressee, Deputy, Unlisted};

/// A case whose duty stands so. The Key Adult's letter has been relayed, a deputy's is queued, and a call
/// has fallen due.
fn standing(duty: Duty) -> Vec<Fact> {
    let mut facts = opened();
    facts.push(Fact::ReportReceived {
        inbound: mail(9),
        delivery: id(DeliveryId::from_parts, 0),
        action: Action::Relayed,
        status: None,
    });
    let believed = |verdict| Fact::AnswerBelieved {
        belief: 1,
        inbound: Some(mail(8)),
        verdict,
        reason: None,
    };
    match duty {
        Duty::Open => facts.push(Fact::TaskOpened {
            task: id(TaskId::from_parts, 1),
            task_kind: TaskKind::RingSchool,
            wanted_by: at("08:00"),
        }),
        Duty::Acknowledged => facts.push(believed(Verdict::Received)),
        Duty::Refused => facts.push(believed(Verdict::NotOurs)),
        Duty::Contradicted => facts.extend([
            believed(Verdict::Received),
            Fact::ContradictionFound {
                contradiction: 1,
                clash: Clash::Verdicts,
                inbound: mail(7),
            },
        ]),
        Duty::Told => facts.push(Fact::Told {
            task: None,
            role: Role::Deputy,
            word: crate::referral::answer::SchoolWord::Matches,
        }),
        Duty::Closed => facts.push(Fact::Closed {
            closed_as: "superseded".to_owned(),
        }),
    }
    assert_eq!(case(&facts).duty(), duty);
    facts
}

fn heard(duty: Duty, verdict: Verdict, strength: Strength, from: Sender) -> String {
    let mut facts = standing(duty);
    let from = match from {
        Addressee => Some(contact(0)),
        Deputy => Some(contact(1)),
        Unlisted => None,
    };
    facts.push(answer(1, from, verdict, strength));
    let observation = Observation::Answered { inbound: mail(1) };
    told(&decided(&case(&facts), observation, at("08:05")))
}

use Duty::{Acknowledged, Closed, Contradicted, Open, Refused, Told};
use Strength::{Reference, Thread, Token};
use Verdict::{Call, NotOurs, Received, Wrong};

/// No clear verdict.
const UNCLEAR: Verdict = Verdict::None;

/// Where the duty stands, what is said, how surely it belongs, who wrote; what follows.
const ANSWERS: &[(Duty, Verdict, Strength, Sender, &str)] = &[
    // An open duty ends by a clear word of somebody who may say it, and by nothing else.
    (
        Open,
        Received,
        Token,
        Addressee,
        "believe received, settle task, receipt to A",
    ),
    (
        Open,
        Received,
        Thread,
        Deputy,
        "believe received, settle task, receipt to A",
    ),
    (
        Open,
        NotOurs,
        Token,
        Addressee,
        "believe not_ours, settle task, reroute",
    ),
    (Open, Wrong, Token, Addressee, "block, letter to B"),
    (Open, Wrong, Token, Deputy, "open read_reply"),
    (Open, Call, Token, Addressee, "open read_reply"),
    (
        Open,
        UNCLEAR,
        Token,
        Addressee,
        "settle task, open read_reply",
    ),
    // The public code alone proves nothing: a person reads it, and the ladder goes on.
    (Open, Received, Reference, Addressee, "open read_reply"),
    (Open, NotOurs, Reference, Addressee, "open read_reply"),
    (Open, Wrong, Reference, Addressee, "open read_reply"),
    // Nor does an address that we do not hold; those who have the letter hear of it.
    (
        Open,
        Received,
        Token,
        Unlisted,
        "open check_sender, not_counted to A",
    ),
    (
        Open,
        NotOurs,
        Token,
        Unlisted,
        "open check_sender, not_counted to A",
    ),
    (
        Open,
        Wrong,
        Token,
        Unlisted,
        "open check_sender, not_counted to A",
    ),
    // Bad news after good, and good after bad.
    (Acknowledged, Received, Token, Deputy, ""),
    (
        Acknowledged,
        NotOurs,
        Token,
        Addressee,
        "contradiction, open settle_contradiction",
    ),
    (
        Acknowledged,
        Wrong,
        Token,
        Addressee,
        "contradiction, open settle_contradiction, block",
    ),
    (Acknowledged, Call, Token, Addressee, "open read_reply"),
    (Acknowledged, UNCLEAR, Token, Addressee, "open read_reply"),
    (
        Acknowledged,
        NotOurs,
        Reference,
        Addressee,
        "open read_reply",
    ),
    (
        Acknowledged,
        NotOurs,
        Token,
        Unlisted,
        "open check_sender, not_counted to A",
    ),
    (
        Refused,
        Received,
        Token,
        Addressee,
        "contradiction, open settle_contradiction",
    ),
    (Refused, NotOurs, Token, Deputy, ""),
    (Refused, Wrong, Token, Addressee, "block"),
    // Two things stand against each other until a person settles it.
    (Contradicted, Received, Token, Addressee, "open read_reply"),
    (Contradicted, NotOurs, Token, Addressee, "open read_reply"),
    (Contradicted, Wrong, Token, Addressee, "block, letter to B"),
    (
        Contradicted,
        Call,
        Token,
        Addressee,
        "open ring_school, open read_reply",
    ),
    (Contradicted, UNCLEAR, Token, Addressee, "open read_reply"),
    (Told, Received, Token, Addressee, ""),
    (
        Told,
        NotOurs,
        Token,
        Addressee,
        "contradiction, open settle_contradiction",
    ),
    (Told, Wrong, Token, Addressee, "block"),
    (Told, UNCLEAR, Token, Addressee, "open read_reply"),
    (Closed, Received, Token, Addressee, ""),
    (Closed, NotOurs, Token, Addressee, ""),
    (Closed, Wrong, Token, Addressee, "block"),
    (Closed, Call, Token, Addressee, "open read_reply"),
];

#[test]
fn what_follows_from_an_answer() {
    for (duty, verdict, strength, from, expected) in ANSWERS {
        let told = heard(*duty, *verdict, *strength, *from);
        assert_eq!(
            told, *expected,
            "{duty:?} {verdict:?} {strength:?} {from:?}"
        );
    }
}

/// The words after `standing(Open)`, an unclear reply and its consequences.
fn waiting_to_be_read() -> Vec<Fact> {
    let mut facts = standing(Duty::Open);
    facts.push(answer(1, Some(contact(0)), Verdict::None, Strength::Token));
    let before = case(&facts);
    let observation = Observation::Answered { inbound: mail(1) };
    let decisions = decided(&before, observation, at("08:05"));
    carry_out(&before, decisions, &mut facts, &mut 2_000);
    let after = case(&facts);
    assert!(after.reading() && !after.people.has_open(TaskKind::RingSchool));
    facts
}

#[test]
fn what_follows_once_a_person_has_read_an_unclear_reply() {
    let rows = [
        (
            Verdict::Received,
            "settle task, believe received, receipt to A",
        ),
        (Verdict::NotOurs, "settle task, believe not_ours, reroute"),
        (
            Verdict::Wrong,
            "settle task, block, letter to B, open ring_school",
        ),
        (Verdict::Call, "settle task, open ring_school"),
        // The call that was taken back when they wrote stands again.
        (Verdict::None, "settle task, open ring_school"),
    ];
    for (verdict, expected) in rows {
        let mut facts = waiting_to_be_read();
        let inbound = mail(1);
        facts.push(Fact::AnswerRead { inbound, verdict });
        let observation = Observation::Read { inbound, verdict };
        let told = told(&decided(&case(&facts), observation, at("08:20")));
        assert_eq!(told, expected, "{verdict:?}");
    }
}

#[test]
fn of_two_replies_the_second_still_waits_and_nobody_is_rung() {
    let mut facts = waiting_to_be_read();
    facts.push(answer(2, Some(contact(1)), Verdict::None, Strength::Token));
    let (inbound, verdict) = (mail(1), Verdict::None);
    facts.push(Fact::AnswerRead { inbound, verdict });
    let observation = Observation::Read { inbound, verdict };
    assert_eq!(told(&decided(&case(&facts), observation, at("08:20"))), "");
}

/// The school was told, wrote NOT OURS, and a person asked it by voice: who is right then.
#[test]
fn what_follows_once_a_person_has_asked_a_school_that_was_told_and_refused() {
    let rows = [
        (
            Verdict::NotOurs,
            Observation::NotOnRoll,
            Duty::Refused,
            "settle task, reroute",
        ),
        (
            Verdict::Received,
            Observation::Recorded,
            Duty::Told,
            "settle task",
        ),
        (
            Verdict::None,
            Observation::Recorded,
            Duty::Told,
            "settle task",
        ),
    ];
    for (verdict, observation, duty, expected) in rows {
        let mut facts = standing(Duty::Told);
        facts.push(answer(1, Some(contact(0)), NotOurs, Strength::Token));
        let contradicted = case(&facts);
        let answered = Observation::Answered { inbound: mail(1) };
        let decisions = decided(&contradicted, answered, at("08:05"));
        carry_out(&contradicted, decisions, &mut facts, &mut 2_000);
        assert_eq!(case(&facts).duty(), Duty::Contradicted);
        facts.push(Fact::ContradictionSettled {
            contradiction: 1,
            verdict,
            beliefs: 0,
            reason: None,
        });
        let settled = case(&facts);
        assert_eq!(settled.duty(), duty, "{verdict:?}");
        let decisions = decided(&settled, observation, at("08:20"));
        assert_eq!(told(&decisions), expected, "{verdict:?}");
    }
}

/// Believed when it came, whatever a person then read in the words beside it.
#[test]
fn a_late_bounce_contradicts_an_acknowledgement_whose_message_was_dismissed() {
    for dismissed in [false, true] {
        let mut facts = opened();
        facts.push(Fact::DeliveryQueued {
            delivery: id(DeliveryId::from_parts, 1),
            letter: id(LetterId::from_parts, 1),
            message: Message::Letter,
            contact: contact(1),
            route: RouteName::parse("cjsm").unwrap(),
            step: 1,
            after_attempt: 0,
            not_before: at("02:00"),
            not_after: None,
        });
        let reported = |n, delivery, action| Fact::ReportReceived {
            inbound: mail(n),
            delivery: id(DeliveryId::from_parts, delivery),
            action,
            status: None,
        };
        facts.extend([
            reported(9, 0, Action::Relayed),
            reported(8, 1, Action::Relayed),
        ]);
        facts.push(answer(1, Some(contact(0)), Received, Token));
        facts.push(Fact::AnswerBelieved {
            belief: 1,
            inbound: Some(mail(1)),
            verdict: Received,
            reason: None,
        });
        let (inbound, verdict) = (mail(1), UNCLEAR);
        facts.extend(dismissed.then_some(Fact::AnswerRead { inbound, verdict }));
        facts.push(reported(5, 0, Action::Failed));
        let observation = Observation::Reported {
            inbound: mail(5),
            delivery: id(DeliveryId::from_parts, 0),
            action: Action::Failed,
        };
        assert_eq!(
            told(&decided(&case(&facts), observation, at("08:20"))),
            "contradiction, open settle_contradiction, open ring_school"
        );
    }
}
