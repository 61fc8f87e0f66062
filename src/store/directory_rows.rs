//! The directory's rows: one version saved whole, one version loaded into memory.
//!
//! Names, addresses and numbers of contacts are sealed; the rest is what the register publishes.

use super::json;
use super::tx::{By, Fault, Stream, Tx, sha256};
use crate::referral::directory::{ContactOf, Directory};
use crate::referral::fact::Fact;
use crate::referral::field::Digest;
use crate::referral::id::ProposalId;
use crate::referral::names::name_key;
use crate::referral::school::{Contact, SchoolStatus};
use crate::referral::tree::Tree;
use sqlx::Row;

pub(super) const VERSION: &str = "SELECT n, digest FROM directory_version ORDER BY n DESC LIMIT 1";
const PROPOSAL_ADD: &str = "INSERT INTO proposal(id, at, by_whom, base_version, state) VALUES ($1, $2, $3, $4, 'approved')";
const VERSION_ADD: &str = "INSERT INTO directory_version(n, proposal, live_at, proposed_by, digest) VALUES ($1, $2, $3, $4, $5)";
const VERSION_SAVE: &str = "UPDATE store SET directory_version = $1 WHERE one = 1";
const REFERRALS: &str = "SELECT COUNT(*) FROM referral";
const END: [&str; 7] = [
    "UPDATE school SET to_version = $1 WHERE to_version IS NULL",
    "UPDATE school_link SET to_version = $1 WHERE to_version IS NULL",
    "UPDATE contact SET to_version = $1 WHERE to_version IS NULL",
    "UPDATE calendar_row SET to_version = $1 WHERE to_version IS NULL",
    "UPDATE day_hours SET to_version = $1 WHERE to_version IS NULL",
    "UPDATE participation SET to_version = $1 WHERE to_version IS NULL",
    "UPDATE proposal SET state = 'stale' WHERE base_version < $1 AND state = 'open'",
];
const SCHOOL_ADD: &str = "INSERT INTO school(urn, from_version, name, name_key, la_code, status, low_age, high_age, town, postcode, telephone) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const LINK_ADD: &str = "INSERT INTO school_link(urn, other, kind, from_version) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
const CONTACT_ADD: &str = "INSERT INTO contact(id, urn, from_version, role, rank, route, address_digest, detail, valid_from, valid_to) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const ROW_ADD: &str = "INSERT INTO calendar_row(scope, kind, start, \"end\", source, from_version) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
const HOURS_ADD: &str = "INSERT INTO day_hours(scope, start, home_time, phone_from, phone_to, from_version) VALUES ($1, $2, $3, $4, $5, $6)";
const PARTICIPATION_ADD: &str =
    "INSERT INTO participation(urn, signed_up_on, agreement, from_version) VALUES ($1, $2, $3, $4)";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    VERSION,
    PROPOSAL_ADD,
    VERSION_ADD,
    VERSION_SAVE,
    REFERRALS,
    SCHOOL_ADD,
    LINK_ADD,
    CONTACT_ADD,
    ROW_ADD,
    HOURS_ADD,
    PARTICIPATION_ADD,
];

/// Scope and kind of bank holidays among calendar rows.
pub(super) const BANK: &str = "bank";

