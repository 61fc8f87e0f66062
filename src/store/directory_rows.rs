//! The directory's versions: what changed becomes rows, everything else stays as it is. A row lives
//! from one version to the next change of it.
//!
//! Names, addresses and numbers of contacts are sealed; the rest is what the register publishes.

use super::directory_tables::{change, optional, save_changes, text};
use super::json;
use super::tx::{By, Fault, Stream, Tx, sha256};
use crate::referral::directory::{ContactOf, Directory};
use crate::referral::fact::Fact;
use crate::referral::field::Digest;
use crate::referral::id::{ContactId, ProposalId};
use crate::referral::school::Contact;
use crate::referral::tree::Tree;
use sqlx::Row;
use std::collections::BTreeMap;

pub(super) const VERSION: &str = "SELECT n, digest FROM directory_version ORDER BY n DESC LIMIT 1";
const PROPOSAL_ADD: &str = "INSERT INTO proposal(id, at, by_whom, base_version, state) VALUES ($1, $2, $3, $4, 'approved')";
const PROPOSALS_STALE: &str =
    "UPDATE proposal SET state = 'stale' WHERE base_version < $1 AND state = 'open'";
const VERSION_ADD: &str = "INSERT INTO directory_version(n, proposal, live_at, proposed_by, digest) VALUES ($1, $2, $3, $4, $5)";
const VERSION_SAVE: &str = "UPDATE store SET directory_version = $1 WHERE one = 1";
const REFERRALS: &str = "SELECT EXISTS (SELECT 1 FROM referral)";
const CONTACT_END: &str = "UPDATE contact SET to_version = $1 WHERE id = $2 AND to_version IS NULL";
const CONTACT_ADD: &str = "INSERT INTO contact(id, urn, from_version, role, rank, route, address_digest, detail, valid_from, valid_to) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    VERSION,
    PROPOSAL_ADD,
    PROPOSALS_STALE,
    VERSION_ADD,
    VERSION_SAVE,
    REFERRALS,
    CONTACT_END,
    CONTACT_ADD,
];

/// Saves a directory as the next version, live at once. One person may do that only while nothing
/// has been accepted: after that, widening needs two (`design.md`).
pub(super) async fn import(
    tx: &mut Tx<'_>,
    mut directory: Directory,
    operator: &str,
) -> Result<Option<Directory>, Fault> {
    let accepted = sqlx::query(REFERRALS)
        .fetch_one(tx.flushed().await?)
        .await?;
    if accepted.try_get::<i64, _>(0)? > 0 {
        return Ok(None);
    }
    // What narrows stands outside the versions, and outlives them.
    directory
        .suspended
        .clone_from(&tx.state.directory.suspended);
    let last = sqlx::query(VERSION)
        .fetch_optional(tx.flushed().await?)
        .await?;
    let (base, previous): (i64, Vec<u8>) = match last {
        Some(row) => (row.try_get("n")?, row.try_get("digest")?),
        None => (0, vec![0; 32]),
    };
    let live = tx.state.directory.clone();
    if i64::from(live.version) != base {
        // Another import in this very batch, which is not live before the batch is on disk.
        return Err(Fault::Damaged("the directory in memory is not the last"));
    }
    let version = base + 1;
    directory.version = u32::try_from(version).unwrap_or(u32::MAX);
    keep_identities(&live, &mut directory);
    let mut changes = save_changes(tx, &live, &directory, version).await?;
    changes.extend(save_contacts(tx, &live, &directory, version).await?);
    let digest = sha256(&[previous, json::canonical(&Tree::List(changes))].concat());
    begin_version(tx, version, operator, &digest).await?;
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
    tx.append(&mut stream, &fact, &by, None);
    Ok(Some(directory))
}

/// The version's row, and the proposal that it stands for.
async fn begin_version(
    tx: &mut Tx<'_>,
    version: i64,
    operator: &str,
    digest: &[u8; 32],
) -> Result<(), Fault> {
    let proposal = tx.new_id(ProposalId::from_parts)?.to_string();
    let at = tx.now.as_microsecond();
    sqlx::query(PROPOSALS_STALE)
        .bind(version)
        .execute(tx.flushed().await?)
        .await?;
    sqlx::query(PROPOSAL_ADD)
        .bind(&proposal)
        .bind(at)
        .bind(operator)
        .bind(version - 1)
        .execute(tx.flushed().await?)
        .await?;
    sqlx::query(VERSION_ADD)
        .bind(version)
        .bind(&proposal)
        .bind(at)
        .bind(operator)
        .bind(digest.as_slice())
        .execute(tx.flushed().await?)
        .await?;
    sqlx::query(VERSION_SAVE)
        .bind(version)
        .execute(tx.flushed().await?)
        .await?;
    Ok(())
}

