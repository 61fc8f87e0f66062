//! Alarms: what needs a person of the gateway's own, told by a lane that shares nothing with letters.
//!
//! [`looks`] says what is wrong now, [`book`] what a person has to be told of it and when (pure), and
//! [`lane`] tells them: the first person by mail, and when nobody takes it on, the second by a webhook.
//! Every message is made from types that hold no personal data ([`message`]), and carries what to do
//! and the command to type ([`runbook`]). What cannot be recorded is told all the same, and can be taken
//! on; a restart does not tell it again ([`memory`]).

pub mod book;
mod clockwatch;
pub mod heartbeat;
pub mod lane;
pub mod looks;
mod mail;
mod memory;
pub mod message;
mod roads;
pub mod runbook;
mod senders;
mod webhook;

pub use lane::{Lane, LaneFault, LaneSettings, MailSettings};

use crate::referral::alarm::AlarmChannel;
use crate::store::{AlarmClaim, AlarmLine, AlarmNote, Round, Store};
use book::{Book, Say};
use jiff::{SignedDuration, Timestamp};
use looks::Looks;
use memory::Memory;
use message::Message;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

/// What is wrong is looked for this often without a hint.
const EVERY: Duration = Duration::from_secs(10);
/// The store may not take longer over an alarm: one that does is what the alarm is about.
const STORE_WITHIN: Duration = Duration::from_secs(5);

/// When people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// An alarm that nobody has taken on for so long goes to the second person.
    pub unclaimed: SignedDuration,
    /// Between two messages by one channel; what comes meanwhile is told together.
    pub between: SignedDuration,
}

impl Default for Pace {
    /// `design.md`, "Alarms have hours".
    fn default() -> Self {
        Self {
            unclaimed: SignedDuration::from_mins(15),
            between: SignedDuration::from_mins(1),
        }
    }
}

/// The stage that raises alarms and tells of them.
#[derive(Debug)]
pub struct Stage {
    store: Store,
    looks: Looks,
    lane: Lane,
    book: Book,
    /// What is open, for the operators' socket: also what could not be recorded.
    shown: watch::Sender<Vec<AlarmLine>>,
    loaded: bool,
    memory: Option<Memory>,
    /// Claims that the store could not take.
    claims: Option<mpsc::Receiver<AlarmClaim>>,
}

impl Stage {
    /// A stage that knows of nothing yet.
    pub fn new(store: Store, looks: Looks, lane: Lane, pace: Pace) -> Self {
        Self {
            book: Book::new(pace, lane.channels()).kept_by(looks.desks().clone()),
            shown: watch::channel(Vec::new()).0,
            loaded: false,
            memory: None,
            claims: None,
            store,
            looks,
            lane,
        }
    }

    /// Keeps what was told in this file too, for the next run.
    #[must_use]
    pub fn remembering(self, path: PathBuf) -> Self {
        Self {
            memory: Some(Memory::new(path)),
            ..self
        }
    }

    /// Takes claims on alarms that may not be recorded yet.
    #[must_use]
    pub fn claimed_by(self, claims: mpsc::Receiver<AlarmClaim>) -> Self {
        Self {
            claims: Some(claims),
            ..self
        }
    }

    /// What is open, as it changes.
    pub fn shown(&self) -> watch::Receiver<Vec<AlarmLine>> {
        self.shown.subscribe()
    }

    /// Reads what an earlier run raised and told. Whoever answers operators waits for it: until then an
    /// alarm that somebody has taken on would seem not to be there.
    pub async fn load(&mut self) {
        self.read_claims(self.store.clock().now()).await;
        self.show();
    }

    /// Runs until `stop` is true.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let clock = self.store.clock().clone();
        let mut failing = self.store.pulses().failing();
        let mut stuck = self.looks.stuck();
        while !*stop.borrow_and_update() {
            failing.mark_unchanged();
            stuck.mark_unchanged();
            let due = self.step(clock.now()).await;
            let due = async {
                match due {
                    Some(due) => clock.wait_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                _ = failing.changed() => {}
                Ok(()) = stuck.changed() => {}
                claim = next_of(&mut self.claims) => self.claim(claim, clock.now()),
                _ = stop.changed() => {}
                () = sleep(EVERY) => {}
            }
        }
    }

