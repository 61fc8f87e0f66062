//! Nudges through a mail server that is not ours: the force's own hub, reached over verified TLS, and from
//! there the ordinary mailboxes of a school.

use crate::ladder_rows::night::{Night, hub_name, wall};
use crate::peers::postfix::{Postfix, PostfixOptions, Tls, free_port};
use crate::relays::Scene;
use crate::store_rules::document;
use crate::support::pki::Pki;
use firstbell::delivery::{Roots, Route, TlsMode};
use mail_parser::{Message, MessageParser};
use std::collections::BTreeSet;
use tokio::task::block_in_place;

/// Posted in the holidays, of one school.
const CHILDREN: u32 = 3;
/// When the school's staff are first in again, and its pupils.
const STAFF_BACK: &str = "2020-09-01";
const PUPILS_BACK: &str = "2020-09-03";
const MAILBOXES: [&str; 3] = [
    "gamadi@marshend.test",
    "office@marshend.test",
    "pz@marshend.test",
];
/// What no message outside the secure mailbox may say, whatever was posted.
const TELLING: [&str; 6] = ["child", "pupil", "incident", "domestic", "abuse", "crime"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_children_of_a_school_are_one_nudge_a_mailbox_and_day_and_name_nobody() {
    let hubs = Pki::new();
    let hub = Postfix::start(PostfixOptions {
        tls: Tls::StartTls,
        certificate: &hubs.server.certificate,
        key: &hubs.server.key,
        client_ca: None,
        domains: &["marshend.test"],
        port: free_port(),
    });
    let scene = Scene::new();
    let route = Route {
        name: hub_name(),
        host: "localhost".to_owned(),
        tls: TlsMode::StartTls,
        roots: Roots::Private(hubs.ca.clone()),
        ..scene.route(hub.port())
    };
    let letters = usize::try_from(2 * CHILDREN).unwrap();
    let mut night = Night::over(wall("2020-08-11T10:00"), scene, route, letters).await;
    for number in 1..=CHILDREN {
        night.posts(number, None).await;
    }

    night.goes_on(Some(wall("2020-09-01T08:29"))).await;
    assert_eq!(hub.mails(), [b""; 0], "nobody is nudged in a holiday");
    night.goes_on(Some(wall("2020-09-01T08:30"))).await;
    let first = block_in_place(|| hub.wait_for(2));
    assert_eq!(
        first
            .iter()
            .map(|mail| to_and_day(mail).0)
            .collect::<BTreeSet<_>>(),
        BTreeSet::from([MAILBOXES[0].to_owned(), MAILBOXES[1].to_owned()]),
        "the Key Adult has the letters; the deputy has not"
    );
    night.goes_on(Some(wall("2020-09-03T08:00"))).await;
    let mails = block_in_place(|| hub.wait_for(2 * MAILBOXES.len()));
    let came: Vec<(String, String)> = mails.iter().map(|mail| to_and_day(mail)).collect();
    let once: BTreeSet<_> = came.iter().cloned().collect();
    let expected = [STAFF_BACK, PUPILS_BACK].into_iter().flat_map(|day| {
        let each = MAILBOXES.into_iter();
        each.map(move |mailbox| (mailbox.to_owned(), day.to_owned()))
    });
    assert_eq!(once, expected.collect(), "each mailbox on both days");
    assert_eq!(once.len(), came.len(), "and once: {came:?}");
    for mail in &mails {
        assert_content_free(mail);
    }
    println!(
        "{} nudges about {CHILDREN} children over two days",
        mails.len()
    );
}

/// Whose mailbox Postfix put it in, and on which day it was written.
fn to_and_day(mail: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(mail);
    let mut lines = text.lines();
    let to = lines.find_map(|line| line.strip_prefix("Delivered-To: "));
    let parsed = parsed(mail);
    let date = parsed.date().unwrap();
    let day = format!("{:04}-{:02}-{:02}", date.year, date.month, date.day);
    (to.unwrap().to_owned(), day)
}

fn parsed(mail: &[u8]) -> Message<'_> {
    MessageParser::default().parse(mail).unwrap()
}

/// It says how many messages wait and where, and nothing of what is in them; it came over TLS, and
/// cannot loop.
fn assert_content_free(mail: &[u8]) {
    let all = String::from_utf8_lossy(mail).into_owned();
    assert!(all.contains("using TLSv1.3"), "{all}");
    assert!(all.starts_with("Return-Path: <>\n"), "{all}");
    assert!(all.contains("\nAuto-Submitted: auto-generated\n"), "{all}");
    let parsed = parsed(mail);
    let text = parsed.body_text(0).unwrap();
    // The deputy's goes with the first of their letters, and is their only one that day.
    let with_the_first = to_and_day(mail) == (MAILBOXES[2].to_owned(), STAFF_BACK.to_owned());
    let says_all = text.contains(&format!("{CHILDREN} secure messages lie in your "));
    assert!(says_all || with_the_first, "{text}");
    let said = format!("{}\n{text}", parsed.subject().unwrap()).to_lowercase();
    for telling in TELLING {
        assert!(!said.contains(telling), "{telling}: {said}");
    }
    for number in 1..=CHILDREN {
        let document = document(number, wall("2020-08-11T10:00"));
        let child = &document["children"][0];
        let posted = [
            &child["given_name"],
            &child["family_name"],
            &child["date_of_birth"],
            &document["police_reference"],
            &document["referral_id"],
        ];
        for value in posted.map(|value| value.as_str().unwrap().to_lowercase()) {
            assert!(!all.to_lowercase().contains(&value), "{value}: {all}");
        }
    }
}
