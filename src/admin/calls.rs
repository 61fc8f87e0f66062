//! The desk's calls and tasks. A child is its `child_ref` and reference here, a contact its role and
//! initials unless names are asked for.

use super::reads::Answer;
use super::{damaged, restricted, telephone};
use crate::referral::decide::call_comes_first;
use crate::referral::directory::{ContactOf, Directory};
use crate::referral::fact::TaskKind;
use crate::referral::fold::Case;
use crate::referral::plan::Target;
use crate::referral::school::Contact;
use crate::referral::telephone::{asked_instead, must_not_be_told, numbers};
use crate::store::totals::Listed;
use crate::store::{CallMember, NotStored, OpenCall, Readers, TaskLine};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The most urgent call that nobody has to themselves. One that can be made now goes before one whose
/// time has not come or whose school is closed; then the first priority (`design.md`, the ladder), then the sooner act-by.
pub(super) async fn next(
    readers: &Readers,
    directory: &Directory,
    now: Timestamp,
    (reveal, supervises): (bool, bool),
) -> Result<Answer, NotStored> {
    let mut calls = if supervises {
        readers.list_calls(now).await?
    } else {
        readers.list_ordinary_calls(now).await?
    };
    // Whoever may not make it is not sent to it.
    calls.retain(|call| supervises || !restricted::is_call(call));
    let damaged = calls.iter().flat_map(|call| &call.damaged);
    let damaged = damaged::shown(damaged.map(ToString::to_string));
    let free = calls
        .into_iter()
        .filter(|call| call.claimed.is_none() && !call.members.is_empty());
    let next = free.min_by_key(|call| {
        let opens = telephone::opens_at(directory, target(call), now);
        let from = opens.into_iter().fold(call.wanted_by.max(now), Ord::max);
        (from, !comes_first(call), act_by(call), call.wanted_by)
    });
    let mut answer = counted(readers, now, supervises).await?;
    let next = next.map(|call| shown(&call, directory, now, reveal));
    answer.insert("call".to_owned(), next.unwrap_or_default());
    answer.insert("damaged".to_owned(), damaged);
    Ok(Answer::Found(Value::Object(answer)))
}

/// How many calls are open that somebody may make, how many of these somebody has to themselves, and how
/// many more are a supervisor's.
pub(super) async fn counted(
    readers: &Readers,
    now: Timestamp,
    supervises: bool,
) -> Result<Map<String, Value>, NotStored> {
    let all = readers.find_call_counts(now).await?;
    let (open, claimed, hidden) = if supervises {
        (all.open, all.claimed, 0)
    } else {
        let ordinary = all.claimed.saturating_sub(all.restricted_claimed);
        let open = all.open.saturating_sub(all.restricted);
        (open, ordinary, all.restricted)
    };
    let members = [
        ("now", json!(now.to_string())),
        ("open", json!(open)),
        ("claimed", json!(claimed)),
        ("for_supervisors", json!(hidden)),
    ];
    let members = members.into_iter();
    Ok(members
        .map(|(name, value)| (name.to_owned(), value))
        .collect())
}

fn target(call: &OpenCall) -> Option<Target> {
    call.members.first().map(|member| member.case.target)
}

fn comes_first(call: &OpenCall) -> bool {
    call.members
        .iter()
        .any(|member| call_comes_first(&member.case))
}

fn act_by(call: &OpenCall) -> Option<Timestamp> {
    call.members.iter().map(|member| member.case.act_by).min()
}

/// One call, with the contacts' names when they are to be revealed.
pub(super) fn shown(call: &OpenCall, directory: &Directory, now: Timestamp, reveal: bool) -> Value {
    let (mut school, contacts) = place(directory, target(call));
    let register = school.get("register_number").and_then(Value::as_str);
    let wrong = register.is_some_and(|number| call.wrong.holds(number));
    if let Some(members) = school.as_object_mut() {
        members.insert("register_number_is_wrong".to_owned(), Value::Bool(wrong));
    }
    let contacts = contacts.iter().map(|known| {
        let suspended = directory.suspended.contains(&known.id);
        asked_for((known, suspended), call, now, reveal)
    });
    let opens_at = telephone::opens_at(directory, target(call), now);
    let cases: Vec<&Case> = call.members.iter().map(|member| &member.case).collect();
    let instead = asked_instead(directory, &cases, now).map(|known| contact(known, reveal));
    let mut known = numbers(directory, &cases, now).into_iter();
    json!({
        "number": known.find(|number| !call.wrong.holds(number)),
        "task": call.task,
        "force": call.force,
        "priority": if comes_first(call) { 1 } else { 2 },
        "opened_at": call.opened_at.to_string(),
        "wanted_by": call.wanted_by.to_string(),
        "due": call.wanted_by <= now,
        "ready": call.wanted_by <= now && opens_at.is_none(),
        "opens_at": opens_at.map(|at| at.to_string()),
        "act_by": act_by(call).map(|at| at.to_string()),
        "school": school,
        "contacts": contacts.collect::<Vec<_>>(),
        "conflict": cases.iter().any(|case| case.conflict()),
        "instead": instead.collect::<Vec<_>>(),
        "children": call.members.iter().map(|member| child(member, now)).collect::<Vec<_>>(),
        "damaged": damaged::shown(call.damaged.iter().map(ToString::to_string)),
        "earlier": call.earlier.iter().map(|earlier| json!({
            "task": earlier.task,
            "at": earlier.at.to_string(),
            "who": earlier.who,
            "outcome": earlier.outcome.word(),
        })).collect::<Vec<_>>(),
    })
}

