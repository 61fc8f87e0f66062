//! The ladder's table, replayed: each row is posted, the daemon's own stages run against a relay, and a
//! clock is moved from timer to timer. What happened, and at which minute in London, is held to the
//! table (`design.md`, "The ladder").
//!
//! Each row is played twice: nothing comes back, so that nothing proves delivery (P1); and a report says
//! one minute after the letter was handed over that it is in the mailbox (P2). Nobody at the school
//! answers, and whoever rings finds that nobody picks up.
//!
//! A child in school has a second ladder from 15:15 on, played to its end, half past nine on the next pupil
//! day: nobody has a letter or a task twice, so what shows of it are the nudges. Not in it: the 06:30 forecast of calls, the coordinator's line and the weekly list, the
//! charge of lead time.
//!
//! The year is 2020, whose days from March on fall as those of 2026, with staff back on Tuesday
//! 1 September and pupils on Thursday 3 September: a moved clock must not meet the machine's.

pub(crate) mod night;

use jiff::Span;
use jiff::civil::DateTime;
use night::Night;

/// A row of the table: London's wall throughout.
struct Row {
    posted: &'static str,
    /// None: an hour before.
    incident: Option<&'static str>,
    /// What the letters' subjects ask for: the Key Adult's and the deputy's.
    asks: [&'static str; 2],
    /// What happens while nothing proves delivery.
    first: &'static [&'static str],
    /// What happens where the letter is in the mailbox from the next minute on.
    delivered: &'static [&'static str],
    /// Played on up to then; none: until a supervisor has to choose.
    on_to: Option<&'static str>,
}

