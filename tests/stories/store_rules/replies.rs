//! Replies that operators read, and calls that two of them want, on the store itself.

use super::{EVENING, Opened, database, document, one_accepted, open, post, secret};
use firstbell::clock::Clock;
use firstbell::referral::answer::{CallOutcome, SchoolWord, Strength, Verdict};
use firstbell::referral::attempt::AttemptResult;
use firstbell::referral::fold::Case;
use firstbell::referral::id::{InboundId, NotificationId, TaskId};
use firstbell::referral::report::{Action, Kind};
use firstbell::referral::school::{Address, Role, Urn};
use firstbell::store::totals::Listed;
use firstbell::store::{Accepted, Act, Came, Claim, InboundMail, Matched, NotActed, Settled};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sqlx::Row as _;

pub(super) const KEY_ADULT: &str = "dsl@marshend.test.cjsm.net";
const STRANGER: &str = "somebody@example.test";

impl Opened {
    pub(super) async fn act(
        &self,
        act: Act,
        operator: &str,
    ) -> Result<Vec<NotificationId>, NotActed> {
        self.store.act(act, operator).await.unwrap()
    }

    pub(super) async fn case(&self, id: NotificationId) -> Case {
        let now = self.store.clock().now();
        let trace = self.store.readers().show_trace(id, now).await;
        trace.unwrap().unwrap().case
    }

    /// A mail of this sender, kept, and classified as a person's words that hold no verdict.
    pub(super) async fn mail(
        &self,
        nth: u8,
        sender: &str,
        matched: Option<NotificationId>,
    ) -> InboundId {
        let came = Came::Answer {
            verdict: Verdict::None,
            all: false,
            has_message: true,
        };
        let matched = matched.map(|notification| Matched {
            letter: None,
            notification,
            strength: Strength::Thread,
        });
        let kind = Kind::HumanReply;
        let settled = self.kept(nth, sender, kind, came, matched).await;
        let inbound = settled.inbound;
        self.store.settle(settled).await.unwrap();
        inbound
    }

    /// The sender's answer to this letter by its token, kept and settled.
    pub(super) async fn says(
        &self,
        nth: u8,
        sender: &str,
        letter: &Claim,
        verdict: Verdict,
    ) -> InboundId {
        let settled = self.answer(nth, sender, letter, verdict).await;
        let inbound = settled.inbound;
        self.store.settle(settled).await.unwrap();
        inbound
    }

    /// The sender's answer to this letter by its token, kept and still to be settled.
    pub(super) async fn answer(
        &self,
        nth: u8,
        sender: &str,
        letter: &Claim,
        verdict: Verdict,
    ) -> Settled {
        let came = Came::Answer {
            verdict,
            all: false,
            has_message: false,
        };
        let matched = Matched {
            letter: Some(letter.letter),
            notification: letter.notification,
            strength: Strength::Token,
        };
        self.kept(nth, sender, Kind::HumanReply, came, Some(matched))
            .await
    }

    /// A mail of this sender, kept, and what it brings.
    async fn kept(
        &self,
        nth: u8,
        sender: &str,
        kind: Kind,
        came: Came,
        matched: Option<Matched>,
    ) -> Settled {
        let mail = InboundMail {
            source: "smtp".to_owned(),
            mail_from: Some(sender.to_owned()),
            rcpt_to: vec!["replies@gateway.test".to_owned()],
            bytes: format!("Subject: {nth}\r\n\r\nWho is this about?\r\n").into_bytes(),
        };
        Settled {
            inbound: self.store.keep_inbound(mail).await.unwrap(),
            kind,
            came,
            matched,
            sender: Address::parse(sender),
        }
    }

    /// The next letter, made and handed over.
    pub(super) async fn sent(&self) -> Claim {
        let letter = self.claim().await.unwrap();
        self.sign(&letter, b"a letter").await;
        self.end(&letter, AttemptResult::Done).await;
        letter
    }
}

async fn two_children() -> (tempfile::TempDir, Clock, Opened, [NotificationId; 2]) {
    let (folder, clock, opened) = one_accepted().await;
    let mut other = document(2, clock.now());
    other["children"][0]["child_ref"] = json!("c-2");
    other["children"][0]["given_name"] = json!("Samira");
    let accepted = opened
        .store
        .accept(post(&other, "key-2", clock.now()))
        .await;
    assert!(matches!(accepted, Ok(Accepted::New(_))));
    let live = opened.store.readers().list_live(clock.now()).await.unwrap();
    let ids: Vec<NotificationId> = live.iter().map(|line| line.notification).collect();
    let ids = ids.try_into().unwrap();
    (folder, clock, opened, ids)
}

