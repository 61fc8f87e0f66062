//! What is sealed is nowhere else: made-up words in every sealed field, and every place outside the
//! signed letter searched for them while the daemon logs all it can.

mod documents;
mod notes;
mod search;

use crate::peers::gnupg::signed_parts;
use crate::relays::TAKEN;
use crate::relays::authority::Authority;
use crate::relays::relay::{Act, Relay};
use crate::support::daemon::{Daemon, Recipe, Way};
use crate::support::posts::{accepted, post, trace_in_state};
use documents::{Canary, bad, canaries, good};
use firstbell::referral::fields::Printed;
use firstbell::referral::policy::Profile;
use mail_parser::MessageParser;
use search::Needles;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A relay that quotes what it was told, as some do.
const PUTS_OFF: &str = "451 4.7.1 <dsl@marshend.test.cjsm.net> zqpeerswordsjx, come again\r\n";
const PEERS_WORDS: (&str, &str) = ("the relay's words", "zqpeerswordsjx");

/// Contacts of the school, as `tests/data/directory-of-stories` has them.
const CONTACTS: [(&str, &str); 4] = [
    ("the Key Adult's name", "Grace Amadi"),
    ("the deputy's name", "Piotr Zielinski"),
    ("the Key Adult's address", "dsl@marshend.test.cjsm.net"),
    ("the deputy's address", "pzielinski@marshend.test.cjsm.net"),
];

/// Who writes at level trace; sqlx is silenced where the database is opened, hyper is built without
/// a log. If one of these falls silent, the search of the log proves less.
const TALKATIVE: &[&str] = &["firstbell", "rustls"];

const OPENS: [Act; 4] = [
    Act::Tls,
    Act::Say("220 relay.test ESMTP\r\n"),
    Act::Hear,
    Act::Say("250-relay.test\r\n250 DSN\r\n"),
];

struct Scene {
    daemon: Daemon,
    canaries: Vec<Canary>,
    /// The words of sealed fields and of relays.
    sealed: Needles,
    /// Those, and the school's contacts: what no log line and no problem document may say.
    private: Needles,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// And the relay that puts a letter off once and takes it then.
    async fn new() -> (Self, Relay) {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("The route's authority");
        let tls = authority
            .names("localhost")
            .serves(rustls::ALL_VERSIONS, None);
        let put_off = [
            Act::Hear,
            Act::Say("250 ok\r\n"),
            Act::Hear,
            Act::Say(PUTS_OFF),
        ];
        let put_off = OPENS.into_iter().chain(put_off).collect();
        let taken = OPENS.into_iter().chain(TAKEN).collect();
        let relay = Relay::start(tls, vec![put_off, taken]).await;
        let daemon = Daemon::made_of(Recipe {
            settings: &[
                ("log.filter", "\"trace\""),
                ("log.format", "\"json\""),
                ("force.essex.policy.profile", "\"full\""),
                ("delivery.retry_first_s", "1"),
            ],
            ways: vec![Way {
                name: "cjsm",
                port: relay.port,
                tls: "implicit",
                roots: authority.write(folder.path()),
                client: None,
                more: String::new(),
            }],
            ..Recipe::default()
        });
        let canaries = canaries();
        let words = || {
            let fields = canaries
                .iter()
                .map(|canary| (canary.field.pointer, canary.word.as_str()));
            fields.chain([PEERS_WORDS])
        };
        let sealed = Needles::new(words());
        let private = Needles::new(words().chain(CONTACTS));
        let scene = Self {
            daemon,
            canaries,
            sealed,
            private,
            _folder: folder,
        };
        (scene, relay)
    }

