//! What a school reads in a note, held against `tests/data/notes`, and what no note can say.

use super::super::notes::checked;
use super::super::{NoteInput, make_note};
use super::{as_outlook_joins, settings, signer};
use crate::letter::sample::Sample;
use crate::letter::wording::Civil;
use crate::letter::{LetterFault, TemplateFault, Templates, assert_canonical, rules};
use crate::referral::policy::Policy;
use crate::referral::school::Role;
use crate::store::NoteSays;
use mail_parser::MessageParser;
use std::collections::BTreeMap;
use std::fs;

/// A note of the data folder: what it says, and to whom.
fn cases(sample: &Sample) -> BTreeMap<&'static str, (NoteSays, Role)> {
    let at = sample.deadline.due_at;
    let receipt = |role| NoteSays::Receipt { role, at };
    BTreeMap::from([
        ("receipt", (receipt(Some(Role::KeyAdult)), Role::Deputy)),
        (
            "receipt-by-a-hub-to-a-hub",
            (receipt(Some(Role::Hub)), Role::Hub),
        ),
        (
            "receipt-accepted-by-a-person",
            (receipt(None), Role::KeyAdult),
        ),
        (
            "after-call",
            (
                NoteSays::AfterCall {
                    role: Role::Deputy,
                    at,
                },
                Role::KeyAdult,
            ),
        ),
        ("not-counted", (NoteSays::NotCounted { at }, Role::KeyAdult)),
    ])
}

fn input<'a>(
    sample: &'a Sample,
    policy: &'a Policy,
    (says, role): (NoteSays, Role),
) -> NoteInput<'a> {
    NoteInput {
        says,
        role,
        ..sample.note(policy)
    }
}

fn words_of(sample: &Sample, case: (NoteSays, Role)) -> String {
    let (policy, civil) = (Sample::policy(), Civil::london().unwrap());
    let templates = Templates::load(None).unwrap();
    let words = checked(&templates, &input(sample, &policy, case), &civil).unwrap();
    format!("Subject: {}\n\n{}", words.subject, words.text)
}

fn notes_in_the_folder() -> BTreeMap<String, String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/notes");
    let files = fs::read_dir(folder).unwrap();
    files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

#[test]
fn a_school_reads_exactly_what_the_folder_says() {
    let sample = Sample::of_the_interface();
    let (cases, notes) = (cases(&sample), notes_in_the_folder());
    assert!(notes.keys().map(String::as_str).eq(cases.keys().copied()));
    for (name, case) in cases {
        assert_eq!(words_of(&sample, case), notes[name], "{name}");
    }
}

#[test]
fn a_note_joined_as_outlook_joins_lines_is_the_same_note_and_its_preview_says_nothing() {
    for (name, note) in notes_in_the_folder() {
        let (_, body) = note.split_once("\n\n").unwrap();
        assert_eq!(as_outlook_joins(body).trim_end(), body.trim_end(), "{name}");
        assert!(body.lines().count() <= 25, "{name}");
        let (before, _) = body.split_once("\n\n").unwrap();
        let preview = rules::preview(body);
        assert!(before.starts_with(&preview), "{name}: {preview}");
    }
}

/// The fullest referral and the barest make the same note: nothing of either can reach it.
#[test]
fn a_note_says_nothing_of_a_child_or_an_incident() {
    let (rich, sparse) = (Sample::rich(), Sample::sparse());
    for (name, case) in cases(&rich) {
        let said = words_of(&rich, case);
        assert_eq!(said, words_of(&sparse, case), "{name}");
        for never in ["Amelia", "OKAFOR", "2016", "incident", "child", "domestic"] {
            assert!(
                !said.to_lowercase().contains(&never.to_lowercase()),
                "{name} {never}"
            );
        }
    }
}

#[test]
fn a_note_is_signed_canonical_and_asks_for_no_automatic_answer() {
    let (sample, policy) = (Sample::of_the_interface(), Sample::policy());
    let (templates, signer) = (Templates::load(None).unwrap(), signer());
    for (name, case) in cases(&sample) {
        let input = input(&sample, &policy, case);
        let made = make_note(&signer, &templates, &settings(), &input, [7; 16]).unwrap();
        let text = String::from_utf8(made.bytes.clone()).unwrap();
        // Outside and, protected, inside the signed part.
        let automatic = text.matches("\r\nAuto-Submitted: auto-generated\r\n");
        assert_eq!(automatic.count(), 2, "{name}");
        let token = &sample.token.0;
        assert!(text.contains(&format!("\r\nReply-To: reply+{token}@firstbell.test\r\n")));
        assert!(text.contains("\r\nContent-Description: our seal on this note\r\n"));
        let message = MessageParser::default().parse(&made.bytes).unwrap();
        assert_eq!(message.subject(), Some(made.subject.as_str()));
        let read = message.body_text(0).unwrap().replace("\r\n", "\n");
        let whole = words_of(&sample, case);
        let (_, words) = whole.split_once("\n\n").unwrap();
        assert_eq!(read.trim_end(), words.trim_end(), "{name}");
        let (_, boundary) = text.split_once("boundary=\"").unwrap();
        let (boundary, _) = boundary.split_once('"').unwrap();
        let part = text.split(&format!("\r\n--{boundary}\r\n")).nth(1).unwrap();
        assert_canonical(part.as_bytes(), words, boundary).unwrap();
    }
    let office = input(&sample, &policy, (sample.note(&policy).says, Role::Office));
    let refused = make_note(&signer, &templates, &settings(), &office, [7; 16]);
    assert_eq!(refused, Err(LetterFault::Office));
}

#[test]
fn a_note_template_that_breaks_a_rule_is_found_when_it_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let fault_of = |name: &str, from: &str, to: &str| {
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/src/letter/templates");
        let text = fs::read_to_string(format!("{shipped}/{name}")).unwrap();
        assert!(text.contains(from), "{name}");
        fs::write(folder.path().join(name), text.replace(from, to)).unwrap();
        let fault = Templates::load(Some(folder.path())).and_then(|t| t.check());
        fs::remove_file(folder.path().join(name)).unwrap();
        fault.unwrap_err()
    };
    let broken = |name, rule| TemplateFault::Broken { name, rule };
    assert_eq!(
        fault_of("note_subject.txt", "our call", "a child"),
        broken("note_subject.txt", rules::Rule::SubjectWord)
    );
    assert_eq!(
        fault_of("receipt.txt", "answer it.", "answer it"),
        broken("receipt.txt", rules::Rule::LineJoined(7))
    );
    assert_eq!(
        fault_of(
            "after_call.txt",
            "This note was written by our system and names nobody.\n",
            ""
        ),
        broken("after_call.txt", rules::Rule::Preview)
    );
    assert_eq!(
        fault_of("not_counted.txt", "NOT ME", "NOT US"),
        broken("not_counted.txt", rules::Rule::Missing("the answer NOT ME"))
    );
    // A note is handed nothing of a child to print.
    let fault = fault_of("receipt.txt", "{{ force }}", "{{ child.name }}");
    assert!(matches!(fault, TemplateFault::Render { .. }), "{fault:?}");
}
