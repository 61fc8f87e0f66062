//! The seal on a letter: a detached OpenPGP signature.

use super::SignatureProfile;
use jiff::Timestamp;
use openpgp::armor;
use openpgp::cert::{CertBuilder, CipherSuite};
use openpgp::packet::Key;
use openpgp::packet::key::{SecretParts, UnspecifiedRole};
use openpgp::parse::Parse;
use openpgp::policy::StandardPolicy;
use openpgp::serialize::SerializeInto;
use openpgp::serialize::stream::{Armorer, Message, Signer as Signing};
use openpgp::types::{HashAlgorithm, KeyFlags};
use openpgp::{Cert, Packet, Profile};
use sequoia_openpgp as openpgp;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

/// The signature's hash as `micalg` names it (RFC 3156 section 5), lower case.
pub(super) const MICALG: &str = "pgp-sha512";
const HASH: HashAlgorithm = HashAlgorithm::SHA512;

/// An armored key is a few kilobytes; a file beyond this is not one.
const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;
/// "Read by others" in a Unix mode. The group's bits are left alone: systemd hands credentials to a
/// service through an access list, which shows there.
const OTHERS: u32 = 0o007;

/// The key that signs letters. `Debug` shows its fingerprint only.
#[derive(Clone)]
pub struct Signer {
    cert: Cert,
}

/// Why a key cannot sign letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignerFault {
    /// The file cannot be read.
    #[error("the signing key cannot be read ({0})")]
    Unreadable(std::io::ErrorKind),
    /// Its mode lets others at it.
    #[error("the signing key's file can be reached by every user: its mode must end in 0")]
    OpenToOthers,
    /// Larger than any key.
    #[error("the signing key's file is larger than {KEY_FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// Not an OpenPGP key.
    #[error("the signing key's file holds no OpenPGP key")]
    NotAKey,
    /// The key is of the other format.
    #[error("the signing key's version is not the one the signature profile asks for")]
    OtherProfile,
    /// No part of it can sign, or its secret is missing or behind a passphrase.
    #[error("the signing key holds no unencrypted key that may sign")]
    CannotSign,
    /// A new key could not be made.
    #[error("a signing key could not be made")]
    NotMade,
}

/// Why a letter was not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignFault {
    /// The key is younger than the letter.
    #[error("the signing key was made after the letter's time")]
    KeyTooYoung,
    /// Expired or revoked at the letter's time.
    #[error("the signing key may not sign at the letter's time")]
    KeyNotValid,
    /// The library failed.
    #[error("the signature could not be made")]
    NotMade,
    /// What was made does not verify.
    #[error("the signature does not verify")]
    NotVerified,
}

impl Signer {
    /// Reads an armored or binary key. It must be of the profile's version and hold an unencrypted
    /// key or subkey that may sign; whether it may at a letter's time is seen when it signs.
    pub fn load(path: &Path, profile: SignatureProfile) -> Result<Self, SignerFault> {
        let cert = Cert::from_bytes(&read_secret(path)?).map_err(|_| SignerFault::NotAKey)?;
        let wanted = match profile {
            SignatureProfile::V4 => 4,
            SignatureProfile::V6 => 6,
        };
        if cert.primary_key().key().version() != wanted {
            return Err(SignerFault::OtherProfile);
        }
        let signer = Self { cert };
        let may_sign = signer.cert.keys().unencrypted_secret().any(|key| {
            let bound_at = key
                .self_signatures()
                .filter_map(|signature| signature.signature_creation_time());
            bound_at.max().is_some_and(|at| signer.key_at(at).is_some())
        });
        may_sign.then_some(signer).ok_or(SignerFault::CannotSign)
    }

    /// The certificate's fingerprint, hexadecimal, upper case: what others check a letter against.
    pub fn fingerprint(&self) -> String {
        self.cert.fingerprint().to_hex()
    }

