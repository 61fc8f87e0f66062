//! What may go over a route now: its places, who has them, its breaker, its scouts, and the first
//! seconds after a start.

use super::Route;
use super::asked::Asked;
use super::breaker::{Breaker, May, Met, part};
use super::scouts::{Again, Scouts};
use crate::referral::attempt::{AttemptResult, Attempted, Phase};
use crate::referral::fact::Message;
use crate::referral::route::{BreakerState, RouteFailure, RouteHealth};
use crate::store::Room;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// After a start, where letters wait for it, one place opens at once and the others by chance over this
/// long: a daemon that is started again and again must not come down on the relay with all its
/// connections each time, and must still get something done in each of its short lives.
const SPREAD: Duration = Duration::from_secs(2);
/// A letter whose last safe moment is nearer than this is not made to wait for that.
const LITTLE_SLACK: SignedDuration = SignedDuration::from_hours(1);
/// That a relay is away is written down this often: it is believed for two minutes longer than a lease.
const TELLS_AGAIN: Duration = Duration::from_mins(5);
const TELLS_AGAIN_MIN: Duration = Duration::from_mins(1);
/// A note has a route's only connection for so long at most, and is then ended: so long, and
/// no longer, may a letter that comes meanwhile have to wait for it. It takes a second where all is well.
const ALONE_WITHIN: Duration = Duration::from_secs(15);

/// How long an attempt may take at most: the lease, which outlasts every limit of the route; less for
/// notes, which would keep letters from the only connection. Nudges go where no letter does.
pub(super) fn within(route: &Route, message: Message, lease: Duration) -> Duration {
    match message {
        Message::Letter | Message::Nudge | Message::OfficeNudge => lease,
        Message::Receipt | Message::AfterCall | Message::NotCounted if route.connections == 1 => {
            lease.min(ALONE_WITHIN)
        }
        Message::Receipt | Message::AfterCall | Message::NotCounted => lease,
    }
}

/// One route's gate.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) route: Route,
    breaker: Breaker,
    scouts: Scouts,
    /// Attempts under way with letters, and with anything else.
    letters: usize,
    others: usize,
    opens: Opens,
    health: RouteHealth,
    pub(super) asked: Asked,
    /// When it was last written down that its relay is away.
    told: Option<Duration>,
}

/// When places may be used for the first time.
#[derive(Debug)]
enum Opens {
    /// Nobody has looked yet whether anything waits.
    NotBegun,
    /// Each at its instant, soonest first.
    At(Vec<Duration>),
    All,
}

/// What to do for a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Do {
    /// Claim.
    Claim {
        /// Into this room.
        room: Room,
        /// As the one letter that tries a relay out.
        alone: bool,
    },
    /// Knock.
    Knock,
    /// Nothing; look again after so long, or when something has ended.
    Wait(Option<Duration>),
}

impl Gate {
    pub(super) fn new(route: Route) -> Self {
        Self {
            breaker: Breaker::new(),
            scouts: Scouts::default(),
            letters: 0,
            others: 0,
            opens: Opens::NotBegun,
            health: RouteHealth::new(route.name.clone(), route.connections),
            asked: Asked::default(),
            told: None,
            route,
        }
    }

    /// Looked at for the first time: with nothing to send there is nothing to spread.
    pub(super) fn begin(&mut self, a_backlog: bool, now: Duration, random: impl FnMut() -> u64) {
        if !matches!(self.opens, Opens::NotBegun) {
            return;
        }
        self.opens = if a_backlog {
            let draws = std::iter::repeat_with(random).take(self.route.connections);
            let mut at: Vec<_> = draws.map(|draw| now + part(SPREAD, draw)).collect();
            if let Some(first) = at.first_mut() {
                *first = now;
            }
            at.sort_unstable();
            Opens::At(at)
        } else {
            Opens::All
        };
    }

