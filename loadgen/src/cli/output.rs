//! Where the reports of comparing and sweeping go, and what is shown meanwhile.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::destinations::Destinations;
use super::{Failure, print};
use crate::report::{self, Paint};

/// Flags on reports and verdicts.
#[derive(Args, Clone, Debug)]
pub(super) struct Output {
    /// Write the JSON to a file, or with - to standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
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
    /// Looks at all places that were named.
    pub(super) fn open(&self) -> Result<Destinations, Failure> {
        let named = [("--html", &self.html), ("--json", &self.json)];
        let named: Vec<_> = named.into_iter().filter_map(|(flag, path)| Some((flag, path.as_deref()?))).collect();
        Destinations::open(&named, self.out.as_deref())
    }
}

/// Writes whatever was asked for; standard output carries the text, or what a file named `-` wants there. `name` is that
/// of the JSON in the directory.
pub(super) fn write(
    places: Destinations,
    name: &str,
    text: impl Fn(Paint) -> String,
    json: impl Fn() -> String,
    html: impl Fn() -> String,
) -> Result<(), Failure> {
    let keep = |folder: &Path| report::keep_result(folder, name, json(), text(Paint::Plain), html());
    let draw = |flag: &str| if flag == "--json" { json() } else { html() };
    places.write(keep, draw, |is_taken| tell(is_taken, &text))
}

fn tell(is_taken: bool, text: impl Fn(Paint) -> String) -> Result<(), Failure> {
    if !is_taken {
        return print(&text(paint(io::stdout().is_terminal())));
    }
    // Nothing can be done about a closed standard error.
    let _ = io::stderr().write_all(text(paint(io::stderr().is_terminal())).as_bytes());
    Ok(())
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
