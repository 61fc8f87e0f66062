//! Cases whose record is damaged: they are shown as that, and hide no other.

use serde_json::{Value, json};

/// How many there are, and which.
pub(super) fn shown(ids: impl Iterator<Item = String>) -> Value {
    let mut ids: Vec<String> = ids.collect();
    ids.sort();
    ids.dedup();
    json!({ "count": ids.len(), "notifications": ids })
}