    /// What something that is due asks for.
    pub(super) fn next(&mut self, now: Duration, civil: Timestamp) -> Do {
        let free = self.free();
        let alone = match self.breaker.may(now, self.route.connections) {
            May::Knock => return Do::Knock,
            May::Wait(left) => return Do::Wait(Some(left)),
            May::Await => return Do::Wait(None),
            May::ClaimOne => true,
            May::ClaimAll => false,
        };
        if free == 0 {
            return Do::Wait(None);
        }
        let places = if alone { 1 } else { free };
        let again = match self.scouts.may(now) {
            Again::All => None,
            // What tries a relay out alone is a scout in any case.
            Again::Scout | Again::Wait(_) if alone => None,
            Again::Scout => Some(1),
            Again::Wait(_) => Some(0),
        };
        let (open, _) = self.opened(now);
        let busy = self.letters.saturating_add(self.others);
        let room = match open.saturating_sub(busy).min(places) {
            // None of the places that are open is free: only for who cannot wait.
            0 => Room {
                places,
                others: 0,
                again,
                scout: self.scouts.turn(),
                safe_before: Some(civil.checked_add(LITTLE_SLACK).unwrap_or(Timestamp::MAX)),
            },
            open => Room {
                places: open,
                others: self.for_others(),
                again,
                scout: self.scouts.turn(),
                safe_before: None,
            },
        };
        Do::Claim { room, alone }
    }

    /// How long until another place may be used for the first time, or the next scout goes.
    pub(super) fn opens_after(&mut self, now: Duration) -> Option<Duration> {
        let scout = match self.scouts.may(now) {
            Again::Wait(left) => Some(left),
            Again::All | Again::Scout => None,
        };
        self.opened(now).1.into_iter().chain(scout).min()
    }

    /// Letters whose last safe moment is before this hold back what is no letter, even while they are
    /// not due: on a route with one connection, which they would have to wait for.
    pub(super) fn held_back_before(&self, civil: Timestamp) -> Option<Timestamp> {
        let soon = || civil.checked_add(LITTLE_SLACK).unwrap_or(Timestamp::MAX);
        (self.route.connections == 1).then(soon)
    }

    /// Whoever it is for has taken its place.
    pub(super) fn claimed(&mut self, is_letter: bool, alone: bool, now: Duration) {
        if alone {
            self.breaker.tried(now);
        }
        *self.count(is_letter) += 1;
    }

    /// Whoever took a place was tried before.
    pub(super) fn sent_again(&mut self, now: Duration, random: u64) {
        self.scouts.sent(now, random);
    }

    /// A knock begins. Says whether it is to be written down when it meets nobody.
    pub(super) fn knocking(&mut self, now: Duration, lease: Duration) -> bool {
        self.breaker.knocking(now);
        let again = TELLS_AGAIN.min(lease.saturating_add(TELLS_AGAIN_MIN));
        let tells = self
            .told
            .is_none_or(|told| now.saturating_sub(told) >= again);
        if tells {
            self.told = Some(now);
        }
        tells
    }

    pub(super) fn knocked(
        &mut self,
        failure: Option<&Attempted>,
        (now, civil): (Duration, Timestamp),
        random: u64,
    ) {
        let met = failure.map_or(Met::Relay, Met::of);
        self.breaker.knocked(met, now, random);
        match failure {
            None => self.health.last_success = Some(civil),
            Some(attempted) => self.note(attempted, civil),
        }
        self.look(civil);
    }

    /// An attempt has ended.
    pub(super) fn ended(
        &mut self,
        (is_letter, alone): (bool, bool),
        attempted: &Attempted,
        (now, civil): (Duration, Timestamp),
        random: u64,
    ) {
        let count = self.count(is_letter);
        *count = count.saturating_sub(1);
        self.breaker.ended(alone, Met::of(attempted), now, random);
        self.scouts.ended(attempted, now, random);
        self.note(attempted, civil);
        self.look(civil);
    }

    /// What is known of the route.
    pub(super) fn health(&self) -> RouteHealth {
        RouteHealth {
            breaker: self.breaker.state(),
            busy: self.letters.saturating_add(self.others),
            ..self.health.clone()
        }
    }

    fn free(&self) -> usize {
        let busy = self.letters.saturating_add(self.others);
        self.route.connections.saturating_sub(busy)
    }

    /// Notes and whatever else names no child leave one connection alone, where there are two: a
    /// letter never waits for a note to end.
    fn for_others(&self) -> usize {
        let most = self.route.connections.saturating_sub(1).max(1);
        most.saturating_sub(self.others)
    }

    fn count(&mut self, is_letter: bool) -> &mut usize {
        if is_letter {
            &mut self.letters
        } else {
            &mut self.others
        }
    }

