//! The book of open alarms: what a person has to be told, by which channel and when. Pure: it is given
//! what was seen and the instant, and says what to do.
//!
//! One condition is one alarm for as long as it lasts, however often it is seen; one that comes and
//! goes is over only when it has been gone for a while. What falls due together is told together.

use super::Pace;
use crate::referral::alarm::{AlarmChannel, AlarmHours, AlarmKind, Desks, may_be_told_at};
use crate::referral::id::AlarmId;
use crate::store::{AlarmLine, AlarmNote, NotActed, sha256};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A condition that is gone for so long is over: one that flaps is one alarm.
const OVER_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// Alarms open at once. Beyond it the night is lost anyway, and memory is not.
const OPEN_MAX: usize = 10_000;
/// What waits to be recorded while the store does not commit.
const NOTES_MAX: usize = 40_000;
/// What waits to be told to be over.
const OVER_MAX: usize = 1_000;

/// Something that is wrong, and with what.
pub type Condition = (AlarmKind, String);

/// What was seen in one look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// What is wrong.
    pub conditions: BTreeSet<Condition>,
    /// Kinds that could not be looked at: whether they last is not known.
    pub unseen: BTreeSet<AlarmKind>,
}

/// An open alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    line: AlarmLine,
    /// Not seen since.
    gone_since: Option<Timestamp>,
    /// The first person could not be reached: the second need not wait.
    mail_failed: bool,
}

/// What one message tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Say {
    /// Alarms that are open.
    pub firing: Vec<AlarmLine>,
    /// Alarms that are over, for who was told of them by the same channel.
    pub over: Vec<AlarmLine>,
}

impl Say {
    /// How many alarms it is about.
    pub fn alarms(&self) -> usize {
        self.firing.len().saturating_add(self.over.len())
    }
}

/// The channels there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channels {
    /// Mail to the first person.
    pub mail: bool,
    /// The webhook to the second.
    pub webhook: bool,
}

/// The book.
#[derive(Debug)]
pub struct Book {
    pace: Pace,
    channels: Channels,
    desks: Desks,
    open: BTreeMap<Condition, Open>,
    over: Vec<AlarmLine>,
    notes: Vec<AlarmNote>,
    last: BTreeMap<AlarmChannel, Timestamp>,
}

impl Book {
    /// An empty book.
    pub fn new(pace: Pace, channels: Channels) -> Self {
        Self {
            pace,
            channels,
            desks: Desks::default(),
            open: BTreeMap::new(),
            over: Vec::new(),
            notes: Vec::new(),
            last: BTreeMap::new(),
        }
    }

    /// Kept by these desks, each told in its own hours.
    #[must_use]
    pub fn kept_by(self, desks: Desks) -> Self {
        Self { desks, ..self }
    }

    /// Takes what is kept: who has claimed what, and, `all` once at the start, what an earlier run
    /// raised.
    pub fn take(&mut self, lines: &[AlarmLine], all: bool) {
        for line in lines {
            let condition = (line.kind, line.subject.clone());
            match self.open.get_mut(&condition) {
                Some(open) if open.line.alarm == line.alarm && line.claimed.is_some() => {
                    open.line.claimed.clone_from(&line.claimed);
                }
                Some(_) => {}
                None if all => {
                    let open = Open {
                        line: line.clone(),
                        gone_since: None,
                        mail_failed: false,
                    };
                    self.open.insert(condition, open);
                }
                None => {}
            }
        }
    }

    /// Takes what an earlier run told and could perhaps not record: it is not told again.
    pub fn remember(&mut self, lines: &[AlarmLine]) {
        for line in lines {
            let condition = (line.kind, line.subject.clone());
            if !self.open.contains_key(&condition) && self.open.len() < OPEN_MAX {
                self.raise(line.alarm, &condition, line.opened_at);
            }
            let Some(known) = self.open.get_mut(&condition) else {
                continue;
            };
            if known.line.alarm != line.alarm {
                continue;
            }
            let told = [
                (
                    AlarmChannel::Mail,
                    &mut known.line.mailed_at,
                    line.mailed_at,
                ),
                (
                    AlarmChannel::Webhook,
                    &mut known.line.hooked_at,
                    line.hooked_at,
                ),
            ];
            let mut notes = Vec::new();
            for (channel, known, told) in told {
                if let (None, Some(told_at)) = (*known, told) {
                    *known = told;
                    let alarm = line.alarm;
                    notes.push(AlarmNote::Told {
                        alarm,
                        channel,
                        told_at,
                    });
                }
            }
            if let (None, Some((who, at))) = (&known.line.claimed, &line.claimed) {
                known.line.claimed.clone_from(&line.claimed);
                notes.push(claimed(line.alarm, who, *at));
            }
            notes.into_iter().for_each(|note| self.note(note));
        }
    }

