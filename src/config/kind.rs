//! What a key admits: one rule for each kind of value, in code and in words.

use crate::client::peer::HttpsUrl;
use crate::referral::school::{Address, LaCode, RouteName};
use crate::replies::smtp::Network;
use jiff::civil::{Date, Time};
use std::collections::HashSet;
use std::net::SocketAddr;
use toml::de::DeValue;
use tracing_subscriber::EnvFilter;

/// A value as it was written, before it means anything. Nothing is turned into something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// True or false.
    Flag(bool),
    /// A list of text.
    List(Vec<String>),
    /// Anything that no key admits.
    Other,
}

/// What a key admits.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// One line of text, up to so many characters.
    Line(usize),
    /// Whole sentences on one line, up to so many characters: Outlook joins lines that are not.
    Sentences(usize),
    /// A number to ring.
    Phone,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One or more of these words.
    Words(&'static [&'static str]),
    /// One or more words of the sender's vocabulary.
    Codes,
    /// A whole number of something (or of nothing in particular), with both ends.
    Count(&'static str, i64, i64),
    /// True or false.
    Flag,
    /// A mail address.
    Address,
    /// A host name.
    Host,
    /// A host name with a dot (RFC 5321 4.1.4 wants a full name in EHLO).
    Domain,
    /// An address and port to listen on.
    Listen,
    /// An address by HTTPS.
    Url,
    /// Networks of IP addresses.
    Networks,
    /// A file that is not secret.
    File,
    /// Files that are not secret.
    Files,
    /// A folder that is there.
    Folder,
    /// A path that need not be there yet.
    Path,
    /// A secret: a file closed to others, or a systemd credential.
    Secret,
    /// The system's roots or a file.
    Roots,
    /// SHA-256 digests.
    Digests,
    /// A filter of log lines.
    LogFilter,
    /// A local authority's code.
    LaCode,
    /// A login name.
    UnixUser,
    /// A time of day.
    Clock,
    /// A day.
    Day,
    /// A route's name.
    Route,
}

/// Longest path a setting may hold: Linux's PATH_MAX.
const PATH_BYTES_MAX: usize = 4096;
/// Longest list: far above the forces, roles and revocation lists of any site.
const LIST_MAX: usize = 64;

