//! Passes two and three of intake: the shape of a post, then its values. Driven by [`super::fields`].

use super::post::Referral;
use super::tree::Tree;
use jiff::Timestamp;

/// One thing wrong with a post. Holds where and what, never the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Stable, machine-readable: `unknown-field`, `missing-field`, `wrong-type`, `out-of-bounds`...
    pub code: &'static str,
    /// JSON pointer (RFC 6901) of the place.
    pub pointer: String,
    /// One sentence for the person who reads it. Never a value from the post.
    pub detail: String,
}

/// Something removed or noted while reading, not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// What: `spaces-removed`.
    pub code: &'static str,
    /// Where.
    pub pointer: String,
}

/// Pass two: unknown, missing and wrongly typed members, all of them. 400 when not empty.
pub fn shape(_tree: &Tree) -> Vec<Fault> {
    unimplemented!()
}

/// Pass three: bounds, formats and cross-field rules, all faults at once. 422 when `Err`.
/// `now` bounds `submitted_at`. The tree must have passed [`shape`].
pub fn read(_tree: &Tree, _now: Timestamp) -> Result<(Referral, Vec<Noted>), Vec<Fault>> {
    unimplemented!()
}
