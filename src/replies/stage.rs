//! The stage: takes kept mails in the order they came, reads each, finds the letter it belongs to and
//! settles it with what it brings. A try is counted before a mail is read, so that one which stops the
//! daemon comes after all others the next time, and is set aside after three.

use super::classify::{Classified, classify};
use super::correlate::correlate;
use super::smtp::{Inbox, Mail};
use super::verdict;
use crate::referral::id::InboundId;
use crate::referral::london;
use crate::referral::report::{Action, Kind, Sub};
use crate::referral::school::Address;
use crate::store::{Came, InboundMail, Matched, NotStored, Settled, Store};
use jiff::civil::Time;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// Mails looked up at once.
const AT_ONCE: usize = 64;

/// Replies, as a stage.
#[derive(Debug)]
pub struct Stage {
    store: Store,
    poll: Duration,
}

impl Stage {
    /// A stage that looks at least this often, whether or not it was woken.
    pub fn new(store: Store, poll: Duration) -> Self {
        Self { store, poll }
    }

    /// Runs until `stop` is true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut hints = self.store.hints();
        while !*stop.borrow_and_update() {
            hints.mark_unchanged();
            // What could not be stored is tried again at the next poll.
            let stored = self.step().await.is_ok();
            tokio::select! {
                _ = hints.changed(), if stored => {}
                _ = stop.changed() => {}
                () = sleep(self.poll) => {}
            }
        }
    }

    /// Settles what waits.
    pub async fn step(&self) -> Result<(), NotStored> {
        loop {
            let waiting = self.store.readers().list_inbound(AT_ONCE).await?;
            if waiting.is_empty() {
                return Ok(());
            }
            for inbound in waiting {
                self.settle(inbound).await?;
            }
        }
    }

    async fn settle(&self, inbound: InboundId) -> Result<(), NotStored> {
        if !self.store.try_inbound(inbound).await? {
            return Ok(());
        }
        let Some((mail, _)) = self.store.readers().show_inbound(inbound).await? else {
            return Ok(());
        };
        let bytes = mail.bytes.clone();
        let Ok(found) = spawn_blocking(move || classify(&bytes)).await else {
            // The try is counted; the next comes with the next look.
            tracing::error!(%inbound, "reading a mail panicked");
            return Err(NotStored);
        };
        let matched = correlate(self.store.readers(), &mail.rcpt_to, &found.clues).await?;
        if let Some(ours) = self.letter_of_ours(&found).await? {
            tracing::warn!(%inbound, "a mail of ours came back as it left");
            return self.store.settle(Settled::came_back(inbound, ours)).await;
        }
        tracing::info!(
            %inbound,
            kind = found.kind.word(),
            strength = matched.map(|matched| matched.strength.word()),
            "inbound_settled"
        );
        let settled = Settled {
            inbound,
            kind: found.kind,
            matched,
            sender: found.clues.from.as_deref().and_then(Address::parse),
            came: came(&found),
        };
        self.store.settle(settled).await
    }
}

impl Stage {
    /// A letter or note of ours itself, by its own Message-ID: a rule in a mailbox forwards, or a folder of
    /// what was sent is read. Taken for an answer it would stop the ladder, or set off a note. By SMTP such
    /// mails are refused at the door.
    async fn letter_of_ours(&self, found: &Classified) -> Result<Option<Matched>, NotStored> {
        match &found.clues.own_message_id {
            Some(id) => self.store.readers().find_message_id(id).await,
            None => Ok(None),
        }
    }
}

/// What a mail of its kind brings.
fn came(found: &Classified) -> Came {
    let report = |otherwise| Came::Report {
        action: found.action.unwrap_or(otherwise),
        status: found.status.clone(),
    };
    match (found.kind, found.sub) {
        (Kind::HumanReply, _) => {
            let word = verdict::read(&found.text);
            Came::Answer {
                verdict: word.verdict,
                all: word.all,
                has_message: word.has_message,
            }
        }
        (Kind::AutoReply, Some(Sub::Absence)) => Came::Absence {
            until: found
                .absence_until
                .map(|day| london::instant(day, Time::midnight())),
        },
        (Kind::AutoReply, sub @ (Some(Sub::Closed | Sub::Receipt | Sub::Other) | None)) => {
            Came::Receipt { sub }
        }
        (Kind::ReadReceipt, _) => Came::Receipt { sub: None },
        (Kind::BouncePermanent, _) => report(Action::Failed),
        (Kind::BounceTemporary, _) => report(Action::Delayed),
        (Kind::DeliveryReport, _) => report(Action::Relayed),
        (Kind::AbuseReport | Kind::Unclassified, _) => Came::Unclassified,
    }
}

impl Inbox for Store {
    async fn keep(&self, mail: Mail) -> Result<(), NotStored> {
        let mail = InboundMail {
            source: mail.source,
            mail_from: mail.mail_from,
            rcpt_to: mail.rcpt_to,
            bytes: mail.bytes,
        };
        self.keep_inbound(mail).await.map(drop)
    }

    async fn knows(&self, token: &str) -> Result<bool, NotStored> {
        self.readers().knows_token(token).await
    }
}