    /// Looks once, tells what is due and records it. Says when something is next due by itself.
    pub async fn step(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.read_claims(now).await;
        let seen = self.looks.look(now).await;
        self.book.see(&seen, now);
        self.show();
        let holidays = self.store.directory();
        let holiday = |day| holidays.bank_holidays.contains(&day);
        for channel in [AlarmChannel::Mail, AlarmChannel::Webhook] {
            let Some(say) = self.book.due(channel, now, &holiday) else {
                continue;
            };
            self.tell(channel, &say, now).await;
            self.remember().await;
        }
        self.record().await;
        self.remember().await;
        self.show();
        if !self.book.is_untold(now, &holiday) {
            self.store.pulses().note(Round::Alarms);
        }
        self.book.next(now, &holiday)
    }

    fn show(&self) {
        let lines = self.book.lines();
        self.shown.send_if_modified(|shown| {
            let changed = *shown != lines;
            *shown = lines;
            changed
        });
    }

    /// Who has taken what on since; at first, what an earlier run raised and told.
    async fn read_claims(&mut self, now: Timestamp) {
        let read = timeout(STORE_WITHIN, self.store.readers().list_open_alarms()).await;
        if let Ok(Ok(lines)) = read {
            self.book.take(&lines, !self.loaded);
            self.loaded = true;
        }
        let Some(memory) = self.memory.as_ref().filter(|memory| !memory.was_read()) else {
            return;
        };
        // What cannot be read in time is told again.
        let read = timeout(STORE_WITHIN, memory.read(now)).await;
        self.book.remember(&read.unwrap_or_default());
        self.memory.iter_mut().for_each(Memory::note_read);
    }

    /// Somebody takes on what the store may not know of.
    fn claim(&mut self, claim: AlarmClaim, now: Timestamp) {
        let taken = self.book.claim(claim.alarm, &claim.who, now);
        self.show();
        // Whoever asked may have gone.
        claim.answer.send(taken).unwrap_or_default();
    }

    /// For the next run. A disk that hangs must not keep anybody from being told.
    async fn remember(&mut self) {
        let Some(memory) = &mut self.memory else {
            return;
        };
        let written = timeout(STORE_WITHIN, memory.write(&self.book.lines())).await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::warn!("what was told could not be noted; a restart tells it again");
        }
    }

    async fn tell(&mut self, channel: AlarmChannel, say: &Say, now: Timestamp) {
        let message = Message::new(self.lane.gateway(), say, now);
        let told = self.lane.tell(channel, &message).await;
        let alarms = say.alarms();
        match &told {
            Ok(()) => tracing::warn!(channel = channel.word(), alarms, "alarm_told"),
            Err(fault) => {
                tracing::error!(channel = channel.word(), alarms, %fault, "alarm not told");
            }
        }
        self.book.told(channel, say, told.is_ok(), now);
    }

    /// What cannot be recorded now stays noted, and is recorded once it can be.
    async fn record(&mut self) {
        let notes: Vec<AlarmNote> = self.book.notes().to_vec();
        if notes.is_empty() {
            return;
        }
        let count = notes.len();
        let recorded = timeout(STORE_WITHIN, self.store.record_alarms(notes)).await;
        match recorded {
            Ok(Ok(())) => self.book.recorded(count),
            Ok(Err(_)) | Err(_) => tracing::error!(count, "alarms could not be recorded"),
        }
    }
}

/// The next claim; none ever comes where nobody sends any.
async fn next_of(claims: &mut Option<mpsc::Receiver<AlarmClaim>>) -> AlarmClaim {
    match claims {
        Some(claims) => match claims.recv().await {
            Some(claim) => claim,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}
