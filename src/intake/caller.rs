//! Who is calling: the force that a verified client certificate names.

use super::{CannotServe, Settings};
use crate::referral::policy::Policy;
use crate::referral::post::ForceName;
use aws_lc_rs::digest::{SHA256, digest};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// What a URI SAN that names a force begins with.
const FORCE_SAN: &str = "firstbell:force:";

/// A force that may post.
#[derive(Debug)]
pub(super) struct Force {
    /// Its name.
    pub(super) name: ForceName,
    /// Its policy.
    pub(super) policy: Arc<Policy>,
    connections: Arc<Semaphore>,
}

/// Why a verified certificate is not a force's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAForce {
    /// It cannot be read, or carries an extension twice.
    #[error("the client certificate cannot be read")]
    Unreadable,
    /// More than one URI SAN names a force: which one is meant must not be guessed.
    #[error("the client certificate names more than one force")]
    TwoForces,
    /// It names no force, and its public key belongs to none.
    #[error("the client certificate names no force")]
    NoForce,
    /// It names a force that may not post here.
    #[error("the client certificate names a force that is not configured")]
    NotConfigured,
}

/// The caller of a connection.
pub(super) type Caller = Result<Arc<Force>, NotAForce>;

/// Every force that may post, by name and by public key.
#[derive(Debug)]
pub(super) struct Callers {
    by_name: HashMap<ForceName, Arc<Force>>,
    by_spki: HashMap<[u8; 32], Arc<Force>>,
    strangers: Arc<Semaphore>,
}

impl Callers {
    /// Takes the configured forces; each must have its policy, and no two one key.
    pub(super) fn new(
        settings: &Settings,
        policies: &HashMap<ForceName, Arc<Policy>>,
    ) -> Result<Self, CannotServe> {
        let connections = || Arc::new(Semaphore::new(settings.connections_per_force_max));
        let mut callers = Self {
            by_name: HashMap::new(),
            by_spki: HashMap::new(),
            strangers: connections(),
        };
        for identity in &settings.forces {
            let policy = policies
                .get(&identity.name)
                .ok_or_else(|| CannotServe::NoPolicy(identity.name.clone()))?;
            let force = Arc::new(Force {
                name: identity.name.clone(),
                policy: Arc::clone(policy),
                connections: connections(),
            });
            for spki in &identity.spki {
                if let Some(other) = callers.by_spki.insert(*spki, Arc::clone(&force))
                    && other.name != force.name
                {
                    return Err(CannotServe::SharedKey(
                        other.name.clone(),
                        force.name.clone(),
                    ));
                }
            }
            callers.by_name.insert(identity.name.clone(), force);
        }
        Ok(callers)
    }

    /// The force of a verified leaf certificate (DER): exactly one URI SAN `firstbell:force:NAME`,
    /// else its SubjectPublicKeyInfo. A bad force SAN never falls back to the key, and the common
    /// name is never looked at: authorities let customers choose it.
    pub(super) fn who(&self, leaf: &[u8]) -> Caller {
        let certificate = match X509Certificate::from_der(leaf) {
            Ok(([], certificate)) => certificate,
            Ok(_) | Err(_) => return Err(NotAForce::Unreadable),
        };
        match force_names(&certificate)?.as_slice() {
            [] => {
                let spki = digest(&SHA256, certificate.public_key().raw);
                let force = self
                    .by_spki
                    .iter()
                    .find(|(known, _)| *known == spki.as_ref());
                force
                    .map(|(_, force)| Arc::clone(force))
                    .ok_or(NotAForce::NoForce)
            }
            [name] => ForceName::parse(name)
                .and_then(|name| self.by_name.get(&name).map(Arc::clone))
                .ok_or(NotAForce::NotConfigured),
            [_, _, ..] => Err(NotAForce::TwoForces),
        }
    }

    /// A place among the caller's connections, or none when it has as many as it may. Certificates
    /// of no force share the places of one.
    pub(super) fn place(&self, caller: &Caller) -> Option<OwnedSemaphorePermit> {
        let places = match caller {
            Ok(force) => &force.connections,
            Err(_) => &self.strangers,
        };
        Arc::clone(places).try_acquire_owned().ok()
    }
}

