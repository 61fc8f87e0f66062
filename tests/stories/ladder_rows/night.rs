//! One row's night: a store, the stages, a relay and a hub, and a clock that is moved while nothing is in
//! flight.

use crate::relays::relay::{Act as Does, Relay};
use crate::relays::{READY, RESET, Scene, TAKEN};
use crate::store_rules::{Opened, database, document, open_with, policy, post};
use firstbell::clock::Clock;
use firstbell::delivery::carrier::SmtpCarrier;
use firstbell::delivery::making::Maker;
use firstbell::delivery::stage;
use firstbell::delivery::{self, Route};
use firstbell::directory::read_folder;
use firstbell::letter::{self, SignatureProfile, Signer, Templates};
use firstbell::referral::answer::{CallOutcome, SchoolWord};
use firstbell::referral::attempt::AttemptResult;
use firstbell::referral::fact::{Fact, Message, TaskKind};
use firstbell::referral::fold::fold;
use firstbell::referral::id::{ContactId, LetterId, NotificationId, TaskId};
use firstbell::referral::london;
use firstbell::referral::retry::RetrySettings;
use firstbell::referral::school::{Address, Role, RouteName};
use firstbell::replies::stage::Stage;
use firstbell::store::{Accepted, Act, InboundMail, Store, Trace};
use firstbell::watch::Watch;
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use sqlx::Row as _;
use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A stage that says nothing for so long never will.
const PATIENCE: Duration = Duration::from_secs(20);
/// A report comes so long after the letter was handed over.
const REPORT_AFTER: SignedDuration = SignedDuration::from_mins(1);

pub(crate) struct Night {
    clock: Clock,
    opened: Opened,
    notification: NotificationId,
    relay: Relay,
    stages: JoinSet<()>,
    stop: watch::Sender<bool>,
    /// The letter that is still to be reported on.
    report: Option<LetterId>,
    rung: bool,
    /// Whoever rings does so again each time that the call is wanted.
    rings_on: bool,
    _folder: tempfile::TempDir,
    /// Where nudges go, unless a story has its own.
    _hub: Option<Relay>,
    _scene: Scene,
}

/// Letters to a school in a night at most.
const LETTERS: usize = 2;
/// Nudges to a school in a night at most: three mailboxes on each of two days, and some to spare.
const NUDGES: usize = 8;

impl Night {
    /// Everything before the post, and the post.
    pub(super) async fn begin(posted: &str, incident: Option<&str>, reported: bool) -> Self {
        let scene = Scene::new();
        let hub = scene.relay(takes(NUDGES)).await;
        let route = Route {
            name: hub_name(),
            ..scene.route(hub.port)
        };
        let mut night = Self::over(wall(posted), scene, route, LETTERS).await;
        night._hub = Some(hub);
        night.posts(1, incident).await;
        let letter = night.trace().await.case.letters().next().unwrap().1.letter;
        night.report = reported.then_some(letter);
        night
    }

