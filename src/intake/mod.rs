//! HTTPS in: who is calling, three passes over what they post, and the answer.
//!
//! The path of a post: [`server`] accepts the connection and [`tls`] proves the client's
//! certificate; [`caller`] says which force that is; [`routes`] finds the handler; [`post`] runs
//! the checks in their order and hands the referral to the store; [`answer`] or [`problem`] writes
//! what goes back.

mod answer;
mod caller;
mod framing;
mod head;
pub mod json;
mod post;
mod problem;
mod routes;
mod server;
mod tls;

use crate::referral::policy::Policy;
use crate::referral::post::ForceName;
use crate::store::Store;
use crate::tls::TlsFloor;
use caller::Callers;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use tls::Unusable;

/// How a force is known besides its certificate's URI SAN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForceIdentity {
    /// The force.
    pub name: ForceName,
    /// SHA-256 digests of SubjectPublicKeyInfo accepted for it.
    pub spki: Vec<[u8; 32]>,
}

/// Intake's settings. Every bound is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Address and port.
    pub listen: SocketAddr,
    /// Our chain, PEM, leaf first.
    pub certificate: PathBuf,
    /// Our key, PEM, not readable by others.
    pub key: PathBuf,
    /// The authority of client certificates, PEM.
    pub client_ca: PathBuf,
    /// Revocation lists, PEM. Read again while serving, like the three files above: a change takes
    /// effect within a minute, or within half of `connection_age_max` if that is less.
    pub crls: Vec<PathBuf>,
    /// Lowest TLS version.
    pub floor: TlsFloor,
    /// Forces that may post.
    pub forces: Vec<ForceIdentity>,
    /// Largest body, bytes.
    pub body_bytes_max: usize,
    /// The whole body must arrive within this.
    pub body_timeout: Duration,
    /// The request's head must arrive within this.
    pub head_timeout: Duration,
    /// The TLS handshake must end within this.
    pub handshake_timeout: Duration,
    /// Connections at once.
    pub connections_max: usize,
    /// Connections at once from one force.
    pub connections_per_force_max: usize,
    /// A connection is closed after this long, so that a revocation takes effect.
    pub connection_age_max: Duration,
    /// What Retry-After says on a 503.
    pub retry_after: Duration,
}

/// Why intake cannot begin to serve. Nothing here can happen once it does.
#[derive(Debug, thiserror::Error)]
pub enum CannotServe {
    /// Certificates, key or revocation lists.
    #[error(transparent)]
    Tls(#[from] tls::Unusable),
    /// A force may post but has no policy: its referrals could not be planned.
    #[error("force {0} has no policy")]
    NoPolicy(ForceName),
    /// One public key would name two forces.
    #[error("forces {0} and {1} share a public key")]
    SharedKey(ForceName, ForceName),
}

/// What every request needs.
#[derive(Debug)]
struct Intake {
    settings: Settings,
    store: Store,
}

/// Says whether [`serve`] could begin with these settings: reads every file, binds nothing.
pub async fn check(
    settings: &Settings,
    policies: &HashMap<ForceName, Arc<Policy>>,
) -> Result<(), CannotServe> {
    Callers::new(settings, policies)?;
    tls::Files::read(settings).await?.config(settings.floor)?;
    Ok(())
}

/// Serves until `stop` turns true or its sender is gone; then finishes the requests in flight.
///
/// Errors come before the first connection is accepted, never after.
pub async fn serve(
    settings: Settings,
    store: Store,
    policies: HashMap<ForceName, Arc<Policy>>,
    listener: TcpListener,
    stop: watch::Receiver<bool>,
) -> Result<(), CannotServe> {
    let callers = Callers::new(&settings, &policies)?;
    let files = tls::Files::read(&settings).await?;
    let config = files.config(settings.floor)?;
    let intake = Arc::new(Intake { settings, store });
    server::Server::new(intake, callers, files, config)
        .run(listener, stop)
        .await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::referral::policy::{Desk, DutyEndsOn, ParentLine, Profile};

    pub(super) fn settings() -> Settings {
        Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            client_ca: PathBuf::new(),
            crls: vec![],
            floor: TlsFloor::V12,
            forces: vec![],
            body_bytes_max: 256,
            body_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            connections_max: 8,
            connections_per_force_max: 2,
            connection_age_max: Duration::from_secs(60),
            retry_after: Duration::from_secs(30),
        }
    }

    pub(super) fn policy(force: &ForceName) -> Arc<Policy> {
        Arc::new(Policy {
            force: force.clone(),
            display_name: "A Police Force".into(),
            kinds: vec!["domestic_abuse".into()],
            grades: vec![],
            age_min: 0,
            age_max: 17,
            connections: vec![],
            profile: Profile::Minimal,
            location: false,
            parent_line: ParentLine::NoContact,
            parent_text: None,
            marking: "OFFICIAL-SENSITIVE".into(),
            handling: "Keep this letter apart.".into(),
            desk: Desk {
                name: "Desk".into(),
                phone: "01632 960000".into(),
                hours: "school days 06:30 to 17:00".into(),
                other_times: "101".into(),
            },
            duty_ends_on: DutyEndsOn::Answered,
            default_la: None,
            ladder: crate::referral::ladder::LadderHours::default(),
        })
    }

    #[tokio::test]
    async fn a_force_without_a_policy_or_a_missing_file_is_found_before_serving() {
        let mut settings = settings();
        let essex = ForceName::parse("essex").unwrap();
        settings.forces.push(ForceIdentity {
            name: essex.clone(),
            spki: vec![],
        });
        settings.certificate = "/nowhere/intake.pem".into();
        settings.key.clone_from(&settings.certificate);
        settings.client_ca.clone_from(&settings.certificate);
        let without = check(&settings, &HashMap::new()).await;
        assert!(matches!(without, Err(CannotServe::NoPolicy(force)) if force == essex));
        let with = check(&settings, &[(essex.clone(), policy(&essex))].into()).await;
        assert!(
            matches!(&with, Err(CannotServe::Tls(Unusable::File { path, .. }))
            if *path == settings.certificate),
            "{with:?}"
        );
    }
}
