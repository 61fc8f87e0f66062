//! The house rules, held by reading the tree: a rule that nobody checks is a wish.
//!
//! Each rule is a function from text to faults, so that a planted fault shows that it can fail, and
//! a test that runs it over the tree.
#![cfg(test)]

mod arrows;
mod licences;
mod readme;
mod source;

use source::{Source, code_of, module_of, root, sources, tracked};

/// Lines of a file at the very most, its tests included (`docs`: about 300 is the aim).
const LINES_MAX: usize = 500;

/// What may stand at the top of the repository.
const TOP_LEVEL: &[&str] = &[
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "benches",
    "build.rs",
    "certs",
    "clippy.toml",
    "config",
    "deny.toml",
    "docs",
    "examples",
    "fuzz",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "src",
    "systemd",
    "tests",
];

/// Crates that may be named only in some modules, and std's doors to the world.
const CONFINED: &[Confined] = &[
    Confined {
        crates: &["sqlx"],
        only_in: &["store"],
    },
    Confined {
        crates: &["axum", "hyper", "hyper_util", "http", "http_body_util"],
        only_in: &[
            "intake", "exchange", "admin", "console", "metrics", "cli", "client",
        ],
    },
];

/// The one file that waits for what sends no event.
const WAITING: &str = "tests/stories/support/waiting.rs";

struct Confined {
    crates: &'static [&'static str],
    only_in: &'static [&'static str],
}

/// What the core must do without: it is given what it needs and returns decisions.
const NOT_IN_THE_CORE: &[&str] = &[
    "serde",
    "tokio",
    "sqlx",
    "tracing",
    "std::fs",
    "std::net",
    "std::io",
    "std::env",
    "std::process",
    "std::thread",
];

#[test]
fn modules_use_only_what_the_arrows_allow() {
    assert_none(sources(&["src"]).iter().flat_map(arrows::faults));
}

#[test]
fn sql_and_http_stay_where_they_belong() {
    assert_none(sources(&["src"]).iter().flat_map(confined_faults));
    let planted = Source::of(
        "src/letter/mod.rs",
        "use sqlx::Row;\nfn f(r: http::Request<()>) {}",
    );
    assert_eq!(confined_faults(&planted).len(), 2);
    let allowed = Source::of(
        "src/store/mod.rs",
        "use sqlx::Row; // http::Request\nmod http;",
    );
    assert_eq!(confined_faults(&allowed), [""; 0]);
}

#[test]
fn the_core_is_pure() {
    assert_none(sources(&["src/referral"]).iter().flat_map(core_faults));
    let planted = "use serde_json::Value;\nfn f() { std::fs::read(\"tokio::fs\"); }";
    assert_eq!(
        core_faults(&Source::of("src/referral/x.rs", planted)).len(),
        2
    );
}

#[test]
fn only_the_clock_asks_what_time_it_is() {
    let faults = sources(&["src", "tests", "benches"]);
    assert_none(faults.iter().flat_map(now_faults));
    let planted = "let a = Timestamp::now();\nlet b = clock.now();\nlet c = Instant::now();";
    assert_eq!(now_faults(&Source::of("src/watch.rs", planted)).len(), 1);
    assert_eq!(now_faults(&Source::of("src/clock.rs", planted)), [""; 0]);
}

#[test]
fn no_file_is_too_long() {
    assert_none(
        sources(&["src", "tests", "benches", "build.rs"])
            .iter()
            .flat_map(length_faults),
    );
    let lines = |count| Source::of("src/x.rs", &"x\n".repeat(count));
    assert_eq!(length_faults(&lines(LINES_MAX)), [""; 0]);
    assert_eq!(length_faults(&lines(LINES_MAX + 1)).len(), 1);
}

#[test]
fn no_test_is_ignored_or_waits_by_sleeping() {
    assert_none(
        sources(&["src", "tests", "benches"])
            .iter()
            .flat_map(test_faults),
    );
    let planted = "#[ignore]\nfn f() { thread::sleep(x) }";
    assert_eq!(
        test_faults(&Source::of("tests/stories/x.rs", planted)).len(),
        2
    );
    assert_eq!(
        test_faults(&Source::of("src/x/tests/y.rs", planted)).len(),
        2
    );
    let waits = "fn f() { sleep(left) }\n#[cfg(test)]\nmod tests { fn f() { sleep(left) } }";
    assert_eq!(
        test_faults(&Source::of("src/clock.rs", waits)),
        ["src/clock.rs:3: sleep"]
    );
}

#[test]
fn the_top_of_the_repository_is_known() {
    assert_none(top_level_faults(tracked().iter().map(String::as_str)));
    assert_eq!(
        top_level_faults(["src/a.rs", "notes.txt", "tmp/x"].into_iter()).len(),
        2
    );
}

