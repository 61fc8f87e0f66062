//! Before the letter: STARTTLS, certificates, versions, logins.

use super::relay::{Act, Relay};
use super::{
    Authority, EHLO, HEARD_LETTER, MAIL, RCPT, READY, Scene, TAKEN, assert_ended, carrier,
    route_name, send, write_secret,
};
use aws_lc_rs::digest::{SHA256, digest};
use firstbell::delivery::carrier::{RouteFaultWhy, SmtpCarrier};
use firstbell::delivery::{ClientCertificate, Login, Route, TlsMode};
use firstbell::referral::attempt::{AttemptResult, AttemptWhy, Phase};
use firstbell::referral::route::Probed;
use firstbell::referral::school::RouteName;
use firstbell::tls::TlsFloor;
use rustls::version::{TLS12, TLS13};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

const OFFERS_TLS: [Act; 4] = [
    Act::Say("220 relay.test ESMTP\r\n"),
    Act::Hear,
    Act::Say("250-relay.test\r\n250 STARTTLS\r\n"),
    Act::Hear,
];

fn with_starttls(route: &mut Route) {
    route.tls = TlsMode::StartTls;
}

#[tokio::test]
async fn a_letter_goes_over_starttls_and_the_proof_of_it_is_kept() {
    let scene = Scene::new();
    let after = [
        Act::Say("220 ready\r\n"),
        Act::Tls,
        Act::Hear,
        Act::Say("250-relay.test\r\n250 DSN\r\n"),
    ];
    let script = OFFERS_TLS.into_iter().chain(after).chain(TAKEN);
    let (attempted, heard) = scene.attempt(script, with_starttls).await;
    let done = (AttemptResult::Done, Phase::Body, AttemptWhy::Reply);
    assert_ended(&attempted, done, Some(250), "250 2.0.0 queued\r\n");
    assert_eq!(attempted.enhanced.as_deref(), Some("2.0.0"));
    let tls = attempted.tls.unwrap();
    assert_eq!(tls.version, "TLSv1.3");
    assert!(tls.cipher.starts_with("TLS13_AES_"), "{}", tls.cipher);
    let chain_digest = digest(&SHA256, &scene.identity.certificate);
    assert_eq!(tls.chain_digest, chain_digest.as_ref());
    let mail = format!("{MAIL} RET=HDRS ENVID=tok3n");
    let notify = "NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;keyadult@school.test";
    let rcpt = format!("{RCPT} {notify}");
    let lines = [
        EHLO,
        "STARTTLS",
        "[tls]",
        EHLO,
        &mail,
        &rcpt,
        "DATA",
        HEARD_LETTER,
        "QUIT",
    ];
    assert_eq!(heard, lines);
}

#[tokio::test]
async fn nothing_is_said_to_a_relay_without_starttls() {
    let script = [
        Act::Say("220 relay.test\r\n"),
        Act::Hear,
        Act::Say("250 relay.test\r\n"),
    ];
    let (attempted, heard) = Scene::new().attempt(script, with_starttls).await;
    let ended = (
        AttemptResult::Later,
        Phase::StartTls,
        AttemptWhy::NoStartTls,
    );
    assert_ended(&attempted, ended, None, "250 relay.test\r\n");
    assert_eq!(attempted.tls, None);
    assert_eq!(heard, [EHLO]);
}