fn attach(inbound: InboundId, notification: NotificationId, verdict: Verdict) -> Act {
    Act::Attach {
        inbound,
        notification,
        verdict,
    }
}

#[tokio::test]
async fn a_reply_that_was_about_another_child_is_read_once_and_nobody_waits_for_it_any_more() {
    let (_folder, clock, opened, [one, two]) = two_children().await;
    let inbound = opened.mail(1, KEY_ADULT, Some(one)).await;
    let too_early = opened
        .act(attach(inbound, two, Verdict::Received), "Jo")
        .await;
    let too_early = too_early.unwrap_err().to_string();
    assert!(
        too_early.contains("nobody can have received it"),
        "{too_early}"
    );
    opened.sent().await;
    opened.sent().await;
    assert!(opened.case(one).await.reading());
    let tasks = opened.store.readers().list_tasks().await.unwrap();
    let reply = tasks.iter().find(|task| task.kind == "read_reply").unwrap();
    assert_eq!(reply.reply, Some((inbound.to_string(), clock.now())));

    let act = attach(inbound, two, Verdict::Received);
    assert_eq!(opened.act(act.clone(), "Jo").await, Ok(vec![two, one]));
    let (one_now, two_now) = (opened.case(one).await, opened.case(two).await);
    assert_eq!(two_now.duty().word(), "acknowledged");
    assert!(one_now.live() && !one_now.reading());
    let tasks = opened.store.readers().list_tasks().await.unwrap();
    assert!(tasks.iter().all(|task| task.kind != "read_reply"));

    let first = NotActed::Conflict {
        so: "this reply is read already",
        who: "Jo".to_owned(),
        at: clock.now(),
    };
    assert_eq!(opened.act(act, "Sam").await, Err(first.clone()));
    assert_eq!(
        opened.act(Act::Dismiss { inbound }, "Sam").await,
        Err(first)
    );
    let unread = opened.store.readers().list_replies(false).await.unwrap();
    assert!(unread.is_empty());
    let all = opened.store.readers().list_replies(true).await.unwrap();
    let read = all[0].read.clone();
    assert_eq!(
        read,
        Some(("Jo".to_owned(), clock.now(), "received".to_owned()))
    );
}

