//! Senders that fell silent (promise 9): a force that posted less in a night than it ever did on that
//! weekday is asked, at the desk's opening, whether its posts still leave.

use crate::referral::alarm::{NIGHTS_BACK_MAX, is_quieter_than_ever, night_before};
use crate::referral::london;
use crate::referral::post::ForceName;
use crate::store::{NotStored, QuietSender, Store};
use jiff::civil::Date;
use jiff::{Span, Timestamp};

/// Who was judged for which night.
#[derive(Debug)]
pub(super) struct Senders {
    forces: Vec<ForceName>,
    judged: Option<Date>,
}

impl Senders {
    pub(super) fn new(forces: Vec<ForceName>) -> Self {
        Self {
            forces,
            judged: None,
        }
    }

    /// Once a day, after the desk's opening, judges the night before. What was found is a task, and a
    /// sender that is heard again settles it.
    pub(super) async fn judge(&mut self, store: &Store, now: Timestamp) -> Result<(), NotStored> {
        if store.readers().hears_again().await? {
            store.record_senders(Vec::new()).await?;
        }
        let today = london::civil(now).date();
        let ended = night_before(today).is_some_and(|(_, ends)| ends <= now);
        if !ended || self.judged == Some(today) {
            return Ok(());
        }
        let mut quiet = Vec::new();
        for force in &self.forces {
            quiet.extend(quiet_on(store, force, today).await?);
        }
        if !quiet.is_empty() {
            store.record_senders(quiet).await?;
        }
        self.judged = Some(today);
        Ok(())
    }
}

async fn quiet_on(
    store: &Store,
    force: &ForceName,
    day: Date,
) -> Result<Option<QuietSender>, NotStored> {
    let readers = store.readers();
    let Some(first) = readers.first_accepted(force).await? else {
        return Ok(None);
    };
    let mut before = Vec::new();
    for weeks in 1..=NIGHTS_BACK_MAX {
        let night = day.checked_sub(Span::new().weeks(weeks)).ok();
        match night.and_then(night_before) {
            // A night that began before the first post was not one of a sender's.
            Some((from, to)) if first < to => {
                before.push(readers.accepted_between(force, from, to).await?);
            }
            Some(_) | None => break,
        }
    }
    let Some((from, to)) = night_before(day) else {
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
