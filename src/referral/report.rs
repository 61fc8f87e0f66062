//! What kinds of mail come back (`interfaces.md`, `classify`), and what a delivery report says.

use super::post::words;

words! {
    /// The kind of an inbound mail.
    Kind {
        /// A person wrote it.
        HumanReply = "human_reply",
        /// A machine answered for a person (RFC 3834).
        AutoReply = "auto_reply",
        /// It could not be delivered and will not be tried again.
        BouncePermanent = "bounce_permanent",
        /// It has not been delivered yet, or was refused for now.
        BounceTemporary = "bounce_temporary",
        /// It was delivered, relayed or expanded (RFC 3464).
        DeliveryReport = "delivery_report",
        /// It was displayed, or deleted (RFC 8098).
        ReadReceipt = "read_receipt",
        /// Somebody complained (RFC 5965).
        AbuseReport = "abuse_report",
        /// Nobody can say: a person looks.
        Unclassified = "unclassified",
    }
    /// What an automatic reply is about.
    Sub {
        /// Somebody is away.
        Absence = "absence",
        /// The school is closed.
        Closed = "closed",
        /// Mail has arrived, or will be passed on.
        Receipt = "receipt",
        /// Anything else.
        Other = "other",
    }
    /// A delivery report's action (RFC 3464, 2.3.3).
    Action {
        /// It is in the mailbox.
        Delivered = "delivered",
        /// It was handed to a system that does not report.
        Relayed = "relayed",
        /// It was sent on to several.
        Expanded = "expanded",
        /// It is being tried again.
        Delayed = "delayed",
        /// It will not be delivered.
        Failed = "failed",
    }
}
