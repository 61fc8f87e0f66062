//! The order to the preloaded shim: which calls on the database's files fail, and how.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// What a failing call looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    IoError,
    NoSpace,
    /// Half of one write is taken, nothing of what follows.
    Short,
}

impl How {
    /// As the shim reads it.
    fn number(self) -> i64 {
        match self {
            Self::IoError => 1,
            Self::NoSpace => 2,
            Self::Short => 3,
        }
    }
}

/// Which calls fail. Those of the first are counted among all calls, of the others among syncs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which {
    /// The n-th call and all that follow.
    From(i64),
    /// The n-th sync alone.
    Sync(i64),
    /// The n-th sync and every call of any kind that follows.
    FromSync(i64),
}

/// What the shim saw since it was last told something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) calls: i64,
    pub(crate) syncs: i64,
    pub(crate) failed: i64,
}

/// A disk that fails on order, for the one process that is started with [`Disk::environment`].
pub(crate) struct Disk {
    folder: TempDir,
    order: File,
}

/// Numbers of the order that are ours to write, and those that the shim counts.
const OURS: usize = 4;
const COUNTED: usize = 3;

impl Disk {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories/faults/shim.c");
        let built = Command::new("cc")
            .args([
                "-std=c11", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o",
            ])
            .arg(folder.path().join("shim.so"))
            .arg(source)
            .arg("-ldl")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{said}");
        let order = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(folder.path().join("order"))
            .unwrap();
        order.set_len(64).unwrap();
        Self { folder, order }
    }

    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        vec![
            ("LD_PRELOAD", path("shim.so")),
            ("FAULTS_ORDER", path("order")),
        ]
    }

    /// Counts from nothing, and lets these calls fail from now on.
    pub(crate) fn fail(&self, how: How, which: Which) {
        let (which, first, last) = match which {
            Which::From(n) => (0, n, i64::MAX),
            Which::Sync(n) => (1, n, n),
            Which::FromSync(n) => (2, n, i64::MAX),
        };
        self.tell([how.number(), which, first, last]);
    }

    /// Counts from nothing; nothing fails.
    pub(crate) fn count(&self) {
        self.tell([0; OURS]);
    }

    /// The fault lifts; what was counted stays to be read.
    pub(crate) fn mend(&self) {
        self.write(0, 0);
    }

    pub(crate) fn seen(&self) -> Seen {
        Seen {
            calls: self.read(OURS),
            syncs: self.read(OURS + 1),
            failed: self.read(OURS + 2),
        }
    }

    /// The kind of failure comes last: until then nothing fails.
    fn tell(&self, order: [i64; OURS]) {
        self.mend();
        for place in OURS..OURS + COUNTED {
            self.write(place, 0);
        }
        for place in (0..OURS).rev() {
            self.write(place, order[place]);
        }
    }

    fn write(&self, place: usize, number: i64) {
        let at = u64::try_from(place * 8).unwrap();
        self.order.write_all_at(&number.to_ne_bytes(), at).unwrap();
    }

    fn read(&self, place: usize) -> i64 {
        let mut bytes = [0; 8];
        let at = u64::try_from(place * 8).unwrap();
        self.order.read_exact_at(&mut bytes, at).unwrap();
        i64::from_ne_bytes(bytes)
    }
}
