//! The mailboxes that answers come to.

use super::alarms::begin;
use super::assemble::Sources;
use super::fault::ConfigWarning;
use super::keys::Mailbox;
use crate::referral::school::RouteName;
use crate::replies::mailbox::{After, Limits, Protocol, Settings};

/// RFC 8314 3.2 and 3.3.
const IMAP_PORT: u16 = 993;
const POP3_PORT: u16 = 995;
/// What POP3 shows.
const INBOX: &str = "INBOX";

impl Sources<'_> {
    /// Every mailbox; none if any is bad.
    pub(super) fn mailboxes(&self, warnings: &mut Vec<ConfigWarning>) -> Option<Vec<Settings>> {
        let names = self.layered.names("mailbox");
        let read: Vec<_> = names
            .iter()
            .map(|name| self.mailbox(name, warnings))
            .collect();
        let good: Vec<&Settings> = read.iter().flatten().collect();
        for (nth, one) in good.iter().enumerate() {
            let same = |other: &&&Settings| {
                (&one.host, one.port, &one.user, &one.folder)
                    == (&other.host, other.port, &other.user, &other.folder)
            };
            if let Some(other) = good.iter().take(nth).find(same) {
                let what = format!("is the mailbox of [mailbox.{}] again", other.name);
                self.view(&["mailbox", one.name.as_str()])
                    .fault("user", &what);
            }
        }
        read.into_iter().collect()
    }

    fn mailbox(&self, name: &str, warnings: &mut Vec<ConfigWarning>) -> Option<Settings> {
        let view = self.view(&["mailbox", name]);
        let mailbox = Mailbox::read(&view)?;
        for (key, text) in [("user", &mailbox.user), ("folder", &mailbox.folder)] {
            if !text.is_ascii() {
                view.fault(key, "must be ASCII");
            }
        }
        match (mailbox.protocol, mailbox.after) {
            (Protocol::Imap, After::Delete) => {
                view.fault("after", "must be \"keep\" by IMAP");
            }
            (Protocol::Pop3, After::Keep) => warnings.push(view.remark(
                "after",
                "mails stay in the mailbox and are listed at each look: empty it now and then",
            )),
            (Protocol::Imap, After::Keep) | (Protocol::Pop3, After::Delete) => {}
        }
        if mailbox.protocol == Protocol::Pop3 && mailbox.folder != INBOX {
            view.fault("folder", "is there by IMAP only");
        }
        Some(Settings {
            name: RouteName::parse(name)?,
            protocol: mailbox.protocol,
            host: mailbox.host,
            port: mailbox.port.unwrap_or(match mailbox.protocol {
                Protocol::Imap => IMAP_PORT,
                Protocol::Pop3 => POP3_PORT,
            }),
            floor: mailbox.tls_min,
            roots: mailbox.roots,
            user: mailbox.user,
            password_file: mailbox.password_file,
            password_expires: mailbox.password_expires.map(begin),
            folder: mailbox.folder,
            after: mailbox.after,
            poll: mailbox.poll_s,
            size_bytes_max: mailbox.mail_bytes_max,
            limits: Limits {
                connect: mailbox.connect_timeout_s,
                handshake: mailbox.handshake_timeout_s,
                command: mailbox.command_timeout_s,
                body: mailbox.body_timeout_s,
            },
        })
    }
}
