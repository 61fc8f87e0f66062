//! Every hour of four years, in every calendar, against an independent implementation.

use firstbell::directory::read_folder;
use firstbell::referral::deadline::deadline;
use firstbell::referral::directory::Directory;
use firstbell::referral::id::ContactId;
use firstbell::referral::pupil_day::{SchoolDays, Whose};
use firstbell::referral::school::Urn;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Seek, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

const HOURS: usize = 35_064;

/// How long before acceptance the incident lies, in minutes, in turn: from none to three months.
const INCIDENTS_BEFORE: [Option<i64>; 8] = [
    None,
    Some(0),
    Some(90),
    Some(11 * 60),
    Some(24 * 60),
    Some(63 * 60 + 7),
    Some(12 * 24 * 60),
    Some(90 * 24 * 60),
];

#[test]
fn every_hour_of_four_years_agrees_with_the_oracle() {
    let calendars = oracle().join("calendars");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(calendars)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    assert_eq!(folders.len(), 6);
    std::thread::scope(|scope| {
        for folder in &folders {
            scope.spawn(|| agrees(folder));
        }
    });
}

#[test]
fn cases_worked_out_by_hand_agree() {
    let cases = std::fs::read_to_string(oracle().join("cases.tsv")).unwrap();
    let rows = cases.lines().filter(|line| !line.starts_with('#')).skip(1);
    let mut count = 0;
    for row in rows {
        let cells: Vec<&str> = row.split('\t').collect();
        let directory = directory(&oracle().join("calendars").join(cells[0]));
        let whose = Whose::school(&directory, Urn::parse(cells[1]).unwrap());
        let instant = |text: &str| -> Timestamp { text.parse().unwrap() };
        let incident = (cells[3] != "-").then(|| instant(cells[3]));
        let answer = deadline(&directory, whose, instant(cells[2]), incident);
        assert_eq!(answer.due_at, instant(cells[4]), "{row}");
        assert_eq!(answer.act_by, instant(cells[5]), "{row}");
        assert_eq!(answer.pupil_day.to_string(), cells[6], "{row}");
        assert_eq!(answer.assumed.to_string(), cells[7], "{row}");
        assert_eq!(answer.late_on_arrival.to_string(), cells[8], "{row}");
        count += 1;
    }
    assert!(count > 0);
}

fn directory(folder: &Path) -> Directory {
    let mut new_id = || ContactId::from_parts(1, [0; 10]);
    let (directory, _) = read_folder(folder, "england-and-wales", &mut new_id).unwrap();
    directory
}

fn agrees(folder: &Path) {
    let directory = directory(folder);
    let mut urns: Vec<Urn> = directory.schools.keys().copied().collect();
    urns.sort();
    assert!(!urns.is_empty());
    let mut questions = String::new();
    let mut answers = Vec::new();
    for urn in urns {
        let days = SchoolDays::of(&directory, Whose::school(&directory, urn));
        for (at, incident) in instants() {
            write!(questions, "{urn} {at}").unwrap();
            if let Some(incident) = incident {
                write!(questions, " {incident}").unwrap();
            }
            questions.push('\n');
            answers.push(days.deadline(at, incident));
        }
    }
    let told = ask_oracle(folder, &questions);
    let mut told = told.lines();
    for (question, answer) in questions.lines().zip(answers) {
        let line: Value = serde_json::from_str(told.next().unwrap()).unwrap();
        let instant = |name: &str| -> Timestamp { line[name].as_str().unwrap().parse().unwrap() };
        let theirs = (
            instant("due_at"),
            instant("act_by"),
            line["pupil_day"].as_str().unwrap().to_owned(),
            line["assumed"].as_bool().unwrap(),
            line["late_on_arrival"].as_bool().unwrap(),
        );
        let ours = (
            answer.due_at,
            answer.act_by,
            answer.pupil_day.to_string(),
            answer.assumed,
            answer.late_on_arrival,
        );
        assert_eq!(ours, theirs, "{}: {question}", folder.display());
    }
    assert!(told.next().is_none());
}

/// Every hour of 2024 to 2027, and an incident before it.
fn instants() -> impl Iterator<Item = (Timestamp, Option<Timestamp>)> {
    let first: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
    let incidents = INCIDENTS_BEFORE.into_iter().cycle();
    (0..HOURS).zip(incidents).map(move |(hour, before)| {
        let at = first + i64::try_from(hour).unwrap().hours();
        // The turn is moved by one each day, so that each hour of the day meets each of them.
        let skipped = i64::try_from(hour / 24).unwrap();
        let at_turn = before.map(|minutes| at - (minutes + skipped % 7).minutes());
        (at, at_turn)
    })
}

fn ask_oracle(folder: &Path, questions: &str) -> String {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(questions.as_bytes()).unwrap();
    file.rewind().unwrap();
    let output = Command::new("python3")
        .arg(oracle().join("oracle.py"))
        .arg("--directory")
        .arg(folder)
        .stdin(file)
        .output()
        .expect("python3 runs the oracle");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn oracle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deadline_oracle")
}