const ROWS: [Row; 8] = [
    Row {
        posted: "2020-11-24T19:05",
        incident: None,
        asks: [
            "please answer by 08:30 Wed 25 Nov",
            "please answer by 08:30 Wed 25 Nov",
        ],
        first: &[
            "Tue 24 Nov 19:05 letter to key_adult",
            "Wed 25 Nov 06:45 nudge to key_adult",
            "Wed 25 Nov 06:45 nudge to office",
            "Wed 25 Nov 07:50 letter to deputy",
            "Wed 25 Nov 07:50 nudge to deputy",
            "Wed 25 Nov 08:00 call",
            "Wed 25 Nov 08:10 call again",
            "Wed 25 Nov 08:15 supervisor",
            "Wed 25 Nov 08:30 overdue",
            "Wed 25 Nov 09:30 choose",
        ],
        delivered: &[
            "Tue 24 Nov 19:05 letter to key_adult",
            "Wed 25 Nov 06:45 nudge to key_adult",
            "Wed 25 Nov 06:45 nudge to office",
            "Wed 25 Nov 07:50 letter to deputy",
            "Wed 25 Nov 07:50 nudge to deputy",
            "Wed 25 Nov 08:10 call",
            "Wed 25 Nov 08:20 call again",
            "Wed 25 Nov 08:30 supervisor",
            "Wed 25 Nov 08:30 unanswered",
            "Wed 25 Nov 09:30 choose",
        ],
        on_to: None,
    },
    Row {
        posted: "2020-11-25T02:00",
        incident: None,
        asks: [
            "please answer by 08:30 Wed 25 Nov",
            "please answer by 08:30 Wed 25 Nov",
        ],
        first: &[
            "Wed 25 Nov 02:00 letter to key_adult",
            "Wed 25 Nov 06:45 nudge to key_adult",
            "Wed 25 Nov 06:45 nudge to office",
            "Wed 25 Nov 07:50 letter to deputy",
            "Wed 25 Nov 07:50 nudge to deputy",
            "Wed 25 Nov 08:00 call",
            "Wed 25 Nov 08:10 call again",
            "Wed 25 Nov 08:15 supervisor",
            "Wed 25 Nov 08:30 overdue",
            "Wed 25 Nov 09:30 choose",
        ],
        delivered: &[
            "Wed 25 Nov 02:00 letter to key_adult",
            "Wed 25 Nov 06:45 nudge to key_adult",
            "Wed 25 Nov 06:45 nudge to office",
            "Wed 25 Nov 07:50 letter to deputy",
            "Wed 25 Nov 07:50 nudge to deputy",
            "Wed 25 Nov 08:10 call",
            "Wed 25 Nov 08:20 call again",
            "Wed 25 Nov 08:30 supervisor",
            "Wed 25 Nov 08:30 unanswered",
            "Wed 25 Nov 09:30 choose",
        ],
        on_to: None,
    },
    Row {
        posted: "2020-11-25T07:50",
        incident: None,
        asks: [
            "please answer by 08:30 Wed 25 Nov",
            "please answer by 08:30 Wed 25 Nov",
        ],
        first: &[
            "Wed 25 Nov 07:50 letter to deputy",
            "Wed 25 Nov 07:50 letter to key_adult",
            "Wed 25 Nov 07:50 nudge to deputy",
            "Wed 25 Nov 07:50 nudge to key_adult",
            "Wed 25 Nov 07:50 nudge to office",
            "Wed 25 Nov 08:00 call",
            "Wed 25 Nov 08:10 call again",
            "Wed 25 Nov 08:15 supervisor",
            "Wed 25 Nov 08:30 overdue",
            "Wed 25 Nov 09:30 choose",
        ],
        delivered: &[
            "Wed 25 Nov 07:50 letter to deputy",
            "Wed 25 Nov 07:50 letter to key_adult",
            "Wed 25 Nov 07:50 nudge to deputy",
            "Wed 25 Nov 07:50 nudge to key_adult",
            "Wed 25 Nov 07:50 nudge to office",
            "Wed 25 Nov 08:10 call",
            "Wed 25 Nov 08:20 call again",
            "Wed 25 Nov 08:30 supervisor",
            "Wed 25 Nov 08:30 unanswered",
            "Wed 25 Nov 09:30 choose",
        ],
        on_to: None,
    },
    // In school already: rung with the mail, before anything can prove delivery.
    Row {
        posted: "2020-11-25T10:15",
        incident: Some("2020-11-24T22:00"),
        asks: ["please answer now", "please answer now"],
        first: &[
            "Wed 25 Nov 10:15 call",
            "Wed 25 Nov 10:15 letter to deputy",
            "Wed 25 Nov 10:15 letter to key_adult",
            "Wed 25 Nov 10:15 nudge to deputy",
            "Wed 25 Nov 10:15 nudge to key_adult",
            "Wed 25 Nov 10:15 nudge to office",
            "Wed 25 Nov 10:30 call again",
            "Wed 25 Nov 10:45 overdue",
            "Wed 25 Nov 10:45 supervisor",
            "Wed 25 Nov 14:30 choose",
            "Thu 26 Nov 06:45 nudge to deputy",
            "Thu 26 Nov 06:45 nudge to key_adult",
            "Thu 26 Nov 06:45 nudge to office",
        ],
        delivered: &[
            "Wed 25 Nov 10:15 call",
            "Wed 25 Nov 10:15 letter to deputy",
            "Wed 25 Nov 10:15 letter to key_adult",
            "Wed 25 Nov 10:15 nudge to deputy",
            "Wed 25 Nov 10:15 nudge to key_adult",
            "Wed 25 Nov 10:15 nudge to office",
            "Wed 25 Nov 10:30 call again",
            "Wed 25 Nov 10:45 supervisor",
            "Wed 25 Nov 10:45 unanswered",
            "Wed 25 Nov 14:30 choose",
            "Thu 26 Nov 06:45 nudge to deputy",
            "Thu 26 Nov 06:45 nudge to key_adult",
            "Thu 26 Nov 06:45 nudge to office",
        ],
        on_to: Some("2020-11-26T09:30"),
    },
    Row {
        posted: "2020-11-25T11:20",
        incident: Some("2020-11-25T11:00"),
        asks: [
            "please answer by 12:50 Wed 25 Nov",
            "please answer by 12:50 Wed 25 Nov",
        ],
        first: &[
            "Wed 25 Nov 11:20 letter to key_adult",
            "Wed 25 Nov 11:20 nudge to key_adult",
            "Wed 25 Nov 11:20 nudge to office",
            "Wed 25 Nov 12:05 letter to deputy",
            "Wed 25 Nov 12:05 nudge to deputy",
            "Wed 25 Nov 12:20 call",
            "Wed 25 Nov 12:30 call again",
            "Wed 25 Nov 12:50 overdue",
            "Wed 25 Nov 12:50 supervisor",
            "Wed 25 Nov 14:30 choose",
            "Thu 26 Nov 06:45 nudge to deputy",
            "Thu 26 Nov 06:45 nudge to key_adult",
            "Thu 26 Nov 06:45 nudge to office",
        ],
        delivered: &[
            "Wed 25 Nov 11:20 letter to key_adult",
            "Wed 25 Nov 11:20 nudge to key_adult",
            "Wed 25 Nov 11:20 nudge to office",
            "Wed 25 Nov 12:05 letter to deputy",
            "Wed 25 Nov 12:05 nudge to deputy",
            "Wed 25 Nov 12:30 call",
            "Wed 25 Nov 12:40 call again",
            "Wed 25 Nov 12:50 supervisor",
            "Wed 25 Nov 12:50 unanswered",
            "Wed 25 Nov 14:30 choose",
            "Thu 26 Nov 06:45 nudge to deputy",
            "Thu 26 Nov 06:45 nudge to key_adult",
            "Thu 26 Nov 06:45 nudge to office",
        ],
        on_to: Some("2020-11-26T09:30"),
    },
    Row {
        posted: "2020-11-28T02:00",
        incident: None,
        asks: [
            "please answer by 08:30 Mon 30 Nov",
            "please answer by 08:30 Mon 30 Nov",
        ],
        first: &[
            "Sat 28 Nov 02:00 letter to key_adult",
            "Mon 30 Nov 06:45 nudge to key_adult",
            "Mon 30 Nov 06:45 nudge to office",
            "Mon 30 Nov 07:50 letter to deputy",
            "Mon 30 Nov 07:50 nudge to deputy",
            "Mon 30 Nov 08:00 call",
            "Mon 30 Nov 08:10 call again",
            "Mon 30 Nov 08:15 supervisor",
            "Mon 30 Nov 08:30 overdue",
            "Mon 30 Nov 09:30 choose",
        ],
        delivered: &[
            "Sat 28 Nov 02:00 letter to key_adult",
            "Mon 30 Nov 06:45 nudge to key_adult",
            "Mon 30 Nov 06:45 nudge to office",
            "Mon 30 Nov 07:50 letter to deputy",
            "Mon 30 Nov 07:50 nudge to deputy",
            "Mon 30 Nov 08:10 call",
            "Mon 30 Nov 08:20 call again",
            "Mon 30 Nov 08:30 supervisor",
            "Mon 30 Nov 08:30 unanswered",
            "Mon 30 Nov 09:30 choose",
        ],
        on_to: None,
    },
    // Rung on the last day that only staff are in, and once: the call stands until somebody makes it.
    Row {
        posted: "2020-07-22T19:30",
        incident: None,
        asks: [
            "please answer when staff are back, by Thu 3 Sep",
            "please answer by 08:30 Thu 3 Sep",
        ],
        first: &[
            "Wed 22 Jul 19:30 letter to key_adult",
            "Tue 1 Sep 08:30 nudge to key_adult",
            "Tue 1 Sep 08:30 nudge to office",
            "Tue 1 Sep 13:00 letter to deputy",
            "Tue 1 Sep 13:00 nudge to deputy",
            "Wed 2 Sep 09:00 call",
            "Wed 2 Sep 09:10 call again",
            "Thu 3 Sep 06:45 nudge to deputy",
            "Thu 3 Sep 06:45 nudge to key_adult",
            "Thu 3 Sep 06:45 nudge to office",
            "Thu 3 Sep 08:15 supervisor",
            "Thu 3 Sep 08:30 overdue",
            "Thu 3 Sep 09:30 choose",
        ],
        delivered: &[
            "Wed 22 Jul 19:30 letter to key_adult",
            "Tue 1 Sep 08:30 nudge to key_adult",
            "Tue 1 Sep 08:30 nudge to office",
            "Tue 1 Sep 13:00 letter to deputy",
            "Tue 1 Sep 13:00 nudge to deputy",
            "Wed 2 Sep 09:00 call",
            "Wed 2 Sep 09:10 call again",
            "Thu 3 Sep 06:45 nudge to deputy",
            "Thu 3 Sep 06:45 nudge to key_adult",
            "Thu 3 Sep 06:45 nudge to office",
            "Thu 3 Sep 08:30 supervisor",
            "Thu 3 Sep 08:30 unanswered",
            "Thu 3 Sep 09:30 choose",
        ],
        on_to: None,
    },
    Row {
        posted: "2020-08-11T10:00",
        incident: None,
        asks: [
            "please answer when staff are back, by Thu 3 Sep",
            "please answer by 08:30 Thu 3 Sep",
        ],
        first: &[
            "Tue 11 Aug 10:00 letter to key_adult",
            "Tue 1 Sep 08:30 nudge to key_adult",
            "Tue 1 Sep 08:30 nudge to office",
            "Tue 1 Sep 13:00 letter to deputy",
            "Tue 1 Sep 13:00 nudge to deputy",
            "Wed 2 Sep 09:00 call",
            "Wed 2 Sep 09:10 call again",
            "Thu 3 Sep 06:45 nudge to deputy",
            "Thu 3 Sep 06:45 nudge to key_adult",
            "Thu 3 Sep 06:45 nudge to office",
            "Thu 3 Sep 08:15 supervisor",
            "Thu 3 Sep 08:30 overdue",
            "Thu 3 Sep 09:30 choose",
        ],
        delivered: &[
            "Tue 11 Aug 10:00 letter to key_adult",
            "Tue 1 Sep 08:30 nudge to key_adult",
            "Tue 1 Sep 08:30 nudge to office",
            "Tue 1 Sep 13:00 letter to deputy",
            "Tue 1 Sep 13:00 nudge to deputy",
            "Wed 2 Sep 09:00 call",
            "Wed 2 Sep 09:10 call again",
            "Thu 3 Sep 06:45 nudge to deputy",
            "Thu 3 Sep 06:45 nudge to key_adult",
            "Thu 3 Sep 06:45 nudge to office",
            "Thu 3 Sep 08:30 supervisor",
            "Thu 3 Sep 08:30 unanswered",
            "Thu 3 Sep 09:30 choose",
        ],
        on_to: None,
    },
];

