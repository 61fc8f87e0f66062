//! `deadline`: by when a school must know, from a folder of directory files or the database.

use super::args::Deadline;
use super::exit::Exit;
use super::output::Output;
use super::setup::read_directory;
use super::{Stop, load, reading, texts};
use crate::admin::reads::{Question, deadline_json};
use crate::config::Look;
use crate::referral::deadline::{Whose, deadline as find};
use crate::referral::directory::Directory;
use crate::referral::school::Urn;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::io::BufRead;
use std::path::PathBuf;

/// Bank holidays of a folder that no configuration speaks of.
const DIVISION: &str = "england-and-wales";

pub(super) async fn deadline(
    files: &[PathBuf],
    asked: &Deadline,
    output: Output,
) -> Result<Exit, Stop> {
    let directory = match &asked.directory {
        Some(folder) => Some(read_directory(folder, DIVISION, output)?),
        None => None,
    };
    if asked.batch {
        let directory = match directory {
            Some(directory) => directory,
            None => {
                let readers = reading::open(&load(files, Look::Away)?).await?;
                readers
                    .load_directory()
                    .await
                    .map_err(|e| Stop::new(Exit::Io, e))?
            }
        };
        return batch(&directory);
    }
    let (Some(urn), Some(at)) = (asked.urn, asked.at) else {
        return Err(Stop::new(Exit::Usage, "--urn and --at are needed"));
    };
    let found = match directory {
        Some(directory) => one(&directory, urn, at, asked.incident)?,
        None => {
            let question = Question::Deadline {
                urn: urn.to_string(),
                at: at.to_string(),
                incident: asked.incident.map(|at| at.to_string()),
            };
            reading::ask(&load(files, Look::Away)?, &question).await?
        }
    };
    output.answer(&found, texts::deadline)?;
    Ok(Exit::Success)
}

/// Lines `URN AT [INCIDENT]` from stdin, one object each on stdout. A bad line gets an object that says
/// so, the others their answers all the same; the exit code tells that there was one.
fn batch(directory: &Directory) -> Result<Exit, Stop> {
    use std::io::Write;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut bad = 0u64;
    for (line, number) in std::io::stdin().lock().lines().zip(1u64..) {
        match answered(directory, &line?) {
            Ok(found) => writeln!(out, "{found}")?,
            Err(error) => {
                bad += 1;
                writeln!(out, "{}", json!({ "line": number, "error": error }))?;
            }
        }
    }
    out.flush()?;
    if bad == 0 {
        Ok(Exit::Success)
    } else {
        let words = format!("{bad} line(s) had no answer; each says why in its place");
        Err(Stop::new(Exit::BadInput, words))
    }
}

/// One line's answer, or why there is none.
fn answered(directory: &Directory, line: &str) -> Result<Value, String> {
    let wrong = || "expected URN AT [INCIDENT], times RFC 3339 with offset".to_owned();
    let mut words = line.split_whitespace();
    let urn = words.next().and_then(Urn::parse).ok_or_else(wrong)?;
    let at = words
        .next()
        .and_then(|word| word.parse().ok())
        .ok_or_else(wrong)?;
    let incident = words
        .next()
        .map(|word| word.parse().map_err(|_| wrong()))
        .transpose()?;
    if words.next().is_some() {
        return Err(wrong());
    }
    one(directory, urn, at, incident).map_err(|stop| stop.words)
}

fn one(
    directory: &Directory,
    urn: Urn,
    at: Timestamp,
    incident: Option<Timestamp>,
) -> Result<Value, Stop> {
    let Some(school) = directory.schools.get(&urn) else {
        return Err(Stop::new(
            Exit::BadInput,
            format!("no school {urn} in the directory"),
        ));
    };
    let whose = Whose {
        urn: Some(urn),
        la_code: school.la_code,
    };
    Ok(deadline_json(
        urn,
        at,
        &find(directory, whose, at, incident),
    ))
}
