//! S-nail, a mail program: opens a mailbox, answers a letter in it and sends the answer by SMTP.

use super::postfix::Postfix;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Somebody who answers.
#[derive(Debug)]
pub(crate) struct Answerer<'a> {
    /// The program's From.
    pub(crate) from: &'a str,
    /// The address whose only letter is answered.
    pub(crate) letter_to: &'a str,
    /// What the program is told besides Debian's own settings, which quote the letter above.
    pub(crate) options: &'a [&'a str],
    /// What is typed: the answer, and the program's own `~` commands.
    pub(crate) typed: &'a str,
}

impl Answerer<'_> {
    /// Answers, over STARTTLS with a certificate of `ca`. Returns when the server has taken the mail.
    pub(crate) fn answer(&self, server: &Postfix, ca: &Path) {
        let settings = [
            "v15-compat=yes".to_owned(),
            format!("mta=smtp://localhost:{}", server.port()),
            "smtp-use-starttls".to_owned(),
            "smtp-auth=none".to_owned(),
            "tls-ca-no-defaults".to_owned(),
            format!("tls-ca-file={}", ca.display()),
            "tls-verify=strict".to_owned(),
            format!("from={}", self.from),
        ];
        let home = tempfile::TempDir::new().unwrap();
        let mut program = Command::new("timeout")
            // Debian's settings but nobody's own; commands from standard input.
            .args(["60", "s-nail", "-:s", "-#"])
            .args(settings.iter().flat_map(|setting| ["-S", setting.as_str()]))
            .args(self.options)
            .arg("-R")
            .arg("-f")
            .arg(server.mailbox())
            .env("HOME", home.path())
            .env_remove("MAILRC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("s-nail is installed (tests/packages)");
        let commands = format!("reply @t@{}\n{}\n~.\nexit\n", self.letter_to, self.typed);
        let mut keys = program.stdin.take().unwrap();
        keys.write_all(commands.as_bytes()).unwrap();
        drop(keys);
        let ended = program.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{said}");
        // The program says so and ends in order when it finds no letter or no server.
        assert!(!said.contains("s-nail:"), "{said}");
    }
}
