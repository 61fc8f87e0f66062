//! TLS towards relays: a client certificate where the settings name an authority, no resumption.

use super::Settings;
use crate::tls::{ServerFiles, ServerPaths, TlsFloor};
use rustls::ServerConfig;
use std::sync::Arc;

pub use crate::tls::Unusable;

/// The files as they were read, kept so that a later reading shows whether anything changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Files(ServerFiles);

impl Files {
    /// Reads every file that TLS here needs.
    pub(super) async fn read(settings: &Settings) -> Result<Self, Unusable> {
        let paths = ServerPaths {
            certificate: &settings.certificate,
            key: &settings.key,
            client_ca: settings.client_ca.as_deref(),
            crls: &[],
        };
        ServerFiles::read(paths).await.map(Self)
    }

    /// Makes the server's side of TLS. No ALPN: SMTP has no name in it that relays would offer.
    pub(super) fn config(&self, floor: TlsFloor) -> Result<Arc<ServerConfig>, Unusable> {
        self.0.config(floor).map(Arc::new)
    }
}
