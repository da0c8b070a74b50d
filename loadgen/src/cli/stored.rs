//! What was kept with `--out`: drawn again, or several runs as one.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use super::options::Reports;
use crate::report::{self, Kept, Report};

/// `slipring-load report`.
#[derive(Debug, Args)]
pub(super) struct Again {
    /// A directory that --out wrote
    #[arg(value_name = "DIR")]
    run: PathBuf,
    #[command(flatten)]
    reports: Reports,
}

/// `slipring-load merge`.
#[derive(Debug, Args)]
pub(super) struct Merge {
    /// Directories that --out wrote
    #[arg(value_name = "RUN", required = true, num_args = 1..)]
    runs: Vec<PathBuf>,
    /// Exit with 3 on a suspect result, not only on an invalid one
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    reports: Reports,
}

impl Again {
    /// The status is that of what is kept: whoever draws it again is told the same.
    pub(super) fn perform(&self) -> Result<u8, Failure> {
        let places = self.reports.open()?;
        match report::load_any(&self.run).map_err(|error| Failure::usage(error.to_string()))? {
            Kept::Run(report) => {
                self.reports.write(places, &report)?;
                Ok(report.run.exit_status)
            }
            Kept::Result(result) => {
                self.reports.write_result(places, &result)?;
                Ok(result.exit_status)
            }
        }
    }
}

impl Merge {
    pub(super) fn perform(&self, words: &[String]) -> Result<u8, Failure> {
        let places = self.reports.open()?;
        let reports: Vec<Report> = self.runs.iter().map(|path| load(path)).collect::<Result<_, _>>()?;
        let mut merged = report::merge(&reports, words).map_err(|error| Failure::usage(error.to_string()))?;
        merged.run.exit_status = merged.run.status(self.strict).code();
        self.reports.write(places, &merged)?;
        Ok(merged.run.exit_status)
    }
}

fn load(path: &Path) -> Result<Report, Failure> {
    report::load(path).map_err(|error| Failure::usage(error.to_string()))
}
