//! The digest of what is in force, so that a run can name the settings it rests on.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// SHA-256 of every effective value by its dotted path.
pub(super) fn settings_digest(effective: &BTreeMap<String, Json>) -> [u8; 32] {
    let members = effective
        .iter()
        .map(|(path, value)| (path.clone(), value.clone()));
    sha256(&Json::Object(members.collect()))
}

fn sha256(value: &Json) -> [u8; 32] {
    // Canonical JSON fails only on numbers that are not finite, and there are none.
    let bytes = serde_json_canonicalizer::to_vec(value).unwrap_or_default();
    let mut out = [0; 32];
    for (out, byte) in out.iter_mut().zip(digest(&SHA256, &bytes).as_ref()) {
        *out = *byte;
    }
    out
}
