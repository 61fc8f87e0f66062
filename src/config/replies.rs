//! What comes back: the listener, if there is one.

use super::assemble::Sources;
use super::keys::Replies;
use crate::letter;
use crate::replies::smtp::{GREETING_PAUSE, Limits, Settings};
use std::path::PathBuf;

/// A listener that has what it needs.
pub(super) struct Listener {
    replies: Replies,
    certificate: PathBuf,
    key: PathBuf,
}

impl Sources<'_> {
    /// The listener; inside, none if no address is named. Only a listener needs the rest.
    pub(super) fn replies(&self) -> Option<Option<Listener>> {
        let view = self.view(&["replies"]);
        let mut replies = Replies::read(&view)?;
        let listens = if replies.listen_starttls.is_some() {
            "listen_starttls"
        } else if replies.listen_tls.is_some() {
            "listen_tls"
        } else {
            return Some(None);
        };
        let needed = [
            ("certificate_file", replies.certificate_file.is_some()),
            ("key_file", replies.key_file.is_some()),
            ("allowed_relays", !replies.allowed_relays.is_empty()),
        ];
        for (key, _) in needed.iter().filter(|(_, given)| !given) {
            view.fault(listens, &format!("needs {key}"));
        }
        if replies.listen_starttls.is_some() && replies.listen_starttls == replies.listen_tls {
            view.fault("listen_tls", "must not be listen_starttls");
        }
        if replies.idle_s > replies.connection_age_max_s {
            view.fault_order("idle_s", "connection_age_max_s");
        }
        let (certificate, key) = (replies.certificate_file.take()?, replies.key_file.take()?);
        Some(Some(Listener {
            replies,
            certificate,
            key,
        }))
    }
}

impl Listener {
    /// Its settings: answers come to where letters send them.
    pub(super) fn settings(self, letter: &letter::Settings) -> Settings {
        let replies = self.replies;
        Settings {
            listen_starttls: replies.listen_starttls,
            listen_tls: replies.listen_tls,
            certificate: self.certificate,
            key: self.key,
            client_ca: replies.client_ca_file,
            floor: replies.tls_min,
            allowed_relays: replies.allowed_relays,
            host_name: letter.host_name.clone(),
            reply_to: letter.reply_to.clone(),
            size_bytes_max: replies.mail_bytes_max,
            connections_max: replies.connections_max,
            limits: Limits {
                greeting: GREETING_PAUSE,
                handshake: replies.handshake_timeout_s,
                idle: replies.idle_s,
                whole: replies.connection_age_max_s,
            },
        }
    }
}