    /// Every field broken in each way: refused, and nothing of it said back.
    fn post_bad_versions(&self) {
        let good = good(1, &self.canaries);
        let mut count = 0;
        for canary in &self.canaries {
            for document in bad(&good, canary) {
                count += 1;
                let answer = post(&self.daemon, &format!("bad-{count}"), &document);
                let pointer = canary.field.pointer;
                assert!(
                    (400..=422).contains(&answer.status),
                    "{pointer}: {}",
                    answer.text()
                );
                let mut said = answer.body.clone();
                for name in answer.header_names() {
                    said.extend_from_slice(answer.header(name).unwrap().as_bytes());
                }
                self.assert_private(&said, pointer);
            }
        }
        println!("{count} posts refused, one field broken in each");
    }

    fn assert_private(&self, bytes: &[u8], place: &str) {
        let found = self.private.in_bytes(bytes);
        assert!(found.is_empty(), "{place}: {found:?}");
    }

    /// The log so far, with everything that libraries can be made to say.
    fn assert_log_is_private(&self) {
        let log = fs::read(self.daemon.folder.path().join("daemon.log")).unwrap();
        let lines = log.split(|byte| *byte == b'\n');
        let targets: BTreeSet<String> = lines
            .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
            .map(|line| line["target"].as_str().unwrap().to_owned())
            .map(|target| target.split("::").next().unwrap().to_owned())
            .collect();
        println!("{} bytes of log by {targets:?}", log.len());
        for target in TALKATIVE {
            assert!(targets.contains(*target), "{target} among {targets:?}");
        }
        let found = self.private.in_bytes(&log);
        let leaking = || lines_with(&log, &self.private);
        assert!(found.is_empty(), "{found:?} in {}", leaking());
    }

    /// Every byte of the state directory.
    fn assert_state_is_sealed(&self) {
        let state = self.daemon.state_dir();
        for name in ["firstbell.db", "ballast", "epochs"] {
            assert!(state.join(name).exists(), "{name}");
        }
        let (found, looked_at) = self.sealed.in_folder(&state);
        assert!(found.is_empty(), "{found:#?}");
        assert!(looked_at > 1024 * 1024, "{looked_at} bytes");
    }

    /// What others on this host can see of the process, and what a crash would leave.
    fn assert_process_is_private(&self) {
        let about = Path::new("/proc").join(self.daemon.process_id().to_string());
        for name in ["cmdline", "environ", "comm", "status"] {
            let bytes = fs::read(about.join(name)).unwrap();
            assert!(!bytes.is_empty());
            self.assert_private(&bytes, name);
        }
        let limits = fs::read_to_string(about.join("limits")).unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let core: Vec<&str> = core.unwrap().split_whitespace().skip(4).take(2).collect();
        assert_eq!(core, ["0", "0"]);
    }

    /// What commands print for operators: nobody unmasked anything.
    fn assert_answers_are_masked(&self, notification: &str) {
        for asked in [
            ["notification", "trace", notification].as_slice(),
            &["notification", "show", notification],
            &["referral", "list"],
            &["queue"],
        ] {
            let answer = self.daemon.json(asked);
            self.assert_private(answer.to_string().as_bytes(), asked[0]);
        }
    }

