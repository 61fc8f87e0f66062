//! Certificates and the signing key: how long they still hold.

use crate::referral::alarm::AlarmKind;
use jiff::{SignedDuration, Timestamp};
use std::path::{Path, PathBuf};
use x509_parser::pem::Pem;

/// With less left it is told at any hour.
const LAST_DAYS: SignedDuration = SignedDuration::from_hours(48);
/// With less left it is told at the desk's opening: most authorities take days to renew one.
const EXPIRING: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Largest file that is read, bytes: a chain is a few kilobytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A certificate of ours that a setting names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// What it is for: `intake`, `replies`, `route:cjsm`.
    pub name: String,
    /// PEM, leaf first.
    pub path: PathBuf,
}

impl Certificate {
    /// When its leaf ends; none if the file cannot be read now.
    pub fn ends_at(&self) -> Option<Timestamp> {
        ends_at(&self.path)
    }
}

fn ends_at(path: &Path) -> Option<Timestamp> {
    let about = std::fs::metadata(path).ok()?;
    if about.len() > FILE_BYTES_MAX {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    let leaf = Pem::iter_from_buffer(&bytes).next()?.ok()?;
    let certificate = leaf.parse_x509().ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

/// What is wrong with something that ends then, if anything.
pub(super) fn kind_of(ends_at: Timestamp, now: Timestamp) -> Option<AlarmKind> {
    let left = ends_at.duration_since(now);
    if left <= SignedDuration::ZERO {
        Some(AlarmKind::KeyExpired)
    } else if left <= LAST_DAYS {
        Some(AlarmKind::CertificateLastDays)
    } else if left <= EXPIRING {
        Some(AlarmKind::CertificateExpiring)
    } else {
        None
    }
}

/// The same for a key of which only can be asked whether it holds at an instant.
pub(super) fn kind_of_key(
    holds_at: impl Fn(Timestamp) -> bool,
    now: Timestamp,
) -> Option<AlarmKind> {
    let holds_in = |span| now.checked_add(span).is_ok_and(&holds_at);
    if !holds_at(now) {
        Some(AlarmKind::KeyExpired)
    } else if !holds_in(LAST_DAYS) {
        Some(AlarmKind::CertificateLastDays)
    } else if !holds_in(EXPIRING) {
        Some(AlarmKind::CertificateExpiring)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_is_told_of_at_the_hours_it_deserves() {
        let now: Timestamp = "2026-11-23T02:00:00Z".parse().unwrap();
        let in_days = |days: i64| now + SignedDuration::from_hours(24 * days);
        for (days, kind) in [
            (-1, Some(AlarmKind::KeyExpired)),
            (0, Some(AlarmKind::KeyExpired)),
            (2, Some(AlarmKind::CertificateLastDays)),
            (3, Some(AlarmKind::CertificateExpiring)),
            (30, Some(AlarmKind::CertificateExpiring)),
            (31, None),
        ] {
            assert_eq!(kind_of(in_days(days), now), kind, "{days}");
            let key = kind_of_key(|at| at < in_days(days), now);
            assert_eq!(key, kind, "{days}");
        }
    }

    #[test]
    fn the_end_of_a_certificate_is_read_from_its_file() {
        let mut params = rcgen::CertificateParams::new(["a.test".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2031, 5, 6);
        let pem = params
            .self_signed(&rcgen::KeyPair::generate().unwrap())
            .unwrap()
            .pem();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pem");
        std::fs::write(&path, pem).unwrap();
        let certificate = Certificate {
            name: "intake".to_owned(),
            path: path.clone(),
        };
        let ends = certificate.ends_at().unwrap();
        assert_eq!(ends.to_string(), "2031-05-06T00:00:00Z");
        std::fs::write(&path, "no certificate").unwrap();
        assert_eq!(certificate.ends_at(), None);
    }
}