fn child(member: &CallMember, now: Timestamp) -> Value {
    let case = &member.case;
    json!({
        "notification": member.notification.to_string(),
        "reference": member.reference,
        "child_ref": member.child_ref,
        "state": case.word(now).word(),
        "hold": case.hold.map(|hold| hold.reason.word()),
        "proof": case.proof().word(),
        "act_by": case.act_by.to_string(),
        "reasons": case.reasons.iter().map(|reason| reason.word()).collect::<Vec<_>>(),
    })
}

/// Whom to ring and at which numbers: only those of the directory and the register are dialled.
fn place(directory: &Directory, target: Option<Target>) -> (Value, &[Contact]) {
    let (school, whose) = match target {
        Some(Target::School(urn)) => {
            let school = directory.schools.get(&urn);
            let hours = directory.hours_of(urn, school.and_then(|school| school.la_code));
            let shown = json!({
                "urn": urn.to_string(),
                "name": school.map(|school| school.name.clone()),
                "register_number": school.and_then(|school| school.telephone.clone()),
                "start": hours.start.strftime("%H:%M").to_string(),
                "phone_from": hours.phone_from.strftime("%H:%M").to_string(),
                "phone_to": hours.phone_to.strftime("%H:%M").to_string(),
            });
            (shown, ContactOf::School(urn))
        }
        Some(Target::Authority(code)) => {
            let shown = json!({ "la_code": code.to_string() });
            (shown, ContactOf::Authority(code))
        }
        Some(Target::Unrouted) | None => return (Value::Null, &[]),
    };
    (school, directory.contacts_of(whose))
}

/// A contact on the call's screen: to be asked for, or not to be spoken to.
fn asked_for(
    (known, suspended): (&Contact, bool),
    call: &OpenCall,
    now: Timestamp,
    reveal: bool,
) -> Value {
    let mut shown = contact(known, reveal);
    if let Some(members) = shown.as_object_mut() {
        let not = suspended
            || call
                .members
                .iter()
                .any(|member| must_not_be_told(&member.case, known, now));
        members.insert("do_not_speak_to".to_owned(), Value::Bool(not));
        let number = known.phone.as_deref();
        let wrong = number.is_some_and(|number| call.wrong.holds(number));
        members.insert("number_is_wrong".to_owned(), Value::Bool(wrong));
    }
    shown
}

/// A contact.
pub(super) fn contact(contact: &Contact, reveal: bool) -> Value {
    let name = if reveal {
        contact.name.clone()
    } else {
        initials(&contact.name)
    };
    json!({
        "contact": contact.id.to_string(),
        "role": contact.role.word(),
        "name": name,
        "phone": contact.phone,
        "mobile": contact.mobile.as_ref().filter(|_| reveal),
    })
}

/// `G. A.` for Grace Amadi: enough to see that two are not one.
fn initials(name: &str) -> String {
    let first = |word: &str| word.chars().next().map(|letter| format!("{letter}."));
    let initials: Vec<String> = name.split_whitespace().filter_map(first).collect();
    initials.join(" ")
}

/// Open tasks, soonest wanted first; of one kind if that is asked for.
pub(super) async fn tasks(readers: &Readers, kind: Option<&str>) -> Result<Answer, NotStored> {
    let (tasks, listed) = match kind.map(TaskKind::parse) {
        None => (readers.list_tasks().await?, Listed::Tasks),
        Some(Some(kind)) => (readers.list_tasks_of(kind).await?, Listed::TasksOf(kind)),
        Some(None) => return Ok(Answer::NotThere("there is no such task".to_owned())),
    };
    let more = readers.more(listed, tasks.len()).await?;
    let lines: Vec<Value> = tasks.iter().map(task).collect();
    Ok(Answer::Found(json!({ "tasks": lines, "more": more })))
}

/// One task of a list.
pub(super) fn task(line: &TaskLine) -> Value {
    json!({
        "task": line.task,
        "kind": line.kind,
        "notification": line.notification,
        "subject": line.subject,
        "force": line.force,
        "opened_at": line.opened_at.to_string(),
        "wanted_by": line.wanted_by.to_string(),
        "claimed": line.claimed.as_ref().map(|(who, at)| json!({
            "who": who,
            "at": at.to_string(),
        })),
        "reply": line.reply.as_ref().map(|(inbound, at)| json!({
            "inbound": inbound,
            "received_at": at.to_string(),
        })),
    })
}
