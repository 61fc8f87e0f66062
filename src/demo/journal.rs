//! Journals: what happened outside the gateway, line by line, as JSON.

use serde_json::Value;
use std::io::{self, Write};
use std::path::Path;

/// Adds a line.
pub(super) fn note(path: &Path, line: &Value) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)?;
    writeln!(file, "{line}")
}
