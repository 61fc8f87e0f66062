//! Software of others that our letters must satisfy: a real mail server and two verifiers of signatures.

pub mod gnupg;
pub mod postfix;
