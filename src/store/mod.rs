//! The meeting point: the only SQL. Stages never call each other, they meet here.
//!
//! One task writes ([`writer`]); everything else reads, or asks it to write. What it is asked is on
//! disk when it answers: `synchronous=FULL`, and answers only after COMMIT.
//!
//! Why is there no trait? There is one store. A second (PostgreSQL, for two sites) would make one.

mod accept;
mod cases;
mod directory_load;
mod directory_rows;
mod disk;
pub mod json;
mod letters;
mod open;
mod outcomes;
mod refuse;
pub mod refused;
mod superseded;
pub mod totals;
mod tx;
mod vault;
mod views;
mod writer;

pub use open::{OpenFault, Options};
pub use tx::{Basis, policy_digest, sha256};
pub use vault::VaultFault;
pub use views::{LetterLine, LiveLine, QueueLine, ReferralLine, TaskLine, Trace, TraceLine};

use crate::clock::Clock;
use crate::referral::attempt::Attempted;
use crate::referral::deadline::DueReason;
use crate::referral::directory::Directory;
use crate::referral::fold::Case;
use crate::referral::id::{DeliveryId, LetterId};
use crate::referral::id::{NotificationId, ReferralId};
use crate::referral::plan::WillHappen;
use crate::referral::policy::Policy;
use crate::referral::post::{ForceName, Referral};
use crate::referral::reference::Reference;
use crate::referral::school::Contact;
use crate::referral::school::{LaCode, Role, RouteName, Urn};
use crate::referral::tree::Tree;
use jiff::Timestamp;
use sqlx::SqlitePool;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, oneshot, watch};
use tx::Fault;
use vault::Vault;
use writer::Command;

/// The store's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Folder of the database, its lock, epoch keys and ballast. Mode 0700.
    pub state_dir: PathBuf,
    /// The 32-byte credential (hexadecimal) that wraps epoch keys, not readable by others.
    pub credential: PathBuf,
    /// Commands in one batch at most.
    pub batch_max: usize,
    /// Commands that wait for the writer at most, by channel; full means refuse.
    pub queue_max: usize,
    /// Below this many free bytes intake answers 503.
    pub disk_free_min_bytes: u64,
    /// The file given up when the disk is full, so that outcomes can still be recorded; bytes.
    pub ballast_bytes: u64,
    /// The database never grows beyond this; bytes.
    pub size_bytes_max: u64,
    /// The writer checkpoints the WAL past this many pages.
    pub checkpoint_pages: u32,
}

/// A post that passed all three passes, on its way into the store.
#[derive(Clone)]
pub struct Post {
    /// The Idempotency-Key, without quotes.
    pub key: String,
    /// The body as canonical JSON (RFC 8785) without `submitted_at`: what decides "same body".
    pub canonical: Vec<u8>,
    /// The referral.
    pub referral: Referral,
    /// The document it was read from, to be sealed.
    pub tree: Tree,
    /// The force's policy.
    pub policy: Arc<Policy>,
    /// Writes the 201's body; its bytes are kept and replayed.
    pub answer: fn(&ReferralView) -> Vec<u8>,
}

/// A post is safe on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// Accepted now: the 201's body.
    New(Vec<u8>),
    /// Accepted before: the first body again.
    Replayed(Vec<u8>),
}

/// Why a post was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// The key is bound to another body: 422 `idempotency-key-reused`.
    #[error("the idempotency key is bound to another body")]
    KeyReused,
    /// The referral id is known with another body: 409 `referral-id-reused`.
    #[error("the referral id is known with another body")]
    ReferralIdReused,
    /// Not stored: 503 with Retry-After.
    #[error(transparent)]
    NotStored(#[from] NotStored),
}

/// The store could not commit, is full or is stopping. Nothing was kept; try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not stored")]
pub struct NotStored;

/// A refused post of an authenticated force, kept seven days for the desk.
#[derive(Clone)]
pub struct RefusedPost {
    /// Who posted.
    pub force: ForceName,
    /// The status answered.
    pub status: u16,
    /// The code of the first fault.
    pub code: &'static str,
    /// What was posted, as far as it was read.
    pub body: Vec<u8>,
}

/// A referral as its force may see it. Nothing personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferralView {
    /// Our id.
    pub id: ReferralId,
    /// The sender's id.
    pub referral_id: String,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// The referral with identical content that came before.
    pub duplicate_of: Option<ReferralId>,
    /// One or more per child.
    pub notifications: Vec<NotificationView>,
}

/// A notification as its force may see it. Nothing personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationView {
    /// Our id.
    pub id: NotificationId,
    /// The sender's own id of the child.
    pub child_ref: String,
    /// The school, when one is routed.
    pub urn: Option<Urn>,
    /// The state's word, at the time of asking.
    pub state: &'static str,
    /// Why it is held and what the desk should know, as words.
    pub reasons: Vec<String>,
    /// What happens by itself to a hold, and when.
    pub will_happen: Option<(WillHappen, Timestamp)>,
    /// Start of the next pupil day.
    pub due_at: Timestamp,
    /// What the ladder is built backward from.
    pub act_by: Timestamp,
    /// Why the deadline is what it is.
    pub due_reasons: Vec<DueReason>,
    /// The way out of its first letter.
    pub route: Option<RouteName>,
}