    /// How many places may be used, and how long until there is another.
    fn opened(&mut self, now: Duration) -> (usize, Option<Duration>) {
        let Opens::At(at) = &self.opens else {
            return (self.route.connections, None);
        };
        let open = at.iter().take_while(|at| **at <= now).count();
        let next = at.get(open).map(|at| at.saturating_sub(now));
        if next.is_none() {
            self.opens = Opens::All;
        }
        (open, next)
    }

    fn note(&mut self, attempted: &Attempted, civil: Timestamp) {
        if let Some(until) = attempted.tls.as_ref().and_then(|tls| tls.peer_until) {
            self.health.peer_until = Some(until);
        }
        match (attempted.result, attempted.phase) {
            (AttemptResult::Done, _) => self.health.last_success = Some(civil),
            // Ours, or one letter's.
            (_, Phase::Daemon) | (AttemptResult::Never, _) => {}
            (AttemptResult::Later | AttemptResult::Unknown, phase) => {
                self.health.last_failure = Some(RouteFailure {
                    at: civil,
                    phase,
                    why: attempted.why,
                    code: attempted.code,
                });
            }
        }
    }

    fn look(&mut self, civil: Timestamp) {
        match self.breaker.state() {
            BreakerState::Closed => self.health.open_since = None,
            BreakerState::Open | BreakerState::HalfOpen => {
                self.health.open_since.get_or_insert(civil);
            }
        }
        if self.scouts.alone() {
            self.health.scouts_since.get_or_insert(civil);
        } else {
            self.health.scouts_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Limits, Roots, TlsMode};
    use crate::referral::attempt::AttemptWhy;
    use crate::referral::school::RouteName;
    use crate::tls::TlsFloor;

    fn gate(connections: usize) -> Gate {
        let long = Duration::from_mins(1);
        Gate::new(Route {
            name: RouteName::parse("cjsm").unwrap(),
            host: "relay.test".to_owned(),
            port: 25,
            tls: TlsMode::Implicit,
            floor: TlsFloor::V12,
            roots: Roots::System,
            client: None,
            login: None,
            connections,
            idle: long,
            letters_per_connection: 1,
            limits: Limits {
                connect: long,
                handshake: long,
                command: long,
                body: long,
                whole: long,
            },
            plus_addressing: false,
        })
    }

    fn evening() -> Timestamp {
        "2026-11-22T19:05:00Z".parse().unwrap()
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[track_caller]
    fn room(gate: &mut Gate, seconds: u64) -> Room {
        match gate.next(at(seconds), evening()) {
            Do::Claim { room, .. } => room,
            other @ (Do::Knock | Do::Wait(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_letter_never_has_the_last_connection() {
        for (connections, most) in [(4, 3), (2, 1), (1, 1)] {
            let mut gate = gate(connections);
            gate.begin(false, at(0), || 0);
            for taken in 0..most {
                assert_eq!(room(&mut gate, 0).others, most - taken);
                gate.claimed(false, false, Duration::ZERO);
            }
            if connections > most {
                let left = room(&mut gate, 0);
                assert_eq!((left.places, left.others), (1, 0));
                gate.claimed(true, false, Duration::ZERO);
            }
            assert_eq!(gate.next(at(0), evening()), Do::Wait(None), "all are busy");
        }
    }

    #[test]
    fn a_note_has_the_only_connection_for_a_quarter_of_a_minute_and_not_while_a_letter_waits() {
        let lease = Duration::from_mins(10);
        for (connections, message, most) in [
            (1, Message::Receipt, ALONE_WITHIN),
            (1, Message::Nudge, lease),
            (1, Message::Letter, lease),
            (2, Message::Receipt, lease),
        ] {
            let gate = gate(connections);
            assert_eq!(within(&gate.route, message, lease), most);
            let held_back = (connections == 1).then(|| evening() + LITTLE_SLACK);
            assert_eq!(gate.held_back_before(evening()), held_back);
        }
        assert_eq!(ALONE_WITHIN, at(15));
    }

    #[test]
    fn of_what_a_relay_refused_thrice_one_goes_at_a_time_and_what_is_new_as_ever() {
        let mut gate = gate(4);
        gate.begin(false, at(0), || 0);
        let refused = Attempted {
            result: AttemptResult::Later,
            phase: Phase::Rcpt,
            why: AttemptWhy::Reply,
            code: Some(451),
            enhanced: None,
            tls: None,
            words: Vec::new(),
        };
        for _ in 0..3 {
            assert_eq!(room(&mut gate, 100).again, None);
            gate.claimed(true, false, Duration::ZERO);
            gate.ended((true, false), &refused, (at(100), evening()), 0);
        }
        let waits = room(&mut gate, 100);
        assert_eq!((waits.places, waits.again), (4, Some(0)));
        assert_eq!(gate.opens_after(at(100)), Some(at(5)));
        assert_eq!(gate.health().scouts_since, Some(evening()));
        assert_eq!(room(&mut gate, 105).again, Some(1));
        assert_eq!(gate.opens_after(at(105)), None, "it is due, or nothing is");
        gate.claimed(true, false, Duration::ZERO);
        gate.sent_again(at(105), 0);
        assert_eq!(room(&mut gate, 105).again, Some(0));
        let taken = Attempted {
            result: AttemptResult::Done,
            code: Some(250),
            ..refused
        };
        gate.ended((true, false), &taken, (at(106), evening()), 0);
        assert_eq!(room(&mut gate, 106).again, None, "all may follow");
        assert_eq!(gate.health().scouts_since, None);
        assert_eq!(gate.health().breaker, BreakerState::Closed);
    }

    #[test]
    fn after_a_start_places_open_one_by_one_but_for_what_cannot_wait() {
        let mut draws = [u64::MAX, u64::MAX / 4 * 3, u64::MAX / 4].into_iter();
        let mut gate = gate(3);
        gate.begin(true, at(10), || draws.next().unwrap());
        assert_eq!(room(&mut gate, 10).places, 1, "one at once");
        gate.claimed(true, false, Duration::ZERO);
        let hurried = room(&mut gate, 10);
        let within = Some(evening() + LITTLE_SLACK);
        assert_eq!((hurried.places, hurried.others), (2, 0));
        assert_eq!(hurried.safe_before, within);
        let next = gate.opens_after(at(10)).unwrap();
        assert!(next <= SPREAD / 4 && next > SPREAD / 5, "{next:?}");
        assert_eq!(room(&mut gate, 11).places, 1);
        assert_eq!(room(&mut gate, 12).places, 2);
        assert_eq!(gate.opens_after(at(12)), None);
        let later = room(&mut gate, 12);
        assert_eq!((later.places, later.safe_before), (2, None));
    }

    #[test]
    fn without_a_backlog_nothing_waits_after_a_start() {
        let mut gate = gate(3);
        gate.begin(false, at(10), || u64::MAX);
        gate.begin(true, at(11), || u64::MAX);
        assert_eq!(room(&mut gate, 11).places, 3);
    }

    #[test]
    fn a_knock_is_asked_for_once_and_told_of() {
        let mut gate = gate(4);
        gate.begin(false, at(0), || 0);
        let attempted = Attempted {
            result: AttemptResult::Later,
            phase: Phase::Connect,
            why: AttemptWhy::Unreachable,
            code: None,
            enhanced: None,
            tls: None,
            words: Vec::new(),
        };
        for _ in 0..3 {
            gate.claimed(true, false, Duration::ZERO);
            gate.ended((true, false), &attempted, (at(0), evening()), 0);
        }
        let health = gate.health();
        assert_eq!(health.breaker, BreakerState::Open);
        assert_eq!((health.open_since, health.busy), (Some(evening()), 0));
        assert_eq!(health.last_failure.unwrap().why, AttemptWhy::Unreachable);
        assert_eq!(gate.next(at(1), evening()), Do::Knock);
        assert!(gate.knocking(at(1), at(600)), "it is written down");
        assert_eq!(gate.next(at(1), evening()), Do::Wait(Some(at(10))));
        assert_eq!(gate.next(at(11), evening()), Do::Knock, "the first hangs");
        let tells = [300, 301].map(|second| gate.knocking(at(second), at(600)));
        assert_eq!(tells, [false, true], "once in five minutes");
        gate.knocked(None, (at(1), evening()), 0);
        let Do::Claim { room, alone } = gate.next(at(1), evening()) else {
            panic!("one letter");
        };
        assert_eq!((room.places, alone), (1, true));
        gate.claimed(true, true, Duration::ZERO);
        let answered = Attempted {
            phase: Phase::Rcpt,
            why: AttemptWhy::Reply,
            code: Some(451),
            ..attempted
        };
        gate.ended((true, true), &answered, (at(1), evening()), 0);
        assert_eq!(gate.health().breaker, BreakerState::Closed, "it answered");
    }
}
