//! Replies for the desk. What a person wrote is given only when it is to be revealed, and then as the
//! mail came: the command line reads it.

use super::calls::contact;
use super::reads::Answer;
use crate::referral::directory::Directory;
use crate::referral::id::{ContactId, InboundId};
use crate::store::totals::Listed;
use crate::store::{NotStored, Readers, ReplyLine};
use serde_json::{Value, json};

/// Replies, latest first; those that ask for nobody any more too when `all`.
pub(super) async fn list(
    readers: &Readers,
    directory: &Directory,
    all: bool,
) -> Result<Answer, NotStored> {
    let replies = readers.list_replies(all).await?;
    let lines: Vec<Value> = replies
        .iter()
        .map(|line| shown(line, directory, false))
        .collect();
    let more = readers.more(Listed::Replies(all), replies.len()).await?;
    Ok(Answer::Found(json!({ "replies": lines, "more": more })))
}

/// One reply.
pub(super) async fn one(
    readers: &Readers,
    directory: &Directory,
    id: &str,
    reveal: bool,
) -> Result<Answer, NotStored> {
    let id = match InboundId::parse(id) {
        Ok(id) => id,
        Err(error) => return Ok(Answer::NotThere(error.to_string())),
    };
    let not_there = || Answer::NotThere(format!("there is no reply {id}"));
    let Some(line) = readers.show_reply(id).await? else {
        return Ok(not_there());
    };
    let mut found = shown(&line, directory, reveal);
    if reveal {
        let Some((mail, _)) = readers.show_inbound(id).await? else {
            return Ok(not_there());
        };
        if let Some(members) = found.as_object_mut() {
            members.insert("mail".to_owned(), Value::String(as_text(&mail.bytes)));
        }
    }
    Ok(Answer::Found(found))
}

/// A character for each byte (ISO 8859-1), so that JSON carries any mail whole.
fn as_text(mail: &[u8]) -> String {
    mail.iter().copied().map(char::from).collect()
}

fn shown(line: &ReplyLine, directory: &Directory, reveal: bool) -> Value {
    let mut contacts = directory.contacts.values().flatten();
    let from = line
        .contact
        .as_deref()
        .and_then(|id| ContactId::parse(id).ok())
        .and_then(|id| contacts.find(|known| known.id == id));
    json!({
        "inbound": line.inbound,
        "received_at": line.received_at.to_string(),
        "kind": line.kind,
        "verdict": line.verdict,
        "strength": line.strength,
        "notification": line.notification,
        "reference": line.reference,
        "urn": line.urn,
        "contact": line.contact,
        "from": from.map(|known| contact(known, reveal)),
        "settled": line.settled,
        "read": line.read.as_ref().map(|(who, at, verdict)| json!({
            "who": who,
            "at": at.to_string(),
            "as": verdict,
        })),
    })
}
