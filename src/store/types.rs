//! What the store is given and gives: plain values.

use crate::referral::answer::{Strength, Verdict};
use crate::referral::attempt::Attempted;
use crate::referral::deadline::DueReason;
use crate::referral::fact::Message;
use crate::referral::fold::Case;
use crate::referral::id::{DeliveryId, InboundId, LetterId, NotificationId, ReferralId};
use crate::referral::plan::WillHappen;
use crate::referral::policy::Policy;
use crate::referral::post::{ForceName, Referral};
use crate::referral::reference::Reference;
use crate::referral::report::{Action, Kind, Sub};
use crate::referral::school::{Address, Contact, LaCode, Role, RouteName, Urn};
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
    /// The database never grows beyond this; bytes. Its last eighth is kept for outcomes.
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

/// What a claim may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// So many deliveries.
    pub places: usize,
    /// So many of them that are no letters (notes, receipts).
    pub others: usize,
    /// So many of them that were tried before; none: as many as there are.
    pub again: Option<usize>,
    /// Of those, these before others.
    pub scout: Scout,
    /// Only those whose last safe moment is before this.
    pub safe_before: Option<Timestamp>,
}

impl Room {
    /// Room for so many deliveries of any kind.
    pub fn of(places: usize) -> Self {
        Self {
            places,
            others: places,
            again: None,
            scout: Scout::LongestDue,
            safe_before: None,
        }
    }

    /// Whether whatever is due may take it.
    pub fn is_for_all(&self) -> bool {
        self.others > 0 && self.again.is_none() && self.safe_before.is_none()
    }
}

/// Which letters come first where only a few go of those that were tried before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scout {
    /// Those whose last safe moment comes within the hour, of these the longest due.
    Soon,
    /// Those that had fewer than three attempts, of these the soonest last safe moment.
    Few,
    /// Whichever has been due longest.
    LongestDue,
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
    /// Whether it is a letter, before which everything else gives way.
    pub is_letter: bool,
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
    /// What it is.
    pub message: Message,
    /// The signed bytes, once there are any.
    pub bytes: Option<Vec<u8>>,
    /// What they are to be made from, until then.
    pub job: Option<Job>,
}

/// What a message is to be made from.
#[derive(Debug, Clone)]
pub enum Job {
    /// A letter, which names a child.
    Letter(Box<LetterJob>),
    /// A note, which names nobody.
    Note(NoteJob),
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

/// What a note is made from. It has no place for anything of a child or an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteJob {
    /// What it says.
    pub says: NoteSays,
    /// The force.
    pub force: ForceName,
    /// The school's name as the register prints it.
    pub school_name: String,
    /// The public code.
    pub reference: Reference,
    /// Message-ID without angle brackets.
    pub message_id: String,
}

/// What a note says: roles and times, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteSays {
    /// Somebody answered RECEIVED: nobody else needs to.
    Receipt {
        /// Whose mailbox it came from; none for an address that we do not hold, whose answer a person
        /// of ours read and took.
        role: Option<Role>,
        /// When it reached us.
        at: Timestamp,
    },
    /// We told somebody by voice.
    AfterCall {
        /// The role they gave.
        role: Role,
        /// When it was recorded.
        at: Timestamp,
    },
    /// Somebody answered from an address that we do not hold.
    NotCounted {
        /// When it reached us.
        at: Timestamp,
    },
    /// Messages wait in a secure mailbox.
    Nudge {
        /// It goes to the school's office, which is asked to tell those who have them.
        office: bool,
        /// So many messages.
        count: u32,
        /// When the latest was put there.
        at: Timestamp,
        /// By when the first is to be answered.
        act_by: Timestamp,
    },
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
    /// The rendering profile; `note` for a note, which has none.
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

/// A mail that came back, with its envelope.
#[derive(Clone, PartialEq, Eq)]
pub struct InboundMail {
    /// The way in: `smtp`, or a mailbox's name.
    pub source: String,
    /// Its envelope sender; none when that is empty, as a report's is.
    pub mail_from: Option<String>,
    /// Its envelope recipients.
    pub rcpt_to: Vec<String>,
    /// Its bytes, exactly as they came.
    pub bytes: Vec<u8>,
}

/// What an inbound mail belongs to, and how surely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matched {
    /// The letter, when it names one.
    pub letter: Option<LetterId>,
    /// The notification.
    pub notification: NotificationId,
    /// How surely.
    pub strength: Strength,
}

/// What came by a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// A person's word.
    Answer {
        /// What it says.
        verdict: Verdict,
        /// It is about every open notification of that school and referral.
        all: bool,
        /// It says more than that.
        has_message: bool,
    },
    /// A delivery report.
    Report {
        /// What it says.
        action: Action,
        /// The status code (RFC 3463).
        status: Option<String>,
    },
    /// A receipt, or an automatic reply that moves nobody.
    Receipt {
        /// What an automatic reply is about.
        sub: Option<Sub>,
    },
    /// Somebody is away.
    Absence {
        /// Until the beginning of this instant, when it says.
        until: Option<Timestamp>,
    },
    /// Nobody can say.
    Unclassified,
}

/// An inbound mail that was read, with what it brings.
#[derive(Clone)]
pub struct Settled {
    /// The mail.
    pub inbound: InboundId,
    /// Its kind.
    pub kind: Kind,
    /// What it brings.
    pub came: Came,
    /// What it belongs to; none when that cannot be said.
    pub matched: Option<Matched>,
    /// The address in its From header.
    pub sender: Option<Address>,
}

impl Settled {
    /// A mail that could not be read: a person looks.
    pub fn unclassified(inbound: InboundId) -> Self {
        Self {
            inbound,
            kind: Kind::Unclassified,
            came: Came::Unclassified,
            matched: None,
            sender: None,
        }
    }

    /// A letter or note of ours, as it left: it says nothing, and a person may wonder how it came here.
    pub fn came_back(inbound: InboundId, ours: Matched) -> Self {
        Self {
            matched: Some(ours),
            ..Self::unclassified(inbound)
        }
    }

    pub(super) fn verdict(&self) -> Option<Verdict> {
        match self.came {
            Came::Answer { verdict, .. } => Some(verdict),
            Came::Report { .. }
            | Came::Receipt { .. }
            | Came::Absence { .. }
            | Came::Unclassified => None,
        }
    }
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

hidden!(
    Post,
    LetterWork,
    SignedLetter,
    RefusedPost,
    InboundMail,
    Settled
);
