//! Keys of mailboxes that answers come to.

use crate::config::kind::Kind::{Count, Day, Host, Line, Roots as RootsKind, Secret, Word};
use crate::config::table::Presence::{Optional, Preset, Required};
use crate::config::table::{Shape, section};
use crate::referral::school::RouteName;
use crate::replies::mailbox::{After, Protocol};
use crate::tls::{Roots, TlsFloor};
use jiff::civil::Date;
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// A mailbox that answers and reports come to, read by IMAP or, as CJSM's webmail mailboxes are, by
    /// POP3; always over TLS from the first byte (RFC 8314). There is one section a mailbox, and none where
    /// answers come by SMTP alone. Nobody else should read it by POP3, which lets one in at a time.
    Mailbox = "mailbox", Shape::Named {
        example: "cjsm",
        admits: |name| RouteName::parse(name).is_some(),
        rule: "1 to 32 of a to z, 0 to 9, _ and -",
    }, None;

    /// How it is read.
    protocol: Protocol = Word(&["imap", "pop3"]), Required(r#""pop3""#);
    /// The server's host name, which its certificate must carry.
    host: String = Host, Required(r#""pop.example.cjsm.net""#);
    /// Its port; without it 993 for IMAP and 995 for POP3.
    port: Option<u16> = Count("", 1, 65_535), Optional("995");
    /// The lowest TLS version.
    tls_min: TlsFloor = Word(&["1.2", "1.3"]), Preset(r#""1.2""#);
    /// Whom it trusts to name the server: the system's roots, or one private authority.
    roots: Roots = RootsKind, Preset(r#""system""#);
    /// Our login, in ASCII.
    user: String = Line(254), Required(r#""desk@gateway.example.cjsm.net""#);
    /// Its password, in ASCII, on the only line of the file. Read at each look: a new one takes effect
    /// without a restart.
    password_file: PathBuf = Secret, Required(r#""credential:mailbox-password""#);
    /// The day on which it expires, if it does: warned of like a certificate's end.
    password_expires: Option<Date> = Day, Optional(r#""2027-03-31""#);
    /// The folder, by IMAP. It is opened to be read only: nothing in it is changed.
    folder: String = Line(254), Preset(r#""INBOX""#);
    /// What becomes of a mail once it is on our disk. By POP3 each look lists every mail there is, so a
    /// mailbox that keeps them grows slow; `delete` is for POP3 only.
    after: After = Word(&["keep", "delete"]), Preset(r#""keep""#);
    /// Between two looks.
    poll_s: Duration = Count("seconds", 1, 3600), Preset("30");
    /// The largest mail that is fetched; it is held in memory. A larger one is left where it is, and a
    /// note put before a person.
    mail_bytes_max: usize = Count("bytes", 65_536, 1 << 27), Preset("26214400");
    /// Resolving the name and opening the connection.
    connect_timeout_s: Duration = Count("seconds", 1, 300), Preset("15");
    /// The TLS handshake.
    handshake_timeout_s: Duration = Count("seconds", 1, 300), Preset("15");
    /// One command and its reply.
    command_timeout_s: Duration = Count("seconds", 1, 600), Preset("60");
    /// One mail, whole; and the list of mails.
    body_timeout_s: Duration = Count("seconds", 1, 900), Preset("300");
}
