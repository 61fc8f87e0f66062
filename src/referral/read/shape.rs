//! Pass two: which members there are, and of which type.

use super::{Code, FAULTS_MAX, Fault};
use crate::referral::fields::{self, Field, Kind};
use crate::referral::pointer;
use crate::referral::tree::Tree;

/// Every unknown, missing and wrongly typed member.
pub(super) fn shape(tree: &Tree) -> Vec<Fault> {
    let mut walk = Walk { faults: Vec::new() };
    match tree {
        Tree::Map(members) => walk.object("", "", members),
        Tree::Null
        | Tree::Bool(_)
        | Tree::Whole(_)
        | Tree::Number(_)
        | Tree::Text(_)
        | Tree::List(_) => walk.fault(Code::WrongType, "", "A referral is an object.".into()),
    }
    walk.faults
}

/// The fault of a value of another type than the field's.
pub(super) fn wrong_type(field: &Field, pointer: &str) -> Fault {
    let detail = format!("The type here is: {}.", field.kind.type_name());
    Fault::new(Code::WrongType, pointer, detail)
}

/// The fault of a required member that is not there.
pub(super) fn missing(pointer: &str) -> Fault {
    Fault::new(Code::MissingField, pointer, "This field is required.")
}

struct Walk {
    faults: Vec<Fault>,
}

impl Walk {
    /// `place` is the table's name of the object at `at`.
    fn object(&mut self, place: &str, at: &str, members: &[(String, Tree)]) {
        for (name, value) in members {
            if self.full() {
                return;
            }
            let member = pointer::member(at, name);
            match fields::member(place, name) {
                Some(field) => self.value(field, &member, value),
                None => self.fault(Code::UnknownField, &member, nearest(place, name)),
            }
        }
        for field in fields::members(place).filter(|field| field.required) {
            if !members.iter().any(|(name, _)| name == field.name()) && !self.full() {
                self.faults
                    .push(missing(&pointer::member(at, field.name())));
            }
        }
    }

    fn value(&mut self, field: &Field, at: &str, value: &Tree) {
        let is_of_type = match (field.kind, value) {
            (Kind::Object, Tree::Map(members)) => {
                self.object(field.pointer, at, members);
                true
            }
            (Kind::Objects { .. }, Tree::List(list)) => {
                self.objects(&format!("{}/*", field.pointer), at, list);
                true
            }
            (Kind::WordList(_) | Kind::Addresses { .. }, Tree::List(list)) => {
                self.texts(at, list);
                true
            }
            (_, Tree::Null) => field.takes_null(),
            (kind, value) => fits(kind, value),
        };
        if !is_of_type {
            self.faults.push(wrong_type(field, at));
        }
    }

    fn objects(&mut self, place: &str, at: &str, list: &[Tree]) {
        for (index, element) in list.iter().enumerate() {
            if self.full() {
                return;
            }
            let at = pointer::element(at, index);
            if let Tree::Map(members) = element {
                self.object(place, &at, members);
            } else {
                let detail = "Each element of this list is an object.".into();
                self.fault(Code::WrongType, &at, detail);
            }
        }
    }

    fn texts(&mut self, at: &str, list: &[Tree]) {
        for (index, element) in list.iter().enumerate() {
            if !matches!(element, Tree::Text(_)) && !self.full() {
                let detail = "Each element of this list is a string.".into();
                self.fault(Code::WrongType, &pointer::element(at, index), detail);
            }
        }
    }

    fn fault(&mut self, code: Code, at: &str, detail: String) {
        self.faults.push(Fault::new(code, at, detail));
    }

    fn full(&self) -> bool {
        self.faults.len() >= FAULTS_MAX
    }
}

/// Whether a value that holds no others and is not null is of the kind's type.
fn fits(kind: Kind, value: &Tree) -> bool {
    match kind {
        Kind::Object | Kind::Objects { .. } | Kind::WordList(_) | Kind::Addresses { .. } => false,
        Kind::Bool | Kind::BoolOrNull => matches!(value, Tree::Bool(_)),
        Kind::Whole { .. } => matches!(value, Tree::Whole(_)),
        Kind::Constant(_)
        | Kind::Words(_)
        | Kind::OpenWord
        | Kind::Instant
        | Kind::DateOrNull
        | Kind::Uuid
        | Kind::Urn
        | Kind::Text { .. } => matches!(value, Tree::Text(_)),
    }
}

/// Names the known field that is most like an unknown one. The unknown name itself is not said.
fn nearest(place: &str, name: &str) -> String {
    let name: String = name.chars().take(pointer::NAME_CHARACTERS_MAX).collect();
    fields::members(place)
        .map(|field| (strsim::jaro_winkler(&name, field.name()), field.name()))
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map_or_else(
            || "There is no such field.".to_owned(),
            |(_, known)| format!("There is no such field here. The nearest is `{known}`."),
        )
}
