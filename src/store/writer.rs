//! The writer: one task, one connection, batches of commands. Each batch is `BEGIN IMMEDIATE`, the
//! commands in order, each in a savepoint, `COMMIT`; then, and only then, every caller is answered.
//!
//! Why is there one connection, not a pool? With deferred transactions most writes failed busy under
//! load, and one task can commit many callers with one sync.
//!
//! Why is the connection dropped after any error but a constraint's? SQLite may have rolled back by
//! itself (full, I/O error); sqlx does not notice, and the next statement would commit alone.
//!
//! Why is the database read before a failed COMMIT is answered? The error does not say whether the
//! batch is kept. What SQLite shows afterwards was synced before (it moves the log's end only then),
//! and is answered as kept. What it does not show may still lie whole behind the log's end, where a
//! start after a crash would find it: so something is written over it before anybody is refused.
//! While the disk takes no write at all that cannot be; then a crash may bring back what was answered
//! with 503, and the repeat of the same key gets the first answer.

use super::disk::Disk;
use super::tx::{Fault, State, Tx};
use super::{
    Accepted, Act, AlarmNote, Claim, Ended, FetchedMail, InboundMail, NotAccepted, NotActed, Post,
    RefusedPost,
};
use super::{Pulses, QuietSender, Room, Settled, SignedLetter};
use super::{
    accept, acts, alarms, directory_rows, inbound, mailboxes, open, outcomes, refuse, routes,
    senders, timers,
};
use crate::clock::Clock;
use crate::referral::directory::Directory;
use crate::referral::id::{InboundId, LetterId, NotificationId};
use crate::referral::school::RouteName;
use jiff::Timestamp;
use sqlx::{Connection, SqliteConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

type Reply<T> = oneshot::Sender<T>;

/// Everything that writes. Exhaustive: whoever adds a command is shown every place that must know.
pub(super) enum Command {
    Accept(Box<Post>, Reply<Result<Accepted, NotAccepted>>),
    Refuse(Box<RefusedPost>, Reply<()>),
    Claim(RouteName, Room, Reply<Vec<Claim>>),
    RouteAway(RouteName, Reply<()>),
    MakingAgain(LetterId, i64, Reply<()>),
    Signed(Box<SignedLetter>, Reply<Vec<u8>>),
    Ended(Box<Ended>, Reply<()>),
    Keep(Box<InboundMail>, Reply<InboundId>),
    KeepFetched(Box<FetchedMail>, Reply<InboundId>),
    ForgetMails(String, Vec<String>, Reply<()>),
    TryInbound(InboundId, Reply<bool>),
    Settle(Box<Settled>, Reply<()>),
    Timers(usize, Reply<usize>),
    Act(
        Box<Act>,
        String,
        Reply<Result<Vec<NotificationId>, NotActed>>,
    ),
    ImportDirectory(Box<Directory>, String, Reply<Option<u32>>),
    Alarms(Vec<AlarmNote>, Reply<()>),
    Senders(Vec<QuietSender>, Reply<()>),
    Heartbeat(Reply<i64>),
    /// Last command: commit what went before, checkpoint, stop.
    Stop(Reply<()>),
}

/// The connection, its statements and what lives between batches.
pub(super) struct Writer {
    pub(super) connection: Option<SqliteConnection>,
    pub(super) state: State,
    pub(super) clock: Clock,
    pub(super) opening: open::Opening,
    pub(super) disk: Disk,
    pub(super) batch_max: usize,
    pub(super) checkpoint_pages: u32,
    pub(super) first: mpsc::Receiver<Command>,
    pub(super) then: mpsc::Receiver<Command>,
    pub(super) able: Arc<AtomicBool>,
    pub(super) hints: watch::Sender<u64>,
    pub(super) directory: watch::Sender<Arc<Directory>>,
    pub(super) pulses: Pulses,
    pub(super) stopping: Option<Reply<()>>,
}

/// What a command leaves to be done once the batch is on disk.
enum Pending {
    Answer(Box<dyn FnOnce() + Send>),
    Directory(Arc<Directory>, Reply<Option<u32>>),
}

/// Why a batch is not known to be kept.
enum Failed {
    /// Before COMMIT: nothing is kept.
    Before(Fault),
    /// At COMMIT, with what is to be done if it is kept all the same.
    AtCommit(Fault, Vec<Pending>),
}

impl Failed {
    fn for_want_of_room(&self) -> bool {
        match self {
            Self::Before(fault) | Self::AtCommit(fault, _) => fault.is_full(),
        }
    }
}

impl<F: Into<Fault>> From<F> for Failed {
    fn from(fault: F) -> Self {
        Self::Before(fault.into())
    }
}

/// After a failed batch the database is opened again no faster than this.
const REOPEN_PAUSE: Duration = Duration::from_millis(50);
/// Idle for this long, the WAL is checkpointed.
const IDLE: Duration = Duration::from_secs(1);

const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
// The first command's savepoint is set with the batch's beginning, and the last one's is released by
// COMMIT: a turn less for each.
const NEXT: &str = "RELEASE command;SAVEPOINT command";
const BACK: &str = "ROLLBACK TO command";
pub(super) const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";
const CHECKPOINT_LAST: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
const COMMIT_ALL: &str = "UPDATE store SET fact_seq = $1 WHERE fact_seq <> $1; COMMIT";
const BEAT: &str = "INSERT INTO heartbeat(one, n, at) VALUES (1, 1, $1) ON CONFLICT (one) DO UPDATE SET n = n + 1, at = $1 RETURNING n";

impl Writer {
    /// Runs until [`Command::Stop`], or until every handle to the store is gone.
    pub(super) async fn run(mut self) {
        let mut written = 0u32;
        loop {
            let command = tokio::select! {
                biased;
                Some(command) = self.first.recv() => Some(command),
                Some(command) = self.then.recv() => Some(command),
                () = tokio::time::sleep(IDLE), if written > 0 => None,
                else => break,
            };
            match command {
                Some(Command::Stop(reply)) => self.stopping = Some(reply),
                Some(command) => {
                    written = written.saturating_add(1);
                    self.batch(command).await;
                    if self.opening.log_is_long(self.checkpoint_pages) {
                        self.checkpoint(CHECKPOINT).await;
                        written = 0;
                    }
                }
                None => {
                    self.checkpoint(CHECKPOINT).await;
                    written = 0;
                }
            }
            if let Some(reply) = self.stopping.take() {
                self.stop().await;
                // Whoever asked may have gone; the stop stands.
                reply.send(()).unwrap_or_default();
                return;
            }
        }
    }

    async fn batch(&mut self, command: Command) {
        if self.opening.is_stale() {
            self.connection = None;
        }
        if self.connection.is_none() && !self.reopen().await {
            self.able.store(false, Ordering::Release);
            return;
        }
        self.state.full = self.disk.nearly_full();
        let before = self.state.mark();
        match self.transact(command).await {
            Ok(pending) => self.kept(pending),
            Err(failed) => {
                self.able.store(false, Ordering::Release);
                if failed.for_want_of_room() || self.disk.nearly_full() {
                    self.disk.release_ballast();
                }
                let (known, meant) = (before.fact_seq(), self.state.mark());
                self.state.back_to(before);
                // Dropping the pending answers tells every caller "not stored".
                match failed {
                    Failed::Before(fault) => tracing::error!(fault = %fault, "batch not stored"),
                    Failed::AtCommit(fault, pending) => {
                        tracing::error!(fault = %fault, "commit failed; reading what is kept");
                        if self.is_kept(known, meant.fact_seq()).await {
                            self.state.back_to(meant);
                            self.kept(pending);
                        }
                    }
                }
            }
        }
    }

    fn kept(&mut self, pending: Vec<Pending>) {
        self.able.store(!self.state.full, Ordering::Release);
        for one in &pending {
            if let Pending::Directory(directory, _) = one {
                self.state.directory = Arc::clone(directory);
                self.directory.send_replace(Arc::clone(directory));
            }
        }
        // Before anybody is answered: whoever was may count on the stages asking anew.
        self.hints
            .send_modify(|batch| *batch = batch.wrapping_add(1));
        for one in pending {
            match one {
                Pending::Answer(answer) => answer(),
                Pending::Directory(directory, reply) => {
                    reply.send(Some(directory.version)).unwrap_or_default();
                }
            }
        }
    }

    /// Whether a batch whose COMMIT failed is kept, by its last fact. If not, what it may have left
    /// behind the log's end is written over as far as the disk lets us.
    async fn is_kept(&mut self, before: i64, meant: i64) -> bool {
        if !self.reopen().await {
            return false;
        }
        if meant > before && self.state.fact_seq == meant {
            return true;
        }
        if let Err(fault) = self.write_over().await {
            tracing::error!(fault = %fault, "the log's end could not be written over");
        }
        false
    }

    async fn write_over(&mut self) -> Result<(), Fault> {
        let Some(mut connection) = self.connection.take() else {
            return Err(Fault::Damaged("no connection"));
        };
        let at = self.clock.now().as_microsecond();
        sqlx::query(BEGIN).execute(&mut connection).await?;
        sqlx::query(BEAT)
            .bind(at)
            .fetch_one(&mut connection)
            .await?;
        sqlx::query(COMMIT).execute(&mut connection).await?;
        self.connection = Some(connection);
        Ok(())
    }

    /// One transaction. Commands that arrive while the lock is waited for join it.
    async fn transact(&mut self, command: Command) -> Result<Vec<Pending>, Failed> {
        let Some(mut connection) = self.connection.take() else {
            return Err(Fault::Damaged("no connection").into());
        };
        self.state.full |= self.opening.begin(&mut connection).await?;
        if self.state.full {
            // Known before anybody is refused for it.
            self.able.store(false, Ordering::Release);
        }
        let now = self.clock.now();
        let mut pending = Vec::new();
        let mut next = Some(command);
        let mut count = 0usize;
        while let Some(command) = next.take() {
            count += 1;
            let answer = self.execute(&mut connection, now, command, count > 1);
            if let Some(answer) = answer.await? {
                pending.push(answer);
            }
            if count < self.batch_max {
                next = self.first.try_recv().or_else(|_| self.then.try_recv()).ok();
            }
            // Seen inside a batch: put off until this batch is on disk.
            next = match next {
                Some(Command::Stop(reply)) => {
                    self.stopping = Some(reply);
                    None
                }
                other => other,
            };
        }
        let begun = Instant::now();
        let committed = sqlx::query(COMMIT_ALL)
            .bind(self.state.fact_seq)
            .execute(&mut connection)
            .await;
        self.pulses.committed(begun.elapsed());
        if let Err(error) = committed {
            return Err(Failed::AtCommit(error.into(), pending));
        }
        self.connection = Some(connection);
        Ok(pending)
    }

    /// One command in its savepoint. None: it failed alone, and its caller is told by the dropped reply.
    async fn execute(
        &mut self,
        connection: &mut SqliteConnection,
        now: Timestamp,
        command: Command,
        follows: bool,
    ) -> Result<Option<Pending>, Fault> {
        let before = self.state.mark();
        let mut tx = Tx::new(&mut *connection, now, &mut self.state);
        if follows {
            tx.begin(NEXT).await?;
        }
        match whole(&mut tx, command).await {
            Ok(pending) => Ok(pending),
            Err(fault) if fault.fails_alone() => {
                tracing::error!(fault = %fault, "command failed alone");
                tx.roll_back_to(BACK).await?;
                tx.flushed().await?;
                self.state.back_to(before);
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }

    async fn reopen(&mut self) -> bool {
        match self.opening.reopen(&mut self.state).await {
            Ok(connection) => {
                self.connection = Some(connection);
                true
            }
            Err(fault) => {
                tracing::error!(fault = %fault, "the database cannot be opened");
                tokio::time::sleep(REOPEN_PAUSE).await;
                false
            }
        }
    }

    async fn checkpoint(&mut self, how: &'static str) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        if let Err(error) = sqlx::query(how).execute(&mut *connection).await {
            tracing::error!(%error, "checkpoint failed");
            self.connection = None;
        }
    }

    async fn stop(&mut self) {
        if self.connection.is_none() && !self.reopen().await {
            return;
        }
        let Some(connection) = self.connection.as_mut() else {
            return;
        };
        if let Err(fault) = open::stopped(connection, &mut self.state, self.clock.now()).await {
            tracing::error!(fault = %fault, "the end of this run was not recorded");
        }
        self.checkpoint(CHECKPOINT_LAST).await;
        if let Err(fault) = self.opening.release_index().await {
            tracing::error!(fault = %fault, "closing the database failed");
        }
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::error!(%error, "closing the database failed");
        }
    }
}

/// A command with everything it kept back.
async fn whole(tx: &mut Tx<'_>, command: Command) -> Result<Option<Pending>, Fault> {
    let pending = perform(tx, command).await?;
    tx.flushed().await?;
    Ok(pending)
}

async fn perform(tx: &mut Tx<'_>, command: Command) -> Result<Option<Pending>, Fault> {
    fn answer<T: Send + 'static>(reply: Reply<T>, value: T) -> Option<Pending> {
        Some(Pending::Answer(Box::new(move || drop(reply.send(value)))))
    }
    Ok(match command {
        // Nearly full: outcomes go on, new work does not.
        Command::Accept(..) | Command::Refuse(..) if tx.state.full => None,
        Command::Accept(post, reply) => answer(reply, accept::accept(tx, &post).await?),
        Command::Refuse(refused, reply) => {
            refuse::refuse(tx, &refused).await?;
            answer(reply, ())
        }
        Command::Claim(route, room, reply) => {
            answer(reply, outcomes::claim(tx, &route, &room).await?)
        }
        Command::RouteAway(route, reply) => {
            routes::away(tx, &route).await?;
            answer(reply, ())
        }
        Command::MakingAgain(letter, more, reply) => {
            outcomes::making_again(tx, letter, more).await?;
            answer(reply, ())
        }
        Command::Signed(letter, reply) => answer(reply, outcomes::signed(tx, &letter).await?),
        Command::Ended(ended, reply) => {
            outcomes::ended(tx, &ended).await?;
            answer(reply, ())
        }
        Command::Keep(mail, reply) => answer(reply, inbound::keep(tx, &mail).await?),
        Command::KeepFetched(mail, reply) => answer(reply, mailboxes::keep(tx, &mail).await?),
        Command::ForgetMails(mailbox, gone, reply) => {
            mailboxes::forget(tx, &mailbox, &gone).await?;
            answer(reply, ())
        }
        Command::TryInbound(id, reply) => answer(reply, inbound::try_inbound(tx, id).await?),
        Command::Settle(settled, reply) => {
            inbound::settle(tx, &settled).await?;
            answer(reply, ())
        }
        Command::Timers(most, reply) => answer(reply, timers::fire(tx, most).await?),
        Command::Act(act, operator, reply) => answer(reply, acts::act(tx, &act, &operator).await?),
        Command::ImportDirectory(directory, operator, reply) => {
            match directory_rows::import(tx, *directory, &operator).await? {
                Some(directory) => Some(Pending::Directory(Arc::new(directory), reply)),
                None => answer(reply, None),
            }
        }
        Command::Alarms(notes, reply) => {
            alarms::record(tx, &notes).await?;
            answer(reply, ())
        }
        Command::Senders(quiet, reply) => {
            senders::record(tx, &quiet).await?;
            answer(reply, ())
        }
        Command::Heartbeat(reply) => {
            refuse::forget(tx).await?;
            let at = tx.now.as_microsecond();
            let row = sqlx::query(BEAT)
                .bind(at)
                .fetch_one(tx.flushed().await?)
                .await?;
            answer(reply, sqlx::Row::try_get(&row, 0)?)
        }
        Command::Stop(reply) => answer(reply, ()),
    })
}

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[BEAT];
