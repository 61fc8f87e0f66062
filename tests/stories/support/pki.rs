//! A made-up authority and everybody it could certify, as PEM files of mode 0600 in a folder of
//! their own that goes with the value.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SanType, SerialNumber, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

static SERIAL: AtomicU64 = AtomicU64::new(1);

/// A certificate and its key.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    serial: u64,
}

/// The authority of one story.
pub(crate) struct Pki {
    /// Signed everybody below but `outsider`.
    pub(crate) ca: PathBuf,
    /// Revokes `revoked`.
    pub(crate) crl: PathBuf,
    /// `localhost` and `127.0.0.1`.
    pub(crate) server: Identity,
    /// The force `essex`.
    pub(crate) essex: Identity,
    /// The force `kent`.
    pub(crate) kent: Identity,
    /// Names both `essex` and `kent`.
    pub(crate) both: Identity,
    /// Names no force, but its common name is `essex`.
    pub(crate) nameless: Identity,
    /// `essex`, until 2021.
    pub(crate) expired: Identity,
    /// `essex`, for servers.
    pub(crate) wrong_usage: Identity,
    /// `essex`, revoked.
    pub(crate) revoked: Identity,
    /// `essex`, says another authority.
    pub(crate) outsider: Identity,
    authority: CertifiedIssuer<'static, KeyPair>,
    _folder: TempDir,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let (ours, other) = (authority("Ours"), authority("Another"));
        let issue =
            |name, by, change: fn(&mut CertificateParams)| issue(folder.path(), name, by, change);
        let pki = Self {
            ca: write(&folder.path().join("ca.pem"), &ours.pem()),
            crl: folder.path().join("crl.pem"),
            server: issue("server", &ours, |params| {
                params.subject_alt_names = vec![
                    SanType::DnsName("localhost".try_into().unwrap()),
                    SanType::IpAddress([127, 0, 0, 1].into()),
                ];
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }),
            essex: issue("essex", &ours, |params| forces(params, &["essex"])),
            kent: issue("kent", &ours, |params| forces(params, &["kent"])),
            both: issue("both", &ours, |params| forces(params, &["essex", "kent"])),
            nameless: issue("nameless", &ours, |params| {
                params.distinguished_name.push(DnType::CommonName, "essex");
            }),
            expired: issue("expired", &ours, |params| {
                forces(params, &["essex"]);
                params.not_before = date_time_ymd(2020, 1, 1);
                params.not_after = date_time_ymd(2021, 1, 1);
            }),
            wrong_usage: issue("wrong-usage", &ours, |params| {
                forces(params, &["essex"]);
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }),
            revoked: issue("revoked", &ours, |params| forces(params, &["essex"])),
            outsider: issue("outsider", &other, |params| forces(params, &["essex"])),
            authority: ours,
            _folder: folder,
        };
        pki.revoke(&[&pki.revoked]);
        pki
    }

    /// What a server that shows `server` is configured with.
    pub(crate) fn serves(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_file(&self.server.certificate).unwrap()],
                PrivateKeyDer::from_pem_file(&self.server.key).unwrap(),
            );
        Arc::new(config.unwrap())
    }

    /// Writes the revocation list anew: exactly these are revoked.
    pub(crate) fn revoke(&self, identities: &[&Identity]) {
        self.list(identities, (2096, 1, 1));
    }

    /// Writes the revocation list anew, to be renewed by this day.
    pub(crate) fn renew_by(&self, day: jiff::civil::Date) {
        let (month, day_of_month) = (day.month().unsigned_abs(), day.day().unsigned_abs());
        let by = (day.year().into(), month, day_of_month);
        self.list(&[&self.revoked], by);
    }

    fn list(&self, identities: &[&Identity], (year, month, day): (i32, u8, u8)) {
        let revoked = |identity: &&Identity| RevokedCertParams {
            serial_number: SerialNumber::from(identity.serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let crl = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(year, month, day),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: identities.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let crl = crl.signed_by(&self.authority).unwrap();
        let beside = write(&self.crl.with_extension("new"), &crl.pem().unwrap());
        fs::rename(beside, &self.crl).unwrap();
    }
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn forces(params: &mut CertificateParams, names: &[&str]) {
    params.subject_alt_names = names
        .iter()
        .map(|name| format!("firstbell:force:{name}").try_into().unwrap())
        .map(SanType::URI)
        .collect();
}

fn issue(
    folder: &Path,
    name: &str,
    by: &CertifiedIssuer<'static, KeyPair>,
    change: fn(&mut CertificateParams),
) -> Identity {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.use_authority_key_identifier_extension = true;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut params);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    params.serial_number = Some(SerialNumber::from(serial));
    let certificate = params.signed_by(&key, by).unwrap();
    let file = |ending| folder.join(format!("{name}{ending}"));
    Identity {
        certificate: write(&file(".pem"), &certificate.pem()),
        key: write(&file("-key.pem"), &key.serialize_pem()),
        serial,
    }
}

fn write(path: &Path, pem: &str) -> PathBuf {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
        .open(path)
        .and_then(|mut file| file.write_all(pem.as_bytes()))
        .unwrap();
    path.to_owned()
}
