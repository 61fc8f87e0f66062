//! The dialogue alone: bytes in, what it says and keeps out.

use super::script::{Move, Script, in_full, printable, summary};
use super::{GENERAL, TOKEN, terms};
use firstbell::replies::smtp::Mail;
use firstbell::replies::smtp::dialogue::{Dialogue, Next};
use firstbell::store::NotStored;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

struct Core {
    dialogue: Dialogue,
    full: bool,
    said: Vec<u8>,
    mails: Vec<Mail>,
}

impl Core {
    fn new(size_bytes_max: usize, clear: bool, full: bool) -> Self {
        let peer = [127, 0, 0, 1].into();
        Self {
            dialogue: Dialogue::new(terms(size_bytes_max), peer, !clear),
            full,
            said: Vec::new(),
            mails: Vec::new(),
        }
    }

    /// Goes on until it must wait for the relay; gives what it waits for.
    fn go_on(&mut self) -> Next {
        loop {
            match self.dialogue.advance() {
                Next::Say(bytes) => self.said.extend(bytes),
                Next::Recognise(token) => self.dialogue.recognised(Ok(token == TOKEN)),
                Next::Keep(_) if self.full => self.dialogue.kept(Err(NotStored)),
                Next::Keep(mail) => {
                    self.mails.push(mail);
                    self.dialogue.kept(Ok(()));
                }
                next @ (Next::Listen | Next::StartTls | Next::Close) => return next,
            }
        }
    }

    fn play(mut self, script: &Script) {
        let name = &script.name;
        let mut moves = script.moves.iter().peekable();
        if let Some(Move::RelaySays(bytes)) = moves.peek() {
            self.dialogue.feed(bytes);
            moves.next();
        }
        let mut next = self.go_on();
        for one in moves {
            if *one != Move::WeClose && !matches!(one, Move::WeSay(_)) {
                assert_eq!(printable(&self.said), "", "{name}: said too much");
            }
            match one {
                Move::RelaySays(bytes) => self.dialogue.feed(bytes),
                Move::WeSay(bytes) => {
                    assert_eq!(printable(&self.said), printable(bytes), "{name}");
                    self.said.clear();
                }
                Move::Tls => {
                    assert_eq!(next, Next::StartTls, "{name}");
                    self.dialogue.encrypted();
                }
                Move::Idle => self.dialogue.timed_out(),
                Move::WeClose => assert_eq!(next, Next::Close, "{name}"),
            }
            next = self.go_on();
        }
        assert_eq!(printable(&self.said), "", "{name}: said too much");
        let mails: Vec<String> = self.mails.iter().map(summary).collect();
        assert_eq!(mails, script.mails, "{name}");
    }
}

#[test]
fn every_script_goes_as_written_without_a_socket() {
    for script in Script::all() {
        Core::new(script.size_bytes_max, script.clear, script.full).play(&script);
    }
}

/// What the relay says, cut into these parts: what is answered, and what is kept.
fn answered(parts: &[&[u8]]) -> (String, Vec<String>) {
    let mut core = Core::new(8192, false, false);
    core.go_on();
    for part in parts {
        core.dialogue.feed(part);
        core.go_on();
    }
    (
        printable(&core.said),
        core.mails.iter().map(in_full).collect(),
    )
}

fn cut<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places
        .windows(2)
        .map(|pair| &bytes[pair[0]..pair[1]])
        .collect()
}

/// Pieces of what relays and attackers send.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    const FRAGMENTS: &[&str] = &[
        "MAIL FROM:<>\r\n",
        "RCPT TO:<replies@gateway.test>\r\n",
        "DATA\r\n",
        "RSET\r\n",
        "MAIL FROM:<a@b>\r\nRCPT TO:<replies@gateway.test>\r\nDATA\r\n",
        "Subject: x\r\n",
        "\r\n",
        "\r\n.\r\n",
        ".",
        "..",
        "\r",
        "\n",
        "\0",
        "a",
        ".\r\n",
    ];
    // No fragment is refused more than twice, so none of these reaches the refusals that end a
    // connection, which the reading below does not know.
    vec(select(FRAGMENTS), 0..=10).prop_map(|parts| {
        let mut bytes = b"EHLO relay.test\r\n".to_vec();
        parts.iter().for_each(|part| bytes.extend(part.bytes()));
        bytes
    })
}

/// The same in one go: cut at the first byte that may stand nowhere, then line by line.
fn reference(bytes: &[u8]) -> Vec<String> {
    let stray = (0..bytes.len()).find(|&at| match bytes[at] {
        b'\n' => at == 0 || bytes[at - 1] != b'\r',
        b'\r' => bytes.get(at + 1).is_some_and(|next| *next != b'\n'),
        byte => byte == 0,
    });
    let text = String::from_utf8(bytes[..stray.unwrap_or(bytes.len())].to_vec()).unwrap();
    let whole_lines = text.rsplit_once("\r\n").map_or("", |(lines, _)| lines);
    let (mut mails, mut from, mut to, mut body) = (vec![], None, 0, None::<String>);
    for line in whole_lines.split("\r\n") {
        if let Some(so_far) = &mut body {
            if line == "." {
                let to = vec![format!("<{GENERAL}>"); to].join(" ");
                let whole = printable(so_far.as_bytes());
                mails.push(format!("<{}> {to} | {whole}", from.take().unwrap()));
                body = None;
            } else {
                *so_far += line.strip_prefix('.').unwrap_or(line);
                *so_far += "\r\n";
            }
            continue;
        }
        match line {
            "RSET" => from = None,
            "DATA" if from.is_some() && to > 0 => body = Some(String::new()),
            "RCPT TO:<replies@gateway.test>" if from.is_some() => to += 1,
            _ => {
                let sender = line
                    .strip_prefix("MAIL FROM:<")
                    .and_then(|l| l.strip_suffix('>'));
                if let (Some(sender), None) = (sender, from) {
                    (from, to) = (Some(sender), 0);
                }
            }
        }
    }
    mails
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn where_bytes_are_cut_changes_nothing(
        bytes in fragments(),
        cuts in vec(any::<Index>(), 0..6),
    ) {
        prop_assert_eq!(answered(&cut(&bytes, &cuts)), answered(&[&bytes]));
    }

    #[test]
    fn what_is_kept_is_what_a_reading_line_by_line_gives(bytes in fragments()) {
        prop_assert_eq!(answered(&[&bytes]).1, reference(&bytes));
    }
}

#[test]
fn every_script_over_tls_goes_the_same_cut_at_any_byte() {
    let plain = |script: &Script| {
        !(script.clear || script.full || script.idles() || script.speaks_early())
            && script.all_said().len() < 2000
    };
    let mut walked = 0;
    for script in Script::all().into_iter().filter(plain) {
        let said = script.all_said();
        let whole = answered(&[&said]);
        for at in 0..=said.len() {
            let (first, second) = said.split_at(at);
            assert_eq!(answered(&[first, second]), whole, "{} at {at}", script.name);
        }
        walked += 1;
    }
    assert!(walked >= 10, "{walked} scripts cut");
}
