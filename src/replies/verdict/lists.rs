//! The word lists. They are data: one word or phrase a line, remarks after `#`.

use super::tokens::{self, Token};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The entries of a list, in the order of its file.
pub(super) type List = LazyLock<Vec<&'static str>>;

macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident = $file:literal,)+) => {$(
        $(#[$doc])*
        pub(super) static $name: List =
            LazyLock::new(|| lines(include_str!(concat!("words/", $file, ".txt"))));
    )+};
}

lists! {
    RECEIVED_LINES = "received",
    NOT_OURS_LINES = "not-ours",
    WRONG_LINES = "wrong",
    CALL_LINES = "call",
    CALL_WORDS_LINES = "call-words",
    DELETED_LINES = "deleted",
    NOT_ME_LINES = "not-me",
    ALL_LINES = "all",
    COURTESY_LINES = "courtesy",
    SIGN_OFF_LINES = "sign-offs",
    GREETING_LINES = "greetings",
    LEAD_LINES = "leads",
    QUALIFYING_LINES = "qualifying",
    AUTOMATIC_LINES = "automatic",
    MARKING_LINES = "marking-lines",
    DEVICE_LINES = "device-lines",
    TITLES = "titles",
    BANNER_SENTENCES = "banner-sentences",
    DISCLAIMERS = "disclaimers",
    OWN_LETTER = "own-letter",
    QUOTE_INTROS = "quote-intros",
    QUOTE_RULE_LINES = "quote-rules",
    HEADER_FIRST = "header-first",
    HEADER_LABELS = "header-labels",
    SIGNATURE_WORDS = "signature-words",
    NEVER_IN_A_SIGNATURE = "never-in-a-signature",
    PLACES = "places",
}

/// The entries of a list.
pub(super) fn entries(list: &'static List) -> impl Iterator<Item = &'static str> {
    list.iter().copied()
}

fn lines(file: &'static str) -> Vec<&'static str> {
    let lines = file.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

/// Phrases by their first word, the longest first.
#[derive(Debug)]
pub(super) struct Phrases(HashMap<String, Vec<Vec<String>>>);

impl Phrases {
    fn of(lists: &[&'static List]) -> Self {
        let mut phrases: HashMap<String, Vec<Vec<String>>> = HashMap::new();
        for entry in lists.iter().flat_map(|list| entries(list)) {
            let words = tokens::words(entry);
            if let Some(first) = words.first() {
                phrases.entry(first.clone()).or_default().push(words);
            }
        }
        for same_first in phrases.values_mut() {
            same_first.sort_by_key(|words| std::cmp::Reverse(words.len()));
        }
        Self(phrases)
    }

    /// How many words the longest phrase at the beginning of these takes.
    pub(super) fn at<W: AsRef<str>>(&self, words: &[W]) -> Option<usize> {
        let same_first = self.0.get(words.first()?.as_ref())?;
        let begins = |phrase: &&Vec<String>| {
            phrase.len() <= words.len() && phrase.iter().zip(words).all(|(a, b)| a == b.as_ref())
        };
        same_first.iter().find(begins).map(Vec::len)
    }

    /// Whether a phrase stands anywhere in these.
    pub(super) fn within<W: AsRef<str>>(&self, words: &[W]) -> bool {
        (0..words.len()).any(|at| words.get(at..).and_then(|w| self.at(w)).is_some())
    }

    /// Whether one phrase is all of these.
    pub(super) fn is<W: AsRef<str>>(&self, words: &[W]) -> bool {
        !words.is_empty() && self.at(words) == Some(words.len())
    }

    /// Whether these are nothing but phrases.
    pub(super) fn cover<W: AsRef<str>>(&self, words: &[W]) -> bool {
        let mut left = words;
        while !left.is_empty() {
            match self.at(left).and_then(|taken| left.get(taken..)) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
        true
    }
}

macro_rules! phrases {
    ($($name:ident of $($list:ident),+;)+) => {$(
        pub(super) static $name: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(&[$(&$list),+]));
    )+};
}

phrases! {
    RECEIVED of RECEIVED_LINES;
    NOT_OURS of NOT_OURS_LINES;
    WRONG of WRONG_LINES;
    CALL of CALL_LINES;
    CALL_WORDS of CALL_WORDS_LINES;
    DELETED of DELETED_LINES;
    NOT_ME of NOT_ME_LINES;
    ALL of ALL_LINES;
    COURTESY of COURTESY_LINES, SIGN_OFF_LINES;
    SIGN_OFFS of SIGN_OFF_LINES;
    GREETINGS of GREETING_LINES;
    LEADS of LEAD_LINES;
    AUTOMATIC of AUTOMATIC_LINES;
    LINES of MARKING_LINES, DEVICE_LINES;
    MARKINGS of MARKING_LINES;
    QUOTE_RULES of QUOTE_RULE_LINES;
}

static QUALIFYING: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(&[&QUALIFYING_LINES]));

/// Whether any of these qualifies an answer: one of the list, or a word in `n't`.
pub(super) fn qualify<W: AsRef<str>>(words: &[W]) -> bool {
    words.iter().any(|word| word.as_ref().ends_with("n't")) || QUALIFYING.within(words)
}

/// The words of tokens, ends left out.
pub(super) fn words_of(tokens: &[Token]) -> Vec<&str> {
    tokens.iter().filter_map(Token::word).collect()
}
