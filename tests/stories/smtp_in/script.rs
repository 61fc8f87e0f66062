//! A scripted dialogue with the listener: a file of `tests/data/smtp-server`. `README.md` there says
//! how they are written.

use firstbell::replies::smtp::Mail;
use std::fs;
use std::path::Path;

#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) name: String,
    /// The connection begins in clear, not with TLS.
    pub(crate) clear: bool,
    pub(crate) size_bytes_max: usize,
    /// The inbox can keep nothing.
    pub(crate) full: bool,
    pub(crate) moves: Vec<Move>,
    /// What the inbox holds at the end, as [`summary`] writes it.
    pub(crate) mails: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Move {
    /// The relay sends all of this at once.
    RelaySays(Vec<u8>),
    /// We answer exactly this.
    WeSay(Vec<u8>),
    /// Both shake hands.
    Tls,
    /// The relay is silent until its time is up.
    Idle,
    /// We close.
    WeClose,
}

impl Script {
    pub(crate) fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/smtp-server");
        let files = fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path());
        let scripts = files.filter(|path| path.extension().is_some_and(|ending| ending == "txt"));
        let read = |path: std::path::PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            Self::read(name, &fs::read_to_string(&path).unwrap())
        };
        let scripts: Vec<Self> = scripts.map(read).collect();
        assert!(scripts.len() >= 30, "{} scripts found", scripts.len());
        scripts
    }

    fn read(name: &str, text: &str) -> Self {
        let mut script = Self {
            name: name.to_owned(),
            clear: false,
            size_bytes_max: 8192,
            full: false,
            moves: Vec::new(),
            mails: Vec::new(),
        };
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        for line in lines {
            let (key, value) = line.split_once(':').unwrap();
            let value = value.strip_prefix(' ').unwrap_or(value);
            match key {
                "begins" => script.clear = value == "in clear",
                "inbox" => script.full = value == "full",
                "size" => script.size_bytes_max = value.parse().unwrap(),
                "C" => script.relay_says(format!("{value}\r\n").into_bytes()),
                "C!" => script.relay_says(unescaped(value)),
                "C*" => {
                    let (times, bytes) = value.split_once(' ').unwrap();
                    script.relay_says(unescaped(bytes).repeat(times.parse().unwrap()));
                }
                "S" => script.we_say(format!("{value}\r\n").into_bytes()),
                "tls" => script.moves.push(Move::Tls),
                "idle" => script.moves.push(Move::Idle),
                "closed" => script.moves.push(Move::WeClose),
                "mail" => script.mails.push(value.to_owned()),
                other => panic!("{name}: {other:?} is no line of a script"),
            }
        }
        script
    }

    fn relay_says(&mut self, more: Vec<u8>) {
        match self.moves.last_mut() {
            Some(Move::RelaySays(bytes)) => bytes.extend(more),
            _ => self.moves.push(Move::RelaySays(more)),
        }
    }

    fn we_say(&mut self, more: Vec<u8>) {
        match self.moves.last_mut() {
            Some(Move::WeSay(bytes)) => bytes.extend(more),
            _ => self.moves.push(Move::WeSay(more)),
        }
    }

    /// The relay speaks before it is greeted.
    pub(crate) fn speaks_early(&self) -> bool {
        matches!(self.moves.first(), Some(Move::RelaySays(_)))
    }

    pub(crate) fn idles(&self) -> bool {
        self.moves.contains(&Move::Idle)
    }

    /// Everything the relay says, one after the other.
    pub(crate) fn all_said(&self) -> Vec<u8> {
        let said = self.moves.iter().map(|one| match one {
            Move::RelaySays(bytes) => bytes.clone(),
            Move::WeSay(_) | Move::Tls | Move::Idle | Move::WeClose => Vec::new(),
        });
        said.flatten().collect()
    }
}

/// As [`in_full`], but of a mail of more than 200 bytes only how many.
pub(crate) fn summary(mail: &Mail) -> String {
    match mail.bytes.len() {
        0..=200 => in_full(mail),
        long => format!("{} | {long} bytes", envelope(mail)),
    }
}

/// `<sender> <recipient> ... | bytes`.
pub(crate) fn in_full(mail: &Mail) -> String {
    format!("{} | {}", envelope(mail), printable(&mail.bytes))
}

fn envelope(mail: &Mail) -> String {
    assert_eq!(mail.source, "smtp");
    assert_eq!(mail.peer.to_string(), "127.0.0.1");
    let sender = format!("<{}>", mail.mail_from.clone().unwrap_or_default());
    let recipients = mail.rcpt_to.iter().map(|to| format!(" <{to}>"));
    sender + &recipients.collect::<String>()
}

pub(crate) fn printable(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn unescaped(text: &str) -> Vec<u8> {
    let text = text.replace("\\r", "\r").replace("\\n", "\n");
    let text = text.replace("\\0", "\0").replace("\\x", "\u{ff}");
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect()
}
