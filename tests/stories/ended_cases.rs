//! Cases that end while their letter is on its way: nothing of it reaches the relay any more.

use crate::relays::authority::Authority;
use crate::relays::relay::{Act, Relay};
use crate::relays::{READY, TAKEN};
use crate::support::daemon::{Daemon, Recipe, SCHOOL, Way};
use crate::support::posts::{accepted, facts, referral, trace_in_state};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_case_superseded_while_the_relay_is_slow_to_answer_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("The route's authority");
    let tls = authority
        .names("localhost")
        .serves(rustls::ALL_VERSIONS, None);
    let (ready, so_far) = READY.split_last().unwrap();
    // The relay is ready late, is then kept (RSET), and takes one letter.
    let script = so_far
        .iter()
        .chain([&Act::AwaitGate, ready])
        .chain([&Act::Hear, &Act::Say("250 ok\r\n")])
        .chain(&TAKEN)
        .copied();
    let relay = Relay::start(tls, vec![script.collect()]).await;
    let mut daemon = Daemon::made_of(Recipe {
        ways: vec![Way {
            name: "cjsm",
            port: relay.port,
            tls: "implicit",
            roots: authority.write(folder.path()),
            client: None,
            more: "connections = 1".to_owned(),
        }],
        ..Recipe::default()
    });
    let document = referral(1, "Ermintrude", SCHOOL);
    let first = accepted(&daemon, &document);
    trace_in_state(&daemon, &first, "sending");
    let mut corrected = referral(2, "Dougal", SCHOOL);
    corrected["supersedes"] = document["referral_id"].clone();
    let second = accepted(&daemon, &corrected);
    relay.gate.notify_one();
    let ended = trace_in_state(&daemon, &first, "cancelled");
    let attempt = &facts(&ended, "attempt_ended")[0];
    assert_eq!(attempt["result"], "later");
    assert_eq!(attempt["why"], "case-ended");
    trace_in_state(&daemon, &second, "relayed");
    assert_eq!(daemon.stop_and_wait(), Some(0));

    let heard = relay.heard().await.remove(0);
    let said = |verb: &str| heard.iter().filter(|line| line.starts_with(verb)).count();
    assert_eq!((said("RSET"), said("MAIL"), said("RCPT")), (1, 1, 1));
    assert_eq!(heard.last().unwrap(), "QUIT");
}
