//! docs/basehttp.md against the tree: every row once, every named test there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::{read, root};

/// A row of the page.
struct Row {
    id: String,
    state: String,
    tests: Vec<String>,
}

#[test]
fn rows_are_unique_and_complete() {
    let (page, rows) = page();
    let list = page.lines().find_map(|line| line.strip_prefix("Rows: ")).expect("the page lists its rows");
    let listed: Vec<String> = list.trim_end_matches('.').split(", ").flat_map(expand).collect();
    assert_eq!(rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>(), listed);
    assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), listed.len(), "a row stands there twice");
    assert!(listed.len() > 230, "{} rows", listed.len());
}

/// A row without a test is open or dropped; everything else names what fails when it is broken.
#[test]
fn every_row_is_held_or_open() {
    let states = ["done", "differs", "option", "open", "dropped"];
    let wrong = |row: &&Row| {
        let known = states.contains(&row.state.as_str());
        !known || row.tests.is_empty() && !matches!(row.state.as_str(), "open" | "dropped")
    };
    let wrong: Vec<String> = page().1.iter().filter(wrong).map(|row| format!("{}: {}", row.id, row.state)).collect();
    assert!(wrong.is_empty(), "rows without a state, or without a test: {wrong:?}");
}

#[test]
fn named_tests_exist() {
    let tests: BTreeSet<String> = page().1.into_iter().flat_map(|row| row.tests).collect();
    let missing: Vec<&String> = tests.iter().filter(|test| !exists(test)).collect();
    assert!(missing.is_empty(), "tests that are not there: {missing:#?}");
    for none in ["process::rfc::no_such_test", "process::no_such_file::types", "differential::NONE", "seed::play"] {
        assert!(!exists(none), "{none} is found");
    }
}

/// What the differential run lists as a difference, the page does not call done.
#[test]
fn differences_are_on_the_page() {
    let states: BTreeMap<String, String> = page().1.into_iter().map(|row| (row.id, row.state)).collect();
    let table = read(&root().join("tests/tests/differential/differences.rs"));
    let table = table.split_once("pub const DIFFERENCES").expect("the table").1;
    let entries = table.split("field(").flat_map(|part| part.split("answers(")).skip(1);
    let quoted = entries.filter_map(|entry| entry.trim_start().strip_prefix('"')?.split('"').next());
    let rows: BTreeSet<&str> = quoted.filter_map(|key| key.split(' ').next()).collect();
    assert!(rows.len() > 40, "{rows:?}");
    let hidden: Vec<&&str> = rows
        .iter()
        .filter(|row| !states.get(**row).is_some_and(|state| matches!(state.as_str(), "differs" | "option" | "open")))
        .collect();
    assert!(hidden.is_empty(), "these differ, and the page does not say so: {hidden:?}");
}

/// Each of the 76 tests of CPython's `test_httpservers.py` has its counterpart.
#[test]
fn counterparts_are_all_there() {
    let texts = files_below(&root().join("tests/tests/counterparts")).into_iter().map(|path| read(&path));
    let names: BTreeSet<String> =
        texts.flat_map(|text| tests_in(&text)).filter(|name| name.starts_with("test_")).collect();
    // Two names stand in two classes: test_get.
    assert_eq!(names.len() + 1, 76, "{names:?}");
}

/// Row S68.
#[test]
fn the_check_wants_every_public_item_documented() {
    assert!(read(&root().join("Cargo.toml")).contains("\nmissing_docs = \"warn\"\n"));
    assert!(read(&root().join(".ci/run")).contains("cargo clippy --workspace --all-targets --locked -- -D warnings"));
}

fn page() -> (String, Vec<Row>) {
    let page = read(&root().join("docs/basehttp.md"));
    let rows = page.lines().filter_map(row).collect();
    (page, rows)
}

fn row(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix('|')?.split(" | ").collect();
    let [id, _, state, _, tests] = cells[..] else { return None };
    let is_id = id.starts_with(|c: char| c.is_ascii_uppercase()) && id[1..].parse::<u8>().is_ok();
    let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    is_id.then(|| Row { id: id.into(), state: state.into(), tests })
}

/// `S1-S3` is S1, S2, S3.
fn expand(range: &str) -> Vec<String> {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let number = |id: &str| id[1..].parse::<u8>().expect("a row's number");
    (number(first)..=number(last)).map(|number| format!("{}{number}", &first[..1])).collect()
}

/// Whether `file::module::test` or `package::module::test` is a test, or `differential::TABLE` a table.
fn exists(name: &str) -> bool {
    let parts: Vec<&str> = name.split("::").collect();
    let (Some((test, path)), Some(first)) = (parts.split_last(), parts.first()) else { return false };
    let folder = match *first {
        "slipring" => root().join("engine/server/src"),
        package if package.starts_with("slipring-") => {
            root().join("engine").join(&package["slipring-".len()..]).join("src")
        }
        file => root().join("tests/tests").join(file),
    };
    if *first == "differential" {
        let table = format!("pub const {test}: &[Case]");
        return files_below(&folder).iter().any(|path| read(path).contains(&table));
    }
    let places = [folder.join("mod.rs"), folder.with_extension("rs")].into_iter().chain(files_below(&folder));
    places.filter(|place| stands_in(place, &folder, &path[1..])).any(|place| {
        let text = fs::read_to_string(place).unwrap_or_default();
        tests_in(&text)
            .iter()
            .any(|known| known == test || test.strip_suffix('*').is_some_and(|start| known.starts_with(start)))
    })
}

/// Whether a file is where a module, or one around it, stands.
fn stands_in(place: &Path, folder: &Path, modules: &[&str]) -> bool {
    let Ok(inside) = place.strip_prefix(folder) else { return modules.is_empty() };
    let inside = inside.with_extension("");
    let names: Vec<&str> = inside.iter().filter_map(|name| name.to_str()).filter(|name| *name != "mod").collect();
    modules.starts_with(&names) && (modules.len() <= names.len() || modules[names.len()..] == ["tests"])
}

/// The functions under a `#[test]`.
fn tests_in(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut marked = false;
    for line in text.lines().map(str::trim_start) {
        match line.strip_prefix("fn ") {
            Some(rest) if marked => {
                found.extend(rest.split('(').next().map(str::to_owned));
                marked = false;
            }
            Some(_) => {}
            None => marked |= line.starts_with("#[test]"),
        }
    }
    found
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}
