//! Opening the store: the lock, the database, the migrations, this run's number, and what an earlier
//! run left in flight.

use super::absences::Absences;
use super::disk::{self, Disk};
use super::kept::Kept;
use super::tx::{Basis, BasisRows, By, Fault, State, Stream, Tx};
use super::vault::{Vault, VaultFault};
use super::writer::{CHECKPOINT, Writer};
use super::{Footing, Pulses, Readers, Settings, Store, directory_load, outcomes, refuse};
use crate::clock::Clock;
use crate::referral::fact::Fact;
use crate::referral::policy::Policy;
use crate::referral::post::ForceName;
use crate::referral::retry::RetrySettings;
use crate::referral::school::RouteName;
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Why the store does not open. Operators' words, with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// Another daemon or command works on this state.
    #[error("{0}: another firstbell holds the lock; stop it first")]
    Locked(PathBuf),
    /// A file could not be made or read.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// Keys could not be opened.
    #[error(transparent)]
    Vault(#[from] VaultFault),
    /// Nothing was ever stored here.
    #[error("{0}: nothing is stored here yet; next: firstbell directory import --initial FOLDER")]
    Nothing(PathBuf),
    /// The database is of a newer version, or damaged: it is left untouched.
    #[error("{0}: {1}; the file is left as it is; a newer version's file needs that version")]
    Database(PathBuf, String),
}

/// What the store needs to know besides its settings.
#[derive(Debug, Clone)]
pub struct Options {
    /// Civil time.
    pub clock: Clock,
    /// How letters are retried.
    pub retry: RetrySettings,
    /// The right side of Message-IDs.
    pub message_id_host: String,
    /// The way out that nudges take; none: nobody is nudged.
    pub nudge_route: Option<RouteName>,
    /// What facts rest on.
    pub basis: Basis,
    /// The policy of each force.
    pub policies: HashMap<ForceName, Arc<Policy>>,
    /// What it stands on: the default, but for the simulator.
    pub footing: Footing,
}

/// How the writer's connection is opened, at start and again after a failed batch.
#[derive(Debug)]
pub(super) struct Opening {
    path: PathBuf,
    size_bytes_max: watch::Receiver<u64>,
    synced: bool,
    index: Option<SqliteConnection>,
    /// Held as long as the store is open.
    _lock: File,
}

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("src/store/migrations");

/// A lock by somebody outside (a backup tool) is waited for so long.
const BUSY: Duration = Duration::from_secs(10);
/// SQLite's page size; the default since 3.12, fixed here because the size bound counts pages.
const PAGE_BYTES: u64 = 4096;
/// One part of the database's bound in so many is kept for what was promised: letters signed and
/// attempts recorded after new work is refused.
const RESERVE_PART: u64 = 8;
/// The writer's page cache, as SQLite takes kibibytes. Its preset of 2 MB is less than a large batch
/// changes, and what does not fit is written twice and read again.
const CACHE_KIB: &str = "-32768";
/// A command's writes are prepared as one: there are more of these than statements.
const STATEMENTS_KEPT: usize = 256;
/// Readers at once.
const READERS: u32 = 4;

// In one turn with the beginning, whose lock it needs anyway.
const BEGIN: &str = "BEGIN IMMEDIATE; SAVEPOINT command; SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count)";
const STORE_GET: &str = "SELECT fact_seq FROM store WHERE one = 1";
const STORE_ADD: &str = "INSERT INTO store(one, id, created_at, fact_seq, directory_version) VALUES (1, $1, $2, 0, 0) ON CONFLICT DO NOTHING";
const LAST_FACT: &str = "SELECT COALESCE(MAX(seq), 0) FROM fact";
const INCARNATION_LAST: &str = "SELECT COALESCE(MAX(n), 0) FROM incarnation";
const INCARNATION_ADD: &str =
    "INSERT INTO incarnation(n, started_at, build, config_digest) VALUES ($1, $2, $3, $4)";
