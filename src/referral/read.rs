//! Passes two and three of intake: the shape of a post, then its values. Driven by [`super::fields`].

mod child;
mod code;
mod cross;
mod document;
mod formats;
mod shape;
mod values;

pub use code::Code;

use super::post::Referral;
use super::tree::Tree;
use jiff::Timestamp;
use values::{Node, Reader};

/// Faults told of one post at most, here and in intake's answer: a full referral with every field
/// wrong in every child has more, but nobody corrects from beyond this, and an answer must not grow
/// with what was posted.
pub const FAULTS_MAX: usize = 256;

/// One thing wrong with a post. Holds where and what, never the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Stable, machine-readable: the word of a [`Code`].
    pub code: &'static str,
    /// JSON pointer (RFC 6901) of the place; names that are not ours are cut and made harmless.
    pub pointer: String,
    /// One sentence for the person who reads it. Never a value from the post.
    pub detail: String,
}

impl Fault {
    /// A fault at a place. `detail` is a sentence of ours.
    pub fn new(code: Code, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code: code.word(),
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

/// Something removed or noted while reading, not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// What: `spaces-removed`.
    pub code: &'static str,
    /// Where.
    pub pointer: String,
}

/// The force the document names, before any value is checked: a mismatch with the certificate is
/// answered between the second pass and the third.
pub fn force_of(tree: &Tree) -> Option<&str> {
    tree.get("force").and_then(Tree::as_text)
}

/// Pass two: unknown, missing and wrongly typed members, all of them. 400 when not empty.
pub fn shape(tree: &Tree) -> Vec<Fault> {
    shape::shape(tree)
}

/// Pass three: bounds, formats and cross-field rules, all faults at once. 422 when `Err`.
/// `now` bounds `submitted_at`. The tree must have passed [`fn@shape`]: of what that pass finds, an
/// unknown member is not looked for again.
pub fn read(tree: &Tree, now: Timestamp) -> Result<(Referral, Vec<Noted>), Vec<Fault>> {
    let mut reader = Reader::default();
    let referral = document::referral(&mut reader, &Node::root(tree), now);
    let (faults, noted) = reader.finish();
    match referral {
        Some(referral) if faults.is_empty() => Ok((referral, noted)),
        Some(_) | None => Err(faults),
    }
}
