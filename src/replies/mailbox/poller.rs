//! Looks into each mailbox by itself: what one server does stops no other mailbox and no other way in.

use super::wire::Door;
use super::{After, Fault, Protocol, Settings, imap, pop3};
use crate::referral::alarm::AlarmKind;
use crate::store::{Fetched, FetchedMail, MailPlace, NotStored, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

/// After a fault a mailbox is looked into again after so long, doubled each time.
const AGAIN_FIRST: Duration = Duration::from_secs(30);
/// No pause is longer.
const AGAIN_LONGEST: Duration = Duration::from_secs(600);
/// A mailbox that could not be read for so long is an alarm.
const UNREAD_AFTER: Duration = Duration::from_secs(30 * 60);
/// That is looked for this often.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(60);
/// A mail that the server refuses so often is left where it is, and a person is told.
const REFUSALS_MAX: u32 = 3;

/// What is wrong: a kind of alarm, and the mailbox.
type Found = BTreeSet<(AlarmKind, String)>;

/// Since when a mailbox has not been read.
#[derive(Debug, Clone)]
pub struct Age {
    name: String,
    read: watch::Receiver<Instant>,
}

impl Age {
    /// The mailbox.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long ago it was read last; since the start, if it never was.
    pub fn age(&self) -> Duration {
        self.read.borrow().elapsed()
    }
}

/// Every mailbox, as a stage.
#[derive(Debug)]
pub struct Mailboxes {
    pollers: Vec<Poller>,
    found: watch::Sender<Found>,
}

impl Mailboxes {
    /// None was looked into yet.
    pub fn new(settings: &[Settings], store: &Store) -> Self {
        let poller = |settings: &Settings| Poller::new(settings.clone(), store.clone());
        Self {
            pollers: settings.iter().map(poller).collect(),
            found: watch::channel(Found::new()).0,
        }
    }

    /// Mailboxes that could not be read for half an hour, as they change.
    pub fn found(&self) -> watch::Receiver<Found> {
        self.found.subscribe()
    }

    /// When each was read last.
    pub fn ages(&self) -> Vec<Age> {
        self.pollers.iter().map(Poller::age).collect()
    }

    /// Runs until `stop` is true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let ages = self.ages();
        let mut looking = JoinSet::new();
        for poller in self.pollers {
            looking.spawn(poller.run(stop.clone()));
        }
        let mut tick = interval(LOOKED_AT_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !*stop.borrow_and_update() {
            tokio::select! {
                _ = tick.tick() => {
                    let now_unread = unread(ages.iter().map(|age| (age.name(), age.age())));
                    self.found.send_if_modified(|known| {
                        let changed = *known != now_unread;
                        *known = now_unread;
                        changed
                    });
                }
                // None ends by itself; one that panicked ends the stage, and the daemon starts anew.
                Some(_) = looking.join_next(), if !ages.is_empty() => break,
                _ = stop.changed() => {}
            }
        }
    }
}

/// Which of them have not been read for too long.
fn unread<'a>(ages: impl Iterator<Item = (&'a str, Duration)>) -> Found {
    let old = ages.filter(|(_, age)| *age >= UNREAD_AFTER);
    old.map(|(name, _)| (AlarmKind::MailboxUnread, name.to_owned()))
        .collect()
}

/// One mailbox.
#[derive(Debug)]
pub struct Poller {
    settings: Settings,
    store: Store,
    read: watch::Sender<Instant>,
    /// Mails that the server did not give, and how often.
    refusals: BTreeMap<String, u32>,
}

impl Poller {
    /// It was not looked into yet.
    pub fn new(settings: Settings, store: Store) -> Self {
        Self {
            settings,
            store,
            read: watch::channel(Instant::now()).0,
            refusals: BTreeMap::new(),
        }
    }

    fn age(&self) -> Age {
        Age {
            name: self.settings.name.to_string(),
            read: self.read.subscribe(),
        }
    }

