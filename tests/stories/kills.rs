//! The daemon is killed with SIGKILL, hundreds of times, under load and mostly while something is
//! under way: nothing accepted is lost, nothing is accepted twice, and a letter that comes again is
//! the same letter, after an outcome that was recorded as unknown; what a school writes back counts
//! once, however often its relay had to bring it. The judge is what senders, relays and schools wrote
//! down; the daemon's own record must agree with it, and of itself proves nothing.
//!
//! `FIRSTBELL_KILLS` and `FIRSTBELL_SEED` make it longer or other. A seed repeats the dice, not the
//! machine's timing.

mod dice;
mod field;
mod judge;
mod mails;
mod referrals;
mod relay;
mod schools;
mod sender;

use crate::peers::postfix::free_port;
use crate::support::daemon::{Daemon, Recipe, Way};
use crate::support::pki::Pki;
use crate::support::waiting::until;
use crate::support::wire::{ANY_VERSION, Wire};
use dice::Dice;
use field::{Field, State};
use schools::Schools;
use sender::Sender;
use serde_json::Value;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Of so many in 300 something must be under way, by our count.
const KILLS: u32 = 300;
const IN_FLIGHT: u32 = 200;
/// At so many a school's mail must be. Longer forms meet no more: schools write only so much.
const WITH_A_MAIL: u32 = 20;
const SEED: u64 = 0x0f1e_57be_1100_0300;
/// Forces' systems that post at once.
const SENDERS: u32 = 8;
/// Connections of the schools' relay.
const SCHOOLS: u32 = 8;
/// After the last kill, everything is answered, and everything handed over, within this.
const PATIENCE: Duration = Duration::from_secs(90);

/// Outcomes in doubt are settled at once, so that the story sees the repeats.
const SETTINGS: &[(&str, &str)] = &[
    ("delivery.in_doubt_s", "1"),
    ("delivery.retry_first_s", "1"),
    ("delivery.retry_longest_s", "2"),
    ("delivery.poll_s", "1"),
];

#[test]
fn three_hundred_kills_lose_nothing_and_double_nothing() {
    let kills = u32::try_from(asked_for("FIRSTBELL_KILLS").unwrap_or(KILLS.into())).unwrap();
    let seed = asked_for("FIRSTBELL_SEED").unwrap_or(SEED);
    say(&format!("kills: seed {seed}"));
    let begun = Instant::now();
    let field = Arc::new(Field::default());
    let relays = Pki::new();
    let replies_in = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut daemon = daemon(&relays, replies_in, &field, seed);
    let struck = load_and_kill(&mut daemon, (&relays, replies_in), &field, kills, seed);
    let replies = drain(&daemon);
    // What is judged is what a new run finds.
    assert_eq!(daemon.stop_and_wait(), Some(0));
    daemon.begin();
    let told = judge::judge(&field.hold(), &daemon, &replies);
    assert_eq!(daemon.stop_and_wait(), Some(0));
    say(&format!(
        "kills {kills}, of them {} in flight (a post unanswered at {}, a letter between MAIL and its \
         reply at {}, a school's mail unanswered at {}), {told}; ready again in {} ms at the median; \
         {} s; seed {seed}",
        struck.in_flight,
        struck.unanswered,
        struck.between,
        struck.with_mail,
        median_ms(&struck.starts),
        begun.elapsed().as_secs(),
    ));
    assert!(struck.in_flight >= kills * IN_FLIGHT / KILLS);
    assert!(struck.with_mail >= kills.min(KILLS) * WITH_A_MAIL / KILLS);
}

/// What the killer counted.
#[derive(Default)]
struct Struck {
    kills: u32,
    /// While a post or a school's mail was unanswered, or a letter between MAIL and its reply.
    in_flight: u32,
    unanswered: u32,
    between: u32,
    with_mail: u32,
    /// From start to readiness.
    starts: Vec<Duration>,
}

fn daemon(relays: &Pki, replies_in: SocketAddr, field: &Arc<Field>, seed: u64) -> Daemon {
    // One route carries tokens in addresses, the other in the ENVID only.
    let ways = [("cjsm", true), ("school", false)].map(|(name, plus)| Way {
        name,
        port: relay::start(name, relays, field, seed),
        tls: "implicit",
        roots: relays.ca.clone(),
        client: None,
        more: format!("connections = 4\nplus_addressing = {plus}"),
    });
    let quoted = |path: &std::path::Path| format!("{:?}", path.display().to_string());
    let listens = format!("\"{replies_in}\"");
    let (certificate, key) = (
        quoted(&relays.server.certificate),
        quoted(&relays.server.key),
    );
    let replies = [
        ("replies.listen_starttls", listens.as_str()),
        ("replies.certificate_file", &certificate),
        ("replies.key_file", &key),
        ("replies.allowed_relays", "[\"127.0.0.1/32\"]"),
    ];
    Daemon::made_of(Recipe {
        settings: &[SETTINGS, &replies].concat(),
        ways: ways.to_vec(),
        ..Recipe::default()
    })
}

