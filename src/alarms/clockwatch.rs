//! The clock that deadlines rest on: whether it stepped back, and whether anything keeps it.
//!
//! Why is adjtimex(2) asked through systemd's `timedatectl`? It takes unsafe code, which this crate
//! forbids, and no maintained crate wraps it. A host without systemd is not asked, and that is no alarm.

use jiff::{SignedDuration, Timestamp};
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

/// A step back by more than this is one: less is a correction of a fraction of a second.
const STEP_MIN: SignedDuration = SignedDuration::from_secs(2);
/// A step back is over at once, and known for so long.
const KNOWN_FOR: Duration = Duration::from_secs(600);
/// The host is asked whether its clock is kept this often; two answers in a row decide.
const ASK_EVERY: Duration = Duration::from_secs(300);
/// The host answers within this.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What is known of the clock.
#[derive(Debug)]
pub(super) struct ClockWatch {
    /// Whether the host is to be asked.
    ntp: bool,
    last: Option<(Timestamp, Instant)>,
    stepped: Option<Instant>,
    asked: Option<Instant>,
    /// Answers in a row that nothing keeps it.
    unkept: u32,
}

impl ClockWatch {
    pub(super) fn new(ntp: bool) -> Self {
        Self {
            ntp,
            last: None,
            stepped: None,
            asked: None,
            unkept: 0,
        }
    }

    /// Compares civil with monotonic time.
    pub(super) fn look(&mut self, now: Timestamp, monotonic: Instant) {
        if let Some((then, at)) = self.last {
            let gone = SignedDuration::try_from(monotonic.duration_since(at));
            let expected = gone.ok().and_then(|gone| then.checked_add(gone).ok());
            if expected.is_some_and(|expected| stepped_back(expected, now)) {
                self.stepped = Some(monotonic);
            }
        }
        self.last = Some((now, monotonic));
    }

    /// The last instant that an earlier run recorded.
    pub(super) fn recorded(&mut self, last: Timestamp, now: Timestamp, monotonic: Instant) {
        if stepped_back(last, now) {
            self.stepped = Some(monotonic);
        }
    }

    /// Asks the host, when it is time to.
    pub(super) async fn ask(&mut self, monotonic: Instant) {
        let recently = self
            .asked
            .is_some_and(|asked| monotonic.duration_since(asked) < ASK_EVERY);
        if !self.ntp || recently {
            return;
        }
        self.asked = Some(monotonic);
        let asked = timeout(ANSWER_WITHIN, spawn_blocking(is_kept)).await;
        self.unkept = match asked {
            Ok(Ok(Some(false))) => self.unkept.saturating_add(1),
            Ok(Ok(Some(true) | None) | Err(_)) | Err(_) => 0,
        };
    }

    /// What is wrong with it, in a word each.
    pub(super) fn faults(&self, monotonic: Instant) -> impl Iterator<Item = &'static str> {
        let known = |at: &Instant| monotonic.duration_since(*at) < KNOWN_FOR;
        let stepped = self.stepped.filter(known).map(|_| "stepped_back");
        let unkept = (self.unkept > 1).then_some("not_synchronised");
        [stepped, unkept].into_iter().flatten()
    }
}

fn stepped_back(expected: Timestamp, now: Timestamp) -> bool {
    expected.duration_since(now) > STEP_MIN
}

/// What the kernel says by adjtimex(2), as systemd passes it on; none where nobody can be asked.
fn is_kept() -> Option<bool> {
    let answer = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    match answer.stdout.trim_ascii() {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_back_is_seen_and_known_for_a_while() {
        let start: Timestamp = "2026-11-23T02:00:00Z".parse().unwrap();
        let begun = Instant::now();
        let mut watch = ClockWatch::new(false);
        let mut look = |civil: i64, monotonic: u64| {
            let at = begun + Duration::from_secs(monotonic);
            watch.look(start + SignedDuration::from_secs(civil), at);
            watch.faults(at).collect::<Vec<_>>()
        };
        assert_eq!(look(0, 0), [""; 0]);
        assert_eq!(look(10, 10), [""; 0]);
        assert_eq!(look(19, 20), [""; 0], "a correction of a second");
        assert_eq!(look(3600, 30), [""; 0], "a step forward is none back");
        assert_eq!(look(0, 40), ["stepped_back"]);
        assert_eq!(look(599, 639), ["stepped_back"]);
        assert_eq!(look(600, 640), [""; 0]);
    }

    #[test]
    fn a_run_that_begins_before_the_last_one_s_records_has_stepped_back() {
        let now: Timestamp = "2026-11-23T02:00:00Z".parse().unwrap();
        let begun = Instant::now();
        let mut watch = ClockWatch::new(false);
        watch.recorded(now, now, begun);
        assert_eq!(watch.faults(begun).count(), 0);
        watch.recorded(now + SignedDuration::from_mins(5), now, begun);
        assert_eq!(watch.faults(begun).count(), 1);
    }
}