    /// Looks, again and again, until `stop` is true. A look is dropped where it is: what was not
    /// committed is fetched again, and what was is known.
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut pause = AGAIN_FIRST;
        while !*stop.borrow_and_update() {
            let looked = tokio::select! {
                looked = self.look() => looked,
                _ = stop.changed() => continue,
            };
            let wait = match looked {
                Ok(()) => {
                    pause = AGAIN_FIRST;
                    self.settings.poll
                }
                Err(fault) => {
                    let mailbox = self.settings.name.as_str();
                    tracing::warn!(mailbox, %fault, "mailbox not read");
                    let wait = pause;
                    pause = pause.saturating_mul(2).min(AGAIN_LONGEST);
                    wait
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Looks once: one session, every mail that is new.
    pub async fn look(&mut self) -> Result<(), Fault> {
        let settings = self.settings.clone();
        // The system's roots are many files.
        let door = spawn_blocking(move || Door::new(&settings)).await;
        let door = door.map_err(|_| Fault::Tls)??;
        match self.settings.protocol {
            Protocol::Imap => self.look_by_imap(&door).await?,
            Protocol::Pop3 => self.look_by_pop3(&door).await?,
        }
        self.read.send_replace(Instant::now());
        Ok(())
    }

    async fn look_by_imap(&mut self, door: &Door) -> Result<(), Fault> {
        let mut session = imap::Session::open(door, &self.settings).await?;
        let readers = self.store.readers();
        let place = readers.mailbox_place(self.settings.name.as_str()).await?;
        let validity = session.validity;
        let behind = match place {
            Some((known, uid)) if known == validity => uid,
            // The ids mean nothing any more: all is fetched again, and known by its content.
            Some(_) | None => 0,
        };
        let all = session.list(behind).await?;
        let key_of = |uid: u32| format!("{validity}-{uid}");
        let present: BTreeSet<String> = all.iter().map(|mail| key_of(mail.uid)).collect();
        self.refusals.retain(|key, _| present.contains(key));
        for listed in all {
            let uid = listed.uid;
            let place = MailPlace::Uid { validity, uid };
            let key = key_of(uid);
            let mail = match self.left(&key, listed.size) {
                Some(why) => Fetched::Left(self.note(why, listed.size, uid)),
                None => match session.fetch(uid).await {
                    Ok(Some(mail)) => Fetched::Whole(mail),
                    Ok(None) => {
                        // Those behind it wait: their ids must not be passed by.
                        self.refused(key, 1);
                        return Err(Fault::Refused("a mail"));
                    }
                    Err(fault) => return Err(self.stumbled(key, fault)),
                },
            };
            self.keep(place, mail).await?;
            self.refusals.remove(&key);
        }
        session.logout().await
    }

    async fn look_by_pop3(&mut self, door: &Door) -> Result<(), Fault> {
        let mut session = pop3::Session::open(door, &self.settings).await?;
        let listed = session.list().await?;
        let readers = self.store.readers();
        let mut known = readers.mailbox_known(self.settings.name.as_str()).await?;
        let mut shared: BTreeMap<&str, u32> = BTreeMap::new();
        for mail in &listed {
            let count = shared.entry(&mail.uidl).or_default();
            *count = count.saturating_add(1);
        }
        let (mut refused, mut deleted) = (false, Vec::new());
        for mail in &listed {
            // Some servers give two mails one id. Such are fetched each time, and known by content.
            let is_shared = shared
                .get(mail.uidl.as_str())
                .is_some_and(|count| *count > 1);
            let whole = match known.remove(&mail.uidl) {
                Some(whole) if !is_shared => whole,
                Some(_) | None => match self.take(&mut session, mail).await? {
                    Some(whole) => whole,
                    None => {
                        refused = true;
                        continue;
                    }
                },
            };
            if whole && !is_shared && self.settings.after == After::Delete {
                // Refused, it stays, and is known; the next look asks again.
                if session.delete(mail.number).await? {
                    deleted.push(mail.uidl.clone());
                }
            }
        }
        if !session.quit().await? {
            deleted.clear();
        }
        let present: BTreeSet<&str> = shared.keys().copied().collect();
        self.refusals
            .retain(|uidl, _| present.contains(uidl.as_str()));
        let gone = known
            .into_keys()
            .filter(|uidl| !present.contains(uidl.as_str()));
        // The id of a mail that is deleted may be given to another one (RFC 1939 7).
        let gone: Vec<String> = gone.chain(deleted).collect();
        if !gone.is_empty() {
            let mailbox = self.settings.name.as_str();
            self.store.forget_mails(mailbox, gone).await?;
        }
        if refused {
            return Err(Fault::Refused("a mail"));
        }
        Ok(())
    }

    /// Fetches and keeps one mail. Some: whether all of it is kept. None: the server did not give it.
    async fn take(
        &mut self,
        session: &mut pop3::Session,
        listed: &pop3::Listed,
    ) -> Result<Option<bool>, Fault> {
        let key = listed.uidl.clone();
        let mail = match self.left(&key, listed.size) {
            Some(why) => Fetched::Left(self.note(why, listed.size, &listed.uidl)),
            None => match session.fetch(listed.number).await {
                Ok(Some(mail)) => Fetched::Whole(mail),
                Ok(None) => {
                    self.refused(key, 1);
                    return Ok(None);
                }
                Err(fault) => return Err(self.stumbled(key, fault)),
            },
        };
        let whole = matches!(mail, Fetched::Whole(_));
        self.keep(MailPlace::Uidl(listed.uidl.clone()), mail)
            .await?;
        self.refusals.remove(&key);
        Ok(Some(whole))
    }

    /// Why a mail is left where it is, if it is.
    fn left(&self, key: &str, size: usize) -> Option<&'static str> {
        if size > self.settings.size_bytes_max {
            return Some("is larger than mail_bytes_max");
        }
        let refusals = self.refusals.get(key).copied().unwrap_or(0);
        (refusals >= REFUSALS_MAX).then_some("could not be fetched, or is larger than was said")
    }

    fn refused(&mut self, key: String, times: u32) {
        let refusals = self.refusals.entry(key).or_default();
        *refusals = refusals.saturating_add(times);
    }

    /// A mail that is larger than was said would be so again.
    fn stumbled(&mut self, key: String, fault: Fault) -> Fault {
        if fault == Fault::TooLong {
            self.refused(key, REFUSALS_MAX);
        }
        fault
    }

    /// What a person is shown in a mail's stead.
    fn note(&self, why: &str, size: usize, id: impl std::fmt::Display) -> Vec<u8> {
        let name = &self.settings.name;
        format!(
            "Subject: A mail was left in the mailbox {name}\r\n\r\n\
             A mail of {size} bytes {why}. It was left where it is: open the mailbox and read it \
             there.\r\nIts id is {id}.\r\n"
        )
        .into_bytes()
    }

    async fn keep(&self, place: MailPlace, mail: Fetched) -> Result<(), Fault> {
        let mailbox = self.settings.name.to_string();
        let kept = self.store.keep_fetched(FetchedMail {
            mailbox,
            place,
            mail,
        });
        let inbound = kept.await?;
        tracing::info!(mailbox = self.settings.name.as_str(), %inbound, "mail_fetched");
        // Whoever fetches many mails reads the mailbox all the while.
        self.read.send_replace(Instant::now());
        Ok(())
    }
}

impl From<NotStored> for Fault {
    fn from(NotStored: NotStored) -> Self {
        Self::NotStored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_that_was_not_read_for_half_an_hour_is_an_alarm() {
        let ages = [("cjsm", 1_799), ("desk", 1_800)];
        let ages = ages.map(|(name, seconds)| (name, Duration::from_secs(seconds)));
        let found = unread(ages.into_iter());
        let expected = (AlarmKind::MailboxUnread, "desk".to_owned());
        assert_eq!(found, Found::from([expected]));
    }
}