    /// Somebody takes an alarm on that the store may not have recorded yet: nobody else is told of it.
    pub fn claim(&mut self, alarm: AlarmId, who: &str, now: Timestamp) -> Result<(), NotActed> {
        let open = self.open.values_mut().find(|open| open.line.alarm == alarm);
        let open = open.ok_or(NotActed::NotThere("alarm"))?;
        match &open.line.claimed {
            Some((known, _)) if known == who => Ok(()),
            Some((known, at)) => Err(NotActed::Conflict {
                so: "somebody has taken it on",
                who: known.clone(),
                at: *at,
            }),
            None => {
                open.line.claimed = Some((who.to_owned(), now));
                self.note(claimed(alarm, who, now));
                Ok(())
            }
        }
    }

    /// Opens what is new and closes what is over.
    pub fn see(&mut self, seen: &Seen, now: Timestamp) {
        for condition in &seen.conditions {
            if self.open.len() < OPEN_MAX || self.open.contains_key(condition) {
                self.see_one(condition, now);
            }
        }
        let gone = self.open.iter_mut().filter(|(condition, _)| {
            !seen.conditions.contains(condition) && !seen.unseen.contains(&condition.0)
        });
        let mut over = Vec::new();
        for (condition, open) in gone {
            let since = *open.gone_since.get_or_insert(now);
            // After a step of the clock the gone time may lie ahead.
            if elapsed(since, now) >= OVER_AFTER {
                over.push(condition.clone());
            }
        }
        for condition in over {
            self.close(&condition, now);
        }
    }

    fn see_one(&mut self, condition: &Condition, now: Timestamp) {
        if let Some(open) = self.open.get_mut(condition) {
            open.gone_since = None;
            return;
        }
        let alarm = id_of(condition.0, &condition.1, now);
        self.raise(alarm, condition, now);
    }

    fn raise(&mut self, alarm: AlarmId, condition: &Condition, opened_at: Timestamp) {
        let (kind, subject) = condition.clone();
        self.note(AlarmNote::Raised {
            alarm,
            kind,
            subject: subject.clone(),
            opened_at,
        });
        let line = AlarmLine {
            alarm,
            kind,
            subject,
            opened_at,
            mailed_at: None,
            hooked_at: None,
            claimed: None,
            cleared_at: None,
        };
        let open = Open {
            line,
            gone_since: None,
            mail_failed: false,
        };
        self.open.insert(condition.clone(), open);
    }

    fn close(&mut self, condition: &Condition, now: Timestamp) {
        let Some(open) = self.open.remove(condition) else {
            return;
        };
        let mut line = open.line;
        line.cleared_at = Some(now);
        let alarm = line.alarm;
        self.note(AlarmNote::Cleared { alarm, at: now });
        if line.hooked_at.is_some() && self.over.len() < OVER_MAX {
            self.over.push(line);
        }
    }

    /// What is to be told by this channel now, all of it in one message; none if nothing is, or the
    /// last message was too short a while ago.
    pub fn due(
        &self,
        channel: AlarmChannel,
        now: Timestamp,
        is_bank_holiday: &impl Fn(Date) -> bool,
    ) -> Option<Say> {
        let last = self.last.get(&channel);
        if last.is_some_and(|last| elapsed(*last, now) < self.pace.between) {
            return None;
        }
        let is_due = |open: &&Open| {
            let due = self.due_at(channel, open, is_bank_holiday);
            due.is_some_and(|due| due <= now)
        };
        let mut firing: Vec<AlarmLine> = self
            .open
            .values()
            .filter(is_due)
            .map(|open| open.line.clone())
            .collect();
        firing.sort_by_key(|line| (line.kind, line.opened_at, line.alarm));
        let over = match channel {
            AlarmChannel::Mail => Vec::new(),
            AlarmChannel::Webhook => self.over.clone(),
        };
        let say = Say { firing, over };
        (say.alarms() > 0).then_some(say)
    }

    /// When an alarm is to be told by this channel; none if it has been, or need not be.
    fn due_at(
        &self,
        channel: AlarmChannel,
        open: &Open,
        is_bank_holiday: &impl Fn(Date) -> bool,
    ) -> Option<Timestamp> {
        let line = &open.line;
        if line.claimed.is_some() || open.gone_since.is_some() {
            return None;
        }
        let desk = self.desks.told_of(&line.subject);
        let first = || may_be_told_at(line.kind, line.opened_at, desk, is_bank_holiday);
        match channel {
            AlarmChannel::Mail => (self.channels.mail && line.mailed_at.is_none()).then(first),
            AlarmChannel::Webhook if !self.channels.webhook || line.hooked_at.is_some() => None,
            AlarmChannel::Webhook if !self.channels.mail || open.mail_failed => Some(first()),
            AlarmChannel::Webhook if line.kind.hours() == AlarmHours::Own => None,
            AlarmChannel::Webhook => {
                let since = line.mailed_at?;
                let unclaimed = since.saturating_add(self.pace.unclaimed).unwrap_or(since);
                Some(may_be_told_at(line.kind, unclaimed, desk, is_bank_holiday))
            }
        }
    }

