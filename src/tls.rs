//! What every TLS connection shares, whoever opens it.

/// The lowest TLS version that a connection accepts, in or out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFloor {
    /// 1.2, with AEAD and forward secrecy.
    V12,
    /// 1.3.
    V13,
}
