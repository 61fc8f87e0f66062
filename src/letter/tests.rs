//! What a school reads, held against `tests/data/letters`, and what nobody may read.

mod notes;

use super::sample::Sample;
use super::*;
use crate::referral::policy::{ParentLine, Profile};
use crate::referral::post::{
    AskCall, AskFor, Born, Conference, Connection, Education, HouseholdFlag, InvolvedPerson, Made,
    Presence, Private, RiskGrade, RiskTool, SchoolNamed, TimePrecision,
};
use jiff::SignedDuration;
use jiff::civil::date;
use mail_parser::MessageParser;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;

/// A letter of the data folder: what it is made from.
struct Case {
    sample: Sample,
    policy: Policy,
}

fn case(sample: Sample, change: impl FnOnce(&mut Sample, &mut Policy)) -> Case {
    let mut case = Case {
        sample,
        policy: Sample::policy(),
    };
    change(&mut case.sample, &mut case.policy);
    case
}

fn cases() -> BTreeMap<&'static str, Case> {
    by_profile_and_clock()
        .into_iter()
        .chain(by_reader_and_child())
        .collect()
}

fn by_profile_and_clock() -> [(&'static str, Case); 8] {
    [
        ("minimal", case(Sample::of_the_interface(), |_, _| {})),
        (
            "standard",
            case(Sample::rich(), |_, policy| {
                policy.profile = Profile::Standard
            }),
        ),
        (
            "full",
            case(Sample::rich(), |_, policy| policy.profile = Profile::Full),
        ),
        (
            "full-safe-address",
            case(Sample::rich(), |sample, policy| {
                policy.profile = Profile::Full;
                sample.referral.household_flags = vec![HouseholdFlag::SafeAddress];
                sample.referral.police_ask_call = AskCall::BeforeStart;
            }),
        ),
        (
            "late-deputy",
            case(Sample::of_the_interface().in_school_now(), |sample, _| {
                sample.role = Role::Deputy;
                sample.also_held_by = &[Role::KeyAdult];
                sample.referral.police_ask_call = AskCall::BeforeHomeTime;
            }),
        ),
        (
            "holiday",
            case(Sample::of_the_interface().in_a_holiday(), |sample, _| {
                sample.referral.incident.occurred_until = after_begin(sample, 35);
            }),
        ),
        (
            "corrected",
            case(Sample::of_the_interface().corrected(), |_, _| {}),
        ),
        (
            "corrected-full-in-a-holiday",
            case(Sample::rich().in_a_holiday().corrected(), |_, policy| {
                policy.profile = Profile::Full;
            }),
        ),
    ]
}

fn by_reader_and_child() -> [(&'static str, Case); 3] {
    [
        (
            "victim-only",
            case(Sample::rich(), |sample, policy| {
                policy.parent_line = ParentLine::VictimOnly;
                sample.n_of_m = (1, 1);
                sample.referral.incident.time_precision = TimePrecision::Exact;
                sample.child.born = Born::About(Private(7));
                sample.child.connection = Connection::ResidesWithParty;
                sample.child.present = Presence::NotPresent;
                sample.child.welfare_check = Made::NotMade;
            }),
        ),
        (
            "hub-own-parent-line",
            case(Sample::of_the_interface(), |sample, policy| {
                policy.parent_line = ParentLine::Own;
                let own = "Please speak to nobody at home\nbefore you have spoken to us";
                policy.parent_text = Some(own.to_owned());
                sample.role = Role::Hub;
                sample.also_held_by = &[Role::KeyAdult, Role::Deputy];
                sample.referral.incident.occurred_until = after_begin(sample, 155);
                sample.child.given_name = Private("Zoë".to_owned());
                sample.child.family_name = Private("O’Neill".to_owned());
                sample.child.known_as = Some(Private("Zoë".to_owned()));
                sample.child.born = Born::On(Private(date(2010, 4, 1)));
                sample.child.connection = Connection::DirectVictim;
            }),
        ),
        (
            "sparse",
            case(Sample::sparse(), |sample, _| {
                sample.referral.incident.time_precision = TimePrecision::DateOnly;
                sample.child.connection = Connection::Present;
            }),
        ),
    ]
}

fn after_begin(sample: &Sample, minutes: i64) -> Option<Timestamp> {
    let begin = sample.referral.incident.occurred_at;
    Some(begin + SignedDuration::from_mins(minutes))
}

fn words_of(case: &Case) -> String {
    let templates = Templates::load(None).unwrap();
    let civil = Civil::london().unwrap();
    let words = templates
        .render(&case.sample.input(&case.policy), &civil)
        .unwrap();
    format!("Subject: {}\n\n{}", words.subject, words.text)
}

fn letters_in_the_folder() -> BTreeMap<String, String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/letters");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    files
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

#[test]
fn a_school_reads_exactly_what_the_folder_says() {
    let (cases, letters) = (cases(), letters_in_the_folder());
    assert!(letters.keys().map(String::as_str).eq(cases.keys().copied()));
    for (name, case) in &cases {
        assert_eq!(words_of(case), letters[*name], "{name}");
    }
}

/// What Outlook shows: a line break goes unless a sentence ends before it, two blanks follow it, or
/// it stands beside another.
fn as_outlook_joins(text: &str) -> String {
    let mut shown = text
        .replace("\n\n", "\u{1}\u{1}")
        .replace("\n  ", "\u{1}  ");
    for end in [".", "?", "!", ":"] {
        shown = shown.replace(&format!("{end}\n"), &format!("{end}\u{1}"));
    }
    shown
        .trim_end_matches('\n')
        .replace('\n', " ")
        .replace('\u{1}', "\n")
}

#[test]
fn a_letter_joined_as_outlook_joins_lines_is_the_same_letter() {
    for (name, letter) in letters_in_the_folder() {
        let (_, body) = letter.split_once("\n\n").unwrap();
        assert_eq!(as_outlook_joins(body).trim_end(), body.trim_end(), "{name}");
    }
    assert_eq!(as_outlook_joins("not a\nsentence\n"), "not a sentence");
}

/// Every field that is ever, or never, printed holds a word that stands nowhere else.
fn canaries() -> Case {
    let private = |text: &str| Some(Private(text.to_owned()));
    case(Sample::rich(), |sample, policy| {
        policy.location = true;
        let referral = &mut sample.referral;
        referral.source_system = "canary-system".to_owned();
        referral.submitted_by = Some("canary-robot".to_owned());
        referral.police_reference = Private("canary-standard-1".to_owned());
        referral.contact = Some(AskFor {
            name: private("canary-never-1"),
            phone: private("canary-never-2"),
            email: private("canary-never-3"),
        });
        referral.withhold_from = vec![Address::parse("canary-never-4@x.test").unwrap()];
        let incident = &mut referral.incident;
        incident.risk_grade = RiskGrade::High;
        incident.risk_tool = Some(RiskTool::Dash);
        incident.marac = Some(Conference::Referred);
        incident.mash = Some(Conference::Referred);
        incident.circumstances = private("canary-full-1");
        incident.location_text = private("canary-full-2");
        let child = &mut sample.child;
        child.child_ref = "canary-never-5".to_owned();
        child.home_la = Some("canary-never-6".to_owned());
        child.child_words = private("canary-full-3");
        child.present_where = private("canary-full-4");
        child.interpreter = Some("x-canary-standard-2".to_owned());
        child.education = Education::Registered;
        child.schools = vec![SchoolNamed {
            urn: None,
            urn_source: None,
            name_recorded: "canary-never-7".to_owned(),
            town: Some("canary-never-8".to_owned()),
            postcode: Some("canary-never-9".to_owned()),
            la: Some("canary-never-10".to_owned()),
            site: Some("canary-never-11".to_owned()),
            involved_person: InvolvedPerson::Unknown,
            involved_note: private("canary-never-12"),
        }];
    })
}

#[test]
fn each_profile_prints_its_fields_and_no_others() {
    let mut case = canaries();
    for (profile, standard, full) in [
        (Profile::Minimal, 0, 0),
        (Profile::Standard, 2, 0),
        (Profile::Full, 2, 4),
    ] {
        case.policy.profile = profile;
        let printed = words_of(&case);
        assert_eq!(
            printed.matches("canary-standard").count(),
            standard,
            "{profile:?}"
        );
        assert_eq!(printed.matches("canary-full").count(), full, "{profile:?}");
        assert_eq!(
            printed.matches("canary").count(),
            standard + full,
            "{profile:?}"
        );
        for never in ["high", "dash", "marac", "mash", "non-crime", "alex example"] {
            assert!(
                !printed.to_lowercase().contains(never),
                "{profile:?} {never}"
            );
        }
        let involved = printed.contains("mother (victim)");
        assert_eq!(involved, profile != Profile::Minimal, "{profile:?}");
        assert_eq!(
            printed.contains("Spoken to"),
            profile != Profile::Minimal,
            "{profile:?}"
        );
        let social_care = printed.contains("social care was made");
        assert_eq!(social_care, profile != Profile::Minimal, "{profile:?}");
    }
    case.policy.location = false;
    assert!(!words_of(&case).contains("canary-full-2"));
    case.policy.location = true;
    for flag in [
        HouseholdFlag::Moved,
        HouseholdFlag::SafeAddress,
        HouseholdFlag::CourtOrder,
    ] {
        case.sample.referral.household_flags = vec![flag];
        let printed = words_of(&case);
        assert!(!printed.contains("canary-full-2") && !printed.contains("canary-full-4"));
    }
}

#[test]
fn an_evening_referral_of_an_old_incident_is_not_asked_for_now() {
    let mut case = cases().remove("minimal").unwrap();
    case.sample.deadline.late_on_arrival = true;
    assert!(words_of(&case).contains("please answer by 08:30 Mon 23 Nov"));
    // A letter that climbs to the next contact after its hour asks for an answer at once.
    case.sample.at = case.sample.deadline.due_at;
    assert!(words_of(&case).contains("please answer now"));
    // In school now, not late: the sooner of the two clocks.
    let mut sample = Sample::of_the_interface().in_school_now();
    sample.deadline.late_on_arrival = false;
    let printed = words_of(&Case {
        sample,
        policy: Sample::policy(),
    });
    assert!(printed.contains("please answer by 10:45 Mon 23 Nov"));
}

#[test]
fn where_a_child_lives_changes_no_letter() {
    let mut case = case(Sample::rich(), |_, _| {});
    for profile in [Profile::Minimal, Profile::Standard, Profile::Full] {
        case.policy.profile = profile;
        let [at_home, elsewhere, not_known] = [Some(true), Some(false), None].map(|inside| {
            case.sample.child.resides_in_force_area = inside;
            words_of(&case)
        });
        assert!(
            at_home == elsewhere && elsewhere == not_known,
            "{profile:?}"
        );
    }
}

/// Who writes their own templates has the names from `docs/letters.md`.
#[test]
fn the_document_names_every_template_and_variable() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/letters.md");
    let document = fs::read_to_string(path).unwrap();
    let (letters, notes) = document.split_once("\n## Variables of notes\n").unwrap();
    let named = |text: &str| -> Vec<String> {
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
        rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned()))
            .collect()
    };
    let (case, civil) = (case(Sample::rich(), |_, _| {}), Civil::london().unwrap());
    let input = case.sample.input(&case.policy);
    let answer = fields::Answer::of(&input, &civil);
    let body = names_in(&fields::body(&input, &answer, &civil), "");
    let subject = names_in(&fields::subject(&input, &answer), "");
    assert!(subject.is_subset(&body));
    let mut told = named(letters);
    let files = told.drain(..templates::NAMES.len());
    assert_eq!(files.collect::<Vec<_>>(), templates::NAMES);
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), body);
    let in_subject = letters.lines().filter(|line| line.contains("| both |"));
    assert_eq!(in_subject.count(), subject.len());
    let of_notes = names_in(
        &super::notes::values(&case.sample.note(&case.policy), &civil),
        "",
    );
    assert_eq!(named(notes).into_iter().collect::<BTreeSet<_>>(), of_notes);
}

