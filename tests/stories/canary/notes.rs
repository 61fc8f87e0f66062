//! Notes as a relay hears them, about a letter whose every field carries a canary: none of it is in
//! them.

use super::OPENS;
use super::documents::{Canary, canaries, good};
use super::search::Needles;
use crate::peers::gnupg::Keyring;
use crate::relays::relay::{Heard, Relay};
use crate::relays::{Scene, TAKEN};
use crate::store_rules::{Opened, database, open, policy, post};
use firstbell::clock::Clock;
use firstbell::delivery::carrier::SmtpCarrier;
use firstbell::delivery::making::Maker;
use firstbell::delivery::stage::Stage;
use firstbell::delivery::{Route, Settings};
use firstbell::letter::{self, SignatureProfile, Signer, Templates, generate};
use firstbell::referral::answer::{SchoolWord, Strength, Verdict};
use firstbell::referral::id::NotificationId;
use firstbell::referral::policy::{Policy, Profile};
use firstbell::referral::report::Kind;
use firstbell::referral::retry::RetrySettings;
use firstbell::referral::school::{Address, Role};
use firstbell::referral::state::DeliveryState;
use firstbell::store::{Act, Came, InboundMail, Matched, Settled};
use mail_parser::MessageParser;
use sqlx::Row;
use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

const KEY_ADULT: &str = "dsl@marshend.test.cjsm.net";
const STRANGER: &str = "dsl@elsewhere.test";

/// The letter, then the notes, in the order in which they are asked for.
const MESSAGES: [(&str, &str, &str); 4] = [
    ("letter", "full", "please answer"),
    ("not_counted", "note", "an answer that does not count"),
    ("receipt", "note", "answered, nothing more to do"),
    ("after_call", "note", "a note about our call"),
];

/// A store and a delivery stage, in this process.
struct Desk {
    opened: Opened,
    folder: tempfile::TempDir,
    certificate: String,
    stop: watch::Sender<bool>,
    delivering: JoinSet<()>,
    notification: NotificationId,
}

impl Desk {
    async fn accepts(route: Route, canaries: &[Canary]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let opened = open(folder.path(), &clock).await;
        opened.import().await;
        let full = Arc::new(Policy {
            profile: Profile::Full,
            location: true,
            ..policy().as_ref().clone()
        });
        let maker = maker(&clock, &full);
        let certificate = maker.signer.certificate_armored().unwrap();
        let mut posted = post(&good(1, canaries), "key-1", clock.now());
        posted.policy = full;
        opened.store.accept(posted).await.unwrap();
        let live = opened.store.readers().list_live(clock.now()).await.unwrap();
        let carrier = SmtpCarrier::new("gateway.test", std::slice::from_ref(&route)).unwrap();
        let settings = Settings {
            host_name: "gateway.test".to_owned(),
            routes: vec![route],
            retries: RetrySettings {
                first: Duration::from_secs(1),
                longest: Duration::from_secs(1),
                in_doubt: Duration::from_secs(1),
            },
            lease: Duration::from_secs(30),
            poll: Duration::from_secs(1),
        };
        let stage = Stage::new(opened.store.clone(), carrier, maker, settings);
        let (stop, stopped) = watch::channel(false);
        let mut delivering = JoinSet::new();
        delivering.spawn(async move { stage.run(stopped).await.unwrap() });
        Self {
            opened,
            folder,
            certificate,
            stop,
            delivering,
            notification: live[0].notification,
        }
    }

    /// Waits until so many messages were taken by the relay.
    async fn relayed(&self, count: usize) {
        let store = &self.opened.store;
        let mut hints = store.hints();
        let seen = async {
            loop {
                hints.borrow_and_update();
                let now = store.clock().now();
                let trace = store.readers().show_trace(self.notification, now).await;
                let case = trace.unwrap().unwrap().case;
                let states = case.deliveries.values().map(|delivery| delivery.state());
                if states.filter(|s| *s == DeliveryState::Relayed).count() >= count {
                    return;
                }
                hints.changed().await.unwrap();
            }
        };
        let seen = timeout(Duration::from_secs(60), seen).await;
        assert!(seen.is_ok(), "{count} messages relayed");
    }

    async fn answers(&self, from: &str) {
        let store = &self.opened.store;
        let now = store.clock().now();
        let trace = store.readers().show_trace(self.notification, now).await;
        let case = trace.unwrap().unwrap().case;
        let letter = case.letters().next().map(|(_, letter)| letter.letter);
        let mail = InboundMail {
            source: "smtp".to_owned(),
            mail_from: Some(from.to_owned()),
            rcpt_to: vec!["replies@gateway.test".to_owned()],
            bytes: format!("From: {from}\r\n\r\nReceived\r\n").into_bytes(),
        };
        let inbound = store.keep_inbound(mail).await.unwrap();
        assert!(store.try_inbound(inbound).await.unwrap());
        let settled = Settled {
            inbound,
            kind: Kind::HumanReply,
            came: Came::Answer {
                verdict: Verdict::Received,
                all: false,
                has_message: false,
            },
            matched: Some(Matched {
                letter,
                notification: self.notification,
                strength: Strength::Token,
            }),
            sender: Address::parse(from),
        };
        store.settle(settled).await.unwrap();
    }

    async fn is_told(&self) {
        let tell = Act::Tell {
            notification: self.notification,
            role: Role::Deputy,
            word: SchoolWord::Matches,
        };
        let acted = self.opened.store.act(tell, "A Tester").await;
        acted.unwrap().unwrap();
    }

