//! Pass one: bytes to a tree of plain values, and a tree to the bytes that decide "same body".
//!
//! JSON as RFC 8259 has it and nothing beside: what two readers could read differently is refused.
//! serde_json keeps the grammar; what it would let through is caught here while it reads.

use crate::referral::pointer;
use crate::referral::read::{Code, Fault};
use crate::referral::tree::Tree;
use crate::store;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;

/// Objects and lists inside each other. A referral has five.
pub const DEPTH_MAX: usize = 16;

/// Values in one document. A referral of twelve children with every field has about 700.
pub const VALUES_MAX: usize = 4_096;

/// Reads a document, or says the first thing that is wrong with it and where.
pub fn parse(bytes: &[u8]) -> Result<Tree, Fault> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(Fault::new(Code::NotUtf8, "", "The body is not UTF-8."));
    };
    if text.starts_with('\u{FEFF}') {
        let detail = "The body begins with a byte-order mark.";
        return Err(Fault::new(Code::ByteOrderMark, "", detail));
    }
    let progress = Progress::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let start = Place {
        progress: &progress,
        depth: 0,
    };
    let read = start.deserialize(&mut json);
    let read = read.and_then(|tree| json.end().map(|()| tree));
    read.map_err(|error| progress.fault(&error))
}

/// The tree's canonical JSON (RFC 8785), leaving out the members of the document named in `without`.
/// Two bodies are the same exactly if these bytes are.
pub fn canonical(tree: &Tree, without: &[&str]) -> Vec<u8> {
    store::json::canonical(&tree.without(without))
}

/// How far the reader has come, and our reason when it was we who stopped it.
#[derive(Default)]
struct Progress {
    pointer: RefCell<String>,
    values: Cell<usize>,
    stopped: Cell<Option<Code>>,
}

impl Progress {
    /// Reads a value at the pointer `deeper`; the pointer stays there when it fails.
    fn inside<T, E>(
        &self,
        deeper: impl FnOnce(&str) -> String,
        read: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let inner = deeper(&self.pointer.borrow());
        let outer = self.pointer.replace(inner);
        let value = read()?;
        self.pointer.replace(outer);
        Ok(value)
    }

    fn stop<E: Error>(&self, code: Code) -> E {
        self.stopped.set(Some(code));
        E::custom("stopped")
    }

    /// The message of the library is not passed on: it may quote what was posted.
    fn fault(&self, error: &serde_json::Error) -> Fault {
        let pointer = self.pointer.borrow().clone();
        let code = self.stopped.get().unwrap_or(Code::NotJson);
        let why = if code == Code::TooDeep {
            format!("Deeper than {DEPTH_MAX} levels")
        } else if code == Code::TooManyValues {
            format!("More than {VALUES_MAX} values")
        } else if code == Code::DuplicateKey {
            "The member stands twice in its object".to_owned()
        } else {
            "Not JSON (RFC 8259)".to_owned()
        };
        let (line, column) = (error.line(), error.column());
        let detail = format!("{why}: line {line}, column {column}.");
        Fault::new(code, pointer, detail)
    }
}

/// A value about to be read, inside `depth` objects and lists.
#[derive(Clone, Copy)]
struct Place<'p> {
    progress: &'p Progress,
    depth: usize,
}

