//! The payload: what a force may post, and what it is told when it may not.

mod document;

use firstbell::intake::json;
use firstbell::referral::fields::{FIELDS, Field, Form, Kind};
use firstbell::referral::post::{Born, InvolvedPerson, Made, Referral, SpokenTo, TimePrecision};
use firstbell::referral::read::{self, Code, Fault, Noted};
use firstbell::referral::tree::Tree;
use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Five minutes after the examples were submitted.
const NOW: &str = "2026-11-22T22:20:00Z";

/// Typed where a text does not fit, to find it again if a fault repeats it.
const CANARY: &str = "Qq7 canary\u{202E}";

#[test]
fn every_good_example_is_read() {
    let examples = files("referral", "json");
    assert!(examples.len() >= 12);
    for example in examples {
        let faults = refused(&fs::read(&example).unwrap());
        assert!(faults.is_empty(), "{}: {faults:?}", example.display());
    }
}

#[test]
fn every_bad_example_is_told_exactly_what_is_wrong() {
    let mut shown = BTreeSet::new();
    for example in files("referral-bad", "json") {
        let told = refused(&fs::read(&example).unwrap());
        let expected = fs::read_to_string(example.with_extension("expected")).unwrap();
        let expected: Vec<_> = expected.lines().map(str::to_owned).collect();
        assert_eq!(told, expected, "{}", example.display());
        shown.extend(
            told.iter()
                .filter_map(|line| Code::parse(line.split(' ').nth(1)?)),
        );
    }
    let known: BTreeSet<_> = Code::WORDS
        .iter()
        .filter_map(|word| Code::parse(word))
        .collect();
    assert_eq!(shown, known, "each code has its example");
}

#[test]
fn names_of_every_script_are_kept_and_what_robots_paste_is_cleaned() {
    let (referral, noted) = good("names");
    let names: Vec<_> = referral
        .children
        .iter()
        .map(|child| &*child.given_name.0)
        .collect();
    let long = format!("Maximiliana{}-Ann", "-Rose".repeat(13));
    let expected = [
        "O'Brien-Łukasz",
        "Síofra",
        "محمد",
        "X",
        &long,
        "{{7*7}}",
        "=HYPERLINK(\"x\")",
    ];
    assert_eq!(names, expected);
    assert_eq!(long.chars().count(), 80);
    assert!(noted.is_empty() && !referral.children.iter().any(|child| child.needs_a_name));

    let (referral, noted) = good("names-as-robots-paste-them");
    let name = |n: usize| {
        let child = &referral.children[n];
        (&*child.given_name.0, &*child.family_name.0)
    };
    assert_eq!(name(0), ("Amelia", "Okafor"));
    assert_eq!(name(1), ("Anna Maria", "Okafor"));
    assert_eq!(name(2), ("Zoë", "Okafor"));
    assert_eq!(referral.children[2].known_as.as_ref().unwrap().0, "Zo");
    let places: Vec<_> = noted
        .iter()
        .map(|noted| (noted.code, &*noted.pointer))
        .collect();
    let cleaned = |place| ("spaces-removed", place);
    assert_eq!(
        places,
        [
            cleaned("/children/0/given_name"),
            cleaned("/children/0/family_name"),
            cleaned("/children/1/given_name"),
            cleaned("/children/1/family_name"),
            cleaned("/children/2/family_name"),
            cleaned("/children/2/known_as"),
        ]
    );
}

#[test]
fn missing_knowledge_is_defaulted_and_never_refused() {
    let (referral, _) = good("minimal");
    let child = &referral.children[0];
    assert_eq!(referral.incident.time_precision, TimePrecision::Exact);
    assert!(!referral.restricted && referral.contact.is_none());
    assert_eq!(
        (child.welfare_check, child.spoken_to),
        (Made::Unknown, SpokenTo::Unknown)
    );
    assert_eq!(child.schools[0].involved_person, InvolvedPerson::Unknown);

    let (referral, _) = good("birth-date-not-known");
    assert_eq!(referral.children[0].born, Born::NotKnown);
    assert!(matches!(referral.children[2].born, Born::About(_)));
    let without_a_name: Vec<_> = referral.children.iter().map(|c| c.needs_a_name).collect();
    assert_eq!(without_a_name, [false, true, true]);

    let (referral, _) = good("empty-where-nothing-is-known");
    assert!(referral.incident.location_text.is_none() && referral.children[0].home_la.is_none());
}

