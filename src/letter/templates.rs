//! The templates of letters and notes: embedded, and each replaceable by a file of the same name in a folder.

use super::fields::{self, Answer};
use super::notes;
use super::rehearsal;
use super::rules::Rule;
use super::sample::Sample;
use super::wording::{Civil, NoZone};
use super::{LetterInput, sha256};
use crate::referral::policy::Policy;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};
use std::fs;
use std::path::Path;

/// Every template: its file name and the text that ships.
const EMBEDDED: [(&str, &str); 8] = [
    (SUBJECT, include_str!("templates/subject.txt")),
    (LETTER, include_str!("templates/letter.txt")),
    (NOTE_SUBJECT, include_str!("templates/note_subject.txt")),
    (RECEIPT, include_str!("templates/receipt.txt")),
    (AFTER_CALL, include_str!("templates/after_call.txt")),
    (NOT_COUNTED, include_str!("templates/not_counted.txt")),
    (NUDGE, include_str!("templates/nudge.txt")),
    (OFFICE_NUDGE, include_str!("templates/office_nudge.txt")),
];
/// The names, in the order of `docs/letters.md`.
#[cfg(test)]
pub(super) const NAMES: [&str; 8] = [
    SUBJECT,
    LETTER,
    NOTE_SUBJECT,
    RECEIPT,
    AFTER_CALL,
    NOT_COUNTED,
    NUDGE,
    OFFICE_NUDGE,
];
const SUBJECT: &str = "subject.txt";
const LETTER: &str = "letter.txt";
pub(super) const NOTE_SUBJECT: &str = "note_subject.txt";
pub(super) const RECEIPT: &str = "receipt.txt";
pub(super) const AFTER_CALL: &str = "after_call.txt";
pub(super) const NOT_COUNTED: &str = "not_counted.txt";
pub(super) const NUDGE: &str = "nudge.txt";
pub(super) const OFFICE_NUDGE: &str = "office_nudge.txt";

/// A template is a page of text; a file beyond this is not one.
const TEMPLATE_BYTES_MAX: u64 = 64 * 1024;

/// The templates, compiled. Cheap to share, made once.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    digest: [u8; 32],
}

/// Why templates cannot be used. Names files, lines and rules, never what a letter says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    /// The folder or a file in it cannot be read as UTF-8 text.
    #[error("template {0}: cannot be read as UTF-8 text")]
    Unreadable(String),
    /// A file in the folder replaces nothing: perhaps its name is mistyped.
    #[error("template {0}: no template has this name")]
    UnknownName(String),
    /// A file is larger than any template.
    #[error("template {0}: larger than {TEMPLATE_BYTES_MAX} bytes")]
    TooLarge(String),
    /// The text is not a template.
    #[error("template {name}, line {line}: not a valid template")]
    Syntax {
        /// File name.
        name: String,
        /// Line, from 1; 0 where it is not known.
        line: usize,
    },
    /// A variant cannot be rendered: a value that does not exist, or a word without a sentence.
    #[error("template {name}, line {line}: cannot be rendered")]
    Render {
        /// File name.
        name: String,
        /// Line, from 1; 0 where it is not known.
        line: usize,
    },
    /// A rendered variant breaks a rule.
    #[error("template {name}: {rule}")]
    Broken {
        /// File name.
        name: &'static str,
        /// The rule.
        rule: Rule,
    },
    /// The build lacks the zone that letters are written in.
    #[error(transparent)]
    Zone(#[from] NoZone),
}

/// A letter's or note's words before they become mail.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// ASCII, ends in the reference in brackets.
    pub(super) subject: String,
    /// Lines that end in LF, the last one too.
    pub(super) text: String,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Words(..)")
    }
}

impl Words {
    fn of(subject: &str, mut text: String) -> Self {
        text.truncate(text.trim_end().len());
        text.push('\n');
        Self {
            subject: subject.trim_end().to_owned(),
            text,
        }
    }
}

impl Templates {
    /// Compiles the embedded templates, each replaced by the folder's file of the same name.
    pub fn load(folder: Option<&Path>) -> Result<Self, TemplateFault> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(|error| syntax_fault("", &error))?;
        environment.set_syntax(syntax);
        if let Some(folder) = folder {
            refuse_unknown_names(folder)?;
        }
        let mut sum = Vec::new();
        for (name, embedded) in EMBEDDED {
            let own = folder
                .map(|folder| read(folder, name))
                .transpose()?
                .flatten();
            let text = own.unwrap_or_else(|| embedded.to_owned());
            // A name and a text, each closed by a byte that neither holds.
            for piece in [name, "\0", &text, "\0"] {
                sum.extend_from_slice(piece.as_bytes());
            }
            environment
                .add_template_owned(name, text)
                .map_err(|error| syntax_fault(name, &error))?;
        }
        Ok(Self {
            environment,
            digest: sha256(&sum),
        })
    }

    /// SHA-256 over every template's name and text: what a letter was made from.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Renders every variant for every profile and parent line and holds each against the rules.
    pub fn check(&self) -> Result<(), TemplateFault> {
        rehearsal::rehearse_all(self)?;
        notes::rehearse(self, &Sample::policy())
    }

    /// The same with one force's own policy: its marking, handling text, desk and parent line.
    pub fn check_policy(&self, policy: &Policy) -> Result<(), TemplateFault> {
        rehearsal::rehearse(self, policy)?;
        notes::rehearse(self, policy)
    }

    /// Renders one letter; no rule is checked yet.
    pub(super) fn render(
        &self,
        input: &LetterInput<'_>,
        civil: &Civil,
    ) -> Result<Words, TemplateFault> {
        let answer = Answer::of(input, civil);
        let subject = self.fill(SUBJECT, fields::subject(input, &answer))?;
        let text = self.fill(LETTER, fields::body(input, &answer, civil))?;
        Ok(Words::of(&subject, text))
    }

    /// Renders one note; no rule is checked yet.
    pub(super) fn render_note(
        &self,
        body: &'static str,
        values: Value,
    ) -> Result<Words, TemplateFault> {
        let subject = self.fill(NOTE_SUBJECT, values.clone())?;
        Ok(Words::of(&subject, self.fill(body, values)?))
    }

    fn fill(&self, name: &'static str, values: Value) -> Result<String, TemplateFault> {
        let filled = self
            .environment
            .get_template(name)
            .and_then(|t| t.render(values));
        filled.map_err(|error| TemplateFault::Render {
            name: error.name().unwrap_or(name).to_owned(),
            line: error.line().unwrap_or(0),
        })
    }
}

