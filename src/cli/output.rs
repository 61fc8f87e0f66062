//! Answers to stdout, as text or JSON; messages to stderr.

use serde::Serialize;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// How answers are printed.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
    styled: bool,
}

impl Output {
    /// JSON if asked for. Text is styled on a terminal only, and not where `NO_COLOR` is set
    /// (no-color.org): that variable is a wish of the reader, not a setting of ours.
    pub fn new(json: bool) -> Self {
        let wished = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            json,
            styled: !json && wished && io::stdout().is_terminal(),
        }
    }

    /// Whether JSON was asked for.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints one answer: an object on one line, or its text.
    pub fn answer<T: Serialize>(
        self,
        answer: &T,
        text: impl FnOnce(&T) -> String,
    ) -> io::Result<()> {
        let line = if self.json {
            serde_json::to_string(answer)?
        } else {
            text(answer)
        };
        print(io::stdout().lock(), &line)
    }

    /// Prints a message for a person, to stderr.
    pub fn message(self, text: &str) -> io::Result<()> {
        print(io::stderr().lock(), text)
    }

    /// A word that matters, in bold where text is styled.
    pub fn strong(self, word: &str) -> String {
        if self.styled {
            format!("\u{1b}[1m{word}\u{1b}[0m")
        } else {
            word.to_owned()
        }
    }
}

/// A reader that has seen enough (`firstbell queue | head`) is no failure.
fn print(mut to: impl Write, line: &str) -> io::Result<()> {
    match writeln!(to, "{line}").and_then(|()| to.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
