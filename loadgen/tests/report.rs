//! Reports of records that were filled by hand: each against its schema, against another reader, against itself stored.

#[path = "report/again.rs"]
mod again;
#[path = "report/browser.rs"]
mod browser;
#[path = "report/distributions.rs"]
mod distributions;
#[path = "report/formats.rs"]
mod formats;
#[path = "report/results.rs"]
mod results;
#[path = "report/samples.rs"]
mod samples;

use std::{env, fs};

use slipring_load::record::RunRecord;
use slipring_load::report::{Report, compare, merge, sweep};

fn report(run: &RunRecord) -> Report {
    let command = ["slipring-load", "-R", "10000", "--fail-if", "p99<5ms", "http://127.0.0.1:8000/plaintext"];
    Report::new(run, &command.map(str::to_owned), 0)
}

/// Every kind of page by its name.
fn pages() -> Vec<(String, String)> {
    let command = ["slipring-load".to_owned()];
    let runs = samples::all().into_iter().map(|(name, run)| (name.to_owned(), report(&run).html()));
    let parts = [samples::valid(), samples::suspect()].map(|run| report(&run));
    let merged = merge(&parts, &command).expect("two open loops").html();
    let results = [
        ("merged", merged),
        ("compare", compare::html(&results::comparison(), &command)),
        ("sweep", sweep::html(&results::sweep(), &command)),
        ("sweep-short", sweep::html(&results::short_sweep(), &command)),
    ];
    runs.chain(results.map(|(name, page)| (name.to_owned(), page))).collect()
}

/// Not a test: writes every page into the folder `SLIPRING_PAGES`, to look at.
#[test]
#[ignore = "writes pages to look at"]
fn write_pages() {
    let folder = env::var("SLIPRING_PAGES").expect("SLIPRING_PAGES names a folder");
    for (name, page) in pages() {
        fs::write(format!("{folder}/{name}.html"), page).expect("the folder can be written to");
    }
}
