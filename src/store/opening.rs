//! Opening notifications: as a referral is accepted, and as another's successor, which carries the
//! duty on after NOT OURS or when a person chooses the school.

use super::cases::{Opening, open_case};
use super::superseded::SUPERSEDED;
use super::tx::{By, Fault, Tx};
use super::views::{instant, notification_view};
use super::{NotificationView, letters};
use crate::referral::deadline::Whose;
use crate::referral::decide::RerouteTo;
use crate::referral::directory::Directory;
use crate::referral::fact::Fact;
use crate::referral::fold::Case;
use crate::referral::id::{ChildId, NotificationId, ReferralId};
use crate::referral::ladder::ladder;
use crate::referral::plan::{Hold, HoldReason, Planned, Target, WillHappen, default_at, plan};
use crate::referral::policy::Policy;
use crate::referral::post::{
    Education, ForceName, InvolvedPerson, Referral, SchoolNamed, UrnSource,
};
use crate::referral::reference::Reference;
use crate::referral::school::{LaCode, Recipient, Urn};
use jiff::Timestamp;
use sqlx::Row;
use std::sync::Arc;

const CHILD: &str = "SELECT child_ref FROM child WHERE id = $1";
const CHILDREN: &str = "SELECT id FROM child WHERE referral = $1 AND id <> $2 ORDER BY id";
const RECEIVED: &str = "SELECT received_at FROM referral WHERE id = $1";
const REROUTED: &str = "UPDATE notification SET rerouted_to = $2 WHERE id = $1";
const ITEM: &str = "SELECT id, content_key, sealed FROM item WHERE owner = $1 AND kind = $2";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[CHILD, CHILDREN, RECEIVED, REROUTED, ITEM];

/// A notification to be opened.
pub(super) struct NewNotification {
    pub(super) notification: NotificationId,
    pub(super) referral: ReferralId,
    pub(super) child: ChildId,
    pub(super) child_ref: String,
    pub(super) rerouted_from: Option<NotificationId>,
    /// It came after the referral that replaces its own.
    pub(super) superseded_by: Option<ReferralId>,
    pub(super) planned: Planned,
}

/// Opens a notification as it was planned.
pub(super) async fn open_notification(
    tx: &mut Tx<'_>,
    new: NewNotification,
    by: &By,
) -> Result<NotificationView, Fault> {
    let planned = new.planned;
    let contacts = planned.recipients.iter().map(Recipient::contact);
    let mut facts = vec![
        Fact::NotificationOpened {
            notification: new.notification,
            referral: new.referral,
            child: new.child,
            target: planned.target,
            reasons: planned.reasons,
            suggestions: planned.suggestions,
            contacts: contacts.clone().map(|contact| contact.id).collect(),
            roles: contacts.clone().map(|contact| contact.role).collect(),
            routes: contacts
                .clone()
                .map(|contact| contact.route.clone())
                .collect(),
            holidays: contacts.map(|contact| contact.holidays).collect(),
            directory_version: tx.state.directory.version,
            n: u32::from(planned.n_of_m.0),
            m: u32::from(planned.n_of_m.1),
        },
        Fact::DeadlineSet {
            due_at: planned.deadline.due_at,
            act_by: planned.deadline.act_by,
            assumed: planned.deadline.assumed,
            late_on_arrival: planned.deadline.late_on_arrival,
            reasons: planned.deadline.reasons,
            steps: planned.rungs.iter().map(|rung| rung.what).collect(),
            steps_at: planned.rungs.iter().map(|rung| rung.at).collect(),
            steps_lost: planned.rungs.iter().map(|rung| rung.lost).collect(),
            staff_back_at: planned.staff_back_at,
        },
    ];
    if let Some(hold) = planned.hold {
        facts.push(Fact::Held {
            hold: 1,
            reason: hold.reason,
            said: None,
            will_happen: hold.will_happen,
            will_happen_at: hold.at,
        });
    }
    if let Some(by) = new.superseded_by {
        let referral = new.referral;
        facts.push(Fact::ReferralSuperseded { referral, by });
        facts.push(Fact::Closed {
            closed_as: SUPERSEDED.to_owned(),
        });
    }
    let opening = Opening {
        reference: Reference::from_random(tx.random_u64()?),
        by: by.clone(),
        rerouted_from: new.rerouted_from,
    };
    let case = open_case(tx, opening, facts).await?;
    Ok(notification_view(&case, new.child_ref, tx.now))
}

