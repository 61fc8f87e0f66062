//! When our certificates, lists and keys end: read from the files that the settings name; and when our
//! passwords and tokens do, as the settings say.

use crate::config::Config;
use crate::delivery::Roots;
use crate::letter::Signer;
use crate::referral::expiry::{Expiry, ExpiryWhat};
use crate::referral::route::RouteHealth;
use crate::referral::school::RouteName;
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use std::path::Path;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

/// Everything of ours that ends. A file that cannot be read has been told of by whoever uses it.
pub(super) async fn expiries(config: &Config, signer: &Signer, now: Timestamp) -> Vec<Expiry> {
    let mut found = Vec::new();
    for (what, route, path) in files(config) {
        let pem = tokio::fs::read(path).await.unwrap_or_default();
        found.extend(ends(what, &pem).map(|not_after| Expiry {
            what,
            route: route.cloned(),
            not_after,
        }));
    }
    found.extend(secrets(config));
    let signing = match signer.valid_until(now) {
        // It has ended, or has not begun: no letter is signed now.
        None if !signer.may_sign_at(now) => Some(now),
        until => until,
    };
    found.extend(signing.map(|not_after| Expiry {
        what: ExpiryWhat::SigningKey,
        route: None,
        not_after,
    }));
    found
}

/// Passwords and tokens do not say when they end: whoever was given them does, in the settings.
fn secrets(config: &Config) -> Vec<Expiry> {
    let expiry = |what, route: Option<&RouteName>, not_after: Option<Timestamp>| {
        Some(Expiry {
            what,
            route: route.cloned(),
            not_after: not_after?,
        })
    };
    let routes = config.delivery.routes.iter().filter_map(|route| {
        let login = route.login.as_ref()?;
        expiry(ExpiryWhat::RoutePassword, Some(&route.name), login.expires)
    });
    let mailboxes = config.mailboxes.iter().filter_map(|mailbox| {
        let (what, expires) = (ExpiryWhat::MailboxPassword, mailbox.password_expires);
        expiry(what, Some(&mailbox.name), expires)
    });
    let lane = &config.alarms.lane;
    let mail = lane.mail.as_ref().and_then(|mail| {
        let login = mail.route.login.as_ref()?;
        expiry(ExpiryWhat::AlarmsPassword, None, login.expires)
    });
    let webhook = lane.webhook.as_ref();
    let webhook =
        webhook.and_then(|webhook| expiry(ExpiryWhat::WebhookToken, None, webhook.token_expires));
    let ours = routes.chain(mailboxes);
    ours.chain(mail).chain(webhook).collect()
}

/// What relays showed of themselves.
pub(super) fn of_relays(health: &[RouteHealth]) -> Vec<Expiry> {
    let shown = health.iter().filter_map(|known| {
        Some(Expiry {
            what: ExpiryWhat::RelayCertificate,
            route: Some(known.route.clone()),
            not_after: known.peer_until?,
        })
    });
    shown.collect()
}

fn files(config: &Config) -> Vec<(ExpiryWhat, Option<&RouteName>, &Path)> {
    let intake = &config.intake;
    let mut files = vec![
        (
            ExpiryWhat::IntakeCertificate,
            None,
            intake.certificate.as_path(),
        ),
        (
            ExpiryWhat::IntakeAuthority,
            None,
            intake.client_ca.as_path(),
        ),
    ];
    let lists = intake.crls.iter();
    files.extend(lists.map(|list| (ExpiryWhat::RevocationList, None, list.as_path())));
    if let Some(replies) = &config.replies {
        files.push((ExpiryWhat::MailInCertificate, None, &replies.certificate));
    }
    for route in &config.delivery.routes {
        let name = Some(&route.name);
        if let Some(client) = &route.client {
            files.push((ExpiryWhat::RouteCertificate, name, &client.certificate));
        }
        match &route.roots {
            Roots::Private(roots) => files.push((ExpiryWhat::RouteAuthority, name, roots)),
            // The operating system looks after its own.
            Roots::System => {}
        }
    }
    for mailbox in &config.mailboxes {
        if let Roots::Private(roots) = &mailbox.roots {
            files.push((ExpiryWhat::MailboxAuthority, Some(&mailbox.name), roots));
        }
    }
    let lane = &config.alarms.lane;
    let mail = lane.mail.as_ref().and_then(|mail| match &mail.route.roots {
        Roots::Private(roots) => Some(roots.as_path()),
        Roots::System => None,
    });
    let peers = [
        lane.webhook.as_ref(),
        config.heartbeat.as_ref().map(|call| &call.peer),
    ];
    let peers = peers
        .into_iter()
        .flatten()
        .filter_map(|peer| peer.ca.as_deref());
    let told_by = mail.into_iter().chain(peers);
    files.extend(told_by.map(|roots| (ExpiryWhat::AlarmsAuthority, None, roots)));
    files
}

/// When the first of what a PEM file holds ends: one that has ended breaks the whole chain.
fn ends(what: ExpiryWhat, pem: &[u8]) -> Option<Timestamp> {
    let seconds: Vec<i64> = if what == ExpiryWhat::RevocationList {
        let lists = CertificateRevocationListDer::pem_slice_iter(pem).flatten();
        let next = lists.filter_map(|der| {
            let (_, list) = CertificateRevocationList::from_der(&der).ok()?;
            list.next_update().map(|at| at.timestamp())
        });
        next.collect()
    } else {
        let chain = CertificateDer::pem_slice_iter(pem).flatten();
        let ends = chain.filter_map(|der| {
            let (_, certificate) = X509Certificate::from_der(&der).ok()?;
            Some(certificate.validity().not_after.timestamp())
        });
        ends.collect()
    };
    let first = seconds.into_iter().min()?;
    Timestamp::from_second(first).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn certificate(year: i32) -> String {
        let mut params = CertificateParams::default();
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn a_chain_ends_with_the_first_of_it() {
        let chain = [certificate(2031), certificate(2029), certificate(2030)].concat();
        let ends = |pem: &str| ends(ExpiryWhat::RouteCertificate, pem.as_bytes());
        let first = "2029-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(ends(&chain), Some(first));
        assert_eq!(ends("nothing here"), None);
    }
}
