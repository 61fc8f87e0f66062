//! Files that hold a secret which is sent, or used, inside TLS only.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Why a secret cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretFault {
    /// It cannot be read.
    #[error("{}: cannot be read", .0.display())]
    Unread(PathBuf),
    /// Others can read it.
    #[error("{}: is open to others", .0.display())]
    Open(PathBuf),
}

/// Reads a file that others must not be able to read.
pub fn read_secret(path: &Path) -> Result<Vec<u8>, SecretFault> {
    let unread = |_| SecretFault::Unread(path.to_owned());
    let mode = fs::metadata(path).map_err(unread)?.permissions().mode();
    if mode & 0o007 != 0 {
        return Err(SecretFault::Open(path.to_owned()));
    }
    fs::read(path).map_err(unread)
}

/// What such a file holds, without the end of its line.
pub fn without_line_end(secret: &[u8]) -> &[u8] {
    let line = secret.strip_suffix(b"\n").unwrap_or(secret);
    line.strip_suffix(b"\r").unwrap_or(line)
}