#[tokio::test]
async fn every_row_of_the_ladder_s_table_happens_to_the_minute() {
    let mut steps = 0;
    for row in &ROWS {
        for (reported, expected) in [(false, row.first), (true, row.delivered)] {
            let night = Night::begin(row.posted, row.incident, reported).await;
            let (happened, subjects) = night.play(row.on_to).await;
            let posted = format!("{}, reported delivered: {reported}", row.posted);
            assert_eq!(happened, expected, "{posted}");
            assert_eq!(subjects.len(), 2, "{posted}");
            for (subject, asks) in subjects.iter().zip(row.asks) {
                assert!(subject.contains(asks), "{posted}: {subject}");
            }
            steps += happened.len();
        }
    }
    println!(
        "{} rows, each twice: {steps} steps to the minute",
        ROWS.len()
    );
}

/// A child who is in school now goes home to that house: nothing may wait for tomorrow's letter.
#[tokio::test]
async fn posted_on_tuesday_at_10_15_the_call_is_there_at_10_15_and_nothing_waits_for_wednesday() {
    let night = Night::begin("2020-11-24T10:15", Some("2020-11-23T22:00"), false).await;
    let (calls, waiting) = night.at_once().await;
    assert_eq!(calls, ["Tue 24 Nov 10:15"]);
    assert_eq!(waiting, Vec::<String>::new());
    let (happened, subjects) = night.play(None).await;
    assert_eq!(subjects.len(), 2);
    assert!(happened.iter().all(|line| line.starts_with("Tue 24 Nov")));
    assert_eq!(happened.last().unwrap(), "Tue 24 Nov 14:30 choose");
}

