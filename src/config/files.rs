//! The files that settings name: where they are, and whether they can be used.

use super::kind::Kind;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Whether the files that settings name are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// They must be there, readable, and secrets closed to others.
    AtFiles,
    /// They are not looked at. A credential that systemd did not hand over keeps its name
    /// (`credential:NAME`) as its path, and opening it fails.
    Away,
}

/// What a secret begins with when systemd hands it over (systemd.exec(5), LoadCredential=).
const CREDENTIAL: &str = "credential:";

/// Any permission of the group or of others.
const OTHERS: u32 = 0o077;
/// systemd closes the folder, and shows the group bits when it lets the service's user in by an
/// access list; so only the bits of others count there.
const OTHERS_THAN_SYSTEMD_LETS_IN: u32 = 0o007;

/// The path that a setting means: relative ones are meant from the folder of their file.
pub(super) fn resolve(
    kind: Kind,
    text: &str,
    folder: &Path,
    look: Look,
) -> Result<PathBuf, String> {
    match text.strip_prefix(CREDENTIAL) {
        Some(name) if matches!(kind, Kind::Secret) => {
            match (credential(credentials_folder(), name), look) {
                (Ok(path), _) => Ok(path),
                (Err(_), Look::Away) => Ok(PathBuf::from(text)),
                (Err(what), Look::AtFiles) => Err(what),
            }
        }
        Some(_) | None => Ok(folder.join(text)),
    }
}

/// Whether the file can be used as what it is named for.
pub(super) fn check(kind: Kind, text: &str, path: &Path) -> Result<(), String> {
    let cannot = |error: io::Error| format!("cannot be read: {}: {error}", path.display());
    if matches!(kind, Kind::Folder) {
        fs::read_dir(path).map_err(cannot)?;
        return Ok(());
    }
    let opened = File::open(path).and_then(|file| file.metadata());
    let metadata = opened.map_err(cannot)?;
    if !metadata.is_file() {
        return Err(format!("is not a file: {}", path.display()));
    }
    if matches!(kind, Kind::Secret) {
        closed(text, path, &metadata)?;
    }
    Ok(())
}

fn closed(text: &str, path: &Path, metadata: &Metadata) -> Result<(), String> {
    let mode = metadata.permissions().mode() & 0o777;
    let open = if text.starts_with(CREDENTIAL) {
        OTHERS_THAN_SYSTEMD_LETS_IN
    } else {
        OTHERS
    };
    if mode & open == 0 {
        return Ok(());
    }
    Err(format!(
        "is open to others (mode {mode:04o}): chmod 0600 {}; it may have been read, so consider a new one",
        path.display()
    ))
}

/// systemd's protocol for handing over credentials is this one variable, which holds a folder's
/// name and no secret; nothing else is taken from the environment.
fn credentials_folder() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

fn credential(folder: Option<PathBuf>, name: &str) -> Result<PathBuf, String> {
    let good = (1..=64).contains(&name.len())
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if !good {
        return Err(
            "its credential's name must be 1 to 64 of letters, digits, . _ and -".to_owned(),
        );
    }
    match folder {
        Some(folder) => Ok(folder.join(name)),
        None => Err(format!(
            "is a systemd credential and systemd handed over none: start with \
             LoadCredential={name}:PATH, or give a path"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;

    #[test]
    fn a_credential_is_found_in_the_folder_that_systemd_names() {
        let folder = PathBuf::from("/run/credentials/firstbell.service");
        let path = credential(Some(folder.clone()), "store").unwrap();
        assert_eq!(path, folder.join("store"));
        assert!(credential(Some(folder), "../etc/passwd").is_err());
        assert!(
            credential(None, "store")
                .unwrap_err()
                .contains("LoadCredential=store:")
        );
    }

    #[test]
    fn a_secret_is_closed_to_others_and_a_credential_may_show_systemds_access_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        fs::write(&path, "secret").unwrap();
        let mut seen = Vec::new();
        for mode in [0o600, 0o400, 0o440, 0o640, 0o444] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let file = check(Kind::Secret, "store", &path).is_ok();
            let credential = check(Kind::Secret, "credential:store", &path).is_ok();
            seen.push((mode, file, credential));
        }
        let expected = vec![
            (0o600, true, true),
            (0o400, true, true),
            (0o440, false, true),
            (0o640, false, true),
            (0o444, false, false),
        ];
        assert_eq!(seen, expected);
    }
}
