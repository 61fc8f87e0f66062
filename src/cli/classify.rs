//! `classify`: what kind of mail each file holds. Needs no configuration and no database.

use super::args::Classify;
use super::exit::Exit;
use super::output::Output;
use super::{Stop, texts};
use crate::referral::report::Kind;
use crate::replies::classify::{MAIL_BYTES_MAX, classify as kind_of};
use crate::replies::verdict::{Word, read as read_word};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// One answer a file; a file that cannot be read is told at the end, after all others are answered.
pub(super) fn classify(asked: &Classify, output: Output) -> Result<Exit, Stop> {
    let mut unread = Vec::new();
    for file in &asked.files {
        match read(file) {
            Ok(mail) => output.answer(&answer(file, &mail), texts::classified)?,
            Err(error) => unread.push(format!("{}: {error}", file.display())),
        }
    }
    if unread.is_empty() {
        Ok(Exit::Success)
    } else {
        Err(Stop::new(Exit::Io, unread.join("\n")))
    }
}

/// One byte more than is classified is enough to say that it is too large.
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let limit = u64::try_from(MAIL_BYTES_MAX).unwrap_or(u64::MAX);
    let mut mail = Vec::new();
    File::open(file)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut mail)?;
    Ok(mail)
}

fn answer(file: &Path, mail: &[u8]) -> Value {
    let found = kind_of(mail);
    let word = (found.kind == Kind::HumanReply).then(|| read_word(&found.text));
    json!({
        "file": file.display().to_string(),
        "kind": found.kind.word(),
        "sub": found.sub.map(|sub| sub.word()),
        "status": found.status,
        "recipients": found.recipients,
        "verdict": word.as_ref().map(|word| word.verdict.word()),
        "has_message": word.as_ref().map(|word| word.has_message),
        "reasons": reasons(&found.reasons, word.as_ref()),
    })
}

/// Why it is of its kind, and what of a person's text decided its verdict.
fn reasons(kind: &[String], word: Option<&Word>) -> Vec<String> {
    let of_word = word.map(|word| word.reasons.as_slice()).unwrap_or_default();
    let of_word = of_word.iter().map(|reason| (*reason).to_owned());
    kind.iter().cloned().chain(of_word).collect()
}
