//! A county and its nights: the daemon's own store and stages, relays that take everything at once, and
//! a clock that is moved from one due time to the next while nothing is under way. What schools do, they
//! do by mail that the replies' stage reads.
//!
//! The year is 2020, as in [`crate::ladder_rows`]: its days from March on fall as those of 2026.

mod absences;
mod august;
mod handover;
mod holds;
mod lines;
mod summer;
mod returns;
mod suspended;
mod told;
mod unsigned;

use crate::store_rules::{Opened, document, open_with, policy, post};
use firstbell::clock::Clock;
use firstbell::delivery::carrier::Carrier;
use firstbell::delivery::making::Maker;
use firstbell::delivery::stage::Stage;
use firstbell::delivery::{self, Envelope, Limits, Roots, Route, TlsMode};
use firstbell::letter::{self, SignatureProfile, Signer, Templates};
use firstbell::referral::attempt::{AttemptResult, AttemptWhy, Attempted, Phase};
use firstbell::referral::calendar::{CalendarRow, DayKind, Scope};
use firstbell::referral::directory::{ContactOf, Directory};
use firstbell::referral::id::{ContactId, NotificationId, ReferralId};
use firstbell::referral::london;
use firstbell::referral::retry::RetrySettings;
use firstbell::referral::school::{
    Address, Contact, LaCode, Role, RouteName, School, SchoolStatus, Urn,
};
use firstbell::replies;
use firstbell::store::{Accepted, Footing, InboundMail, ReferralView, Trace};
use firstbell::tls::TlsFloor;
use firstbell::watch::Watch;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, date};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// The stages are driven by their steps; their polls never come.
const NEVER: Duration = Duration::from_secs(24 * 3600);
/// The county's authority.
const AUTHORITY: &str = "881";
/// The first school's number.
const URN_FIRST: usize = 990_101;

/// What a clock on a wall in London shows.
fn wall(text: &str) -> Timestamp {
    let civil: DateTime = text.parse().unwrap();
    london::instant(civil.date(), civil.time())
}

/// A message that a relay took.
#[derive(Debug, Clone)]
struct Taken {
    at: Timestamp,
    to: String,
    message_id: String,
}

/// Relays that take what they are given, at once.
#[derive(Debug, Clone)]
struct Relays {
    clock: Clock,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Carrier for Relays {
    async fn attempt(
        &self,
        _: &RouteName,
        envelope: &Envelope,
        letter: &[u8],
        still_wanted: impl Future<Output = bool> + Send,
    ) -> Attempted {
        let (result, phase, why) = if still_wanted.await {
            let taken = Taken {
                at: self.clock.now(),
                to: envelope.rcpt_to.as_str().to_owned(),
                message_id: message_id(letter),
            };
            self.taken.lock().unwrap().push(taken);
            (AttemptResult::Done, Phase::Body, AttemptWhy::Reply)
        } else {
            let why = AttemptWhy::CaseEnded;
            (AttemptResult::Later, Phase::Daemon, why)
        };
        Attempted {
            result,
            phase,
            why,
            code: (result == AttemptResult::Done).then_some(250),
            enhanced: None,
            tls: None,
            words: b"taken".to_vec(),
        }
    }

    async fn knock(&self, _: &RouteName) -> Result<(), Box<Attempted>> {
        Ok(())
    }

    async fn close_idle(&self) {}

    async fn close(&self) {}
}

fn message_id(letter: &[u8]) -> String {
    let text = String::from_utf8_lossy(letter).replace("\r\n ", " ");
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("Message-ID: <"));
    line.unwrap().trim_end_matches('>').to_owned()
}

/// The county.
struct County {
    clock: Clock,
    opened: Opened,
    relays: Relays,
    stage: Stage<Relays>,
    watch: Watch,
    replies: replies::stage::Stage,
    posted: u32,
    mails: u32,
    folder: TempDir,
}

impl County {
    /// So many schools, each with a Key Adult and a deputy, and a clock that stands at `at`.
    async fn begin(at: &str, schools: usize) -> Self {
        Self::with(at, directory(schools)).await
    }

    async fn with(at: &str, directory: Directory) -> Self {
        let created = "2020-01-06T09:00:00Z".parse().unwrap();
        Self::signing_since(at, directory, created).await
    }

