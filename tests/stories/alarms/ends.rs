//! What ends by itself: one look feeds `route list`, metrics and alarms, and each alarm comes at the hours
//! that it deserves.

use super::{Scene, subject, wall};
use firstbell::alarms::runbook::Runbook;
use firstbell::referral::alarm::AlarmKind;
use firstbell::referral::expiry::{Expiry, ExpiryWhat};
use firstbell::referral::school::RouteName;
use jiff::SignedDuration;

#[tokio::test]
async fn a_certificate_that_ends_is_told_of_in_time_and_by_day_and_its_end_at_any_hour() {
    // A Thursday night; the certificate ends on a Sunday a month later.
    let mut scene = Scene::set("2026-01-15T02:00").await;
    let ends = wall("2026-02-15T01:00");
    let expiry = |what, route: Option<&str>, not_after| Expiry {
        what,
        route: route.and_then(RouteName::parse),
        not_after,
    };
    let found = vec![
        expiry(ExpiryWhat::RouteCertificate, Some("cjsm"), ends),
        // Its owner's to renew, and shown before it may have been.
        expiry(ExpiryWhat::RelayCertificate, Some("school"), ends),
        // Made anew every week.
        expiry(ExpiryWhat::RevocationList, None, wall("2026-01-20T00:00")),
        expiry(
            ExpiryWhat::SigningKey,
            None,
            ends + SignedDuration::from_hours(24 * 365),
        ),
    ];
    scene.expiries.send_replace(found);
    assert_eq!(scene.step("2026-01-15T02:00").await, (0, 0));
    assert_eq!(
        scene.step("2026-01-15T06:30").await,
        (0, 0),
        "more than thirty days"
    );
    assert_eq!(
        scene.step("2026-01-16T02:00").await,
        (0, 0),
        "nobody is woken"
    );
    assert_eq!(scene.step("2026-01-16T06:30").await, (1, 0));
    let mail = scene.mails.taken().remove(0);
    for line in [
        "route_certificate:cjsm",
        "relay_certificate:school",
        "firstbell check-config",
    ] {
        assert!(mail.contains(line), "{line}: {mail}");
    }
    assert!(!mail.contains("signing_key") && !mail.contains("revocation_list"));
    // Nobody answers: the second person a quarter of an hour later.
    assert_eq!(scene.step("2026-01-16T06:45").await, (1, 1));
    // The list was not renewed: senders are turned away from that minute on.
    assert_eq!(scene.step("2026-01-20T00:00").await, (2, 1));
    let mail = scene.mails.taken().remove(1);
    let summary = Runbook::of(AlarmKind::KeyExpired).summary;
    assert_eq!(subject(&mail), format!("[alarm] {summary}: gateway.test"));
    assert!(mail.contains("revocation_list"), "{mail}");
    // Two days before its end the route's own is told of at night too, the relay's is not.
    assert_eq!(scene.step("2026-02-13T01:00").await.0, 3);
    let mail = scene.mails.taken().remove(2);
    assert!(mail.contains("route_certificate:cjsm"), "{mail}");
    assert!(!mail.contains("relay_certificate"), "{mail}");
    assert_eq!(scene.step("2026-02-15T01:00").await.0, 4);
    let kinds = scene.alarms().await;
    let of_relay = kinds
        .iter()
        .filter(|line| line.subject == "relay_certificate:school");
    let of_relay: Vec<_> = of_relay.map(|line| line.kind).collect();
    assert_eq!(of_relay, [AlarmKind::CertificateExpiring]);
    scene.assert_content_free();
}
