//! Every hour of four years, in every calendar, and the cases worked out by hand: what
//! `firstbell deadline` prints, against an independent implementation.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Seek, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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
    let mut by_calendar: BTreeMap<&str, Vec<Vec<&str>>> = BTreeMap::new();
    for row in cases.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let cells: Vec<&str> = row.split('\t').collect();
        by_calendar.entry(cells[0]).or_default().push(cells);
    }
    assert!(by_calendar.len() > 1);
    for (calendar, rows) in by_calendar {
        let mut questions = String::new();
        for row in &rows {
            let incident = if row[3] == "-" { "" } else { row[3] };
            writeln!(questions, "{} {} {incident}", row[1], row[2]).unwrap();
        }
        let told = ask_us(&oracle().join("calendars").join(calendar), &questions);
        let told: Vec<&str> = told.lines().collect();
        assert_eq!(told.len(), rows.len());
        for (row, line) in rows.iter().zip(told) {
            let line: Value = serde_json::from_str(line).unwrap();
            let instant = |name: &str| line[name].as_str().unwrap().parse::<Timestamp>().unwrap();
            assert_eq!(instant("due_at"), row[4].parse().unwrap(), "{row:?}");
            assert_eq!(instant("act_by"), row[5].parse().unwrap(), "{row:?}");
            assert_eq!(line["pupil_day"], row[6], "{row:?}");
            assert_eq!(line["assumed"].to_string(), row[7], "{row:?}");
            assert_eq!(line["late_on_arrival"].to_string(), row[8], "{row:?}");
        }
    }
}

/// Line by line, every member but `reasons`, which the oracle does not give.
fn agrees(folder: &Path) {
    let urns = urns(folder);
    assert!(!urns.is_empty());
    let mut questions = String::new();
    for urn in &urns {
        for (at, incident) in instants() {
            write!(questions, "{urn} {at}").unwrap();
            if let Some(incident) = incident {
                write!(questions, " {incident}").unwrap();
            }
            questions.push('\n');
        }
    }
    let (ours, theirs) = (ask_us(folder, &questions), ask_oracle(folder, &questions));
    let (mut ours, mut theirs) = (ours.lines(), theirs.lines());
    for question in questions.lines() {
        // Both write their members in the interface's order, so text is enough and takes half the time.
        let (answer, reasons) = ours.next().unwrap().split_once(",\"reasons\":[").unwrap();
        assert!(reasons.len() > "]}".len(), "{question}: no reason");
        let answer = format!("{answer}}}");
        assert_eq!(
            answer,
            theirs.next().unwrap(),
            "{}: {question}",
            folder.display()
        );
    }
    assert!(ours.next().is_none() && theirs.next().is_none());
}

/// The first column of the register, whose first row names the columns.
fn urns(folder: &Path) -> Vec<String> {
    let register = std::fs::read_to_string(folder.join("schools.csv")).unwrap();
    let first = |line: &str| line.split(',').next().unwrap().trim_matches('"').to_owned();
    register.lines().skip(1).map(first).collect()
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

fn ask_us(folder: &Path, questions: &str) -> String {
    let mut firstbell = Command::new(env!("CARGO_BIN_EXE_firstbell"));
    firstbell.args(["deadline", "--json", "--batch", "--directory"]);
    ask(firstbell.arg(folder), questions)
}

#[test]
fn a_bad_line_is_told_in_its_place_and_the_others_are_answered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/directory-of-stories");
    let good = "990011 2026-11-20T18:00:00Z\n";
    let questions = format!("{good}990011 yesterday\n999999 2026-11-20T18:00:00Z\n{good}");
    let mut firstbell = Command::new(env!("CARGO_BIN_EXE_firstbell"));
    firstbell.args(["deadline", "--json", "--batch", "--directory"]);
    let output = output(firstbell.arg(&folder), &questions);
    assert_eq!(output.status.code(), Some(65));
    let told = String::from_utf8(output.stdout).unwrap();
    let told: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(told.len(), 4, "{told:?}");
    for line in [&told[0], &told[3]] {
        assert_eq!(line["due_at"], "2026-11-23T08:30:00Z");
    }
    assert_eq!((&told[1]["line"], &told[2]["line"]), (&json!(2), &json!(3)));
    assert!(told[1]["error"].as_str().unwrap().contains("RFC 3339"));
    assert!(told[2]["error"].as_str().unwrap().contains("no school"));
    assert!(!told[1].to_string().contains("yesterday"));

    let mut firstbell = Command::new(env!("CARGO_BIN_EXE_firstbell"));
    firstbell.args(["deadline", "--batch", "--directory", "/nope"]);
    let nowhere = firstbell.output().unwrap();
    assert_eq!(nowhere.status.code(), Some(74));
    let words = String::from_utf8(nowhere.stderr).unwrap();
    assert!(words.contains("/nope: "), "{words}");
    assert!(!words.contains("import"), "{words}");
}

fn ask_oracle(folder: &Path, questions: &str) -> String {
    let mut python = Command::new("python3");
    python.arg(oracle().join("oracle.py"));
    ask(python.arg("--directory").arg(folder), questions)
}

fn ask(command: &mut Command, questions: &str) -> String {
    let output = output(command, questions);
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

fn output(command: &mut Command, questions: &str) -> Output {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(questions.as_bytes()).unwrap();
    file.rewind().unwrap();
    command.stdin(file).output().expect("it can be run")
}
