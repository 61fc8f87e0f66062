//! The schedule to the minute: the rows of `design.md`, "The ladder", and their edges.

mod hours;
mod promises;

use super::super::calendar::{CalendarRow, DayHours, DayKind, Scope};
use super::super::deadline::deadline;
use super::super::school::{LaCode, Urn};
use super::*;
use jiff::civil::{DateTime, Time, date, time};

/// The authority's school year: staff back on Tuesday 1 September, pupils on Thursday 3 September;
/// half-term in the last week of October and staff alone on the Monday after it.
fn directory() -> Directory {
    let scope = Scope::parse("la:881").unwrap();
    let rows = [
        (DayKind::Term, date(2026, 4, 13), date(2026, 7, 22)),
        (DayKind::Term, date(2026, 9, 1), date(2026, 12, 18)),
        (DayKind::Term, date(2027, 1, 4), date(2027, 3, 25)),
        (DayKind::StaffDay, date(2026, 9, 1), date(2026, 9, 2)),
        (DayKind::HalfTerm, date(2026, 10, 26), date(2026, 10, 30)),
        (DayKind::Inset, date(2026, 11, 2), date(2026, 11, 2)),
        (DayKind::Inset, date(2026, 11, 16), date(2026, 11, 16)),
    ];
    let row = |(kind, start, end)| CalendarRow {
        scope,
        kind,
        start,
        end,
        source: String::new(),
    };
    let mut directory = Directory::default();
    directory
        .calendars
        .insert(scope, rows.into_iter().map(row).collect());
    directory.bank_holidays.insert(date(2026, 8, 31));
    directory
}

/// A school without a calendar, but with its own hours.
fn school_with(hours: DayHours) -> Directory {
    let mut directory = Directory::default();
    let scope = Scope::School(whose().urn.unwrap());
    directory.hours.insert(scope, hours);
    directory
}

fn whose() -> Whose {
    Whose {
        urn: Urn::parse("990001"),
        la_code: LaCode::parse("881"),
    }
}

/// What a clock on a wall in London shows, `2026-11-24T19:05`.
fn at(text: &str) -> Timestamp {
    let civil: DateTime = text.parse().unwrap();
    london::instant(civil.date(), civil.time())
}

fn told(rungs: &[Rung]) -> Vec<String> {
    let line = |rung: &Rung| {
        let at = london::civil(rung.at).strftime("%a %-d %b %H:%M");
        let lost = if rung.lost { " lost" } else { "" };
        format!("{at} {}{lost}", rung.what.word())
    };
    rungs.iter().map(line).collect()
}

fn rungs(directory: &Directory, accepted: &str, incident: Option<&str>) -> Vec<Rung> {
    let accepted = at(accepted);
    let due = deadline(directory, whose(), accepted, incident.map(at));
    ladder(directory, whose(), &LadderHours::default(), accepted, &due)
}

/// The steps but the nudges.
fn schedule(directory: &Directory, accepted: &str, incident: Option<&str>) -> Vec<String> {
    let mut rungs = rungs(directory, accepted, incident);
    rungs.retain(|rung| rung.what != RungWhat::Nudge);
    told(&rungs)
}

/// The first row's steps, on a day.
fn first_row(day: &str) -> Vec<String> {
    [
        "07:50 deputies",
        "08:00 call_first",
        "08:10 call",
        "08:15 supervisor",
        "08:30 hour",
        "09:30 choose",
    ]
    .map(|step| format!("{day} {step}"))
    .to_vec()
}

/// The steps up to the way home, and those up to the next morning should the child go home untold.
fn and_the_next_day(today: &[&str], day: &str) -> Vec<String> {
    let mut next = first_row(day);
    next.retain(|step| !step.ends_with(" hour"));
    let today = today.iter().map(|step| (*step).to_owned());
    today.chain(next).collect()
}

/// The same behind what was done while only staff were in.
fn after_holiday(day: &str, staff: &[&str]) -> Vec<String> {
    let staff = staff.iter().map(|step| (*step).to_owned());
    staff.chain(first_row(day).into_iter().skip(1)).collect()
}

