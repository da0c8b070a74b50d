//! Four real runs at once, kept in folders and merged by the program, against a sum that knows nothing of it: every time
//! of every log with its count, in one list.
#![forbid(unsafe_code)]

mod bed;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bed::{Ended, Server, load, pause, serve_after};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const RUNS: usize = 4;
/// Requests a second of each run, and how many are due in its two seconds.
const RATE: u64 = 400;
const DUE: u64 = 2 * RATE;

/// How often each time was recorded, of each distribution of a log by its tag. A time is the end of its bucket.
type Logged = BTreeMap<String, BTreeMap<u64, u64>>;

/// Reads the log as its format says, without the program's own reader: a tag, three columns, a histogram in base64.
fn logged(folder: &Path) -> Logged {
    let log = fs::read_to_string(folder.join("times.hlog")).expect("the log was kept");
    let lines = log.lines().filter_map(|line| line.strip_prefix("Tag=")?.split_once(','));
    let read = |(tag, rest): (&str, &str)| {
        let coded = rest.rsplit(',').next().expect("the last column");
        let bytes = BASE64_STANDARD.decode(coded).expect("base64");
        let times: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).expect("a histogram");
        let counts = times.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()));
        (tag.to_owned(), counts.collect())
    };
    lines.map(read).collect()
}

fn sum(parts: &[Logged]) -> Logged {
    let mut sum = Logged::new();
    for (tag, times) in parts.iter().flatten() {
        let all = sum.entry(tag.clone()).or_default();
        for (time, count) in times {
            *all.entry(*time).or_default() += count;
        }
    }
    sum
}

/// The time at a share of the sorted list, in microseconds.
fn quantile(times: &BTreeMap<u64, u64>, q: f64) -> f64 {
    let all: u64 = times.values().sum();
    let rank = (q * all as f64).ceil().max(1.0);
    let mut passed = 0.0;
    let found = times.iter().find(|(_, count)| {
        passed += **count as f64;
        passed >= rank
    });
    *found.expect("a time for each rank").0 as f64 / 1e3
}

fn document(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("run.json")).expect("the document was kept");
    serde_json::from_str(&text).expect("JSON")
}

/// Starts all of them, so that they begin at the same clock time; waits for all of them.
fn run_at_once(url: &str, folders: &[String]) {
    let start_at = format!("@{:.1}", now().as_secs_f64() + 5.0);
    let start = |folder: &String| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_slipring-load"));
        let rate = RATE.to_string();
        command.args(["-R", &rate, "-c", "8", "-d", "2s", "--warmup", "200ms", "--timeout", "0", "--grace", "60s"]);
        command.args(["--quiet", "--start-at", &start_at, "--out", folder, url]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("it starts")
    };
    let children: Vec<_> = folders.iter().map(start).collect();
    for mut child in children {
        let status = child.wait().expect("it ends").code();
        assert!(matches!(status, Some(0 | 3)), "{status:?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock time at which several programs begin")]
fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970")
}

#[test]
fn four_runs_at_once_merged_are_the_sum_of_their_logs() {
    let server = serve_after(|number| Some(Duration::from_micros(number % 7 * 300)));
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let folders: Vec<String> = (1..=RUNS).map(|number| path(&format!("run{number}"))).collect();
    run_at_once(&server.url(), &folders);

    let merged = path("merged");
    let words =
        [&["merge", "--json", "-", "--out", &merged][..], &folders.iter().map(String::as_str).collect::<Vec<_>>()];
    let merged_run = Ended::run(&load(&words.concat()));
    merged_run.check_status(0);
    let parts: Vec<Value> = folders.iter().map(|folder| document(Path::new(folder))).collect();
    check_counts(&merged_run.json, &parts);

    let logs: Vec<Logged> = folders.iter().map(|folder| logged(Path::new(folder))).collect();
    let expected = sum(&logs);
    assert_eq!(logged(Path::new(&merged)), expected);
    assert!(expected.len() >= 5, "{:?}", expected.keys());
    for (tag, times) in &expected {
        let field = format!("{tag}_us");
        check_figures(&field, &merged_run.json[&field], times);
    }
    assert_eq!(expected["response_time"].values().sum::<u64>(), RUNS as u64 * DUE);
}