/// A delivery claimed for one attempt.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Its notification.
    pub notification: NotificationId,
    /// Its letter.
    pub letter: LetterId,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Which lease, from 1.
    pub lease: i64,
}

/// What a claim is about.
#[derive(Clone)]
pub struct LetterWork {
    /// To whom, as the letter's directory version names it.
    pub contact: Contact,
    /// Over which route.
    pub route: RouteName,
    /// The reply token.
    pub token: String,
    /// The signed bytes, once there are any.
    pub bytes: Option<Vec<u8>>,
    /// What they are to be made from, until then.
    pub job: Option<LetterJob>,
}

/// What a letter is made from.
#[derive(Debug, Clone)]
pub struct LetterJob {
    /// The referral, with this one child.
    pub referral: Referral,
    /// The force.
    pub force: ForceName,
    /// The school's name as the register prints it.
    pub school_name: String,
    /// The school's authority.
    pub la_code: Option<LaCode>,
    /// The public code.
    pub reference: Reference,
    /// Message-ID without angle brackets.
    pub message_id: String,
    /// The roles of those whose letter of this notification was signed before.
    pub also_held_by: Vec<Role>,
    /// The notification.
    pub case: Case,
}

/// A letter that was just made.
#[derive(Clone)]
pub struct SignedLetter {
    /// The letter.
    pub letter: LetterId,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// SHA-256 of them.
    pub digest: [u8; 32],
    /// Fingerprint of the signing key.
    pub signer: String,
    /// The rendering profile.
    pub profile: &'static str,
}

/// An attempt that ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Which attempt.
    pub attempt: u32,
    /// How.
    pub attempted: Attempted,
}

/// The reading side: what the command line opens when no daemon runs.
#[derive(Debug, Clone)]
pub struct Readers {
    pool: SqlitePool,
    vault: Vault,
}

macro_rules! hidden {
    ($($name:ident),+) => {$(
        /// Holds what must never be printed by accident.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )+};
}

hidden!(Post, LetterWork, SignedLetter, RefusedPost);

/// A handle to the store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    clock: Clock,
    first: mpsc::Sender<Command>,
    then: mpsc::Sender<Command>,
    readers: Readers,
    directory: watch::Receiver<Arc<Directory>>,
    able: Arc<AtomicBool>,
    hints: watch::Receiver<u64>,
    size_bytes_max: watch::Sender<u64>,
}

impl Store {
    /// The clock the store keeps time by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The directory that letters are routed by now.
    pub fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.borrow())
    }

    /// Whether a post could be stored now: the last batch was, and the disk is not nearly full.
    pub fn ready(&self) -> bool {
        self.able.load(Ordering::Acquire)
    }

    /// Changes after each batch that is on disk. A hint: whoever waits for it also polls.
    pub fn hints(&self) -> watch::Receiver<u64> {
        self.hints.clone()
    }

    /// The reading side.
    pub fn readers(&self) -> &Readers {
        &self.readers
    }

    /// Accepts a post: plans, seals, records and commits it, then answers.
    pub async fn accept(&self, post: Post) -> Result<Accepted, NotAccepted> {
        let post = Box::new(post);
        ask(&self.then, |reply| Command::Accept(post, reply)).await?
    }

    /// Keeps a refused post of a known force.
    pub async fn refuse(&self, refused: RefusedPost) -> Result<(), NotStored> {
        let refused = Box::new(refused);
        ask(&self.then, |reply| Command::Refuse(refused, reply)).await
    }

    /// Claims deliveries that are due on a route, soonest deadline first.
    pub async fn claim(&self, route: &RouteName, most: usize) -> Result<Vec<Claim>, NotStored> {
        ask(&self.first, |reply| {
            Command::Claim(route.clone(), most, reply)
        })
        .await
    }

    /// Counts that a letter is made again, before it is; three times, and it is set aside.
    pub async fn making_again(&self, letter: LetterId) -> Result<(), NotStored> {
        ask(&self.first, |reply| Command::MakingAgain(letter, reply)).await
    }

    /// Keeps a letter's bytes, once; gives back those that are kept.
    pub async fn signed(&self, letter: SignedLetter) -> Result<Vec<u8>, NotStored> {
        let letter = Box::new(letter);
        ask(&self.first, |reply| Command::Signed(letter, reply)).await
    }

    /// Records an attempt's outcome.
    pub async fn ended(&self, ended: Ended) -> Result<(), NotStored> {
        let ended = Box::new(ended);
        ask(&self.first, |reply| Command::Ended(ended, reply)).await
    }

    /// Saves a directory as the next version. None: referrals were accepted, so this takes two people.
    pub async fn import_directory(
        &self,
        directory: Directory,
        operator: &str,
    ) -> Result<Option<u32>, NotStored> {
        let (directory, operator) = (Box::new(directory), operator.to_owned());
        ask(&self.first, |reply| {
            Command::ImportDirectory(directory, operator, reply)
        })
        .await
    }

    /// Writes a heartbeat through the writer and reads it back from disk: proof that outcomes can be
    /// recorded, without which the watchdog is not fed.
    pub async fn heartbeat(&self) -> Result<(), NotStored> {
        let written = ask(&self.first, Command::Heartbeat).await?;
        let read = stored(self.readers.heartbeat().await)?;
        if read >= written {
            Ok(())
        } else {
            Err(NotStored)
        }
    }

    /// Bounds the database anew, from the next batch on. One that has outgrown a lower bound stays as
    /// large as it is.
    pub fn set_size_bytes_max(&self, bytes: u64) {
        self.size_bytes_max.send_replace(bytes);
    }

    /// Commits what was asked, checkpoints and stops the writer.
    pub async fn close(&self) -> Result<(), NotStored> {
        ask(&self.first, Command::Stop).await?;
        self.readers.pool.close().await;
        Ok(())
    }

    /// A referral of this force, or none: another force's looks exactly like one that is not there.
    pub async fn referral(
        &self,
        force: &ForceName,
        id: ReferralId,
    ) -> Result<Option<ReferralView>, NotStored> {
        stored(
            self.readers
                .referral(Some(force), id, self.clock.now())
                .await,
        )
    }

    /// A notification of this force, or none.
    pub async fn notification(
        &self,
        force: &ForceName,
        id: NotificationId,
    ) -> Result<Option<NotificationView>, NotStored> {
        stored(self.readers.notification(force, id, self.clock.now()).await)
    }

    /// Opens what a claim is about.
    pub async fn letter_work(&self, claim: &Claim) -> Result<LetterWork, NotStored> {
        stored(self.readers.letter_work(claim).await)
    }

    /// When the next delivery of a route is due; none when nothing waits.
    pub async fn next_due(&self, route: &RouteName) -> Result<Option<Timestamp>, NotStored> {
        stored(self.readers.next_due(route).await)
    }
}

