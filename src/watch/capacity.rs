//! Whether the calls that are expected fit, and the lines that tell the desk what to expect. What is
//! found is told by the alarms, to whom it is handed as it changes.

use crate::referral::alarm::AlarmKind;
use crate::referral::directory::Directory;
use crate::referral::forecast::Line;
use crate::referral::ladder::LadderHours;
use crate::referral::london;
use crate::referral::policy::Policies;
use crate::referral::post::ForceName;
use crate::store::{Forecast, NotStored, Store};
use jiff::civil::{Date, Weekday};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// What was found: a kind of alarm, and the force that it is about.
pub type Found = BTreeSet<(AlarmKind, String)>;

/// How often it is looked at. A line stands for an hour; what does not fit does so for longer.
const EVERY: Duration = Duration::from_secs(60);
/// What falls due within this is asked about on a working day: no weekend is as long.
const AHEAD: SignedDuration = SignedDuration::from_hours(5 * 24);
/// What falls due within this is asked about for a line: no holiday is as long.
const AHEAD_OF_LINE: SignedDuration = SignedDuration::from_hours(120 * 24);

/// The look over capacity.
#[derive(Debug)]
pub struct Capacity {
    store: Store,
    policies: Policies,
    found: watch::Sender<Found>,
}

impl Capacity {
    /// It has looked at nothing yet.
    pub fn new(store: Store, policies: Policies) -> Self {
        Self {
            store,
            policies,
            found: watch::channel(Found::new()).0,
        }
    }

    /// What is found, as it changes.
    pub fn found(&self) -> watch::Receiver<Found> {
        self.found.subscribe()
    }

    /// Runs until `stop` is true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let clock = self.store.clock().clone();
        while !*stop.borrow_and_update() {
            self.step(clock.now()).await;
            // A clock that is moved by hand is followed as it moves.
            let moved = clock.now().saturating_add(EVERY).unwrap_or(Timestamp::MAX);
            tokio::select! {
                () = clock.wait_until(moved) => {}
                () = sleep(EVERY) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Looks once. What cannot be read now is read in some minutes, and what was found stands until then.
    pub async fn step(&self, now: Timestamp) {
        let directory = self.store.directory();
        let mut found = Found::new();
        for (force, policy) in &self.policies {
            match self.look(force, &policy.ladder, &directory, now).await {
                Ok(kinds) => found.extend(kinds.into_iter().map(|kind| (kind, force.to_string()))),
                Err(NotStored) => return,
            }
        }
        self.found.send_if_modified(|known| {
            let changed = *known != found;
            *known = found;
            changed
        });
    }

    async fn look(
        &self,
        force: &ForceName,
        hours: &LadderHours,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<Vec<AlarmKind>, NotStored> {
        let is_working_day = |day: Date| {
            let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
            !weekend && !directory.bank_holidays.contains(&day)
        };
        let line = Line::at(now, hours, is_working_day);
        let wall = london::civil(now);
        let at_the_desk =
            is_working_day(wall.date()) && (hours.desk_from..hours.desk_to).contains(&wall.time());
        if line.is_none() && !at_the_desk {
            return Ok(Vec::new());
        }
        let ahead = if line.is_some() { AHEAD_OF_LINE } else { AHEAD };
        let until = now.saturating_add(ahead).unwrap_or(Timestamp::MAX);
        let readers = self.store.readers();
        let Forecast { mornings, .. } = readers
            .forecast_calls(force, hours, directory, (now, until))
            .await?;
        let over = mornings
            .iter()
            .any(|morning| morning.is_over_capacity(hours, now));
        let told = line.is_some_and(|line| line.tells_of(&mornings, now));
        let over = over.then_some(AlarmKind::CallsOverCapacity);
        let told = told.then_some(AlarmKind::CallsExpected);
        Ok(over.into_iter().chain(told).collect())
    }
}
