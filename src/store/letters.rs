//! What a claimed letter or note is made from, opened for the stage that makes or sends it.

mod notes;

use super::directory_load::read_contact;
use super::json;
use super::nudges::mailbox;
use super::tx::{Fault, unwrapped};
use super::views::{case, instant};
use super::{Claim, Job, LetterJob, LetterWork, NotStored, NoteJob, Readers, Store, stored};
use crate::referral::fact::Message;
use crate::referral::fold::Case;
use crate::referral::london;
use crate::referral::plan::Target;
use crate::referral::post::{ForceName, Referral};
use crate::referral::read;
use crate::referral::reference::Reference;
use crate::referral::school::{Contact, LaCode, Role, RouteName};
use crate::referral::tree::Tree;
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

const LETTER: &str = "SELECT l.message, l.contact, l.directory_version, l.token, l.message_id, l.item, i.sealed, n.referral, n.child, n.reference, n.force, c.content_key, k.epoch, k.wrapped, d.route, s.name AS school_name, s.la_code FROM delivery d JOIN letter l ON l.id = d.letter JOIN notification n ON n.id = l.notification JOIN child c ON c.id = n.child JOIN content_key k ON k.id = c.content_key LEFT JOIN item i ON i.id = l.item LEFT JOIN school s ON s.urn = n.urn AND s.from_version <= l.directory_version AND (s.to_version IS NULL OR s.to_version > l.directory_version) WHERE d.id = $1";
// A letter about a live case stands or falls with it, and a nudge with all that it tells of; a withdrawal
// is sent because its case ended. Nor is anything sent to a contact who was suspended since it was claimed,
// nor a letter to one whom the directory no longer has, or not today.
const WANTED: &str = "SELECT d.state = 'sending' AND CASE l.kind WHEN 'notification' THEN n.live = 1 AND n.hold IS NULL WHEN 'nudge' THEN $2 < d.not_after AND EXISTS (SELECT 1 FROM letter_member m JOIN notification o ON o.id = m.notification WHERE m.letter = l.id AND o.duty = 'open' AND o.hold IS NULL AND o.reading = 0) ELSE 1 END AND (l.kind NOT IN ('notification','nudge') OR NOT EXISTS (SELECT 1 FROM block b WHERE b.what = 'contact' AND b.target = l.contact AND b.lifted_at IS NULL)) AND (l.kind <> 'notification' OR EXISTS (SELECT 1 FROM contact o WHERE o.id = l.contact AND o.to_version IS NULL AND (o.valid_from IS NULL OR o.valid_from <= $3) AND (o.valid_to IS NULL OR $3 <= o.valid_to))) FROM delivery d JOIN letter l ON l.id = d.letter LEFT JOIN notification n ON n.id = l.notification WHERE d.id = $1";
const KEY: &str = "SELECT epoch, wrapped FROM content_key WHERE id = $1";
const ITEM: &str = "SELECT i.id, i.content_key, i.sealed, k.epoch, k.wrapped FROM item i JOIN content_key k ON k.id = i.content_key WHERE i.owner = $1 AND i.kind = $2";
const POSTED: &str = "SELECT i.id, i.kind, i.sealed, i.content_key, k.epoch, k.wrapped, r.received_at FROM referral r JOIN item i ON i.owner IN ($1, $2) AND i.kind IN ('incident','police_reference','child') JOIN content_key k ON k.id = i.content_key WHERE r.id = $1";
const CONTACT: &str = "SELECT o.id, o.urn, o.role, o.rank, o.route, o.detail, o.valid_from, o.valid_to, i.sealed, i.content_key, k.epoch, k.wrapped FROM contact o JOIN item i ON i.id = o.detail AND i.kind = 'contact' JOIN content_key k ON k.id = i.content_key WHERE o.id = $1 AND o.from_version <= $2 AND (o.to_version IS NULL OR o.to_version > $2)";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    LETTER,
    WANTED,
    KEY,
    ITEM,
    POSTED,
    CONTACT,
    notes::SAID,
    notes::ROLE,
    notes::NUDGED_OF,
];

impl Store {
    /// Whether a claimed delivery is still to be sent: the case it is about may have ended since, or a
    /// person may hold it.
    pub async fn wanted(&self, claim: &Claim) -> Result<bool, NotStored> {
        stored(self.readers.wanted(claim, self.clock().now()).await)
    }
}

