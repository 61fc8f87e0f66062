//! The meeting point: the only SQL. Stages never call each other, they meet here.
//!
//! One task writes ([`writer`]); everything else reads, or asks it to write. What it is asked is on
//! disk when it answers: `synchronous=FULL`, and answers only after COMMIT.
//!
//! Why is there no trait? There is one store. A second (PostgreSQL, for two sites) would make one.

mod absences;
mod accept;
mod acts;
mod addresses;
mod alarms;
mod answers;
mod carrying;
mod cases;
mod conditions;
mod directory_load;
mod directory_rows;
mod directory_tables;
mod disk;
mod due;
mod failures;
mod figures;
mod footing;
mod forecasts;
mod inbound;
mod inbound_views;
pub mod json;
mod kept;
mod letters;
mod lines;
mod mailboxes;
mod nudges;
mod numbers;
mod open;
mod opening;
mod outcomes;
mod pulse;
mod readers;
mod routes;
mod scouts;
mod refuse;
mod rejoin;
mod senders;
pub mod refused;
mod renewed;
mod revealed;
mod rows;
mod script;
mod superseded;
mod tasks;
mod timers;
pub mod totals;
mod tx;
mod types;
mod vault;
mod views;
mod writer;

pub use acts::{Act, CallCounts, CallMember, EarlierCall, NotActed, OpenCall};
pub use alarms::{AlarmClaim, AlarmLine, AlarmNote};
pub use conditions::{AttemptSeen, Waiting};
pub use failures::LastFailure;
pub use figures::{DUE_WITHIN_HOURS, Figures, Followed, Happened, RouteFigures, file_sizes};
pub use footing::{Decides, Footing};
pub use forecasts::Forecast;
pub use inbound_views::ReplyLine;
pub use lines::{LetterLine, LiveLine, QueueLine, ReferralLine, Stuck, TaskLine, Trace, TraceLine};
pub use mailboxes::{Fetched, FetchedMail, MailPlace};
pub use numbers::WrongNumbers;
pub use open::{OpenFault, Options};
pub use pulse::{Pulses, Round, Times};
pub use readers::Readers;
pub use revealed::ChildShown;
pub use routes::RouteBlock;
pub use senders::QuietSender;
pub use tx::{Basis, policy_digest, sha256};
pub use types::*;
pub use vault::{VaultFault, check_keys};
pub use views::DAMAGED;

use crate::clock::Clock;
use crate::referral::directory::Directory;
use crate::referral::id::{InboundId, LetterId, NotificationId, ReferralId};
use crate::referral::post::ForceName;
use crate::referral::school::RouteName;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, oneshot, watch};
use tx::Fault;
use writer::Command;

/// A handle to the store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    clock: Clock,
    first: mpsc::Sender<Command>,
    then: mpsc::Sender<Command>,
    readers: Readers,
    directory: watch::Receiver<Arc<Directory>>,
    able: Arc<AtomicBool>,
    hints: watch::Receiver<u64>,
    size_bytes_max: watch::Sender<u64>,
    pulses: Pulses,
}

