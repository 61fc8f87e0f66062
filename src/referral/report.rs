//! What kind of mail came back: the words for it that stand in facts.

use super::post::words;

words! {
    /// What an inbound mail is (`interfaces.md`, `firstbell classify`).
    Kind {
        /// A person wrote it.
        HumanReply = "human_reply",
        /// A machine wrote it on a person's behalf: absence, closure, receipt.
        AutoReply = "auto_reply",
        /// The letter will not arrive.
        BouncePermanent = "bounce_permanent",
        /// The letter has not arrived yet, or could not be handed over for a passing reason.
        BounceTemporary = "bounce_temporary",
        /// A report of success (RFC 3464): delivered, relayed or expanded.
        DeliveryReport = "delivery_report",
        /// A mail program showed or removed the letter (RFC 8098): no person's word.
        ReadReceipt = "read_receipt",
        /// A complaint passed on by a mailbox provider (RFC 5965).
        AbuseReport = "abuse_report",
        /// Not sure enough of any of these: a person looks.
        Unclassified = "unclassified",
    }
    /// What an automatic reply says (`letters.md`, reading answers).
    Sub {
        /// Its owner is away.
        Absence = "absence",
        /// The school is closed.
        Closed = "closed",
        /// The mail has arrived and somebody will look at it.
        Receipt = "receipt",
        /// Anything else.
        Other = "other",
    }
    /// What a delivery report says was done (RFC 3464 2.3.3).
    Action {
        /// In the recipient's mailbox.
        Delivered = "delivered",
        /// Handed to a system that sends no reports: not delivered.
        Relayed = "relayed",
        /// Handed to several others in place of the recipient.
        Expanded = "expanded",
        /// Not yet handed over; still tried.
        Delayed = "delayed",
        /// Given up.
        Failed = "failed",
    }
}
