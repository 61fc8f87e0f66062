//! What is found wrong or odd in directory files, and where.

use std::fmt;

/// Faults of one file that are listed; past them the file is not worth reading on, and a report
/// with a fault for every row of a national register helps nobody.
pub const FAULTS_PER_FILE_MAX: usize = 1_000;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's name.
    pub file: String,
    /// The line, counted from 1, where there is one to name.
    pub line: Option<usize>,
    /// The column, where there is one to name.
    pub column: Option<Column>,
}

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Counted from 1; none when the file lacks it.
    pub number: Option<usize>,
    /// Its name, where it is one of ours: a foreign header may be somebody's data.
    pub name: Option<&'static str>,
}

impl Place {
    /// A whole file.
    pub fn file(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            column: None,
        }
    }

    /// A line of a file.
    pub fn line(file: &str, line: usize) -> Self {
        Self {
            line: Some(line),
            ..Self::file(file)
        }
    }

    /// A column of a line.
    pub fn cell(
        file: &str,
        line: usize,
        number: Option<usize>,
        name: Option<&'static str>,
    ) -> Self {
        Self {
            column: Some(Column { number, name }),
            ..Self::line(file, line)
        }
    }
}

impl Place {
    fn order(&self) -> (Option<usize>, Option<usize>) {
        let number = self.column.as_ref().and_then(|column| column.number);
        (self.line, number)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        match &self.column {
            Some(Column {
                number: Some(number),
                name: Some(name),
            }) => write!(f, ", column {number} ({name})"),
            Some(Column {
                number: Some(number),
                name: None,
            }) => write!(f, ", column {number}"),
            Some(Column {
                number: None,
                name: Some(name),
            }) => write!(f, ", column {name}"),
            Some(Column {
                number: None,
                name: None,
            })
            | None => Ok(()),
        }
    }
}

/// One reason to refuse the files. Holds no cell's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: expected {expected}")]
pub struct FileFault {
    /// Where.
    pub place: Place,
    /// What should have stood there.
    pub expected: String,
}

/// Something odd that refuses nothing: for the people who approve the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where.
    pub place: Place,
    /// What is odd. Holds no cell's words.
    pub note: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.note)
    }
}

/// Collects what is found while files are read.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) faults: Vec<FileFault>,
    pub(super) warnings: Vec<Warning>,
}

impl Findings {
    pub(super) fn fault(&mut self, place: Place, expected: impl Into<String>) {
        self.faults.push(FileFault {
            place,
            expected: expected.into(),
        });
    }

    pub(super) fn warn(&mut self, place: Place, note: impl Into<String>) {
        self.warnings.push(Warning {
            place,
            note: note.into(),
        });
    }

    /// What was read, if nothing was wrong with any of it. Faults come file by file, each file's in
    /// the order of its lines and columns.
    pub(super) fn into_result<T>(mut self, read: T) -> Result<(T, Vec<Warning>), Vec<FileFault>> {
        if self.faults.is_empty() {
            Ok((read, self.warnings))
        } else {
            let files = |a: &FileFault, b: &FileFault| a.place.file == b.place.file;
            for of_file in self.faults.chunk_by_mut(files) {
                of_file.sort_by_key(|fault| fault.place.order());
            }
            Err(self.faults)
        }
    }
}

/// A repeated oddity, told once with its count: a national register has many of each.
#[derive(Debug, Default)]
pub(super) struct Tally(Option<(Place, usize)>);

impl Tally {
    pub(super) fn add(&mut self, place: impl FnOnce() -> Place) {
        match &mut self.0 {
            Some((_, count)) => *count += 1,
            None => self.0 = Some((place(), 1)),
        }
    }

    pub(super) fn warn(self, note: &str, findings: &mut Findings) {
        if let Some((first, count)) = self.0 {
            findings.warn(
                first,
                format!("{note} ({count} in this file, this is the first)"),
            );
        }
    }
}
