//! One command's view of the batch: the connection, the batch's one instant, and what every command
//! writes in the same way: facts, sealed items, ids.

use super::Footing;
use super::absences::Absences;
use super::json;
use super::kept::Kept;
use super::script::Script;
use super::vault::{ContentKey, Vault, VaultFault};
use crate::referral::directory::Directory;
use crate::referral::fact::Fact;
use crate::referral::id::{ContactId, ContentKeyId, ItemId};
use crate::referral::policy::Policy;
use crate::referral::post::ForceName;
use crate::referral::retry::RetrySettings;
use crate::referral::school::RouteName;
use crate::seal::SealFault;
use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::collections::HashMap;
use std::sync::Arc;

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    #[error(transparent)]
    Vault(#[from] VaultFault),
    /// What is stored does not fit together. Names the place, never content.
    #[error("the record is damaged: {0}")]
    Damaged(&'static str),
}

impl From<SealFault> for Fault {
    fn from(fault: SealFault) -> Self {
        Self::Vault(fault.into())
    }
}

impl Fault {
    /// Whether only this command failed: a constraint or trigger spoke, or nothing reached SQLite.
    /// After anything else SQLite may have rolled back by itself, which sqlx does not notice.
    pub(super) fn fails_alone(&self) -> bool {
        match self {
            Self::Vault(_) | Self::Damaged(_) => true,
            // SQLITE_CONSTRAINT.
            Self::Sql(_) => self.sqlite_code() == Some(19),
        }
    }

    /// Whether what is stored could not be opened or does not fit together: the database itself is well.
    pub(super) fn is_of_content(&self) -> bool {
        match self {
            Self::Vault(_) | Self::Damaged(_) => true,
            Self::Sql(_) => false,
        }
    }

    /// Whether there was no room: SQLITE_FULL.
    pub(super) fn is_full(&self) -> bool {
        self.sqlite_code() == Some(13)
    }

    /// SQLite's primary result code: the low byte of an extended one.
    fn sqlite_code(&self) -> Option<i64> {
        match self {
            Self::Sql(sqlx::Error::Database(error)) => {
                let code = error.code().and_then(|code| code.parse::<i64>().ok());
                code.map(|code| code & 0xFF)
            }
            Self::Sql(_) | Self::Vault(_) | Self::Damaged(_) => None,
        }
    }
}

/// What the templates, zone data and build were: each fact names them.
#[derive(Debug, Clone)]
pub struct Basis {
    /// SHA-256 over the letter templates.
    pub templates_digest: [u8; 32],
    /// Version of the zone data.
    pub tzdb: String,
    /// Version of the program.
    pub build: String,
    /// SHA-256 over the configuration.
    pub config_digest: [u8; 32],
}

/// What the writer keeps between batches.
#[derive(Debug)]
pub(super) struct State {
    pub(super) vault: Vault,
    pub(super) basis: Basis,
    pub(super) retry: RetrySettings,
    pub(super) message_id_host: String,
    /// The way out that nudges take; none: nobody is nudged.
    pub(super) nudge_route: Option<RouteName>,
    pub(super) directory: Arc<Directory>,
    /// Who is away: outside the directory's versions.
    pub(super) absences: Absences,
    /// The policy of each force: what a successor is planned with.
    pub(super) policies: HashMap<ForceName, Arc<Policy>>,
    pub(super) footing: Footing,
    pub(super) incarnation: i64,
    pub(super) fact_seq: i64,
    pub(super) basis_rows: BasisRows,
    pub(super) kept: Kept,
    /// The database file may be written, but new work is refused: the disk is nearly full.
    pub(super) full: bool,
}

/// How far memory had come when something began that may be rolled back.
pub(super) struct Mark {
    fact_seq: i64,
    directory: Arc<Directory>,
    absences: Absences,
}

impl Mark {
    /// The last fact by then.
    pub(super) fn fact_seq(&self) -> i64 {
        self.fact_seq
    }
}

impl State {
    pub(super) fn mark(&self) -> Mark {
        Mark {
            fact_seq: self.fact_seq,
            directory: Arc::clone(&self.directory),
            absences: self.absences.clone(),
        }
    }

    /// What was done since is not kept: nor are its suspensions and absences.
    pub(super) fn back_to(&mut self, mark: Mark) {
        self.fact_seq = mark.fact_seq;
        self.directory = mark.directory;
        self.absences = mark.absences;
        self.forget();
    }

    /// Forgets what was read or written: it may have been rolled back.
    pub(super) fn forget(&mut self) {
        self.basis_rows.clear();
        self.kept.clear();
    }

    /// Sends nothing more to a contact: narrowing takes effect at once.
    pub(super) fn suspend(&mut self, contact: ContactId) {
        Arc::make_mut(&mut self.directory).suspended.insert(contact);
    }
}

/// Rows of `basis` that this run has found or added.
#[derive(Debug, Default)]
pub(super) struct BasisRows {
    by_policy: HashMap<[u8; 32], i64>,
    /// From the row of an earlier fact to this run's row of the same policy.
    like: HashMap<i64, i64>,
}

impl BasisRows {
    fn clear(&mut self) {
        self.by_policy.clear();
        self.like.clear();
    }
}

/// A stream of facts and how many it holds.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) name: String,
    pub(super) count: i64,
}