#[test]
fn overnight_and_over_a_weekend_the_ladder_leads_to_the_next_morning() {
    let directory = directory();
    for (accepted, day) in [
        ("2026-11-24T19:05", "Wed 25 Nov"),
        ("2026-11-25T02:00", "Wed 25 Nov"),
        ("2026-11-28T02:00", "Mon 30 Nov"),
        // Home time less 45 minutes: nobody there could act any more.
        ("2026-11-25T14:30", "Thu 26 Nov"),
    ] {
        assert_eq!(
            schedule(&directory, accepted, None),
            first_row(day),
            "{accepted}"
        );
    }
}

#[test]
fn forty_minutes_before_school_the_deputies_are_told_with_the_key_adult() {
    assert_eq!(
        schedule(&directory(), "2026-11-25T07:50", None),
        first_row("Wed 25 Nov")
    );
    assert_eq!(
        schedule(&directory(), "2026-11-25T08:20", None),
        [
            "Wed 25 Nov 08:20 deputies",
            "Wed 25 Nov 08:20 call_first",
            "Wed 25 Nov 08:20 call",
            "Wed 25 Nov 08:20 supervisor",
            "Wed 25 Nov 08:30 hour",
            "Wed 25 Nov 09:30 choose",
        ],
        "ten minutes: the call goes with the mail"
    );
}

#[test]
fn in_school_time_the_ladder_leads_to_the_way_home() {
    let directory = directory();
    let late = schedule(&directory, "2026-11-25T10:15", Some("2026-11-24T22:00"));
    let expected = [
        "Wed 25 Nov 10:15 deputies",
        "Wed 25 Nov 10:15 call_first",
        "Wed 25 Nov 10:25 call",
        "Wed 25 Nov 10:45 supervisor",
        "Wed 25 Nov 10:45 hour",
        "Wed 25 Nov 14:30 choose",
    ];
    let expected = and_the_next_day(&expected, "Thu 26 Nov");
    assert_eq!(late, expected, "late on arrival");
    let now = schedule(&directory, "2026-11-25T11:20", Some("2026-11-25T11:00"));
    let expected = [
        "Wed 25 Nov 12:05 deputies",
        "Wed 25 Nov 12:20 call_first",
        "Wed 25 Nov 12:30 call",
        "Wed 25 Nov 12:50 supervisor",
        "Wed 25 Nov 12:50 hour",
        "Wed 25 Nov 14:30 choose",
    ];
    let expected = and_the_next_day(&expected, "Thu 26 Nov");
    assert_eq!(now, expected, "told before home time");
    let last = schedule(&directory, "2026-11-25T14:29", Some("2026-11-25T14:00"));
    assert_eq!(last[5], "Wed 25 Nov 14:44 choose");
}

#[test]
fn after_a_holiday_staff_are_told_before_the_pupils_first_morning() {
    let directory = directory();
    let summer = [
        "Tue 1 Sep 13:00 deputies",
        "Wed 2 Sep 09:00 call_first",
        "Wed 2 Sep 09:00 call",
    ];
    for accepted in [
        "2026-07-22T19:30",
        // Staff are still in, but not to act on it.
        "2026-07-22T15:00",
        "2026-08-11T10:00",
        // The last weekend and its bank holiday.
        "2026-08-29T02:00",
        "2026-08-31T18:00",
        // Staff are back already.
        "2026-09-01T09:00",
    ] {
        assert_eq!(
            schedule(&directory, accepted, None),
            after_holiday("Thu 3 Sep", &summer),
            "{accepted}"
        );
    }
    assert_eq!(
        schedule(&directory, "2026-09-01T19:05", None),
        after_holiday(
            "Thu 3 Sep",
            &[
                "Wed 2 Sep 09:00 call_first",
                "Wed 2 Sep 09:00 call",
                "Wed 2 Sep 13:00 deputies",
            ]
        ),
    );
    assert_eq!(
        schedule(&directory, "2026-09-02T10:00", None),
        after_holiday("Thu 3 Sep", &["Wed 2 Sep 13:00 deputies"]),
        "what is past is not caught up with"
    );
    assert_eq!(
        schedule(&directory, "2026-09-02T14:00", None),
        first_row("Thu 3 Sep")
    );
}

