//! A record for people and for programs. Knows records, plots and results, and never drives.
//!
//! A [`Report`] is a [`document`] and the full distributions behind it. Everything that is printed is drawn from these two,
//! so a stored run is drawn again as it was, and merged runs are drawn like one.

pub mod compare;
mod csv;
mod distributions;
pub mod document;
mod figure;
mod hgrm;
mod html;
mod markdown;
mod merge;
mod store;
pub mod sweep;
mod table;
mod text;
mod words;

pub use csv::COLUMNS as CSV_COLUMNS;
pub use distributions::{Distributions, LogError};
pub use document::Run;
pub use merge::{MergeError, merge};
pub use store::{Kept, KeptResult, StoreError, keep, keep_result, load, load_any};
pub use text::Paint;

use crate::record::RunRecord;

/// One run, ready to be printed.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its figures.
    pub run: Run,
    /// What they were taken from.
    pub distributions: Distributions,
}

impl Report {
    /// Of a finished and judged run. `command` is the command line, `exit_status` what the process will end with.
    pub fn new(run: &RunRecord, command: &[String], exit_status: u8) -> Self {
        let document = Run::of(run, command, exit_status);
        let distributions = Distributions::of(run, &document);
        Self { run: document, distributions }
    }

    /// `--json`: the document, indented, with a line's end.
    pub fn json(&self) -> String {
        let json = serde_json::to_string_pretty(&self.run).expect("a document has only text keys and finite numbers");
        json + "\n"
    }

    /// What goes to the terminal.
    pub fn text(&self, paint: Paint) -> String {
        text::text(&self.run, paint)
    }

    /// `--csv`: one figure a line, see [`CSV_COLUMNS`].
    pub fn csv(&self) -> String {
        csv::csv(&self.run)
    }

    /// `--hgrm`: the times that the run is about, as HdrHistogram's plotter reads them.
    pub fn hgrm(&self) -> String {
        hgrm::hgrm(self.distributions.times(&self.run).histogram())
    }

    /// `--hdr-log`: every distribution, see [`Distributions::to_log`].
    pub fn hdr_log(&self) -> String {
        self.distributions.to_log(&self.run)
    }

    /// `--summary-md`: a summary for the pages of a CI.
    pub fn summary_md(&self) -> String {
        markdown::markdown(&self.run)
    }

    /// `--html`: one page that stands alone.
    pub fn html(&self) -> String {
        html::run_page(self)
    }
}
