//! What a store keeps from one build to the next, and from one directory version to the next.

use super::*;
use sqlx::Row;

#[tokio::test]
async fn what_a_later_build_does_to_a_case_rests_on_that_build_and_the_case_s_policy() {
    let (folder, clock, opened) = one_accepted().await;
    opened.kill().await;
    let newer = |_: &mut Settings, options: &mut Options| {
        options.basis.build = "newer".to_owned();
        options.basis.templates_digest = [9; 32];
    };
    let opened = open_with(folder.path(), &clock, newer).await.unwrap();
    let claim = opened.claim().await.unwrap();
    opened.sign(&claim, b"a letter").await;
    opened.end(&claim, AttemptResult::Done).await;
    opened.store.close().await.unwrap();
    let mut connection = database(folder.path()).await;
    let rows = sqlx::query("SELECT f.kind, b.build, b.policy_digest, b.templates_digest FROM fact f JOIN basis b ON b.n = f.basis WHERE f.stream LIKE 'ntf_%' ORDER BY f.n")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let kinds = |build: &str| -> Vec<String> {
        let of = rows.iter().filter(|row| row.get::<String, _>(1) == build);
        of.map(|row| row.get(0)).collect()
    };
    assert_eq!(
        kinds("test"),
        ["notification_opened", "deadline_set", "delivery_queued"]
    );
    assert_eq!(
        kinds("newer"),
        ["delivery_claimed", "letter_signed", "attempt_ended"]
    );
    let policy = firstbell::store::policy_digest(&policy()).to_vec();
    for row in &rows {
        assert_eq!(row.get::<Vec<u8>, _>(2), policy);
        let templates: u8 = if row.get::<String, _>(1) == "newer" {
            9
        } else {
            1
        };
        assert_eq!(row.get::<Vec<u8>, _>(3), [templates; 32]);
    }
}
