//! An address that said WRONG PERSON, and whoever else is named with it.

use super::replies::KEY_ADULT;
use super::{EVENING, Opened, directory, document, open, post};
use firstbell::clock::Clock;
use firstbell::referral::answer::Verdict;
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
    let said = opened.says(1, KEY_ADULT, &letter, Verdict::Wrong, false);
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
    let said = opened.says(2, KEY_ADULT, &letter, Verdict::Received, false);
    said.await;
    assert!(opened.case(letter.notification).await.live());

    // What is posted later goes past them too.
    opened.post(3, ("990012", "Tollgate High School")).await;
    let later = opened.claim().await.unwrap();
    let work = opened.store.letter_work(&later).await.unwrap();
    assert_eq!(work.contact.name, "Leon Marsh");
}