    /// Before any post: the stages run; so many letters find a relay, and nudges go over this route.
    pub(crate) async fn over(at: Timestamp, scene: Scene, hub: Route, letters: usize) -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::manual(at));
        let nudge_route = Some(hub.name.clone());
        let opened = open_with(folder.path(), &clock, |_, options| {
            options.nudge_route = nudge_route;
        });
        let opened = opened.await.unwrap();
        import(&opened.store).await;
        let relay = scene.relay(takes(letters)).await;
        let routes = vec![scene.route(relay.port), hub];
        let mut night = Self {
            clock,
            notification: NotificationId::from_parts(0, [0; 10]),
            relay,
            stages: JoinSet::new(),
            stop: watch::channel(false).0,
            report: None,
            rung: false,
            rings_on: false,
            _folder: folder,
            _hub: None,
            opened,
            _scene: scene,
        };
        night.start(routes);
        night
    }

    /// A child of the school; the first is whom the night is about.
    pub(crate) async fn posts(&mut self, number: u32, incident: Option<&str>) {
        let at = self.clock.now();
        let mut document = document(number, at);
        if let Some(incident) = incident {
            document["incident"]["occurred_at"] = wall(incident).to_string().into();
        }
        let key = format!("key-{number}");
        let accepted = self.store().accept(post(&document, &key, at)).await;
        assert!(matches!(accepted, Ok(Accepted::New(_))));
        if number == 1 {
            let live = self.store().readers().list_live(at).await.unwrap();
            self.notification = live[0].notification;
        }
    }

    fn start(&mut self, routes: Vec<Route>) {
        let home = self._folder.path();
        let settings = letter::Settings {
            templates: None,
            signing_key: home.join("key.asc"),
            profile: SignatureProfile::V4,
            from: Address::parse("gateway@force.test").unwrap(),
            from_name: "Essex Police Secure Desk".to_owned(),
            reply_to: Address::parse("replies@force.test").unwrap(),
            host_name: "gateway.test".to_owned(),
        };
        let maker = Maker {
            signer: signer(&settings),
            templates: Templates::load(None).unwrap(),
            settings,
            policies: HashMap::from([(policy().force.clone(), policy())]),
        };
        let carrier = SmtpCarrier::new("gateway.test", &routes).unwrap();
        let settings = delivery::Settings {
            host_name: "gateway.test".to_owned(),
            routes,
            retries: RetrySettings {
                first: Duration::from_secs(30),
                longest: Duration::from_secs(600),
                in_doubt: Duration::from_secs(120),
            },
            lease: PATIENCE,
            poll: Duration::from_secs(1),
        };
        let stage = stage::Stage::new(self.store().clone(), carrier, maker, settings);
        let watching = Watch::new(self.store().clone(), Duration::from_secs(1));
        let (until, also) = (self.stop.subscribe(), self.stop.subscribe());
        self.stages.spawn(async { stage.run(until).await.unwrap() });
        self.stages.spawn(watching.run(also));
    }

    fn store(&self) -> &Store {
        &self.opened.store
    }

    async fn trace(&self) -> Trace {
        let readers = self.store().readers();
        let trace = readers.show_trace(self.notification, self.clock.now());
        trace.await.unwrap().unwrap()
    }

    /// From now on a call is made again each time that it is wanted, not once.
    pub(super) fn rings_on(&mut self) {
        self.rings_on = true;
    }

    /// Once all that was due at the post has happened: when calls are wanted, and what waits for a later day.
    pub(super) async fn at_once(&self) -> (Vec<String>, Vec<String>) {
        let mut hints = self.store().hints();
        let (now, readers) = (self.clock.now(), self.store().readers());
        let shown = |at| london::civil(at).strftime("%a %-d %b %H:%M").to_string();
        loop {
            hints.mark_unchanged();
            let queue = readers.list_queue().await.unwrap();
            let timer = self.store().next_timer().await.unwrap().unwrap();
            let due = |line: &firstbell::store::QueueLine| {
                line.state == "sending" || line.not_before <= now
            };
            if timer <= now || queue.iter().any(due) {
                let changed = tokio::time::timeout(PATIENCE, hints.changed()).await;
                changed.expect("the stages go on").unwrap();
                continue;
            }
            let calls = readers.list_calls(now).await.unwrap();
            let calls = calls.iter().map(|call| shown(call.wanted_by)).collect();
            let tomorrow = london::civil(now).date().tomorrow().unwrap();
            let later = [timer]
                .into_iter()
                .chain(queue.iter().map(|line| line.not_before));
            let later = later.filter(|at| london::civil(*at).date() >= tomorrow);
            return (calls, later.map(shown).collect());
        }
    }

    /// Moves the clock to this time, or until a supervisor has to choose. Gives what happened, and the
    /// letters' subjects.
    pub(super) async fn play(mut self, to: Option<&str>) -> (Vec<String>, Vec<String>) {
        self.goes_on(to.map(wall)).await;
        let happened = happened(&self.trace().await);
        self.stop.send_replace(true);
        while let Some(ended) = self.stages.join_next().await {
            ended.unwrap();
        }
        let heard = self.relay.heard().await.concat();
        (
            happened,
            heard.iter().filter_map(|text| subject(text)).collect(),
        )
    }

    /// What falls due happens at its minute, up to this instant, or until a supervisor has to choose.
    pub(crate) async fn goes_on(&mut self, to: Option<Timestamp>) {
        let mut hints = self.store().hints();
        loop {
            hints.mark_unchanged();
            let now = self.clock.now();
            // In this order: what a timer that has been taken queued is seen.
            let timer = self.store().next_timer().await.unwrap().unwrap();
            let queue = self.store().readers().list_queue().await.unwrap();
            let in_flight = queue
                .iter()
                .any(|line| line.state == "sending" || line.not_before <= now);
            if in_flight || timer <= now {
                let changed = tokio::time::timeout(PATIENCE, hints.changed()).await;
                changed.expect("the stages go on").unwrap();
                continue;
            }
            let trace = self.trace().await;
            let mut open = trace.case.people.open_tasks();
            let chosen_by_now =
                open.any(|(_, task)| task.kind == TaskKind::ChooseEnding && task.wanted_by <= now);
            if to.is_none() && chosen_by_now {
                return;
            }
            let call = self.call(&trace);
            if let Some((task, _)) = call.filter(|(_, at)| *at <= now) {
                self.nobody_picks_up(task).await;
                continue;
            }
            let report = self.report_at(&trace);
            if report.is_some_and(|at| at <= now) {
                self.report_delivered().await;
                continue;
            }
            let mail = queue.iter().map(|line| line.not_before);
            let call = call.map(|(_, at)| at);
            let next = mail.chain([timer]).chain(report).chain(call);
            let next = next.min().unwrap();
            if let Some(to) = to.filter(|to| *to < next) {
                self.clock.advance_to(to);
                return;
            }
            self.clock.advance_to(next);
        }
    }

    /// The call to be made, and when: the first at once.
    fn call(&self, trace: &Trace) -> Option<(TaskId, Timestamp)> {
        let mut calls = trace.case.people.open_tasks();
        let (task, open) = calls.find(|(_, task)| task.kind == TaskKind::RingSchool)?;
        match (self.rung, self.rings_on) {
            (false, _) => Some((task, Timestamp::MIN)),
            (true, true) => Some((task, open.wanted_by)),
            (true, false) => None,
        }
    }

    /// Whoever rings finds that nobody picks up.
    async fn nobody_picks_up(&mut self, task: TaskId) {
        self.rung = true;
        let act = Act::CallOutcome {
            task,
            outcome: CallOutcome::NoAnswer,
            notification: None,
            role: Role::Office,
            word: SchoolWord::Unverified,
        };
        self.store().act(act, "desk").await.unwrap().unwrap();
    }

    fn report_at(&self, trace: &Trace) -> Option<Timestamp> {
        self.report?;
        let taken = trace.facts.iter().find(|line| {
            matches!(line.fact, Fact::AttemptEnded { result, .. } if result == AttemptResult::Done)
        });
        taken.map(|line| line.at + REPORT_AFTER)
    }

    /// The relay's report comes back as a mail, and the stage reads it.
    async fn report_delivered(&mut self) {
        let letter = self.report.take().unwrap().to_string();
        // A part of it is the reply token: nothing but the relay is told it.
        let mut database = database(self._folder.path()).await;
        let row = sqlx::query("SELECT message_id FROM letter WHERE id = $1").bind(letter);
        let row = row.fetch_one(&mut database).await.unwrap();
        let message_id: String = row.get(0);
        let mail = InboundMail {
            source: "smtp".to_owned(),
            mail_from: None,
            rcpt_to: vec!["replies@force.test".to_owned()],
            bytes: report(&message_id).into_bytes(),
        };
        self.store().keep_inbound(mail).await.unwrap();
        let stage = Stage::new(self.store().clone(), Duration::from_secs(1));
        stage.step().await.unwrap();
    }
}

