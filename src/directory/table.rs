//! A CSV file as rows whose cells are asked for by column name.

use super::finding::{FAULTS_PER_FILE_MAX, Findings, Place};
use super::records::{Broken, Cell, Records};
use super::source::Source;
use std::collections::HashMap;

/// Rows of one file at most: five times the national register.
const ROWS_MAX: usize = 250_000;

/// The columns that a reader asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    pub(super) required: &'static [&'static str],
    pub(super) optional: &'static [&'static str],
    /// Others are usual, as in the register. Otherwise one is warned of: it may be a mistyped name.
    pub(super) others_usual: bool,
}

/// A file whose header was read, giving its rows one at a time.
#[derive(Debug)]
pub(super) struct Table<'t> {
    file: &'t str,
    header: Vec<String>,
    places: HashMap<&'static str, usize>,
    records: Records<'t>,
    rows: usize,
    faults_before: usize,
    /// Rows may be longer than the header; see [`Row::is_shifted`].
    longer_rows: bool,
}

impl<'t> Table<'t> {
    /// Reads the header; `None` when the file's rows cannot be read, with the faults recorded.
    pub(super) fn open(
        source: &'t Source,
        columns: Columns,
        findings: &mut Findings,
    ) -> Option<Self> {
        let file = source.file.as_str();
        let faults_before = findings.faults.len();
        let mut records = Records::new(&source.text);
        let header: Vec<String> = match records.next() {
            Some(Ok(cells)) => cells.iter().map(|c| c.text.trim().to_owned()).collect(),
            Some(Err(broken)) => {
                broken_fault(file, &broken, findings);
                return None;
            }
            None => {
                findings.fault(Place::line(file, 1), "a header line");
                return None;
            }
        };
        let wanted = || columns.required.iter().chain(columns.optional).copied();
        let mut places = HashMap::new();
        for (index, name) in header.iter().enumerate() {
            let known = wanted().find(|column| column == name);
            let place = Place::cell(file, 1, Some(index + 1), known);
            match known {
                Some(column) if places.insert(column, index).is_some() => {
                    findings.fault(place, "each column once");
                }
                Some(_) => {}
                None if columns.others_usual => {}
                None => findings.warn(place, "not a column of this file: not read"),
            }
        }
        for column in columns.required {
            if !places.contains_key(column) {
                let place = Place::cell(file, 1, None, Some(column));
                findings.fault(place, "a column of this name in the header");
            }
        }
        (findings.faults.len() == faults_before).then_some(Self {
            file,
            header,
            places,
            records,
            rows: 0,
            faults_before,
            longer_rows: columns.others_usual,
        })
    }

    /// The next row that has the header's shape; of others the fault is recorded.
    pub(super) fn next_row(&mut self, findings: &mut Findings) -> Option<Row<'_, 't>> {
        loop {
            let cells = match self.records.next()? {
                Ok(cells) => cells,
                Err(broken) => {
                    broken_fault(self.file, &broken, findings);
                    return None;
                }
            };
            let line = cells.first().map_or(0, |cell| cell.line);
            self.rows += 1;
            if self.rows > ROWS_MAX {
                let expected = format!("at most {ROWS_MAX} rows");
                findings.fault(Place::line(self.file, line), expected);
                return None;
            }
            if findings.faults.len() - self.faults_before >= FAULTS_PER_FILE_MAX {
                let expected = format!(
                    "fewer than {FAULTS_PER_FILE_MAX} faults before this line; \
                     the rest of the file was not read"
                );
                findings.fault(Place::line(self.file, line), expected);
                return None;
            }
            if cells.iter().all(|cell| cell.text.trim().is_empty()) {
                continue;
            }
            if self.is_header(&cells) {
                findings.fault(
                    Place::line(self.file, line),
                    "one header, on the first line",
                );
                continue;
            }
            if !self.has_shape(&cells) {
                let expected = format!(
                    "{} cells, as in the header, not {}",
                    self.header.len(),
                    cells.len()
                );
                findings.fault(Place::line(self.file, line), expected);
                continue;
            }
            return Some(Row { table: self, cells });
        }
    }

