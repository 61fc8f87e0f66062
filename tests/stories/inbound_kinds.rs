//! What kind of mail came back: our own mails with their answers, and public collections of real
//! bounces, reports and replies.

use firstbell::referral::report::Kind;
use firstbell::replies::classify::{CLUES_MAX, Classified, MAIL_BYTES_MAX, classify};
use firstbell::replies::verdict::read;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

/// Files given to one command: argument lists have bounds.
const FILES_AT_ONCE: usize = 100;

#[test]
fn every_mail_is_what_the_file_beside_it_says() {
    let mails = files(&own_mails());
    assert!(mails.len() > 30, "{} mails", mails.len());
    for path in mails {
        let mail = fs::read_to_string(&path).unwrap();
        let expected = fs::read_to_string(path.with_extension("expected")).unwrap();
        let found = classify(mail.as_bytes());
        assert_eq!(
            told(&found),
            expected,
            "{} {:?}",
            path.display(),
            found.reasons
        );
        let as_sent = mail.replace('\n', "\r\n");
        assert_eq!(
            told(&classify(as_sent.as_bytes())),
            expected,
            "{} with CRLF",
            path.display()
        );
    }
}

#[test]
fn the_command_answers_one_object_a_file_and_names_what_it_could_not_read() {
    let mails = files(&own_mails());
    let answers = ask(&mails);
    assert_eq!(answers.len(), mails.len());
    for (path, answer) in &answers {
        let found = classify(&fs::read(path).unwrap());
        assert_eq!(answer["kind"], found.kind.word());
        assert_eq!(answer["status"], Value::from(found.status));
        assert_eq!(answer["recipients"], Value::from(found.recipients));
        // Behind why it is of its kind stands what decided a person's verdict.
        let reasons = answer["reasons"].as_array().unwrap();
        assert!(reasons.len() >= found.reasons.len(), "{answer}");
        for (said, wanted) in reasons.iter().zip(&found.reasons) {
            assert_eq!(said, wanted);
        }
        let word = (found.kind == Kind::HumanReply).then(|| read(&found.text));
        let verdict = word.as_ref().map(|word| word.verdict.word());
        assert_eq!(answer["verdict"], Value::from(verdict));
        let has_message = word.map(|word| word.has_message);
        assert_eq!(answer["has_message"], Value::from(has_message));
    }
    let missing = own_mails().join("no-such.eml");
    let answer = run(&[missing.clone(), mails[0].clone()]);
    assert_eq!(answer.status.code(), Some(74));
    let line: Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(line["file"], mails[0].display().to_string());
    let complaint = String::from_utf8(answer.stderr).unwrap();
    assert!(complaint.contains("no-such.eml"), "{complaint}");
}

#[test]
fn what_is_beyond_the_bounds_is_left_to_a_person() {
    let from = "From: a@b.test\nTo: c@d.test\n";
    let doll = "Content-Type: message/rfc822\n\n".repeat(10_000);
    let nest: String = (0..10_000)
        .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n"))
        .collect();
    let crowd = format!(
        "Content-Type: multipart/mixed; boundary=b\n\n{}--b--\n",
        "--b\n\nReceived.\n".repeat(10_000)
    );
    let large = format!("\nReceived.{}", " ".repeat(MAIL_BYTES_MAX));
    for (body, reason) in [
        (doll, "too-deep"),
        (nest, "too-deep"),
        (crowd, "too-many-parts"),
        (large, "too-large"),
    ] {
        let found = classify(format!("{from}{body}").as_bytes());
        assert_eq!(
            (found.kind.word(), &*found.reasons[0]),
            ("unclassified", reason)
        );
    }
    // Eight times the text takes about eight times as long; were each word looked at from every other,
    // it would take sixty-four times.
    let took = |bytes: usize| {
        let pages = "I am 550 5.1.1 away <a@b.c>. ".repeat(bytes / 30);
        let mail = format!("{from}Return-Path: <>\n\n{pages}");
        let began = Instant::now();
        assert!(!classify(mail.as_bytes()).reasons.is_empty());
        began.elapsed().as_secs_f64()
    };
    let least = |bytes| (0..3).map(|_| took(bytes)).fold(f64::MAX, f64::min);
    let (few, many) = (least(1 << 18), least(1 << 21));
    assert!(many < few * 32.0, "{few} s, {many} s");
    let long = format!(
        "{from}Subject: {}\n\n{}",
        "7KQ2-M4XD ".repeat(9_999),
        "<a@b.c> ".repeat(99_999)
    );
    assert!(classify(long.as_bytes()).clues.message_ids.len() <= CLUES_MAX);
}

#[test]
fn every_prefix_of_every_mail_is_answered() {
    for path in files(&own_mails()) {
        let mail = fs::read(&path).unwrap();
        for end in (0..mail.len()).step_by(7) {
            assert!(
                !classify(&mail[..end]).reasons.is_empty(),
                "{} {end}",
                path.display()
            );
        }
    }
}

