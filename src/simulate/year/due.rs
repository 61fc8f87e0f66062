//! What the gateway has to do at a moment. A stage is asked again when something was written since it was
//! asked last, or when what it waits for has come: as a daemon's stages are woken, but for their polls.

use super::{HEARS_AFTER, READS_AFTER, STORES_AGAIN, Year};
use crate::simulate::Fault;
use crate::simulate::carrier::{Course, Parked, course};
use crate::simulate::people::{Coming, Follows, follows};
use jiff::{SignedDuration, Timestamp};

/// A stage that could not ask the store asks again after this long.
const POLL: SignedDuration = SignedDuration::from_secs(1);

/// When a stage wants to be asked again, as it said when so many batches had been written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    batch: u64,
    next: Option<Timestamp>,
}

impl Said {
    fn stands(&self, batch: u64, now: Timestamp) -> bool {
        self.batch == batch && self.next.is_none_or(|next| next > now)
    }
}

impl Year {
    /// Everything that is due at this moment. Says when something is due next.
    pub(super) async fn do_what_is_due(&mut self) -> Result<Option<Timestamp>, Fault> {
        let now = self.now();
        loop {
            if self.mail_waits {
                self.mail_waits = self.gateway()?.replies.step().await.is_err();
                self.desk_hears(READS_AFTER);
            }
            let timer = self.apply_time(now).await?;
            if self.full {
                return Ok(Some(now + STORES_AGAIN));
            }
            let (begun, delivery) = self.deliver(now).await?;
            if !begun {
                return Ok(timer.into_iter().chain(delivery).min());
            }
        }
    }

    /// Applies the timers that are due. Says when the next is.
    async fn apply_time(&mut self, now: Timestamp) -> Result<Option<Timestamp>, Fault> {
        let (full, said) = (self.full, self.watch_said.take());
        let gateway = self.gateway()?;
        let before = gateway.batch();
        if let Some(said) = said.filter(|said| said.stands(before, now)) {
            self.watch_said = Some(said);
            return Ok(said.next);
        }
        let mut next = gateway.watch.step(now).await;
        let mut stuck = false;
        if next.is_none() && !full {
            // It says none too where it could not ask; its next poll then finds what there is.
            next = match gateway.store.next_timer().await {
                Ok(timer) => timer.map(|timer| timer.max(now + POLL)),
                Err(_) => Some(now + POLL),
            };
            stuck = next.is_some();
        }
        let batch = gateway.batch();
        self.tally.stuck += u64::from(stuck);
        if batch != before {
            // A step may have opened something for the desk.
            self.desk_hears(HEARS_AFTER);
        }
        self.watch_said = (!full).then_some(Said { batch, next });
        Ok(next)
    }

    /// Begins what is due, one after the other. Says whether anything was, and when something is next.
    async fn deliver(&mut self, now: Timestamp) -> Result<(bool, Option<Timestamp>), Fault> {
        let (mut begun, mut idle) = (false, 0);
        loop {
            let batch = self.gateway()?.batch();
            let said = self.delivery_said.take();
            if let Some(said) = said.filter(|said| said.stands(batch, now)) {
                self.delivery_said = Some(said);
                return Ok((begun, said.next));
            }
            let stepped = self.gateway()?.stage.step(now, 1).await;
            self.settle_attempts().await?;
            begun |= stepped.begun > 0;
            idle += u32::from(stepped.begun == 0);
            // A claim that found nothing to send may have set something aside: once more, then.
            if stepped.begun == 0 && (idle > 1 || self.gateway()?.batch() == batch) {
                let next = stepped.next;
                self.delivery_said = Some(Said { batch, next });
                return Ok((begun, next));
            }
        }
    }

    /// Waits until every attempt under way is over, or waits for its relay; and says how those go.
    pub(super) async fn settle_attempts(&mut self) -> Result<(), Fault> {
        let quay = self.site.quay.clone();
        let in_limbo = usize::from(self.in_limbo);
        let gateway = self.gateway()?;
        while gateway.stage.under_way() > quay.waiting() + in_limbo {
            tokio::select! {
                biased;
                () = quay.one_comes() => {}
                ended = gateway.stage.one_ends() => {
                    ended.map_err(Fault::other)?;
                }
            }
        }
        for (number, parked) in quay.take_fresh() {
            self.begins(number, &parked);
        }
        Ok(())
    }

    /// An attempt or a knock meets its relay, or does not.
    fn begins(&mut self, number: u64, parked: &Parked) {
        let now = self.now();
        let carried = parked.carries.as_ref();
        match carried {
            Some(_) => self.tally.attempts += 1,
            None => self.tally.knocks += 1,
        }
        let to = carried.map_or("", |carried| carried.envelope.rcpt_to.as_str());
        let gone = self.is_gone(to, now);
        let how = course(&self.script, &parked.route, now, gone, &self.dice);
        let Course {
            ends,
            attempted,
            taken,
            struck,
        } = how;
        if let Some(strike) = struck {
            self.tally.strikes(strike.word());
        } else if gone {
            self.tally.strikes("address_gone");
        }
        if let Some(carried) = carried.filter(|_| taken) {
            let faults = (self.faults, &mut self.tally);
            let Follows { mails, rings } = follows(&self.county, carried, ends, faults, &self.dice);
            self.comes(mails);
            if let Some((at, place)) = rings.zip(self.county.place_of(to)) {
                let urn = place.urn;
                self.at(at, super::Event::SchoolRings(urn));
            }
        }
        self.at(ends, super::Event::Ends(number, Box::new(attempted)));
    }

    fn comes(&mut self, coming: Vec<Coming>) {
        for Coming { at, mail, word } in coming {
            self.tally.does(word);
            self.at(at, super::Event::Mail(Box::new(mail)));
        }
    }
}
