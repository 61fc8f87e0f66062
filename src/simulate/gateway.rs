//! The gateway under test: the real store, delivery, watch and replies, under a clock that is moved.

use super::Fault;
use super::carrier::Quay;
use super::places::HUB;
use crate::clock::{Clock, zone_data_version};
use crate::delivery::making::Maker;
use crate::delivery::stage::Stage;
use crate::delivery::{self, Limits, Roots, Route, TlsMode};
use crate::letter::{self, SignatureProfile, Signer, Templates};
use crate::referral::directory::Directory;
use crate::referral::policy::Policy;
use crate::referral::retry::RetrySettings;
use crate::referral::school::{Address, RouteName};
use crate::replies;
use crate::seal::randomness::Randomness;
use crate::store::{Basis, Decides, Footing, Options, Settings, Store};
use crate::tls::TlsFloor;
use crate::watch::Watch;
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// The stages are driven by their steps; their polls never come. What the store said stands so long.
const POLL: Duration = Duration::from_secs(60);
/// No attempt is given up by us: the world says how each ends.
const NEVER: Duration = Duration::from_secs(24 * 3600);
/// What the database may grow to while its disk is not full.
const ROOM_BYTES: u64 = 1 << 34;
/// A disk that is full: SQLite then takes no page that it does not have.
const NO_ROOM_BYTES: u64 = 4096;
/// When every simulated key was made: before any simulated year.
const KEY_MADE: &str = "2000-01-01T00:00:00Z";
/// Who signs, and for whom.
const HOST: &str = "gateway.simulated.test";

/// What outlives a restart.
#[derive(Debug, Clone)]
pub(super) struct Site {
    folder: PathBuf,
    pub(super) clock: Clock,
    pub(super) quay: Quay,
    pub(super) policy: Arc<Policy>,
    randomness: Randomness,
    decides: Decides,
    signer: Signer,
    routes: Vec<RouteName>,
}

/// A daemon that runs.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) store: Store,
    pub(super) stage: Stage<Quay>,
    pub(super) watch: Watch,
    pub(super) replies: replies::stage::Stage,
    writing: JoinSet<()>,
}

/// The key that signs simulated letters: made once for all years.
pub(super) fn make_signer(folder: &Path) -> Result<Signer, Fault> {
    let path = folder.join("signing.asc");
    let made = KEY_MADE.parse().map_err(Fault::other)?;
    let user = format!("Firstbell <gateway@{HOST}>");
    let key = letter::generate(&user, made, SignatureProfile::V4).map_err(Fault::other)?;
    write_secret(&path, key.as_bytes())?;
    Signer::load(&path, SignatureProfile::V4).map_err(Fault::other)
}

fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let mut options = OpenOptions::new();
    let opened = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = opened.open(path).map_err(Fault::other)?;
    file.write_all(bytes).map_err(Fault::other)
}

impl Site {
    pub(super) fn new(
        folder: &Path,
        clock: Clock,
        seed: u64,
        decides: Decides,
        (signer, policy): (Signer, Arc<Policy>),
        routes: &[RouteName],
    ) -> Result<Self, Fault> {
        write_secret(&folder.join("credential"), "5a".repeat(32).as_bytes())?;
        Ok(Self {
            folder: folder.to_owned(),
            clock,
            quay: Quay::default(),
            policy,
            randomness: Randomness::seeded(seed),
            decides,
            signer,
            routes: routes.to_vec(),
        })
    }

