//! One file's TOML tree, checked against the table as it was written. Only what passes is kept, with
//! the number of its place as its origin.

use super::fault::{Place, Position, Remark, nearest};
use super::keys::SECTIONS;
use super::kind::Given;
use super::table::{Key, Section, Shape};
use config::{Map, Value, ValueKind};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// A key of a tree with its value.
type Entry<'a, 'i> = (&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>);

/// The walk over one file's tree.
pub(super) struct Walk<'a> {
    /// The file, as it was named.
    pub(super) file: &'a Path,
    /// Its text.
    pub(super) text: &'a str,
    /// Gains the place of each value.
    pub(super) places: &'a mut Vec<Place>,
    /// Gains the place of each section, by its dotted path.
    pub(super) headers: &'a mut BTreeMap<String, Place>,
    /// Gains what is wrong.
    pub(super) faults: &'a mut Vec<Remark>,
}

impl Walk<'_> {
    /// Notes what is not TOML, and says from which line the tree is not what the file says. Where
    /// something only stands twice, such as two routes of one name, it does not.
    pub(super) fn syntax(&mut self, errors: &[toml::de::Error]) -> Option<usize> {
        let mut broken = None;
        let mut doubled_header = None;
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            let header = self.header_before(span.start);
            let section = header.clone().and_then(|header| self.text.get(header));
            let section = section.map(header_label).unwrap_or_default().to_owned();
            let on_header = |header: &Range<usize>| header.contains(&span.start);
            if error.message() != "duplicate key" {
                let line = self.place(&span).position.map(|position| position.line);
                broken = broken.into_iter().chain(line).min();
                let what = format!("is not TOML: {}", error.message());
                self.fault(&section, "", &span, &what);
            } else if header.as_ref().is_some_and(on_header) {
                doubled_header = header;
                self.fault(&section, "", &span, "stands twice; each name once");
            } else if doubled_header.is_none() || doubled_header != header {
                // Under a doubled header every key is doubled: the header says it all.
                let key = self.text.get(span.clone()).unwrap_or_default().to_owned();
                self.fault(&section, &key, &span, "is given twice");
            }
        }
        broken
    }

    /// The whole tree, without what was refused.
    pub(super) fn root(&mut self, table: &DeTable<'_>) -> Map<String, Value> {
        let mut values = Map::new();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let Some(section) = SECTIONS.iter().find(|section| section.name == name) else {
                self.unknown_section((key, value));
                continue;
            };
            let path = vec![name.to_owned()];
            if let Some(value) = self.section(section, path, (key, value)) {
                values.insert(name.to_owned(), value);
            }
        }
        values
    }

    fn section(
        &mut self,
        section: &Section,
        path: Vec<String>,
        entry: Entry<'_, '_>,
    ) -> Option<Value> {
        match section.shape {
            Shape::One | Shape::Override => self.body(section, path, entry),
            Shape::Named { admits, rule, .. } => self.named(section, &path, entry, admits, rule),
            Shape::Listed => self.listed(section, &path, entry),
        }
    }

    fn named(
        &mut self,
        section: &Section,
        path: &[String],
        (key, value): Entry<'_, '_>,
        admits: fn(&str) -> bool,
        rule: &str,
    ) -> Option<Value> {
        let form = format!("[{}.NAME]", section.name);
        let DeValue::Table(table) = value.get_ref() else {
            self.fault(
                "",
                section.name,
                &key.span(),
                &format!("must be a section: {form}"),
            );
            return None;
        };
        let mut values = Map::new();
        for (name, value) in table {
            let text = name.get_ref().as_ref();
            if !value.get_ref().is_table() {
                let what = format!("must stand in a section with a name: {form}");
                self.fault(&format!("[{}]", section.name), text, &name.span(), &what);
            } else if !admits(text) {
                let what = format!("its name must be {rule}");
                self.fault(&form, "", &name.span(), &what);
            } else {
                let path = [path, &[text.to_owned()]].concat();
                if let Some(value) = self.body(section, path, (name, value)) {
                    values.insert(text.to_owned(), value);
                }
            }
        }
        Some(Value::new(None, values))
    }

    fn listed(
        &mut self,
        section: &Section,
        path: &[String],
        (key, value): Entry<'_, '_>,
    ) -> Option<Value> {
        let DeValue::Array(list) = value.get_ref() else {
            let what = format!("must be a list of sections: [[{}]]", section.name);
            self.fault("", section.name, &key.span(), &what);
            return None;
        };
        let mut values = Vec::new();
        for (n, item) in list.iter().enumerate() {
            let path = [path, &[n.to_string()]].concat();
            let key = Spanned::new(item.span(), key.get_ref().clone());
            values.extend(self.body(section, path, (&key, item)));
        }
        Some(Value::new(None, values))
    }

    /// The keys of one section.
    fn body(
        &mut self,
        section: &Section,
        path: Vec<String>,
        (key, value): Entry<'_, '_>,
    ) -> Option<Value> {
        let label = label(&path);
        let DeValue::Table(table) = value.get_ref() else {
            self.fault(
                "",
                key.get_ref(),
                &key.span(),
                &format!("must be a section: {label}"),
            );
            return None;
        };
        let place = self.place(&key.span());
        if matches!(section.shape, Shape::Listed) {
            self.headers.insert(path.join("."), place);
        } else {
            self.headers.entry(path.join(".")).or_insert(place);
        }
        let mut values = Map::new();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let known = section.keys.iter().find(|known| known.name == name);
            let inner = section.inner.filter(|inner| inner.name == name);
            let value = match (known, inner) {
                (Some(known), _) => Some(self.value(known, &label, (key, value))),
                (None, Some(inner)) => self.section(
                    inner,
                    [&path[..], &[name.to_owned()]].concat(),
                    (key, value),
                ),
                (None, None) => {
                    let what = unknown_key(section, name);
                    self.fault(&label, name, &key.span(), &what);
                    None
                }
            };
            if let Some(value) = value {
                values.insert(name.to_owned(), value);
            }
        }
        Some(Value::new(None, values))
    }

    /// One value, checked; `Nil` stands for one that was refused, so that it is not missed as well.
    fn value(&mut self, key: &Key, label: &str, (name, value): Entry<'_, '_>) -> Value {
        let given = Given::of(value.get_ref());
        let kind = if key.kind.admits(&given) {
            match given {
                Given::Text(text) => text.into(),
                Given::Integer(integer) => integer.into(),
                Given::Flag(flag) => flag.into(),
                Given::List(list) => list.into(),
                Given::Other => ValueKind::Nil,
            }
        } else {
            let words = key.kind.words();
            let meant = given
                .texts()
                .iter()
                .filter(|text| !words.contains(&text.as_str()));
            let meant = meant
                .filter_map(|text| nearest(text, words.iter().copied()))
                .next();
            let hint = meant.map(|word| format!("; did you mean \"{word}\"?"));
            let what = format!(
                "must be {}{}",
                key.kind.describe(),
                hint.unwrap_or_default()
            );
            self.fault(label, key.name, &value.span(), &what);
            ValueKind::Nil
        };
        let origin = self.places.len().to_string();
        let place = self.place(&name.span());
        self.places.push(place);
        Value::new(Some(&origin), kind)
    }

    fn unknown_section(&mut self, (key, value): Entry<'_, '_>) {
        let name = key.get_ref().as_ref();
        if value.get_ref().is_table() || value.get_ref().is_array() {
            let near = nearest(name, SECTIONS.iter().map(|section| section.name));
            let hint = near.map(|near| format!("; did you mean \"{near}\"?"));
            let what = format!("unknown section{}", hint.unwrap_or_default());
            self.fault(&format!("[{name}]"), "", &key.span(), &what);
        } else {
            let what = match home(name) {
                Some(home) => format!("stands in no section; it belongs to {}", form(home)),
                None => "unknown key, and in no section".to_owned(),
            };
            self.fault("", name, &key.span(), &what);
        }
    }

    fn fault(&mut self, section: &str, key: &str, span: &Range<usize>, what: &str) {
        let place = self.place(span);
        self.faults.push(Remark {
            place,
            section: section.to_owned(),
            key: key.to_owned(),
            what: what.to_owned(),
        });
    }

    fn place(&self, span: &Range<usize>) -> Place {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            file: self.file.to_owned(),
            position: Some(Position {
                line: before.matches('\n').count() + 1,
                column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            }),
        }
    }

    /// The last header line at or before a byte.
    fn header_before(&self, byte: usize) -> Option<Range<usize>> {
        let mut start = 0;
        let mut found = None;
        for line in self.text.split_inclusive('\n') {
            if start > byte {
                break;
            }
            if line.trim_start().starts_with('[') {
                found = Some(start..start + line.len());
            }
            start += line.len();
        }
        found
    }
}

