//! Software of others that our letters must satisfy: a real mail server, a mail program that people
//! answer with, and two verifiers of signatures.

pub(crate) mod dovecot;
pub(crate) mod gnupg;
pub(crate) mod onward;
pub(crate) mod postfix;
pub(crate) mod s_nail;
