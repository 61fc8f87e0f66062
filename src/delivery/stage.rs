//! The stage: claims what is due, makes or opens the letter, hands it over, records the outcome.
//! It holds no transaction while it talks to a relay.

use super::carrier::Carrier;
use super::making::Maker;
use super::{Envelope, Route, Settings};
use crate::referral::attempt::{AttemptResult, AttemptWhy, Attempted, Phase};
use crate::referral::fact::Message;
use crate::referral::school::{Address, RouteName};
use crate::store::{Claim, Ended, LetterWork, NotStored, Store};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// An outcome that could not be recorded is offered again this often. Meanwhile its connection's
/// place stays taken, so that delivery stops when outcomes cannot be recorded.
const RECORD_AGAIN: Duration = Duration::from_millis(500);

/// Delivery, as a stage.
#[derive(Debug)]
pub struct Stage<C> {
    world: Arc<World<C>>,
    settings: Settings,
    /// Attempts under way, and on which route.
    running: JoinSet<RouteName>,
    busy: HashMap<RouteName, usize>,
}

/// What every attempt needs.
#[derive(Debug)]
struct World<C> {
    store: Store,
    carrier: C,
    maker: Maker,
    lease: Duration,
    /// Held while a letter is made that was not done the first time.
    made_alone: Mutex<()>,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stepped {
    /// Attempts begun.
    pub begun: usize,
    /// When the next delivery is due that could be claimed.
    pub next: Option<Timestamp>,
}

/// An attempt panicked: a fault of ours that must stop the process, not lose a letter's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an attempt panicked")]
pub struct AttemptPanicked;

impl<C: Carrier> Stage<C> {
    /// A stage that has claimed nothing yet.
    pub fn new(store: Store, carrier: C, maker: Maker, settings: Settings) -> Self {
        let world = Arc::new(World {
            store,
            carrier,
            maker,
            lease: settings.lease,
            made_alone: Mutex::default(),
        });
        Self {
            world,
            settings,
            running: JoinSet::new(),
            busy: HashMap::new(),
        }
    }

    /// Runs until `stop` is true; then claims nothing more, and ends when the attempts under way have.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), AttemptPanicked> {
        let mut hints = self.world.store.hints();
        let clock = self.world.store.clock().clone();
        while !*stop.borrow_and_update() {
            hints.mark_unchanged();
            // All that have ended, so that their places are claimed for together, with one commit.
            while let Some(ended) = self.running.try_join_next() {
                self.settle(ended)?;
            }
            let due = self.step(clock.now(), usize::MAX).await.next;
            let due = async {
                match due {
                    Some(due) => clock.wait_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                _ = hints.changed() => {}
                Some(ended) = self.running.join_next() => self.settle(ended)?,
                _ = stop.changed() => {}
                () = sleep(self.settings.poll) => self.world.carrier.close_idle().await,
            }
        }
        while let Some(ended) = self.running.join_next().await {
            self.settle(ended)?;
        }
        self.world.carrier.close().await;
        Ok(())
    }

    /// Waits until an attempt ends; false when none is under way. For whoever drives the stage by its
    /// steps.
    pub async fn one_ends(&mut self) -> Result<bool, AttemptPanicked> {
        match self.running.join_next().await {
            Some(ended) => self.settle(ended).map(|()| true),
            None => Ok(false),
        }
    }

    /// Attempts under way.
    pub fn under_way(&self) -> usize {
        self.running.len()
    }

    /// Claims what is due at `now`, at most so many, as far as routes have connections free, and begins
    /// the attempts. Says when the next delivery is due; one that failed to be claimed is found by the
    /// poll.
    pub async fn step(&mut self, now: Timestamp, most: usize) -> Stepped {
        let (mut next, mut begun): (Option<Timestamp>, usize) = (None, 0);
        for place in 0..self.settings.routes.len() {
            let Some(route) = self.settings.routes.get(place) else {
                continue;
            };
            let busy = self.busy.get(&route.name).copied().unwrap_or(0);
            let free = route.connections.saturating_sub(busy).min(most - begun);
            if free == 0 {
                continue;
            }
            match self.world.store.next_due(&route.name).await {
                Ok(Some(due)) if due <= now => {
                    let route = route.clone();
                    begun += self.claim(&route, free).await;
                }
                Ok(Some(due)) => next = Some(next.map_or(due, |next| next.min(due))),
                Ok(None) | Err(NotStored) => {}
            }
        }
        Stepped { begun, next }
    }

    /// Gives how many attempts were begun.
    async fn claim(&mut self, route: &Route, free: usize) -> usize {
        let Ok(claims) = self.world.store.claim(&route.name, free).await else {
            return 0;
        };
        let begun = claims.len();
        for claim in claims {
            *self.busy.entry(route.name.clone()).or_default() += 1;
            let world = Arc::clone(&self.world);
            let route = route.clone();
            self.running.spawn(async move {
                world.attempt(&claim, &route).await;
                route.name
            });
        }
        begun
    }

