//! The real daemon, as it is measured: posts over mutual TLS, letters to the sink.

use crate::bare::CHECKPOINT_PAGES;
use crate::sink::Sink;
use crate::support::daemon::{Daemon, Recipe, SCHOOL, Way};
use crate::support::pki::Pki;
use crate::support::posts::referral;
use crate::support::waiting::until;
use crate::support::wire::{ANY_VERSION, Wire};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Row, SqliteConnection};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// What of the queue has not ended.
const WAITING: &str = "SELECT (SELECT COUNT(*) FROM delivery WHERE state IN ('queued','in_doubt') AND quarantined = 0) \
    + (SELECT COUNT(*) FROM delivery WHERE state = 'sending')";
const RELAYED: &str = "SELECT COUNT(*) FROM delivery WHERE state = 'relayed'";

pub(crate) struct Gateway {
    daemon: Daemon,
    runtime: Runtime,
    /// Referrals posted so far.
    posted: u32,
}

impl Gateway {
    /// Its letters go to the sink over so many connections. The log is folded back as seldom as the bare
    /// writer's; all other settings that bear on speed are the preset ones. The limits allow for a sink
    /// that greets when the queue is full.
    pub(crate) fn start(sink: &Sink, relays: &Pki, connections: usize) -> Self {
        let way = Way {
            name: "cjsm",
            port: sink.port,
            tls: "starttls",
            roots: relays.ca.clone(),
            client: None,
            more: format!(
                "connections = {connections}\ncommand_timeout_s = 600\nattempt_timeout_s = 1800\n"
            ),
        };
        let daemon = Daemon::made_of(Recipe {
            settings: &[
                ("delivery.lease_s", "3600"),
                ("store.checkpoint_pages", &CHECKPOINT_PAGES.to_string()),
            ],
            ways: vec![way],
            ..Recipe::default()
        });
        Self {
            daemon,
            runtime: Runtime::new().unwrap(),
            posted: 0,
        }
    }

    /// Senders of one force, connected: what a force's systems keep open.
    pub(crate) fn senders(&self, count: usize) -> Vec<Wire> {
        let essex = Some(&self.daemon.pki.essex);
        let tls = Wire::config(&self.daemon.pki.ca, essex, ANY_VERSION);
        (0..count)
            .map(|_| Wire::over(self.daemon.intake, &tls).unwrap())
            .collect()
    }

    /// Referrals of one child each that were not posted before, as requests.
    pub(crate) fn requests(&mut self, count: usize) -> Vec<Vec<u8>> {
        let numbers = self.posted..self.posted + u32::try_from(count).unwrap();
        self.posted = numbers.end;
        numbers.map(request).collect()
    }

    /// Letters that have not left yet.
    pub(crate) fn waiting(&self) -> usize {
        self.count(WAITING)
    }

    /// Waits until the outcome of every letter is on disk.
    pub(crate) fn settle(&self) {
        until(|| (self.waiting() == 0).then_some(()))
            .unwrap_or_else(|| panic!("letters are left:\n{}", self.daemon.log()));
        let relayed = self.count(RELAYED);
        let posted = usize::try_from(self.posted).unwrap();
        assert!(relayed >= posted, "{relayed} letters of {posted} referrals");
    }

    /// Records that a person has every letter that is not answered yet.
    pub(crate) fn acknowledge_all(&self) {
        for notification in self.texts("SELECT id FROM notification WHERE live = 1") {
            self.daemon.json(&[
                "notification",
                "acknowledge",
                "--reason",
                "measured",
                &notification,
            ]);
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.daemon.kill();
    }

    /// Starts it again and does not wait.
    pub(crate) fn launch(&mut self) {
        self.daemon.launch();
    }

    pub(crate) fn wait_until_ready(&self) {
        self.daemon.wait_until_ready();
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.daemon.process_id()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.daemon.state_dir().join("firstbell.db")
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.daemon.folder.path().to_owned()
    }

    fn count(&self, question: &'static str) -> usize {
        let count: i64 = self.rows(question)[0].get(0);
        usize::try_from(count).unwrap()
    }

    fn texts(&self, question: &'static str) -> Vec<String> {
        let rows = self.rows(question);
        rows.iter().map(|row| row.get(0)).collect()
    }

    fn rows(&self, question: &'static str) -> Vec<SqliteRow> {
        self.runtime.block_on(async {
            let options = SqliteConnectOptions::new().filename(self.database());
            let mut connection: SqliteConnection = options.read_only(true).connect().await.unwrap();
            let rows = sqlx::query(question).fetch_all(&mut connection).await;
            rows.unwrap()
        })
    }
}

/// Posts all of them; each sender posts its next once its last is answered with 201.
pub(crate) fn post(senders: Vec<Wire>, requests: &[Vec<u8>]) -> Duration {
    let (begun, together) = (Instant::now(), senders.len());
    thread::scope(|scope| {
        for (first, mut sender) in senders.into_iter().enumerate() {
            scope.spawn(move || {
                for request in requests.iter().skip(first).step_by(together) {
                    let answer = sender.ask(request);
                    assert_eq!(answer.status, 201, "{}", answer.text());
                }
            });
        }
    });
    begun.elapsed()
}

fn request(number: u32) -> Vec<u8> {
    let body = referral(number, "Amelia", SCHOOL).to_string();
    let head = format!(
        "POST /v1/referrals HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nIdempotency-Key: bench-{number}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}