    /// Until when it may sign, as it stands at this instant; none if it does not end, or may not sign.
    pub fn valid_until(&self, at: Timestamp) -> Option<Timestamp> {
        let at = SystemTime::from(at);
        let policy = StandardPolicy::at(at);
        let valid = self.cert.with_policy(&policy, at).ok()?;
        let primary = valid.primary_key().key_expiration_time();
        let keys = valid.keys().alive().revoked(false).for_signing();
        let ends = keys.map(|key| {
            let own = key.key_expiration_time().into_iter();
            own.chain(primary).min()
        });
        // The last of them to end: until then there is one that signs.
        let ends = ends.collect::<Option<Vec<_>>>()?;
        Timestamp::try_from(ends.into_iter().max()?).ok()
    }

    /// The certificate, without the secret, for whoever checks signatures.
    pub fn certificate_armored(&self) -> Result<String, SignerFault> {
        let certificate = self.cert.clone().strip_secret_key_material();
        let armored = certificate
            .armored()
            .to_vec()
            .map_err(|_| SignerFault::NotMade)?;
        String::from_utf8(armored).map_err(|_| SignerFault::NotMade)
    }

    /// Whether the key may sign at an instant: it is made, not expired and not revoked then.
    pub fn may_sign_at(&self, at: Timestamp) -> bool {
        self.key_at(SystemTime::from(at)).is_some()
    }

    /// Signs bytes as of `at` (whole seconds) and verifies what was made. The armored signature's
    /// lines end in LF. It is not the same twice: the library salts it, so that nobody who chooses
    /// what is signed can prepare a collision.
    pub fn sign(&self, bytes: &[u8], at: Timestamp) -> Result<String, SignFault> {
        let at = SystemTime::from(at);
        if at < self.cert.primary_key().key().creation_time() {
            return Err(SignFault::KeyTooYoung);
        }
        let key = self.key_at(at).ok_or(SignFault::KeyNotValid)?;
        let armored = detached(&key, bytes, at).map_err(|_| SignFault::NotMade)?;
        let Ok(Packet::Signature(made)) = Packet::from_bytes(armored.as_bytes()) else {
            return Err(SignFault::NotVerified);
        };
        let good = made.hash_algo() == HASH && made.verify_message(&key, bytes).is_ok();
        good.then_some(armored).ok_or(SignFault::NotVerified)
    }

    fn key_at(&self, at: SystemTime) -> Option<Key<SecretParts, UnspecifiedRole>> {
        let policy = StandardPolicy::at(at);
        let keys = self
            .cert
            .keys()
            .with_policy(&policy, at)
            .supported()
            .alive()
            .revoked(false);
        let key = keys.for_signing().unencrypted_secret().next();
        key.map(|key| key.key().clone())
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Signer").field(&self.fingerprint()).finish()
    }
}

/// Makes a new signing key, armored, secret included, not behind a passphrase: the file's mode
/// guards it. Ed25519; one key that certifies and signs, so that there is one fingerprint to check.
/// It does not expire. `created_at` must not lie in the future: others refuse such a key.
pub fn generate(
    user_id: &str,
    created_at: Timestamp,
    profile: SignatureProfile,
) -> Result<String, SignerFault> {
    let profile = match profile {
        SignatureProfile::V4 => Profile::RFC4880,
        SignatureProfile::V6 => Profile::RFC9580,
    };
    let flags = KeyFlags::empty().set_certification().set_signing();
    let made = CertBuilder::new()
        .set_profile(profile)
        .map(|builder| {
            builder
                .set_cipher_suite(CipherSuite::Cv25519)
                .set_creation_time(SystemTime::from(created_at))
                .set_primary_key_flags(flags)
                .add_userid(user_id)
        })
        .and_then(CertBuilder::generate);
    let (cert, _revocation) = made.map_err(|_| SignerFault::NotMade)?;
    let armored = cert
        .as_tsk()
        .armored()
        .to_vec()
        .map_err(|_| SignerFault::NotMade)?;
    String::from_utf8(armored).map_err(|_| SignerFault::NotMade)
}

