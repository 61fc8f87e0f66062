//! A real Postfix that relays to the sink: over verified TLS, over kept connections, fifty at once.

use crate::machine::cpu_seconds_of_family;
use crate::peers::postfix::{Instance, free_port};
use crate::support::waiting::until;
use crate::support::wire::tcp;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

/// Where messages wait, whatever they wait for.
const QUEUES: &[&str] = &["maildrop", "incoming", "active", "deferred"];

/// What relaying needs. tlsproxy(8) and scache(8) keep connections with TLS between messages.
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
smtp       unix       -  -  n  -     -  smtp
scache     unix       -  -  n  -     1  scache
tlsproxy   unix       -  -  n  -     0  tlsproxy
anvil      unix       -  -  n  -     1  anvil
postlog    unix-dgram n  -  n  -     1  postlogd
";

pub(crate) struct Relayer {
    instance: Instance,
    queue: PathBuf,
    door: SocketAddr,
}

impl Relayer {
    /// Relays everything to `localhost` at this port, as far as the authority names it.
    pub(crate) fn start(sink: u16, ca: &Path, connections: usize) -> Self {
        let port = free_port();
        let door = SocketAddr::from(([127, 0, 0, 1], port));
        let mut queue = PathBuf::new();
        let instance = Instance::start(
            |home| {
                queue = home.join("queue");
                main_cf(home, sink, ca, connections)
            },
            &format!("127.0.0.1:{port} inet n - n - - smtpd\n{SERVICES}"),
        );
        let relayer = Self {
            instance,
            queue,
            door,
        };
        until(|| Filler::connect(door).ok())
            .unwrap_or_else(|| panic!("no greeting:\n{}", relayer.instance.log()));
        relayer
    }

    /// Puts the same message, dots doubled, into the queue so many times, over so many connections:
    /// each is on disk by then.
    pub(crate) fn fill(&self, count: usize, message: &[u8], connections: usize) {
        thread::scope(|scope| {
            for first in 0..connections {
                scope.spawn(move || {
                    let mut filler = Filler::connect(self.door).unwrap();
                    for _ in (first..count).step_by(connections) {
                        filler.hand_over(message);
                    }
                });
            }
        });
    }

    /// Waits until the queue is empty.
    pub(crate) fn settle(&self) {
        until(|| self.is_empty().then_some(()))
            .unwrap_or_else(|| panic!("messages are left:\n{}", self.instance.log()));
    }

    /// Processor seconds of all its processes.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let master = fs::read_to_string(self.queue.join("pid/master.pid")).unwrap();
        cpu_seconds_of_family(master.trim().parse().unwrap())
    }

    fn is_empty(&self) -> bool {
        let mut queues = QUEUES.iter().map(|name| self.queue.join(name));
        queues.all(|queue| holds_no_file(&queue))
    }
}

fn holds_no_file(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().all(|entry| {
        let path = entry.unwrap().path();
        path.is_dir() && holds_no_file(&path)
    })
}

fn main_cf(home: &Path, sink: u16, ca: &Path, connections: usize) -> String {
    // Where its processes reach it without root.
    let own_ca = home.join("ca.pem");
    fs::write(&own_ca, fs::read(ca).unwrap()).unwrap();
    let (home, own_ca) = (home.display(), own_ca.display());
    format!(
        "\
compatibility_level = 3.6
config_directory = {home}/config
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = {home}/maillog
maillog_file_prefixes = {home}
myhostname = relayer.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
local_recipient_maps =
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
# Whoever fills the queue is not slowed down.
in_flow_delay = 0
relayhost = [localhost]:{sink}
smtp_host_lookup = native
smtp_tls_security_level = verify
smtp_tls_CAfile = {own_ca}
smtp_tls_connection_reuse = yes
smtp_connection_cache_on_demand = yes
smtp_connection_cache_destinations = [localhost]:{sink}, localhost
default_destination_concurrency_limit = {connections}
initial_destination_concurrency = {connections}
# The sink greets once the queue is full.
smtp_helo_timeout = 900s
"
    )
}

/// A connection that puts messages into the queue.
struct Filler {
    stream: BufReader<TcpStream>,
}

impl Filler {
    fn connect(door: SocketAddr) -> std::io::Result<Self> {
        let mut filler = Self {
            stream: BufReader::new(tcp(door)?),
        };
        filler.hear('2');
        filler.ask(b"HELO filler.test\r\n", '2');
        Ok(filler)
    }

    fn hand_over(&mut self, message: &[u8]) {
        self.ask(b"MAIL FROM:<replies@gateway.test>\r\n", '2');
        self.ask(b"RCPT TO:<dsl@marshend.test.cjsm.net>\r\n", '2');
        self.ask(b"DATA\r\n", '3');
        self.ask(&[message, b"\r\n.\r\n"].concat(), '2');
    }

    fn ask(&mut self, bytes: &[u8], wanted: char) {
        self.stream.get_mut().write_all(bytes).unwrap();
        self.hear(wanted);
    }

    fn hear(&mut self, wanted: char) {
        let mut reply = String::new();
        self.stream.read_line(&mut reply).unwrap();
        assert!(reply.starts_with(wanted), "{reply}");
    }
}
