//! One value at a time: finds a member's row, checks the value against it, keeps every fault.

use super::shape::{missing, wrong_type};
use super::{Code, FAULTS_MAX, Fault, Noted, formats};
use crate::referral::fields::{self, Field, Form, Kind, WORD_CHARACTERS, WORD_CHARACTERS_MAX};
use crate::referral::pointer;
use crate::referral::post::Private;
use crate::referral::school::{Address, Urn};
use crate::referral::text::{self, Forbidden, Lines};
use crate::referral::tree::Tree;
use jiff::Timestamp;
use jiff::civil::Date;

/// An object of the post: its place in the table, its pointer in the post, and its members.
#[derive(Clone)]
pub(super) struct Node<'t> {
    place: String,
    pointer: String,
    tree: &'t Tree,
}

impl<'t> Node<'t> {
    /// The document itself.
    pub(super) fn root(tree: &'t Tree) -> Self {
        Self {
            place: String::new(),
            pointer: String::new(),
            tree,
        }
    }

    /// The pointer of a member, there or not.
    pub(super) fn pointer_of(&self, name: &str) -> String {
        pointer::member(&self.pointer, name)
    }

    /// A member's text as it was sent, whatever the rest of the object is like.
    pub(super) fn text_of(&self, name: &str) -> Option<&'t str> {
        self.tree.get(name).and_then(Tree::as_text)
    }

    /// Whether the member is there, whatever it holds.
    pub(super) fn has(&self, name: &str) -> bool {
        self.tree.get(name).is_some()
    }
}

/// Reads members and keeps what is wrong with them. A method returns nothing for a member that is
/// absent, null or faulty; the last two are told apart by the faults kept.
#[derive(Default)]
pub(super) struct Reader {
    faults: Vec<Fault>,
    noted: Vec<Noted>,
}

/// A member that is there: its row, where it stands, and its value.
struct Found<'t> {
    field: &'static Field,
    at: String,
    value: &'t Tree,
}

impl Reader {
    /// What was found wrong, and what was noted.
    pub(super) fn finish(self) -> (Vec<Fault>, Vec<Noted>) {
        (self.faults, self.noted)
    }

