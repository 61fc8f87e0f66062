//! What every letter and note must keep to, whoever wrote its template (`letters.md`, "Rules for every
//! message"; `domain.md`, what a subject must not say).

/// Lines of a message at most, blank ones counted: one screen.
const LINES_MAX: usize = 25;
/// What a lock screen shows of a message.
const PREVIEW_CHARACTERS: usize = 150;
/// Characters of a subject at most: longer ones are cut on a phone, and the reference stands last.
const SUBJECT_CHARACTERS_MAX: usize = 100;
/// Words that tell whoever reads subjects over a shoulder what the letter is about.
const SUBJECT_WORDS_FORBIDDEN: [&str; 14] = [
    "domestic",
    "abuse",
    "violence",
    "incident",
    "encompass",
    "official",
    "sensitive",
    "police",
    "child",
    "pupil",
    "risk",
    "medium",
    "high",
    "standard",
];

/// A rule that a rendered letter or note breaks. Carries a line's number, never its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// More lines than one screen.
    #[error("a message has at most {LINES_MAX} lines")]
    TooManyLines,
    /// Outlook would join this line (from 1) to the next.
    #[error("line {0} must end in . ? ! or : or begin with two blanks, and stay so when joined")]
    LineJoined(usize),
    /// A line ends in a blank, which relays drop.
    #[error("line {0} must not end in a blank")]
    TrailingBlank(usize),
    /// A lock screen would show what the letter says.
    #[error("the first {PREVIEW_CHARACTERS} characters must carry no content")]
    Preview,
    /// Something every such message must hold is not there.
    #[error("a message must hold {0}")]
    Missing(&'static str),
    /// Plain values did not give plain ASCII.
    #[error("a template must be ASCII")]
    NotAscii,
    /// The reply token is printed.
    #[error("a message must not print the reply token")]
    TokenPrinted,
    /// The subject is not one line of ASCII.
    #[error("a subject must be one line of ASCII")]
    SubjectNotAscii,
    /// The subject is too long.
    #[error("a subject has at most {SUBJECT_CHARACTERS_MAX} characters")]
    SubjectTooLong,
    /// The subject does not end in the reference.
    #[error("a subject must end in the reference in brackets")]
    SubjectReference,
    /// The subject says what the letter is about.
    #[error("a subject must not say what the message is about")]
    SubjectWord,
}

/// What stands in every letter besides its reference.
const IN_LETTERS: [(&str, &str); 4] = [
    ("RECEIVED", "the answer RECEIVED"),
    ("NOT OURS", "the answer NOT OURS"),
    ("WRONG PERSON", "the answer WRONG PERSON"),
    ("CALL", "the answer CALL"),
];

/// Holds a letter's body against the rules. `text` is lines that each end in LF.
pub(super) fn body(text: &str, reference: &str, token: &str) -> Result<(), Rule> {
    shape(text, token)?;
    holds(text, (reference, "its reference"))?;
    IN_LETTERS
        .into_iter()
        .try_for_each(|must| holds(text, must))
}

/// Holds a note's body against the rules. Whoever gets one that cannot be true must be able to say so:
/// a forged answer is found out by the school's own word.
pub(super) fn note(text: &str, reference: &str, token: &str, phone: &str) -> Result<(), Rule> {
    shape(text, token)?;
    [
        (reference, "its reference"),
        (phone, "the desk's telephone"),
        ("NOT ME", "the answer NOT ME"),
        ("WRONG PERSON", "the answer WRONG PERSON"),
    ]
    .into_iter()
    .try_for_each(|must| holds(text, must))
}

/// Holds a nudge's body against the rules. It prints no number to ring and no link: whoever forges one
/// would.
pub(super) fn nudge(text: &str, reference: &str, token: &str) -> Result<(), Rule> {
    shape(text, token)?;
    holds(text, (reference, "its reference"))?;
    holds(
        text,
        (
            "We never send links or ask for passwords.",
            "what we never do",
        ),
    )
}

fn holds(text: &str, (words, name): (&str, &'static str)) -> Result<(), Rule> {
    let held = text.contains(words);
    held.then_some(()).ok_or(Rule::Missing(name))
}

/// What holds for every body: its lines, its preview, and no token.
fn shape(text: &str, token: &str) -> Result<(), Rule> {
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() > LINES_MAX {
        return Err(Rule::TooManyLines);
    }
    for (number, line) in (1..).zip(&lines) {
        if line.ends_with(char::is_whitespace) {
            return Err(Rule::TrailingBlank(number));
        }
        let whole = line.is_empty() || line.starts_with("  ") || ends_sentence(line);
        if !whole {
            return Err(Rule::LineJoined(number));
        }
    }
    let pairs = lines.iter().zip(lines.iter().skip(1));
    if let Some((number, _)) = (1..).zip(pairs).find(|(_, (line, next))| joins(line, next)) {
        return Err(Rule::LineJoined(number));
    }
    if preview(text).lines().any(|line| line.starts_with("  ")) {
        return Err(Rule::Preview);
    }
    if text.contains(token) {
        return Err(Rule::TokenPrinted);
    }
    Ok(())
}

/// Holds a subject against the rules.
pub(super) fn subject(subject: &str, reference: &str, token: &str) -> Result<(), Rule> {
    if !subject.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(Rule::SubjectNotAscii);
    }
    if subject.len() > SUBJECT_CHARACTERS_MAX {
        return Err(Rule::SubjectTooLong);
    }
    if subject.contains(token) {
        return Err(Rule::TokenPrinted);
    }
    let words = subject
        .strip_suffix(&format!("[{reference}]"))
        .ok_or(Rule::SubjectReference)?
        .to_ascii_lowercase();
    if SUBJECT_WORDS_FORBIDDEN
        .iter()
        .any(|word| words.contains(word))
    {
        return Err(Rule::SubjectWord);
    }
    Ok(())
}

