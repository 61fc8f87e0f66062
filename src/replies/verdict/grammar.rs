//! The closed grammar of an answer's first clause, and the doubts about what stands beside it.

use super::lists::{self, Phrases, words_of};
use super::tokens::Token;
use super::{Also, reason};
use crate::referral::answer::Verdict;

/// Words of a name in a greeting at most ("Essex Police Operation Encompass Desk team").
const NAME_WORDS_MAX: usize = 6;

/// What the first clause says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// A verdict, and whether it takes in everything open.
    Verdict { verdict: Verdict, all: bool },
    /// DELETED or NOT ME in a verdict's place.
    Also(Also),
}

/// The first clause and what follows it.
#[derive(Debug)]
pub(super) struct Opening<'a> {
    pub(super) said: Said,
    /// A telephone number stands in the clause, for a person to ring.
    pub(super) number: bool,
    pub(super) rest: &'a [Token],
}

/// Reads a greeting, a courtesy that is a clause of its own, and the clause that answers.
pub(super) fn opening(tokens: &[Token]) -> Result<Opening<'_>, &'static str> {
    let tokens = after_greeting(from_first_word(tokens))?;
    let tokens = after_lead(from_first_word(tokens));
    let (clause, rest) = clause(from_first_word(tokens));
    let said = said(&words_of(clause)).ok_or(reason::NO_VERDICT)?;
    if asks(rest) {
        return Err(reason::QUESTION);
    }
    let number = words_of(clause).iter().any(|word| is_digits(word));
    Ok(Opening { said, number, rest })
}

/// Why what stands beside an answer leaves it in doubt.
pub(super) fn doubts(rest: &[Token]) -> Vec<&'static str> {
    let words = words_of(rest);
    let mut doubts = Vec::new();
    if lists::qualify(&words) {
        doubts.push(reason::QUALIFIED);
    }
    if lists::AUTOMATIC.within(&words) {
        doubts.push(reason::AUTOMATIC);
    }
    doubts
}

/// Whether the rest holds another answer that does not go with this one. A request to ring goes with
/// RECEIVED where it is a sentence ("Please ring me after nine"), not where it is one of our words.
pub(super) fn contradicts(said: &Said, rest: &[Token]) -> bool {
    let words = words_of(rest);
    let (received, not_ours, wrong, call) = match said {
        Said::Verdict { verdict, .. } => match verdict {
            Verdict::Received => (false, true, true, false),
            Verdict::NotOurs => (true, false, true, false),
            Verdict::Wrong => (true, true, false, false),
            Verdict::Call => (true, true, true, true),
            Verdict::None => (true, true, true, false),
        },
        Said::Also(_) => (true, true, true, false),
    };
    let other: [(bool, &Phrases); 3] = [
        (received, &lists::RECEIVED),
        (not_ours, &lists::NOT_OURS),
        (wrong, &lists::WRONG),
    ];
    let asks_to_ring = |clause: &[Token]| {
        let verdict = Verdict::Call;
        self::said(&words_of(clause))
            == Some(Said::Verdict {
                verdict,
                all: false,
            })
    };
    other
        .iter()
        .any(|(forbidden, list)| *forbidden && list.within(&words))
        || !call && clauses(rest).any(asks_to_ring)
}

/// Whether a clause of the rest says that the message was deleted.
pub(super) fn deleted_too(rest: &[Token]) -> bool {
    clauses(rest).any(|clause| said(&words_of(clause)) == Some(Said::Also(Also::Deleted)))
}

/// Whether there is anything but courtesies.
pub(super) fn has_message(rest: &[Token]) -> bool {
    rest.contains(&Token::Question)
        || clauses(rest).any(|clause| !lists::COURTESY.cover(&words_of(clause)))
}

