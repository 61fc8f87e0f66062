//! A route as its operators see it: whether its relay is there, whether it may be used, and why not.

use super::attempt::{AttemptWhy, Phase, TlsFacts};
use super::post::words;
use super::school::RouteName;
use jiff::Timestamp;

words! {
    /// Whether a route's relay can be reached, as far as is known.
    BreakerState {
        /// It could be: letters go.
        Closed = "closed",
        /// It could not: nothing is claimed for this route until it answers again.
        Open = "open",
        /// It is being tried: by a connection without a letter, then by one letter.
        HalfOpen = "half_open",
    }
    /// Why an operator suspends a route, or resumes it.
    SuspendReason {
        /// The relay is being worked on.
        Maintenance = "maintenance",
        /// Its key, its host or somebody's account may be in wrong hands.
        Compromise = "compromise",
        /// Its certificate, or ours.
        Certificate = "certificate",
        /// Whoever runs it asks for it.
        AskedByRelay = "asked_by_relay",
        /// A rehearsal.
        Test = "test",
        /// What it was for is over.
        Over = "over",
        /// Something else: say it in the note.
        Other = "other",
    }
}

/// What delivery knows of a route. Since the daemon's start, and nothing personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteHealth {
    /// Which.
    pub route: RouteName,
    /// Whether its relay is there.
    pub breaker: BreakerState,
    /// While it is open: since when.
    pub open_since: Option<Timestamp>,
    /// While its relay answers and takes nothing, so that only scouts go: since when.
    pub scouts_since: Option<Timestamp>,
    /// Connections it may have at once.
    pub connections: usize,
    /// Attempts under way.
    pub busy: usize,
    /// When a letter was last taken, or the relay last found to be there.
    pub last_success: Option<Timestamp>,
    /// How the last attempt ended that came to nothing.
    pub last_failure: Option<RouteFailure>,
    /// Until when the relay's certificates are valid, as it last showed them.
    pub peer_until: Option<Timestamp>,
}

impl RouteHealth {
    /// A route that nothing is known of yet.
    pub fn new(route: RouteName, connections: usize) -> Self {
        Self {
            route,
            breaker: BreakerState::Closed,
            open_since: None,
            scouts_since: None,
            connections,
            busy: 0,
            last_success: None,
            last_failure: None,
            peer_until: None,
        }
    }
}

/// How an attempt came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteFailure {
    /// When.
    pub at: Timestamp,
    /// How far it came.
    pub phase: Phase,
    /// Why.
    pub why: AttemptWhy,
    /// The reply code, when a reply decided.
    pub code: Option<u16>,
}

/// What a probe found: everything that an attempt does before MAIL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// A letter could be handed over.
    Ready {
        /// What the handshake proved.
        tls: TlsFacts,
        /// What the relay offers, of what matters here.
        offers: Vec<String>,
    },
    /// It could not.
    Failed {
        /// How far it came.
        phase: Phase,
        /// Why.
        why: AttemptWhy,
        /// The reply code, when a reply decided.
        code: Option<u16>,
        /// Its enhanced status code.
        enhanced: Option<String>,
        /// What the handshake proved, when there was one.
        tls: Option<TlsFacts>,
    },
}
