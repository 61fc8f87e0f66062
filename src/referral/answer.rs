//! A person's answer: what it says, how surely it belongs, and what a person did by voice.

use super::post::words;

/// How often a school may be asked for its word on one call: two people have mislaid or misread a card
/// before a third guess is one.
pub const SCHOOL_WORD_TRIES: usize = 3;

words! {
    /// What a person's reply says (`letters.md`, reading answers).
    Verdict {
        /// A person has it.
        Received = "received",
        /// The child is not on this establishment's roll.
        NotOurs = "not_ours",
        /// The letter reached the wrong person.
        Wrong = "wrong",
        /// Please ring.
        Call = "call",
        /// No clear verdict: a person reads it.
        None = "none",
    }
    /// How surely an inbound mail belongs to a letter, weakest first.
    Strength {
        /// Not at all.
        None = "none",
        /// It carries the public code only, which proves nothing.
        Reference = "reference",
        /// It names the letter by Message-ID or ENVID.
        Thread = "thread",
        /// It carries the reply token.
        Token = "token",
    }
    /// Two things that cannot both be true of one notification.
    Clash {
        /// Answers with different verdicts.
        Verdicts = "verdicts",
        /// A letter came back after somebody had answered, or after it was reported delivered.
        LateFailure = "late_failure",
    }
    /// What came of ringing a school (`letters.md`, the call).
    CallOutcome {
        /// A person at the school was told.
        Told = "told",
        /// The child is not on the roll.
        NotOnRoll = "not_on_roll",
        /// Nobody picked up.
        NoAnswer = "no_answer",
        /// Engaged.
        Engaged = "engaged",
        /// Voicemail: nothing was left on it.
        Voicemail = "voicemail",
        /// The office was asked to have us rung back.
        RingBack = "ring_back",
        /// The school is closed today.
        Closed = "closed",
        /// The number is wrong.
        WrongNumber = "wrong_number",
        /// They would not speak to us.
        WillNotTalk = "will_not_talk",
    }
    /// Whether the school spoke its word.
    SchoolWord {
        /// It matches.
        Matches = "matches",
        /// They had none, or were not asked: `voice, unverified`.
        Unverified = "unverified",
        /// The last that was heard does not match, and a supervisor says that they were told.
        Differs = "differs",
    }
}

impl Strength {
    /// Whether an answer of this strength may change anything: the public code alone identifies and
    /// proves nothing.
    pub fn proves(self) -> bool {
        match self {
            Self::Token | Self::Thread => true,
            Self::Reference | Self::None => false,
        }
    }
}
