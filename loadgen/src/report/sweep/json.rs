//! The JSON of a sweep, schema `slipring-load-sweep/1`; `docs/schema/sweep.json` says what each field means.

use serde_json::{Map, Value, json};

use crate::report::document::{Host, Reason, Tool, rfc3339};
use crate::sweep::{Answer, Fit, GAP_MAX, Point, REPEATS, SERVED_MIN, Step, Sweep};

/// A sweep as one JSON object. `command` is the command line, `exit_status` what the process will end with.
pub fn json(sweep: &Sweep, command: &[String], exit_status: u8) -> Value {
    json!({
        "schema": "slipring-load-sweep/1",
        "tool": Tool::this(),
        "started_at": rfc3339(sweep.started_s),
        "command": command,
        "config": config(sweep),
        "host": Host::of(&sweep.host),
        "url": sweep.setup.url,
        "objectives": sweep.objectives,
        "figure": { "name": sweep.figure, "unit": sweep.unit, "bound": sweep.bound },
        "answer": answer(&sweep.answer),
        "points": sweep.points.iter().map(point).collect::<Vec<_>>(),
        "fit": sweep.fit.as_ref().map(fit),
        "steps": sweep.steps.iter().map(step).collect::<Vec<_>>(),
        "interrupted": sweep.interrupted,
        "gone": sweep.gone,
        "exit_status": exit_status,
    })
}

fn config(sweep: &Sweep) -> Value {
    let setup = &sweep.setup;
    let options = setup.options.iter().map(|(name, value)| (name.clone(), Value::from(value.clone())));
    json!({
        "method": setup.method,
        "connections": setup.connections,
        "threads": setup.threads,
        "pipeline": setup.pipeline,
        "cores": setup.cores,
        "seed": setup.seed,
        "step_s": setup.duration_ns as f64 / 1e9,
        "settle_s": setup.warmup_ns as f64 / 1e9,
        "gap_max": GAP_MAX,
        "repeats": REPEATS,
        "served_min": SERVED_MIN,
        "options": options.collect::<Map<_, _>>(),
    })
}

fn answer(answer: &Answer) -> Value {
    let (met, failed, why) = match *answer {
        Answer::Between { met, failed } => (Some(met), Some(failed), None),
        Answer::AtLeast { met, why } => (Some(met), None, Some(why.name())),
        Answer::Never { failed } => (None, failed, None),
    };
    json!({ "kind": answer.name(), "met": met, "failed": failed, "why": why })
}

fn point(point: &Point) -> Value {
    json!({
        "rate": point.rate,
        "steps": point.steps,
        "met": point.met,
        "value": point.value,
        "low": point.low,
        "high": point.high,
        "is_lower_bound": point.is_bound,
    })
}

fn fit(fit: &Fit) -> Value {
    json!({ "idle": fit.idle, "capacity": fit.capacity, "from": fit.from, "to": fit.to })
}

fn step(step: &Step) -> Value {
    json!({
        "rate": step.rate,
        "achieved": step.achieved,
        "outcome": step.outcome.name(),
        "value": step.value,
        "is_lower_bound": step.is_bound,
        "range": step.range.map(|(low, high)| [low, high]),
        "due": step.due,
        "ok": step.ok,
        "verdict": step.judgement.verdict.name(),
        "reasons": step.judgement.reasons.iter().map(Reason::of).collect::<Vec<_>>(),
        "target_notes": step.judgement.notes.iter().map(|note| note.name()).collect::<Vec<_>>(),
    })
}
