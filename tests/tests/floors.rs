//! The floors of `docs/ARCHITECTURE.md`, held by reading the code.
//!
//! Cargo keeps the packages apart; within a package nothing does. This test reads the floors table, the table of
//! packages and their owners, and every `.rs` file of the shipped packages, and fails on an import that goes up or
//! sideways, on a foreign package outside its owner module, and on `unsafe` outside the two packages that may have it.
//! It reads sources, not a compiled crate, so it also sees what a feature or a target leaves out.

#[path = "floors/page.rs"]
mod page;
#[path = "floors/rules.rs"]
mod rules;
#[path = "floors/source.rs"]
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use page::Page;
use rules::{Faces, floor_complaints, owner_complaints, unsafe_complaints};

/// A source file: its path from the workspace's root, and its text.
struct Source {
    path: String,
    text: String,
}

#[test]
fn imports_go_down() {
    let (page, sources) = (the_page(), the_sources());
    let faces = Faces::read(&sources);
    none(sources.iter().flat_map(|source| floor_complaints(&page, &faces, source)));
}

#[test]
fn packages_stay_with_their_owners() {
    let page = the_page();
    none(the_sources().iter().flat_map(|source| owner_complaints(&page, source)));
}

#[test]
fn every_package_of_the_workspace_has_an_owner() {
    let (page, manifest) = (the_page(), read("Cargo.toml"));
    let listed = manifest.lines().skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    let names = listed.take_while(|line| !line.starts_with('[')).filter_map(|line| line.split_once(" = "));
    let ownerless = names.map(|(name, _)| name).filter(|name| !name.starts_with("slipring") && !page.owns(name));
    none(
        ownerless
            .map(|name| format!("Cargo.toml: `{name}` has no row in the table of packages in docs/ARCHITECTURE.md")),
    );
}

#[test]
fn unsafe_stays_in_its_two_packages() {
    let mut sources = the_sources();
    for folder in ["engine", "loadgen", "bench", "tests"] {
        collect(&root().join(folder), &mut sources);
    }
    none(sources.iter().flat_map(unsafe_complaints));
}

/// What the checker says to sources that nobody wrote: file, text, and a part of each complaint, in order.
const SYNTHETIC: &[(&str, &str, &[&str])] = &[
    // Upward, in its three spellings, and in a group.
    (
        "engine/server/src/conn/mod.rs",
        "\nuse crate::shard::Shard;",
        &["mod.rs:2 imports shard::Shard (floor 6) from floor 3"],
    ),
    ("engine/server/src/conn/turn.rs", "fn f() { crate::handler::go() }", &["turn.rs:1 imports handler::go (floor 4)"]),
    (
        "engine/server/src/conn/turn.rs",
        "use super::super::files::cache;",
        &["imports files::cache (floor 5) from floor 3"],
    ),
    (
        "engine/server/src/files/mod.rs",
        "use crate::{\n  conn::X,\n  shard::{table::Y, Z},\n};",
        &[":3 imports shard::table::Y", ":3 imports shard::Z"],
    ),
    (
        "engine/wire/src/field.rs",
        "use crate::request::RequestHead;",
        &["imports wire::request::RequestHead (floor 2) from floor 1"],
    ),
    (
        "engine/ring/src/op.rs",
        "use crate::uring::UringRing;",
        &["imports ring::uring::UringRing (floor 1) from floor 0"],
    ),
    ("loadgen/src/plan.rs", "use crate::drive::Driver;", &["imports load::drive::Driver (floor 4) from floor 3"]),
    // Sideways.
    ("engine/server/src/conn/mod.rs", "use crate::log::Line;", &["imports log::Line (floor 3) from floor 3: sideways"]),
    (
        "engine/ring/src/uring/mod.rs",
        "use crate::sim::SimRing;",
        &["imports ring::sim::SimRing (floor 1) from floor 1: sideways"],
    ),
    ("loadgen/src/compare/mod.rs", "use crate::drive;", &["sideways"]),
    ("engine/wire/src/body/framing.rs", "use crate::request::RequestHead;", &["floor 2: upward"]),
    ("engine/server/src/config/mod.rs", "use crate::server::Server;", &["floor 7: upward"]),
    // Downward, and yet forbidden.
    ("loadgen/src/report/mod.rs", "use crate::drive;", &["is not for this floor"]),
    (
        "engine/server/src/handler/mod.rs",
        "use slipring_ring::Ring;",
        &["imports ring::Ring (floor 0) from floor 4: `ring` is not for this floor"],
    ),
    ("engine/server/src/conn/mod.rs", "use slipring_ring::op::Op;", &["`ring` is not for this floor"]),
    (
        "engine/server/src/shard/mod.rs",
        "use slipring_ring::uring::UringRing;",
        &["`ring::uring` is not for this floor"],
    ),
    ("engine/server/src/shard/mod.rs", "use crate::files::Files;", &["`files` is not for this floor"]),
    // A module that the table does not know.
    ("engine/server/src/novel.rs", "", &["engine/server/src/novel.rs has no floor"]),
    // All of this is allowed.
    (
        "engine/server/src/conn/mod.rs",
        "use slipring_ring::{time::Instant, FileId, Deadline};\nuse slipring_wire::request;",
        &[],
    ),
    ("engine/server/src/conn/turn.rs", "use super::Connection; use crate::conn::close::Close;", &[]),
    (
        "engine/server/src/shard/mod.rs",
        "use crate::{conn, handler::Handler, Exchange};\nuse slipring_ring::{Op, Ring};",
        &[],
    ),
    (
        "engine/server/src/server.rs",
        "use crate::config::Options; use crate::files::Files; use slipring_ring::uring::UringRing;",
        &[],
    ),
    ("engine/wire/src/request/parse.rs", "use crate::body::Framing; use slipring_scan::scan;", &[]),
    ("engine/server/src/lib.rs", "pub use shard::Shard; pub use crate::server::Server;", &[]),
    ("engine/server/src/main.rs", "use slipring::config::Options; use slipring::server::run;", &[]),
    // None of this is an import.
    (
        "engine/server/src/conn/mod.rs",
        "// use crate::shard::A;\n/* crate::shard::B /* */ crate::shard::C */ const S: &str = \"crate::shard::D\";",
        &[],
    ),
    (
        "engine/server/src/conn/mod.rs",
        "#[cfg(test)]\nmod tests { use crate::shard::A; fn f() { if x { } } }\nuse crate::log::B;",
        &[":3 imports log::B"],
    ),
    (
        "engine/server/src/conn/mod.rs",
        "const Q: char = '\"'; fn f<'a>(x: &'a u8) {} const R: &str = r#\"\" crate::shard::A\"#;",
        &[],
    ),
];

