//! A folder that keeps all of a run: what it takes to draw it again, and the drawings.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::document::SCHEMA;
use super::{Distributions, LogError, Paint, Report, Run};

/// The document.
const DOCUMENT: &str = "run.json";
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
    #[error("{}: the schema is '{schema}', not '{SCHEMA}'", .path.display())]
    Schema {
        /// What was read.
        path: PathBuf,
        /// What it says it is.
        schema: String,
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

fn write(folder: &Path, files: &[(&str, String)]) -> Result<(), StoreError> {
    fs::create_dir_all(folder).map_err(|error| StoreError::Io { path: folder.to_owned(), error })?;
    files.iter().try_for_each(|(name, content)| {
        let path = folder.join(name);
        fs::write(&path, content).map_err(|error| StoreError::Io { path, error })
    })
}

/// Reads a folder that [`keep`] wrote.
pub fn load(folder: &Path) -> Result<Report, StoreError> {
    let (path, bytes) = read(folder, DOCUMENT)?;
    // The schema first: a document of another one fails for that, not for a field.
    let value: serde_json::Value = match serde_json::from_slice(&bytes) {
        Ok(value) => value,
        Err(error) => return Err(StoreError::Json { path, error }),
    };
    let schema = value["schema"].as_str().unwrap_or("none").to_owned();
    if schema != SCHEMA {
        return Err(StoreError::Schema { path, schema });
    }
    let run: Run = match serde_json::from_value(value) {
        Ok(run) => run,
        Err(error) => return Err(StoreError::Json { path, error }),
    };
    let miscounts = run.miscounts();
    if !miscounts.is_empty() {
        return Err(StoreError::Counts { path, what: miscounts.join("; ") });
    }
    let (path, log) = read(folder, LOG)?;
    let distributions = Distributions::from_log(&log, &run).map_err(|error| StoreError::Log { path, error })?;
    Ok(Report { run, distributions })
}

fn read(folder: &Path, name: &str) -> Result<(PathBuf, Vec<u8>), StoreError> {
    let path = folder.join(name);
    match fs::read(&path) {
        Ok(bytes) => Ok((path, bytes)),
        Err(error) => Err(StoreError::Io { path, error }),
    }
}
