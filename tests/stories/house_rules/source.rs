//! The tree as the rules read it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// One Rust file: as it stands, and as code without comments and text.
pub(super) struct Source {
    /// From the repository's root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// Line for line as `text`, comments and literals blanked.
    pub(super) code: String,
}

impl Source {
    pub(super) fn of(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code: code_of(text),
        }
    }

    /// `path:line` of each line of code that the rule is about.
    pub(super) fn lines_with(&self, rule: impl Fn(&str) -> bool) -> impl Iterator<Item = String> {
        let lines = self.code.lines().zip(1..);
        lines
            .filter(move |(line, _)| rule(line))
            .map(|(_, n)| format!("{}:{n}", self.path))
    }
}

pub(super) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file in these folders, or these files, of the repository.
pub(super) fn sources(places: &[&str]) -> Vec<Source> {
    let mut waiting: Vec<PathBuf> = places.iter().map(|place| root().join(place)).collect();
    let mut sources = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).unwrap();
            waiting.extend(entries.map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            sources.push(Source::of(&from_root(&path), &text));
        }
    }
    assert!(!sources.is_empty(), "no Rust file in {places:?}");
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn from_root(path: &Path) -> String {
    let relative = path.strip_prefix(root()).unwrap();
    relative.to_string_lossy().replace('\\', "/")
}

/// The files that git tracks. Whoever cloned may not be who runs the tests (containers).
pub(super) fn tracked() -> Vec<String> {
    let listed = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .current_dir(root())
        .output()
        .expect("git is installed");
    assert!(listed.status.success(), "git ls-files");
    let names = String::from_utf8_lossy(&listed.stdout);
    let names: Vec<String> = names.split_terminator('\0').map(str::to_owned).collect();
    assert!(!names.is_empty(), "git tracks files");
    names
}

/// `store` of `src/store/writer.rs` and of `src/store.rs`; none for `src/main.rs` and `src/lib.rs`.
pub(super) fn module_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let first = inside.split('/').next()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(first, "main.rs" | "lib.rs")).then_some(name)
}

/// Whether a line of code names an item of this crate by path: `http::Request`, `use sqlx;`.
pub(super) fn names_crate(line: &str, name: &str) -> bool {
    crate_paths(line, name).any(|after| after.starts_with("::"))
        || line.trim_start().starts_with(&format!("use {name};"))
}

/// As [`names_crate`], for every crate whose name begins so: `serde` finds `serde_json::Value`.
pub(super) fn names_crate_beginning(line: &str, start: &str) -> bool {
    crate_paths(line, start).any(|after| after.trim_start_matches(is_word).starts_with("::"))
}

/// What follows each place where a path begins with `name`.
fn crate_paths<'a>(line: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(name).filter_map(move |(at, _)| {
        let before = line.get(..at)?;
        let inside = before.ends_with(|c| is_word(c) || matches!(c, '.' | ':'));
        line.get(at + name.len()..).filter(|_| !inside)
    })
}

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The code of a Rust file, comments and literals blanked byte for byte, lines kept.
pub(super) fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after_word = code.ends_with(is_word);
        let blank = blank_length(rest, after_word);
        if blank == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            let (blanked, left) = rest.split_at(blank);
            code.extend(blanked.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
            rest = left;
        }
    }
    code
}

/// How many bytes of comment or literal stand here; 0 where code does.
fn blank_length(rest: &str, after_word: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if let Some(end) = raw_string(rest).filter(|_| !after_word) {
        return end;
    }
    if rest.starts_with('"') {
        return until_quote(rest, '"');
    }
    let mut ahead = rest.chars();
    match (ahead.next(), ahead.next(), ahead.next()) {
        (Some('\''), Some('\\'), _) => until_quote(rest, '\''),
        (Some('\''), Some(c), Some('\'')) => c.len_utf8() + 2,
        _ => 0,
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            break;
        }
    }
    at.min(rest.len())
}

fn raw_string(rest: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|p| {
        let tail = rest
            .strip_prefix(*p)
            .map(|tail| tail.trim_start_matches('#'));
        tail.is_some_and(|tail| tail.starts_with('"'))
    })?;
    let hashes = rest[prefix.len()..]
        .chars()
        .take_while(|c| *c == '#')
        .count();
    let open = prefix.len() + hashes + 1;
    let close = format!("\"{}", "#".repeat(hashes));
    let length = rest[open..]
        .find(&close)
        .map_or(rest.len(), |at| open + at + close.len());
    Some(length)
}

/// To the quote that is not escaped.
fn until_quote(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}
