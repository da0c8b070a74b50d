//! Comparisons and sweeps that were kept, drawn again.

use std::fs;
use std::path::Path;

use serde_json::Value;
use slipring_load::compare::{Comparison, Metric};
use slipring_load::record::{Host, Judgement, Note, Reason, ReasonCode, Verdict};
use slipring_load::report::{Kept, KeptResult, Paint, StoreError, compare, keep, keep_result, load_any, sweep};
use slipring_load::sweep::{Answer, Outcome, Step, Sweep};

use super::{report, results, samples};

fn command(word: &str) -> Vec<String> {
    ["slipring-load", word, "-c", "8"].map(str::to_owned).to_vec()
}

/// One reason and one note of each kind there is.
fn doubtful() -> Judgement {
    let reason = |code: ReasonCode| Reason {
        code,
        level: Verdict::Suspect,
        text: format!("what {} says", code.name()),
        value: 12.345_678_9,
        limit: 0.1,
    };
    Judgement { verdict: Verdict::Suspect, reasons: ReasonCode::ALL.map(reason).to_vec(), notes: Note::ALL.to_vec() }
}

/// With everything in it that a comparison may have.
fn comparison() -> Comparison {
    let mut whole = results::comparison();
    whole.options = vec![("connections".to_owned(), "8".to_owned()), ("method".to_owned(), "GET".to_owned())];
    whole.host = Host { cores: Some(2), quota: Some(1.5), virt: Some("a hypervisor".to_owned()), ..whole.host };
    whole.arms[0].saturation = None;
    (whole.repeats, whole.interrupted) = (1, true);
    (0..4).for_each(|place| whole.blocks[place].used = false);
    whole.blocks[5].judgement = doubtful();
    for block in whole.blocks.iter_mut().skip(8).step_by(3) {
        block.values[Metric::ResponseP99 as usize].as_mut().expect("it has one").is_bound = true;
        (block.ok, block.values[Metric::ServiceP50 as usize]) = (block.due - 7, None);
    }
    whole.conclude()
}

fn sweeps() -> [Sweep; 4] {
    let whole = results::sweep();
    let judged = Step { judgement: doubtful(), is_bound: true, range: None, ..whole.steps[2].clone() };
    let never = Sweep {
        answer: Answer::Never { failed: None },
        steps: vec![Step { outcome: Outcome::Disturbed, value: None, ..judged }],
        points: Vec::new(),
        fit: None,
        bound: None,
        interrupted: true,
        ..whole.clone()
    };
    let failed = Sweep { answer: Answer::Never { failed: Some(1_000.0) }, ..never.clone() };
    [whole, results::short_sweep(), never, failed]
}

fn again(folder: &Path) -> KeptResult {
    match load_any(folder) {
        Ok(Kept::Result(result)) => result,
        other => panic!("{other:?}"),
    }
}

/// What comes back from a folder is drawn as what went in.
fn check(name: &str, json: &Value, status: u8, text: impl Fn(Paint) -> String, html: &str) {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let json = format!("{json:#}\n");
    let kept = keep_result(folder.path(), name, json.clone(), text(Paint::Plain), html.to_owned());
    kept.expect("the folder can be written to");
    let result = again(folder.path());
    assert_eq!((&result.json, result.exit_status), (&json, status));
    for paint in [Paint::Plain, Paint::Colour] {
        assert_eq!(result.text(paint), text(paint));
    }
    assert!(result.html() == html, "another page");
    result.keep(other.path()).expect("the folder can be written to");
    for file in [name, "report.txt", "report.html"] {
        let [left, right] = [&folder, &other].map(|folder| fs::read(folder.path().join(file)).expect("it was kept"));
        assert!(left == right, "{file}");
    }
}

#[test]
fn a_comparison_is_drawn_again_as_it_was() {
    for whole in [results::comparison(), comparison()] {
        let command = command("compare");
        let json = compare::json(&whole, &command, 3);
        check("compare.json", &json, 3, |paint| compare::text(&whole, paint), &compare::html(&whole, &command));
    }
}

#[test]
fn a_sweep_is_drawn_again_as_it_was() {
    for whole in sweeps() {
        let command = command("sweep");
        let json = sweep::json(&whole, &command, 130);
        check("sweep.json", &json, 130, |paint| sweep::text(&whole, paint), &sweep::html(&whole, &command));
    }
}

#[test]
fn a_folder_keeps_one_thing() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = |whole: &Sweep| format!("{:#}", sweep::json(whole, &[], 0));
    let put = |name: &str, json: String| keep_result(folder.path(), name, json, String::new(), String::new());
    put("sweep.json", json(&results::sweep())).expect("the folder can be written to");
    keep(&report(&samples::valid()), folder.path()).expect("the folder can be written to");
    assert!(matches!(load_any(folder.path()), Ok(Kept::Run(_))));
    put("compare.json", format!("{:#}", compare::json(&comparison(), &[], 0))).expect("the folder can be written to");
    assert!(again(folder.path()).text(Paint::Plain).starts_with("B AGAINST A"));
    put("sweep.json", json(&results::sweep())).expect("the folder can be written to");
    assert!(again(folder.path()).text(Paint::Plain).contains("requests/s meet"));
}

#[test]
fn what_cannot_be_read_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = format!("{:#}", compare::json(&comparison(), &[], 0));
    let with = |from: &str, to: &str| {
        assert!(json.contains(from), "{from}");
        let kept = keep_result(folder.path(), "compare.json", json.replace(from, to), String::new(), String::new());
        kept.expect("the folder can be written to");
        load_any(folder.path()).map(drop)
    };
    assert!(matches!(with("compare/1", "compare/9"), Err(StoreError::Schema { .. })));
    assert!(matches!(with("\"rounds\": ", "\"turns\": "), Err(StoreError::Json { .. })));
    assert!(matches!(with("\"side\": \"a\"", "\"side\": \"c\""), Err(StoreError::Unknown { .. })));
    assert!(matches!(with("\"steal\"", "\"stolen\""), Err(StoreError::Unknown { .. })));
    let unknown = with("\"response_time_p99_us\"\n    ]", "\"beauty\"\n    ]");
    assert!(unknown.is_err_and(|error| error.to_string().ends_with("'beauty' is not known to this version")));
}