#[tokio::test]
async fn a_reply_injected_in_clear_before_the_handshake_ends_the_attempt() {
    let injected = "220 ready\r\n250-relay.test\r\n250 AUTH PLAIN\r\n";
    let script = OFFERS_TLS.into_iter().chain([Act::Say(injected)]);
    let (attempted, heard) = Scene::new().attempt(script, with_starttls).await;
    let why = AttemptWhy::BytesBeforeHandshake;
    let words = "250-relay.test\r\n250 AUTH PLAIN\r\n";
    assert_ended(
        &attempted,
        (AttemptResult::Later, Phase::StartTls, why),
        None,
        words,
    );
    assert_eq!(heard, [EHLO, "STARTTLS"]);
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_ends_the_attempt() {
    let scene = Scene::new();
    let stranger = Authority::new("Somebody else's authority");
    let cases = [
        (
            scene.authority.names_until("127.0.0.1", 2021),
            AttemptWhy::CertificateExpired,
        ),
        (
            scene.authority.names("other.test"),
            AttemptWhy::CertificateName,
        ),
        (stranger.names("127.0.0.1"), AttemptWhy::CertificateUnknown),
    ];
    for (identity, why) in cases {
        for mode in [TlsMode::Implicit, TlsMode::StartTls] {
            let (in_clear, said): (&[Act], &[&str]) = match mode {
                TlsMode::Implicit => (&[], &[]),
                TlsMode::StartTls => (&OFFERS_TLS, &[EHLO, "STARTTLS"]),
            };
            let go = (!in_clear.is_empty()).then_some(Act::Say("220 ready\r\n"));
            let script = in_clear.iter().copied().chain(go).chain(READY).chain(TAKEN);
            let tls = identity.serves(rustls::ALL_VERSIONS, None);
            let relay = Relay::start(tls, vec![script.collect()]).await;
            let (attempted, heard) = scene.attempt_at(relay, |route| route.tls = mode).await;
            let ended = (AttemptResult::Later, Phase::Handshake, why);
            assert_ended(&attempted, ended, None, "");
            assert_eq!(attempted.tls, None);
            assert_eq!(heard, said, "{why:?} {mode:?}");
        }
    }
}

#[tokio::test]
async fn a_relay_below_the_floor_gets_nothing() {
    let scene = Scene::new();
    let tls = scene.identity.serves(&[&TLS12], None);
    let relay = Relay::start(tls, vec![READY.into_iter().chain(TAKEN).collect()]).await;
    let (attempted, heard) = scene
        .attempt_at(relay, |route| route.floor = TlsFloor::V13)
        .await;
    let ended = (
        AttemptResult::Later,
        Phase::Handshake,
        AttemptWhy::TlsVersion,
    );
    assert_ended(&attempted, ended, None, "");
    assert!(heard.is_empty());

    let tls = scene.identity.serves(&[&TLS12], None);
    let relay = Relay::start(tls, vec![READY.into_iter().chain(TAKEN).collect()]).await;
    let (attempted, _) = scene
        .attempt_at(relay, |route| route.floor = TlsFloor::V12)
        .await;
    assert_eq!(attempted.result, AttemptResult::Done);
    assert_eq!(attempted.tls.unwrap().version, "TLSv1.2");
}

#[tokio::test]
async fn a_real_server_that_speaks_tls_1_1_only_gets_nothing() {
    let scene = Scene::new();
    let (certificate, key) = scene.identity.write(scene.folder.path());
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
    let port = BufReader::new(server.0.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            line.strip_prefix("ACCEPT ")?
                .rsplit(':')
                .next()?
                .parse()
                .ok()
        })
        .expect("openssl says where it listens");
    let attempted = send(&carrier(&scene.route(port))).await;
    let ended = (
        AttemptResult::Later,
        Phase::Handshake,
        AttemptWhy::TlsVersion,
    );
    assert_ended(&attempted, ended, None, "");
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn a_relay_that_wants_our_certificate_gets_it_or_refuses_us() {
    let scene = Scene::new();
    let stranger = Authority::new("Somebody else's authority");
    let ours = Some(scene.authority.names("gateway.test"));
    let strange = Some(stranger.names("gateway.test"));
    let cases = [(ours, true), (strange, false), (None, false)];
    for versions in [&[&TLS13], &[&TLS12]] {
        for (client, welcome) in &cases {
            let client = client.as_ref().map(|identity| {
                let (certificate, key) = identity.write(scene.folder.path());
                ClientCertificate { certificate, key }
            });
            let tls = scene.identity.serves(versions, Some(&scene.authority));
            let script = READY.into_iter().chain(TAKEN).collect();
            let relay = Relay::start(tls, vec![script]).await;
            let (attempted, heard) = scene
                .attempt_at(relay, |route| route.client.clone_from(&client))
                .await;
            if *welcome {
                assert_eq!(attempted.result, AttemptResult::Done);
                assert!(heard.contains(&HEARD_LETTER.to_owned()));
            } else {
                let why = AttemptWhy::ClientCertificateRefused;
                assert_ended(
                    &attempted,
                    (AttemptResult::Later, Phase::Handshake, why),
                    None,
                    "",
                );
                assert!(heard.is_empty());
            }
        }
    }
}

#[tokio::test]
async fn the_password_is_said_after_tls_only_and_a_wrong_one_keeps_the_letter_queued() {
    let scene = Scene::new();
    let password_file = scene.folder.path().join("password");
    write_secret(&password_file, "secret\n");
    let login = Login {
        user: "user".to_owned(),
        password_file: password_file.clone(),
        expires: None,
    };
    let script = OFFERS_TLS.into_iter().chain([
        Act::Say("220 ready\r\n"),
        Act::Tls,
        Act::Hear,
        Act::Say("250-relay.test\r\n250 AUTH PLAIN\r\n"),
        Act::Hear,
        Act::Say("535 5.7.8 wrong\r\n"),
    ]);
    let (attempted, heard) = scene
        .attempt(script, |route| {
            route.tls = TlsMode::StartTls;
            route.login = Some(login.clone());
        })
        .await;
    let ended = (AttemptResult::Later, Phase::Auth, AttemptWhy::Reply);
    assert_ended(&attempted, ended, Some(535), "535 5.7.8 wrong\r\n");
    assert!(attempted.tls.is_some());
    let auth = "AUTH PLAIN AHVzZXIAc2VjcmV0";
    assert_eq!(heard, [EHLO, "STARTTLS", "[tls]", EHLO, auth, "QUIT"]);

    let mut route = scene.route(1);
    route.login = Some(login);
    assert!(!format!("{:?}", carrier(&route)).contains("secret"));
    let open_to_all = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&password_file, open_to_all).unwrap();
    let fault = SmtpCarrier::new("gateway.test", &[route]).unwrap_err();
    assert_eq!(fault.why, RouteFaultWhy::SecretReadable(password_file));
}

