//! A sweep's reports, and their schema.

use serde_json::Value;

use super::*;
use crate::record::{Host, Judgement, Reason, ReasonCode, Setup, Verdict};
use crate::report::Paint;
use crate::sweep::{Answer, Outcome, Search, Step, Stop, Sweep, fit, points};

/// A queue that is saturated at 10,000 requests a second, loaded by a generator that gives out at `generator`.
fn sweep(generator: f64) -> Sweep {
    let mut search = Search::new(1_000.0, 1e6);
    let mut steps = Vec::new();
    while let Some(turn) = search.turn() {
        let value = 200.0 / (1.0 - turn.rate / 10_000.0);
        let outcome = match value {
            _ if turn.rate > generator => Outcome::GeneratorShort,
            value if value > 0.0 && value < 2_000.0 => Outcome::Met,
            _ => Outcome::Failed,
        };
        let step = step(turn.rate, outcome, if value > 0.0 { value } else { 5e6 });
        search.handle_step(turn.rate, step.outcome);
        steps.push(step);
    }
    let points = points(&steps);
    Sweep {
        setup: Setup { url: "http://127.0.0.1:8000/".to_owned(), method: "GET".to_owned(), ..Setup::default() },
        host: Host::default(),
        started_s: 0,
        objectives: vec!["p99<2ms".to_owned()],
        figure: "p99".to_owned(),
        unit: "us".to_owned(),
        bound: Some(2_000.0),
        answer: search.answer(),
        fit: fit(&points),
        points,
        steps,
        interrupted: false,
        gone: false,
    }
}

fn step(rate: f64, outcome: Outcome, value: f64) -> Step {
    let short = Reason {
        code: ReasonCode::GeneratorSaturated,
        level: Verdict::Invalid,
        text: "no time left".to_owned(),
        value: 0.99,
        limit: 0.97,
    };
    let reasons = if outcome == Outcome::GeneratorShort { vec![short] } else { Vec::new() };
    Step {
        rate,
        achieved: rate,
        outcome,
        value: Some(value),
        is_bound: value > 1e6,
        range: Some((value * 0.98, value * 1.02)),
        due: 10_000,
        ok: 10_000,
        judgement: Judgement { reasons, ..Judgement::default() },
    }
}

#[test]
fn the_answer_comes_first_and_the_curve_is_a_table() {
    let text = text(&sweep(f64::INFINITY), Paint::Plain);
    let first = text.lines().next().unwrap_or_default();
    assert!(first.contains("requests/s meet p99<2ms;") && first.ends_with("do not"), "{text}");
    assert!(text.contains("3 of 3"), "{text}");
    assert!(text.contains("> 5.00 s"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
}

#[test]
fn a_generator_that_gives_out_is_said_to() {
    let sweep = sweep(3_000.0);
    let text = text(&sweep, Paint::Plain);
    assert!(text.starts_with("at least 2,"), "{text}");
    assert!(text.contains("the generator gave out (generator_saturated)"), "{text}");
    check(&json(&sweep, &[], 0));
}

#[test]
fn what_a_step_bore_and_what_nobody_answered_is_said() {
    let mut sweep = sweep(f64::INFINITY);
    let reason = |code| Reason { code, level: Verdict::Suspect, text: "why".to_owned(), value: 1.0, limit: 0.0 };
    let suspect = |codes: &[ReasonCode]| Judgement {
        verdict: Verdict::Suspect,
        reasons: codes.iter().copied().map(reason).collect(),
        ..Judgement::default()
    };
    sweep.steps[0].judgement = suspect(&[ReasonCode::Steal]);
    sweep.steps[1].judgement = suspect(&[ReasonCode::Steal, ReasonCode::Frequency]);
    let silent = Step { achieved: 0.0, ok: 0, ..step(9_999.0, Outcome::Failed, 1.0) };
    sweep.steps.push(silent);
    let text = text(&sweep, Paint::Plain);
    assert!(
        text.contains("2 steps met all under a suspicion and count") && text.contains("(frequency, steal)"),
        "{text}"
    );
    assert!(text.contains("9,999   failed: the target answered nothing"), "{text}");
}

#[test]
fn the_json_is_as_the_schema_says() {
    let all = sweep(f64::INFINITY);
    let document = json(&all, &["slipring-load".to_owned()], 0);
    check(&document);
    assert_eq!(document["answer"]["kind"], "between");
    assert!(document["fit"]["capacity"].is_number());
    for answer in [Answer::Never { failed: None }, Answer::AtLeast { met: 1.0, why: Stop::Limit }] {
        check(&json(&Sweep { answer, fit: None, ..all.clone() }, &[], 0));
    }
}

fn check(document: &Value) {
    let schema = include_str!("../../../../docs/schema/sweep.json");
    let schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is a schema");
    let errors: Vec<_> =
        validator.iter_errors(document).map(|error| format!("{error} at {}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
}