#[test]
fn the_checker_can_fail() {
    let (page, faces) = (the_page(), Faces::read(&the_sources()));
    for (path, text, expected) in SYNTHETIC {
        let source = Source { path: (*path).to_owned(), text: (*text).to_owned() };
        matches(&source, &floor_complaints(&page, &faces, &source), expected);
    }
}

#[test]
fn the_other_rules_can_fail() {
    let page = the_page();
    let complaints = |path: &str, text: &str| {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        owner_complaints(&page, &source).into_iter().chain(unsafe_complaints(&source)).collect::<Vec<_>>()
    };
    assert_eq!(complaints("engine/server/src/conn/mod.rs", "use libc::c_int;").len(), 1);
    assert_eq!(complaints("engine/wire/src/target.rs", "fn f() { httpdate::now() }").len(), 1);
    assert_eq!(complaints("engine/wire/src/target.rs", "fn f() { unsafe { g() } }").len(), 1);
    assert_eq!(complaints("tests/tests/x.rs", "unsafe extern \"C\" {}").len(), 1);
    assert_eq!(
        complaints("engine/wire/src/date.rs", "#![forbid(unsafe_code)] use httpdate::HttpDate; // unsafe").len(),
        0
    );
    assert_eq!(complaints("engine/ring/src/uring/sockets.rs", "use libc::c_int; fn f() { unsafe { g() } }").len(), 0);
    assert_eq!(complaints("engine/server/src/conn/mod.rs", "#[derive(thiserror::Error)] enum E {}").len(), 0);
}

fn matches(source: &Source, complaints: &[String], expected: &[&str]) {
    let fits =
        complaints.len() == expected.len() && complaints.iter().zip(expected).all(|(said, part)| said.contains(part));
    assert!(fits, "{}:\n{}\nexpected {expected:?}, got {complaints:#?}", source.path, source.text);
}

fn none(complaints: impl Iterator<Item = String>) {
    let complaints: Vec<_> = complaints.collect();
    assert!(
        complaints.is_empty(),
        "{} complaints; docs/ARCHITECTURE.md has the rules:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}

fn the_page() -> Page {
    Page::read(&read("docs/ARCHITECTURE.md"))
}

/// Every source file of the packages that have floors or owners.
fn the_sources() -> Vec<Source> {
    let mut sources = Vec::new();
    for folder in
        ["engine/ring/src", "engine/scan/src", "engine/wire/src", "engine/server/src", "loadgen/src", "bench/src"]
    {
        collect(&root().join(folder), &mut sources);
    }
    assert!(sources.len() > 20, "the sources are not where this test looks for them");
    sources
}

/// Files may come and go while this runs: what is not there is not read.
fn collect(folder: &Path, into: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let path = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
            into.push(Source { path, text });
        }
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ stands in the workspace").to_path_buf()
}