impl TemplateFault {
    /// The fault of a variant whose subject breaks a rule.
    pub(super) fn in_subject(rule: Rule) -> Self {
        Self::Broken {
            name: SUBJECT,
            rule,
        }
    }

    /// The fault of a variant whose body breaks a rule.
    pub(super) fn in_body(rule: Rule) -> Self {
        Self::Broken { name: LETTER, rule }
    }
}

fn syntax_fault(name: &str, error: &minijinja::Error) -> TemplateFault {
    TemplateFault::Syntax {
        name: name.to_owned(),
        line: error.line().unwrap_or(0),
    }
}

/// A mistyped file name would leave the embedded text in force without a word.
fn refuse_unknown_names(folder: &Path) -> Result<(), TemplateFault> {
    let unreadable = |_| TemplateFault::Unreadable(folder.display().to_string());
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let name = name.to_string_lossy();
        if !EMBEDDED.iter().any(|(known, _)| *known == name) {
            return Err(TemplateFault::UnknownName(name.into_owned()));
        }
    }
    Ok(())
}

fn read(folder: &Path, name: &str) -> Result<Option<String>, TemplateFault> {
    let path = folder.join(name);
    match fs::metadata(&path) {
        Ok(file) if file.len() > TEMPLATE_BYTES_MAX => {
            return Err(TemplateFault::TooLarge(name.to_owned()));
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(_) => return Err(TemplateFault::Unreadable(name.to_owned())),
    }
    let text = fs::read_to_string(&path);
    text.map(Some)
        .map_err(|_| TemplateFault::Unreadable(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ships_passes_its_own_check() {
        Templates::load(None).unwrap().check().unwrap();
    }

    #[test]
    fn a_folder_replaces_a_template_and_its_faults_are_named() {
        let shipped = Templates::load(None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let fault_of = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).unwrap();
            let fault = Templates::load(Some(folder.path())).and_then(|t| t.check());
            fs::remove_file(folder.path().join(name)).unwrap();
            fault.unwrap_err()
        };
        let letter = EMBEDDED[1].1;
        let rendering = |words: &str| TemplateFault::Render {
            name: "letter.txt".into(),
            line: 1 + letter
                .lines()
                .position(|line| line.contains(words))
                .unwrap(),
        };
        assert_eq!(
            fault_of("leter.txt", letter),
            TemplateFault::UnknownName("leter.txt".into())
        );
        assert_eq!(
            fault_of("letter.txt", "one\n{% if %}"),
            TemplateFault::Syntax {
                name: "letter.txt".into(),
                line: 2
            }
        );
        assert_eq!(
            fault_of("letter.txt", &letter.replace("child.born", "child.bron")),
            rendering("Born:")
        );
        assert_eq!(
            fault_of("letter.txt", &letter.replace("\"suspect\"", "\"suspects\"")),
            rendering("What:")
        );
        assert_eq!(
            fault_of(
                "letter.txt",
                &letter.replace("reply WRONG PERSON.", "reply WRONG PERSON")
            ),
            TemplateFault::in_body(Rule::LineJoined(2))
        );
        assert_eq!(
            fault_of("subject.txt", "Encompass [{{ reference }}]"),
            TemplateFault::in_subject(Rule::SubjectWord)
        );
        fs::write(
            folder.path().join("letter.txt"),
            letter.replace("no need", "no reason"),
        )
        .unwrap();
        let own = Templates::load(Some(folder.path())).unwrap();
        own.check().unwrap();
        assert_ne!(own.digest(), shipped.digest());
        assert_eq!(shipped.digest(), Templates::load(None).unwrap().digest());
    }

    #[test]
    fn a_policy_is_held_against_the_rules_too() {
        let templates = Templates::load(None).unwrap();
        let policy = Sample::policy();
        templates.check_policy(&policy).unwrap();
        let unmarked = Policy {
            marking: String::new(),
            ..policy.clone()
        };
        let preview = TemplateFault::in_body(Rule::Preview);
        assert_eq!(templates.check_policy(&unmarked), Err(preview));
        let other_kind = Policy {
            kinds: vec!["missing".into()],
            ..policy
        };
        let fault = templates.check_policy(&other_kind);
        assert!(
            matches!(fault, Err(TemplateFault::Render { .. })),
            "{fault:?}"
        );
    }
}
