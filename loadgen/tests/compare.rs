//! `compare` and `sweep` as programs, against small servers of the test's own.
#![forbid(unsafe_code)]

mod bed;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::thread::available_parallelism;
use std::time::Duration;

use bed::{Apart, Ended, load, serve_apart};
use serde_json::Value;

/// Each answer takes so long: beside it a late start of some milliseconds is no doubt.
const ANSWER_AFTER: Duration = Duration::from_millis(50);

#[test]
#[ignore = "the server that the other tests start in a process of its own"]
fn the_server() {
    serve_apart(ANSWER_AFTER);
}

fn serve() -> Apart {
    Apart::start(None)
}

/// The JSON that was printed, which is as its schema says.
fn document(output: &Output, schema: &str) -> Ended {
    let ended = Ended::document(output);
    let document = &ended.json;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema").join(schema);
    let schema: Value = serde_json::from_str(&fs::read_to_string(file).expect("the schema")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
    ended
}

const SHORT: [&str; 13] =
    ["compare", "--rounds", "10", "--block", "60ms", "--settle", "20ms", "-c", "64", "-R", "300", "--json", "-"];

#[test]
fn two_servers_are_compared_block_by_block() {
    let (a, b) = (serve(), serve());
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().to_string_lossy();
    let compare = || {
        let words = ["--a", &a.url(), "--b", &b.url(), "--seed", "5", "--out", &out];
        let output = load(&[&SHORT[..], &words].concat());
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("B AGAINST A"), "{output:?}");
        document(&output, "compare.json")
    };
    let ended = twice_at_most(compare, Ended::is_disturbed);
    ended.check_status(0);
    let document = &ended.json;
    let blocks = document["blocks"].as_array().expect("a list");
    let repeated = document["rounds_repeated"].as_u64().expect("a number");
    assert_eq!(blocks.len() as u64, 40 + 4 * repeated);
    assert_eq!(blocks.iter().filter(|block| block["used"] == true).count(), 40);
    for side in ["a", "b"] {
        assert_eq!(blocks.iter().filter(|block| block["used"] == true && block["side"] == side).count(), 20);
    }
    assert_eq!(document["metrics"][0]["name"], "target_cpu_us_per_request");
    assert_eq!(document["arms"]["a"]["pids"], serde_json::json!([a.pid()]));
    assert_eq!(document["arms"]["b"]["pids"], serde_json::json!([b.pid()]));
    assert_eq!(document["config"]["seed"], 5);
    check_drawn_again(&out, &ended, "compare.json");
}

/// `report` draws what was kept, and says no to what there is only of a run.
fn check_drawn_again(folder: &str, ended: &Ended, schema: &str) {
    let page = |path: &Path| fs::read_to_string(path).expect("a page");
    let other = Path::new(folder).join("again.html");
    let output = load(&["report", folder, "--json", "-", "--html", &other.to_string_lossy()]);
    let again = document(&output, schema);
    assert_eq!((&again.json, again.status), (&ended.json, ended.status));
    assert_eq!(String::from_utf8_lossy(&output.stderr), page(&Path::new(folder).join("report.txt")));
    assert!(page(&other) == page(&Path::new(folder).join("report.html")), "another page");
    let refused = load(&["report", folder, "--csv", "-"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--csv is of a run"), "{refused:?}");
}

#[test]
fn what_cannot_be_told_is_status_5_where_an_answer_is_required() {
    let (a, b) = (serve(), serve());
    // 18 answers of a block are too few for a p99, so there is no telling.
    let compare = || {
        let output = load(&[&SHORT[..], &["--a", &a.url(), "--b", &b.url(), "--require-answer"]].concat());
        document(&output, "compare.json")
    };
    let ended = twice_at_most(compare, Ended::is_disturbed);
    assert_eq!(ended.json["metrics"][1]["answer"], "cannot_tell");
    ended.check_status(5);
}

#[test]
fn servers_that_are_not_there_are_status_4_and_wrong_words_status_2() {
    let server = serve();
    let here = server.url();
    let nowhere = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("it is bound").to_string();
    let rows: [(&[&str], i32, &str); 7] = [
        (&["compare", "--a", &here, "--b", &nowhere], 4, "never answered"),
        (&["compare", "--a-cmd", "exit 3", "--b", &here], 4, "exit status: 3"),
        (&["compare", "--a-cmd", "sleep 9", "--b", &here, "--ready-timeout", "50ms"], 4, "nobody answers"),
        (&["compare", "--a-cmd", "sleep 9", "--a", &here, "--b", &here], 2, "in use"),
        (&["compare", "--a", &here], 2, "--b"),
        (&["compare", "--a", &here, "--b", &here, "--rounds", "5"], 2, "10..=200"),
        (&["sweep", &here], 2, "--slo"),
    ];
    for (words, status, part) in rows {
        let output = load(words);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{words:?}: {text}");
        assert!(text.contains(part), "{words:?}: {text}");
    }
}

/// Runs, and once more if the first was disturbed: it has measured its disturbed parts again by itself.
fn twice_at_most(mut run: impl FnMut() -> Ended, was_disturbed: impl Fn(&Ended) -> bool) -> Ended {
    let first = run();
    if was_disturbed(&first) { run() } else { first }
}

/// The outcome and the rate of each step.
fn steps(sweep: &Ended) -> Vec<(&str, f64)> {
    let steps = sweep.json["steps"].as_array().expect("a list");
    steps.iter().filter_map(|step| Some((step["outcome"].as_str()?, step["rate"].as_f64()?))).collect()
}

#[test]
fn a_sweep_ends_at_the_limit_that_it_was_given() {
    // On cores of their own, where there are two: on one, no step of a sweep counts.
    let cores: &[&str] =
        if available_parallelism().is_ok_and(|cores| cores.get() > 1) { &["--cores", "1"] } else { &[] };
    let server = Apart::start(Some(0));
    let words = ["sweep", "--slo", "p50<30s", "--from", "200", "--to", "400", "--step", "300ms", "--settle", "60ms"];
    let url = server.url();
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().to_string_lossy();
    // A server that gets no core for seconds has not failed yet.
    let words = [&words[..], cores, &["-c", "64", "--timeout", "60", "--json", "-", "--out", &out, &url]].concat();
    let is_quiet = |sweep: &Ended| steps(sweep).iter().all(|step| step.0 == "met");
    let sweep = twice_at_most(|| document(&load(&words), "sweep.json"), |sweep| !is_quiet(sweep));
    check_drawn_again(&out, &sweep, "sweep.json");
    let steps = steps(&sweep);
    if is_quiet(&sweep) {
        assert_eq!(steps.iter().map(|step| step.1).collect::<Vec<_>>(), [200.0, 400.0, 400.0, 400.0]);
        let answer = serde_json::json!({"kind": "at_least", "met": 400.0, "failed": null, "why": "limit"});
        assert_eq!((&sweep.json["answer"], sweep.status), (&answer, Some(0)));
    } else {
        // What was judged must have met it; at most three tries of the first rate and of each of its ten halves, and the
        // few beside them.
        assert!(steps.iter().all(|step| step.0 != "failed") && steps.len() <= 60, "{:#}", sweep.json);
        let nothing_met = sweep.json["answer"]["kind"] == "never";
        assert_eq!(sweep.status, Some(if nothing_met { 3 } else { 0 }), "{:#}", sweep.json);
    }
}
