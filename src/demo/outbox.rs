//! Mails that schools and their relays have yet to send to the gateway, each with its time on the
//! demo's clock. What was sent is kept, with a journal: whoever judges the demo reads it there.

use super::journal;
use super::smtp::{client_config, connect};
use jiff::Timestamp;
use rustls::ClientConfig;
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A mail to the gateway.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) due: Timestamp,
    /// None: a report, which nobody may answer (RFC 5321, 4.5.5).
    pub(super) mail_from: Option<String>,
    pub(super) rcpt_to: String,
    pub(super) bytes: Vec<u8>,
}

/// What waits, and where what was sent is kept.
#[derive(Debug)]
pub struct Outbox {
    waiting: Mutex<Vec<Outgoing>>,
    sent: Mutex<u32>,
    folder: PathBuf,
    journal: PathBuf,
    tls: Arc<ClientConfig>,
}

impl Outbox {
    /// An empty one, which keeps what it sends in `sent` under `folder`. `ca` is the authority that
    /// the gateway's certificate must come from.
    pub(super) fn new(folder: &Path, ca: &Path) -> io::Result<Self> {
        let sent = folder.join("sent");
        std::fs::create_dir_all(&sent)?;
        Ok(Self {
            waiting: Mutex::default(),
            sent: Mutex::default(),
            folder: sent,
            journal: folder.join("sent.journal"),
            tls: client_config(ca)?,
        })
    }

    pub(super) fn put(&self, mail: Outgoing) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(mail);
        // Stable: of two of the same moment, the one thought of first.
        waiting.sort_by_key(|mail| mail.due);
    }

    /// When the next is to be sent.
    pub fn next(&self) -> Option<Timestamp> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.first().map(|mail| mail.due)
    }

    /// Sends what is due at `now` to the gateway's listener, over one connection; returns once each was
    /// taken.
    pub async fn send_due(&self, to: SocketAddr, now: Timestamp) -> io::Result<()> {
        let due: Vec<Outgoing> = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let due = waiting.partition_point(|mail| mail.due <= now);
            let later = waiting.split_off(due);
            std::mem::replace(&mut *waiting, later)
        };
        if due.is_empty() {
            return Ok(());
        }
        let mut line = connect(to, Arc::clone(&self.tls)).await?;
        for mail in &due {
            let reply = line.send(mail).await?;
            self.keep(mail, now, &reply)?;
        }
        line.quit().await
    }

    fn keep(&self, mail: &Outgoing, now: Timestamp, reply: &str) -> io::Result<()> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        *sent += 1;
        let file = format!("sent-{:03}.eml", *sent);
        std::fs::write(self.folder.join(&file), &mail.bytes)?;
        let line = json!({
            "at": now.to_string(),
            "mail_from": mail.mail_from,
            "rcpt_to": mail.rcpt_to,
            "file": file,
            "reply": reply,
        });
        journal::note(&self.journal, &line)
    }
}
