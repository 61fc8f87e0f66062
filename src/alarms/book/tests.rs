//! Whom the book has told of what, by when.

use super::*;
use crate::referral::alarm::Desk;
use crate::referral::post::ForceName;
use jiff::civil::time;

const BOTH: Channels = Channels {
    mail: true,
    webhook: true,
};

fn at(text: &str) -> Timestamp {
    format!("2026-11-{text}:00Z").parse().unwrap()
}

fn seen(conditions: &[(AlarmKind, &str)]) -> Seen {
    let owned = conditions
        .iter()
        .map(|(kind, on)| (*kind, (*on).to_owned()));
    Seen {
        conditions: owned.collect(),
        unseen: BTreeSet::new(),
    }
}

/// One look and what is told after it, each with its alarms' number.
fn step(
    book: &mut Book,
    conditions: &[(AlarmKind, &str)],
    now: &str,
) -> Vec<(AlarmChannel, usize)> {
    let now = at(now);
    book.see(&seen(conditions), now);
    let mut told = Vec::new();
    for channel in [AlarmChannel::Mail, AlarmChannel::Webhook] {
        if let Some(say) = book.due(channel, now, &|_| false) {
            book.told(channel, &say, true, now);
            told.push((channel, say.alarms()));
        }
    }
    told
}

const STORE: (AlarmKind, &str) = (AlarmKind::StoreNotCommitting, "store");
const NOBODY: (AlarmKind, &str) = (AlarmKind::NobodyToNotify, "ntf_1");
use AlarmChannel::{Mail, Webhook};

#[test]
fn the_first_person_at_once_the_second_after_a_quarter_of_an_hour_and_nobody_twice() {
    let mut book = Book::new(Pace::default(), BOTH);
    assert_eq!(step(&mut book, &[STORE], "23T02:00"), [(Mail, 1)]);
    let next = book.next(at("23T02:00"), &|_| false);
    assert_eq!(next, Some(at("23T02:15")));
    assert_eq!(step(&mut book, &[STORE], "23T02:14"), []);
    assert_eq!(step(&mut book, &[STORE], "23T02:15"), [(Webhook, 1)]);
    assert_eq!(step(&mut book, &[STORE], "23T09:00"), []);
    assert_eq!(book.next(at("23T09:00"), &|_| false), None);
}

#[test]
fn whoever_takes_it_on_keeps_it_from_the_second_person() {
    let mut book = Book::new(Pace::default(), BOTH);
    step(&mut book, &[STORE], "23T02:00");
    let mut lines = book.lines();
    lines[0].claimed = Some(("A Tester".to_owned(), at("23T02:10")));
    book.take(&lines, false);
    assert_eq!(step(&mut book, &[STORE], "23T02:15"), []);
}

#[test]
fn what_is_about_a_school_waits_for_the_desk() {
    let mut book = Book::new(Pace::default(), BOTH);
    assert_eq!(step(&mut book, &[NOBODY], "23T02:00"), []);
    assert_eq!(book.next(at("23T02:00"), &|_| false), Some(at("23T06:30")));
    assert_eq!(step(&mut book, &[NOBODY], "23T06:30"), [(Mail, 1)]);
    assert_eq!(step(&mut book, &[NOBODY], "23T06:45"), [(Webhook, 1)]);
    // Told shortly before the desk closes: the second person in the morning, not in the evening.
    let mut book = Book::new(Pace::default(), BOTH);
    assert_eq!(step(&mut book, &[NOBODY], "23T16:55"), [(Mail, 1)]);
    assert_eq!(step(&mut book, &[NOBODY], "23T17:30"), []);
    assert_eq!(step(&mut book, &[NOBODY], "24T06:30"), [(Webhook, 1)]);
}

#[test]
fn a_mail_that_cannot_be_sent_does_not_keep_the_second_person_waiting() {
    let mut book = Book::new(Pace::default(), BOTH);
    let now = at("23T02:00");
    book.see(&seen(&[STORE]), now);
    let say = book.due(Mail, now, &|_| false).unwrap();
    book.told(Mail, &say, false, now);
    assert!(book.due(Webhook, now, &|_| false).is_some());
    // And it is tried again, at the pace of messages.
    assert_eq!(book.due(Mail, at("23T02:00"), &|_| false), None);
    assert!(book.due(Mail, at("23T02:01"), &|_| false).is_some());
}

