//! What a school's answer says, and how surely it belongs to a letter (`letters.md`, "Reading answers").

use super::post::words;

words! {
    /// What a person's reply or spoken word says.
    Verdict {
        /// The school has it.
        Received = "received",
        /// The child is not on the school's roll.
        NotOurs = "not_ours",
        /// The letter came to the wrong person.
        Wrong = "wrong",
        /// The school asks to be rung.
        Call = "call",
        /// A person wrote, and a person must read it.
        None = "none",
    }
    /// What binds a reply to a letter, the surest first.
    Strength {
        /// The letter's reply token.
        Token = "token",
        /// The thread: ENVID, Message-ID, In-Reply-To or References.
        Thread = "thread",
        /// Only the public reference, which proves nothing.
        Reference = "reference",
        /// Nothing.
        None = "none",
    }
}
