//! From MAIL to the final dot: refusals, silence, nonsense, and a link that dies.

use super::relay::Act;
use super::{EHLO, HEARD_LETTER, LETTER, MAIL, RCPT, READY, Scene, TAKEN, assert_ended, carrier};
use super::{route_name, send};
use firstbell::delivery::carrier::Carrier as _;
use firstbell::delivery::{Envelope, TlsMode};
use firstbell::referral::attempt::{AttemptResult, AttemptWhy, Phase};
use firstbell::referral::school::{Address, RouteName};
use std::future::ready;
use std::time::Duration;
use tokio::net::TcpListener;

/// What a relay has heard when it answers each command, and how many of [`TAKEN`]'s acts that is.
const PHASES: [(Phase, usize); 4] = [
    (Phase::Mail, 1),
    (Phase::Rcpt, 3),
    (Phase::Data, 5),
    (Phase::Body, 7),
];
const LINES: [&str; 6] = ["[tls]", EHLO, MAIL, RCPT, "DATA", HEARD_LETTER];

/// Short for a relay that never answers, long for everything that comes before on a busy machine.
const SHORT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_refusal_is_temporary_or_for_good_as_the_relay_says() {
    let scene = Scene::new();
    let refusals = [
        (
            "451 4.7.1 try later\r\n",
            451,
            "4.7.1",
            AttemptResult::Later,
        ),
        ("550 5.6.0 never\r\n", 550, "5.6.0", AttemptResult::Never),
    ];
    for (nth, (phase, acts)) in PHASES.into_iter().enumerate() {
        for (reply, code, enhanced, result) in refusals {
            let so_far = READY.into_iter().chain(TAKEN.into_iter().take(acts));
            let script = so_far.chain([Act::Say(reply)]);
            let (attempted, heard) = scene.attempt(script, |_| {}).await;
            assert_ended(
                &attempted,
                (result, phase, AttemptWhy::Reply),
                Some(code),
                reply,
            );
            assert_eq!(attempted.enhanced.as_deref(), Some(enhanced));
            assert!(attempted.tls.is_some());
            assert_eq!(heard[..heard.len() - 1], LINES[..nth + 3]);
            assert_eq!(heard.last().unwrap(), "QUIT");
        }
    }
}

#[tokio::test]
async fn a_link_that_dies_is_unknown_behind_the_final_dot_and_later_before_it() {
    let scene = Scene::new();
    for (nth, (phase, acts)) in PHASES.into_iter().enumerate() {
        let so_far = READY.into_iter().chain(TAKEN.into_iter().take(acts));
        let (attempted, heard) = scene.attempt(so_far.chain([Act::Close]), |_| {}).await;
        let (result, last_reply) = [
            (AttemptResult::Later, ""),
            (AttemptResult::Later, "250 ok\r\n"),
            (AttemptResult::Later, "250 ok\r\n"),
            (AttemptResult::Unknown, "354 go on\r\n"),
        ][nth];
        assert_ended(
            &attempted,
            (result, phase, AttemptWhy::ConnectionLost),
            None,
            last_reply,
        );
        assert_eq!(heard, LINES[..nth + 3]);
    }
}

#[tokio::test]
async fn silence_behind_the_final_dot_is_unknown() {
    let script = READY.into_iter().chain(TAKEN.into_iter().take(7));
    let (attempted, heard) = Scene::new()
        .attempt(script, |route| route.limits.body = SHORT)
        .await;
    let ended = (AttemptResult::Unknown, Phase::Body, AttemptWhy::Timeout);
    assert_ended(&attempted, ended, None, "354 go on\r\n");
    assert_eq!(heard, LINES);
}

#[tokio::test]
async fn a_relay_that_answers_twice_to_mail_never_sees_the_recipient() {
    let script = READY
        .into_iter()
        .chain([Act::Hear, Act::Say("250 ok\r\n250 ok\r\n")]);
    let (attempted, heard) = Scene::new().attempt(script, |_| {}).await;
    let ended = (AttemptResult::Later, Phase::Rcpt, AttemptWhy::OutOfStep);
    assert_ended(&attempted, ended, None, "250 ok\r\n");
    assert_eq!(heard, ["[tls]", EHLO, MAIL]);
}

