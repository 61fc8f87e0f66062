//! The call that an operator has taken on, with the names and birth dates its script asks the school
//! for, and, once the roll question is answered, the message. Who is shown them is recorded first.

use super::{calls, on_call, restricted};
use crate::letter::spoken;
use crate::referral::answer::SCHOOL_WORD_TRIES;
use crate::referral::directory::Directory;
use crate::referral::id::TaskId;
use crate::referral::policy::{Policies, Policy};
use crate::referral::post::ForceName;
use crate::store::{Act, CallMember, ChildShown, NotStored, Store};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The operator's own call, the one they took on last if there are several; none while they have none.
pub(super) async fn own_call(
    store: &Store,
    (directory, policies): (&Directory, &Policies),
    now: Timestamp,
    (operator, supervises): (&str, bool),
) -> Result<Option<Value>, NotStored> {
    let readers = store.readers();
    let own = readers.list_own_calls(operator, now).await?;
    // Whoever supervises no longer is not shown what they took on when they did.
    let mut own = own
        .iter()
        .filter(|call| supervises || !restricted::is_call(call));
    let Some(call) = own.next() else {
        return Ok(None);
    };
    let Ok(task) = TaskId::parse(&call.task) else {
        return Ok(None);
    };
    // Taken from them in this very moment: then nothing is shown.
    let Ok(recorded) = store.act(Act::Reveal { task }, operator).await? else {
        return Ok(None);
    };
    let force = call.force.as_deref().and_then(ForceName::parse);
    let policy = force.and_then(|force| policies.get(&force));
    let policy = policy.map(std::convert::AsRef::as_ref);
    let mut shown = calls::shown(call, directory, now, true);
    let children = shown.get_mut("children").and_then(Value::as_array_mut);
    let mut word = None;
    let mut tries_left = SCHOOL_WORD_TRIES;
    for (member, line) in call.members.iter().zip(children.into_iter().flatten()) {
        if !recorded.contains(&member.notification) {
            continue;
        }
        if let Some(members) = line.as_object_mut() {
            let (heard, left) = reveal(store, (member, task), policy, members).await?;
            // Who joined while it was made heard less of it.
            if left < tries_left || word.is_none() {
                (word, tries_left) = (heard, left);
            }
        }
    }
    if let Some(members) = shown.as_object_mut() {
        members.insert("word".to_owned(), json!(word));
        members.insert("word_tries_left".to_owned(), json!(tries_left));
    }
    let mut answer = calls::counted(readers, now, supervises).await?;
    let members = [
        ("own", json!(true)),
        ("operator", json!(operator)),
        (
            "force_name",
            json!(policy.map(|policy| &policy.display_name)),
        ),
        ("desk_phone", json!(policy.map(|policy| &policy.desk.phone))),
        ("call", shown),
    ];
    let members = members.into_iter();
    answer.extend(members.map(|(name, value)| (name.to_owned(), value)));
    Ok(Some(Value::Object(answer)))
}

/// Adds whom it is about, and, once they are said to be on the roll, what the school is told. Gives what
/// of the school's word was heard on this call, and how often it may still be asked for.
async fn reveal(
    store: &Store,
    (member, task): (&CallMember, TaskId),
    policy: Option<&Policy>,
    line: &mut Map<String, Value>,
) -> Result<(Option<&'static str>, usize), NotStored> {
    let readers = store.readers();
    if let Some(child) = readers.show_child(member.notification).await? {
        line.insert("child".to_owned(), named(&child));
    }
    let now = store.clock().now();
    let Some(trace) = readers.show_trace(member.notification, now).await? else {
        return Ok((None, SCHOOL_WORD_TRIES));
    };
    let heard = (
        on_call::word(&trace, task),
        on_call::tries_left(&trace, task),
    );
    let (Some(code), Some(policy)) = (on_call::code(&trace, task), policy) else {
        return Ok(heard);
    };
    line.insert("code".to_owned(), json!(code));
    let posted = readers.show_posted(member.notification).await?;
    if let Some(referral) = posted
        && let Some(child) = referral.children.first()
        && let Ok(said) = spoken(&referral, child, policy)
    {
        let lines = said.into_iter();
        let lines = lines.map(|(name, text)| json!({"name": name, "text": text}));
        line.insert("message".to_owned(), lines.collect());
    }
    Ok(heard)
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
