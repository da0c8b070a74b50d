//! Reports of records that were filled by hand: each against its schema, against another reader, against itself stored.

#[path = "report/distributions.rs"]
mod distributions;
#[path = "report/formats.rs"]
mod formats;
#[path = "report/samples.rs"]
mod samples;

use std::{env, fs};

use slipring_load::record::RunRecord;
use slipring_load::report::Report;

fn report(run: &RunRecord) -> Report {
    let command = ["slipring-load", "-R", "10000", "--fail-if", "p99<5ms", "http://127.0.0.1:8000/plaintext"];
    Report::new(run, &command.map(str::to_owned), 0)
}

/// Not a test: writes every page to `SLIPRING_PAGES`, to look at.
#[test]
#[ignore = "writes pages to look at"]
fn write_pages() {
    let folder = env::var("SLIPRING_PAGES").expect("SLIPRING_PAGES names a folder");
    for (name, run) in samples::all() {
        let report = report(&run);
        fs::write(format!("{folder}/{name}.html"), report.html()).expect("the folder can be written to");
        fs::write(format!("{folder}/{name}.txt"), report.text(Default::default()))
            .expect("the folder can be written to");
        fs::write(format!("{folder}/{name}.json"), report.json()).expect("the folder can be written to");
        fs::write(format!("{folder}/{name}.md"), report.summary_md()).expect("the folder can be written to");
        fs::write(format!("{folder}/{name}.hgrm"), report.hgrm()).expect("the folder can be written to");
        fs::write(format!("{folder}/{name}.csv"), report.csv()).expect("the folder can be written to");
        fs::write(format!("{folder}/{name}.hlog"), report.hdr_log()).expect("the folder can be written to");
    }
}