/// Who did it, for whom and on what basis: the same for every fact of a command.
#[derive(Debug, Clone)]
pub(super) struct By {
    pub(super) actor: String,
    pub(super) force: Option<ForceName>,
    pub(super) basis: i64,
}

pub(super) struct Tx<'a> {
    connection: &'a mut SqliteConnection,
    kept_back: Script,
    /// What was kept back begins with a savepoint that was not set yet.
    unset: Option<&'static str>,
    pub(super) now: Timestamp,
    pub(super) state: &'a mut State,
}

const BASIS_FIND: &str = "SELECT n FROM basis WHERE policy_digest = $1 AND templates_digest = $2 AND tzdb = $3 AND build = $4";
const BASIS_POLICY: &str = "SELECT policy_digest FROM basis WHERE n = $1";
const BASIS_ADD: &str = "INSERT INTO basis(policy_digest, templates_digest, tzdb, build) VALUES ($1, $2, $3, $4) RETURNING n";
const FACT_ADD: &str = "INSERT INTO fact(seq, stream, n, force, kind, v, at, actor, basis, cause, body, leaf) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const KEY_ADD: &str = "INSERT INTO content_key(id, scope, epoch, wrapped) VALUES (?, ?, ?, ?)";
const KEY_GET: &str = "SELECT epoch, wrapped FROM content_key WHERE id = $1";
const ITEM_ADD: &str =
    "INSERT INTO item(id, content_key, kind, owner, commitment, sealed) VALUES (?, ?, ?, ?, ?, ?)";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    BASIS_FIND,
    BASIS_POLICY,
    BASIS_ADD,
    FACT_ADD,
    KEY_ADD,
    KEY_GET,
    ITEM_ADD,
];

impl<'a> Tx<'a> {
    /// A command's view of a batch that is open on this connection.
    pub(super) fn new(
        connection: &'a mut SqliteConnection,
        now: Timestamp,
        state: &'a mut State,
    ) -> Self {
        Self {
            connection,
            kept_back: Script::default(),
            unset: None,
            now,
            state,
        }
    }

    /// The connection, once everything that was kept back is carried out.
    pub(super) async fn flushed(&mut self) -> Result<&mut SqliteConnection, Fault> {
        if !self.kept_back.is_empty() {
            self.rows().await?;
        }
        Ok(self.connection)
    }

    /// Keeps a write back until something is read or the command ends: see [`Script`].
    pub(super) fn later(&mut self, statement: &'static str) -> &mut Script {
        self.kept_back.add(statement)
    }