#[tokio::test]
async fn a_probe_goes_as_far_as_it_can_without_a_letter() {
    let scene = Scene::new();
    let offers = [
        Act::Tls,
        Act::Say("220 relay.test ESMTP\r\n"),
        Act::Hear,
        Act::Say("250-relay.test\r\n250-SIZE 1000000\r\n250-DSN\r\n250 X-ODD\r\n"),
    ];
    let relay = scene.relay(offers).await;
    let carrier = carrier(&scene.route(relay.port));
    let probed = carrier.probe(&route_name(), PATIENCE).await.unwrap();
    let Probed::Ready { tls, offers } = probed else {
        panic!("{probed:?}");
    };
    assert_eq!(tls.version, "TLSv1.3");
    let until = tls.peer_until.unwrap();
    assert_eq!(until.to_string(), "4000-01-01T00:00:00Z");
    assert_eq!(offers, ["SIZE 1000000", "DSN"]);
    assert_eq!(relay.heard().await, [["[tls]", EHLO, "QUIT"]]);
    let nobody = RouteName::parse("nobody").unwrap();
    assert_eq!(carrier.probe(&nobody, PATIENCE).await, None);
}

#[tokio::test]
async fn a_probe_that_gets_no_further_says_where_and_why() {
    let scene = Scene::new();
    let relay = scene
        .relay([Act::Tls, Act::Say("421 4.3.2 closed\r\n")])
        .await;
    let carrier = carrier(&scene.route(relay.port));
    let probed = carrier.probe(&route_name(), PATIENCE).await.unwrap();
    let Probed::Failed {
        phase, why, code, ..
    } = probed
    else {
        panic!("{probed:?}");
    };
    let ended = (phase, why, code);
    assert_eq!(ended, (Phase::Greeting, AttemptWhy::Reply, Some(421)));
}