/// A relay over one connection that takes so many messages.
fn takes(messages: usize) -> Vec<Does> {
    let further = RESET.into_iter().chain(TAKEN);
    let further = further
        .cycle()
        .take((RESET.len() + TAKEN.len()) * (messages - 1));
    READY.into_iter().chain(TAKEN).chain(further).collect()
}

pub(crate) fn hub_name() -> RouteName {
    RouteName::parse("hub").unwrap()
}

/// A success report (RFC 3464) on the letter of this Message-ID.
fn report(message_id: &str) -> String {
    let report = format!(
        "From: MAILER-DAEMON@relay.test (Mail Delivery System)\nTo: replies@force.test\n\
         Subject: Successful Mail Delivery Report\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\n\n\
         --b\nContent-Type: text/plain\n\nThis is the mail system at host relay.test.\n\
         --b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay.test\n\n\
         Final-Recipient: rfc822; dsl@school.test\nAction: delivered\nStatus: 2.0.0\n\
         --b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <{message_id}>\n--b--\n"
    );
    report.replace('\n', "\r\n")
}

/// What the facts say, each at its minute; what stands at one minute by its name.
fn happened(trace: &Trace) -> Vec<String> {
    let places = 0..trace.facts.len();
    let mut happened: Vec<(Timestamp, String)> = places.filter_map(|n| step(trace, n)).collect();
    happened.sort();
    let told = |(at, what): (Timestamp, String)| {
        format!("{} {what}", london::civil(at).strftime("%a %-d %b %H:%M"))
    };
    happened.into_iter().map(told).collect()
}

