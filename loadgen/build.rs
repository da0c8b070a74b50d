//! Tells the build which commit it is of, for the `tool` of a report. Asks `SLIPRING_COMMIT`, then git; knows it or says
//! nothing.

use std::env;
use std::process::Command;

/// What a report's figures depend on; a change of it makes a commit `-dirty`.
const SOURCES: [&str; 4] = ["src", "templates", "../engine", "../Cargo.lock"];

fn main() {
    println!("cargo::rerun-if-env-changed=SLIPRING_COMMIT");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    // Grows with each commit and each checkout.
    if let Some(log) = git(&["rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    let commit = env::var("SLIPRING_COMMIT").ok();
    let commit = commit.or_else(|| git(&["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]));
    println!("cargo::rustc-env=SLIPRING_COMMIT={}", commit.unwrap_or_default());
}

/// Its first line; `None` without git or outside a work tree.
fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)
}
