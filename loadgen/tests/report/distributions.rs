//! HDR logs and percentile files, read by another reader; folders; merging.

use std::process::Command;
use std::{env, fs};

use hdrhistogram::{Counter, Histogram};
use slipring_load::record::Verdict;
use slipring_load::report::{Distributions, MergeError, Paint, Report, StoreError, keep, load, merge};

use super::{report, samples};

const QUANTILES: [f64; 6] = [0.5, 0.75, 0.9, 0.99, 0.999, 0.9999];

fn same(left: &Distributions, right: &Distributions) {
    for ((name, mine), (_, other)) in left.named().into_iter().zip(right.named()) {
        assert_eq!(
            (mine.len(), mine.clamped(), mine.censored()),
            (other.len(), other.clamped(), other.censored()),
            "{name}"
        );
        assert!(mine.histogram() == other.histogram(), "{name}");
        assert_eq!(
            QUANTILES.map(|q| mine.quantile(q).is_bound()),
            QUANTILES.map(|q| other.quantile(q).is_bound()),
            "{name}"
        );
    }
    assert!(left.intervals == right.intervals);
}

#[test]
fn a_log_comes_back_as_it_was() {
    for (name, run) in samples::all() {
        let report = report(&run);
        let log = report.hdr_log();
        let again =
            Distributions::from_log(log.as_bytes(), &report.run).unwrap_or_else(|error| panic!("{name}: {error}"));
        same(&report.distributions, &again);
    }
}

#[test]
fn a_folder_is_drawn_again_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, run) in samples::all() {
        let report = report(&run);
        let folder = folder.path().join(name).join("deep");
        keep(&report, &folder).unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = load(&folder).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(report.json(), again.json(), "{name}");
        assert_eq!(report.text(Paint::Plain), again.text(Paint::Plain), "{name}");
        assert!(report.html() == again.html() && report.hgrm() == again.hgrm(), "{name}");
        assert_eq!(report.hdr_log(), again.hdr_log(), "{name}");
    }
}

#[test]
fn a_folder_that_is_none_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(matches!(load(folder.path()), Err(StoreError::Io { .. })));
    let report = report(&samples::closed());
    let with = |name: &str, change: fn(String) -> String| {
        keep(&report, folder.path()).expect("the folder can be written to");
        let path = folder.path().join(name);
        let text = fs::read_to_string(&path).expect("it was written");
        fs::write(&path, change(text)).expect("the folder can be written to");
        load(folder.path()).map(drop)
    };
    assert!(matches!(with("run.json", |json| json + "}"), Err(StoreError::Json { .. })));
    assert!(matches!(with("run.json", |json| json.replace("load/1", "load/9")), Err(StoreError::Schema { .. })));
    assert!(matches!(
        with("run.json", |json| json.replace("\"unanswered\": 0", "\"unanswered\": 1")),
        Err(StoreError::Counts { .. })
    ));
    assert!(matches!(with("times.hlog", |log| log.replace("HIST", "HISS")), Err(StoreError::Log { .. })));
    assert!(matches!(
        with("times.hlog", |log| log.replace("Tag=service_time", "Tag=connect_time")),
        Err(StoreError::Log { .. })
    ));
    assert!(with("times.hlog", |log| log).is_ok());
}

#[test]
fn four_runs_merged_are_the_run_that_they_were() {
    let whole = samples::valid();
    let mut quarters = [(); 4].map(|()| samples::open(2_500.0, 20));
    // Each answer of the whole goes to one of the four, as threads of one run would have had it.
    samples::share_out(&whole, &mut quarters);
    let reports = quarters.each_ref().map(report);
    let merged = merge(&reports, &["slipring-load".to_owned(), "merge".to_owned()]).expect("four alike");
    let whole = report(&whole);
    same(&whole.distributions, &merged.distributions);
    let (one, sum) = (&whole.run, &merged.run);
    assert_eq!((sum.requests, sum.errors, &sum.status, sum.bytes), (one.requests, one.errors, &one.status, one.bytes));
    assert_eq!(sum.response_time_us, one.response_time_us);
    assert_eq!((sum.rate.offered, sum.rate.achieved), (one.rate.offered, one.rate.achieved));
    assert_eq!((sum.threads, sum.connections.opened, sum.merged.len()), (4, 256, 4));
    assert_eq!(sum.series, one.series);
    assert_eq!(sum.miscounts(), [""; 0]);
}

#[test]
fn verdicts_combine_to_the_gravest_and_say_whose_they_are() {
    let reports = [samples::valid(), samples::invalid(), samples::suspect()].map(|run| report(&run));
    let Report { run, distributions } = merge(&reports, &[]).expect("three open loops");
    assert_eq!((run.verdict.as_str(), run.exit_status), (Verdict::Invalid.name(), 3));
    assert_eq!(run.reasons[0].level, "invalid");
    assert!(run.reasons.last().is_some_and(|reason| reason.level == "suspect"));
    assert!(run.reasons.iter().any(|reason| reason.text.starts_with("run 3: 600 times")));
    assert_eq!(
        run.merged.iter().map(|part| part.verdict.as_str()).collect::<Vec<_>>(),
        ["valid", "invalid", "suspect"]
    );
    assert!(run.censored.contains(&"response_time_us.max".to_owned()));
    assert_eq!(distributions.response.censored(), 600);
    assert_eq!(run.miscounts(), [""; 0]);
    // Three machines' rates at once.
    assert_eq!(run.rate.offered, Some(64_000.0));
}

