//! Keys of intake. The bounds are per connection or per host; full means refuse.

use crate::config::kind::Kind::{Count, File, Files, Listen, Secret, Word};
use crate::config::table::Presence::{Preset, Required};
use crate::config::table::{Shape, section};
use crate::tls::TlsFloor;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// HTTPS in: forces post referrals here, each known by its client certificate.
    Intake = "intake", Shape::One, None;

    /// Address and port.
    listen: SocketAddr = Listen, Preset(r#""0.0.0.0:8443""#);
    /// Our certificate with its chain, PEM, leaf first.
    certificate_file: PathBuf = File, Required(r#""intake.pem""#);
    /// Its key, PEM.
    key_file: PathBuf = Secret, Required(r#""credential:intake""#);
    /// The authority that signs the forces' client certificates, PEM.
    client_ca_file: PathBuf = File, Required(r#""client-ca.pem""#);
    /// Revocation lists of that authority, PEM.
    crl_files: Vec<PathBuf> = Files, Preset("[]");
    /// The lowest TLS version. Robots on Windows Server 2019 have no 1.3.
    tls_min: TlsFloor = Word(&["1.2", "1.3"]), Preset(r#""1.2""#);
    /// The largest body. A referral of twelve children is under 64 KiB.
    body_bytes_max: usize = Count("bytes", 4096, 1 << 22), Preset("262144");
    /// The whole body arrives within this, or 408.
    body_timeout_s: Duration = Count("seconds", 1, 120), Preset("10");
    /// The head of a request arrives within this.
    head_timeout_s: Duration = Count("seconds", 1, 120), Preset("10");
    /// The TLS handshake ends within this.
    handshake_timeout_s: Duration = Count("seconds", 1, 120), Preset("10");
    /// Connections at once.
    connections_max: usize = Count("connections", 1, 65_536), Preset("256");
    /// Connections at once from one force, so that a runaway robot leaves room for the others.
    connections_per_force_max: usize = Count("connections", 1, 65_536), Preset("64");
    /// A connection is closed after this long, so that a revocation takes effect.
    connection_age_max_s: Duration = Count("seconds", 10, 86_400), Preset("600");
    /// What Retry-After says on a 503.
    retry_after_s: Duration = Count("seconds", 1, 3600), Preset("30");
}