#[test]
fn a_storm_is_one_message_and_a_trickle_one_a_minute() {
    let mut book = Book::new(Pace::default(), BOTH);
    let ids: Vec<String> = (0..300).map(|n| format!("ntf_{n:03}")).collect();
    let storm: Vec<_> = ids
        .iter()
        .map(|id| (AlarmKind::StuckTimer, id.as_str()))
        .collect();
    assert_eq!(step(&mut book, &storm, "23T02:00"), [(Mail, 300)]);
    let mut book = Book::new(Pace::default(), BOTH);
    let mut messages = 0;
    for n in 1..=300 {
        let now = at("23T02:00") + SignedDuration::from_secs(i64::try_from(n).unwrap());
        book.see(&seen(&storm[..n]), now);
        if let Some(say) = book.due(Mail, now, &|_| false) {
            book.told(Mail, &say, true, now);
            messages += 1;
        }
    }
    assert_eq!(messages, 5);
}

#[test]
fn what_flaps_is_one_alarm_and_what_is_gone_is_told_to_be_over() {
    let mut book = Book::new(Pace::default(), BOTH);
    step(&mut book, &[STORE], "23T02:00");
    for minute in 1..15 {
        let there = if minute % 2 == 0 { vec![STORE] } else { vec![] };
        assert_eq!(step(&mut book, &there, &format!("23T02:{minute:02}")), []);
    }
    assert_eq!(step(&mut book, &[STORE], "23T02:15"), [(Webhook, 1)]);
    assert_eq!(book.lines().len(), 1);
    assert_eq!(step(&mut book, &[], "23T02:20"), []);
    assert_eq!(step(&mut book, &[], "23T02:25"), [(Webhook, 1)]);
    assert_eq!(book.lines(), []);
    let words: Vec<_> = book.notes().iter().map(word).collect();
    assert_eq!(words, ["raised", "told", "told", "cleared"]);
    book.recorded(4);
    assert_eq!(book.notes(), []);
    assert_eq!(step(&mut book, &[STORE], "23T03:00"), [(Mail, 1)]);
}

fn word(note: &AlarmNote) -> &'static str {
    match note {
        AlarmNote::Raised { .. } => "raised",
        AlarmNote::Told { .. } => "told",
        AlarmNote::Claimed { .. } => "claimed",
        AlarmNote::Cleared { .. } => "cleared",
    }
}

#[test]
fn what_could_not_be_looked_at_is_not_over() {
    let mut book = Book::new(Pace::default(), BOTH);
    step(&mut book, &[NOBODY], "23T08:00");
    let blind = Seen {
        unseen: BTreeSet::from([AlarmKind::NobodyToNotify]),
        ..Seen::default()
    };
    for minute in 1..40 {
        book.see(&blind, at(&format!("23T08:{minute:02}")));
    }
    assert_eq!(book.lines().len(), 1);
}

#[test]
fn an_earlier_run_s_alarm_is_known_and_told_no_second_time() {
    let mut book = Book::new(Pace::default(), BOTH);
    step(&mut book, &[STORE], "23T02:00");
    let lines = book.lines();
    let mut next_run = Book::new(Pace::default(), BOTH);
    next_run.take(&lines, true);
    assert_eq!(step(&mut next_run, &[STORE], "23T02:05"), []);
    assert_eq!(step(&mut next_run, &[STORE], "23T02:15"), [(Webhook, 1)]);
}

#[test]
fn a_clock_that_steps_back_silences_nothing() {
    let mut book = Book::new(Pace::default(), BOTH);
    step(&mut book, &[STORE], "23T02:00");
    let clock = (AlarmKind::Clock, "stepped_back");
    assert_eq!(step(&mut book, &[STORE, clock], "23T00:30"), [(Mail, 1)]);
}

#[test]
fn with_one_channel_only_it_is_the_first_person_s() {
    let only = |mail, webhook| Book::new(Pace::default(), Channels { mail, webhook });
    let mut hook = only(false, true);
    assert_eq!(step(&mut hook, &[STORE], "23T02:00"), [(Webhook, 1)]);
    let mut mail = only(true, false);
    assert_eq!(step(&mut mail, &[STORE], "23T02:00"), [(Mail, 1)]);
    assert_eq!(step(&mut mail, &[STORE], "23T04:00"), []);
    let mut none = only(false, false);
    assert_eq!(step(&mut none, &[STORE], "23T02:00"), []);
    assert_eq!(none.lines().len(), 1);
}

/// Everything that a run noted, as the next one finds it in the file beside the database.
fn left_by(book: &Book) -> Vec<AlarmLine> {
    book.lines()
}

