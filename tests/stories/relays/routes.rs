//! Routes that cannot work: found at start, in words that name files and never what is in them.

use super::{Authority, Scene, write_secret};
use firstbell::delivery::carrier::{RouteFaultWhy, SmtpCarrier};
use firstbell::delivery::{ClientCertificate, Login, Roots, Route};
use std::path::PathBuf;

type Change<'a> = &'a dyn Fn(&mut Route);

fn fault(our_host_name: &str, route: &Route) -> Option<RouteFaultWhy> {
    let carrier = SmtpCarrier::new(our_host_name, std::slice::from_ref(route));
    carrier.err().map(|fault| fault.why)
}

#[test]
fn a_route_that_cannot_work_is_a_fault_at_start() {
    let scene = Scene::new();
    let good = scene.route(25);
    assert_eq!(fault("gateway.test", &good), None);
    let missing = PathBuf::from("/nowhere/file.pem");
    let (certificate, key) = scene.identity.write(scene.folder.path());
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Authority::new("Another").names("gateway.test");
    let (_, other_key) = other.write(elsewhere.path());
    let password_file = scene.folder.path().join("password");
    write_secret(&password_file, "two\nlines\n");

    let cases: [(Change<'_>, RouteFaultWhy); 8] = [
        (&|route| route.host = "no host".into(), RouteFaultWhy::Host),
        (&|route| route.connections = 0, RouteFaultWhy::NoConnections),
        (
            &|route| route.letters_per_connection = 0,
            RouteFaultWhy::NoConnections,
        ),
        (
            &|route| route.roots = Roots::Private(missing.clone()),
            RouteFaultWhy::Roots(missing.clone()),
        ),
        (
            &|route| route.roots = Roots::Private(key.clone()),
            RouteFaultWhy::Roots(key.clone()),
        ),
        (
            &|route| {
                let (certificate, key) = (certificate.clone(), missing.clone());
                route.client = Some(ClientCertificate { certificate, key });
            },
            RouteFaultWhy::Secret(missing.clone()),
        ),
        (
            &|route| {
                let (certificate, key) = (certificate.clone(), other_key.clone());
                route.client = Some(ClientCertificate { certificate, key });
            },
            RouteFaultWhy::ClientPair,
        ),
        (
            &|route| {
                let (user, password_file) = ("user".to_owned(), password_file.clone());
                route.login = Some(Login {
                    user,
                    password_file,
                    expires: None,
                });
            },
            RouteFaultWhy::Login,
        ),
    ];
    for (change, why) in cases {
        let mut route = good.clone();
        change(&mut route);
        assert_eq!(fault("gateway.test", &route), Some(why));
    }
    for ours in ["", "gateway.test\r\nRSET", "127.0.0.1", "a b"] {
        assert_eq!(
            fault(ours, &good),
            Some(RouteFaultWhy::OurHostName),
            "{ours:?}"
        );
    }
}

#[test]
fn two_routes_of_one_name_are_a_fault() {
    let scene = Scene::new();
    let twice = [scene.route(25), scene.route(26)];
    let fault = SmtpCarrier::new("gateway.test", &twice).unwrap_err();
    assert_eq!(fault.why, RouteFaultWhy::SameName);
    assert_eq!(
        fault.to_string(),
        "route cjsm: there is another route of this name"
    );
}
