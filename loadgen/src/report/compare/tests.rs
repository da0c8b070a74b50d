//! A comparison's reports, and their schema.

use serde_json::{Value, json};

use super::*;
use crate::compare::{Arm, Block, Comparison, Design, Metric, Rounds, Side};
use crate::record::{Judgement, Verdict};
use crate::report::Paint;

/// B needs 5% less CPU; its p99 differs by nothing but noise. Of the p50 two blocks of each have a bound.
fn comparison() -> Comparison {
    comparison_with(&[Metric::ResponseP50])
}

/// The metrics of which the last round has nothing but bounds.
fn comparison_with(bounds: &[Metric]) -> Comparison {
    let design = Design { seed: 7, rate: 45_000.0, ..Design::default() };
    let mut rounds = Rounds::new(design.clone());
    while let Some(turn) = rounds.turn() {
        let count = f64::from(turn.round * 4 + turn.place);
        let noise = (count * 12.9898).sin();
        let mut values = [None; Metric::ALL.len()];
        let cpu = if turn.side == Side::B { 4.75 } else { 5.0 };
        for (metric, us) in [
            (Metric::TargetCpu, cpu * (1.0 + 0.01 * noise)),
            (Metric::ResponseP99, 800.0 * (1.0 + 0.2 * (count * 78.233).sin())),
            (Metric::ResponseP50, 200.0 * (1.0 + 0.001 * noise)),
        ] {
            let is_bound = turn.round == 11 && bounds.contains(&metric);
            values[metric as usize] = Some(crate::compare::Value { us, is_bound });
        }
        rounds.handle_block(Block {
            round: turn.round,
            attempt: turn.attempt,
            place: turn.place,
            side: turn.side,
            used: true,
            values,
            rate: 45_000.0,
            due: 90_000,
            ok: 90_000,
            judgement: Judgement::default(),
        });
    }
    let arm = |port: u16, command: &str| Arm {
        url: format!("http://127.0.0.1:{port}/"),
        command: Some(command.to_owned()),
        saturation: Some(90_000.0),
        pids: vec![4711],
    };
    Comparison {
        arms: [arm(8001, "one 8001"), arm(8002, "two 8002")],
        placement: "both servers on core 0, the generator on core 1".to_owned(),
        blocks: rounds.into_blocks(),
        design,
        ..Comparison::default()
    }
    .conclude()
}

#[test]
fn the_answers_come_first() {
    let text = text(&comparison(), Paint::Plain);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "B AGAINST A");
    assert!(lines[1].contains("target CPU per request") && lines[1].contains("% LOWER"), "{text}");
    assert!(lines[2].contains("response time p99") && lines[2].contains("cannot tell"), "{text}");
    assert!(lines[3].contains("rounds would tell"), "{text}");
    assert!(text.contains("VALID"), "{text}");
    assert!(text.contains("both servers on core 0"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
}

#[test]
fn every_block_is_in_the_json_and_the_json_is_as_the_schema_says() {
    let comparison = comparison();
    let document = json(&comparison, &["slipring-load".to_owned(), "compare".to_owned()], 0);
    check(&document);
    assert_eq!(document["blocks"].as_array().map(Vec::len), Some(48));
    assert_eq!(document["metrics"][0]["answer"], "lower");
    assert_eq!(document["metrics"][1]["answer"], "cannot_tell");
    assert_eq!(document["metrics"][2]["answer"], Value::Null);
    assert_eq!(document["blocks"][47]["lower_bounds"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&document["metrics"][0]["lower_bounds"], &document["metrics"][2]["lower_bounds"]),
        (&json!([]), &json!(["b"]))
    );
}

#[test]
fn bounds_are_said_and_are_no_answer() {
    let bounded = comparison_with(&[Metric::ResponseP99]);
    let text = text(&bounded, Paint::Plain);
    let p99 = text.lines().find(|line| line.contains("p99")).expect("a line");
    assert!(p99.contains("cannot tell") && p99.matches("> ").count() == 2, "{text}");
    assert!(text.contains("did not end") && text.contains("% LOWER"), "{text}");
    check(&json(&bounded, &[], 0));
}

#[test]
fn a_comparison_without_a_block_is_a_document_too() {
    let empty = Comparison { interrupted: true, ..Comparison::default() }.conclude();
    assert_eq!(empty.verdict, Verdict::Suspect);
    check(&json(&empty, &[], 130));
    assert!(text(&empty, Paint::Colour).contains("it was not measured"));
}

#[test]
fn the_schema_refuses_what_is_not_a_comparison() {
    let mut document = json(&comparison(), &[], 0);
    assert!(validator().is_valid(&document));
    document["metrics"][0]["answer"] = json!("perhaps");
    assert!(!validator().is_valid(&document));
}

fn validator() -> jsonschema::Validator {
    let schema = include_str!("../../../../docs/schema/compare.json");
    let schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    jsonschema::validator_for(&schema).expect("the schema is a schema")
}

fn check(document: &Value) {
    let errors: Vec<_> =
        validator().iter_errors(document).map(|error| format!("{error} at {}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
}