#[tokio::test]
async fn what_is_no_reply_ends_the_attempt() {
    let scene = Scene::new();
    let endless = READY
        .into_iter()
        .chain([Act::Hear, Act::SayForEver(b"250-more\r\n")]);
    let bare_lf = READY.into_iter().chain([Act::Hear, Act::Say("250 ok\n")]);
    let endless_line = READY
        .into_iter()
        .chain([Act::Hear, Act::SayForEver(b"250 more ")]);
    for script in [
        Vec::from_iter(endless),
        bare_lf.collect(),
        endless_line.collect(),
    ] {
        let (attempted, heard) = scene.attempt(script, |_| {}).await;
        let ended = (attempted.result, attempted.phase, attempted.why);
        assert_eq!(
            ended,
            (AttemptResult::Later, Phase::Mail, AttemptWhy::BadReply)
        );
        assert!(attempted.words.len() <= 2048);
        assert_eq!(heard, ["[tls]", EHLO, MAIL]);
    }
}

#[tokio::test]
async fn a_relay_that_goes_silent_is_left() {
    let scene = Scene::new();
    let greeting = "220 relay.test ESMTP\r\n";
    let (attempted, heard) = scene
        .attempt([Act::Say(greeting)], |route| {
            route.tls = TlsMode::StartTls;
            route.limits.command = SHORT;
        })
        .await;
    let ended = (AttemptResult::Later, Phase::Ehlo, AttemptWhy::Timeout);
    assert_ended(&attempted, ended, None, greeting);
    assert_eq!(heard, [EHLO]);

    let (attempted, _) = scene
        .attempt([], |route| route.limits.handshake = SHORT)
        .await;
    let ended = (AttemptResult::Later, Phase::Handshake, AttemptWhy::Timeout);
    assert_ended(&attempted, ended, None, "");
}

#[tokio::test]
async fn a_reply_that_drips_is_cut_off_by_either_limit() {
    let scene = Scene::new();
    let dripping = || {
        READY
            .into_iter()
            .chain([Act::Hear, Act::Drip("250-a long reply\r\n")])
    };
    let (by_command, _) = scene
        .attempt(dripping(), |route| route.limits.command = SHORT)
        .await;
    let (by_whole, heard) = scene
        .attempt(dripping(), |route| route.limits.whole = SHORT)
        .await;
    let ended = (AttemptResult::Later, Phase::Mail, AttemptWhy::Timeout);
    for attempted in [by_command, by_whole] {
        assert_ended(&attempted, ended, None, "");
    }
    assert_eq!(heard, ["[tls]", EHLO, MAIL]);
}

#[tokio::test]
async fn nothing_is_connected_for_what_cannot_be_sent() {
    let scene = Scene::new();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let carrier = carrier(&scene.route(port));
    let envelope = Envelope {
        mail_from: None,
        rcpt_to: Address::parse("keyadult@school.test").unwrap(),
        envid: String::new(),
    };
    let bad = carrier
        .attempt(&route_name(), &envelope, b"a bare line end\n", ready(true))
        .await;
    let ended = (AttemptResult::Never, Phase::Connect, AttemptWhy::LetterBad);
    assert_ended(&bad, ended, None, "");
    let elsewhere = RouteName::parse("elsewhere").unwrap();
    let lost = carrier
        .attempt(&elsewhere, &envelope, LETTER.as_bytes(), ready(true))
        .await;
    let ended = (
        AttemptResult::Later,
        Phase::Connect,
        AttemptWhy::NoSuchRoute,
    );
    assert_ended(&lost, ended, None, "");

    drop(listener);
    let ended = (
        AttemptResult::Later,
        Phase::Connect,
        AttemptWhy::Unreachable,
    );
    assert_ended(&send(&carrier).await, ended, None, "");
}
