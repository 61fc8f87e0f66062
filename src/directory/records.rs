//! CSV (RFC 4180 section 2), record by record, with the line of every cell.
//!
//! Not the `csv` crate: it takes an unclosed quote to the end of the file for a cell, and says of a
//! record only where it began, so neither could be reported with its exact line and column.

use super::source::lines_ended;
use std::borrow::Cow;

/// The longest record: thirty times the widest row of the register. An unclosed quote swallows no
/// more than this before it is reported.
pub(super) const RECORD_BYTES_MAX: usize = 64 * 1024;

/// One cell and the line it begins on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cell<'t> {
    pub(super) text: Cow<'t, str>,
    pub(super) line: usize,
}

/// Text that is no CSV: nothing after it can be trusted, so reading ends there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// The line on which the bad cell begins.
    pub(super) line: usize,
    /// The bad cell, counted from 1.
    pub(super) cell: usize,
    pub(super) expected: &'static str,
}

/// The records of a text. Lines end with LF, CR LF or CR, in any mixture; blank lines are skipped.
#[derive(Debug)]
pub(super) struct Records<'t> {
    rest: &'t str,
    line: usize,
}

impl<'t> Records<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            rest: text,
            line: 1,
        }
    }

    fn record(&mut self) -> Result<Vec<Cell<'t>>, Broken> {
        let length_at_start = self.rest.len();
        let mut cells = Vec::new();
        loop {
            let line = self.line;
            let broken = |expected| Broken {
                line,
                cell: cells.len() + 1,
                expected,
            };
            let text = self.cell().map_err(broken)?;
            if length_at_start - self.rest.len() > RECORD_BYTES_MAX {
                return Err(broken("a row of at most 64 KiB: is a quote left open?"));
            }
            cells.push(Cell { text, line });
            if !self.rest.starts_with(',') {
                self.end_of_line();
                return Ok(cells);
            }
            self.take(1);
        }
    }

    fn cell(&mut self) -> Result<Cow<'t, str>, &'static str> {
        if self.rest.starts_with('"') {
            self.take(1);
            return self.quoted();
        }
        let length = self.rest.find([',', '\n', '\r']);
        Ok(Cow::Borrowed(self.take(length.unwrap_or(self.rest.len()))))
    }

    /// The rest of a cell whose opening quote is taken; two quotes stand for one.
    fn quoted(&mut self) -> Result<Cow<'t, str>, &'static str> {
        let mut text = Cow::Borrowed("");
        loop {
            let length = self.rest.find('"').ok_or("a quote that closes this cell")?;
            let piece = self.take(length);
            self.line += lines_ended(piece.as_bytes());
            if text.is_empty() {
                text = Cow::Borrowed(piece);
            } else {
                text.to_mut().push_str(piece);
            }
            self.take(1);
            if self.rest.starts_with('"') {
                self.take(1);
                text.to_mut().push('"');
            } else if self.rest.is_empty() || self.rest.starts_with([',', '\n', '\r']) {
                return Ok(text);
            } else {
                return Err("a comma or the line's end after this cell's closing quote");
            }
        }
    }

    fn end_of_line(&mut self) {
        if self.rest.starts_with("\r\n") {
            self.take(2);
        } else if self.rest.starts_with(['\r', '\n']) {
            self.take(1);
        } else {
            return;
        }
        self.line += 1;
    }

    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}

impl<'t> Iterator for Records<'t> {
    type Item = Result<Vec<Cell<'t>>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.rest.starts_with(['\r', '\n']) {
            self.end_of_line();
        }
        if self.rest.is_empty() {
            return None;
        }
        let record = self.record();
        if record.is_err() {
            self.rest = "";
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<Vec<(usize, String)>, Broken>> {
        Records::new(text)
            .map(|record| {
                let cells = record?.into_iter();
                Ok(cells.map(|c| (c.line, c.text.into_owned())).collect())
            })
            .collect()
    }

    fn cells(line: usize, texts: &[&str]) -> Result<Vec<(usize, String)>, Broken> {
        Ok(texts
            .iter()
            .map(|text| (line, (*text).to_owned()))
            .collect())
    }

    #[test]
    fn lines_are_counted_through_every_kind_of_line_end() {
        let expected = [
            cells(1, &["a", "b"]),
            cells(2, &["c", ""]),
            cells(5, &["d,\"e\"", "f\"g"]),
            cells(6, &["", "\""]),
        ];
        let read = read("a,b\r\nc,\r\r\n\n\"d,\"\"e\"\"\",f\"g\n\"\",\"\"\"\"");
        assert_eq!(read, expected);
    }

    #[test]
    fn a_cell_over_several_lines_has_the_line_it_begins_on() {
        let read = read("a,\"b\r\nc\",d\ne");
        let first = [(1, "a"), (1, "b\r\nc"), (2, "d")];
        let first = first.map(|(line, text)| (line, text.to_owned()));
        assert_eq!(read, [Ok(first.to_vec()), cells(3, &["e"])]);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_quoted_reads_back(rows in rows_of_any_text()) {
            let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let line = |row: &Vec<String>| row.iter().map(quoted).collect::<Vec<_>>().join(",");
            let text = rows.iter().map(line).collect::<Vec<_>>().join("\r\n");
            let back: Vec<Vec<String>> = read(&text)
                .into_iter()
                .map(|record| record.unwrap().into_iter().map(|(_, text)| text).collect())
                .collect();
            proptest::prop_assert_eq!(back, rows);
        }

        #[test]
        fn lines_never_run_backward_whatever_the_text(text in "[a,\"\r\n]{0,60}") {
            let records = read(&text);
            let cells = records.into_iter().flatten().flatten();
            proptest::prop_assert!(cells.map(|(line, _)| line).is_sorted());
        }
    }

    fn rows_of_any_text() -> impl proptest::strategy::Strategy<Value = Vec<Vec<String>>> {
        use proptest::collection::vec;
        vec(vec("[a-c,\"\r\n\u{e9}]{0,6}", 1..4), 1..4)
    }

    #[test]
    fn an_unclosed_quote_is_reported_where_it_opened_and_ends_the_reading() {
        for (text, line, cell) in [
            ("a\nb,\"c\nd,e\n", 2, 2),
            ("a,\"b\nc,\"d\",e\nf", 1, 2),
            (
                &format!("a\n\"{}\",b\nc", "x\n".repeat(RECORD_BYTES_MAX)),
                2,
                1,
            ),
        ] {
            let read = read(text);
            let broken = read.last().unwrap().as_ref().unwrap_err();
            assert_eq!((broken.line, broken.cell), (line, cell));
        }
    }
}
