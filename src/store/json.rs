//! Canonical JSON (RFC 8785) of plain values: the bytes of facts and of sealed content.

use crate::referral::tree::Tree;
use serde_json::{Map, Number, Value};

/// The canonical bytes of a value: members sorted, no blank, one way to write a number.
pub fn canonical(tree: &Tree) -> Vec<u8> {
    // Cannot fail: every key is text and every number finite, which `value` sees to.
    serde_json_canonicalizer::to_vec(&value(tree)).unwrap_or_default()
}

/// Reads canonical bytes back.
pub(super) fn parse(bytes: &[u8]) -> Option<Tree> {
    serde_json::from_slice(bytes).ok().map(tree)
}

/// The value as serde's, for answers and output.
pub fn value(tree: &Tree) -> Value {
    match tree {
        Tree::Null => Value::Null,
        Tree::Bool(flag) => Value::Bool(*flag),
        Tree::Whole(number) => Value::Number(Number::from(*number)),
        Tree::Number(text) => text
            .parse()
            .ok()
            .and_then(Number::from_f64)
            .map_or(Value::Null, Value::Number),
        Tree::Text(text) => Value::String(text.clone()),
        Tree::List(values) => Value::Array(values.iter().map(value).collect()),
        Tree::Map(members) => Value::Object(
            members
                .iter()
                .map(|(name, member)| (name.clone(), value(member)))
                .collect::<Map<_, _>>(),
        ),
    }
}

fn tree(value: Value) -> Tree {
    match value {
        Value::Null => Tree::Null,
        Value::Bool(flag) => Tree::Bool(flag),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Tree::Whole(whole),
            None => Tree::Number(number.to_string()),
        },
        Value::String(text) => Tree::Text(text),
        Value::Array(values) => Tree::List(values.into_iter().map(tree).collect()),
        Value::Object(members) => Tree::Map(
            members
                .into_iter()
                .map(|(name, member)| (name, tree(member)))
                .collect(),
        ),
    }
}