#[test]
fn no_private_key_is_tracked() {
    let held = |path: &String| {
        let bytes = std::fs::read(root().join(path)).unwrap_or_default();
        holds_a_key(&bytes).then(|| format!("{path}: a private key"))
    };
    assert_none(tracked().iter().filter_map(held));
    for kind in ["", "RSA ", "EC ", "ENCRYPTED "] {
        let planted = ["-----BEGIN ", kind, "PRIVATE KEY", "-----\nMIIE"].concat();
        assert!(holds_a_key(planted.as_bytes()), "{kind}");
    }
    let planted = ["-----BEGIN PGP PRIVATE KEY BLOCK", "-----\n"].concat();
    assert!(holds_a_key(planted.as_bytes()));
    assert!(!holds_a_key(b"-----BEGIN PUBLIC KEY-----"));
}

#[test]
fn the_readme_s_commands_exist() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("there is a README.md");
    assert_none(readme::faults(&readme));
}

/// Fails with every fault, one a line.
fn assert_none(faults: impl IntoIterator<Item = String>) {
    let faults: Vec<String> = faults.into_iter().collect();
    assert!(faults.is_empty(), "\n  {}\n", faults.join("\n  "));
}

fn confined_faults(source: &Source) -> Vec<String> {
    let module = module_of(&source.path);
    CONFINED
        .iter()
        .filter(|confined| !module.is_some_and(|m| confined.only_in.contains(&m)))
        .flat_map(|confined| confined.crates)
        .flat_map(|name| {
            let lines = source.lines_with(|line| source::names_crate(line, name));
            lines.map(move |line| format!("{line}: {name} does not belong in this module"))
        })
        .collect()
}

fn core_faults(source: &Source) -> Vec<String> {
    NOT_IN_THE_CORE
        .iter()
        .flat_map(|name| {
            let lines = source.lines_with(|line| source::names_crate_beginning(line, name));
            lines.map(move |line| format!("{line}: {name} in the core"))
        })
        .collect()
}

/// Monotonic time (`Instant`) is for IO limits and leases and never for what is written down.
fn now_faults(source: &Source) -> Vec<String> {
    if source.path == "src/clock.rs" {
        return Vec::new();
    }
    source
        .lines_with(|line| {
            let mut rest = line;
            while let Some((before, after)) = rest.split_once("::now(") {
                if !before.ends_with("Instant") {
                    return true;
                }
                rest = after;
            }
            false
        })
        .map(|line| format!("{line}: now() outside clock.rs"))
        .collect()
}

fn length_faults(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let fault = format!("{}: {lines} lines, {LINES_MAX} at most", source.path);
    Vec::from_iter((lines > LINES_MAX).then_some(fault))
}

/// In tests, and in what of a source file follows its `#[cfg(test)]`.
fn test_faults(source: &Source) -> Vec<String> {
    let all_tests = source.path.starts_with("tests/")
        || source.path.contains("/tests/")
        || source.path.ends_with("/tests.rs");
    let mut in_tests = all_tests;
    let mut faults = Vec::new();
    if source.path == WAITING {
        return faults;
    }
    for (line, n) in source.code.lines().zip(1..) {
        in_tests |= line.contains("#[cfg(test)]");
        for (needle, word) in [("#[ignore", "ignored"), ("sleep(", "sleep")] {
            if in_tests && line.contains(needle) {
                faults.push(format!("{}:{n}: {word}", source.path));
            }
        }
    }
    faults
}

fn top_level_faults<'a>(tracked: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut unknown: Vec<String> = tracked
        .filter_map(|path| path.split('/').next())
        .filter(|name| !TOP_LEVEL.contains(name))
        .map(|name| format!("{name}: not one of the names at the top of the repository"))
        .collect();
    unknown.dedup();
    unknown
}

/// PEM (RFC 7468) and OpenPGP armor (RFC 9580 6.2). The words are put together here so that this
/// file does not hold them.
fn holds_a_key(bytes: &[u8]) -> bool {
    ["-----", " BLOCK-----"]
        .map(|end| ["PRIVATE KEY", end].concat())
        .iter()
        .any(|needle| bytes.windows(needle.len()).any(|w| w == needle.as_bytes()))
}

#[test]
fn code_is_told_from_comments_and_text() {
    let text = "a // b\n/* c /* d */ e */ f \"g \\\" h\" r#\"i \" j\"# '\"' k 'l m<'n>(o)\n";
    let code = code_of(text);
    let words: Vec<&str> = code.split_whitespace().collect();
    assert_eq!(words, ["a", "f", "k", "'l", "m<'n>(o)"]);
    assert_eq!(code.len(), text.len());
    assert_eq!(code.lines().count(), 2);
}
