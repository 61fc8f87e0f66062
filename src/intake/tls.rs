//! TLS on intake: a client certificate always, no resumption, no version below the floor.

use super::Settings;
use crate::tls::TlsFloor;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem};
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const TLS_1_3_ONLY: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
/// 1.2 stays for robots on Windows Server 2019. Every 1.2 suite of the library has ephemeral
/// ECDH and an AEAD, so the version is the whole floor.
const TLS_1_2_AND_UP: &[&SupportedProtocolVersion] =
    &[&rustls::version::TLS13, &rustls::version::TLS12];

/// Why the files of intake cannot be used.
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

/// The files as they were read, kept so that a later reading shows whether anything changed.
#[derive(PartialEq, Eq)]
pub(super) struct Files {
    certificate: Pem,
    key: Pem,
    client_ca: Pem,
    crls: Vec<Pem>,
}

#[derive(PartialEq, Eq)]
struct Pem {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files(..)")
    }
}

impl Files {
    /// Reads every file that TLS on intake needs.
    pub(super) async fn read(settings: &Settings) -> Result<Self, Unusable> {
        let mut crls = Vec::new();
        for path in &settings.crls {
            crls.push(Pem::read(path).await?);
        }
        Ok(Self {
            certificate: Pem::read(&settings.certificate).await?,
            key: Pem::read(&settings.key).await?,
            client_ca: Pem::read(&settings.client_ca).await?,
            crls,
        })
    }

    /// Makes the server's side of TLS.
    ///
    /// With revocation lists, a certificate whose status none of them gives is refused, at every
    /// place of the chain. A list past its `nextUpdate` still counts: what it revokes stays revoked,
    /// and refusing everybody because a list was not renewed overnight would lose that night.
    pub(super) fn config(&self, floor: TlsFloor) -> Result<Arc<ServerConfig>, Unusable> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        for authority in self
            .client_ca
            .all::<CertificateDer<'static>>("certificates")?
        {
            roots.add(authority)?;
        }
        let mut crls = Vec::new();
        for file in &self.crls {
            crls.extend(file.all::<CertificateRevocationListDer<'static>>("revocation lists")?);
        }
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .with_crls(crls)
                .build()?;
        let versions = match floor {
            TlsFloor::V12 => TLS_1_2_AND_UP,
            TlsFloor::V13 => TLS_1_3_ONLY,
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.certificate.all("certificates")?, self.key.key()?)?;
        // A resumed session restores the client's chain without checking it again: a revoked
        // certificate would go on posting.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::tests::settings;
    use rcgen::{CertificateParams, KeyPair};
    use std::fs;
    use tempfile::TempDir;

    /// Settings over a folder with a certificate of our own, which is its own authority.
    fn files() -> (TempDir, Settings) {
        let folder = TempDir::new().unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        let mut settings = settings();
        settings.certificate = folder.path().join("intake.pem");
        settings.key = folder.path().join("intake-key.pem");
        settings.client_ca = folder.path().join("ca.pem");
        fs::write(&settings.certificate, certificate.pem()).unwrap();
        fs::write(&settings.client_ca, certificate.pem()).unwrap();
        fs::write(&settings.key, key.serialize_pem()).unwrap();
        (folder, settings)
    }

    async fn config(settings: &Settings) -> Result<Arc<ServerConfig>, Unusable> {
        Files::read(settings).await?.config(settings.floor)
    }

    #[tokio::test]
    async fn nothing_could_be_resumed() {
        let (_folder, settings) = files();
        let config = config(&settings).await.unwrap();
        assert_eq!(config.send_tls13_tickets, 0);
        assert!(!config.session_storage.can_cache() && !config.ticketer.enabled());
        assert_eq!(config.alpn_protocols, [b"http/1.1"]);
    }

    #[tokio::test]
    async fn a_changed_file_is_seen() {
        let (_folder, settings) = files();
        let before = Files::read(&settings).await.unwrap();
        assert!(before == Files::read(&settings).await.unwrap());
        fs::write(&settings.key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
        let after = Files::read(&settings).await.unwrap();
        assert!(before != after);
        let other_key = after.config(settings.floor);
        assert!(matches!(other_key, Err(Unusable::Certificate(_))));
    }

    #[tokio::test]
    async fn a_file_without_what_it_should_hold_is_named() {
        let (folder, mut settings) = files();
        let empty = folder.path().join("empty.pem");
        fs::write(&empty, "nothing here\n").unwrap();
        settings.crls = vec![empty.clone()];
        let lists = config(&settings).await;
        assert!(matches!(lists, Err(Unusable::Empty { path, .. }) if path == empty));
        settings.crls = vec![];
        settings.client_ca = empty.clone();
        let authority = config(&settings).await;
        assert!(matches!(authority, Err(Unusable::Empty { path, .. }) if path == empty));
        settings.client_ca = settings.certificate.clone();
        settings.key = empty.clone();
        let key = config(&settings).await;
        assert!(matches!(key, Err(Unusable::Pem { path, .. }) if path == empty));
    }
}
