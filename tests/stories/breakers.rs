//! A relay that cannot be reached, one that takes nothing, and one whose connections are all busy: what it
//! costs the letters that wait, and that a note stands in a letter's way for a moment at most.

use crate::exchange::{Count, Exchange, Manner};
use crate::support::daemon::{Daemon, Recipe, SCHOOL};
use crate::support::posts::{accepted, post, referral, trace_in_state};
use crate::support::waiting::until;
use serde_json::Value;

const NAME: &str = "Ermintrude";
/// Referrals that wait for a relay that is away, each of so many children, and so their letters.
const REFERRALS: u32 = 9;
const CHILDREN: u32 = 12;
const LETTERS: u32 = REFERRALS * CHILDREN;
/// Failures that open the breaker, and the other attempts that may be under way by then.
const ATTEMPTS_MAX: i64 = 3 + 3;
/// Knocks that are watched: the last waits are seconds long.
const KNOCKS: usize = 3;

fn daemon(relay: &Exchange, more: &str) -> Daemon {
    Daemon::made_of(Recipe {
        ways: vec![relay.way(more)],
        ..Recipe::default()
    })
}

/// A referral with as many children as one may have.
fn family(number: u32) -> Value {
    let mut document = referral(number, NAME, SCHOOL);
    let child = document["children"][0].clone();
    let children = (1..=CHILDREN).map(|nth| {
        let mut child = child.clone();
        child["child_ref"] = format!("c{nth}").into();
        child
    });
    document["children"] = children.collect();
    document
}

fn route(daemon: &Daemon) -> Value {
    let listed = daemon.json(&["route", "list"]);
    let routes = listed["routes"].as_array().unwrap().iter();
    let mut cjsm = routes.filter(|route| route["route"] == "cjsm");
    cjsm.next().unwrap().clone()
}

fn deliveries(daemon: &Daemon) -> Vec<Value> {
    let queue = daemon.json(&["queue"]);
    queue["deliveries"].as_array().unwrap().clone()
}

fn attempts(daemon: &Daemon) -> i64 {
    let deliveries = deliveries(daemon);
    let attempts = deliveries.iter().map(|line| line["attempts"].as_i64());
    attempts.sum::<Option<i64>>().unwrap()
}

fn until_count(relay: &Exchange, like: impl Fn(Count) -> bool) -> Count {
    until(|| Some(relay.count()).filter(|count| like(*count)))
        .unwrap_or_else(|| panic!("{:?}", relay.count()))
}

fn until_breaker(daemon: &Daemon, word: &str) -> Value {
    until(|| Some(route(daemon)).filter(|route| route["breaker"] == word))
        .unwrap_or_else(|| panic!("not {word}: {:#}", route(daemon)))
}

