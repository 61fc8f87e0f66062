//! Playing the night: posts, the desk's acts and the schools' mails at their times, and a clock that is
//! moved from one to the next while nothing is in flight.

use super::super::Stop;
use super::super::exit::Exit;
use super::super::output::Output;
use super::story::Story;
use super::{civil, tell};
use crate::client::Sender;
use crate::clock::Clock;
use crate::demo::{
    DESK, DeskAct, Does, Expected, MORNING_ENDS, Posted, SCENES, Scene, World, next_time,
};
use crate::referral::answer::{CallOutcome, SchoolWord};
use crate::referral::fact::TaskKind;
use crate::referral::id::{NotificationId, TaskId};
use crate::referral::school::{Role, Urn};
use crate::service::Running;
use crate::store::{Act, NotStored, Store, Trace};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::sleep;

/// How often is looked without a hint.
const LOOK: Duration = Duration::from_millis(50);
/// Between two posts, on the demo's clock.
const BETWEEN_POSTS: SignedDuration = SignedDuration::from_mins(3);
/// The desk's name in the demo's settings.
const OPERATOR: &str = "Demo Operator";
/// Mails looked at to know whether any waits.
const ANY: usize = 1;

/// A notification, and what must come of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Followed {
    pub(super) scene: &'static Scene,
    pub(super) expected: &'static Expected,
    pub(super) id: NotificationId,
}

/// Something that somebody outside the gateway does at its time.
#[derive(Debug, Clone, Copy)]
enum Event {
    Post(&'static Scene),
    Desk(DeskAct),
}

/// The night, while it is played.
pub(super) struct Night<'w> {
    world: &'w World,
    pub(super) store: &'w Store,
    pub(super) clock: &'w Clock,
    pub(super) output: Output,
    intake: u16,
    smtp_in: SocketAddr,
    sender: Sender,
    /// Soonest first.
    events: VecDeque<(Timestamp, Event)>,
    ends: Timestamp,
    pub(super) followed: Vec<Followed>,
    /// What somebody posted from outside.
    others: Vec<NotificationId>,
    story: Story,
}

impl<'w> Night<'w> {
    pub(super) fn new(
        world: &'w World,
        running: &'w Running,
        clock: &'w Clock,
        output: Output,
    ) -> Result<Self, Stop> {
        let begins = clock.now();
        let smtp_in = running
            .smtp_in
            .ok_or_else(|| Stop::new(Exit::Fault, "nothing listens for answers"))?;
        let mut events = Vec::new();
        let mut turn = begins;
        for scene in SCENES {
            let at = match scene.posted {
                Posted::InTurn => {
                    turn += BETWEEN_POSTS;
                    turn
                }
                Posted::At(time) => next_time(time, begins),
            };
            events.push((at, Event::Post(scene)));
        }
        events.extend(
            DESK.iter()
                .map(|act| (next_time(act.at, begins), Event::Desk(*act))),
        );
        events.sort_by_key(|(at, _)| *at);
        Ok(Self {
            world,
            store: &running.store,
            clock,
            output,
            intake: running.intake.port(),
            smtp_in,
            sender: Sender::new(&world.ca, &world.client.certificate, &world.client.key)?,
            events: events.into(),
            ends: next_time(MORNING_ENDS, begins),
            followed: Vec::new(),
            others: Vec::new(),
            story: Story::default(),
        })
    }

    /// From the evening to the end of the morning.
    pub(super) async fn play(&mut self) -> Result<(), Stop> {
        loop {
            let next = self.settle().await?;
            self.tell_story().await?;
            let event = self.events.front().map(|(at, _)| *at);
            if self.clock.now() >= self.ends && event.is_none() {
                return Ok(());
            }
            let soonest = [next, event]
                .into_iter()
                .flatten()
                .fold(self.ends, Ord::min);
            self.clock.advance_to(soonest);
            while let Some((at, event)) = self.events.pop_front() {
                if at > self.clock.now() {
                    self.events.push_front((at, event));
                    break;
                }
                match event {
                    Event::Post(scene) => self.post(scene).await?,
                    Event::Desk(act) => self.act(act).await?,
                }
            }
        }
    }

