//! Scripted peers: every folder in `tests/data/peers` is a relay that behaves up to a point. Each is
//! played over real sockets and TLS; each attempt must end as its file says, and the next letter go.

use crate::relays::authority::Authority;
use crate::relays::relay::{Act, Relay};
use crate::relays::{READY, RESET, Scene, TAKEN, carrier, send, write_secret};
use firstbell::delivery::carrier::Carrier as _;
use firstbell::delivery::{Login, Route, TlsMode};
use firstbell::referral::attempt::{AttemptResult, Attempted};
use rustls::ServerConfig;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Each wait of an attempt. Long for what comes before on a busy machine, short for a peer that stalls.
const LIMIT: Duration = Duration::from_secs(3);
/// Peers played at once: those that stall wait side by side.
const AT_ONCE: usize = 32;

const PHASES: [&str; 11] = [
    "greeting",
    "starttls",
    "handshake",
    "ehlo",
    "auth",
    "mail",
    "rcpt",
    "data",
    "body",
    "rset",
    "quit",
];
const KINDS: [&str; 6] = ["cut", "stall", "garbage", "wrong", "early", "endless"];

/// Said by a relay on a port that begins in clear.
const CLEAR: [Act; 4] = [
    Act::Say("220 relay.test ESMTP\r\n"),
    Act::Hear,
    Act::Say("250-relay.test\r\n250 STARTTLS\r\n"),
    Act::Hear,
];
/// Everything until a relay that wants a login has heard it.
const LOGIN: [Act; 5] = [
    Act::Tls,
    Act::Say("220 relay.test ESMTP\r\n"),
    Act::Hear,
    Act::Say("250-relay.test\r\n250 AUTH PLAIN\r\n"),
    Act::Hear,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scripted_peer_ends_as_its_file_says() {
    let cases = cases();
    let mut counted: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for case in &cases {
        let cell = (known(&PHASES, &case.phase), known(&KINDS, &case.kind));
        *counted.entry(cell).or_default() += 1;
    }
    for cell in PHASES
        .iter()
        .flat_map(|phase| KINDS.map(|kind| (*phase, kind)))
    {
        let count = counted.get(&cell).copied().unwrap_or(0);
        assert!(count >= 3, "{count} peers of {cell:?}");
    }
    let scene = Arc::new(Scene::new());
    // Its files are written once, before anybody reads them.
    let route = scene.route(0);
    let stranger = Arc::new(Authority::new("Somebody else's authority"));
    let mut waiting = cases.into_iter();
    let mut playing = JoinSet::new();
    let mut faults = Vec::new();
    let mut played = 0;
    loop {
        while playing.len() < AT_ONCE
            && let Some(case) = waiting.next()
        {
            let (scene, stranger) = (Arc::clone(&scene), Arc::clone(&stranger));
            let route = route.clone();
            playing.spawn(async move { case.play(&scene, &stranger, route).await });
        }
        let Some(ended) = playing.join_next().await else {
            break;
        };
        played += 1;
        faults.extend(ended.unwrap());
    }
    assert!(faults.is_empty(), "\n  {}\n", faults.join("\n  "));
    println!("{played} scripted peers");
}

fn known<'a>(words: &[&'a str], word: &str) -> &'a str {
    let found = words.iter().find(|known| **known == word);
    found.unwrap_or_else(|| panic!("{word:?} is none of {words:?}"))
}

struct Case {
    name: String,
    phase: String,
    kind: String,
    certificate: String,
    acts: Vec<Act>,
    expected: String,
    kept: bool,
}

fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/peers");
    let mut cases = Vec::new();
    for phase in fs::read_dir(root).unwrap().map(Result::unwrap) {
        if !phase.path().is_dir() {
            continue;
        }
        for case in fs::read_dir(phase.path()).unwrap().map(Result::unwrap) {
            let text = fs::read_to_string(case.path().join("peer.txt")).unwrap();
            let folder = case.file_name().into_string().unwrap();
            cases.push(Case::read(
                phase.file_name().to_str().unwrap(),
                &folder,
                &text,
            ));
        }
    }
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    cases
}

/// Scripts are read once a run and live as long.
fn bytes(text: Vec<u8>) -> &'static [u8] {
    text.leak()
}