#[test]
fn a_restart_tells_nobody_again_of_what_could_not_be_recorded_and_records_it_at_last() {
    let mut first = Book::new(Pace::default(), BOTH);
    assert_eq!(step(&mut first, &[STORE], "23T02:00"), [(Mail, 1)]);
    let mut second = Book::new(Pace::default(), BOTH);
    second.take(&[], true);
    second.remember(&left_by(&first));
    assert_eq!(
        second.notes(),
        first.notes(),
        "raised and told, once recorded"
    );
    assert_eq!(step(&mut second, &[STORE], "23T02:05"), []);
    // The second person is told when they would have been.
    assert_eq!(step(&mut second, &[STORE], "23T02:14"), []);
    assert_eq!(step(&mut second, &[STORE], "23T02:15"), [(Webhook, 1)]);
    let mut third = Book::new(Pace::default(), BOTH);
    third.remember(&left_by(&second));
    assert_eq!(step(&mut third, &[STORE], "23T02:20"), []);
    // It ends as if nothing had been started anew.
    assert_eq!(step(&mut third, &[], "23T02:21"), []);
    assert_eq!(step(&mut third, &[], "23T02:26"), [(Webhook, 1)]);
    assert_eq!(third.lines(), []);
}

#[test]
fn what_the_database_has_is_not_noted_again_and_another_alarm_of_the_same_is_not_that_one() {
    let mut first = Book::new(Pace::default(), BOTH);
    step(&mut first, &[STORE], "23T02:00");
    let told = left_by(&first);
    let mut second = Book::new(Pace::default(), BOTH);
    second.take(&told, true);
    second.remember(&told);
    assert_eq!(second.notes(), []);
    // Recorded as raised, and not as told.
    let mut third = Book::new(Pace::default(), BOTH);
    let mut raised = told.clone();
    raised[0].mailed_at = None;
    third.take(&raised, true);
    third.remember(&told);
    assert_eq!(third.notes().len(), 1);
    assert_eq!(step(&mut third, &[STORE], "23T02:05"), []);
    let mut fourth = Book::new(Pace::default(), BOTH);
    fourth.see(&seen(&[STORE]), at("23T04:00"));
    fourth.remember(&told);
    assert_eq!(step(&mut fourth, &[STORE], "23T04:00"), [(Mail, 1)]);
}

#[test]
fn what_could_not_be_recorded_can_be_taken_on_once_and_over_a_restart() {
    let mut book = Book::new(Pace::default(), BOTH);
    step(&mut book, &[STORE], "23T02:00");
    let alarm = book.lines()[0].alarm;
    let missing = AlarmId::from_parts(0, [9; 10]);
    let claim = |book: &mut Book, alarm, who| book.claim(alarm, who, at("23T02:03"));
    assert_eq!(
        claim(&mut book, missing, "A"),
        Err(NotActed::NotThere("alarm"))
    );
    assert_eq!(claim(&mut book, alarm, "A"), Ok(()));
    assert_eq!(claim(&mut book, alarm, "A"), Ok(()));
    let second = claim(&mut book, alarm, "B");
    assert!(matches!(second, Err(NotActed::Conflict { who, .. }) if who == "A"));
    // What the store says of it later, not knowing of the claim, takes it from nobody.
    let mut recorded = book.lines();
    recorded[0].claimed = None;
    book.take(&recorded, false);
    assert_eq!(step(&mut book, &[STORE], "23T02:15"), []);
    let claims = |book: &Book| {
        let is_claim = |note: &&AlarmNote| matches!(note, AlarmNote::Claimed { .. });
        book.notes().iter().filter(is_claim).count()
    };
    assert_eq!(claims(&book), 1);
    let mut next = Book::new(Pace::default(), BOTH);
    next.remember(&left_by(&book));
    assert_eq!(step(&mut next, &[STORE], "23T02:30"), []);
    assert_eq!(claims(&next), 1);
}

#[test]
fn each_force_is_told_at_its_own_desks_opening_and_of_cases_whoever_opens_first() {
    let desk = |from| Desk {
        from: time(from, 0, 0, 0),
        to: time(17, 0, 0, 0),
    };
    let force = |name| ForceName::parse(name).unwrap();
    let desks = [(force("essex"), desk(9)), (force("kent"), desk(7))];
    let mut book = Book::new(Pace::default(), BOTH).kept_by(Desks::from_iter(desks));
    let essex = (AlarmKind::CallsOverCapacity, "essex");
    let kent = (AlarmKind::CallsOverCapacity, "kent");
    let all = [essex, kent, NOBODY];
    assert_eq!(step(&mut book, &all, "23T06:59"), []);
    assert_eq!(step(&mut book, &all, "23T07:00"), [(Mail, 2)]);
    // The second person hears of those two; essex's desk is not there yet.
    assert_eq!(step(&mut book, &all, "23T08:59"), [(Webhook, 2)]);
    assert_eq!(step(&mut book, &all, "23T09:00"), [(Mail, 1)]);
}
