//! Facts: the append-only record of what happened (observations) and what was decided (decisions).
//!
//! A fact holds ids, codes, times, versions and commitments; never free text, peers' words,
//! addresses or names: those are sealed items that the fact names by id and commitment. Changing
//! a fact's fields is a new version `v` of its kind, never an edit.

mod gateway;
mod kinds;
mod names;
mod table;

use gateway::with_those_of_the_gateway;
pub use kinds::{Message, ReleasedBy, Settlement, TaskKind};
use names::*;
use table::{facts, renewed};

with_those_of_the_gateway! {
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
    /// Contacts who may be sent the letter since, as the directory names them now.
    ContactsRenewed = "contacts_renewed" v 1 {
        /// Who, in order.
        contacts: Vec<ContactId>,
        /// Their roles.
        roles: Vec<Role>,
        /// Their routes.
        routes: Vec<RouteName>,
        /// The directory version.
        directory_version: u32,
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
    /// A person took it on, or goes on with it.
    TaskClaimed = "task_claimed" v 1 {
        /// The task.
        task: TaskId,
        /// They have it to themselves until then.
        until: Timestamp,
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
    /// A person said why a task is done.
    TaskReasoned = "task_reasoned" v 1 {
        /// The task.
        task: TaskId,
        /// Why.
        code: TaskReason,
        /// What they said about it, sealed.
        note: Option<ItemId>,
    }
    /// A person chose how it ends.
    EndingChosen = "ending_chosen" v 1 {
        /// Which choice of this notification, from 1; the highest is the one that counts.
        ending: u32,
        /// How.
        closed_as: Ending,
        /// Why.
        code: EndingReason,
        /// What they said about it, sealed.
        note: Option<ItemId>,
    }
    /// A second person agreed to how it ends.
    EndingCountersigned = "ending_countersigned" v 1 {
        /// Which choice.
        ending: u32,
    }
    /// A person of ours was shown the child's name and birth date, for a call they had taken on.
    Revealed = "revealed" v 1 {
        /// The call.
        task: TaskId,
    }
    /// A school spoke its word to a person of ours, who typed it; it was compared with its card.
    SchoolWordHeard = "school_word_heard" v 1 {
        /// The call; none where it was recorded afterwards.
        task: Option<TaskId>,
        /// It matches.
        matches: bool,
    }
    /// What came of a call was entered by mistake, and is taken back.
    CallUndone = "call_undone" v 1 {
        /// The call.
        task: TaskId,
        /// What the person said about it, sealed.
        reason: Option<ItemId>,
    }
    /// A school said on the telephone that the child is on its roll.
    RollAnswered = "roll_answered" v 1 {
        /// The call.
        task: TaskId,
        /// What they are to read back: four digits.
        code: String,
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
}

#[cfg(test)]
mod tests;
