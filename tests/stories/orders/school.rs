//! A school with very many letters, and a store that takes them by the thousand.

use crate::store_rules::{Opened, document, open_with, post};
use firstbell::clock::Clock;
use firstbell::referral::answer::{Strength, Verdict};
use firstbell::referral::attempt::{AttemptResult, AttemptWhy, Attempted, Phase};
use firstbell::referral::id::{LetterId, NotificationId};
use firstbell::referral::london;
use firstbell::referral::report::Kind;
use firstbell::referral::school::{Address, RouteName};
use firstbell::store::{
    Accepted, Came, Claim, Ended, InboundMail, Matched, Post, Settled, Store, Trace,
};
use firstbell::watch::Watch;
use jiff::Timestamp;
use jiff::civil::{Date, date, time};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// Every command of an order fits one batch.
const BATCH_MAX: usize = 8_192;
/// The first evening: a Monday in term. Each order has a day of its own.
const FIRST: Date = date(2025, 11, 17);
/// Whose answers these are.
const KEY_ADULT: &str = "dsl@marshend.test.cjsm.net";

/// One child's notification and its first letter.
#[derive(Clone)]
pub(super) struct Child {
    pub(super) notification: NotificationId,
    letter: LetterId,
}

pub(super) struct School {
    clock: Clock,
    opened: Opened,
    posted: AtomicU32,
    _folder: tempfile::TempDir,
}

