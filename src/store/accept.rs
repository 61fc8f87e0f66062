//! Accepting a post: all of it in one command, or none of it. What was accepted before is found
//! before the first write; so a refusal is a value and leaves nothing behind.

use super::json;
use super::opening::{NewNotification, open_notification};
use super::superseded::{Succession, end, succeed};
use super::tx::{By, Fault, Stream, Tx};
use super::views::referral_view;
use super::{Accepted, NotAccepted, Post, ReferralView};
use crate::referral::fact::Fact;
use crate::referral::field::Digest;
use crate::referral::id::{ChildId, NotificationId, ReferralId};
use crate::referral::plan::{RouteReason, plan};
use crate::referral::post::{Born, Child};
use crate::referral::tree::Tree;
use sqlx::Row;

const BY_KEY: &str =
    "SELECT body_digest, answer FROM intake_key WHERE force = $1 AND key_digest = $2";
const BY_REFERRAL_ID: &str = "SELECT r.id, k.body_digest, k.answer FROM referral r JOIN intake_key k ON k.referral = r.id WHERE r.force = $1 AND r.referral_id = $2 LIMIT 1";
const DUPLICATE: &str = "SELECT r.id, r.content_key FROM blind b JOIN referral r ON r.id = b.owner WHERE b.digest = $1 AND b.kind = 'duplicate' AND r.ended IS NULL ORDER BY r.received_at LIMIT 1";
const REPEATED: &str = "SELECT 1 FROM blind WHERE digest = $1 AND kind = 'duplicate' LIMIT 1";
const KEY_ADD: &str = "INSERT INTO intake_key(force, key_digest, body_digest, referral, answer, created_at) VALUES ($1, $2, $3, $4, $5, $6)";
const REFERRAL_ADD: &str = "INSERT INTO referral(id, force, referral_id, kind, source_system, submitted_at, received_at, content_key, supersedes, supersedes_id, duplicate_of) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const CHILD_ADD: &str =
    "INSERT INTO child(id, referral, child_ref, content_key) VALUES ($1, $2, $3, $4)";
const BLIND_ADD: &str =
    "INSERT INTO blind(digest, kind, owner) VALUES ($1, 'duplicate', $2) ON CONFLICT DO NOTHING";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    BY_KEY,
    BY_REFERRAL_ID,
    DUPLICATE,
    REPEATED,
    KEY_ADD,
    REFERRAL_ADD,
    CHILD_ADD,
    BLIND_ADD,
];

type Answer = Result<Accepted, NotAccepted>;

/// Digests that find what was accepted before without keeping what was said.
struct Digests {
    key: [u8; 32],
    body: [u8; 32],
    duplicate: [u8; 32],
}

/// Accepts a post, replays an earlier answer, or refuses.
pub(super) async fn accept(tx: &mut Tx<'_>, post: &Post) -> Result<Answer, Fault> {
    let digests = digests(tx, post);
    if let Some(answer) = known(tx, post, &digests).await? {
        return Ok(answer);
    }
    let id = tx.new_id(ReferralId::from_parts)?;
    let by = by(tx, post).await?;
    // What it replaces ends first, and then it is no duplicate of that.
    let place = succeed(tx, &post.referral, id, &by).await?;
    let duplicate = match place.successor {
        Some(_) => None,
        None => {
            let live = sqlx::query(DUPLICATE).bind(digests.duplicate.as_slice());
            live.fetch_optional(&mut *tx.connection).await?
        }
    };
    let view = match duplicate {
        Some(row) => {
            let original = referral_id(row.try_get(0)?)?;
            link(tx, post, (id, &place, &by), original, row.try_get(1)?).await?
        }
        None => open(tx, post, (id, &place, &by), &digests).await?,
    };
    if let Some(successor) = place.successor {
        end(tx, id, successor, &by).await?;
    }
    let answer = (post.answer)(&view);
    bind_key(tx, post, &digests, id, &answer).await?;
    Ok(Ok(Accepted::New(answer)))
}

fn digests(tx: &Tx<'_>, post: &Post) -> Digests {
    let force = post.referral.force.as_str().as_bytes();
    let content = post
        .tree
        .without(&["referral_id", "submitted_at", "submitted_by", "supersedes"]);
    let vault = &tx.state.vault;
    Digests {
        key: vault.blind("idempotency-key", &[force, post.key.as_bytes()]),
        body: vault.blind("body", &[&post.canonical]),
        duplicate: vault.blind("duplicate", &[force, &json::canonical(&content)]),
    }
}

