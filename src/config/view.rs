//! One section of the merged layers, as the macro's readers see it: each key typed, with its default
//! filled in, paths resolved and what was missed noted.

use super::fault::{Place, Remark};
use super::files::{self, Look};
use super::kind::{Given, Kind};
use super::layers::Layered;
use super::setting::{SYSTEM_ROOTS, Setting};
use super::table::{Key, Presence};
use super::walk::label;
use config::{Value, ValueKind};
use serde_json::Value as Json;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

/// What reading the settings gathers besides them.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// What is wrong.
    pub(super) faults: RefCell<Vec<Remark>>,
    /// Every effective value by its dotted path, defaults included.
    pub(super) effective: RefCell<BTreeMap<String, Json>>,
}

/// One section.
#[derive(Debug)]
pub(super) struct View<'a> {
    layered: &'a Layered,
    gathered: &'a Gathered,
    look: Look,
    /// Its own path, then those of sections that stand in for it.
    chain: Vec<Vec<String>>,
}

impl<'a> View<'a> {
    /// The section at this path.
    pub(super) fn new(
        layered: &'a Layered,
        gathered: &'a Gathered,
        look: Look,
        path: &[&str],
    ) -> Self {
        let path = path.iter().map(|&step| step.to_owned()).collect();
        Self {
            layered,
            gathered,
            look,
            chain: vec![path],
        }
    }

    /// The same, and where a key is not given, the section of this name instead.
    pub(super) fn or(mut self, section: &str) -> Self {
        self.chain.push(vec![section.to_owned()]);
        self
    }

    /// A key's value. None when it is missing or was refused; that has been noted.
    pub(super) fn take<T: Setting>(&self, key: &Key) -> Option<T> {
        let found = self.find(key.name);
        let (given, folder) = match (found, &key.presence) {
            (Some((value, place)), _) => (given(value)?, place.file.parent()),
            (None, Presence::Preset(text)) => (Given::parse(text)?, None),
            (None, Presence::Optional(_)) => return T::absent(),
            (None, Presence::Required(_)) => {
                self.missing(key);
                return None;
            }
        };
        let given = self.resolve(key, given, folder.unwrap_or(Path::new("")))?;
        self.record(key.name, &given);
        let taken = T::take(&given);
        if taken.is_none() {
            // The table's kind admits what its type cannot hold: a fault of ours, and still no panic.
            self.fault(key.name, &format!("must be {}", key.kind.describe()));
        }
        taken
    }

    /// Notes that a key's value does not go with the rest.
    pub(super) fn fault(&self, key: &str, what: &str) {
        let remark = self.remark(key, what);
        self.gathered.faults.borrow_mut().push(remark);
    }

    /// Notes that two keys are the wrong way round, at the one that was given.
    pub(super) fn fault_order(&self, low: &str, high: &str) {
        if self.has(low) || !self.has(high) {
            self.fault(low, &format!("must not be above {high}"));
        } else {
            self.fault(high, &format!("must not be below {low}"));
        }
    }

    /// A remark on a key, at its place.
    pub(super) fn remark(&self, key: &str, what: &str) -> Remark {
        let given_in = self
            .chain
            .iter()
            .find(|path| self.layered.find(path, key).is_some());
        let section = given_in.or(self.chain.first());
        Remark {
            place: self.place(key),
            section: section.map(|path| label(path)).unwrap_or_default(),
            key: key.to_owned(),
            what: what.to_owned(),
        }
    }

    /// Where a key was given, else its section.
    pub(super) fn place(&self, key: &str) -> Place {
        match self.find(key) {
            Some((_, place)) => place.clone(),
            None => {
                let own = self.own().unwrap_or_default();
                self.layered.header(own).clone()
            }
        }
    }

    /// Whether a key was given.
    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    fn own(&self) -> Option<&[String]> {
        self.chain.first().map(Vec::as_slice)
    }

    fn find(&self, key: &str) -> Option<(&'a Value, &'a Place)> {
        self.chain
            .iter()
            .find_map(|path| self.layered.find(path, key))
    }

    fn missing(&self, key: &Key) {
        let instead = self
            .chain
            .get(1)
            .map(|path| format!(", here or in {}", label(path)));
        let instead = instead.unwrap_or_default();
        let kind = key.kind.describe();
        self.fault(key.name, &format!("is missing{instead}: {kind}"));
    }

    /// Makes paths whole and looks at the files they name.
    fn resolve(&self, key: &Key, given: Given, folder: &Path) -> Option<Given> {
        let one = |text: &str| {
            let path = files::resolve(key.kind, text, folder, self.look)?;
            let looked = match self.look {
                Look::AtFiles if !matches!(key.kind, Kind::Path) => {
                    files::check(key.kind, text, &path)
                }
                Look::AtFiles | Look::Away => Ok(()),
            };
            looked?;
            let text = path.into_os_string().into_string();
            text.map_err(|_| "must lie in a folder whose name is UTF-8".to_owned())
        };
        let resolved = match given {
            _ if !key.kind.is_path() => Ok(given),
            Given::Text(text) if matches!(key.kind, Kind::Roots) && text == SYSTEM_ROOTS => {
                Ok(Given::Text(text))
            }
            Given::Text(text) => one(&text).map(Given::Text),
            Given::List(list) => {
                let paths: Result<_, _> = list.iter().map(|text| one(text)).collect();
                paths.map(Given::List)
            }
            Given::Integer(_) | Given::Flag(_) | Given::Other => Ok(given),
        };
        match resolved {
            Ok(given) => Some(given),
            Err(what) => {
                self.fault(key.name, &what);
                None
            }
        }
    }

    fn record(&self, key: &str, given: &Given) {
        let path = [self.own().unwrap_or_default(), &[key.to_owned()]].concat();
        let json = match given {
            Given::Text(text) => Json::from(text.as_str()),
            Given::Integer(integer) => Json::from(*integer),
            Given::Flag(flag) => Json::from(*flag),
            Given::List(list) => Json::from(list.as_slice()),
            Given::Other => Json::Null,
        };
        self.gathered
            .effective
            .borrow_mut()
            .insert(path.join("."), json);
    }
}

/// What was merged, as it was written; none for what was refused.
fn given(value: &Value) -> Option<Given> {
    if let Some(text) = text(value) {
        Some(Given::Text(text))
    } else if let ValueKind::I64(integer) = &value.kind {
        Some(Given::Integer(*integer))
    } else if let ValueKind::Boolean(flag) = &value.kind {
        Some(Given::Flag(*flag))
    } else if let ValueKind::Array(list) = &value.kind {
        let texts: Option<Vec<_>> = list.iter().map(text).collect();
        texts.map(Given::List)
    } else {
        None
    }
}

fn text(value: &Value) -> Option<String> {
    if let ValueKind::String(text) = &value.kind {
        Some(text.clone())
    } else {
        None
    }
}
