//! What goes back when a request succeeds. Nothing personal: ids, states, times and codes.

use crate::store::{NotificationView, ReferralView};
use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A referral as JSON: the body of its 201, kept and replayed byte for byte, and of its GET.
pub(super) fn referral(view: &ReferralView) -> Vec<u8> {
    let mut members = Map::new();
    members.insert("id".into(), json!(view.id.to_string()));
    members.insert("referral_id".into(), json!(view.referral_id));
    members.insert("received_at".into(), json!(view.received_at.to_string()));
    if let Some(first) = view.duplicate_of {
        members.insert("duplicate_of".into(), json!(first.to_string()));
    }
    let notifications = view.notifications.iter().map(members_of);
    members.insert("notifications".into(), notifications.collect());
    Value::Object(members).to_string().into_bytes()
}

/// A notification as JSON.
pub(super) fn notification(view: &NotificationView) -> Vec<u8> {
    members_of(view).to_string().into_bytes()
}

/// Instants are RFC 3339 in UTC, with as many decimals as they have, six at most.
fn members_of(view: &NotificationView) -> Value {
    let mut members = Map::new();
    members.insert("id".into(), json!(view.id.to_string()));
    members.insert("child_ref".into(), json!(view.child_ref));
    members.insert("urn".into(), json!(view.urn.map(|urn| urn.to_string())));
    members.insert("state".into(), json!(view.state));
    members.insert("reasons".into(), json!(view.reasons));
    if let Some((what, at)) = view.will_happen {
        let will_happen = json!({"what": what.word(), "at": at.to_string()});
        members.insert("will_happen".into(), will_happen);
    }
    members.insert("due_at".into(), json!(view.due_at.to_string()));
    members.insert("act_by".into(), json!(view.act_by.to_string()));
    let due_reasons = view.due_reasons.iter().map(|reason| reason.word());
    members.insert("due_reasons".into(), due_reasons.collect());
    let route = view.route.as_ref().map(|route| route.as_str());
    members.insert("route".into(), json!(route));
    Value::Object(members)
}

/// A JSON response.
pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = (status, Body::from(body)).into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// The 201 of a referral, with the bytes that [`referral`] wrote.
pub(super) fn created(body: Vec<u8>) -> Response {
    let location = location(&body);
    let mut response = json(StatusCode::CREATED, body);
    if let Some(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// The same 201 again, marked.
pub(super) fn replayed(body: Vec<u8>) -> Response {
    let mut response = created(body);
    let yes = HeaderValue::from_static("true");
    response.headers_mut().insert(REPLAYED, yes);
    response
}

/// Read from the bytes, because a replay has nothing else: they are what was promised at first.
fn location(body: &[u8]) -> Option<HeaderValue> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let id = document.get("id")?.as_str()?;
    HeaderValue::from_str(&format!("/v1/referrals/{id}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::referral::deadline::DueReason;
    use crate::referral::id::{NotificationId, ReferralId};
    use crate::referral::plan::WillHappen;
    use crate::referral::school::{RouteName, Urn};

    fn view() -> ReferralView {
        ReferralView {
            id: ReferralId::from_parts(1, [1; 10]),
            referral_id: "018f4c1e-0000-7000-8000-000000000001".into(),
            received_at: "2026-11-23T19:05:00.25Z".parse().unwrap(),
            duplicate_of: None,
            notifications: vec![NotificationView {
                id: NotificationId::from_parts(1, [2; 10]),
                child_ref: "c1".into(),
                urn: Urn::parse("115001"),
                state: "held",
                reasons: vec!["name-unlike-register".into()],
                will_happen: Some((WillHappen::Climb, "2026-11-24T07:00:00Z".parse().unwrap())),
                due_at: "2026-11-24T08:30:00Z".parse().unwrap(),
                act_by: "2026-11-24T08:30:00Z".parse().unwrap(),
                due_reasons: vec![DueReason::OwnCalendar, DueReason::NextPupilDay],
                route: RouteName::parse("cjsm"),
            }],
        }
    }

    #[test]
    fn the_answer_is_what_the_interface_says() {
        let mut view = view();
        let id = view.id;
        let document: Value = serde_json::from_slice(&referral(&view)).unwrap();
        assert_eq!(
            document,
            json!({
                "id": id.to_string(),
                "referral_id": "018f4c1e-0000-7000-8000-000000000001",
                "received_at": "2026-11-23T19:05:00.25Z",
                "notifications": [{
                    "id": view.notifications[0].id.to_string(),
                    "child_ref": "c1",
                    "urn": "115001",
                    "state": "held",
                    "reasons": ["name-unlike-register"],
                    "will_happen": {"what": "climb", "at": "2026-11-24T07:00:00Z"},
                    "due_at": "2026-11-24T08:30:00Z",
                    "act_by": "2026-11-24T08:30:00Z",
                    "due_reasons": ["own-calendar", "next-pupil-day"],
                    "route": "cjsm",
                }],
            })
        );
        view.duplicate_of = Some(id);
        view.notifications[0].will_happen = None;
        view.notifications[0].urn = None;
        let document: Value = serde_json::from_slice(&referral(&view)).unwrap();
        assert_eq!(document["duplicate_of"], id.to_string());
        let first = &document["notifications"][0];
        assert!(first.get("will_happen").is_none() && first["urn"].is_null());
    }

    #[test]
    fn a_replay_points_where_the_first_answer_did() {
        let body = referral(&view());
        let (first, again) = (created(body.clone()), replayed(body));
        let location = format!("/v1/referrals/{}", view().id);
        assert_eq!(first.headers()["location"], location.as_str());
        assert_eq!(again.headers()["location"], location.as_str());
        assert!(first.headers().get("idempotency-replayed").is_none());
        assert_eq!(again.headers()["idempotency-replayed"], "true");
        assert_eq!(again.status(), 201);
    }
}
