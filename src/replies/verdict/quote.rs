//! Parts what the person wrote from what was quoted.
//!
//! Marked quotes (`>`) say where they end, so that text after them is seen too. The others (a header
//! block, a rule, our own sentences) are taken to go on to the end.

use super::lists::{self, entries};
use super::{furniture, tokens};

/// Lines that an intro such as "On ... wrote:" is broken over at most.
const INTRO_LINES_MAX: usize = 3;
/// Bytes of an intro at most: a date, a name and an address.
const INTRO_BYTES_MAX: usize = 400;
/// Digits of an intro at least: a year or a time.
const INTRO_DIGITS_MIN: usize = 4;
/// Lines in which the labels of a header block follow one another; some programs put blanks between.
const HEADER_LINES_MAX: usize = 12;
/// Labels after the first that make a header block.
const HEADER_LABELS_MIN: usize = 2;

/// A reply in its parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// What is said: above the quote, or below a marked one where nothing stands above.
    pub(super) said: String,
    /// Further text that no mark calls quoted, after a marked quote.
    pub(super) tail: String,
    /// Nothing stands above, and text stands between quoted lines.
    pub(super) between: bool,
}

/// Parts a reply.
pub(super) fn split(text: &str) -> Parts {
    let lines: Vec<&str> = text.lines().collect();
    let (above, from) = above_quote(&lines);
    let quote = lines.get(from..).unwrap_or_default();
    let (tail, between) = after_marked(quote);
    if tokens::words(&furniture::without(&above)).is_empty() && !tail.is_empty() {
        return Parts {
            said: tail,
            tail: String::new(),
            between,
        };
    }
    Parts {
        said: above,
        tail,
        between: false,
    }
}

/// The text above the quote, and the line from which the quote goes on.
fn above_quote(lines: &[&str]) -> (String, usize) {
    let mut above = String::new();
    for (at, line) in lines.iter().enumerate() {
        if line.trim().is_empty() {
            above.push('\n');
            continue;
        }
        let ahead = lines.get(at..).unwrap_or_default();
        if is_marked(line) {
            return (above, at);
        }
        let begins = intro_lines(ahead)
            .or_else(|| undated_intro(ahead))
            .or_else(|| rule_lines(ahead));
        if let Some(taken) = begins {
            return (above, at + taken);
        }
        if is_header_block(ahead) {
            let marked = ahead
                .iter()
                .take(HEADER_LINES_MAX)
                .position(|line| is_marked(line));
            return (above, at + marked.unwrap_or(1));
        }
        if let Some(cut) = own_sentence(line) {
            above.push_str(line.get(..cut).unwrap_or_default());
            return (above, at + 1);
        }
        above.push_str(line);
        above.push('\n');
    }
    (above, lines.len())
}

/// Where the quote begins with a marked line: the unmarked text after it, and whether it stands
/// between marked lines.
fn after_marked(quote: &[&str]) -> (String, bool) {
    let first = quote.iter().position(|line| !line.trim().is_empty());
    let marked = first
        .and_then(|first| quote.get(first..))
        .unwrap_or_default();
    if !marked.first().is_some_and(|line| is_marked(line)) {
        return (String::new(), false);
    }
    let mut tail = String::new();
    let mut between = false;
    let mut left = marked;
    while let Some(start) = left.iter().position(|line| !is_marked(line)) {
        between |= !tail.trim().is_empty() && start > 0;
        let unmarked = left.get(start..).unwrap_or_default();
        let end = unmarked
            .iter()
            .position(|line| is_marked(line))
            .unwrap_or(unmarked.len());
        let (piece, cut) = above_quote(unmarked.get(..end).unwrap_or_default());
        tail.push_str(&piece);
        left = unmarked.get(end..).unwrap_or_default();
        if cut < end && !left.first().is_some_and(|line| is_marked(line)) {
            break;
        }
    }
    if tail.trim().is_empty() {
        tail.clear();
    }
    (tail, between)
}

fn is_marked(line: &str) -> bool {
    line.trim_start().starts_with('>')
}

