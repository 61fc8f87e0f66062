//! What ends by itself: certificates, lists, keys, passwords and tokens that stop counting on a day.

use super::alarm::AlarmKind;
use super::post::words;
use super::school::RouteName;
use jiff::{SignedDuration, Timestamp};

words! {
    /// What ends.
    ExpiryWhat {
        /// Intake's own certificate.
        IntakeCertificate = "intake_certificate",
        /// The authority that forces' certificates are checked against.
        IntakeAuthority = "intake_authority",
        /// A list of revoked certificates: it should have been renewed by then.
        RevocationList = "revocation_list",
        /// The certificate that mail comes in by.
        MailInCertificate = "mail_in_certificate",
        /// Our certificate towards a route's relay.
        RouteCertificate = "route_certificate",
        /// The one authority that a route's relay must be named by.
        RouteAuthority = "route_authority",
        /// The certificate that a route's relay showed last.
        RelayCertificate = "relay_certificate",
        /// Our password at a route's relay, as far as the settings say when it ends.
        RoutePassword = "route_password",
        /// The private authority that a mailbox's server is checked against.
        MailboxAuthority = "mailbox_authority",
        /// Our password at a mailbox, as far as the settings say when it ends.
        MailboxPassword = "mailbox_password",
        /// Our password at the alarms' relay, likewise.
        AlarmsPassword = "alarms_password",
        /// The private authority that the alarms' relay or webhook, or the external heartbeat, is checked against.
        AlarmsAuthority = "alarms_authority",
        /// The token that the webhook takes alarms by, likewise.
        WebhookToken = "webhook_token",
        /// The key that signs letters.
        SigningKey = "signing_key",
    }
}

/// Days before the end from which it is said again at each.
pub const WARN_DAYS: [i64; 3] = [30, 14, 3];

/// With less left of what is ours it is told at any hour.
const LAST_DAYS: SignedDuration = SignedDuration::from_hours(48);
/// With less left it is told at the desk's opening: most authorities take days to renew one.
const EXPIRING: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Something that ends, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// What.
    pub what: ExpiryWhat,
    /// Whose, where it is a route's, or a mailbox's.
    pub route: Option<RouteName>,
    /// It counts up to this instant.
    pub not_after: Timestamp,
}

impl Expiry {
    /// Whole days left; negative once it has ended.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        let day = SignedDuration::from_hours(24).as_secs();
        self.not_after.duration_since(now).as_secs().div_euclid(day)
    }

    /// What an alarm or a metric calls it: `intake_certificate`, `route_certificate:cjsm`.
    pub fn name(&self) -> String {
        let what = self.what.word();
        let of_route = |route: &RouteName| format!("{what}:{route}");
        self.route.as_ref().map_or(what.to_owned(), of_route)
    }

    /// What alarm it is worth now, if any.
    ///
    /// A relay's own certificate is its owner's to renew, and known only as it was shown last: nobody is
    /// woken for it. A list of revoked certificates is made anew every few days: that it ends soon is no
    /// news, that it has ended is.
    pub fn alarm(&self, now: Timestamp) -> Option<AlarmKind> {
        let left = self.not_after.duration_since(now);
        let expired = (left <= SignedDuration::ZERO).then_some(AlarmKind::KeyExpired);
        let last_days = (left <= LAST_DAYS).then_some(AlarmKind::CertificateLastDays);
        let expiring = (left <= EXPIRING).then_some(AlarmKind::CertificateExpiring);
        match self.what {
            ExpiryWhat::RelayCertificate => expiring,
            ExpiryWhat::RevocationList => expired,
            ExpiryWhat::IntakeCertificate
            | ExpiryWhat::IntakeAuthority
            | ExpiryWhat::MailInCertificate
            | ExpiryWhat::RouteCertificate
            | ExpiryWhat::RouteAuthority
            | ExpiryWhat::RoutePassword
            | ExpiryWhat::MailboxAuthority
            | ExpiryWhat::MailboxPassword
            | ExpiryWhat::AlarmsPassword
            | ExpiryWhat::AlarmsAuthority
            | ExpiryWhat::WebhookToken
            | ExpiryWhat::SigningKey => expired.or(last_days).or(expiring),
        }
    }

    /// The nearest of [`WARN_DAYS`] that it is within; none while there is time.
    pub fn warns_within(&self, now: Timestamp) -> Option<i64> {
        let left = self.days_left(now);
        WARN_DAYS.into_iter().filter(|days| left < *days).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_and_warned_of_at_thirty_fourteen_and_three() {
        let now: Timestamp = "2026-11-22T19:05:00Z".parse().unwrap();
        let ends = |hours| Expiry {
            what: ExpiryWhat::IntakeCertificate,
            route: None,
            not_after: now + SignedDuration::from_hours(hours),
        };
        let told = |hours| {
            let expiry = ends(hours);
            (expiry.days_left(now), expiry.warns_within(now))
        };
        assert_eq!(told(30 * 24), (30, None));
        assert_eq!(told(30 * 24 - 1), (29, Some(30)));
        assert_eq!(told(13 * 24), (13, Some(14)));
        assert_eq!(told(47), (1, Some(3)));
        assert_eq!(told(-1), (-1, Some(3)));
    }

    #[test]
    fn what_ends_is_told_of_at_the_hours_it_deserves() {
        let now: Timestamp = "2026-11-23T02:00:00Z".parse().unwrap();
        let alarm = |what, days: i64| {
            let not_after = now + SignedDuration::from_hours(24 * days);
            let route = RouteName::parse("cjsm").filter(|_| what != ExpiryWhat::SigningKey);
            let expiry = Expiry {
                what,
                route,
                not_after,
            };
            (expiry.name(), expiry.alarm(now))
        };
        let ended = Some(AlarmKind::KeyExpired);
        let soon = Some(AlarmKind::CertificateExpiring);
        for (what, days, kind) in [
            (ExpiryWhat::SigningKey, -1, ended),
            (ExpiryWhat::SigningKey, 0, ended),
            (
                ExpiryWhat::RouteCertificate,
                2,
                Some(AlarmKind::CertificateLastDays),
            ),
            (ExpiryWhat::RouteCertificate, 3, soon),
            (ExpiryWhat::RoutePassword, 30, soon),
            (ExpiryWhat::AlarmsPassword, 0, ended),
            (
                ExpiryWhat::WebhookToken,
                2,
                Some(AlarmKind::CertificateLastDays),
            ),
            (ExpiryWhat::RouteCertificate, 30, soon),
            (ExpiryWhat::RouteCertificate, 31, None),
            (ExpiryWhat::RelayCertificate, -1, soon),
            (ExpiryWhat::RevocationList, 1, None),
            (ExpiryWhat::RevocationList, 0, ended),
        ] {
            assert_eq!(alarm(what, days).1, kind, "{what:?} {days}");
        }
        assert_eq!(alarm(ExpiryWhat::SigningKey, 1).0, "signing_key");
        assert_eq!(
            alarm(ExpiryWhat::RouteCertificate, 1).0,
            "route_certificate:cjsm"
        );
    }
}
