//! What every TLS connection shares, whoever opens it.

mod files;

pub use files::{ServerFiles, ServerPaths, Unusable};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, ConfigBuilder, ServerConfig, WantsVerifier};
use std::sync::Arc;

/// The one provider of cryptography. Named each time, never installed for the whole process.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// A client that speaks TLS 1.2 or 1.3.
pub fn client() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()
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
