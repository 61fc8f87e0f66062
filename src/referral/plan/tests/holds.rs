//! What waits for a person, who may be sent a letter, and when a default happens by itself.

use super::*;
use crate::referral::directory::Participation;

fn northgate() -> SchoolNamed {
    named(Some("900001"), "Northgate Primary School")
}

fn southfield() -> SchoolNamed {
    named(Some("900002"), "Southfield Junior School")
}

#[test]
fn a_default_happens_90_minutes_before_act_by_or_at_once() {
    let mut child = child(vec![northgate()]);
    child.born = Born::NotKnown;
    let referral = referral(vec![child]);
    for (now, default_at) in [
        (NOW, "2026-11-23T07:00:00Z"),
        ("2026-11-23T07:00:01Z", "2026-11-23T07:00:01Z"),
    ] {
        let found = planned_at(now, &referral, &directory()).remove(0);
        let hold = found.hold.unwrap();
        assert_eq!(
            (hold.reason, hold.will_happen),
            (HoldReason::BornNotKnown, WillHappen::Send)
        );
        assert_eq!(hold.at, at(default_at));
        assert!(found.reasons.contains(&RouteReason::AgeNotKnown));
        assert_eq!(found.recipients.len(), 2);
    }
}

#[test]
fn what_policy_refuses_is_held_with_every_reason_and_is_never_lost() {
    let mut child = child(vec![northgate()]);
    child.connection = Connection::ResidesWithParty;
    child.born = Born::On(Private(date(2023, 1, 1)));
    let mut referral = referral(vec![child]);
    referral.kind = "missing".into();
    referral.incident.risk_grade = RiskGrade::High;
    let found = only(&referral, &directory());
    assert_eq!(
        held(&found),
        Some((HoldReason::OutsidePolicy, WillHappen::Climb))
    );
    for reason in [
        RouteReason::KindOutsidePolicy,
        RouteReason::GradeOutsidePolicy,
        RouteReason::AgeOutsidePolicy,
        RouteReason::ConnectionOutsidePolicy,
    ] {
        assert!(found.reasons.contains(&reason), "{reason:?}");
    }
    assert_eq!(found.target, Target::School(urn("900001")));
}

#[test]
fn ages_are_counted_at_the_incident() {
    // The incident is on 22 November 2026; policy sends 4 to 16.
    for (born, reason) in [
        (
            Born::On(Private(date(2008, 11, 22))),
            Some(RouteReason::AdultAtIncident),
        ),
        (
            Born::On(Private(date(2008, 11, 23))),
            Some(RouteReason::AgeOutsidePolicy),
        ),
        (Born::On(Private(date(2009, 11, 23))), None),
        (Born::On(Private(date(2022, 11, 22))), None),
        (
            Born::On(Private(date(2022, 11, 23))),
            Some(RouteReason::AgeOutsidePolicy),
        ),
        (Born::About(Private(4)), None),
        (Born::About(Private(3)), Some(RouteReason::AgeOutsidePolicy)),
    ] {
        let mut child = child(vec![northgate()]);
        child.born = born;
        let found = only(&referral(vec![child]), &directory());
        let hold = reason.map(|_| (HoldReason::OutsidePolicy, WillHappen::Climb));
        assert_eq!(held(&found), hold, "{reason:?}");
        assert!(reason.is_none_or(|reason| found.reasons.contains(&reason)));
    }
}

#[test]
fn an_involved_person_stops_every_letter_to_that_school_and_to_no_other() {
    let mut works_there = northgate();
    works_there.involved_person = InvolvedPerson::Yes;
    let amelia = child(vec![works_there, southfield()]);
    let brother = child(vec![northgate()]);
    let found = planned(&referral(vec![amelia, brother]), &directory());
    for conflict in [&found[0], &found[2]] {
        assert_eq!(conflict.target, Target::School(urn("900001")));
        assert_eq!(
            held(conflict),
            Some((HoldReason::Conflict, WillHappen::Climb))
        );
        assert!(conflict.recipients.is_empty());
    }
    assert_eq!(found[1].target, Target::School(urn("900002")));
    assert_eq!(held(&found[1]), None);

    let mut unknown_school = named(None, "Northgate");
    unknown_school.involved_person = InvolvedPerson::Yes;
    let found = one(vec![unknown_school], &with_authority(directory()));
    assert_eq!(
        (found.target, found.recipients.len()),
        (Target::Unrouted, 0)
    );
    assert_eq!(
        held(&found),
        Some((HoldReason::Conflict, WillHappen::Climb))
    );
}

#[test]
fn a_contact_of_the_childs_surname_is_passed_over_while_involvement_is_unknown() {
    let mut child = child(vec![northgate()]);
    child.family_name = Private("ARCHER".into());
    let mut referral = referral(vec![child]);
    assert_eq!(only(&referral, &directory()).recipients.len(), 2);

    referral.children[0].schools[0].involved_person = InvolvedPerson::Unknown;
    let found = only(&referral, &directory());
    assert_eq!(addresses(&found), ["deputy@900001.test"]);
    assert_eq!(held(&found), None);
    assert!(found.reasons.contains(&RouteReason::ContactSharesSurname));
    assert!(found.reasons.contains(&RouteReason::SingleContact));

    referral.withhold_from = vec![Address::parse("Deputy@900001.test").unwrap()];
    let found = only(&referral, &directory());
    assert_eq!(
        held(&found),
        Some((HoldReason::NobodyToNotify, WillHappen::Climb))
    );
    assert!(found.reasons.contains(&RouteReason::AddressWithheld));
    assert!(found.recipients.is_empty());
}

