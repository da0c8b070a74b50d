//! Where the reports of comparing and sweeping go, and what is shown meanwhile.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Failure, STANDARD_OUTPUT, print};
use crate::report::{self, Paint};

/// Flags on reports and verdicts.
#[derive(Args, Clone, Debug)]
pub(super) struct Output {
    /// Write the JSON to a file, or with - to standard output
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
    /// Write one self-contained page to a file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Keep JSON, text and page in a directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// No progress line
    #[arg(long)]
    pub(super) quiet: bool,
    /// Treat a suspect result like an invalid one: status 3
    #[arg(long)]
    pub(super) strict: bool,
}

impl Output {
    /// Writes whatever was asked for; standard output carries the text, or the JSON if both want it. `name` is that of
    /// the JSON in the directory.
    pub(super) fn write(
        &self,
        name: &str,
        text: impl Fn(Paint) -> String,
        json: impl Fn() -> String,
        html: impl Fn() -> String,
    ) -> Result<(), Failure> {
        if let Some(out) = &self.out {
            let kept = report::keep_result(out, name, json(), text(Paint::Plain), html());
            kept.map_err(|error| Failure::usage(error.to_string()))?;
        }
        if let Some(path) = &self.html {
            put(path, html())?;
        }
        let Some(path) = &self.json else { return print(&text(paint(io::stdout().is_terminal()))) };
        if path == STANDARD_OUTPUT {
            eprint!("{}", text(paint(io::stderr().is_terminal())));
            return print(&json());
        }
        put(Path::new(path), json())?;
        print(&text(paint(io::stdout().is_terminal())))
    }
}

fn put(path: &Path, content: String) -> Result<(), Failure> {
    fs::write(path, content).map_err(|error| Failure::usage(format!("writing {} failed: {error}", path.display())))
}

fn paint(is_terminal: bool) -> Paint {
    if is_terminal { Paint::Colour } else { Paint::Plain }
}

/// A line on standard error that says how far a long command is; only people at a terminal see it.
pub(super) fn progress_line(quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("{msg}").expect("the template is a constant");
    ProgressBar::with_draw_target(None, target).with_style(style)
}

/// A length of time as it is said: `2 min 5 s`.
pub(super) fn in_words(seconds: f64) -> String {
    let seconds = seconds.ceil() as u64;
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {} s", seconds / 60, seconds % 60) }
}
