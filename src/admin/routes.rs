//! Routes on the operators' socket: what is known of each, suspending and resuming, and the probe.

use super::Refused;
use super::acts::{NoAct, reasoned};
use super::reads::Answer;
use crate::referral::attempt::TlsFacts;
use crate::referral::directory::Directory;
use crate::referral::expiry::Expiry;
use crate::referral::route::{Probed, RouteHealth, SuspendReason};
use crate::referral::school::RouteName;
use crate::store::{Act, NotStored, Readers, RouteBlock};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use tokio::sync::{mpsc, oneshot, watch};

/// A route to be probed, and where to say what was met; none: there is no such route.
pub type ProbeAsked = (RouteName, oneshot::Sender<Option<Probed>>);

/// What only a running daemon knows of its routes.
#[derive(Debug)]
pub struct Ways {
    /// Each configured route.
    pub health: watch::Receiver<Vec<RouteHealth>>,
    /// What ends by itself.
    pub expiries: watch::Receiver<Vec<Expiry>>,
    /// Whoever probes.
    pub probes: mpsc::Sender<ProbeAsked>,
}

/// `SuspendRoute`, as it is wished for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspend {
    /// Which.
    pub route: String,
    /// Its word.
    pub reason: String,
    /// From then on, RFC 3339.
    pub from: Option<String>,
    /// Until then, RFC 3339.
    pub until: Option<String>,
    /// In words; sealed.
    pub note: Option<String>,
}

/// `ResumeRoute`, as it is wished for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// Which.
    pub route: String,
    /// Its word.
    pub reason: String,
    /// Also those that were to come.
    pub planned: bool,
}

/// A route to be probed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Which.
    pub route: String,
}

impl std::fmt::Debug for Suspend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Suspend(..)")
    }
}

impl std::fmt::Debug for Resume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resume(..)")
    }
}

impl Suspend {
    pub(super) fn act(self) -> Result<Act, NoAct> {
        Ok(Act::SuspendRoute {
            route: name(&self.route)?,
            reason: reason(&self.reason)?,
            from: self.from.as_deref().map(instant).transpose()?,
            until: self.until.as_deref().map(instant).transpose()?,
            note: self.note.map(reasoned).transpose()?,
        })
    }
}

impl Resume {
    pub(super) fn act(self) -> Result<Act, NoAct> {
        Ok(Act::ResumeRoute {
            route: name(&self.route)?,
            reason: reason(&self.reason)?,
            planned: self.planned,
        })
    }
}

fn name(text: &str) -> Result<RouteName, NoAct> {
    RouteName::parse(text).ok_or("a route's name is 1 to 32 of a to z, 0 to 9, _ and -")
}

fn reason(text: &str) -> Result<SuspendReason, NoAct> {
    SuspendReason::parse(text).ok_or("this is no reason to suspend a route or to resume it")
}

fn instant(text: &str) -> Result<Timestamp, NoAct> {
    text.parse()
        .map_err(|_| "a time is written as RFC 3339 has it")
}

/// Every route that contacts name or that is suspended, with what the database knows of it.
pub(super) async fn list(
    readers: &Readers,
    directory: &Directory,
    now: Timestamp,
) -> Result<Answer, NotStored> {
    let blocks = readers.list_route_blocks(now).await?;
    let waiting = readers.count_waiting().await?;
    let of_contacts = directory.contacts.values().flatten();
    let mut names: BTreeSet<String> = of_contacts
        .map(|contact| contact.route.as_str().to_owned())
        .collect();
    names.extend(blocks.iter().map(|block| block.route.clone()));
    names.extend(waiting.iter().map(|(route, ..)| route.clone()));
    let routes = names.into_iter().map(|name| {
        let (in_force, planned): (Vec<_>, Vec<_>) = blocks
            .iter()
            .filter(|block| block.route == name)
            .partition(|block| block.from <= now);
        let waits = waiting.iter().find(|(route, ..)| *route == name);
        json!({
            "route": name,
            "suspended": longest(in_force).map(block),
            "planned": planned.into_iter().map(block).collect::<Vec<_>>(),
            "waiting": waits.map_or(0, |(_, count, _)| *count),
            "soonest_last_safe_at": waits.and_then(|(.., at)| *at).map(|at| at.to_string()),
        })
    });
    Ok(Answer::Found(json!({
        "now": now.to_string(),
        "routes": routes.collect::<Vec<_>>(),
    })))
}

/// Of several in force, the one that ends last.
fn longest(in_force: Vec<&RouteBlock>) -> Option<&RouteBlock> {
    let end = |block: &&RouteBlock| block.until.unwrap_or(Timestamp::MAX);
    in_force.into_iter().max_by_key(end)
}

fn block(block: &RouteBlock) -> Value {
    json!({
        "by": block.by_whom,
        "reason": block.reason.map(SuspendReason::word),
        "from": block.from.to_string(),
        "until": block.until.map(|at| at.to_string()),
    })
}