#[test]
fn a_contact_is_valid_by_the_day_in_london() {
    let mut directory = directory();
    let school = ContactOf::School(urn("900001"));
    let people = directory.contacts.get_mut(&school).unwrap();
    people[0].valid_to = Some(date(2026, 7, 1));
    people[1].valid_from = Some(date(2026, 7, 2));
    let referral = referral(vec![child(vec![northgate()])]);
    for (now, address) in [
        ("2026-07-01T22:59:59Z", "key@900001.test"),
        ("2026-07-01T23:00:00Z", "deputy@900001.test"),
    ] {
        let found = planned_at(now, &referral, &directory);
        assert_eq!(addresses(&found[0]), [address]);
    }
}

#[test]
fn a_school_that_has_not_signed_up_is_an_exception_for_a_person() {
    let mut directory = directory();
    let signed = |on| Participation {
        signed_up_on: on,
        agreement: "2026".into(),
    };
    directory
        .participation
        .insert(urn("900002"), signed(date(2026, 9, 1)));
    for _ in 0..2 {
        let found = one(vec![northgate()], &directory);
        assert_eq!(
            held(&found),
            Some((HoldReason::NeedsRouting, WillHappen::Climb))
        );
        assert!(found.reasons.contains(&RouteReason::NotSignedUp));
        assert_eq!(found.target, Target::School(urn("900001")));
        assert_eq!(found.recipients.len(), 2);
        // Signed, but only from tomorrow: the same answer.
        directory
            .participation
            .insert(urn("900001"), signed(date(2026, 11, 23)));
    }
    assert_eq!(held(&one(vec![southfield()], &directory)), None);
}

#[test]
fn an_old_incident_is_held_unless_it_was_reported_lately() {
    let mut referral = referral(vec![child(vec![northgate()])]);
    let hold = |referral: &Referral| held(&only(referral, &directory()));
    referral.incident.occurred_at = at("2026-10-23T22:10:00Z");
    assert_eq!(hold(&referral), None);
    referral.incident.occurred_at = at("2026-10-23T22:09:59Z");
    assert_eq!(
        hold(&referral),
        Some((HoldReason::IncidentOld, WillHappen::Send))
    );
    referral.incident.reported_at = Some(at("2026-11-15T22:09:59Z"));
    assert_eq!(
        hold(&referral),
        Some((HoldReason::IncidentOld, WillHappen::Send))
    );
    referral.incident.reported_at = Some(at("2026-11-15T22:10:00Z"));
    assert_eq!(hold(&referral), None);
    referral.incident.reported_at = None;
    referral.incident.occurred_until = Some(at("2026-11-01T00:00:00Z"));
    assert_eq!(hold(&referral), None);
}

#[test]
fn the_strongest_hold_wins_and_the_weaker_ones_still_show() {
    let mut child = child(vec![named(Some("900001"), "Southfield")]);
    child.born = Born::NotKnown;
    child.connection = Connection::Suspect;
    child.needs_a_name = true;
    child.resides_in_force_area = Some(false);
    let mut referral = referral(vec![child]);
    let reason = |referral: &Referral| only(referral, &directory()).hold.map(|h| h.reason);
    assert_eq!(reason(&referral), Some(HoldReason::ChildIsSuspect));
    referral.restricted = true;
    assert_eq!(reason(&referral), Some(HoldReason::Restricted));
    referral.children[0].schools[0].involved_person = InvolvedPerson::Yes;
    let found = only(&referral, &directory());
    assert_eq!(
        held(&found),
        Some((HoldReason::Conflict, WillHappen::Climb))
    );
    assert_eq!(
        found.reasons,
        [
            RouteReason::UrnFound,
            RouteReason::NameDiffers,
            RouteReason::InvolvedPerson,
            RouteReason::RecordedAsSuspect,
            RouteReason::NameIsPlaceholder,
            RouteReason::AgeNotKnown,
            RouteReason::OtherForceArea,
            RouteReason::SensitiveParty,
        ]
    );
}

#[test]
fn every_school_named_is_told_once_and_letters_to_one_school_are_numbered() {
    let amelia = child(vec![northgate(), southfield(), northgate()]);
    let ben = child(vec![northgate()]);
    let none = child(Vec::new());
    let found = planned(&referral(vec![amelia, ben, none]), &directory());
    let told: Vec<_> = found
        .iter()
        .map(|p| (p.child, p.target, p.n_of_m))
        .collect();
    let (north, south) = (Target::School(urn("900001")), Target::School(urn("900002")));
    assert_eq!(
        told,
        [
            (0, north, (1, 2)),
            (0, south, (1, 1)),
            (1, north, (2, 2)),
            (2, Target::Unrouted, (1, 1)),
        ]
    );
}

#[test]
fn a_child_of_another_force_s_area_is_sent_at_once_with_a_reason() {
    let mut child = child(vec![northgate()]);
    child.resides_in_force_area = Some(false);
    let found = only(&referral(vec![child]), &directory());
    assert_eq!(held(&found), None);
    assert!(found.reasons.contains(&RouteReason::OtherForceArea));
}
