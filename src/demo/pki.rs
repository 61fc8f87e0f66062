//! The demo's certificate authority: made afresh each time, its key never written to disk.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A certificate and its key, as files.
#[derive(Debug, Clone)]
pub struct Identity {
    /// PEM chain.
    pub certificate: PathBuf,
    /// PEM key.
    pub key: PathBuf,
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// A server on loopback.
    Server,
    /// A client, named by a URI or, for our relay client, by none.
    Client(Option<&'static str>),
}

pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    /// Makes the authority and writes its certificate as `ca.pem`.
    pub(super) fn make(folder: &Path) -> Result<Self, PkiFault> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "Firstbell demo authority");
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        write(&folder.join("ca.pem"), &certificate.pem())?;
        Ok(Self {
            issuer: Issuer::new(params, key),
            folder: folder.to_owned(),
        })
    }

    /// Issues a certificate and writes it as `NAME.pem` and `NAME.key`.
    pub(super) fn issue(&self, name: &str, purpose: Purpose) -> Result<Identity, PkiFault> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        match purpose {
            Purpose::Server => {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
                params.subject_alt_names = vec![
                    SanType::DnsName("localhost".try_into()?),
                    SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                ];
            }
            Purpose::Client(uri) => {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
                params.subject_alt_names = match uri {
                    Some(uri) => vec![SanType::URI(uri.try_into()?)],
                    None => vec![SanType::DnsName("gateway.test".try_into()?)],
                };
            }
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let identity = Identity {
            certificate: self.folder.join(format!("{name}.pem")),
            key: self.folder.join(format!("{name}.key")),
        };
        write(&identity.certificate, &certificate.pem())?;
        write(&identity.key, &key.serialize_pem())?;
        Ok(identity)
    }
}

/// Why the authority could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PkiFault {
    /// A certificate.
    #[error("a demo certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A file.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
}

/// Writes a file that only its owner may read.
pub(super) fn write(path: &Path, text: &str) -> Result<(), PkiFault> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| PkiFault::File(path.to_owned(), error))
}
