//! Servers that follow no protocol: each ends in a fault within a bound, and nothing is kept of it.

use super::Desk;
use crate::relays::relay::{Act, Relay};
use firstbell::replies::mailbox::{After, Fault, Protocol, Settings};
use std::time::Duration;
use tokio::task::JoinSet;

/// Long for whatever comes before on a busy machine, short for a server that says nothing.
const SHORT: Duration = Duration::from_secs(2);

/// Sixteen kilobytes of the same, so that what has no end comes fast.
const fn over_and_over(words: &[u8]) -> [u8; 1 << 14] {
    let mut all = [0; 1 << 14];
    let mut at = 0;
    while at < all.len() {
        all[at] = words[at % words.len()];
        at += 1;
    }
    all
}

static WORDS: [u8; 1 << 14] = over_and_over(b"and on ");
static REPLIES: [u8; 1 << 14] = over_and_over(b"* 4 EXISTS 0\r\n* ");
static LINES: [u8; 1 << 14] = over_and_over(b"more and more \r\n");

const IMAP_READY: &[Act] = &[
    Act::Tls,
    Act::Say("* OK ready\r\n"),
    Act::Hear,
    Act::Say("a1 OK in\r\n"),
    Act::Hear,
    Act::Say("* 1 EXISTS\r\n* OK [UIDVALIDITY 5] ids\r\na2 OK [READ-ONLY] open\r\n"),
    Act::Hear,
];
const POP3_READY: &[Act] = &[
    Act::Tls,
    Act::Say("+OK ready\r\n"),
    Act::Hear,
    Act::Say("+OK\r\n"),
    Act::Hear,
    Act::Say("+OK\r\n"),
    Act::Hear,
];

async fn met(protocol: Protocol, script: Vec<Act>, differ: fn(&mut Settings)) -> Fault {
    let desk = Desk::new().await;
    let relay = Relay::start(desk.pki.serves(), vec![script]).await;
    let mut settings = desk.settings(protocol, relay.port);
    differ(&mut settings);
    let looked = desk.poller(settings).look().await;
    assert_eq!(desk.kept().await.len(), 0, "nothing is kept");
    looked.expect_err("no server")
}