#[tokio::test]
async fn a_reply_that_belongs_to_nothing_is_attached_when_a_contact_of_the_school_wrote_it() {
    let (_folder, _clock, opened, [one, two]) = two_children().await;
    opened.sent().await;
    opened.sent().await;
    let inbound = opened.mail(1, KEY_ADULT, None).await;
    let line = opened
        .store
        .readers()
        .show_reply(inbound)
        .await
        .unwrap()
        .unwrap();
    assert!(line.contact.is_some() && line.notification.is_none());
    let done = opened
        .act(attach(inbound, one, Verdict::Received), "Jo")
        .await;
    assert_eq!(done, Ok(vec![one]));
    assert_eq!(opened.case(one).await.duty().word(), "acknowledged");
    assert!(opened.case(two).await.live());
    assert!(
        opened
            .store
            .readers()
            .list_tasks()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn whoever_reads_it_a_strangers_reply_acknowledges_nothing() {
    let (_folder, _clock, opened, [one, _]) = two_children().await;
    for (nth, matched) in [(1, None), (2, Some(one))] {
        let inbound = opened.mail(nth, STRANGER, matched).await;
        for verdict in [Verdict::Received, Verdict::NotOurs, Verdict::Wrong] {
            let refused = opened.act(attach(inbound, one, verdict), "Jo").await;
            assert!(matches!(refused, Err(NotActed::NotNow(_))), "{refused:?}");
        }
        assert!(opened.act(Act::Dismiss { inbound }, "Jo").await.is_ok());
    }
    assert_eq!(opened.case(one).await.duty().word(), "open");
    assert!(
        opened
            .store
            .readers()
            .list_replies(false)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn who_was_passed_over_for_a_child_acknowledges_nothing_whoever_reads_it() {
    let (_folder, clock, opened) = one_accepted().await;
    let mut withheld = document(2, clock.now());
    withheld["withhold_from"] = json!([KEY_ADULT]);
    withheld["children"][0]["child_ref"] = json!("c-2");
    let post = post(&withheld, "key-2", clock.now());
    assert!(matches!(
        opened.store.accept(post).await,
        Ok(Accepted::New(_))
    ));
    let letters = [opened.sent().await, opened.sent().await];
    let mut to_deputy = None;
    for letter in &letters {
        let case = opened.case(letter.notification).await;
        to_deputy = to_deputy.or((case.contacts.len() == 1).then_some(letter.notification));
    }
    let child = to_deputy.expect("the Key Adult is passed over for one");
    let inbound = opened.mail(1, KEY_ADULT, None).await;
    for verdict in [Verdict::Received, Verdict::NotOurs] {
        let refused = opened.act(attach(inbound, child, verdict), "Jo").await;
        assert!(matches!(refused, Err(NotActed::NotNow(_))), "{refused:?}");
    }
    assert!(opened.case(child).await.live());
}

#[tokio::test]
async fn whatever_a_contact_sends_that_belongs_to_nothing_is_read() {
    let (_folder, _, opened) = one_accepted().await;
    let kinds = [
        (Kind::AutoReply, Came::Receipt { sub: None }),
        (Kind::AutoReply, Came::Absence { until: None }),
        (
            Kind::BouncePermanent,
            Came::Report {
                action: Action::Failed,
                status: None,
            },
        ),
    ];
    let mut nth = 0;
    for (kind, came) in kinds {
        // A bounce may be of a letter that it does not name, whoever sends it.
        let of_stranger = usize::from(kind == Kind::BouncePermanent);
        for (sender, wanted) in [(STRANGER, of_stranger), (KEY_ADULT, 1)] {
            nth += 1;
            let settled = opened.kept(nth, sender, kind, came.clone(), None).await;
            let inbound = settled.inbound;
            opened.store.settle(settled).await.unwrap();
            let tasks = opened.store.readers().list_tasks().await.unwrap();
            let subject = inbound.to_string();
            let of_it = tasks.iter().filter(|task| task.subject == subject);
            assert_eq!(of_it.count(), wanted, "{kind:?} of {sender}");
        }
    }
}

#[tokio::test]
async fn a_kept_mail_is_known_by_a_digest_that_only_the_credential_makes() {
    let mut known = Vec::new();
    for credential in ["5a", "6b"] {
        let folder = tempfile::tempdir().unwrap();
        secret(&folder.path().join("credential"), &credential.repeat(32));
        let opened = open(folder.path(), &Clock::manual(EVENING.parse().unwrap())).await;
        opened.import().await;
        opened.mail(1, STRANGER, None).await;
        let mut database = database(folder.path()).await;
        let row = sqlx::query("SELECT source_key FROM inbound").fetch_one(&mut database);
        known.push(row.await.unwrap().get::<String, _>(0));
    }
    assert_ne!(known[0], known[1]);
}

#[tokio::test]
async fn the_list_of_replies_holds_what_still_asks_for_somebody() {
    let (_folder, _clock, opened, [one, _]) = two_children().await;
    let asks = opened.mail(1, KEY_ADULT, Some(one)).await;
    let stranger = opened.mail(2, STRANGER, None).await;
    let came = |bytes: &[u8]| InboundMail {
        source: "smtp".to_owned(),
        mail_from: None,
        rcpt_to: Vec::new(),
        bytes: bytes.to_vec(),
    };
    let receipt = opened
        .store
        .keep_inbound(came(b"Subject: read\r\n\r\n"))
        .await;
    let receipt = receipt.unwrap();
    let settled = Settled {
        inbound: receipt,
        kind: Kind::ReadReceipt,
        came: Came::Receipt { sub: None },
        matched: Some(Matched {
            letter: None,
            notification: one,
            strength: Strength::Thread,
        }),
        sender: None,
    };
    opened.store.settle(settled).await.unwrap();
    let new = opened
        .store
        .keep_inbound(came(b"Subject: new\r\n\r\n"))
        .await;
    let new = new.unwrap();
    let listed = |all| {
        let readers = opened.store.readers();
        async move {
            let lines = readers.list_replies(all).await.unwrap();
            let more = readers.more(Listed::Replies(all), lines.len()).await;
            assert_eq!(more.unwrap(), 0);
            let mut ids: Vec<String> = lines.into_iter().map(|line| line.inbound).collect();
            ids.sort();
            ids
        }
    };
    let sorted = |ids: &[InboundId]| {
        let mut ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        ids.sort();
        ids
    };
    assert_eq!(listed(false).await, sorted(&[asks, stranger, new]));
    assert_eq!(listed(true).await, sorted(&[asks, stranger, receipt, new]));
    for inbound in [asks, stranger] {
        assert!(opened.act(Act::Dismiss { inbound }, "Jo").await.is_ok());
    }
    assert_eq!(listed(false).await, sorted(&[new]));
}

#[tokio::test]
async fn a_mail_that_is_not_classified_yet_waits() {
    let (_folder, _clock, opened, [one, _]) = two_children().await;
    let mail = InboundMail {
        source: "smtp".to_owned(),
        mail_from: None,
        rcpt_to: Vec::new(),
        bytes: b"Subject: x\r\n\r\nReceived\r\n".to_vec(),
    };
    let inbound = opened.store.keep_inbound(mail).await.unwrap();
    let refused = opened.act(attach(inbound, one, Verdict::None), "Jo").await;
    assert!(matches!(refused, Err(NotActed::NotNow(_))));
}

#[tokio::test]
async fn a_child_of_two_schools_is_not_routed_from_one_to_the_other() {
    let (_folder, clock, opened) = one_accepted().await;
    let mut both = document(2, clock.now());
    both["children"][0]["child_ref"] = json!("c-2");
    both["children"][0]["schools"] = json!([
        {"urn": "990011", "urn_source": "picked", "name_recorded": "Marsh End Primary School"},
        {"urn": "990012", "urn_source": "picked", "name_recorded": "Tollgate High School"},
    ]);
    let accepted = opened.store.accept(post(&both, "key-2", clock.now())).await;
    assert!(matches!(accepted, Ok(Accepted::New(_))));
    let live = opened.store.readers().list_live(clock.now()).await.unwrap();
    let there = live
        .iter()
        .find(|line| line.urn.as_deref() == Some("990012"))
        .unwrap();
    let route = Act::Route {
        notification: there.notification,
        urn: Urn::parse("990011").unwrap(),
    };
    let refused = opened.act(route, "Jo").await;
    assert!(matches!(refused, Err(NotActed::NotNow(_))), "{refused:?}");
}

#[tokio::test]
async fn a_claim_lapses_and_a_call_nobody_picked_up_comes_back_when_the_school_can_be_rung() {
    let (_folder, clock, opened) = one_accepted().await;
    for _ in ["the Key Adult", "the deputy"] {
        let letter = opened.claim().await.unwrap();
        opened.sign(&letter, b"a letter").await;
        opened.end(&letter, AttemptResult::Never).await;
    }
    let open = || async {
        opened
            .store
            .readers()
            .list_calls(clock.now())
            .await
            .unwrap()
    };
    let task = TaskId::parse(&open().await[0].task).unwrap();
    let begun: Timestamp = EVENING.parse().unwrap();
    let claim = Act::Claim { task };
    assert!(opened.act(claim.clone(), "Jo").await.is_ok());
    let first = NotActed::Conflict {
        so: "somebody else has taken it on",
        who: "Jo".to_owned(),
        at: begun,
    };
    assert_eq!(opened.act(claim.clone(), "Sam").await, Err(first.clone()));
    clock.advance_to(begun + SignedDuration::from_mins(14));
    assert_eq!(opened.act(claim.clone(), "Sam").await, Err(first));
    clock.advance_to(begun + SignedDuration::from_mins(15));
    assert_eq!(open().await[0].claimed, None);
    assert!(opened.act(claim, "Sam").await.is_ok());

    let ended = |task, outcome, role| Act::CallOutcome {
        task,
        outcome,
        notification: None,
        role,
        word: SchoolWord::Unverified,
    };
    let no_answer = ended(task, CallOutcome::NoAnswer, Role::KeyAdult);
    let conflict = opened.act(no_answer.clone(), "Jo").await;
    assert!(matches!(conflict, Err(NotActed::Conflict { ref who, .. }) if who == "Sam"));
    let about = opened.act(no_answer, "Sam").await.unwrap();
    let again = open().await.remove(0);
    let opens: Timestamp = "2025-11-19T08:00:00Z".parse().unwrap();
    assert_eq!(
        again.wanted_by, opens,
        "in ten minutes the telephone is not answered"
    );
    assert_eq!((again.claimed, again.earlier.len()), (None, 1));
    assert_eq!(again.earlier[0].outcome, CallOutcome::NoAnswer);
    assert_eq!(again.earlier[0].who, "Sam");

    let task = TaskId::parse(&again.task).unwrap();
    assert!(opened.act(Act::Claim { task }, "Jo").await.is_ok());
    opened.on_roll(task, about[0], "Jo").await;
    let office = ended(task, CallOutcome::Told, Role::Office);
    let refused = opened.act(office, "Jo").await;
    assert!(matches!(refused, Err(NotActed::NotNow(_))));
    let told = ended(task, CallOutcome::Told, Role::Deputy);
    assert_eq!(opened.act(told, "Jo").await, Ok(about.clone()));
    assert_eq!(opened.case(about[0]).await.duty().word(), "told");
    assert!(open().await.is_empty());
}