const INCARNATION_STOP: &str = "UPDATE incarnation SET stopped_at = $2 WHERE n = $1";
const SEQ_SAVE: &str = "UPDATE store SET fact_seq = $1 WHERE one = 1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    STORE_GET,
    STORE_ADD,
    LAST_FACT,
    INCARNATION_LAST,
    INCARNATION_ADD,
    INCARNATION_STOP,
    SEQ_SAVE,
];

/// The database's file.
pub(super) fn database(state_dir: &Path) -> PathBuf {
    state_dir.join("firstbell.db")
}

impl Store {
    /// Opens the store, makes it if it is not there, and gives back the writer to be run beside it.
    /// What an earlier run was sending is in doubt before anything can be claimed.
    pub async fn open(
        settings: &Settings,
        options: Options,
    ) -> Result<(Self, impl Future<Output = ()> + Send + use<>), OpenFault> {
        let folder = &settings.state_dir;
        DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(folder)
            .map_err(|e| OpenFault::File(folder.clone(), e))?;
        let lock = lock(folder)?;
        let vault = Vault::open(folder, &settings.credential)?;
        let disk = Disk::new(
            folder.clone(),
            settings.disk_free_min_bytes,
            settings.ballast_bytes,
        );
        disk.lay_ballast()
            .map_err(|e| OpenFault::File(folder.join("ballast"), e))?;
        let path = database(folder);
        let (size, size_now) = watch::channel(settings.size_bytes_max);
        let mut opening = Opening {
            path: path.clone(),
            size_bytes_max: size_now,
            synced: options.footing.synced,
            index: None,
            _lock: lock,
        };
        let damaged = |fault: Fault| OpenFault::Database(path.clone(), fault.to_string());
        let mut connection = opening.connect().await.map_err(damaged)?;
        MIGRATIONS
            .run_direct(None, &mut connection, false)
            .await
            .map_err(|e| OpenFault::Database(path.clone(), e.to_string()))?;
        // A run that was killed left its log behind, and runs killed one after the other would make
        // each start slower than the one before.
        if let Err(error) = sqlx::query(CHECKPOINT).execute(&mut connection).await {
            tracing::error!(%error, "checkpoint failed");
        }
        let mut state = State {
            vault: vault.clone(),
            basis: options.basis,
            retry: options.retry,
            message_id_host: options.message_id_host,
            nudge_route: options.nudge_route,
            directory: Arc::default(),
            absences: Absences::default(),
            policies: options.policies,
            footing: options.footing,
            incarnation: 0,
            fact_seq: 0,
            basis_rows: BasisRows::default(),
            kept: Kept::default(),
            full: false,
        };
        begin(&mut connection, &mut state, options.clock.now())
            .await
            .map_err(damaged)?;
        opening.keep_index().await.map_err(damaged)?;
        let readers = Readers::open(&path, vault)
            .await
            .map_err(|e| damaged(e.into()))?;
        recall(&readers, &mut state, options.clock.now())
            .await
            .map_err(damaged)?;
        let (store, writer) = assemble(
            settings,
            options.clock,
            opening,
            disk,
            connection,
            (state, readers, size),
        );
        Ok((store, writer.run()))
    }
}

/// What the writer keeps in memory of what is stored.
async fn recall(readers: &Readers, state: &mut State, now: Timestamp) -> Result<(), Fault> {
    state.directory = Arc::new(directory_load::load(readers).await?);
    state.absences = Absences::load(readers, now).await?;
    Ok(())
}

/// The handle and the writer, joined by their channels.
fn assemble(
    settings: &Settings,
    clock: Clock,
    opening: Opening,
    disk: Disk,
    connection: SqliteConnection,
    (state, readers, size_bytes_max): (State, Readers, watch::Sender<u64>),
) -> (Store, Writer) {
    let (first, first_rx) = mpsc::channel(settings.queue_max);
    let (then, then_rx) = mpsc::channel(settings.queue_max);
    let directory = watch::channel(Arc::clone(&state.directory)).0;
    let able = Arc::new(AtomicBool::new(!disk.nearly_full()));
    let hints = watch::channel(0).0;
    let pulses = Pulses::new();
    let store = Store {
        clock: clock.clone(),
        first,
        then,
        readers,
        directory: directory.subscribe(),
        able: Arc::clone(&able),
        hints: hints.subscribe(),
        size_bytes_max,
        pulses: pulses.clone(),
    };
    let writer = Writer {
        connection: Some(connection),
        state,
        clock,
        opening,
        disk,
        batch_max: settings.batch_max,
        checkpoint_pages: settings.checkpoint_pages,
        first: first_rx,
        then: then_rx,
        able,
        hints,
        directory,
        pulses,
        stopping: None,
    };
    (store, writer)
}

