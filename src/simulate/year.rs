//! One force-year: the world's events in order, and between them everything that the gateway has to do
//! at that moment. One thing happens at a time, so that a seed gives the same year each time.

mod due;

use super::desk;
use super::dice::Dice;
use super::gateway::{Gateway, Site};
use super::places::County;
use super::posts::{self, Planned};
use super::script::{Blow, Flood, Script};
use super::tally::Tally;
use super::{Fault, Quiet};
use crate::referral::attempt::{AttemptResult, Attempted};
use crate::referral::id::{NotificationId, TaskId};
use crate::referral::london;
use crate::referral::school::{RouteName, Urn};
use crate::store::{Accepted, InboundMail};
use due::Said;
use jiff::civil::{Time, date};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use tokio::task::yield_now;
use tokio::time::timeout;

/// A sender is told to come again after this long (`intake.retry_after_s`, and its own patience).
const POSTS_AGAIN: SignedDuration = SignedDuration::from_secs(60);
/// A school's relay tries again after this long.
const MAILS_AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// While the disk is full, what could not be stored is tried again this often.
const STORES_AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// After its last day a year runs on, so that every deadline of it passes.
const RUNS_ON_DAYS: i64 = 12;
/// What the sweeper gives a timer, and an attempt.
const PAST_ITS_TIME: SignedDuration = SignedDuration::from_mins(2);
const LEASE: SignedDuration = SignedDuration::from_mins(15);
/// Who rings.
const CALLERS: usize = 2;
/// Turns given to a task that was woken, until it has asked the store.
const TURNS: usize = 8;
/// The desk hears of a post and of a call's end after this long, and of a mail.
const HEARS_AFTER: SignedDuration = SignedDuration::from_mins(2);
const READS_AFTER: SignedDuration = SignedDuration::from_mins(20);

/// Something that the world does.
#[derive(Debug)]
enum Event {
    Post(usize),
    Mail(Box<InboundMail>),
    /// An attempt ends.
    Ends(u64, Box<Attempted>),
    Desk,
    CallEnds(desk::Call),
    /// A school rings the desk about its last letter.
    SchoolRings(Urn),
    /// A way out is suspended until a time.
    Suspend(RouteName, Timestamp),
    Blow(Blow, Timestamp, Timestamp),
    HasRoom,
}

/// A year being played.
pub(super) struct Year {
    pub(super) county: County,
    pub(super) script: Script,
    site: Site,
    gateway: Option<Gateway>,
    planned: Vec<Planned>,
    events: BTreeMap<(Timestamp, u64), Event>,
    count: u64,
    pub(super) followed: Vec<NotificationId>,
    /// Which post opened them.
    posted: HashMap<NotificationId, usize>,
    pub(super) tally: Tally,
    dice: Dice,
    seed: u64,
    faults: u64,
    full: bool,
    /// An attempt has ended and could not be recorded.
    in_limbo: bool,
    mail_waits: bool,
    /// What the stages that wait for a time said last.
    watch_said: Option<Said>,
    delivery_said: Option<Said>,
    desk_at: Option<Timestamp>,
    on_the_phone: BTreeSet<TaskId>,
    ends: Timestamp,
}

/// The days of a force-year that begins in September of a year, and whether it has a leap day.
pub(super) fn days_of(year: i16) -> usize {
    let (first, last) = (date(year, 9, 1), date(year + 1, 9, 1));
    usize::try_from(last.duration_since(first).as_hours() / 24).unwrap_or(365)
}