#[test]
fn a_training_day_counts_behind_a_holiday_and_not_in_mid_term() {
    let directory = directory();
    let monday = [
        "Mon 2 Nov 09:00 call_first",
        "Mon 2 Nov 09:00 call",
        "Mon 2 Nov 13:00 deputies",
    ];
    assert_eq!(
        schedule(&directory, "2026-10-27T02:00", None),
        after_holiday("Tue 3 Nov", &monday)
    );
    assert_eq!(
        schedule(&directory, "2026-11-13T19:05", None),
        first_row("Tue 17 Nov")
    );
    assert_eq!(
        schedule(&directory, "2026-12-29T02:00", None),
        first_row("Mon 4 Jan"),
        "staff and pupils back on one day"
    );
}

#[test]
fn hours_count_on_the_wall_when_the_clocks_change() {
    // Clocks go forward on Sunday 29 March 2026, and back on Sunday 25 October 2026.
    let directory = Directory::default();
    for (accepted, day) in [
        ("2026-03-28T20:00", "Mon 30 Mar"),
        ("2026-10-24T20:00", "Mon 26 Oct"),
    ] {
        assert_eq!(
            schedule(&directory, accepted, None),
            first_row(day),
            "{accepted}"
        );
    }
}

#[test]
fn with_little_slack_the_deputies_letter_goes_at_half_of_it_or_at_once() {
    let directory = Directory::default();
    let minutes = |rungs: &[Rung], what: RungWhat, accepted: Timestamp| {
        let rung = rungs.iter().find(|rung| rung.what == what).unwrap();
        rung.at.duration_since(accepted).as_secs_f64() / 60.0
    };
    // The telephone opens at 08:00, half an hour before school.
    for (slack, deputies, call_first, call, supervisor) in [
        (10, 0.0, 0.0, 0.0, 0.0),
        (15, 0.0, 0.0, 0.0, 0.0),
        (44, 0.0, 14.0, 24.0, 29.0),
        (45, 22.5, 15.0, 25.0, 30.0),
        (60, 30.0, 30.0, 40.0, 45.0),
        (74, 37.0, 44.0, 54.0, 59.0),
        (75, 35.0, 45.0, 55.0, 60.0),
        (90, 50.0, 60.0, 70.0, 75.0),
    ] {
        let accepted = at("2026-11-25T08:30") - SignedDuration::from_mins(slack);
        let due = deadline(&directory, whose(), accepted, None);
        let rungs = ladder(&directory, whose(), &LadderHours::default(), accepted, &due);
        let minutes = |what| minutes(&rungs, what, accepted);
        assert_eq!(
            (
                minutes(RungWhat::Deputies),
                minutes(RungWhat::CallFirst),
                minutes(RungWhat::Call),
                minutes(RungWhat::Supervisor),
            ),
            (deputies, call_first, call, supervisor),
            "{slack} minutes"
        );
    }
}

#[test]
fn a_call_waits_for_the_telephone_and_is_lost_without_it() {
    let calls = |phone_from: Time, phone_to: Time| {
        let hours = DayHours {
            phone_from,
            phone_to,
            ..DayHours::default()
        };
        let lines = schedule(&school_with(hours), "2026-11-24T19:05", None);
        let calls = lines.iter().filter(|line| line.contains("call"));
        calls.map(|line| line[11..].to_owned()).collect::<Vec<_>>()
    };
    let hour = |hour, minute| time(hour, minute, 0, 0);
    assert_eq!(
        calls(hour(8, 20), hour(16, 0)),
        ["08:20 call_first", "08:20 call"]
    );
    assert_eq!(
        calls(hour(8, 30), hour(16, 0)),
        ["08:00 call_first lost", "08:10 call lost"]
    );
    assert_eq!(
        calls(hour(7, 0), hour(8, 0)),
        ["07:30 call_first", "07:40 call"],
        "before nobody answers any more"
    );
    assert_eq!(
        calls(hour(5, 0), hour(6, 45)),
        ["06:30 call_first", "06:30 call"],
        "the desk's hours bind too"
    );
}

