//! What is wrong now: one look over the store's pulse, the sweeper's findings, the clock, the routes, the
//! what ends by itself and the cases that need a person.

use super::book::{Condition, Seen};
use super::clockwatch::ClockWatch;
use super::roads::Roads;
use super::senders::Senders;
use crate::referral::alarm::{AlarmKind, Desks};
use crate::referral::expiry::Expiry;
use crate::store::{NotStored, Round, Store, Stuck};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// Heartbeats that fail in a row before it is an alarm: one may be a batch that failed alone.
const BEATS_FAILED: u32 = 2;
/// A stage that has not gone round for so long, and three of its polls, is stalled.
const STALLED_AFTER: Duration = Duration::from_secs(120);
/// Posts are refused for so long before it is an alarm.
const REFUSING_FOR: Duration = Duration::from_secs(120);
/// What the database is asked about cases no more often than this.
const CASES_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// How far back attempts are looked at when a run begins.
const ATTEMPTS_BACK: SignedDuration = SignedDuration::from_hours(1);
/// The database answers within this, or what it knows is unknown.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Kinds whose subjects the database knows.
const OF_CASES: [AlarmKind; 5] = [
    AlarmKind::NobodyToNotify,
    AlarmKind::CalendarWithoutPupilDays,
    AlarmKind::CallUnclaimed,
    AlarmKind::ChoiceWaits,
    AlarmKind::SenderQuiet,
];

/// What is looked at, besides the store.
#[derive(Debug)]
pub struct Sources {
    /// The forces that may post, each with the hours of its desk.
    pub desks: Desks,
    /// Certificates, lists and keys, as they were last found.
    pub expiries: watch::Receiver<Vec<Expiry>>,
    /// What the sweeper found last.
    pub stuck: watch::Receiver<Stuck>,
    /// What other stages know of, such as calls over capacity.
    pub others: Vec<watch::Receiver<BTreeSet<Condition>>>,
    /// How often the heartbeat goes through the writer.
    pub beat: Duration,
    /// How often stages look without a hint.
    pub poll: Duration,
    /// Whether the host's clock is kept by NTP.
    pub ntp: bool,
}

/// The looks, and what they must remember from one to the next.
#[derive(Debug)]
pub struct Looks {
    store: Store,
    sources: Sources,
    failing: watch::Receiver<u32>,
    clock: ClockWatch,
    roads: Roads,
    /// The place among all facts up to which attempts were seen.
    facts_seen: Option<i64>,
    refusing_since: Option<Instant>,
    cases: Seen,
    cases_at: Option<Timestamp>,
    senders: Senders,
}

impl Looks {
    /// Nothing was looked at yet.
    pub fn new(store: Store, sources: Sources) -> Self {
        Self {
            failing: store.pulses().failing(),
            clock: ClockWatch::new(sources.ntp),
            roads: Roads::default(),
            facts_seen: None,
            refusing_since: None,
            cases: Seen::default(),
            cases_at: None,
            senders: Senders::new(sources.desks.clone()),
            store,
            sources,
        }
    }

    /// The forces that may post, each with the hours of its desk.
    pub(super) fn desks(&self) -> &Desks {
        &self.sources.desks
    }

    /// What the sweeper finds, to be woken by it.
    pub(super) fn stuck(&self) -> watch::Receiver<Stuck> {
        self.sources.stuck.clone()
    }

    /// Looks once.
    pub async fn look(&mut self, now: Timestamp) -> Seen {
        let mut seen = Seen::default();
        for others in &self.sources.others {
            seen.conditions.extend(others.borrow().iter().cloned());
        }
        self.look_at_the_store(&mut seen.conditions);
        self.look_at_stages(&mut seen.conditions);
        for expiry in self.sources.expiries.borrow().iter() {
            let kind = expiry.alarm(now);
            seen.conditions
                .extend(kind.map(|kind| (kind, expiry.name())));
        }
        self.look_at_the_clock(now, &mut seen.conditions).await;
        let routes = timeout(ANSWER_WITHIN, self.look_at_routes(now)).await;
        match routes {
            Ok(Ok(conditions)) => seen.conditions.extend(conditions),
            Ok(Err(NotStored)) | Err(_) => {
                let kinds = [AlarmKind::RouteDown, AlarmKind::EveryRouteDown];
                seen.unseen.extend(kinds);
            }
        }
        let recently = self.cases_at.is_some_and(|at| {
            (SignedDuration::ZERO..CASES_EVERY).contains(&now.duration_since(at))
        });
        if !recently {
            self.cases_at = Some(now);
            self.cases = self.look_at_cases(now).await;
        }
        seen.conditions
            .extend(self.cases.conditions.iter().cloned());
        seen.unseen.extend(&self.cases.unseen);
        seen
    }