impl School {
    pub(super) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(london::instant(FIRST, time(7, 0, 0, 0)));
        let opened = open_with(folder.path(), &clock, |settings, _| {
            settings.batch_max = BATCH_MAX;
            settings.queue_max = BATCH_MAX;
        });
        let opened = opened.await.unwrap();
        opened.import().await;
        Self {
            clock,
            opened,
            posted: AtomicU32::new(0),
            _folder: folder,
        }
    }

    pub(super) fn store(&self) -> &Store {
        &self.opened.store
    }

    /// The next evening: referrals are posted, and each first letter is handed over.
    pub(super) async fn an_evening(&self, referrals: usize, children: usize) -> Vec<Child> {
        let today = london::civil(self.clock.now()).date();
        self.clock
            .advance_to(london::instant(today, time(19, 5, 0, 0)));
        let mut accepting = JoinSet::new();
        for _ in 0..referrals {
            let (store, post) = (self.store().clone(), self.post(children));
            accepting.spawn(async move { store.accept(post).await });
        }
        while let Some(accepted) = accepting.join_next().await {
            assert!(matches!(accepted.unwrap(), Ok(Accepted::New(_))));
        }
        let claims = self.claim_all().await;
        self.end(&claims, AttemptResult::Done).await;
        let child = |claim: Claim| Child {
            notification: claim.notification,
            letter: claim.letter,
        };
        claims.into_iter().map(child).collect()
    }

    fn post(&self, children: usize) -> Post {
        let number = self.posted.fetch_add(1, Ordering::Relaxed) + 1;
        let now = self.clock.now();
        let mut document = document(number, now);
        let child = document["children"][0].clone();
        let named = |n: usize| -> Value {
            let mut child = child.clone();
            child["child_ref"] = json!(format!("c-{n}"));
            child
        };
        document["children"] = (0..children).map(named).collect();
        post(&document, &format!("key-{number}"), now)
    }

    /// To 08:00 of the next morning.
    pub(super) fn move_to_the_step(&self) {
        let today = london::civil(self.clock.now()).date();
        let morning = today.tomorrow().unwrap();
        self.clock
            .advance_to(london::instant(morning, time(8, 0, 0, 0)));
    }

    /// Time, as the daemon applies it.
    pub(super) async fn step(&self) {
        let watch = Watch::new(self.store().clone(), Duration::from_secs(1));
        let now: Timestamp = self.clock.now();
        let next = watch.step(now).await;
        assert!(
            next.is_none_or(|next| next > now),
            "nothing is due any more"
        );
    }

    /// The Key Adult's RECEIVED to each letter, kept and read, and still to be settled.
    pub(super) async fn answers(&self, children: &[Child]) -> Vec<Settled> {
        let mut keeping = JoinSet::new();
        for child in children {
            let (store, child) = (self.store().clone(), child.clone());
            keeping.spawn(async move { received(&store, &child).await });
        }
        keeping.join_all().await
    }

    pub(super) async fn settle(&self, answers: Vec<Settled>) {
        let mut settling = JoinSet::new();
        for settled in answers {
            let store = self.store().clone();
            settling.spawn(async move { store.settle(settled).await });
        }
        let ended = settling.join_all().await;
        assert!(ended.iter().all(Result::is_ok));
    }

    /// Answers, the step, answers, and a claim of what is due then: put to the writer at once, in this
    /// order, and written in one batch. Gives how many took the step, and what was claimed.
    pub(super) async fn in_one_batch(
        &self,
        before: Vec<Settled>,
        after: Vec<Settled>,
    ) -> (usize, Vec<Claim>) {
        enum Done {
            Answer,
            Step(usize),
            Claims(Vec<Claim>),
        }
        let batches = *self.store().hints().borrow();
        let mut asked = JoinSet::new();
        let answer = |asked: &mut JoinSet<Done>, settled: Settled| {
            let store = self.store().clone();
            asked.spawn(async move {
                store.settle(settled).await.unwrap();
                Done::Answer
            });
        };
        for settled in before {
            answer(&mut asked, settled);
        }
        let store = self.store().clone();
        asked.spawn(async move { Done::Step(store.fire_timers(BATCH_MAX).await.unwrap()) });
        for settled in after {
            answer(&mut asked, settled);
        }
        let store = self.store().clone();
        asked.spawn(async move { Done::Claims(claim_all(&store).await) });
        let (mut stepped, mut claims) = (0, Vec::new());
        for done in asked.join_all().await {
            match done {
                Done::Answer => {}
                Done::Step(count) => stepped = count,
                Done::Claims(claimed) => claims = claimed,
            }
        }
        assert_eq!(*self.store().hints().borrow(), batches + 1, "one batch");
        (stepped, claims)
    }

    /// All that is due, as delivery claims it.
    pub(super) async fn claim_all(&self) -> Vec<Claim> {
        claim_all(self.store()).await
    }

    /// How attempts ended.
    pub(super) async fn end(&self, claims: &[Claim], result: AttemptResult) {
        let mut asked = JoinSet::new();
        for claim in claims {
            let attempted = Attempted {
                result,
                phase: Phase::Body,
                why: AttemptWhy::Reply,
                code: None,
                enhanced: None,
                tls: None,
                words: Vec::new(),
            };
            let ended = Ended {
                delivery: claim.delivery,
                attempt: claim.attempt,
                attempted,
            };
            let store = self.store().clone();
            asked.spawn(async move { store.ended(ended).await });
        }
        while let Some(ended) = asked.join_next().await {
            ended.unwrap().unwrap();
        }
    }

    pub(super) async fn trace(&self, child: &Child) -> Trace {
        let readers = self.store().readers();
        let trace = readers.show_trace(child.notification, self.clock.now());
        trace.await.unwrap().unwrap()
    }
}

async fn claim_all(store: &Store) -> Vec<Claim> {
    let route = RouteName::parse("cjsm").unwrap();
    store.claim(&route, BATCH_MAX).await.unwrap()
}

async fn received(store: &Store, child: &Child) -> Settled {
    let mail = InboundMail {
        source: "smtp".to_owned(),
        mail_from: Some(KEY_ADULT.to_owned()),
        rcpt_to: vec!["replies@force.test".to_owned()],
        bytes: format!("Subject: Re\r\n\r\nReceived {}\r\n", child.letter).into_bytes(),
    };
    Settled {
        inbound: store.keep_inbound(mail).await.unwrap(),
        kind: Kind::HumanReply,
        came: Came::Answer {
            verdict: Verdict::Received,
            all: false,
            has_message: false,
        },
        matched: Some(Matched {
            letter: Some(child.letter),
            notification: child.notification,
            strength: Strength::Token,
        }),
        sender: Address::parse(KEY_ADULT),
    }
}
