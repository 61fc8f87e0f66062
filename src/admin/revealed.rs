//! The call that an operator has taken on, with the names and birth dates its script asks the school
//! for. Who is shown them is recorded first.

use super::calls;
use crate::referral::directory::Directory;
use crate::referral::id::TaskId;
use crate::store::{Act, ChildShown, NotStored, OpenCall, Store};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The operator's own call, the soonest if there are several; none while they have taken none on.
pub(super) async fn own_call(
    store: &Store,
    directory: &Directory,
    now: Timestamp,
    operator: &str,
) -> Result<Option<Value>, NotStored> {
    let calls = store.readers().list_calls(now).await?;
    let own = |call: &&OpenCall| {
        call.claimed
            .as_ref()
            .is_some_and(|(who, _)| who == operator)
    };
    let Some(call) = calls.iter().filter(own).min_by_key(|call| call.wanted_by) else {
        return Ok(None);
    };
    let Ok(task) = TaskId::parse(&call.task) else {
        return Ok(None);
    };
    // Taken from them in this very moment: then nothing is shown.
    let Ok(recorded) = store.act(Act::Reveal { task }, operator).await? else {
        return Ok(None);
    };
    let mut shown = calls::shown(call, directory, now, true);
    let children = shown.get_mut("children").and_then(Value::as_array_mut);
    for (member, line) in call.members.iter().zip(children.into_iter().flatten()) {
        if !recorded.contains(&member.notification) {
            continue;
        }
        let child = store.readers().show_child(member.notification).await?;
        if let (Some(child), Some(members)) = (child, line.as_object_mut()) {
            members.insert("child".to_owned(), named(&child));
        }
    }
    let (open, claimed) = calls::counted(&calls);
    Ok(Some(json!({
        "now": now.to_string(),
        "open": open,
        "claimed": claimed,
        "own": true,
        "call": shown,
    })))
}

fn named(child: &ChildShown) -> Value {
    json!({
        "given_name": child.given_name,
        "family_name": child.family_name,
        "known_as": child.known_as,
        "date_of_birth": child.date_of_birth,
        "age_years": child.age_years,
    })
}