/// "On 23 November 2026 at 02:04, Essex Police wrote:", in one line or broken.
fn intro_lines(lines: &[&str]) -> Option<usize> {
    let first = lines.first()?.trim().to_lowercase();
    let begins = |intro: &&str| {
        let word = intro.split(" ... ").next().unwrap_or_default();
        first
            .strip_prefix(word)
            .is_some_and(|rest| rest.starts_with(' '))
    };
    let intros: Vec<&str> = entries(&lists::QUOTE_INTROS).filter(begins).collect();
    if intros.is_empty() {
        return None;
    }
    let mut joined = String::new();
    for (at, line) in lines.iter().take(INTRO_LINES_MAX).enumerate() {
        let line = line.trim();
        if line.is_empty() || joined.len() + line.len() > INTRO_BYTES_MAX {
            return None;
        }
        joined.push_str(&line.to_lowercase());
        if intros.iter().any(|intro| is_intro(&joined, intro)) {
            return Some(at + 1);
        }
        joined.push(' ');
    }
    None
}

/// "Essex Police <desk@essex.police.example> wrote:", right above a marked line: some programs give no
/// date. Words of a person that end so are none without the address and the marks.
fn undated_intro(lines: &[&str]) -> Option<usize> {
    let (first, below) = lines.split_first()?;
    let (before, said) = first.trim().rsplit_once('>')?;
    let (_, address) = before.rsplit_once('<')?;
    let said = said.trim().to_lowercase();
    let mut endings =
        entries(&lists::QUOTE_INTROS).filter_map(|intro| intro.rsplit(" ... ").next());
    let marked = below.iter().find(|line| !line.trim().is_empty());
    let quotes = address.contains('@') && marked.is_some_and(|line| is_marked(line));
    (quotes && endings.any(|ending| ending == said)).then_some(1)
}

fn is_intro(line: &str, intro: &str) -> bool {
    let digits = line.bytes().filter(u8::is_ascii_digit).count();
    let mut left = line;
    let mut parts = intro.split(" ... ").peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part) && digits >= INTRO_DIGITS_MIN;
        }
        match left.split_once(part) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    false
}

/// "-----Original Message-----", "Begin forwarded message:".
fn rule_lines(lines: &[&str]) -> Option<usize> {
    let line = lines.first()?.trim();
    let drawn = line.starts_with("--") || line.starts_with("- ") || line.ends_with(':');
    (drawn && lists::QUOTE_RULES.is(&tokens::words(line))).then_some(1)
}

/// "From: ... Sent: ... To: ... Subject: ...", over several lines or in one.
fn is_header_block(lines: &[&str]) -> bool {
    let Some((first, rest)) = lines.first().and_then(|line| label(line)) else {
        return false;
    };
    if !entries(&lists::HEADER_FIRST).any(|entry| entry == first) {
        return false;
    }
    let known = |label: &str| entries(&lists::HEADER_LABELS).any(|entry| entry == label);
    let in_line = rest
        .split_whitespace()
        .filter(|word| word.strip_suffix(':').is_some_and(known));
    let below = lines
        .iter()
        .skip(1)
        .take(HEADER_LINES_MAX)
        .filter_map(|line| label(line));
    let below = below.filter(|(label, _)| known(label));
    in_line.count() + below.count() >= HEADER_LABELS_MIN
}

/// A line's label in small letters, and what follows it; `*From:*` is bold text made plain.
fn label(line: &str) -> Option<(String, String)> {
    let line = line.trim_start_matches(['*', ' ', '|']);
    let (label, rest) = line.split_once(':')?;
    let label = label.trim_end_matches(['*', ' ']);
    // No label is longer than "oddi wrth"; a whole text before a colon is none.
    (label.len() <= 16).then(|| (label.to_lowercase(), rest.to_lowercase()))
}

/// Where one of our own sentences begins in a line.
fn own_sentence(line: &str) -> Option<usize> {
    let line = line.to_ascii_lowercase();
    entries(&lists::OWN_LETTER)
        .filter_map(|sentence| line.find(sentence))
        .min()
}
