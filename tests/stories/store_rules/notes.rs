//! Notes beside letters: they are made without anything that was posted, and neither prove that a
//! letter arrived nor that it failed.

use super::{Opened, database, one_accepted, open};
use firstbell::referral::answer::{SchoolWord, Strength, Verdict};
use firstbell::referral::attempt::AttemptResult;
use firstbell::referral::fact::Message;
use firstbell::referral::report::{Action, Kind};
use firstbell::referral::school::{Address, Role};
use firstbell::store::{Act, Came, Claim, InboundMail, Job, Matched, NoteSays, Settled, Trace};
use jiff::SignedDuration;

/// Listed: the Key Adult of the directory of stories.
const KEY_ADULT: &str = "dsl@marshend.test.cjsm.net";
/// Listed nowhere.
const STRANGER: &str = "office@elsewhere.test";

pub(super) async fn comes(opened: &Opened, claim: &Claim, from: &str, came: Came) {
    let mail = InboundMail {
        source: "smtp".to_owned(),
        mail_from: Some(from.to_owned()),
        rcpt_to: vec!["replies@gateway.test".to_owned()],
        bytes: format!("{from} about {}: {came:?}", claim.letter).into_bytes(),
    };
    let inbound = opened.store.keep_inbound(mail).await.unwrap();
    assert!(opened.store.try_inbound(inbound).await.unwrap());
    let settled = Settled {
        inbound,
        kind: Kind::HumanReply,
        came,
        matched: Some(Matched {
            letter: Some(claim.letter),
            notification: claim.notification,
            strength: Strength::Token,
        }),
        sender: Address::parse(from),
    };
    opened.store.settle(settled).await.unwrap();
}

fn received() -> Came {
    Came::Answer {
        verdict: Verdict::Received,
        all: false,
        has_message: false,
    }
}

pub(super) fn report(action: Action) -> Came {
    Came::Report {
        action,
        status: None,
    }
}

async fn trace(opened: &Opened, claim: &Claim) -> Trace {
    let now = opened.store.clock().now();
    let readers = opened.store.readers();
    let trace = readers.show_trace(claim.notification, now).await;
    trace.unwrap().unwrap()
}

async fn open_tasks(opened: &Opened) -> Vec<String> {
    let tasks = opened.store.readers().list_tasks().await.unwrap();
    let mut kinds: Vec<String> = tasks.into_iter().map(|task| task.kind).collect();
    kinds.sort();
    kinds
}

/// The letter, handed over.
async fn letter_relayed(opened: &Opened) -> Claim {
    let letter = opened.claim().await.unwrap();
    opened.sign(&letter, b"the letter").await;
    opened.end(&letter, AttemptResult::Done).await;
    letter
}

/// The one message that waits, which is a note that says this.
async fn note(opened: &Opened, message: Message) -> (Claim, NoteSays) {
    let claim = opened.claim().await.unwrap();
    let work = opened.store.letter_work(&claim).await.unwrap();
    assert_eq!(work.message, message);
    assert_eq!(work.contact.address.as_str(), KEY_ADULT);
    let Some(Job::Note(job)) = work.job else {
        panic!("a note");
    };
    assert_eq!(job.school_name, "Marsh End Primary School");
    let shown = trace(opened, &claim).await.reference;
    assert_eq!(job.reference.to_string(), shown);
    (claim, job.says)
}

#[tokio::test]
async fn a_note_is_made_of_roles_and_times_when_all_that_was_posted_is_gone() {
    let (folder, clock, opened) = one_accepted().await;
    let letter = letter_relayed(&opened).await;
    let mut connection = database(folder.path()).await;
    let erase =
        "UPDATE item SET sealed = NULL WHERE kind IN ('incident', 'police_reference', 'child')";
    let erased = sqlx::query(erase).execute(&mut connection).await.unwrap();
    assert_eq!(erased.rows_affected(), 3);

    let at = clock.now();
    comes(&opened, &letter, STRANGER, received()).await;
    let (claim, says) = note(&opened, Message::NotCounted).await;
    assert_eq!(says, NoteSays::NotCounted { at });
    opened.sign(&claim, b"a note").await;
    opened.end(&claim, AttemptResult::Done).await;

    clock.advance_to(at + jiff::SignedDuration::from_mins(3));
    let answered = clock.now();
    comes(&opened, &letter, KEY_ADULT, received()).await;
    // Made later than it was asked for, it says when the answer came.
    clock.advance_to(at + jiff::SignedDuration::from_mins(9));
    let (_, says) = note(&opened, Message::Receipt).await;
    let role = Some(Role::KeyAdult);
    assert_eq!(says, NoteSays::Receipt { role, at: answered });

    let tell = Act::Tell {
        notification: letter.notification,
        role: Role::Deputy,
        word: SchoolWord::Matches,
    };
    let told = clock.now();
    opened.store.act(tell, "A Tester").await.unwrap().unwrap();
    let (_, says) = note(&opened, Message::AfterCall).await;
    let role = Role::Deputy;
    assert_eq!(says, NoteSays::AfterCall { role, at: told });
    assert!(opened.claim().await.is_none(), "each note once");
}

