//! HTTPS in: who is calling, three passes over what they post, and the answer.

pub mod json;

use crate::delivery::TlsFloor;
use crate::referral::post::ForceName;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

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
    /// Revocation lists, PEM.
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
