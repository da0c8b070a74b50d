//! The reports of a run: which flag wants which.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use super::destinations::Destinations;
use super::options::{Color, Reports};
use super::{Failure, print};
use crate::report::{self, KeptResult, Paint, Report};

/// A report, as text, of a flag.
type Draw = fn(&Report) -> String;

const DRAWN: [(&str, Draw); 6] = [
    ("--json", Report::json),
    ("--csv", Report::csv),
    ("--hgrm", Report::hgrm),
    ("--hdr-log", Report::hdr_log),
    ("--html", Report::html),
    ("--summary-md", Report::summary_md),
];

impl Reports {
    fn files(&self) -> Vec<(&'static str, &Path)> {
        let paths = [&self.json, &self.csv, &self.hgrm, &self.hdr_log, &self.html, &self.summary_md];
        DRAWN.iter().zip(paths).filter_map(|((flag, _), path)| Some((*flag, path.as_deref()?))).collect()
    }

    /// Looks at all places that were named.
    pub(super) fn open(&self) -> Result<Destinations, Failure> {
        Destinations::open(&self.files(), self.out.as_deref())
    }

    /// Writes all of them. Standard output carries the text, unless something else was to go there.
    pub(super) fn write(&self, places: Destinations, report: &Report) -> Result<(), Failure> {
        let draw = |flag: &str| DRAWN.iter().find(|row| row.0 == flag).map_or_else(String::new, |row| row.1(report));
        places.write(|folder| report::keep(report, folder), draw, |is_taken| self.tell(is_taken, |p| report.text(p)))
    }

    /// The same of a comparison or a sweep, which have fewer kinds of reports.
    pub(super) fn write_result(&self, places: Destinations, result: &KeptResult) -> Result<(), Failure> {
        if let Some((flag, _)) = self.files().into_iter().find(|(flag, _)| !["--json", "--html"].contains(flag)) {
            let text = format!("{flag} is of a run; a comparison or a sweep has --json and --html");
            return Err(Failure::usage(text));
        }
        let draw = |flag: &str| if flag == "--json" { result.json.clone() } else { result.html() };
        places.write(|folder| result.keep(folder), draw, |is_taken| self.tell(is_taken, |p| result.text(p)))
    }

    fn tell(&self, is_taken: bool, text: impl Fn(Paint) -> String) -> Result<(), Failure> {
        if !is_taken {
            return print(&text(self.paint(io::stdout().is_terminal())));
        }
        if !self.quiet {
            // Nothing can be done about a closed standard error.
            let _ = io::stderr().write_all(text(self.paint(io::stderr().is_terminal())).as_bytes());
        }
        Ok(())
    }

    fn paint(&self, is_terminal: bool) -> Paint {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        match self.color {
            Color::Always => Paint::Colour,
            Color::Auto if is_terminal && !no_color => Paint::Colour,
            Color::Auto | Color::Never => Paint::Plain,
        }
    }
}
