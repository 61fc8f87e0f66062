//! A disk that fails at every write of a batch of sixty-four posts, a database that may not grow:
//! nothing refused is stored, nothing answered 201 is missing, and the same process accepts again
//! when the fault lifts.
//!
//! By default every write of a batch fails in one of three ways by turns, so that the story ends
//! within its time; `FIRSTBELL_FAULTS=all` tries each way at every write.

pub(crate) mod beside;
pub(crate) mod disk;
mod lot;
mod outcomes;

use crate::support::daemon::{Daemon, Recipe};
use crate::support::waiting::until;
use beside::{Beside, Stored};
use disk::{Disk, How, Which};
use lot::{Answered, LOT, Senders};
use std::fs;
use std::process::Command;
use std::time::Instant;

/// Everything a story needs; the shim is in the daemon, and nothing fails yet.
struct Stage {
    daemon: Daemon,
    disk: Disk,
    beside: Beside,
    senders: Senders,
    stored: Stored,
    /// The next lot of posts of which none was kept.
    lot: usize,
    /// The next single post.
    single: usize,
}

/// Single posts are numbered from here, beyond every lot.
const SINGLES: usize = 1_000_000;

/// The smallest bound that the settings allow, and one with room for what it refused.
const SIZE_SMALL: &str = "16777216";
const SIZE_LARGE: &str = "67108864";

impl Stage {
    fn set() -> Self {
        Self::with(&[])
    }

    fn with(more: &[(&str, &str)]) -> Self {
        let settings = [
            // One connection for each post, kept as long as the story lasts.
            ("intake.connections_per_force_max", "80"),
            ("intake.connection_age_max_s", "86400"),
            ("intake.head_timeout_s", "120"),
            ("log.filter", "\"warn\""),
            // No relay is there: letters are tried once and then leave the story alone.
            ("delivery.retry_first_s", "600"),
        ];
        let settings = [&settings, more].concat();
        let disk = Disk::new();
        let mut environment = disk.environment();
        // The heartbeat writes too: a third of an hour apart, it is not in the way.
        environment.push(("WATCHDOG_USEC", "3600000000".to_owned()));
        let daemon = Daemon::made_of(Recipe {
            settings: &settings,
            environment,
            ..Recipe::default()
        });
        let mut beside = Beside::open(&daemon.state_dir());
        Self {
            stored: beside.stored(),
            senders: Senders::connect(&daemon),
            daemon,
            disk,
            beside,
            lot: 0,
            single: SINGLES,
        }
    }

    /// Posts a lot as one batch while these writes fail, then mends the disk.
    fn post_failing(&mut self, how: How, which: Which) -> Vec<Answered> {
        let disk = &self.disk;
        let answers = self
            .senders
            .post_as_one(&self.daemon, &mut self.beside, self.lot, || {
                disk.fail(how, which);
            });
        self.disk.mend();
        self.assert_grown_by(kept(&answers));
        answers
    }

    /// Posts a lot as one batch while nothing fails: all of it is kept. Gives how many writes and
    /// syncs that took, and holds it to have been one batch.
    fn post_whole(&mut self, begins_log: bool) -> (Vec<Answered>, i64) {
        let disk = &self.disk;
        let answers = self
            .senders
            .post_as_one(&self.daemon, &mut self.beside, self.lot, || disk.count());
        let seen = self.disk.seen();
        assert_eq!(kept(&answers), LOT);
        self.assert_grown_by(LOT);
        // The first batch in a log syncs the log's head before its own frames.
        let syncs = if begins_log { 2 } else { 1 };
        assert_eq!(seen.syncs, syncs, "one batch");
        (answers, seen.calls)
    }

    /// Holds what is stored to be what it was and exactly these besides.
    fn assert_grown_by(&mut self, referrals: usize) {
        let now = self.beside.stored();
        assert_eq!(now.referrals, self.stored.referrals + referrals);
        assert_eq!(now.facts > self.stored.facts, referrals > 0);
        self.stored = now;
    }

