//! How fast the daemon is, beside what else could do the work on the same machine in the same minutes.
//!
//! Acceptance: durable referrals a second through `firstbell serve`, beside a bare writer that inserts
//! the same rows. Letters: from a full queue to the relay's reply, beside a real Postfix that relays as
//! many messages of the same bytes to the same relay. The sides take turns.
//!
//! Years: a letter on an idle system, a restart with many cases open, and a letter beside a million cases.
//!
//! `cargo bench` measures the first two and `cargo bench -- --years` the third; `cargo bench -- --short`
//! takes seconds for all and fails only far below what is promised. Needs root, for Postfix.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that goes wrong ends with its reason"
)]

mod bare;
mod copies;
mod gateway;
mod machine;
#[path = "../../tests/stories/peers/mod.rs"]
#[allow(dead_code, reason = "the stories use all of it")]
mod peers;
mod relayer;
mod sink;
mod years;
#[path = "../../tests/stories/support/mod.rs"]
#[allow(dead_code, reason = "the stories use all of it")]
mod support;

use bare::Bare;
use gateway::{Gateway, post};
use machine::{Measured, cpu_seconds, measure, own_cpu_seconds, sync_median};
use relayer::Relayer;
use sink::Sink;
use std::process::ExitCode;
use support::pki::Pki;
use years::Years;

/// Senders at once: as many connections as one force may hold.
const CLIENTS: usize = 64;
/// Connections to the relay at once, for both sides: with 20 Postfix waits more than it works.
const CONNECTIONS: usize = 50;

/// How long it runs, and what it must reach.
struct Plan {
    rounds: usize,
    /// Referrals, and so letters, in a round.
    count: usize,
    /// Which of the rounds' ratios is judged.
    judged: fn(Vec<f64>) -> f64,
    /// Of the bare writer's rate.
    acceptance_min: f64,
    /// Of Postfix's rate.
    letters_min: f64,
}

const LONG: Plan = Plan {
    rounds: 3,
    count: 4000,
    judged: median,
    acceptance_min: 0.4,
    letters_min: 1.0,
};
/// For an unoptimised build on a machine that does other things too: what has become slow is slow in
/// every round, and other work disturbs some of them.
const SHORT: Plan = Plan {
    rounds: 3,
    count: 300,
    judged: best,
    acceptance_min: 0.15,
    letters_min: 0.5,
};

const LONG_YEARS: Years = Years {
    idle: 21,
    open: [1_000, 100_000],
    cases: [1_000, 1_000_000],
    letters: 2_000,
    rounds: 5,
    cost_max: 1.25,
};
const SHORT_YEARS: Years = Years {
    idle: 3,
    open: [100, 5_000],
    cases: [1_000, 20_000],
    letters: 200,
    rounds: 3,
    cost_max: 2.0,
};

/// Two sides' rounds.
#[derive(Default)]
struct Pair {
    ours: Vec<Measured>,
    theirs: Vec<Measured>,
}

