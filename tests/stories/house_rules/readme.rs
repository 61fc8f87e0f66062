//! What the README tells people to type must be there to be typed.

use super::source::root;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// The two commands that a newcomer is promised.
const PROMISED: [&str; 2] = ["cargo run --release -- demo", "tests/run"];

pub(super) fn faults(readme: &str) -> Vec<String> {
    let commands = commands(readme);
    let mut faults: Vec<String> = PROMISED
        .into_iter()
        .filter(|promised| !readme.contains(promised))
        .map(|promised| format!("README.md does not say: {promised}"))
        .collect();
    let unknown = commands.iter().filter(|words| !is_known(words));
    faults.extend(unknown.map(|words| format!("README.md: no such command: {}", words.join(" "))));
    if !is_executable("tests/run") {
        faults.push("tests/run cannot be run".to_owned());
    }
    faults
}

fn is_executable(path: &str) -> bool {
    std::fs::metadata(root().join(path))
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 == 0o111)
}

/// Asks the command itself: help is given for what is known and refused for what is not.
fn is_known(words: &[String]) -> bool {
    let asked = Command::new(env!("CARGO_BIN_EXE_firstbell"))
        .args(words)
        .arg("--help")
        .output();
    asked.is_ok_and(|answer| answer.status.success())
}

/// The words after `firstbell` or `cargo run ... --` in code spans and fenced blocks, up to the
/// first that is a value and not a word of the command.
fn commands(readme: &str) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    for line in code_lines(readme) {
        let tokens: Vec<&str> = line.split_whitespace().collect();
        let by_cargo = line.contains("cargo run");
        for (at, token) in tokens.iter().enumerate() {
            let is_ours = token.rsplit('/').next() == Some("firstbell");
            let begins = is_ours || (by_cargo && *token == "--");
            if !begins {
                continue;
            }
            let words: Vec<String> = tokens[at + 1..]
                .iter()
                .take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
                .take_while(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
                .map(|word| (*word).to_owned())
                .collect();
            if words.first().is_some_and(|word| word != "firstbell") {
                commands.push(words);
            }
        }
    }
    commands
}

/// Lines of fenced blocks, and code spans, which do not pass the end of a line here.
fn code_lines(markdown: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut code = Vec::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            code.push(line);
        } else {
            code.extend(line.split('`').skip(1).step_by(2));
        }
    }
    code
}

#[test]
fn commands_are_found_where_readers_would_copy_them() {
    let readme = "Run `firstbell directory import FILE`, not firstbell nothing.\n\
        ```sh\n$ sudo -u firstbell ./target/release/firstbell serve --config x\n\
        cargo run --release -- demo --once\n```\n`firstbell`, `firstbell:force:NAME`";
    let found: Vec<String> = commands(readme)
        .iter()
        .map(|words| words.join(" "))
        .collect();
    assert_eq!(found, ["directory import", "serve", "demo"]);
}

#[test]
fn a_readme_without_its_two_commands_is_a_fault() {
    let faults = faults("Nothing to see.");
    assert_eq!(
        faults
            .iter()
            .filter(|fault| fault.contains("does not say"))
            .count(),
        2
    );
}

#[test]
fn a_command_that_does_not_exist_is_a_fault() {
    assert!(!is_known(&["no-such-command".to_owned()]));
}