#[test]
fn real_mail_is_answered_and_nothing_dangerous_is_said() {
    let Some(folder) = corpora("mail") else {
        return;
    };
    let labels = fs::read_to_string(folder.join("labels.tsv")).expect("labels.tsv");
    let labels: Vec<Vec<&str>> = labels
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect())
        .collect();
    assert!(labels.len() > 400, "{} mails", labels.len());
    let answers = ask(&labels
        .iter()
        .map(|row| folder.join(row[0]))
        .collect::<Vec<_>>());
    let (mut right, mut dangers) = (0, String::new());
    for row in &labels {
        let kind = answers[&folder.join(row[0])]["kind"]
            .as_str()
            .expect("a kind");
        right += usize::from(row[1].split('|').any(|label| label == kind));
        if is_dangerous(row[1], kind) {
            writeln!(dangers, "{} is {} and was taken for {kind}", row[0], row[1]).unwrap();
        }
    }
    eprintln!(
        "{right} of {} mails are of the kind they are labelled",
        labels.len()
    );
    assert!(dangers.is_empty(), "{dangers}");
    assert!(right * 10 > labels.len() * 9, "{right} of {}", labels.len());
}

#[test]
fn malformed_mail_is_answered() {
    let Some(folder) = corpora("mime") else {
        return;
    };
    let mails = files(&folder);
    assert!(mails.len() > 300, "{} mails", mails.len());
    for path in &mails {
        let mail = fs::read(path).unwrap();
        assert!(!classify(&mail).reasons.is_empty(), "{}", path.display());
    }
    assert_eq!(ask(&mails).len(), mails.len());
}

/// A machine taken for a person, or a person's words thrown away as a machine's.
fn is_dangerous(label: &str, kind: &str) -> bool {
    let is_bounce = kind.starts_with("bounce_");
    match label {
        "human_reply" => !matches!(kind, "human_reply" | "unclassified"),
        "!bounce" => is_bounce,
        _ => kind == "human_reply",
    }
}

/// What was found, a line each, as the files beside our mails have it; of text, its first line.
fn told(found: &Classified) -> String {
    let mut lines = format!("kind {}\n", found.kind.word());
    let mut line = |name: &str, value: String| writeln!(lines, "{name} {value}").unwrap();
    found
        .sub
        .iter()
        .for_each(|sub| line("sub", sub.word().to_owned()));
    found
        .status
        .iter()
        .for_each(|status| line("status", status.clone()));
    found
        .action
        .iter()
        .for_each(|action| line("action", action.word().to_owned()));
    found
        .recipients
        .iter()
        .for_each(|address| line("recipient", address.clone()));
    found
        .absence_until
        .iter()
        .for_each(|day| line("until", day.to_string()));
    let clues = &found.clues;
    clues.envids.iter().for_each(|id| line("envid", id.clone()));
    clues
        .message_ids
        .iter()
        .for_each(|id| line("message-id", id.clone()));
    clues
        .references
        .iter()
        .for_each(|reference| line("reference", reference.to_string()));
    clues
        .tokens
        .iter()
        .for_each(|token| line("token", token.clone()));
    if matches!(found.kind.word(), "human_reply" | "unclassified") {
        let first = found
            .text
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty());
        first
            .iter()
            .for_each(|first| line("text", (*first).to_owned()));
    }
    lines
}

fn run(mails: &[PathBuf]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_firstbell"))
        .args(["classify", "--json"])
        .args(mails)
        .output()
        .expect("the command runs")
}

/// What the command answers, by file.
fn ask(mails: &[PathBuf]) -> BTreeMap<PathBuf, Value> {
    let mut answers = BTreeMap::new();
    for some in mails.chunks(FILES_AT_ONCE) {
        let answer = run(some);
        assert!(
            answer.status.success(),
            "{}",
            String::from_utf8_lossy(&answer.stderr)
        );
        for line in answer
            .stdout
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let object: Value = serde_json::from_slice(line).expect("an object a line");
            let file = PathBuf::from(object["file"].as_str().expect("file"));
            assert!(answers.insert(file, object).is_none(), "answered twice");
        }
    }
    assert!(mails.iter().all(|mail| answers.contains_key(mail)));
    answers
}

/// A folder of the corpora; none when they are not asked for. Asked for and absent is a failure.
fn corpora(folder: &str) -> Option<PathBuf> {
    let Some(corpora) = std::env::var_os("FIRSTBELL_CORPORA").map(PathBuf::from) else {
        eprintln!("FIRSTBELL_CORPORA is not set: {folder} was not read");
        return None;
    };
    let folder = corpora.join(folder);
    assert!(folder.is_dir(), "{} is not there", folder.display());
    Some(fs::canonicalize(folder).unwrap())
}

fn own_mails() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/inbound")
}

/// Every file under the folder but the answers beside our mails, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path
            .extension()
            .is_none_or(|extension| extension != "expected")
        {
            found.push(path);
        }
    }
    found.sort();
    found
}
