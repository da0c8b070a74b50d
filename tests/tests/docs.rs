//! The pages: their links lead somewhere, and the README's two commands are the ones that the check runs.

#[path = "docs/basehttp.rs"]
mod basehttp;

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn relative_links_lead_to_files() {
    let pages = pages();
    assert!(pages.len() >= 10, "the pages are not where this test looks for them");
    let broken: Vec<String> = pages.iter().flat_map(|page| broken_links(page, &read(page))).collect();
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn headings_that_are_linked_exist() {
    let broken: Vec<String> = pages().iter().flat_map(|page| broken_anchors(page, &read(page))).collect();
    assert!(broken.is_empty(), "links to headings that are not there:\n{}", broken.join("\n"));
}

#[test]
fn a_broken_link_is_found() {
    let page = root().join("README.md");
    let links = "[a](LICENSE-MIT) [b](nowhere.md) [c](https://example.org/x) `[d](code.md)`\n```\n[e](block.md)\n```\n[f](docs/STYLE.md#top)";
    assert_eq!(broken_links(&page, links), ["README.md:1 links to nowhere.md"]);
    assert_eq!(broken_anchors(&page, "# Top of all\n[a](#top-of-all) [b](#bottom)"), ["README.md:2 links to #bottom"]);
}

#[test]
fn the_check_runs_the_command_of_the_readme() {
    for (page, command) in [("README.md", "cargo run --release "), ("README.md", TESTS), (".ci/run", TESTS)] {
        assert!(read(&root().join(page)).contains(command), "{page} does not say `{command}`");
    }
}

/// The command that passes the tests.
const TESTS: &str = "cargo test --workspace";

/// Links of a page to files that are not there.
fn broken_links(page: &Path, text: &str) -> Vec<String> {
    let folder = page.parent().expect("a page stands in a folder");
    let is_broken = |target: &str| {
        let path = target.split('#').next().unwrap_or_default();
        !path.is_empty() && !target.contains("://") && !target.starts_with("mailto:") && !folder.join(path).exists()
    };
    complaints(page, text, is_broken)
}

/// Links of a page to headings that it or another page does not have.
fn broken_anchors(page: &Path, text: &str) -> Vec<String> {
    let is_broken = |target: &str| match target.split_once('#') {
        Some(("", heading)) => !headings(text).contains(&heading.to_owned()),
        Some((path, heading)) if is_page(Path::new(path)) && !path.contains("://") => {
            let other = page.with_file_name("").join(path);
            fs::read_to_string(other).is_ok_and(|text| !headings(&text).contains(&heading.to_owned()))
        }
        _ => false,
    };
    complaints(page, text, is_broken)
}

fn complaints(page: &Path, text: &str, is_broken: impl Fn(&str) -> bool) -> Vec<String> {
    let shown = page.strip_prefix(root()).unwrap_or(page).display();
    let broken = links(text).into_iter().filter(|(_, target)| is_broken(target));
    broken.map(|(line, target)| format!("{shown}:{line} links to {target}")).collect()
}

/// The headings of a page, as an anchor names them.
fn headings(text: &str) -> Vec<String> {
    let anchor = |heading: &str| {
        let kept = heading.chars().filter(|next| next.is_alphanumeric() || " -_".contains(*next));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    prose(text)
        .filter(|(_, line)| line.starts_with('#'))
        .map(|(_, line)| anchor(line.trim_start_matches('#').trim()))
        .collect()
}

/// Every `](target)` outside code, with its line from 1.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let outside_code: String = line.split('`').step_by(2).collect::<Vec<_>>().join(" ");
        let targets = outside_code.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        found.extend(targets.map(|target| (number, target.to_owned())));
    }
    found
}

/// The lines that stand in no fenced block, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        inside ^= is_fence;
        (!inside && !is_fence).then_some((index + 1, line))
    })
}

/// Every page of the project: at the root, and in `docs` with its folders.
fn pages() -> Vec<PathBuf> {
    let folders = [root(), root().join("docs"), root().join("docs/decisions")];
    let files =
        folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten().map(|entry| entry.path());
    files.filter(|path| is_page(path)).collect()
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ stands in the workspace").to_path_buf()
}
