//! The course of a sweep: one step after the other, as the search asks for them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Options;
use super::objective::Objective;
use crate::cli::load;
use crate::cli::output::progress_line;
use crate::cli::{Failure, say};
use crate::judge::{Purpose, Threshold};
use crate::plan::Plan;
use crate::record::{Reason, ReasonCode, RunRecord, Verdict};
use crate::sweep::{Outcome, SERVED_MIN, Search, Step, Sweep, Try, fit, points};

/// Steps in a row without an answer after which the target is not waited for any longer.
const SILENT_MAX: u32 = 3;

/// Sweeps. `stop` ends it; what was measured is still reported.
pub(super) fn sweep(options: &Options, stop: &AtomicBool) -> Result<Sweep, Failure> {
    let addresses = load::resolve(&options.url)?;
    load::check(&options.plan(options.from))?;
    let thresholds: Vec<Threshold> = options.objectives.iter().map(|objective| objective.threshold().clone()).collect();
    let line = progress_line(options.output.quiet);
    let mut search = Search::new(options.from, options.to);
    let (mut steps, mut first, mut interrupted, mut silent) = (Vec::new(), None, false, 0);
    while let Some(turn) = search.turn().filter(|_| !interrupted) {
        line.set_message(position(turn, steps.len()));
        let run = measure(options, turn.rate, &addresses, &thresholds, stop)?;
        interrupted = run.interrupted || stop.load(Ordering::Relaxed);
        silent = if load::was_silent(&run) { silent + 1 } else { 0 };
        if silent > 0 && steps.is_empty() && !interrupted {
            return Err(load::no_answer(&options.plan(turn.rate), &run));
        }
        if !run.interrupted {
            let step = step(turn.rate, &options.objectives[0], &run);
            search.handle_step(turn.rate, step.outcome);
            steps.push(step);
        }
        first.get_or_insert((run.setup, run.host, run.started_s));
        if silent == SILENT_MAX {
            break;
        }
    }
    line.finish_and_clear();
    if silent == SILENT_MAX {
        say(&format!("{SILENT_MAX} steps in a row passed without an answer; the sweep ends there"));
    }
    let (setup, host, started_s) = first.unwrap_or_default();
    let shown = &options.objectives[0];
    let points = points(&steps);
    Ok(Sweep {
        setup,
        host,
        started_s,
        objectives: options.objectives.iter().map(|objective| objective.text.clone()).collect(),
        figure: shown.name.clone(),
        unit: shown.unit.clone(),
        bound: shown.bound,
        answer: search.answer(),
        fit: fit(&points),
        points,
        steps,
        interrupted,
        gone: silent == SILENT_MAX,
    })
}

impl Options {
    pub(super) fn plan(&self, rate: f64) -> Plan {
        Plan { seed: self.seed, ..self.load.plan(&self.url, Some(rate), self.settle, self.step) }
    }
}

fn measure(
    options: &Options,
    rate: f64,
    addresses: &[SocketAddr],
    thresholds: &[Threshold],
    stop: &AtomicBool,
) -> Result<RunRecord, Failure> {
    load::measure(&options.plan(rate), addresses, thresholds, Purpose::Alone, stop)
}

fn position(turn: Try, steps: usize) -> String {
    format!("step {}: {:.0} requests/s, repeat {}", steps + 1, turn.rate, turn.repeat)
}

fn step(rate: f64, shown: &Objective, run: &RunRecord) -> Step {
    let value = run.thresholds.first().and_then(|result| shown.value(result));
    Step {
        rate,
        achieved: run.rate(),
        outcome: outcome(run),
        value,
        is_bound: shown.is_bound(run),
        range: value.map(|value| shown.range(run, value)),
        due: run.record.requests.due,
        ok: run.record.ok(),
        judgement: run.judgement.clone(),
    }
}

/// What a step says. What met its objectives in spite of a suspicion that only makes times longer has met them; what
/// failed under one may have failed by it.
fn outcome(run: &RunRecord) -> Outcome {
    let due = run.record.requests.due.max(1);
    let is_served = run.record.ok() as f64 >= SERVED_MIN * due as f64;
    let is_met = is_served && run.thresholds.iter().all(|result| result.pass);
    let counts = |reason: &&Reason| if is_met { spoils_success(reason) } else { spoils_failure(reason, run) };
    let doubts = || run.judgement.reasons.iter().filter(counts);
    match (doubts().any(is_of_generator), doubts().next().is_some()) {
        (true, _) => Outcome::GeneratorShort,
        (_, true) => Outcome::Disturbed,
        _ if is_met => Outcome::Met,
        _ => Outcome::Failed,
    }
}