    /// Posts the same lot again, now that nothing fails. What was refused is new, what was kept is
    /// answered as before; and all of it is there.
    fn judge(&mut self, before: &[Answered]) {
        assert!(before.iter().all(|answer| !answer.is_replay()));
        let again = self.senders.post(self.lot);
        for (first, second) in before.iter().zip(&again) {
            assert!(second.is_kept(), "{}", second.response.text());
            assert_eq!(first.is_kept(), second.is_replay(), "{}", first.number);
            if first.is_kept() {
                assert_eq!(first.response.body, second.response.body);
            }
        }
        self.assert_grown_by(LOT - kept(before));
        self.senders.assert_there(&again);
        self.lot += 1;
    }

    /// Lets a lot fail at its n-th write: it is refused whole, and the next post is accepted. None:
    /// the lot has no write so late, and was kept.
    fn fail_at(&mut self, how: How, n: i64) -> Option<Vec<Answered>> {
        let answers = self.post_failing(how, Which::From(n));
        let is_late = self.disk.seen().failed == 0;
        let expected = if is_late { LOT } else { 0 };
        assert_eq!(kept(&answers), expected, "{how:?} at write {n}");
        if is_late {
            self.judge(&answers);
            return None;
        }
        let next = self.senders.post_one(self.single);
        assert!(next.is_kept() && !next.is_replay(), "{how:?} at write {n}");
        self.assert_grown_by(1);
        self.single += 1;
        Some(answers)
    }
}

fn kept(answers: &[Answered]) -> usize {
    answers.iter().filter(|answer| answer.is_kept()).count()
}

/// Where a lot's frames go: into a log that begins with them, or behind those of other batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Log {
    New,
    Old,
}

/// Every so many writes one is tried where not all are.
const SAMPLE: i64 = 23;
/// A lot that was refused so many times over is accepted, and a log that grew is folded back.
const REFUSALS: i64 = 64;

const HOW: [How; 3] = [How::IoError, How::NoSpace, How::Short];

#[test]
fn nothing_refused_is_stored_and_nothing_accepted_is_missing() {
    let mut stage = Stage::set();
    if std::env::var_os("FIRSTBELL_FAULTS").is_some_and(|value| value == "all") {
        for how in HOW {
            sweep(&mut stage, &[how], Log::New, 1);
            sweep(&mut stage, &[how], Log::Old, 1);
        }
    } else {
        sweep(&mut stage, &HOW, Log::New, 1);
        sweep(&mut stage, &HOW, Log::Old, SAMPLE);
        println!("not every way at every write: FIRSTBELL_FAULTS=all tries that");
    }
    stage.beside.assert_sound();
    let Stored { referrals, facts } = stage.stored;
    println!("{referrals} referrals, {facts} facts, none twice and none missing");
}

/// Lets a lot fail at its first write, then one at a later one, until there is none so late; and at
/// each sync. The ways of failing take turns.
fn sweep(stage: &mut Stage, ways: &[How], log: Log, step: i64) {
    let begun = Instant::now();
    let mut turns = ways.iter().copied().cycle();
    let (mut least, mut most) = (i64::MAX, 0);
    for point in 0.. {
        if point % REFUSALS == 0 {
            stage.beside.empty_log();
            let (answers, writes) = stage.post_whole(true);
            (least, most) = (least.min(writes), most.max(writes));
            stage.judge(&answers);
        }
        if log == Log::New {
            stage.beside.empty_log();
        }
        let how = turns.next().unwrap();
        let Some(answers) = stage.fail_at(how, 1 + point * step) else {
            println!(
                "{ways:?}, {log:?} log: a batch of {LOT} is {least} to {most} writes and syncs;                  {point} points, one in {step}; {:?}",
                begun.elapsed()
            );
            break;
        };
        if point % REFUSALS == REFUSALS - 1 {
            stage.judge(&answers);
        }
    }
    for how in ways {
        // The first batch in a log syncs the log's head, then its own frames.
        for sync in if log == Log::New { 1..=2 } else { 1..=1 } {
            if log == Log::New {
                stage.beside.empty_log();
            }
            let answers = stage.post_failing(*how, Which::FromSync(sync));
            assert_eq!(kept(&answers), 0);
            assert!(stage.disk.seen().failed > 0);
            stage.judge(&answers);
        }
    }
}

