//! Keys of what comes back: answers and reports by SMTP.

use crate::config::kind::Kind::{Count, File, Listen, Networks, Secret, Word};
use crate::config::table::Presence::{Optional, Preset};
use crate::config::table::{Shape, section};
use crate::replies::smtp::Network;
use crate::tls::TlsFloor;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// SMTP in: relays hand over answers and reports here. Without an address to listen on there is
    /// no listener.
    Replies = "replies", Shape::One, None;

    /// Address and port where relays begin in clear and must use STARTTLS (RFC 3207).
    listen_starttls: Option<SocketAddr> = Listen, Optional(r#""0.0.0.0:25""#);
    /// Address and port with TLS from the first byte (RFC 8314).
    listen_tls: Option<SocketAddr> = Listen, Optional(r#""0.0.0.0:465""#);
    /// Our certificate with its chain, PEM, leaf first. Needed to listen.
    certificate_file: Option<PathBuf> = File, Optional(r#""replies.pem""#);
    /// Its key, PEM. Needed to listen.
    key_file: Option<PathBuf> = Secret, Optional(r#""credential:replies""#);
    /// The authority of the relays' client certificates, PEM; with it, none may come without one.
    client_ca_file: Option<PathBuf> = File, Optional(r#""relay-ca.pem""#);
    /// Where relays connect from; nobody else is heard. Needed to listen.
    allowed_relays: Vec<Network> = Networks, Preset("[]");
    /// The lowest TLS version.
    tls_min: TlsFloor = Word(&["1.2", "1.3"]), Preset(r#""1.2""#);
    /// The largest mail. It is held in memory while it arrives, so this times `connections_max` is
    /// what relays can make the daemon hold.
    mail_bytes_max: usize = Count("bytes", 65_536, 1 << 27), Preset("26214400");
    /// Connections at once.
    connections_max: usize = Count("connections", 1, 1024), Preset("16");
    /// The TLS handshake ends within this.
    handshake_timeout_s: Duration = Count("seconds", 1, 120), Preset("10");
    /// The next byte arrives within this, or 421. RFC 5321 4.5.3.2.7 asks for five minutes.
    idle_s: Duration = Count("seconds", 1, 3600), Preset("300");
    /// A connection ends after this long, or 421: a byte now and then does not keep its place.
    connection_age_max_s: Duration = Count("seconds", 10, 86_400), Preset("1800");
}
