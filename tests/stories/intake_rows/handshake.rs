//! Who may connect, and as whom.

use super::*;
use crate::support::wire::tcp;
use rustls::{AlertDescription, HandshakeKind};
use std::io::{Read, Write};

#[test]
fn row_01_a_certificate_that_proves_nothing_is_refused_in_the_handshake() {
    let daemon = Daemon::start();
    let pki = &daemon.pki;
    for versions in [
        &[&rustls::version::TLS13][..],
        &[&rustls::version::TLS12][..],
    ] {
        let refusal = |who| Wire::refusal(daemon.intake, &pki.ca, who, versions);
        let nobody = refusal(None);
        assert!(
            [
                AlertDescription::CertificateRequired,
                AlertDescription::HandshakeFailure
            ]
            .contains(&nobody),
            "{nobody:?}"
        );
        assert_eq!(refusal(Some(&pki.outsider)), AlertDescription::UnknownCA);
        assert_eq!(
            refusal(Some(&pki.expired)),
            AlertDescription::CertificateExpired
        );
        assert_eq!(
            refusal(Some(&pki.revoked)),
            AlertDescription::CertificateRevoked
        );
        assert_eq!(
            refusal(Some(&pki.wrong_usage)),
            AlertDescription::UnsupportedCertificate
        );
    }
}

#[test]
fn row_01_a_certificate_of_no_force_or_of_two_may_ask_nothing() {
    let daemon = Daemon::start();
    for identity in [&daemon.pki.nameless, &daemon.pki.both] {
        for asked in [get("/healthz"), get("/v1/referrals/ref_1")] {
            let answer = connect(&daemon, identity).ask(&asked);
            assert_problem(&answer, 403, "caller-unknown", &[]);
        }
    }
}

#[test]
fn row_01_a_revocation_takes_effect_while_the_daemon_runs() {
    let daemon = Daemon::start_with(&[("intake.connection_age_max_s", "10")]);
    let pki = &daemon.pki;
    let mut kent = connect(&daemon, &pki.kent);
    assert_eq!(kent.ask(&get("/healthz")).status, 200);
    pki.revoke(&[&pki.revoked, &pki.kent]);
    assert_eq!(kent.rest(), b"", "the open connection is closed");
    let now = Wire::refusal(daemon.intake, &pki.ca, Some(&pki.kent), ANY_VERSION);
    assert_eq!(now, AlertDescription::CertificateRevoked);
    let mut essex = connect(&daemon, &pki.essex);
    assert_eq!(essex.ask(&get("/healthz")).status, 200);
}

#[test]
fn row_01_no_session_is_resumed() {
    let daemon = Daemon::start();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let config = Wire::config(&daemon.pki.ca, Some(&daemon.pki.essex), &[version]);
        for _ in 0..2 {
            let mut wire = Wire::over(daemon.intake, &config).unwrap();
            assert_eq!(wire.ask(&get("/healthz")).status, 200);
            assert_eq!(wire.handshake(), HandshakeKind::Full);
        }
    }
}

#[test]
fn a_force_with_too_many_connections_leaves_room_for_the_others() {
    let daemon = Daemon::start_with(&[("intake.connections_per_force_max", "2")]);
    let mut held: Vec<Wire> = (0..2)
        .map(|_| connect(&daemon, &daemon.pki.essex))
        .collect();
    for wire in &mut held {
        assert_eq!(wire.ask(&get("/healthz")).status, 200);
    }
    assert_eq!(connect(&daemon, &daemon.pki.essex).rest(), b"");
    let mut kent = connect(&daemon, &daemon.pki.kent);
    assert_eq!(kent.ask(&get("/healthz")).status, 200);
}