impl Readers {
    /// Opens what a claim is about: the signed bytes, or everything they are to be made from.
    pub(super) async fn letter_work(&self, claim: &Claim) -> Result<LetterWork, Fault> {
        let mut connection = self.pool.acquire().await?;
        let row = sqlx::query(LETTER)
            .bind(claim.delivery.to_string())
            .fetch_one(&mut *connection)
            .await?;
        let version: i64 = row.try_get("directory_version")?;
        let contact: String = row.try_get("contact")?;
        let contact = sqlx::query(CONTACT)
            .bind(contact)
            .bind(version)
            .fetch_one(&mut *connection)
            .await?;
        let contact = read_contact(self, &contact)?.1;
        let route: String = row.try_get("route")?;
        let route = RouteName::parse(&route).ok_or(Fault::Damaged("a route's name"))?;
        let envelope_token: String = row.try_get("token")?;
        let item: Option<String> = row.try_get("item")?;
        let bytes = match item {
            Some(item) => Some(self.opened(&item, "letter", &row)?),
            None => None,
        };
        let message: String = row.try_get("message")?;
        let message = Message::parse(&message).ok_or(Fault::Damaged("a message's kind"))?;
        let contact = addressed(contact, message)?;
        let job = if bytes.is_none() {
            Some(self.job(&mut connection, claim, message, &row).await?)
        } else {
            None
        };
        Ok(LetterWork {
            contact,
            route,
            token: envelope_token,
            message,
            bytes,
            job,
        })
    }

    /// Only a letter's job opens what was posted.
    async fn job(
        &self,
        connection: &mut SqliteConnection,
        claim: &Claim,
        message: Message,
        row: &SqliteRow,
    ) -> Result<Job, Fault> {
        let case = case(connection, claim.notification).await?;
        let (school_name, la_code) = establishment(&case, row)?;
        let reference: String = row.try_get("reference")?;
        let reference = Reference::parse(&reference).map_err(|_| Fault::Damaged("a reference"))?;
        let force: String = row.try_get("force")?;
        let force = ForceName::parse(&force).ok_or(Fault::Damaged("a force's name"))?;
        let message_id = row.try_get("message_id")?;
        if let Some(says) = notes::says(connection, &case, claim, message).await? {
            return Ok(Job::Note(NoteJob {
                says,
                force,
                school_name,
                reference,
                message_id,
            }));
        }
        let referral: String = row.try_get("referral")?;
        let child: String = row.try_get("child")?;
        Ok(Job::Letter(Box::new(LetterJob {
            referral: self.referral_of(connection, &referral, &child).await?,
            force,
            school_name,
            la_code,
            reference,
            message_id,
            also_held_by: also_held_by(&case, claim),
            case,
        })))
    }

