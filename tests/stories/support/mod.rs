//! What the stories share.

pub(crate) mod daemon;
pub(crate) mod pki;
pub(crate) mod posts;
pub(crate) mod wire;
pub(crate) mod waiting;