impl Readers {
    /// Opens the database to read only, as the command line does beside or without a daemon.
    pub(super) async fn open(path: &Path, vault: Vault) -> Result<Self, sqlx::Error> {
        let pool = SqlitePoolOptions::new()
            .max_connections(READERS)
            // A file does not hang up: asking each time costs as much as most of the questions.
            .test_before_acquire(false)
            .connect_with(to_read(path))
            .await?;
        Ok(Self { pool, vault })
    }
}

fn to_read(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(BUSY)
        .pragma("mmap_size", "0")
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging()
}

impl Opening {
    async fn connect(&mut self) -> Result<SqliteConnection, Fault> {
        let pages = *self.size_bytes_max.borrow_and_update() / PAGE_BYTES;
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(if self.synced {
                SqliteSynchronous::Full
            } else {
                SqliteSynchronous::Off
            })
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .statement_cache_capacity(STATEMENTS_KEPT)
            .page_size(u32::try_from(PAGE_BYTES).unwrap_or(4096))
            .pragma("mmap_size", "0")
            // What a statement sorts or may take back never goes to a file outside the state folder.
            .pragma("temp_store", "MEMORY")
            .pragma("wal_autocheckpoint", "0")
            .pragma("cache_size", CACHE_KIB)
            .pragma("secure_delete", "ON")
            .pragma("max_page_count", pages.to_string())
            .disable_statement_logging();
        Ok(options.connect().await?)
    }

    /// Opens a connection that nobody uses, for as long as the store is open. SQLite's wal-index, which
    /// says where the write-ahead log ends, lives as long as any connection. Without one it is made
    /// anew from the log's file, and there a commit that failed at its sync can lie whole: a batch
    /// whose callers were refused would come back.
    async fn keep_index(&mut self) -> Result<(), Fault> {
        let mut connection = to_read(&self.path).connect().await?;
        sqlx::query(LAST_FACT).fetch_one(&mut connection).await?;
        self.index = Some(connection);
        Ok(())
    }

    /// Lets the wal-index go: the last connection then closes the database in order.
    pub(super) async fn release_index(&mut self) -> Result<(), Fault> {
        if let Some(connection) = self.index.take() {
            connection.close().await?;
        }
        Ok(())
    }

    /// Whether the write-ahead log holds so many pages, or cannot be asked.
    pub(super) fn log_is_long(&self, pages: u32) -> bool {
        disk::wal_pages(&self.path).map_or(true, |known| known >= u64::from(pages))
    }

    /// Begins a batch and its first command. Says whether the database's bound is reached but for what is kept for outcomes.
    /// Pages that were freed count as room.
    pub(super) async fn begin(&self, connection: &mut SqliteConnection) -> Result<bool, Fault> {
        let bound = *self.size_bytes_max.borrow() / PAGE_BYTES;
        let used = sqlx::query(BEGIN).fetch_one(connection).await?;
        let used = u64::try_from(used.try_get::<i64, _>(0)?).unwrap_or(0);
        Ok(used >= bound - bound / RESERVE_PART)
    }

    /// Whether the bound on the database's size was set anew since it was last opened.
    pub(super) fn is_stale(&self) -> bool {
        self.size_bytes_max.has_changed().unwrap_or(false)
    }

