//! TLS towards a relay: what is asked of it, what the handshake proved, why it failed.

use super::relay::RouteFaultWhy;
use super::{ClientCertificate, Route};
use crate::referral::attempt::{AttemptWhy, TlsFacts};
use crate::tls::{self, RootsFault, certificates};
use aws_lc_rs::digest;
use jiff::Timestamp;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, PeerIncompatible,
};
use std::io;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The configuration of one route. No ALPN. No resumption: a resumed session does not show the
/// chain that every attempt records.
pub(super) fn client_config(route: &Route) -> Result<ClientConfig, RouteFaultWhy> {
    let roots = route.roots.store().map_err(|fault| match fault {
        RootsFault::System => RouteFaultWhy::SystemRoots,
        RootsFault::File(path) => RouteFaultWhy::Roots(path),
    })?;
    let builder = tls::client_from(route.floor)
        .map_err(|_| RouteFaultWhy::Tls)?
        .with_root_certificates(roots);
    let mut config = match &route.client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let (chain, key) = identity(client)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|_| RouteFaultWhy::ClientPair)?
        }
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// What a finished handshake proved; none if the peer showed no certificate.
pub(super) fn facts(connection: &ClientConnection) -> Option<TlsFacts> {
    let chain = connection.peer_certificates()?;
    let mut hash = digest::Context::new(&digest::SHA256);
    chain
        .iter()
        .for_each(|certificate| hash.update(certificate));
    Some(TlsFacts {
        version: connection.protocol_version()?.as_str()?.replace('_', "."),
        cipher: connection
            .negotiated_cipher_suite()?
            .suite()
            .as_str()?
            .to_owned(),
        chain_digest: hash.finish().as_ref().try_into().ok()?,
        peer_until: chain.iter().filter_map(valid_until).min(),
    })
}

fn valid_until(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

/// Why reading, writing or the handshake failed.
pub(super) fn why(error: &io::Error) -> AttemptWhy {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        None => AttemptWhy::ConnectionLost,
        Some(rustls::Error::InvalidCertificate(fault)) => certificate_why(fault),
        Some(rustls::Error::AlertReceived(alert)) => alert_why(*alert),
        Some(rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        )) => AttemptWhy::TlsVersion,
        Some(_) => AttemptWhy::HandshakeFailed,
    }
}

fn certificate_why(fault: &CertificateError) -> AttemptWhy {
    if matches!(
        fault,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    ) {
        AttemptWhy::CertificateExpired
    } else if matches!(
        fault,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    ) {
        AttemptWhy::CertificateName
    } else if matches!(fault, CertificateError::UnknownIssuer) {
        AttemptWhy::CertificateUnknown
    } else {
        AttemptWhy::CertificateBad
    }
}

/// Alerts about a certificate can only be about ours (RFC 8446 6.2).
fn alert_why(alert: AlertDescription) -> AttemptWhy {
    if matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    ) {
        AttemptWhy::ClientCertificateRefused
    } else if matches!(alert, AlertDescription::ProtocolVersion) {
        AttemptWhy::TlsVersion
    } else {
        AttemptWhy::HandshakeFailed
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(client: &ClientCertificate) -> Result<Identity, RouteFaultWhy> {
    let chain = certificates(&client.certificate)
        .ok_or_else(|| RouteFaultWhy::ClientCertificate(client.certificate.clone()))?;
    let pem = super::relay::read_secret(&client.key)?;
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| RouteFaultWhy::ClientKey(client.key.clone()))?;
    Ok((chain, key))
}
