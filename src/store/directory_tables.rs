//! The directory's tables that stand in clear: the rows of a version, and which of them change from
//! one version to the next. Contacts are apart: their details are sealed.

use super::tx::{Fault, Tx};
use crate::referral::calendar::{CalendarRow, DayHours, Scope};
use crate::referral::directory::Directory;
use crate::referral::names::name_key;
use crate::referral::school::{School, SchoolStatus};
use crate::referral::tree::Tree;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// One table: how its rows are named, read from a directory, ended and added.
struct Table {
    /// The word in change lists.
    entity: &'static str,
    /// So many cells, from the first, name a row.
    key: usize,
    rows: fn(&Directory) -> Vec<Vec<Tree>>,
    /// $1 is the version, then the key.
    end: &'static str,
    /// $1 is the version, then every cell.
    add: &'static str,
}

const TABLES: [Table; 5] = [
    Table {
        entity: "school",
        key: 1,
        rows: |directory| directory.schools.values().map(school).collect(),
        end: "UPDATE school SET to_version = $1 WHERE urn = $2 AND to_version IS NULL",
        add: "INSERT INTO school(from_version, urn, name, la_code, status, low_age, high_age, town, postcode, telephone, name_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    },
    Table {
        entity: "school_link",
        key: 3,
        rows: links,
        end: "UPDATE school_link SET to_version = $1 WHERE urn = $2 AND other = $3 AND kind = $4 AND to_version IS NULL",
        add: "INSERT INTO school_link(from_version, urn, other, kind) VALUES ($1, $2, $3, $4)",
    },
    Table {
        entity: "calendar_row",
        key: 4,
        rows: calendar_rows,
        end: "UPDATE calendar_row SET to_version = $1 WHERE scope = $2 AND kind = $3 AND start = $4 AND \"end\" = $5 AND to_version IS NULL",
        add: "INSERT INTO calendar_row(from_version, scope, kind, start, \"end\", source) VALUES ($1, $2, $3, $4, $5, $6)",
    },
    Table {
        entity: "day_hours",
        key: 1,
        rows: |directory| directory.hours.iter().map(hours).collect(),
        end: "UPDATE day_hours SET to_version = $1 WHERE scope = $2 AND to_version IS NULL",
        add: "INSERT INTO day_hours(from_version, scope, start, home_time, phone_from, phone_to) VALUES ($1, $2, $3, $4, $5, $6)",
    },
    Table {
        entity: "participation",
        key: 1,
        rows: participation,
        end: "UPDATE participation SET to_version = $1 WHERE urn = $2 AND to_version IS NULL",
        add: "INSERT INTO participation(from_version, urn, signed_up_on, agreement) VALUES ($1, $2, $3, $4)",
    },
];

#[cfg(test)]
pub(super) fn statements() -> Vec<&'static str> {
    let both = |table: &Table| [table.end, table.add];
    TABLES.iter().flat_map(both).collect()
}

/// Scope of bank holidays among calendar rows.
pub(super) const BANK: &str = "bank";

/// One line of a change list: a row that begins, or none where one ended without a successor.
pub(super) fn change(entity: &str, key: &[Tree], row: Option<&[Tree]>) -> Tree {
    let list = |cells: &[Tree]| Tree::List(cells.to_vec());
    let members = [
        ("entity", Tree::Text(entity.to_owned())),
        ("key", list(key)),
        ("row", row.map_or(Tree::Null, list)),
    ];
    let owned = |(name, value): (&str, Tree)| (name.to_owned(), value);
    Tree::Map(members.into_iter().map(owned).collect())
}