/// A section as it is written: `[route.cjsm]`, `[[operator]]`.
pub(super) fn label(path: &[String]) -> String {
    let listed = |section: &&&Section| matches!(section.shape, Shape::Listed);
    match path.first() {
        Some(name)
            if SECTIONS
                .iter()
                .filter(listed)
                .any(|section| section.name == name) =>
        {
            format!("[[{name}]]")
        }
        Some(_) | None => format!("[{}]", path.join(".")),
    }
}

/// A section's header in general.
fn form(section: &Section) -> String {
    match section.shape {
        Shape::One | Shape::Override => format!("[{}]", section.name),
        Shape::Named { .. } => format!("[{}.NAME]", section.name),
        Shape::Listed => format!("[[{}]]", section.name),
    }
}

/// A header line without its comment; nothing where the header itself is broken.
fn header_label(line: &str) -> &str {
    let header = line.split('#').next().unwrap_or_default().trim();
    if header.ends_with(']') { header } else { "" }
}

fn unknown_key(section: &Section, name: &str) -> String {
    let near = nearest(name, section.keys.iter().map(|key| key.name));
    let near = near.and_then(|near| section.keys.iter().find(|key| key.name == near));
    match (home(name), near) {
        (Some(home), _) => format!("unknown key here; it belongs to {}", form(home)),
        (None, Some(key)) => match key.kind.unit() {
            Some(unit) => format!("unknown key; did you mean \"{}\", in {unit}?", key.name),
            None => format!("unknown key; did you mean \"{}\"?", key.name),
        },
        (None, None) => "unknown key".to_owned(),
    }
}

/// The one section that has this key.
fn home(name: &str) -> Option<&'static Section> {
    let has = |section: &&&Section| section.keys.iter().any(|key| key.name == name);
    let mut homes = SECTIONS.iter().filter(has);
    homes.next().filter(|_| homes.next().is_none()).copied()
}