    /// With a key that was made then.
    async fn signing_since(at: &str, directory: Directory, created: Timestamp) -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::manual(wall(at)));
        let opened = open_with(folder.path(), &clock, |_, options| {
            options.nudge_route = RouteName::parse("hub");
            options.footing = Footing {
                synced: false,
                ..Footing::default()
            };
        });
        let opened = opened.await.unwrap();
        let imported = opened.store.import_directory(directory, "tester").await;
        assert_eq!(imported, Ok(Some(1)));
        let settings = letters(&folder);
        let maker = Maker {
            signer: signer(&settings, created),
            templates: Templates::load(None).unwrap(),
            settings,
            policies: HashMap::from([(policy().force.clone(), policy())]),
        };
        let relays = Relays {
            clock: clock.clone(),
            taken: Arc::default(),
        };
        let stage = Stage::new(opened.store.clone(), relays.clone(), maker, deliveries());
        Self {
            stage,
            watch: Watch::new(opened.store.clone(), NEVER),
            replies: replies::stage::Stage::new(opened.store.clone(), NEVER),
            posted: 0,
            mails: 0,
            clock,
            opened,
            relays,
            folder,
        }
    }

    /// A child of this school, as the police would post it now.
    fn referral(&mut self, school: usize) -> Value {
        self.posted += 1;
        let mut document = document(self.posted, self.clock.now());
        let child = &mut document["children"][0];
        child["child_ref"] = json!(format!("c-{}", self.posted));
        child["given_name"] = json!(format!("Child-{}", self.posted));
        child["schools"][0]["urn"] = json!(urn(school).to_string());
        child["schools"][0]["name_recorded"] = json!(format!("County School {school}"));
        document
    }

    /// What its force is answered.
    async fn accept(&mut self, document: &Value) -> ReferralView {
        let (key, now) = (format!("key-{}", self.posted), self.clock.now());
        let accepted = self.opened.store.accept(post(document, &key, now)).await;
        let Ok(Accepted::New(id)) = accepted else {
            panic!("not accepted: {accepted:?}");
        };
        let id = ReferralId::parse(&String::from_utf8(id).unwrap()).unwrap();
        let readers = self.opened.store.readers();
        readers.show_referral(id, now).await.unwrap().unwrap()
    }

    /// Everything that is due now happens; gives when something is due next.
    async fn settle(&mut self) -> Option<Timestamp> {
        let now = self.clock.now();
        loop {
            self.replies.step().await.unwrap();
            let timer = self.watch.step(now).await;
            let stepped = self.stage.step(now, usize::MAX).await;
            if stepped.begun == 0 && self.stage.under_way() == 0 {
                return timer.into_iter().chain(stepped.next).min();
            }
            while self.stage.one_ends().await.unwrap() {}
        }
    }

    /// The clock comes to this time, and what falls due on the way happens at its own.
    async fn comes_to(&mut self, end: Timestamp) {
        while let Some(next) = self.settle().await.filter(|next| *next <= end) {
            self.clock.advance_to(next);
        }
        self.clock.advance_to(end);
        self.settle().await;
    }

    fn taken(&self) -> Vec<Taken> {
        self.relays.taken.lock().unwrap().clone()
    }

    /// Of that, what went to this address.
    fn taken_for(&self, address: &str) -> Vec<Taken> {
        let taken = self.relays.taken.lock().unwrap();
        let own = taken.iter().filter(|taken| taken.to == address);
        own.cloned().collect()
    }

    /// A mail that comes back about a letter.
    async fn mail(&mut self, letter: &Taken, headers: &str, text: &str) {
        self.mails += 1;
        let (from, answered, n) = (&letter.to, &letter.message_id, self.mails);
        let mail = format!(
            "From: Somebody <{from}>\nTo: replies@force.test\nMessage-ID: <m{n}@schools.test>\n\
             In-Reply-To: <{answered}>\n{headers}MIME-Version: 1.0\n\
             Content-Type: text/plain; charset=us-ascii\n\n{text}\n"
        );
        let mail = InboundMail {
            source: "smtp".to_owned(),
            mail_from: Some(from.clone()),
            rcpt_to: vec!["replies@force.test".to_owned()],
            bytes: mail.replace('\n', "\r\n").into_bytes(),
        };
        self.opened.store.keep_inbound(mail).await.unwrap();
    }

    async fn trace(&self, id: NotificationId) -> Trace {
        let readers = self.opened.store.readers();
        let trace = readers.show_trace(id, self.clock.now()).await;
        trace.unwrap().unwrap()
    }
}

