//! Delivery and its routes.

use super::alarms::{begin, needs, pair};
use super::assemble::Sources;
use super::fault::ConfigWarning;
use super::keys::{Delivery, Gateway, Route};
use crate::delivery;
use crate::referral::retry::RetrySettings;
use crate::referral::school::RouteName;

impl Sources<'_> {
    /// A lease ends after the longest attempt, or a letter still on its way is claimed again.
    pub(super) fn delivery(&self, routes: &[delivery::Route]) -> Option<Delivery> {
        let view = self.view(&["delivery"]);
        let delivery = Delivery::read(&view)?;
        if delivery.retry_first_s > delivery.retry_longest_s {
            view.fault_order("retry_first_s", "retry_longest_s");
        }
        let longer = |route: &&delivery::Route| route.limits.whole >= delivery.lease_s;
        if let Some(nudges) = &delivery.nudge_route
            && !routes.is_empty()
            && !routes.iter().any(|route| route.name == *nudges)
        {
            view.fault("nudge_route", "names a route that has no section");
        }
        for route in routes.iter().filter(longer) {
            let name = route.name.as_str();
            let given = self.view(&["route", name]);
            if given.has("attempt_timeout_s") && !view.has("lease_s") {
                given.fault("attempt_timeout_s", "must be below lease_s of [delivery]");
            } else {
                let what = format!("must be above attempt_timeout_s of [route.{name}]");
                view.fault("lease_s", &what);
            }
        }
        Some(delivery)
    }

    /// Every route; none if any is bad or there is none.
    pub(super) fn routes(&self, warnings: &mut Vec<ConfigWarning>) -> Option<Vec<delivery::Route>> {
        let names = self.layered.names("route");
        if names.is_empty() {
            self.view(&["route"])
                .fault("", "there is no [route.NAME]: no letter could leave");
        }
        let routes: Vec<_> = names
            .iter()
            .map(|name| self.route(name, warnings))
            .collect();
        let routes: Option<Vec<_>> = routes.into_iter().collect();
        routes.filter(|routes| !routes.is_empty())
    }

    fn route(&self, name: &str, warnings: &mut Vec<ConfigWarning>) -> Option<delivery::Route> {
        let view = self.view(&["route", name]);
        let route = Route::read(&view)?;
        pair(&view, "client_certificate_file", "client_key_file");
        pair(&view, "user", "password_file");
        needs(&view, "password_expires", "password_file");
        if route.body_timeout_s > route.attempt_timeout_s {
            view.fault_order("body_timeout_s", "attempt_timeout_s");
        }
        if route.plus_addressing {
            warnings.push(view.remark(
                "plus_addressing",
                "answers go to an address with +TOKEN in it: probe that they come back",
            ));
        }
        Some(delivery::Route {
            name: RouteName::parse(name)?,
            host: route.host,
            port: route.port,
            tls: route.tls,
            floor: route.tls_min,
            roots: route.roots,
            client: Option::zip(route.client_certificate_file, route.client_key_file)
                .map(|(certificate, key)| delivery::ClientCertificate { certificate, key }),
            login: Option::zip(route.user, route.password_file).map(|(user, password_file)| {
                delivery::Login {
                    user,
                    password_file,
                    expires: route.password_expires.map(begin),
                }
            }),
            connections: route.connections,
            idle: route.idle_s,
            letters_per_connection: route.letters_per_connection,
            limits: delivery::Limits {
                connect: route.connect_timeout_s,
                handshake: route.handshake_timeout_s,
                command: route.command_timeout_s,
                body: route.body_timeout_s,
                whole: route.attempt_timeout_s,
            },
            plus_addressing: route.plus_addressing,
        })
    }
}

pub(super) fn delivery_settings(
    delivery: Delivery,
    routes: Vec<delivery::Route>,
    gateway: &Gateway,
) -> delivery::Settings {
    delivery::Settings {
        host_name: gateway.host_name.clone(),
        routes,
        retries: RetrySettings {
            first: delivery.retry_first_s,
            longest: delivery.retry_longest_s,
            in_doubt: delivery.in_doubt_s,
        },
        lease: delivery.lease_s,
        poll: delivery.poll_s,
    }
}
