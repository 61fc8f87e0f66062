//! What the store holds by itself: rules in the database, claims across runs, letters set aside.

mod addresses;
mod ahead;
mod calls;
mod damage;
mod notes;
mod nudges;
mod replies;
mod room;
mod routes;
mod stuck;
mod versions;

use firstbell::clock::Clock;
use firstbell::directory::read_folder;
use firstbell::intake::json;
use firstbell::referral::attempt::{AttemptResult, AttemptWhy, Attempted, Phase};
use firstbell::referral::directory::Directory;
use firstbell::referral::id::ContactId;
use firstbell::referral::policy::{Desk, DutyEndsOn, ParentLine, Policy, Profile};
use firstbell::referral::post::{Connection as Link, ForceName, RiskGrade};
use firstbell::referral::read;
use firstbell::referral::retry::RetrySettings;
use firstbell::referral::school::RouteName;
use firstbell::store::{
    Accepted, Basis, Claim, Ended, Footing, OpenFault, Options, Post, ReferralView, RefusedPost,
    Settings, SignedLetter, Store,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use std::collections::HashMap;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// A store in a folder of its own, with its writer.
pub(crate) struct Opened {
    pub(crate) store: Store,
    writing: JoinSet<()>,
}

/// A Tuesday evening in term.
const EVENING: &str = "2025-11-18T19:05:00Z";

pub(crate) async fn open(folder: &Path, clock: &Clock) -> Opened {
    try_open(folder, clock).await.unwrap()
}

async fn try_open(folder: &Path, clock: &Clock) -> Result<Opened, OpenFault> {
    open_with(folder, clock, |_, _| {}).await
}

/// Writes what only its owner may read.
fn secret(path: &Path, text: &str) {
    use std::io::Write;
    let mut options = std::fs::File::options();
    options.write(true).create(true).mode(0o600);
    let mut file = options.open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Opens a store whose settings or options differ.
pub(crate) async fn open_with(
    folder: &Path,
    clock: &Clock,
    differ: impl FnOnce(&mut Settings, &mut Options),
) -> Result<Opened, OpenFault> {
    let credential = folder.join("credential");
    if !credential.exists() {
        secret(&credential, &"5a".repeat(32));
    }
    let mut settings = Settings {
        state_dir: folder.join("state"),
        credential,
        batch_max: 64,
        queue_max: 256,
        disk_free_min_bytes: 0,
        ballast_bytes: 0,
        size_bytes_max: 1 << 30,
        checkpoint_pages: 1_000,
    };
    let mut options = Options {
        clock: clock.clone(),
        retry: RetrySettings {
            first: Duration::from_secs(30),
            longest: Duration::from_secs(600),
            in_doubt: Duration::from_secs(120),
        },
        message_id_host: "gateway.test".to_owned(),
        nudge_route: None,
        policies: HashMap::from([(policy().force.clone(), policy())]),
        footing: Footing::default(),
        basis: Basis {
            templates_digest: [1; 32],
            tzdb: "test".to_owned(),
            build: "test".to_owned(),
            config_digest: [2; 32],
        },
    };
    differ(&mut settings, &mut options);
    let (store, writer) = Store::open(&settings, options).await?;
    let mut writing = JoinSet::new();
    writing.spawn(writer);
    Ok(Opened { store, writing })
}

impl Opened {
    /// The end of a run without any order: the writer is gone from one moment to the next.
    async fn kill(mut self) {
        self.writing.shutdown().await;
    }

    pub(crate) async fn import(&self) {
        let imported = self.store.import_directory(directory(0), "tester").await;
        assert_eq!(imported, Ok(Some(1)));
    }

    async fn claim(&self) -> Option<Claim> {
        let route = RouteName::parse("cjsm").unwrap();
        self.store.claim(&route, 1).await.unwrap().pop()
    }

    async fn sign(&self, claim: &Claim, bytes: &[u8]) -> Vec<u8> {
        let letter = SignedLetter {
            letter: claim.letter,
            bytes: bytes.to_vec(),
            digest: [3; 32],
            signer: "ABCD".to_owned(),
            profile: "minimal",
        };
        self.store.signed(letter).await.unwrap()
    }

    async fn end(&self, claim: &Claim, result: AttemptResult) {
        let attempted = Attempted {
            result,
            phase: Phase::Body,
            why: AttemptWhy::Reply,
            code: None,
            enhanced: None,
            tls: None,
            words: b"as the relay said".to_vec(),
        };
        let ended = Ended {
            delivery: claim.delivery,
            attempt: claim.attempt,
            attempted,
        };
        self.store.ended(ended).await.unwrap();
    }

    async fn delivery_state(&self, claim: &Claim) -> &'static str {
        let now = self.store.clock().now();
        let trace = self
            .store
            .readers()
            .show_trace(claim.notification, now)
            .await
            .unwrap()
            .unwrap();
        trace.case.deliveries[&claim.delivery].state().word()
    }
}

/// The directory of stories; as from the files, every reading gives contacts ids of its own.
fn directory(reading: u64) -> Directory {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/directory-of-stories");
    let mut count = 0u8;
    let mut new_id = || {
        count += 1;
        ContactId::from_parts(reading, [count; 10])
    };
    read_folder(&folder, "england-and-wales", &mut new_id)
        .unwrap()
        .0
}

pub(crate) fn policy() -> Arc<Policy> {
    Arc::new(Policy {
        force: ForceName::parse("essex").unwrap(),
        display_name: "Essex Police".to_owned(),
        kinds: vec!["domestic_abuse".to_owned()],
        grades: vec![
            RiskGrade::Standard,
            RiskGrade::Medium,
            RiskGrade::High,
            RiskGrade::NotGraded,
        ],
        age_min: 0,
        age_max: 17,
        connections: vec![
            Link::Present,
            Link::ResidesAtAddress,
            Link::ResidesWithParty,
        ],
        profile: Profile::Minimal,
        location: false,
        parent_line: ParentLine::NoContact,
        parent_text: None,
        marking: "OFFICIAL-SENSITIVE".to_owned(),
        handling: "Share it only with staff who need it.".to_owned(),
        desk: Desk {
            name: "Desk".to_owned(),
            phone: "01245 000000".to_owned(),
            hours: "school days".to_owned(),
            other_times: "101".to_owned(),
        },
        duty_ends_on: DutyEndsOn::Delivered,
        default_la: None,
        ladder: firstbell::referral::ladder::LadderHours::default(),
    })
}

pub(crate) fn document(number: u32, at: Timestamp) -> Value {
    json!({
        "schema": "oe-referral/1",
        "referral_id": format!("1b7c0a52-6a1e-5d0b-9a55-{number:012}"),
        "force": "essex",
        "kind": "domestic_abuse",
        "source_system": "athena",
        "submitted_at": at.to_string(),
        "police_reference": format!("42/{number}"),
        "incident": {
            "occurred_at": (at - SignedDuration::from_mins(60)).to_string(),
            "classification": "non_crime",
            "risk_grade": "medium",
        },
        "children": [{
            "child_ref": "c-1",
            "given_name": "Amelia",
            "family_name": "Okafor",
            "date_of_birth": "2016-03-12",
            "connection": "resides_at_address",
            "present": "not_present",
            "resides_in_force_area": true,
            "education": "registered",
            "schools": [{
                "urn": "990011",
                "urn_source": "picked",
                "name_recorded": "Marsh End Primary School",
            }],
        }],
    })
}

pub(crate) fn post(document: &Value, key: &str, at: Timestamp) -> Post {
    let tree = json::parse(document.to_string().as_bytes()).unwrap();
    assert!(read::shape(&tree).is_empty());
    let (referral, _) = read::read(&tree, at).unwrap();
    Post {
        key: key.to_owned(),
        canonical: json::canonical(&tree, &["submitted_at"]),
        referral,
        tree,
        policy: policy(),
        answer: |view: &ReferralView| view.id.to_string().into_bytes(),
    }
}

/// A folder, a clock that stands on a term-time evening, and a store with one accepted child.
async fn one_accepted() -> (TempDir, Clock, Opened) {
    let folder = TempDir::new().unwrap();
    let clock = Clock::manual(EVENING.parse().unwrap());
    let opened = open(folder.path(), &clock).await;
    opened.import().await;
    let post = post(&document(1, clock.now()), "key-1", clock.now());
    assert!(matches!(
        opened.store.accept(post).await,
        Ok(Accepted::New(_))
    ));
    (folder, clock, opened)
}

pub(crate) async fn database(folder: &Path) -> SqliteConnection {
    let path = folder.join("state/firstbell.db");
    SqliteConnection::connect(&format!("sqlite://{}", path.display()))
        .await
        .unwrap()
}

#[tokio::test]
async fn the_database_itself_refuses_what_no_code_may_do() {
    let (folder, _, opened) = one_accepted().await;
    opened.store.close().await.unwrap();
    let mut connection = database(folder.path()).await;
    for (statement, words) in [
        (
            "UPDATE fact SET body = x'00' WHERE seq = 1",
            "facts are append-only",
        ),
        (
            "UPDATE fact SET actor = 'x' WHERE seq = 1",
            "facts are append-only",
        ),
        ("DELETE FROM fact WHERE seq = 1", "facts are append-only"),
        (
            "UPDATE notification SET next_at = NULL",
            "CHECK constraint failed",
        ),
        (
            "UPDATE notification SET next_at = act_by + 1",
            "CHECK constraint failed",
        ),
        (
            "UPDATE notification SET live = 0",
            "CHECK constraint failed",
        ),
        (
            "UPDATE proposal SET decided_by = by_whom",
            "CHECK constraint failed",
        ),
    ] {
        let refused = sqlx::query(statement).execute(&mut connection).await;
        let error = refused.expect_err(statement).to_string();
        assert!(error.contains(words), "{statement}: {error}");
    }
    // Erasing a body is allowed: its leaf stays.
    let erased = sqlx::query("UPDATE fact SET body = NULL WHERE seq = 1").execute(&mut connection);
    assert_eq!(erased.await.unwrap().rows_affected(), 1);
}

#[tokio::test]
async fn facts_are_contiguous_and_every_leaf_fits() {
    use sqlx::Row;
    let (folder, _, opened) = one_accepted().await;
    let claim = opened.claim().await.unwrap();
    opened.sign(&claim, b"a letter").await;
    opened.end(&claim, AttemptResult::Done).await;
    opened.store.close().await.unwrap();
    let mut connection = database(folder.path()).await;
    let rows = sqlx::query("SELECT seq, body, leaf FROM fact ORDER BY seq");
    let rows = rows.fetch_all(&mut connection).await.unwrap();
    assert!(rows.len() > 8);
    for (row, wanted) in rows.iter().zip(1i64..) {
        let (seq, body): (i64, Vec<u8>) = (row.get(0), row.get(1));
        assert_eq!(seq, wanted);
        let bytes = [&[0], &seq.to_be_bytes()[..], &body].concat();
        assert_eq!(row.get::<Vec<u8>, _>(2), firstbell::store::sha256(&bytes));
    }
}

#[tokio::test]
async fn a_run_that_ends_while_sending_leaves_the_letter_in_doubt_and_it_goes_again_unchanged() {
    let (folder, clock, opened) = one_accepted().await;
    let claim = opened.claim().await.unwrap();
    let bytes = opened.sign(&claim, b"the one letter").await;
    opened.kill().await;
    let opened = open(folder.path(), &clock).await;
    assert_eq!(opened.delivery_state(&claim).await, "in_doubt");
    assert!(opened.claim().await.is_none(), "not before two minutes");
    clock.advance_to(clock.now() + SignedDuration::from_secs(121));
    let again = opened.claim().await.unwrap();
    assert_eq!((again.delivery, again.attempt), (claim.delivery, 2));
    let work = opened.store.letter_work(&again).await.unwrap();
    assert_eq!(work.bytes, Some(bytes));
    // Whoever signs a second time is given the first bytes.
    assert_eq!(
        opened.sign(&again, b"another letter").await,
        b"the one letter"
    );
    // The first attempt reports after all: the letter is there, and a later "never" changes nothing.
    opened.end(&claim, AttemptResult::Done).await;
    opened.end(&again, AttemptResult::Never).await;
    assert_eq!(opened.delivery_state(&claim).await, "relayed");
}

#[tokio::test]
async fn a_letter_that_was_not_yet_signed_cannot_have_left() {
    let (folder, clock, opened) = one_accepted().await;
    let claim = opened.claim().await.unwrap();
    opened.kill().await;
    let opened = open(folder.path(), &clock).await;
    assert_eq!(opened.delivery_state(&claim).await, "queued");
}

#[tokio::test]
async fn a_letter_that_stops_the_daemon_three_times_is_set_aside_and_the_deputy_is_next() {
    let (folder, clock, mut opened) = one_accepted().await;
    let first = opened.claim().await.unwrap();
    // First made beside others; then three times alone, and each time the daemon dies of it.
    for _ in 0..3 {
        opened.kill().await;
        opened = open(folder.path(), &clock).await;
        clock.advance_to(clock.now() + SignedDuration::from_mins(11));
        let again = opened.claim().await.unwrap();
        assert_eq!(again.delivery, first.delivery);
        opened.store.making_again(again.letter).await.unwrap();
    }
    opened.kill().await;
    opened = open(folder.path(), &clock).await;
    clock.advance_to(clock.now() + SignedDuration::from_mins(11));
    assert!(opened.claim().await.is_none());
    assert_eq!(opened.delivery_state(&first).await, "held");
    let tasks = opened.store.readers().list_tasks().await.unwrap();
    assert!(tasks.iter().any(|task| task.kind == "read_quarantined"));
    let deputy = opened.claim().await.unwrap();
    assert_ne!(deputy.delivery, first.delivery);
    assert_eq!(deputy.notification, first.notification);
}

#[tokio::test]
async fn a_letter_refused_for_good_goes_to_the_deputy_and_then_to_a_person() {
    let (_folder, _, opened) = one_accepted().await;
    for _ in ["the Key Adult", "the deputy"] {
        let claim = opened.claim().await.unwrap();
        opened.sign(&claim, b"a letter").await;
        opened.end(&claim, AttemptResult::Never).await;
        assert_eq!(opened.delivery_state(&claim).await, "failed");
    }
    assert!(opened.claim().await.is_none());
    let tasks = opened.store.readers().list_tasks().await.unwrap();
    assert_eq!(
        tasks
            .iter()
            .filter(|task| task.kind == "ring_school")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_referral_that_supersedes_stops_what_has_not_left() {
    let (_folder, clock, opened) = one_accepted().await;
    let mut later = document(2, clock.now());
    later["supersedes"] = document(1, clock.now())["referral_id"].clone();
    later["incident"]["risk_grade"] = json!("high");
    let accepted = opened
        .store
        .accept(post(&later, "key-2", clock.now()))
        .await;
    assert!(matches!(accepted, Ok(Accepted::New(_))));
    let live = opened.store.readers().list_live(clock.now()).await.unwrap();
    assert_eq!(live.len(), 1);
    let first = opened.claim().await.unwrap();
    assert_eq!(first.notification, live[0].notification);
    assert!(
        opened.claim().await.is_none(),
        "the first referral's letter is cancelled"
    );
}

#[tokio::test]
async fn a_refused_post_is_kept_once_and_seven_days() {
    use sqlx::Row;
    let (folder, clock, opened) = one_accepted().await;
    for _ in 0..3 {
        let refused = RefusedPost {
            force: ForceName::parse("essex").unwrap(),
            status: 422,
            code: "out-of-bounds",
            body: b"the same bad body".to_vec(),
        };
        assert!(opened.store.refuse(refused).await.is_ok());
    }
    let mut connection = database(folder.path()).await;
    let kept = "SELECT (SELECT COUNT(*) FROM refused_post), (SELECT COUNT(*) FROM item WHERE kind = 'refused_post' AND sealed IS NOT NULL), (SELECT COUNT(*) FROM fact WHERE kind = 'intake_refused')";
    let row = sqlx::query(kept).fetch_one(&mut connection).await.unwrap();
    let counts: [i64; 3] = [row.get(0), row.get(1), row.get(2)];
    assert_eq!(counts, [1, 1, 1]);
    clock.advance_to(clock.now() + SignedDuration::from_hours(7 * 24 + 1));
    opened.store.heartbeat().await.unwrap();
    let row = sqlx::query(kept).fetch_one(&mut connection).await.unwrap();
    let counts: [i64; 3] = [row.get(0), row.get(1), row.get(2)];
    assert_eq!(counts, [0, 0, 1], "the body is gone, the fact stays");
}

#[tokio::test]
async fn the_same_outcome_said_twice_is_recorded_once() {
    let (_folder, clock, opened) = one_accepted().await;
    let claim = opened.claim().await.unwrap();
    opened.sign(&claim, b"a letter").await;
    for _ in 0..2 {
        opened.end(&claim, AttemptResult::Never).await;
    }
    let now = clock.now();
    let trace = opened
        .store
        .readers()
        .show_trace(claim.notification, now)
        .await;
    let facts = trace.unwrap().unwrap().facts;
    let ended = facts
        .iter()
        .filter(|line| line.fact.kind() == "attempt_ended");
    assert_eq!(ended.count(), 1);
}

#[tokio::test]
async fn a_second_daemon_is_refused_by_the_lock() {
    let (folder, clock, opened) = one_accepted().await;
    let refused = try_open(folder.path(), &clock).await;
    assert!(matches!(refused, Err(OpenFault::Locked(_))));
    opened.store.close().await.unwrap();
    drop(opened);
    assert!(try_open(folder.path(), &clock).await.is_ok());
}
