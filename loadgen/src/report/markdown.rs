//! A summary for the pages of a CI, in the Markdown that they show.

use std::fmt::{self, Write as _};

use super::document::Run;
use super::table::{self, Table};
use super::{figure, words};

/// Verdict, rate, times, thresholds.
pub(super) fn markdown(run: &Run) -> String {
    let mut out = String::new();
    write(run, &mut out).expect("a String takes everything");
    out
}

fn write(run: &Run, out: &mut String) -> fmt::Result {
    let mark = match run.verdict.as_str() {
        "valid" => "✅",
        "suspect" => "⚠️",
        _ => "❌",
    };
    writeln!(out, "### {mark} {}: {} {}\n", run.verdict, run.config.method, code(&run.url))?;
    writeln!(out, "{}.\n", words::pace(run))?;
    for reason in &run.reasons {
        writeln!(out, "- **{}** ({}): {}", reason.code, reason.level, escaped(&reason.text))?;
    }
    for note in run.target_notes.iter().filter(|note| *note != "closed_loop") {
        writeln!(out, "- {}: {}", escaped(note), escaped(words::note(note)))?;
    }
    writeln!(out)?;
    counts(run, out)?;
    rows(&table::times(run), out)?;
    rows(&table::cpu(run), out)?;
    rows(&table::thresholds(run), out)
}

fn counts(run: &Run, out: &mut String) -> fmt::Result {
    let requests = &run.requests;
    let mut table = Table::new(["requests/s offered", "achieved", "sent", "completed", "errors", "connections"]);
    let errors: u64 = run.errors.kinds().iter().map(|(_, count)| count).sum();
    table.row([
        figure::rate(run.rate.offered),
        figure::rate(run.rate.achieved),
        figure::grouped(requests.sent),
        figure::grouped(requests.completed),
        figure::grouped(errors),
        format!("{} of {}", figure::grouped(run.connections.opened), figure::grouped(run.connections.asked)),
    ]);
    rows(&table, out)
}

fn rows(table: &Table, out: &mut String) -> fmt::Result {
    if table.rows.is_empty() {
        return Ok(());
    }
    let line =
        |cells: &[String]| format!("| {} |", cells.iter().map(|cell| escaped(cell)).collect::<Vec<_>>().join(" | "));
    writeln!(out, "{}", line(&table.head))?;
    writeln!(out, "|---{}|", "|---:".repeat(table.head.len() - 1))?;
    table.rows.iter().try_for_each(|row| writeln!(out, "{}", line(row)))?;
    writeln!(out)
}

/// Text of others as text: no tag, no table cell, no link.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\r' | '\n' => out.push(' '),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

/// Text of others as code; a code span knows no escape, so its own mark is dropped.
fn code(text: &str) -> String {
    format!("`{}`", text.replace(['`', '\r', '\n'], ""))
}
