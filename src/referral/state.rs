//! The states of notifications and deliveries, each independent value and the one word
//! (`design.md`, states).

use super::post::words;

words! {
    /// Where the duty stands.
    Duty {
        /// Nobody has ended it.
        Open = "open",
        /// A person at the school answered RECEIVED.
        Acknowledged = "acknowledged",
        /// The establishment said NOT OURS; its successor carries the duty on.
        Refused = "refused",
        /// Bad news after good: live again.
        Contradicted = "contradicted",
        /// A person told the school by voice.
        Told = "told",
        /// Ended; `closed_as` says how.
        Closed = "closed",
    }
    /// What is proved of delivery: the *notified* clock.
    Proof {
        /// Nothing.
        None = "none",
        /// A relay took it.
        HandedOver = "handed_over",
        /// A report says that it reached the mailbox.
        Delivered = "delivered",
    }
    /// Against `act_by`.
    Timing {
        /// There is time.
        InTime = "in_time",
        /// The next step's last safe moment is past or unreachable.
        AtRisk = "at_risk",
        /// Past `act_by`.
        Late = "late",
    }
    /// The state of a delivery.
    DeliveryState {
        /// Waits for its route.
        Queued = "queued",
        /// Claimed.
        Sending = "sending",
        /// The link died between the final dot and the reply.
        InDoubt = "in_doubt",
        /// A relay took it.
        Relayed = "relayed",
        /// A report says that it reached the mailbox.
        Delivered = "delivered",
        /// A report says that it is delayed.
        Delayed = "delayed",
        /// Refused for good.
        Failed = "failed",
        /// Set aside for a person.
        Held = "held",
        /// What it was for has ended.
        Cancelled = "cancelled",
    }
    /// The state in one word, for API, CLI and console: the first that applies.
    Word {
        /// Ended.
        Closed = "closed",
        /// Told by voice.
        Told = "told",
        /// Not theirs.
        Refused = "refused",
        /// Bad news after good.
        Contradicted = "contradicted",
        /// A person answered.
        Acknowledged = "acknowledged",
        /// A person wrote; it waits to be read.
        Answered = "answered",
        /// Late, and no proof that it reached the mailbox.
        Overdue = "overdue",
        /// Late; it reached the mailbox and nobody answered.
        Unanswered = "unanswered",
        /// Waits for a person or its default.
        Held = "held",
        /// May not be in time.
        AtRisk = "at_risk",
        /// The ladder has climbed.
        Escalated = "escalated",
        /// On its way.
        Open = "open",
    }
}

/// The word of independent values (`design.md`, states): the first that applies.
pub fn word(
    duty: Duty,
    held: bool,
    reading: bool,
    proof: Proof,
    step: u32,
    timing: Timing,
) -> Word {
    match duty {
        Duty::Closed => return Word::Closed,
        Duty::Told => return Word::Told,
        Duty::Refused => return Word::Refused,
        Duty::Contradicted => return Word::Contradicted,
        Duty::Acknowledged => return Word::Acknowledged,
        Duty::Open => {}
    }
    let late = timing == Timing::Late;
    if reading {
        Word::Answered
    } else if late && proof == Proof::Delivered {
        Word::Unanswered
    } else if late {
        Word::Overdue
    } else if held {
        Word::Held
    } else if timing == Timing::AtRisk {
        Word::AtRisk
    } else if step > 0 {
        Word::Escalated
    } else {
        Word::Open
    }
}
