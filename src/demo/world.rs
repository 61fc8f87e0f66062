//! The demo's world: authority, keys, folders, relays and settings, made before the daemon starts.

use super::files::{Names, settings, write_directory};
use super::outbox::Outbox;
use super::pki::{Authority, Identity, PkiFault, Purpose, write};
use super::relay::{Begins, Recipe, Relay};
use super::school::Schools;
use crate::admin::own_user_name;
use crate::clock::Clock;
use crate::letter::{SignatureProfile, SignerFault, generate};
use crate::seal::{SealFault, random};
use jiff::{SignedDuration, Timestamp};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Why the world could not be made.
#[derive(Debug, thiserror::Error)]
pub enum WorldFault {
    /// A certificate or file.
    #[error(transparent)]
    Pki(#[from] PkiFault),
    /// The signing key.
    #[error(transparent)]
    Key(#[from] SignerFault),
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] SealFault),
    /// A folder or socket.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Everything that exists before the daemon starts.
#[derive(Debug)]
pub struct World {
    /// Holds everything.
    pub folder: PathBuf,
    /// The authority's certificate.
    pub ca: PathBuf,
    /// The police client.
    pub client: Identity,
    /// The directory's files.
    pub directory: PathBuf,
    /// Mails that schools received.
    pub mail_dir: PathBuf,
    /// Settings, in layers.
    pub settings: Vec<PathBuf>,
    /// Where the relay that plays CJSM listens.
    pub relay_cjsm: SocketAddr,
    /// Where the school's relay listens.
    pub relay_school: SocketAddr,
    /// What schools and relays have yet to send to the gateway.
    pub outbox: Arc<Outbox>,
    /// The relays, while they run.
    relays: JoinSet<()>,
}

/// Written over the settings: the scheme the demo plays.
const SCHEME: &str = include_str!("../../config/set-2020.toml");
/// How much older than the night the signing key is: GnuPG refuses a signature older than its key.
const KEY_AGE: SignedDuration = SignedDuration::from_hours(24 * 30);

impl World {
    /// Writes the directory's files, so that the night can be chosen by its calendars.
    pub fn lay_directory(folder: &Path, now: Timestamp) -> Result<PathBuf, WorldFault> {
        let directory = folder.join("directory");
        fs::create_dir_all(&directory)?;
        write_directory(&directory, now.to_zoned(jiff::tz::TimeZone::UTC).date())?;
        Ok(directory)
    }

    /// Makes the rest for a night that begins when `clock` says, and starts the relays.
    pub async fn make(
        folder: PathBuf,
        directory: PathBuf,
        clock: &Clock,
    ) -> Result<Self, WorldFault> {
        let mail_dir = folder.join("mail");
        fs::create_dir_all(&mail_dir)?;
        let authority = Authority::make(&folder)?;
        let intake = authority.issue("intake", Purpose::Server)?;
        let client = authority.issue("police", Purpose::Client(Some("firstbell:force:essex")))?;
        let relay_client = authority.issue("relay-client", Purpose::Client(None))?;
        let relay = authority.issue("relay", Purpose::Server)?;
        let replies = authority.issue("replies", Purpose::Server)?;
        let ca = folder.join("ca.pem");
        let credential: [u8; 32] = random()?;
        let digits: String = credential
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        write(&folder.join("credential"), &digits)?;
        let user_id = "Essex Police Secure Desk <desk@gateway.demo.test>";
        let key = generate(user_id, clock.now() - KEY_AGE, SignatureProfile::V4)?;
        write(&folder.join("signing.asc"), &key)?;

        let outbox = Arc::new(Outbox::new(&folder, &ca)?);
        let schools = Arc::new(Schools::new(clock.clone(), Arc::clone(&outbox)));
        let mut relays = JoinSet::new();
        let mut start = async |name, begins, client_ca: Option<&Path>| {
            let recipe = Recipe {
                name,
                begins,
                identity: &relay,
                client_ca,
                mail_dir: &mail_dir,
                journal: folder.join(format!("relay-{name}.journal")),
                schools: Arc::clone(&schools),
            };
            let relay = Relay::listen(recipe).await?;
            let address = relay.address()?;
            relays.spawn(relay.serve());
            Ok::<_, io::Error>(address)
        };
        let relay_cjsm = start("cjsm", Begins::StartTls, None).await?;
        let relay_school = start("school", Begins::Implicit, Some(&ca)).await?;
        let operator = own_user_name().unwrap_or_else(|| "root".to_owned());
        let names = Names {
            folder: &folder,
            intake: &intake,
            relay_client: &relay_client,
            replies: &replies,
            cjsm_port: relay_cjsm.port(),
            school_port: relay_school.port(),
            operator: &operator,
        };
        let layers = [folder.join("firstbell.toml"), folder.join("set-2020.toml")];
        write(&layers[0], &settings(&names))?;
        write(&layers[1], SCHEME)?;
        let settings = layers.to_vec();
        Ok(Self {
            folder,
            ca,
            client,
            directory,
            mail_dir,
            settings,
            relay_cjsm,
            relay_school,
            outbox,
            relays,
        })
    }

    /// How many relays still run: two, always.
    pub fn relays_running(&self) -> usize {
        self.relays.len()
    }
}