fn force_names<'a>(certificate: &'a X509Certificate<'_>) -> Result<Vec<&'a str>, NotAForce> {
    let names = certificate
        .subject_alternative_name()
        .map_err(|_| NotAForce::Unreadable)?;
    let names = names.map(|extension| extension.value.general_names.as_slice());
    Ok(names
        .unwrap_or_default()
        .iter()
        .filter_map(|name| {
            if let GeneralName::URI(uri) = name {
                uri.strip_prefix(FORCE_SAN)
            } else {
                None
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::ForceIdentity;
    use crate::intake::tests::{policy, settings};
    use rcgen::{CertificateParams, DnType, KeyPair, PublicKeyData, SanType};

    struct Issued {
        der: Vec<u8>,
        spki: [u8; 32],
    }

    fn issue(uris: &[&str], common_name: &str) -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["rpa.essex.test".to_owned()]).unwrap();
        for uri in uris {
            params
                .subject_alt_names
                .push(SanType::URI((*uri).try_into().unwrap()));
        }
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        let spki = digest(&SHA256, &key.subject_public_key_info());
        Issued {
            der: params.self_signed(&key).unwrap().der().to_vec(),
            spki: spki.as_ref().try_into().unwrap(),
        }
    }

    fn callers(forces: &[(&str, Vec<[u8; 32]>)]) -> Result<Callers, CannotServe> {
        let mut settings = settings();
        settings.forces = forces
            .iter()
            .map(|(name, spki)| ForceIdentity {
                name: ForceName::parse(name).unwrap(),
                spki: spki.clone(),
            })
            .collect();
        let policies = settings
            .forces
            .iter()
            .map(|force| (force.name.clone(), policy(&force.name)))
            .collect();
        Callers::new(&settings, &policies)
    }

    fn named(caller: Caller) -> Result<String, NotAForce> {
        caller.map(|force| force.name.to_string())
    }

    #[test]
    fn one_force_san_names_the_force_beside_other_names() {
        let callers = callers(&[("essex", vec![]), ("kent", vec![])]).unwrap();
        let leaf = issue(&["https://essex.test/", "firstbell:force:essex"], "kent");
        assert_eq!(named(callers.who(&leaf.der)), Ok("essex".into()));
    }

    #[test]
    fn two_force_sans_are_refused_even_if_they_are_the_same() {
        let callers = callers(&[("essex", vec![]), ("kent", vec![])]).unwrap();
        for uris in [
            ["firstbell:force:essex", "firstbell:force:kent"],
            ["firstbell:force:essex", "firstbell:force:essex"],
        ] {
            let leaf = issue(&uris, "essex");
            assert_eq!(named(callers.who(&leaf.der)), Err(NotAForce::TwoForces));
        }
    }

    #[test]
    fn the_common_name_is_never_read() {
        let callers = callers(&[("essex", vec![])]).unwrap();
        let leaf = issue(&[], "essex");
        assert_eq!(named(callers.who(&leaf.der)), Err(NotAForce::NoForce));
    }

    #[test]
    fn a_configured_key_names_the_force_only_where_no_san_does() {
        let plain = issue(&[], "anything");
        let foreign = issue(&["firstbell:force:surrey"], "anything");
        let callers = callers(&[("essex", vec![plain.spki, foreign.spki])]).unwrap();
        assert_eq!(named(callers.who(&plain.der)), Ok("essex".into()));
        assert_eq!(
            named(callers.who(&foreign.der)),
            Err(NotAForce::NotConfigured)
        );
    }

    #[test]
    fn bytes_that_are_no_certificate_or_go_on_behind_it_are_refused() {
        let callers = callers(&[("essex", vec![])]).unwrap();
        let mut leaf = issue(&["firstbell:force:essex"], "essex").der;
        leaf.push(0);
        assert_eq!(named(callers.who(&leaf)), Err(NotAForce::Unreadable));
        assert_eq!(named(callers.who(b"")), Err(NotAForce::Unreadable));
    }

    #[test]
    fn one_key_for_two_forces_is_no_configuration() {
        let shared = callers(&[("essex", vec![[7; 32]]), ("kent", vec![[7; 32]])]);
        assert!(matches!(shared, Err(CannotServe::SharedKey(_, _))));
    }

    #[test]
    fn a_force_has_only_its_own_places() {
        let callers = callers(&[("essex", vec![]), ("kent", vec![])]).unwrap();
        let essex = callers.who(&issue(&["firstbell:force:essex"], "").der);
        let kent = callers.who(&issue(&["firstbell:force:kent"], "").der);
        let held: Vec<_> = std::iter::from_fn(|| callers.place(&essex)).collect();
        assert_eq!(held.len(), settings().connections_per_force_max);
        assert!(callers.place(&kent).is_some());
        drop(held);
        assert!(callers.place(&essex).is_some());
    }
}
