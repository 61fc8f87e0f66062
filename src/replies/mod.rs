//! What comes back from schools: read, bound to its letter, and believed or not.

pub mod verdict;