#[test]
fn an_optional_member_that_is_null_is_one_that_was_left_out() {
    let nulls = tree("null-where-nothing-is-known");
    let (with_nulls, _) = good("null-where-nothing-is-known");
    let mut lacking = nulls.clone();
    for field in FIELDS.iter().filter(|field| !field.required) {
        let at = field.pointer.replace('*', "0");
        if find(&nulls, &at) == Some(&Tree::Null) {
            remove(&mut lacking, &at);
        }
    }
    assert_ne!(lacking, nulls);
    let (without, _) = read::read(&lacking, now()).expect("a referral");
    assert_eq!(with_nulls, without);

    let full = tree("full");
    for field in FIELDS {
        let at = field.pointer.replace('*', "0");
        let mut other = full.clone();
        *find_mut(&mut other, &at) = Tree::Null;
        let wrong = (!field.takes_null()).then_some(("wrong-type", &*at));
        let faults = read::shape(&other);
        assert_eq!(places(&faults), wrong.into_iter().collect::<Vec<_>>());
        let says_so = field.kind.type_name().ends_with(" or null");
        assert_eq!(field.takes_null(), !field.required || says_so, "{at}");
    }
}

#[test]
fn a_day_without_an_hour_cannot_end_before_it_began() {
    let (referral, _) = good("dates-only");
    let incident = referral.incident;
    assert!(incident.occurred_until.unwrap() < incident.occurred_at);
    assert_eq!(incident.time_precision, TimePrecision::DateOnly);
    // The day before is another matter, and so is an hour that is known.
    for (member, value) in [
        ("occurred_until", "2026-11-21T23:59:59Z"),
        ("time_precision", "approximate"),
    ] {
        let mut other = tree("dates-only");
        let at = format!("/incident/{member}");
        *find_mut(&mut other, &at) = Tree::Text(value.to_owned());
        let faults = read::read(&other, now()).expect_err(member);
        assert_eq!(
            places(&faults),
            [("range-reversed", "/incident/occurred_until")]
        );
    }
}

#[test]
fn the_full_example_has_every_field_and_each_is_checked() {
    let (full, now) = (tree("full"), now());
    for field in FIELDS {
        let at = field.pointer.replace('*', "0");
        assert!(find(&full, &at).is_some(), "{at} is in full.json");

        let mut other = full.clone();
        *find_mut(&mut other, &at) = Tree::Number("0.5".into());
        assert_eq!(places(&read::shape(&other)), [("wrong-type", &*at)]);
        assert!(
            read::read(&other, now).is_err(),
            "{at} without the second pass"
        );

        let mut lacking = full.clone();
        remove(&mut lacking, &at);
        let missing = field.required.then_some(("missing-field", &*at));
        let missing: Vec<_> = missing.into_iter().collect();
        assert_eq!(places(&read::shape(&lacking)), missing);

        let Some(wrong) = wrong_value(field) else {
            continue;
        };
        let mut wrong_tree = full.clone();
        *find_mut(&mut wrong_tree, &at) = wrong;
        assert_eq!(read::shape(&wrong_tree), [], "{at}");
        let faults = read::read(&wrong_tree, now).expect_err(&at);
        assert!(
            faults.iter().any(|fault| fault.pointer.starts_with(&at)),
            "{at}"
        );
        assert!(!format!("{faults:?}").contains("Qq7"), "{at} is repeated");
    }
}