impl Ways {
    /// Whether an act about a route is about one that is configured.
    pub(super) fn know(&self, act: &Act) -> bool {
        match act {
            Act::SuspendRoute { route, .. } | Act::ResumeRoute { route, .. } => {
                let health = self.health.borrow();
                health.iter().any(|known| known.route == *route)
            }
            Act::Acknowledge { .. }
            | Act::Tell { .. }
            | Act::Hold { .. }
            | Act::Release { .. }
            | Act::Route { .. }
            | Act::Claim { .. }
            | Act::TellWithWord { .. }
            | Act::CallWord { .. }
            | Act::CallRoll { .. }
            | Act::CallInbound { .. }
            | Act::CallOutcome { .. }
            | Act::Attach { .. }
            | Act::UndoCall { .. }
            | Act::Dismiss { .. }
            | Act::Close { .. }
            | Act::Countersign { .. }
            | Act::TaskDone { .. }
            | Act::Reveal { .. }
            | Act::ClaimAlarm { .. } => true,
        }
    }

    /// Adds what delivery knows to what the database does.
    pub(super) fn tell(&self, found: &mut Value, now: Timestamp) {
        let Some(found) = found.as_object_mut() else {
            return;
        };
        if let Some(Value::Array(routes)) = found.get_mut("routes") {
            for known in self.health.borrow().iter() {
                let name = known.route.as_str();
                let place = routes.iter().position(|route| route["route"] == name);
                let place = place.unwrap_or_else(|| {
                    routes.push(json!({
                        "route": name, "suspended": null, "planned": [], "waiting": 0,
                        "soonest_last_safe_at": null,
                    }));
                    routes.len() - 1
                });
                if let Some(Value::Object(route)) = routes.get_mut(place) {
                    route.append(&mut health(known, now));
                }
            }
        }
        let expiries = self.expiries.borrow();
        let expiries = expiries.iter().map(|expiry| {
            json!({
                "what": expiry.what.word(),
                "route": expiry.route.as_ref().map(RouteName::as_str),
                "not_after": expiry.not_after.to_string(),
                "days_left": expiry.days_left(now),
            })
        });
        found.insert("expiries".to_owned(), expiries.collect());
    }

    /// Has a route probed, and says what was met.
    pub(super) async fn probe(&self, wished: &Probe, now: Timestamp) -> Response {
        let not_there =
            || Refused::new("no route of this name is configured").with(StatusCode::NOT_FOUND);
        let Some(route) = RouteName::parse(&wished.route) else {
            return not_there();
        };
        let (said, answer) = oneshot::channel();
        let busy = "too many probes are under way";
        if self.probes.try_send((route, said)).is_err() {
            return Refused::new(busy).with(StatusCode::SERVICE_UNAVAILABLE);
        }
        match answer.await {
            Ok(Some(probed)) => Json(met(&wished.route, probed, now)).into_response(),
            Ok(None) => not_there(),
            Err(_) => Refused::new("the daemon is stopping").with(StatusCode::SERVICE_UNAVAILABLE),
        }
    }
}

fn health(known: &RouteHealth, now: Timestamp) -> Map<String, Value> {
    let at = |at: Option<Timestamp>| at.map_or(Value::Null, |at| at.to_string().into());
    let failure = known.last_failure.map(|failure| {
        json!({
            "at": failure.at.to_string(),
            "phase": failure.phase.word(),
            "why": failure.why.word(),
            "code": failure.code,
        })
    });
    [
        ("breaker", known.breaker.word().into()),
        ("open_since", at(known.open_since)),
        ("scouts_since", at(known.scouts_since)),
        ("connections", known.connections.into()),
        ("busy", known.busy.into()),
        ("last_success", at(known.last_success)),
        ("last_failure", failure.into()),
        ("peer_until", at(known.peer_until)),
        ("peer_days_left", days_left(known.peer_until, now).into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn days_left(until: Option<Timestamp>, now: Timestamp) -> Option<i64> {
    let days = |until: Timestamp| until.duration_since(now).as_hours().div_euclid(24);
    until.map(days)
}

fn met(route: &str, probed: Probed, now: Timestamp) -> Value {
    let proved = |tls: &TlsFacts| {
        json!({
            "version": tls.version,
            "cipher": tls.cipher,
            "peer_until": tls.peer_until.map(|at| at.to_string()),
            "days_left": days_left(tls.peer_until, now),
        })
    };
    match probed {
        Probed::Ready { tls, offers } => json!({
            "route": route, "ready": true, "tls": proved(&tls), "offers": offers,
        }),
        Probed::Failed {
            phase,
            why,
            code,
            enhanced,
            tls,
        } => json!({
            "route": route,
            "ready": false,
            "phase": phase.word(),
            "why": why.word(),
            "code": code,
            "enhanced": enhanced,
            "tls": tls.as_ref().map(proved),
        }),
    }
}