#[test]
fn a_supervisor_is_told_in_the_desks_hours_or_the_step_is_lost() {
    let starts = |hour, minute| {
        let hours = DayHours {
            start: time(hour, minute, 0, 0),
            home_time: time(21, 0, 0, 0),
            ..DayHours::default()
        };
        let mut lines = schedule(&school_with(hours), "2026-11-24T22:00", None);
        lines.retain(|line| !line.contains("deputies"));
        lines
    };
    assert_eq!(
        starts(6, 40),
        [
            "Wed 25 Nov 06:10 call_first lost",
            "Wed 25 Nov 06:20 call lost",
            "Wed 25 Nov 06:30 supervisor",
            "Wed 25 Nov 06:40 hour",
            "Wed 25 Nov 07:40 choose",
        ]
    );
    // Evening classes: the office closes at 16:00.
    assert_eq!(
        starts(18, 0),
        [
            "Wed 25 Nov 15:30 call_first",
            "Wed 25 Nov 15:40 call",
            "Wed 25 Nov 17:45 supervisor lost",
            "Wed 25 Nov 18:00 hour",
            "Thu 26 Nov 06:30 choose",
        ]
    );
}

#[test]
fn a_child_re_routed_too_late_is_rung_about_when_somebody_next_answers() {
    let directory = Directory::default();
    let schedule = |accepted, act_by| {
        let accepted = at(accepted);
        let mut due = deadline(&directory, whose(), accepted, None);
        due.act_by = at(act_by);
        let hours = LadderHours::default();
        let mut rungs = ladder(&directory, whose(), &hours, accepted, &due);
        rungs.retain(|rung| rung.what != RungWhat::Nudge);
        told(&rungs)
    };
    let at_once = schedule("2026-11-25T13:00", "2026-11-25T12:50");
    assert_eq!(at_once[1], "Wed 25 Nov 13:00 call_first");
    assert_eq!(at_once[5], "Wed 25 Nov 14:30 choose");
    let next_morning = [
        "Wed 25 Nov 19:05 deputies",
        "Wed 25 Nov 19:05 hour",
        "Thu 26 Nov 06:30 supervisor",
        "Thu 26 Nov 06:30 choose",
        "Thu 26 Nov 08:00 call_first",
        "Thu 26 Nov 08:00 call",
    ];
    let evening = schedule("2026-11-25T19:05", "2026-11-25T12:50");
    assert_eq!(evening, next_morning);
    let gone_home = schedule("2026-11-25T15:20", "2026-11-25T15:45");
    assert_eq!(gone_home[3], "Wed 25 Nov 15:30 supervisor");
}

#[test]
fn calls_are_repeated_sooner_before_school_than_in_it() {
    let directory = Directory::default();
    let minutes = |accepted, incident| {
        let due = deadline(&directory, whose(), at(accepted), Some(at(incident)));
        call_again_after(due.late_on_arrival, due.act_by, due.due_at).as_mins()
    };
    assert_eq!(minutes("2026-11-24T19:05", "2026-11-24T18:00"), 10);
    assert_eq!(minutes("2026-11-25T10:15", "2026-11-24T22:00"), 15);
    assert_eq!(minutes("2026-11-25T11:20", "2026-11-25T11:00"), 10);
    assert_eq!(
        minutes("2026-11-28T02:00", "2026-11-26T22:00"),
        10,
        "late on arrival to Friday, told for Monday"
    );
}

#[test]
fn nothing_panics_at_the_ends_of_time() {
    let directory = Directory::default();
    let ends = [Timestamp::MIN, Timestamp::MAX];
    for accepted in ends {
        for act_by in ends {
            let mut due = deadline(&directory, whose(), accepted, None);
            due.act_by = act_by;
            let hours = LadderHours::default();
            assert!(ladder(&directory, whose(), &hours, accepted, &due).len() >= 7);
        }
    }
}
