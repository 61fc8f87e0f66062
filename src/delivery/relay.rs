//! A route made ready for use: every file read, every name checked, once and at start.

use super::Route;
use super::dialogue::Credentials;
use super::tls;
use crate::referral::school::RouteName;
use crate::tls::{SecretFault, without_line_end};
use rustls::pki_types::ServerName;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// What makes a route unusable. For the configuration's check and for start; names files, never
/// what is in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("route {route}: {why}")]
pub struct RouteFault {
    /// Which route.
    pub route: RouteName,
    /// What is wrong with it.
    pub why: RouteFaultWhy,
}

/// See [`RouteFault`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteFaultWhy {
    /// Two routes of one name.
    #[error("there is another route of this name")]
    SameName,
    /// Our own name is said in EHLO and must be a domain name.
    #[error("our own host name is not a domain name")]
    OurHostName,
    /// The relay's host is neither a domain name nor an address.
    #[error("the host is neither a domain name nor an IP address")]
    Host,
    /// No connection or no letter is ever allowed.
    #[error("connections and letters_per_connection must be at least 1")]
    NoConnections,
    /// The private roots cannot be read or hold no certificate.
    #[error("{0:?} holds no certificate that can be read")]
    Roots(PathBuf),
    /// The operating system has no roots.
    #[error("the operating system has no roots that can be read")]
    SystemRoots,
    /// The client certificate cannot be read.
    #[error("{0:?} holds no certificate that can be read")]
    ClientCertificate(PathBuf),
    /// The client key cannot be read.
    #[error("{0:?} holds no private key that can be read")]
    ClientKey(PathBuf),
    /// The client certificate and its key are no pair.
    #[error("the client certificate and its key do not belong together")]
    ClientPair,
    /// A file with a secret cannot be read.
    #[error("{0:?} cannot be read")]
    Secret(PathBuf),
    /// A file with a secret can be read by everybody.
    #[error("{0:?} can be read by others: chmod o= it")]
    SecretReadable(PathBuf),
    /// User or password is empty or holds control characters.
    #[error("the login's user or password is empty or holds control characters")]
    Login,
    /// The TLS library refuses the versions.
    #[error("the TLS library refuses this route's versions")]
    Tls,
}

/// A loaded route: what a connection to its relay needs.
pub(super) struct Relay {
    pub(super) route: Route,
    pub(super) our_host_name: String,
    /// What the relay's certificate must carry; also what SNI says, if it is a name.
    pub(super) server_name: ServerName<'static>,
    pub(super) connector: TlsConnector,
    pub(super) credentials: Option<Credentials>,
}

impl Relay {
    pub(super) fn load(our_host_name: &str, route: &Route) -> Result<Self, RouteFaultWhy> {
        if !is_domain_name(our_host_name) {
            return Err(RouteFaultWhy::OurHostName);
        }
        if route.connections == 0 || route.letters_per_connection == 0 {
            return Err(RouteFaultWhy::NoConnections);
        }
        Ok(Self {
            server_name: ServerName::try_from(route.host.clone())
                .map_err(|_| RouteFaultWhy::Host)?,
            connector: TlsConnector::from(Arc::new(tls::client_config(route)?)),
            credentials: credentials(route)?,
            our_host_name: our_host_name.to_owned(),
            route: route.clone(),
        })
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("route", &self.route.name)
            .finish_non_exhaustive()
    }
}

/// Reads a file that others must not be able to read.
pub(super) fn read_secret(path: &Path) -> Result<Vec<u8>, RouteFaultWhy> {
    crate::tls::read_secret(path).map_err(|fault| match fault {
        SecretFault::Unread(path) => RouteFaultWhy::Secret(path),
        SecretFault::Open(path) => RouteFaultWhy::SecretReadable(path),
    })
}

fn credentials(route: &Route) -> Result<Option<Credentials>, RouteFaultWhy> {
    let Some(login) = &route.login else {
        return Ok(None);
    };
    let bytes = read_secret(&login.password_file)?;
    let password = without_line_end(&bytes);
    let password = std::str::from_utf8(password).map_err(|_| RouteFaultWhy::Login)?;
    let good = |word: &str| !word.is_empty() && !word.contains(char::is_control);
    if !good(&login.user) || !good(password) {
        return Err(RouteFaultWhy::Login);
    }
    let credentials = Credentials::new(login.user.clone(), password.to_owned());
    Ok(Some(credentials))
}

/// A name that can be said in EHLO as it stands (RFC 5321 4.1.2): letters, digits, hyphens, dots.
fn is_domain_name(name: &str) -> bool {
    matches!(ServerName::try_from(name), Ok(ServerName::DnsName(_))) && !name.contains('_')
}
