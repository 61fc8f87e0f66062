//! Facts: the append-only record of what happened (observations) and what was decided (decisions).
//!
//! A fact holds ids, codes, times, versions and commitments; never free text, peers' words,
//! addresses or names: those are sealed items that the fact names by id and commitment. Changing
//! a fact's fields is a new version `v` of its kind, never an edit.

use super::answer::{CallOutcome, Clash, SchoolWord, Strength, Verdict};
use super::attempt::{AttemptResult, AttemptWhy, Phase};
use super::deadline::DueReason;
use super::field::{Digest, Field};
use super::id::*;
use super::ladder::RungWhat;
use super::plan::{HoldReason, RouteReason, Target, WillHappen};
use super::post::words;
use super::report::{Action, Sub};
use super::school::{Role, RouteName, Urn};
use super::tree::Tree;
use jiff::Timestamp;

words! {
    /// What a person must do.
    TaskKind {
        /// Find the child's school.
        ChooseSchool = "choose_school",
        /// Ring the school: no letter can be sent, or none arrived.
        RingSchool = "ring_school",
        /// Record who told the school instead of us.
        RecordWhoTold = "record_who_told",
        /// Find the child's name.
        NameChild = "name_child",
        /// Confirm what will otherwise happen by itself.
        ConfirmHold = "confirm_hold",
        /// Tell the force of the area the child lives in.
        TellHomeForce = "tell_home_force",
        /// Complete a refused post and send it.
        CompleteRefusedPost = "complete_refused_post",
        /// Look at a letter that could not be made three times.
        ReadQuarantined = "read_quarantined",
        /// Read what a school wrote.
        ReadReply = "read_reply",
        /// Somebody answered from an address we do not hold.
        CheckSender = "check_sender",
        /// Find out which of two things is true.
        SettleContradiction = "settle_contradiction",
        /// A call that nobody has claimed, for a supervisor.
        CallUnclaimed = "call_unclaimed",
        /// Choose how it ends: visit, trust or authority lead, ring on, or an honest `not_told`.
        ChooseEnding = "choose_ending",
    }
    /// What a message of ours is. Only the letter may name a child.
    Message {
        /// The letter.
        Letter = "letter",
        /// To all who had the letter: answered, nobody else needs to.
        Receipt = "receipt",
        /// To the Key Adult: we rang and told somebody.
        AfterCall = "after_call",
        /// To listed contacts: somebody answered from an address we do not hold.
        NotCounted = "not_counted",
        /// To the ordinary mailbox of somebody who has a letter: a secure message waits.
        Nudge = "nudge",
        /// To the school's office: please tell those who have it.
        OfficeNudge = "office_nudge",
    }
    /// How a hold ended.
    ReleasedBy {
        /// Its default happened.
        Default = "default",
        /// A person released it.
        Person = "person",
    }
    /// Why a task is no longer open.
    Settlement {
        /// A person did it.
        Done = "done",
        /// What it was for has ended.
        Ended = "ended",
    }
}

macro_rules! facts {
    ($($(#[$doc:meta])* $name:ident = $word:literal v $version:literal {
        $($(#[$fdoc:meta])* $field:ident: $type:ty,)*
    })+) => {
        /// What a fact says.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Fact {
            $($(#[$doc])* $name { $($(#[$fdoc])* $field: $type,)* },)+
        }

        impl Fact {
            /// Every kind, in the vocabulary that facts, feed, metrics and console share.
            pub const KINDS: &'static [&'static str] = &[$($word),+];

            /// The kind's word.
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$name { .. } => $word,)+ }
            }

            /// The version of the kind's fields.
            pub fn version(&self) -> u16 {
                match self { $(Self::$name { .. } => $version,)+ }
            }

            /// The body, to be written canonically.
            pub fn write(&self) -> Tree {
                match self {
                    $(Self::$name { $($field),* } => Tree::Map(vec![
                        $((stringify!($field).to_owned(), Field::write($field)),)*
                    ]),)+
                }
            }

            /// Reads a body back; none if the kind, version or a field is not known.
            pub fn read(kind: &str, version: u16, body: &Tree) -> Option<Self> {
                if let Some((version, body)) = renewed(kind, version, body) {
                    return Self::read(kind, version, &body);
                }
                match (kind, version) {
                    $(($word, $version) => Some(Self::$name {
                        $($field: Field::read(body.get(stringify!($field))?)?,)*
                    }),)+
                    _ => None,
                }
            }
        }
    };
}

