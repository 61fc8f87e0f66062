//! Words, and the ends of clauses between them.

use super::lists;

/// A piece of text. Brackets, quotation marks and the like say nothing and are no tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// In small letters; a symbol that is no punctuation is a word of its own.
    Word(String),
    /// `.` `!` `,` `;` `:`, a dash or a new line; a hyphen within a word is none (`Dyfed-Powys`).
    End,
    /// `?`
    Question,
}

impl Token {
    /// The word, if it is one.
    pub(super) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            Self::End | Self::Question => None,
        }
    }

    /// Whether it is a word.
    pub(super) fn is_word(&self) -> bool {
        self.word().is_some()
    }

    /// Whether a word has Latin letters and Greek or Cyrillic ones.
    pub(super) fn mixes_scripts(&self) -> bool {
        self.word().is_some_and(|word| {
            word.contains(|c: char| c.is_ascii_alphabetic())
                && word.contains(|c| matches!(c, '\u{370}'..='\u{52f}'))
        })
    }
}

/// The text in pieces.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let next = characters.peek().copied();
        if c.is_alphanumeric() || joins(c, &word, next) {
            word.extend(c.to_lowercase());
            continue;
        }
        let shortened = c == '.' && is_shortened(&word);
        let in_word = !word.is_empty() && next.is_some_and(char::is_alphanumeric);
        if !word.is_empty() {
            tokens.push(Token::Word(std::mem::take(&mut word)));
        }
        match c {
            '.' if shortened => {}
            '-' if in_word => {}
            '.' | '!' | ',' | ';' | ':' | '-' | '\u{2014}' | '\n' => tokens.push(Token::End),
            '?' | '\u{bf}' => tokens.push(Token::Question),
            _ if c.is_ascii() || c.is_whitespace() || matches!(c, '\u{2022}' | '\u{b7}') => {}
            _ => tokens.push(Token::Word(c.to_string())),
        }
    }
    if !word.is_empty() {
        tokens.push(Token::Word(word));
    }
    tokens
}

/// The words alone.
pub(super) fn words(text: &str) -> Vec<String> {
    let word = |token| match token {
        Token::Word(word) => Some(word),
        Token::End | Token::Question => None,
    };
    tokens(text).into_iter().filter_map(word).collect()
}

/// An apostrophe between letters (`rec'd`), or a combining mark on one, belongs to the word.
fn joins(c: char, word: &str, next: Option<char>) -> bool {
    let mark = matches!(c, '\u{300}'..='\u{36f}');
    !word.is_empty() && (mark || c == '\'' && next.is_some_and(char::is_alphanumeric))
}

/// `Mrs.` and initials: the full stop ends nothing.
fn is_shortened(word: &str) -> bool {
    let mut characters = word.chars();
    let initial = characters.next().is_some_and(char::is_alphabetic) && characters.next().is_none();
    initial || !word.is_empty() && lists::entries(&lists::TITLES).any(|title| title == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_ends() {
        let shown = |text: &str| {
            let one = |token: &Token| match token {
                Token::Word(word) => word.clone(),
                Token::End => "|".to_owned(),
                Token::Question => "?".to_owned(),
            };
            tokens(text).iter().map(one).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown("*Rec'd*, (thanks)!"), "rec'd | thanks |");
        assert_eq!(
            shown("Dear Mrs. J. Lee,\nNoted."),
            "dear mrs j lee | | noted |"
        );
        assert_eq!(shown("Dyfed-Powys - a\u{2014}b"), "dyfed powys | a | b");
        assert_eq!(shown("'Received' ?"), "received ?");
        assert_eq!(shown("Received\u{1f44d}£"), "received \u{1f44d} £");
    }
}
