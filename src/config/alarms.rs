//! What watches the gateway: alarms, the external heartbeat, metrics.

use super::assemble::Sources;
use super::fault::ConfigWarning;
use super::keys::{Alarms, Gateway, Heartbeat, Metrics};
use super::view::View;
use super::{AlarmSettings, HeartbeatSettings};
use crate::alarms::{LaneSettings, MailSettings, Pace};
use crate::client::peer::{HttpsUrl, PeerSettings};
use crate::delivery::{self, Limits, Login, Roots, Route};
use crate::referral::london;
use crate::referral::school::RouteName;
use crate::tls::TlsFloor;
use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The lane's only route. No letter can name it: it is not among the letters' routes.
const ROUTE: &str = "alarms";
/// An alarm is a few kilobytes to a relay at hand.
const LIMIT: Duration = Duration::from_secs(20);

impl Sources<'_> {
    /// The lane; it may share no relay with letters.
    pub(super) fn alarms(
        &self,
        gateway: Option<&Gateway>,
        routes: &[Route],
        warnings: &mut Vec<ConfigWarning>,
    ) -> Option<AlarmSettings> {
        let view = self.view(&["alarms"]);
        let alarms = Alarms::read(&view)?;
        pair(&view, "mail_to", "mail_host");
        pair(&view, "mail_user", "mail_password_file");
        needs(&view, "mail_password_expires", "mail_password_file");
        needs(&view, "webhook_token_file", "webhook_url");
        needs(&view, "webhook_token_expires", "webhook_token_file");
        if let Some(host) = &alarms.mail_host {
            apart(&view, "mail_host", (host, alarms.mail_port), routes);
        }
        if let Some(url) = &alarms.webhook_url {
            apart(&view, "webhook_url", url.authority(), routes);
        }
        match (&alarms.mail_host, &alarms.webhook_url) {
            (Some(_), Some(_)) => {}
            (None, None) => warnings.push(view.remark("", "nobody is told of alarms")),
            (Some(_), None) => {
                warnings.push(view.remark("webhook_url", "there is no second person"));
            }
            (None, Some(_)) => {
                warnings.push(view.remark("mail_host", "there is only one person to tell"));
            }
        }
        let span = |span: Duration| SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        let pace = Pace {
            unclaimed: span(alarms.unclaimed_s),
            between: span(alarms.between_s),
        };
        let (ntp, gateway) = (alarms.ntp, gateway?);
        Some(AlarmSettings {
            lane: lane(alarms, gateway)?,
            pace,
            ntp,
        })
    }

    /// Inside, none where nothing is called.
    pub(super) fn heartbeat(&self) -> Option<Option<HeartbeatSettings>> {
        let view = self.view(&["heartbeat"]);
        let heartbeat = Heartbeat::read(&view)?;
        needs(&view, "ca_file", "url");
        let (every, ca) = (heartbeat.every_s, heartbeat.ca_file);
        Some(heartbeat.url.map(|url| HeartbeatSettings {
            peer: PeerSettings {
                url,
                ca,
                token: None,
                token_expires: None,
            },
            every,
        }))
    }

    /// Inside, none where nothing is listened on.
    pub(super) fn metrics(&self) -> Option<Option<SocketAddr>> {
        let view = self.view(&["metrics"]);
        let listen = Metrics::read(&view)?.listen;
        if listen.is_some_and(|listen| !listen.ip().is_loopback()) {
            view.fault("listen", "must be on the loopback: it is plain HTTP");
        }
        Some(listen)
    }
}

fn lane(alarms: Alarms, gateway: &Gateway) -> Option<LaneSettings> {
    let login = Option::zip(alarms.mail_user, alarms.mail_password_file);
    let mail = match Option::zip(alarms.mail_to, alarms.mail_host) {
        None => None,
        Some((to, host)) => Some(MailSettings {
            route: Route {
                name: RouteName::parse(ROUTE)?,
                host,
                port: alarms.mail_port,
                tls: alarms.mail_tls,
                floor: TlsFloor::V12,
                roots: alarms.mail_roots,
                client: None,
                login: login.map(|(user, password_file)| Login {
                    user,
                    password_file,
                    expires: alarms.mail_password_expires.map(begin),
                }),
                connections: 1,
                idle: LIMIT,
                letters_per_connection: 1,
                limits: Limits {
                    connect: LIMIT,
                    handshake: LIMIT,
                    command: LIMIT,
                    body: LIMIT,
                    whole: LIMIT,
                },
                plus_addressing: false,
            },
            from: gateway.from.clone(),
            to,
        }),
    };
    let token_expires = alarms.webhook_token_expires.map(begin);
    let peer = |url: HttpsUrl, roots: Roots, token: Option<PathBuf>| PeerSettings {
        url,
        token_expires,
        ca: match roots {
            Roots::System => None,
            Roots::Private(path) => Some(path),
        },
        token,
    };
    let (roots, token) = (alarms.webhook_roots, alarms.webhook_token_file);
    Some(LaneSettings {
        gateway: gateway.host_name.clone(),
        mail,
        webhook: alarms.webhook_url.map(|url| peer(url, roots, token)),
    })
}

/// Notes a lane that would be down whenever letters are.
fn apart(view: &View<'_>, key: &str, (host, port): (&str, u16), routes: &[delivery::Route]) {
    let same = |route: &&Route| route.host.eq_ignore_ascii_case(host) && route.port == port;
    for route in routes.iter().filter(same) {
        let what = format!(
            "must not be the relay of [route.{}]: it would be down with it",
            route.name
        );
        view.fault(key, &what);
    }
}

/// What expires on a day is counted as expired from its beginning.
pub(super) fn begin(day: Date) -> Timestamp {
    london::instant(day, Time::midnight())
}

/// Notes one of two keys that is given without the other.
pub(super) fn pair(view: &View<'_>, one: &str, other: &str) {
    needs(view, one, other);
    needs(view, other, one);
}

pub(super) fn needs(view: &View<'_>, one: &str, other: &str) {
    if view.has(one) && !view.has(other) {
        view.fault(one, &format!("needs {other}"));
    }
}
