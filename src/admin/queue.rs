//! What is under way: live notifications, letters that wait and why, and what people must do.

use super::reads::Answer;
use super::{calls, clocks, damaged};
use crate::referral::directory::Directory;
use crate::referral::school::Urn;
use crate::store::totals::Listed;
use crate::store::{DAMAGED, LastFailure, LiveLine, NotStored, QueueLine, Readers};
use jiff::Timestamp;
use serde_json::{Value, json};

/// All three lists, each cut at its bound and saying what it leaves out.
pub(super) async fn queue(
    readers: &Readers,
    directory: &Directory,
    now: Timestamp,
) -> Result<Answer, NotStored> {
    let live = readers.list_live(now).await?;
    let waiting = readers.list_queue().await?;
    let tasks = readers.list_tasks().await?;
    let more = json!({
        "notifications": readers.more(Listed::Live, live.len()).await?,
        "deliveries": readers.more(Listed::Deliveries, waiting.len()).await?,
        "tasks": readers.more(Listed::Tasks, tasks.len()).await?,
    });
    let mut deliveries = Vec::new();
    for line in &waiting {
        let failure = readers.find_failure(line).await?;
        deliveries.push(delivery(line, directory, failure.as_ref()));
    }
    let damaged = live.iter().filter(|line| line.state == DAMAGED);
    let damaged = damaged::shown(damaged.map(|line| line.notification.to_string()));
    let notifications = live.iter().map(|line| notification(line, directory));
    Ok(Answer::Found(json!({
        "now": now.to_string(),
        "notifications": notifications.collect::<Vec<_>>(),
        "damaged": damaged,
        "deliveries": deliveries,
        "tasks": tasks.iter().map(calls::task).collect::<Vec<_>>(),
        "more": more,
    })))
}

fn notification(line: &LiveLine, directory: &Directory) -> Value {
    json!({
        "notification": line.notification.to_string(),
        "reference": line.reference,
        "force": line.force,
        "state": line.state,
        "urn": line.urn,
        "school": school(directory, line.urn.as_deref()),
        "hold": line.hold,
        "proof": line.proof,
        "due_at": line.due_at.to_string(),
        "act_by": line.act_by.to_string(),
        "ahead": clocks::ahead(&line.ahead),
        "next": line.next_at.map(|at| json!({"at": at.to_string(), "what": line.next_what})),
    })
}

fn delivery(line: &QueueLine, directory: &Directory, failure: Option<&LastFailure>) -> Value {
    json!({
        "delivery": line.delivery,
        "notification": line.notification,
        "urn": line.urn,
        "school": school(directory, line.urn.as_deref()),
        "route": line.route,
        "state": line.state,
        "not_before": line.not_before.to_string(),
        "last_safe_at": line.last_safe_at.map(|at| at.to_string()),
        "attempts": line.attempts,
        "last_failure": failure.map(|failure| json!({
            "why": failure.why.word(),
            "phase": failure.phase.word(),
            "code": failure.code,
            "enhanced": failure.enhanced,
        })),
        "quarantined": line.quarantined,
    })
}

fn school(directory: &Directory, urn: Option<&str>) -> Option<String> {
    let school = directory.schools.get(&Urn::parse(urn?)?)?;
    Some(school.name.clone())
}
