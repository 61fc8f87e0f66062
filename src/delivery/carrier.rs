//! The way out to the world: one attempt at a time, over kept connections, per route.

use super::connection::{Connection, Patience};
use super::dialogue::{CanonicalLetter, Ending};
use super::relay::Relay;
pub use super::relay::{RouteFault, RouteFaultWhy};
use super::{Envelope, Limits, Route};
use crate::referral::attempt::{AttemptResult, AttemptWhy, Attempted, Phase};
use crate::referral::route::Probed;
use crate::referral::school::RouteName;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
use tokio::time::timeout_at;

/// How letters reach the world: over SMTP, or in a simulation's.
pub trait Carrier: fmt::Debug + Send + Sync + 'static {
    /// Hands one letter to a route's relay. Ends within the route's whole limit. The bytes are sent
    /// as they are, or not at all; not even MAIL is said unless `still_wanted`, asked at the last moment.
    fn attempt(
        &self,
        route: &RouteName,
        envelope: &Envelope,
        letter: &[u8],
        still_wanted: impl Future<Output = bool> + Send,
    ) -> impl Future<Output = Attempted> + Send;

    /// Does all that an attempt does before MAIL, to learn whether the route's relay is there. Nothing
    /// is sent; what is found good may be kept for the next letter.
    fn knock(&self, route: &RouteName) -> impl Future<Output = Result<(), Box<Attempted>>> + Send;

    /// Closes the connections that were kept long enough. To be called now and then.
    fn close_idle(&self) -> impl Future<Output = ()> + Send;

    /// Closes every kept connection. Attempts under way keep theirs.
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// One carrier in several hands: the stage's, and those of whoever probes.
impl<C: Carrier> Carrier for Arc<C> {
    async fn attempt(
        &self,
        route: &RouteName,
        envelope: &Envelope,
        letter: &[u8],
        still_wanted: impl Future<Output = bool> + Send,
    ) -> Attempted {
        C::attempt(self, route, envelope, letter, still_wanted).await
    }

    async fn knock(&self, route: &RouteName) -> Result<(), Box<Attempted>> {
        C::knock(self, route).await
    }

    async fn close_idle(&self) {
        C::close_idle(self).await;
    }

    async fn close(&self) {
        C::close(self).await;
    }
}

/// Carries letters over SMTP. An attempt is dropped safely at any point: its connection goes with
/// it, and what it had handed over is then as unknown as after a crash.
pub struct SmtpCarrier {
    ways: BTreeMap<RouteName, Way>,
}

struct Way {
    relay: Relay,
    /// As many as the route allows connections.
    slots: Semaphore,
    /// Never more than there are slots: a connection is opened only when none is kept.
    kept: Mutex<Vec<Connection>>,
    /// Held by whoever probes.
    probing: tokio::sync::Mutex<()>,
}

impl SmtpCarrier {
    /// Reads every route's files; the first fault found.
    ///
    /// `host_name` is what we call ourselves in EHLO.
    pub fn new(host_name: &str, routes: &[Route]) -> Result<Self, RouteFault> {
        let mut ways = BTreeMap::new();
        for route in routes {
            let fault = |why| RouteFault {
                route: route.name.clone(),
                why,
            };
            let way = Way {
                relay: Relay::load(host_name, route).map_err(fault)?,
                slots: Semaphore::new(route.connections.min(Semaphore::MAX_PERMITS)),
                kept: Mutex::default(),
                probing: tokio::sync::Mutex::default(),
            };
            if ways.insert(route.name.clone(), way).is_some() {
                return Err(fault(RouteFaultWhy::SameName));
            }
        }
        Ok(Self { ways })
    }

    /// Goes as far as an attempt goes before MAIL, on a fresh connection, and says what it met. It has
    /// a connection beside the route's own, one at a time, so that no letter waits for it. It takes
    /// no longer than `within`. None: no such route.
    pub async fn probe(&self, route: &RouteName, within: Duration) -> Option<Probed> {
        let way = self.ways.get(route)?;
        let limits = way.relay.route.limits;
        let whole = limits.whole.min(within);
        let patience = Patience::new(Limits { whole, ..limits });
        let timed_out = || Box::new(not_connected(AttemptWhy::Timeout));
        let probed = match timeout_at(patience.ends(), way.probing.lock()).await {
            Ok(_alone) => Connection::open(&way.relay, patience).await,
            Err(_) => Err(timed_out()),
        };
        Some(match probed {
            Ok(connection) => {
                let (tls, offers) = (connection.tls().clone(), connection.offered().words());
                connection.quit(patience).await;
                Probed::Ready { tls, offers }
            }
            Err(attempted) => Probed::Failed {
                phase: attempted.phase,
                why: attempted.why,
                code: attempted.code,
                enhanced: attempted.enhanced,
                tls: attempted.tls,
            },
        })
    }

