//! The directory's rows, loaded: the live version in memory, and one contact with its details.

use super::Readers;
use super::directory_rows::VERSION;
use super::directory_tables::BANK;
use super::json;
use super::tx::Fault;
use crate::referral::calendar::{CalendarRow, DayHours, DayKind, Scope};
use crate::referral::directory::{ContactOf, Directory, LinkKind, Participation};
use crate::referral::id::ContactId;
use crate::referral::school::{
    Address, Contact, LaCode, Role, RouteName, School, SchoolStatus, Urn,
};
use crate::referral::tree::Tree;
use jiff::civil::{Date, Time};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

const SCHOOLS: &str = "SELECT urn, name, la_code, status, low_age, high_age, town, postcode, telephone FROM school WHERE to_version IS NULL";
const LINKS: &str =
    "SELECT urn, other, kind FROM school_link WHERE to_version IS NULL ORDER BY urn, kind, other";
const CONTACTS: &str = "SELECT o.id, o.urn, o.role, o.rank, o.route, o.detail, o.valid_from, o.valid_to, i.sealed, i.content_key, k.epoch, k.wrapped FROM contact o JOIN item i ON i.id = o.detail AND i.kind = 'contact' JOIN content_key k ON k.id = i.content_key WHERE o.to_version IS NULL";
const SUSPENDED: &str = "SELECT target FROM block WHERE what = 'contact' AND lifted_at IS NULL";
const ROWS: &str = "SELECT scope, kind, start, \"end\" AS last, source FROM calendar_row WHERE to_version IS NULL ORDER BY scope, start, kind";
const HOURS: &str =
    "SELECT scope, start, home_time, phone_from, phone_to FROM day_hours WHERE to_version IS NULL";
const PARTICIPATIONS: &str =
    "SELECT urn, signed_up_on, agreement FROM participation WHERE to_version IS NULL";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    SCHOOLS,
    LINKS,
    CONTACTS,
    SUSPENDED,
    ROWS,
    HOURS,
    PARTICIPATIONS,
];