impl Year {
    /// Everything before the first moment of the year.
    pub(super) async fn begin(
        seed: u64,
        (number, year, faults): (u64, i16, u64),
        county: County,
        site: Site,
    ) -> Result<Self, Fault> {
        let (first, days) = (date(year, 9, 1), days_of(year));
        let gateway = site.start().await?;
        gateway.import(county.directory()).await?;
        let flood = Flood::of(seed, number, &county, first);
        let script = Dice::of(seed, "script");
        let script = Script::draw(&script, &county.routes, (first, days), flood, faults);
        let begins = london::instant(first, Time::midnight());
        let hours = 24 * (i64::try_from(days).unwrap_or(365) + RUNS_ON_DAYS);
        let mut played = Self {
            planned: posts::plan(seed, &county, (first, days), flood),
            county,
            script,
            site,
            gateway: Some(gateway),
            events: BTreeMap::new(),
            count: 0,
            followed: Vec::new(),
            posted: HashMap::new(),
            tally: Tally::default(),
            dice: Dice::of(seed, "world"),
            seed,
            faults,
            full: false,
            in_limbo: false,
            mail_waits: false,
            watch_said: None,
            delivery_said: None,
            desk_at: None,
            on_the_phone: BTreeSet::new(),
            ends: begins + SignedDuration::from_hours(hours),
        };
        played.begin_events();
        Ok(played)
    }

    /// What is known beforehand of the year.
    fn begin_events(&mut self) {
        for number in 0..self.planned.len() {
            if let Some(planned) = self.planned.get(number) {
                self.at(planned.at, Event::Post(number));
            }
        }
        for window in self.script.gateway.clone() {
            let begins = match window.what {
                Blow::ClockBack => window.to,
                Blow::Restart { .. } | Blow::Stop | Blow::DiskFull | Blow::ClockForward => {
                    window.from
                }
            };
            self.at(begins, Event::Blow(window.what, window.from, window.to));
        }
        for (route, window) in self.script.suspensions() {
            self.at(window.from, Event::Suspend(route, window.to));
        }
        for word in self.script.long_strikes() {
            self.tally.strikes(word);
        }
    }

    /// Plays it to its end.
    pub(super) async fn play(&mut self) -> Result<(), Fault> {
        loop {
            let now = self.now();
            while let Some(event) = self.due(now) {
                self.happen(event).await?;
                self.settle_attempts().await?;
            }
            let next = self.do_what_is_due().await?;
            let event = self.events.keys().next().map(|(at, _)| *at);
            let Some(next) = event.into_iter().chain(next).min() else {
                return Ok(());
            };
            if next > self.ends {
                return Ok(());
            }
            // What is due and cannot be done is tried again soon.
            let next = if next <= now {
                now + STORES_AGAIN
            } else {
                next
            };
            self.site.clock.advance_to(next);
            if self.in_limbo {
                self.offer_again().await?;
            }
        }
    }

    /// Stops the gateway in order.
    pub(super) async fn end(&mut self) -> Quiet {
        if let Some(gateway) = self.gateway.take() {
            gateway.stop(true).await;
        }
        Quiet
    }

    pub(super) fn gateway(&mut self) -> Result<&mut Gateway, Fault> {
        self.gateway
            .as_mut()
            .ok_or_else(|| Fault::other("the gateway does not run"))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.site.clock.now()
    }

    fn at(&mut self, at: Timestamp, event: Event) {
        self.count += 1;
        self.events.insert((at, self.count), event);
    }

