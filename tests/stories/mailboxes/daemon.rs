//! The daemon and its mailboxes: killed between fetch and commit, and between commit and DELE.

use super::proxy::Proxy;
use super::{PASSWORD, USER, secret};
use crate::faults::beside::Beside;
use crate::metrics::get;
use crate::peers::dovecot::Dovecot;
use crate::peers::postfix::free_port;
use crate::support::daemon::{Daemon, Recipe, SCHOOL};
use crate::support::pki::Pki;
use crate::support::posts::{accepted, referral, trace};
use crate::support::waiting::until;
use serde_json::Value;
use std::net::SocketAddr;

/// A daemon that reads one mailbox by POP3 through this port, and knows of one that nobody serves.
fn daemon(pki: &Pki, folder: &tempfile::TempDir, port: u16, metrics: SocketAddr) -> Daemon {
    let quoted = |text: &str| format!("{text:?}");
    let password = secret(folder.path(), PASSWORD).display().to_string();
    let (roots, metrics) = (pki.ca.display().to_string(), metrics.to_string());
    let mut settings = vec![("metrics.listen".to_owned(), quoted(&metrics))];
    for (name, port) in [("desk", port), ("dead", free_port())] {
        let values = [
            ("protocol", quoted("pop3")),
            ("host", quoted("localhost")),
            ("port", port.to_string()),
            ("roots", quoted(&roots)),
            ("user", quoted(USER)),
            ("password_file", quoted(&password)),
            ("after", quoted("delete")),
            ("password_expires", quoted("2091-03-31")),
            ("poll_s", "1".to_owned()),
        ];
        let keyed = values.map(|(key, value)| (format!("mailbox.{name}.{key}"), value));
        settings.extend(keyed);
    }
    let settings: Vec<(&str, &str)> = settings
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    Daemon::made_of(Recipe {
        settings: &settings,
        ..Recipe::default()
    })
}

/// Whether a whole mail was handed to the daemon.
fn handed_on(said: &[String]) -> bool {
    let mut behind = said.iter().skip_while(|line| *line != "RETR 1");
    behind.any(|line| line == "[.]")
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_fetch_and_commit_and_before_dele_a_mail_is_counted_once() {
    let (pki, folder) = (Pki::new(), tempfile::tempdir().unwrap());
    let dovecot = Dovecot::start(&pki.server);
    let mut proxy = Proxy::start(pki.serves(), dovecot.pop3.clear).await;
    let metrics = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut daemon = daemon(&pki, &folder, proxy.port, metrics);
    let id = accepted(&daemon, &referral(1, "Robin", SCHOOL));
    let reference = trace(&daemon, &id)["reference"].clone();
    let reply = format!(
        "From: head@marshend.test\nSubject: Re: {}\n\nReceived, thank you.\n",
        reference.as_str().unwrap()
    );

    // Fetched, and the commit waits for somebody else's lock.
    let mut beside = Beside::open(&daemon.state_dir());
    beside.lock();
    dovecot.deliver(reply.as_bytes());
    let mut said = Vec::new();
    let fetched = until(|| {
        said.extend(proxy.said());
        handed_on(&said).then_some(())
    });
    fetched.expect("the mail is fetched");
    daemon.kill();
    beside.unlock();
    drop(beside);
    assert!(
        !said.iter().any(|line| line.starts_with("DELE")),
        "{said:?}"
    );
    assert_eq!(dovecot.mails(), 1);

    // Committed, and the DELE is on its way.
    proxy.hold("DELE");
    daemon.begin();
    proxy.held().await;
    daemon.kill();
    assert!(
        handed_on(&proxy.said()),
        "what was not kept is fetched again"
    );
    assert_eq!(dovecot.mails(), 1);

    daemon.begin();
    until(|| (dovecot.mails() == 0).then_some(())).expect("it is deleted");
    let said = proxy.said();
    assert!(said.iter().any(|line| line == "DELE 1"), "{said:?}");
    assert!(
        !said.iter().any(|line| line.starts_with("RETR")),
        "{said:?}"
    );
    let replies = until(|| {
        let found = daemon.json(&["reply", "list", "--all"])["replies"].clone();
        let settled = !found[0]["notification"].is_null();
        settled.then_some(found)
    });
    let replies = replies.unwrap_or_else(|| panic!("{}", daemon.json(&["reply", "list", "--all"])));
    assert_eq!(replies.as_array().unwrap().len(), 1, "{replies:#}");
    assert_eq!(replies[0]["notification"], id);
    assert_eq!(replies[0]["kind"], "human_reply");
    assert_mailboxes_are_watched(&daemon, metrics);
}

/// Both are measured, what ends is known, and the one that cannot be read is told of without a word that
/// names anybody.
fn assert_mailboxes_are_watched(daemon: &Daemon, metrics: SocketAddr) {
    let (_, page) = get(metrics, "/metrics");
    for mailbox in ["desk", "dead"] {
        let sample = format!("firstbell_mailbox_read_age_seconds{{mailbox=\"{mailbox}\"}} ");
        assert!(page.contains(&sample), "{page}");
    }
    let routes = daemon.json(&["route", "list"]);
    let expiries = routes["expiries"].as_array().unwrap();
    for what in ["mailbox_password", "mailbox_authority"] {
        let is_ours = |known: &&Value| known["what"] == what && known["route"] == "desk";
        assert_eq!(expiries.iter().filter(is_ours).count(), 1, "{routes:#}");
    }
    let log = daemon.log();
    assert!(
        log.contains("mailbox not read"),
        "the dead one is told of: {log}"
    );
    for telling in [USER, PASSWORD, "marshend", "thank you"] {
        assert!(!log.contains(telling), "{telling}: {log}");
    }
}
