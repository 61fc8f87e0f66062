//! Connections that are kept from letter to letter.

use super::relay::{Act, Heard, Relay};
use super::{EHLO, HEARD_LETTER, MAIL, RCPT, READY, RESET, Scene, TAKEN, carrier, send};
use firstbell::delivery::Route;
use firstbell::delivery::carrier::Carrier as _;
use firstbell::referral::attempt::{AttemptResult, AttemptWhy};
use std::time::Duration;

const ONE_LETTER: [&str; 4] = [MAIL, RCPT, "DATA", HEARD_LETTER];

/// Sends letters one after the other to a relay that plays these scripts.
async fn send_all(
    letters: usize,
    scripts: Vec<Vec<Act>>,
    change: impl Fn(&mut Route),
) -> Vec<Heard> {
    let scene = Scene::new();
    let relay = Relay::start(scene.tls(), scripts).await;
    let mut route = scene.route(relay.port);
    change(&mut route);
    let carrier = carrier(&route);
    for _ in 0..letters {
        assert_eq!(send(&carrier).await.result, AttemptResult::Done);
    }
    carrier.close().await;
    relay.heard().await
}

fn one_letter() -> Vec<Act> {
    READY.into_iter().chain(TAKEN).collect()
}

fn two_letters() -> Vec<Act> {
    one_letter().into_iter().chain(RESET).chain(TAKEN).collect()
}

fn heard(parts: &[&[&str]]) -> Heard {
    parts.concat().into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn letters_share_a_connection_with_a_reset_between_them() {
    let once = heard(&[
        &["[tls]", EHLO],
        &ONE_LETTER,
        &["RSET"],
        &ONE_LETTER,
        &["QUIT"],
    ]);
    assert_eq!(send_all(2, vec![two_letters()], |_| {}).await, [once]);
}

#[tokio::test]
async fn attempts_at_once_take_turns_at_the_connections_a_route_allows() {
    let scene = Scene::new();
    let relay = scene.relay(two_letters()).await;
    let carrier = carrier(&scene.route(relay.port));
    let (one, other) = tokio::join!(send(&carrier), send(&carrier));
    assert_eq!(
        (one.result, other.result),
        (AttemptResult::Done, AttemptResult::Done)
    );
    carrier.close().await;
    assert_eq!(relay.heard().await.len(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_the_relay_closed_is_replaced_before_mail() {
    let closes: Vec<_> = one_letter().into_iter().chain([Act::Close]).collect();
    let says_goodbye = one_letter()
        .into_iter()
        .chain([Act::Say("421 4.4.2 idle\r\n"), Act::Close]);
    let out_of_step = one_letter()
        .into_iter()
        .chain([Act::Hear, Act::Say("250 a\r\n250 b\r\n")]);
    let refuses_reset = one_letter()
        .into_iter()
        .chain([Act::Hear, Act::Say("502 what?\r\n")]);
    for first in [
        closes,
        says_goodbye.collect(),
        out_of_step.collect(),
        refuses_reset.collect(),
    ] {
        let heard = send_all(2, vec![first, one_letter()], |_| {}).await;
        let letters = |on: &Heard| on.iter().filter(|line| *line == HEARD_LETTER).count();
        assert_eq!(heard.iter().map(letters).collect::<Vec<_>>(), [1, 1]);
    }
}

#[tokio::test]
async fn a_letter_in_doubt_is_not_sent_again_over_another_connection() {
    let scene = Scene::new();
    let doubtful = READY
        .into_iter()
        .chain(TAKEN.into_iter().take(7))
        .chain([Act::Close]);
    let relay = Relay::start(scene.tls(), vec![doubtful.collect(), one_letter()]).await;
    let carrier = carrier(&scene.route(relay.port));
    let attempted = send(&carrier).await;
    assert_eq!(attempted.result, AttemptResult::Unknown);
    assert_eq!(attempted.why, AttemptWhy::ConnectionLost);
    assert_eq!(send(&carrier).await.result, AttemptResult::Done);
    carrier.close().await;
    let again = heard(&[&["[tls]", EHLO], &ONE_LETTER, &["QUIT"]]);
    assert_eq!(relay.heard().await[1], again);
}

#[tokio::test]
async fn a_connection_is_closed_after_its_letters_or_its_time() {
    let each = heard(&[&["[tls]", EHLO], &ONE_LETTER, &["QUIT"]]);
    let by_letters = |route: &mut Route| route.letters_per_connection = 1;
    let scripts = || vec![one_letter(), one_letter()];
    assert_eq!(
        send_all(2, scripts(), by_letters).await,
        [each.clone(), each.clone()]
    );
    let by_time = |route: &mut Route| route.idle = Duration::ZERO;
    assert_eq!(
        send_all(2, scripts(), by_time).await,
        [each.clone(), each.clone()]
    );

    let scene = Scene::new();
    let relay = scene.relay(one_letter()).await;
    let mut route = scene.route(relay.port);
    route.idle = Duration::ZERO;
    let carrier = carrier(&route);
    assert_eq!(send(&carrier).await.result, AttemptResult::Done);
    carrier.close_idle().await;
    assert_eq!(relay.heard().await, [each]);
}
