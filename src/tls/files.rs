//! The files behind a listening socket's TLS, and the configuration they make: no resumption, no
//! version below the floor.

use super::{TlsFloor, provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const TLS_1_3_ONLY: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
/// 1.2 stays for robots on Windows Server 2019, and for relays as old. Every 1.2 suite of the library
/// has ephemeral ECDH and an AEAD, so the version is the whole floor.
const TLS_1_2_AND_UP: &[&SupportedProtocolVersion] =
    &[&rustls::version::TLS13, &rustls::version::TLS12];

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not the PEM it should be.
    #[error("{}: not a PEM file of {what}: {source}", path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// Why.
        source: pem::Error,
    },
    /// A file holds none of what it should.
    #[error("{}: holds no {what}", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// The authority or the revocation lists cannot be used.
    #[error("client certificates cannot be verified: {0}")]
    Verifier(#[from] VerifierBuilderError),
    /// The certificate or its key cannot be used.
    #[error("our certificate or key cannot be used: {0}")]
    Certificate(#[from] rustls::Error),
}

/// Where the files are.
#[derive(Debug, Clone, Copy)]
pub struct ServerPaths<'a> {
    /// Our chain, PEM, leaf first.
    pub certificate: &'a Path,
    /// Our key, PEM.
    pub key: &'a Path,
    /// The authority of client certificates, PEM. With it, none may come without one.
    pub client_ca: Option<&'a Path>,
    /// Its revocation lists, PEM.
    pub crls: &'a [PathBuf],
}

/// The files as they were read, kept so that a later reading shows whether anything changed.
#[derive(PartialEq, Eq)]
pub struct ServerFiles {
    certificate: Pem,
    key: Pem,
    client_ca: Option<Pem>,
    crls: Vec<Pem>,
}

#[derive(PartialEq, Eq)]
struct Pem {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl std::fmt::Debug for ServerFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerFiles(..)")
    }
}

impl ServerFiles {
    /// Reads every file.
    pub async fn read(paths: ServerPaths<'_>) -> Result<Self, Unusable> {
        let client_ca = match paths.client_ca {
            Some(path) => Some(Pem::read(path).await?),
            None => None,
        };
        let mut crls = Vec::new();
        for path in paths.crls {
            crls.push(Pem::read(path).await?);
        }
        Ok(Self {
            certificate: Pem::read(paths.certificate).await?,
            key: Pem::read(paths.key).await?,
            client_ca,
            crls,
        })
    }

    /// Makes the server's side of TLS.
    ///
    /// With revocation lists, a certificate whose status none of them gives is refused, at every
    /// place of the chain. A list past its `nextUpdate` still counts: what it revokes stays revoked,
    /// and refusing everybody because a list was not renewed overnight would lose that night.
    pub fn config(&self, floor: TlsFloor) -> Result<ServerConfig, Unusable> {
        let versions = match floor {
            TlsFloor::V12 => TLS_1_2_AND_UP,
            TlsFloor::V13 => TLS_1_3_ONLY,
        };
        let builder =
            ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions)?;
        let builder = match &self.client_ca {
            Some(authority) => builder.with_client_cert_verifier(self.verifier(authority)?),
            None => builder.with_no_client_auth(),
        };
        let mut config =
            builder.with_single_cert(self.certificate.all("certificates")?, self.key.key()?)?;
        // A resumed session restores the client's chain without checking it again: a revoked
        // certificate would be let in. And a Microsoft client breaks on tickets.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    fn verifier(&self, authority: &Pem) -> Result<Arc<dyn ClientCertVerifier>, Unusable> {
        let mut roots = RootCertStore::empty();
        for authority in authority.all::<CertificateDer<'static>>("certificates")? {
            roots.add(authority)?;
        }
        let mut crls = Vec::new();
        for file in &self.crls {
            crls.extend(file.all::<CertificateRevocationListDer<'static>>("revocation lists")?);
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .with_crls(crls)
            .build()?;
        Ok(verifier)
    }
}

impl Pem {
    async fn read(path: &Path) -> Result<Self, Unusable> {
        let path = path.to_owned();
        match tokio::fs::read(&path).await {
            Ok(bytes) => Ok(Self { path, bytes }),
            Err(source) => Err(Unusable::File { path, source }),
        }
    }

    fn all<T: PemObject>(&self, what: &'static str) -> Result<Vec<T>, Unusable> {
        let found: Vec<T> = T::pem_slice_iter(&self.bytes)
            .collect::<Result<_, _>>()
            .map_err(|source| self.fault(what, source))?;
        if found.is_empty() {
            return Err(Unusable::Empty {
                path: self.path.clone(),
                what,
            });
        }
        Ok(found)
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, Unusable> {
        PrivateKeyDer::from_pem_slice(&self.bytes)
            .map_err(|source| self.fault("a private key", source))
    }

    fn fault(&self, what: &'static str, source: pem::Error) -> Unusable {
        Unusable::Pem {
            path: self.path.clone(),
            what,
            source,
        }
    }
}
