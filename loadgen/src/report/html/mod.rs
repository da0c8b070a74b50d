//! Pages that stand alone: one file, no script, nothing fetched, for a screen of any width, light or dark.
//!
//! The verdict is the first thing on a page. Every chart has its figures beside it as a table.

mod compare;
mod figures;
mod run;
mod sweep;

pub(super) use compare::page as compare_page;
pub(super) use run::page as run_page;
pub(super) use sweep::page as sweep_page;

use super::document::{Reason, Tool};
use super::figure;
use super::table::Table;
use crate::plot::{Chart, Role, Size};

/// What every page has.
struct Frame {
    title: String,
    /// The class of the verdict.
    verdict: String,
    /// The verdict in letters.
    word: String,
    meaning: String,
    reasons: Vec<Doubt>,
    footer: String,
}

/// A reason with its figures as text.
struct Doubt {
    code: String,
    level: String,
    text: String,
    value: String,
    limit: String,
}

/// A chart with its key and its table.
struct Figure {
    title: &'static str,
    about: String,
    keys: Vec<(Role, String)>,
    wide: String,
    narrow: String,
    table: Table,
}

/// One of the large figures.
struct Tile {
    name: &'static str,
    value: String,
    more: String,
    failed: bool,
}

impl Figure {
    fn new(
        title: &'static str,
        about: impl Into<String>,
        chart: &Chart,
        keys: Vec<(Role, String)>,
        table: Table,
    ) -> Self {
        let [wide, narrow] = [Size::Wide, Size::Narrow].map(|size| chart.svg(size));
        Self { title, about: about.into(), keys, wide, narrow, table }
    }
}

impl Tile {
    fn new(name: &'static str, value: String, more: impl Into<String>) -> Self {
        Self { name, value, more: more.into(), failed: false }
    }
}

impl Doubt {
    fn of(reason: &Reason) -> Self {
        let [value, limit] = [reason.value, reason.limit].map(figure::number);
        Self { code: reason.code.clone(), level: reason.level.clone(), text: reason.text.clone(), value, limit }
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn footer(tool: &Tool, schema: &str) -> String {
    let commit = tool.commit.as_ref().map_or_else(String::new, |commit| format!(", commit {commit}"));
    format!("slipring-load {}{commit}; schema {schema}. This page stands alone: it fetches nothing.", tool.version)
}

/// Words with anything but plain letters in quotes, so that a shell reads them as they were.
fn command_line(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    let quoted = |word: &String| {
        let is_plain = !word.is_empty() && word.chars().all(plain);
        if is_plain { word.clone() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}