fn names_in(values: &minijinja::Value, before: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for key in values.try_iter().unwrap() {
        let (value, name) = (values.get_item(&key).unwrap(), format!("{before}{key}"));
        if value.kind() == minijinja::value::ValueKind::Map {
            names.extend(names_in(&value, &format!("{name}.")));
        } else {
            names.insert(name);
        }
    }
    names
}

fn settings() -> Settings {
    Settings {
        templates: None,
        signing_key: PathBuf::new(),
        profile: SignatureProfile::V4,
        from: Address::parse("gateway@firstbell.test").unwrap(),
        from_name: "Firstbell".to_owned(),
        reply_to: Address::parse("reply@firstbell.test").unwrap(),
        host_name: "gateway.test".to_owned(),
    }
}

fn signer() -> Signer {
    let created = "2026-01-05T09:00:00Z".parse().unwrap();
    let key = generate("Firstbell", created, SignatureProfile::V4).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(key.as_bytes()).unwrap();
    Signer::load(file.path(), SignatureProfile::V4).unwrap()
}

fn letter(case: &Case) -> Result<SignedLetter, LetterFault> {
    let templates = Templates::load(None).unwrap();
    make(
        &signer(),
        &templates,
        &settings(),
        &case.sample.input(&case.policy),
        [7; 16],
    )
}

