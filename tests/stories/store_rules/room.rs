//! What a store keeps its size to, and what still goes when it is full.

use super::*;
use sqlx::Row;

/// Posts another child, with much to say.
async fn post_heavy(opened: &Opened, clock: &Clock, number: u32) -> bool {
    let mut document = document(number, clock.now());
    document["incident"]["circumstances"] = json!("c".repeat(1_000));
    let child = document["children"][0].clone();
    let children = (0..12).map(|place| {
        let mut child = child.clone();
        child["child_ref"] = json!(format!("c-{place}"));
        child["spoken_to"] = json!("alone");
        child["child_words"] = json!("a".repeat(500));
        child
    });
    document["children"] = children.collect();
    let key = format!("key-{number}");
    let answer = opened.store.accept(post(&document, &key, clock.now()));
    answer.await.is_ok()
}

#[tokio::test]
async fn a_database_without_room_for_new_work_still_records_what_becomes_of_letters() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::manual(EVENING.parse().unwrap());
    let small = |settings: &mut Settings, _: &mut Options| settings.size_bytes_max = 1 << 24;
    let opened = open_with(folder.path(), &clock, small).await.unwrap();
    opened.import().await;
    let mut number = 0;
    while post_heavy(&opened, &clock, number).await {
        number += 1;
        assert!(number < 2_000, "it never filled up");
    }
    assert!(!opened.store.ready());
    assert!(!post_heavy(&opened, &clock, number).await);
    // Every attempt brings facts and a peer's words; far more of them than a night has.
    for _ in 0..100 {
        let claim = opened.claim().await.unwrap();
        opened.sign(&claim, &[b'x'; 4_000]).await;
        opened.end(&claim, AttemptResult::Done).await;
        assert_eq!(opened.delivery_state(&claim).await, "relayed");
    }
    opened.store.set_size_bytes_max(1 << 25);
    opened.store.heartbeat().await.unwrap();
    assert!(opened.store.ready());
    assert!(post_heavy(&opened, &clock, number).await);
}

#[tokio::test]
async fn the_log_is_folded_back_by_its_pages_and_not_by_how_many_wrote_them() {
    const PAGES: u32 = 100;
    let folder = TempDir::new().unwrap();
    let clock = Clock::manual(EVENING.parse().unwrap());
    let few = |settings: &mut Settings, _: &mut Options| settings.checkpoint_pages = PAGES;
    let opened = open_with(folder.path(), &clock, few).await.unwrap();
    opened.import().await;
    // Ninety batches of far more than a page each.
    for number in 0..90 {
        assert!(post_heavy(&opened, &clock, number).await);
    }
    let log = std::fs::metadata(folder.path().join("state/firstbell.db-wal")).unwrap();
    let pages = log.len() / 4120;
    println!("{pages} pages at most in the log");
    assert!(pages >= 100, "it is not folded back sooner");
    assert!(
        pages < 300,
        "one batch past the bound, and no more: {pages}"
    );
    let mut connection = database(folder.path()).await;
    let sound = sqlx::query("PRAGMA integrity_check").fetch_one(&mut connection);
    assert_eq!(sound.await.unwrap().get::<String, _>(0), "ok");
}

#[tokio::test]
async fn a_late_report_that_says_more_is_what_the_attempt_came_to() {
    let (folder, clock, opened) = one_accepted().await;
    let claim = opened.claim().await.unwrap();
    opened.sign(&claim, b"a letter").await;
    opened.kill().await;
    let opened = open(folder.path(), &clock).await;
    let mut connection = database(folder.path()).await;
    let mut result = async || -> String {
        let row = sqlx::query("SELECT result FROM attempt").fetch_one(&mut connection);
        row.await.unwrap().get(0)
    };
    assert_eq!(result().await, "unknown");
    // Twice: its first answer was lost.
    for _ in 0..2 {
        opened.end(&claim, AttemptResult::Done).await;
        assert_eq!(result().await, "done");
    }
}

#[tokio::test]
async fn a_task_that_is_open_is_not_said_to_be_opened_again() {
    let (folder, clock, mut opened) = one_accepted().await;
    // The Key Adult's letter cannot be made, and the deputy's neither.
    for _ in 0..2 {
        let claim = opened.claim().await.unwrap();
        for _ in 0..3 {
            opened.store.making_again(claim.letter).await.unwrap();
        }
        opened.kill().await;
        opened = open(folder.path(), &clock).await;
        clock.advance_to(clock.now() + SignedDuration::from_mins(11));
        // Finds it and sets it aside.
        assert!(opened.claim().await.is_none());
        assert_eq!(opened.delivery_state(&claim).await, "held");
    }
    let mut connection = database(folder.path()).await;
    let facts = sqlx::query("SELECT CAST(body AS TEXT) FROM fact WHERE kind = 'task_opened'")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let facts: Vec<String> = facts.iter().map(|row| row.get(0)).collect();
    for kind in ["read_quarantined", "ring_school"] {
        let said = facts.iter().filter(|body| body.contains(kind)).count();
        assert_eq!(said, 1, "{kind}: {facts:?}");
    }
}
