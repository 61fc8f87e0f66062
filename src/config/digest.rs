//! Digests of what is in force, so that a fact can name the settings and the policy it rests on.

use crate::referral::policy::{Desk, Policy};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// SHA-256 of a policy: of its fields as canonical JSON (RFC 8785).
pub fn policy_digest(policy: &Policy) -> [u8; 32] {
    // Taken apart, so that a new field cannot be left out.
    let Policy {
        force,
        display_name,
        kinds,
        grades,
        age_min,
        age_max,
        connections,
        profile,
        location,
        parent_line,
        parent_text,
        marking,
        handling,
        desk,
        duty_ends_on,
        default_la,
    } = policy;
    let Desk {
        name,
        phone,
        hours,
        other_times,
    } = desk;
    let grades: Vec<&str> = grades.iter().map(|grade| grade.word()).collect();
    let connections: Vec<&str> = connections
        .iter()
        .map(|connection| connection.word())
        .collect();
    sha256(&json!({
        "force": force.as_str(),
        "display_name": display_name,
        "kinds": kinds,
        "grades": grades,
        "age_min": age_min,
        "age_max": age_max,
        "connections": connections,
        "profile": profile.word(),
        "location": location,
        "parent_line": parent_line.word(),
        "parent_text": parent_text,
        "marking": marking,
        "handling": handling,
        "desk": { "name": name, "phone": phone, "hours": hours, "other_times": other_times },
        "duty_ends_on": duty_ends_on.word(),
        "default_la": default_la.map(|code| code.to_string()),
    }))
}

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
