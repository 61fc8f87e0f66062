//! The operators' socket: what ops staff see and do before and beside the console, as the calling
//! Unix user (SO_PEERCRED). One policy function says who may what; nothing is allowed by default.

pub mod acts;
mod alarms;
mod calls;
mod clocks;
mod damaged;
mod forecasts;
mod inbound;
mod on_call;
mod queue;
pub mod reads;
mod refused;
mod replies;
mod restricted;
mod revealed;
pub mod routes;
mod server;
mod telephone;

use crate::referral::policy::Policies;
use crate::referral::post::words;
use crate::store::{Act, AlarmClaim, AlarmLine, NotStored, Store, Stuck};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use reads::{Answer, Question};
use routes::{Probe, Ways};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};

/// A question in bytes at most.
const QUESTION_BYTES_MAX: usize = 64 * 1024;

words! {
    /// What an operator may do.
    Role {
        /// Sees, with personal data masked.
        Viewer = "viewer",
        /// Acts: rings, reads replies, proposes and approves directory changes.
        Operator = "operator",
        /// Countersigns, sees restricted cases, chooses what happens to a case out of time.
        Supervisor = "supervisor",
    }
}

/// Somebody who may use the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Login name on this host.
    pub unix_user: String,
    /// The name that facts record.
    pub name: String,
    /// What they may do.
    pub roles: Vec<Role>,
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// Look, with personal data masked.
    See,
    /// Look at what is personal.
    Reveal,
    /// Do something about a notification, a call or a reply.
    Act,
    /// Agree, as the second of two, to what another did.
    Countersign,
    /// See, and act on, what is restricted.
    Restricted,
    /// Record that a school knows whose word did not match.
    Overrule,
    /// Choose how a case ends that was not told in time, or take back what came of a call.
    Choose,
}

/// The policy: whether these roles allow this wish. Who has no role may do nothing.
fn allows(roles: &[Role], wish: Wish) -> bool {
    roles.iter().any(|role| match (role, wish) {
        (Role::Viewer | Role::Operator | Role::Supervisor, Wish::See)
        | (Role::Operator | Role::Supervisor, Wish::Reveal | Wish::Act) => true,
        (
            Role::Supervisor,
            Wish::Countersign | Wish::Restricted | Wish::Overrule | Wish::Choose,
        ) => true,
        (Role::Viewer, Wish::Reveal | Wish::Act)
        | (
            Role::Viewer | Role::Operator,
            Wish::Countersign | Wish::Restricted | Wish::Overrule | Wish::Choose,
        ) => false,
    })
}

/// Why a question was not answered or an act not done, for the person who asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refused {
    /// One sentence.
    pub error: String,
    /// Who was first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// When they were, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

impl Refused {
    fn new(error: impl ToString) -> Self {
        Self {
            error: error.to_string(),
            who: None,
            at: None,
        }
    }

    fn with(self, status: StatusCode) -> Response {
        (status, Json(self)).into_response()
    }
}

/// Binds the socket, readable by the daemon's user and group only; replaces a socket left behind.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Serves until `stop` is true.
pub async fn serve(
    listener: UnixListener,
    store: Store,
    (operators, policies): (Vec<Operator>, Policies),
    watched: Watched,
    ways: Ways,
    stop: watch::Receiver<bool>,
) {
    let desk = Arc::new(Desk {
        store,
        operators,
        policies,
        watched,
        ways,
    });
    let router = Router::new()
        .route("/v1/read", post(read))
        .route("/v1/act", post(act))
        .route("/v1/probe", post(probe))
        .layer(DefaultBodyLimit::max(QUESTION_BYTES_MAX))
        .with_state(desk);
    server::run(listener, router, stop).await;
}

/// Who holds the other end, by the kernel's word.
#[derive(Debug, Clone)]
struct Caller {
    unix_user: Option<String>,
}

/// The login name of a Unix user id.
pub fn user_name(uid: u32) -> Option<String> {
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid))
        .ok()
        .flatten();
    user.map(|user| user.name)
}

/// The login name of whoever runs this process.
pub fn own_user_name() -> Option<String> {
    user_name(nix::unistd::Uid::effective().as_raw())
}

/// What a running daemon knows beside the database.
#[derive(Debug)]
pub struct Watched {
    /// What the sweeper found last.
    pub stuck: watch::Receiver<Stuck>,
    /// Alarms that are open, also those that could not be recorded.
    pub alarms: watch::Receiver<Vec<AlarmLine>>,
    /// Whoever keeps those.
    pub claims: mpsc::Sender<AlarmClaim>,
}

#[derive(Debug)]
struct Desk {
    store: Store,
    operators: Vec<Operator>,
    policies: Policies,
    watched: Watched,
    ways: Ways,
}

impl Desk {
    /// The operator who calls, if they may; otherwise why not.
    fn allowed(&self, caller: &Caller, wish: Wish) -> Result<&Operator, Refused> {
        let known = self
            .operators
            .iter()
            .find(|o| Some(&o.unix_user) == caller.unix_user.as_ref());
        match known {
            Some(operator) if allows(&operator.roles, wish) => Ok(operator),
            Some(_) => Err(Refused::new(match wish {
                Wish::See => "your roles allow you nothing",
                Wish::Reveal => "a viewer may not reveal what is personal",
                Wish::Act => "a viewer may look, and do nothing",
                Wish::Countersign => "only a supervisor may countersign",
                Wish::Restricted => restricted::SUPERVISORS_ONLY,
                Wish::Overrule => on_call::OVERRULED,
                Wish::Choose => {
                    "only a supervisor chooses that: an ending that counts at once, or what is taken back"
                }
            })),
            None => Err(Refused::new(
                "your Unix user is no operator in the configuration",
            )),
        }
    }
}

