//! What may be linked into the binary, read from `deny.toml` and asked of cargo: the licence rule
//! holds in every run, also where cargo-deny is not installed.

use super::{assert_none, root};
use serde_json::Value;
use std::collections::BTreeSet;
use std::iter::Peekable;
use std::process::Command;

/// The licences that `deny.toml` allows, and those it allows one crate each.
struct Allowed {
    all: BTreeSet<String>,
    exceptions: BTreeSet<(String, String)>,
}

impl Allowed {
    fn read() -> Self {
        let text = std::fs::read_to_string(root().join("deny.toml")).unwrap();
        let rules: toml::Table = text.parse().unwrap();
        let list = |value: &toml::Value| -> Vec<String> {
            let list = value.as_array().unwrap().iter();
            list.map(|one| one.as_str().unwrap().to_owned()).collect()
        };
        let licences = &rules["licenses"];
        let exceptions = licences["exceptions"].as_array().unwrap().iter();
        let named = exceptions.flat_map(|exception| {
            let name = exception["crate"].as_str().unwrap().to_owned();
            let allowed = list(&exception["allow"]).into_iter();
            allowed.map(move |licence| (name.clone(), licence))
        });
        Self {
            all: list(&licences["allow"]).into_iter().collect(),
            exceptions: named.collect(),
        }
    }

    fn allows(&self, name: &str, licence: &str) -> bool {
        let exception = (name.to_owned(), licence.to_owned());
        self.all.contains(licence) || self.exceptions.contains(&exception)
    }

    /// Whether an SPDX expression can be met: of `OR` either side, of `AND` both. A slash is how old
    /// manifests write `OR`; `WITH` belongs to the licence before it.
    fn meets(&self, name: &str, expression: &str) -> bool {
        let spaced = expression
            .replace('(', " ( ")
            .replace(')', " ) ")
            .replace('/', " OR ");
        let mut words = spaced.split_whitespace().peekable();
        let met = self.either(name, &mut words);
        assert_eq!(words.next(), None, "{expression}: not an SPDX expression");
        met
    }

    fn either<'a>(&self, name: &str, words: &mut Peekable<impl Iterator<Item = &'a str>>) -> bool {
        let mut met = self.both(name, words);
        while words.next_if_eq(&"OR").is_some() {
            met |= self.both(name, words);
        }
        met
    }

    fn both<'a>(&self, name: &str, words: &mut Peekable<impl Iterator<Item = &'a str>>) -> bool {
        let mut met = self.one(name, words);
        while words.next_if_eq(&"AND").is_some() {
            met &= self.one(name, words);
        }
        met
    }

    fn one<'a>(&self, name: &str, words: &mut Peekable<impl Iterator<Item = &'a str>>) -> bool {
        if words.next_if_eq(&"(").is_some() {
            let met = self.either(name, words);
            assert_eq!(words.next(), Some(")"), "{name}: not an SPDX expression");
            return met;
        }
        let mut licence = words.next().expect("a licence").to_owned();
        if words.next_if_eq(&"WITH").is_some() {
            licence += &format!(" WITH {}", words.next().expect("an exception"));
        }
        self.allows(name, &licence)
    }
}

/// Name and licence of everything that is built here, build tools and tests included.
fn dependencies() -> Vec<(String, String)> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--offline", "--locked"])
        .args(["--filter-platform", &target])
        .current_dir(root())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    let tree: Value = serde_json::from_slice(&output.stdout).unwrap();
    let nodes = tree["resolve"]["nodes"].as_array().unwrap().iter();
    let built: BTreeSet<&str> = nodes.map(|node| node["id"].as_str().unwrap()).collect();
    let packages = tree["packages"].as_array().unwrap().iter();
    packages
        .filter(|package| built.contains(package["id"].as_str().unwrap()))
        .map(|package| {
            let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
            (text("name"), text("license"))
        })
        .collect()
}

#[test]
fn every_dependency_has_a_licence_that_is_allowed() {
    let allowed = Allowed::read();
    let dependencies = dependencies();
    assert!(dependencies.len() > 100, "{} found", dependencies.len());
    let bad = dependencies
        .iter()
        .filter(|(name, licence)| !allowed.meets(name, licence))
        .map(|(name, licence)| format!("{name}: {licence:?} is not allowed by deny.toml"));
    assert_none(bad);
}

#[test]
fn an_exception_is_still_needed() {
    let named: BTreeSet<String> = dependencies().into_iter().map(|(name, _)| name).collect();
    let idle = Allowed::read().exceptions;
    assert_none(
        idle.into_iter()
            .filter(|(name, _)| !named.contains(name))
            .map(|(name, _)| format!("{name}: an exception in deny.toml for nothing")),
    );
}

#[test]
fn an_expression_is_read_as_spdx_means_it() {
    let allowed = Allowed::read();
    for (name, expression, met) in [
        ("a", "MIT", true),
        ("a", "GPL-3.0-only", false),
        ("a", "GPL-3.0-only OR MIT", true),
        ("a", "GPL-3.0-only AND MIT", false),
        ("a", "MIT/GPL-3.0-only", true),
        ("a", "MIT OR GPL-3.0-only AND GPL-2.0-only", true),
        ("a", "(MIT OR GPL-3.0-only) AND GPL-2.0-only", false),
        ("a", "(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("a", "Apache-2.0 WITH LLVM-exception", true),
        ("a", "MIT WITH LLVM-exception", false),
        ("a", "LGPL-2.0-or-later", false),
        ("sequoia-openpgp", "LGPL-2.0-or-later", true),
    ] {
        assert_eq!(allowed.meets(name, expression), met, "{name} {expression}");
    }
}
