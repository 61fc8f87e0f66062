//! `reply`: what schools wrote. The text is taken from the mail here, with the same reading that the
//! gateway itself classifies it with.

use super::acts::act;
use super::args::ReplyCommand;
use super::exit::Exit;
use super::output::Output;
use super::reading::{ask, tell};
use super::texts::{and_more, harmless, lines, list, of, when};
use super::{Stop, load};
use crate::admin::acts::Wished;
use crate::admin::reads::Question;
use crate::config::Look;
use crate::referral::report::Kind;
use crate::replies::classify::classify;
use serde_json::Value;
use std::fmt::Write;
use std::path::PathBuf;

pub(super) async fn reply(
    files: &[PathBuf],
    command: ReplyCommand,
    output: Output,
) -> Result<Exit, Stop> {
    let then = "firstbell reply list";
    match command {
        ReplyCommand::List { all } => tell(files, &Question::Replies { all }, output, all_of).await,
        ReplyCommand::Show { id, reveal } => {
            let id = id.to_string();
            let question = Question::Reply { id, reveal };
            let found = ask(&load(files, Look::Away)?, &question).await?;
            output.answer(&read(found), one)?;
            Ok(Exit::Success)
        }
        ReplyCommand::Attach {
            id,
            notification,
            verdict,
        } => {
            let wished = Wished::Attach {
                inbound: id.to_string(),
                notification: notification.to_string(),
                verdict: verdict.word().to_owned(),
            };
            act(files, &wished, output, then).await
        }
        ReplyCommand::Dismiss { id } => {
            let inbound = id.to_string();
            act(files, &Wished::Dismiss { inbound }, output, then).await
        }
    }
}

/// What the mail says in place of its bytes.
fn read(mut found: Value) -> Value {
    if let Some(members) = found.as_object_mut()
        && let Some(Value::String(mail)) = members.remove("mail")
    {
        // A character for each byte.
        let bytes: Vec<u8> = mail.chars().filter_map(|c| u8::try_from(c).ok()).collect();
        let classified = classify(&bytes);
        members.insert("sender".to_owned(), classified.clues.from.into());
        members.insert("text".to_owned(), classified.text.into());
    }
    found
}

fn all_of(found: &Value) -> String {
    lines(|text| {
        let replies = list(found, "/replies");
        for line in replies {
            head(text, line)?;
        }
        if replies.is_empty() {
            writeln!(
                text,
                "No replies that ask for anybody; --all lists the others."
            )?;
        } else {
            and_more(text, found, "/more")?;
            writeln!(text, "Next: firstbell reply show ID")?;
        }
        Ok(())
    })
}

fn head(text: &mut String, line: &Value) -> std::fmt::Result {
    let (id, at) = (of(line, "/inbound"), when(line, "/received_at"));
    let (kind, verdict) = (of(line, "/kind"), of(line, "/verdict"));
    let (reference, strength) = (of(line, "/reference"), of(line, "/strength"));
    let role = of(line, "/from/role");
    writeln!(
        text,
        "{id}  {at}  {kind}  {verdict}  of {reference} by {strength}, from {role}"
    )?;
    if line.get("read").is_some_and(Value::is_object) {
        let (who, at) = (of(line, "/read/who"), when(line, "/read/at"));
        writeln!(text, "  read by {who} at {at} as {}", of(line, "/read/as"))?;
    }
    Ok(())
}

/// Whether a person may have written it. A bounce, a report or an automatic reply comes from a program,
/// whose address nobody would hold.
fn wrote(found: &Value) -> bool {
    let kind = found
        .get("kind")
        .and_then(Value::as_str)
        .and_then(Kind::parse);
    match kind {
        Some(Kind::HumanReply | Kind::Unclassified) | None => true,
        Some(
            Kind::AutoReply
            | Kind::BouncePermanent
            | Kind::BounceTemporary
            | Kind::DeliveryReport
            | Kind::ReadReceipt
            | Kind::AbuseReport,
        ) => false,
    }
}

fn one(found: &Value) -> String {
    lines(|text| {
        head(text, found)?;
        let (notification, urn) = (of(found, "/notification"), of(found, "/urn"));
        writeln!(text, "  notification {notification}, school {urn}")?;
        if found.get("from").is_some_and(Value::is_object) {
            let (name, phone) = (of(found, "/from/name"), of(found, "/from/phone"));
            writeln!(text, "  from {name}, {phone}")?;
        } else if wrote(found) {
            writeln!(text, "  from an address that we do not hold")?;
        }
        let id = of(found, "/inbound");
        let is_read = found.get("read").is_some_and(Value::is_object);
        match found.get("text").and_then(Value::as_str) {
            Some(body) => {
                writeln!(text, "  sender {}\n", harmless(of(found, "/sender")))?;
                writeln!(text, "{}\n", harmless(body))?;
                if is_read {
                    writeln!(text, "Next: firstbell reply list")
                } else if wrote(found) {
                    writeln!(
                        text,
                        "Next: firstbell reply attach {id} --notification ID --verdict VERDICT"
                    )
                } else {
                    writeln!(text, "Next: firstbell reply dismiss {id}")
                }
            }
            None if !wrote(found) && !is_read => {
                writeln!(
                    text,
                    "No person wrote this. Next: firstbell reply dismiss {id}"
                )
            }
            None => writeln!(text, "Next: firstbell reply show {id} --reveal"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_bounce_comes_from_a_program_and_is_dismissed_and_a_strangers_reply_is_attached() {
        let shown = |kind: &str| {
            one(&json!({
                "inbound": "inb_1", "kind": kind, "from": null, "read": null,
                "sender": "a@b.test", "text": "Not here",
            }))
        };
        let bounce = shown("bounce_permanent");
        assert!(!bounce.contains("do not hold"), "{bounce}");
        assert!(bounce.ends_with("Next: firstbell reply dismiss inb_1"));
        let stranger = shown("human_reply");
        assert!(stranger.contains("an address that we do not hold"));
        assert!(stranger.contains("Next: firstbell reply attach inb_1"));
    }
}
