//! Something to say about a setting, and where it stands.

use std::fmt;
use std::path::PathBuf;

/// A remark that refuses the configuration.
pub type ConfigFault = Remark;

/// A remark on something allowed.
pub type ConfigWarning = Remark;

/// What is wrong or odd about a setting. Never holds its value: a password pasted by mistake must
/// not reach a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Where it stands, or would.
    pub place: Place,
    /// Its section as it is written: `[intake]`, `[route.cjsm]`, `[[operator]]`. Empty outside any.
    pub section: String,
    /// Its key. Empty when the section is meant.
    pub key: String,
    /// What is wrong, in words for an operator.
    pub what: String,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named.
    pub file: PathBuf,
    /// Where in it; none means the file as a whole.
    pub position: Option<Position>,
}

/// A line and a column, both from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl fmt::Display for Remark {
    /// `firstbell.toml:12: [intake] listn: unknown key; did you mean "listen"?`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.place.file.display())?;
        if let Some(position) = self.place.position {
            write!(f, "{}:", position.line)?;
        }
        match (self.section.as_str(), self.key.as_str()) {
            ("", "") => write!(f, " {}", self.what),
            ("", name) | (name, "") => write!(f, " {name}: {}", self.what),
            (section, key) => write!(f, " {section} {key}: {}", self.what),
        }
    }
}

/// How alike two words must be to be offered: `listn` is 0.96 of `listen`, `password` 0.92 of
/// `password_file`, and unrelated keys stay below 0.8 (Jaro-Winkler).
const ALIKE_MIN: f64 = 0.85;

/// The known word most like the one given, if any is like it.
pub(super) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|word| (strsim::jaro_winkler(given, word), word))
        .filter(|(alike, _)| *alike >= ALIKE_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, word)| word)
}