#[tokio::test]
async fn a_note_that_fails_is_no_failure_of_the_letter() {
    let (_folder, _, opened) = one_accepted().await;
    let letter = letter_relayed(&opened).await;
    comes(&opened, &letter, STRANGER, received()).await;
    let (claim, _) = note(&opened, Message::NotCounted).await;
    opened.sign(&claim, b"a note").await;
    opened.end(&claim, AttemptResult::Never).await;
    comes(&opened, &claim, STRANGER, report(Action::Failed)).await;
    let seen = trace(&opened, &letter).await;
    assert_eq!(opened.delivery_state(&claim).await, "failed");
    assert_eq!(seen.case.proof().word(), "handed_over");
    assert_eq!(seen.case.letters().count(), 1);
    assert!(opened.claim().await.is_none(), "no letter to the deputy");
    assert_eq!(open_tasks(&opened).await, ["check_sender"]);

    // After somebody answered, a letter's late failure would be a contradiction; a receipt's is none.
    comes(&opened, &letter, KEY_ADULT, received()).await;
    let (claim, _) = note(&opened, Message::Receipt).await;
    opened.sign(&claim, b"a note").await;
    opened.end(&claim, AttemptResult::Never).await;
    comes(&opened, &claim, KEY_ADULT, report(Action::Failed)).await;
    assert_eq!(trace(&opened, &letter).await.state, "acknowledged");
    assert_eq!(open_tasks(&opened).await, ["check_sender"]);
    comes(&opened, &letter, KEY_ADULT, report(Action::Failed)).await;
    assert_eq!(trace(&opened, &letter).await.state, "contradicted");
}

#[tokio::test]
async fn a_note_that_arrives_is_no_proof_that_the_letter_did() {
    let (_folder, _, opened) = one_accepted().await;
    let letter = opened.claim().await.unwrap();
    opened.sign(&letter, b"the letter").await;
    opened.end(&letter, AttemptResult::Later).await;
    let tell = Act::Tell {
        notification: letter.notification,
        role: Role::KeyAdult,
        word: SchoolWord::Unverified,
    };
    opened.store.act(tell, "A Tester").await.unwrap().unwrap();
    let (claim, _) = note(&opened, Message::AfterCall).await;
    opened.sign(&claim, b"a note").await;
    opened.end(&claim, AttemptResult::Done).await;
    comes(&opened, &claim, KEY_ADULT, report(Action::Delivered)).await;
    assert_eq!(opened.delivery_state(&claim).await, "delivered");
    assert_eq!(opened.delivery_state(&letter).await, "cancelled");
    assert_eq!(trace(&opened, &letter).await.case.proof().word(), "none");
}

/// Whichever mail the daemon was reading when it died is read last the next time: one that stops it keeps
/// no answer waiting.
#[tokio::test]
async fn a_mail_over_which_the_daemon_died_is_read_after_the_others() {
    let (folder, clock, mut opened) = one_accepted().await;
    let mut kept = Vec::new();
    for words in ["the first", "the second", "the third"] {
        let mail = InboundMail {
            source: "smtp".to_owned(),
            mail_from: None,
            rcpt_to: vec!["replies@gateway.test".to_owned()],
            bytes: words.as_bytes().to_vec(),
        };
        kept.push(opened.store.keep_inbound(mail).await.unwrap());
        clock.advance_to(clock.now() + SignedDuration::from_secs(1));
    }
    let [first, second, third] = kept[..] else {
        unreachable!()
    };
    for (tried, order) in [
        (first, [second, third, first]),
        (second, [third, first, second]),
    ] {
        assert!(opened.store.try_inbound(tried).await.unwrap());
        opened.kill().await;
        opened = open(folder.path(), &clock).await;
        let waiting = opened.store.readers().list_inbound(9).await.unwrap();
        assert_eq!(waiting, order);
    }
}
