//! Directory files: what a force and its schools know, read into the [`Directory`] that letters are
//! routed by. Formats: `interfaces.md`, "Directory files".
//!
//! All or nothing: every fault of every file is found, with file, line and column, and one fault
//! refuses them all. No message holds a cell's words: they may be somebody's name or address.

pub mod finding;

mod calendars;
mod cell;
mod contacts;
mod mailbox;
mod records;
mod register;
mod source;
mod table;

use crate::referral::calendar::{CalendarRow, Scope};
use crate::referral::directory::Directory;
use crate::referral::id::ContactId;
use finding::{FileFault, Findings, Place, Warning};
use source::{LOCAL_BYTES_MAX, REGISTER_BYTES_MAX, Source};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// The GIAS extract; the only file that must be there.
const SCHOOLS: &str = "schools.csv";
const SCHOOLS_EXTRA: &str = "schools-extra.csv";
const LINKS: &str = "schools-links.csv";
const CONTACTS: &str = "contacts.csv";
const PARTICIPATION: &str = "participation.csv";
const TERM_DATES: &str = "term-dates.csv";
const DAY_STARTS: &str = "day-starts.csv";
const BANK_HOLIDAYS: &str = "bank-holidays.json";

const FILES: [&str; 8] = [
    SCHOOLS,
    SCHOOLS_EXTRA,
    LINKS,
    CONTACTS,
    PARTICIPATION,
    TERM_DATES,
    DAY_STARTS,
    BANK_HOLIDAYS,
];

/// Files without which a directory can be read but is hardly meant, and what their absence means.
const MISSED: [(&str, &str); 3] = [
    (CONTACTS, "not there: no letter can be sent to anybody"),
    (TERM_DATES, "not there: every weekday counts as a pupil day"),
    (
        BANK_HOLIDAYS,
        "not there: bank holidays count as pupil days",
    ),
];

/// Reads a folder of directory files. `division` is that of the bank holidays
/// (`england-and-wales`); `new_id` makes each contact's identity. The directory's version is 0: who
/// stores it gives it one.
///
/// # Errors
/// Every fault of every file, in the order of the files.
pub fn read_folder(
    dir: &Path,
    division: &str,
    new_id: &mut dyn FnMut() -> ContactId,
) -> Result<(Directory, Vec<Warning>), Vec<FileFault>> {
    let mut findings = Findings::default();
    let mut directory = Directory::default();
    warn_of_other_files(dir, &mut findings);

    read_register(dir, &mut directory, &mut findings);
    // Without a whole register every URN would look unknown.
    let register_known = findings.faults.is_empty();

    let read = |name: &'static str, findings: &mut Findings| {
        let source = Source::read(dir, name, LOCAL_BYTES_MAX, findings);
        let missed = MISSED.into_iter().find(|(file, _)| *file == name);
        if let (Ok(None), Some((file, note))) = (&source, missed) {
            findings.warn(Place::file(file), note);
        }
        source.ok().flatten()
    };
    if let Some(source) = read(CONTACTS, &mut findings) {
        let schools = register_known.then_some(&directory.schools);
        directory.contacts = contacts::read_contacts(&source, schools, new_id, &mut findings);
    }
    if let Some(source) = read(PARTICIPATION, &mut findings) {
        let schools = register_known.then_some(&directory.schools);
        directory.participation = register::read_participation(&source, schools, &mut findings);
    }
    contacts::warn_of_single_contacts(CONTACTS, &directory, &mut findings);
    if let Some(source) = read(TERM_DATES, &mut findings) {
        let rows = calendars::read_term_dates(&source, &mut findings);
        directory.calendars = by_scope(rows);
    }
    if let Some(source) = read(DAY_STARTS, &mut findings) {
        directory.hours = calendars::read_day_starts(&source, &mut findings);
    }
    if let Some(source) = read(BANK_HOLIDAYS, &mut findings) {
        directory.bank_holidays = calendars::read_bank_holidays(&source, division, &mut findings);
    }
    if register_known {
        warn_of_unknown_scopes(&directory, &mut findings);
    }
    findings.into_result(directory)
}

/// Reads one file of term dates, for `calendar import`. `name` is how faults call it.
///
/// # Errors
/// Every fault of the file.
pub fn read_term_dates(
    name: &str,
    bytes: Vec<u8>,
) -> Result<(Vec<CalendarRow>, Vec<Warning>), Vec<FileFault>> {
    let mut findings = Findings::default();
    let rows = Source::new(name, bytes, LOCAL_BYTES_MAX, &mut findings)
        .map(|source| calendars::read_term_dates(&source, &mut findings))
        .unwrap_or_default();
    findings.into_result(rows)
}

fn read_register(dir: &Path, directory: &mut Directory, findings: &mut Findings) {
    match Source::read(dir, SCHOOLS, REGISTER_BYTES_MAX, findings) {
        Ok(Some(source)) => directory.schools = register::read_schools(&source, findings),
        Ok(None) => findings.fault(Place::file(SCHOOLS), "a GIAS extract of this name"),
        Err(source::Unreadable) => {}
    }
    if let Ok(Some(source)) = Source::read(dir, SCHOOLS_EXTRA, LOCAL_BYTES_MAX, findings) {
        register::read_schools_extra(&source, &mut directory.schools, findings);
    }
    if let Ok(Some(source)) = Source::read(dir, LINKS, REGISTER_BYTES_MAX, findings) {
        directory.links = register::read_links(&source, findings);
    }
}

fn by_scope(rows: Vec<CalendarRow>) -> HashMap<Scope, Vec<CalendarRow>> {
    let mut calendars: HashMap<Scope, Vec<CalendarRow>> = HashMap::new();
    for row in rows {
        calendars.entry(row.scope).or_default().push(row);
    }
    for rows in calendars.values_mut() {
        rows.sort_by_key(|row| (row.start, row.end));
    }
    calendars
}

/// A mistyped file name (`term_dates.csv`) would otherwise be passed over in silence.
fn warn_of_other_files(dir: &Path, findings: &mut Findings) {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut others: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".csv") || name.ends_with(".json"))
        .filter(|name| !FILES.contains(&name.as_str()))
        .collect();
    others.sort_unstable();
    for name in others {
        findings.warn(Place::file(&name), "not a directory file's name: not read");
    }
}

fn warn_of_unknown_scopes(directory: &Directory, findings: &mut Findings) {
    let unknown = |scope: &&Scope| match scope {
        Scope::School(urn) => !directory.schools.contains_key(urn),
        Scope::Authority(_) => false,
    };
    let in_calendars: BTreeSet<&Scope> = directory.calendars.keys().filter(unknown).collect();
    let in_hours: BTreeSet<&Scope> = directory.hours.keys().filter(unknown).collect();
    for (file, scopes) in [(TERM_DATES, in_calendars), (DAY_STARTS, in_hours)] {
        for scope in scopes {
            let note = format!("{scope} is not in the register");
            findings.warn(Place::file(file), note);
        }
    }
}
