//! Contacts that share an address: several people may be named with one mailbox, each with a row of its
//! own. What is said of the address is said of all of them (`letters.md`, WRONG PERSON).

use super::answers::contact_id;
use super::tx::{Fault, Tx};
use crate::referral::decide::Decision;
use crate::referral::fact::Fact;
use crate::referral::fold::Case;
use crate::referral::id::ContactId;

const SHARING: &str = "SELECT DISTINCT other.id FROM contact one JOIN contact other ON other.address_digest = one.address_digest WHERE one.id = $1 AND other.id <> $1 AND other.to_version IS NULL ORDER BY other.id";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[SHARING];

/// The other contacts, of any school, whose address is this one's.
pub(super) async fn sharing(tx: &mut Tx<'_>, contact: ContactId) -> Result<Vec<ContactId>, Fault> {
    let rows = sqlx::query(SHARING)
        .bind(contact.to_string())
        .fetch_all(tx.flushed().await?)
        .await?;
    rows.iter().map(contact_id).collect()
}

/// Who of this case is blocked with those that these decisions block, because the address is the same.
pub(super) async fn also_blocked(
    tx: &mut Tx<'_>,
    case: &Case,
    decisions: &[Decision],
) -> Result<Vec<Fact>, Fault> {
    let mut facts = Vec::new();
    for decision in decisions {
        let Decision::Block { contact, inbound } = decision else {
            continue;
        };
        for contact in sharing(tx, *contact).await? {
            let named = case.contacts.iter().any(|(known, ..)| *known == contact);
            if named && !case.people.blocked.contains(&contact) {
                let inbound = Some(*inbound);
                facts.push(Fact::Blocked { contact, inbound });
            }
        }
    }
    Ok(facts)
}
