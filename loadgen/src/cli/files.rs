//! Where the reports of a run go: files, a directory, standard output.

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use super::options::{Color, Reports};
use super::{Failure, STANDARD_OUTPUT, print};
use crate::report::{self, KeptResult, Paint, Report};

/// A report, as text, of a flag.
type Draw = fn(&Report) -> String;

impl Reports {
    fn files(&self) -> Vec<(&'static str, &PathBuf, Draw)> {
        let all: [(_, _, Draw); 6] = [
            ("--json", &self.json, Report::json),
            ("--csv", &self.csv, Report::csv),
            ("--hgrm", &self.hgrm, Report::hgrm),
            ("--hdr-log", &self.hdr_log, Report::hdr_log),
            ("--html", &self.html, Report::html),
            ("--summary-md", &self.summary_md, Report::summary_md),
        ];
        all.into_iter().filter_map(|(flag, path, draw)| Some((flag, path.as_ref()?, draw))).collect()
    }

    /// Whether they can be written: looked at before the run, so that an hour of load is not lost to a wrong path.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let (to_stdout, to_files): (Vec<_>, Vec<_>) =
            self.files().into_iter().partition(|(_, path, _)| is_stdout(path));
        if let [(first, ..), (second, ..), ..] = to_stdout.as_slice() {
            return Err(Failure::usage(format!("{first} - and {second} -: standard output takes one of them")));
        }
        for (flag, path, _) in to_files {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            if path.is_dir() || parent.is_some_and(|parent| !parent.is_dir()) {
                return Err(Failure::usage(format!("{flag} {}: not a file that can be written", path.display())));
            }
        }
        match &self.out {
            Some(out) if out.exists() && !out.is_dir() => {
                Err(Failure::usage(format!("--out {}: there is a file of that name", out.display())))
            }
            _ => Ok(()),
        }
    }

    /// Writes all of them. Standard output carries the text, unless something else was to go there.
    pub(super) fn write(&self, report: &Report) -> Result<(), Failure> {
        if let Some(out) = &self.out {
            report::keep(report, out).map_err(|error| Failure::usage(error.to_string()))?;
        }
        let drawn = self.files().into_iter().map(|(flag, path, draw)| (flag, path, draw(report)));
        self.put_all(drawn, |paint| report.text(paint))
    }

    /// The same of a comparison or a sweep, which have fewer kinds of reports.
    pub(super) fn write_result(&self, result: &KeptResult) -> Result<(), Failure> {
        let drawn = self.files().into_iter().map(|(flag, path, _)| match flag {
            "--json" => Ok((flag, path, result.json.clone())),
            "--html" => Ok((flag, path, result.html())),
            _ => Err(Failure::usage(format!("{flag} is of a run; a comparison or a sweep has --json and --html"))),
        });
        let drawn = drawn.collect::<Result<Vec<_>, _>>()?;
        if let Some(out) = &self.out {
            result.keep(out).map_err(|error| Failure::usage(error.to_string()))?;
        }
        self.put_all(drawn.into_iter(), |paint| result.text(paint))
    }

    fn put_all<'a>(
        &self,
        drawn: impl Iterator<Item = (&'static str, &'a PathBuf, String)>,
        text: impl Fn(Paint) -> String,
    ) -> Result<(), Failure> {
        let mut is_taken = false;
        for (flag, path, content) in drawn {
            if is_stdout(path) {
                is_taken = true;
                print(&content)?;
            } else {
                // A CI collects the summaries of all its steps in one file.
                put(path, &content, flag == "--summary-md")?;
            }
        }
        match (is_taken, self.quiet) {
            (false, _) => print(&text(self.paint(io::stdout().is_terminal()))),
            (true, false) => {
                // Nothing can be done about a closed standard error.
                let _ = io::stderr().write_all(text(self.paint(io::stderr().is_terminal())).as_bytes());
                Ok(())
            }
            (true, true) => Ok(()),
        }
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

fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == STANDARD_OUTPUT
}

fn put(path: &Path, text: &str, append: bool) -> Result<(), Failure> {
    let written = if append {
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
    } else {
        fs::write(path, text)
    };
    written.map_err(|error| Failure::usage(format!("writing {} failed: {error}", path.display())))
}