    fn look_at_the_store(&mut self, conditions: &mut BTreeSet<Condition>) {
        let silent = self.store.pulses().since(Round::Commit);
        let silent_max = self.sources.beat.saturating_mul(3) + ANSWER_WITHIN;
        if *self.failing.borrow() >= BEATS_FAILED || silent > silent_max {
            conditions.insert((AlarmKind::StoreNotCommitting, "store".to_owned()));
        }
        if self.store.ready() {
            self.refusing_since = None;
        } else {
            let since = *self.refusing_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= REFUSING_FOR {
                conditions.insert((AlarmKind::IntakeRefusing, "store".to_owned()));
            }
        }
    }

    fn look_at_stages(&self, conditions: &mut BTreeSet<Condition>) {
        let stuck = *self.sources.stuck.borrow();
        let found = [
            (AlarmKind::StuckTimer, stuck.timers),
            (AlarmKind::StuckDelivery, stuck.deliveries),
            (AlarmKind::StuckLease, stuck.attempts),
            (AlarmKind::StuckInbound, stuck.inbound),
        ];
        let found = found.into_iter().filter(|(_, count)| *count > 0);
        conditions.extend(found.map(|(kind, _)| (kind, "gateway".to_owned())));
        for round in Round::ALL {
            let silent = self.store.pulses().since(round);
            let is_stage = match round {
                // Told by its own alarm.
                Round::Commit => false,
                // Who looks is not stalled.
                Round::Alarms => false,
                Round::Sweep | Round::Delivery | Round::Watch => true,
            };
            if is_stage && silent > stalled_after(self.sources.poll) {
                conditions.insert((AlarmKind::StageStalled, round.word().to_owned()));
            }
        }
    }

    /// A clock that is moved by hand is not the host's.
    async fn look_at_the_clock(&mut self, now: Timestamp, conditions: &mut BTreeSet<Condition>) {
        if self.store.clock().stands() {
            return;
        }
        let monotonic = Instant::now();
        self.clock.look(now, monotonic);
        self.clock.ask(monotonic).await;
        let faults = self.clock.faults(monotonic);
        conditions.extend(faults.map(|fault| (AlarmKind::Clock, fault.to_owned())));
    }

    async fn look_at_routes(&mut self, now: Timestamp) -> Result<Vec<Condition>, NotStored> {
        let readers = self.store.readers().clone();
        let mut seq = match self.facts_seen {
            Some(seq) => seq,
            None => {
                if let Some(last) = readers.last_fact_at().await?
                    && !self.store.clock().stands()
                {
                    self.clock.recorded(last, now, Instant::now());
                }
                let back = now.saturating_sub(ATTEMPTS_BACK).unwrap_or(now);
                readers.fact_place(back).await?
            }
        };
        loop {
            let (attempts, next) = readers.attempts_since(seq).await?;
            attempts.iter().for_each(|attempt| self.roads.take(attempt));
            self.facts_seen = Some(next);
            if next == seq {
                break;
            }
            seq = next;
        }
        let waiting = readers.letters_waiting(now).await?;
        Ok(self.roads.conditions(&waiting, now))
    }

    async fn look_at_cases(&mut self, now: Timestamp) -> Seen {
        let mut seen = Seen::default();
        let judged = timeout(ANSWER_WITHIN, self.senders.judge(&self.store, now)).await;
        if !matches!(judged, Ok(Ok(()))) {
            tracing::warn!("senders could not be judged; they are in a minute");
        }
        for kind in OF_CASES {
            let asked = self.store.readers().alarm_subjects(kind, now);
            match timeout(ANSWER_WITHIN, asked).await {
                Ok(Ok(subjects)) => {
                    let conditions = subjects.into_iter().map(|subject| (kind, subject));
                    seen.conditions.extend(conditions);
                }
                Ok(Err(NotStored)) | Err(_) => {
                    seen.unseen.insert(kind);
                }
            }
        }
        seen
    }
}

/// A stage that looks this often is stalled after so long.
pub(super) fn stalled_after(poll: Duration) -> Duration {
    STALLED_AFTER + poll.saturating_mul(3)
}
