//! What was told, kept beside the database: a restart must not tell it again although the database could
//! not record that it was told.
//!
//! One file of a fixed size, written over in place: a full disk has room for it already. It is a courtesy
//! and no record: what cannot be read in it is told again, which is the lesser harm, and after an hour
//! so is everything: a condition that lasts over many restarts is told of once an hour, not once and
//! never again.

use crate::referral::alarm::{AlarmKind, AlarmSeverity};
use crate::referral::id::AlarmId;
use crate::store::AlarmLine;
use jiff::{SignedDuration, Timestamp};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// The file's size, bytes: more than a hundred alarms. Of a storm the rest is told again.
const SIZE: usize = 16 * 1024;
/// What was told longer ago is told again by the next run.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(1);
/// Stands for what is not there.
const NONE: &str = "-";

/// The file, and what it holds.
#[derive(Debug)]
pub(super) struct Memory {
    path: PathBuf,
    written: Vec<u8>,
    read: bool,
}

impl Memory {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            written: Vec::new(),
            read: false,
        }
    }

    /// Whether what an earlier run left was looked at: nothing may be written over it before.
    pub(super) fn was_read(&self) -> bool {
        self.read
    }

    pub(super) fn note_read(&mut self) {
        self.read = true;
    }

    /// What an earlier run told within the hour; nothing where there is no file, or none that can be
    /// read.
    pub(super) async fn read(&self, now: Timestamp) -> Vec<AlarmLine> {
        let bytes = tokio::fs::read(&self.path).await.unwrap_or_default();
        let text = String::from_utf8_lossy(bytes.get(..SIZE).unwrap_or(&bytes));
        let lines = text.lines().filter_map(parsed);
        lines.filter(|line| is_fresh(line, now)).collect()
    }

    /// Holds what was told of these, if that is something else than before. It is made at the first call,
    /// so that it is there when the disk is full.
    pub(super) async fn write(&mut self, lines: &[AlarmLine]) -> io::Result<()> {
        let bytes = bytes(lines);
        if bytes != self.written {
            write_over(self.path.clone(), bytes.clone()).await?;
            self.written = bytes;
        }
        Ok(())
    }
}

/// In place: whatever a crash leaves half of is a line that cannot be read.
async fn write_over(path: PathBuf, bytes: Vec<u8>) -> io::Result<()> {
    let written = tokio::task::spawn_blocking(move || over(&path, &bytes));
    written.await.map_err(io::Error::other)?
}

fn over(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_data()
}

fn is_fresh(line: &AlarmLine, now: Timestamp) -> bool {
    let told = line.mailed_at.into_iter().chain(line.hooked_at).max();
    // After a step of the clock it may lie ahead, and is then of no use.
    let since = told.map(|told| now.duration_since(told));
    since.is_some_and(|since| (SignedDuration::ZERO..KEPT_FOR).contains(&since))
}

/// A line each, what may be told at any hour first, as many as there is room for; blanks to the end.
fn bytes(lines: &[AlarmLine]) -> Vec<u8> {
    let told = |line: &&AlarmLine| line.mailed_at.is_some() || line.hooked_at.is_some();
    let mut told: Vec<&AlarmLine> = lines.iter().filter(told).collect();
    told.sort_by_key(|line| match line.kind.severity() {
        AlarmSeverity::Critical => 0,
        AlarmSeverity::Warning => 1,
    });
    let mut text = String::new();
    for line in told {
        let one = written(line);
        if text.len().saturating_add(one.len()) <= SIZE {
            text.push_str(&one);
        }
    }
    let mut bytes = text.into_bytes();
    bytes.resize(SIZE, b'\n');
    bytes
}