/// What an earlier post with this key or referral id has settled.
async fn known(tx: &mut Tx<'_>, post: &Post, digests: &Digests) -> Result<Option<Answer>, Fault> {
    let force = post.referral.force.as_str();
    let same = |digest: &[u8]| digest == digests.body.as_slice();
    let by_key = sqlx::query(BY_KEY)
        .bind(force)
        .bind(digests.key.as_slice())
        .fetch_optional(&mut *tx.connection)
        .await?;
    if let Some(row) = by_key {
        let body: Option<Vec<u8>> = row.try_get(0)?;
        return Ok(Some(if body.is_none_or(|body| same(&body)) {
            Ok(Accepted::Replayed(row.try_get(1)?))
        } else {
            Err(NotAccepted::KeyReused)
        }));
    }
    let by_id = sqlx::query(BY_REFERRAL_ID)
        .bind(force)
        .bind(&post.referral.referral_id)
        .fetch_optional(&mut *tx.connection)
        .await?;
    let Some(row) = by_id else { return Ok(None) };
    let body: Option<Vec<u8>> = row.try_get(1)?;
    if body.is_none_or(|body| same(&body)) {
        let answer: Vec<u8> = row.try_get(2)?;
        bind_key(tx, post, digests, referral_id(row.try_get(0)?)?, &answer).await?;
        Ok(Some(Ok(Accepted::Replayed(answer))))
    } else {
        Ok(Some(Err(NotAccepted::ReferralIdReused)))
    }
}

/// Identical content under another id: linked to the first at once, no second letter.
async fn link(
    tx: &mut Tx<'_>,
    post: &Post,
    (id, place, by): (ReferralId, &Succession, &By),
    original: ReferralId,
    content_key: String,
) -> Result<ReferralView, Fault> {
    insert_referral(tx, post, (id, place), &content_key, Some(original)).await?;
    let fact = Fact::ReferralAccepted {
        referral: id,
        referral_id: post.referral.referral_id.clone(),
        children: count(post.referral.children.len()),
        duplicate_of: Some(original),
        supersedes: place.replaced,
        incident: None,
        commitment: None,
    };
    append_accepted(tx, post, id, &fact, by).await?;
    let first = referral_view(tx.connection, None, original, tx.now).await?;
    let mut notifications = first.map(|view| view.notifications).unwrap_or_default();
    if place.is_unknown {
        // Said to this sender only: the notifications are the first one's.
        let said = RouteReason::SupersedesUnknown.word();
        let reasons = notifications.iter_mut().map(|view| &mut view.reasons);
        reasons.for_each(|reasons| reasons.push(said.to_owned()));
    }
    Ok(ReferralView {
        id,
        referral_id: post.referral.referral_id.clone(),
        received_at: tx.now,
        duplicate_of: Some(original),
        notifications,
    })
}

/// A referral that was not here before: sealed, planned and opened.
async fn open(
    tx: &mut Tx<'_>,
    post: &Post,
    (id, place, by): (ReferralId, &Succession, &By),
    digests: &Digests,
) -> Result<ReferralView, Fault> {
    let key = tx.new_content_key("incident").await?;
    let owner = id.to_string();
    insert_referral(tx, post, (id, place), &key.id, None).await?;
    let incident = post.tree.without(&["children", "police_reference"]);
    let (item, commitment) = tx
        .new_item(&key, "incident", &owner, &json::canonical(&incident))
        .await?;
    // The police reference has a key of its own: it is kept longer than the content.
    let longer = tx.new_content_key("incident").await?;
    let reference = post.referral.police_reference.0.as_bytes();
    tx.new_item(&longer, "police_reference", &owner, reference)
        .await?;
    add_blind(tx, digests.duplicate, &owner).await?;
    let fact = Fact::ReferralAccepted {
        referral: id,
        referral_id: post.referral.referral_id.clone(),
        children: count(post.referral.children.len()),
        duplicate_of: None,
        supersedes: place.replaced,
        incident: Some(item),
        commitment: Some(Digest(commitment)),
    };
    append_accepted(tx, post, id, &fact, by).await?;
    let children = insert_children(tx, post, id).await?;
    let directory = tx.state.directory.clone();
    let plan = plan(&post.referral, &directory, &post.policy, tx.now);
    let mut notifications = Vec::new();
    for planned in plan.notifications {
        let Some((child, known)) = children.get(planned.child) else {
            return Err(Fault::Damaged("a plan for a child that is not there"));
        };
        let mut planned = planned;
        if *known {
            planned.reasons.push(RouteReason::RepeatWithOtherContent);
        }
        if place.is_unknown {
            planned.reasons.push(RouteReason::SupersedesUnknown);
        }
        let child_ref = post.referral.children.get(planned.child);
        let new = NewNotification {
            notification: tx.new_id(NotificationId::from_parts)?,
            referral: id,
            child: *child,
            child_ref: child_ref.map_or_else(String::new, |child| child.child_ref.clone()),
            rerouted_from: None,
            superseded_by: place.successor,
            planned,
        };
        notifications.push(open_notification(tx, new, by).await?);
    }
    Ok(ReferralView {
        id,
        referral_id: post.referral.referral_id.clone(),
        received_at: tx.now,
        duplicate_of: None,
        notifications,
    })
}