fn check_counts(merged: &Value, parts: &[Value]) {
    let sum = |pointer: &str| -> u64 { parts.iter().filter_map(|part| part.pointer(pointer)?.as_u64()).sum() };
    for (group, names) in [
        ("requests", &["due", "sent", "completed", "ok", "failed", "unanswered", "shed", "dropped"][..]),
        ("connections", &["asked", "opened", "failed", "reconnects"]),
        ("bytes", &["wire", "body", "sent"]),
        ("status", &["200"]),
    ] {
        for name in names {
            let pointer = format!("/{group}/{name}");
            assert_eq!(merged.pointer(&pointer).and_then(Value::as_u64), Some(sum(&pointer)), "{pointer}");
        }
    }
    assert_eq!(merged["requests"]["completed"], RUNS as u64 * DUE);
    // They were one load: four times the rate, in the same time.
    assert_eq!(merged["rate"]["offered"], (RUNS as u64 * RATE) as f64);
    assert_eq!(merged["merged"].as_array().map(Vec::len), Some(RUNS));
}

fn check_figures(field: &str, figures: &Value, times: &BTreeMap<u64, u64>) {
    let samples: u64 = times.values().sum();
    assert_eq!(figures["samples"], samples, "{field}");
    for (name, q) in [("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999), ("p99_99", 0.9999)] {
        // Of fewer times it is withheld.
        let expected = (samples as f64 >= 10.0 / (1.0 - q)).then(|| quantile(times, q));
        assert_eq!(figures[name].as_f64(), expected, "{field} {name} of {samples}");
    }
    assert_eq!(figures["max"].as_f64(), Some(quantile(times, 1.0)), "{field}");
}

#[test]
fn a_merge_ends_as_a_run_of_its_parts_would() {
    let server = serve_after(|_| Some(Duration::ZERO));
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let start = |server: &Server, words: &str, name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_slipring-load"));
        command.args(words.split_whitespace()).args(["--warmup", "0", "--quiet", "--out", &path(name), &server.url()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("it starts")
    };
    // A closed loop of ten requests has too few of them for a p99, which is a suspicion.
    start(&server, "-n 10 -d 60s", "few").wait().expect("it ends");
    start(&server, "-n 10 -d 60s", "more").wait().expect("it ends");
    start(&server, "-n 10 -d 60s --fail-if mean<1000s", "failing").wait().expect("it ends");
    // Ended behind a tenth of its plan, which is a suspicion as well.
    let other = serve_after(|_| Some(Duration::ZERO));
    let mut cut = start(&other, "-d 20s -c 1", "cut");
    other.await_first();
    pause(Duration::from_millis(2_500));
    kill_process(Pid::from_child(&cut), Signal::INT).expect("it is our child");
    cut.wait().expect("it ends");
    for (parts, words, status) in [
        (&["few", "more"][..], &[][..], 0),
        (&["few", "more"], &["--strict"], 3),
        (&["few", "failing"], &[], 1),
        (&["failing", "few"], &["--strict"], 3),
        (&["few", "cut"], &[], 130),
        (&["cut", "failing"], &["--strict"], 130),
    ] {
        let folders: Vec<String> = parts.iter().map(|part| path(part)).collect();
        let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
        Ended::run(&load(&[&["merge", "--json", "-"], words, &folders].concat())).check_status(status);
    }
    check_twice(&path("few"), &path("more"), &path("copy"));
    check_twice_within(["few", "more", "failing", "both", "pair"].map(path));
}

/// So would one that stands in something merged before, alone or in two of them.
fn check_twice_within([one, two, other, both, pair]: [String; 5]) {
    for (out, parts) in [(&both, [&one, &two]), (&pair, [&two, &other])] {
        let output = load(&["merge", "--quiet", "--out", out, parts[0], parts[1]]);
        assert!(Path::new(out).join("run.json").exists(), "{output:?}");
    }
    for (runs, is_twice) in
        [([&both, &one], true), ([&two, &both], true), ([&both, &pair], true), ([&both, &other], false)]
    {
        let output = load(&["merge", runs[0], runs[1]]);
        let said = String::from_utf8_lossy(&output.stderr);
        let is_refused = output.status.code() == Some(2) && said.contains("have one in common");
        assert_eq!(is_refused, is_twice, "{runs:?}: {output:?}");
    }
}

/// A run that is named twice, or that was copied, would count twice.
fn check_twice(run: &str, other: &str, copy: &str) {
    fs::create_dir(copy).expect("a folder");
    for name in ["run.json", "times.hlog"] {
        fs::copy(Path::new(run).join(name), Path::new(copy).join(name)).expect("a copy");
    }
    for (runs, part) in [([run, other, run], "run 1 and run 3"), ([other, copy, run], "run 2 and run 3")] {
        let output = load(&[&["merge"][..], &runs].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(part), "{output:?}");
    }
}
