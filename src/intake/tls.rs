//! TLS on intake: a client certificate always, no resumption, no version below the floor.

use super::Settings;
use crate::tls::{ServerFiles, ServerPaths, TlsFloor};
use rustls::ServerConfig;
use std::sync::Arc;

pub use crate::tls::Unusable;

/// The files as they were read, kept so that a later reading shows whether anything changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Files(ServerFiles);

impl Files {
    /// Reads every file that TLS on intake needs.
    pub(super) async fn read(settings: &Settings) -> Result<Self, Unusable> {
        let paths = ServerPaths {
            certificate: &settings.certificate,
            key: &settings.key,
            client_ca: Some(&settings.client_ca),
            crls: &settings.crls,
        };
        ServerFiles::read(paths).await.map(Self)
    }

    /// Makes the server's side of TLS.
    pub(super) fn config(&self, floor: TlsFloor) -> Result<Arc<ServerConfig>, Unusable> {
        let mut config = self.0.config(floor)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
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
