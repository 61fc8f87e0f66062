//! Acts: only the daemon does them, in the name of the operator whose Unix user calls.

use super::args::{Closing, NotificationAct, Reasoned};
use super::exit::Exit;
use super::output::Output;
use super::reading::exchange;
use super::texts::{lines, list, of};
use super::{Stop, load};
use crate::admin::acts::Wished;
use crate::config::{Config, Look};
use serde_json::Value;
use std::fmt::Write;
use std::io::{BufRead, Read, stdin};
use std::path::PathBuf;
use tokio::net::UnixStream;

/// What is typed as a school word, bytes at most: 80 characters and the line's end.
const SPOKEN_BYTES_MAX: u64 = 400;

/// `notification`, where it acts.
pub(super) async fn notification(
    files: &[PathBuf],
    command: NotificationAct,
    output: Output,
) -> Result<Exit, Stop> {
    let wished = match command {
        NotificationAct::Acknowledge(Reasoned { id, reason }) => Wished::Acknowledge {
            notification: id.to_string(),
            reason,
        },
        NotificationAct::Tell { id, role, word } => Wished::Tell {
            notification: id.to_string(),
            role: role.word().to_owned(),
            said: word.then(|| spoken(output)).transpose()?,
        },
        NotificationAct::Hold(Reasoned { id, reason }) => Wished::Hold {
            notification: id.to_string(),
            reason,
        },
        NotificationAct::Release(Reasoned { id, reason }) => Wished::Release {
            notification: id.to_string(),
            reason,
        },
        NotificationAct::Route { id, urn } => Wished::Route {
            notification: id.to_string(),
            urn: urn.to_string(),
        },
        NotificationAct::Close(closing) => return close(files, closing, output).await,
        NotificationAct::Countersign { id } => Wished::Countersign {
            notification: id.to_string(),
        },
    };
    act(files, &wished, output, "firstbell queue").await
}

/// The school word as the school says it, asked for: an argument would stand in lists of processes.
pub(super) fn spoken(output: Output) -> Result<String, Stop> {
    output.message("The two words, as the school says them:")?;
    let mut line = String::new();
    let mut typed = stdin().lock().take(SPOKEN_BYTES_MAX);
    typed.read_line(&mut line)?;
    let said = line.trim();
    if said.is_empty() {
        let words = "no words were typed: go on without, recorded as unverified";
        return Err(Stop::new(Exit::Usage, words));
    }
    Ok(said.to_owned())
}

async fn close(files: &[PathBuf], closing: Closing, output: Output) -> Result<Exit, Stop> {
    let id = closing.id;
    let then = if closing.closed_as.needs_countersigning() {
        format!("a second operator: firstbell notification countersign {id}")
    } else {
        "firstbell queue".to_owned()
    };
    let wished = Wished::Close {
        notification: id.to_string(),
        closed_as: closing.closed_as.word().to_owned(),
        code: closing.reason.word().to_owned(),
        note: closing.note,
    };
    act(files, &wished, output, &then).await
}

/// Asks the daemon to do it. `then` is the next useful command.
pub(super) async fn act(
    files: &[PathBuf],
    wished: &Wished,
    output: Output,
    then: &str,
) -> Result<Exit, Stop> {
    let config = load(files, Look::Away)?;
    let stream = daemon(&config).await?;
    let done = exchange(stream, "/v1/act", wished).await?;
    output.answer(&done, |done| text(done, then))?;
    Ok(Exit::Success)
}

/// The running daemon's socket.
pub(super) async fn daemon(config: &Config) -> Result<UnixStream, Stop> {
    let socket = &config.operators.socket;
    UnixStream::connect(socket).await.map_err(|error| {
        let words = format!(
            "only a running daemon can act, and {}: {error}\nstart it with: firstbell serve",
            socket.display()
        );
        Stop::new(Exit::Unavailable, words)
    })
}

fn text(done: &Value, then: &str) -> String {
    lines(|text| {
        let about = list(done, "/notifications");
        if about.is_empty() {
            writeln!(text, "Done.")?;
        }
        for line in about {
            let (id, reference) = (of(line, "/notification"), of(line, "/reference"));
            writeln!(text, "{id}  {reference}  is now {}", of(line, "/state"))?;
        }
        for line in list(done, "/left") {
            let (id, reference) = (of(line, "/notification"), of(line, "/reference"));
            writeln!(
                text,
                "{id}  {reference}  was not told: the roll question was not answered, and it stays on the call"
            )?;
        }
        if done.get("word").is_some_and(Value::is_string) {
            writeln!(text, "The words match.")?;
        }
        if done.get("code").is_some_and(Value::is_string) {
            let code = of(done, "/code");
            writeln!(text, "They read back surname, day and {code}.")?;
        }
        writeln!(text, "Next: {then}")
    })
}