fn load_and_kill(
    daemon: &mut Daemon,
    (relays, replies_in): (&Pki, SocketAddr),
    field: &Field,
    kills: u32,
    seed: u64,
) -> Struck {
    let tls = Wire::config(&daemon.pki.ca, Some(&daemon.pki.essex), ANY_VERSION);
    let of_relays = Wire::config(&relays.ca, None, ANY_VERSION);
    let intake = daemon.intake;
    thread::scope(|scope| {
        let _failing = Failing(field);
        for number in 1..=SENDERS {
            let sender = Sender::new(field, intake, &tls, (seed, number));
            scope.spawn(|| sender.run());
        }
        for number in SENDERS + 1..=SENDERS + SCHOOLS {
            let schools = Schools::new(field, replies_in, &of_relays, (seed, number));
            scope.spawn(|| schools.run());
        }
        let mut dice = Dice::new(seed, 0);
        let mut struck = Struck::default();
        field.daemon_listens();
        while struck.kills < kills {
            aim(field, &mut dice);
            kill(daemon, field, &mut struck);
            // The start, which settles what was under way, is killed as well.
            while struck.kills < kills && dice.below(10) == 0 {
                daemon.launch();
                dice.pause_below_ms(100);
                kill(daemon, field, &mut struck);
            }
            let begun = Instant::now();
            daemon.begin();
            struck.starts.push(begun.elapsed());
            field.daemon_listens();
        }
        field.finish();
        struck
    })
}

/// Senders stop when the killer has failed, so that the story ends.
struct Failing<'a>(&'a Field);

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail();
        }
    }
}

/// Lets the daemon live for a moment; then, mostly, until something is under way, and a little
/// longer, so that every phase of it is met.
fn aim(field: &Field, dice: &mut Dice) {
    dice.pause_below_ms(120);
    let (under_way, ms): (fn(&State) -> u32, _) = match dice.below(8) {
        0 => return,
        1..4 => (|state| state.between, 40),
        4..6 => (|state| state.mails_unanswered, 60),
        _ => (|state| state.unanswered, 4),
    };
    field.wait(500, |state| under_way(state) > 0);
    dice.pause_below_ms(ms);
}

/// SIGKILL, and a count of what was under way. Nobody may note an answer or send a reply meanwhile,
/// so that what is counted was under way when the daemon died.
fn kill(daemon: &mut Daemon, field: &Field, struck: &mut Struck) {
    let mut state = field.hold();
    daemon.kill();
    state.daemon_is_gone();
    let (unanswered, between) = (state.unanswered > 0, state.between > 0);
    let with_mail = state.mails_unanswered > 0;
    struck.kills += 1;
    struck.in_flight += u32::from(unanswered || between || with_mail);
    struck.with_mail += u32::from(with_mail);
    struck.unanswered += u32::from(unanswered);
    struck.between += u32::from(between);
}

/// Waits until the daemon has made something of every mail, and has nothing more to hand over; gives
/// the mails as it lists them. What it set aside is not handed over; the judge looks at that.
fn drain(daemon: &Daemon) -> Vec<Value> {
    let settled = until(|| {
        let mut listed = daemon.json(&["reply", "list", "--all"]);
        let replies = std::mem::take(listed["replies"].as_array_mut().unwrap());
        let all = replies.iter().all(|reply| reply["settled"] == true);
        all.then_some(replies)
    });
    let replies = settled.expect("every mail is settled");
    let begun = Instant::now();
    loop {
        let queue = daemon.json(&["queue"]);
        let all = queue["deliveries"].as_array().unwrap();
        let waiting: Vec<_> = all
            .iter()
            .filter(|one| one["quarantined"] == false)
            .collect();
        if waiting.is_empty() {
            return replies;
        }
        assert!(begun.elapsed() < PATIENCE, "never handed over: {waiting:?}");
        thread::park_timeout(Duration::from_millis(250));
    }
}

fn median_ms(times: &[Duration]) -> u128 {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2].as_millis()
}

#[expect(
    clippy::disallowed_methods,
    reason = "how a person asks for the long form"
)]
fn asked_for(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: a number")))
}

/// To the log of every run, also when the story succeeds and its output is not shown.
fn say(line: &str) {
    let line = format!("{line}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
