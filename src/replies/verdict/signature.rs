//! The signature at the end of a text. Only what is surely one is taken: what is in doubt is a message.

use super::{lists, tokens};

/// Lines of a signature at most. Longer ones are read as a message.
const LINES_MAX: usize = 16;
/// Words of one line of a signature at most.
const LINE_WORDS_MAX: usize = 10;

/// The text up to its signature: after `-- ` (RFC 3676 section 4.3), or the names, posts and numbers
/// after a sign-off.
pub(super) fn without(text: &str) -> &str {
    let mut starts: Vec<usize> = vec![0];
    starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
    let last = starts.iter().rev().filter(|start| {
        let line = text.get(**start..).and_then(|rest| rest.lines().next());
        line.is_some_and(|line| !line.trim().is_empty())
    });
    let mut last: Vec<usize> = last.take(LINES_MAX).copied().collect();
    last.reverse();
    for start in last {
        let rest = text.get(start..).unwrap_or_default();
        let (line, below) = rest.split_once('\n').unwrap_or((rest, ""));
        if line.trim_end() == "--" && says_nothing(below) && !speaks(below) {
            return text.get(..start).unwrap_or(text);
        }
        if signs_off(line) && is_signature(below) {
            return text.get(..start + line.len()).unwrap_or(text);
        }
    }
    text
}

/// Nothing that qualifies or answers: then it may stand below the delimiter.
fn says_nothing(below: &str) -> bool {
    let words = tokens::words(below);
    let answers = [
        &lists::RECEIVED,
        &lists::NOT_OURS,
        &lists::WRONG,
        &lists::CALL,
    ];
    !below.contains('?')
        && !lists::qualify(&words)
        && !lists::AUTOMATIC.within(&words)
        && !answers.iter().any(|list| list.within(&words))
}

/// Whether a word stands here that no signature needs: then it may be a message.
fn speaks(below: &str) -> bool {
    let words = tokens::words(below);
    words.iter().any(|word| {
        let listed = |list: &'static lists::List| lists::entries(list).any(|entry| entry == word);
        listed(&lists::NEVER_IN_A_SIGNATURE) && !listed(&lists::SIGNATURE_WORDS)
    })
}

/// Whether the words of a sign-off end the line ("Received, kind regards").
fn signs_off(line: &str) -> bool {
    let words = tokens::words(line);
    (0..words.len()).any(|at| words.get(at..).is_some_and(|end| lists::SIGN_OFFS.is(end)))
        && !line.contains('?')
}

/// A person's name, then posts, places and numbers.
fn is_signature(below: &str) -> bool {
    let mut lines = below.lines().filter(|line| !line.trim().is_empty());
    let is_name = lines.next().is_none_or(|name| {
        let name_alone = name
            .split([',', '|', '(', '\u{2014}'])
            .next()
            .unwrap_or_default();
        let name_alone = name_alone.split(" - ").next().unwrap_or_default();
        let words = tokens::words(name_alone);
        let place = |word: &String| lists::entries(&lists::PLACES).any(|place| place == word);
        is_line(name) && !words.iter().any(place) && words.iter().any(|word| !is_number(word))
    });
    is_name && lines.all(is_line) && says_nothing(below)
}

/// Capitals, numbers, addresses, and the few small words of a signature.
fn is_line(line: &str) -> bool {
    let line = line.trim();
    let chunks = || {
        line.split([' ', ',', '|', '/', '(', ')'])
            .filter(|chunk| !chunk.is_empty())
    };
    !line.ends_with(['.', '!', '?']) && chunks().count() <= LINE_WORDS_MAX && chunks().all(is_chunk)
}

fn is_chunk(chunk: &str) -> bool {
    let address = chunk.contains('@') || chunk.starts_with("www.") || chunk.starts_with("http");
    let bare = chunk.trim_matches(|c: char| !c.is_alphanumeric());
    let folded = bare.to_lowercase();
    let listed = |list: &'static lists::List| lists::entries(list).any(|entry| entry == folded);
    let capital = bare.starts_with(char::is_uppercase) && !listed(&lists::NEVER_IN_A_SIGNATURE);
    address || bare.is_empty() || is_number(bare) || listed(&lists::SIGNATURE_WORDS) || capital
}

/// A telephone number's part, a year, the second half of a postcode.
fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}
