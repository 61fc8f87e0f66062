//! A lane by real mail and a real webhook, and what a stage looks at where nothing is wrong.

use super::TOKEN;
use super::sinks::Sink;
use crate::store_rules::policy;
use crate::support::pki::Pki;
use firstbell::alarms::book::Condition;
use firstbell::alarms::looks::Sources;
use firstbell::alarms::{Lane, LaneSettings, MailSettings};
use firstbell::client::peer::{HttpsUrl, PeerSettings};
use firstbell::delivery::{Limits, Roots, Route, TlsMode};
use firstbell::referral::alarm::Desks;
use firstbell::referral::policy::Policies;
use firstbell::referral::school::{Address, RouteName};
use firstbell::store::Stuck;
use firstbell::tls::TlsFloor;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;

/// The first person's mailbox and the second's webhook.
pub(crate) fn lane(pki: &Pki, folder: &Path, (mails, hooks): (&Sink, &Sink)) -> Lane {
    let token = folder.join("token");
    fs::write(&token, format!("{TOKEN}\n")).unwrap();
    let url = format!("https://localhost:{}/oncall", hooks.port);
    let settings = LaneSettings {
        gateway: "gateway.test".to_owned(),
        mail: Some(MailSettings {
            route: route(pki, mails.port),
            from: Address::parse("gateway@force.test").unwrap(),
            to: Address::parse("desk@force.test").unwrap(),
        }),
        webhook: Some(PeerSettings {
            url: HttpsUrl::parse(&url).unwrap(),
            ca: Some(pki.ca.clone()),
            token: Some(token),
            token_expires: None,
        }),
    };
    Lane::new(&settings).unwrap()
}

/// Nothing is wrong but what others find.
pub(crate) fn sources(others: watch::Receiver<BTreeSet<Condition>>) -> Sources {
    Sources {
        desks: Desks::of(&Policies::from([(policy().force.clone(), policy())])),
        expiries: watch::channel(Vec::new()).1,
        stuck: watch::channel(Stuck::default()).1,
        others: vec![others],
        beat: Duration::from_secs(3600),
        poll: Duration::from_secs(5),
        ntp: false,
    }
}

fn route(pki: &Pki, port: u16) -> Route {
    let long = Duration::from_secs(20);
    Route {
        name: RouteName::parse("alarms").unwrap(),
        host: "localhost".to_owned(),
        port,
        tls: TlsMode::Implicit,
        floor: TlsFloor::V12,
        roots: Roots::Private(pki.ca.clone()),
        client: None,
        login: None,
        connections: 1,
        idle: long,
        letters_per_connection: 1,
        limits: Limits {
            connect: long,
            handshake: long,
            command: long,
            body: long,
            whole: long,
        },
        plus_addressing: false,
    }
}