/// What the n-th fact is in the table, and when that is: a call that is made again is, when it is wanted.
fn step(trace: &Trace, n: usize) -> Option<(Timestamp, String)> {
    let line = &trace.facts[n];
    let so_far = || trace.facts[..n].iter().map(|line| &line.fact);
    if let Fact::AttemptEnded {
        delivery, result, ..
    } = &line.fact
    {
        let delivery = &trace.case.deliveries[delivery];
        let mut contacts = trace.case.contacts.iter();
        let role = contacts.find(|(id, ..)| *id == delivery.contact);
        let what = match delivery.message {
            Message::Letter => "letter",
            Message::Nudge | Message::OfficeNudge => "nudge",
            other @ (Message::Receipt | Message::AfterCall | Message::NotCounted) => other.word(),
        };
        // An office has no letter, and is no contact of the case.
        let role = role.map_or(Role::Office, |(_, role, _)| *role);
        assert_eq!(*result, AttemptResult::Done);
        return Some((line.at, format!("{what} to {}", role.word())));
    }
    if let Fact::TaskOpened {
        task_kind,
        wanted_by,
        ..
    } = &line.fact
    {
        let is_call = |fact: &Fact| matches!(fact, Fact::TaskOpened { task_kind, .. } if *task_kind == TaskKind::RingSchool);
        let again = so_far().any(is_call);
        let names = [
            (TaskKind::CallUnclaimed, "supervisor"),
            (TaskKind::ChooseEnding, "choose"),
        ];
        let name = names.iter().find(|(kind, _)| kind == task_kind);
        return Some(match name {
            // By then one must have chosen.
            Some((kind, name)) if *kind == TaskKind::ChooseEnding => {
                ((*wanted_by).max(line.at), (*name).to_owned())
            }
            Some((_, name)) => (line.at, (*name).to_owned()),
            None if *task_kind != TaskKind::RingSchool => (line.at, task_kind.word().to_owned()),
            None if again => (*wanted_by, "call again".to_owned()),
            None => (line.at, "call".to_owned()),
        });
    }
    if let Fact::LateNoted { .. } = &line.fact {
        let word = fold(so_far()).unwrap().word(line.at);
        return Some((line.at, word.word().to_owned()));
    }
    None
}

/// The unfolded subject of what the relay heard, if that is a letter.
fn subject(heard: &str) -> Option<String> {
    let (headers, _) = heard.split_once("\r\n\r\n")?;
    let headers = headers.replace("\r\n ", " ");
    let mut lines = headers.lines();
    let subject = lines.find_map(|line| line.strip_prefix("Subject: "))?;
    Some(subject.to_owned())
}

/// What a clock on a wall in London shows.
pub(crate) fn wall(text: &str) -> Timestamp {
    let civil: DateTime = text.parse().unwrap();
    london::instant(civil.date(), civil.time())
}

async fn import(store: &Store) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/directory-of-ladder");
    let mut count = 0;
    let mut new_id = || {
        count += 1;
        ContactId::from_parts(0, [count; 10])
    };
    let (directory, _) = read_folder(&folder, "england-and-wales", &mut new_id).unwrap();
    let imported = store.import_directory(directory, "tester").await;
    assert_eq!(imported, Ok(Some(1)));
}

fn signer(settings: &letter::Settings) -> Signer {
    let created = "2020-01-06T09:00:00Z".parse().unwrap();
    let user = "Firstbell <gateway@force.test>";
    let key = letter::generate(user, created, settings.profile).unwrap();
    fs::write(&settings.signing_key, key).unwrap();
    fs::set_permissions(&settings.signing_key, Permissions::from_mode(0o600)).unwrap();
    Signer::load(&settings.signing_key, settings.profile).unwrap()
}