/// A lot whose sync fails, and the process killed after its answers. Gives what the next process
/// answers to the same posts.
fn crash_after(which: Which) -> Vec<Answered> {
    let mut stage = Stage::set();
    stage.senders.post(stage.lot);
    stage.lot += 1;
    stage.assert_grown_by(LOT);
    let disk = &stage.disk;
    let refused = stage
        .senders
        .post_as_one(&stage.daemon, &mut stage.beside, stage.lot, || {
            disk.fail(How::IoError, which);
        });
    assert!(!refused.iter().any(Answered::is_kept));
    // SQLite reads the log anew only when the last who had it open is gone.
    drop(stage.beside);
    stage.daemon.kill();
    stage.disk.mend();
    stage.daemon.begin();
    let mut beside = Beside::open(&stage.daemon.state_dir());
    let mut senders = stage.senders.connect_again(&stage.daemon);
    let found = beside.stored().referrals - stage.stored.referrals;
    let again = senders.post(stage.lot);
    assert!(again.iter().all(Answered::is_kept));
    let replays = again.iter().filter(|answer| answer.is_replay()).count();
    assert_eq!(replays, found, "what came back is replayed");
    let referrals = beside.stored().referrals;
    assert_eq!(referrals, stage.stored.referrals + LOT, "none twice");
    senders.assert_there(&again);
    beside.assert_sound();
    again
}

#[test]
fn what_was_refused_at_a_failed_sync_does_not_come_back_after_a_crash() {
    let again = crash_after(Which::Sync(1));
    assert!(!again.iter().any(Answered::is_replay));
}

/// While no write at all is taken, what was refused cannot be written over: SQLite may find it whole
/// at the next start. Then it is there once, and the sender's repeat gets its first answer.
#[test]
fn what_comes_back_after_a_crash_of_a_dead_disk_is_replayed() {
    let again = crash_after(Which::FromSync(1));
    let replays = again.iter().filter(|answer| answer.is_replay()).count();
    assert!(replays == 0 || replays == LOT, "a part of a batch");
    println!("{replays} of {LOT} came back");
}

#[test]
fn a_full_database_refuses_until_it_is_given_room() {
    let mut stage = Stage::with(&[("store.size_bytes_max", SIZE_SMALL)]);
    let mut lots = Vec::new();
    let refused = loop {
        let answers = stage.senders.post(stage.lot);
        let is_whole = answers.iter().all(Answered::is_kept);
        stage.assert_grown_by(kept(&answers));
        lots.push(answers);
        if !is_whole {
            break stage.lot;
        }
        stage.lot += 1;
    };
    println!(
        "{} referrals filled {SIZE_SMALL} bytes",
        stage.stored.referrals
    );
    let settings = stage.daemon.folder.path().join("firstbell.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace(SIZE_SMALL, SIZE_LARGE)).unwrap();
    // Not before it is told to.
    let still = stage.senders.post(stage.lot);
    let fresh = |answer: &&Answered| answer.is_kept() && !answer.is_replay();
    stage.assert_grown_by(still.iter().filter(fresh).count());
    assert!(!still.iter().all(Answered::is_kept));
    let told = Command::new("kill")
        .args(["-HUP", &stage.daemon.process_id().to_string()])
        .status();
    assert!(told.unwrap().success());
    let before = stage.stored.referrals;
    let mut fresh_at_last = 0;
    until(|| {
        let answers = stage.senders.post(refused);
        fresh_at_last += answers.iter().filter(fresh).count();
        answers.iter().all(Answered::is_kept).then_some(())
    })
    .unwrap();
    stage.assert_grown_by(fresh_at_last);
    assert_eq!(stage.stored.referrals, (refused + 1) * LOT);
    assert!(stage.stored.referrals > before);
    for (lot, answers) in lots.iter().enumerate() {
        for (first, second) in answers.iter().zip(stage.senders.post(lot)) {
            assert!(second.is_replay());
            if first.is_kept() {
                assert_eq!(first.response.body, second.response.body);
            }
        }
    }
    stage.assert_grown_by(0);
    stage.beside.assert_sound();
}