    /// What was told, or could not be.
    pub fn told(&mut self, channel: AlarmChannel, say: &Say, done: bool, now: Timestamp) {
        self.last.insert(channel, now);
        for told in &say.firing {
            let condition = (told.kind, told.subject.clone());
            let Some(open) = self.open.get_mut(&condition) else {
                continue;
            };
            match (channel, done) {
                (AlarmChannel::Mail, true) => open.line.mailed_at = Some(now),
                (AlarmChannel::Mail, false) => open.mail_failed = true,
                (AlarmChannel::Webhook, true) => open.line.hooked_at = Some(now),
                (AlarmChannel::Webhook, false) => {}
            }
            if done {
                self.note(AlarmNote::Told {
                    alarm: told.alarm,
                    channel,
                    told_at: now,
                });
            }
        }
        if done {
            self.over.retain(|line| !say.over.contains(line));
        }
    }

    /// When something is next due by itself, after now.
    pub fn next(
        &self,
        now: Timestamp,
        is_bank_holiday: &impl Fn(Date) -> bool,
    ) -> Option<Timestamp> {
        let both = [AlarmChannel::Mail, AlarmChannel::Webhook];
        let due = both.into_iter().flat_map(|channel| {
            let last = self.last.get(&channel).copied();
            let again = last.and_then(|last| last.saturating_add(self.pace.between).ok());
            let due = self
                .open
                .values()
                .filter_map(move |open| self.due_at(channel, open, is_bank_holiday));
            due.map(move |due| again.map_or(due, |again| due.max(again)))
        });
        let over = self.open.values().filter_map(|open| open.gone_since);
        let over = over.filter_map(|since| since.saturating_add(OVER_AFTER).ok());
        due.chain(over).filter(|at| *at > now).min()
    }

    /// Whether somebody should have been told of something, and nobody was by either channel.
    pub fn is_untold(&self, now: Timestamp, is_bank_holiday: &impl Fn(Date) -> bool) -> bool {
        let is_due = |channel, open| {
            let due = self.due_at(channel, open, is_bank_holiday);
            due.is_some_and(|due| due <= now)
        };
        self.open.values().any(|open| {
            let told = open.line.mailed_at.or(open.line.hooked_at);
            told.is_none()
                && [AlarmChannel::Mail, AlarmChannel::Webhook]
                    .into_iter()
                    .any(|channel| is_due(channel, open))
        })
    }

    /// What is open, longest open first.
    pub fn lines(&self) -> Vec<AlarmLine> {
        let mut lines: Vec<AlarmLine> = self.open.values().map(|open| open.line.clone()).collect();
        lines.sort_by_key(|line| (line.opened_at, line.alarm));
        lines
    }

    /// What is to be recorded, in its order.
    pub fn notes(&self) -> &[AlarmNote] {
        &self.notes
    }

    /// The first so many notes are recorded.
    pub fn recorded(&mut self, count: usize) {
        self.notes.drain(..count.min(self.notes.len()));
    }

    fn note(&mut self, note: AlarmNote) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(note);
        }
    }
}

fn claimed(alarm: AlarmId, who: &str, at: Timestamp) -> AlarmNote {
    AlarmNote::Claimed {
        alarm,
        who: who.to_owned(),
        at,
    }
}

/// Time gone by; what lies ahead after a step of the clock counts as long ago.
fn elapsed(since: Timestamp, now: Timestamp) -> SignedDuration {
    if since > now {
        SignedDuration::MAX
    } else {
        now.duration_since(since)
    }
}

/// The same alarm has the same id, whether or not it can be recorded: its name is what it is about and
/// when it began.
fn id_of(kind: AlarmKind, subject: &str, opened_at: Timestamp) -> AlarmId {
    let name = format!("{}\n{subject}\n{}", kind.word(), opened_at.as_microsecond());
    let digest = sha256(name.as_bytes());
    let mut parts = [0; 10];
    parts
        .iter_mut()
        .zip(digest)
        .for_each(|(to, from)| *to = from);
    AlarmId::from_parts(
        u64::try_from(opened_at.as_millisecond()).unwrap_or(0),
        parts,
    )
}

#[cfg(test)]
mod tests;