#[test]
fn bounds_count_characters_not_bytes() {
    let full = tree("full");
    for field in FIELDS {
        let Kind::Text { max, form, .. } = field.kind else {
            continue;
        };
        if !matches!(form, Form::Line | Form::Prose) {
            continue;
        }
        let letter = "𝔞";
        let at = field.pointer.replace('*', "0");
        let mut longest = full.clone();
        *find_mut(&mut longest, &at) = Tree::Text(letter.repeat(max));
        assert!(read::read(&longest, now()).is_ok(), "{at}");
        *find_mut(&mut longest, &at) = Tree::Text(letter.repeat(max + 1));
        let faults = read::read(&longest, now()).expect_err(&at);
        assert_eq!(places(&faults), [("out-of-bounds", &*at)]);
    }
}

#[test]
fn an_unknown_field_is_told_the_nearest_known_one() {
    let mut tree = tree("minimal");
    let Tree::Map(members) = find_mut(&mut tree, "/children/0") else {
        unreachable!("a child is an object");
    };
    members.push(("date_of_brith".into(), Tree::Null));
    let faults = read::shape(&tree);
    assert_eq!(
        places(&faults),
        [("unknown-field", "/children/0/date_of_brith")]
    );
    assert!(faults[0].detail.contains("`date_of_birth`") && !faults[0].detail.contains("brith"));
    assert_eq!(read::force_of(&tree), Some("essex"));
}

#[test]
fn json_is_read_as_the_public_test_suite_wants() {
    let Some(corpora) = std::env::var_os("FIRSTBELL_CORPORA").map(PathBuf::from) else {
        eprintln!("FIRSTBELL_CORPORA is not set: the JSON test suite was not read");
        return;
    };
    let folder = corpora.join("json/test_parsing");
    let mut seen = 0;
    for file in fs::read_dir(&folder).expect("the JSON test suite") {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let read = json::parse(&fs::read(&path).unwrap());
        seen += 1;
        // The suite allows a name to come twice; here it could misdirect a letter.
        if name.starts_with("y_object_duplicated_key") {
            assert_eq!(read.expect_err(&name).code, Code::DuplicateKey.word());
        } else if name.starts_with("y_") {
            assert!(read.is_ok(), "{name}");
        } else if name.starts_with("n_") {
            assert!(read.is_err(), "{name}");
        }
    }
    assert!(seen > 300, "{seen} files");
}

