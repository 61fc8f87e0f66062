//! Layers: each file is walked, and what passed is merged by the `config` crate. Each value carries
//! the number of its place as its origin.

use super::fault::{Place, Position, Remark};
use super::walk::Walk;
use config::{ConfigError, Map, Source, Value, ValueKind};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// A file of settings is a few kilobytes; one larger than this is something else.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The merged layers.
#[derive(Debug)]
pub(super) struct Layered {
    /// The tree.
    root: Value,
    /// What an origin means.
    places: Vec<Place>,
    /// The first header of each section, by its dotted path.
    headers: BTreeMap<String, Place>,
    /// Where a section that stands nowhere is missed: the first line of the first file.
    start: Place,
}

/// Reads and merges the files, first to last. None when not even a tree could be made.
pub(super) fn read(paths: &[PathBuf], faults: &mut Vec<Remark>) -> Option<Layered> {
    let start = Place {
        file: paths.first().cloned().unwrap_or_default(),
        position: Some(Position { line: 1, column: 1 }),
    };
    let mut places = Vec::new();
    let mut headers = BTreeMap::new();
    let mut builder = config::Config::builder();
    let mut whole = true;
    if paths.is_empty() {
        faults.push(at(&start, "", "", "no file of settings was named"));
    }
    for file in paths {
        let text = match read_text(file) {
            Ok(text) => text,
            Err(what) => {
                let place = Place {
                    file: file.clone(),
                    position: None,
                };
                faults.push(at(&place, "", "", &what));
                whole = false;
                continue;
            }
        };
        let mut walk = Walk {
            file,
            text: &text,
            places: &mut places,
            headers: &mut headers,
            faults,
        };
        let (tree, errors) = DeTable::parse_recoverable(&text);
        let broken = walk.syntax(&errors);
        whole &= broken.is_none();
        let syntax = walk.faults.len();
        builder = builder.add_source(Layer(walk.root(tree.get_ref())));
        if let Some(broken) = broken {
            // What stands from a broken line on was put together by guessing.
            let mut seen = 0;
            faults.retain(|fault| {
                seen += 1;
                let line = fault.place.position.map(|position| position.line);
                seen <= syntax || line.is_some_and(|line| line < broken)
            });
        }
    }
    // What a broken line or file was to say is not known, so nothing is said to be missing.
    if !whole || paths.is_empty() {
        return None;
    }
    match builder.build() {
        Ok(merged) => Some(Layered {
            root: merged.cache,
            places,
            headers,
            start,
        }),
        Err(error) => {
            faults.push(at(&start, "", "", &format!("cannot be merged: {error}")));
            None
        }
    }
}

impl Layered {
    /// The value at a path of tables and list indices, and where it was given. `Nil` was refused.
    pub(super) fn find(&self, path: &[String], key: &str) -> Option<(&Value, &Place)> {
        let value = descend(self.descend(path)?, key)?;
        let origin: usize = value.origin()?.parse().ok()?;
        Some((value, self.places.get(origin)?))
    }

    /// The names of a named section, in order.
    pub(super) fn names(&self, section: &str) -> Vec<String> {
        let mut names: Vec<String> = match self.kind(section) {
            Some(ValueKind::Table(table)) => table.keys().cloned().collect(),
            Some(_) | None => Vec::new(),
        };
        names.sort();
        names
    }

    /// How often a listed section stands.
    pub(super) fn count(&self, section: &str) -> usize {
        match self.kind(section) {
            Some(ValueKind::Array(list)) => list.len(),
            Some(_) | None => 0,
        }
    }

    /// Where a section stands: its header, else that of the section around it, else the first file.
    pub(super) fn header(&self, path: &[String]) -> &Place {
        (1..=path.len())
            .rev()
            .filter_map(|length| path.get(..length))
            .find_map(|path| self.headers.get(&path.join(".")))
            .unwrap_or(&self.start)
    }

    fn kind(&self, section: &str) -> Option<&ValueKind> {
        descend(&self.root, section).map(|value| &value.kind)
    }

    fn descend(&self, path: &[String]) -> Option<&Value> {
        path.iter()
            .try_fold(&self.root, |value, step| descend(value, step))
    }
}

fn descend<'a>(value: &'a Value, step: &str) -> Option<&'a Value> {
    if let ValueKind::Table(table) = &value.kind {
        table.get(step)
    } else if let ValueKind::Array(list) = &value.kind {
        list.get(step.parse::<usize>().ok()?)
    } else {
        None
    }
}

/// One file's values that passed.
#[derive(Debug, Clone)]
struct Layer(Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

fn read_text(file: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let size = fs::metadata(file).map_err(cannot)?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("is larger than {FILE_BYTES_MAX} bytes"));
    }
    fs::read_to_string(file).map_err(cannot)
}

fn at(place: &Place, section: &str, key: &str, what: &str) -> Remark {
    Remark {
        place: place.clone(),
        section: section.to_owned(),
        key: key.to_owned(),
        what: what.to_owned(),
    }
}