fn main() -> ExitCode {
    let is_given = |name: &str| std::env::args().any(|argument| argument == name);
    let relays = Pki::new();
    let sink = Sink::start(&relays);
    let reached = if is_given("--years") {
        years::run(&LONG_YEARS, &sink, &relays)
    } else if is_given("--short") {
        let rates = rates(&SHORT, &sink, &relays);
        years::run(&SHORT_YEARS, &sink, &relays) && rates
    } else {
        rates(&LONG, &sink, &relays)
    };
    if reached {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Referrals and letters a second, beside what else could do the work.
fn rates(plan: &Plan, sink: &Sink, relays: &Pki) -> bool {
    let mut gateway = Gateway::start(sink, relays, CONNECTIONS);
    let postfix = Relayer::start(sink.port, &relays.ca, CONNECTIONS);
    let mut bare: Option<Bare> = None;
    println!(
        "sync of 4 KiB beside the database: {:.0} us, the median",
        sync_median(&gateway.folder()).as_secs_f64() * 1e6
    );
    let (mut acceptance, mut letters) = (Pair::default(), Pair::default());
    for round in 1..=plan.rounds {
        println!("round {round} of {}", plan.rounds);
        accept_in_turns(plan, &mut gateway, &mut bare, &mut acceptance);
        send_in_turns(&gateway, &postfix, sink, &mut letters);
    }
    println!("{DURABILITY}");
    let accepts = acceptance.reaches(
        plan.acceptance_min,
        plan.judged,
        ["acceptance", "the bare writer"],
    );
    let sends = letters.reaches(plan.letters_min, plan.judged, ["letters", "Postfix"]);
    accepts && sends
}

const DURABILITY: &str = "\
what is synced before what is answered:
  firstbell accepts    the referral with its queued letter, by a COMMIT that several share, before 201
  bare writer          the same rows, by a COMMIT that several share, before each caller goes on
  firstbell sends      the claim and then the signed bytes before MAIL, the outcome after the 250: three COMMITs, each shared
  Postfix relays       the queue file, by a sync of its own, before its 250 to us; after the sink's 250 it is unlinked, unsynced
  Postfix empties      nothing: its queue was filled before; not compared, because nothing it does is lasting";

fn accept_in_turns(plan: &Plan, gateway: &mut Gateway, bare: &mut Option<Bare>, pair: &mut Pair) {
    let (senders, requests) = (gateway.senders(CLIENTS), gateway.requests(plan.count));
    let process = gateway.process_id();
    let beside = own_cpu_seconds();
    let ours = measure(
        plan.count,
        || cpu_seconds(process),
        || post(senders, &requests),
    );
    let beside = own_cpu_seconds() - beside;
    print("firstbell accepts", "referrals", &ours);
    println!("    its {CLIENTS} senders used {beside:.1} CPU s beside it");
    pair.ours.push(ours);

    let (folder, database) = (gateway.folder(), gateway.database());
    let bare = bare.get_or_insert_with(|| Bare::new(&folder, &database));
    let referrals = bare.read(plan.count);
    let (rows, bytes) = (referrals[0].row_count(), referrals[0].byte_count());
    let theirs = measure(plan.count, own_cpu_seconds, || {
        bare.insert(referrals, CLIENTS)
    });
    print("bare writer inserts", "referrals", &theirs);
    println!("    {rows} rows and {bytes} bytes each");
    pair.theirs.push(theirs);
}

fn send_in_turns(gateway: &Gateway, postfix: &Relayer, sink: &Sink, pair: &mut Pair) {
    let count = gateway.waiting();
    let process = gateway.process_id();
    let mut handshakes = 0;
    let mut take = |begin: &(dyn Fn() + Sync), settle: &dyn Fn()| {
        let taken = sink.take(count, begin, settle);
        handshakes = taken.handshakes;
        taken.within
    };
    let ours = measure(
        count,
        || cpu_seconds(process),
        || take(&|| {}, &|| gateway.settle()),
    );
    print("firstbell sends", "letters", &ours);
    pair.ours.push(ours);

    let message = sink.sample();
    let fill = || postfix.fill(count, &message, CONNECTIONS);
    let cpu = || postfix.cpu_seconds();
    let relayed = measure(count, cpu, || take(&fill, &|| postfix.settle()));
    print("Postfix relays", "messages", &relayed);
    pair.theirs.push(relayed);

    fill();
    let emptied = measure(count, cpu, || take(&|| {}, &|| postfix.settle()));
    print("Postfix empties", "messages", &emptied);
    println!(
        "    {count} of {} bytes each time, at last over {handshakes} connections",
        message.len()
    );
}

fn print(who: &str, what: &str, measured: &Measured) {
    println!(
        "  {who:20} {:7.0} {what}/s {:6.2} CPU s per 1,000, steal {:.1} %",
        measured.rate,
        measured.cpu,
        measured.steal * 100.0
    );
}

impl Pair {
    /// Compares each round's sides, which stood next to each other.
    fn reaches(&self, least: f64, judged: fn(Vec<f64>) -> f64, [what, whom]: [&str; 2]) -> bool {
        let rate = |side: &[Measured]| median(side.iter().map(|round| round.rate).collect());
        let cpu = |side: &[Measured]| median(side.iter().map(|round| round.cpu).collect());
        let pairs = self.ours.iter().zip(&self.theirs);
        let ratio = judged(
            pairs
                .map(|(ours, theirs)| ours.rate / theirs.rate)
                .collect(),
        );
        println!(
            "{what}: firstbell {:.0}/s at {:.2} CPU s per 1,000, {whom} {:.0}/s at {:.2}, the medians; ratio {ratio:.2}, at least {least} is asked",
            rate(&self.ours),
            cpu(&self.ours),
            rate(&self.theirs),
            cpu(&self.theirs),
        );
        ratio >= least
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn best(values: Vec<f64>) -> f64 {
    values.into_iter().fold(0.0, f64::max)
}
