//! Whom a connection of ours trusts to name its peer.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::{Path, PathBuf};

/// Whom a way trusts to name its peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// The operating system's roots.
    System,
    /// One private authority: a PEM file.
    Private(PathBuf),
}

/// Why there are no roots.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootsFault {
    /// The system has none that can be read.
    #[error("the system has no trusted roots")]
    System,
    /// The authority's file cannot be used.
    #[error("{}: not a PEM file of certificates", .0.display())]
    File(PathBuf),
}

impl Roots {
    /// Reads them.
    pub fn store(&self) -> Result<RootCertStore, RootsFault> {
        let mut store = RootCertStore::empty();
        match self {
            // Systems carry the odd root that cannot be read; the others stand.
            Self::System => {
                store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if store.is_empty() {
                    return Err(RootsFault::System);
                }
            }
            Self::Private(path) => {
                let fault = || RootsFault::File(path.clone());
                for certificate in certificates(path).ok_or_else(fault)? {
                    store.add(certificate).map_err(|_| fault())?;
                }
            }
        }
        Ok(store)
    }
}

/// The certificates of a PEM file, at least one.
pub fn certificates(path: &Path) -> Option<Vec<CertificateDer<'static>>> {
    let all: Vec<_> = CertificateDer::pem_file_iter(path)
        .ok()?
        .collect::<Result<_, _>>()
        .ok()?;
    (!all.is_empty()).then_some(all)
}