    /// Outside the signed part nothing; inside it, the fields of the profile, and only in its text.
    fn assert_letter_holds_what_it_may(&self, letter: &str) {
        let (signed, _) = signed_parts(letter.as_bytes());
        let signed = String::from_utf8(signed).unwrap();
        let (before, after) = letter.split_once(&signed).unwrap();
        let (protected, _) = signed.split_once("\r\n\r\n").unwrap();
        for head in [before, protected] {
            let to = head.lines().find(|line| line.starts_with("To: ")).unwrap();
            assert_eq!(to, format!("To: {}", CONTACTS[2].1));
            self.assert_private(head.replace(to, "").as_bytes(), "the head");
        }
        self.assert_private(after.as_bytes(), "the signature");
        let parsed = MessageParser::default().parse(signed.as_bytes()).unwrap();
        let text = parsed.body_text(0).unwrap();
        for canary in &self.canaries {
            let pointer = canary.field.pointer;
            let says = text.to_lowercase().contains(&canary.word.to_lowercase());
            match canary.field.printed {
                Printed::From(Profile::Minimal | Profile::Standard | Profile::Full) => {
                    let expected = canary.is_in_good() && canary.field.name() != "date_of_birth";
                    assert_eq!(says, expected, "{pointer}: {text}");
                }
                Printed::IfPolicySays
                | Printed::Never
                | Printed::NotInLetters
                | Printed::ByMember => assert!(!says, "{pointer}: {text}"),
            }
        }
        assert!(text.contains("29 October 2011"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn canary_words_are_in_the_signed_text_and_nowhere_else() {
    let (mut scene, relay) = Scene::new().await;
    scene.post_bad_versions();
    let mailed = accepted(&scene.daemon, &good(2, &scene.canaries));
    let held = accepted(&scene.daemon, &unrouted(good(3, &scene.canaries)));
    let trace = trace_in_state(&scene.daemon, &mailed, "relayed");
    assert_eq!(trace["deliveries"][0]["attempts"], 2);
    assert_eq!(trace_of(&scene, &held)["state"], "held");

    scene.assert_answers_are_masked(&mailed);
    scene.assert_answers_are_masked(&held);
    scene.assert_process_is_private();
    scene.assert_state_is_sealed();
    scene.daemon.kill();
    scene.assert_state_is_sealed();
    scene.daemon.begin();
    scene.assert_state_is_sealed();
    assert_eq!(scene.daemon.stop_and_wait(), Some(0));
    scene.assert_state_is_sealed();
    scene.assert_log_is_private();
    a_planted_leak_fails(&scene);

    let heard = relay.heard().await;
    let (letters, commands): (Vec<_>, Vec<_>) = heard
        .iter()
        .flatten()
        .partition(|line| line.contains("\r\n"));
    for line in &commands {
        assert!(scene.sealed.in_bytes(line.as_bytes()).is_empty(), "{line}");
        let found = scene.private.in_bytes(line.as_bytes());
        assert!(
            found.is_empty() || line.starts_with("RCPT TO:<dsl@"),
            "{line}"
        );
    }
    assert_eq!(letters.len(), 1);
    scene.assert_letter_holds_what_it_may(&letters[0].replace("\r\n..", "\r\n."));
}

fn trace_of(scene: &Scene, notification: &str) -> Value {
    scene.daemon.json(&["notification", "show", notification])
}

/// The same child at a school that nobody knows: its duty is held, with suggestions.
fn unrouted(mut document: Value) -> Value {
    document["children"][0]["child_ref"] = json!("c2");
    let school = document["children"][0]["schools"][0]
        .as_object_mut()
        .unwrap();
    school.remove("urn");
    school.remove("urn_source");
    document
}

/// The searches above can fail: one word in a copy of the database, or in a line of the log.
fn a_planted_leak_fails(scene: &Scene) {
    let word = &scene
        .canaries
        .iter()
        .find(|c| c.field.name() == "given_name")
        .unwrap()
        .word;
    let copy = tempfile::tempdir().unwrap();
    let mut database = fs::read(scene.daemon.state_dir().join("firstbell.db")).unwrap();
    let place = copy.path().join("firstbell.db");
    fs::write(&place, &database).unwrap();
    assert!(scene.sealed.in_folder(copy.path()).0.is_empty());
    let middle = database.len() / 2;
    database.splice(middle..middle + word.len(), word.bytes());
    fs::write(&place, &database).unwrap();
    assert_eq!(scene.sealed.in_folder(copy.path()).0.len(), 1);
    let line = format!(
        "{}INFO request: accepted child={word}\n",
        scene.daemon.log()
    );
    assert_eq!(scene.private.in_bytes(line.as_bytes()).len(), 1);
}

fn lines_with(log: &[u8], needles: &Needles) -> String {
    let lines = log.split(|byte| *byte == b'\n');
    let leaking = lines.filter(|line| !needles.in_bytes(line).is_empty());
    let shown = leaking
        .take(5)
        .map(|line| String::from_utf8_lossy(line).into_owned());
    shown.collect::<Vec<_>>().join("\n")
}
