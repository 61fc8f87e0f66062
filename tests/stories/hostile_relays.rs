//! Relays that a letter must not go to, and the daemon: they hear nothing of it, it stays queued,
//! and the trace says why.

use crate::relays::authority::{Authority, Identity};
use crate::relays::relay::{Act, Heard, Relay};
use crate::relays::{READY, TAKEN};
use crate::support::daemon::{Daemon, Recipe, SCHOOL, Way};
use crate::support::posts::{accepted, facts, referral, trace, trace_with};
use rustls::ServerConfig;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

const NAME: &str = "Ermintrude";

const STARTTLS_OFFERED: [Act; 4] = [
    Act::Say("220 relay.test ESMTP\r\n"),
    Act::Hear,
    Act::Say("250-relay.test\r\n250 STARTTLS\r\n"),
    Act::Hear,
];

/// The route's authority, and a relay that it names.
struct Scene {
    folder: tempfile::TempDir,
    authority: Authority,
    good: Identity,
}

impl Scene {
    fn new() -> Self {
        let authority = Authority::new("The route's authority");
        Self {
            folder: tempfile::tempdir().unwrap(),
            good: authority.names("localhost"),
            authority,
        }
    }

    fn tls(&self) -> Arc<ServerConfig> {
        self.good.serves(rustls::ALL_VERSIONS, None)
    }

    /// Posts a referral whose letter must go to this port; says why the first attempt ended, after
    /// the daemon has stopped with the letter still queued.
    fn first_attempt(&self, port: u16, tls: &'static str) -> String {
        let mut daemon = Daemon::made_of(Recipe {
            ways: vec![Way {
                name: "cjsm",
                port,
                tls,
                roots: self.authority.write(self.folder.path()),
                client: None,
                more: String::new(),
            }],
            ..Recipe::default()
        });
        let posted = accepted(&daemon, &referral(1, NAME, SCHOOL));
        let seen = trace_with(&daemon, &posted, "attempt_ended", 1);
        assert_eq!(daemon.stop_and_wait(), Some(0));
        assert_eq!(trace(&daemon, &posted)["deliveries"][0]["state"], "queued");
        assert!(!daemon.log().contains(NAME));
        let ended = &facts(&seen, "attempt_ended")[0];
        assert_eq!(ended["result"], "later");
        ended["why"].as_str().unwrap().to_owned()
    }

    /// A relay that plays one connection and is gone: why the attempt ended, and what it heard.
    async fn met(
        &self,
        server: Arc<ServerConfig>,
        script: impl IntoIterator<Item = Act>,
        tls: &'static str,
    ) -> (String, Heard) {
        let relay = Relay::start(server, vec![script.into_iter().collect()]).await;
        let why = self.first_attempt(relay.port, tls);
        let heard = relay.heard().await.remove(0);
        for line in &heard {
            assert!(!line.contains(NAME) && !line.contains("Subject"), "{line}");
        }
        (why, heard)
    }
}

/// A relay would have taken a letter, had it come.
fn taking() -> impl Iterator<Item = Act> {
    READY.into_iter().chain(TAKEN)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_relay_without_starttls_hears_a_greeting_only() {
    let scene = Scene::new();
    let script = [
        Act::Say("220 relay.test ESMTP\r\n"),
        Act::Hear,
        Act::Say("250-relay.test\r\n250 DSN\r\n"),
    ];
    let script = script.into_iter().chain(TAKEN);
    let (why, heard) = scene.met(scene.tls(), script, "starttls").await;
    assert_eq!(why, "no-starttls");
    assert_eq!(heard, ["EHLO gateway.test"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_relay_that_speaks_before_the_handshake_hears_no_more() {
    let scene = Scene::new();
    let injected = Act::Say("220 ready\r\n250-relay.test\r\n250 AUTH PLAIN\r\n");
    let script = STARTTLS_OFFERED
        .into_iter()
        .chain([injected])
        .chain(taking());
    let (why, heard) = scene.met(scene.tls(), script, "starttls").await;
    assert_eq!(why, "bytes-before-handshake");
    assert_eq!(heard, ["EHLO gateway.test", "STARTTLS"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_relay_that_answers_twice_hears_no_mail_or_no_recipient() {
    let scene = Scene::new();
    let to_ehlo = [
        Act::Tls,
        Act::Say("220 relay.test ESMTP\r\n"),
        Act::Hear,
        Act::Say("250 relay.test\r\n250 ok\r\n"),
    ];
    let script = to_ehlo.into_iter().chain(TAKEN);
    let (why, heard) = scene.met(scene.tls(), script, "implicit").await;
    assert_eq!(why, "peer-out-of-step");
    assert_eq!(heard, ["[tls]", "EHLO gateway.test"]);

    let to_mail = [Act::Hear, Act::Say("250 ok\r\n250 ok\r\n")];
    let script = READY.into_iter().chain(to_mail).chain(TAKEN);
    let (why, heard) = scene.met(scene.tls(), script, "implicit").await;
    assert_eq!(why, "peer-out-of-step");
    assert_eq!(heard.len(), 3, "{heard:?}");
    assert!(heard[2].starts_with("MAIL FROM:<"), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_relay_whose_certificate_proves_nothing_hears_no_mail() {
    let scene = Scene::new();
    let stranger = Authority::new("Somebody else's authority");
    let cases = [
        (
            scene.authority.names_until("localhost", 2021),
            "certificate-expired",
        ),
        (scene.authority.names("other.test"), "certificate-name"),
        (stranger.names("localhost"), "certificate-unknown"),
    ];
    for (identity, expected) in cases {
        let tls = identity.serves(rustls::ALL_VERSIONS, None);
        let go = Act::Say("220 ready\r\n");
        let script = STARTTLS_OFFERED.into_iter().chain([go]).chain(taking());
        let (why, heard) = scene.met(tls, script, "starttls").await;
        assert_eq!(why, expected);
        assert_eq!(heard, ["EHLO gateway.test", "STARTTLS"]);
    }
}

#[test]
fn a_server_that_speaks_tls_1_1_hears_nothing() {
    let scene = Scene::new();
    let (certificate, key) = scene.good.write(scene.folder.path());
    let server = Command::new("openssl")
        .args(["s_server", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"])
        .args(["-accept", "127.0.0.1:0", "-cert"])
        .arg(certificate)
        .arg("-key")
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut server = Killed(server.expect("openssl is installed"));
    let mut said = BufReader::new(server.0.stdout.take().unwrap());
    let mut line = String::new();
    let port = loop {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "openssl ended");
        if let Some(address) = line.strip_prefix("ACCEPT ") {
            break address.trim().rsplit(':').next().unwrap().parse().unwrap();
        }
    };
    assert_eq!(scene.first_attempt(port, "implicit"), "tls-version");
    drop(server);
    let mut journal = String::new();
    said.read_to_string(&mut journal).unwrap();
    assert!(
        !journal.contains("EHLO") && !journal.contains("MAIL"),
        "{journal}"
    );
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}
