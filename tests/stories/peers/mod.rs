//! Software of others that our letters must satisfy: a real mail server and two verifiers of signatures.

pub(crate) mod gnupg;
pub(crate) mod postfix;
