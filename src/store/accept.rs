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

// By the key first: it binds whatever the body says.
const KNOWN: &str = "SELECT * FROM (SELECT 1 AS by_key, referral, body_digest, answer FROM intake_key WHERE force = $1 AND key_digest = $2) UNION ALL SELECT * FROM (SELECT 0, r.id, k.body_digest, k.answer FROM referral r JOIN intake_key k ON k.referral = r.id WHERE r.force = $1 AND r.referral_id = $3 LIMIT 1)";
const DUPLICATE: &str = "SELECT r.id, r.content_key FROM blind b JOIN referral r ON r.id = b.owner WHERE b.digest = $1 AND b.kind = 'duplicate' AND r.ended IS NULL ORDER BY r.received_at LIMIT 1";
const REPEATED: &str = "SELECT 1 FROM blind WHERE digest = $1 AND kind = 'duplicate' LIMIT 1";
const KEY_ADD: &str = "INSERT INTO intake_key(force, key_digest, body_digest, referral, answer, created_at) VALUES (?, ?, ?, ?, ?, ?)";
const REFERRAL_ADD: &str = "INSERT INTO referral(id, force, referral_id, kind, source_system, submitted_at, received_at, content_key, supersedes, supersedes_id, duplicate_of) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const CHILD_ADD: &str =
    "INSERT INTO child(id, referral, child_ref, content_key) VALUES (?, ?, ?, ?)";
const BLIND_ADD: &str =
    "INSERT INTO blind(digest, kind, owner) VALUES (?, 'duplicate', ?) ON CONFLICT DO NOTHING";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    KNOWN,
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
            live.fetch_optional(tx.flushed().await?).await?
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
    bind_key(tx, post, &digests, id, &answer);
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
    let known = sqlx::query(KNOWN)
        .bind(force)
        .bind(digests.key.as_slice())
        .bind(&post.referral.referral_id)
        .fetch_optional(tx.flushed().await?)
        .await?;
    let Some(row) = known else { return Ok(None) };
    let by_key: bool = row.try_get("by_key")?;
    let body: Option<Vec<u8>> = row.try_get("body_digest")?;
    let answer: Vec<u8> = row.try_get("answer")?;
    Ok(Some(match (body.is_none_or(|body| same(&body)), by_key) {
        (true, true) => Ok(Accepted::Replayed(answer)),
        (true, false) => {
            let referral = referral_id(row.try_get("referral")?)?;
            bind_key(tx, post, digests, referral, &answer);
            Ok(Accepted::Replayed(answer))
        }
        (false, true) => Err(NotAccepted::KeyReused),
        (false, false) => Err(NotAccepted::ReferralIdReused),
    }))
}

