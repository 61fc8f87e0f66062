//! Which module may use which.

use super::source::{Source, is_word, module_of};

/// The arrows: a module, and what of ours it may use besides itself. Stages meet only in the store;
/// only `service` wires, and only it and `cli` read `config`.
const ARROWS: &[(&str, &[&str])] = &[
    ("referral", &[]),
    ("clock", &[]),
    ("seal", &[]),
    ("tls", &[]),
    // How a question is answered on this host: no idea of ours in it.
    ("exchange", &[]),
    ("store", &["referral", "clock", "seal"]),
    ("directory", &["referral", "store"]),
    ("letter", &["referral", "store"]),
    ("replies", &["referral", "store", "tls"]),
    // seal: the random bytes of a boundary come from the one generator.
    ("delivery", &["referral", "store", "letter", "tls", "seal"]),
    ("watch", &["referral", "store", "clock"]),
    // delivery: the lane's mail goes as letters do; client: its webhook is called.
    ("alarms", &["referral", "store", "delivery", "client"]),
    (
        "intake",
        &["referral", "store", "directory", "letter", "tls"],
    ),
    ("console", &["referral", "store", "directory", "letter"]),
    (
        "admin",
        &["referral", "store", "directory", "letter", "exchange"],
    ),
    ("evidence", &["referral", "store", "letter", "replies"]),
    ("metrics", &["store", "exchange"]),
    ("config", STAGES),
    ("config", &["client"]),
    ("service", STAGES),
    ("service", &["config"]),
    // The demo makes a world of the real parts: keys, certificates, deadlines, but no store and no
    // settings; `cli` starts the service in it.
    (
        "demo",
        &[
            "service", "referral", "clock", "seal", "tls", "letter", "admin",
        ],
    ),
    // The simulator drives the real stages itself, by their steps, and is the world around them.
    (
        "simulate",
        &[
            "referral", "clock", "seal", "store", "letter", "delivery", "replies", "watch", "tls",
        ],
    ),
    ("client", &["tls"]),
    ("cli", STAGES),
    (
        "cli",
        &[
            "config", "service", "demo", "simulate", "evidence", "client",
        ],
    ),
];

const STAGES: &[&str] = &[
    "referral",
    "clock",
    "seal",
    "tls",
    "store",
    "directory",
    "letter",
    "replies",
    "delivery",
    "watch",
    "alarms",
    "intake",
    "console",
    "admin",
    "metrics",
];

/// One fault for each use that no arrow allows, and for a module that no arrow names.
pub(super) fn faults(source: &Source) -> Vec<String> {
    let Some(own) = module_of(&source.path) else {
        return Vec::new();
    };
    if !ARROWS.iter().any(|(module, _)| *module == own) {
        return vec![format!("{}: {own} is in no arrow", source.path)];
    }
    let allowed = |other: &str| {
        let mut arrows = ARROWS.iter().filter(|(module, _)| *module == own);
        other == own || arrows.any(|(_, may_use)| may_use.contains(&other))
    };
    let mut used = used(source, own);
    used.sort();
    used.dedup();
    used.into_iter()
        .filter(|other| !allowed(other))
        .map(|other| format!("{}: {own} uses {other}", source.path))
        .collect()
}

/// The top-level modules named by `crate::x` and by enough `super::` to come out at the top.
fn used(source: &Source, own: &str) -> Vec<String> {
    let code = &source.code;
    let mut used = Vec::new();
    for (at, start) in code.match_indices("crate::") {
        if !code[..at].ends_with(is_word) {
            used.extend(first_names(&code[at + start.len()..]));
        }
    }
    // src/store/mod.rs and src/store.rs lie one below the top, src/store/writer.rs two.
    let depth = source.path.matches('/').count() - usize::from(source.path.ends_with("/mod.rs"));
    let climb = "super::".repeat(depth);
    for (at, _) in code.match_indices(&climb) {
        if !code[..at].ends_with(|c| is_word(c) || c == ':') {
            let after = code[at + climb.len()..].trim_start_matches("super::");
            let ours = |name: &String| name != own && ARROWS.iter().any(|(m, _)| m == name);
            used.extend(first_names(after).into_iter().filter(ours));
        }
    }
    used
}

/// `a` of `a::b`, `a` and `c` of `{a::{b, d}, c}`.
fn first_names(path: &str) -> Vec<String> {
    let Some(inside) = path.strip_prefix('{') else {
        return Vec::from_iter(name(path));
    };
    let mut depth = 0_usize;
    let mut names = Vec::from_iter(name(inside));
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.extend(name(&inside[at + 1..])),
            _ => {}
        }
    }
    names
}

fn name(path: &str) -> Option<String> {
    let name: String = path
        .trim_start()
        .chars()
        .take_while(|c| is_word(*c))
        .collect();
    (!name.is_empty()).then_some(name)
}

#[test]
fn a_use_against_the_arrows_is_found_however_it_is_written() {
    for (path, text, used) in [
        (
            "src/referral/x.rs",
            "use crate::store::Store;",
            "referral uses store",
        ),
        (
            "src/intake/mod.rs",
            "use crate::{referral::x, delivery::{a, b}};",
            "intake uses delivery",
        ),
        (
            "src/letter/mod.rs",
            "fn f(_: super::config::Config) {}",
            "letter uses config",
        ),
        (
            "src/letter/mime.rs",
            "use super::super::config::X;",
            "letter uses config",
        ),
        (
            "src/seal.rs",
            "mod tests { use super::super::clock::Clock; }",
            "seal uses clock",
        ),
        (
            "src/watch.rs",
            "fn f() { crate::delivery::run() }",
            "watch uses delivery",
        ),
        (
            "src/demo/mod.rs",
            "use crate::{\n    service,\n    store::Store,\n};",
            "demo uses store",
        ),
        ("src/helpers.rs", "", "helpers is in no arrow"),
    ] {
        let faults = faults(&Source::of(path, text));
        assert_eq!(faults, [format!("{path}: {used}")]);
    }
}

#[test]
fn uses_along_the_arrows_and_within_a_module_are_allowed() {
    for (path, text) in [
        (
            "src/store/mod.rs",
            "use crate::{clock::Clock, seal::{Key, Nonce}, referral};",
        ),
        (
            "src/store/writer.rs",
            "use super::clock::Tick; use super::*; pub(crate) fn f() {}",
        ),
        (
            "src/letter/mod.rs",
            "/// [`crate::delivery`]\nconst A: &str = \"crate::delivery::x\";",
        ),
        ("src/lib.rs", "pub use crate::service::run;"),
        (
            "src/service.rs",
            "use crate::config::Config; use crate::intake::Settings;",
        ),
    ] {
        assert_eq!(faults(&Source::of(path, text)), [""; 0], "{path}");
    }
}