/// Whether a step that met its objectives may owe it to this: the target has not seen the whole rate, or times look
/// shorter than they were. Of what is invalid nothing is believed.
fn spoils_success(reason: &Reason) -> bool {
    use ReasonCode::{Clamped, OwnErrors, RateShort};
    reason.level >= Verdict::Invalid || matches!(reason.code, RateShort | OwnErrors | Clamped)
}

/// Whether a step that failed may owe it to this. Not to what a target that is too slow leaves behind (lower bounds, a
/// backlog), nor to a percentile that no objective asks for, or that lacks samples because there was no answer at all,
/// nor to a core that is shared for less than half of the time.
fn spoils_failure(reason: &Reason, run: &RunRecord) -> bool {
    use ReasonCode::{BacklogAtStart, Censored, Clamped, FewSamples, SharedCore};
    let is_grave = reason.level >= Verdict::Invalid;
    match reason.code {
        Censored | Clamped | BacklogAtStart => false,
        SharedCore => is_grave,
        FewSamples => is_grave && run.answered,
        _ => true,
    }
}

fn is_of_generator(reason: &Reason) -> bool {
    use ReasonCode::{BehindSchedule, GeneratorSaturated, OwnErrors, RateShort};
    matches!(reason.code, BehindSchedule | GeneratorSaturated | OwnErrors | RateShort)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ThresholdResult;

    type Doubts = &'static [(ReasonCode, Verdict)];

    fn run(passes: bool, ok: u64, reasons: Doubts) -> RunRecord {
        let mut run = RunRecord { answered: ok > 0, ..RunRecord::default() };
        run.record.requests.due = 1_000;
        (0..ok).for_each(|_| run.record.completed(1_000, 200));
        run.record.settle();
        run.thresholds = vec![ThresholdResult { expression: "p99<2ms".to_owned(), value: Some(1.0), pass: passes }];
        let reason = |(code, level): &(ReasonCode, Verdict)| Reason {
            code: *code,
            level: *level,
            text: String::new(),
            value: 0.0,
            limit: 0.0,
        };
        run.judgement.reasons = reasons.iter().map(reason).collect();
        run
    }

    #[test]
    fn a_step_counts_only_if_nothing_but_the_target_can_have_decided_it() {
        use ReasonCode::{
            BacklogAtStart, BehindSchedule, Censored, Clamped, FewSamples, GeneratorSaturated, OwnErrors, RateShort,
            Steal,
        };
        use Verdict::{Invalid, Suspect};
        let rows: [(bool, u64, Doubts, Outcome); 23] = [
            (true, 1_000, &[], Outcome::Met),
            (false, 1_000, &[], Outcome::Failed),
            (true, 980, &[], Outcome::Failed),
            (true, 1_000, &[(Steal, Suspect)], Outcome::Met),
            (false, 1_000, &[(Steal, Suspect)], Outcome::Disturbed),
            (true, 1_000, &[(Steal, Invalid)], Outcome::Disturbed),
            (false, 1_000, &[(Censored, Invalid)], Outcome::Failed),
            (false, 1_000, &[(Clamped, Invalid)], Outcome::Failed),
            (false, 1_000, &[(BehindSchedule, Suspect)], Outcome::GeneratorShort),
            (true, 1_000, &[(BehindSchedule, Suspect)], Outcome::Met),
            (true, 1_000, &[(BacklogAtStart, Suspect)], Outcome::Met),
            (true, 1_000, &[(GeneratorSaturated, Suspect)], Outcome::Met),
            (true, 1_000, &[(GeneratorSaturated, Invalid)], Outcome::GeneratorShort),
            (true, 1_000, &[(FewSamples, Invalid)], Outcome::Disturbed),
            (false, 1_000, &[(FewSamples, Suspect)], Outcome::Failed),
            // The target has not seen the whole rate.
            (true, 1_000, &[(RateShort, Suspect)], Outcome::GeneratorShort),
            (true, 1_000, &[(OwnErrors, Suspect)], Outcome::GeneratorShort),
            // Times count as shorter than they were.
            (true, 1_000, &[(Clamped, Suspect)], Outcome::Disturbed),
            (true, 1_000, &[(Censored, Suspect)], Outcome::Met),
            (true, 1_000, &[(Censored, Invalid)], Outcome::Disturbed),
            // Nobody answers any more.
            (false, 0, &[(FewSamples, Invalid)], Outcome::Failed),
            (false, 0, &[(Steal, Invalid)], Outcome::Disturbed),
            (false, 0, &[(OwnErrors, Invalid)], Outcome::GeneratorShort),
        ];
        for (passes, ok, reasons, expected) in rows {
            assert_eq!(outcome(&run(passes, ok, reasons)), expected, "{passes} {ok} {reasons:?}");
        }
    }
}
