//! What gateways, telephones and rules add to a text: banners, marking lines, disclaimers.

use super::{lists, tokens};

/// Bytes of a marking line at most.
const LINE_BYTES_MAX: usize = 160;
/// Bytes in which the full stop of a banner's sentence is looked for.
const SENTENCE_BYTES_MAX: usize = 1000;

/// The text without them. What is only like one of them stays.
pub(super) fn without(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut left = text;
    while !left.is_empty() {
        left = match dropped(left) {
            Some(rest) => rest,
            None => {
                let (line, rest) = first_line(left);
                kept.push_str(line);
                kept.push('\n');
                rest
            }
        };
    }
    kept
}

/// What is left after one piece of furniture at the beginning of a line.
fn dropped(text: &str) -> Option<&str> {
    let (line, rest) = first_line(text);
    if line.trim().is_empty() {
        return None;
    }
    let short = line.len() <= LINE_BYTES_MAX && !line.contains('?');
    if short && lists::LINES.is(&tokens::words(line)) {
        return Some(rest);
    }
    if let Some(after) = after_tag(line) {
        return text.get(line.len() - after.len()..);
    }
    let bare = text.trim_start_matches(|c: char| c != '\n' && c != '[' && !c.is_alphanumeric());
    if let Some((phrase, after)) = begins(bare, &lists::BANNER_SENTENCES) {
        return Some(if phrase.ends_with(':') {
            after
        } else {
            after_sentence(after)
        });
    }
    begins(bare, &lists::DISCLAIMERS).map(|(_, after)| after_paragraph(after))
}

/// `[EXTERNAL] Received`: what stands behind the tag.
fn after_tag(line: &str) -> Option<&str> {
    let (tag, after) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    (tag.len() <= LINE_BYTES_MAX && lists::MARKINGS.is(&tokens::words(tag))).then_some(after)
}

/// The entry of a list that the text begins with, blanks and capitals aside, and what follows.
fn begins<'a>(text: &'a str, list: &'static lists::List) -> Option<(&'static str, &'a str)> {
    lists::entries(list).find_map(|entry| {
        let (mut left, mut after) = (text, text);
        for word in entry.split(' ') {
            let (head, rest) = left.split_at_checked(word.len())?;
            if !head.eq_ignore_ascii_case(word) {
                return None;
            }
            let next = rest.trim_start_matches(' ');
            // Clients break lines anywhere.
            let next = next.strip_prefix('\n').unwrap_or(next);
            (left, after) = (next.trim_start_matches(' '), rest);
        }
        Some((entry, after))
    })
}

/// After the full stop within the paragraph; where there is none, after the line.
fn after_sentence(text: &str) -> &str {
    let near = text
        .get(..text.floor_char_boundary(SENTENCE_BYTES_MAX))
        .unwrap_or(text);
    let sentence = paragraph(near);
    let stop = sentence.char_indices().find(|(at, c)| {
        let next = sentence.get(at + 1..).unwrap_or_default();
        matches!(c, '.' | '!') && (next.is_empty() || next.starts_with(char::is_whitespace))
    });
    match stop {
        Some((at, _)) => text.get(at + 1..).unwrap_or_default(),
        None => first_line(text).1,
    }
}

fn after_paragraph(text: &str) -> &str {
    text.get(paragraph(text).len()..).unwrap_or_default()
}

/// Up to the first blank line.
fn paragraph(text: &str) -> &str {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        if end > 0 && line.trim().is_empty() {
            break;
        }
        end += line.len();
    }
    text.get(..end).unwrap_or(text)
}

fn first_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}