#[tokio::test]
async fn a_call_that_nobody_picks_up_is_made_again_until_a_supervisor_chooses() {
    let rows = [
        (&ROWS[0], false, "2020-11-25T08:00", 10, "2020-11-25T09:30"),
        (&ROWS[0], true, "2020-11-25T08:10", 10, "2020-11-25T09:30"),
        (&ROWS[3], false, "2020-11-25T10:15", 15, "2020-11-25T14:30"),
    ];
    for (row, reported, first, minutes, last) in rows {
        let mut night = Night::begin(row.posted, row.incident, reported).await;
        night.rings_on();
        let (happened, _) = night.play(None).await;
        let calls: Vec<&String> = happened
            .iter()
            .filter(|line| line.contains("call"))
            .collect();
        let (first, last): (DateTime, DateTime) = (first.parse().unwrap(), last.parse().unwrap());
        let times = first.series(Span::new().minutes(minutes));
        let times = times.take_while(|time| *time <= last);
        let expected: Vec<String> = times
            .map(|time| {
                let again = if time > first { " again" } else { "" };
                format!("{} call{again}", time.strftime("%a %-d %b %H:%M"))
            })
            .collect();
        assert!(expected.len() >= 9);
        assert_eq!(calls, expected.iter().collect::<Vec<_>>(), "{}", row.posted);
        assert!(happened.last().unwrap().ends_with("choose"));
    }
}