impl Desk {
    /// What else somebody must be allowed who acts so.
    async fn needs(&self, act: &Act) -> Result<Vec<Wish>, NotStored> {
        let mut needs = Vec::new();
        if matches!(act, Act::Countersign { .. }) {
            needs.push(Wish::Countersign);
        }
        if restricted::by_act(&self.store, act).await? {
            needs.push(Wish::Restricted);
        }
        if on_call::overrules(&self.store, act).await? {
            needs.push(Wish::Overrule);
        }
        if on_call::chooses(act) {
            needs.push(Wish::Choose);
        }
        Ok(needs)
    }
}

async fn read(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Json(question): Json<Question>,
) -> Response {
    let wish = if question.reveals() {
        Wish::Reveal
    } else {
        Wish::See
    };
    let operator = match desk.allowed(&caller, wish) {
        Ok(operator) => operator,
        Err(refused) => return refused.with(StatusCode::FORBIDDEN),
    };
    let known = desk.watched.alarms.borrow().clone();
    if let Some(found) = alarms::open(desk.store.readers(), &question, &known).await {
        return Json(found).into_response();
    }
    let supervises = allows(&operator.roles, Wish::Restricted);
    if !supervises {
        match restricted::by_question(&desk.store, &question).await {
            Ok(false) => {}
            Ok(true) => {
                let refused = Refused::new(restricted::SUPERVISORS_ONLY);
                return refused.with(StatusCode::FORBIDDEN);
            }
            Err(fault) => return Refused::new(fault).with(StatusCode::SERVICE_UNAVAILABLE),
        }
    }
    match answer(&desk, &question, operator, supervises).await {
        Ok(Answer::Found(mut found)) => {
            // Only a running daemon has a sweeper to ask.
            if let (Question::Queue, Some(queue)) = (&question, found.as_object_mut()) {
                let stuck = *desk.watched.stuck.borrow();
                let stuck = json!({
                    "timers": stuck.timers,
                    "deliveries": stuck.deliveries,
                    "attempts": stuck.attempts,
                    "inbound": stuck.inbound,
                });
                queue.insert("stuck".to_owned(), stuck);
            }
            if question == Question::Routes {
                desk.ways.tell(&mut found, desk.store.clock().now());
            }
            Json(found).into_response()
        }
        Ok(Answer::NotThere(error)) => Refused::new(error).with(StatusCode::NOT_FOUND),
        Err(fault) => Refused::new(fault).with(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// What only a daemon can show, because it records who saw it; else as anybody may read it.
async fn answer(
    desk: &Desk,
    question: &Question,
    operator: &Operator,
    supervises: bool,
) -> Result<Answer, NotStored> {
    let store = &desk.store;
    let now = store.clock().now();
    let directory = store.directory();
    let known = (&*directory, &desk.policies);
    if let Question::CallNext { reveal } = question {
        let who = (operator.name.as_str(), supervises);
        if *reveal && let Some(found) = revealed::own_call(store, known, now, who).await? {
            return Ok(Answer::Found(found));
        }
        let looks = (*reveal, supervises);
        return calls::next(store.readers(), &directory, now, looks).await;
    }
    reads::answer(store.readers(), known, now, question).await
}

/// One act. Who may not is refused before it is looked at what they ask.
async fn act(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Response {
    let operator = match desk.allowed(&caller, Wish::Act) {
        Ok(operator) => operator,
        Err(refused) => return refused.with(StatusCode::FORBIDDEN),
    };
    match acts::read(&body) {
        Ok(act) if !desk.ways.know(&act) => {
            Refused::new("no route of this name is configured").with(StatusCode::NOT_FOUND)
        }
        Ok(Act::ClaimAlarm { alarm }) => alarms::claim(&desk, alarm, &operator.name).await,
        Ok(act) => {
            match desk.needs(&act).await {
                Ok(needs) => {
                    let mut needs = needs.into_iter();
                    let refused = needs.find_map(|wish| desk.allowed(&caller, wish).err());
                    if let Some(refused) = refused {
                        return refused.with(StatusCode::FORBIDDEN);
                    }
                }
                Err(fault) => return Refused::new(fault).with(StatusCode::SERVICE_UNAVAILABLE),
            }
            acts::perform(&desk.store, act, &operator.name).await
        }
        Err(words) => Refused::new(words).with(StatusCode::BAD_REQUEST),
    }
}

/// Probing reaches out of the house: whoever may only look may not.
async fn probe(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Json(wished): Json<Probe>,
) -> Response {
    if let Err(refused) = desk.allowed(&caller, Wish::Act) {
        return refused.with(StatusCode::FORBIDDEN);
    }
    desk.ways.probe(&wished, desk.store.clock().now()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_may_exactly_what_the_policy_says() {
        let wishes = [
            Wish::See,
            Wish::Reveal,
            Wish::Act,
            Wish::Countersign,
            Wish::Restricted,
            Wish::Overrule,
            Wish::Choose,
        ];
        let may = |roles: &[Role]| wishes.map(|wish| allows(roles, wish));
        let acts = [true, true, true, false, false, false, false];
        assert_eq!(may(&[]), [false; 7]);
        assert_eq!(
            may(&[Role::Viewer]),
            [true, false, false, false, false, false, false]
        );
        assert_eq!(may(&[Role::Operator]), acts);
        assert_eq!(may(&[Role::Supervisor]), [true; 7]);
        assert_eq!(may(&[Role::Viewer, Role::Operator]), acts);
    }
}
