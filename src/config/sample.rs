//! The sample file, written from the table: every key with its meaning, unit and default.

use super::keys::SECTIONS;
use super::table::{Key, Presence, Section, Shape};
use std::fmt::{self, Write};

const PREFACE: &str = "\
# Firstbell's settings: every key, its meaning, its unit and its default.
#
# Several files may be given (--config FILE, again and again): a later one wins, key by key, and a list
# is replaced whole. Unknown keys are refused. Relative paths are meant from the folder of their file.
# Secrets are never values: they are files closed to others (mode 0600), or systemd credentials,
# written \"credential:NAME\". `firstbell check-config` tells every fault at once.
#
# This text is written from the table in src/config/keys, and a test holds the two equal.
";

/// The sample file, as `config/firstbell.toml` holds it.
pub fn sample() -> String {
    let mut text = PREFACE.to_owned();
    // Writing to a String cannot fail.
    let _ = SECTIONS
        .iter()
        .try_for_each(|section| write_section(&mut text, section, None));
    text
}

fn write_section(text: &mut String, section: &Section, outer: Option<&str>) -> fmt::Result {
    writeln!(text)?;
    for line in section.doc {
        writeln!(text, "# {}", line.trim())?;
    }
    let name = section.name;
    match section.shape {
        Shape::One => writeln!(text, "[{name}]")?,
        Shape::Named { example, .. } => writeln!(text, "[{name}.{example}]")?,
        Shape::Listed => writeln!(text, "[[{name}]]")?,
        Shape::Override => return writeln!(text, "# [{}.{name}]", outer.unwrap_or_default()),
    }
    section
        .keys
        .iter()
        .try_for_each(|key| write_key(text, key))?;
    let Some(inner) = section.inner else {
        return Ok(());
    };
    let outer = match section.shape {
        Shape::Named { example, .. } => format!("{name}.{example}"),
        Shape::One | Shape::Listed | Shape::Override => name.to_owned(),
    };
    write_section(text, inner, Some(&outer))
}

fn write_key(text: &mut String, key: &Key) -> fmt::Result {
    writeln!(text)?;
    for line in key.doc {
        writeln!(text, "# {}", line.trim())?;
    }
    let name = key.name;
    let kind = key.kind.describe();
    match key.presence {
        Presence::Required(example) => {
            writeln!(text, "# Required: {kind}.\n{name} = {example}")
        }
        Presence::Optional(example) => {
            writeln!(text, "# Optional: {kind}.\n# {name} = {example}")
        }
        Presence::Preset(preset) => {
            let (first, rest) = kind.split_at(1);
            let first = first.to_ascii_uppercase();
            writeln!(text, "# {first}{rest}.\n{name} = {preset}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kind::Given;
    use crate::config::{Config, Look};
    use std::fs;
    use std::path::Path;

    fn every_section() -> impl Iterator<Item = &'static Section> {
        let inner = SECTIONS.iter().filter_map(|section| section.inner);
        SECTIONS.iter().copied().chain(inner)
    }

    #[test]
    fn the_sample_on_disk_is_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/firstbell.toml");
        let on_disk = fs::read_to_string(path).unwrap();
        assert!(
            on_disk == sample(),
            "config/firstbell.toml must be:\n{}",
            sample()
        );
    }

    #[test]
    fn every_key_is_in_the_sample_with_its_meaning_and_a_value_it_admits() {
        let sample = sample();
        for section in every_section() {
            for key in section.keys {
                let (Presence::Required(value)
                | Presence::Optional(value)
                | Presence::Preset(value)) = key.presence;
                let given = Given::parse(value).unwrap_or(Given::Other);
                assert!(key.kind.admits(&given), "[{}] {}", section.name, key.name);
                assert!(
                    sample.contains(&format!("{} = {value}\n", key.name)),
                    "{}",
                    key.name
                );
                assert!(
                    key.doc.iter().all(|line| sample.contains(line.trim())),
                    "{}",
                    key.name
                );
            }
        }
    }

    #[test]
    fn a_key_with_a_unit_says_so_in_its_name() {
        for key in every_section().flat_map(|section| section.keys) {
            match key.kind.unit() {
                Some("seconds") => assert!(key.name.ends_with("_s"), "{}", key.name),
                Some("minutes") => assert!(key.name.ends_with("_min"), "{}", key.name),
                Some("bytes") => assert!(key.name.contains("_bytes"), "{}", key.name),
                Some(_) | None => assert!(!key.name.ends_with("_s"), "{}", key.name),
            }
        }
    }

    #[test]
    fn the_sample_gives_exactly_the_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("whole.toml");
        let least = folder.path().join("least.toml");
        fs::write(&whole, sample()).unwrap();
        fs::write(&least, required_only()).unwrap();
        let whole = Config::read(&[whole], Look::Away).unwrap();
        let least = Config::read(&[least], Look::Away).unwrap();
        assert_eq!(whole.digest(), least.digest());
        assert_eq!(whole.intake, least.intake);
        assert_eq!(whole.delivery, least.delivery);
        assert_eq!(whole.replies, least.replies);
        assert_eq!(whole.store, least.store);
        assert_eq!(whole.policies, least.policies);
    }

    /// The sample without the lines of keys that have a default.
    fn required_only() -> String {
        let preset = |line: &&str| {
            let key = line.split(" = ").next().unwrap_or_default();
            every_section()
                .flat_map(|section| section.keys)
                .any(|known| known.name == key && matches!(known.presence, Presence::Preset(_)))
        };
        let sample = sample();
        let lines = sample.lines().filter(|line| !preset(line));
        lines.collect::<Vec<_>>().join("\n")
    }
}
