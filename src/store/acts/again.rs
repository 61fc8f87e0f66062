//! Calls on which nobody was told: they stand again when the school can be rung, and otherwise a person
//! chooses what becomes of the case.

use super::super::cases::{Observed, apply, case_of, load};
use super::super::numbers::{digest, earlier, not_today};
use super::super::tasks::{self, can_be_done_from};
use super::super::tx::{Fault, Tx};
use super::super::views::readable;
use super::calls::{Call, is_claimed};
use super::on_call::of_place;
use crate::referral::answer::CallOutcome;
use crate::referral::decide::call_ahead;
use crate::referral::fact::{Fact, Settlement, TaskKind};
use crate::referral::fold::Case;
use crate::referral::id::{NotificationId, TaskId};
use crate::referral::ladder::call_again_after;
use crate::referral::post::ForceName;
use crate::referral::telephone::numbers;
use jiff::Timestamp;

const SETTLE: &str = "UPDATE task SET settled_at = $2, settled_by = $3, settlement = $4, number = $5 WHERE id = $1 AND settled_at IS NULL";
const COMES_BACK: &str = "INSERT INTO task(id, kind, notification, subject, force, opened_at, wanted_by) SELECT $2, kind, notification, subject, force, $3, $4 FROM task WHERE id = $1";
const MEMBER_LEAVES: &str = "DELETE FROM task_member WHERE task = $1 AND notification = $2";
const MEMBERS_MOVE: &str = "UPDATE task_member SET task = $2 WHERE task = $1";
const MEMBERS_LEAVE: &str = "DELETE FROM task_member WHERE task = $1";

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    SETTLE,
    COMES_BACK,
    MEMBER_LEAVES,
    MEMBERS_MOVE,
    MEMBERS_LEAVE,
];

/// Who ended a call, and what is known of it.
pub(super) struct Ended<'a> {
    pub(super) call: &'a Call,
    pub(super) members: &'a [NotificationId],
    pub(super) was_claimed: bool,
    pub(super) force: Option<ForceName>,
    pub(super) operator: &'a str,
    pub(super) actor: &'a str,
}

/// Nobody was told. A wrong number is not rung again: the next that is known is, the register's last, and
/// after it a person chooses.
pub(super) async fn nobody_told(tx: &mut Tx<'_>, ended: &Ended<'_>) -> Result<(), Fault> {
    let Some(first) = ended.members.first() else {
        return Ok(());
    };
    let case = case_of(tx, *first).await?;
    let wrong = earlier(tx, &case, ended.force.as_ref()).await?.wrong;
    let mut cases = Vec::new();
    for member in ended.members {
        cases.push(case_of(tx, *member).await?);
    }
    let cases: Vec<&Case> = cases.iter().collect();
    let known: Vec<String> = numbers(&tx.state.directory, &cases, tx.now)
        .into_iter()
        .map(str::to_owned)
        .collect();
    let mut left = known.iter().filter(|number| !wrong.holds(number));
    let was_wrong = ended.call.outcome == CallOutcome::WrongNumber;
    let dialled = left.next().filter(|_| was_wrong);
    let dialled = dialled.map(|number| digest(&tx.state.vault, number));
    let is_left = if was_wrong {
        left.next().is_some()
    } else {
        known.is_empty() || !known.iter().all(|number| wrong.holds(number))
    };
    settle(tx, ended, dialled).await?;
    if is_left {
        comes_back(tx, ended).await?;
    } else {
        nobody_to_ring(tx, ended).await?;
    }
    if ended.call.outcome == CallOutcome::Closed {
        too_late_for_others(tx, &case, ended).await?;
    }
    Ok(())
}

/// A place that is closed is rung on no other call today: for whom of its others that is too late, a person
/// chooses at once.
async fn too_late_for_others(
    tx: &mut Tx<'_>,
    called: &Case,
    ended: &Ended<'_>,
) -> Result<(), Fault> {
    let force = ended.force.as_ref();
    let another_day = not_today(tx, called, force);
    for other in of_place(tx, called.target, force).await? {
        if ended.members.contains(&other) {
            continue;
        }
        let Some(case) = readable(case_of(tx, other).await)? else {
            continue;
        };
        let is_rung = case.people.has_open(TaskKind::RingSchool)
            || call_ahead(&case, tx.now).is_some_and(|at| at < another_day);
        if is_rung && case.act_by < another_day {
            choose(tx, other).await?;
        }
    }
    Ok(())
}

async fn settle(tx: &mut Tx<'_>, ended: &Ended<'_>, wrong: Option<[u8; 32]>) -> Result<(), Fault> {
    sqlx::query(SETTLE)
        .bind(ended.call.task.to_string())
        .bind(tx.now.as_microsecond())
        .bind(ended.operator)
        .bind(ended.call.outcome.word())
        .bind(wrong.map(Vec::from))
        .execute(tx.flushed().await?)
        .await?;
    Ok(())
}

