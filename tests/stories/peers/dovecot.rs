//! A real Dovecot, as the server of a mailbox: IMAP and POP3, over TLS and, for a proxy that wants to
//! see what is said, in clear. Any user name has the one mailbox, and one password.
//!
//! Each instance has its own configuration, maildir, log and ports. Debian's users `dovecot` and
//! `dovenull` must be there, and the instance must be started as root, which it gives up.

use super::postfix::free_port;
use crate::support::pki::Identity;
use crate::support::waiting::until;
use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Debian's `nobody`, who owns the mails.
const MAIL_OWNER: u32 = 65534;

pub(crate) const USER: &str = "desk@gateway.test";
pub(crate) const PASSWORD: &str = "a \"quoted\" pass\\word";

/// A running instance; stopped and removed when dropped.
pub(crate) struct Dovecot {
    home: PathBuf,
    guard: Child,
    pub(crate) imap: Ports,
    pub(crate) pop3: Ports,
}

/// Where a protocol is spoken.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) tls: u16,
    pub(crate) clear: u16,
}

impl Dovecot {
    /// Returns when every port is open; panics with the log if one never is.
    pub(crate) fn start(identity: &Identity) -> Self {
        // Kept, because the guard removes it, after the processes that still write there.
        let home = tempfile::Builder::new()
            .prefix("firstbell-dovecot-")
            .tempdir()
            .unwrap()
            .keep();
        for folder in ["", "mail", "mail/new", "mail/cur", "mail/tmp", "home"] {
            let path = home.join(folder);
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
            if !folder.is_empty() {
                chown(&path, Some(MAIL_OWNER), Some(MAIL_OWNER)).expect("tests run as root");
            }
        }
        let ports = || Ports {
            tls: free_port(),
            clear: free_port(),
        };
        let (imap, pop3) = (ports(), ports());
        let settings = settings(&home, identity, imap, pop3);
        fs::write(home.join("dovecot.conf"), settings).unwrap();
        fs::write(
            home.join("users"),
            format!("{USER}:{{PLAIN}}{PASSWORD}::::::\n"),
        )
        .unwrap();
        fs::set_permissions(home.join("users"), Permissions::from_mode(0o644)).unwrap();
        let dovecot = Self {
            guard: guard(&home),
            home,
            imap,
            pop3,
        };
        for port in [imap.tls, imap.clear, pop3.tls, pop3.clear] {
            until(|| TcpStream::connect(("127.0.0.1", port)).ok())
                .unwrap_or_else(|| panic!("port {port} is not open:\n{}", dovecot.log()));
        }
        dovecot
    }

    /// Puts a mail into the mailbox, as a local delivery does; lines end in LF there.
    pub(crate) fn deliver(&self, mail: &[u8]) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let nth = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!(
            "{:010}.M{nth}P{}.test",
            1_700_000_000 + nth,
            std::process::id()
        );
        let beside = self.home.join("mail/tmp").join(&name);
        fs::write(&beside, mail).unwrap();
        chown(&beside, Some(MAIL_OWNER), Some(MAIL_OWNER)).unwrap();
        fs::rename(beside, self.home.join("mail/new").join(name)).unwrap();
    }

    /// How many mails are in the mailbox.
    pub(crate) fn mails(&self) -> usize {
        let folders = ["mail/new", "mail/cur"].iter();
        let count = |folder: &&str| fs::read_dir(self.home.join(folder)).unwrap().count();
        folders.map(count).sum()
    }

    /// Gives the folder another UIDVALIDITY, as a server that was restored does.
    pub(crate) fn change_uid_validity(&self, to: u32) {
        let changed = Command::new("doveadm")
            .arg("-c")
            .arg(self.home.join("dovecot.conf"))
            .args(["mailbox", "update", "-u", USER, "--uid-validity"])
            .args([&to.to_string(), "INBOX"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&changed.stderr);
        assert!(changed.status.success(), "{said}\n{}", self.log());
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.home.join("log")).unwrap_or_default()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // A failed clean-up must not turn into a panic within a panic.
        let _ = self.guard.wait();
    }
}

fn settings(home: &Path, identity: &Identity, imap: Ports, pop3: Ports) -> String {
    let listener = |name: &str, port: u16, ssl: &str| {
        format!("  inet_listener {name} {{\n    port = {port}\n    ssl = {ssl}\n  }}\n")
    };
    let service = |protocol: &str, ports: Ports| {
        format!(
            "service {protocol}-login {{\n  service_count = 0\n{}{}}}\n\
             service {protocol} {{\n  service_count = 1000\n}}\n",
            listener(protocol, ports.clear, "no"),
            listener(&format!("{protocol}s"), ports.tls, "yes"),
        )
    };
    format!(
        "\
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_failure_delay = 0
# A wrong password need not cost the story seconds.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
mail_max_userip_connections = 1000
mail_location = maildir:{home}/mail
passdb {{
  driver = passwd-file
  args = username_format=%u {home}/users
}}
userdb {{
  driver = static
  args = uid={MAIL_OWNER} gid={MAIL_OWNER} home={home}/home
}}
{}{}",
        service("imap", imap),
        service("pop3", pop3),
        home = home.display(),
        certificate = identity.certificate.display(),
        key = identity.key.display(),
    )
}

/// Runs the instance; stops and removes it when its standard input closes: on drop, after a panic, and
/// also when the test process is killed.
fn guard(home: &Path) -> Child {
    let script = r#"
        umask 022
        dovecot -F -c "$0/dovecot.conf" </dev/null &
        read -r _
        kill $!
        wait $!
        rm -rf -- "$0"
    "#;
    Command::new("sh")
        .arg("-c")
        .arg(script)
        .arg(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // An interrupt from the terminal goes to the tests alone.
        .process_group(0)
        .spawn()
        .expect("dovecot is installed (tests/packages)")
}
