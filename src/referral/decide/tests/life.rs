//! Lives of a notification, thrown with dice: what holds whatever happens, and in whatever order.

use super::*;
use crate::referral::answer::SchoolWord;
use crate::referral::attempt::{AttemptWhy, Phase};
use crate::referral::fold::tests::dice::{Dice, word};
use crate::referral::plan::{HoldReason, WillHappen};
use crate::referral::state::{Duty, Timing};
use std::collections::BTreeSet;

const LIVES: u64 = 1_000;
const EVENTS: usize = 40;

/// A notification that lives.
struct Life {
    facts: Vec<Fact>,
    now: Timestamp,
    dice: Dice,
    fresh: u64,
    mails: u8,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut facts = opened();
        if dice.below(4) == 0 {
            facts.push(Fact::Held {
                hold: 1,
                reason: HoldReason::BornNotKnown,
                said: None,
                will_happen: word(WillHappen::WORDS, WillHappen::parse, dice.below(3)),
                will_happen_at: at("07:00"),
            });
        }
        let now = at("02:00");
        let (fresh, mails) = (10_000, 0);
        Self {
            facts,
            now,
            dice,
            fresh,
            mails,
        }
    }

    fn case(&self) -> Case {
        case(&self.facts)
    }

    /// As the store applies it: the fact, the decisions, their facts.
    fn apply(&mut self, fact: Option<Fact>, observation: Option<Observation>) {
        self.facts.extend(fact);
        let case = self.case();
        if let Some(observation) = observation {
            let random = self.dice.throw();
            let decisions = decide(&case, observation, &RETRY, self.now, random);
            carry_out(&case, decisions, &mut self.facts, &mut self.fresh);
        }
    }

    /// Some minutes go by; what is due is applied once, and then no longer due.
    fn passes(&mut self) {
        let minutes = i64::from(self.dice.below(45));
        self.now += SignedDuration::from_mins(minutes);
        self.applies_time();
    }

    fn applies_time(&mut self) {
        self.holds();
        let due = |life: &Self| life.case().timer(life.now).map(|(at, _)| at);
        if due(self).is_some_and(|at| at <= self.now) {
            self.apply(None, Some(Observation::Timer));
            assert!(
                due(self).is_none_or(|at| at > self.now),
                "{:#?}",
                self.facts
            );
        }
        self.holds();
    }

    /// A live one always has a timer, by `act_by` until that is past; an ended one has none.
    fn holds(&self) {
        let case = self.case();
        match case.timer(self.now) {
            Some((at, _)) => {
                assert!(case.live());
                let late = case.timing(self.now) == Timing::Late;
                assert!(late || at <= case.act_by, "{:#?}", self.facts);
            }
            None => assert!(!case.live(), "{:#?}", self.facts),
        }
    }

    fn new_mail(&mut self) -> InboundId {
        self.mails += 1;
        mail(100 + self.mails)
    }

    fn some_letter(&mut self) -> (DeliveryId, ContactId) {
        let case = self.case();
        let letters: Vec<_> = case.letters().collect();
        let n = self.dice.below(u8::try_from(letters.len()).unwrap());
        let (delivery, letter) = letters[usize::from(n)];
        (*delivery, letter.contact)
    }

    fn answers(&mut self, from: Option<ContactId>, strength: Strength) {
        let inbound = self.new_mail();
        let verdict = word(Verdict::WORDS, Verdict::parse, self.dice.below(5));
        let fact = Fact::AnswerReceived {
            inbound,
            letter: Some(id(LetterId::from_parts, 0)),
            contact: from,
            verdict,
            has_message: self.dice.flips(),
            strength,
            received_at: self.now,
        };
        self.apply(Some(fact), Some(Observation::Answered { inbound }));
    }

    /// What no person believes or says: reports, receipts, absences, attempts, and words that do not
    /// count.
    fn something_automatic(&mut self) {
        match self.dice.below(7) {
            0 | 1 => self.an_attempt(),
            2 => {
                let (delivery, _) = self.some_letter();
                let inbound = self.new_mail();
                let action = word(Action::WORDS, Action::parse, self.dice.below(5));
                let status = None;
                let fact = Fact::ReportReceived {
                    inbound,
                    delivery,
                    action,
                    status,
                };
                let observation = Observation::Reported {
                    inbound,
                    delivery,
                    action,
                };
                self.apply(Some(fact), Some(observation));
            }
            3 => {
                let (_, contact) = self.some_letter();
                let fact = Fact::AbsenceNoted {
                    inbound: self.new_mail(),
                    contact,
                    until: None,
                    covers: true,
                };
                self.apply(Some(fact), Some(Observation::Absent { contact }));
            }
            4 => {
                let fact = Fact::ReceiptReceived {
                    inbound: self.new_mail(),
                    letter: None,
                    sub: None,
                };
                self.apply(Some(fact), None);
            }
            5 => self.answers(None, Strength::Token),
            _ => self.answers(Some(contact(0)), Strength::Reference),
        }
    }

    fn an_attempt(&mut self) {
        let case = self.case();
        let mut waiting = case.deliveries.iter().filter(|(_, d)| d.waits());
        let Some((delivery, known)) = waiting.next() else {
            return;
        };
        let (delivery, attempt) = (*delivery, known.attempts.len());
        let attempt = u32::try_from(attempt).unwrap() + 1;
        let result = word(
            AttemptResult::WORDS,
            AttemptResult::parse,
            self.dice.below(4),
        );
        let claimed = Fact::DeliveryClaimed {
            delivery,
            attempt,
            incarnation: 1,
        };
        self.apply(Some(claimed), None);
        let ended = Fact::AttemptEnded {
            delivery,
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
        };
        let observation = Observation::AttemptEnded {
            delivery,
            attempt,
            result,
        };
        self.apply(Some(ended), Some(observation));
    }

    /// What people of the school or of ours do.
    fn something_of_people(&mut self) {
        let case = self.case();
        let beliefs = case.people.beliefs.keys().next_back().copied().unwrap_or(0);
        match self.dice.below(7) {
            0 | 1 => {
                let from = contact(self.dice.below(2));
                self.answers(Some(from), Strength::Token);
            }
            2 => {
                let mut unread = case.people.answers.iter().filter(|(_, a)| a.read.is_none());
                if let Some((inbound, _)) = unread.next() {
                    let inbound = *inbound;
                    let verdict = word(Verdict::WORDS, Verdict::parse, self.dice.below(5));
                    let observation = Observation::Read { inbound, verdict };
                    self.apply(
                        Some(Fact::AnswerRead { inbound, verdict }),
                        Some(observation),
                    );
                }
            }
            3 => {
                let open = case
                    .people
                    .contradictions
                    .iter()
                    .rfind(|(_, s)| s.is_none());
                if let Some((contradiction, _)) = open {
                    let fact = Fact::ContradictionSettled {
                        contradiction: *contradiction,
                        verdict: word(Verdict::WORDS, Verdict::parse, self.dice.below(2)),
                        beliefs,
                        reason: None,
                    };
                    self.apply(Some(fact), Some(Observation::Recorded));
                }
            }
            4 if case.live() && case.hold.is_none() => {
                let fact = Fact::Held {
                    hold: case.holds + 1,
                    reason: HoldReason::ByOperator,
                    said: None,
                    will_happen: WillHappen::Climb,
                    will_happen_at: case.last_safe_mail(),
                };
                self.apply(Some(fact), None);
            }
            5 if case.live() && case.hold.is_some() => {
                let fact = Fact::Released {
                    hold: case.holds,
                    by: ReleasedBy::Person,
                    reason: None,
                };
                self.apply(Some(fact), Some(Observation::Released));
            }
            6 if case.live() && self.dice.below(4) == 0 => {
                let fact = Fact::Told {
                    task: None,
                    role: Role::Deputy,
                    word: SchoolWord::Matches,
                };
                self.apply(Some(fact), Some(Observation::Told));
            }
            _ => {}
        }
    }
}

