//! Mailboxes that are polled, against a real Dovecot by IMAP and POP3 over TLS: each mail comes once,
//! whatever becomes of the connection, the server's ids or the daemon.

mod cuts;
mod daemon;
mod hostile;
mod proxy;

use crate::peers::dovecot::{Dovecot, PASSWORD, USER};
use crate::store_rules::{Opened, open};
use crate::support::pki::Pki;
use firstbell::clock::Clock;
use firstbell::referral::id::InboundId;
use firstbell::referral::school::RouteName;
use firstbell::replies::mailbox::{After, Fault, Limits, Poller, Protocol, Settings, check};
use firstbell::tls::{Roots, SecretFault, TlsFloor};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

const BOTH: [Protocol; 2] = [Protocol::Imap, Protocol::Pop3];

/// Longest mail of these stories, bytes.
const SIZE_MAX: usize = 65_536;

/// A store, and an authority for servers.
struct Desk {
    folder: tempfile::TempDir,
    opened: Opened,
    pki: Pki,
}

impl Desk {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(folder.path(), &Clock::system()).await;
        Self {
            opened,
            folder,
            pki: Pki::new(),
        }
    }

    fn settings(&self, protocol: Protocol, port: u16) -> Settings {
        Settings {
            name: RouteName::parse("desk").unwrap(),
            protocol,
            host: "localhost".to_owned(),
            port,
            floor: TlsFloor::V13,
            roots: Roots::Private(self.pki.ca.clone()),
            user: USER.to_owned(),
            password_file: secret(self.folder.path(), PASSWORD),
            password_expires: None,
            folder: "INBOX".to_owned(),
            after: After::Keep,
            poll: Duration::from_secs(1),
            size_bytes_max: SIZE_MAX,
            limits: Limits {
                connect: Duration::from_secs(20),
                handshake: Duration::from_secs(20),
                command: Duration::from_secs(20),
                body: Duration::from_secs(20),
            },
        }
    }

    fn poller(&self, settings: Settings) -> Poller {
        Poller::new(settings, self.opened.store.clone())
    }

    /// Every mail that waits to be read, oldest first.
    async fn kept(&self) -> Vec<Vec<u8>> {
        let readers = self.opened.store.readers();
        let mut mails = Vec::new();
        for id in readers.list_inbound(10_000).await.unwrap() {
            let (mail, _) = readers.show_inbound(id).await.unwrap().unwrap();
            assert_eq!((mail.mail_from, mail.rcpt_to), (None, Vec::new()));
            assert_eq!(mail.source, "mailbox:desk");
            mails.push(mail.bytes);
        }
        mails
    }

    /// What is put before a person instead of a mail.
    async fn notes(&self) -> Vec<String> {
        let readers = self.opened.store.readers();
        let mut notes = Vec::new();
        for task in readers.list_tasks().await.unwrap() {
            assert_eq!(task.kind, "read_reply");
            let id = InboundId::parse(&task.subject).unwrap();
            let (mail, _) = readers.show_inbound(id).await.unwrap().unwrap();
            notes.push(String::from_utf8(mail.bytes).unwrap());
        }
        notes
    }
}

