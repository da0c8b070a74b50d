//! Several runs become one: distributions and counts add up exactly, verdicts combine to the gravest.
//!
//! Runs that went on at the same time, as on several machines, were one load: their rates add up and their series lie
//! over one another. Runs one after the other were the same load for longer: their rate is the mean over all their time,
//! and they have no common series.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::document::{self, Environment, Host, Interval, Part, Rate, Reason, Run, Times, Tool, of_interval};
use super::{Distributions, Report};

/// Why runs cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is none.
    #[error("there is no run to merge")]
    None,
    /// Their percentiles are of different things.
    #[error("a closed loop and an open loop cannot be merged: one has service times, the other response times")]
    Loops,
    /// Stages are merged one by one.
    #[error("the runs have different stages")]
    Stages,
    /// One would count twice.
    #[error("run {first} and run {second} are the same run or have one in common, which would count twice")]
    Twice {
        /// From 1.
        first: usize,
        /// From 1.
        second: usize,
    },
}

/// One report of several. `command` is the command line that merges.
pub fn merge(reports: &[Report], command: &[String]) -> Result<Report, MergeError> {
    let (first, others) = reports.split_first().ok_or(MergeError::None)?;
    check(&first.run, others)?;
    check_apart(reports)?;
    let runs: Vec<&Run> = reports.iter().map(|report| &report.run).collect();
    let mut distributions = Distributions { intervals: Vec::new(), ..first.distributions.clone() };
    for other in others {
        distributions.add(&other.distributions);
    }
    let at_once = went_on_at_once(&runs);
    let series = if at_once { series(reports) } else { Vec::new() };
    let (series, intervals) = series.into_iter().unzip();
    distributions.intervals = intervals;
    let mut run = first.run.clone();
    run.series = series;
    run.command = command.to_vec();
    run.tool = Tool::this();
    add(&mut run, &runs, at_once);
    combine(&mut run, &runs);
    figures(&mut run, &distributions);
    Ok(Report { run, distributions })
}

fn check(first: &Run, others: &[Report]) -> Result<(), MergeError> {
    let stages = |run: &Run| run.stages.iter().map(|stage| stage.text.clone()).collect::<Vec<_>>();
    if others.iter().any(|other| other.run.is_closed() != first.is_closed()) {
        Err(MergeError::Loops)
    } else if others.iter().any(|other| stages(&other.run) != stages(first)) {
        Err(MergeError::Stages)
    } else {
        Ok(())
    }
}

/// A document is the run: its times alone are never those of another one. Where nothing was sent, nothing counts twice.
fn check_apart(reports: &[Report]) -> Result<(), MergeError> {
    for (second, report) in reports.iter().enumerate().filter(|(_, report)| report.run.requests.sent > 0) {
        if let Some(first) = reports[..second].iter().position(|other| share_a_run(&other.run, &report.run)) {
            return Err(MergeError::Twice { first: first + 1, second: second + 1 });
        }
    }
    Ok(())
}

/// Whether they are the same, or one run is part of both.
fn share_a_run(one: &Run, other: &Run) -> bool {
    let (ours, theirs) = (parts(one), parts(other));
    let is_theirs = |id: &String| theirs.iter().any(|part| part.run_id.as_ref() == Some(id));
    one == other || ours.iter().filter_map(|part| part.run_id.as_ref()).any(is_theirs)
}

/// Whether each had begun before the first of them ended.
fn went_on_at_once(runs: &[&Run]) -> bool {
    let start = |run: &&Run| run.started_s().unwrap_or(0) as f64;
    let last_start = runs.iter().map(start).fold(f64::NEG_INFINITY, f64::max);
    let first_end = runs.iter().map(|run| start(run) + run.duration_s).fold(f64::INFINITY, f64::min);
    last_start < first_end
}

/// Counts of all runs together: each field is the sum of that field.
macro_rules! summed {
    ($runs:expr, $part:ident, $Counts:ident { $($field:ident),* }) => {
        document::$Counts { $($field: $runs.iter().map(|run| run.$part.$field).sum()),* }
    };
}