#[test]
fn nothing_automatic_ends_a_duty() {
    let mut tasks = BTreeSet::new();
    for seed in 0..LIVES {
        let mut life = Life::new(seed);
        for _ in 0..EVENTS {
            life.something_automatic();
            life.passes();
            let case = life.case();
            assert!(case.live(), "{:?}: {:#?}", case.duty(), life.facts);
            assert!(case.people.beliefs.is_empty(), "{:#?}", life.facts);
        }
        tasks.extend(life.case().people.tasks.values().map(|task| task.kind));
    }
    // They were long enough for the whole ladder.
    assert!(tasks.contains(&TaskKind::ChooseEnding), "{tasks:?}");
}

#[test]
fn time_always_goes_forward_and_a_live_one_is_never_forgotten() {
    let (mut duties, mut timers) = (BTreeSet::new(), 0);
    for seed in 0..LIVES {
        let mut life = Life::new(LIVES + seed);
        for _ in 0..EVENTS {
            if life.dice.flips() {
                life.something_automatic();
            } else {
                life.something_of_people();
            }
            life.holds();
            life.passes();
            duties.insert(life.case().duty());
            timers += usize::from(life.case().timer(life.now).is_some());
        }
    }
    let some = [
        Duty::Open,
        Duty::Acknowledged,
        Duty::Refused,
        Duty::Contradicted,
        Duty::Told,
    ];
    assert_eq!(duties, BTreeSet::from(some));
    assert!(timers > EVENTS * 100, "{timers}");
}

#[test]
fn once_an_answer_counts_no_letter_waits_and_no_call_is_open() {
    let mut ended = 0;
    for seed in 0..LIVES {
        let mut life = Life::new(2 * LIVES + seed);
        for _ in 0..EVENTS {
            if life.dice.flips() {
                life.something_automatic();
            } else {
                life.something_of_people();
            }
            let case = life.case();
            if !case.live() {
                assert!(
                    case.letters().all(|(_, letter)| !letter.waits()),
                    "{:#?}",
                    life.facts
                );
                assert!(
                    !case.people.has_open(TaskKind::RingSchool),
                    "{:#?}",
                    life.facts
                );
                ended += 1;
            }
            life.passes();
        }
    }
    assert!(ended > EVENTS * 100, "{ended}");
}
