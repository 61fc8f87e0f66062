//! What every TLS connection shares, whoever opens it.

mod files;
mod roots;
mod secret;

pub use files::{ServerFiles, ServerPaths, Unusable};
pub use roots::{Roots, RootsFault, certificates};
pub use secret::{SecretFault, read_secret, without_line_end};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{
    ClientConfig, ConfigBuilder, ServerConfig, SupportedProtocolVersion, WantsVerifier, version,
};
use std::sync::Arc;

/// The one provider of cryptography. Named each time, never installed for the whole process.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// A client that speaks TLS 1.2 or 1.3.
pub fn client() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()
}

/// A client that speaks no version below the floor. rustls offers 1.2 with AEAD and forward secrecy only.
pub fn client_from(
    floor: TlsFloor,
) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    const FROM_12: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];
    const FROM_13: &[&SupportedProtocolVersion] = &[&version::TLS13];
    let versions = match floor {
        TlsFloor::V12 => FROM_12,
        TlsFloor::V13 => FROM_13,
    };
    ClientConfig::builder_with_provider(provider()).with_protocol_versions(versions)
}

/// A server that speaks TLS 1.2 or 1.3.
pub fn server() -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, rustls::Error> {
    ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()
}

/// The lowest TLS version that a connection accepts, in or out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFloor {
    /// 1.2, with AEAD and forward secrecy.
    V12,
    /// 1.3.
    V13,
}
