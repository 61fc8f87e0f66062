//! The external heartbeat: a dead-man's switch. Somebody outside is called while the gateway does its
//! work, and alarms when the call stays away: what is dead cannot say so itself.

use super::looks::stalled_after;
use crate::client::NoAnswer;
use crate::client::peer::{Peer, PeerSettings};
use crate::store::{Pulses, Round};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// A commit may be so late beyond three heartbeats of the writer.
const COMMIT_GRACE: Duration = Duration::from_secs(5);
/// An alarm that no channel takes may be tried again for so long. After that whoever waits for the call is the
/// only one who can hear.
const UNTOLD_GRACE: Duration = Duration::from_mins(5);

/// The heartbeat.
#[derive(Debug)]
pub struct Heartbeat {
    peer: Peer,
    every: Duration,
    pulses: Pulses,
    beat: Duration,
    poll: Duration,
}

impl Heartbeat {
    /// Reads the files. `beat` is how often the writer is asked to commit, `poll` how often stages look.
    pub fn new(
        settings: &PeerSettings,
        every: Duration,
        pulses: Pulses,
        (beat, poll): (Duration, Duration),
    ) -> Result<Self, NoAnswer> {
        Ok(Self {
            peer: Peer::new(settings)?,
            every,
            pulses,
            beat,
            poll,
        })
    }

    /// Calls until `stop` is true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut beat = interval(self.every);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = beat.tick() => self.call().await,
                _ = stop.changed() => return,
            }
        }
    }

    async fn call(&self) {
        if let Some(silent) = self.silent() {
            tracing::error!(silent = silent.word(), "no external heartbeat");
            return;
        }
        match self.peer.call(None).await {
            Ok(200..=299) => {}
            Ok(status) => tracing::warn!(status, "the external heartbeat was refused"),
            Err(fault) => tracing::warn!(%fault, "the external heartbeat did not arrive"),
        }
    }

    /// What does not do its work; none if all does.
    fn silent(&self) -> Option<Round> {
        if *self.pulses.failing().borrow() > 0 {
            return Some(Round::Commit);
        }
        let max = |round| match round {
            Round::Commit => self.beat.saturating_mul(3) + COMMIT_GRACE,
            Round::Sweep | Round::Delivery | Round::Watch => stalled_after(self.poll),
            Round::Alarms => stalled_after(self.poll) + UNTOLD_GRACE,
        };
        let mut rounds = Round::ALL.into_iter();
        rounds.find(|round| self.pulses.since(*round) > max(*round))
    }
}
