//! Folders of settings: what is said about each, word for word. A new case is a new folder in
//! `tests/data/config`, no code.
//!
//! A folder holds `firstbell.toml`, which stands alone, or `layer.toml`, which is laid over
//! `good/firstbell.toml`; `expected.txt`, every fault, or every warning where there is no fault; and
//! what the settings name. Files in a folder `secret` are closed to others, all else is not.

use firstbell::config::{Config, Look};
use firstbell::referral::policy::Policy;
use firstbell::referral::post::{Connection, ForceName, RiskGrade};
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Hostile inputs, row 58, and every other thing that can be wrong with settings.
#[test]
fn every_folder_of_settings_is_answered_as_expected() {
    let cases = fs::read_dir(data("")).unwrap();
    let mut cases: Vec<_> = cases.map(|case| case.unwrap().file_name()).collect();
    cases.sort();
    assert!(cases.len() >= 10, "the cases are gone");
    let mut wrong = String::new();
    for case in cases {
        let case = case.to_str().unwrap();
        let folder = copied(case);
        let layers = layers(folder.path(), case);
        let remarks = match Config::load(&layers) {
            Ok(config) => config.warnings().to_vec(),
            Err(faults) => faults,
        };
        let lines: String = remarks.iter().map(|remark| format!("{remark}\n")).collect();
        let said = lines
            .replace(&format!("{}/", folder.path().join(case).display()), "")
            .replace(&format!("{}/", folder.path().display()), "");
        let expected = fs::read_to_string(data(case).join("expected.txt")).unwrap();
        if said != expected {
            wrong += &format!("--- {case} says\n{said}");
        }
    }
    assert!(wrong.is_empty(), "not as expected.txt reads:\n{wrong}");
}

#[test]
fn a_remark_knows_its_column() {
    let folder = copied("unknown-keys");
    let faults = Config::load(&layers(folder.path(), "unknown-keys")).unwrap_err();
    let position = faults[0].place.position.unwrap();
    assert_eq!((position.line, position.column), (3, 3));
}

#[test]
fn a_port_in_use_is_a_fault_at_its_key() {
    let folder = copied("good");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let layer = folder.path().join("layer.toml");
    fs::write(&layer, format!("[intake]\nlisten = \"{listen}\"\n")).unwrap();
    let mut layers = layers(folder.path(), "good");
    layers.push(layer.clone());
    let config = Config::load(&layers).unwrap();
    let fault = config.check_listen().unwrap_err().to_string();
    let expected = format!(
        "{}:2: [intake] listen: cannot listen on {listen}: ",
        layer.display()
    );
    assert!(fault.starts_with(&expected), "{fault}");
    drop(taken);
    assert_eq!(config.check_listen(), Ok(()));
}

#[test]
fn the_listener_of_answers_takes_them_at_the_reply_address_and_only_if_it_has_an_address() {
    let folder = copied("good");
    let mut layers = layers(folder.path(), "good");
    assert_eq!(Config::load(&layers).unwrap().replies, None);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let layer = folder.path().join("good/layer.toml");
    let text = format!(
        "[intake]\nlisten = \"127.0.0.1:0\"\n[gateway]\nreply_to = \"answers@example.police.uk\"\n\
        [replies]\nlisten_tls = \"{listen}\"\ncertificate_file = \"intake.txt\"\n\
        key_file = \"secret/intake-key.txt\"\nallowed_relays = [\"192.0.2.0/24\"]\n"
    );
    fs::write(&layer, text).unwrap();
    layers.push(layer.clone());
    let config = Config::load(&layers).unwrap();
    let fault = config.check_listen().unwrap_err().to_string();
    let expected = format!(
        "{}:6: [replies] listen_tls: cannot listen on {listen}: ",
        layer.display()
    );
    assert!(fault.starts_with(&expected), "{fault}");
    let replies = config.replies.unwrap();
    assert_eq!(replies.reply_to.as_str(), "answers@example.police.uk");
    assert_eq!(
        (replies.listen_tls, replies.listen_starttls),
        (Some(listen), None)
    );
    assert_eq!(
        replies.key,
        folder.path().join("good/secret/intake-key.txt")
    );
    assert!(replies.allowed_relays[0].contains([192, 0, 2, 9].into()));
}

#[test]
fn a_later_file_wins_key_by_key_and_the_digest_moves_with_what_is_in_force() {
    let folder = copied("good");
    let alone = layers(folder.path(), "good");
    let config = Config::load(&alone).unwrap();
    let digest_with = |text: &str| {
        let layer = folder.path().join("layer.toml");
        fs::write(&layer, text).unwrap();
        let layers = [alone.clone(), vec![layer]].concat();
        Config::load(&layers).unwrap().digest()
    };
    assert_eq!(
        digest_with("[intake]\nbody_timeout_s = 10\n"),
        config.digest()
    );
    assert_ne!(
        digest_with("[intake]\nbody_timeout_s = 11\n"),
        config.digest()
    );
    assert_ne!(
        digest_with("[force.essex.policy]\nage_min = 1\n"),
        config.digest()
    );
    assert_eq!(config.letter.reply_to, config.letter.from);
    assert_eq!(
        config.operators.socket,
        config.store.state_dir.join("operators.sock")
    );
    assert_eq!(
        config.intake.key,
        folder.path().join("good/secret/intake-key.txt")
    );
}

#[test]
fn the_shipped_policy_is_the_act_and_the_2020_scheme_is_narrower() {
    let shipped = root().join("config/firstbell.toml");
    let scheme = root().join("config/set-2020.toml");
    let act = Config::read(std::slice::from_ref(&shipped), Look::Away).unwrap();
    assert!(!essex(&act).narrower_than_the_act());
    let narrower = |config: &Config| {
        let mut warnings = config.warnings().iter();
        warnings.any(|warning| warning.what.contains("narrower than s.49A"))
    };
    assert!(!narrower(&act));

    let narrow = Config::read(&[shipped, scheme], Look::Away).unwrap();
    let policy = essex(&narrow);
    assert_eq!(policy.grades, [RiskGrade::Medium]);
    assert_eq!((policy.age_min, policy.age_max), (4, 16));
    let connections = [
        Connection::Present,
        Connection::ResidesAtAddress,
        Connection::ResidesWithParty,
    ];
    assert_eq!(policy.connections, connections);
    assert_eq!(policy.desk, essex(&act).desk);
    assert!(narrower(&narrow));
}

fn essex(config: &Config) -> Arc<Policy> {
    config.policies[&ForceName::parse("essex").unwrap()].clone()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn data(case: &str) -> PathBuf {
    root().join("tests/data/config").join(case)
}

/// A copy of `good` and the case, with the permissions that the repository cannot keep.
fn copied(case: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["good", case] {
        copy(&data(name), &folder.path().join(name), 0o644);
    }
    folder
}

fn copy(from: &Path, to: &Path, mode: u32) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            let secret = entry.file_name() == "secret";
            copy(&entry.path(), &to, if secret { 0o600 } else { mode });
        } else {
            fs::copy(entry.path(), &to).unwrap();
            fs::set_permissions(&to, Permissions::from_mode(mode)).unwrap();
        }
    }
}

fn layers(folder: &Path, case: &str) -> Vec<PathBuf> {
    let layer = folder.join(case).join("layer.toml");
    if layer.exists() {
        vec![folder.join("good/firstbell.toml"), layer]
    } else {
        vec![folder.join(case).join("firstbell.toml")]
    }
}