#[test]
fn the_token_stands_where_replies_find_it_and_nowhere_else() {
    let mut case = cases().remove("minimal").unwrap();
    let text = |letter: &SignedLetter| String::from_utf8(letter.bytes.clone()).unwrap();
    let made = text(&letter(&case).unwrap());
    let token = &case.sample.token.0;
    // Outside and, protected, inside the signed part.
    let places = made.lines().filter(|line| line.contains(token));
    let fields: Vec<&str> = places.filter_map(|line| line.split(':').next()).collect();
    assert_eq!(fields, ["Message-ID", "Reply-To", "Message-ID", "Reply-To"]);
    assert!(made.contains(&format!("Reply-To: reply+{token}@firstbell.test\r\n")));
    for never in ["Auto-Submitted", "Alex Example", "X-"] {
        assert!(!made.contains(never), "{never}");
    }
    case.sample.message_id = "no id".to_owned();
    assert_eq!(letter(&case), Err(LetterFault::MessageId));
    case.sample.message_id = "a@b".to_owned();
    case.sample.school_name = "Northgate ".repeat(11_000);
    assert_eq!(letter(&case), Err(LetterFault::TooLarge));
    case.sample.role = Role::Office;
    assert_eq!(letter(&case), Err(LetterFault::Office));
}