/// Saves a directory as the next version, live at once. One person may do that only while nothing
/// has been accepted: after that, widening needs two (`design.md`).
pub(super) async fn import(
    tx: &mut Tx<'_>,
    mut directory: Directory,
    operator: &str,
) -> Result<Option<Directory>, Fault> {
    let accepted = sqlx::query(REFERRALS)
        .fetch_one(&mut *tx.connection)
        .await?;
    if accepted.try_get::<i64, _>(0)? > 0 {
        return Ok(None);
    }
    let last = sqlx::query(VERSION)
        .fetch_optional(&mut *tx.connection)
        .await?;
    let (base, previous): (i64, Vec<u8>) = match last {
        Some(row) => (row.try_get("n")?, row.try_get("digest")?),
        None => (0, vec![0; 32]),
    };
    let version = base + 1;
    for statement in END {
        sqlx::query(statement)
            .bind(version)
            .execute(&mut *tx.connection)
            .await?;
    }
    let vault = tx.state.vault.clone();
    let address =
        |contact: &Contact| Digest(vault.blind("address", &[contact.address.folded().as_bytes()]));
    let listing = json::canonical(&listing(&directory, &address));
    let digest = sha256(&[previous, listing].concat());
    let proposal = tx.new_id(ProposalId::from_parts)?.to_string();
    let at = tx.now.as_microsecond();
    sqlx::query(PROPOSAL_ADD)
        .bind(&proposal)
        .bind(at)
        .bind(operator)
        .bind(base)
        .execute(&mut *tx.connection)
        .await?;
    sqlx::query(VERSION_ADD)
        .bind(version)
        .bind(&proposal)
        .bind(at)
        .bind(operator)
        .bind(digest.as_slice())
        .execute(&mut *tx.connection)
        .await?;
    sqlx::query(VERSION_SAVE)
        .bind(version)
        .execute(&mut *tx.connection)
        .await?;
    directory.version = u32::try_from(version).unwrap_or(u32::MAX);
    save_schools(tx, &directory, version).await?;
    save_contacts(tx, &directory, version).await?;
    save_calendars(tx, &directory, version).await?;
    let by = By {
        actor: format!("operator:{operator}"),
        force: None,
        basis: tx.basis(None).await?,
    };
    let fact = Fact::DirectoryApproved {
        version: directory.version,
        digest: Digest(digest),
        schools: u32::try_from(directory.schools.len()).unwrap_or(u32::MAX),
        contacts: u32::try_from(directory.contacts.values().map(Vec::len).sum::<usize>())
            .unwrap_or(u32::MAX),
    };
    let mut stream = Stream {
        name: "directory".to_owned(),
        count: version - 1,
    };
    tx.append(&mut stream, &fact, &by, None).await?;
    Ok(Some(directory))
}

async fn save_schools(tx: &mut Tx<'_>, directory: &Directory, version: i64) -> Result<(), Fault> {
    for school in directory.schools.values() {
        sqlx::query(SCHOOL_ADD)
            .bind(school.urn.to_string())
            .bind(version)
            .bind(&school.name)
            .bind(name_key(&school.name))
            .bind(school.la_code.map(|code| code.to_string()))
            .bind(status_word(school.status))
            .bind(school.low_age.map(i64::from))
            .bind(school.high_age.map(i64::from))
            .bind(&school.town)
            .bind(&school.postcode)
            .bind(&school.telephone)
            .execute(&mut *tx.connection)
            .await?;
    }
    for (urn, links) in &directory.links {
        for (kind, other) in links {
            sqlx::query(LINK_ADD)
                .bind(urn.to_string())
                .bind(other.to_string())
                .bind(kind.word())
                .bind(version)
                .execute(&mut *tx.connection)
                .await?;
        }
    }
    for (urn, participation) in &directory.participation {
        sqlx::query(PARTICIPATION_ADD)
            .bind(urn.to_string())
            .bind(participation.signed_up_on.to_string())
            .bind(&participation.agreement)
            .bind(version)
            .execute(&mut *tx.connection)
            .await?;
    }
    Ok(())
}

async fn save_contacts(tx: &mut Tx<'_>, directory: &Directory, version: i64) -> Result<(), Fault> {
    for (whose, contacts) in &directory.contacts {
        let whose = match whose {
            ContactOf::School(urn) => urn.to_string(),
            ContactOf::Authority(code) => format!("la:{code}"),
        };
        for contact in contacts {
            let key = tx.new_content_key("contact").await?;
            let id = contact.id.to_string();
            let detail = json::canonical(&detail(contact));
            let (item, _) = tx.new_item(&key, "contact", &id, &detail).await?;
            let folded = contact.address.folded();
            let digest = tx.state.vault.blind("address", &[folded.as_bytes()]);
            sqlx::query(CONTACT_ADD)
                .bind(id)
                .bind(&whose)
                .bind(version)
                .bind(contact.role.word())
                .bind(i64::from(contact.rank))
                .bind(contact.route.as_str())
                .bind(digest.as_slice())
                .bind(item.to_string())
                .bind(contact.valid_from.map(|date| date.to_string()))
                .bind(contact.valid_to.map(|date| date.to_string()))
                .execute(&mut *tx.connection)
                .await?;
        }
    }
    Ok(())
}

