//! Lines of the lists that operators see.

use crate::referral::ahead::Ahead;
use crate::referral::fact::Fact;
use crate::referral::fold::Case;
use crate::referral::id::NotificationId;
use jiff::Timestamp;

/// A referral in a list.
#[derive(Debug, Clone)]
pub struct ReferralLine {
    /// Our id.
    pub id: String,
    /// The sender's id.
    pub referral_id: String,
    /// The sender.
    pub force: String,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// `live`, `superseded` or `withdrawn`.
    pub state: String,
    /// The referral with identical content that came before.
    pub duplicate_of: Option<String>,
    /// How many notifications it opened.
    pub notifications: i64,
}

/// A delivery in the queue.
#[derive(Debug, Clone)]
pub struct QueueLine {
    /// Our id.
    pub delivery: String,
    /// Its notification.
    pub notification: Option<String>,
    /// For which school.
    pub urn: Option<String>,
    /// Its route.
    pub route: String,
    /// Its state.
    pub state: String,
    /// Not before.
    pub not_before: Timestamp,
    /// The last safe moment of mail.
    pub last_safe_at: Option<Timestamp>,
    /// Attempts so far.
    pub attempts: i64,
    /// Set aside.
    pub quarantined: bool,
}

/// A live notification on the board.
#[derive(Debug, Clone)]
pub struct LiveLine {
    /// Our id.
    pub notification: NotificationId,
    /// The force.
    pub force: String,
    /// The public code.
    pub reference: String,
    /// The state's word at the time of asking; [`super::DAMAGED`] where the record is.
    pub state: &'static str,
    /// The school.
    pub urn: Option<String>,
    /// Why it is held.
    pub hold: Option<String>,
    /// What is proved of delivery.
    pub proof: &'static str,
    /// Start of the next pupil day.
    pub due_at: Timestamp,
    /// What the ladder is built backward from.
    pub act_by: Timestamp,
    /// What is left of its time, and for which steps.
    pub ahead: Ahead,
    /// The next timer.
    pub next_at: Option<Timestamp>,
    /// What the timer is for.
    pub next_what: Option<String>,
}

/// An open task.
#[derive(Debug, Clone)]
pub struct TaskLine {
    /// Our id.
    pub task: String,
    /// What.
    pub kind: String,
    /// About which notification.
    pub notification: Option<String>,
    /// About what.
    pub subject: String,
    /// Which force's.
    pub force: Option<String>,
    /// Since when.
    pub opened_at: Timestamp,
    /// By when.
    pub wanted_by: Timestamp,
    /// Who took it on last, and when.
    pub claimed: Option<(String, Timestamp)>,
    /// The reply to be read, the oldest if there are several, and when it reached us.
    pub reply: Option<(String, Timestamp)>,
}

/// One fact of a trace.
#[derive(Debug, Clone)]
pub struct TraceLine {
    /// Its place among all facts.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// The fact.
    pub fact: Fact,
}

/// One letter of a trace.
#[derive(Debug, Clone)]
pub struct LetterLine {
    /// Our id.
    pub letter: String,
    /// To which contact.
    pub contact: String,
    /// As which directory version names it.
    pub directory_version: i64,
    /// SHA-256 of its bytes, hexadecimal, once signed.
    pub bytes_digest: Option<String>,
    /// Fingerprint of the key that signed it.
    pub signer: Option<String>,
    /// When it was signed.
    pub signed_at: Option<Timestamp>,
}

/// A notification with all that happened to it.
#[derive(Debug, Clone)]
pub struct Trace {
    /// The public code.
    pub reference: String,
    /// The force.
    pub force: String,
    /// The sender's id of the child.
    pub child_ref: String,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The state's word now.
    pub state: &'static str,
    /// The facts, folded.
    pub case: Case,
    /// The next timer.
    pub timer: Option<(Timestamp, &'static str)>,
    /// The facts in order.
    pub facts: Vec<TraceLine>,
    /// The letters.
    pub letters: Vec<LetterLine>,
}

/// Work past its time, counted by what it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stuck {
    /// Live notifications without a timer, or with one long past.
    pub timers: i64,
    /// Letters and notes that are due, for the first time or again, and not tried.
    pub deliveries: i64,
    /// Attempts that outlast their lease.
    pub attempts: i64,
    /// Mails that nobody has classified.
    pub inbound: i64,
}

impl Stuck {
    /// Whether nothing is.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
