//! What ends by itself: certificates, lists and keys that stop counting on a day.

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
        /// The key that signs letters.
        SigningKey = "signing_key",
    }
}

/// Days before the end from which it is said again at each.
pub const WARN_DAYS: [i64; 3] = [30, 14, 3];

/// Something that ends, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// What.
    pub what: ExpiryWhat,
    /// Whose, where it is a route's.
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
}
