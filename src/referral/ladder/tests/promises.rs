//! What every schedule keeps, whatever the time and the school's hours.

use super::super::super::pupil_day::in_holiday;
use super::*;
use proptest::prelude::*;

fn between(from: &str, to: &str) -> impl Strategy<Value = Timestamp> {
    (at(from).as_microsecond()..at(to).as_microsecond())
        .prop_map(|micros| Timestamp::from_microsecond(micros).unwrap())
}

/// Any instant of a century, half of them in the year whose calendar is known.
fn instants() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        between("2000-01-01T00:00", "2100-01-01T00:00"),
        between("2026-07-01T00:00", "2027-02-01T00:00"),
    ]
}

/// Instants while staff are away, and the day they are back.
fn holiday_instants() -> impl Strategy<Value = (Timestamp, Date)> {
    prop_oneof![
        (
            between("2026-07-22T16:00", "2026-08-28T16:00"),
            Just(date(2026, 9, 1))
        ),
        (
            between("2026-10-23T16:00", "2026-10-30T16:00"),
            Just(date(2026, 11, 2))
        ),
    ]
}

fn times() -> impl Strategy<Value = Time> {
    (0_i8..24, 0_i8..60).prop_map(|(hour, minute)| time(hour, minute, 0, 0))
}

fn school_hours() -> impl Strategy<Value = DayHours> {
    let any = (times(), times(), times(), times()).prop_map(|(a, b, c, d)| DayHours {
        start: a.min(b),
        home_time: a.max(b),
        phone_from: c.min(d),
        phone_to: c.max(d),
    });
    prop_oneof![Just(DayHours::default()), any]
}

fn only(rungs: &[Rung], what: RungWhat) -> Vec<Rung> {
    let same = rungs.iter().filter(|rung| rung.what == what);
    same.copied().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_schedule_keeps_the_promises(
        accepted in instants(),
        before_h in proptest::option::of(0_i64..200),
        school in school_hours(),
    ) {
        let mut directory = directory();
        directory.hours.insert(Scope::School(whose().urn.unwrap()), school);
        let incident = before_h.map(|hours| accepted - SignedDuration::from_hours(hours));
        let due = deadline(&directory, whose(), accepted, incident);
        let hours = LadderHours::default();
        let rungs = ladder(&directory, whose(), &hours, accepted, &due);

        prop_assert!(rungs.is_sorted_by_key(|rung| (rung.at, rung.what)));
        let mut known: Vec<_> = rungs.iter().map(|rung| (rung.what, rung.at)).collect();
        known.sort_unstable();
        known.dedup();
        prop_assert_eq!(known.len(), rungs.len(), "a rung is known by step and time");
        prop_assert!(rungs.iter().all(|rung| rung.at >= accepted));
        for word in RungWhat::WORDS {
            let what = RungWhat::parse(word).unwrap();
            prop_assert!(!only(&rungs, what).is_empty(), "{}", word);
        }
        let hour = Rung { what: RungWhat::Hour, at: due.act_by, lost: false };
        prop_assert_eq!(only(&rungs, RungWhat::Hour), [hour]);
        // A child in school has a second ladder behind the first.
        let today = london::civil(accepted).date();
        let home = london::instant(today, school.home_time);
        let (first, second): (Vec<Rung>, Vec<Rung>) = if due.act_by < due.due_at {
            rungs.iter().partition(|rung| rung.at <= due.act_by.max(home))
        } else {
            (rungs.clone(), Vec::new())
        };
        let chooses = only(&rungs, RungWhat::Choose).len();
        prop_assert!(chooses == 1 || (chooses == 2 && !second.is_empty()), "{}", chooses);
        let deputies = only(&rungs, RungWhat::Deputies);
        prop_assert!((1..=2).contains(&deputies.len()), "{:?}", deputies);
        prop_assert!(deputies[0].at <= due.act_by && !deputies[0].lost);
        for nudge in only(&rungs, RungWhat::Nudge).iter().filter(|nudge| !nudge.lost) {
            let wall = london::civil(nudge.at);
            let days = SchoolDays::of(&directory, whose());
            prop_assert!(days.first_staff_day(wall.date(), wall.date()).is_some(), "{:?}", nudge);
            prop_assert!(hours.nudges_from <= wall.time() && wall.time() < hours.nudges_to);
        }

        let day = london::civil(due.act_by).date();
        let open = london::instant(day, school.phone_from.max(hours.desk_from)).max(accepted);
        let close = london::instant(day, school.phone_to.min(hours.desk_to)).min(due.act_by);
        for what in [RungWhat::CallFirst, RungWhat::Call] {
            let Some(last) = only(&first, what).last().copied() else { continue };
            prop_assert_eq!(last.lost, open >= close, "{:?}", last);
            prop_assert!(last.lost || (open <= last.at && last.at < close), "{:?}", last);
        }
        let voice = |rung: &&Rung| matches!(rung.what, RungWhat::CallFirst | RungWhat::Call);
        for rung in rungs.iter().filter(voice).filter(|rung| !rung.lost) {
            let wall = london::civil(rung.at).time();
            prop_assert!(school.phone_from <= wall && wall < school.phone_to, "{:?}", rung);
            prop_assert!(hours.desk_from <= wall && wall < hours.desk_to, "{:?}", rung);
        }
    }

    #[test]
    fn whoever_is_accepted_in_a_holiday_is_told_when_staff_are_back(
        (accepted, staff) in holiday_instants(),
    ) {
        let directory = directory();
        prop_assert!(in_holiday(&directory, whose(), accepted));
        let due = deadline(&directory, whose(), accepted, None);
        let rungs = ladder(&directory, whose(), &LadderHours::default(), accepted, &due);
        let afternoon = london::instant(staff, time(13, 0, 0, 0));
        prop_assert_eq!(only(&rungs, RungWhat::Deputies)[0].at, afternoon);
        for what in [RungWhat::CallFirst, RungWhat::Call] {
            prop_assert_eq!(only(&rungs, what).len(), 2);
        }
        prop_assert_eq!(only(&rungs, RungWhat::Supervisor).len(), 1);
    }

    #[test]
    fn any_deadline_has_a_schedule(
        accepted in instants(),
        act_by in instants(),
        due_at in instants(),
        desk in (times(), times()),
        spans in proptest::array::uniform4(any::<i64>()),
    ) {
        let directory = directory();
        let mut due = deadline(&directory, whose(), accepted, None);
        due.act_by = act_by;
        due.due_at = due_at;
        let [deputies, call, supervisor, choose] = spans.map(SignedDuration::from_secs);
        let hours = LadderHours {
            desk_from: desk.0,
            desk_to: desk.1,
            deputies_before: deputies,
            call_first_before: call,
            supervisor_before: supervisor,
            choose_after: choose,
            ..LadderHours::default()
        };
        let rungs = ladder(&directory, whose(), &hours, accepted, &due);
        prop_assert!(rungs.is_sorted_by_key(|rung| (rung.at, rung.what)));
        prop_assert!(rungs.iter().all(|rung| rung.at >= accepted));
        prop_assert_eq!(only(&rungs, RungWhat::Hour)[0].at, act_by.max(accepted));
    }
}