    /// In real time: what is posted from outside is told too, and schools go on answering.
    pub(super) async fn run_on(&mut self) -> Result<(), Stop> {
        let mut hints = self.store.hints();
        loop {
            hints.mark_unchanged();
            self.send_mails().await?;
            self.discover().await?;
            self.tell_story().await?;
            let next_mail = async {
                match self.world.outbox.next() {
                    Some(due) => self.clock.wait_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = hints.changed() => {}
                () = next_mail => {}
            }
        }
    }

    /// Waits until nothing is in flight; gives the next moment at which something is due.
    async fn settle(&self) -> Result<Option<Timestamp>, Stop> {
        let mut hints = self.store.hints();
        loop {
            hints.mark_unchanged();
            self.send_mails().await?;
            let still = self.look().await?;
            // What moves between two places while one look goes over them is seen by the second.
            if still.is_quiet {
                let still = self.look().await?;
                if still.is_quiet && !hints.has_changed().unwrap_or(false) {
                    return Ok(still.next);
                }
                continue;
            }
            tokio::select! {
                _ = hints.changed() => {}
                () = sleep(LOOK) => {}
            }
        }
    }

    async fn send_mails(&self) -> Result<(), Stop> {
        let sent = self.world.outbox.send_due(self.smtp_in, self.clock.now());
        sent.await
            .map_err(|error| Stop::new(Exit::Unavailable, format!("mail to the gateway: {error}")))
    }

    async fn look(&self) -> Result<Look, Stop> {
        let now = self.clock.now();
        let readers = self.store.readers();
        let waiting = readers.list_inbound(ANY).await.map_err(unread)?;
        let timer = self.store.next_timer().await.map_err(unread)?;
        let queue = readers.list_queue().await.map_err(unread)?;
        let sending = queue.iter().any(|line| line.state == "sending");
        let queued = queue
            .iter()
            .filter(|line| {
                !line.quarantined && (line.state == "queued" || line.state == "in_doubt")
            })
            .map(|line| line.not_before);
        let times = queued.chain(timer).chain(self.world.outbox.next());
        let next = times.min();
        Ok(Look {
            is_quiet: waiting.is_empty() && !sending && next.is_none_or(|next| next > now),
            next,
        })
    }

    async fn post(&mut self, scene: &'static Scene) -> Result<(), Stop> {
        let at = self.clock.now();
        let line = format!("{}  Posted. {}.", civil(at, "%H:%M"), scene.title);
        tell(self.output, &line)?;
        let to = ("localhost", self.intake, "/v1/referrals");
        let body = scene.post(at).to_string().into_bytes();
        let answer = self.sender.post(to, scene.referral_id, body).await?;
        let found: Value = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
        if answer.status() != hyper::StatusCode::CREATED {
            let words = format!("{}: {} {found}", scene.title, answer.status());
            return Err(Stop::new(Exit::Fault, words));
        }
        let text =
            |line: &Value, name: &str| line.get(name).and_then(Value::as_str).map(str::to_owned);
        let lines = found
            .get("notifications")
            .and_then(Value::as_array)
            .cloned();
        for line in lines.unwrap_or_default() {
            let (child, urn) = (text(&line, "child_ref"), text(&line, "urn"));
            let expected = scene.expected.iter().find(|expected| {
                Some(expected.child_ref) == child.as_deref() && expected.urn == urn.as_deref()
            });
            let id = text(&line, "id").and_then(|id| NotificationId::parse(&id).ok());
            let (Some(expected), Some(id)) = (expected, id) else {
                let words = format!("{}: not as scripted", scene.title);
                return Err(Stop::new(Exit::Fault, words));
            };
            self.followed.push(Followed {
                scene,
                expected,
                id,
            });
        }
        Ok(())
    }

    /// What an operator does, as an operator: the same act that the operators' socket carries.
    async fn act(&mut self, desk: DeskAct) -> Result<(), Stop> {
        let words = |what: &str| Stop::new(Exit::Fault, format!("{}: {what}", desk.child_ref));
        let trace = self
            .live_trace(desk.child_ref)
            .await?
            .ok_or_else(|| words("nothing of this child waits for the desk"))?;
        let call = || {
            let mut open = trace.case.people.open_tasks();
            let call = open.find(|(_, task)| task.kind == TaskKind::RingSchool);
            call.map(|(task, _)| task)
                .ok_or_else(|| words("no call is asked for"))
        };
        let notification = trace.case.notification;
        let (act, what) = match desk.does {
            Does::Route(urn) => {
                let urn = Urn::parse(urn).ok_or_else(|| words("no URN"))?;
                (Act::Route { notification, urn }, format!("route {urn}"))
            }
            Does::Claim => (Act::Claim { task: call()? }, "claim".to_owned()),
            Does::Tell => {
                let task = call()?;
                self.does(on_roll(task, notification), &words).await?;
                (told(task), "told".to_owned())
            }
        };
        self.does(act, &words).await?;
        self.note_act(desk.child_ref, &what)
    }

    async fn does(&self, act: Act, words: &impl Fn(&str) -> Stop) -> Result<(), Stop> {
        let done = self.store.act(act, OPERATOR).await.map_err(unread)?;
        done.map_err(|refused| words(&refused.to_string()))?;
        Ok(())
    }

    /// The desk's own journal, for whoever judges the night from outside.
    fn note_act(&self, child_ref: &str, what: &str) -> Result<(), Stop> {
        let path = self.world.folder.join("desk.journal");
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?;
        let line =
            json!({ "at": self.clock.now().to_string(), "child_ref": child_ref, "act": what });
        writeln!(file, "{line}")?;
        Ok(())
    }

    /// The live notification of a child.
    async fn live_trace(&mut self, child_ref: &str) -> Result<Option<Trace>, Stop> {
        self.follow_on().await?;
        for one in &self.followed {
            if one.expected.child_ref == child_ref {
                let trace = self.trace(one.id).await?;
                if trace.case.live() {
                    return Ok(Some(trace));
                }
            }
        }
        Ok(None)
    }

    pub(super) async fn trace(&self, id: NotificationId) -> Result<Trace, Stop> {
        let found = self.store.readers().show_trace(id, self.clock.now()).await;
        found
            .map_err(unread)?
            .ok_or_else(|| Stop::new(Exit::Fault, format!("there is no notification {id}")))
    }

    /// Follows successors too, as far as the script knows of them.
    async fn follow_on(&mut self) -> Result<(), Stop> {
        let mut place = 0;
        while let Some(one) = self.followed.get(place).copied() {
            place += 1;
            let Some(expected) = one.expected.then else {
                continue;
            };
            let Some(id) = self.trace(one.id).await?.case.rerouted_to else {
                continue;
            };
            if !self.followed.iter().any(|known| known.id == id) {
                let scene = one.scene;
                let next = Followed {
                    scene,
                    expected,
                    id,
                };
                self.followed.insert(place, next);
            }
        }
        Ok(())
    }

    /// Finds what was posted from outside.
    async fn discover(&mut self) -> Result<(), Stop> {
        let live = self.store.readers().list_live(self.clock.now()).await;
        for line in live.map_err(unread)? {
            let id = line.notification;
            if !self.followed.iter().any(|known| known.id == id) && !self.others.contains(&id) {
                self.others.push(id);
            }
        }
        Ok(())
    }

    /// Tells what has happened since it was last told.
    async fn tell_story(&mut self) -> Result<(), Stop> {
        self.follow_on().await?;
        if self.output.is_json() {
            return Ok(());
        }
        let mut traces = Vec::new();
        for id in self
            .followed
            .iter()
            .map(|one| one.id)
            .chain(self.others.iter().copied())
        {
            traces.push(self.trace(id).await?);
        }
        for line in self.story.go_on(&traces, &self.store.directory()) {
            tell(self.output, &line)?;
        }
        Ok(())
    }
}

/// What a look found.
struct Look {
    is_quiet: bool,
    /// When something is due next.
    next: Option<Timestamp>,
}

/// The school says that the child is on its roll.
fn on_roll(task: TaskId, notification: NotificationId) -> Act {
    Act::CallRoll {
        task,
        notification,
        on_roll: true,
    }
}

/// The deputy came to the telephone and spoke the words on the school's card.
fn told(task: TaskId) -> Act {
    Act::CallOutcome {
        task,
        outcome: CallOutcome::Told,
        notification: None,
        role: Role::Deputy,
        word: SchoolWord::Matches,
    }
}

fn unread(error: NotStored) -> Stop {
    Stop::new(Exit::Fault, error)
}