/// Reads a contact's row with its details' item and key, and opens them.
pub(super) fn read_contact(
    readers: &Readers,
    row: &SqliteRow,
) -> Result<(ContactOf, Contact), Fault> {
    let damaged = || Fault::Damaged("a contact");
    let id: String = row.try_get("id")?;
    let item: String = row.try_get("detail")?;
    let bytes = readers.opened(&item, "contact", row)?;
    let detail = json::parse(&bytes).ok_or_else(damaged)?;
    let text = |name: &str| match detail.get(name) {
        Some(Tree::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let day = |text: Option<String>| text.and_then(|text| text.parse::<Date>().ok());
    let whose: String = row.try_get("urn")?;
    let whose = match whose.strip_prefix("la:") {
        Some(code) => LaCode::parse(code).map(ContactOf::Authority),
        None => Urn::parse(&whose).map(ContactOf::School),
    };
    let role: String = row.try_get("role")?;
    let route: String = row.try_get("route")?;
    let contact = Contact {
        id: ContactId::parse(&id).map_err(|_| damaged())?,
        role: Role::parse(&role).ok_or_else(damaged)?,
        rank: row.try_get("rank")?,
        name: text("name").ok_or_else(damaged)?,
        address: text("address")
            .and_then(|a| Address::parse(&a))
            .ok_or_else(damaged)?,
        route: RouteName::parse(&route).ok_or_else(damaged)?,
        phone: text("phone"),
        valid_from: day(row.try_get("valid_from")?),
        valid_to: day(row.try_get("valid_to")?),
        nudge_to: text("nudge_to").and_then(|address| Address::parse(&address)),
        mobile: text("mobile"),
        phone_from: text("phone_from").and_then(|time| time.parse().ok()),
        phone_to: text("phone_to").and_then(|time| time.parse().ok()),
        holidays: detail.get("holidays") == Some(&Tree::Bool(true)),
        word_hash: text("word_hash"),
        briefed_on: day(text("briefed_on")),
    };
    Ok((whose.ok_or_else(damaged)?, contact))
}

/// Loads the contacts whose address is suspended.
async fn load_suspended(
    connection: &mut SqliteConnection,
    directory: &mut Directory,
) -> Result<(), Fault> {
    for row in sqlx::query(SUSPENDED).fetch_all(&mut *connection).await? {
        let id: String = row.try_get("target")?;
        let id = ContactId::parse(&id).map_err(|_| Fault::Damaged("a suspension"))?;
        directory.suspended.insert(id);
    }
    Ok(())
}

/// Loads the live version.
pub(super) async fn load(readers: &Readers) -> Result<Directory, Fault> {
    let mut connection = readers.pool.acquire().await?;
    let version = sqlx::query(VERSION)
        .fetch_optional(&mut *connection)
        .await?;
    let version: i64 = version
        .map(|row| row.try_get("n"))
        .transpose()?
        .unwrap_or(0);
    let mut directory = Directory {
        version: u32::try_from(version).unwrap_or(0),
        ..Directory::default()
    };
    for row in sqlx::query(SCHOOLS).fetch_all(&mut *connection).await? {
        let school = read_school(&row)?;
        directory.schools.insert(school.urn, school);
    }
    for row in sqlx::query(LINKS).fetch_all(&mut *connection).await? {
        let kind: String = row.try_get("kind")?;
        let kind = if kind == "successor" {
            LinkKind::Successor
        } else {
            LinkKind::Predecessor
        };
        let link = (kind, urn(row.try_get("other")?)?);
        directory
            .links
            .entry(urn(row.try_get("urn")?)?)
            .or_default()
            .push(link);
    }
    for row in sqlx::query(CONTACTS).fetch_all(&mut *connection).await? {
        let (whose, contact) = read_contact(readers, &row)?;
        directory.contacts.entry(whose).or_default().push(contact);
    }
    for contacts in directory.contacts.values_mut() {
        contacts.sort_by_key(|contact| (contact.role, contact.rank, contact.id));
    }
    load_suspended(&mut connection, &mut directory).await?;
    load_calendars(&mut connection, &mut directory).await?;
    for row in sqlx::query(PARTICIPATIONS)
        .fetch_all(&mut *connection)
        .await?
    {
        let day: String = row.try_get("signed_up_on")?;
        let signed_up_on = day.parse().map_err(|_| Fault::Damaged("a participation"))?;
        let participation = Participation {
            signed_up_on,
            agreement: row.try_get("agreement")?,
        };
        directory
            .participation
            .insert(urn(row.try_get("urn")?)?, participation);
    }
    Ok(directory)
}

async fn load_calendars(
    connection: &mut SqliteConnection,
    directory: &mut Directory,
) -> Result<(), Fault> {
    let damaged = || Fault::Damaged("a calendar row");
    let date = |text: String| text.parse::<Date>().map_err(|_| damaged());
    for row in sqlx::query(ROWS).fetch_all(&mut *connection).await? {
        let scope: String = row.try_get("scope")?;
        let start = date(row.try_get("start")?)?;
        if scope == BANK {
            directory.bank_holidays.insert(start);
            continue;
        }
        let kind: String = row.try_get("kind")?;
        let scope = Scope::parse(&scope).ok_or_else(damaged)?;
        let row = CalendarRow {
            scope,
            kind: DayKind::parse(&kind).ok_or_else(damaged)?,
            start,
            end: date(row.try_get("last")?)?,
            source: row.try_get("source")?,
        };
        directory.calendars.entry(scope).or_default().push(row);
    }
    for row in sqlx::query(HOURS).fetch_all(&mut *connection).await? {
        let scope: String = row.try_get("scope")?;
        let time = |name: &str| -> Result<Time, Fault> {
            row.try_get::<String, _>(name)?
                .parse()
                .map_err(|_| damaged())
        };
        let hours = DayHours {
            start: time("start")?,
            home_time: time("home_time")?,
            phone_from: time("phone_from")?,
            phone_to: time("phone_to")?,
        };
        directory
            .hours
            .insert(Scope::parse(&scope).ok_or_else(damaged)?, hours);
    }
    Ok(())
}

fn read_school(row: &SqliteRow) -> Result<School, Fault> {
    let la_code: Option<String> = row.try_get("la_code")?;
    let status: String = row.try_get("status")?;
    Ok(School {
        urn: urn(row.try_get("urn")?)?,
        name: row.try_get("name")?,
        la_code: la_code.as_deref().and_then(LaCode::parse),
        status: match status.as_str() {
            "open" => SchoolStatus::Open,
            "closed" => SchoolStatus::Closed,
            _ => SchoolStatus::Proposed,
        },
        low_age: row.try_get("low_age")?,
        high_age: row.try_get("high_age")?,
        town: row.try_get("town")?,
        postcode: row.try_get("postcode")?,
        telephone: row.try_get("telephone")?,
    })
}

fn urn(text: String) -> Result<Urn, Fault> {
    Urn::parse(&text).ok_or(Fault::Damaged("a URN"))
}
