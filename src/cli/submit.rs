//! `submit`: posts one referral as a force's system would, over mutual TLS.

use super::Stop;
use super::args::Submit;
use super::exit::Exit;
use super::output::Output;
use super::texts::when;
use crate::client::{NoAnswer, Sender};
use crate::store::sha256;
use hyper::{StatusCode, Uri};
use serde_json::Value;

/// The path that posts go to when the URL names none.
const PATH: &str = "/v1/referrals";

pub(super) async fn submit(asked: &Submit, output: Output) -> Result<Exit, Stop> {
    let body = std::fs::read(&asked.file)
        .map_err(|error| Stop::new(Exit::Io, format!("{}: {error}", asked.file.display())))?;
    let uri: Uri = asked
        .url
        .parse()
        .map_err(|_| Stop::new(Exit::Usage, "--url is not a URL"))?;
    if uri.scheme_str() != Some("https") {
        let words =
            "--url begins with https:// or nothing is posted: a referral never goes in clear";
        return Err(Stop::new(Exit::Usage, words));
    }
    let host = uri
        .host()
        .ok_or_else(|| Stop::new(Exit::Usage, "--url names no host"))?;
    let port = uri.port_u16().unwrap_or(443);
    let path = Some(uri.path()).filter(|path| *path != "/").unwrap_or(PATH);
    let key = asked.idempotency_key.clone().unwrap_or_else(|| {
        sha256(&body)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    });
    let sender = Sender::new(&asked.ca, &asked.certificate, &asked.key)?;
    let answer = sender.post((host, port, path), &key, body).await?;
    let status = answer.status();
    let mut found: Value = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
    let replayed = answer.headers().contains_key("idempotency-replayed");
    if let Some(members) = found.as_object_mut().filter(|_| replayed) {
        members.insert("replayed".to_owned(), Value::Bool(true));
    }
    output.answer(&found, |found| readable(status, replayed, found))?;
    Ok(match status {
        StatusCode::CREATED => Exit::Success,
        status if status.is_client_error() => Exit::BadInput,
        _ => Exit::Unavailable,
    })
}

impl From<NoAnswer> for Stop {
    fn from(why: NoAnswer) -> Self {
        let exit = match why {
            NoAnswer::Unread(..) => Exit::Io,
            NoAnswer::File(..) => Exit::BadInput,
            NoAnswer::Host => Exit::Usage,
            NoAnswer::Unavailable(_) => Exit::Unavailable,
        };
        Self::new(exit, why)
    }
}

fn readable(status: StatusCode, replayed: bool, found: &Value) -> String {
    let text = |value: &Value, name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or("-")
            .to_owned()
    };
    let list = |name: &str| {
        found
            .get(name)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let mut lines = Vec::new();
    if status == StatusCode::CREATED {
        let again = if replayed {
            " It was accepted before: this answer is that one again, and nothing is sent twice."
        } else {
            ""
        };
        lines.push(format!("Accepted as {}.{again}", text(found, "id")));
        for line in list("notifications") {
            let (id, state, urn) = (text(&line, "id"), text(&line, "state"), text(&line, "urn"));
            let act_by = when(&line, "/act_by");
            lines.push(format!(
                "  {id}: {state}, school {urn}, act by {act_by} (London)"
            ));
        }
    } else {
        lines.push(format!("Not accepted: {status}. {}", text(found, "title")));
        for fault in list("errors") {
            let (pointer, detail) = (text(&fault, "pointer"), text(&fault, "detail"));
            lines.push(format!("  {pointer}: {detail}"));
        }
    }
    lines.join("\n")
}
