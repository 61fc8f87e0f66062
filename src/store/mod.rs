//! The meeting point: the only SQL. Stages never call each other, they meet here.

use crate::clock::Clock;
use crate::referral::deadline::DueReason;
use crate::referral::directory::Directory;
use crate::referral::id::{NotificationId, ReferralId};
use crate::referral::plan::WillHappen;
use crate::referral::policy::Policy;
use crate::referral::post::{ForceName, Referral};
use crate::referral::school::{RouteName, Urn};
use crate::referral::tree::Tree;
use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;

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
#[derive(Debug, Clone)]
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

impl std::fmt::Debug for RefusedPost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefusedPost")
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
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

/// A handle to the store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    clock: Clock,
}

impl Store {
    /// The directory that letters are routed by now.
    pub fn directory(&self) -> Arc<Directory> {
        unimplemented!()
    }

    /// Accepts a post: plans, seals, records and commits it, then answers.
    pub async fn accept(&self, _post: Post) -> Result<Accepted, NotAccepted> {
        unimplemented!()
    }

    /// Keeps a refused post of a known force.
    pub async fn refuse(&self, _refused: RefusedPost) -> Result<(), NotStored> {
        unimplemented!()
    }

    /// Whether a post could be stored now: the writer's heartbeat is fresh and the disk is not full.
    pub fn ready(&self) -> bool {
        unimplemented!()
    }

    /// A referral of this force, or none: another force's looks exactly like one that is not there.
    pub async fn referral(
        &self,
        _force: &ForceName,
        _id: ReferralId,
    ) -> Result<Option<ReferralView>, NotStored> {
        unimplemented!()
    }

    /// A notification of this force, or none.
    pub async fn notification(
        &self,
        _force: &ForceName,
        _id: NotificationId,
    ) -> Result<Option<NotificationView>, NotStored> {
        unimplemented!()
    }

    /// The clock the store keeps time by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}