    /// Carries out what was kept back, in one turn, and gives the rows that its questions found.
    pub(super) async fn rows(&mut self) -> Result<Vec<SqliteRow>, Fault> {
        let script = std::mem::take(&mut self.kept_back).checked()?;
        self.unset = None;
        script.run(self.connection).await
    }

    /// [`Self::rows`] of one question: its only row.
    pub(super) async fn row(&mut self) -> Result<SqliteRow, Fault> {
        let row = self.rows().await?.into_iter().next();
        row.ok_or(Fault::Sql(sqlx::Error::RowNotFound))
    }

    /// Begins a savepoint of the command's own, with the first of what is done in it.
    pub(super) async fn begin(&mut self, statement: &'static str) -> Result<(), Fault> {
        self.flushed().await?;
        self.later(statement);
        self.unset = Some(statement);
        Ok(())
    }

    /// Rolls back to a savepoint. What was kept back since is dropped.
    pub(super) async fn roll_back_to(&mut self, statement: &'static str) -> Result<(), Fault> {
        self.kept_back = Script::default();
        if let Some(savepoint) = self.unset {
            // Nothing was done in it; whoever releases it finds it.
            self.later(savepoint);
            return Ok(());
        }
        sqlx::query(statement)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    /// Milliseconds since 1970 and random bytes, as ids are made from.
    pub(super) fn id_parts(&self) -> Result<(u64, [u8; 10]), Fault> {
        let milliseconds = u64::try_from(self.now.as_millisecond()).unwrap_or(0);
        Ok((milliseconds, self.state.footing.randomness.draw()?))
    }

    pub(super) fn new_id<T>(&self, make: fn(u64, [u8; 10]) -> T) -> Result<T, Fault> {
        let (milliseconds, random) = self.id_parts()?;
        Ok(make(milliseconds, random))
    }

    pub(super) fn random_u64(&self) -> Result<u64, Fault> {
        let bytes = self.state.footing.randomness.draw()?;
        Ok(u64::from_be_bytes(bytes))
    }

    /// The row that names what a decision rested on; `policy` none for what rests on no policy.
    pub(super) async fn basis(&mut self, policy: Option<&Policy>) -> Result<i64, Fault> {
        self.basis_of(policy.map_or([0; 32], policy_digest)).await
    }

    /// The row for what is decided now about a case whose last fact has this row: the policy is its
    /// own, the templates, zone data and build are those that run.
    pub(super) async fn basis_like(&mut self, n: i64) -> Result<i64, Fault> {
        if let Some(like) = self.state.basis_rows.like.get(&n) {
            return Ok(*like);
        }
        let row = sqlx::query(BASIS_POLICY)
            .bind(n)
            .fetch_one(&mut *self.connection)
            .await?;
        let policy: Vec<u8> = row.try_get(0)?;
        let policy = <[u8; 32]>::try_from(policy).map_err(|_| Fault::Damaged("basis"))?;
        let like = self.basis_of(policy).await?;
        self.state.basis_rows.like.insert(n, like);
        Ok(like)
    }

    async fn basis_of(&mut self, policy: [u8; 32]) -> Result<i64, Fault> {
        if let Some(n) = self.state.basis_rows.by_policy.get(&policy) {
            return Ok(*n);
        }
        let basis = self.state.basis.clone();
        let mut row = None;
        for statement in [BASIS_FIND, BASIS_ADD] {
            if row.is_none() {
                row = sqlx::query(statement)
                    .bind(policy.as_slice())
                    .bind(basis.templates_digest.as_slice())
                    .bind(&basis.tzdb)
                    .bind(&basis.build)
                    .fetch_optional(&mut *self.connection)
                    .await?;
            }
        }
        let n: i64 = row.ok_or(Fault::Damaged("basis"))?.try_get(0)?;
        self.state.basis_rows.by_policy.insert(policy, n);
        Ok(n)
    }

    /// Appends a fact. `cause` names an outside event, which becomes a fact once.
    pub(super) fn append(
        &mut self,
        stream: &mut Stream,
        fact: &Fact,
        by: &By,
        cause: Option<&str>,
    ) {
        let body = json::canonical(&fact.write());
        // Whoever keeps a case's facts between two batches keeps this one, not what would be read.
        debug_assert_eq!(
            json::parse(&body).and_then(|body| Fact::read(fact.kind(), fact.version(), &body)),
            Some(fact.clone()),
            "a fact that is not read back as it was written"
        );
        let seq = self.state.fact_seq + 1;
        let at = self.now.as_microsecond();
        stream.count += 1;
        self.later(FACT_ADD)
            .bind(seq)
            .bind(&stream.name)
            .bind(stream.count)
            .bind(by.force.as_ref().map(ForceName::as_str))
            .bind(fact.kind())
            .bind(i64::from(fact.version()))
            .bind(at)
            .bind(&by.actor)
            .bind(by.basis)
            .bind(cause)
            .bind(body.as_slice())
            .bind(leaf(seq, &body).as_slice());
        self.state.fact_seq = seq;
    }

    /// Makes a content key and its row.
    pub(super) fn new_content_key(&mut self, scope: &str) -> Result<ContentKey, Fault> {
        let id = self.new_id(ContentKeyId::from_parts)?.to_string();
        let (key, epoch, wrapped) = self.state.vault.new_key(id, self.now)?;
        self.later(KEY_ADD)
            .bind(&key.id)
            .bind(scope)
            .bind(epoch)
            .bind(wrapped);
        Ok(key)
    }

    /// Opens a content key by its id.
    pub(super) async fn content_key(&mut self, id: String) -> Result<ContentKey, Fault> {
        let row = sqlx::query(KEY_GET)
            .bind(&id)
            .fetch_one(self.flushed().await?)
            .await?;
        unwrapped(&self.state.vault, id, &row)
    }

    /// Opens the content key of a row that has its `content_key`, `epoch` and `wrapped`.
    pub(super) fn key_of(&self, row: &SqliteRow) -> Result<ContentKey, Fault> {
        unwrapped(&self.state.vault, row.try_get("content_key")?, row)
    }

    /// Seals content as an item of `owner`; gives its id and commitment for a fact to name.
    pub(super) fn new_item(
        &mut self,
        key: &ContentKey,
        kind: &str,
        owner: &str,
        content: &[u8],
    ) -> Result<(ItemId, [u8; 32]), Fault> {
        let id = self.new_id(ItemId::from_parts)?;
        let sealed = key.seal(&id.to_string(), kind, content)?;
        self.later(ITEM_ADD)
            .bind(id.to_string())
            .bind(&key.id)
            .bind(kind)
            .bind(owner)
            .bind(sealed.commitment.as_slice())
            .bind(sealed.bytes);
        Ok((id, sealed.commitment))
    }
}

/// Opens a content key by a row that has its `epoch` and `wrapped`.
pub(super) fn unwrapped(vault: &Vault, id: String, row: &SqliteRow) -> Result<ContentKey, Fault> {
    let wrapped: Option<Vec<u8>> = row.try_get("wrapped")?;
    let wrapped = wrapped.ok_or(Fault::Damaged("content key destroyed"))?;
    Ok(vault.unwrap(id, row.try_get("epoch")?, &wrapped)?)
}

/// `SHA-256(0x00 || seq || body)`: the leaf that checkpoints are built over. The zero byte keeps
/// leaves apart from inner nodes (RFC 6962, 2.1).
pub(super) fn leaf(seq: i64, body: &[u8]) -> [u8; 32] {
    let mut bytes = vec![0];
    bytes.extend_from_slice(&seq.to_be_bytes());
    bytes.extend_from_slice(body);
    sha256(&bytes)
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0u8; 32];
    out.iter_mut()
        .zip(digest(&SHA256, bytes).as_ref())
        .for_each(|(to, from)| *to = *from);
    out
}

/// SHA-256 over a policy's canonical form.
pub fn policy_digest(policy: &Policy) -> [u8; 32] {
    sha256(&json::canonical(&policy.tree()))
}
