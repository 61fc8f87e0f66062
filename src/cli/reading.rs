//! Reading: through the daemon's socket when there is one, else from the database itself.

use super::args::{NotificationCommand, ReferralCommand, RefusedCommand, SchoolCommand};
use super::exit::Exit;
use super::output::Output;
use super::{Stop, acts, load, texts};
use crate::admin::Refused;
use crate::admin::reads::{self, Answer, Question};
use crate::client;
use crate::clock::Clock;
use crate::config::{Config, Look};
use crate::store::{OpenFault, Readers};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use serde::Serialize;
use serde_json::Value;
use std::io::ErrorKind;
use std::path::PathBuf;
use tokio::net::UnixStream;

pub(super) async fn referral(
    files: &[PathBuf],
    command: ReferralCommand,
    output: Output,
) -> Result<Exit, Stop> {
    let (question, text): (_, fn(&Value) -> String) = match command {
        ReferralCommand::Show { id } => {
            (Question::Referral { id: id.to_string() }, texts::referral)
        }
        ReferralCommand::List { force } => {
            let force = force.map(|force| force.to_string());
            (Question::Referrals { force }, texts::referrals)
        }
        ReferralCommand::Refused(RefusedCommand::Show { id, reveal }) => {
            let id = id.to_string();
            (Question::RefusedPost { id, reveal }, texts::refused_post)
        }
        ReferralCommand::Refused(RefusedCommand::List { force }) => {
            let force = force.map(|force| force.to_string());
            (Question::RefusedPosts { force }, texts::refused_posts)
        }
    };
    tell(files, &question, output, text).await
}

pub(super) async fn notification(
    files: &[PathBuf],
    command: NotificationCommand,
    output: Output,
) -> Result<Exit, Stop> {
    let (question, text): (_, fn(&Value) -> String) = match command {
        NotificationCommand::Show { id } => (Question::Notification { id }, texts::notification),
        NotificationCommand::Trace { id } => (Question::Trace { id }, texts::trace),
        NotificationCommand::Act(act) => return acts::notification(files, act, output).await,
    };
    tell(files, &question, output, text).await
}

pub(super) async fn queue(files: &[PathBuf], output: Output) -> Result<Exit, Stop> {
    tell(files, &Question::Queue, output, texts::queue).await
}

pub(super) async fn school(
    files: &[PathBuf],
    command: SchoolCommand,
    output: Output,
) -> Result<Exit, Stop> {
    let SchoolCommand::Find { text } = command;
    tell(files, &Question::Schools { text }, output, texts::schools).await
}

pub(super) async fn tell(
    files: &[PathBuf],
    question: &Question,
    output: Output,
    text: fn(&Value) -> String,
) -> Result<Exit, Stop> {
    let config = load(files, Look::Away)?;
    let found = ask(&config, question).await?;
    output.answer(&found, text)?;
    Ok(Exit::Success)
}

/// Asks the daemon; without one, reads the database.
pub(super) async fn ask(config: &Config, question: &Question) -> Result<Value, Stop> {
    match UnixStream::connect(&config.operators.socket).await {
        Ok(stream) => exchange(stream, "/v1/read", question).await,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ) =>
        {
            ask_database(config, question).await
        }
        Err(error) => {
            let socket = config.operators.socket.display();
            Err(Stop::new(Exit::Unavailable, format!("{socket}: {error}")))
        }
    }
}

/// One question or act, and the daemon's answer to it.
pub(super) async fn exchange(
    stream: UnixStream,
    path: &str,
    asked: &impl Serialize,
) -> Result<Value, Stop> {
    let fault = |error: &dyn std::error::Error| Stop::new(Exit::Fault, error);
    let body = serde_json::to_vec(asked).map_err(|e| fault(&e))?;
    let request = Request::post(path)
        .header("host", "firstbell")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|e| fault(&e))?;
    let answer = client::send(stream, request).await?;
    if answer.status() == StatusCode::OK {
        return serde_json::from_slice(answer.body()).map_err(|e| fault(&e));
    }
    let words = serde_json::from_slice::<Refused>(answer.body())
        .map_or_else(|_| answer.status().to_string(), |refused| refused.error);
    let exit = match answer.status() {
        StatusCode::NOT_FOUND
        | StatusCode::FORBIDDEN
        | StatusCode::CONFLICT
        | StatusCode::UNPROCESSABLE_ENTITY => Exit::No,
        StatusCode::BAD_REQUEST => Exit::BadInput,
        _ => Exit::Unavailable,
    };
    Err(Stop::new(exit, words))
}

async fn ask_database(config: &Config, question: &Question) -> Result<Value, Stop> {
    let readers = open(config).await?;
    let unread = |error: crate::store::NotStored| Stop::new(Exit::Io, error);
    let directory = readers.load_directory().await.map_err(unread)?;
    let now = Clock::system().now();
    let known = (&directory, &config.policies);
    match reads::answer(&readers, known, now, question)
        .await
        .map_err(unread)?
    {
        Answer::Found(found) => Ok(found),
        Answer::NotThere(words) => Err(Stop::new(Exit::No, words)),
    }
}

/// Opens the database to read only.
pub(super) async fn open(config: &Config) -> Result<Readers, Stop> {
    let (state_dir, credential) = (&config.store.state_dir, &config.store.credential);
    Readers::open_folder(state_dir, credential)
        .await
        .map_err(|fault| match fault {
            // Neither a fault nor a daemon that is missed: the first import has not been made.
            OpenFault::Nothing(_) => Stop::new(Exit::Unavailable, fault),
            OpenFault::Locked(_)
            | OpenFault::File(..)
            | OpenFault::Vault(_)
            | OpenFault::Database(..) => {
                let words = format!("no daemon answers, and: {fault}");
                Stop::new(Exit::Unavailable, words)
            }
        })
}