impl Store {
    /// The clock the store keeps time by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The directory that letters are routed by now.
    pub fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.borrow())
    }

    /// Whether a post could be stored now: the last batch was, and the disk is not nearly full.
    pub fn ready(&self) -> bool {
        self.able.load(Ordering::Acquire)
    }

    /// Changes after each batch that is on disk. A hint: whoever waits for it also polls.
    pub fn hints(&self) -> watch::Receiver<u64> {
        self.hints.clone()
    }

    /// When each stage last went round.
    pub fn pulses(&self) -> &Pulses {
        &self.pulses
    }

    /// The reading side.
    pub fn readers(&self) -> &Readers {
        &self.readers
    }

    /// Accepts a post: plans, seals, records and commits it, then answers.
    pub async fn accept(&self, post: Post) -> Result<Accepted, NotAccepted> {
        let post = Box::new(post);
        ask(&self.then, |reply| Command::Accept(post, reply)).await?
    }

    /// Keeps a refused post of a known force.
    pub async fn refuse(&self, refused: RefusedPost) -> Result<(), NotStored> {
        let refused = Box::new(refused);
        ask(&self.then, |reply| Command::Refuse(refused, reply)).await
    }

    /// Claims deliveries that are due on a route, soonest deadline first.
    pub async fn claim(&self, route: &RouteName, most: usize) -> Result<Vec<Claim>, NotStored> {
        self.claim_into(route, Room::of(most)).await
    }

    /// Claims deliveries that are due on a route, letters before everything else, each soonest deadline
    /// first; none while the route is suspended.
    pub async fn claim_into(&self, route: &RouteName, room: Room) -> Result<Vec<Claim>, NotStored> {
        ask(&self.first, |reply| {
            Command::Claim(route.clone(), room, reply)
        })
        .await
    }

    /// Counts that a letter is made again, before it is; three times, and it is set aside.
    pub async fn making_again(&self, letter: LetterId) -> Result<(), NotStored> {
        ask(&self.first, |reply| Command::MakingAgain(letter, 1, reply)).await
    }

    /// Takes that back: it was not made for a reason that concerns all letters, and none of them is set aside
    /// for it.
    pub async fn not_to_blame(&self, letter: LetterId) -> Result<(), NotStored> {
        ask(&self.first, |reply| Command::MakingAgain(letter, -1, reply)).await
    }

    /// Keeps a letter's bytes, once; gives back those that are kept.
    pub async fn signed(&self, letter: SignedLetter) -> Result<Vec<u8>, NotStored> {
        let letter = Box::new(letter);
        ask(&self.first, |reply| Command::Signed(letter, reply)).await
    }

    /// Records an attempt's outcome.
    pub async fn ended(&self, ended: Ended) -> Result<(), NotStored> {
        let ended = Box::new(ended);
        ask(&self.first, |reply| Command::Ended(ended, reply)).await
    }

    /// Keeps a mail that came back, once, and gives its id: it is on disk when this answers.
    pub async fn keep_inbound(&self, mail: InboundMail) -> Result<InboundId, NotStored> {
        let mail = Box::new(mail);
        ask(&self.first, |reply| Command::Keep(mail, reply)).await
    }

    /// Keeps a mail from a mailbox with its place there, once: both are on disk when this answers.
    pub async fn keep_fetched(&self, mail: FetchedMail) -> Result<InboundId, NotStored> {
        let mail = Box::new(mail);
        ask(&self.first, |reply| Command::KeepFetched(mail, reply)).await
    }

    /// Forgets the unique ids of mails that are no longer in a mailbox.
    pub async fn forget_mails(&self, mailbox: &str, gone: Vec<String>) -> Result<(), NotStored> {
        let mailbox = mailbox.to_owned();
        ask(&self.first, |reply| {
            Command::ForgetMails(mailbox, gone, reply)
        })
        .await
    }

    /// Counts that a mail is read, before it is. False: it is settled, or was tried too often and is
    /// set aside.
    pub async fn try_inbound(&self, inbound: InboundId) -> Result<bool, NotStored> {
        ask(&self.first, |reply| Command::TryInbound(inbound, reply)).await
    }

    /// Settles a mail with what it brings.
    pub async fn settle(&self, settled: Settled) -> Result<(), NotStored> {
        let settled = Box::new(settled);
        ask(&self.first, |reply| Command::Settle(settled, reply)).await
    }

    /// Applies the timers that are due, at most so many; gives how many were.
    pub async fn fire_timers(&self, most: usize) -> Result<usize, NotStored> {
        ask(&self.first, |reply| Command::Timers(most, reply)).await
    }

    /// Does what an operator asks; gives the notifications it was about.
    pub async fn act(
        &self,
        act: Act,
        operator: &str,
    ) -> Result<Result<Vec<NotificationId>, NotActed>, NotStored> {
        let (act, operator) = (Box::new(act), operator.to_owned());
        ask(&self.first, |reply| Command::Act(act, operator, reply)).await
    }

    /// Saves a directory as the next version. None: referrals were accepted, so this takes two people.
    pub async fn import_directory(
        &self,
        directory: Directory,
        operator: &str,
    ) -> Result<Option<u32>, NotStored> {
        let (directory, operator) = (Box::new(directory), operator.to_owned());
        ask(&self.first, |reply| {
            Command::ImportDirectory(directory, operator, reply)
        })
        .await
    }

    /// Writes a heartbeat through the writer and reads it back from disk: proof that outcomes can be
    /// recorded, without which the watchdog is not fed.
    pub async fn heartbeat(&self) -> Result<(), NotStored> {
        let beat = async {
            let written = ask(&self.first, Command::Heartbeat).await?;
            let read = stored(self.readers.heartbeat().await)?;
            if read >= written {
                Ok(())
            } else {
                Err(NotStored)
            }
        };
        let beaten = beat.await;
        match beaten {
            Ok(()) => self.pulses.note(Round::Commit),
            Err(NotStored) => self.pulses.beat_failed(),
        }
        beaten
    }

    /// Opens a task for each sender that was quiet, and settles those of senders heard again.
    pub async fn record_senders(&self, quiet: Vec<QuietSender>) -> Result<(), NotStored> {
        ask(&self.first, |reply| Command::Senders(quiet, reply)).await
    }

    /// Records what became of alarms. What was recorded before is not recorded again.
    pub async fn record_alarms(&self, notes: Vec<AlarmNote>) -> Result<(), NotStored> {
        ask(&self.first, |reply| Command::Alarms(notes, reply)).await
    }

    /// Bounds the database anew, from the next batch on. One that has outgrown a lower bound stays as
    /// large as it is.
    pub fn set_size_bytes_max(&self, bytes: u64) {
        self.size_bytes_max.send_replace(bytes);
    }

    /// Commits what was asked, checkpoints and stops the writer.
    pub async fn close(&self) -> Result<(), NotStored> {
        ask(&self.first, Command::Stop).await?;
        self.readers.pool.close().await;
        Ok(())
    }

    /// A referral of this force, or none: another force's looks exactly like one that is not there.
    pub async fn referral(
        &self,
        force: &ForceName,
        id: ReferralId,
    ) -> Result<Option<ReferralView>, NotStored> {
        stored(
            self.readers
                .referral(Some(force), id, self.clock.now())
                .await,
        )
    }

    /// A notification of this force, or none.
    pub async fn notification(
        &self,
        force: &ForceName,
        id: NotificationId,
    ) -> Result<Option<NotificationView>, NotStored> {
        stored(self.readers.notification(force, id, self.clock.now()).await)
    }

    /// Opens what a claim is about.
    pub async fn letter_work(&self, claim: &Claim) -> Result<LetterWork, NotStored> {
        stored(self.readers.letter_work(claim).await)
    }

    /// When the next timer is due; none when nothing is live.
    pub async fn next_timer(&self) -> Result<Option<Timestamp>, NotStored> {
        stored(self.readers.next_timer().await)
    }
}

/// Sends a command and waits until it is on disk. A full queue, a failed batch and a stopped writer
/// all look alike to the caller: not stored.
async fn ask<T>(
    channel: &mpsc::Sender<Command>,
    command: impl FnOnce(oneshot::Sender<T>) -> Command,
) -> Result<T, NotStored> {
    let (reply, answer) = oneshot::channel();
    channel.try_send(command(reply)).map_err(|_| NotStored)?;
    answer.await.map_err(|_| NotStored)
}

/// A failed read is told in full to the log, where its detail belongs, and shortly to the caller.
fn stored<T>(result: Result<T, Fault>) -> Result<T, NotStored> {
    result.map_err(|fault| {
        tracing::error!(fault = %fault, "reading the store failed");
        NotStored
    })
}

#[cfg(test)]
mod tests;
