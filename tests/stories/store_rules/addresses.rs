//! An address that said WRONG PERSON, and whoever else is named with it.

use super::replies::KEY_ADULT;
use super::{EVENING, Opened, database, directory, document, one_accepted, open, post};
use firstbell::clock::Clock;
use firstbell::referral::answer::Verdict;
use firstbell::referral::attempt::AttemptResult;
use firstbell::referral::directory::{ContactOf, Directory};
use firstbell::referral::fact::TaskKind;
use firstbell::referral::school::{Address, Contact, Urn};
use firstbell::store::Accepted;
use serde_json::json;
use tempfile::TempDir;

fn contact<'a>(directory: &'a mut Directory, urn: &str, nth: usize) -> &'a mut Contact {
    let school = ContactOf::School(Urn::parse(urn).unwrap());
    &mut directory.contacts.get_mut(&school).unwrap()[nth]
}

impl Opened {
    async fn post(&self, number: u32, (urn, name): (&str, &str)) {
        let now = self.store.clock().now();
        let mut document = document(number, now);
        document["children"][0]["child_ref"] = json!(format!("c-{number}"));
        document["children"][0]["schools"][0]["urn"] = json!(urn);
        document["children"][0]["schools"][0]["name_recorded"] = json!(name);
        let post = post(&document, &format!("key-{number}"), now);
        let accepted = self.store.accept(post).await;
        assert!(matches!(accepted, Ok(Accepted::New(_))), "{accepted:?}");
    }
}

/// A store whose directory names the Key Adult's mailbox of one school for the deputy there and for the
/// Key Adult of another.
async fn a_shared_mailbox() -> (TempDir, Opened) {
    let folder = TempDir::new().unwrap();
    let clock = Clock::manual(EVENING.parse().unwrap());
    let opened = open(folder.path(), &clock).await;
    let mut directory = directory(0);
    for (urn, nth) in [("990011", 1), ("990012", 0)] {
        contact(&mut directory, urn, nth).address = Address::parse(KEY_ADULT).unwrap();
    }
    let imported = opened.store.import_directory(directory, "tester").await;
    assert_eq!(imported, Ok(Some(1)));
    (folder, opened)
}

#[tokio::test]
async fn an_address_that_said_wrong_person_is_sent_nothing_more_whoever_is_named_with_it() {
    let (_folder, opened) = a_shared_mailbox().await;
    opened.post(1, ("990011", "Marsh End Primary School")).await;
    let letter = opened.sent().await;
    opened.post(2, ("990012", "Tollgate High School")).await;
    let said = opened.says(1, KEY_ADULT, &letter, Verdict::Wrong);
    said.await;
    // Nobody is left at the one school, and it is rung; at the other the deputy is next.
    let case = opened.case(letter.notification).await;
    assert_eq!(case.letters().count(), 1);
    assert_eq!(case.people.blocked.len(), 2);
    assert!(case.people.has_open(TaskKind::RingSchool));
    let next = opened.claim().await.unwrap();
    assert_ne!(next.notification, letter.notification);
    let work = opened.store.letter_work(&next).await.unwrap();
    assert_eq!(work.contact.name, "Leon Marsh");
    assert!(opened.claim().await.is_none());
    // Nor may the deputy answer from there.
    let said = opened.says(2, KEY_ADULT, &letter, Verdict::Received);
    said.await;
    assert!(opened.case(letter.notification).await.live());

    // What is posted later goes past them too.
    opened.post(3, ("990012", "Tollgate High School")).await;
    let later = opened.claim().await.unwrap();
    let work = opened.store.letter_work(&later).await.unwrap();
    assert_eq!(work.contact.name, "Leon Marsh");
}

#[tokio::test]
async fn a_letter_that_was_claimed_before_its_address_said_wrong_person_is_not_sent() {
    let (_folder, _, opened) = one_accepted().await;
    let sent = opened.sent().await;
    opened.post(2, ("990011", "Marsh End Primary School")).await;
    let claimed = opened.claim().await.unwrap();
    opened.sign(&claimed, b"another letter").await;
    assert_eq!(opened.store.wanted(&claimed).await, Ok(true));
    let said = opened.says(1, KEY_ADULT, &sent, Verdict::Wrong);
    said.await;
    assert_eq!(opened.store.wanted(&claimed).await, Ok(false));
    opened.end(&claimed, AttemptResult::Later).await;
    assert_eq!(opened.delivery_state(&claimed).await, "cancelled");
    // Both children's letters go to the deputy now.
    for _ in 0..2 {
        let next = opened.claim().await.unwrap();
        let work = opened.store.letter_work(&next).await.unwrap();
        assert_eq!(work.contact.name, "Piotr Zielinski");
        assert_eq!(opened.store.wanted(&next).await, Ok(true));
    }
}

#[tokio::test]
async fn a_suspension_that_could_not_be_stored_suspends_nobody() {
    let (folder, _, opened) = one_accepted().await;
    let sent = opened.sent().await;
    opened.post(2, ("990011", "Marsh End Primary School")).await;
    let mut database = database(folder.path()).await;
    let forbid =
        "CREATE TRIGGER forbid BEFORE INSERT ON block BEGIN SELECT RAISE(ABORT, 'no'); END";
    sqlx::query(forbid).execute(&mut database).await.unwrap();
    let wrong = opened.answer(1, KEY_ADULT, &sent, Verdict::Wrong).await;
    assert!(opened.store.settle(wrong.clone()).await.is_err());
    opened.post(3, ("990011", "Marsh End Primary School")).await;
    for _ in [2, 3] {
        let next = opened.claim().await.unwrap();
        let work = opened.store.letter_work(&next).await.unwrap();
        assert_eq!(work.contact.name, "Grace Amadi");
    }
    let allow = "DROP TRIGGER forbid";
    sqlx::query(allow).execute(&mut database).await.unwrap();
    assert!(opened.store.settle(wrong).await.is_ok());
    opened.post(4, ("990011", "Marsh End Primary School")).await;
    while let Some(next) = opened.claim().await {
        let work = opened.store.letter_work(&next).await.unwrap();
        assert_eq!(work.contact.name, "Piotr Zielinski");
    }
}
