//! Mail in: what relays may say to the listener, and what it keeps of that. The rows are those of
//! hostile inputs, 33 to 40.

mod core;
mod script;
mod socket;

use crate::store_rules::{Opened, open};
use crate::support::pki::Pki;
use crate::support::wire::{ANY_VERSION, Wire};
use firstbell::clock::Clock;
use firstbell::referral::school::Address;
use firstbell::replies::smtp::dialogue::Terms;
use rustls::{AlertDescription, HandshakeKind};
use script::Script;
use socket::{Kept, Listener, Memory, Relay, settings};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Notify;

const GENERAL: &str = "replies@gateway.test";
const TOKEN: &str = "0123456789abcdefghjkmnpqrs";
const GREETING: &str = "220 gateway.test ESMTP";
const OFFERS: &str = "250-gateway.test\n250-8BITMIME\n250-ENHANCEDSTATUSCODES\n250 SIZE 8192";
const ENVELOPE: &str =
    "EHLO relay.test\r\nMAIL FROM:<>\r\nRCPT TO:<replies@gateway.test>\r\nDATA\r\n";
const ENVELOPE_TAKEN: &str = "250 2.1.0 go on\n250 2.1.5 go on\n354 go on, end with a dot";

fn terms(size_bytes_max: usize) -> Arc<Terms> {
    Arc::new(Terms {
        host_name: "gateway.test".to_owned(),
        reply_to: Address::parse(GENERAL).unwrap(),
        size_bytes_max,
    })
}

/// A store in a folder of its own, as an inbox.
async fn the_store() -> (tempfile::TempDir, Opened, Kept) {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), &Clock::system()).await;
    let store = opened.store.clone();
    (folder, opened, Kept { store, hangs: None })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_script_goes_as_written_over_a_socket() {
    let pki = Pki::new();
    for script in Script::all() {
        let mut settings = settings(&pki);
        settings.size_bytes_max = script.size_bytes_max;
        if script.speaks_early() {
            // Longer than the relay takes to begin, however loaded the machine is.
            settings.limits.greeting = Duration::from_secs(20);
        }
        if script.idles() {
            settings.limits.idle = Duration::from_millis(1500);
        }
        let inbox = Memory {
            full: script.full,
            ..Memory::default()
        };
        let listener = Listener::start(settings, inbox).await;
        let mut relay = if script.clear {
            Relay::connect(listener.starttls, &pki).await
        } else {
            Relay::connect_tls(listener.tls, &pki).await
        };
        relay.play(&script).await;
        assert_eq!(listener.inbox.mails(), script.mails, "{}", script.name);
        listener.kill().await;
    }
}

/// Every way to end a mail that some server somewhere took for the end, and what stands there.
const WRONG_ENDS: [(&str, &str); 18] = [
    ("\n.\n", "bare LF"),
    ("\n.\r\n", "bare LF"),
    ("\r\n.\n", "bare LF"),
    ("\n.\r", "bare LF"),
    ("\r.\r", "bare CR"),
    ("\r.\n", "bare CR"),
    ("\r.\r\n", "bare CR"),
    ("\r\n.\r", "bare CR"),
    ("\r\n.\r\r\n", "bare CR"),
    ("\r\r\n.\r\n", "bare CR"),
    ("\n\n.\r\n", "bare LF"),
    ("\r\n.\n\n", "bare LF"),
    ("\r\n\0.\r\n", "NUL"),
    ("\r\n.\0\r\n", "NUL"),
    ("\r\n.\r\0\n", "bare CR"),
    ("\r\0\n.\r\n", "bare CR"),
    ("\0\r\n.\r\n", "NUL"),
    ("\n\0.\0\n", "bare LF"),
];

