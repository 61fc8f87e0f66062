//! Tells the program which commit it is built from. And `sqlx::migrate!` does not notice a new migration by
//! itself.
use std::path::Path;
use std::process::Command;

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() {
    println!("cargo:rerun-if-changed=src/store/migrations");
    println!("cargo:rerun-if-changed=build.rs");
    let build = commit().map_or(VERSION.to_owned(), |commit| format!("{VERSION} ({commit})"));
    println!("cargo:rustc-env=FIRSTBELL_BUILD={build}");
}

/// None outside a repository of our own: whoever unpacks the sources somewhere in another's builds from no
/// commit of it.
fn commit() -> Option<String> {
    let is_ours = git(&["rev-parse", "--show-prefix"])?.is_empty();
    let commit = is_ours.then(|| git(&["rev-parse", "--short=12", "HEAD"]))??;
    // A commit or a checkout changes one of these; nothing else makes this run again.
    let names = ["HEAD", "logs/HEAD", "packed-refs"].map(str::to_owned);
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in names.into_iter().chain(branch) {
        let place = git(&["rev-parse", "--git-path", &name]).filter(|p| Path::new(p).exists());
        if let Some(place) = place {
            println!("cargo:rerun-if-changed={place}");
        }
    }
    Some(commit)
}

fn git(arguments: &[&str]) -> Option<String> {
    let answer = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    answer.status.success().then(|| text.trim().to_owned())
}
