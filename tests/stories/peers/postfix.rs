//! A real Postfix, as the relay or the school's mail server of a story.
//!
//! Each instance has its own configuration, queue, log and port, so that any number run at once
//! and the system's Postfix need not. It must be started as root, and the temporary directory
//! must be one that other users may enter: Postfix gives up root for most of its work.

use super::onward::Onward;
use crate::support::waiting::until;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::SystemTime;

/// Debian's `nobody`, who owns the delivered mail: virtual(8) refuses to deliver as root.
const MAIL_OWNER: u32 = 65534;

/// What virtual(8) needs, and bounce(8) so that delivery reports are written. There is no smtp(8) but
/// in a relay that sends on to an address of this machine: nothing leaves it, whatever a story does.
const SERVICES: &str = "\
cleanup    unix       n  -  n  -     0  cleanup
qmgr       unix       n  -  n  300   1  qmgr
tlsmgr     unix       -  -  n  1000? 1  tlsmgr
rewrite    unix       -  -  n  -     -  trivial-rewrite
bounce     unix       -  -  n  -     0  bounce
defer      unix       -  -  n  -     0  bounce
trace      unix       -  -  n  -     0  bounce
error      unix       -  -  n  -     -  error
retry      unix       -  -  n  -     -  error
discard    unix       -  -  n  -     -  discard
virtual    unix       -  n  n  -     -  virtual
anvil      unix       -  -  n  -     1  anvil
postlog    unix-dgram n  -  n  -     1  postlogd
";

/// How a client reaches TLS. Neither way is mail taken without it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tls {
    /// RFC 3207.
    StartTls,
    /// RFC 8314, section 3.3.
    Implicit,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct PostfixOptions<'a> {
    pub(crate) tls: Tls,
    /// The chain, leaf first.
    pub(crate) certificate: &'a Path,
    pub(crate) key: &'a Path,
    /// When given, a client must show a certificate that these authorities issued.
    pub(crate) client_ca: Option<&'a Path>,
    /// Any address at these domains is accepted, and delivered to the one maildir.
    pub(crate) domains: &'a [&'a str],
    pub(crate) port: u16,
}

/// A running instance that takes mail in; stopped and removed when dropped.
#[derive(Debug)]
pub(crate) struct Postfix {
    instance: Instance,
    port: u16,
}

/// The files and processes of an instance, whatever it is for; stopped and removed when dropped.
#[derive(Debug)]
pub(crate) struct Instance {
    home: PathBuf,
    guard: Child,
}

impl Postfix {
    /// Returns when the port greets and shows its certificate; panics with the log if it never does.
    pub(crate) fn start(options: PostfixOptions<'_>) -> Postfix {
        Self::start_and_send_on(options, None)
    }