proptest! {
    #[test]
    fn no_tree_makes_the_reader_panic_or_refuse_without_a_reason(tree in any_tree()) {
        read::shape(&tree);
        if let Err(faults) = read::read(&tree, now()) {
            prop_assert!(!faults.is_empty() && faults.len() <= read::FAULTS_MAX);
        }
    }

    #[test]
    fn an_example_with_something_else_in_it_is_read_or_told(
        field in 0..FIELDS.len(),
        other in any_tree(),
    ) {
        let mut tree = tree("full");
        *find_mut(&mut tree, &FIELDS[field].pointer.replace('*', "0")) = other;
        if !read::shape(&tree).is_empty() {
            return Ok(());
        }
        match read::read(&tree, now()) {
            Ok((referral, _)) => {
                let again = json::parse(&json::canonical(&tree, &[])).expect("JSON");
                let (same, _) = read::read(&again, now()).expect("a referral");
                prop_assert_eq!(referral, same);
            }
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(tree) = json::parse(&bytes) {
            prop_assert!(json::parse(&json::canonical(&tree, &[])).is_ok());
        }
    }
}

/// What a sender is answered: `status code pointer` a line, nothing when accepted.
fn refused(body: &[u8]) -> Vec<String> {
    let faults = json::parse(body).map_or_else(
        |fault| vec![fault],
        |tree| {
            let shape = read::shape(&tree);
            let values = || read::read(&tree, now()).err().unwrap_or_default();
            if shape.is_empty() { values() } else { shape }
        },
    );
    let line = |fault: &Fault| {
        let status = Code::parse(fault.code).expect(fault.code).status();
        format!("{status} {} {}", fault.code, fault.pointer)
    };
    faults.iter().map(line).collect()
}

/// A value of the right type that is wrong, where there is one.
fn wrong_value(field: &Field) -> Option<Tree> {
    let canary = || Tree::Text(CANARY.into());
    match field.kind {
        Kind::Object | Kind::Bool | Kind::BoolOrNull => None,
        Kind::Objects { max, .. } => {
            let element = find(&tree("full"), &field.pointer.replace('*', "0"))?.clone();
            let Tree::List(list) = element else {
                return None;
            };
            Some(Tree::List(vec![list[0].clone(); max + 1]))
        }
        Kind::WordList(_) | Kind::Addresses { .. } => Some(Tree::List(vec![canary()])),
        Kind::Whole { max, .. } => Some(Tree::Whole(max + 1)),
        Kind::Constant(_)
        | Kind::Words(_)
        | Kind::OpenWord
        | Kind::Instant
        | Kind::DateOrNull
        | Kind::Uuid
        | Kind::Urn
        | Kind::Text { .. } => Some(canary()),
    }
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let name = prop_oneof![
        proptest::sample::select(FIELDS).prop_map(|field| field.name().to_owned()),
        ".{0,4}",
    ];
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::Bool),
        (-2i64..130).prop_map(Tree::Whole),
        "[0-9]{1,3}\\.[0-9]".prop_map(Tree::Number),
        ".{0,20}".prop_map(Tree::Text),
        "20[0-9]{2}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:00:00(Z|\\+0[01]:00))?".prop_map(Tree::Text),
        proptest::sample::select(&["present", "alone", "unknown", "registered", "none"][..])
            .prop_map(|word| Tree::Text(word.to_owned())),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        let members = proptest::collection::btree_map(name.clone(), inner.clone(), 0..6);
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Tree::List),
            members.prop_map(|members| Tree::Map(members.into_iter().collect())),
        ]
    })
}

fn now() -> Timestamp {
    NOW.parse().expect("an instant")
}

fn good(name: &str) -> (Referral, Vec<Noted>) {
    read::read(&tree(name), now()).expect(name)
}

fn tree(name: &str) -> Tree {
    let path = data("referral").join(name).with_extension("json");
    json::parse(&fs::read(path).expect(name)).expect(name)
}

fn data(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(folder)
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(data(folder)).expect(folder);
    let paths = files.map(|file| file.expect(folder).path());
    paths
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect()
}

fn places(faults: &[Fault]) -> Vec<(&str, &str)> {
    faults
        .iter()
        .map(|fault| (fault.code, &*fault.pointer))
        .collect()
}

fn find<'t>(tree: &'t Tree, pointer: &str) -> Option<&'t Tree> {
    pointer
        .split('/')
        .skip(1)
        .try_fold(tree, |tree, step| match tree {
            Tree::List(list) => list.get(step.parse::<usize>().ok()?),
            Tree::Null
            | Tree::Bool(_)
            | Tree::Whole(_)
            | Tree::Number(_)
            | Tree::Text(_)
            | Tree::Map(_) => tree.get(step),
        })
}

fn find_mut<'t>(tree: &'t mut Tree, pointer: &str) -> &'t mut Tree {
    pointer
        .split('/')
        .skip(1)
        .fold(tree, |tree, step| match tree {
            Tree::List(list) => &mut list[step.parse::<usize>().expect(pointer)],
            Tree::Map(members) => {
                let member = members.iter_mut().find(|(name, _)| name == step);
                &mut member.expect(pointer).1
            }
            Tree::Null | Tree::Bool(_) | Tree::Whole(_) | Tree::Number(_) | Tree::Text(_) => {
                unreachable!("{pointer}")
            }
        })
}

fn remove(tree: &mut Tree, pointer: &str) {
    let (parent, name) = pointer.rsplit_once('/').expect(pointer);
    if let Tree::Map(members) = find_mut(tree, parent) {
        members.retain(|(member, _)| member != name);
    }
}