/// Identical content under another id: linked to the first at once, no second letter.
async fn link(
    tx: &mut Tx<'_>,
    post: &Post,
    (id, place, by): (ReferralId, &Succession, &By),
    original: ReferralId,
    content_key: String,
) -> Result<ReferralView, Fault> {
    insert_referral(tx, post, (id, place), &content_key, Some(original));
    let fact = Fact::ReferralAccepted {
        referral: id,
        referral_id: post.referral.referral_id.clone(),
        children: count(post.referral.children.len()),
        duplicate_of: Some(original),
        supersedes: place.replaced,
        incident: None,
        commitment: None,
    };
    append_accepted(tx, post, id, &fact, by);
    let now = tx.now;
    let first = referral_view(tx.flushed().await?, None, original, now).await?;
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
    // Read before anything is written: see `Script`.
    let repeated = repeated(tx, post).await?;
    let key = tx.new_content_key("incident")?;
    let owner = id.to_string();
    insert_referral(tx, post, (id, place), &key.id, None);
    let incident = post.tree.without(&["children", "police_reference"]);
    let (item, commitment) = tx.new_item(&key, "incident", &owner, &json::canonical(&incident))?;
    // The police reference has a key of its own: it is kept longer than the content.
    let longer = tx.new_content_key("incident")?;
    let reference = post.referral.police_reference.0.as_bytes();
    tx.new_item(&longer, "police_reference", &owner, reference)?;
    add_blind(tx, digests.duplicate, &owner);
    let fact = Fact::ReferralAccepted {
        referral: id,
        referral_id: post.referral.referral_id.clone(),
        children: count(post.referral.children.len()),
        duplicate_of: None,
        supersedes: place.replaced,
        incident: Some(item),
        commitment: Some(Digest(commitment)),
    };
    append_accepted(tx, post, id, &fact, by);
    let children = insert_children(tx, post, id, repeated)?;
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

/// Each child's digest, and whether the same child came before under the same police reference.
async fn repeated(tx: &mut Tx<'_>, post: &Post) -> Result<Vec<([u8; 32], bool)>, Fault> {
    let mut children: Vec<([u8; 32], bool)> = Vec::new();
    for child in &post.referral.children {
        let digest = child_digest(tx, post, child);
        let twice = children.iter().any(|(other, _)| *other == digest);
        let before = sqlx::query(REPEATED).bind(digest.as_slice());
        let before = before.fetch_optional(tx.flushed().await?).await?.is_some();
        children.push((digest, before || twice));
    }
    Ok(children)
}

/// Children's rows and sealed content; with each, whether the same child came before under the
/// same police reference.
fn insert_children(
    tx: &mut Tx<'_>,
    post: &Post,
    referral: ReferralId,
    repeated: Vec<([u8; 32], bool)>,
) -> Result<Vec<(ChildId, bool)>, Fault> {
    let trees = match post.tree.get("children") {
        Some(Tree::List(trees)) => trees.clone(),
        _ => return Err(Fault::Damaged("a post without children")),
    };
    let mut children = Vec::new();
    for ((child, tree), (digest, before)) in post.referral.children.iter().zip(trees).zip(repeated)
    {
        let id = tx.new_id(ChildId::from_parts)?;
        let key = tx.new_content_key("child")?;
        tx.later(CHILD_ADD)
            .bind(id.to_string())
            .bind(referral.to_string())
            .bind(&child.child_ref)
            .bind(&key.id);
        tx.new_item(&key, "child", &id.to_string(), &json::canonical(&tree))?;
        add_blind(tx, digest, &id.to_string());
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

fn append_accepted(tx: &mut Tx<'_>, post: &Post, id: ReferralId, fact: &Fact, by: &By) {
    let cause = format!(
        "accept:{}:{}",
        post.referral.force, post.referral.referral_id
    );
    let mut stream = Stream {
        name: id.to_string(),
        count: 0,
    };
    tx.append(&mut stream, fact, by, Some(&cause));
}

fn insert_referral(
    tx: &mut Tx<'_>,
    post: &Post,
    (id, place): (ReferralId, &Succession),
    content_key: &str,
    duplicate_of: Option<ReferralId>,
) {
    let received_at = tx.now.as_microsecond();
    tx.later(REFERRAL_ADD)
        .bind(id.to_string())
        .bind(post.referral.force.as_str())
        .bind(&post.referral.referral_id)
        .bind(&post.referral.kind)
        .bind(&post.referral.source_system)
        .bind(post.referral.submitted_at.as_microsecond())
        .bind(received_at)
        .bind(content_key)
        .bind(place.replaced.map(|id| id.to_string()))
        .bind(&post.referral.supersedes)
        .bind(duplicate_of.map(|id| id.to_string()));
}

fn bind_key(tx: &mut Tx<'_>, post: &Post, digests: &Digests, referral: ReferralId, answer: &[u8]) {
    let created_at = tx.now.as_microsecond();
    tx.later(KEY_ADD)
        .bind(post.referral.force.as_str())
        .bind(digests.key.as_slice())
        .bind(digests.body.as_slice())
        .bind(referral.to_string())
        .bind(answer)
        .bind(created_at);
}

fn add_blind(tx: &mut Tx<'_>, digest: [u8; 32], owner: &str) {
    tx.later(BLIND_ADD).bind(digest.as_slice()).bind(owner);
}

pub(super) fn referral_id(text: String) -> Result<ReferralId, Fault> {
    ReferralId::parse(&text).map_err(|_| Fault::Damaged("a referral's id"))
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
