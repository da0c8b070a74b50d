//! The figures as CSV (RFC 4180), one figure a line, so that the columns stay the same whatever a run has.
//!
//! `part` is `rate`, `requests`, `time`, `stage` or `series`; `of` the distribution, the stage's number or the count's
//! name; `start_s` where a stage or an interval begins; `figure` what the value is; `value` is empty where it was
//! withheld; `unit`; `bound` is `exact`, `at_least` or `withheld`.

use std::fmt::Write as _;

use super::document::{Run, Shown, Times};

/// The first line.
pub const COLUMNS: &str = "part,of,start_s,figure,value,unit,bound";

/// Times of the document, its counts and its series.
pub(super) fn csv(run: &Run) -> String {
    let mut out = format!("{COLUMNS}\r\n");
    for (name, rate) in [("offered", run.rate.offered), ("sent", run.rate.sent), ("achieved", run.rate.achieved)] {
        line(&mut out, ["rate", "run", "", name], rate, "1/s");
    }
    let requests = &run.requests;
    let counts = [
        ("due", requests.due),
        ("sent", requests.sent),
        ("completed", requests.completed),
        ("ok", requests.ok),
        ("failed", requests.failed),
        ("unanswered", requests.unanswered),
        ("shed", requests.shed),
        ("dropped", requests.dropped),
    ];
    for (name, count) in counts {
        line(&mut out, ["requests", "run", "", name], Some(count as f64), "requests");
    }
    for (name, times) in run.all_times().into_iter().filter_map(|(name, times)| Some((name, times?))) {
        figures(&mut out, ["time", name.trim_end_matches("_us"), ""], times);
    }
    for (stage, number) in run.stages.iter().zip(1..) {
        let (number, start): (i32, _) = (number, stage.start_s.to_string());
        stage
            .response_time_us
            .iter()
            .for_each(|times| figures(&mut out, ["stage", &number.to_string(), &start], times));
    }
    series(&mut out, run);
    out
}

fn series(out: &mut String, run: &Run) {
    for interval in &run.series {
        let start = interval.start_s.to_string();
        let counts = [
            ("due", interval.due),
            ("sent", interval.sent),
            ("completed", interval.completed),
            ("errors", interval.errors),
        ];
        let times = [
            ("p50", interval.p50_us),
            ("p90", interval.p90_us),
            ("p99", interval.p99_us),
            ("max", interval.max_us),
            ("schedule_lag_max", interval.schedule_lag_max_us),
        ];
        line(out, ["series", "interval", &start, "duration"], Some(interval.duration_s), "s");
        for (name, count) in counts {
            line(out, ["series", "interval", &start, name], Some(count as f64), "requests");
        }
        for (name, us) in times {
            line(out, ["series", "interval", &start, name], us, "us");
        }
    }
}

fn figures(out: &mut String, [part, of, start]: [&str; 3], times: &Times) {
    for (name, shown) in times.figures() {
        match shown {
            Shown::AtLeast(us) => put(out, [part, of, start, name, &us.to_string(), "us", "at_least"]),
            Shown::Exact(us) => line(out, [part, of, start, name], Some(us), "us"),
            Shown::Withheld => line(out, [part, of, start, name], None, "us"),
        }
    }
    line(out, [part, of, start, "samples"], Some(times.samples as f64), "times");
}

fn line(out: &mut String, [part, of, start, figure]: [&str; 4], value: Option<f64>, unit: &str) {
    match value {
        Some(value) => put(out, [part, of, start, figure, &value.to_string(), unit, "exact"]),
        None => put(out, [part, of, start, figure, "", unit, "withheld"]),
    }
}

/// No cell is text that someone else wrote, so none needs quotes.
fn put(out: &mut String, cells: [&str; 7]) {
    write!(out, "{}\r\n", cells.join(",")).expect("a String takes everything");
}
