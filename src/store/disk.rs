//! Room on disk: intake is refused before the disk is full, and a ballast file is given up so that
//! the outcomes of letters in flight can still be recorded.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

#[derive(Debug)]
pub(super) struct Disk {
    state_dir: PathBuf,
    free_min_bytes: u64,
    ballast_bytes: u64,
}

/// Written in pieces of this size.
const PIECE: usize = 64 * 1024;

impl Disk {
    pub(super) fn new(state_dir: PathBuf, free_min_bytes: u64, ballast_bytes: u64) -> Self {
        Self {
            state_dir,
            free_min_bytes,
            ballast_bytes,
        }
    }

    /// Whether less than the minimum is free. A disk that cannot be asked counts as full.
    pub(super) fn nearly_full(&self) -> bool {
        self.free_bytes()
            .is_none_or(|free| free < self.free_min_bytes)
    }

    fn free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(&self.state_dir).ok()?;
        disk.f_bavail.checked_mul(disk.f_frsize)
    }

    fn ballast(&self) -> PathBuf {
        self.state_dir.join("ballast")
    }

    /// Lays the ballast, if there is room for it and for the minimum besides.
    pub(super) fn lay_ballast(&self) -> io::Result<()> {
        let laid = fs::metadata(self.ballast())
            .map(|file| file.len())
            .unwrap_or(0);
        let room = self
            .free_bytes()
            .unwrap_or(0)
            .saturating_sub(self.free_min_bytes);
        if laid >= self.ballast_bytes || room < self.ballast_bytes {
            return Ok(());
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(self.ballast())?;
        // Written, not only sized: a sparse file would give nothing back.
        let mut left = self.ballast_bytes;
        while left > 0 {
            let piece = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            file.write_all(vec![0x5A; piece].as_slice())?;
            left = left.saturating_sub(u64::try_from(piece).unwrap_or(left));
        }
        file.sync_all()
    }

    /// Gives the ballast up. It is laid again at the next start with room.
    pub(super) fn release_ballast(&self) {
        match fs::remove_file(self.ballast()) {
            Ok(()) => tracing::warn!("ballast released: the disk was full"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::error!(%error, "ballast could not be released"),
        }
    }
}