/// Gives contacts that were there before their ids again: the files name nobody by id. One is the
/// same if all is the same, else by its address and role, else by its address alone.
fn keep_identities(live: &Directory, next: &mut Directory) {
    type Same = fn(&Contact, &Contact) -> bool;
    const SAME: [Same; 3] = [
        |before, after| {
            let id = before.id;
            *before
                == Contact {
                    id,
                    ..after.clone()
                }
        },
        |before, after| before.role == after.role && is_same_address(before, after),
        is_same_address,
    ];
    for (whose, contacts) in &mut next.contacts {
        let mut before: Vec<&Contact> = live.contacts_of(*whose).iter().collect();
        let mut after: Vec<&mut Contact> = contacts.iter_mut().collect();
        for same in SAME {
            let mut still_new = Vec::new();
            for contact in after {
                match before.iter().position(|known| same(known, contact)) {
                    Some(place) => contact.id = before.swap_remove(place).id,
                    None => still_new.push(contact),
                }
            }
            after = still_new;
        }
        // As they will be loaded.
        contacts.sort_by_key(|contact| (contact.role, contact.rank, contact.id));
    }
}

fn is_same_address(before: &Contact, after: &Contact) -> bool {
    before.address.folded() == after.address.folded()
}

/// Ends and adds contacts' rows; gives their part of the change list. What is sealed stands in it by
/// its commitment.
async fn save_contacts(
    tx: &mut Tx<'_>,
    live: &Directory,
    next: &Directory,
    version: i64,
) -> Result<Vec<Tree>, Fault> {
    let (before, after) = (by_id(live), by_id(next));
    let mut changes = Vec::new();
    for (id, contact) in &before {
        let successor = after.get(id);
        if successor == Some(contact) {
            continue;
        }
        sqlx::query(CONTACT_END)
            .bind(version)
            .bind(id.to_string())
            .execute(tx.flushed().await?)
            .await?;
        if successor.is_none() {
            changes.push(change("contact", &[text(id)], None));
        }
    }
    for (id, (whose, contact)) in &after {
        if before.get(id) != Some(&(*whose, *contact)) {
            changes.push(add_contact(tx, *whose, contact, version).await?);
        }
    }
    Ok(changes)
}

fn by_id(directory: &Directory) -> BTreeMap<ContactId, (ContactOf, &Contact)> {
    let of_all = directory.contacts.iter();
    of_all
        .flat_map(|(whose, contacts)| contacts.iter().map(|one| (one.id, (*whose, one))))
        .collect()
}

async fn add_contact(
    tx: &mut Tx<'_>,
    whose: ContactOf,
    contact: &Contact,
    version: i64,
) -> Result<Tree, Fault> {
    let whose = match whose {
        ContactOf::School(urn) => urn.to_string(),
        ContactOf::Authority(code) => format!("la:{code}"),
    };
    let key = tx.new_content_key("contact")?;
    let id = contact.id.to_string();
    let sealed = json::canonical(&detail(contact));
    let (item, commitment) = tx.new_item(&key, "contact", &id, &sealed)?;
    let folded = contact.address.folded();
    let address = tx.state.vault.blind("address", &[folded.as_bytes()]);
    sqlx::query(CONTACT_ADD)
        .bind(&id)
        .bind(&whose)
        .bind(version)
        .bind(contact.role.word())
        .bind(i64::from(contact.rank))
        .bind(contact.route.as_str())
        .bind(address.as_slice())
        .bind(item.to_string())
        .bind(contact.valid_from.map(|date| date.to_string()))
        .bind(contact.valid_to.map(|date| date.to_string()))
        .execute(tx.flushed().await?)
        .await?;
    let row = [
        text(whose),
        text(contact.role.word()),
        Tree::Whole(i64::from(contact.rank)),
        text(&contact.route),
        text(Digest(address)),
        text(Digest(commitment)),
        optional(contact.valid_from),
        optional(contact.valid_to),
    ];
    Ok(change("contact", &[text(id)], Some(&row)))
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
