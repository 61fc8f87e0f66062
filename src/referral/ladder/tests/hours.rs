//! When schools are nudged and rung: in their hours, on days on which staff are in.

use super::*;

fn nudges(directory: &Directory, accepted: &str, incident: Option<&str>) -> Vec<String> {
    let mut rungs = rungs(directory, accepted, incident);
    rungs.retain(|rung| rung.what == RungWhat::Nudge);
    told(&rungs)
}

#[test]
fn schools_are_nudged_when_staff_are_in_and_again_on_the_morning() {
    let directory = directory();
    let days_before = ["Tue 1 Sep 08:30 nudge"];
    let morning = ["Thu 3 Sep 06:45 nudge", "Thu 3 Sep 07:50 nudge"];
    let summer = [&days_before[..], &["Tue 1 Sep 13:00 nudge"], &morning[..1]].concat();
    for (accepted, incident, expected) in [
        (
            "2026-11-24T19:05",
            None,
            &["Wed 25 Nov 06:45 nudge", "Wed 25 Nov 07:50 nudge"][..],
        ),
        (
            "2026-11-25T02:00",
            None,
            &["Wed 25 Nov 06:45 nudge", "Wed 25 Nov 07:50 nudge"],
        ),
        ("2026-11-25T07:50", None, &["Wed 25 Nov 07:50 nudge"]),
        (
            "2026-11-24T16:00",
            None,
            &[
                "Tue 24 Nov 16:00 nudge",
                "Wed 25 Nov 06:45 nudge",
                "Wed 25 Nov 07:50 nudge",
            ],
        ),
        (
            "2026-11-28T02:00",
            None,
            &["Mon 30 Nov 06:45 nudge", "Mon 30 Nov 07:50 nudge"],
        ),
        (
            "2026-11-25T10:15",
            Some("2026-11-24T22:00"),
            &[
                "Wed 25 Nov 10:15 nudge",
                "Wed 25 Nov 15:15 nudge",
                "Thu 26 Nov 06:45 nudge",
                "Thu 26 Nov 07:50 nudge",
            ],
        ),
        (
            "2026-11-25T11:20",
            Some("2026-11-25T11:00"),
            &[
                "Wed 25 Nov 11:20 nudge",
                "Wed 25 Nov 12:05 nudge",
                "Wed 25 Nov 15:15 nudge",
                "Thu 26 Nov 06:45 nudge",
                "Thu 26 Nov 07:50 nudge",
            ],
        ),
        ("2026-07-22T19:30", None, &summer),
        ("2026-08-11T10:00", None, &summer),
    ] {
        assert_eq!(
            nudges(&directory, accepted, incident),
            expected,
            "{accepted}"
        );
    }
    assert!(
        !nudges(&directory, "2026-07-22T19:30", None).contains(&morning[1].to_owned()),
        "the deputies were nudged on the day that staff were back"
    );
}

#[test]
fn a_call_is_put_off_until_the_telephone_is_answered_again() {
    let directory = directory();
    let next = |text: &str| {
        let hours = LadderHours::default();
        let next = next_call_at(&directory, whose(), &hours, at(text)).unwrap();
        london::civil(next).strftime("%a %-d %b %H:%M").to_string()
    };
    assert_eq!(next("2026-11-25T08:10"), "Wed 25 Nov 08:10");
    assert_eq!(next("2026-11-25T16:00"), "Thu 26 Nov 08:00");
    assert_eq!(next("2026-11-27T15:59"), "Fri 27 Nov 15:59");
    assert_eq!(next("2026-11-28T02:00"), "Mon 30 Nov 08:00");
    assert_eq!(next("2026-08-11T10:00"), "Tue 1 Sep 08:00");
}
