//! What a store keeps from one build to the next, and from one directory version to the next.

use super::*;
use firstbell::referral::calendar::{DayHours, Scope};
use firstbell::referral::directory::ContactOf;
use firstbell::referral::school::Urn;
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

/// Rows of each table of the directory, and sealed details.
async fn counted(folder: &Path) -> Vec<i64> {
    let mut connection = database(folder).await;
    let mut counts = Vec::new();
    for table in [
        "school",
        "school_link",
        "calendar_row",
        "day_hours",
        "participation",
        "contact",
        "item",
    ] {
        let count = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")));
        counts.push(count.fetch_one(&mut connection).await.unwrap().get(0));
    }
    counts
}

async fn digests(folder: &Path) -> Vec<Vec<u8>> {
    let mut connection = database(folder).await;
    let rows = sqlx::query("SELECT digest FROM directory_version ORDER BY n");
    let rows = rows.fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn school() -> Urn {
    Urn::parse("990011").unwrap()
}

#[tokio::test]
async fn a_version_costs_one_row_for_each_change_and_its_digest_tells_every_change() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::manual(EVENING.parse().unwrap());
    let opened = open(folder.path(), &clock).await;
    opened.import().await;
    let mut rows = counted(folder.path()).await;
    assert!(
        rows.iter()
            .zip([5, 2, 9, 0, 2, 2, 2])
            .all(|(rows, least)| *rows >= least)
    );
    let import = async |directory: Directory| {
        let imported = opened.store.import_directory(directory, "tester").await;
        assert!(matches!(imported, Ok(Some(_))));
    };
    import(directory(1)).await;
    assert_eq!(counted(folder.path()).await, rows, "nothing changed");
    let known = digests(folder.path()).await;
    let empty = [known[0].as_slice(), b"[]"].concat();
    assert_eq!(known[1], firstbell::store::sha256(&empty));
    // Each step changes one thing more. The place of the table that gets a row; details are sealed
    // anew with each row of a contact.
    let mut next = directory(2);
    let scope = Scope::School(school());
    let whose = ContactOf::School(school());
    type Change<'a> = &'a dyn Fn(&mut Directory);
    let changes: [(Change<'_>, &[usize]); 7] = [
        (
            &|d| d.schools.get_mut(&school()).unwrap().name = "Marsh Side".to_owned(),
            &[0],
        ),
        (
            &|d| d.schools.get_mut(&school()).unwrap().telephone = None,
            &[0],
        ),
        (
            &|d| d.hours.insert(scope, DayHours::default()).map_or((), drop),
            &[3],
        ),
        (
            &|d| d.participation.get_mut(&school()).unwrap().agreement = "A2".to_owned(),
            &[4],
        ),
        (
            &|d| d.contacts.get_mut(&whose).unwrap()[0].valid_to = "2030-01-01".parse().ok(),
            &[5, 6],
        ),
        (
            &|d| d.contacts.get_mut(&whose).unwrap()[0].phone = None,
            &[5, 6],
        ),
        // What ends costs nothing.
        (&|d| d.links.clear(), &[]),
    ];
    for (change, places) in changes {
        change(&mut next);
        import(next.clone()).await;
        for place in places {
            rows[*place] += 1;
        }
        assert_eq!(counted(folder.path()).await, rows, "{places:?}");
    }
    let all = digests(folder.path()).await;
    let different: std::collections::HashSet<_> = all.iter().collect();
    assert_eq!((all.len(), different.len()), (9, 9), "a digest for each");
    // A store that is opened again has what the last import left.
    let live = opened.store.directory();
    opened.store.close().await.unwrap();
    drop(opened);
    let opened = open(folder.path(), &clock).await;
    let loaded = opened.store.directory();
    assert_eq!(loaded.contacts, live.contacts);
    assert_eq!((&loaded.schools, loaded.version), (&live.schools, 9));
    assert_eq!((&loaded.hours, &loaded.links), (&live.hours, &live.links));
}

#[tokio::test]
async fn a_contact_that_changed_is_the_same_contact_with_the_details_of_its_version() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::manual(EVENING.parse().unwrap());
    let opened = open(folder.path(), &clock).await;
    opened.import().await;
    let whose = ContactOf::School(school());
    let first = opened.store.directory().contacts_of(whose).to_vec();
    let mut next = directory(1);
    for contact in next.contacts.get_mut(&whose).unwrap() {
        assert!(first.iter().all(|before| before.id != contact.id));
        contact.phone = Some("01621 000099".to_owned());
    }
    assert_eq!(
        opened.store.import_directory(next, "tester").await,
        Ok(Some(2))
    );
    let second = opened.store.directory().contacts_of(whose).to_vec();
    let ids = |contacts: &[firstbell::referral::school::Contact]| -> Vec<ContactId> {
        contacts.iter().map(|contact| contact.id).collect()
    };
    assert_eq!(ids(&first), ids(&second));
    let document = post(&document(1, clock.now()), "key-1", clock.now());
    assert!(matches!(
        opened.store.accept(document).await,
        Ok(Accepted::New(_))
    ));
    let claim = opened.claim().await.unwrap();
    let work = opened.store.letter_work(&claim).await.unwrap();
    assert_eq!(work.contact.phone.as_deref(), Some("01621 000099"));
}
