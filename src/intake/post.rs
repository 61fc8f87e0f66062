//! A post, from its head to the store's word that it is safe.

use super::caller::Force;
use super::problem::Problem;
use super::{Intake, Settings, answer, head, json};
use crate::referral::read::{self, Fault};
use crate::store::{Accepted, NotAccepted, Post, RefusedPost};
use axum::body::{Body, HttpBody};
use axum::extract::{Extension, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt;
use std::sync::Arc;
use tokio::time::timeout;

/// `POST /v1/referrals`. 201 only after the referral is on disk. Every refusal is kept for the
/// desk with what was read; where that fails too the answer is 503, so that nothing a known sender
/// posts is dropped unseen.
pub(super) async fn post(
    State(intake): State<Arc<Intake>>,
    Extension(force): Extension<Arc<Force>>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let (body, whole) = read_body(&intake.settings, body).await;
    let key = whole.and_then(|()| head::check(&head.headers));
    let outcome = match key {
        Ok(key) => accept(&intake, &force, key, &body).await,
        Err(problem) => Err(problem),
    };
    match outcome {
        Ok(response) => Ok(response),
        Err(problem) => Err(keep(&intake, &force, problem, body).await),
    }
}

/// A request to a path or with a method we do not have. If it was a post, somebody meant to tell a
/// school something: it is kept like any other refusal.
pub(super) async fn astray(
    intake: &Intake,
    force: &Force,
    request: Request,
    problem: Problem,
) -> Problem {
    if request.method() != Method::POST {
        return problem;
    }
    let (body, whole) = read_body(&intake.settings, request.into_body()).await;
    let problem = match whole {
        Ok(()) => problem,
        Err(_) => problem.closing(),
    };
    keep(intake, force, problem, body).await
}

/// Reads a body within its bounds, and gives what was read even when that is not all. One that
/// says it is too long is not read at all.
async fn read_body(settings: &Settings, mut body: Body) -> (Vec<u8>, Result<(), Problem>) {
    let too_long = || {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "The body is larger than intake accepts.",
        )
    };
    let mut read = Vec::new();
    let most = settings.body_bytes_max;
    if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
        return (read, Err(too_long().closing()));
    }
    let reading = async {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return Err(Problem::new(
                    StatusCode::BAD_REQUEST,
                    "body-broken",
                    "The body ended before its end or is not framed as HTTP/1.1 wants it.",
                ));
            };
            let data = frame.into_data().unwrap_or_default();
            let room = most.saturating_sub(read.len());
            read.extend_from_slice(data.get(..room).unwrap_or(&data));
            if data.len() > room {
                return Err(too_long());
            }
        }
        Ok(())
    };
    let whole = timeout(settings.body_timeout, reading).await;
    let whole = whole.unwrap_or_else(|_| {
        Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body-too-slow",
            "The body did not arrive in time.",
        ))
    });
    (read, whole.map_err(Problem::closing))
}

/// The three passes, never mixed, and the store.
async fn accept(
    intake: &Intake,
    force: &Force,
    key: String,
    body: &[u8],
) -> Result<Response, Problem> {
    let tree = json::parse(body)
        .map_err(|fault| Problem::of(StatusCode::BAD_REQUEST, fault, Vec::new()))?;
    let misshapen = read::shape(&tree);
    if !misshapen.is_empty() {
        return Err(refused(StatusCode::BAD_REQUEST, misshapen));
    }
    if read::force_of(&tree) != Some(force.name.as_str()) {
        tracing::warn!(force = %force.name, "force-mismatch");
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "force-mismatch",
            "The document names another force than the client certificate.",
        ));
    }
    let (referral, noted) = read::read(&tree, intake.store.clock().now())
        .map_err(|faults| refused(StatusCode::UNPROCESSABLE_ENTITY, faults))?;
    for note in noted {
        tracing::info!(
            code = note.code,
            pointer = note.pointer,
            "noted while reading"
        );
    }
    let post = Post {
        key,
        // Robots stamp the time on each try: it does not make another body.
        canonical: json::canonical(&tree, &["submitted_at"]),
        referral,
        tree,
        policy: Arc::clone(&force.policy),
        answer: answer::referral,
    };
    match intake.store.accept(post).await {
        Ok(Accepted::New(body)) => Ok(answer::created(body)),
        Ok(Accepted::Replayed(body)) => Ok(answer::replayed(body)),
        Err(NotAccepted::KeyReused) => {
            tracing::warn!(force = %force.name, "idempotency-key-reused");
            Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "This Idempotency-Key was accepted with another body. Nothing was changed.",
            ))
        }
        Err(NotAccepted::ReferralIdReused) => Err(Problem::new(
            StatusCode::CONFLICT,
            "referral-id-reused",
            "This referral_id was accepted with another body. Use supersedes to replace it.",
        )),
        Err(NotAccepted::NotStored(_)) => Err(Problem::unavailable(&intake.settings)),
    }
}

fn refused(status: StatusCode, faults: Vec<Fault>) -> Problem {
    let mut faults = faults.into_iter();
    match faults.next() {
        Some(first) => Problem::of(status, first, faults.collect()),
        None => Problem::new(status, "refused", "The document cannot be accepted."),
    }
}

async fn keep(intake: &Intake, force: &Force, problem: Problem, body: Vec<u8>) -> Problem {
    if !problem.status().is_client_error() {
        return problem;
    }
    let refused = RefusedPost {
        force: force.name.clone(),
        status: problem.status().as_u16(),
        code: problem.code(),
        body,
    };
    let unavailable = match intake.store.refuse(refused).await {
        Ok(()) => return problem,
        Err(_) => Problem::unavailable(&intake.settings),
    };
    if problem.closes() {
        unavailable.closing()
    } else {
        unavailable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::tests::settings;
    use axum::body::Bytes;
    use hyper::body::Frame;
    use std::collections::VecDeque;
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    struct Chunks(VecDeque<io::Result<Bytes>>);

    impl HttpBody for Chunks {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            Poll::Ready(self.0.pop_front().map(|chunk| chunk.map(Frame::data)))
        }
    }

    fn chunks<const N: usize>(chunks: [io::Result<Bytes>; N]) -> Body {
        Body::new(Chunks(chunks.into()))
    }

    async fn code_of(body: Body) -> (usize, Option<(u16, &'static str, bool)>) {
        let (read, whole) = read_body(&settings(), body).await;
        let problem = whole.err();
        let outcome = problem.map(|p| (p.status().as_u16(), p.code(), p.closes()));
        (read.len(), outcome)
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_bound() {
        let most = settings().body_bytes_max;
        assert_eq!(code_of(Body::from(vec![b' '; most])).await, (most, None));
        let declared = code_of(Body::from(vec![b' '; most + 1])).await;
        assert_eq!(declared, (0, Some((413, "body-too-large", true))));
    }

    #[tokio::test]
    async fn a_body_without_a_length_is_cut_and_what_was_read_is_given() {
        let most = settings().body_bytes_max;
        let chunk = || Ok(Bytes::from(vec![b' '; most - 1]));
        let endless = chunks([chunk(), chunk()]);
        let cut = code_of(endless).await;
        assert_eq!(cut, (most, Some((413, "body-too-large", true))));
    }

    #[tokio::test]
    async fn a_broken_body_is_told_apart_from_a_long_one() {
        let lost = io::Error::other("gone");
        let broken = chunks([Ok(Bytes::from_static(b"{\"a\"")), Err(lost)]);
        assert_eq!(code_of(broken).await, (4, Some((400, "body-broken", true))));
    }
}
