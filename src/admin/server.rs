//! Who asks on the operators' socket: the kernel says so, connection by connection.

use super::{Caller, user_name};
use crate::exchange::{self, Bounds};
use axum::{Extension, Router};
use hyper_util::service::TowerToHyperService;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

const BOUNDS: Bounds = Bounds {
    who: "operators' socket",
    // A desk of people and their scripts, far below the process's file handles.
    connections_max: 64,
    // On a machine that is busy.
    within: Duration::from_secs(10),
};

/// Serves until `stop` is true, then lets open connections finish.
pub(super) async fn run(listener: UnixListener, routes: Router, stop: watch::Receiver<bool>) {
    let answers = move |stream: &UnixStream| {
        let credentials = stream.peer_cred().ok();
        let unix_user = credentials.and_then(|credentials| user_name(credentials.uid()));
        TowerToHyperService::new(routes.clone().layer(Extension(Caller { unix_user })))
    };
    exchange::serve(listener, BOUNDS, answers, stop).await;
}