impl Place<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(self.progress.stop(Code::TooDeep));
        }
        Ok(Self {
            progress: self.progress,
            depth: self.depth + 1,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Tree, D::Error> {
        let values = self.progress.values.get() + 1;
        if values > VALUES_MAX {
            return Err(self.progress.stop(Code::TooManyValues));
        }
        self.progress.values.set(values);
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Whole(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(i64::try_from(number).map_or_else(|_| Tree::Number(number.to_string()), Tree::Whole))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(Tree::Number(format!("{number:?}")))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Tree, E> {
        Ok(Tree::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Tree, A::Error> {
        let place = self.deeper()?;
        let mut list = Vec::new();
        loop {
            let element = self.progress.inside(
                |at| pointer::element(at, list.len()),
                || elements.next_element_seed(place),
            )?;
            match element {
                Some(element) => list.push(element),
                None => return Ok(Tree::List(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let place = self.deeper()?;
        let mut map = Vec::new();
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            let first = names.insert(name.clone());
            let value = self.progress.inside(
                |at| pointer::member(at, &name),
                || {
                    if first {
                        members.next_value_seed(place)
                    } else {
                        Err(self.progress.stop(Code::DuplicateKey))
                    }
                },
            )?;
            map.push((name, value));
        }
        Ok(Tree::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_and_pointer(body: &[u8]) -> (&'static str, String) {
        let fault = parse(body).expect_err("refused");
        (fault.code, fault.pointer)
    }

    #[test]
    fn values_come_as_they_are_written() {
        let tree =
            parse(br#" {"a":[null,true,-7,7.0,1e2,18446744073709551615],"b":"\ud83d\ude00"} "#);
        let numbers = ["7.0", "100.0", "18446744073709551615"].map(|n| Tree::Number(n.into()));
        let mut list = vec![Tree::Null, Tree::Bool(true), Tree::Whole(-7)];
        list.extend(numbers);
        let expected = vec![
            ("a".to_owned(), Tree::List(list)),
            ("b".to_owned(), Tree::Text("😀".to_owned())),
        ];
        assert!(tree == Ok(Tree::Map(expected)));
    }

    #[test]
    fn the_first_fault_is_named_with_its_place() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n)).into_bytes();
        assert!(parse(&deep(DEPTH_MAX)).is_ok());
        let too_deep = ("too-deep", "/0".repeat(DEPTH_MAX));
        assert_eq!(code_and_pointer(&deep(DEPTH_MAX + 1)), too_deep);
        assert_eq!(code_and_pointer(&deep(10_000)), too_deep);
        let many = format!("[{}0]", "0,".repeat(VALUES_MAX));
        assert_eq!(code_and_pointer(many.as_bytes()).0, "too-many-values");
        for (body, code, pointer) in [
            (&b"\xEF\xBB\xBF{}"[..], "byte-order-mark", ""),
            (b"\xFF\xFE{\0}\0", "not-utf8", ""),
            (b"{} {}", "not-json", ""),
            (b"", "not-json", ""),
            (br#"{"a":{"b":1,"\u0062":2}}"#, "duplicate-key", "/a/b"),
            (br#"{"a":NaN}"#, "not-json", "/a"),
            (br#"{"a":[0,1e999]}"#, "not-json", "/a/1"),
            (br#"{"a":"\ud800"}"#, "not-json", "/a"),
            (br#"{"\udc00":1}"#, "not-json", ""),
        ] {
            assert_eq!(
                code_and_pointer(body),
                (code, pointer.to_owned()),
                "{body:?}"
            );
        }
    }

    #[test]
    fn no_fault_repeats_what_was_posted() {
        for body in [
            &br#"{"a":"Amelia" "Okafor"}"#[..],
            br#"{"a":Amelia}"#,
            br#"["Amelia",]"#,
        ] {
            let fault = parse(body).expect_err("refused");
            assert!(!fault.detail.contains("Amelia") && !fault.detail.contains("Okafor"));
        }
    }

    #[test]
    fn canonical_bytes_forget_order_space_and_spelling() {
        let one = parse(br#"{"b":1.0,"a":"\u00e9","t":1,"u":{"t":2}}"#).expect("JSON");
        let other = parse("{ \"u\":{\"t\":2},\"t\":9, \"a\":\"é\", \"b\":1 }".as_bytes());
        let bytes = canonical(&one, &["t"]);
        assert_eq!(bytes, "{\"a\":\"é\",\"b\":1,\"u\":{\"t\":2}}".as_bytes());
        assert_eq!(bytes, canonical(&other.expect("JSON"), &["t"]));
        assert_ne!(bytes, canonical(&one, &[]));
    }
}