/// Opens the notification that carries the duty of `case` on, planned from the referral as it was
/// posted and the directory as it is now. Its act-by is the earlier of both.
pub(super) async fn successor(
    tx: &mut Tx<'_>,
    case: &Case,
    notification: NotificationId,
    to: RerouteTo,
    by: &By,
) -> Result<(), Fault> {
    let policy = policy_of(tx, by.force.as_ref())?;
    let mut referral = referral_of(tx, case).await?;
    let directory = tx.state.directory.clone();
    name_place(&mut referral, to, &directory);
    let plan = plan(&referral, &directory, &policy, tx.now);
    let mut planned = plan.notifications.into_iter().filter(|one| one.child == 0);
    let mut planned = planned.next().ok_or(Fault::Damaged("a plan for nobody"))?;
    planned.n_of_m = (1, 1);
    if to == RerouteTo::Nowhere {
        to_nobody(&mut planned, case.target, tx.now);
    }
    if case.act_by < planned.deadline.act_by {
        planned.deadline.act_by = case.act_by;
        planned.deadline.due_at = planned.deadline.due_at.min(case.due_at);
        let whose = whose(planned.target, &directory, policy.default_la);
        planned.rungs = ladder(&directory, whose, &policy.ladder, tx.now, &planned.deadline);
        if let Some(hold) = &mut planned.hold {
            hold.at = default_at(case.act_by, tx.now);
        }
    }
    let row = sqlx::query(CHILD)
        .bind(case.child.to_string())
        .fetch_one(tx.flushed().await?)
        .await?;
    let new = NewNotification {
        notification,
        referral: case.referral,
        child: case.child,
        child_ref: row.try_get(0)?,
        rerouted_from: Some(case.notification),
        superseded_by: None,
        planned,
    };
    open_notification(tx, new, by).await?;
    sqlx::query(REROUTED)
        .bind(case.notification.to_string())
        .bind(notification.to_string())
        .execute(tx.flushed().await?)
        .await?;
    Ok(())
}

/// The case's own notification, planned again with the directory as it is now; none if it would go
/// elsewhere today.
pub(super) async fn planned_again(
    tx: &mut Tx<'_>,
    case: &Case,
    force: Option<&ForceName>,
) -> Result<Option<Planned>, Fault> {
    let policy = policy_of(tx, force)?;
    let mut referral = referral_of(tx, case).await?;
    let directory = tx.state.directory.clone();
    if let Target::School(urn) = case.target {
        let posted = referral.children.first().map(|child| &child.schools);
        if !posted.is_some_and(|schools| schools.iter().any(|named| named.urn == Some(urn))) {
            name_place(&mut referral, RerouteTo::School(urn), &directory);
        }
    }
    let plan = plan(&referral, &directory, &policy, tx.now);
    let mut planned = plan.notifications.into_iter();
    Ok(planned.find(|one| one.child == 0 && one.target == case.target))
}

fn policy_of(tx: &Tx<'_>, force: Option<&ForceName>) -> Result<Arc<Policy>, Fault> {
    let force = force.ok_or(Fault::Damaged("no force"))?;
    let policy = tx.state.policies.get(force).cloned();
    policy.ok_or(Fault::Damaged("a force without a policy"))
}

/// Names the first child's place as a post would have. The other children stay as they were posted: what
/// they say of a school counts for this one too.
fn name_place(referral: &mut Referral, to: RerouteTo, directory: &Directory) {
    if let Some(child) = referral.children.first_mut() {
        let register = |urn: Urn| {
            let school = directory.schools.get(&urn);
            school.map(|school| school.name.clone())
        };
        send_to(&mut child.schools, &mut child.education, to, &register);
    }
}

