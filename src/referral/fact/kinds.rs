//! The closed lists that facts speak in: tasks, messages, and how holds and tasks end.

use crate::referral::post::words;

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
        /// Ask a force whether its posts still leave: it was quieter in a night than it ever is.
        CheckSenderQuiet = "check_sender_quiet",
        /// Choose how it ends: visit, trust or authority lead, ring on, or an honest `not_told`.
        ChooseEnding = "choose_ending",
        /// Agree, as a second operator, to an ending that another chose.
        CountersignEnding = "countersign_ending",
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
