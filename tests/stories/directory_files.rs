//! Folders of directory files: each case under `tests/data/directory` holds the files and, in
//! `expected.txt`, what reading them says. A new case is a new folder.

use firstbell::directory::finding::{FileFault, Warning};
use firstbell::directory::{read_folder, read_term_dates};
use firstbell::referral::calendar::Scope;
use firstbell::referral::directory::{ContactOf, Directory, LinkKind};
use firstbell::referral::id::ContactId;
use firstbell::referral::school::{LaCode, Role, SchoolStatus, Urn};
use jiff::civil::date;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const DIVISION: &str = "england-and-wales";

#[test]
fn every_folder_reads_as_expected() {
    let cases = data().join("directory");
    let mut names: Vec<PathBuf> = std::fs::read_dir(&cases)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    names.sort();
    assert!(!names.is_empty());
    let mut wrong = String::new();
    for case in names {
        let expected = std::fs::read_to_string(case.join("expected.txt")).unwrap();
        let said = account(&case);
        if said != expected {
            writeln!(
                wrong,
                "{}\nexpected:\n{expected}\nsaid:\n{said}",
                case.display()
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_good_folder_becomes_a_directory() {
    let (directory, _) = read(&data().join("directory/good")).unwrap();
    let urn = Urn::parse("990011").unwrap();
    let school = &directory.schools[&urn];
    assert_eq!(school.name, "St Mary\u{2019}s C of E Primary School");
    assert_eq!(school.la_code, LaCode::parse("881"));
    assert_eq!((school.low_age, school.high_age), (Some(4), Some(11)));
    assert_eq!(school.telephone.as_deref(), Some("01245 000011"));
    let closed = Urn::parse("990012").unwrap();
    assert_eq!(directory.schools[&closed].status, SchoolStatus::Closed);
    assert_eq!(directory.links[&closed], [(LinkKind::Successor, urn)]);
    let nursery = Urn::parse("9900131").unwrap();
    assert_eq!(directory.schools[&nursery].status, SchoolStatus::Open);

    let contacts = directory.contacts_of(ContactOf::School(urn));
    let order: Vec<_> = contacts.iter().map(|c| (c.role, c.rank)).collect();
    assert_eq!(
        order,
        [
            (Role::KeyAdult, 1),
            (Role::Deputy, 1),
            (Role::Deputy, 2),
            (Role::Office, 1)
        ]
    );
    assert_eq!(contacts[0].name, "Zo\u{EB} O\u{2019}Brien");
    assert_eq!(contacts[0].valid_from, Some(date(2026, 9, 1)));
    assert!(contacts[0].holidays && !contacts[1].holidays);
    let authority = ContactOf::Authority(LaCode::parse("881").unwrap());
    assert_eq!(directory.contacts_of(authority).len(), 1);

    let terms = directory.calendar(Scope::parse("la:881").unwrap());
    assert!(terms.is_sorted_by_key(|row| row.start) && terms.len() == 3);
    assert_eq!(
        directory.hours_of(urn, None).start,
        jiff::civil::time(8, 45, 0, 0)
    );
    assert!(directory.bank_holidays.contains(&date(2026, 12, 25)));
    assert_eq!(directory.participation[&urn].agreement, "SET 2020");
}

#[test]
fn published_registers_of_all_three_layouts_are_read() {
    let Some(corpora) = corpora() else { return };
    for (file, schools) in [
        ("gias-120-columns.csv", 19),
        ("gias-133-columns.csv", 4),
        ("gias-140-columns.csv", 60),
    ] {
        let dir = tempfile::tempdir().unwrap();
        for (from, to) in [
            (file, "schools.csv"),
            ("gias-links.csv", "schools-links.csv"),
            ("bank-holidays.json", "bank-holidays.json"),
        ] {
            std::fs::copy(corpora.join("uk").join(from), dir.path().join(to)).unwrap();
        }
        let (directory, _) = read(dir.path()).unwrap_or_else(|faults| panic!("{file}: {faults:?}"));
        assert_eq!(directory.schools.len(), schools, "{file}");
        assert_eq!(
            directory.links.values().map(Vec::len).sum::<usize>(),
            56,
            "{file}"
        );
        assert!(directory.bank_holidays.contains(&date(2026, 12, 28)));
        let numbers = directory
            .schools
            .values()
            .filter_map(|s| s.telephone.as_ref());
        assert!(
            numbers
                .clone()
                .all(|number| number.bytes().any(|b| b.is_ascii_digit()))
        );
        assert!(numbers.count() > 0, "{file}");
    }
}

#[test]
fn published_term_dates_are_read_once_they_name_a_scope() {
    let Some(corpora) = corpora() else { return };
    let published = std::fs::read_to_string(corpora.join("uk/term-dates.csv")).unwrap();
    let mut converted = String::from("scope,academic_year,kind,start,end,source\n");
    let mut rows = 0;
    for line in published.lines().skip(1) {
        let mut cells = line.split(',');
        let (whose, codes) = (cells.next().unwrap(), cells.next().unwrap());
        // Quoted cells stand at the end only; a school of its own has no URN there.
        let rest: Vec<&str> = cells.collect();
        if whose.contains("Academy") || whose.contains("School") || whose.starts_with('"') {
            continue;
        }
        for code in codes.split('|') {
            writeln!(converted, "la:{code},{}", rest.join(",")).unwrap();
            rows += 1;
        }
    }
    assert!(rows > 20);
    let (read, _) = read_term_dates("term-dates.csv", converted.into_bytes()).unwrap();
    assert_eq!(read.len(), rows);
}

/// What reading a folder says, a line each: its faults, or its warnings.
fn account(dir: &Path) -> String {
    let lines: Vec<String> = match read(dir) {
        Ok((_, warnings)) => warnings.iter().map(|w| format!("warning: {w}")).collect(),
        Err(faults) => faults.iter().map(|f| format!("fault: {f}")).collect(),
    };
    lines.into_iter().map(|line| line + "\n").collect()
}

fn read(dir: &Path) -> Result<(Directory, Vec<Warning>), Vec<FileFault>> {
    let mut made = 0;
    read_folder(dir, DIVISION, &mut || {
        made += 1;
        ContactId::from_parts(made, [0; 10])
    })
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// The folder of real data. Set but absent is a mistake; not set means it is not to be had here.
fn corpora() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("FIRSTBELL_CORPORA") else {
        eprintln!("skipped: FIRSTBELL_CORPORA is not set");
        return None;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    assert!(
        folder.is_dir(),
        "FIRSTBELL_CORPORA is set and names no folder"
    );
    Some(folder)
}