#[tokio::test(flavor = "multi_thread")]
async fn row_33_no_wrong_end_makes_two_mails_of_one_and_nothing_of_it_is_kept() {
    let pki = Pki::new();
    let (_folder, _opened, kept) = the_store().await;
    let listener = Listener::start(settings(&pki), kept.clone()).await;
    let second = ENVELOPE.replace("EHLO relay.test\r\n", "") + "Subject: 2\r\n\r\n2\r\n.\r\n";
    let begin = format!("{OFFERS}\n{ENVELOPE_TAKEN}");
    for (end, named) in WRONG_ENDS {
        let mut relay = Relay::connect_tls(listener.tls, &pki).await;
        relay.hears(GREETING).await;
        relay.say(ENVELOPE.as_bytes()).await;
        relay.hears(&begin).await;
        relay
            .say(format!("Subject: 1\r\n\r\n1{end}{second}").as_bytes())
            .await;
        let refused =
            format!("554 5.5.2 {named}: a line ends in CR LF, and nothing else does\\r\\n");
        assert_eq!(relay.rest().await, refused, "{end:?}");
        assert_eq!(kept.count().await, 0, "{end:?}");
    }
    let mut relay = Relay::connect_tls(listener.tls, &pki).await;
    relay.hears(GREETING).await;
    relay
        .say(format!("{ENVELOPE}1\r\n.\r\n{second}QUIT\r\n").as_bytes())
        .await;
    relay.rest().await;
    assert_eq!(kept.count().await, 2, "the right end is one");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_34_what_is_sent_with_starttls_is_thrown_away_and_the_connection_closed() {
    let pki = Pki::new();
    let listener = Listener::start(settings(&pki), Memory::default()).await;
    let mut relay = Relay::connect(listener.starttls, &pki).await;
    relay.hears(GREETING).await;
    relay
        .asks(
            "EHLO relay.test",
            &OFFERS.replacen('\n', "\n250-STARTTLS\n", 1),
        )
        .await;
    relay
        .say(format!("STARTTLS\r\n{ENVELOPE}x\r\n.\r\n").as_bytes())
        .await;
    assert_eq!(
        relay.rest().await,
        "554 5.5.0 spoken before the handshake\\r\\n"
    );
    assert_eq!(listener.inbox.mails(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_37_a_line_of_one_mebibyte_and_two_thousand_hops_are_refused_in_the_end() {
    let pki = Pki::new();
    let mut settings = settings(&pki);
    settings.size_bytes_max = 4 << 20;
    let listener = Listener::start(settings, Memory::default()).await;
    let mut relay = Relay::connect_tls(listener.tls, &pki).await;
    relay.hears(GREETING).await;
    relay
        .asks("EHLO relay.test", &OFFERS.replace("8192", "4194304"))
        .await;
    let hops = "Received: from a by b; Sun, 22 Nov 2026 00:00:00 +0000\r\n".repeat(2000);
    for (mail, answer) in [
        ("x".repeat(1 << 20), "500 5.5.2 a line is too long"),
        (hops, "554 5.4.6 it has been passed on too often"),
        ("Subject: x".to_owned(), "250 2.0.0 kept"),
    ] {
        relay
            .say(ENVELOPE.replace("EHLO relay.test\r\n", "").as_bytes())
            .await;
        relay.hears(ENVELOPE_TAKEN).await;
        relay.asks(&format!("{mail}\r\n."), answer).await;
    }
    assert_eq!(listener.inbox.mails().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_38_killed_between_the_commit_and_the_250_a_mail_sent_again_is_the_same_mail() {
    let pki = Pki::new();
    let mail = format!("{ENVELOPE}Subject: x\r\n\r\nReceived, thank you.\r\n.\r\n");
    let begin = format!("{OFFERS}\n{ENVELOPE_TAKEN}");
    let (_folder, _opened, again) = the_store().await;
    let kept = Arc::new(Notify::new());
    let mut hanging = again.clone();
    hanging.hangs = Some(kept.clone());
    let listener = Listener::start(settings(&pki), hanging).await;
    let mut relay = Relay::connect_tls(listener.tls, &pki).await;
    relay.hears(GREETING).await;
    relay.say(mail.as_bytes()).await;
    relay.hears(&begin).await;
    kept.notified().await;
    listener.kill().await;
    assert_eq!(again.count().await, 1);

    let listener = Listener::start(settings(&pki), again).await;
    let mut relay = Relay::connect_tls(listener.tls, &pki).await;
    relay.hears(GREETING).await;
    relay.say(mail.as_bytes()).await;
    relay.hears(&format!("{begin}\n250 2.0.0 kept")).await;
    assert_eq!(listener.inbox.count().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_39_a_byte_now_and_then_does_not_keep_a_connection() {
    let pki = Pki::new();
    let mut settings = settings(&pki);
    settings.limits.whole = Duration::from_secs(3);
    let listener = Listener::start(settings, Memory::default()).await;
    let mut relay = Relay::connect_tls(listener.tls, &pki).await;
    relay.hears(GREETING).await;
    relay.say(ENVELOPE.as_bytes()).await;
    relay.hears(&format!("{OFFERS}\n{ENVELOPE_TAKEN}")).await;
    assert_eq!(relay.drips().await, "421 4.4.2 it took too long\\r\\n");
    assert_eq!(listener.inbox.mails(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_40_a_peer_that_is_no_allowed_relay_is_refused_in_place_of_the_greeting() {
    let pki = Pki::new();
    let listener = Listener::start(settings(&pki), Memory::default()).await;
    let refused = "554 5.7.1 not an allowed relay\\r\\n";
    let mut stranger = Relay::connect_from([127, 0, 0, 2], listener.starttls, &pki).await;
    assert_eq!(stranger.rest().await, refused);
    let mut stranger = Relay::connect_from([127, 0, 0, 2], listener.tls, &pki).await;
    stranger.shake_hands().await.unwrap();
    assert_eq!(stranger.rest().await, refused);

    let mut strangers = Vec::new();
    for _ in 0..40 {
        strangers.push(Relay::connect_from([127, 0, 0, 2], listener.tls, &pki).await);
    }
    let mut relay = Relay::connect_tls(listener.tls, &pki).await;
    relay.hears(GREETING).await;
    relay.asks("NOOP", "250 2.0.0 still here").await;
    assert_eq!(
        strangers.len(),
        40,
        "silent strangers take no relay's place"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn row_40_where_relays_have_certificates_none_comes_without_one() {
    let pki = Pki::new();
    let mut settings = settings(&pki);
    settings.client_ca = Some(pki.ca.clone());
    let listener = Listener::start(settings, Memory::default()).await;
    let (tls, ca) = (listener.tls, pki.ca.clone());
    let outsider = pki.outsider.clone();
    let refusals = tokio::task::spawn_blocking(move || {
        [None, Some(&outsider)].map(|who| Wire::refusal(tls, &ca, who, &[&rustls::version::TLS13]))
    });
    let expected = [
        AlertDescription::CertificateRequired,
        AlertDescription::UnknownCA,
    ];
    assert_eq!(refusals.await.unwrap(), expected);

    let tcp = TcpStream::connect(listener.tls).await.unwrap();
    let mut relay = Relay::over(tcp, &pki, Some(&pki.essex));
    relay.shake_hands().await.unwrap();
    relay.hears(GREETING).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_is_resumed_and_no_ticket_given() {
    let pki = Pki::new();
    let listener = Listener::start(settings(&pki), Memory::default()).await;
    let (tls, ca) = (listener.tls, pki.ca.clone());
    let kinds = tokio::task::spawn_blocking(move || {
        let config = Wire::config(&ca, None, ANY_VERSION);
        [(); 2].map(|()| {
            let mut wire = Wire::over(tls, &config).unwrap();
            wire.send(b"QUIT\r\n");
            let kind = wire.handshake();
            wire.rest();
            kind
        })
    });
    assert_eq!(kinds.await.unwrap(), [HandshakeKind::Full; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_too_many_is_told_to_try_again() {
    let pki = Pki::new();
    let mut settings = settings(&pki);
    settings.connections_max = 1;
    let listener = Listener::start(settings, Memory::default()).await;
    let mut first = Relay::connect(listener.starttls, &pki).await;
    first.hears(GREETING).await;
    let mut second = Relay::connect(listener.starttls, &pki).await;
    assert_eq!(
        second.rest().await,
        "421 4.3.2 too many connections, try again\\r\\n"
    );
    first.asks("NOOP", "250 2.0.0 still here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_stop_a_mail_under_way_may_end_and_none_begins() {
    let pki = Pki::new();
    let mut listener = Listener::start(settings(&pki), Memory::default()).await;
    let mut idle = Relay::connect(listener.starttls, &pki).await;
    idle.hears(GREETING).await;
    let mut busy = Relay::connect_tls(listener.tls, &pki).await;
    busy.hears(GREETING).await;
    busy.say(ENVELOPE.as_bytes()).await;
    busy.hears(&format!("{OFFERS}\n{ENVELOPE_TAKEN}")).await;
    listener.stop();
    let going = "421 4.3.2 going away, try again\\r\\n";
    assert_eq!(idle.rest().await, going);
    busy.say(b"Subject: x\r\n\r\nyes\r\n.\r\n").await;
    assert_eq!(busy.rest().await, format!("250 2.0.0 kept\\r\\n{going}"));
    listener.stopped().await;
    assert_eq!(listener.inbox.mails().len(), 1);
    assert!(TcpStream::connect(listener.tls).await.is_err());
}