    /// As [`Postfix::start`]; the instance also sends answers and delivery reports on.
    pub(crate) fn start_and_send_on(
        options: PostfixOptions<'_>,
        onward: Option<&Onward<'_>>,
    ) -> Postfix {
        let sends_on = onward.map_or("", |_| Onward::SERVICE);
        let instance = Instance::start(
            |home| main_cf(home, &options) + &onward.map_or_else(String::new, Onward::main_cf),
            &format!("{}{SERVICES}{sends_on}", smtpd(&options)),
        );
        until(|| greets(&options).then_some(()))
            .unwrap_or_else(|| panic!("no greeting with TLS:\n{}", instance.log()));
        Postfix {
            port: options.port,
            instance,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The maildir of everybody.
    pub(crate) fn mailbox(&self) -> PathBuf {
        self.instance.home.join("mail")
    }

    /// Every mail delivered so far, oldest first, byte for byte (Postfix stores LF line ends and
    /// prepends its trace headers).
    pub(crate) fn mails(&self) -> Vec<Vec<u8>> {
        let mut files: Vec<_> = ["new", "cur"]
            .iter()
            // Made by the first delivery.
            .filter_map(|folder| fs::read_dir(self.instance.home.join("mail").join(folder)).ok())
            .flatten()
            .map(|entry| {
                let path = entry.unwrap().path();
                (fs::metadata(&path).unwrap().modified().unwrap(), path)
            })
            .collect();
        files.sort();
        files
            .iter()
            .map(|(_, path)| fs::read(path).unwrap())
            .collect()
    }

    /// Waits until at least `n` mails are delivered and returns all there are. Blocks the thread: from
    /// asynchronous code call it in `spawn_blocking`.
    pub(crate) fn wait_for(&self, n: usize) -> Vec<Vec<u8>> {
        until(|| Some(self.mails()).filter(|mails| mails.len() >= n)).unwrap_or_else(|| {
            let came = self.mails().len();
            panic!("{came} of {n} mails came:\n{}", self.log())
        })
    }

    /// What Postfix logged.
    pub(crate) fn log(&self) -> String {
        self.instance.log()
    }
}

impl Instance {
    /// Returns when master(8) runs; `main_cf` is given the instance's folder. Panics with the log if it
    /// does not start.
    pub(crate) fn start(main_cf: impl FnOnce(&Path) -> String, master_cf: &str) -> Instance {
        let home = lay_out(main_cf, master_cf);
        let instance = Instance {
            guard: guard(&home),
            home,
        };
        // To a file, not a pipe: the daemons inherit it, and a pipe would stay open as long as they run.
        let words = File::create(instance.home.join("start.log")).unwrap();
        let started = Command::new("sh")
            // Postfix makes its queues under our umask, and then must reach them without root.
            .args(["-c", r#"umask 022; exec postfix -c "$0/config" start"#])
            .arg(&instance.home)
            .stdin(Stdio::null())
            .stdout(words.try_clone().unwrap())
            .stderr(words)
            .status()
            .unwrap();
        assert!(started.success(), "no start:\n{}", instance.log());
        instance
    }

    /// What it logged. For a person who reads a failure; it lags behind the delivery.
    pub(crate) fn log(&self) -> String {
        ["start.log", "maillog"]
            .iter()
            .filter_map(|name| fs::read(self.home.join(name)).ok())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .collect()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // A failed clean-up must not turn into a panic within a panic.
        let _ = self.guard.wait();
    }
}

/// A port of 127.0.0.1 that nothing listens on and that this process has not handed out before.
pub(crate) fn free_port() -> u16 {
    // Below the ports that the kernel gives to outgoing connections: one of those could take the
    // port between this call and the peer's bind.
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    // Test processes that run at once begin at different places.
    const STRIDE: u32 = 64;
    static HANDED_OUT: AtomicU16 = AtomicU16::new(0);

    let origin = std::process::id().wrapping_mul(STRIDE) % u32::from(COUNT);
    (0..COUNT)
        .map(|_| {
            let step = u32::from(HANDED_OUT.fetch_add(1, Ordering::Relaxed));
            FIRST + u16::try_from((origin + step) % u32::from(COUNT)).unwrap()
        })
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

fn lay_out(main_cf: impl FnOnce(&Path) -> String, master_cf: &str) -> PathBuf {
    // Kept, because the guard removes it, after the daemons that still write there.
    let home = tempfile::Builder::new()
        .prefix("firstbell-postfix-")
        .tempdir()
        .unwrap()
        .keep();
    for folder in ["", "config", "queue", "mail"] {
        fs::create_dir_all(home.join(folder)).unwrap();
        fs::set_permissions(home.join(folder), Permissions::from_mode(0o755)).unwrap();
    }
    chown(home.join("mail"), Some(MAIL_OWNER), Some(MAIL_OWNER)).expect("tests run as root");
    fs::write(home.join("config/master.cf"), master_cf).unwrap();
    let mut main = File::create(home.join("config/main.cf")).unwrap();
    main.write_all(main_cf(&home).as_bytes()).unwrap();
    // Postfix waits until main.cf has "cooled down" for two seconds; this one was never warm.
    main.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    home
}

fn main_cf(home: &Path, options: &PostfixOptions<'_>) -> String {
    let home = home.display();
    let client = options.client_ca.map_or_else(String::new, |path| {
        format!(
            "smtpd_tls_CAfile = {}\nsmtpd_tls_req_ccert = yes\n",
            path.display()
        )
    });
    format!(
        "\
compatibility_level = 3.6
config_directory = {home}/config
queue_directory = {home}/queue
data_directory = {home}/data
# Needs no syslog daemon.
maillog_file = {home}/maillog
maillog_file_prefixes = {home}
myhostname = relay.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
local_recipient_maps =
# By default clients on this host get their headers rewritten; a distant relay's do not.
local_header_rewrite_clients =
smtpd_peername_lookup = no
smtpd_relay_restrictions = reject_unauth_destination
# Mail to other domains can only be our own delivery reports.
default_transport = discard:
# A refusal need not cost the story a second.
smtpd_error_sleep_time = 0
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {home}
virtual_mailbox_maps = static:mail/
virtual_uid_maps = static:{MAIL_OWNER}
virtual_gid_maps = static:{MAIL_OWNER}
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
{client}",
        domains = options.domains.join(", "),
        certificate = options.certificate.display(),
        key = options.key.display(),
    )
}

/// The line of master.cf that takes mail.
fn smtpd(options: &PostfixOptions<'_>) -> String {
    let wrapper = match options.tls {
        Tls::StartTls => "no",
        Tls::Implicit => "yes",
    };
    let port = options.port;
    format!("127.0.0.1:{port} inet n - n - - smtpd -o smtpd_tls_wrappermode={wrapper}\n")
}

/// Stops and removes the instance when its standard input closes: on drop, after a panic, and also
/// when the test process is killed, which would otherwise leave a daemon and its port behind.
fn guard(home: &Path) -> Child {
    // The second removal is for a daemon that wrote its last file during the first.
    let script = r#"
        read -r _
        postfix -c "$0/config" stop
        rm -rf -- "$0" || { sleep 1; rm -rf -- "$0"; }
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
        .unwrap()
}

/// Through openssl, because with implicit TLS a connection alone proves only that master(8) listens.
/// A server that wants a client certificate shows its own first.
fn greets(options: &PostfixOptions<'_>) -> bool {
    let mut probe = Command::new("timeout");
    probe.args(["10", "openssl", "s_client", "-connect"]);
    probe.arg(format!("127.0.0.1:{}", options.port));
    if matches!(options.tls, Tls::StartTls) {
        probe.args(["-starttls", "smtp"]);
    }
    let said = probe
        .stdin(Stdio::null())
        .output()
        .expect("openssl is installed (tests/packages)");
    String::from_utf8_lossy(&said.stdout).contains("BEGIN CERTIFICATE")
}
