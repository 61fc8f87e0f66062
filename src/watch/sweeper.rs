//! The sweeper: looks from outside the stages, on its own thread and connection, for work that is
//! past its time. What it finds is a fault of ours or of the host, never of a relay or a school.

use crate::clock::Clock;
use crate::store::{Pulses, Readers, Round, Stuck};
use jiff::{SignedDuration, Timestamp};
use std::io;
use std::path::PathBuf;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(30);
/// What was found for the first time is looked at again after this.
const SOON: Duration = Duration::from_secs(3);
/// Past its time by more than this is stuck: many polls of every stage fit into it.
const GRACE: SignedDuration = SignedDuration::from_mins(2);

/// What it needs to open a connection of its own.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The state folder.
    pub state_dir: PathBuf,
    /// The credential that wraps epoch keys.
    pub credential: PathBuf,
    /// No attempt lasts longer.
    pub lease: Duration,
    /// Told of each look.
    pub pulses: Pulses,
}

/// Starts it; it ends when `stop` turns true or its sender is gone. `found` is told each time.
pub fn start(
    settings: Settings,
    clock: Clock,
    stop: watch::Receiver<bool>,
    found: watch::Sender<Stuck>,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Builder::new()
        .name("sweeper".to_owned())
        .spawn(move || runtime.block_on(sweep(settings, clock, stop, found)))
}

async fn sweep(
    settings: Settings,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
    found: watch::Sender<Stuck>,
) {
    let mut readers = None;
    let mut seen = false;
    while !*stop.borrow_and_update() {
        if readers.is_none() {
            let opened = Readers::open_folder(&settings.state_dir, &settings.credential).await;
            match opened {
                Ok(opened) => readers = Some(opened),
                Err(fault) => tracing::error!(%fault, "the sweeper cannot read the store"),
            }
        }
        let mut pause = EVERY;
        if let Some(open) = &readers {
            let found_now = look(open, &settings, clock.now()).await;
            if found_now.is_some() {
                settings.pulses.note(Round::Sweep);
            }
            match found_now {
                // Seen once it may just be being done, after a step of the clock: look again soon.
                Some(stuck) if !stuck.is_nothing() && !seen => (seen, pause) = (true, SOON),
                Some(stuck) => {
                    seen = !stuck.is_nothing();
                    tell(&found, stuck);
                }
                None => readers = None,
            }
        }
        tokio::select! {
            _ = stop.changed() => return,
            () = sleep(pause) => {}
        }
    }
}

/// One look; none when the store could not be read.
pub async fn look(readers: &Readers, settings: &Settings, now: Timestamp) -> Option<Stuck> {
    let before = now.checked_sub(GRACE).unwrap_or(now);
    let lease = SignedDuration::try_from(settings.lease).unwrap_or(SignedDuration::MAX);
    let claimed_before = before.checked_sub(lease).unwrap_or(Timestamp::MIN);
    readers.find_stuck(before, claimed_before).await.ok()
}

fn tell(found: &watch::Sender<Stuck>, stuck: Stuck) {
    if !stuck.is_nothing() {
        tracing::error!(
            timers = stuck.timers,
            deliveries = stuck.deliveries,
            attempts = stuck.attempts,
            inbound = stuck.inbound,
            "stuck: work is past its time"
        );
    }
    found.send_if_modified(|known| {
        let changed = *known != stuck;
        *known = stuck;
        changed
    });
}
