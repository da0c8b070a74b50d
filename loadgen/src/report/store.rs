//! A folder that keeps all of a run, a comparison or a sweep: what it takes to draw it again, and the drawings.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::document::{SCHEMA, UnknownName};
use super::{Distributions, LogError, Paint, Report, Run};
use crate::compare::Comparison;
use crate::sweep::Sweep;

/// The document of a run.
const DOCUMENT: &str = "run.json";
/// Those of results of several runs, with their schemas.
const COMPARISON: (&str, &str) = ("compare.json", "slipring-load-compare/1");
const SWEEP: (&str, &str) = ("sweep.json", "slipring-load-sweep/1");
/// The full distributions.
const LOG: &str = "times.hlog";

/// Why a folder could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("{}: {error}", .path.display())]
    Io {
        /// What was written or read.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// The document is no JSON, or not of a run.
    #[error("{}: {error}", .path.display())]
    Json {
        /// What was read.
        path: PathBuf,
        /// Where it is wrong.
        error: serde_json::Error,
    },
    /// The document is of another schema.
    #[error("{}: the schema is '{schema}', not '{expected}'", .path.display())]
    Schema {
        /// What was read.
        path: PathBuf,
        /// What it says it is.
        schema: String,
        /// What is read from there.
        expected: &'static str,
    },
    /// The document says something that this version has no word for.
    #[error("{}: {error}", .path.display())]
    Unknown {
        /// What was read.
        path: PathBuf,
        /// Which.
        error: UnknownName,
    },
    /// The document contradicts itself.
    #[error("{}: its counts do not add up: {what}", .path.display())]
    Counts {
        /// What was read.
        path: PathBuf,
        /// Which counts.
        what: String,
    },
    /// The distributions are no HDR log, or of another run.
    #[error("{}: {error}", .path.display())]
    Log {
        /// What was read.
        path: PathBuf,
        /// What is wrong.
        error: LogError,
    },
}

/// What a folder keeps.
#[derive(Clone, Debug)]
pub enum Kept {
    /// One run, or several that were merged.
    Run(Box<Report>),
    /// A comparison or a sweep.
    Result(KeptResult),
}

/// A comparison or a sweep that was kept.
#[derive(Clone, Debug)]
pub struct KeptResult {
    /// The document, as it stands there.
    pub json: String,
    /// What the process that measured it ended with.
    pub exit_status: u8,
    command: Vec<String>,
    drawn: Drawn,
}

#[derive(Clone, Debug)]
enum Drawn {
    Comparison(Box<Comparison>),
    Sweep(Box<Sweep>),
}

/// What the documents of both have in common.
#[derive(Debug, Deserialize)]
struct Ending {
    command: Vec<String>,
    exit_status: u8,
}

impl KeptResult {
    /// What goes to the terminal.
    pub fn text(&self, paint: Paint) -> String {
        match &self.drawn {
            Drawn::Comparison(comparison) => super::compare::text(comparison, paint),
            Drawn::Sweep(sweep) => super::sweep::text(sweep, paint),
        }
    }

    /// `--html`: one page that stands alone.
    pub fn html(&self) -> String {
        match &self.drawn {
            Drawn::Comparison(comparison) => super::compare::html(comparison, &self.command),
            Drawn::Sweep(sweep) => super::sweep::html(sweep, &self.command),
        }
    }

    /// Writes it into another folder.
    pub fn keep(&self, folder: &Path) -> Result<(), StoreError> {
        let name = match self.drawn {
            Drawn::Comparison(_) => COMPARISON.0,
            Drawn::Sweep(_) => SWEEP.0,
        };
        keep_result(folder, name, self.json.clone(), self.text(Paint::Plain), self.html())
    }
}

/// Writes everything into a folder, which is made if it is not there; what stands there of an earlier run is replaced.
pub fn keep(report: &Report, folder: &Path) -> Result<(), StoreError> {
    // The document comes last: where it stands, the rest stands, too.
    write(
        folder,
        &[
            (LOG, report.hdr_log()),
            ("report.txt", report.text(Paint::Plain)),
            ("report.html", report.html()),
            ("figures.csv", report.csv()),
            ("percentiles.hgrm", report.hgrm()),
            ("summary.md", report.summary_md()),
            (DOCUMENT, report.json()),
        ],
    )
}