/// Whatever counts.
fn add(run: &mut Run, runs: &[&Run], at_once: bool) {
    run.requests = summed!(
        runs,
        requests,
        Requests { due, sent, completed, ok, failed, unanswered, shed, dropped, sent_late, completed_late, wrong }
    );
    run.connections = summed!(runs, connections, Connections { asked, opened, failed, reconnects, extra });
    run.bytes = summed!(runs, bytes, Bytes { wire, body, sent });
    run.errors = summed!(
        runs,
        errors,
        Errors { connect, timeout, reset, protocol, status, check, address_unavailable, descriptor_limit, dns }
    );
    run.status = runs.iter().flat_map(|run| &run.status).fold(BTreeMap::new(), |mut all, (status, count)| {
        *all.entry(status.clone()).or_default() += count;
        all
    });
    for (number, stage) in run.stages.iter_mut().enumerate() {
        stage.due = runs.iter().map(|run| run.stages[number].due).sum();
        stage.completed = runs.iter().map(|run| run.stages[number].completed).sum();
    }
    run.threads = runs.iter().map(|run| run.threads).sum();
    run.config.threads = run.threads;
    run.config.connections = runs.iter().map(|run| run.config.connections).sum();
    rate(run, runs, at_once);
}

fn rate(run: &mut Run, runs: &[&Run], at_once: bool) {
    let total = |value: fn(&Rate) -> Option<f64>| {
        let rates = runs.iter().map(|run| Some((value(&run.rate)?, run.duration_s)));
        let rates: Option<Vec<_>> = rates.collect();
        let seconds: f64 = runs.iter().map(|run| run.duration_s).sum();
        let events = |rates: Vec<(f64, f64)>| rates.iter().map(|(rate, seconds)| rate * seconds).sum::<f64>() / seconds;
        let sum = |rates: Vec<(f64, f64)>| rates.iter().map(|(rate, _)| rate).sum::<f64>();
        rates.map(|rates| if at_once { sum(rates) } else { events(rates) })
    };
    run.rate = Rate { offered: total(|r| r.offered), sent: total(|r| r.sent), achieved: total(|r| r.achieved) };
    run.config.rate = run.rate.offered;
    let durations = runs.iter().map(|run| run.duration_s);
    run.duration_s = if at_once { durations.fold(0.0, f64::max) } else { durations.sum() };
}

/// Whatever is said rather than counted.
fn combine(run: &mut Run, runs: &[&Run]) {
    // What was merged has the identities of its parts.
    run.run_id = None;
    run.started_at = runs.iter().map(|run| run.started_at.clone()).min().unwrap_or_default();
    for other in &runs[1..] {
        extend_new(&mut run.urls, &other.urls);
        extend_new(&mut run.target_notes, &other.target_notes);
    }
    if runs.iter().any(|other| other.host != run.host) {
        run.host = Host::default();
    }
    let numbered = || runs.iter().zip(1..);
    let named = |(run, number): (&&Run, i32)| {
        run.reasons
            .iter()
            .map(|r| Reason { text: format!("run {number}: {}", r.text), ..r.clone() })
            .collect::<Vec<_>>()
    };
    run.reasons = numbered().flat_map(named).collect();
    run.reasons.sort_by_key(|reason| std::cmp::Reverse(document::verdict(&reason.level)));
    let verdicts = runs.iter().map(|run| run.verdict.clone());
    run.verdict = verdicts.max_by_key(|verdict| document::verdict(verdict)).unwrap_or_default();
    // Of one run a threshold is known; of their sum it would have to be evaluated anew.
    let asked = |(run, number): (&&Run, i32)| {
        let thresholds = run.thresholds.iter();
        thresholds
            .map(|t| document::Threshold { expr: format!("{} (run {number})", t.expr), ..t.clone() })
            .collect::<Vec<_>>()
    };
    run.thresholds = numbered().flat_map(asked).collect();
    run.interrupted = runs.iter().any(|run| run.interrupted);
    run.refusal = runs.iter().find_map(|run| run.refusal.clone());
    run.merged = runs.iter().flat_map(|run| parts(run)).collect();
    run.exit_status = run.status(false).code();
    machine(run, runs);
}

/// Adds what does not stand there yet.
fn extend_new(all: &mut Vec<String>, more: &[String]) {
    let new: Vec<_> = more.iter().filter(|text| !all.contains(text)).cloned().collect();
    all.extend(new);
}

