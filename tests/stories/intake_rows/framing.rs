//! Where a body begins and ends, and what kind it is.

use super::*;
use std::time::{Duration, Instant};

const KEY: &str = "Idempotency-Key: framing\r\n";

#[test]
fn row_04_a_body_that_says_it_is_too_long_is_refused_before_it_is_read() {
    let daemon = Daemon::start();
    let mut wire = connect(&daemon, &daemon.pki.essex);
    let fields = format!("Content-Type: application/json\r\nContent-Length: 262145\r\n{KEY}");
    let answer = wire.ask(&raw(&fields, b""));
    assert_problem(&answer, 413, "body-too-large", &[]);
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(wire.rest(), b"");
}

#[test]
fn row_04_a_sender_that_does_not_listen_while_it_writes_still_gets_the_answer() {
    let daemon = Daemon::start();
    let mut wire = connect(&daemon, &daemon.pki.essex);
    let body = vec![b' '; 400_000];
    let answer = wire.ask(&with_fields(KEY, &body));
    assert_problem(&answer, 413, "body-too-large", &[]);
}

#[test]
fn row_04_a_body_of_exactly_the_limit_is_read() {
    let daemon = Daemon::start();
    let mut body = referral(4).to_string().into_bytes();
    body.resize(262_144, b' ');
    let answer = connect(&daemon, &daemon.pki.essex).ask(&with_fields(KEY, &body));
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[test]
fn row_05_a_chunked_body_that_never_ends_is_cut_at_ten_seconds() {
    let daemon = Daemon::start();
    let mut wire = connect(&daemon, &daemon.pki.essex);
    let begun = Instant::now();
    let fields = format!("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n{KEY}");
    wire.send(&raw(&fields, b"1\r\n{\r\n"));
    let answer = wire.response_while(|wire| wire.send(b"1\r\n \r\n"));
    assert_problem(&answer, 408, "body-too-slow", &[]);
    assert_eq!(answer.header("connection"), Some("close"));
    let took = begun.elapsed();
    assert!(
        (Duration::from_secs(9)..Duration::from_secs(15)).contains(&took),
        "{took:?}"
    );
}

#[test]
fn row_05_a_chunked_body_that_goes_on_too_long_is_cut_at_the_limit() {
    let daemon = Daemon::start();
    let mut wire = connect(&daemon, &daemon.pki.essex);
    let fields = format!("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n{KEY}");
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    let answer = wire.ask(&raw(
        &fields,
        &[&chunk[..], &chunk, &chunk, &chunk, &chunk].concat(),
    ));
    assert_problem(&answer, 413, "body-too-large", &[]);
    assert_eq!(wire.rest(), b"");
}

#[test]
fn row_06_two_different_lengths_are_refused_and_the_connection_closed() {
    let daemon = Daemon::start();
    let mut wire = connect(&daemon, &daemon.pki.essex);
    let fields = "Content-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 3\r\n";
    let answer = wire.ask(&raw(fields, b"{}"));
    assert_eq!(answer.status, 400);
    assert_eq!(wire.rest(), b"");
}

#[test]
fn row_06_nothing_behind_a_body_of_two_lengths_is_taken_for_a_request() {
    let daemon = Daemon::start();
    let body = referral(6).to_string();
    let length = body.len();
    let chunked = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    let cases = [
        (
            format!("Content-Length: {length}\r\nContent-Length: {length}\r\n"),
            &body,
        ),
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n".to_owned(),
            &chunked,
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n".to_owned(),
            &chunked,
        ),
    ];
    for (lengths, body) in cases {
        let mut wire = connect(&daemon, &daemon.pki.essex);
        let fields = format!("Content-Type: application/json\r\n{lengths}{KEY}");
        let smuggled = [raw(&fields, body.as_bytes()), get("/healthz")].concat();
        let answer = wire.ask(&smuggled);
        assert_eq!(answer.status, 201, "{lengths}: {}", answer.text());
        assert_eq!(answer.header("connection"), Some("close"), "{lengths}");
        assert_eq!(wire.rest(), b"", "{lengths}");
    }
}

#[test]
fn row_06_a_connection_with_plain_lengths_is_kept() {
    let daemon = Daemon::start();
    let mut wire = connect(&daemon, &daemon.pki.essex);
    for number in 1..=3 {
        let body = referral(number).to_string();
        let answer = wire.ask(&request(&format!("kept-{number}"), body.as_bytes()));
        assert_eq!(answer.status, 201);
        assert_eq!(answer.header("connection"), None);
    }
}

#[test]
fn row_07_what_is_not_plain_json_in_utf_8_is_not_read() {
    let daemon = Daemon::start();
    let body = referral(7).to_string();
    let length = body.len();
    for (fields, code) in [
        (
            "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
            "content-encoding-unsupported",
        ),
        ("Content-Type: text/xml\r\n", "media-type-unsupported"),
        (
            "Content-Type: application/json; charset=utf-16\r\n",
            "media-type-unsupported",
        ),
        ("", "media-type-unsupported"),
    ] {
        let fields = format!("{fields}Content-Length: {length}\r\n{KEY}");
        let answer = connect(&daemon, &daemon.pki.essex).ask(&raw(&fields, body.as_bytes()));
        assert_problem(&answer, 415, code, &["Fairweather", "utf-16", "xml"]);
    }
}

#[test]
fn a_path_or_method_that_does_not_exist_is_a_problem_document_too() {
    let daemon = Daemon::start();
    let mut wire = connect(&daemon, &daemon.pki.essex);
    assert_problem(&wire.ask(&get("/v2/%ff")), 404, "not-found", &["v2"]);
    assert_problem(&wire.ask(&get("/v1/referrals/%ff")), 404, "not-found", &[]);
    let answer = wire.ask(&get("/v1/referrals"));
    assert_problem(&answer, 405, "method-not-allowed", &[]);
    assert_eq!(answer.header("allow"), Some("POST"));
    assert_eq!(wire.ask(&get("/readyz")).status, 200);
}

#[test]
fn a_head_that_is_too_large_is_refused_by_the_library() {
    let daemon = Daemon::start();
    let fields = format!("X-Long: {}\r\n", "a".repeat(20_000));
    let answer = connect(&daemon, &daemon.pki.essex).ask(&raw(&fields, b""));
    assert_eq!(answer.status, 431);
    let fields = "X: a\r\n".repeat(100);
    let answer = connect(&daemon, &daemon.pki.essex).ask(&raw(&fields, b""));
    assert_eq!(answer.status, 431);
}

#[test]
fn a_post_that_is_arriving_when_the_daemon_stops_is_still_answered() {
    let daemon = Daemon::start();
    let mut wire = connect(&daemon, &daemon.pki.essex);
    assert_eq!(wire.ask(&get("/healthz")).status, 200);
    let asked = with_fields(KEY, referral(1).to_string().as_bytes());
    let (begun, rest) = asked.split_at(asked.len() - 10);
    wire.send(begun);
    // Answered on another connection: the first part has arrived by then.
    let mut other = connect(&daemon, &daemon.pki.essex);
    assert_eq!(other.ask(&get("/healthz")).status, 200);
    daemon.stop();
    assert_eq!(other.rest(), b"", "an idle connection is closed");
    wire.send(rest);
    let answer = wire.response();
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(wire.rest(), b"");
}
