//! What comes back: which kind of mail it is ([`classify`]).

pub mod classify;