impl Kind {
    /// What it admits, to follow "must be".
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Line(max) => format!("one line of text, up to {max} characters"),
            Self::Sentences(max) => {
                format!("whole sentences on one line, up to {max} characters, ending in . ? or !")
            }
            Self::Phone => "a phone number, 3 to 24 of digits, spaces and a leading +".to_owned(),
            Self::Word(words) => format!("one of {}", quoted(words)),
            Self::Words(words) => format!("a list of one or more of {}, each once", quoted(words)),
            Self::Codes => "a list of one or more words of a to z and _, each once".to_owned(),
            Self::Count("", min, max) => format!("a whole number, {min} to {max}"),
            Self::Count(unit, min, max) => format!("a whole number of {unit}, {min} to {max}"),
            Self::Flag => "true or false".to_owned(),
            Self::Address => "a mail address".to_owned(),
            Self::Host => "a host name".to_owned(),
            Self::Domain => "a full domain name".to_owned(),
            Self::Listen => "an IP address and port, such as \"0.0.0.0:8443\"".to_owned(),
            Self::Url => "an address that begins with https://".to_owned(),
            Self::Networks => {
                "a list of IP addresses or networks such as \"192.0.2.0/24\", each once".to_owned()
            }
            Self::File => "the path of a file".to_owned(),
            Self::Files => "a list of paths of files, each once".to_owned(),
            Self::Folder => "the path of a folder".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Secret => {
                "the path of a file closed to others, or \"credential:NAME\"".to_owned()
            }
            Self::Roots => "\"system\" or the path of a PEM file".to_owned(),
            Self::Digests => {
                "a list of SHA-256 digests of 64 hexadecimal digits, each once".to_owned()
            }
            Self::LogFilter => {
                "a log filter, such as \"info,firstbell::delivery=debug\"".to_owned()
            }
            Self::LaCode => "a local authority's three-digit code".to_owned(),
            Self::UnixUser => "a login name".to_owned(),
            Self::Clock => "a time of day in London, such as \"06:30\"".to_owned(),
            Self::Day => "a day, such as \"2027-03-31\"".to_owned(),
            Self::Route => "the name of a route".to_owned(),
        }
    }

    /// Whether it admits this value.
    pub(super) fn admits(&self, given: &Given) -> bool {
        let text = |good: &dyn Fn(&str) -> bool| match given {
            Given::Text(text) => good(text),
            Given::Integer(_) | Given::Flag(_) | Given::List(_) | Given::Other => false,
        };
        let list = |least: usize, good: &dyn Fn(&str) -> bool| match given {
            Given::List(list) => {
                (least..=LIST_MAX).contains(&list.len())
                    && list.iter().all(|text| good(text))
                    && list.iter().collect::<HashSet<_>>().len() == list.len()
            }
            Given::Text(_) | Given::Integer(_) | Given::Flag(_) | Given::Other => false,
        };
        match self {
            Self::Line(max) => text(&|text| one_line(text, *max)),
            Self::Sentences(max) => {
                text(&|text| one_line(text, *max) && text.ends_with(['.', '?', '!']))
            }
            Self::Phone => text(&phone),
            Self::Word(words) => text(&|text| words.contains(&text)),
            Self::Words(words) => list(1, &|text| words.contains(&text)),
            Self::Codes => list(1, &code),
            Self::Count(_, min, max) => {
                matches!(given, Given::Integer(count) if (min..=max).contains(&count))
            }
            Self::Flag => matches!(given, Given::Flag(_)),
            Self::Address => text(&|text| Address::parse(text).is_some()),
            Self::Host => text(&host),
            Self::Domain => text(&|text| host(text) && text.contains('.')),
            Self::Listen => text(&|text| text.parse::<SocketAddr>().is_ok()),
            Self::Url => text(&|text| HttpsUrl::parse(text).is_some()),
            Self::Networks => list(0, &|text| Network::parse(text).is_some()),
            Self::File | Self::Folder | Self::Path | Self::Secret | Self::Roots => text(&path),
            Self::Files => list(0, &path),
            Self::Digests => list(0, &|text| digest(text).is_some()),
            Self::LogFilter => text(&|text| EnvFilter::builder().parse(text).is_ok()),
            Self::LaCode => text(&|text| LaCode::parse(text).is_some()),
            Self::UnixUser => text(&unix_user),
            Self::Clock => text(&|text| clock(text).is_some()),
            Self::Day => text(&|text| day(text).is_some()),
            Self::Route => text(&|text| RouteName::parse(text).is_some()),
        }
    }

    /// The words it admits, to find the one that was meant.
    pub(super) fn words(&self) -> &'static [&'static str] {
        if let Self::Word(words) | Self::Words(words) = self {
            words
        } else {
            &[]
        }
    }

    /// Whether its texts are paths.
    pub(super) fn is_path(&self) -> bool {
        matches!(
            self,
            Self::File | Self::Files | Self::Folder | Self::Path | Self::Secret | Self::Roots
        )
    }

    /// Its unit, where it has one.
    pub(super) fn unit(&self) -> Option<&'static str> {
        if let Self::Count(unit, _, _) = self
            && !unit.is_empty()
        {
            Some(unit)
        } else {
            None
        }
    }
}

impl Given {
    /// Takes a TOML value exactly as it is.
    pub(super) fn of(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.to_string()),
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .map_or(Self::Other, Self::Integer),
            DeValue::Boolean(flag) => Self::Flag(*flag),
            DeValue::Array(array) => array
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
                .map_or(Self::Other, Self::List),
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => Self::Other,
        }
    }

    /// Reads a default or an example of the table.
    pub(super) fn parse(text: &str) -> Option<Self> {
        DeValue::parse(text)
            .ok()
            .map(|value| Self::of(value.get_ref()))
    }

    /// The texts in it, to find the word that was meant.
    pub(super) fn texts(&self) -> &[String] {
        match self {
            Self::Text(text) => std::slice::from_ref(text),
            Self::List(list) => list,
            Self::Integer(_) | Self::Flag(_) | Self::Other => &[],
        }
    }
}

/// Reads `06:30`.
pub(super) fn clock(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two = |digits: &str| digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
    if !two(hour) || !two(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// Reads `2027-03-31`.
pub(super) fn day(text: &str) -> Option<Date> {
    let pattern = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    let fits = text.len() == 10 && text.bytes().enumerate().all(pattern);
    fits.then(|| text.parse().ok()).flatten()
}

/// Reads 64 hexadecimal digits.
pub(super) fn digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (n, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    Some(digest)
}

fn quoted(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    quoted.join(", ")
}

/// Bidirectional controls make a line read as another one, in a letter as in a file.
fn one_line(text: &str, max: usize) -> bool {
    let bidi = |c| matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    (1..=max).contains(&text.chars().count())
        && text.trim() == text
        && !text.chars().any(|c| c.is_control() || bidi(c))
}

fn phone(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (3..=24).contains(&text.len())
        && digits.trim() == digits
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b' ')
}

fn code(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn path(text: &str) -> bool {
    (1..=PATH_BYTES_MAX).contains(&text.len()) && !text.contains('\0')
}

/// What `/etc/passwd` can hold, and the `name@realm` of a directory service.
fn unix_user(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b':' | b'/'))
}
