//! The real daemon as a process: its own state, authority and directory, told to be ready by
//! systemd's own protocol, ended when the value goes.

use super::pki::{Identity, Pki};
use crate::peers::postfix::free_port;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Open, signed up, two contacts over `cjsm`.
pub(crate) const SCHOOL: (&str, &str) = ("990011", "Marsh End Primary School");
/// Closed; `Old Mill Academy` (990015) came after it.
pub(crate) const CLOSED_SCHOOL: (&str, &str) = ("990013", "Old Mill Primary School");
/// Open, not signed up, without a contact.
pub(crate) const SILENT_SCHOOL: (&str, &str) = ("990014", "Hill Top Primary School");

/// The daemon is ready within this, or the story fails.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// One way out as the settings name it.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    pub(crate) tls: &'static str,
    /// The relay's authority.
    pub(crate) roots: PathBuf,
    pub(crate) client: Option<Identity>,
    /// Further lines of its section.
    pub(crate) more: String,
}

/// What a story's daemon is made of.
#[derive(Debug, Default)]
pub(crate) struct Recipe<'a> {
    /// Keys that differ from the defaults, as `section.key` and TOML value.
    pub(crate) settings: &'a [(&'a str, &'a str)],
    /// Ways out; none: a relay that is not there.
    pub(crate) ways: Vec<Way>,
    /// Environment of the process.
    pub(crate) environment: Vec<(&'a str, String)>,
}

pub(crate) struct Daemon {
    pub(crate) intake: SocketAddr,
    pub(crate) pki: Pki,
    pub(crate) folder: TempDir,
    environment: Vec<(String, String)>,
    notify: UnixDatagram,
    child: Option<Child>,
}

impl Daemon {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::made_of(Recipe {
            settings,
            ..Recipe::default()
        })
    }

    pub(crate) fn made_of(recipe: Recipe<'_>) -> Self {
        let pki = Pki::new();
        let folder = TempDir::new().unwrap();
        let intake = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let notify = UnixDatagram::bind(folder.path().join("notify.sock")).unwrap();
        notify.set_read_timeout(Some(READY_WITHIN)).unwrap();
        write_secret(&folder.path().join("credential"), &"5a".repeat(32));
        let settings = settings(&pki, folder.path(), intake, &recipe);
        fs::write(folder.path().join("firstbell.toml"), settings).unwrap();
        let owned = |(name, value): &(&str, String)| ((*name).to_owned(), value.clone());
        let environment = recipe.environment.iter().map(owned).collect();
        let mut daemon = Self {
            intake,
            pki,
            folder,
            environment,
            notify,
            child: None,
        };
        daemon.command_ok(&["keys", "generate"]);
        let directory =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/directory-of-stories");
        daemon.command_ok(&[
            "directory",
            "import",
            "--initial",
            directory.to_str().unwrap(),
        ]);
        daemon.begin();
        daemon
    }

    /// Starts the process, again after a stop or a kill, and waits until it is ready.
    pub(crate) fn begin(&mut self) {
        self.launch();
        self.wait_until_ready();
    }

    /// Starts the process and does not wait. What an earlier one still had to say is forgotten.
    pub(crate) fn launch(&mut self) {
        self.notify.set_nonblocking(true).unwrap();
        while self.notify.recv(&mut [0; 512]).is_ok() {}
        self.notify.set_nonblocking(false).unwrap();
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_firstbell"))
            .arg("--config")
            .arg(self.folder.path().join("firstbell.toml"))
            .arg("serve")
            .env("NOTIFY_SOCKET", self.folder.path().join("notify.sock"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    pub(crate) fn wait_until_ready(&self) {
        self.await_word("READY=1");
    }

    /// Waits until it has told systemd this; what it told before that is passed over.
    pub(crate) fn await_word(&self, word: &str) {
        loop {
            let mut buffer = [0; 512];
            let length = match self.notify.recv(&mut buffer) {
                Ok(length) => length,
                // A child of another story ended: a wait with a limit is not taken up again by itself.
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => panic!("no {word} ({error}): {}", self.log()),
            };
            if buffer[..length].starts_with(word.as_bytes()) {
                return;
            }
        }
    }

    /// Asks it to stop and does not wait.
    pub(crate) fn stop(&self) {
        let id = self.child.as_ref().unwrap().id();
        let asked = Command::new("kill")
            .args(["-TERM", &id.to_string()])
            .status()
            .unwrap();
        assert!(asked.success());
    }

    /// Stops it in order and gives its exit code.
    pub(crate) fn stop_and_wait(&mut self) -> Option<i32> {
        self.stop();
        self.wait()
    }

    /// Waits for its end and gives its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.take().unwrap().wait().unwrap().code()
    }

    /// SIGKILL, and nothing else.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("daemon.log")
    }

    /// Runs a command of the same settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        let mut command = self.prepared(arguments);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// A command of the same settings, not yet run.
    pub(crate) fn prepared(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_firstbell"));
        command
            .arg("--config")
            .arg(self.folder.path().join("firstbell.toml"))
            .args(arguments);
        command
    }

    /// Runs a command that must succeed; gives what it printed as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.command(&[arguments, &["--json"]].concat());
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn command_ok(&self, arguments: &[&str]) {
        let output = self.command(arguments);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().unwrap_or_default();
            child.wait().map(|_| ()).unwrap_or_default();
        }
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
    }
}