facts! {
    /// A referral was accepted: it is on disk and its 201 was answered after that.
    ReferralAccepted = "referral_accepted" v 1 {
        /// Our id.
        referral: ReferralId,
        /// The sender's id.
        referral_id: String,
        /// Children in it.
        children: u32,
        /// Identical content came before, under this id.
        duplicate_of: Option<ReferralId>,
        /// It replaces this one.
        supersedes: Option<ReferralId>,
        /// The sealed incident; none when it is the duplicate's.
        incident: Option<ItemId>,
        /// Its commitment.
        commitment: Option<Digest>,
    }
    /// A later referral of the sender replaces this one.
    ReferralSuperseded = "referral_superseded" v 1 {
        /// The one replaced.
        referral: ReferralId,
        /// Its successor.
        by: ReferralId,
    }
    /// A post of a known force was refused and kept.
    IntakeRefused = "intake_refused" v 1 {
        /// Its id.
        refused: RefusedPostId,
        /// The status answered.
        status: u32,
        /// The code of its first fault.
        code: String,
    }
    /// The duty to tell one establishment about one child began.
    NotificationOpened = "notification_opened" v 1 {
        /// Our id.
        notification: NotificationId,
        /// The referral.
        referral: ReferralId,
        /// The child.
        child: ChildId,
        /// For whom.
        target: Target,
        /// What the desk should know.
        reasons: Vec<RouteReason>,
        /// Schools that may be meant.
        suggestions: Vec<Urn>,
        /// Who may be sent the letter, in order, as this directory version names them.
        contacts: Vec<ContactId>,
        /// Their roles.
        roles: Vec<Role>,
        /// Their routes.
        routes: Vec<RouteName>,
        /// Whether they read their mailbox in holidays.
        holidays: Vec<bool>,
        /// The directory version.
        directory_version: u32,
        /// Letter n to this school about this event.
        n: u32,
        /// Of m.
        m: u32,
    }
    /// The clocks were set.
    DeadlineSet = "deadline_set" v 1 {
        /// Start of the next pupil day.
        due_at: Timestamp,
        /// What the ladder is built backward from.
        act_by: Timestamp,
        /// It rests on no calendar.
        assumed: bool,
        /// A pupil day began between incident and acceptance.
        late_on_arrival: bool,
        /// The rules that applied.
        reasons: Vec<DueReason>,
        /// The ladder's steps, in order of time.
        steps: Vec<RungWhat>,
        /// When each is.
        steps_at: Vec<Timestamp>,
        /// Those whose hours allowed no time before `act_by`.
        steps_lost: Vec<bool>,
        /// Accepted in a holiday: when staff are back.
        staff_back_at: Option<Timestamp>,
    }
    /// It waits for a person or its default.
    Held = "held" v 2 {
        /// Which hold of this notification, from 1; the highest is the one that counts.
        hold: u32,
        /// Why.
        reason: HoldReason,
        /// What the person who holds it said about it, sealed.
        said: Option<ItemId>,
        /// What happens by itself.
        will_happen: WillHappen,
        /// When.
        will_happen_at: Timestamp,
    }
    /// A hold ended.
    Released = "released" v 1 {
        /// Which.
        hold: u32,
        /// By whom.
        by: ReleasedBy,
        /// What the person said about it, sealed.
        reason: Option<ItemId>,
    }
    /// Another notification carries the duty on.
    Rerouted = "rerouted" v 1 {
        /// The successor.
        to: NotificationId,
    }
    /// It was closed.
    Closed = "closed" v 1 {
        /// How: `superseded`, `rerouted`.
        closed_as: String,
    }
    /// A step of the ladder was taken at its time.
    StepFired = "step_fired" v 1 {
        /// Which.
        step: RungWhat,
        /// Its time, which with the step names the rung.
        due: Timestamp,
    }
    /// `act_by` passed and nobody had answered.
    LateNoted = "late_noted" v 1 {
        /// It.
        act_by: Timestamp,
    }
    /// A person's reply came in.
    AnswerReceived = "answer_received" v 1 {
        /// The mail.
        inbound: InboundId,
        /// The letter it answers, when it names one.
        letter: Option<LetterId>,
        /// Whose address it came from; none for an address we do not hold.
        contact: Option<ContactId>,
        /// What it says.
        verdict: Verdict,
        /// It says more than that.
        has_message: bool,
        /// How surely it belongs here.
        strength: Strength,
        /// When it reached us.
        received_at: Timestamp,
    }
    /// A person's word counts.
    AnswerBelieved = "answer_believed" v 1 {
        /// Which belief of this notification, from 1.
        belief: u32,
        /// The mail; none for what a person of ours recorded.
        inbound: Option<InboundId>,
        /// What was said.
        verdict: Verdict,
        /// Why a person of ours recorded it, sealed.
        reason: Option<ItemId>,
    }
    /// A person of ours has read a reply.
    AnswerRead = "answer_read" v 1 {
        /// The mail.
        inbound: InboundId,
        /// What it says, as they read it.
        verdict: Verdict,
    }
    /// A delivery report came in (RFC 3464).
    ReportReceived = "report_received" v 1 {
        /// The mail.
        inbound: InboundId,
        /// The delivery it reports on.
        delivery: DeliveryId,
        /// What it says.
        action: Action,
        /// The status code (RFC 3463).
        status: Option<String>,
    }
    /// A receipt or an automatic reply came in: a note, which proves and settles nothing.
    ReceiptReceived = "receipt_received" v 1 {
        /// The mail.
        inbound: InboundId,
        /// The letter, when it names one.
        letter: Option<LetterId>,
        /// What an automatic reply is about; none for a receipt.
        sub: Option<Sub>,
    }
    /// A contact is away.
    AbsenceNoted = "absence_noted" v 1 {
        /// The mail that says so.
        inbound: InboundId,
        /// Who.
        contact: ContactId,
        /// Until the beginning of this instant, when it says.
        until: Option<Timestamp>,
        /// It covers the time by which somebody must know.
        covers: bool,
    }
    /// Two things cannot both be true.
    ContradictionFound = "contradiction_found" v 1 {
        /// Which contradiction of this notification, from 1.
        contradiction: u32,
        /// What clashes.
        clash: Clash,
        /// The mail that brought it.
        inbound: InboundId,
    }
    /// A person found out.
    ContradictionSettled = "contradiction_settled" v 1 {
        /// Which.
        contradiction: u32,
        /// What the school says.
        verdict: Verdict,
        /// The beliefs it settles: those up to this number.
        beliefs: u32,
        /// What the person said about it, sealed.
        reason: Option<ItemId>,
    }
    /// A person of ours told the school by voice.
    Told = "told" v 1 {
        /// The call.
        task: Option<TaskId>,
        /// The role they gave.
        role: Role,
        /// Their school word.
        word: SchoolWord,
    }
    /// A person must do something.
    TaskOpened = "task_opened" v 1 {
        /// The task.
        task: TaskId,
        /// What.
        task_kind: TaskKind,
        /// By when.
        wanted_by: Timestamp,
    }
    /// A person took it on.
    TaskClaimed = "task_claimed" v 1 {
        /// The task.
        task: TaskId,
    }
    /// It is no longer open.
    TaskSettled = "task_settled" v 1 {
        /// The task.
        task: TaskId,
        /// Why.
        settlement: Settlement,
        /// What came of a call.
        outcome: Option<CallOutcome>,
    }
    /// A letter waits for its route, for the first time or again.
    DeliveryQueued = "delivery_queued" v 1 {
        /// The delivery.
        delivery: DeliveryId,
        /// Its letter.
        letter: LetterId,
        /// What it is.
        message: Message,
        /// To this contact.
        contact: ContactId,
        /// Over this route.
        route: RouteName,
        /// The step of the ladder that sends it: 0 the first letter, 1 the next contacts'.
        step: u32,
        /// After this attempt; 0 at first. Names what it settles.
        after_attempt: u32,
        /// Not before.
        not_before: Timestamp,
        /// Not after: a nudge is for its day.
        not_after: Option<Timestamp>,
    }
    /// A mailbox is nudged once a day: this case is told of in another's nudge.
    NudgeShared = "nudge_shared" v 1 {
        /// The nudge.
        letter: LetterId,
        /// To this contact.
        contact: ContactId,
    }
    /// A delivery will not be tried again: what it was for has ended.
    DeliveryCancelled = "delivery_cancelled" v 1 {
        /// The delivery.
        delivery: DeliveryId,
    }
    /// A delivery was set aside: its letter could not be made.
    DeliveryQuarantined = "delivery_quarantined" v 1 {
        /// The delivery.
        delivery: DeliveryId,
        /// After so many tries.
        tries: u32,
    }
    /// An attempt began: committed before MAIL.
    DeliveryClaimed = "delivery_claimed" v 1 {
        /// The delivery.
        delivery: DeliveryId,
        /// Which attempt, from 1.
        attempt: u32,
        /// The daemon's run that makes it.
        incarnation: u32,
    }
    /// The letter was rendered and signed, once; its bytes are stored.
    LetterSigned = "letter_signed" v 1 {
        /// The letter.
        letter: LetterId,
        /// To this contact.
        contact: ContactId,
        /// The sealed bytes.
        item: ItemId,
        /// Their commitment.
        commitment: Digest,
        /// SHA-256 of the bytes.
        bytes_digest: Digest,
        /// Fingerprint of the signing key.
        signer: String,
    }
    /// An attempt ended.
    AttemptEnded = "attempt_ended" v 1 {
        /// The delivery.
        delivery: DeliveryId,
        /// Which attempt.
        attempt: u32,
        /// Its outcome.
        result: AttemptResult,
        /// How far it came.
        phase: Phase,
        /// Why.
        why: AttemptWhy,
        /// The reply code.
        code: Option<u32>,
        /// The enhanced status code.
        enhanced: Option<String>,
        /// TLS version.
        tls_version: Option<String>,
        /// TLS cipher suite.
        tls_cipher: Option<String>,
        /// SHA-256 over the peer's chain.
        chain_digest: Option<Digest>,
        /// The peer's words, sealed.
        words: Option<ItemId>,
    }
    /// A directory version became live.
    DirectoryApproved = "directory_approved" v 1 {
        /// The version.
        version: u32,
        /// Digest over its changes and all before.
        digest: Digest,
        /// Schools in it.
        schools: u32,
        /// Contacts in it.
        contacts: u32,
    }
    /// An address, a route or a contact is blocked: nothing is sent there.
    Blocked = "blocked" v 1 {
        /// The contact.
        contact: ContactId,
        /// The mail that brought it; none for an operator's act.
        inbound: Option<InboundId>,
    }
    /// A daemon's run began.
    DaemonStarted = "daemon_started" v 1 {
        /// Its number.
        incarnation: u32,
        /// The build.
        build: String,
    }
    /// A daemon's run ended in order.
    DaemonStopped = "daemon_stopped" v 1 {
        /// Its number.
        incarnation: u32,
    }
}

/// A body of an earlier version as the next one has it.
fn renewed(kind: &str, version: u16, body: &Tree) -> Option<(u16, Tree)> {
    match (kind, version, body) {
        // What the person said was sealed, and not named.
        ("held", 1, Tree::Map(members)) => {
            let said = ("said".to_owned(), Tree::Null);
            Some((
                2,
                Tree::Map(members.iter().cloned().chain([said]).collect()),
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
