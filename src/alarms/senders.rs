//! Senders that fell silent (promise 9): a force that posted less in a night than it ever did on that
//! weekday is asked, at the desk's opening, whether its posts still leave.

use crate::referral::alarm::{Desk, Desks, NIGHTS_BACK_MAX, is_quieter_than_ever, night_before};
use crate::referral::london;
use crate::referral::post::ForceName;
use crate::store::{NotStored, QuietSender, Store};
use jiff::civil::Date;
use jiff::{Span, Timestamp};
use std::collections::BTreeMap;

/// Who was judged for which night.
#[derive(Debug)]
pub(super) struct Senders {
    desks: Desks,
    /// The day on which each force was last judged.
    judged: BTreeMap<ForceName, Date>,
}

impl Senders {
    pub(super) fn new(desks: Desks) -> Self {
        let judged = BTreeMap::new();
        Self { desks, judged }
    }

    /// Once a day, after the opening of each force's own desk, judges the night before. What was found is a task, and a
    /// sender that is heard again settles it.
    pub(super) async fn judge(&mut self, store: &Store, now: Timestamp) -> Result<(), NotStored> {
        if store.readers().hears_again().await? {
            store.record_senders(Vec::new()).await?;
        }
        let today = london::civil(now).date();
        let (mut quiet, mut judged) = (Vec::new(), Vec::new());
        for (force, desk) in self.desks.forces() {
            let ended = night_before(today, desk).is_some_and(|(_, ends)| ends <= now);
            if ended && self.judged.get(force) != Some(&today) {
                quiet.extend(quiet_on(store, (force, desk), today).await?);
                judged.push((force.clone(), today));
            }
        }
        if !quiet.is_empty() {
            store.record_senders(quiet).await?;
        }
        self.judged.extend(judged);
        Ok(())
    }
}

async fn quiet_on(
    store: &Store,
    (force, desk): (&ForceName, Desk),
    day: Date,
) -> Result<Option<QuietSender>, NotStored> {
    let readers = store.readers();
    let Some(first) = readers.first_accepted(force).await? else {
        return Ok(None);
    };
    let mut before = Vec::new();
    for weeks in 1..=NIGHTS_BACK_MAX {
        let night = day.checked_sub(Span::new().weeks(weeks)).ok();
        match night.and_then(|night| night_before(night, desk)) {
            // A night that began before the first post was not one of a sender's.
            Some((from, to)) if first < to => {
                before.push(readers.accepted_between(force, from, to).await?);
            }
            Some(_) | None => break,
        }
    }
    let Some((from, to)) = night_before(day, desk) else {
        return Ok(None);
    };
    let accepted = readers.accepted_between(force, from, to).await?;
    Ok(
        is_quieter_than_ever(accepted, &before).map(|least| QuietSender {
            force: force.clone(),
            day,
            accepted,
            least,
        }),
    )
}