    /// Starts the daemon.
    pub(super) async fn start(&self) -> Result<Gateway, Fault> {
        let settings = Settings {
            state_dir: self.folder.join("state"),
            credential: self.folder.join("credential"),
            batch_max: 64,
            queue_max: 256,
            disk_free_min_bytes: 0,
            ballast_bytes: 0,
            size_bytes_max: ROOM_BYTES,
            checkpoint_pages: 2_000,
        };
        let templates = Templates::load(None).map_err(Fault::other)?;
        let policies = HashMap::from([(self.policy.force.clone(), Arc::clone(&self.policy))]);
        let options = Options {
            clock: self.clock.clone(),
            retry: retries(),
            message_id_host: HOST.to_owned(),
            nudge_route: RouteName::parse(HUB),
            policies: policies.clone(),
            basis: Basis {
                templates_digest: templates.digest(),
                tzdb: zone_data_version(),
                build: env!("CARGO_PKG_VERSION").to_owned(),
                config_digest: [0; 32],
            },
            footing: Footing {
                randomness: self.randomness.clone(),
                decides: self.decides,
                synced: false,
            },
        };
        let opened = Store::open(&settings, options).await;
        let (store, writer) = opened.map_err(Fault::other)?;
        let mut writing = JoinSet::new();
        writing.spawn(writer);
        let maker = Maker {
            signer: self.signer.clone(),
            templates,
            settings: self.letters()?,
            policies,
        };
        let quay = self.quay.clone();
        let stage = Stage::new(store.clone(), quay, maker, self.deliveries());
        let stage = stage.simulated(self.randomness.clone());
        Ok(Gateway {
            stage,
            watch: Watch::new(store.clone(), POLL),
            replies: replies::stage::Stage::new(store.clone(), POLL),
            store,
            writing,
        })
    }

    fn letters(&self) -> Result<letter::Settings, Fault> {
        let address = |local: &str| {
            let address = Address::parse(&format!("{local}@{HOST}"));
            address.ok_or_else(|| Fault::other("no address"))
        };
        Ok(letter::Settings {
            templates: None,
            signing_key: self.folder.join("signing.asc"),
            profile: SignatureProfile::V4,
            from: address("desk")?,
            from_name: "Simulated Desk".to_owned(),
            reply_to: address("replies")?,
            host_name: HOST.to_owned(),
        })
    }

    fn deliveries(&self) -> delivery::Settings {
        let seconds = Duration::from_secs;
        let limits = Limits {
            connect: seconds(30),
            handshake: seconds(30),
            command: seconds(60),
            body: seconds(300),
            whole: seconds(600),
        };
        let routes = self.routes.iter().map(|name| Route {
            name: name.clone(),
            host: "relay.simulated.test".to_owned(),
            port: 25,
            tls: TlsMode::StartTls,
            floor: TlsFloor::V12,
            roots: Roots::System,
            client: None,
            login: None,
            connections: 4,
            idle: seconds(10),
            letters_per_connection: 50,
            limits,
            plus_addressing: name.as_str() != "cjsm",
        });
        delivery::Settings {
            host_name: HOST.to_owned(),
            routes: routes.collect(),
            retries: retries(),
            lease: NEVER,
            poll: POLL,
        }
    }
}

/// As `config/firstbell.toml` has them.
fn retries() -> RetrySettings {
    RetrySettings {
        first: Duration::from_secs(30),
        longest: Duration::from_secs(600),
        in_doubt: Duration::from_secs(120),
    }
}

impl Gateway {
    /// The first directory.
    pub(super) async fn import(&self, directory: Directory) -> Result<(), Fault> {
        let imported = self.store.import_directory(directory, "simulated").await;
        match imported.map_err(Fault::other)? {
            Some(_) => Ok(()),
            None => Err(Fault::other("the directory was not taken")),
        }
    }

    /// How many batches it has written since it was started.
    pub(super) fn batch(&self) -> u64 {
        *self.store.hints().borrow()
    }

    /// Lets the disk be full, or not.
    pub(super) fn set_full(&self, full: bool) {
        let bytes = if full { NO_ROOM_BYTES } else { ROOM_BYTES };
        self.store.set_size_bytes_max(bytes);
    }

    /// Stops it, from one moment to the next or in order. What is under way is gone with it.
    pub(super) async fn stop(self, in_order: bool) {
        let Self {
            store,
            stage,
            mut writing,
            ..
        } = self;
        drop(stage);
        if in_order {
            // What could not be stored then is found at the next start.
            store.close().await.unwrap_or_default();
        }
        writing.shutdown().await;
    }
}