/// Whoever said NOT OURS is not asked again: a person chooses, whatever the plan would say.
fn to_nobody(planned: &mut Planned, refused: Target, now: Timestamp) {
    if let Target::School(refused) = refused {
        planned.suggestions.retain(|urn| *urn != refused);
    }
    if planned.target != Target::Unrouted {
        planned.target = Target::Unrouted;
        planned.recipients.clear();
        planned.hold = Some(Hold {
            reason: HoldReason::NeedsRouting,
            will_happen: WillHappen::Climb,
            at: default_at(planned.deadline.act_by, now),
        });
    }
}

/// Whose days a case's clocks are counted in.
pub(super) fn whose(target: Target, directory: &Directory, default_la: Option<LaCode>) -> Whose {
    let (urn, la_code) = match target {
        Target::School(urn) => {
            let school = directory.schools.get(&urn);
            (Some(urn), school.and_then(|school| school.la_code))
        }
        Target::Authority(code) => (None, Some(code)),
        Target::Unrouted => (None, None),
    };
    Whose {
        urn,
        la_code: la_code.or(default_la),
    }
}

/// Names the place a child is to be routed to, as a post would have.
fn send_to(
    schools: &mut Vec<SchoolNamed>,
    education: &mut Education,
    to: RerouteTo,
    register: &dyn Fn(Urn) -> Option<String>,
) {
    match to {
        RerouteTo::School(urn) => {
            *education = Education::Registered;
            let first = schools.first();
            let recorded = first.map(|named| named.name_recorded.clone());
            // Who has a part in a school that could not be found has it in the one now chosen.
            let meant = schools
                .iter()
                .filter(|n| n.urn.is_none_or(|known| known == urn));
            let involved: Vec<InvolvedPerson> = meant.map(|named| named.involved_person).collect();
            let involved_person = if involved.contains(&InvolvedPerson::Yes) {
                InvolvedPerson::Yes
            } else if involved.is_empty() || involved.contains(&InvolvedPerson::Unknown) {
                InvolvedPerson::Unknown
            } else {
                InvolvedPerson::No
            };
            let name = register(urn).or(recorded).unwrap_or_default();
            *schools = vec![SchoolNamed {
                urn: Some(urn),
                urn_source: Some(UrnSource::Picked),
                name_recorded: name,
                town: None,
                postcode: None,
                la: None,
                site: None,
                involved_person,
                involved_note: None,
            }];
        }
        RerouteTo::Nowhere => {
            schools.truncate(1);
            for named in schools {
                named.urn = None;
            }
        }
    }
}

/// The referral as it was posted, the case's child first.
pub(super) async fn referral_of(tx: &mut Tx<'_>, case: &Case) -> Result<Referral, Fault> {
    let owner = case.referral.to_string();
    let incident = content(tx, &owner, "incident").await?;
    let police = content(tx, &owner, "police_reference").await?;
    let own = case.child.to_string();
    let mut children = vec![content(tx, &own, "child").await?];
    let rows = sqlx::query(CHILDREN)
        .bind(&owner)
        .bind(&own)
        .fetch_all(tx.flushed().await?)
        .await?;
    for row in rows {
        let other: String = row.try_get(0)?;
        children.push(content(tx, &other, "child").await?);
    }
    let row = sqlx::query(RECEIVED)
        .bind(&owner)
        .fetch_one(tx.flushed().await?)
        .await?;
    letters::joined(&incident, police, &children, instant(row.try_get(0)?))
}

async fn content(tx: &mut Tx<'_>, owner: &str, kind: &str) -> Result<Vec<u8>, Fault> {
    let row = sqlx::query(ITEM)
        .bind(owner)
        .bind(kind)
        .fetch_one(tx.flushed().await?)
        .await?;
    let id: String = row.try_get("id")?;
    let sealed: Option<Vec<u8>> = row.try_get("sealed")?;
    let sealed = sealed.ok_or(Fault::Damaged("erased content"))?;
    let key = tx.content_key(row.try_get("content_key")?).await?;
    Ok(key.open(&id, kind, &sealed)?)
}
