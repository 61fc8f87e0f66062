//! The simulated world's end of [`Carrier`]: an attempt waits here until the world says how it ended.

use super::dice::Dice;
use super::script::{Script, Strike, Window};
use crate::delivery::Envelope;
use crate::delivery::carrier::Carrier;
use crate::referral::attempt::{AttemptResult, AttemptWhy, Attempted, Phase};
use crate::referral::school::RouteName;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};

/// An attempt that said MAIL and waits for its outcome.
#[derive(Debug, Clone)]
pub(super) struct Parked {
    pub(super) route: RouteName,
    /// None: it knocks, and carries nothing.
    pub(super) carries: Option<Carried>,
}

/// What an attempt carries.
#[derive(Debug, Clone)]
pub(super) struct Carried {
    pub(super) envelope: Envelope,
    pub(super) letter: Arc<[u8]>,
}

/// How an attempt goes, as the script has it.
#[derive(Debug, Clone)]
pub(super) struct Course {
    /// When it ends.
    pub(super) ends: Timestamp,
    pub(super) attempted: Attempted,
    /// The relay has the letter, whatever we are told.
    pub(super) taken: bool,
    /// What struck it.
    pub(super) struck: Option<Strike>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    /// Come since the world looked.
    fresh: Vec<(u64, Parked)>,
    waiting: BTreeMap<u64, oneshot::Sender<Attempted>>,
}

/// All attempts that wait. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Quay {
    state: Arc<Mutex<State>>,
    came: Arc<Notify>,
}

impl Quay {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// Those that came since this was asked last, in order.
    pub(super) fn take_fresh(&self) -> Vec<(u64, Parked)> {
        std::mem::take(&mut self.state().fresh)
    }

    /// Waits until one comes.
    pub(super) async fn one_comes(&self) {
        self.came.notified().await;
    }

    /// Waits until the world says how it ended.
    async fn park(&self, parked: Parked) -> Attempted {
        let outcome = {
            let mut state = self.state();
            state.last += 1;
            let (number, (sender, outcome)) = (state.last, oneshot::channel());
            state.fresh.push((number, parked));
            state.waiting.insert(number, sender);
            outcome
        };
        self.came.notify_one();
        // The world drops an attempt only together with the daemon.
        let lost = |_| {
            let (result, why) = (AttemptResult::Unknown, AttemptWhy::ConnectionLost);
            attempted(result, Phase::Body, why, None)
        };
        outcome.await.unwrap_or_else(lost)
    }

    /// Lets one go with its outcome. False: it is gone, with the daemon that made it.
    pub(super) fn release(&self, number: u64, attempted: Attempted) -> bool {
        let waiting = self.state().waiting.remove(&number);
        waiting.is_some_and(|waiting| waiting.send(attempted).is_ok())
    }

    /// Forgets all: the daemon is gone.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.fresh.clear();
        state.waiting.clear();
    }
}

impl Carrier for Quay {
    async fn attempt(
        &self,
        route: &RouteName,
        envelope: &Envelope,
        letter: &[u8],
        still_wanted: impl Future<Output = bool> + Send,
    ) -> Attempted {
        if !still_wanted.await {
            let (result, why) = (AttemptResult::Later, AttemptWhy::CaseEnded);
            return attempted(result, Phase::Daemon, why, None);
        }
        self.park(Parked {
            route: route.clone(),
            carries: Some(Carried {
                envelope: envelope.clone(),
                letter: letter.into(),
            }),
        })
        .await
    }

    async fn knock(&self, route: &RouteName) -> Result<(), Box<Attempted>> {
        let route = route.clone();
        let ended = self.park(Parked {
            route,
            carries: None,
        });
        let ended = ended.await;
        if ended.met_a_relay() {
            Ok(())
        } else {
            Err(Box::new(ended))
        }
    }

    async fn close_idle(&self) {}

    async fn close(&self) {}
}

/// How an attempt that begins at `now` goes.
pub(super) fn course(
    script: &Script,
    route: &RouteName,
    now: Timestamp,
    is_gone: bool,
    dice: &Dice,
) -> Course {
    if let Some(window) = script.strikes(route, now) {
        return struck(window.what, now, dice);
    }
    let ends = now + SignedDuration::from_millis(dice.spread(200, 4_000));
    match script.next_strike(route, now) {
        Some(window) if window.from < ends => cut_short(window, dice),
        Some(_) | None if is_gone => Course {
            ends,
            attempted: reply(AttemptResult::Never, Phase::Rcpt, 550),
            taken: false,
            struck: None,
        },
        Some(_) | None => taken(ends, None),
    }
}

fn taken(ends: Timestamp, struck: Option<Strike>) -> Course {
    Course {
        ends,
        attempted: reply(AttemptResult::Done, Phase::Body, 250),
        taken: true,
        struck,
    }
}

/// A window opens while a letter is under way.
fn cut_short(window: Window<Strike>, dice: &Dice) -> Course {
    if window.what == Strike::LastReplyLost {
        return struck(window.what, window.from, dice);
    }
    let why = AttemptWhy::ConnectionLost;
    Course {
        ends: window.from,
        attempted: attempted(AttemptResult::Later, Phase::Data, why, None),
        taken: false,
        struck: Some(window.what),
    }
}

fn struck(what: Strike, now: Timestamp, dice: &Dice) -> Course {
    use AttemptResult::{Later, Unknown};
    let quickly = dice.spread(10, 2_000);
    let slowly = dice.between(20_000, 60_000);
    let (after, attempted, taken) = match what {
        Strike::Down => {
            let why = AttemptWhy::Unreachable;
            (quickly, attempted(Later, Phase::Connect, why, None), false)
        }
        Strike::Silent(phase) => {
            let why = AttemptWhy::Timeout;
            (slowly, attempted(Later, phase, why, None), false)
        }
        Strike::Slow => {
            let after = dice.between(30_000, 250_000);
            let done = reply(AttemptResult::Done, Phase::Body, 250);
            (after, done, true)
        }
        Strike::Refuses(phase) => (quickly, reply(Later, phase, 451), false),
        Strike::Cuts(phase) => {
            let why = AttemptWhy::ConnectionLost;
            (quickly, attempted(Later, phase, why, None), false)
        }
        Strike::WrongCode(phase) => (quickly, reply(Later, phase, 252), false),
        Strike::LastReplyLost => {
            let why = AttemptWhy::ConnectionLost;
            let unknown = attempted(Unknown, Phase::Body, why, None);
            (quickly, unknown, dice.below(10) < 7)
        }
    };
    Course {
        ends: now + SignedDuration::from_millis(after),
        attempted,
        taken,
        struck: Some(what),
    }
}

fn reply(result: AttemptResult, phase: Phase, code: u16) -> Attempted {
    attempted(result, phase, AttemptWhy::Reply, Some(code))
}

fn attempted(result: AttemptResult, phase: Phase, why: AttemptWhy, code: Option<u16>) -> Attempted {
    Attempted {
        result,
        phase,
        why,
        code,
        enhanced: None,
        tls: None,
        words: b"as simulated".to_vec(),
    }
}
