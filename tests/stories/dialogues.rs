//! Scripted SMTP dialogues: every file in `tests/data/dialogues` is one. A new case is a new file;
//! `README.md` beside them says how they are written.

use firstbell::delivery::Envelope;
use firstbell::delivery::dialogue::{
    CanonicalLetter, Capabilities, Clear, Credentials, Dialogue, Ending, Next, Opening, Replies,
    Reset, Script, Transaction, nothing_follows,
};
use firstbell::referral::attempt::AttemptWhy;
use firstbell::referral::school::Address;
use std::collections::VecDeque;
use std::fs;
use std::path::Path;

#[test]
fn every_scripted_dialogue_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dialogues");
    let mut walked = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "dialogue")
        {
            let name = path.file_name().unwrap().to_str().unwrap();
            Case::read(name, &fs::read_to_string(&path).unwrap()).walk();
            walked += 1;
        }
    }
    assert!(walked >= 30, "{walked} dialogues found");
}

#[derive(Default)]
struct Case {
    name: String,
    part: String,
    login: Option<Credentials>,
    envid: String,
    bounce: bool,
    letter: String,
    offers: String,
    moves: VecDeque<Move>,
    expected: String,
}

#[derive(Debug)]
enum Move {
    PeerSays(Vec<u8>),
    WeSay(Vec<u8>),
    Breaks(AttemptWhy),
}

impl Case {
    fn read(name: &str, text: &str) -> Self {
        let mut case = Self {
            name: name.to_owned(),
            envid: "tok3n".to_owned(),
            offers: "250-relay.test\r\n".to_owned(),
            ..Self::default()
        };
        let mut body_open = false;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (key, value) = line
                .split_once(": ")
                .unwrap_or((line.trim_end_matches(':'), ""));
            let in_body = key == "L";
            match key {
                "part" => value.clone_into(&mut case.part),
                "login" => case.login = value.split_once(' ').map(Credentials::from),
                "envid" => value.clone_into(&mut case.envid),
                "bounce" => case.bounce = true,
                "letter" => case.letter += &format!("{value}\r\n"),
                "offers" => case.offers += &format!("250-{value}\r\n"),
                "S" => case
                    .moves
                    .push_back(Move::PeerSays(format!("{value}\r\n").into())),
                "S!" => case.moves.push_back(Move::PeerSays(unescaped(value))),
                "S*" => {
                    let (times, line) = value.split_once(' ').unwrap();
                    let lines = format!("{line}\r\n").repeat(times.parse().unwrap());
                    case.moves.push_back(Move::PeerSays(lines.into()));
                }
                "C" => case
                    .moves
                    .push_back(Move::WeSay(format!("{value}\r\n").into())),
                "L" => match case.moves.back_mut() {
                    Some(Move::WeSay(body)) if body_open => {
                        body.extend(format!("{value}\r\n").bytes());
                    }
                    _ => case
                        .moves
                        .push_back(Move::WeSay(format!("{value}\r\n").into())),
                },
                "lost" => case
                    .moves
                    .push_back(Move::Breaks(AttemptWhy::ConnectionLost)),
                "timeout" => case.moves.push_back(Move::Breaks(AttemptWhy::Timeout)),
                "=" => value.clone_into(&mut case.expected),
                "" => {}
                other => panic!("{name}: {other:?} is no line of a dialogue"),
            }
            body_open = in_body;
        }
        if case.letter.is_empty() {
            case.letter = "Subject: Test\r\n\r\nHello.\r\n".to_owned();
        }
        case
    }

    fn walk(mut self) {
        let mut replies = Replies::default();
        let outcome = match self.part.as_str() {
            "clear" => self
                .speak(&mut replies, Clear::new("gateway.test"))
                .and_then(|()| nothing_follows(&replies))
                .map_or_else(|ending| words(&ending), |()| "ready".to_owned()),
            "opening" | "opening-greeted" => {
                let login = self.login.take();
                let greeted = self.part == "opening-greeted";
                let opening = Opening::new("gateway.test", greeted, login.as_ref());
                self.speak(&mut replies, opening).map_or_else(
                    |ending| words(&ending),
                    |offered| self.then_letter(&mut replies, offered),
                )
            }
            "letter" => {
                let offered = self.offered();
                self.then_letter(&mut replies, offered)
            }
            "kept" => {
                let offered = self.offered();
                self.speak(&mut replies, Reset).map_or_else(
                    |ending| words(&ending),
                    |()| self.then_letter(&mut replies, offered),
                )
            }
            other => panic!("{}: {other:?} is no part", self.name),
        };
        assert_eq!(outcome, self.expected, "{}", self.name);
        assert!(
            self.moves.is_empty(),
            "{}: {:?} left",
            self.name,
            self.moves
        );
    }

    /// Goes on with a letter unless the case says that all it wants is to be ready for one.
    fn then_letter(&mut self, replies: &mut Replies, offered: Capabilities) -> String {
        if self.expected == "ready" {
            return "ready".to_owned();
        }
        let envelope = Envelope {
            mail_from: (!self.bounce).then(|| address("gateway@force.test")),
            rcpt_to: address("o'neil+ks=2@school.test"),
            envid: self.envid.clone(),
        };
        let letter = self.letter.clone();
        let letter = CanonicalLetter::parse(letter.as_bytes()).unwrap();
        let (Ok(ending) | Err(ending)) =
            self.speak(replies, Transaction::new(&envelope, letter, offered));
        words(&ending)
    }

    fn speak<S: Script>(&mut self, replies: &mut Replies, script: S) -> Result<S::Outcome, Ending>
    where
        S::Outcome: std::fmt::Debug + PartialEq,
    {
        let mut dialogue = Dialogue::new(replies, script);
        loop {
            if let Next::Ended(outcome) = dialogue.next() {
                return outcome;
            }
            match self.moves.pop_front() {
                Some(Move::PeerSays(bytes)) => dialogue.feed(&bytes),
                Some(Move::WeSay(bytes)) => {
                    assert_eq!(dialogue.next(), Next::Say, "{}", self.name);
                    let said = dialogue
                        .say()
                        .unwrap_or_else(|| panic!("{}: silent", self.name));
                    assert_eq!(printable(&said), printable(&bytes), "{}", self.name);
                }
                Some(Move::Breaks(why)) => return Err(dialogue.broken(why)),
                None => {
                    assert_eq!(dialogue.next(), Next::Say, "{}: still listens", self.name);
                    assert_eq!(dialogue.say(), None, "{}: would say more", self.name);
                }
            }
        }
    }

    fn offered(&self) -> Capabilities {
        let mut replies = Replies::default();
        replies.feed(format!("{}250 HELP\r\n", self.offers).as_bytes());
        Capabilities::of(&replies.take().unwrap().unwrap())
    }
}

/// `later mail reply 451 4.7.1`, the end of a case; a reply that decided must be among its words.
fn words(ending: &Ending) -> String {
    let mut words = vec![
        ending.result.word().to_owned(),
        ending.phase.word().to_owned(),
        ending.why.word().to_owned(),
    ];
    if let Some(code) = ending.code {
        assert!(ending.words.starts_with(code.to_string().as_bytes()));
        words.push(code.to_string());
    }
    words.extend(ending.enhanced.clone());
    words.join(" ")
}

fn unescaped(text: &str) -> Vec<u8> {
    let text = text.replace("\\r", "\r").replace("\\n", "\n");
    text.replace("\\0", "\0").into_bytes()
}

fn printable(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}