/// What the preview of a lock screen shows.
pub(super) fn preview(text: &str) -> String {
    text.chars().take(PREVIEW_CHARACTERS).collect()
}

/// Whether Outlook, which "removes extra line breaks", makes one line of two: unless the first ends
/// as a sentence does, or the second begins with two blanks. A blank line is never joined.
fn joins(line: &str, next: &str) -> bool {
    !line.is_empty() && !next.is_empty() && !ends_sentence(line) && !next.starts_with("  ")
}

fn ends_sentence(line: &str) -> bool {
    line.ends_with(['.', '?', '!', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "A first line that says only for whom this letter is meant and goes on until \
         the preview of a lock screen is full, which takes one hundred and fifty characters.\n\n";
    const ANSWERS: &str = "  RECEIVED\n  NOT OURS\n  CALL\n\nElse WRONG PERSON. 7KQ2-M4XT.\n";

    fn held(middle: &str) -> Result<(), Rule> {
        body(
            &format!("{HEAD}{middle}{ANSWERS}"),
            "7KQ2-M4XT",
            "sometoken",
        )
    }

    #[test]
    fn each_rule_of_the_body_is_held() {
        assert_eq!(held("A sentence.\n  A field: value\n"), Ok(()));
        for (middle, rule) in [
            ("No end\n", Rule::LineJoined(3)),
            ("  A field\nA sentence.\n", Rule::LineJoined(3)),
            ("A sentence. \n", Rule::TrailingBlank(3)),
            ("It prints sometoken.\n", Rule::TokenPrinted),
        ] {
            assert_eq!(held(middle), Err(rule), "{middle}");
        }
        assert_eq!(held(&"A line.\n".repeat(19)), Err(Rule::TooManyLines));
        let early = format!("Hello.\n  Child: x\n{ANSWERS}");
        assert_eq!(body(&early, "7KQ2-M4XT", "t0"), Err(Rule::Preview));
        let no_call = format!("{HEAD}{}", ANSWERS.replace("CALL", "RING"));
        let missing = Rule::Missing("the answer CALL");
        assert_eq!(body(&no_call, "7KQ2-M4XT", "t0"), Err(missing));
    }

    #[test]
    fn a_note_is_held_to_the_same_shape_and_says_how_to_object() {
        let objections = "Ring 01245 000000 or reply NOT ME, 7KQ2-M4XT.\nElse WRONG PERSON.\n";
        let held = |text: &str| note(text, "7KQ2-M4XT", "sometoken", "01245 000000");
        assert_eq!(held(&format!("{HEAD}{objections}")), Ok(()));
        let joined = format!("{HEAD}No end\n{objections}");
        assert_eq!(held(&joined), Err(Rule::LineJoined(3)));
        assert_eq!(held(&format!("  x\n\n{objections}")), Err(Rule::Preview));
        for (word, name) in [
            ("7KQ2-M4XT", "its reference"),
            ("01245 000000", "the desk's telephone"),
            ("NOT ME", "the answer NOT ME"),
            ("WRONG PERSON", "the answer WRONG PERSON"),
        ] {
            let without = format!("{HEAD}{}", objections.replace(word, "x"));
            assert_eq!(held(&without), Err(Rule::Missing(name)));
        }
    }

    #[test]
    fn each_rule_of_the_subject_is_held() {
        let held = |words: &str| subject(words, "7KQ2-M4XT", "sometoken");
        assert_eq!(held("Please answer now [7KQ2-M4XT]"), Ok(()));
        for (words, rule) in [
            ("Please answer n\u{f6}w [7KQ2-M4XT]", Rule::SubjectNotAscii),
            ("Please\nanswer [7KQ2-M4XT]", Rule::SubjectNotAscii),
            ("Please answer [7KQ2-M4XT] now", Rule::SubjectReference),
            ("Operation ENCOMPASS [7KQ2-M4XT]", Rule::SubjectWord),
            ("About sometoken [7KQ2-M4XT]", Rule::TokenPrinted),
        ] {
            assert_eq!(held(words), Err(rule), "{words}");
        }
        let long = format!("{} [7KQ2-M4XT]", "x".repeat(90));
        assert_eq!(held(&long), Err(Rule::SubjectTooLong));
    }
}
