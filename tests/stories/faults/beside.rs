//! A second SQLite beside the daemon, another build of it in another process: holds the write lock
//! so that posts gather behind it, and says what is really stored.

use crate::support::waiting::until;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(crate) struct Beside {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// What is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) referrals: usize,
    pub(super) facts: usize,
}

/// Printed after each answer.
const END: &str = "-- end --";

impl Beside {
    pub(crate) fn open(state_dir: &Path) -> Self {
        let mut child = Command::new("sqlite3")
            .args(["-batch", "-noheader", "-list"])
            .arg(state_dir.join("firstbell.db"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = child.stdin.take().unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        let mut beside = Self { child, to, from };
        beside.ask(".timeout 10000");
        beside
    }

    /// Takes the write lock. The daemon's next batch waits for it.
    pub(crate) fn lock(&mut self) {
        assert_eq!(self.ask("BEGIN IMMEDIATE; SELECT 'locked';"), ["locked"]);
    }

    pub(crate) fn unlock(&mut self) {
        assert_eq!(self.ask("ROLLBACK; SELECT 'free';"), ["free"]);
    }

    /// Folds the log back and empties it: the next batch begins a new one. SQLite does not wait for
    /// the daemon, which folds it back too when it is idle.
    pub(super) fn empty_log(&mut self) {
        let is_empty = |done: Vec<String>| done == ["0|0|0"];
        until(|| is_empty(self.ask("PRAGMA wal_checkpoint(TRUNCATE);")).then_some(())).unwrap();
    }

    /// What is stored, once the facts were found without a gap and the store to remember the last.
    pub(super) fn stored(&mut self) -> Stored {
        let row = self.ask(
            "SELECT (SELECT COUNT(*) FROM referral), (SELECT COUNT(*) FROM fact), \
             (SELECT MAX(seq) FROM fact), (SELECT fact_seq FROM store);",
        );
        let numbers: Vec<usize> = row[0].split('|').map(|n| n.parse().unwrap()).collect();
        let [referrals, facts, last, remembered] = numbers[..] else {
            panic!("{row:?}");
        };
        assert_eq!(
            (last, remembered),
            (facts, facts),
            "facts, and the last one"
        );
        Stored { referrals, facts }
    }

    /// The file itself, to the last page.
    pub(super) fn assert_sound(&mut self) {
        assert_eq!(self.ask("PRAGMA integrity_check;"), ["ok"]);
        assert_eq!(self.ask("PRAGMA foreign_key_check;"), [""; 0]);
    }

    fn ask(&mut self, statement: &str) -> Vec<String> {
        writeln!(self.to, "{statement}\n.print {END:?}").unwrap();
        self.to.flush().unwrap();
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let length = self.from.read_line(&mut line).unwrap();
            assert!(length > 0, "sqlite3 ended at: {statement}");
            match line.trim_end() {
                END => return lines,
                line => lines.push(line.to_owned()),
            }
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(|_| ()).unwrap_or_default();
    }
}