#[test]
fn runs_one_after_the_other_are_longer_not_faster() {
    let (first, mut second) = (samples::valid(), samples::valid());
    second.started_s += 60;
    let run = merge(&[report(&first), report(&second)], &[]).expect("two alike").run;
    assert_eq!((run.rate.offered, run.duration_s), (Some(10_000.0), 40.0));
    assert!(run.series.is_empty());
}

#[test]
fn what_is_not_alike_is_not_merged() {
    let [open, closed, staged] = [samples::valid(), samples::closed(), samples::staged()].map(|run| report(&run));
    assert_eq!(merge(&[], &[]).map(drop), Err(MergeError::None));
    assert_eq!(merge(&[open.clone(), closed], &[]).map(drop), Err(MergeError::Loops));
    assert_eq!(merge(&[open, staged], &[]).map(drop), Err(MergeError::Stages));
}

/// Each histogram of the log by its tag: every time in it with its count, and its percentiles.
const READER: &str = "
import json, sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 60_000_000_000, 3))
found = []
while True:
    histogram = reader.get_next_interval_histogram()
    if histogram is None:
        break
    values = [histogram.get_value_at_percentile(p) for p in json.loads(sys.argv[2])]
    steps = [[step.value_iterated_to, step.count_at_value_iterated_to] for step in histogram.get_recorded_iterator()]
    found.append([histogram.get_tag(), steps, values])
print(json.dumps(found))
";

/// Tag; times and counts; percentiles.
type Found = (Option<String>, Vec<(u64, u64)>, Vec<u64>);

fn read_by_python(log: &str, percentiles: &[f64]) -> Option<Vec<Found>> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("times.hlog");
    fs::write(&path, log).expect("the folder can be written to");
    let python = env::var_os("SLIPRING_PYTHON").unwrap_or_else(|| "python3".into());
    let wanted = serde_json::to_string(percentiles).expect("numbers");
    if !Command::new(&python).args(["-c", "import hdrh"]).output().is_ok_and(|output| output.status.success()) {
        eprintln!(
            "skipped: no HdrHistogram of PyPI here (pip install hdrhistogram; SLIPRING_PYTHON names an interpreter)"
        );
        return None;
    }
    let output = Command::new(&python).args(["-c", READER]).arg(&path).arg(wanted).output().expect("python ran before");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("the reader writes JSON"))
}

#[test]
fn another_reader_finds_the_same_percentiles_in_the_log() {
    for (name, run) in samples::all() {
        let report = report(&run);
        let Some(found) = read_by_python(&report.hdr_log(), &QUANTILES.map(|q| q * 100.0)) else { return };
        let all = &report.distributions;
        let intervals: Vec<_> = found.iter().filter(|(tag, ..)| tag.is_none()).collect();
        assert_eq!(intervals.len(), report.run.series.len(), "{name}");
        for ((_, steps, _), interval) in intervals.iter().zip(&all.intervals) {
            assert_eq!(*steps, recorded(interval), "{name}");
        }
        for (tag, times) in all.named().iter().filter(|(_, times)| !times.is_empty()) {
            let (_, steps, values) =
                found.iter().find(|(found, ..)| found.as_ref() == Some(tag)).expect("each has a line");
            let times = times.histogram();
            assert_eq!(*steps, recorded(times), "{name} {tag}");
            for (q, found) in QUANTILES.into_iter().zip(values) {
                // The readers round a rank that is no whole number to different sides.
                let one = 1.0 / times.len() as f64;
                let [low, high] = [q - one, q + one].map(|q| times.value_at_quantile(q.clamp(0.0, 1.0)));
                let within = times.lowest_equivalent(low)..=times.highest_equivalent(high);
                assert!(within.contains(found), "{name} {tag} {q}: {within:?} here, {found} there");
            }
        }
    }
}

fn recorded<T: Counter>(times: &Histogram<T>) -> Vec<(u64, u64)> {
    times.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value().as_u64())).collect()
}

#[test]
fn the_percentile_file_is_the_distribution_as_another_reader_sees_it() {
    let report = report(&samples::suspect());
    let hgrm = report.hgrm();
    let rows: Vec<Vec<f64>> = hgrm
        .lines()
        .skip(2)
        .take_while(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace().map(|cell| cell.parse().expect("a number")).collect())
        .collect();
    assert!(rows.len() > 30 && rows.iter().rev().skip(1).all(|row| row.len() == 4));
    assert!(rows.windows(2).all(|two| two[0][0] <= two[1][0] && two[0][2] <= two[1][2]));
    assert_eq!(rows.last().map(|row| (row[1], row[2], row.len())), Some((1.0, 48_587.0, 3)));
    assert!(hgrm.contains("#[Mean    =") && hgrm.contains("Total count    =        48587]"));
    let percentiles: Vec<f64> = rows.iter().map(|row| row[1] * 100.0).collect();
    let Some(found) = read_by_python(&report.hdr_log(), &percentiles) else { return };
    let (_, _, values) =
        found.iter().find(|(tag, ..)| tag.as_deref() == Some("response_time")).expect("response times");
    for (row, found) in rows.iter().zip(values) {
        let found = *found as f64 / 1e6;
        // The file has milliseconds with three digits behind the point.
        assert!((row[0] - found).abs() <= 0.0006 + found * 1e-3, "{row:?}: {found} there");
    }
}

#[test]
fn an_empty_run_has_an_empty_log() {
    let log = report(&samples::all().pop().expect("the empty one is the last").1).hdr_log();
    assert!(log.lines().all(|line| line.starts_with('#') || line.starts_with('"')), "{log}");
}
