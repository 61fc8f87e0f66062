//! The simulator: years of bad nights in minutes. The real core, store and stages run under a moved clock;
//! relays, schools, callers and faults are simulated and drawn from a seed, before and apart from what the
//! gateway does about them.
//!
//! What is not as in the daemon: no socket is opened, commits do not wait for the disk, and ids, codes,
//! tokens and jitter come from the seed. Everything else is the code that runs.

mod carrier;
mod checks;
mod conclude;
mod desk;
mod dice;
mod gateway;
mod holidays;
mod judge;
mod mutants;
mod nudges;
mod people;
mod places;
mod posts;
mod record;
mod script;
mod table;
mod tally;
mod timeline;
mod year;

pub use mutants::Mutant;
pub use tally::{Failure, Tally};

use crate::clock::Clock;
use crate::letter::Signer;
use crate::referral::id::NotificationId;
use crate::referral::london;
use crate::store::sha256;
use conclude::conclude;
use dice::mixed;
use gateway::Site;
use jiff::civil::{Time, date};
use places::County;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use tokio::runtime;
use year::Year;

/// School years that are played, one after the other: all of them gone by, so that a moved clock never
/// meets the machine's.
const FIRST_YEAR: i16 = 2010;
const YEARS: i16 = 12;

/// What is to be simulated.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Everything is drawn from it.
    pub seed: u64,
    /// The first force-year of the seed to play, from 0.
    pub first_year: u64,
    /// How many.
    pub years: u64,
    /// How many of a million nights of each way out are struck; every other fault goes with it.
    pub faults: u64,
    /// The scheduler is wrong on purpose.
    pub mutant: Option<Mutant>,
    /// Draw one notification's night: this one, or the first that failed, or the busiest.
    pub timeline: Option<Option<NotificationId>>,
    /// Stop at the first failure.
    pub until_failure: bool,
    /// Years played side by side.
    pub side_by_side: usize,
}

/// What came of it.
#[derive(Debug)]
pub struct Simulated {
    /// The figures.
    pub tally: Tally,
    /// One notification's night as text, if it was asked for.
    pub timeline: Option<String>,
}

/// Why a simulation could not be run: nothing that the gateway did wrong.
#[derive(Debug, thiserror::Error)]
#[error("the simulation could not go on: {0}")]
pub struct Fault(String);

impl Fault {
    fn other(error: impl ToString) -> Self {
        Self(error.to_string())
    }
}

/// The program that plays: its version and the commit it was built from.
pub const BUILD: &str = env!("FIRSTBELL_BUILD");

/// Nothing runs any more.
#[derive(Debug, Clone, Copy)]
struct Quiet;

/// A year that was played.
struct Played {
    number: u64,
    tally: Tally,
    timeline: Option<String>,
}

/// Plays the years, some side by side, each in a folder of its own below `folder`.
pub fn simulate(asked: &Asked, folder: &Path) -> Result<Simulated, Fault> {
    let signer = gateway::make_signer(folder)?;
    let next = AtomicU64::new(asked.first_year);
    let end = asked.first_year.saturating_add(asked.years);
    let stop = AtomicBool::new(false);
    let played: Mutex<Vec<Played>> = Mutex::default();
    let work = |nth: usize| -> Result<(), Fault> {
        keep_to_one_processor(nth);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= end || stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let one = play_year(asked, number, folder, &signer)?;
            if asked.until_failure && !one.tally.is_clean() {
                stop.store(true, Ordering::Relaxed);
            }
            let mut all = played.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(one);
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..asked.side_by_side.max(1))
            .map(|nth| scope.spawn(move || work(nth)))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            let ended = thread.join();
            ended.map_err(|_| Fault::other("a year panicked"))?
        })
    })?;
    let mut all = played.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.sort_by_key(|one| one.number);
    Ok(sum(all))
}

/// Keeps this thread, and those that it starts, to one of the processors that we may use. The threads of a
/// year only ever take turns, and a turn on another processor costs several times as much. Where it cannot
/// be had the year is as good.
fn keep_to_one_processor(nth: usize) {
    let Ok(ours) = sched_getaffinity(None) else {
        return;
    };
    let all: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|cpu| ours.is_set(*cpu))
        .collect();
    let place = nth.checked_rem(all.len()).unwrap_or(0);
    let Some(cpu) = all.get(place) else {
        return;
    };
    let mut one = CpuSet::new();
    one.set(*cpu);
    sched_setaffinity(None, &one).unwrap_or_default();
}

fn sum(all: Vec<Played>) -> Simulated {
    let (mut tally, mut timeline) = (Tally::default(), None);
    let mut digests = Vec::new();
    for one in all {
        digests.extend(one.tally.digest.as_bytes());
        tally.add(one.tally);
        timeline = timeline.or(one.timeline);
    }
    tally.digest = hexadecimal(&sha256(&digests));
    Simulated { tally, timeline }
}

fn play_year(asked: &Asked, number: u64, folder: &Path, signer: &Signer) -> Result<Played, Fault> {
    let folder = folder.join(format!("year-{number}"));
    std::fs::create_dir_all(&folder).map_err(Fault::other)?;
    let own = runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(Fault::other)?;
    let played = own.block_on(play(asked, number, &folder, signer));
    drop(own);
    std::fs::remove_dir_all(&folder).map_err(Fault::other)?;
    played
}

async fn play(asked: &Asked, number: u64, folder: &Path, signer: &Signer) -> Result<Played, Fault> {
    let seed = mixed(asked.seed, &format!("year {number}"));
    let turn = number % u64::try_from(YEARS).unwrap_or(1);
    let first = FIRST_YEAR + i16::try_from(turn).unwrap_or(0);
    let county = County::of(first).ok_or_else(|| Fault::other("no county"))?;
    let policy = posts::policy().ok_or_else(|| Fault::other("no policy"))?;
    let clock = Clock::manual(london::instant(date(first, 9, 1), Time::midnight()));
    let decides = Mutant::decides(asked.mutant);
    let with = (signer.clone(), Arc::new(policy));
    let site = Site::new(folder, clock, seed, decides, with, &county.routes)?;
    let mut year = Year::begin(seed, (number, first, asked.faults), county, site).await?;
    year.play().await?;
    let played = conclude(asked, number, &mut year).await;
    year.end().await;
    played
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
