//! Configuration: files to the typed settings of each stage, with every fault at once and its place.
//!
//! Every key is described once, in [`keys`]: its type, unit, bounds, default and meaning. That table
//! finds unknown keys, checks values, fills in what is not given and writes the sample file.
//! Several files are layers: a later one wins key by key, and a list is replaced whole. Values are
//! checked in each file as it was written, before the layers are merged, because the `config` crate
//! turns `'1'` into 1 and keeps no places.
//!
//! Secrets are files or systemd credentials, never values: not in a file of settings, not in the
//! environment, not in arguments.

mod alarms;
mod assemble;
mod digest;
mod fault;
mod files;
mod keys;
mod kind;
mod layers;
mod mailboxes;
mod people;
mod replies;
mod routes;
mod sample;
mod setting;
mod table;
mod view;
mod walk;

pub use fault::{ConfigFault, ConfigWarning, Place, Position, Remark};
pub use files::Look;
pub use sample::sample;

use crate::admin::Operator;

use crate::alarms::{LaneSettings, Pace};
use crate::client::peer::PeerSettings;
use crate::referral::policy::Policy;
use crate::referral::post::{ForceName, words};
use crate::referral::school::RouteName;
use crate::replies::{mailbox, smtp};
use crate::{delivery, intake, letter, store};
use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Everything that is configured, checked and typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Logs.
    pub log: LogSettings,
    /// The store.
    pub store: store::Settings,
    /// Letters.
    pub letter: letter::Settings,
    /// HTTPS in.
    pub intake: intake::Settings,
    /// Out.
    pub delivery: delivery::Settings,
    /// The way out that nudges take; none: nobody is nudged.
    pub nudge_route: Option<RouteName>,
    /// SMTP in, if it listens.
    pub replies: Option<smtp::Settings>,
    /// Mailboxes that answers come to.
    pub mailboxes: Vec<mailbox::Settings>,
    /// How people are told of alarms.
    pub alarms: AlarmSettings,
    /// The external heartbeat, if there is one.
    pub heartbeat: Option<HeartbeatSettings>,
    /// Where metrics are served, if they are.
    pub metrics: Option<SocketAddr>,
    /// The policy of each force that may post.
    pub policies: HashMap<ForceName, Arc<Policy>>,
    /// The directory.
    pub directory: DirectorySettings,
    /// Who may act, and where.
    pub operators: OperatorSettings,
    warnings: Vec<ConfigWarning>,
    digest: [u8; 32],
    listens: Vec<Listens>,
}

/// An address that is listened on, and the key that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listens {
    address: SocketAddr,
    place: Place,
    section: &'static str,
    key: &'static str,
}

/// How the daemon logs, to stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// `tracing-subscriber`'s filter: `info`, `info,firstbell::delivery=debug`.
    pub filter: String,
    /// Lines for people or for machines.
    pub format: LogFormat,
}

/// How people are told of alarms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmSettings {
    /// By which lane.
    pub lane: LaneSettings,
    /// When.
    pub pace: Pace,
    /// Whether the host's clock is kept by NTP.
    pub ntp: bool,
}

/// The external heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatSettings {
    /// Who is called.
    pub peer: PeerSettings,
    /// How often.
    pub every: Duration,
}

/// Which calendars the directory rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectorySettings {
    /// The division of GOV.UK's `bank-holidays.json`: `england-and-wales`.
    pub bank_holiday_division: String,
}

/// The operators and their socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorSettings {
    /// The Unix socket that `serve` listens on and commands act through.
    pub socket: PathBuf,
    /// Everybody who may act; the caller is known by SO_PEERCRED.
    pub operators: Vec<Operator>,
}

words! {
    /// How log lines look.
    LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

impl Config {
    /// Reads the layers, first to last, and looks at every file they name: what `serve` and
    /// `check-config` run. Any fault refuses the whole.
    pub fn load(paths: &[PathBuf]) -> Result<Self, Vec<ConfigFault>> {
        Self::read(paths, Look::AtFiles)
    }

    /// Whether letters may go over this route: it has a section, and is not the one for nudges, which are
    /// for ordinary mailboxes.
    pub fn carries_letters(&self, name: &RouteName) -> bool {
        let mut routes = self.delivery.routes.iter();
        routes.any(|route| route.name == *name) && self.nudge_route.as_ref() != Some(name)
    }

    /// Like [`Config::load`]; [`Look::Away`] does not look at the files named: for `keys generate`,
    /// which makes them, and for commands that need no secret.
    pub fn read(paths: &[PathBuf], look: Look) -> Result<Self, Vec<ConfigFault>> {
        let mut faults = Vec::new();
        let layered = layers::read(paths, &mut faults);
        let config = match layered {
            Some(layered) => assemble::assemble(&layered, look, &mut faults),
            None => None,
        };
        faults.sort_by_key(|fault| {
            let file = paths.iter().position(|path| *path == fault.place.file);
            (file, fault.place.position)
        });
        faults.dedup();
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            Some(_) | None => Err(faults),
        }
    }

    /// What is allowed and yet should be looked at, such as a policy narrower than the Act.
    pub fn warnings(&self) -> &[ConfigWarning] {
        &self.warnings
    }

    /// SHA-256 of the effective settings, defaults included; no secret's content is in it. Recorded
    /// with each incarnation of the daemon.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Tries every address by binding it for a moment. A running daemon holds them: ask only when
    /// there is none.
    pub fn check_listen(&self) -> Result<(), ConfigFault> {
        let mut bound = Vec::new();
        for listens in &self.listens {
            match TcpListener::bind(listens.address) {
                Ok(listener) => bound.push(listener),
                Err(error) => {
                    return Err(Remark {
                        place: listens.place.clone(),
                        section: format!("[{}]", listens.section),
                        key: listens.key.to_owned(),
                        what: format!("cannot listen on {}: {error}", listens.address),
                    });
                }
            }
        }
        Ok(())
    }
}
