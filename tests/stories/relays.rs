//! Relays that are broken, hostile or merely strict, on real sockets: how each attempt ends, and
//! what the relay got of the letter.

pub(crate) mod authority;
mod handshakes;
mod kept;
pub(crate) mod relay;
mod replies;
mod routes;

use authority::{Authority, Identity};
use firstbell::delivery::carrier::{Carrier, SmtpCarrier};
use firstbell::delivery::{Envelope, Limits, Roots, Route, TlsMode};
use firstbell::referral::attempt::{AttemptResult, AttemptWhy, Attempted, Phase};
use firstbell::referral::school::{Address, RouteName};
use firstbell::tls::TlsFloor;
use relay::{Act, Heard, Relay};
use rustls::ServerConfig;
use std::fs;
use std::future::ready;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const LETTER: &str = "Subject: Secure message\r\n\r\nPlease read this.\r\n.\r\nThank you.\r\n";

/// The letter as a relay hears it, its final dot taken off: the lone dot is doubled.
const HEARD_LETTER: &str = "Subject: Secure message\r\n\r\nPlease read this.\r\n..\r\nThank you.";

const EHLO: &str = "EHLO gateway.test";
const MAIL: &str = "MAIL FROM:<gateway@force.test>";
const RCPT: &str = "RCPT TO:<keyadult@school.test>";

/// Everything until a relay over implicit TLS is ready for MAIL.
pub(crate) const READY: [Act; 4] = [
    Act::Tls,
    Act::Say("220 relay.test ESMTP\r\n"),
    Act::Hear,
    Act::Say("250 relay.test\r\n"),
];

/// A letter taken.
pub(crate) const TAKEN: [Act; 8] = [
    Act::Hear,
    Act::Say("250 ok\r\n"),
    Act::Hear,
    Act::Say("250 ok\r\n"),
    Act::Hear,
    Act::Say("354 go on\r\n"),
    Act::HearLetter,
    Act::Say("250 2.0.0 queued\r\n"),
];

/// RSET before a further letter.
pub(crate) const RESET: [Act; 2] = [Act::Hear, Act::Say("250 ok\r\n")];

/// An authority, a relay it names, and the route to that relay.
pub(crate) struct Scene {
    folder: tempfile::TempDir,
    pub(crate) authority: Authority,
    identity: Identity,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let authority = Authority::new("The route's authority");
        Self {
            folder: tempfile::tempdir().unwrap(),
            identity: authority.names("127.0.0.1"),
            authority,
        }
    }

    pub(crate) fn tls(&self) -> Arc<ServerConfig> {
        self.identity.serves(rustls::ALL_VERSIONS, None)
    }

    pub(crate) async fn relay(&self, script: impl IntoIterator<Item = Act>) -> Relay {
        Relay::start(self.tls(), vec![script.into_iter().collect()]).await
    }

    /// Limits are long; a story about one shortens it.
    pub(crate) fn route(&self, port: u16) -> Route {
        let long = Duration::from_secs(20);
        Route {
            name: route_name(),
            host: "127.0.0.1".to_owned(),
            port,
            tls: TlsMode::Implicit,
            floor: TlsFloor::V12,
            roots: Roots::Private(self.authority.write(self.folder.path())),
            client: None,
            login: None,
            connections: 1,
            idle: long,
            letters_per_connection: 100,
            limits: Limits {
                connect: long,
                handshake: long,
                command: long,
                body: long,
                whole: long,
            },
            plus_addressing: false,
        }
    }

    /// One attempt at a relay that plays this script: how it ended and what the relay heard.
    async fn attempt(
        &self,
        script: impl IntoIterator<Item = Act>,
        change: impl Fn(&mut Route),
    ) -> (Attempted, Heard) {
        let relay = self.relay(script).await;
        self.attempt_at(relay, change).await
    }

    async fn attempt_at(&self, relay: Relay, change: impl Fn(&mut Route)) -> (Attempted, Heard) {
        let mut route = self.route(relay.port);
        change(&mut route);
        let carrier = carrier(&route);
        let attempted = send(&carrier).await;
        carrier.close().await;
        (attempted, relay.heard().await.remove(0))
    }
}

pub(crate) fn carrier(route: &Route) -> SmtpCarrier {
    SmtpCarrier::new("gateway.test", std::slice::from_ref(route)).unwrap()
}

pub(crate) async fn send(carrier: &SmtpCarrier) -> Attempted {
    let envelope = Envelope {
        mail_from: Address::parse("gateway@force.test"),
        rcpt_to: Address::parse("keyadult@school.test").unwrap(),
        envid: "tok3n".to_owned(),
    };
    carrier
        .attempt(&route_name(), &envelope, LETTER.as_bytes(), ready(true))
        .await
}

/// Everything about how an attempt ended but its TLS.
#[track_caller]
fn assert_ended(
    attempted: &Attempted,
    (result, phase, why): (AttemptResult, Phase, AttemptWhy),
    code: Option<u16>,
    words: &str,
) {
    assert_eq!(
        (attempted.result, attempted.phase, attempted.why),
        (result, phase, why)
    );
    assert_eq!(attempted.code, code);
    assert_eq!(String::from_utf8_lossy(&attempted.words), words);
}

fn route_name() -> RouteName {
    RouteName::parse("cjsm").unwrap()
}

pub(crate) fn write_secret(path: &Path, text: &str) {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}
