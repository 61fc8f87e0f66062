//! Room on disk: intake is refused before the disk is full, and a ballast file is given up so that
//! the outcomes of letters in flight can still be recorded.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

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

/// Bytes of the write-ahead log's head, and of the head of each of its frames ("Database File
/// Format", 4.1).
const WAL_HEAD: u64 = 32;
const FRAME_HEAD: u64 = 24;

/// Pages in the write-ahead log since it was last begun anew, some of which may be folded back.
///
/// Why not the file's length? SQLite writes a log that was folded back over from its start and leaves
/// the file as long as it ever was. Frames of this log carry the salts of its head, and no frame behind
/// its end does.
///
/// Why not the wal-index, which holds the number? SQLite's locks are on that file, and POSIX gives all
/// of a process's locks up when it closes any descriptor of theirs.
pub(super) fn wal_pages(database: &Path) -> io::Result<u64> {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    let log = match File::open(path) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let length = log.metadata()?.len();
    if length <= WAL_HEAD {
        return Ok(0);
    }
    let mut page_bytes = [0; 4];
    log.read_exact_at(&mut page_bytes, 8)?;
    let frame_bytes = FRAME_HEAD + u64::from(u32::from_be_bytes(page_bytes));
    let mut salts = [0; 8];
    log.read_exact_at(&mut salts, 16)?;
    // Those of this log come first: halve until its end is found.
    let (mut ours, mut all) = (0, (length - WAL_HEAD) / frame_bytes);
    while ours < all {
        let middle = ours + (all - ours) / 2;
        let mut found = [0; 8];
        log.read_exact_at(&mut found, WAL_HEAD + middle * frame_bytes + 8)?;
        if found == salts {
            ours = middle + 1;
        } else {
            all = middle;
        }
    }
    Ok(ours)
}
