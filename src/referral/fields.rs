//! The one table of fields: it drives the parser, the letter profiles, the sealing and the canary
//! test. A test holds it equal to the table in `docs/interface.md`.

mod table;

pub use table::FIELDS;

use super::policy::Profile;
use std::fmt;

/// One field of a referral (`oe-referral/1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Where: a JSON pointer with `*` for every element of a list (`/children/*/given_name`).
    pub pointer: &'static str,
    /// Type and bounds.
    pub kind: Kind,
    /// Whether the member must be there, in whatever holds it.
    pub required: bool,
    /// Whether its value may be kept in clear.
    pub keeping: Keeping,
    /// Which letters may print it.
    pub printed: Printed,
}

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An object; its members have rows of their own.
    Object,
    /// A list of objects, whose members have rows under `/*`.
    Objects {
        /// Fewest.
        min: usize,
        /// Most.
        max: usize,
    },
    /// A list of these words.
    WordList(&'static [&'static str]),
    /// A list of mail addresses, at most so many.
    Addresses {
        /// Most.
        max: usize,
    },
    /// True or false.
    Bool,
    /// True, false or null.
    BoolOrNull,
    /// A whole number.
    Whole {
        /// Lowest.
        min: i64,
        /// Highest.
        max: i64,
    },
    /// Always this text.
    Constant(&'static str),
    /// One of these words.
    Words(&'static [&'static str]),
    /// A word of which the force's policy decides whether it is accepted.
    OpenWord,
    /// An instant (RFC 3339) with offset.
    Instant,
    /// A date, `YYYY-MM-DD`, or null.
    DateOrNull,
    /// A UUID (RFC 9562) with hyphens.
    Uuid,
    /// A school's URN.
    Urn,
    /// Text, its length in characters after NFC.
    Text {
        /// Fewest characters. Where it is 0, an empty text is the same as none.
        min: usize,
        /// Most characters.
        max: usize,
        /// Which characters.
        form: Form,
    },
}

/// Which characters a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any script on one line; odd spaces are cleaned away.
    Line,
    /// Any script, newlines too; odd spaces are cleaned away.
    Prose,
    /// Visible characters, kept as sent.
    Opaque,
    /// Only these: single characters and ranges, a literal hyphen last (`a-z0-9_-`).
    Of(&'static str),
    /// The shape of a language tag (BCP 47, RFC 5646 section 2.1).
    Language,
}

/// Whether a value may be kept in clear (`store.md`, sealing).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// Ids, force, kind, times, source system, URN.
    Clear,
    /// Only as sealed content.
    Sealed,
    /// An object or a list of objects: as its members say.
    ByMember,
}

/// Which letters may print a value (`letters.md`, the field table).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Printed {
    /// Letters of this profile and of fuller ones.
    From(Profile),
    /// Letters of profile `full`, only if the policy says so and no household flag is set.
    IfPolicySays,
    /// Never, in whatever letter: the safety of somebody hangs on it.
    Never,
    /// Nothing a letter is about.
    NotInLetters,
    /// An object or a list of objects: as its members say.
    ByMember,
}

/// Longest open word, characters.
pub const WORD_CHARACTERS_MAX: usize = 32;

/// What an open word is made of.
pub(crate) const WORD_CHARACTERS: &str = "a-z0-9_";

impl Field {
    /// Whether the member may be null. For an optional one that is the same as leaving it out:
    /// serialisers write what they have no value for as null.
    pub fn takes_null(&self) -> bool {
        !self.required || self.kind.nullable()
    }

    /// The place of the object that holds the field; empty for the document itself.
    pub fn parent(&self) -> &'static str {
        self.pointer
            .rsplit_once('/')
            .map_or("", |(parent, _)| parent)
    }

    /// The member's name.
    pub fn name(&self) -> &'static str {
        self.pointer.rsplit_once('/').map_or("", |(_, name)| name)
    }
}

/// The fields of the object at a place (`""`, `/incident`, `/children/*`), in the table's order.
pub fn members(parent: &str) -> impl Iterator<Item = &'static Field> {
    FIELDS
        .iter()
        .filter(move |field| below(field, parent).is_some_and(|name| !name.contains('/')))
}

/// The row of one member of the object at a place. A name may hold anything: it is the sender's.
pub fn member(parent: &str, name: &str) -> Option<&'static Field> {
    let mut fields = FIELDS.iter();
    fields.find(|field| below(field, parent) == Some(name) && !name.contains('/'))
}

/// What a field's pointer says below a place.
fn below(field: &Field, parent: &str) -> Option<&'static str> {
    field.pointer.strip_prefix(parent)?.strip_prefix('/')
}

impl Kind {
    /// The type as `docs/interface.md` names it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Objects { .. } | Self::WordList(_) => "array",
            Self::Addresses { .. } => "array of addresses",
            Self::Bool => "bool",
            Self::BoolOrNull => "bool or null",
            Self::Whole { .. } => "integer",
            Self::Words(_) | Self::OpenWord => "enum",
            Self::Instant => "RFC 3339",
            Self::DateOrNull => "date or null",
            Self::Uuid => "uuid",
            Self::Constant(_) | Self::Urn | Self::Text { .. } => "string",
        }
    }

    /// Whether null stands for "not known" where the member is required.
    fn nullable(&self) -> bool {
        match self {
            Self::BoolOrNull | Self::DateOrNull => true,
            Self::Object
            | Self::Objects { .. }
            | Self::WordList(_)
            | Self::Addresses { .. }
            | Self::Bool
            | Self::Whole { .. }
            | Self::Constant(_)
            | Self::Words(_)
            | Self::OpenWord
            | Self::Instant
            | Self::Uuid
            | Self::Urn
            | Self::Text { .. } => false,
        }
    }
}

/// The bounds, as `docs/interface.md` and the details of faults print them.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object => f.write_str("members below"),
            Self::Objects { min, max } => write!(f, "{}", Span(*min, *max)),
            Self::Addresses { max } => write!(f, "{}", Span(0, *max)),
            Self::WordList(words) => write!(f, "of {}", WordsOf(words)),
            Self::Bool | Self::BoolOrNull => f.write_str("true, false"),
            Self::Whole { min, max } => write!(f, "{min}..{max}"),
            Self::Constant(text) => write!(f, "`{text}`"),
            Self::Words(words) => write!(f, "{}", WordsOf(words)),
            Self::OpenWord => write!(f, "1..{WORD_CHARACTERS_MAX} of `[{WORD_CHARACTERS}]`"),
            Self::Instant => f.write_str("`YYYY-MM-DDThh:mm:ss` with offset"),
            Self::DateOrNull => f.write_str("`YYYY-MM-DD`"),
            Self::Uuid => f.write_str("32 hexadecimal digits, with hyphens"),
            Self::Urn => f.write_str("six or seven digits"),
            Self::Text { min, max, form } => write!(f, "{}{form}", Span(*min, *max)),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line => f.write_str(" characters"),
            Self::Prose => f.write_str(" characters, newlines allowed"),
            Self::Opaque => f.write_str(" visible characters"),
            Self::Of(set) => write!(f, " of `[{set}]`"),
            Self::Language => f.write_str(" characters, a BCP 47 tag"),
        }
    }
}

struct Span(usize, usize);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(0, max) => write!(f, "up to {max}"),
            Self(min, max) => write!(f, "{min}..{max}"),
        }
    }
}

struct WordsOf<'a>(&'a [&'a str]);

impl fmt::Display for WordsOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(n, word)| {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}`{word}`")
        })
    }
}
