//! The typed sections to the settings of each stage, and the rules that hold between keys.

use super::digest::settings_digest;
use super::fault::ConfigFault;
use super::files::Look;
use super::keys::{Directory, Gateway, Intake, Letters, Log, Signing, Store};
use super::layers::Layered;
use super::routes::delivery_settings;
use super::view::{Gathered, View};
use super::{Config, DirectorySettings, Listens, LogSettings};
use crate::intake::ForceIdentity;
use crate::replies::smtp;
use crate::{intake, letter, store};
use std::net::SocketAddr;

/// Makes the settings; none if anything is missing. Every section is read before any is used, so
/// that every fault is noted.
pub(super) fn assemble(
    layered: &Layered,
    look: Look,
    faults: &mut Vec<ConfigFault>,
) -> Option<Config> {
    let gathered = Gathered::default();
    let mut warnings = Vec::new();
    let sources = Sources {
        layered,
        gathered: &gathered,
        look,
    };
    let gateway = sources.gateway();
    let log = Log::read(&sources.view(&["log"]));
    let store = sources.store();
    let signing = Signing::read(&sources.view(&["signing"]));
    let letters = Letters::read(&sources.view(&["letters"]));
    let directory = Directory::read(&sources.view(&["directory"]));
    let intake = sources.intake();
    let routes = sources.routes(&mut warnings);
    let delivery = sources.delivery(routes.as_deref().unwrap_or_default());
    let replies = sources.replies();
    let mailboxes = sources.mailboxes(&mut warnings);
    let alarms = sources.alarms(
        gateway.as_ref(),
        routes.as_deref().unwrap_or_default(),
        &mut warnings,
    );
    let (heartbeat, metrics) = (sources.heartbeat(), sources.metrics());
    let forces = sources.forces(&mut warnings);
    let operators = sources.operators(
        gateway.as_ref().map(|gateway| &*gateway.state_dir),
        &mut warnings,
    );
    faults.append(&mut gathered.faults.take());

    let (gateway, log, forces) = (gateway?, log?, forces?);
    let retries = delivery?;
    let (identities, policies) = forces;
    let intake = intake_settings(intake?, identities);
    let letter = letter_settings(signing?, letters?, &gateway);
    let replies = replies?.map(|replies| replies.settings(&letter));
    Some(Config {
        log: LogSettings {
            filter: log.filter,
            format: log.format,
        },
        store: store_settings(store?, &gateway),
        listens: sources.listens(&intake, replies.as_ref(), metrics.flatten()),
        alarms: alarms?,
        heartbeat: heartbeat?,
        metrics: metrics?,
        letter,
        intake,
        nudge_route: retries.nudge_route.clone(),
        delivery: delivery_settings(retries, routes?, &gateway),
        replies,
        mailboxes: mailboxes?,
        policies,
        directory: DirectorySettings {
            bank_holiday_division: directory?.bank_holiday_division,
        },
        operators: operators?,
        warnings,
        digest: settings_digest(&gathered.effective.take()),
    })
}

/// Words that nothing read outside may hold: some mailboxes send a notice of each arrival to an
/// ordinary one.
const TELLING_WORDS: [&str; 4] = ["domestic", "abuse", "incident", "encompass"];

/// Where sections are read from.
pub(super) struct Sources<'a> {
    /// The merged layers.
    pub(super) layered: &'a Layered,
    gathered: &'a Gathered,
    look: Look,
}

impl<'a> Sources<'a> {
    /// The section at this path.
    pub(super) fn view(&self, path: &[&str]) -> View<'a> {
        View::new(self.layered, self.gathered, self.look, path)
    }

    fn gateway(&self) -> Option<Gateway> {
        let view = self.view(&["gateway"]);
        let gateway = Gateway::read(&view)?;
        let reply_to = gateway.reply_to.as_ref();
        let outside = [
            ("host_name", gateway.host_name.as_str()),
            ("from", gateway.from.as_str()),
            ("from_name", gateway.from_name.as_str()),
            ("reply_to", reply_to.map_or("", |address| address.as_str())),
        ];
        for (key, text) in outside {
            let text = text.to_ascii_lowercase();
            for word in TELLING_WORDS.iter().filter(|word| text.contains(*word)) {
                view.fault(
                    key,
                    &format!("is read outside and must not hold the word \"{word}\""),
                );
            }
        }
        Some(gateway)
    }

    fn store(&self) -> Option<Store> {
        let view = self.view(&["store"]);
        let store = Store::read(&view)?;
        if store.batch_max > store.queue_max {
            view.fault_order("batch_max", "queue_max");
        }
        Some(store)
    }

    /// Every address that is listened on, with its place.
    fn listens(
        &self,
        intake: &intake::Settings,
        replies: Option<&smtp::Settings>,
        metrics: Option<SocketAddr>,
    ) -> Vec<Listens> {
        let listens = |section, key, address: Option<SocketAddr>| {
            Some(Listens {
                address: address?,
                place: self.view(&[section]).place(key),
                section,
                key,
            })
        };
        let starttls = replies.and_then(|replies| replies.listen_starttls);
        let tls = replies.and_then(|replies| replies.listen_tls);
        [
            listens("intake", "listen", Some(intake.listen)),
            listens("replies", "listen_starttls", starttls),
            listens("replies", "listen_tls", tls),
            listens("metrics", "listen", metrics),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn intake(&self) -> Option<Intake> {
        let view = self.view(&["intake"]);
        let intake = Intake::read(&view)?;
        if intake.connections_per_force_max > intake.connections_max {
            view.fault_order("connections_per_force_max", "connections_max");
        }
        Some(intake)
    }
}

fn store_settings(store: Store, gateway: &Gateway) -> store::Settings {
    store::Settings {
        state_dir: gateway.state_dir.clone(),
        credential: store.credential_file,
        batch_max: store.batch_max,
        queue_max: store.queue_max,
        disk_free_min_bytes: store.disk_free_min_bytes,
        ballast_bytes: store.ballast_bytes,
        size_bytes_max: store.size_bytes_max,
        checkpoint_pages: store.checkpoint_pages,
    }
}

fn letter_settings(signing: Signing, letters: Letters, gateway: &Gateway) -> letter::Settings {
    let reply_to = gateway.reply_to.as_ref().unwrap_or(&gateway.from);
    letter::Settings {
        templates: letters.templates_dir,
        signing_key: signing.key_file,
        profile: signing.profile,
        from: gateway.from.clone(),
        from_name: gateway.from_name.clone(),
        reply_to: reply_to.clone(),
        host_name: gateway.host_name.clone(),
    }
}

fn intake_settings(intake: Intake, forces: Vec<ForceIdentity>) -> intake::Settings {
    intake::Settings {
        listen: intake.listen,
        certificate: intake.certificate_file,
        key: intake.key_file,
        client_ca: intake.client_ca_file,
        crls: intake.crl_files,
        floor: intake.tls_min,
        forces,
        body_bytes_max: intake.body_bytes_max,
        body_timeout: intake.body_timeout_s,
        head_timeout: intake.head_timeout_s,
        handshake_timeout: intake.handshake_timeout_s,
        connections_max: intake.connections_max,
        connections_per_force_max: intake.connections_per_force_max,
        connection_age_max: intake.connection_age_max_s,
        retry_after: intake.retry_after_s,
    }
}