    fn is_header(&self, cells: &[Cell<'_>]) -> bool {
        let names = cells
            .iter()
            .map(|c| c.text.trim_start_matches('\u{FEFF}').trim());
        self.header.iter().map(String::as_str).eq(names)
    }

    fn has_shape(&self, cells: &[Cell<'_>]) -> bool {
        let mut extra = cells.iter().skip(self.header.len());
        cells.len() >= self.header.len()
            && (self.longer_rows || extra.all(|cell| cell.text.trim().is_empty()))
    }
}

fn broken_fault(file: &str, broken: &Broken, findings: &mut Findings) {
    let place = Place::cell(file, broken.line, Some(broken.cell), None);
    findings.fault(place, broken.expected);
}

/// One row.
#[derive(Debug)]
pub(super) struct Row<'r, 't> {
    table: &'r Table<'t>,
    cells: Vec<Cell<'t>>,
}

impl Row<'_, '_> {
    pub(super) fn line(&self) -> usize {
        self.cells.first().map_or(0, |cell| cell.line)
    }

    /// The place of the whole row.
    pub(super) fn place(&self) -> Place {
        Place::line(self.table.file, self.line())
    }

    /// The place of a cell.
    pub(super) fn place_of(&self, column: &'static str) -> Place {
        let index = self.table.places.get(column).copied();
        let line = index
            .and_then(|index| self.cells.get(index))
            .map_or_else(|| self.line(), |cell| cell.line);
        let number = index.map(|index| index + 1);
        Place::cell(self.table.file, line, number, Some(column))
    }

    /// A cell without the blanks around it; empty when the file lacks the column.
    pub(super) fn text(&self, column: &str) -> &str {
        self.table
            .places
            .get(column)
            .and_then(|index| self.cells.get(*index))
            .map_or("", |cell| cell.text.trim())
    }

    /// Whether more cells than the header has names hold something: an extract put together from
    /// two layouts has such rows. What stands under a name may then belong under another.
    pub(super) fn is_shifted(&self) -> bool {
        let mut extra = self.cells.iter().skip(self.table.header.len());
        extra.any(|cell| !cell.text.trim().is_empty())
    }

    /// A cell that must hold something; `None` when it does not, with the fault recorded.
    pub(super) fn required<T>(
        &self,
        column: &'static str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
        findings: &mut Findings,
    ) -> Option<T> {
        let value = read(self.text(column));
        if value.is_none() {
            findings.fault(self.place_of(column), expected);
        }
        value
    }

    /// A cell that may be blank: `Some(None)`. `None` when it is wrong, with the fault recorded.
    pub(super) fn optional<T>(
        &self,
        column: &'static str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
        findings: &mut Findings,
    ) -> Option<Option<T>> {
        if self.text(column).is_empty() {
            return Some(None);
        }
        self.required(column, expected, read, findings).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_wrong_throughout_is_not_read_to_its_end() {
        let mut findings = Findings::default();
        let text = String::from("a,b\n") + &"x,\n".repeat(FAULTS_PER_FILE_MAX * 2);
        let source = Source::new("t.csv", text.into_bytes(), 99_999, &mut findings).unwrap();
        let columns = Columns {
            required: &["a", "b"],
            optional: &[],
            others_usual: false,
        };
        let mut table = Table::open(&source, columns, &mut findings).unwrap();
        while let Some(row) = table.next_row(&mut findings) {
            row.required(
                "b",
                "a number",
                |text| text.parse::<u8>().ok(),
                &mut findings,
            );
        }
        assert_eq!(findings.faults.len(), FAULTS_PER_FILE_MAX + 1);
        let last = findings.faults.last().unwrap();
        assert_eq!(last.place.line, Some(FAULTS_PER_FILE_MAX + 2));
    }
}
