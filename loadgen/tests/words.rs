//! The page that names the flags, and the program's own help: each says what the other says.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

fn help(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_slipring-load")).args(words).output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Flags at the beginning of the help's lines: `-c, --connections <N>`.
fn flags_of_help(help: &str) -> BTreeSet<String> {
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    lines.flat_map(|line| line.split("  ").next().unwrap_or_default().split([' ', ',']).map(name)).flatten().collect()
}

/// Flags in the first column of the table below the heading.
fn flags_of_page(page: &str) -> BTreeSet<String> {
    let section = page.split("\n## `slipring-load` flags").nth(1).expect("the section of the flags");
    let table =
        section.lines().skip_while(|line| !line.starts_with("|---")).skip(1).take_while(|line| line.starts_with('|'));
    let columns = table.map(|line| line[1..].split(" | ").next().unwrap_or_default());
    columns.flat_map(|column| column.split([' ', '`', ',']).map(name)).flatten().collect()
}

fn name(word: &str) -> Option<String> {
    let name = word.split(['[', '=', '<']).next().unwrap_or_default();
    (name.starts_with('-') && name.len() > 1).then(|| name.to_owned())
}

#[test]
fn the_page_lists_every_flag_and_no_other() {
    let (page, help) = (flags_of_page(&page("INTERFACES.md")), flags_of_help(&help(&["--help"])));
    assert!(help.len() > 40, "{help:?}");
    let missing: Vec<_> = help.symmetric_difference(&page).collect();
    assert!(missing.is_empty(), "only on one side: {missing:?}");
}

#[test]
fn the_help_has_examples_and_fits_a_terminal() {
    let text = help(&["--help"]);
    assert!(text.contains("Examples:") && text.contains("Exit status:") && text.contains("slipring-load -R 2000"));
    let long: Vec<_> = text.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn other_commands_have_a_help_and_shells_a_script() {
    for command in ["compare", "sweep", "report", "merge", "completions"] {
        assert!(help(&[command, "--help"]).contains("Usage"), "{command}");
        assert!(help(&["--help"]).contains(&format!("\n  {command} ")), "{command}");
    }
    let script = help(&["completions", "bash"]);
    assert!(script.contains("--fail-if") && script.contains("--require-answer"), "{script}");
}