    /// The next event that is due.
    fn due(&mut self, now: Timestamp) -> Option<Event> {
        let first = self.events.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    async fn happen(&mut self, event: Event) -> Result<(), Fault> {
        match event {
            Event::Post(number) => self.post(number).await,
            Event::Mail(mail) => self.mail(mail).await,
            Event::Ends(number, attempted) => self.attempt_ends(number, attempted).await,
            Event::Desk => self.desk().await,
            Event::CallEnds(call) => self.call_ends(call).await,
            Event::SchoolRings(urn) => self.school_rings(urn).await,
            Event::Suspend(route, until) => self.suspend(route, until).await,
            Event::Blow(blow, from, to) => self.blow(blow, from, to).await,
            Event::HasRoom => self.has_room().await,
        }
    }

    async fn post(&mut self, number: usize) -> Result<(), Fault> {
        let (now, seed) = (self.now(), self.seed);
        let policy = std::sync::Arc::clone(&self.site.policy);
        let planned = self.planned.get(number);
        let planned = planned.ok_or_else(|| Fault::other("no such post"))?;
        let post = planned.post(seed, &policy, now)?;
        match self.gateway()?.store.accept(post).await {
            Ok(Accepted::New(lines) | Accepted::Replayed(lines)) => {
                let lines = String::from_utf8_lossy(&lines).into_owned();
                let ids = lines.lines().map(NotificationId::parse);
                let ids: Vec<NotificationId> = ids.filter_map(Result::ok).collect();
                self.tally.referrals += 1;
                for id in ids {
                    if self.posted.insert(id, number).is_none() {
                        self.followed.push(id);
                    }
                }
                self.desk_hears(HEARS_AFTER);
            }
            Err(_) => {
                self.tally.does("post_refused_for_now");
                self.at(now + POSTS_AGAIN, Event::Post(number));
            }
        }
        Ok(())
    }

    /// When that happened which a notification was posted about; none for one that carries another's on.
    pub(super) fn occurred_at(&self, id: NotificationId) -> Option<Timestamp> {
        let planned = self.planned.get(*self.posted.get(&id)?);
        planned.map(|planned| planned.occurred_at)
    }

    async fn mail(&mut self, mail: Box<InboundMail>) -> Result<(), Fault> {
        let now = self.now();
        match self.gateway()?.store.keep_inbound((*mail).clone()).await {
            Ok(_) => self.mail_waits = true,
            Err(_) => self.at(now + MAILS_AGAIN, Event::Mail(mail)),
        }
        Ok(())
    }

    /// A relay says what it says; while the disk is full only one outcome waits to be recorded, and the
    /// other relays take their time.
    async fn attempt_ends(&mut self, number: u64, attempted: Box<Attempted>) -> Result<(), Fault> {
        if self.full && self.in_limbo {
            let later = self.now() + STORES_AGAIN;
            self.at(later, Event::Ends(number, attempted));
            return Ok(());
        }
        self.delivery_said = None;
        if attempted.result == AttemptResult::Never {
            self.desk_hears(HEARS_AFTER);
        }
        if !self.site.quay.release(number, *attempted) || !self.full {
            return Ok(());
        }
        self.in_limbo = true;
        self.offer_again().await
    }

    /// Waits until the outcome that could not be recorded was offered at this moment, before anything else
    /// happens: what is drawn on the way is drawn in the same order each time.
    async fn offer_again(&mut self) -> Result<(), Fault> {
        let quay = self.site.quay.clone();
        let gateway = self.gateway()?;
        for _ in 0..TURNS {
            yield_now().await;
        }
        // Whatever it says: what was asked before it has been answered by then.
        gateway.store.heartbeat().await.unwrap_or_default();
        for _ in 0..TURNS {
            yield_now().await;
        }
        while gateway.stage.under_way() > quay.waiting() {
            let Ok(ended) = timeout(Duration::ZERO, gateway.stage.one_ends()).await else {
                return Ok(());
            };
            ended.map_err(Fault::other)?;
        }
        self.in_limbo = false;
        self.delivery_said = None;
        Ok(())
    }

    fn desk_hears(&mut self, after: SignedDuration) {
        let hears = desk::staffed(&self.county, self.now() + after);
        self.desk_at_latest(hears);
    }

    fn desk_at_latest(&mut self, at: Timestamp) {
        if self.desk_at.is_none_or(|planned| planned > at) {
            self.desk_at = Some(at);
            self.at(at, Event::Desk);
        }
    }

    async fn desk(&mut self) -> Result<(), Fault> {
        if self.desk_at.is_none_or(|at| at > self.now()) {
            return Ok(());
        }
        self.desk_at = None;
        let callers = CALLERS.saturating_sub(self.on_the_phone.len());
        let store = self.gateway()?.store.clone();
        let calls = (&self.on_the_phone, callers);
        let looked = desk::look(&store, &self.county, calls, &self.dice).await?;
        for call in looked.calls {
            self.call_begins(call);
        }
        if let Some(again) = looked.again {
            self.desk_at_latest(again);
        }
        Ok(())
    }

    fn call_begins(&mut self, call: desk::Call) {
        self.on_the_phone.insert(call.task);
        let ends = self.now() + desk::CALL;
        self.at(ends, Event::CallEnds(call));
    }

    async fn call_ends(&mut self, call: desk::Call) -> Result<(), Fault> {
        self.on_the_phone.remove(&call.task);
        let store = self.gateway()?.store.clone();
        let (word, not_on_roll) = desk::end_call(&store, &call, &self.dice).await?;
        self.tally.does(format!("call_{word}"));
        for _ in 0..not_on_roll {
            self.tally.does("not_on_roll");
        }
        self.desk_hears(HEARS_AFTER);
        Ok(())
    }

    /// A school rings about the last letter that it was to have.
    async fn school_rings(&mut self, urn: Urn) -> Result<(), Fault> {
        if desk::staffed(&self.county, self.now()) > self.now() {
            return Ok(());
        }
        let of_school = |id: &&NotificationId| {
            let planned = self.posted.get(id).and_then(|nth| self.planned.get(*nth));
            planned.is_some_and(|planned| planned.is_for(urn))
        };
        let Some(about) = self.followed.iter().rev().find(of_school).copied() else {
            return Ok(());
        };
        let store = self.gateway()?.store.clone();
        if let Some(call) = desk::is_rung(&store, about).await?
            && !self.on_the_phone.contains(&call.task)
        {
            self.tally.does("school_rings");
            self.call_begins(call);
        }
        Ok(())
    }

    async fn suspend(&mut self, route: RouteName, until: Timestamp) -> Result<(), Fault> {
        let store = self.gateway()?.store.clone();
        if desk::suspends(&store, route, until).await? {
            self.tally.strikes("suspended");
        }
        Ok(())
    }

    async fn blow(&mut self, blow: Blow, from: Timestamp, to: Timestamp) -> Result<(), Fault> {
        self.tally.strikes(blow.word());
        (self.watch_said, self.delivery_said) = (None, None);
        match blow {
            Blow::Restart { .. } | Blow::Stop => {
                self.sweep().await?;
                if let Some(gateway) = self.gateway.take() {
                    gateway
                        .stop(blow != Blow::Restart { in_order: false })
                        .await;
                }
                self.site.quay.clear();
                self.site.clock.advance_to(to);
                self.gateway = Some(self.site.start().await?);
                self.mail_waits = true;
            }
            Blow::DiskFull => {
                self.full = true;
                self.gateway()?.set_full(true);
                self.at(to, Event::HasRoom);
            }
            Blow::ClockForward => self.site.clock.advance_to(to),
            Blow::ClockBack => self.site.clock.step_to(from),
        }
        Ok(())
    }

    /// Asks what the sweeper asks: whether any work is past its time.
    pub(super) async fn sweep(&mut self) -> Result<(), Fault> {
        let now = self.now();
        let readers = self.gateway()?.store.readers().clone();
        let stuck = readers.find_stuck(now - PAST_ITS_TIME, now - LEASE).await;
        let stuck = stuck.map_err(Fault::other)?;
        let counts = [
            stuck.timers,
            stuck.deliveries,
            stuck.attempts,
            stuck.inbound,
        ];
        let found: i64 = counts.into_iter().sum();
        self.tally.stuck += u64::try_from(found).unwrap_or(0);
        Ok(())
    }

    /// What waits to be recorded is offered again as soon as the clock moves.
    async fn has_room(&mut self) -> Result<(), Fault> {
        self.full = false;
        (self.watch_said, self.delivery_said) = (None, None);
        self.gateway()?.set_full(false);
        if self.in_limbo {
            self.in_limbo = false;
            let soon = self.now() + SignedDuration::from_secs(1);
            self.site.clock.advance_to(soon);
        }
        Ok(())
    }

    /// Whether a Key Adult's address is refused for good, for a fortnight at a time.
    fn is_gone(&self, address: &str, now: Timestamp) -> bool {
        if !self.county.may_be_gone(address) {
            return false;
        }
        let fortnight = now.as_second() / (14 * 24 * 3600);
        Dice::of(self.seed, &format!("{address} {fortnight}")).happens(self.faults / 100)
    }
}
