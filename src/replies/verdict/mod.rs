//! Reads a person's word from the text of a reply.
//!
//! The grammar is closed: after banners, one greeting and at most one courtesy, the first clause must be
//! a verdict and courtesies, and nothing beside it may qualify it. Whatever is not surely an answer has
//! no verdict, and a person reads it: that costs minutes, while a wrong `received` could cost a child.
//! So every doubt here falls to [`Verdict::None`], and what is stripped (quote, signature, banners) is
//! only what is surely not the person's words.
//!
//! Whether a machine wrote the reply, who sent it and what it answers are others' questions.

mod lists;
mod plain;
mod tokens;
mod quote;
mod furniture;
mod signature;
mod grammar;

use crate::referral::answer::Verdict;
use crate::referral::post::words;
use grammar::Said;
use quote::Parts;
use tokens::Token;

words! {
    /// What a reply may say beside a verdict, or in its place.
    Also {
        /// The message was deleted, as asked.
        Deleted = "deleted",
        /// The call we told them of did not happen.
        NotMe = "not_me",
    }
}

/// What a reply says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The verdict; `none` is for a person to read.
    pub verdict: Verdict,
    /// `RECEIVED ALL`: every open notification of the school and referral.
    pub all: bool,
    /// DELETED or NOT ME.
    pub also: Option<Also>,
    /// There are words that the verdict does not take in: a person reads them, whatever the verdict.
    pub has_message: bool,
    /// Why nothing is made of it; empty where there is a verdict, or DELETED or NOT ME in its place.
    pub reasons: Vec<&'static str>,
    /// What stands above the quote (below it where nothing stands above), for showing; characters made
    /// plain, otherwise whole, signature and banners included. It holds personal data.
    pub above_quote: String,
}

/// Reasons for no verdict.
pub mod reason {
    /// Everything is quoted, or there is no text.
    pub const NOTHING_SAID: &str = "nothing is said outside the quote";
    /// Answers stand between quoted lines; to which line they belong a person must see.
    pub const BETWEEN_QUOTES: &str = "text stands between quoted lines";
    /// The grammar does not take the first clause.
    pub const NO_VERDICT: &str = "the first clause is not an answer";
    /// "Received?"
    pub const QUESTION: &str = "the answer is a question";
    /// "Received. She has left."
    pub const QUALIFIED: &str = "other words may qualify the answer";
    /// Two answers that cannot both hold, or two of the words we ask for.
    pub const TWO_ANSWERS: &str = "there are two answers";
    /// "I am on leave"
    pub const AUTOMATIC: &str = "it reads like an automatic reply";
    /// Latin letters beside Greek or Cyrillic ones that look the same.
    pub const MIXED_SCRIPTS: &str = "a word mixes letters of two alphabets";
}

/// Reads the decoded plain text of a reply. Linear, and never more than [`plain::BYTES_MAX`] of it.
pub fn read(text: &str) -> Word {
    let (text, whole) = plain::plain(text);
    let parts = quote::split(&text);
    let said = furniture::without(&parts.said);
    let tail = furniture::without(&parts.tail);
    let said = tokens::tokens(signature::without(&said));
    let tail = tokens::tokens(signature::without(&tail));
    judge(&parts, &said, &tail, !whole)
}

fn judge(parts: &Parts, said: &[Token], tail: &[Token], cut: bool) -> Word {
    let above_quote = parts.said.trim().to_owned();
    let none = |reasons, has_message| Word {
        verdict: Verdict::None,
        all: false,
        also: None,
        has_message,
        reasons,
        above_quote: above_quote.clone(),
    };
    if !said.iter().any(Token::is_word) {
        return none(vec![reason::NOTHING_SAID], cut);
    }
    let mut reasons = Vec::new();
    if parts.between {
        reasons.push(reason::BETWEEN_QUOTES);
    }
    let opening = grammar::opening(said);
    let rest = match &opening {
        Ok(opening) => [opening.rest, &[Token::End], tail].concat(),
        Err(reason) => {
            reasons.push(reason);
            [said, &[Token::End], tail].concat()
        }
    };
    reasons.extend(grammar::doubts(&rest));
    if [said, tail].concat().iter().any(Token::mixes_scripts) {
        reasons.push(reason::MIXED_SCRIPTS);
    }
    let number = opening.as_ref().is_ok_and(|opening| opening.number);
    let has_message = cut || number || grammar::has_message(&rest);
    let Ok(opening) = opening else {
        return none(reasons, has_message);
    };
    if grammar::contradicts(&opening.said, &rest) {
        reasons.push(reason::TWO_ANSWERS);
    }
    if !reasons.is_empty() {
        return none(reasons, true);
    }
    let word = none(reasons, has_message);
    match opening.said {
        Said::Verdict { verdict, all } => Word {
            verdict,
            all,
            also: grammar::deleted_too(&rest).then_some(Also::Deleted),
            ..word
        },
        Said::Also(also) => Word {
            also: Some(also),
            ..word
        },
    }
}

#[cfg(test)]
mod tests;