impl Readers {
    /// Opens a state folder to read, beside a daemon or without one.
    pub async fn open_folder(state_dir: &Path, credential: &Path) -> Result<Self, OpenFault> {
        let path = open::database(state_dir);
        let vault = Vault::open(state_dir, credential)?;
        let damaged = |error: sqlx::Error| OpenFault::Database(path.clone(), error.to_string());
        Self::open(&path, vault).await.map_err(damaged)
    }

    /// The directory's live version.
    pub async fn load_directory(&self) -> Result<Directory, NotStored> {
        stored(directory_load::load(self).await)
    }

    /// A referral, whose force ever.
    pub async fn show_referral(
        &self,
        id: ReferralId,
        now: Timestamp,
    ) -> Result<Option<ReferralView>, NotStored> {
        stored(self.referral(None, id, now).await)
    }

    /// Referrals, newest first.
    pub async fn list_referrals(
        &self,
        force: Option<&str>,
    ) -> Result<Vec<ReferralLine>, NotStored> {
        stored(self.referrals(force).await)
    }

    /// All that happened to a notification.
    pub async fn show_trace(
        &self,
        id: NotificationId,
        now: Timestamp,
    ) -> Result<Option<Trace>, NotStored> {
        stored(self.trace(id, now).await)
    }

    /// Deliveries that wait.
    pub async fn list_queue(&self) -> Result<Vec<QueueLine>, NotStored> {
        stored(self.queue().await)
    }

    /// Live notifications.
    pub async fn list_live(&self, now: Timestamp) -> Result<Vec<LiveLine>, NotStored> {
        stored(self.live(now).await)
    }

    /// Open tasks.
    pub async fn list_tasks(&self) -> Result<Vec<TaskLine>, NotStored> {
        stored(self.tasks().await)
    }
}

/// Sends a command and waits until it is on disk. A full queue, a failed batch and a stopped writer
/// all look alike to the caller: not stored.
async fn ask<T>(
    channel: &mpsc::Sender<Command>,
    command: impl FnOnce(oneshot::Sender<T>) -> Command,
) -> Result<T, NotStored> {
    let (reply, answer) = oneshot::channel();
    channel.try_send(command(reply)).map_err(|_| NotStored)?;
    answer.await.map_err(|_| NotStored)
}

/// A failed read is told in full to the log, where its detail belongs, and shortly to the caller.
fn stored<T>(result: Result<T, Fault>) -> Result<T, NotStored> {
    result.map_err(|fault| {
        tracing::error!(fault = %fault, "reading the store failed");
        NotStored
    })
}

#[cfg(test)]
mod tests;
