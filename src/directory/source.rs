//! A file's bytes as text: bounded, UTF-8 with or without its mark, else cp1252 as GIAS publishes.

use super::finding::{Findings, Place};
use std::io::Read;
use std::path::Path;

/// The national register is about 60 MiB; twice that leaves it room to grow.
pub(super) const REGISTER_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Files a force keeps itself: a row for each of ten thousand contacts is below 2 MiB.
pub(super) const LOCAL_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// A file that is there and could not be read; the fault is recorded.
#[derive(Debug)]
pub(super) struct Unreadable;

/// A file's name and text.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: String,
    pub(super) text: String,
}

impl Source {
    /// Reads a file of the folder; `None` when it is not there.
    pub(super) fn read(
        dir: &Path,
        file: &str,
        bytes_max: u64,
        findings: &mut Findings,
    ) -> Result<Option<Self>, Unreadable> {
        let mut bytes = Vec::new();
        let read = std::fs::File::open(dir.join(file)).and_then(|opened| {
            opened
                .take(bytes_max.saturating_add(1))
                .read_to_end(&mut bytes)
        });
        match read {
            Ok(_) => Self::new(file, bytes, bytes_max, findings)
                .map(Some)
                .ok_or(Unreadable),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let expected = format!("a file that can be read ({})", error.kind());
                findings.fault(Place::file(file), expected);
                Err(Unreadable)
            }
        }
    }

    /// Takes bytes read elsewhere; `None` when they are no text we read, with the fault recorded.
    pub(super) fn new(
        file: &str,
        bytes: Vec<u8>,
        bytes_max: u64,
        findings: &mut Findings,
    ) -> Option<Self> {
        if u64::try_from(bytes.len()).is_ok_and(|length| length > bytes_max) {
            let expected = format!("at most {bytes_max} bytes");
            findings.fault(Place::file(file), expected);
            return None;
        }
        if bytes.starts_with(&[0xFE, 0xFF]) || bytes.starts_with(&[0xFF, 0xFE]) {
            findings.fault(Place::line(file, 1), "UTF-8 or cp1252, not UTF-16");
            return None;
        }
        let text = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
            Some(rest) => match std::str::from_utf8(rest) {
                Ok(text) => text.to_owned(),
                Err(error) => {
                    let good = rest.get(..error.valid_up_to()).unwrap_or_default();
                    let place = Place::line(file, 1 + lines_ended(good));
                    findings.fault(place, "UTF-8, as the file's first bytes promise");
                    return None;
                }
            },
            None => String::from_utf8(bytes).unwrap_or_else(|error| {
                let (text, _) =
                    encoding_rs::WINDOWS_1252.decode_without_bom_handling(error.as_bytes());
                text.into_owned()
            }),
        };
        Some(Self {
            file: file.to_owned(),
            text,
        })
    }
}

/// The line ends in some bytes: LF, CR LF, or CR alone.
pub(super) fn lines_ended(bytes: &[u8]) -> usize {
    let after = bytes.iter().skip(1).map(Some).chain([None]);
    bytes
        .iter()
        .zip(after)
        .filter(|(byte, next)| **byte == b'\n' || (**byte == b'\r' && *next != Some(&b'\n')))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cp1252_is_read_where_utf8_is_not_promised() {
        let mut findings = Findings::default();
        let source = Source::new(
            "x.csv",
            b"Ysgol D\xF4l \x96 \x92".to_vec(),
            99,
            &mut findings,
        );
        assert_eq!(source.unwrap().text, "Ysgol D\u{F4}l \u{2013} \u{2019}");
        let marked = b"\xEF\xBB\xBFa\r\nb\rc\n\xF4".to_vec();
        assert!(Source::new("x.csv", marked, 99, &mut findings).is_none());
        assert_eq!(findings.faults[0].place, Place::line("x.csv", 4));
    }

    #[test]
    fn too_many_bytes_and_utf16_are_refused() {
        let mut findings = Findings::default();
        assert!(Source::new("x.csv", vec![b'a'; 100], 99, &mut findings).is_none());
        assert!(Source::new("x.csv", vec![0xFF, 0xFE, b'a', 0], 99, &mut findings).is_none());
        assert_eq!(findings.faults.len(), 2);
    }
}
