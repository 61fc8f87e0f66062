//! Keys of forces and operators.

use super::policy::PolicyRow;
use crate::admin::Role as OperatorRole;
use crate::config::kind::Kind::{Digests, Line, Path, UnixUser, Words};
use crate::config::table::Presence::{Optional, Preset, Required};
use crate::config::table::{Section, Shape, section};
use crate::referral::post::ForceName;
use std::path::PathBuf;

section! {
    /// A force that may post. Its certificate carries the URI SAN `firstbell:force:NAME`.
    Force = "force", Shape::Named {
        example: "essex",
        admits: |name| ForceName::parse(name).is_some(),
        rule: "1 to 32 of a to z, 0 to 9 and -",
    }, Some(&FORCE_POLICY);

    /// As letters say it.
    display_name: String = Line(60), Required(r#""Essex Police""#);
    /// SHA-256 of the SubjectPublicKeyInfo of certificates that are this force's without that SAN.
    spki_sha256: Vec<[u8; 32]> = Digests, Preset("[]");
}

/// A force's own policy.
static FORCE_POLICY: Section = Section {
    name: PolicyRow::SECTION.name,
    doc: &["Any key of [policy] again, for this force alone."],
    shape: Shape::Override,
    keys: PolicyRow::SECTION.keys,
    inner: None,
};

section! {
    /// The operators' socket.
    Operators = "operators", Shape::One, None;

    /// Where the daemon listens for commands that act; without it, operators.sock in state_dir,
    /// which only the daemon's own user can reach.
    socket: Option<PathBuf> = Path, Optional(r#""/run/firstbell/operators.sock""#);
}

section! {
    /// An operator, known by the Unix user who calls. One section each; a later file that names any
    /// replaces them all.
    OperatorRow = "operator", Shape::Listed, None;

    /// The login name on this host.
    unix_user: String = UnixUser, Required(r#""jsmith""#);
    /// The name that facts record.
    name: String = Line(60), Required(r#""Jo Smith""#);
    /// What they may do.
    roles: Vec<OperatorRole> = Words(OperatorRole::WORDS), Required(r#"["operator"]"#);
}