    async fn wanted(&self, claim: &Claim, now: Timestamp) -> Result<bool, Fault> {
        let row = sqlx::query(WANTED)
            .bind(claim.delivery.to_string())
            .bind(now.as_microsecond())
            .bind(london::civil(now).date().to_string())
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// The referral as it was posted, with this one child.
    pub(super) async fn referral_of(
        &self,
        connection: &mut SqliteConnection,
        referral: &str,
        child: &str,
    ) -> Result<Referral, Fault> {
        let rows = sqlx::query(POSTED)
            .bind(referral)
            .bind(child)
            .fetch_all(connection)
            .await?;
        let part = |kind: &str| {
            let mut of_kind = rows
                .iter()
                .filter(|row| row.try_get("kind").is_ok_and(|of: &str| of == kind));
            let row = of_kind
                .next()
                .ok_or(Fault::Damaged("a part of a referral"))?;
            let received_at: i64 = row.try_get("received_at")?;
            Ok::<_, Fault>((self.open_row(row, kind)?, instant(received_at)))
        };
        let (incident, received_at) = part("incident")?;
        let (police, _) = part("police_reference")?;
        let (child, _) = part("child")?;
        joined(&incident, police, &[child], received_at)
    }

    /// The one item of an owner and kind, opened.
    pub(super) async fn content(
        &self,
        connection: &mut SqliteConnection,
        owner: &str,
        kind: &str,
    ) -> Result<Vec<u8>, Fault> {
        let row = sqlx::query(ITEM)
            .bind(owner)
            .bind(kind)
            .fetch_one(&mut *connection)
            .await?;
        self.open_row(&row, kind)
    }

    /// Opens an item that was read together with its key.
    pub(super) fn opened(&self, id: &str, kind: &str, row: &SqliteRow) -> Result<Vec<u8>, Fault> {
        let sealed: Option<Vec<u8>> = row.try_get("sealed")?;
        let sealed = sealed.ok_or(Fault::Damaged("erased content"))?;
        let key = unwrapped(&self.vault, row.try_get("content_key")?, row)?;
        Ok(key.open(id, kind, &sealed)?)
    }

    fn open_row(&self, row: &SqliteRow, kind: &str) -> Result<Vec<u8>, Fault> {
        let id: String = row.try_get("id")?;
        self.opened(&id, kind, row)
    }

    pub(super) async fn open_item(
        &self,
        connection: &mut SqliteConnection,
        key: String,
        item: &str,
        kind: &str,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Fault> {
        let row = sqlx::query(KEY)
            .bind(&key)
            .fetch_one(&mut *connection)
            .await?;
        Ok(unwrapped(&self.vault, key, &row)?.open(item, kind, sealed)?)
    }
}

fn establishment(case: &Case, row: &SqliteRow) -> Result<(String, Option<LaCode>), Fault> {
    match case.target {
        Target::School(_) => {}
        Target::Authority(code) => {
            return Ok(("the local authority".to_owned(), Some(code)));
        }
        Target::Unrouted => return Err(Fault::Damaged("a letter to nowhere")),
    }
    let name: Option<String> = row.try_get("school_name")?;
    let la_code: Option<String> = row.try_get("la_code")?;
    Ok((
        name.ok_or(Fault::Damaged("a school that the directory never had"))?,
        la_code.as_deref().and_then(LaCode::parse),
    ))
}

/// A referral as it was posted, joined from what was sealed apart, with these children.
pub(super) fn joined(
    incident: &[u8],
    police_reference: Vec<u8>,
    children: &[Vec<u8>],
    received_at: Timestamp,
) -> Result<Referral, Fault> {
    let parse = |bytes: &[u8]| json::parse(bytes).ok_or(Fault::Damaged("sealed content"));
    let Tree::Map(mut members) = parse(incident)? else {
        return Err(Fault::Damaged("sealed content"));
    };
    let children = children.iter().map(|child| parse(child));
    let children = children.collect::<Result<Vec<_>, _>>()?;
    members.push(("children".to_owned(), Tree::List(children)));
    let police = String::from_utf8(police_reference);
    let police = police.map_err(|_| Fault::Damaged("sealed content"))?;
    members.push(("police_reference".to_owned(), Tree::Text(police)));
    let (referral, _) = read::read(&Tree::Map(members), received_at)
        .map_err(|_| Fault::Damaged("a referral that no longer reads"))?;
    Ok(referral)
}

/// Who has this letter already, or may have: a deputy's copy says so. Somebody whose letter was
/// refused is not among them, or each would wait for the other.
fn also_held_by(case: &Case, claim: &Claim) -> Vec<Role> {
    let others = case.deliveries.iter().filter(|(id, delivery)| {
        **id != claim.delivery && delivery.is_letter() && delivery.may_have_arrived()
    });
    others
        .flat_map(|(_, delivery)| {
            case.contacts
                .iter()
                .filter(|(known, ..)| *known == delivery.contact)
        })
        .map(|(_, role, _)| *role)
        .collect()
}

/// A contact with the address that this message goes to: a letter to the secure one, a nudge to the
/// ordinary one.
fn addressed(contact: Contact, message: Message) -> Result<Contact, Fault> {
    match message {
        Message::Letter | Message::Receipt | Message::AfterCall | Message::NotCounted => {
            Ok(contact)
        }
        Message::Nudge | Message::OfficeNudge => {
            let (_, address) =
                mailbox(&contact).ok_or(Fault::Damaged("a nudge without a mailbox"))?;
            Ok(Contact { address, ..contact })
        }
    }
}