    /// Keeps a fault.
    pub(super) fn fault(&mut self, code: Code, at: impl Into<String>, detail: impl Into<String>) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault::new(code, at, detail));
        }
    }

    /// A text within its bounds, cleaned and in NFC. An empty one is none where the row allows it.
    pub(super) fn text(&mut self, node: &Node<'_>, name: &str) -> Option<String> {
        let found = self.find(node, name)?;
        let Tree::Text(raw) = found.value else {
            return self.wrong_type(&found);
        };
        let (min, max, form) = match found.field.kind {
            Kind::Text { min, max, form } => (min, max, form),
            Kind::Constant(text) if text == raw => return Some(raw.clone()),
            Kind::Constant(_) => return self.refuse(&found, Code::UnknownWord),
            Kind::OpenWord => (1, WORD_CHARACTERS_MAX, Form::Of(WORD_CHARACTERS)),
            Kind::Object
            | Kind::Objects { .. }
            | Kind::WordList(_)
            | Kind::Addresses { .. }
            | Kind::Bool
            | Kind::BoolOrNull
            | Kind::Whole { .. }
            | Kind::Words(_)
            | Kind::Instant
            | Kind::DateOrNull
            | Kind::Uuid
            | Kind::Urn => return self.wrong_type(&found),
        };
        let Ok(text) = self.cleaned(&found.at, raw, form) else {
            let detail = match form {
                Form::Opaque => "Only visible characters, and no blank at an edge.",
                Form::Line | Form::Prose | Form::Of(_) | Form::Language => {
                    "No control, bidirectional control or invisible character."
                }
            };
            self.fault(Code::ForbiddenCharacter, found.at, detail);
            return None;
        };
        if !(min..=max).contains(&text.chars().count()) {
            return self.refuse(&found, Code::OutOfBounds);
        }
        match form {
            Form::Of(set) if !text.chars().all(|c| formats::in_set(c, set)) => {
                self.refuse(&found, Code::CharacterNotAllowed)
            }
            Form::Language if !formats::is_language_tag(&text) => {
                self.refuse(&found, Code::NotALanguage)
            }
            Form::Line | Form::Prose | Form::Opaque | Form::Of(_) | Form::Language => {
                (!text.is_empty()).then_some(text)
            }
        }
    }

    /// A text that must never be printed by accident.
    pub(super) fn private(&mut self, node: &Node<'_>, name: &str) -> Option<Private<String>> {
        self.text(node, name).map(Private)
    }

    /// One of a field's words.
    pub(super) fn word<T>(
        &mut self,
        node: &Node<'_>,
        name: &str,
        parse: fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.parsed(node, name, Code::UnknownWord, parse)
    }

    /// A list of a field's words; one that comes twice counts once.
    pub(super) fn words<T: PartialEq>(
        &mut self,
        node: &Node<'_>,
        name: &str,
        parse: fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let mut words = Vec::new();
        for word in self.texts(node, name, Code::UnknownWord, parse) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words
    }

    /// A list of addresses, within its bound.
    pub(super) fn addresses(&mut self, node: &Node<'_>, name: &str) -> Vec<Address> {
        self.texts(node, name, Code::NotAnAddress, Address::parse)
    }

    /// A UUID in lower case.
    pub(super) fn uuid(&mut self, node: &Node<'_>, name: &str) -> Option<String> {
        self.parsed(node, name, Code::NotAUuid, formats::uuid)
    }

    /// A URN.
    pub(super) fn urn(&mut self, node: &Node<'_>, name: &str) -> Option<Urn> {
        self.parsed(node, name, Code::NotAUrn, Urn::parse)
    }

    /// A date; none for null.
    pub(super) fn date(&mut self, node: &Node<'_>, name: &str) -> Option<Date> {
        self.parsed(node, name, Code::NotADate, formats::date)
    }

    /// An instant, to the microsecond.
    pub(super) fn instant(&mut self, node: &Node<'_>, name: &str) -> Option<Timestamp> {
        let found = self.find(node, name)?;
        let Tree::Text(raw) = found.value else {
            return self.wrong_type(&found);
        };
        match formats::instant(raw) {
            Ok(at) => Some(at),
            Err(code) => self.refuse(&found, code),
        }
    }

    /// True or false; none for null.
    pub(super) fn bool(&mut self, node: &Node<'_>, name: &str) -> Option<bool> {
        let found = self.find(node, name)?;
        let Tree::Bool(value) = found.value else {
            return self.wrong_type(&found);
        };
        Some(*value)
    }

    /// A whole number within its bounds.
    pub(super) fn whole(&mut self, node: &Node<'_>, name: &str) -> Option<u8> {
        let found = self.find(node, name)?;
        match (found.field.kind, found.value) {
            (Kind::Whole { min, max }, Tree::Whole(value)) => {
                let inside = (min..=max).contains(value);
                match u8::try_from(*value) {
                    Ok(value) if inside => Some(value),
                    Ok(_) | Err(_) => self.refuse(&found, Code::OutOfBounds),
                }
            }
            (_, _) => self.wrong_type(&found),
        }
    }

    /// An object.
    pub(super) fn object<'t>(&mut self, node: &Node<'t>, name: &str) -> Option<Node<'t>> {
        let found = self.find(node, name)?;
        let Tree::Map(_) = found.value else {
            return self.wrong_type(&found);
        };
        Some(Node {
            place: found.field.pointer.to_owned(),
            pointer: found.at,
            tree: found.value,
        })
    }

    /// A list of objects. When there are too many, only as many as the bound are read on.
    pub(super) fn objects<'t>(&mut self, node: &Node<'t>, name: &str) -> Vec<Node<'t>> {
        let Some(found) = self.find(node, name) else {
            return Vec::new();
        };
        let (Kind::Objects { min, max }, Tree::List(list)) = (found.field.kind, found.value) else {
            self.wrong_type::<()>(&found);
            return Vec::new();
        };
        if !(min..=max).contains(&list.len()) {
            self.refuse::<()>(&found, Code::OutOfBounds);
        }
        let elements = list.iter().take(max).enumerate();
        elements
            .map(|(index, tree)| Node {
                place: format!("{}/*", found.field.pointer),
                pointer: pointer::element(&found.at, index),
                tree,
            })
            .collect()
    }

    /// A text that `parse` makes a value of.
    fn parsed<T>(
        &mut self,
        node: &Node<'_>,
        name: &str,
        code: Code,
        parse: fn(&str) -> Option<T>,
    ) -> Option<T> {
        let found = self.find(node, name)?;
        let Tree::Text(raw) = found.value else {
            return self.wrong_type(&found);
        };
        parse(raw).or_else(|| self.refuse(&found, code))
    }

    /// A list of texts that `parse` makes values of.
    fn texts<T>(
        &mut self,
        node: &Node<'_>,
        name: &str,
        code: Code,
        parse: fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let Some(found) = self.find(node, name) else {
            return Vec::new();
        };
        let Tree::List(list) = found.value else {
            self.wrong_type::<()>(&found);
            return Vec::new();
        };
        if let Kind::Addresses { max } = found.field.kind
            && list.len() > max
        {
            self.refuse::<()>(&found, Code::OutOfBounds);
            return Vec::new();
        }
        let mut values = Vec::new();
        for (index, element) in list.iter().enumerate() {
            let at = pointer::element(&found.at, index);
            match element {
                Tree::Text(raw) => match parse(raw) {
                    Some(value) => values.push(value),
                    None => self.fault(code, at, detail(code, found.field)),
                },
                Tree::Null
                | Tree::Bool(_)
                | Tree::Whole(_)
                | Tree::Number(_)
                | Tree::List(_)
                | Tree::Map(_) => {
                    self.fault(
                        Code::WrongType,
                        at,
                        "Each element of this list is a string.",
                    );
                }
            }
        }
        values
    }

    /// The member, unless it is absent or null where null is allowed.
    fn find<'t>(&mut self, node: &Node<'t>, name: &str) -> Option<Found<'t>> {
        let field = fields::member(&node.place, name)?;
        let at = node.pointer_of(name);
        match node.tree.get(name) {
            Some(Tree::Null) if field.takes_null() => None,
            Some(value) => Some(Found { field, at, value }),
            None if field.required => {
                self.push(missing(&at));
                None
            }
            None => None,
        }
    }

    fn cleaned(&mut self, at: &str, raw: &str, form: Form) -> Result<String, Forbidden> {
        let lines = match form {
            Form::Line => Lines::One,
            Form::Prose => Lines::Many,
            Form::Opaque => return text::as_sent(raw),
            Form::Of(_) | Form::Language => return Ok(raw.to_owned()),
        };
        let cleaned = text::clean(raw, lines)?;
        if cleaned.changed {
            self.noted.push(Noted {
                code: "spaces-removed",
                pointer: at.to_owned(),
            });
        }
        Ok(cleaned.text)
    }

    fn refuse<T>(&mut self, found: &Found<'_>, code: Code) -> Option<T> {
        self.fault(code, found.at.clone(), detail(code, found.field));
        None
    }

    fn wrong_type<T>(&mut self, found: &Found<'_>) -> Option<T> {
        self.push(wrong_type(found.field, &found.at));
        None
    }

    fn push(&mut self, fault: Fault) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

/// The sentence about a value that its row does not allow.
fn detail(code: Code, field: &Field) -> String {
    if code == Code::TimeWithoutOffset {
        "The time must say its offset from UTC.".to_owned()
    } else if code == Code::NotAnAddress {
        "An address is local-part@domain, in ASCII.".to_owned()
    } else {
        format!("The bounds here are: {}.", field.kind)
    }
}
