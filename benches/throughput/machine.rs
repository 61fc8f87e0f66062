//! What the machine says of a measurement: processor time, time stolen from it, the disk's sync.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Linux counts processor time for /proc in hundredths of a second (USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;
/// Syncs that the median is taken of.
const SYNCS: usize = 200;

/// One side of one round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// Referrals or letters a second.
    pub(crate) rate: f64,
    /// Processor seconds of this side's processes for 1,000 of them.
    pub(crate) cpu: f64,
    /// The part of all processor time that the host took from this machine meanwhile.
    pub(crate) steal: f64,
}

/// Measures `count` pieces of work. `work` gives how long they took, which need not be as long as it
/// ran: it may wait until the side has settled, so that its processor time is whole.
pub(crate) fn measure(
    count: usize,
    cpu_seconds: impl Fn() -> f64,
    work: impl FnOnce() -> Duration,
) -> Measured {
    let count = f64::from(u32::try_from(count).unwrap());
    let (cpu, stolen) = (cpu_seconds(), processor_time());
    let took = work();
    let (cpu, after) = (cpu_seconds() - cpu, processor_time());
    Measured {
        rate: count / took.as_secs_f64(),
        cpu: cpu / count * 1000.0,
        steal: (after.0 - stolen.0) / (after.1 - stolen.1).max(1.0),
    }
}

/// Processor seconds that this process has used.
pub(crate) fn own_cpu_seconds() -> f64 {
    fs::read_to_string("/proc/self/stat").map_or(0.0, |stat| Stat::parse(&stat).own)
}

/// Processor seconds that a process has used.
pub(crate) fn cpu_seconds(process: u32) -> f64 {
    fs::read_to_string(format!("/proc/{process}/stat")).map_or(0.0, |stat| Stat::parse(&stat).own)
}

/// Memory of a process that is resident, in KiB (proc_pid_status(5)).
pub(crate) fn resident_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_ascii_whitespace().nth(1)?.parse().ok())
        .unwrap()
}

/// Processor seconds of a process and of its children, those that have ended among them.
pub(crate) fn cpu_seconds_of_family(parent: u32) -> f64 {
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let entry = entry.ok()?;
        let process: u32 = entry.file_name().to_str()?.parse().ok()?;
        // One that ends between the two reads is found in its parent's sum.
        let stat = Stat::parse(&fs::read_to_string(entry.path().join("stat")).ok()?);
        (process == parent || stat.parent == parent).then_some(stat.own + stat.ended_children)
    });
    all.sum()
}

/// What a sync of four kilobytes takes in this folder, half the time.
pub(crate) fn sync_median(folder: &Path) -> Duration {
    let path = folder.join("sync-probe");
    let mut file = File::create(&path).unwrap();
    let mut took: Vec<Duration> = (0..SYNCS)
        .map(|_| {
            file.write_all(&[0; 4096]).unwrap();
            let begun = Instant::now();
            file.sync_all().unwrap();
            begun.elapsed()
        })
        .collect();
    fs::remove_file(path).unwrap();
    took.sort();
    took[SYNCS / 2]
}

/// Of proc_pid_stat(5): who the parent is and what was used, in seconds.
struct Stat {
    parent: u32,
    own: f64,
    ended_children: f64,
}

impl Stat {
    fn parse(text: &str) -> Self {
        // The name, the second field, may hold blanks; nothing behind it does.
        let behind_name = text.rsplit_once(") ").unwrap().1;
        let fields: Vec<&str> = behind_name.split(' ').collect();
        let seconds = |at: usize| fields[at].parse::<f64>().unwrap() / TICKS_PER_SECOND;
        Self {
            parent: fields[1].parse().unwrap(),
            own: seconds(11) + seconds(12),
            ended_children: seconds(13) + seconds(14),
        }
    }
}

/// Time stolen and all time of all processors, in ticks (proc_stat(5)).
fn processor_time() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/stat").unwrap();
    let ticks: Vec<f64> = stat
        .lines()
        .next()
        .unwrap()
        .split_ascii_whitespace()
        .skip(1)
        // Guests' time, behind these, is counted in them.
        .take(8)
        .map(|field| field.parse().unwrap())
        .collect();
    (ticks[7], ticks.iter().sum())
}
