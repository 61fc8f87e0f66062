//! The stage: claims what is due, makes or opens the letter, hands it over, records the outcome.
//! It holds no transaction while it talks to a relay.

use super::carrier::Carrier;
use super::gate::{Do, Gate, within};
use super::making::Maker;
use super::monotonic::Monotonic;
use super::{Envelope, Route, Settings};
use crate::referral::attempt::{AttemptResult, AttemptWhy, Attempted, Phase};
use crate::referral::fact::Message;
use crate::referral::route::RouteHealth;
use crate::referral::school::Address;
use crate::seal::randomness::Randomness;
use crate::store::{Claim, Ended, LetterWork, NotStored, Room, Round, Store};
use jiff::Timestamp;
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
    gates: Vec<Gate>,
    poll: Duration,
    time: Monotonic,
    /// Attempts and knocks under way.
    running: JoinSet<Ran>,
    health: watch::Sender<Vec<RouteHealth>>,
    randomness: Randomness,
}

/// What has ended, and for which of the routes.
#[derive(Debug)]
enum Ran {
    Attempt {
        nth: usize,
        is_letter: bool,
        alone: bool,
        attempted: Attempted,
    },
    Knock {
        nth: usize,
        outcome: Result<(), Box<Attempted>>,
    },
}

/// What every attempt needs.
#[derive(Debug)]
struct World<C> {
    store: Store,
    carrier: C,
    maker: Maker,
    lease: Duration,
    /// A simulation's: no real time counts.
    simulated: bool,
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
            simulated: false,
            made_alone: Mutex::default(),
        });
        let time = Monotonic::new(world.store.clock().now());
        let gates: Vec<Gate> = settings.routes.into_iter().map(Gate::new).collect();
        let health = gates.iter().map(Gate::health).collect();
        Self {
            world,
            gates,
            poll: settings.poll,
            time,
            running: JoinSet::new(),
            randomness: Randomness::System,
            health: watch::channel(health).0,
        }
    }

    /// A simulation's: draws the jitter of breakers and starts from its source, and waits by its clock.
    #[must_use]
    pub fn simulated(mut self, randomness: Randomness) -> Self {
        if let Some(world) = Arc::get_mut(&mut self.world) {
            world.simulated = true;
        }
        Self { randomness, ..self }
    }

    /// What is known of each route, in the order of the settings; changes with it.
    pub fn health(&self) -> watch::Receiver<Vec<RouteHealth>> {
        self.health.subscribe()
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
            self.world.store.pulses().note(Round::Delivery);
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
                () = sleep(self.poll) => self.world.carrier.close_idle().await,
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

    /// Attempts and knocks under way.
    pub fn under_way(&self) -> usize {
        self.running.len()
    }

    /// Claims what is due at `now`, at most so many, as far as routes have room, and begins the attempts;
    /// knocks where a relay could not be reached. Says when to come back; what failed to be claimed is
    /// found by the poll.
    pub async fn step(&mut self, now: Timestamp, most: usize) -> Stepped {
        let (mut next, mut begun): (Option<Timestamp>, usize) = (None, 0);
        for nth in 0..self.gates.len() {
            let (some, back) = self.use_route(nth, now, most.saturating_sub(begun)).await;
            begun = begun.saturating_add(some);
            next = next.into_iter().chain(back).min();
        }
        self.tell();
        Stepped { begun, next }
    }

    async fn use_route(
        &mut self,
        nth: usize,
        now: Timestamp,
        most: usize,
    ) -> (usize, Option<Timestamp>) {
        let ticks = self.ticks();
        let randomness = self.randomness.clone();
        let waits = self.next_due(nth, ticks).await;
        let Some(gate) = self.gates.get_mut(nth) else {
            return (0, None);
        };
        let is_due = matches!(waits, Ok(Some(due)) if due <= now);
        // A clock that stands moves when all that is due has been done: nothing may wait for it.
        let backlog = is_due && !self.world.store.clock().stands();
        gate.begin(backlog, ticks, || chance(&randomness));
        if !is_due {
            return (0, waits.ok().flatten());
        }
        let later = |left| now.checked_add(left).ok();
        match gate.next(ticks, now) {
            Do::Wait(left) => (0, left.and_then(later)),
            Do::Knock => {
                let tells = gate.knocking(ticks, self.world.lease);
                let (world, route) = (Arc::clone(&self.world), gate.route.name.clone());
                self.running.spawn(async move {
                    let outcome = world.carrier.knock(&route).await;
                    if tells && outcome.as_ref().is_err_and(|failed| !failed.met_a_relay()) {
                        // A hint to the sweeper; said again a little later.
                        world.store.route_away(&route).await.unwrap_or_default();
                    }
                    Ran::Knock { nth, outcome }
                });
                (1, None)
            }
            Do::Claim { room, alone } => {
                let room = Room {
                    places: room.places.min(most),
                    ..room
                };
                let begun = self.claim(nth, room, alone, (now, ticks)).await;
                let gate = self.gates.get_mut(nth);
                let back = gate.and_then(|gate| gate.opens_after(ticks));
                (begun, back.and_then(later))
            }
        }
    }

    /// When the next delivery of a route is due. What the store said less than a poll ago stands as long as
    /// nothing was written since: while its relay is away, each knock would ask the same.
    async fn next_due(
        &mut self,
        nth: usize,
        ticks: Duration,
    ) -> Result<Option<Timestamp>, NotStored> {
        let batch = *self.world.store.hints().borrow();
        let Some(gate) = self.gates.get_mut(nth) else {
            return Ok(None);
        };
        if let Some(due) = gate.asked.known(batch, ticks, self.poll) {
            return Ok(due);
        }
        // All at once: what was written since concerns them all.
        let routes: Vec<_> = self.gates.iter().map(|gate| &gate.route.name).collect();
        let dues = self.world.store.next_due(&routes).await?;
        for (gate, due) in self.gates.iter_mut().zip(&dues) {
            gate.asked.learned(batch, ticks, *due);
        }
        Ok(dues.get(nth).copied().flatten())
    }

    /// A claim is a commit, so it is made only where there is something to be claimed: something is due,
    /// and here it is asked whether that is of the kind there is room for. Gives how many attempts were
    /// begun.
    async fn claim(
        &mut self,
        nth: usize,
        mut room: Room,
        alone: bool,
        (now, ticks): (Timestamp, Duration),
    ) -> usize {
        let Some(gate) = self.gates.get_mut(nth) else {
            return 0;
        };
        let (store, name) = (&self.world.store, &gate.route.name);
        if let Some(before) = gate.held_back_before(now)
            && store.a_letter_waits(name, before).await != Ok(false)
        {
            room.others = 0;
        }
        if room.places == 0 || !room.is_for_all() && store.is_due(name, room).await != Ok(true) {
            return 0;
        }
        let Ok(claims) = store.claim_into(name, room).await else {
            return 0;
        };
        let begun = claims.len();
        for claim in claims {
            let is_letter = claim.is_letter;
            gate.claimed(is_letter, alone, ticks);
            if claim.attempt > 1 {
                gate.sent_again(ticks, chance(&self.randomness));
            }
            let (world, route) = (Arc::clone(&self.world), gate.route.clone());
            self.running.spawn(async move {
                let attempted = world.attempt(&claim, &route).await;
                Ran::Attempt {
                    nth,
                    is_letter,
                    alone,
                    attempted,
                }
            });
        }
        begun
    }

    fn settle(
        &mut self,
        ended: Result<Ran, tokio::task::JoinError>,
    ) -> Result<(), AttemptPanicked> {
        let random = chance(&self.randomness);
        let ran = ended.map_err(|_| AttemptPanicked)?;
        let at = (self.ticks(), self.world.store.clock().now());
        let (Ran::Attempt { nth, .. } | Ran::Knock { nth, .. }) = ran;
        let Some(gate) = self.gates.get_mut(nth) else {
            return Ok(());
        };
        let before = gate.health();
        match ran {
            Ran::Attempt {
                is_letter,
                alone,
                attempted,
                ..
            } => gate.ended((is_letter, alone), &attempted, at, random),
            Ran::Knock { outcome, .. } => {
                gate.knocked(outcome.as_ref().err().map(Box::as_ref), at, random);
            }
        }
        let after = gate.health();
        if before.breaker != after.breaker {
            tracing::warn!(route = %gate.route.name, breaker = after.breaker.word(), "breaker");
        }
        let scouts = after.scouts_since.is_some();
        if before.scouts_since.is_some() != scouts {
            tracing::warn!(route = %gate.route.name, alone = scouts, "scouts");
        }
        self.tell();
        Ok(())
    }

    fn ticks(&mut self) -> Duration {
        let clock = self.world.store.clock();
        self.time.read(clock.now(), clock.stands())
    }

    fn tell(&self) {
        let health: Vec<RouteHealth> = self.gates.iter().map(Gate::health).collect();
        self.health.send_if_modified(|known| {
            let changed = *known != health;
            *known = health;
            changed
        });
    }
}