/// Writes what is known of a comparison or a sweep into a folder: its JSON under this name, text, page.
pub fn keep_result(folder: &Path, name: &str, json: String, text: String, html: String) -> Result<(), StoreError> {
    write(folder, &[("report.txt", text), ("report.html", html), (name, json)])
}

/// All of them are written beside what stands there before anything of that is touched: a full disk costs no older run.
fn write(folder: &Path, files: &[(&str, String)]) -> Result<(), StoreError> {
    fs::create_dir_all(folder).map_err(|error| StoreError::Io { path: folder.to_owned(), error })?;
    let beside = |name: &str| folder.join(format!(".{name}.new"));
    let written = files.iter().try_for_each(|(name, content)| {
        let path = beside(name);
        fs::write(&path, content).map_err(|error| StoreError::Io { path, error })
    });
    if written.is_err() {
        for (name, _) in files {
            // One that was not begun is not there.
            let _ = fs::remove_file(beside(name));
        }
        return written;
    }
    // A folder keeps one thing.
    [DOCUMENT, COMPARISON.0, SWEEP.0].into_iter().try_for_each(|name| remove(folder.join(name)))?;
    files.iter().try_for_each(|(name, _)| {
        let path = folder.join(name);
        fs::rename(beside(name), &path).map_err(|error| StoreError::Io { path, error })
    })
}

fn remove(path: PathBuf) -> Result<(), StoreError> {
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::Io { path, error }),
        _ => Ok(()),
    }
}

/// Reads a folder that [`keep`] or [`keep_result`] wrote.
pub fn load_any(folder: &Path) -> Result<Kept, StoreError> {
    if folder.join(COMPARISON.0).exists() {
        let restore = |document: super::compare::Document| document.restore().map(Box::new).map(Drawn::Comparison);
        load_result(folder, COMPARISON, restore).map(Kept::Result)
    } else if folder.join(SWEEP.0).exists() {
        let restore = |document: super::sweep::Document| document.restore().map(Box::new).map(Drawn::Sweep);
        load_result(folder, SWEEP, restore).map(Kept::Result)
    } else {
        load(folder).map(Box::new).map(Kept::Run)
    }
}

fn load_result<D: DeserializeOwned>(
    folder: &Path,
    (name, schema): (&str, &'static str),
    restore: impl FnOnce(D) -> Result<Drawn, UnknownName>,
) -> Result<KeptResult, StoreError> {
    let (path, bytes) = read(folder, name)?;
    let Ending { command, exit_status } = parse(&path, &bytes, schema)?;
    let drawn = restore(parse(&path, &bytes, schema)?).map_err(|error| StoreError::Unknown { path, error })?;
    Ok(KeptResult { json: String::from_utf8_lossy(&bytes).into_owned(), exit_status, command, drawn })
}

/// Reads a folder that [`keep`] wrote.
pub fn load(folder: &Path) -> Result<Report, StoreError> {
    let (path, bytes) = read(folder, DOCUMENT)?;
    let run: Run = parse(&path, &bytes, SCHEMA)?;
    let miscounts = run.miscounts();
    if !miscounts.is_empty() {
        return Err(StoreError::Counts { path, what: miscounts.join("; ") });
    }
    let (path, log) = read(folder, LOG)?;
    let distributions = Distributions::from_log(&log, &run).map_err(|error| StoreError::Log { path, error })?;
    Ok(Report { run, distributions })
}

/// The schema first: a document of another one fails for that, not for a field.
fn parse<D: DeserializeOwned>(path: &Path, bytes: &[u8], expected: &'static str) -> Result<D, StoreError> {
    let bad = |error| StoreError::Json { path: path.to_owned(), error };
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(bad)?;
    let schema = value["schema"].as_str().unwrap_or("none").to_owned();
    if schema != expected {
        return Err(StoreError::Schema { path: path.to_owned(), schema, expected });
    }
    serde_json::from_value(value).map_err(bad)
}

fn read(folder: &Path, name: &str) -> Result<(PathBuf, Vec<u8>), StoreError> {
    let path = folder.join(name);
    match fs::read(&path) {
        Ok(bytes) => Ok((path, bytes)),
        Err(error) => Err(StoreError::Io { path, error }),
    }
}
