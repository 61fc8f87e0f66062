//! How the table of facts is read: one enum, and each kind's word, version, writing and reading from it.

use crate::referral::tree::Tree;

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

pub(super) use facts;

/// A body of an earlier version as the next one has it.
pub(super) fn renewed(kind: &str, version: u16, body: &Tree) -> Option<(u16, Tree)> {
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
