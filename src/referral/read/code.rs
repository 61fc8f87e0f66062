//! The codes of what can be wrong with a post. Stable: clients branch on them.

use crate::referral::post::words;

words! {
    /// What is wrong with one place of a post; explained to integrators in `docs/interface.md`.
    Code {
        /// The body is not UTF-8.
        NotUtf8 = "not-utf8",
        /// The body begins with a byte-order mark (RFC 8259 section 8.1).
        ByteOrderMark = "byte-order-mark",
        /// Not JSON (RFC 8259): syntax, a lone surrogate, a number that is not finite, more after the end.
        NotJson = "not-json",
        /// Objects and lists inside each other beyond the limit.
        TooDeep = "too-deep",
        /// More values than any referral can have.
        TooManyValues = "too-many-values",
        /// A member stands twice in one object: the first or the last could misdirect.
        DuplicateKey = "duplicate-key",
        /// There is no such field.
        UnknownField = "unknown-field",
        /// A required field is absent.
        MissingField = "missing-field",
        /// Another type than the field's.
        WrongType = "wrong-type",
        /// Too short, too long, too few, too many, too small or too large.
        OutOfBounds = "out-of-bounds",
        /// A control, bidirectional control, tag or other character that deceives.
        ForbiddenCharacter = "forbidden-character",
        /// A character that this field does not take.
        CharacterNotAllowed = "character-not-allowed",
        /// Not one of the field's words.
        UnknownWord = "unknown-word",
        /// Not a UUID.
        NotAUuid = "not-a-uuid",
        /// Not a time (RFC 3339), or one that never was.
        NotATime = "not-a-time",
        /// A time that does not say which zone.
        TimeWithoutOffset = "time-without-offset",
        /// Not a date, or one that never was.
        NotADate = "not-a-date",
        /// Not six or seven digits.
        NotAUrn = "not-a-urn",
        /// Not a mail address.
        NotAnAddress = "not-an-address",
        /// Not a language tag.
        NotALanguage = "not-a-language",
        /// `submitted_at` lies in the future.
        SubmittedInFuture = "submitted-in-future",
        /// Happened after it was submitted.
        AfterSubmission = "after-submission",
        /// The range ends before it begins.
        RangeReversed = "range-reversed",
        /// A referral cannot replace itself.
        SupersedesItself = "supersedes-itself",
        /// Two children have one `child_ref`.
        ChildRefRepeated = "child-ref-repeated",
        /// Born after today.
        BornInFuture = "born-in-future",
        /// Born more than 120 years ago.
        BornTooLongAgo = "born-too-long-ago",
        /// The age is not the birth date's.
        AgeDisagrees = "age-disagrees",
        /// The connection says the child was there, `present` does not.
        PresenceDisagrees = "presence-disagrees",
        /// The child's words, but nobody spoke to the child.
        WordsWithoutSpeaking = "words-without-speaking",
        /// At an establishment, but none is named.
        SchoolMissing = "school-missing",
        /// At no establishment, but one is named.
        SchoolNotExpected = "school-not-expected",
    }
}

impl Code {
    /// The HTTP status: 400 where the document cannot be understood, 422 where it can.
    pub fn status(self) -> u16 {
        match self {
            Self::NotUtf8
            | Self::ByteOrderMark
            | Self::NotJson
            | Self::TooDeep
            | Self::TooManyValues
            | Self::DuplicateKey
            | Self::UnknownField
            | Self::MissingField
            | Self::WrongType => 400,
            Self::OutOfBounds
            | Self::ForbiddenCharacter
            | Self::CharacterNotAllowed
            | Self::UnknownWord
            | Self::NotAUuid
            | Self::NotATime
            | Self::TimeWithoutOffset
            | Self::NotADate
            | Self::NotAUrn
            | Self::NotAnAddress
            | Self::NotALanguage
            | Self::SubmittedInFuture
            | Self::AfterSubmission
            | Self::RangeReversed
            | Self::SupersedesItself
            | Self::ChildRefRepeated
            | Self::BornInFuture
            | Self::BornTooLongAgo
            | Self::AgeDisagrees
            | Self::PresenceDisagrees
            | Self::WordsWithoutSpeaking
            | Self::SchoolMissing
            | Self::SchoolNotExpected => 422,
        }
    }
}