fn read_secret(path: &Path) -> Result<Vec<u8>, SignerFault> {
    let unreadable = |error: std::io::Error| SignerFault::Unreadable(error.kind());
    let file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if about.mode() & OTHERS != 0 {
        return Err(SignerFault::OpenToOthers);
    }
    if about.len() > KEY_FILE_BYTES_MAX {
        return Err(SignerFault::TooLarge);
    }
    let mut bytes = Vec::new();
    file.take(KEY_FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

fn detached(
    key: &Key<SecretParts, UnspecifiedRole>,
    bytes: &[u8],
    at: SystemTime,
) -> openpgp::Result<String> {
    let mut armored = Vec::new();
    let message = Message::new(&mut armored);
    let message = Armorer::new(message).kind(armor::Kind::Signature).build()?;
    let mut message = Signing::new(message, key.clone().into_keypair()?)?
        .detached()
        .hash_algo(HASH)?
        .creation_time(at)
        .build()?;
    message.write_all(bytes)?;
    message.finalize()?;
    Ok(String::from_utf8(armored)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    const CREATED: &str = "2025-01-06T09:00:00Z";

    fn written(key: &str, mode: u32) -> tempfile::TempPath {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(key.as_bytes()).unwrap();
        fs::set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
        file.into_temp_path()
    }

    #[test]
    fn a_key_signs_from_its_creation_on_in_both_profiles() {
        for profile in [SignatureProfile::V4, SignatureProfile::V6] {
            let created: Timestamp = CREATED.parse().unwrap();
            let key = generate("Firstbell <gateway@firstbell.test>", created, profile).unwrap();
            let signer = Signer::load(&written(&key, 0o600), profile).unwrap();
            assert!(signer.sign(b"words", created).is_ok());
            let before = "2025-01-06T08:59:59Z".parse().unwrap();
            assert_eq!(signer.sign(b"words", before), Err(SignFault::KeyTooYoung));
            let certificate = signer.certificate_armored().unwrap();
            assert!(certificate.contains("PUBLIC KEY") && !certificate.contains("PRIVATE"));
            assert!(!format!("{signer:?}").contains("secret"));
        }
    }

    #[test]
    fn a_key_that_cannot_sign_letters_is_refused() {
        let created: Timestamp = CREATED.parse().unwrap();
        let key = generate("Firstbell", created, SignatureProfile::V4).unwrap();
        let load = |key: &str, mode| {
            Signer::load(&written(key, mode), SignatureProfile::V4)
                .map(|_| ())
                .unwrap_err()
        };
        assert_eq!(load(&key, 0o644), SignerFault::OpenToOthers);
        assert_eq!(load("no key", 0o600), SignerFault::NotAKey);
        let other = generate("Firstbell", created, SignatureProfile::V6).unwrap();
        assert_eq!(load(&other, 0o600), SignerFault::OtherProfile);
        let signer = Signer::load(&written(&key, 0o640), SignatureProfile::V4).unwrap();
        let certificate = signer.certificate_armored().unwrap();
        assert_eq!(load(&certificate, 0o600), SignerFault::CannotSign);
        let gone = Signer::load(Path::new("/no/such/key"), SignatureProfile::V4);
        let not_found = SignerFault::Unreadable(std::io::ErrorKind::NotFound);
        assert_eq!(gone.map(|_| ()), Err(not_found));
    }

    #[test]
    fn a_locked_key_is_refused() {
        let (cert, _) = CertBuilder::new()
            .add_userid("Firstbell")
            .set_primary_key_flags(KeyFlags::empty().set_signing().set_certification())
            .set_password(Some("locked".into()))
            .generate()
            .unwrap();
        let locked = String::from_utf8(cert.as_tsk().armored().to_vec().unwrap()).unwrap();
        let loaded = Signer::load(&written(&locked, 0o600), SignatureProfile::V4);
        assert_eq!(loaded.map(|_| ()), Err(SignerFault::CannotSign));
    }
}
