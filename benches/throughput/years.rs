//! What years of cases cost: a letter on an idle system, a restart with many cases open, and a letter
//! beside a million ended ones.

use crate::copies::multiply;
use crate::gateway::{Gateway, post};
use crate::machine::{Measured, cpu_seconds, measure, resident_kib};
use crate::relayer::Relayer;
use crate::sink::Sink;
use crate::support::pki::Pki;
use crate::{CLIENTS, CONNECTIONS, median};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How much of it.
pub(crate) struct Years {
    /// Letters one at a time.
    pub(crate) idle: usize,
    /// Cases open at a restart, few and many.
    pub(crate) open: [usize; 2],
    /// Cases in the database, few and many.
    pub(crate) cases: [usize; 2],
    /// Letters in a round, and rounds.
    pub(crate) letters: usize,
    pub(crate) rounds: usize,
    /// What a letter beside many may cost of one beside few.
    pub(crate) cost_max: f64,
}

/// Measures and prints all of it; whether the cost of a letter stays what it was.
pub(crate) fn run(plan: &Years, sink: &Sink, relays: &Pki) -> bool {
    idle(plan, sink, relays);
    let first = plan.open.map(|open| restart(open, sink, relays));
    println!(
        "restart: {:.1} times as long with {} cases open as with {}",
        first[1].as_secs_f64() / first[0].as_secs_f64(),
        plan.open[1],
        plan.open[0]
    );
    cost(plan, sink, relays)
}

/// From the 201 to the relay's 250, and from Postfix's own 250 to it, one letter at a time over a new
/// connection each.
fn idle(plan: &Years, sink: &Sink, relays: &Pki) {
    let mut gateway = Gateway::start(sink, relays, 1);
    let postfix = Relayer::start(sink.port, &relays.ca, 1);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..plan.idle {
        let (senders, requests) = (gateway.senders(1), gateway.requests(1));
        let accepted = Mutex::new(Duration::ZERO);
        let taken = sink.take(
            1,
            || {
                let took = post(senders, &requests);
                *accepted.lock().unwrap() = took;
            },
            || gateway.settle(),
        );
        ours.push((taken.within.saturating_sub(*accepted.lock().unwrap())).as_secs_f64());
        let message = sink.sample();
        let filled = Mutex::new(Duration::ZERO);
        let fill = || {
            let begun = Instant::now();
            postfix.fill(1, &message, 1);
            *filled.lock().unwrap() = begun.elapsed();
        };
        let taken = sink.take(1, fill, || postfix.settle());
        theirs.push((taken.within.saturating_sub(*filled.lock().unwrap())).as_secs_f64());
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "idle, from acceptance to the relay's 250: firstbell {:.0} ms, Postfix {:.0} ms, the medians of {}; ratio {:.2}",
        ours * 1e3,
        theirs * 1e3,
        plan.idle,
        ours / theirs
    );
}

/// Until the first letter after a restart has left: it was being sent when the daemon was killed.
fn restart(open: usize, sink: &Sink, relays: &Pki) -> Duration {
    let mut gateway = Gateway::start(sink, relays, CONNECTIONS);
    send(&mut gateway, sink, 1);
    post(gateway.senders(1), &gateway.requests(1));
    gateway.kill();
    multiply(&gateway.database(), open);
    gateway.launch();
    let taken = sink.take(1, || {}, || {});
    let process = gateway.process_id();
    gateway.settle();
    println!(
        "restart with {open} cases open: the first letter left after {:.2} s, of which the processor worked {:.2} s; resident {} MiB",
        taken.within.as_secs_f64(),
        cpu_seconds(process),
        resident_kib(process) / 1024
    );
    taken.within
}

/// Processor seconds of 1,000 letters, from the post to the outcome on disk, beside few cases and many.
fn cost(plan: &Years, sink: &Sink, relays: &Pki) -> bool {
    let mut sides = plan.cases.map(|cases| {
        let mut gateway = Gateway::start(sink, relays, CONNECTIONS);
        send(&mut gateway, sink, 1);
        gateway.acknowledge_all();
        gateway.kill();
        let begun = Instant::now();
        multiply(&gateway.database(), cases);
        println!(
            "{cases} cases made in {:.0} s",
            begun.elapsed().as_secs_f64()
        );
        gateway.launch();
        gateway.wait_until_ready();
        // What is first read into memory is not what a letter costs.
        send(&mut gateway, sink, plan.letters / 4);
        gateway
    });
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..plan.rounds {
        for (gateway, costs) in sides.iter_mut().zip(&mut costs) {
            costs.push(send(gateway, sink, plan.letters).cpu);
        }
    }
    let [few, many] = costs.map(median);
    let ratio = many / few;
    println!(
        "a letter from post to outcome: {few:.2} CPU s per 1,000 beside {} cases, {many:.2} beside {}, the medians of {}; ratio {ratio:.2}, at most {} is asked",
        plan.cases[0], plan.cases[1], plan.rounds, plan.cost_max
    );
    ratio <= plan.cost_max
}

/// Posts so many and lets them leave.
fn send(gateway: &mut Gateway, sink: &Sink, count: usize) -> Measured {
    let (senders, requests) = (gateway.senders(CLIENTS.min(count)), gateway.requests(count));
    let process = gateway.process_id();
    measure(
        count,
        || cpu_seconds(process),
        || {
            post(senders, &requests);
            sink.take(count, || {}, || gateway.settle()).within
        },
    )
}