    fn settle(
        &mut self,
        ended: Result<RouteName, tokio::task::JoinError>,
    ) -> Result<(), AttemptPanicked> {
        let route = ended.map_err(|_| AttemptPanicked)?;
        if let Some(busy) = self.busy.get_mut(&route) {
            *busy = busy.saturating_sub(1);
        }
        Ok(())
    }
}

impl<C: Carrier> World<C> {
    /// One attempt, from claim to recorded outcome.
    async fn attempt(&self, claim: &Claim, route: &Route) {
        let attempted = match self.open(claim, route).await {
            Ok((envelope, bytes)) => {
                let wanted = self.wanted(claim);
                let attempt = self.carrier.attempt(&route.name, &envelope, &bytes, wanted);
                // The lease outlasts every limit of the route; whatever still hangs is unknown.
                timeout(self.lease, attempt)
                    .await
                    .unwrap_or_else(|_| ours(AttemptResult::Unknown, AttemptWhy::Timeout))
            }
            Err(attempted) => attempted,
        };
        tracing::info!(
            delivery = %claim.delivery,
            notification = %claim.notification,
            route = %route.name,
            attempt = claim.attempt,
            result = attempted.result.word(),
            phase = attempted.phase.word(),
            why = attempted.why.word(),
            code = attempted.code,
            "attempt_ended"
        );
        let ended = Ended {
            delivery: claim.delivery,
            attempt: claim.attempt,
            attempted,
        };
        while self.store.ended(ended.clone()).await.is_err() {
            self.wait_to_record_again().await;
        }
    }

    /// Real time passes while a moved clock stands, and a moved clock moves while no real time passes.
    async fn wait_to_record_again(&self) {
        let clock = self.store.clock();
        let again = clock.now().checked_add(RECORD_AGAIN);
        tokio::select! {
            () = sleep(RECORD_AGAIN) => {}
            () = clock.wait_until(again.unwrap_or(Timestamp::MAX)) => {}
        }
    }

    /// The envelope and the signed bytes, stored before anything is sent.
    async fn open(&self, claim: &Claim, route: &Route) -> Result<(Envelope, Vec<u8>), Attempted> {
        let not_made = |_| ours(AttemptResult::Later, AttemptWhy::LetterNotMade);
        if !self.wanted(claim).await {
            return Err(ours(AttemptResult::Later, AttemptWhy::CaseEnded));
        }
        let work = self.store.letter_work(claim).await.map_err(not_made)?;
        let envelope = self.envelope(&work, route);
        let bytes = match (&work.bytes, &work.job) {
            (Some(bytes), _) => bytes.clone(),
            (None, Some(job)) => {
                let alone = if claim.attempt > 1 {
                    let alone = self.made_alone.lock().await;
                    let counted = self.store.making_again(claim.letter).await;
                    counted.map_err(not_made)?;
                    Some(alone)
                } else {
                    None
                };
                let now = self.store.clock().now();
                let plus = route.plus_addressing;
                let made = self.maker.make(claim, &work, job, plus, now);
                let letter = made.map_err(|fault| {
                    tracing::error!(letter = %claim.letter, fault = %fault, "letter not made");
                    ours(AttemptResult::Later, AttemptWhy::LetterNotMade)
                })?;
                let bytes = self.store.signed(letter).await.map_err(not_made)?;
                drop(alone);
                bytes
            }
            (None, None) => return Err(not_made(NotStored)),
        };
        Ok((envelope, bytes))
    }

    /// Asked before the letter is made and again at the last moment before MAIL. What cannot be asked
    /// is sent: a letter too many is the lesser harm.
    async fn wanted(&self, claim: &Claim) -> bool {
        self.store.wanted(claim).await.unwrap_or(true)
    }

    /// Reports on a letter come back to the reply address, with the token where the route carries it;
    /// the ENVID names the letter either way (RFC 3461). A note has an empty sender, so that it can
    /// never loop (RFC 3834 section 3.3).
    fn envelope(&self, work: &LetterWork, route: &Route) -> Envelope {
        let reply_to = &self.maker.settings.reply_to;
        let tagged = reply_to
            .as_str()
            .split_once('@')
            .and_then(|(local, domain)| {
                Address::parse(&format!("{local}+{}@{domain}", work.token))
            });
        let tagged = if route.plus_addressing { tagged } else { None };
        let mail_from = match work.message {
            Message::Letter => Some(tagged.unwrap_or_else(|| reply_to.clone())),
            Message::Receipt
            | Message::AfterCall
            | Message::NotCounted
            | Message::Nudge
            | Message::OfficeNudge => None,
        };
        Envelope {
            mail_from,
            rcpt_to: work.contact.address.clone(),
            envid: work.token.clone(),
        }
    }
}

/// An outcome that no relay had a part in.
fn ours(result: AttemptResult, why: AttemptWhy) -> Attempted {
    Attempted {
        result,
        phase: Phase::Daemon,
        why,
        code: None,
        enhanced: None,
        tls: None,
        words: Vec::new(),
    }
}