    /// In the order of [`MESSAGES`], each once the one before was taken.
    async fn sends_every_message(&self) {
        self.relayed(1).await;
        self.answers(STRANGER).await;
        self.relayed(2).await;
        self.answers(KEY_ADULT).await;
        self.relayed(3).await;
        self.is_told().await;
        self.relayed(4).await;
    }

    /// Stops; gives what each message is on record as.
    async fn ends(mut self) -> (tempfile::TempDir, Vec<(String, String)>) {
        self.stop.send_replace(true);
        self.delivering.join_next().await.unwrap().unwrap();
        self.opened.store.close().await.unwrap();
        let mut connection = database(self.folder.path()).await;
        let rows = sqlx::query("SELECT message, profile FROM letter ORDER BY signed_at, id");
        let rows = rows.fetch_all(&mut connection).await.unwrap();
        let kinds = rows.iter().map(|row| (row.get(0), row.get(1)));
        (self.folder, kinds.collect())
    }
}

fn maker(clock: &Clock, policy: &Arc<Policy>) -> Maker {
    let created = clock.now() - jiff::SignedDuration::from_hours(1);
    let key = generate("Firstbell", created, SignatureProfile::V4).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(key.as_bytes()).unwrap();
    Maker {
        signer: Signer::load(file.path(), SignatureProfile::V4).unwrap(),
        templates: Templates::load(None).unwrap(),
        settings: letter::Settings {
            templates: None,
            signing_key: PathBuf::new(),
            profile: SignatureProfile::V4,
            from: Address::parse("desk@gateway.test").unwrap(),
            from_name: "Essex Police Secure Desk".to_owned(),
            reply_to: Address::parse("replies@gateway.test").unwrap(),
            host_name: "gateway.test".to_owned(),
        },
        policies: HashMap::from([(policy.force.clone(), Arc::clone(policy))]),
    }
}

/// The commands of a connection, and the message it carried as it came.
fn parts(heard: &Heard) -> (Vec<&str>, String) {
    let (messages, commands): (Vec<_>, Vec<_>) =
        heard.iter().partition(|line| line.contains("\r\n"));
    assert_eq!(messages.len(), 1, "{commands:?}");
    let message = format!("{}\r\n", messages[0].replace("\r\n..", "\r\n."));
    (commands.into_iter().map(String::as_str).collect(), message)
}

#[tokio::test]
async fn no_note_holds_a_canary_that_its_letter_held() {
    let scene = Scene::new();
    let taken: Vec<_> = OPENS.into_iter().chain(TAKEN).collect();
    let relay = Relay::start(scene.tls(), vec![taken; MESSAGES.len()]).await;
    let mut route = scene.route(relay.port);
    route.plus_addressing = true;
    route.letters_per_connection = 1;
    let canaries = canaries();
    let desk = Desk::accepts(route, &canaries).await;
    desk.sends_every_message().await;
    let keys = Keyring::from_armoured(&desk.certificate);
    let (folder, kinds) = desk.ends().await;
    let wanted = MESSAGES.map(|(message, profile, _)| (message.to_owned(), profile.to_owned()));
    assert_eq!(kinds, wanted);

    let words = canaries
        .iter()
        .map(|canary| (canary.field.pointer, canary.word.as_str()));
    let names = [
        ("the Key Adult", "Grace Amadi"),
        ("the deputy", "Piotr Zielinski"),
    ];
    let needles = Needles::new(words.chain(names));
    let heard = relay.heard().await;
    let mut found_in_letter = 0;
    for (heard, (what, _, subject)) in heard.iter().zip(MESSAGES) {
        let (commands, message) = parts(heard);
        keys.verify_gpg(message.as_bytes()).unwrap();
        let read = MessageParser::default().parse(message.as_bytes()).unwrap();
        assert!(read.subject().unwrap().contains(subject), "{what}");
        assert_eq!(
            read.to().unwrap().first().unwrap().address(),
            Some(KEY_ADULT)
        );
        let reply_to = read.reply_to().unwrap().first().unwrap();
        assert!(
            reply_to.address().unwrap().starts_with("replies+"),
            "{what}"
        );
        let text = read.body_text(0).unwrap();
        let said = commands.join("\n");
        if what == "letter" {
            found_in_letter = needles.in_bytes(text.as_bytes()).len();
            assert!(said.contains("\nMAIL FROM:<replies+"), "{said}");
            assert!(said.contains(" NOTIFY=SUCCESS,FAILURE,DELAY "), "{said}");
            assert!(!message.contains("Auto-Submitted"));
        } else {
            for bytes in [&message, text.as_ref(), &said] {
                let found = needles.in_bytes(bytes.as_bytes());
                assert!(found.is_empty(), "{what}: {found:?}");
            }
            assert!(said.contains("\nMAIL FROM:<> "), "{said}");
            assert!(said.contains(" NOTIFY=NEVER "), "{said}");
            let automatic = "\r\nAuto-Submitted: auto-generated\r\n";
            assert!(message.contains(automatic), "{what}");
        }
    }
    assert!(
        found_in_letter > 5,
        "the search finds what is there: {found_in_letter}"
    );
    let (found, looked_at) = needles.in_folder(&folder.path().join("state"));
    assert!(found.is_empty() && looked_at > 100_000, "{found:?}");
    println!(
        "3 notes hold none of {} canaries, {found_in_letter} of them in their letter",
        canaries.len()
    );
}