async fn save_calendars(tx: &mut Tx<'_>, directory: &Directory, version: i64) -> Result<(), Fault> {
    let rows = directory.calendars.values().flatten().map(|row| {
        let days = (row.start.to_string(), row.end.to_string());
        (
            row.scope.to_string(),
            row.kind.word(),
            days,
            row.source.clone(),
        )
    });
    let holidays = directory.bank_holidays.iter().map(|date| {
        let day = date.to_string();
        (
            BANK.to_owned(),
            "bank-holiday",
            (day.clone(), day),
            "GOV.UK".to_owned(),
        )
    });
    for (scope, kind, (start, end), source) in rows.chain(holidays) {
        sqlx::query(ROW_ADD)
            .bind(scope)
            .bind(kind)
            .bind(start)
            .bind(end)
            .bind(source)
            .bind(version)
            .execute(&mut *tx.connection)
            .await?;
    }
    for (scope, hours) in &directory.hours {
        sqlx::query(HOURS_ADD)
            .bind(scope.to_string())
            .bind(hours.start.to_string())
            .bind(hours.home_time.to_string())
            .bind(hours.phone_from.to_string())
            .bind(hours.phone_to.to_string())
            .bind(version)
            .execute(&mut *tx.connection)
            .await?;
    }
    Ok(())
}

/// Everything the version says in clear, in one order: what its digest is taken over. Contacts
/// stand with id, role, rank, route and a blind digest of the address; their details are sealed.
fn listing(directory: &Directory, address: &dyn Fn(&Contact) -> Digest) -> Tree {
    let text = |value: String| Tree::Text(value);
    let mut lines: Vec<String> = Vec::new();
    for school in directory.schools.values() {
        let la = school
            .la_code
            .map(|code| code.to_string())
            .unwrap_or_default();
        lines.push(format!(
            "school|{}|{}|{la}|{}",
            school.urn,
            status_word(school.status),
            school.name
        ));
    }
    for (whose, contacts) in &directory.contacts {
        for contact in contacts {
            let (id, role, rank) = (contact.id, contact.role.word(), contact.rank);
            let (route, address) = (&contact.route, address(contact));
            lines.push(format!(
                "contact|{whose:?}|{id}|{role}|{rank}|{route}|{address}"
            ));
        }
    }
    for row in directory.calendars.values().flatten() {
        lines.push(format!(
            "day|{}|{}|{}|{}",
            row.scope,
            row.kind.word(),
            row.start,
            row.end
        ));
    }
    lines.extend(
        directory
            .bank_holidays
            .iter()
            .map(|day| format!("bank-holiday|{day}")),
    );
    lines.sort();
    Tree::List(lines.into_iter().map(text).collect())
}

fn detail(contact: &Contact) -> Tree {
    let some = |value: Option<String>| value.map_or(Tree::Null, Tree::Text);
    let members = [
        ("name", Tree::Text(contact.name.clone())),
        ("address", Tree::Text(contact.address.as_str().to_owned())),
        ("phone", some(contact.phone.clone())),
        (
            "nudge_to",
            some(contact.nudge_to.as_ref().map(|a| a.as_str().to_owned())),
        ),
        ("mobile", some(contact.mobile.clone())),
        (
            "phone_from",
            some(contact.phone_from.map(|time| time.to_string())),
        ),
        (
            "phone_to",
            some(contact.phone_to.map(|time| time.to_string())),
        ),
        ("holidays", Tree::Bool(contact.holidays)),
        ("word_hash", some(contact.word_hash.clone())),
        (
            "briefed_on",
            some(contact.briefed_on.map(|date| date.to_string())),
        ),
    ];
    Tree::Map(
        members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

fn status_word(status: SchoolStatus) -> &'static str {
    match status {
        SchoolStatus::Open => "open",
        SchoolStatus::Closed => "closed",
        SchoolStatus::Proposed => "proposed",
    }
}