fn write_secret(path: &Path, text: &str) {
    use std::io::Write;
    let mut options = File::options();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn settings(pki: &Pki, folder: &Path, intake: SocketAddr, recipe: &Recipe<'_>) -> String {
    let quoted = |path: &Path| format!("{:?}", path.display().to_string());
    let file = |name: &str| quoted(&folder.join(name));
    let operator = firstbell::admin::own_user_name().unwrap();
    let base = [
        ("gateway.host_name", "\"gateway.test\"".to_owned()),
        ("gateway.state_dir", file("state")),
        ("gateway.from", "\"desk@gateway.test\"".to_owned()),
        (
            "gateway.from_name",
            "\"Essex Police Secure Desk\"".to_owned(),
        ),
        ("gateway.reply_to", "\"replies@gateway.test\"".to_owned()),
        ("store.credential_file", file("credential")),
        ("store.disk_free_min_bytes", "1048576".to_owned()),
        ("store.ballast_bytes", "1048576".to_owned()),
        ("signing.key_file", file("signing.asc")),
        ("intake.listen", format!("\"{intake}\"")),
        ("intake.certificate_file", quoted(&pki.server.certificate)),
        ("intake.key_file", quoted(&pki.server.key)),
        ("intake.client_ca_file", quoted(&pki.ca)),
        ("intake.crl_files", format!("[{}]", quoted(&pki.crl))),
        ("operators.socket", file("operators.sock")),
        ("policy.desk_phone", "\"01245 000000\"".to_owned()),
        ("force.essex.display_name", "\"Essex Police\"".to_owned()),
        ("force.kent.display_name", "\"Kent Police\"".to_owned()),
        // Kent sends less than the Act covers; what it refuses is held.
        ("force.kent.policy.grades", "[\"medium\"]".to_owned()),
        ("force.kent.policy.age_min", "4".to_owned()),
        ("force.kent.policy.age_max", "16".to_owned()),
    ];
    let mut all: Vec<(String, String)> = base
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    for (key, value) in recipe.settings {
        all.retain(|(known, _)| known != key);
        all.push(((*key).to_owned(), (*value).to_owned()));
    }
    let mut text = String::new();
    for (key, value) in all {
        writeln!(text, "{key} = {value}").unwrap();
    }
    text.push_str(&ways(pki, recipe));
    writeln!(
        text,
        "[[operator]]\nunix_user = {operator:?}\nname = \"A Tester\"\nroles = [\"operator\"]"
    )
    .unwrap();
    text
}

/// The sections of the ways out. A way that a story does not name leads nowhere: letters stay queued.
fn ways(pki: &Pki, recipe: &Recipe<'_>) -> String {
    let mut text = String::new();
    for name in ["cjsm", "school"] {
        let way = recipe.ways.iter().find(|way| way.name == name).cloned();
        let way = way.unwrap_or_else(|| Way {
            name,
            port: free_port(),
            tls: "implicit",
            roots: pki.ca.clone(),
            client: None,
            more: String::new(),
        });
        writeln!(
            text,
            "[route.{name}]\nhost = \"localhost\"\nport = {}\ntls = {:?}\nroots = {:?}\n{}",
            way.port,
            way.tls,
            way.roots.display().to_string(),
            way.more,
        )
        .unwrap();
        if let Some(client) = &way.client {
            writeln!(
                text,
                "client_certificate_file = {:?}\nclient_key_file = {:?}",
                client.certificate.display().to_string(),
                client.key.display().to_string(),
            )
            .unwrap();
        }
    }
    text
}