fn written(line: &AlarmLine) -> String {
    let at = |at: Option<Timestamp>| at.map_or(NONE.to_owned(), |at| at.to_string());
    let (who, since) = match &line.claimed {
        Some((who, since)) => (who.as_str(), Some(*since)),
        None => (NONE, None),
    };
    let members = [
        line.alarm.to_string(),
        line.kind.word().to_owned(),
        line.subject.clone(),
        line.opened_at.to_string(),
        at(line.mailed_at),
        at(line.hooked_at),
        at(since),
        who.to_owned(),
    ];
    let mut text = String::new();
    // A member that would break the line is left out with it: it is told again.
    if !members
        .iter()
        .any(|member| member.contains(['\t', '\n', '\r']))
    {
        writeln!(text, "{}", members.join("\t")).unwrap_or_default();
    }
    text
}

fn parsed(line: &str) -> Option<AlarmLine> {
    let mut members = line.split('\t');
    let mut next = || members.next();
    let (alarm, kind, subject) = (next()?, next()?, next()?);
    let (opened, mailed, hooked, since, who) = (next()?, next()?, next()?, next()?, next()?);
    let at = |text: &str| match text {
        NONE => Some(None),
        text => text.parse().ok().map(Some),
    };
    Some(AlarmLine {
        alarm: AlarmId::parse(alarm).ok()?,
        kind: AlarmKind::parse(kind)?,
        subject: subject.to_owned(),
        opened_at: opened.parse().ok()?,
        mailed_at: at(mailed)?,
        hooked_at: at(hooked)?,
        claimed: at(since)?.map(|since| (who.to_owned(), since)),
        cleared_at: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(nth: u8, kind: AlarmKind, told: Option<&str>) -> AlarmLine {
        AlarmLine {
            alarm: AlarmId::from_parts(1, [nth; 10]),
            kind,
            subject: format!("ntf_{nth}"),
            opened_at: "2026-11-23T02:00:00.000001Z".parse().unwrap(),
            mailed_at: told.map(|at| at.parse().unwrap()),
            hooked_at: None,
            claimed: (nth == 2).then(|| ("A Tester".to_owned(), Timestamp::UNIX_EPOCH)),
            cleared_at: None,
        }
    }

    #[tokio::test]
    async fn what_was_told_within_the_hour_is_known_to_the_next_run_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("told");
        let now: Timestamp = "2026-11-23T03:00:00Z".parse().unwrap();
        assert_eq!(Memory::new(path.clone()).read(now).await, []);
        let kind = AlarmKind::StuckTimer;
        let lines = [
            line(1, AlarmKind::SenderQuiet, Some("2026-11-23T02:30:00Z")),
            line(2, kind, Some("2026-11-23T02:00:01Z")),
            line(3, kind, Some("2026-11-23T02:00:00Z")),
            line(4, kind, Some("2026-11-23T03:00:01Z")),
            line(5, kind, None),
        ];
        let mut memory = Memory::new(path.clone());
        memory.write(&lines).await.unwrap();
        let size = |path: &Path| std::fs::metadata(path).unwrap().len();
        assert_eq!(size(&path), 16 * 1024);
        let read = Memory::new(path.clone()).read(now).await;
        assert_eq!(read, [lines[1].clone(), lines[0].clone()]);
        // It is over.
        memory.write(&[]).await.unwrap();
        assert_eq!(
            (memory.read(now).await, size(&path)),
            (Vec::new(), 16 * 1024)
        );
    }

    #[tokio::test]
    async fn of_a_storm_it_holds_what_there_is_room_for_and_of_a_broken_file_what_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("told");
        let now: Timestamp = "2026-11-23T03:00:00Z".parse().unwrap();
        let told = Some("2026-11-23T02:30:00Z");
        let storm: Vec<AlarmLine> = (0..=255)
            .map(|nth| line(nth, AlarmKind::SenderQuiet, told))
            .chain([line(7, AlarmKind::StoreNotCommitting, told)])
            .collect();
        let mut memory = Memory::new(path.clone());
        memory.write(&storm).await.unwrap();
        let read = memory.read(now).await;
        assert!(
            read.len() > 100 && read.len() < storm.len(),
            "{}",
            read.len()
        );
        assert_eq!(read[0].kind, AlarmKind::StoreNotCommitting);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[..40].fill(0xff);
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(memory.read(now).await.len(), read.len() - 1);
    }
}