#[test]
fn who_says_nothing_or_half_of_it_is_not_waited_for() {
    let daemon = Daemon::start();
    let mut silent = tcp(daemon.intake).unwrap();
    let mut half = connect(&daemon, &daemon.pki.essex);
    half.send(b"GET /healthz HTTP/1.1\r\nHost:");
    assert_eq!(silent.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(half.rest(), b"");
}

#[test]
fn row_02_a_certificate_of_one_force_cannot_post_for_another() {
    let daemon = Daemon::start();
    let mut document = changed(2, "/force", json!("kent"));
    // Values are wrong too, but are not looked at.
    set(
        &mut document,
        "/children/0/date_of_birth",
        json!("2018-02-30"),
    );
    let answer = post(&daemon, "row-2", &document);
    assert_problem(
        &answer,
        403,
        "force-mismatch",
        &["Fairweather", "kent", "2018"],
    );

    let own = post(&daemon, "row-2", &referral(2));
    assert_eq!(own.status, 201, "the key was bound by nothing");
    let path = own.header("location").unwrap().to_owned();
    let mut kent = connect(&daemon, &daemon.pki.kent);
    let foreign = kent.ask(&get(&path));
    let missing = kent.ask(&get("/v1/referrals/ref_00000000000000000000000000"));
    assert_problem(&foreign, 404, "not-found", &[]);
    assert_same_but_for_the_request(&foreign, &missing);

    let notification = own.json()["notifications"][0]["id"].clone();
    let path = format!("/v1/notifications/{}", notification.as_str().unwrap());
    let foreign = kent.ask(&get(&path));
    let missing = kent.ask(&get("/v1/notifications/ntf_00000000000000000000000000"));
    assert_same_but_for_the_request(&foreign, &missing);
    let own = connect(&daemon, &daemon.pki.essex).ask(&get(&path));
    assert_eq!((own.status, &own.json()["id"]), (200, &notification));
}

/// The request's id is in every answer and different in every one; nothing else may be.
fn assert_same_but_for_the_request(one: &Response, other: &Response) {
    let plain = |answer: &Response| {
        let id = answer.header("x-request-id").unwrap();
        answer.text().replace(id, "-")
    };
    assert_eq!(plain(one), plain(other));
    assert_eq!(one.status, other.status);
    assert_eq!(one.header_names(), other.header_names());
}

#[test]
fn row_03_tls_1_1_gets_a_protocol_version_alert() {
    let daemon = Daemon::start();
    let alert = alert_for(&daemon, 0x02, &[0xC0, 0x13, 0x00, 0x2F]);
    assert_eq!(alert, [2, 70], "fatal, protocol_version");
}

#[test]
fn row_03_tls_1_2_without_aead_gets_no_handshake() {
    let daemon = Daemon::start();
    // ECDHE with CBC, and RSA key exchange with GCM.
    let alert = alert_for(&daemon, 0x03, &[0xC0, 0x09, 0xC0, 0x13, 0x00, 0x9C]);
    assert_eq!(alert, [2, 40], "fatal, handshake_failure");
}

/// Sends a ClientHello (RFC 5246 section 7.4.1.2) that offers `3.minor` and these suites, and
/// gives the level and description of the alert that answers.
fn alert_for(daemon: &Daemon, minor: u8, suites: &[u8]) -> [u8; 2] {
    let groups = [0, 10, 0, 4, 0, 2, 0, 23];
    let signatures = [0, 13, 0, 8, 0, 6, 4, 3, 8, 4, 4, 1];
    let points = [0, 11, 0, 2, 1, 0];
    let extensions = [&groups[..], &signatures, &points].concat();
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
    let hello = [
        &[3, minor][..],
        &[7; 32],
        &[0],
        &length(suites),
        suites,
        &[1, 0],
        &length(&extensions),
        &extensions,
    ]
    .concat();
    let handshake = [&[1, 0][..], &length(&hello), &hello].concat();
    let record = [&[22, 3, 1][..], &length(&handshake), &handshake].concat();
    let mut tcp = tcp(daemon.intake).unwrap();
    tcp.write_all(&record).unwrap();
    let mut answer = [0; 7];
    tcp.read_exact(&mut answer).unwrap();
    assert_eq!(answer[0], 21, "an alert");
    [answer[5], answer[6]]
}