/// Children's rows and sealed content; with each, whether the same child came before under the
/// same police reference.
async fn insert_children(
    tx: &mut Tx<'_>,
    post: &Post,
    referral: ReferralId,
) -> Result<Vec<(ChildId, bool)>, Fault> {
    let trees = match post.tree.get("children") {
        Some(Tree::List(trees)) => trees.clone(),
        _ => return Err(Fault::Damaged("a post without children")),
    };
    let mut children = Vec::new();
    for (child, tree) in post.referral.children.iter().zip(trees) {
        let id = tx.new_id(ChildId::from_parts)?;
        let key = tx.new_content_key("child").await?;
        sqlx::query(CHILD_ADD)
            .bind(id.to_string())
            .bind(referral.to_string())
            .bind(&child.child_ref)
            .bind(&key.id)
            .execute(&mut *tx.connection)
            .await?;
        tx.new_item(&key, "child", &id.to_string(), &json::canonical(&tree))
            .await?;
        let digest = child_digest(tx, post, child);
        let before = sqlx::query(REPEATED).bind(digest.as_slice());
        let before = before.fetch_optional(&mut *tx.connection).await?.is_some();
        add_blind(tx, digest, &id.to_string()).await?;
        children.push((id, before));
    }
    Ok(children)
}

fn child_digest(tx: &Tx<'_>, post: &Post, child: &Child) -> [u8; 32] {
    let fold = |name: &str| name.to_lowercase();
    let born = match child.born {
        Born::On(date) => date.0.to_string(),
        Born::About(age) => age.0.to_string(),
        Born::NotKnown => String::new(),
    };
    let parts = [
        post.referral.force.as_str().to_owned(),
        post.referral.police_reference.0.clone(),
        fold(&child.given_name.0),
        fold(&child.family_name.0),
        born,
    ];
    let parts: Vec<&[u8]> = parts.iter().map(String::as_bytes).collect();
    tx.state.vault.blind("child", &parts)
}

async fn by(tx: &mut Tx<'_>, post: &Post) -> Result<By, Fault> {
    let force = post.referral.force.clone();
    let basis = tx.basis(Some(&post.policy)).await?;
    Ok(By {
        actor: format!("force:{force}"),
        force: Some(force),
        basis,
    })
}

async fn append_accepted(
    tx: &mut Tx<'_>,
    post: &Post,
    id: ReferralId,
    fact: &Fact,
    by: &By,
) -> Result<(), Fault> {
    let cause = format!(
        "accept:{}:{}",
        post.referral.force, post.referral.referral_id
    );
    let mut stream = Stream {
        name: id.to_string(),
        count: 0,
    };
    tx.append(&mut stream, fact, by, Some(&cause)).await
}

async fn insert_referral(
    tx: &mut Tx<'_>,
    post: &Post,
    (id, place): (ReferralId, &Succession),
    content_key: &str,
    duplicate_of: Option<ReferralId>,
) -> Result<(), Fault> {
    sqlx::query(REFERRAL_ADD)
        .bind(id.to_string())
        .bind(post.referral.force.as_str())
        .bind(&post.referral.referral_id)
        .bind(&post.referral.kind)
        .bind(&post.referral.source_system)
        .bind(post.referral.submitted_at.as_microsecond())
        .bind(tx.now.as_microsecond())
        .bind(content_key)
        .bind(place.replaced.map(|id| id.to_string()))
        .bind(&post.referral.supersedes)
        .bind(duplicate_of.map(|id| id.to_string()))
        .execute(&mut *tx.connection)
        .await?;
    Ok(())
}

async fn bind_key(
    tx: &mut Tx<'_>,
    post: &Post,
    digests: &Digests,
    referral: ReferralId,
    answer: &[u8],
) -> Result<(), Fault> {
    sqlx::query(KEY_ADD)
        .bind(post.referral.force.as_str())
        .bind(digests.key.as_slice())
        .bind(digests.body.as_slice())
        .bind(referral.to_string())
        .bind(answer)
        .bind(tx.now.as_microsecond())
        .execute(&mut *tx.connection)
        .await?;
    Ok(())
}

async fn add_blind(tx: &mut Tx<'_>, digest: [u8; 32], owner: &str) -> Result<(), Fault> {
    sqlx::query(BLIND_ADD)
        .bind(digest.as_slice())
        .bind(owner)
        .execute(&mut *tx.connection)
        .await?;
    Ok(())
}

pub(super) fn referral_id(text: String) -> Result<ReferralId, Fault> {
    ReferralId::parse(&text).map_err(|_| Fault::Damaged("a referral's id"))
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