    async fn quit_where(&self, ends: impl Fn(&Way, &Connection) -> bool) {
        let mut closing = JoinSet::new();
        for way in self.ways.values() {
            let mut kept = way.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let patience = Patience::new(way.relay.route.limits);
            for connection in kept.extract_if(.., |connection| ends(way, connection)) {
                closing.spawn(connection.quit(patience));
            }
        }
        while closing.join_next().await.is_some() {}
    }
}

impl Carrier for SmtpCarrier {
    /// The wait for a free connection is within the route's whole limit.
    async fn attempt(
        &self,
        route: &RouteName,
        envelope: &Envelope,
        letter: &[u8],
        still_wanted: impl Future<Output = bool> + Send,
    ) -> Attempted {
        let Some(letter) = CanonicalLetter::parse(letter) else {
            return letter_bad();
        };
        let Some(way) = self.ways.get(route) else {
            return not_connected(AttemptWhy::NoSuchRoute);
        };
        let patience = Patience::new(way.relay.route.limits);
        let Some(_slot) = way.slot(patience).await else {
            return not_connected(AttemptWhy::Timeout);
        };
        let mut connection = match way.connection(patience).await {
            Ok(connection) => connection,
            Err(attempted) => return *attempted,
        };
        let attempted = if still_wanted.await {
            connection.hand_over(envelope, letter, patience).await
        } else {
            let tls = connection.tls().clone();
            Ending::later(Phase::Daemon, AttemptWhy::CaseEnded).with(Some(tls))
        };
        if connection.may_be_kept() {
            way.keep(connection);
        }
        attempted
    }

    /// Those kept before are given up: the relay they led to was not there.
    async fn knock(&self, route: &RouteName) -> Result<(), Box<Attempted>> {
        let Some(way) = self.ways.get(route) else {
            return Err(Box::new(not_connected(AttemptWhy::NoSuchRoute)));
        };
        let patience = Patience::new(way.relay.route.limits);
        let Some(_slot) = way.slot(patience).await else {
            return Err(Box::new(not_connected(AttemptWhy::Timeout)));
        };
        while way.take_kept().is_some() {}
        let connection = Connection::open(&way.relay, patience).await?;
        way.keep(connection);
        Ok(())
    }

    async fn close_idle(&self) {
        self.quit_where(|way, connection| connection.is_spent(&way.relay.route))
            .await;
    }

    /// Says QUIT.
    async fn close(&self) {
        self.quit_where(|_, _| true).await;
    }
}

impl fmt::Debug for SmtpCarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpCarrier")
            .field("routes", &self.ways.keys())
            .finish()
    }
}

impl Way {
    /// A turn at one of the route's connections; none when the attempt's time is up.
    async fn slot(&self, patience: Patience) -> Option<SemaphorePermit<'_>> {
        let slot = timeout_at(patience.ends(), self.slots.acquire()).await;
        slot.ok().and_then(Result::ok)
    }

    /// A kept connection that is still good, or a fresh one. One dead one is reason enough not to
    /// try the others: they have probably died together.
    async fn connection(&self, patience: Patience) -> Result<Connection, Box<Attempted>> {
        if let Some(mut connection) = self.take_kept() {
            if connection.is_spent(&self.relay.route) {
                connection.quit(patience).await;
            } else if connection.is_alive(patience).await {
                return Ok(connection);
            }
        }
        Connection::open(&self.relay, patience).await
    }

    /// The one used last, so that those not needed grow idle.
    fn take_kept(&self) -> Option<Connection> {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    fn keep(&self, connection: Connection) {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
    }
}

fn not_connected(why: AttemptWhy) -> Attempted {
    Ending::later(Phase::Connect, why).with(None)
}

/// The same bytes would be as bad the next time.
fn letter_bad() -> Attempted {
    let why = AttemptWhy::LetterBad;
    Ending::new(AttemptResult::Never, Phase::Connect, why, b"").with(None)
}
