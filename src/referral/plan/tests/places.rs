//! Where notifications go.

use super::*;

#[test]
fn a_known_school_under_its_own_name_is_told_at_once() {
    for name in [
        "Northgate Primary School",
        "NORTHGATE PRIM, CHELMSFORD",
        "Nothgate Primary",
    ] {
        let found = one(vec![named(Some("900001"), name)], &directory());
        assert_eq!(found.target, Target::School(urn("900001")), "{name}");
        assert_eq!(held(&found), None);
        assert_eq!(
            found.reasons,
            [RouteReason::UrnFound, RouteReason::NameMatches]
        );
        assert_eq!(addresses(&found), ["key@900001.test", "deputy@900001.test"]);
        assert_eq!((found.child, found.n_of_m), (0, (1, 1)));
    }
}

#[test]
fn an_unlike_name_is_sent_only_when_the_urn_was_picked() {
    let mut school = named(Some("900001"), "Southfield Junior School");
    for source in [Some(UrnSource::LookedUp), Some(UrnSource::Typed), None] {
        school.urn_source = source;
        let found = one(vec![school.clone()], &directory());
        assert_eq!(
            held(&found),
            Some((HoldReason::NameUnlikeRegister, WillHappen::Climb))
        );
        assert_eq!(found.target, Target::School(urn("900001")));
        assert!(found.reasons.contains(&RouteReason::NameDiffers));
    }
    school.urn_source = Some(UrnSource::Picked);
    let found = one(vec![school], &directory());
    assert_eq!(held(&found), None);
    assert!(found.reasons.contains(&RouteReason::NameDiffersUrnPicked));
}

#[test]
fn a_school_that_cannot_be_told_is_never_guessed() {
    for (number, name, reason, suggested) in [
        (
            None,
            "Northgate Primry",
            RouteReason::UrnAbsent,
            vec!["900001"],
        ),
        (
            Some("999999"),
            "Southfield",
            RouteReason::UrnUnknown,
            vec!["900002"],
        ),
        (
            Some("900003"),
            "Oldgate Infants",
            RouteReason::SchoolClosed,
            vec!["900001"],
        ),
        (
            Some("900004"),
            "Newgate Academy",
            RouteReason::SchoolNotYetOpen,
            vec![],
        ),
    ] {
        let found = one(vec![named(number, name)], &directory());
        assert_eq!(found.target, Target::Unrouted, "{name}");
        assert_eq!(
            held(&found),
            Some((HoldReason::NeedsRouting, WillHappen::Climb))
        );
        assert!(found.reasons.contains(&reason), "{name}");
        let suggested: Vec<Urn> = suggested.into_iter().map(urn).collect();
        assert_eq!(found.suggestions, suggested, "{name}");
        assert!(found.recipients.is_empty());
    }
}

#[test]
fn only_a_single_open_successor_is_proposed_and_it_may_stand_behind_another_closed_school() {
    let closed = vec![named(Some("900003"), "Southfield Junior School")];
    let mut directory = directory();
    let chain = vec![(LinkKind::Successor, urn("900005"))];
    let end = directory.links.insert(urn("900003"), chain).unwrap();
    let between = school("900005", "Middlegate School", SchoolStatus::Closed);
    directory.schools.insert(between.urn, between);
    let mut back = end.clone();
    back.push((LinkKind::Successor, urn("900003")));
    directory.links.insert(urn("900005"), back);
    let found = one(closed.clone(), &directory);
    assert!(found.reasons.contains(&RouteReason::SuccessorProposed));
    assert_eq!(found.suggestions, [urn("900001"), urn("900002")]);

    let two = vec![
        (LinkKind::Successor, urn("900001")),
        (LinkKind::Successor, urn("900002")),
    ];
    directory.links.insert(urn("900003"), two);
    let found = one(closed, &directory);
    assert!(!found.reasons.contains(&RouteReason::SuccessorProposed));
    assert_eq!(found.suggestions, [urn("900001"), urn("900002")]);
}

