//! Refused posts of known forces, for the desk (promise 9): nothing posted is dropped unseen.

use super::reads::Answer;
use crate::referral::id::RefusedPostId;
use crate::store::refused::RefusedLine;
use crate::store::{NotStored, Readers};
use jiff::Timestamp;
use serde_json::{Value, json};

/// All that are kept, of a force or of any.
pub(super) async fn list(
    readers: &Readers,
    force: Option<&str>,
    now: Timestamp,
) -> Result<Answer, NotStored> {
    let kept = readers.list_refused(now).await?;
    let of_force = kept
        .iter()
        .filter(|line| force.is_none_or(|force| line.force == force));
    let lines: Vec<Value> = of_force.map(shown).collect();
    Ok(Answer::Found(json!({ "refused_posts": lines })))
}

/// One; with what was posted when it is to be revealed. Bytes that are no text are shown replaced.
pub(super) async fn one(
    readers: &Readers,
    id: &str,
    reveal: bool,
    now: Timestamp,
) -> Result<Answer, NotStored> {
    let id = match RefusedPostId::parse(id) {
        Ok(id) => id,
        Err(error) => return Ok(Answer::NotThere(error.to_string())),
    };
    let not_there = || Answer::NotThere(format!("no refused post {id} is kept"));
    let Some(line) = readers.show_refused(id, now).await? else {
        return Ok(not_there());
    };
    let mut found = shown(&line);
    if reveal {
        let Some(body) = readers.reveal_refused(id, now).await? else {
            return Ok(not_there());
        };
        if let Some(members) = found.as_object_mut() {
            let body = String::from_utf8_lossy(&body).into_owned();
            members.insert("body".to_owned(), Value::String(body));
        }
    }
    Ok(Answer::Found(found))
}

fn shown(line: &RefusedLine) -> Value {
    json!({
        "refused": line.refused.to_string(),
        "force": line.force,
        "received_at": line.received_at.to_string(),
        "status": line.status,
        "code": line.code,
        "until": line.until.to_string(),
    })
}