fn after(ready: &[Act], acts: &[Act]) -> Vec<Act> {
    [ready, acts].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_ends_by_the_clock() {
    let retr = [
        Act::Say("+OK\r\n1 a\r\n.\r\n"),
        Act::Hear,
        Act::Say("+OK\r\n1 90\r\n.\r\n"),
        Act::Hear,
        Act::Say("+OK\r\nSubject: half"),
        Act::HearTheEnd,
    ];
    let mut looks = JoinSet::new();
    for protocol in [Protocol::Imap, Protocol::Pop3] {
        looks.spawn(met(protocol, vec![Act::HearTheEnd], |settings| {
            settings.limits.handshake = SHORT;
        }));
        for silent in [Act::HearTheEnd, Act::Drip("* OK a word more, ")] {
            looks.spawn(met(protocol, vec![Act::Tls, silent], |settings| {
                settings.limits.command = SHORT;
            }));
        }
    }
    looks.spawn(met(Protocol::Pop3, after(POP3_READY, &retr), |settings| {
        settings.limits.body = SHORT;
    }));
    assert_eq!(looks.join_all().await, vec![Fault::TimedOut; 7]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_end_is_cut_off() {
    for (protocol, ready) in [(Protocol::Imap, IMAP_READY), (Protocol::Pop3, POP3_READY)] {
        let begins = match protocol {
            Protocol::Imap => "* 1 FETCH (FLAGS (",
            Protocol::Pop3 => "+OK\r\n1 ",
        };
        for before in [
            vec![Act::Tls],
            after(ready, &[Act::Say(begins)]),
            after(ready, &[]),
        ] {
            let script = after(&before, &[Act::SayForEver(&WORDS)]);
            let fault = met(protocol, script, |_| {}).await;
            assert_eq!(fault, Fault::TooLong, "{protocol:?}");
        }
    }
    let replies = [Act::SayForEver(&REPLIES)];
    let endless = met(Protocol::Imap, after(IMAP_READY, &replies), |_| {});
    assert_eq!(endless.await, Fault::TooLong, "replies without end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_that_was_a_lie_is_put_before_a_person_at_the_next_look() {
    let listed = Act::Say("* 1 FETCH (UID 7 RFC822.SIZE 90)\r\na3 OK\r\n");
    let announces = [
        listed,
        Act::Hear,
        Act::Say("* 1 FETCH (UID 7 BODY[] {4294967290}\r\n"),
        Act::HearTheEnd,
    ];
    let again = [listed, Act::Hear, Act::Say("a4 OK bye\r\n")];
    let scripts = vec![after(IMAP_READY, &announces), after(IMAP_READY, &again)];
    lies(Protocol::Imap, scripts).await;

    let listed = [
        Act::Say("+OK\r\n1 a\r\n.\r\n"),
        Act::Hear,
        Act::Say("+OK\r\n1 90\r\n.\r\n"),
        Act::Hear,
    ];
    let endless = [Act::Say("+OK\r\n"), Act::SayForEver(&LINES)];
    let first = after(&after(POP3_READY, &listed), &endless);
    let again = after(&after(POP3_READY, &listed), &[Act::Say("+OK bye\r\n")]);
    lies(Protocol::Pop3, vec![first, again]).await;
}

async fn lies(protocol: Protocol, scripts: Vec<Vec<Act>>) {
    let desk = Desk::new().await;
    let relay = Relay::start(desk.pki.serves(), scripts).await;
    let mut poller = desk.poller(desk.settings(protocol, relay.port));
    assert_eq!(poller.look().await, Err(Fault::TooLong), "{protocol:?}");
    assert_eq!(desk.notes().await, [""; 0]);
    assert_eq!(poller.look().await, Ok(()), "{protocol:?}");
    let notes = desk.notes().await;
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("could not be fetched"), "{notes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_garbage() {
    for words in [
        "220 relay.test ESMTP\r\n",
        "\r\n",
        "* OK\n",
        "+OK\n",
        "\0\r\n",
        "* PREAUTH in\r\n",
        "+ go on\r\n",
    ] {
        for protocol in [Protocol::Imap, Protocol::Pop3] {
            let fault = met(protocol, vec![Act::Tls, Act::Say(words)], |_| {}).await;
            assert_eq!(fault, Fault::Garbage, "{protocol:?} {words:?}");
        }
    }
    for words in [
        "a9 OK another's\r\n",
        "OK\r\n",
        "+ go on\r\n",
        "* 1 FETCH (UID 7 RFC822.SIZE\r\n",
        "* 1 FETCH (UID -7 RFC822.SIZE 4)\r\n",
        "* 1 FETCH (UID {3}\r\nabcdef\r\n",
    ] {
        let script = after(IMAP_READY, &[Act::Say(words)]);
        let fault = met(Protocol::Imap, script, |_| {}).await;
        assert_eq!(fault, Fault::Garbage, "{words:?}");
    }
    for words in [
        "OK\r\n",
        "+OK\r\n1\r\n.\r\n",
        "+OK\r\nx a\r\n.\r\n",
        "+OK\r\n1 a\r\n1 b\r\n.\r\n",
        "+OK\r\n1 a\n.\r\n",
    ] {
        let script = after(POP3_READY, &[Act::Say(words)]);
        let fault = met(Protocol::Pop3, script, |_| {}).await;
        assert_eq!(fault, Fault::Garbage, "{words:?}");
    }
    let no_ids = after(POP3_READY, &[Act::Say("-ERR what\r\n")]);
    assert_eq!(met(Protocol::Pop3, no_ids, |_| {}).await, Fault::NoIds);
    let unnumbered = [&IMAP_READY[..5], &[Act::Say("a2 OK open\r\n")]].concat();
    assert_eq!(met(Protocol::Imap, unnumbered, |_| {}).await, Fault::NoIds);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_a_deleted_mail_may_be_another_s_next() {
    let session = |mail: &'static str| {
        let acts = [
            Act::Say("+OK\r\n1 a\r\n.\r\n"),
            Act::Hear,
            Act::Say("+OK\r\n1 90\r\n.\r\n"),
            Act::Hear,
            Act::Say(mail),
            Act::Hear,
            Act::Say("+OK deleted\r\n"),
            Act::Hear,
            Act::Say("+OK bye\r\n"),
        ];
        after(POP3_READY, &acts)
    };
    let first = session("+OK\r\nSubject: 1\r\n\r\nReceived\r\n.\r\n");
    let second = session("+OK\r\nSubject: 2\r\n\r\nCall\r\n.\r\n");
    let desk = Desk::new().await;
    let relay = Relay::start(desk.pki.serves(), vec![first, second]).await;
    let mut settings = desk.settings(Protocol::Pop3, relay.port);
    settings.after = After::Delete;
    let mut poller = desk.poller(settings);
    for kept in 1..=2 {
        assert_eq!(poller.look().await, Ok(()));
        assert_eq!(desk.kept().await.len(), kept);
    }
    for heard in relay.heard().await {
        assert_eq!(heard[5..], ["RETR 1", "DELE 1", "QUIT"]);
    }
}