fn urn(school: usize) -> Urn {
    Urn::parse(&(URN_FIRST + school).to_string()).unwrap()
}

/// Where a school's letters go.
fn address(school: usize, role: Role) -> String {
    format!("{}@s{school}.schools.test", role.word().replace('_', "."))
}

fn directory(schools: usize) -> Directory {
    let la_code = LaCode::parse(AUTHORITY);
    let mut directory = Directory::default();
    for n in 0..schools {
        let school = School {
            urn: urn(n),
            name: format!("County School {n}"),
            la_code,
            status: SchoolStatus::Open,
            low_age: Some(4),
            high_age: Some(18),
            town: None,
            postcode: None,
            telephone: Some(format!("01632 96{n:04}")),
        };
        directory.schools.insert(school.urn, school);
        let contacts = [Role::KeyAdult, Role::Deputy].map(|role| contact(n, role));
        let of = ContactOf::School(urn(n));
        directory.contacts.insert(of, contacts.into());
    }
    directory.bank_holidays.insert(date(2020, 8, 31));
    let scope = Scope::Authority(la_code.unwrap());
    directory.calendars.insert(scope, calendar(scope));
    directory
}

fn contact(school: usize, role: Role) -> Contact {
    let number = u64::try_from(school * 2 + usize::from(role == Role::Deputy)).unwrap();
    let mailbox = format!("n{number}@s{school}.ordinary.test");
    Contact {
        id: ContactId::from_parts(number + 1, [1; 10]),
        role,
        rank: 1,
        name: format!("Person {number}"),
        address: Address::parse(&address(school, role)).unwrap(),
        route: RouteName::parse("cjsm").unwrap(),
        phone: Some(format!("01632 96{school:04}")),
        valid_from: None,
        valid_to: None,
        nudge_to: Address::parse(&mailbox),
        mobile: None,
        phone_from: None,
        phone_to: None,
        holidays: false,
        word_hash: None,
        briefed_on: None,
    }
}

fn calendar(scope: Scope) -> Vec<CalendarRow> {
    let row = |kind, start: Date, end: Date| CalendarRow {
        scope,
        kind,
        start,
        end,
        source: "made up".to_owned(),
    };
    vec![
        row(DayKind::Term, date(2020, 4, 20), date(2020, 7, 22)),
        row(DayKind::Term, date(2020, 9, 1), date(2020, 12, 18)),
        row(DayKind::StaffDay, date(2020, 9, 1), date(2020, 9, 2)),
        row(DayKind::Term, date(2021, 1, 4), date(2021, 3, 26)),
    ]
}

fn letters(folder: &TempDir) -> letter::Settings {
    letter::Settings {
        templates: None,
        signing_key: folder.path().join("key.asc"),
        profile: SignatureProfile::V4,
        from: Address::parse("gateway@force.test").unwrap(),
        from_name: "Essex Police Secure Desk".to_owned(),
        reply_to: Address::parse("replies@force.test").unwrap(),
        host_name: "gateway.test".to_owned(),
    }
}

fn signer(settings: &letter::Settings, created: Timestamp) -> Signer {
    let user = "Firstbell <gateway@force.test>";
    let key = letter::generate(user, created, settings.profile).unwrap();
    fs::write(&settings.signing_key, key).unwrap();
    fs::set_permissions(&settings.signing_key, Permissions::from_mode(0o600)).unwrap();
    Signer::load(&settings.signing_key, settings.profile).unwrap()
}

fn deliveries() -> delivery::Settings {
    let limits = Limits {
        connect: NEVER,
        handshake: NEVER,
        command: NEVER,
        body: NEVER,
        whole: NEVER,
    };
    let routes = ["cjsm", "hub"].map(|name| Route {
        name: RouteName::parse(name).unwrap(),
        host: "relay.test".to_owned(),
        port: 25,
        tls: TlsMode::StartTls,
        floor: TlsFloor::V12,
        roots: Roots::System,
        client: None,
        login: None,
        connections: 16,
        idle: NEVER,
        letters_per_connection: 50,
        limits,
        plus_addressing: false,
    });
    delivery::Settings {
        host_name: "gateway.test".to_owned(),
        routes: routes.into(),
        retries: RetrySettings {
            first: Duration::from_secs(30),
            longest: Duration::from_secs(600),
            in_doubt: Duration::from_secs(120),
        },
        lease: NEVER,
        poll: NEVER,
    }
}