/// Ends the rows of `live` that `next` does not have and adds those that are new in it, with the
/// change list of it all: in the order of tables, then keys.
pub(super) async fn save_changes(
    tx: &mut Tx<'_>,
    live: &Directory,
    next: &Directory,
    version: i64,
) -> Result<Vec<Tree>, Fault> {
    let mut changes = Vec::new();
    for table in &TABLES {
        let (before, after) = (keyed(table, live), keyed(table, next));
        for (name, row) in &before {
            let successor = after.get(name);
            if successor == Some(row) {
                continue;
            }
            let key = row.get(..table.key).unwrap_or_default();
            write(tx, table.end, version, key).await?;
            if successor.is_none() {
                changes.push(change(table.entity, key, None));
            }
        }
        for (name, row) in &after {
            if before.get(name) != Some(row) {
                let key = row.get(..table.key).unwrap_or_default();
                write(tx, table.add, version, row).await?;
                changes.push(change(table.entity, key, Some(row)));
            }
        }
    }
    Ok(changes)
}

/// A table's rows by their key. Of two with one key the first counts, as in the file.
fn keyed(table: &Table, directory: &Directory) -> BTreeMap<Vec<String>, Vec<Tree>> {
    let mut keyed = BTreeMap::new();
    for row in (table.rows)(directory) {
        let name = row.iter().take(table.key);
        let name = name.map(|cell| cell.as_text().unwrap_or_default().to_owned());
        keyed.entry(name.collect()).or_insert(row);
    }
    keyed
}

async fn write(
    tx: &mut Tx<'_>,
    statement: &'static str,
    version: i64,
    cells: &[Tree],
) -> Result<(), Fault> {
    let mut query = sqlx::query(statement).bind(version);
    for cell in cells {
        query = match cell {
            Tree::Whole(number) => query.bind(*number),
            Tree::Text(text) => query.bind(text.clone()),
            Tree::Null => query.bind(None::<String>),
            Tree::Bool(_) | Tree::Number(_) | Tree::List(_) | Tree::Map(_) => {
                return Err(Fault::Damaged("a cell of the directory"));
            }
        };
    }
    query.execute(tx.flushed().await?).await?;
    Ok(())
}

pub(super) fn text(value: impl ToString) -> Tree {
    Tree::Text(value.to_string())
}

pub(super) fn optional(value: Option<impl ToString>) -> Tree {
    value.map_or(Tree::Null, text)
}

fn school(school: &School) -> Vec<Tree> {
    let age = |age: Option<u8>| age.map_or(Tree::Null, |age| Tree::Whole(i64::from(age)));
    vec![
        text(school.urn),
        text(&school.name),
        optional(school.la_code),
        text(match school.status {
            SchoolStatus::Open => "open",
            SchoolStatus::Closed => "closed",
            SchoolStatus::Proposed => "proposed",
        }),
        age(school.low_age),
        age(school.high_age),
        optional(school.town.as_ref()),
        optional(school.postcode.as_ref()),
        optional(school.telephone.as_ref()),
        text(name_key(&school.name)),
    ]
}

fn links(directory: &Directory) -> Vec<Vec<Tree>> {
    let of_all = directory.links.iter();
    let rows = of_all.flat_map(|(urn, links)| {
        links
            .iter()
            .map(move |(kind, other)| vec![text(urn), text(other), text(kind.word())])
    });
    rows.collect()
}

fn calendar_rows(directory: &Directory) -> Vec<Vec<Tree>> {
    let row = |row: &CalendarRow| {
        vec![
            text(row.scope),
            text(row.kind.word()),
            text(row.start),
            text(row.end),
            text(&row.source),
        ]
    };
    let holiday = |date: &Date| {
        let (scope, kind, source) = (text(BANK), text("bank-holiday"), text("GOV.UK"));
        vec![scope, kind, text(date), text(date), source]
    };
    let rows = directory.calendars.values().flatten().map(row);
    rows.chain(directory.bank_holidays.iter().map(holiday))
        .collect()
}

fn hours((scope, hours): (&Scope, &DayHours)) -> Vec<Tree> {
    vec![
        text(scope),
        text(hours.start),
        text(hours.home_time),
        text(hours.phone_from),
        text(hours.phone_to),
    ]
}

fn participation(directory: &Directory) -> Vec<Vec<Tree>> {
    let schools = directory.participation.iter();
    let rows = schools.map(|(urn, signed)| {
        vec![
            text(urn),
            text(signed.signed_up_on),
            text(&signed.agreement),
        ]
    });
    rows.collect()
}
