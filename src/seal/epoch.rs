//! Epochs: one key a week, in a file of its own outside the database, wrapped by the credential.
//! Destroying the file makes every content key of that week unreadable, in old backups too.

use super::{Key, SealFault};
use jiff::Timestamp;
use jiff::civil::ISOWeekDate;
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Why an epoch's key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum EpochFault {
    /// The credential is not 64 hexadecimal digits.
    #[error("{0}: not a credential: expected 64 hexadecimal digits")]
    NotACredential(PathBuf),
    /// A file could not be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// The file does not open under this credential.
    #[error("{0}: {1}")]
    Seal(PathBuf, SealFault),
}

/// Reads the credential: 32 bytes as hexadecimal digits on one line.
pub fn read_credential(path: &Path) -> Result<Key, EpochFault> {
    let text = std::fs::read_to_string(path).map_err(|e| EpochFault::File(path.into(), e))?;
    let digits = text.trim();
    let mut bytes = [0u8; 32];
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(EpochFault::NotACredential(path.into()));
    }
    for (byte, place) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = digits
            .get(place..place + 2)
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            .ok_or_else(|| EpochFault::NotACredential(path.into()))?;
    }
    Ok(Key::from_bytes(bytes))
}

/// The epochs' keys, opened as they are needed.
#[derive(Debug)]
pub struct Epochs {
    folder: PathBuf,
    credential: Key,
    open: HashMap<String, Key>,
}

impl Epochs {
    /// Keeps epoch keys in `folder`, which is made with the first key: whoever only reads writes
    /// nothing.
    pub fn new(folder: PathBuf, credential: Key) -> Self {
        Self {
            folder,
            credential,
            open: HashMap::new(),
        }
    }

    /// The epoch of an instant: its ISO week, `2026-W47`.
    pub fn name_at(at: Timestamp) -> String {
        let week: ISOWeekDate = at.to_zoned(TimeZone::UTC).date().iso_week_date();
        format!("{:04}-W{:02}", week.year(), week.week())
    }

    /// The key of an epoch that exists.
    pub fn get(&mut self, name: &str) -> Result<Key, EpochFault> {
        if let Some(key) = self.open.get(name) {
            return Ok(key.clone());
        }
        let path = self.path(name);
        let mut wrapped = Vec::new();
        File::open(&path)
            .and_then(|mut file| file.read_to_end(&mut wrapped))
            .map_err(|e| EpochFault::File(path.clone(), e))?;
        let key = self
            .credential
            .unwrap(&wrapped, name)
            .map_err(|e| EpochFault::Seal(path, e))?;
        self.open.insert(name.to_owned(), key.clone());
        Ok(key)
    }

    /// Opens the key of every epoch that is there.
    pub fn check(&mut self) -> Result<(), EpochFault> {
        let fault = |error| EpochFault::File(self.folder.clone(), error);
        let files = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            read => read.map_err(fault)?,
        };
        let mut names = Vec::new();
        for file in files {
            let path = file.map_err(fault)?.path();
            let is_key = path.extension().is_some_and(|ending| ending == "key");
            let name = path.file_stem().and_then(|name| name.to_str());
            names.extend(name.filter(|_| is_key).map(str::to_owned));
        }
        names.iter().try_for_each(|name| self.get(name).map(drop))
    }

    /// The key of an epoch, made and on disk before it is used.
    pub fn get_or_make(&mut self, name: &str) -> Result<Key, EpochFault> {
        match self.get(name) {
            Err(EpochFault::File(_, error)) if error.kind() == io::ErrorKind::NotFound => {
                self.make(name)?;
                self.get(name)
            }
            found => found,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    /// Written beside and renamed, both synced: a key that was used is never half on disk.
    fn make(&self, name: &str) -> Result<(), EpochFault> {
        let path = self.path(name);
        let fault = |error| EpochFault::File(path.clone(), error);
        let sealed = |error| EpochFault::Seal(path.clone(), error);
        let key = Key::generate().map_err(sealed)?;
        let wrapped = self.credential.wrap(&key, name).map_err(sealed)?;
        self.make_folder()?;
        let beside = path.with_extension("new");
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut file| file.write_all(&wrapped).and_then(|()| file.sync_all()))
            .map_err(fault)?;
        std::fs::rename(&beside, &path).map_err(fault)?;
        sync(&self.folder).map_err(fault)
    }

    /// Synced into its parent, or a power loss could take the folder with a key that was used.
    fn make_folder(&self) -> Result<(), EpochFault> {
        let made = DirBuilder::new().mode(0o700).create(&self.folder);
        match (made, self.folder.parent()) {
            (Err(error), _) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            (Err(error), _) => Err(error),
            (Ok(()), Some(parent)) => sync(parent),
            (Ok(()), None) => Ok(()),
        }
        .map_err(|error| EpochFault::File(self.folder.clone(), error))
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_survives_a_restart_and_needs_its_credential() {
        let folder = tempfile::tempdir().unwrap();
        let credential = Key::from_bytes([5; 32]);
        let place = folder.path().join("epochs");
        let mut epochs = Epochs::new(place.clone(), credential.clone());
        let name = Epochs::name_at("2026-11-22T21:00:00Z".parse().unwrap());
        assert_eq!(name, "2026-W47");
        let wrapped = epochs
            .get_or_make(&name)
            .unwrap()
            .wrap(&Key::from_bytes([9; 32]), "k")
            .unwrap();
        let mut again = Epochs::new(place.clone(), credential);
        assert!(again.get(&name).unwrap().unwrap(&wrapped, "k").is_ok());
        let mut other = Epochs::new(place, Key::from_bytes([6; 32]));
        assert!(matches!(other.get(&name), Err(EpochFault::Seal(..))));
        assert!(matches!(other.get("2026-W01"), Err(EpochFault::File(..))));
    }

    #[test]
    fn looking_for_a_key_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("epochs");
        let mut epochs = Epochs::new(place.clone(), Key::from_bytes([5; 32]));
        assert!(matches!(epochs.get("2026-W47"), Err(EpochFault::File(..))));
        assert!(!place.exists());
        epochs.get_or_make("2026-W47").unwrap();
        epochs.get_or_make("2026-W48").unwrap();
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&place.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(std::fs::read_dir(place).unwrap().count(), 2);
    }
}
