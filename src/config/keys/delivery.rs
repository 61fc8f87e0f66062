//! Keys of delivery and its routes.

use crate::config::kind::Kind::{
    Count, Day, File, Flag, Host, Line, Roots as RootsKind, Route as RouteKind, Secret, Word,
};
use crate::config::table::Presence::{Optional, Preset, Required};
use crate::config::table::{Shape, section};
use crate::delivery::{Roots, TlsMode};
use crate::referral::school::RouteName;
use crate::tls::TlsFloor;
use jiff::civil::Date;
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// Out: how letters are tried again.
    Delivery = "delivery", Shape::One, None;

    /// The first wait at most, doubled each time; the wait itself is drawn evenly below it.
    retry_first_s: Duration = Count("seconds", 1, 3600), Preset("30");
    /// No wait is longer; nor than a 360th of what is left before the last safe moment, or ten seconds.
    retry_longest_s: Duration = Count("seconds", 1, 86_400), Preset("600");
    /// A letter whose outcome is unknown goes again, the same bytes, after this long.
    in_doubt_s: Duration = Count("seconds", 1, 3600), Preset("120");
    /// An attempt that still hangs after this long is ended with its outcome unknown, and the letter goes
    /// again as after any doubt. Longer than any attempt. A claim that a run left behind is settled in the
    /// same way when the next run starts.
    lease_s: Duration = Count("seconds", 1, 7200), Preset("600");
    /// The route that nudges take to the ordinary mailboxes of schools: the force's own hub. It must
    /// not be one that letters take. Without it nobody is nudged.
    nudge_route: Option<RouteName> = RouteKind, Optional(r#""hub""#);
    /// The queue is looked at this often without a hint.
    poll_s: Duration = Count("seconds", 1, 300), Preset("5");
}

section! {
    /// A way out: CJSM, or a school's secure relay. Contacts name theirs. There is one section a
    /// route, and no way to send without verified TLS.
    Route = "route", Shape::Named {
        example: "cjsm",
        admits: |name| RouteName::parse(name).is_some(),
        rule: "1 to 32 of a to z, 0 to 9, _ and -",
    }, None;

    /// The relay's host name, which its certificate must carry.
    host: String = Host, Required(r#""relay.example.cjsm.net""#);
    /// Its port.
    port: u16 = Count("", 1, 65_535), Required("25");
    /// TLS from the first byte (RFC 8314), or STARTTLS, required (RFC 3207).
    tls: TlsMode = Word(&["implicit", "starttls"]), Required(r#""starttls""#);
    /// The lowest TLS version.
    tls_min: TlsFloor = Word(&["1.2", "1.3"]), Preset(r#""1.2""#);
    /// Whom it trusts to name the relay: the system's roots, or one private authority.
    roots: Roots = RootsKind, Preset(r#""system""#);
    /// Our client certificate with its chain, PEM, leaf first, if the relay wants one.
    client_certificate_file: Option<PathBuf> = File, Optional(r#""cjsm-client.pem""#);
    /// Its key, PEM.
    client_key_file: Option<PathBuf> = Secret, Optional(r#""credential:cjsm-client""#);
    /// Our login, if the relay wants one.
    user: Option<String> = Line(254), Optional(r#""desk@gateway.example.police.uk""#);
    /// Its password, on the first line of the file.
    password_file: Option<PathBuf> = Secret, Optional(r#""credential:cjsm-password""#);
    /// The day on which it expires, if it does: warned of like a certificate's end.
    password_expires: Option<Date> = Day, Optional(r#""2027-03-31""#);
    /// Connections at once. Of two or more, notes and receipts never have the last one; with one alone a
    /// letter may wait fifteen seconds for a note to end.
    connections: usize = Count("connections", 1, 256), Preset("4");
    /// A kept connection is closed after this long without a letter.
    idle_s: Duration = Count("seconds", 1, 3600), Preset("60");
    /// Letters over one connection before it is closed.
    letters_per_connection: u32 = Count("letters", 1, 100_000), Preset("100");
    /// Resolving the name and opening the connection.
    connect_timeout_s: Duration = Count("seconds", 1, 300), Preset("15");
    /// The TLS handshake.
    handshake_timeout_s: Duration = Count("seconds", 1, 300), Preset("15");
    /// One command and its reply. RFC 5321 4.5.3.2 would wait 5 minutes; a child cannot.
    command_timeout_s: Duration = Count("seconds", 1, 600), Preset("60");
    /// The letter and the reply after its final dot: too short makes repeats. RFC 5321 4.5.3.2.6
    /// gives the relay 10 minutes.
    body_timeout_s: Duration = Count("seconds", 1, 900), Preset("300");
    /// The whole attempt.
    attempt_timeout_s: Duration = Count("seconds", 1, 1800), Preset("480");
    /// Whether an address of ours with `+TOKEN` in it comes back over this route. Probe it first.
    plus_addressing: bool = Flag, Preset("false");
}