    /// After a failed batch: connects again and reads what is really there. A run that is not ours
    /// means that the lock was broken.
    pub(super) async fn reopen(&mut self, state: &mut State) -> Result<SqliteConnection, Fault> {
        let mut connection = self.connect().await?;
        let run = sqlx::query(INCARNATION_LAST)
            .fetch_one(&mut connection)
            .await?;
        if run.try_get::<i64, _>(0)? != state.incarnation {
            return Err(Fault::Damaged("another run has written to this store"));
        }
        let last = sqlx::query(LAST_FACT).fetch_one(&mut connection).await?;
        state.fact_seq = last.try_get(0)?;
        state.forget();
        Ok(connection)
    }
}

/// One lock beside the database: a second daemon does not start.
fn lock(folder: &Path) -> Result<File, OpenFault> {
    let path = folder.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|e| OpenFault::File(path.clone(), e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenFault::Locked(path)),
        Err(TryLockError::Error(error)) => Err(OpenFault::File(path, error)),
    }
}

/// This run's number, its first fact, and what an earlier run left in flight: one transaction.
async fn begin(
    connection: &mut SqliteConnection,
    state: &mut State,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut *connection)
        .await?;
    let id: [u8; 16] = state.footing.randomness.draw()?;
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let at = now.as_microsecond();
    sqlx::query(STORE_ADD)
        .bind(id)
        .bind(at)
        .execute(&mut *connection)
        .await?;
    let known: i64 = sqlx::query(STORE_GET)
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    let last: i64 = sqlx::query(LAST_FACT)
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    if known != last {
        return Err(Fault::Damaged(
            "the last fact is not the one the store remembers",
        ));
    }
    state.fact_seq = last;
    let run = sqlx::query(INCARNATION_LAST)
        .fetch_one(&mut *connection)
        .await?;
    state.incarnation = run.try_get::<i64, _>(0)? + 1;
    sqlx::query(INCARNATION_ADD)
        .bind(state.incarnation)
        .bind(at)
        .bind(&state.basis.build)
        .bind(state.basis.config_digest.as_slice())
        .execute(&mut *connection)
        .await?;
    let fact = Fact::DaemonStarted {
        incarnation: u32::try_from(state.incarnation).unwrap_or(u32::MAX),
        build: state.basis.build.clone(),
    };
    append_run(connection, state, now, &fact, 0).await?;
    let mut tx = Tx::new(&mut *connection, now, state);
    refuse::forget(&mut tx).await?;
    let in_flight = outcomes::recover(&mut tx).await?;
    tx.flushed().await?;
    if in_flight > 0 {
        tracing::warn!(in_flight, "an earlier run ended with letters in flight");
    }
    sqlx::query(SEQ_SAVE)
        .bind(state.fact_seq)
        .execute(&mut *connection)
        .await?;
    sqlx::query("COMMIT").execute(&mut *connection).await?;
    Ok(())
}

/// The end of this run, in order.
pub(super) async fn stopped(
    connection: &mut SqliteConnection,
    state: &mut State,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut *connection)
        .await?;
    sqlx::query(INCARNATION_STOP)
        .bind(state.incarnation)
        .bind(now.as_microsecond())
        .execute(&mut *connection)
        .await?;
    let incarnation = u32::try_from(state.incarnation).unwrap_or(u32::MAX);
    append_run(
        connection,
        state,
        now,
        &Fact::DaemonStopped { incarnation },
        1,
    )
    .await?;
    sqlx::query(SEQ_SAVE)
        .bind(state.fact_seq)
        .execute(&mut *connection)
        .await?;
    sqlx::query("COMMIT").execute(&mut *connection).await?;
    Ok(())
}

async fn append_run(
    connection: &mut SqliteConnection,
    state: &mut State,
    now: Timestamp,
    fact: &Fact,
    count: i64,
) -> Result<(), Fault> {
    let name = format!("run:{}", state.incarnation);
    let mut tx = Tx::new(connection, now, state);
    let by = By {
        actor: "daemon".to_owned(),
        force: None,
        basis: tx.basis(None).await?,
    };
    tx.append(&mut Stream { name, count }, fact, &by, None);
    tx.flushed().await?;
    Ok(())
}