fn machine(run: &mut Run, runs: &[&Run]) {
    let spent = |run: &&Run| Some(run.generator.cpu_us_per_request? * run.requests.completed_in_time() as f64);
    let spent: Option<Vec<f64>> = runs.iter().map(spent).collect();
    let completed = run.requests.completed_in_time();
    run.generator = document::Generator {
        cpu_percent_per_thread: runs.iter().flat_map(|run| run.generator.cpu_percent_per_thread.clone()).collect(),
        busy_percent_per_thread: runs.iter().flat_map(|run| run.generator.busy_percent_per_thread.clone()).collect(),
        spin_percent_per_thread: runs.iter().flat_map(|run| run.generator.spin_percent_per_thread.clone()).collect(),
        cpu_us_per_request: spent.filter(|_| completed > 0).map(|us| us.iter().sum::<f64>() / completed as f64),
    };
    if runs.len() > 1 {
        // Each saw the same processes, or others: neither the sum nor the mean is known to be right.
        (run.target, run.machine_cpu_us_per_request) = (None, None);
        let backlog_at_start = runs.iter().map(|run| run.environment.backlog_at_start).sum();
        let report_wait_s = runs.iter().map(|run| run.environment.report_wait_s).sum();
        let start_late_s = runs.iter().filter_map(|run| run.environment.start_late_s).reduce(f64::max);
        run.environment = Environment { backlog_at_start, report_wait_s, start_late_s, ..Environment::default() };
    }
}

/// A run that was merged itself brings its own parts.
fn parts(run: &Run) -> Vec<Part> {
    let itself = || Part {
        run_id: run.run_id.clone(),
        started_at: run.started_at.clone(),
        duration_s: run.duration_s,
        url: run.url.clone(),
        completed: run.requests.completed,
        verdict: run.verdict.clone(),
        host: run.host.clone(),
    };
    if run.merged.is_empty() { vec![itself()] } else { run.merged.clone() }
}

/// Intervals with their times, laid over one another by the clock; none where they are of different lengths.
fn series(reports: &[Report]) -> Vec<(Interval, Histogram<u32>)> {
    let length = |run: &Run| run.series.first().map(|interval| interval.duration_s);
    let start = |run: &Run| run.started_s().unwrap_or(0);
    let begin = reports.iter().map(|report| start(&report.run)).min().unwrap_or(0);
    let Some(length_s) = reports.first().and_then(|report| length(&report.run)) else { return Vec::new() };
    if reports.iter().any(|report| length(&report.run) != Some(length_s)) {
        return Vec::new();
    }
    let mut all: Vec<(Interval, Histogram<u32>)> = Vec::new();
    for Report { run, distributions } in reports {
        let shift = ((start(run) - begin) as f64 / length_s).round() as usize;
        for ((interval, times), place) in run.series.iter().zip(&distributions.intervals).zip(shift..) {
            while all.len() <= place {
                let start_s = all.len() as f64 * length_s;
                all.push((Interval { start_s, ..Interval::default() }, crate::record::Interval::new().times));
            }
            lay_over(&mut all[place], interval, times);
        }
    }
    all.into_iter().map(|(counted, times)| (of_interval(counted, &times), times)).collect()
}

fn lay_over(under: &mut (Interval, Histogram<u32>), over: &Interval, times: &Histogram<u32>) {
    let (sum, all) = under;
    sum.duration_s = sum.duration_s.max(over.duration_s);
    sum.due += over.due;
    sum.sent += over.sent;
    sum.completed += over.completed;
    sum.errors += over.errors;
    sum.schedule_lag_max_us =
        [sum.schedule_lag_max_us, over.schedule_lag_max_us].into_iter().flatten().reduce(f64::max);
    // A stored log may hold a longer time than an interval of ours can; it is then its longest.
    if all.add(times).is_err() {
        times.iter_recorded().for_each(|step| all.saturating_record_n(step.value_iterated_to(), step.count_at_value()));
    }
}

/// Everything that is taken from the distributions.
fn figures(run: &mut Run, all: &Distributions) {
    run.response_time_us = Times::of(&all.response);
    run.service_time_us = Times::of(&all.service);
    run.error_response_time_us = Times::of(&all.error_response);
    run.connect_time_us = Times::of(&all.connect);
    run.first_use_us = Times::of(&all.first_use);
    run.first_byte_us = Times::of(&all.first_byte);
    run.schedule_lag_us = Times::of(&all.lag);
    for (stage, times) in run.stages.iter_mut().zip(&all.stages) {
        stage.response_time_us = Times::of(times);
    }
    let about = all.times(run);
    (run.samples, run.clamped) = (about.len(), about.clamped());
    run.censored = run.bounds();
}