fn secret(folder: &Path, password: &str) -> PathBuf {
    let path = folder.join("password");
    fs::write(&path, format!("{password}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn port(dovecot: &Dovecot, protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Imap => dovecot.imap.tls,
        Protocol::Pop3 => dovecot.pop3.tls,
    }
}

/// A mail with lines that POP3 must stuff, with braces and brackets that IMAP must not read, as it lies
/// in a maildir.
fn mail(nth: usize) -> String {
    let long = "x".repeat(4_000);
    format!(
        "From: head@marshend.test\nSubject: {nth} {{3}} \"(\n\nReceived {nth}\n.\n..\n.. .\n)\n* 1 EXPUNGE\n\
         {long}\nThe end{{12}}\n"
    )
}

/// The same, as it goes over a wire.
fn on_the_wire(mail: &str) -> Vec<u8> {
    mail.replace('\n', "\r\n").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mail_comes_once_and_byte_for_byte() {
    for protocol in BOTH {
        let desk = Desk::new().await;
        let dovecot = Dovecot::start(&desk.pki.server);
        let mut poller = desk.poller(desk.settings(protocol, port(&dovecot, protocol)));
        assert_eq!(poller.look().await, Ok(()), "an empty mailbox");
        let mut sent = Vec::new();
        for nth in 0..4 {
            sent.push(on_the_wire(&mail(nth)));
            dovecot.deliver(mail(nth).as_bytes());
            if nth > 0 {
                for _ in 0..2 {
                    assert_eq!(poller.look().await, Ok(()), "{}", dovecot.log());
                    assert_eq!(desk.kept().await, sent, "{protocol:?}");
                }
            }
        }
        // Another run knows what this one fetched.
        let mut another = desk.poller(desk.settings(protocol, port(&dovecot, protocol)));
        assert_eq!(another.look().await, Ok(()));
        assert_eq!(desk.kept().await, sent, "{protocol:?}");
        assert_eq!(dovecot.mails(), 4, "nothing was deleted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_other_ids_none_comes_twice_and_the_next_comes() {
    for protocol in BOTH {
        let desk = Desk::new().await;
        let dovecot = Dovecot::start(&desk.pki.server);
        let mut poller = desk.poller(desk.settings(protocol, port(&dovecot, protocol)));
        let mut sent = Vec::new();
        for (nth, validity) in [(0, 77), (1, 99), (2, 12)] {
            sent.push(on_the_wire(&mail(nth)));
            dovecot.deliver(mail(nth).as_bytes());
            assert_eq!(poller.look().await, Ok(()), "{}", dovecot.log());
            dovecot.change_uid_validity(validity);
            assert_eq!(poller.look().await, Ok(()), "{}", dovecot.log());
            assert_eq!(desk.kept().await, sent, "{protocol:?} {validity}");
            if protocol == Protocol::Imap {
                let place = desk.opened.store.readers().mailbox_place("desk").await;
                assert_eq!(place.unwrap().map(|(now, _)| now), Some(validity));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_too_large_is_put_before_a_person_once_and_never_deleted() {
    for (protocol, after) in [
        (Protocol::Imap, After::Keep),
        (Protocol::Pop3, After::Keep),
        (Protocol::Pop3, After::Delete),
    ] {
        let desk = Desk::new().await;
        let dovecot = Dovecot::start(&desk.pki.server);
        let mut settings = desk.settings(protocol, port(&dovecot, protocol));
        settings.after = after;
        let mut poller = desk.poller(settings);
        dovecot.deliver(mail(0).as_bytes());
        dovecot.deliver(format!("Subject: large\n\n{}", "y\n".repeat(SIZE_MAX)).as_bytes());
        dovecot.deliver(mail(1).as_bytes());
        for _ in 0..3 {
            assert_eq!(poller.look().await, Ok(()), "{}", dovecot.log());
            let small = [on_the_wire(&mail(0)), on_the_wire(&mail(1))];
            assert_eq!(desk.kept().await, small, "{protocol:?}");
            let notes = desk.notes().await;
            let [note] = notes.as_slice() else {
                panic!("one note: {notes:?}");
            };
            assert!(note.contains("larger than mail_bytes_max"), "{note}");
        }
        let left = if after == After::Delete { 1 } else { 3 };
        assert_eq!(dovecot.mails(), left, "{protocol:?} {after:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_a_stranger_s_certificate_are_told_apart() {
    let desk = Desk::new().await;
    let dovecot = Dovecot::start(&desk.pki.server);
    for protocol in BOTH {
        let settings = desk.settings(protocol, port(&dovecot, protocol));
        let mut stranger = settings.clone();
        stranger.roots = Roots::Private(Pki::new().ca.clone());
        // Its folder is gone with the value: a file that is not there.
        let unread = desk.poller(stranger.clone()).look().await;
        assert!(matches!(unread, Err(Fault::Roots(_))), "{unread:?}");
        let other = Pki::new();
        stranger.roots = Roots::Private(other.ca.clone());
        let met = desk.poller(stranger).look().await;
        assert_eq!(met, Err(Fault::Certificate), "{protocol:?}");
        let mut poller = desk.poller(settings);
        secret(desk.folder.path(), "wrong");
        assert_eq!(
            poller.look().await,
            Err(Fault::LoginRefused),
            "{protocol:?}"
        );
        secret(desk.folder.path(), PASSWORD);
        assert_eq!(poller.look().await, Ok(()), "a new password takes effect");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_server_could_be_told_is_refused_before_it_is_tried() {
    let desk = Desk::new().await;
    let good = desk.settings(Protocol::Imap, 993);
    let why = |settings: &Settings| {
        let checked = check(std::slice::from_ref(settings));
        checked.map_err(|unusable| unusable.fault)
    };
    assert_eq!(why(&good), Ok(()));
    for bad in ["", "two\nlines", "a\rb", "pässword"] {
        secret(desk.folder.path(), bad);
        assert_eq!(why(&good), Err(Fault::Login), "{bad:?}");
    }
    let path = secret(desk.folder.path(), PASSWORD);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    let open = SecretFault::Open(path.clone());
    assert_eq!(why(&good), Err(Fault::Secret(open)));
    secret(desk.folder.path(), PASSWORD);
    let mut nameless = good.clone();
    nameless.host = "no host".to_owned();
    assert_eq!(why(&nameless), Err(Fault::Host));
}
