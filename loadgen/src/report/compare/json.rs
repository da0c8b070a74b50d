//! The JSON of a comparison, schema `slipring-load-compare/1`; `docs/schema/compare.json` says what each field means.

use serde_json::{Map, Value, json};

use crate::compare::{Answer, Arm, Block, Comparison, Design, Finding, Interval, Metric, Row, Side};
use crate::report::document::{Host, Reason, Tool, rfc3339};

/// A comparison as one JSON object. `command` is the command line, `exit_status` what the process will end with.
pub fn json(comparison: &Comparison, command: &[String], exit_status: u8) -> Value {
    json!({
        "schema": "slipring-load-compare/1",
        "tool": Tool::this(),
        "started_at": rfc3339(comparison.started_s),
        "command": command,
        "config": config(comparison),
        "host": Host::of(&comparison.host),
        "placement": comparison.placement,
        "arms": { "a": arm(&comparison.arms[0]), "b": arm(&comparison.arms[1]) },
        "metrics": comparison.rows.iter().map(row).collect::<Vec<_>>(),
        "blocks": comparison.blocks.iter().map(|one| block(one, &comparison.design)).collect::<Vec<_>>(),
        "rounds_repeated": comparison.repeats,
        "interrupted": comparison.interrupted,
        "gone": comparison.gone.map(Side::name),
        "verdict": comparison.verdict.name(),
        "reasons": reasons(comparison),
        "exit_status": exit_status,
    })
}

fn config(comparison: &Comparison) -> Value {
    let design = &comparison.design;
    let options = comparison.options.iter().map(|(name, value)| (name.clone(), Value::from(value.clone())));
    json!({
        "rounds": design.rounds,
        "seed": design.seed,
        "block_s": design.block_ns as f64 / 1e9,
        "settle_s": design.settle_ns as f64 / 1e9,
        "rate": design.rate,
        "alpha": design.alpha,
        "margin": design.margin,
        "primaries": design.primaries.map(Metric::name),
        "options": options.collect::<Map<_, _>>(),
    })
}

fn arm(arm: &Arm) -> Value {
    json!({ "url": arm.url, "command": arm.command, "saturation_per_s": arm.saturation, "pids": arm.pids })
}

fn row(row: &Row) -> Value {
    let finding = row.finding.as_ref();
    let rounds = match row.answer {
        Some(Answer::CannotTell { rounds }) => rounds,
        _ => None,
    };
    json!({
        "name": row.metric.name(),
        "primary": row.answer.is_some(),
        "answer": row.answer.map(Answer::name),
        "rounds_needed": rounds,
        "a": row.a.map(|value| value.us),
        "b": row.b.map(|value| value.us),
        "lower_bounds": lower_bounds(row),
        "ratio": finding.map(|finding| finding.ratio),
        "interval": finding.map(|finding| interval(finding.interval, 1.0 - finding.level)),
        "interval_95": finding.map(|finding| interval(finding.interval_95, 0.95)),
        "p": finding.map(|finding| finding.p),
        "level": finding.map(|finding: &Finding| finding.level),
        "autocorrelation": finding.map(|finding| finding.autocorrelation),
        "log_ratios": row.log_ratios,
    })
}

/// Whose median is the least that it can be.
fn lower_bounds(row: &Row) -> Vec<&'static str> {
    let sides = [(row.a, Side::A), (row.b, Side::B)];
    let bounds = sides.into_iter().filter(|(value, _)| value.is_some_and(|value| value.is_bound));
    bounds.map(|(_, side)| side.name()).collect()
}

/// An end that the level does not reach is null: JSON knows no infinity, and 0 is none.
fn interval(interval: Interval, confidence: f64) -> Value {
    let low = (interval.low > 0.0).then_some(interval.low);
    let high = interval.high.is_finite().then_some(interval.high);
    json!({ "confidence": confidence, "low": low, "high": high })
}

fn block(block: &Block, design: &Design) -> Value {
    let named = |metric: Metric| (metric.name().to_owned(), block.value(metric).map(|value| value.us).into());
    let is_bound = |metric: &Metric| block.value(*metric).is_some_and(|value| value.is_bound);
    json!({
        "round": block.round,
        "attempt": block.attempt,
        "order": design.order(block.round).name(),
        "place": block.place,
        "side": block.side.name(),
        "used": block.used,
        "rate": block.rate,
        "due": block.due,
        "ok": block.ok,
        "values": Metric::ALL.map(named).into_iter().collect::<Map<_, _>>(),
        "lower_bounds": Metric::ALL.into_iter().filter(is_bound).map(Metric::name).collect::<Vec<_>>(),
        "verdict": block.judgement.verdict.name(),
        "reasons": block.judgement.reasons.iter().map(Reason::of).collect::<Vec<_>>(),
        "target_notes": block.judgement.notes.iter().map(|note| note.name()).collect::<Vec<_>>(),
    })
}

fn reasons(comparison: &Comparison) -> Vec<Value> {
    let reason = |doubt: &crate::compare::Doubt| {
        json!({
            "code": doubt.code.name(),
            "level": doubt.level.name(),
            "text": doubt.text,
            "value": doubt.value,
            "limit": doubt.limit,
        })
    };
    comparison.doubts.iter().map(reason).collect()
}
