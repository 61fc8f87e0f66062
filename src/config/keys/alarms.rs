//! Keys of what watches the gateway: alarms, the external heartbeat, metrics.

use crate::client::peer::HttpsUrl;
use crate::config::kind::Kind::{
    Address as MailAddress, Count, Day, File, Flag, Host, Line, Listen, Roots as RootsKind, Secret,
    Url, Word,
};
use crate::config::table::Presence::{Optional, Preset};
use crate::config::table::{Shape, section};
use crate::delivery::{Roots, TlsMode};
use crate::referral::school::Address;
use jiff::civil::Date;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// Alarms: what needs a person of our own, told by a lane that carries no letters. The first person
    /// by mail; when nobody takes an alarm on, the second by the webhook. Without either, alarms are
    /// only kept and shown.
    Alarms = "alarms", Shape::One, None;

    /// The desk's mailbox. It may be an ordinary one: alarms say nothing that may not be read.
    mail_to: Option<Address> = MailAddress, Optional(r#""desk@example.police.uk""#);
    /// The relay that takes them. It must be none of the letters'.
    mail_host: Option<String> = Host, Optional(r#""smtp.example.police.uk""#);
    /// Its port.
    mail_port: u16 = Count("", 1, 65_535), Preset("465");
    /// TLS from the first byte (RFC 8314), or STARTTLS, required (RFC 3207).
    mail_tls: TlsMode = Word(&["implicit", "starttls"]), Preset(r#""implicit""#);
    /// Whom it trusts to name the relay: the system's roots, or one private authority.
    mail_roots: Roots = RootsKind, Preset(r#""system""#);
    /// Our login, if the relay wants one.
    mail_user: Option<String> = Line(254), Optional(r#""firstbell@example.police.uk""#);
    /// Its password, on the first line of the file.
    mail_password_file: Option<PathBuf> = Secret, Optional(r#""credential:alarms-password""#);
    /// The day on which it expires, if it does: warned of like a certificate's end.
    mail_password_expires: Option<Date> = Day, Optional(r#""2027-03-31""#);
    /// Where the second person's alarms are posted, in the JSON of Alertmanager's webhook receivers.
    webhook_url: Option<HttpsUrl> = Url, Optional(r#""https://oncall.example.police.uk/firstbell""#);
    /// Whom it trusts to name that host: the system's roots, or one private authority.
    webhook_roots: Roots = RootsKind, Preset(r#""system""#);
    /// The bearer token to send, on the first line of the file.
    webhook_token_file: Option<PathBuf> = Secret, Optional(r#""credential:alarms-token""#);
    /// The day on which it expires, if it does: warned of like a certificate's end.
    webhook_token_expires: Option<Date> = Day, Optional(r#""2027-03-31""#);
    /// An alarm that nobody has taken on for so long goes to the second person.
    unclaimed_s: Duration = Count("seconds", 60, 86_400), Preset("900");
    /// Between two messages by one channel; what comes meanwhile is told together.
    between_s: Duration = Count("seconds", 1, 3600), Preset("60");
    /// Whether this host's clock is kept by NTP: then one that is not synchronised is an alarm.
    ntp: bool = Flag, Preset("true");
}

section! {
    /// The external heartbeat: a call by HTTPS while the gateway does its work. Whoever is called alarms
    /// when it stays away.
    Heartbeat = "heartbeat", Shape::One, None;

    /// What is called, with GET.
    url: Option<HttpsUrl> = Url, Optional(r#""https://heartbeat.example.police.uk/firstbell""#);
    /// How often.
    every_s: Duration = Count("seconds", 1, 3600), Preset("60");
    /// The private authority that names that host, PEM; without it, the system's roots.
    ca_file: Option<PathBuf> = File, Optional(r#""heartbeat-ca.pem""#);
}

section! {
    /// Metrics, in Prometheus' text. Nothing personal is in them.
    Metrics = "metrics", Shape::One, None;

    /// Address and port, plain HTTP, on the loopback only: a reverse proxy lets others in.
    listen: Option<SocketAddr> = Listen, Optional(r#""127.0.0.1:9464""#);
}