impl Case {
    fn read(phase: &str, folder: &str, text: &str) -> Self {
        let kind = folder.split('-').next().unwrap();
        let mut case = Self {
            name: format!("{phase}/{folder}"),
            phase: phase.to_owned(),
            kind: kind.to_owned(),
            certificate: String::new(),
            acts: Vec::new(),
            expected: String::new(),
            kept: false,
        };
        assert!(text.starts_with("# "), "{}: says what it shows", case.name);
        let crlf = |line: &str| bytes(format!("{line}\r\n").into_bytes());
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let bare = (line.trim_end_matches(':'), "");
            let (key, value) = line.split_once(": ").unwrap_or(bare);
            match key {
                "until" => assert_eq!(value, case.phase, "{}", case.name),
                "certificate" => value.clone_into(&mut case.certificate),
                "S" => case.acts.push(Act::SayBytes(crlf(value))),
                "S!" => case.acts.push(Act::SayBytes(bytes(unescaped(value)))),
                "S*" => case.acts.push(Act::SayForEver(crlf(value))),
                "S*!" => case.acts.push(Act::SayForEver(bytes(unescaped(value)))),
                "tls" => case.acts.push(Act::Tls),
                "close" => case.acts.push(Act::Close),
                // What is not said is heard: nothing comes until the gateway has gone.
                "stall" => case.acts.push(Act::HearTheEnd),
                "=" => value.clone_into(&mut case.expected),
                "kept" => case.kept = value == "yes",
                other => panic!("{}: {other:?} is no line of a peer", case.name),
            }
        }
        case
    }

    /// Two letters: what is wrong with how the first ended, and with how the second went.
    async fn play(self, scene: &Scene, stranger: &Authority, mut route: Route) -> Option<String> {
        let tls = self.certificate(scene, stranger);
        let first = self.so_far().into_iter().chain(self.acts.iter().copied());
        let first = first.chain(RESET).chain(TAKEN).collect();
        let relay = Relay::start_in_turn(vec![(tls, first), (scene.tls(), self.good())]).await;
        let folder = tempfile::tempdir().unwrap();
        route.port = relay.port;
        self.settle(&mut route, folder.path());
        let carrier = carrier(&route);
        let ended = words(&send(&carrier).await);
        let again = send(&carrier).await;
        carrier.close().await;
        let heard = relay.heard_so_far().await;
        let mut wrong = Vec::new();
        if ended != self.expected {
            wrong.push(format!("ended {ended:?}, not {:?}", self.expected));
        }
        let is_sent = ended.starts_with("done body reply 250");
        if is_sent != ended.starts_with("done") {
            wrong.push("counts as sent without a 250".to_owned());
        }
        if again.result != AttemptResult::Done {
            wrong.push(format!("the next letter {}", words(&again)));
        }
        let kept = heard.len() == 1;
        if kept != self.kept {
            wrong.push(format!("kept: {kept}"));
        }
        for said in &heard {
            let mut in_clear = said.iter().take_while(|line| *line != "[tls]");
            if in_clear.any(|line| line.contains("MAIL") || line.contains("AUTH")) {
                wrong.push("spoke of a letter in clear".to_owned());
            }
        }
        (!wrong.is_empty()).then(|| format!("{}: {}", self.name, wrong.join("; ")))
    }

    fn is_in_clear(&self) -> bool {
        matches!(self.phase.as_str(), "greeting" | "starttls")
    }

    fn settle(&self, route: &mut Route, folder: &Path) {
        let limits = &mut route.limits;
        for limit in [
            &mut limits.connect,
            &mut limits.handshake,
            &mut limits.command,
            &mut limits.body,
        ] {
            *limit = LIMIT;
        }
        if self.is_in_clear() {
            route.tls = TlsMode::StartTls;
        }
        if self.phase == "auth" {
            let password_file = folder.join("password");
            write_secret(&password_file, "secret\n");
            let user = "user".to_owned();
            route.login = Some(Login {
                user,
                password_file,
                expires: None,
            });
        }
        if self.phase == "quit" {
            route.letters_per_connection = 1;
        }
    }

    fn certificate(&self, scene: &Scene, stranger: &Authority) -> Arc<ServerConfig> {
        let identity = match self.certificate.as_str() {
            "" => return scene.tls(),
            "other" => scene.authority.names("other.test"),
            "expired" => scene.authority.names_until("127.0.0.1", 2021),
            "unknown" => stranger.names("127.0.0.1"),
            other => panic!("{}: {other:?} is no certificate", self.name),
        };
        identity.serves(rustls::ALL_VERSIONS, None)
    }

    /// What a relay does until it has heard the phase's command.
    fn so_far(&self) -> Vec<Act> {
        let over_tls = |taken| READY.into_iter().chain(TAKEN.into_iter().take(taken));
        let heard = [Act::Hear];
        match self.phase.as_str() {
            "greeting" | "handshake" => Vec::new(),
            "starttls" => CLEAR.to_vec(),
            "ehlo" => READY.into_iter().take(3).collect(),
            "auth" => LOGIN.to_vec(),
            "mail" => over_tls(1).collect(),
            "rcpt" => over_tls(3).collect(),
            "data" => over_tls(5).collect(),
            "body" => over_tls(7).collect(),
            "rset" | "quit" => over_tls(TAKEN.len()).chain(heard).collect(),
            other => panic!("{other:?} is no phase"),
        }
    }

    /// What the same relay does when it behaves.
    fn good(&self) -> Vec<Act> {
        let ready = Act::Say("220 ready\r\n");
        let offers = [Act::Tls, Act::Hear, Act::Say("250 relay.test\r\n")];
        let mut good = if self.is_in_clear() {
            let clear = CLEAR.into_iter().chain([ready]);
            clear.chain(offers).collect()
        } else if self.phase == "auth" {
            let accepted = [Act::Say("235 2.7.0 ok\r\n")];
            LOGIN.into_iter().chain(accepted).collect()
        } else {
            READY.to_vec()
        };
        good.extend(TAKEN);
        good
    }
}

/// `later mail reply 451 4.7.1`.
fn words(attempted: &Attempted) -> String {
    let words = [
        Some(attempted.result.word().to_owned()),
        Some(attempted.phase.word().to_owned()),
        Some(attempted.why.word().to_owned()),
        attempted.code.map(|code| code.to_string()),
        attempted.enhanced.clone(),
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    words.join(" ")
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            bytes.extend(c.to_string().into_bytes());
            continue;
        }
        match rest.next() {
            Some('r') => bytes.push(b'\r'),
            Some('n') => bytes.push(b'\n'),
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            other => panic!("{other:?} is no escape"),
        }
    }
    bytes
}
