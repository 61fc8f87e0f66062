//! What comes back from schools: read, bound to its letter, and believed or not.

pub mod verdict;
//! What comes back: which kind of mail it is ([`classify`]).

pub mod classify;