#[test]
fn headers_are_protected_inside_the_signature() {
    let case = cases().remove("holiday").unwrap();
    let made = letter(&case).unwrap();
    let message = MessageParser::default().parse(&made.bytes).unwrap();
    let (outer, part) = (message.root_part(), &message.parts[1]);
    for name in ["From", "To", "Subject", "Date", "Message-ID", "Reply-To"] {
        let value = |headers: &[mail_parser::Header<'_>]| {
            let header = headers.iter().find(|header| header.name() == name).unwrap();
            let (start, end) = (header.offset_start(), header.offset_end());
            made.bytes[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()].to_vec()
        };
        assert_eq!(value(&outer.headers), value(&part.headers), "{name}");
    }
    let text = String::from_utf8(made.bytes.clone()).unwrap();
    assert!(text.contains("Content-Type: text/plain; charset=\"utf-8\"; hp=\"clear\"\r\n"));
    assert_eq!(message.subject(), Some(made.subject.as_str()));
    assert!(text.contains("\r\nDate: Wed, 22 Jul 2026 20:00:00 +0100\r\n"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_becomes_a_canonical_letter_that_reads_back(
        given in any_text(40), family in any_text(40), words in any_text(400),
    ) {
        let mut case = case(Sample::rich(), |_, policy| policy.profile = Profile::Full);
        case.sample.child.given_name = Private(given);
        case.sample.child.family_name = Private(family);
        case.sample.referral.incident.circumstances = Some(Private(words.clone()));
        case.sample.child.child_words = Some(Private(words));
        let made = letter(&case).unwrap();
        let message = MessageParser::default().parse(&made.bytes).unwrap();
        let read = message.body_text(0).unwrap().replace("\r\n", "\n");
        let written = words_of(&case);
        let (_, said) = written.split_once("\n\n").unwrap();
        prop_assert_eq!(read.trim_end_matches('\n'), said.trim_end_matches('\n'));
        prop_assert_eq!(made.digest, sha256(&made.bytes));
    }
}

/// Text of any Unicode, rich in what mail software stumbles over.
fn any_text(pieces: usize) -> impl Strategy<Value = String> {
    let trap = proptest::sample::select(vec![
        "From ",
        "\nFrom ",
        ".",
        "\n.\n",
        "=",
        "=20",
        " ",
        "\t",
        "\r\n",
        "--seal-",
        "\u{2028}",
        "\u{a0}",
        "\u{85}",
        "{{ x }}",
        "{% if %}",
        "\u{202e}",
        "👩‍👧",
        "ß",
        "İ",
    ]);
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        trap.prop_map(str::to_owned),
        "[a-zA-Z ]{1,9}",
    ];
    proptest::collection::vec(piece, 0..pieces).prop_map(|pieces| pieces.concat())
}