/// What the words of one clause say: a verdict, then courtesies, and nothing else.
fn said(words: &[&str]) -> Option<Said> {
    let followed_by = |list: &Phrases, tail: fn(&[&str]) -> bool| {
        list.at(words)
            .and_then(|taken| words.get(taken..))
            .filter(|rest| tail(rest))
    };
    let verdict = |verdict, all| Some(Said::Verdict { verdict, all });
    if followed_by(&lists::RECEIVED, is_courtesy).is_some() {
        return verdict(Verdict::Received, false);
    }
    if followed_by(&lists::RECEIVED, is_all).is_some() {
        return verdict(Verdict::Received, true);
    }
    if followed_by(&lists::NOT_OURS, is_courtesy).is_some() {
        return verdict(Verdict::NotOurs, false);
    }
    if followed_by(&lists::WRONG, is_courtesy).is_some() {
        return verdict(Verdict::Wrong, false);
    }
    if followed_by(&lists::CALL, is_number).is_some() {
        return verdict(Verdict::Call, false);
    }
    if followed_by(&lists::DELETED, is_courtesy).is_some() {
        return Some(Said::Also(Also::Deleted));
    }
    followed_by(&lists::NOT_ME, is_courtesy).map(|_| Said::Also(Also::NotMe))
}

fn is_courtesy(words: &[&str]) -> bool {
    lists::COURTESY.cover(words)
}

fn is_all(words: &[&str]) -> bool {
    lists::ALL
        .at(words)
        .and_then(|taken| words.get(taken..))
        .is_some_and(is_courtesy)
}

/// What may follow CALL: a number, and a few words beside courtesies.
fn is_number(words: &[&str]) -> bool {
    let mut left = words;
    while let Some(first) = left.first() {
        let digits = is_digits(first).then_some(1);
        let taken = digits
            .or_else(|| lists::CALL_WORDS.at(left))
            .or_else(|| lists::COURTESY.at(left));
        match taken.and_then(|taken| left.get(taken..)) {
            Some(rest) => left = rest,
            None => return false,
        }
    }
    true
}

fn is_digits(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_digit())
}

/// After one greeting, with or without a name. "Good morning received, thanks" has no end between.
fn after_greeting(tokens: &[Token]) -> Result<&[Token], &'static str> {
    let (clause, rest) = clause(tokens);
    let words = words_of(clause);
    let Some(name) = lists::GREETINGS
        .at(&words)
        .and_then(|taken| words.get(taken..))
    else {
        return Ok(tokens);
    };
    if said(name).is_some() {
        return Ok(tokens.get(words.len() - name.len()..).unwrap_or(tokens));
    }
    if asks(rest) {
        return Err(reason::QUESTION);
    }
    let no_name = |word: &&str| lists::entries(&lists::NEVER_IN_A_SIGNATURE).any(|e| e == *word);
    if name.len() > NAME_WORDS_MAX || lists::qualify(name) || name.iter().any(no_name) {
        return Err(reason::NO_VERDICT);
    }
    Ok(rest)
}

/// After one clause of nothing but opening courtesies.
fn after_lead(tokens: &[Token]) -> &[Token] {
    let (clause, rest) = clause(tokens);
    if lists::LEADS.is(&words_of(clause)) && !asks(rest) {
        rest
    } else {
        tokens
    }
}

/// Up to the first end, and from it on.
fn clause(tokens: &[Token]) -> (&[Token], &[Token]) {
    let end = tokens.iter().position(|token| !token.is_word());
    tokens
        .split_at_checked(end.unwrap_or(tokens.len()))
        .unwrap_or((tokens, &[]))
}

fn clauses(tokens: &[Token]) -> impl Iterator<Item = &[Token]> {
    tokens
        .split(|token| !token.is_word())
        .filter(|clause| !clause.is_empty())
}

fn from_first_word(tokens: &[Token]) -> &[Token] {
    let first = tokens.iter().position(Token::is_word);
    first.and_then(|first| tokens.get(first..)).unwrap_or(&[])
}

/// Whether a question mark stands among the ends that follow ("Received?", "Received!?").
fn asks(rest: &[Token]) -> bool {
    rest.iter()
        .take_while(|token| !token.is_word())
        .any(|token| *token == Token::Question)
}