impl<C: Carrier> World<C> {
    /// One attempt, from claim to recorded outcome.
    async fn attempt(&self, claim: &Claim, route: &Route) -> Attempted {
        let attempted = match self.open(claim, route).await {
            Ok((message, envelope, bytes)) => {
                let wanted = self.wanted(claim);
                let attempt = self.carrier.attempt(&route.name, &envelope, &bytes, wanted);
                // Whatever still hangs is unknown.
                timeout(within(route, message, self.lease), attempt)
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
        ended.attempted
    }

    /// Real time passes while a moved clock stands, and a moved clock moves while no real time passes.
    async fn wait_to_record_again(&self) {
        let clock = self.store.clock();
        let again = clock.now().checked_add(RECORD_AGAIN);
        tokio::select! {
            () = sleep(RECORD_AGAIN), if !self.simulated => {}
            () = clock.wait_until(again.unwrap_or(Timestamp::MAX)) => {}
        }
    }

    /// The envelope and the signed bytes, stored before anything is sent.
    async fn open(
        &self,
        claim: &Claim,
        route: &Route,
    ) -> Result<(Message, Envelope, Vec<u8>), Attempted> {
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
                let letter = match made {
                    Ok(letter) => letter,
                    Err(fault) => {
                        tracing::error!(letter = %claim.letter, fault = %fault, "letter not made");
                        if alone.is_some() && fault.concerns_all() {
                            // Said again with the next try, should it not be kept.
                            self.store
                                .not_to_blame(claim.letter)
                                .await
                                .unwrap_or_default();
                        }
                        return Err(ours(AttemptResult::Later, AttemptWhy::LetterNotMade));
                    }
                };
                let bytes = self.store.signed(letter).await.map_err(not_made)?;
                drop(alone);
                bytes
            }
            (None, None) => return Err(not_made(NotStored)),
        };
        Ok((work.message, envelope, bytes))
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

/// A number for jitter, which needs no more than to differ: without random bytes, the middle.
fn chance(randomness: &Randomness) -> u64 {
    randomness.draw().map_or(u64::MAX / 2, u64::from_be_bytes)
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
