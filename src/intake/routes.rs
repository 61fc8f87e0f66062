//! Which request goes where, and what is done for every one of them.

use super::caller::{Caller, Force};
use super::problem::{Problem, RequestId};
use super::{Intake, answer, post};
use crate::referral::id::{NotificationId, ReferralId};
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, MatchedPath, Path, Request, State};
use axum::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use axum::{Router, routing};
use std::sync::Arc;
use tracing::Instrument;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Every path that intake answers.
pub(super) fn router(intake: Arc<Intake>) -> Router {
    Router::new()
        .route("/v1/referrals", routing::post(post::post))
        .route("/v1/referrals/{id}", get(referral))
        .route("/v1/notifications/{id}", get(notification))
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&intake), around))
        .with_state(intake)
}

/// Gives the request its id, lets only a force through, writes problem documents, and logs the
/// end: which force asked what, and the status. The path is logged as the pattern it matched,
/// because what stands in a path is the caller's to choose.
async fn around(
    State(intake): State<Arc<Intake>>,
    Extension(caller): Extension<Caller>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::new(intake.store.clock().now());
    let span = tracing::info_span!("request", %id);
    let path = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let name = caller.as_ref().ok().map(|force| force.name.clone());
    let mut response = match caller {
        Ok(force) => {
            request.extensions_mut().insert(force);
            next.run(request).instrument(span.clone()).await
        }
        Err(fault) => {
            Problem::new(StatusCode::FORBIDDEN, "caller-unknown", fault.to_string()).into()
        }
    };
    Problem::write(&mut response, &id);
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id.header());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    span.in_scope(|| {
        tracing::info!(
            force = name.as_ref().map(|name| name.as_str()),
            method = known(&method),
            path = path.as_ref().map(MatchedPath::as_str),
            status = response.status().as_u16(),
            "answered"
        );
    });
    response
}

/// A method we know, for the log; any other is the caller's own text.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        _ => "other",
    }
}

async fn referral(
    State(intake): State<Arc<Intake>>,
    Extension(force): Extension<Arc<Force>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = id.ok().and_then(|Path(id)| ReferralId::parse(&id).ok());
    let id = id.ok_or_else(not_found)?;
    match intake.store.referral(&force.name, id).await {
        Ok(Some(view)) => Ok(answer::json(StatusCode::OK, answer::referral(&view))),
        Ok(None) => Err(not_found()),
        Err(_) => Err(Problem::unavailable(&intake.settings)),
    }
}

async fn notification(
    State(intake): State<Arc<Intake>>,
    Extension(force): Extension<Arc<Force>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = id.ok().and_then(|Path(id)| NotificationId::parse(&id).ok());
    let id = id.ok_or_else(not_found)?;
    match intake.store.notification(&force.name, id).await {
        Ok(Some(view)) => Ok(answer::json(StatusCode::OK, answer::notification(&view))),
        Ok(None) => Err(not_found()),
        Err(_) => Err(Problem::unavailable(&intake.settings)),
    }
}

/// The process answers. Says nothing about the store.
async fn healthy() -> Response {
    answer::json(StatusCode::OK, br#"{"status":"ok"}"#.to_vec())
}

/// A post could be stored now.
async fn ready(State(intake): State<Arc<Intake>>) -> Result<Response, Problem> {
    if intake.store.ready() {
        Ok(answer::json(
            StatusCode::OK,
            br#"{"status":"ready"}"#.to_vec(),
        ))
    } else {
        Err(Problem::unavailable(&intake.settings))
    }
}

async fn no_such_path(
    State(intake): State<Arc<Intake>>,
    Extension(force): Extension<Arc<Force>>,
    request: Request,
) -> Problem {
    post::astray(&intake, &force, request, not_found()).await
}

async fn no_such_method(
    State(intake): State<Arc<Intake>>,
    Extension(force): Extension<Arc<Force>>,
    request: Request,
) -> Problem {
    let problem = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "The path is right but takes other methods: see Allow.",
    );
    post::astray(&intake, &force, request, problem).await
}

/// One answer for what does not exist, what never could, and what is another force's.
fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not-found",
        "Nothing of yours is here.",
    )
}