/// The call stands again some minutes later, or sooner for who joined it meanwhile; on another day where the
/// school is closed, and then a person chooses for whom that is too late.
async fn comes_back(tx: &mut Tx<'_>, ended: &Ended<'_>) -> Result<(), Fault> {
    let (call, members) = (ended.call, ended.members);
    let again = tx.new_id(TaskId::from_parts)?;
    let wanted_by = wanted_again(tx, ended).await?;
    let mut leaving = Vec::new();
    for member in members {
        let case = case_of(tx, *member).await?;
        let later = own_time(&case, call.task).is_some_and(|own| own > wanted_by);
        if later && call_ahead(&case, tx.now).is_some() {
            leaving.push(*member);
        }
    }
    if leaving.len() == members.len() {
        // All were on a call that the school made: there is nobody to ring it for now.
        return leave(tx, ended, call.task, &leaving).await;
    }
    sqlx::query(COMES_BACK)
        .bind(call.task.to_string())
        .bind(again.to_string())
        .bind(tx.now.as_microsecond())
        .bind(wanted_by.as_microsecond())
        .execute(tx.flushed().await?)
        .await?;
    sqlx::query(MEMBERS_MOVE)
        .bind(call.task.to_string())
        .bind(again.to_string())
        .execute(tx.flushed().await?)
        .await?;
    leave(tx, ended, again, &leaving).await?;
    for member in members.iter().filter(|member| !leaving.contains(member)) {
        let case = case_of(tx, *member).await?;
        apply(tx, *member, Observed::by(ended.actor, done(call)), None).await?;
        let opened = Fact::TaskOpened {
            task: again,
            task_kind: TaskKind::RingSchool,
            wanted_by,
        };
        apply(tx, *member, Observed::plain(opened), None).await?;
        if call.outcome == CallOutcome::Closed && case.act_by < wanted_by {
            choose(tx, *member).await?;
        }
    }
    Ok(())
}

/// They were on a call that the school made: their own ladder rings when its time comes.
async fn leave(
    tx: &mut Tx<'_>,
    ended: &Ended<'_>,
    from: TaskId,
    leaving: &[NotificationId],
) -> Result<(), Fault> {
    for member in leaving {
        let observed = Observed::by(ended.actor, done(ended.call));
        apply(tx, *member, observed, None).await?;
        sqlx::query(MEMBER_LEAVES)
            .bind(from.to_string())
            .bind(member.to_string())
            .execute(tx.flushed().await?)
            .await?;
    }
    Ok(())
}

/// When it is made again.
async fn wanted_again(tx: &mut Tx<'_>, ended: &Ended<'_>) -> Result<Timestamp, Fault> {
    let mut wanted_by = Timestamp::MAX;
    let mut first = None;
    for member in ended.members {
        let case = case_of(tx, *member).await?;
        let after = call_again_after(case.late_on_arrival, case.act_by, case.due_at);
        let again = tx.now.checked_add(after).unwrap_or(tx.now);
        // Who joined while somebody rang was not rung for, and waits no longer than without that call. Nor
        // is anybody rung again before they were to be rung at all.
        let joined = ended.was_claimed && !is_claimed(&case, ended.call.task);
        let own = own_time(&case, ended.call.task);
        let soonest = if joined { tx.now } else { again };
        wanted_by = wanted_by.min(own.map_or(again, |own| own.max(soonest)));
        first = first.or(Some(case));
    }
    let Some(case) = first else {
        return Ok(tx.now);
    };
    let from = match ended.call.outcome {
        CallOutcome::Closed => return Ok(not_today(tx, &case, ended.force.as_ref())),
        // The other number is rung at once.
        CallOutcome::WrongNumber => tx.now,
        CallOutcome::Told
        | CallOutcome::NotOnRoll
        | CallOutcome::NoAnswer
        | CallOutcome::Engaged
        | CallOutcome::Voicemail
        | CallOutcome::RingBack
        | CallOutcome::WillNotTalk => wanted_by,
    };
    let asked = (TaskKind::RingSchool, from);
    Ok(can_be_done_from(tx, &case, asked, ended.force.as_ref()))
}

/// No number is left that may be right.
async fn nobody_to_ring(tx: &mut Tx<'_>, ended: &Ended<'_>) -> Result<(), Fault> {
    sqlx::query(MEMBERS_LEAVE)
        .bind(ended.call.task.to_string())
        .execute(tx.flushed().await?)
        .await?;
    for member in ended.members {
        let observed = Observed::by(ended.actor, done(ended.call));
        apply(tx, *member, observed, None).await?;
        choose(tx, *member).await?;
    }
    Ok(())
}

/// Puts it before a person how this goes on: an officer's visit, another number, or an honest end.
async fn choose(tx: &mut Tx<'_>, member: NotificationId) -> Result<(), Fault> {
    let kind = TaskKind::ChooseEnding;
    let case = case_of(tx, member).await?;
    if !case.live() || case.people.has_open(kind) {
        return Ok(());
    }
    let (.., by) = load(tx, member).await?;
    let task = tasks::open_or_new(tx, &case, kind, &by).await?;
    tasks::write(tx, &case, task, kind, tx.now, &by).await?;
    let opened = Fact::TaskOpened {
        task,
        task_kind: kind,
        wanted_by: tx.now,
    };
    apply(tx, member, Observed::plain(opened), None).await?;
    Ok(())
}

fn done(call: &Call) -> Fact {
    Fact::TaskSettled {
        task: call.task,
        settlement: Settlement::Done,
        outcome: Some(call.outcome),
    }
}

/// When one of its notifications wants a call by itself.
fn own_time(case: &Case, task: TaskId) -> Option<Timestamp> {
    case.people.tasks.get(&task).map(|own| own.wanted_by)
}
