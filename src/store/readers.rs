//! The reading side's questions.

use super::vault::Vault;
use super::{
    CallCounts, CallMember, InboundMail, LiveLine, Matched, NotStored, OpenCall, OpenFault,
    QueueLine, ReferralLine, ReferralView, ReplyLine, Stuck, TaskLine, Trace, directory_load, open,
    stored,
};
use crate::referral::directory::Directory;
use crate::referral::fact::TaskKind;
use crate::referral::id::{InboundId, NotificationId, ReferralId, TaskId};
use crate::referral::reference::Reference;
use crate::referral::school::Urn;
use jiff::Timestamp;
use sqlx::SqlitePool;
use std::path::Path;

/// The reading side: what the command line opens when no daemon runs.
#[derive(Debug, Clone)]
pub struct Readers {
    pub(super) pool: SqlitePool,
    pub(super) vault: Vault,
}

impl Readers {
    /// Opens a state folder to read, beside a daemon or without one.
    pub async fn open_folder(state_dir: &Path, credential: &Path) -> Result<Self, OpenFault> {
        let path = open::database(state_dir);
        if matches!(path.try_exists(), Ok(false)) {
            return Err(OpenFault::Nothing(path));
        }
        let vault = Vault::open(state_dir, credential)?;
        let damaged = |error: sqlx::Error| OpenFault::Database(path.clone(), error.to_string());
        Self::open(&path, vault).await.map_err(damaged)
    }

    /// The directory's live version.
    pub async fn load_directory(&self) -> Result<Directory, NotStored> {
        stored(directory_load::load(self).await)
    }

    /// A referral, whose force ever.
    pub async fn show_referral(
        &self,
        id: ReferralId,
        now: Timestamp,
    ) -> Result<Option<ReferralView>, NotStored> {
        stored(self.referral(None, id, now).await)
    }

    /// Referrals, newest first.
    pub async fn list_referrals(
        &self,
        force: Option<&str>,
    ) -> Result<Vec<ReferralLine>, NotStored> {
        stored(self.referrals(force).await)
    }

    /// All that happened to a notification.
    pub async fn show_trace(
        &self,
        id: NotificationId,
        now: Timestamp,
    ) -> Result<Option<Trace>, NotStored> {
        stored(self.trace(id, now).await)
    }

    /// Deliveries that wait.
    pub async fn list_queue(&self) -> Result<Vec<QueueLine>, NotStored> {
        stored(self.queue().await)
    }

    /// Live notifications.
    pub async fn list_live(&self, now: Timestamp) -> Result<Vec<LiveLine>, NotStored> {
        stored(self.live(now).await)
    }

    /// Live notifications of one school.
    pub async fn list_live_of(&self, urn: Urn, now: Timestamp) -> Result<Vec<LiveLine>, NotStored> {
        stored(self.live_of(urn, now).await)
    }

    /// Mails that wait to be classified, at most so many.
    pub async fn list_inbound(&self, most: usize) -> Result<Vec<InboundId>, NotStored> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        stored(self.open_inbound(most).await)
    }

    /// A mail as it came, and when.
    pub async fn show_inbound(
        &self,
        id: InboundId,
    ) -> Result<Option<(InboundMail, Timestamp)>, NotStored> {
        stored(self.inbound_mail(id).await)
    }

    /// The letter that bears this reply token.
    pub async fn find_token(&self, token: &str) -> Result<Option<Matched>, NotStored> {
        stored(self.letter_by_token(token).await)
    }

    /// The letter of this Message-ID, without angle brackets.
    pub async fn find_message_id(&self, id: &str) -> Result<Option<Matched>, NotStored> {
        stored(self.letter_by_message_id(id).await)
    }

    /// The notification of this public code.
    pub async fn find_reference(&self, code: &Reference) -> Result<Option<Matched>, NotStored> {
        stored(self.notification_by(code).await)
    }

    /// Whether any letter bears this reply token.
    pub async fn knows_token(&self, token: &str) -> Result<bool, NotStored> {
        stored(self.token_known(token).await)
    }

    /// Replies, latest first; those that ask for nobody any more too when `all`.
    pub async fn list_replies(&self, all: bool) -> Result<Vec<ReplyLine>, NotStored> {
        stored(self.replies(all).await)
    }

    /// One reply as the list has it.
    pub async fn show_reply(&self, id: InboundId) -> Result<Option<ReplyLine>, NotStored> {
        stored(self.reply(id).await)
    }

    /// Calls to be made, those in need first, each with its children and what came of earlier ones.
    pub async fn list_calls(&self, now: Timestamp) -> Result<Vec<OpenCall>, NotStored> {
        stored(self.calls(now, true).await)
    }

    /// The same, without what is a supervisor's.
    pub async fn list_ordinary_calls(&self, now: Timestamp) -> Result<Vec<OpenCall>, NotStored> {
        stored(self.calls(now, false).await)
    }

    /// The calls that an operator has to themselves, the one taken on last first.
    pub async fn list_own_calls(
        &self,
        operator: &str,
        now: Timestamp,
    ) -> Result<Vec<OpenCall>, NotStored> {
        stored(self.own_calls(operator, now).await)
    }

    /// Who is on an open call.
    pub async fn list_on_call(&self, task: TaskId) -> Result<Vec<CallMember>, NotStored> {
        let members = stored(self.members(&task.to_string()).await)?;
        Ok(members.0)
    }

    /// How many calls there are.
    pub async fn find_call_counts(&self, now: Timestamp) -> Result<CallCounts, NotStored> {
        stored(self.call_counts(now).await)
    }

    /// Whether a task is about what is restricted.
    pub async fn find_restricted(&self, task: TaskId) -> Result<bool, NotStored> {
        stored(self.restricted(&task.to_string()).await)
    }

    /// Work past its time.
    pub async fn find_stuck(
        &self,
        before: Timestamp,
        claimed_before: Timestamp,
    ) -> Result<Stuck, NotStored> {
        stored(self.stuck(before, claimed_before).await)
    }

    /// Open tasks, soonest wanted first.
    pub async fn list_tasks(&self) -> Result<Vec<TaskLine>, NotStored> {
        stored(self.tasks(None).await)
    }

    /// Open tasks of one kind, soonest wanted first.
    pub async fn list_tasks_of(&self, kind: TaskKind) -> Result<Vec<TaskLine>, NotStored> {
        stored(self.tasks(Some(kind)).await)
    }
}