#[test]
fn the_school_of_the_town_named_is_suggested_first_of_several_of_one_name() {
    let mut directory = directory();
    for (number, town) in [
        ("900011", "Harlow"),
        ("900012", "Basildon"),
        ("900013", "Clacton"),
    ] {
        let mut school = school(number, "St Mary's Primary School", SchoolStatus::Open);
        school.town = Some(town.into());
        directory.schools.insert(school.urn, school);
    }
    let mut wanted = named(None, "Saint Marys Prim");
    wanted.town = Some("BASILDON".into());
    let found = one(vec![wanted], &directory);
    assert_eq!(
        found.suggestions,
        [urn("900012"), urn("900011"), urn("900013")]
    );
}

#[test]
fn the_authority_is_told_by_default_only_where_that_is_arranged() {
    let directory = with_authority(directory());
    let found = one(vec![named(None, "Northgate")], &directory);
    assert_eq!(found.target, Target::Authority(la("881")));
    assert_eq!(
        held(&found),
        Some((HoldReason::NeedsRouting, WillHappen::SendToAuthority))
    );
    assert_eq!(addresses(&found), ["hub@authority.test"]);
    assert_eq!(found.suggestions, [urn("900001")]);

    let twice = vec![named(None, "Northgate"), named(None, "Southfield")];
    let found = planned(&referral(vec![child(twice)]), &directory);
    assert_eq!(found[0].target, Target::Authority(la("881")));
    assert_eq!(found[1].target, Target::Unrouted);
    assert_eq!(
        held(&found[1]),
        Some((HoldReason::NeedsRouting, WillHappen::Climb))
    );
}

#[test]
fn a_child_at_no_school_goes_to_the_authority_of_the_home_or_to_a_person() {
    let found = one(Vec::new(), &directory());
    assert_eq!(found.target, Target::Unrouted);
    assert_eq!(
        held(&found),
        Some((HoldReason::NeedsRouting, WillHappen::Climb))
    );
    assert_eq!(found.reasons, [RouteReason::NoEstablishment]);

    let directory = with_authority(directory());
    let found = one(Vec::new(), &directory);
    assert_eq!(
        (found.target, held(&found)),
        (Target::Authority(la("881")), None)
    );
    assert_eq!(addresses(&found), ["hub@authority.test"]);

    for home_la in ["881", "Essex", "Essex County Council", "E10000012"] {
        let mut child = child(Vec::new());
        child.home_la = Some(home_la.to_owned());
        child.resides_in_force_area = Some(false);
        let found = only(&referral(vec![child]), &directory);
        assert_eq!(found.target, Target::Authority(la("881")), "{home_la}");
    }
    for (home_la, in_area) in [(Some("Suffolk"), true), (Some("935"), true), (None, false)] {
        let mut child = child(Vec::new());
        child.home_la = home_la.map(str::to_owned);
        child.resides_in_force_area = Some(in_area);
        let found = only(&referral(vec![child]), &directory);
        assert_eq!(found.target, Target::Unrouted, "{home_la:?}");
        assert_eq!(
            held(&found),
            Some((HoldReason::NeedsRouting, WillHappen::Climb))
        );
    }
}

#[test]
fn deadlines_are_asked_for_the_school_or_else_the_home_authority() {
    let asked = std::cell::RefCell::new(Vec::new());
    let mut away = child(Vec::new());
    away.home_la = Some("935".into());
    let referral = referral(vec![child(vec![named(Some("900001"), "Northgate")]), away]);
    let recorder = |whose: Whose| {
        asked.borrow_mut().push((whose.urn, whose.la_code));
        fixed()
    };
    plan_with(&referral, &directory(), &policy(), at(NOW), &recorder);
    let expected = [
        (Some(urn("900001")), Some(la("881"))),
        (None, Some(la("935"))),
    ];
    assert_eq!(asked.into_inner(), expected);
}
