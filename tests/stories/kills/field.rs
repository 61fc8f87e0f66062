//! What senders, relays and the killer share: the journals that judge, and what is under way.

use super::PATIENCE;
use super::mails::{Letter, What};
use firstbell::clock::Clock;
use jiff::Timestamp;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Schools write no more once there are so many: the daemon lists a thousand.
const MAILS_MAX: usize = 900;

/// One try of a post, as its sender saw it.
pub(super) struct Try {
    /// Which referral.
    pub(super) number: u32,
    /// None: the connection died first.
    pub(super) answer: Option<Answer>,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) replayed: bool,
    pub(super) body: Vec<u8>,
}

/// One SMTP transaction, as the relay saw it, begun by MAIL.
pub(super) struct Transaction {
    pub(super) route: &'static str,
    /// When MAIL was heard.
    pub(super) mail_at: Timestamp,
    /// The MAIL command, with its ENVID.
    pub(super) mail: String,
    pub(super) recipient: String,
    /// What was heard of the letter, dots unstuffed.
    pub(super) bytes: Vec<u8>,
    /// Its final dot was heard.
    pub(super) complete: bool,
    pub(super) end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Between MAIL and its reply.
    Open,
    /// "250" was sent after the final dot.
    Taken,
    /// The connection died first.
    Lost,
}

/// One mail of a school, as its relay saw it.
pub(super) struct Sent {
    pub(super) letter: Letter,
    pub(super) what: What,
    /// How often it was written whole, and no answer came.
    pub(super) unanswered: u32,
    /// "250" was heard.
    pub(super) taken: bool,
}

#[derive(Default)]
pub(super) struct State {
    /// In order of time.
    pub(super) tries: Vec<Try>,
    /// In order of MAIL.
    pub(super) transactions: Vec<Transaction>,
    /// In order of their writing.
    pub(super) mails: Vec<Sent>,
    /// Letters taken and not yet read by a school, each once.
    arrived: VecDeque<Letter>,
    seen: BTreeSet<String>,
    /// Posts written and not answered.
    pub(super) unanswered: u32,
    /// Letters between MAIL and its reply.
    pub(super) between: u32,
    /// Mails written and not answered.
    pub(super) mails_unanswered: u32,
    /// The daemon's run that listens; none while none does.
    listens: Option<u32>,
    runs: u32,
    /// No new referrals; those under way are posted until they are answered.
    finishing_since: Option<Instant>,
    /// The story has failed elsewhere.
    failed: bool,
}

#[derive(Default)]
pub(super) struct Field {
    state: Mutex<State>,
    changed: Condvar,
}

impl Field {
    /// Nobody else notes anything while this is held.
    pub(super) fn hold(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.hold());
        self.changed.notify_all();
        changed
    }

    /// Waits until it is so; false when it was not within the time given.
    pub(super) fn wait(&self, ms: u64, so: impl Fn(&State) -> bool) -> bool {
        let limit = std::time::Duration::from_millis(ms);
        let waited = self
            .changed
            .wait_timeout_while(self.hold(), limit, |state| !so(state));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    pub(super) fn daemon_listens(&self) {
        self.change(|state| {
            state.runs += 1;
            state.listens = Some(state.runs);
        });
    }

    pub(super) fn finish(&self) {
        self.change(|state| state.finishing_since = Some(Instant::now()));
    }

    pub(super) fn fail(&self) {
        self.change(|state| state.failed = true);
    }

    pub(super) fn posting(&self) -> bool {
        let state = self.hold();
        !state.failed && state.finishing_since.is_none()
    }

    /// Waits for a daemon to post to, and gives its run; none when the story has failed.
    pub(super) fn daemon(&self) -> Option<u32> {
        loop {
            self.wait(1_000, |state| state.failed || state.listens.is_some());
            let state = self.hold();
            if state.failed {
                return None;
            }
            let late = state.finishing_since.map(|since| since.elapsed());
            assert!(late.is_none_or(|late| late < PATIENCE), "still unanswered");
            if let Some(run) = state.listens {
                return Some(run);
            }
        }
    }

    pub(super) fn post_written(&self) {
        self.change(|state| state.unanswered += 1);
    }

    pub(super) fn post_ended(&self, number: u32, answer: Option<Answer>) {
        self.change(|state| {
            state.unanswered -= 1;
            state.tries.push(Try { number, answer });
        });
    }

    /// Begins a transaction and gives its place.
    pub(super) fn mail(&self, route: &'static str, mail: String) -> usize {
        self.change(|state| {
            state.between += 1;
            state.transactions.push(Transaction {
                route,
                mail_at: Clock::system().now(),
                mail,
                recipient: String::new(),
                bytes: Vec::new(),
                complete: false,
                end: End::Open,
            });
            state.transactions.len() - 1
        })
    }

    pub(super) fn note(&self, place: usize, note: impl FnOnce(&mut Transaction)) {
        self.change(|state| note(&mut state.transactions[place]));
    }

    pub(super) fn end(&self, place: usize, end: End) {
        self.change(|state| {
            state.between -= 1;
            state.transactions[place].end = end;
            let taken = Some(&state.transactions[place]).filter(|_| end == End::Taken);
            if let Some(letter) = taken.and_then(Letter::read)
                && state.seen.insert(letter.message_id.clone())
            {
                state.arrived.push_back(letter);
            }
        });
    }

    /// Waits for a letter that no school has read; none once there are mails enough, or the story
    /// comes to its end.
    pub(super) fn letter(&self) -> Option<Letter> {
        let over = |state: &State| {
            state.failed || state.finishing_since.is_some() || state.mails.len() >= MAILS_MAX
        };
        loop {
            self.wait(1_000, |state| over(state) || !state.arrived.is_empty());
            let mut state = self.hold();
            if over(&state) {
                return None;
            }
            let letter = state.arrived.pop_front();
            if letter.is_some() {
                return letter;
            }
        }
    }

    /// Begins a mail and gives its place.
    pub(super) fn mail_begun(&self, letter: Letter, what: What) -> usize {
        self.change(|state| {
            state.mails.push(Sent {
                letter,
                what,
                unanswered: 0,
                taken: false,
            });
            state.mails.len() - 1
        })
    }

    pub(super) fn mail_written(&self) {
        self.change(|state| state.mails_unanswered += 1);
    }

    /// The relay heard 250, another reply, or none. What this run of the daemon said is lost when it
    /// was killed before it was heard.
    pub(super) fn mail_ended(&self, place: usize, run: u32, reply: Option<u16>) -> bool {
        self.change(|state| {
            state.mails_unanswered -= 1;
            let reply = reply.filter(|_| state.listens == Some(run));
            let mail = &mut state.mails[place];
            mail.taken = reply == Some(250);
            mail.unanswered += u32::from(reply.is_none());
            mail.taken
        })
    }
}

impl State {
    /// What the killer says once nobody answers any more.
    pub(super) fn daemon_is_gone(&mut self) {
        self.listens = None;
    }
}