#[test]
fn a_relay_that_is_away_costs_a_hundred_letters_few_attempts_and_gets_one_first() {
    let relay = Exchange::start(Manner::Away);
    let daemon = daemon(&relay, "");
    for number in 1..=REFERRALS {
        let answer = post(&daemon, &number.to_string(), &family(number));
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    let away = until_breaker(&daemon, "open");
    assert_eq!(away["waiting"], LETTERS);
    assert_eq!(away["last_failure"]["phase"], "handshake");
    assert!(away["open_since"].is_string() && away["last_success"].is_null());
    let spent = attempts(&daemon);
    assert!((3..=ATTEMPTS_MAX).contains(&spent), "{spent} attempts");
    // From here on the relay is met by knocks only, one at a time, and fewer and fewer.
    let seen = relay.count().connections;
    let knocked = until_count(&relay, |count| count.connections >= seen + KNOCKS);
    assert_eq!(knocked.letters, 0);
    assert_eq!(attempts(&daemon), spent);

    // A knock that is not answered is the only one.
    relay.be(Manner::HoldsGreeting);
    until_count(&relay, |count| count.open == 1);
    assert_eq!(route(&daemon)["breaker"], "half_open");
    let held = relay.count();
    assert_eq!((held.open, held.letters), (1, 0));

    // It gets through: one letter goes, alone, over the same connection.
    relay.be(Manner::HoldsReply);
    until_count(&relay, |count| count.letters == 1);
    let trying = route(&daemon);
    assert_eq!(
        (&trying["breaker"], &trying["busy"]),
        (&"half_open".into(), &1.into())
    );
    let alone = relay.count();
    assert_eq!((alone.open, alone.letters), (1, 1));
    assert_eq!(alone.connections, held.connections);

    relay.be(Manner::Takes);
    let letters = usize::try_from(LETTERS).unwrap();
    let taken = until_count(&relay, |count| count.taken >= letters);
    assert_eq!(
        (taken.letters, taken.taken),
        (letters, letters),
        "each once"
    );
    assert!(taken.open <= 4, "{taken:?}");
    let back = until_breaker(&daemon, "closed");
    assert!(back["last_success"].is_string() && back["open_since"].is_null());
    assert!(back["peer_days_left"].as_i64().unwrap() > 1_000);
    println!(
        "{LETTERS} letters, a relay away: {spent} attempts, {} connections until it was back",
        held.connections
    );
}

#[test]
fn a_letter_does_not_wait_for_notes_that_a_relay_holds() {
    let relay = Exchange::start(Manner::HoldsNotes);
    let daemon = daemon(&relay, "connections = 2");
    // Each is told by voice; a note says so to the mailbox that had the letter.
    for number in 1..=3 {
        let told = accepted(&daemon, &referral(number, NAME, SCHOOL));
        trace_in_state(&daemon, &told, "relayed");
        daemon.json(&["notification", "tell", &told, "--role", "deputy"]);
    }
    until_count(&relay, |count| count.notes > 0);
    let letter = accepted(&daemon, &referral(4, NAME, SCHOOL));
    trace_in_state(&daemon, &letter, "relayed");
    let count = relay.count();
    assert_eq!((count.letters, count.taken, count.notes), (4, 4, 1));
    relay.be(Manner::Takes);
    until_count(&relay, |count| count.taken == 7);
}

/// Why not a back-off that each letter keeps alone: a hundred letters that are due within the hour would
/// knock every few seconds each.
#[test]
fn a_relay_that_takes_nothing_is_tried_by_one_letter_at_a_time_and_then_all_follow() {
    /// Scouts that are watched: five to ten seconds apart.
    const SCOUTS: usize = 2;
    let relay = Exchange::start(Manner::Refuses);
    let daemon = Daemon::made_of(Recipe {
        settings: &[
            ("delivery.retry_first_s", "1"),
            ("delivery.retry_longest_s", "1"),
        ],
        ways: vec![relay.way("")],
        ..Recipe::default()
    });
    for number in 1..=REFERRALS {
        let answer = post(&daemon, &number.to_string(), &family(number));
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    let letters = usize::try_from(LETTERS).unwrap();
    // Each is tried once, whatever became of the others: a relay that greylists starts its clock then.
    until_count(&relay, |count| count.letters >= letters);
    let all = |daemon: &Daemon| deliveries(daemon).iter().all(|line| line["attempts"] != 0);
    until(|| all(&daemon).then_some(())).expect("each was tried");
    let tried = relay.count().letters;
    let refused = until_count(&relay, |count| count.letters >= tried + SCOUTS);
    assert_eq!(refused.letters, tried + SCOUTS, "one at a time");
    let ill = route(&daemon);
    assert_eq!(ill["breaker"], "closed", "it answers");
    assert!(ill["scouts_since"].is_string(), "{ill:#}");

    relay.be(Manner::Takes);
    let taken = until_count(&relay, |count| count.taken >= letters);
    assert_eq!(taken.taken, letters);
    assert!(
        taken.letters <= refused.letters + letters + 1,
        "once one is taken all follow: {taken:?}"
    );
    until(|| route(&daemon)["scouts_since"].is_null().then_some(())).expect("all may go");
    println!(
        "{letters} letters refused: {} attempts until the relay was well",
        refused.letters
    );
}

#[test]
fn over_one_connection_a_letter_waits_for_a_held_note_a_quarter_of_a_minute_at_most() {
    let relay = Exchange::start(Manner::HoldsNotes);
    let daemon = daemon(&relay, "connections = 1\ncommand_timeout_s = 300");
    let told = accepted(&daemon, &referral(1, NAME, SCHOOL));
    trace_in_state(&daemon, &told, "relayed");
    daemon.json(&["notification", "tell", &told, "--role", "deputy"]);
    until_count(&relay, |count| count.notes == 1);
    // The relay would hold the note for five minutes.
    let letter = accepted(&daemon, &referral(2, NAME, SCHOOL));
    until_count(&relay, |count| count.letters == 2);
    trace_in_state(&daemon, &letter, "relayed");
    let count = relay.count();
    assert_eq!((count.letters, count.taken, count.notes), (2, 2, 1));
    // Nothing of the note was taken, and it goes again.
    relay.be(Manner::Takes);
    let queue = deliveries(&daemon);
    let states: Vec<&Value> = queue.iter().map(|line| &line["state"]).collect();
    assert_eq!(states, ["in_doubt"]);
}
