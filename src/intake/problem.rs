//! What goes back when a request fails: `application/problem+json` (RFC 9457).

use super::Settings;
use crate::referral::read::{FAULTS_MAX, Fault};
use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;
use std::fmt;
use std::time::Duration;

/// A UUIDv7 for one request: the problem's `instance`, a header, and the name of its log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestId(uuid::Uuid);

impl RequestId {
    /// An id of this instant.
    pub(super) fn new(now: Timestamp) -> Self {
        let mut random = [0; 10];
        if aws_lc_rs::rand::fill(&mut random).is_err() {
            // It is no secret: the instant alone still finds the log lines.
            random = [0; 10];
        }
        let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid())
    }

    /// The id as a header's value.
    pub(super) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.to_string()).unwrap_or(HeaderValue::from_static(""))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A request that failed. Becomes a document when [`Problem::write`] adds the request's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    first: Fault,
    others: Vec<Fault>,
    retry_after: Option<Duration>,
    closes: bool,
}

impl Problem {
    /// One thing is wrong, and not at a place of the document.
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let fault = Fault {
            code,
            pointer: String::new(),
            detail: detail.into(),
        };
        Self::of(status, fault, Vec::new())
    }

    /// Things are wrong at places of the document; the first names the problem.
    pub(super) fn of(status: StatusCode, first: Fault, others: Vec<Fault>) -> Self {
        Self {
            status,
            first,
            others,
            retry_after: None,
            closes: false,
        }
    }

    /// Nothing could be stored or read now.
    pub(super) fn unavailable(settings: &Settings) -> Self {
        Self {
            retry_after: Some(settings.retry_after),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Nothing was stored or read. Send the same again, a post with the same key.",
            )
        }
    }

    /// The connection ends with this answer.
    pub(super) fn closing(self) -> Self {
        Self {
            closes: true,
            ..self
        }
    }

    /// The status.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The code of the first fault.
    pub(super) fn code(&self) -> &'static str {
        self.first.code
    }

    /// Whether the connection ends with this answer.
    pub(super) fn closes(&self) -> bool {
        self.closes
    }

    /// Writes the document of a response that carries a problem; leaves any other alone.
    pub(super) fn write(response: &mut Response, id: &RequestId) {
        let Some(problem) = response.extensions_mut().remove::<Self>() else {
            return;
        };
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(wait) = problem.retry_after {
            // 0 would ask for a storm.
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        if problem.closes {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        *response.body_mut() = Body::from(problem.document(id));
    }

    fn document(&self, id: &RequestId) -> String {
        let faults = [&self.first].into_iter().chain(&self.others);
        let errors: Vec<_> = faults
            .take(FAULTS_MAX)
            .map(|fault| {
                json!({"code": fault.code, "pointer": fault.pointer, "detail": fault.detail})
            })
            .collect();
        json!({
            "type": format!("/problems/{}", self.first.code),
            "title": title(self.first.code),
            "status": self.status.as_u16(),
            "instance": format!("urn:firstbell:request:{id}"),
            "errors": errors,
        })
        .to_string()
    }
}

/// The code as words: `unknown-field` is "Unknown field".
fn title(code: &str) -> String {
    let words = code.replace('-', " ");
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(letters)
        .collect()
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        problem.into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use serde_json::Value;

    async fn written(problem: Problem) -> (Response, Value, RequestId) {
        let id = RequestId::new("2026-11-23T19:05:00Z".parse().unwrap());
        let mut response = problem.into_response();
        Problem::write(&mut response, &id);
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let document = serde_json::from_slice(&bytes).unwrap();
        (Response::from_parts(parts, Body::empty()), document, id)
    }

    fn fault(pointer: &str) -> Fault {
        Fault {
            code: "unknown-field",
            pointer: pointer.into(),
            detail: "No such field.".into(),
        }
    }

    #[tokio::test]
    async fn the_first_fault_names_the_problem_and_all_are_listed() {
        let problem = Problem::of(StatusCode::BAD_REQUEST, fault("/a"), vec![fault("/b/0")]);
        let (response, document, id) = written(problem).await;
        assert_eq!(response.status(), 400);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        assert_eq!(
            document,
            json!({
                "type": "/problems/unknown-field",
                "title": "Unknown field",
                "status": 400,
                "instance": format!("urn:firstbell:request:{id}"),
                "errors": [
                    {"code": "unknown-field", "pointer": "/a", "detail": "No such field."},
                    {"code": "unknown-field", "pointer": "/b/0", "detail": "No such field."},
                ],
            })
        );
    }

    #[tokio::test]
    async fn all_that_reading_finds_is_told_and_no_more() {
        let others = vec![fault("/b"); 1_000];
        let (_, document, _) =
            written(Problem::of(StatusCode::BAD_REQUEST, fault("/a"), others)).await;
        assert_eq!(document["errors"].as_array().unwrap().len(), FAULTS_MAX);
    }

    #[tokio::test]
    async fn what_to_do_next_stands_in_the_headers() {
        let mut settings = crate::intake::tests::settings();
        settings.retry_after = Duration::from_millis(200);
        let (response, _, _) = written(Problem::unavailable(&settings).closing()).await;
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(response.headers()["connection"], "close");
    }
}
